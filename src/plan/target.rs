//! Which release a way back leads to: the newest unmarked one that is not live and that nothing forbids.

use crate::domain::fleet::Slot;
use crate::domain::group::ServerGroup;
use crate::domain::ids::ImageId;
use crate::domain::image::{Image, ImageState};
use crate::domain::release::Release;
use crate::domain::schema::LiveSchema;
use crate::operation::ledger::{KnownRelease, LedgerEntry, known_releases};
use crate::operation::record::OperationView;

/// The images as they were listed.
#[derive(Clone, Copy)]
pub(super) struct Images<'a> {
    /// Those that are known.
    pub listed: &'a [Image],
    /// One that is not listed does not exist.
    pub complete: bool,
    /// The schema that is live.
    pub schema: &'a LiveSchema,
    /// Earlier operations of the fleet, which read what images say before they were gone.
    pub operations: &'a [OperationView],
    /// The fleet has a database that can be asked.
    pub asks: bool,
}

impl Images<'_> {
    pub(super) fn find(&self, id: &ImageId) -> Option<&Image> {
        self.listed.iter().find(|image| image.id == *id)
    }

    /// Why nobody may go back to what runs this image, whatever the path.
    pub(super) fn forbidden(&self, release: &Release) -> Option<String> {
        let block = self.find(&release.image)?.blocked.as_ref()?;
        Some(format!("image of {} is blocked: {}", release.label(), block.words()))
    }

    /// Why the image cannot be launched any more; none also where nobody can tell.
    pub(super) fn gone(&self, release: &Release) -> Option<String> {
        let usable = self.find(&release.image).map_or(!self.complete, |image| image.state == ImageState::Available);
        (!usable).then(|| format!("image of {} is gone", release.label()))
    }
}

/// Whether what a group launches is this release: its very template version, or another one with the same image and the same data.
pub(super) fn launches(group: &ServerGroup, release: &Release) -> bool {
    let Some(pin) = group.template.as_ref().filter(|pin| pin.number().is_some()) else { return false };
    let is_its_version = pin.id == release.template && pin.number() == Some(release.template_version);
    let same_data = pin.digest.is_some() && pin.digest == release.digest;
    is_its_version || pin.image.as_ref() == Some(&release.image) && same_data
}

/// The slot whose group launches what was stable last: where two groups serve and nobody can say why, the other one is what is left.
pub(super) fn stable_slot<'a>(ledger: &[LedgerEntry], group: impl Fn(Slot) -> Option<&'a ServerGroup>) -> Option<Slot> {
    let known = known_releases(ledger).into_iter().find(|known| known.marked.is_none())?;
    let mut slots = Slot::BOTH.into_iter().filter(|slot| group(*slot).is_some_and(|group| launches(group, &known.release)));
    slots.next().filter(|_| slots.next().is_none())
}

/// The target of a rollback, and newer releases that were passed over with the reason.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub target: Option<KnownRelease>,
    /// Newest first.
    pub passed_over: Vec<(Release, String)>,
}

/// Goes through the ledger. `hindrance` says what makes a release impossible to go back to.
pub(super) fn choose(ledger: &[LedgerEntry], is_live: impl Fn(&Release) -> bool, hindrance: impl Fn(&Release) -> Option<String>) -> Choice {
    let mut choice = Choice::default();
    for known in known_releases(ledger) {
        if known.marked.is_some() || is_live(&known.release) {
            continue;
        }
        match hindrance(&known.release) {
            Some(why) => choice.passed_over.push((known.release, why)),
            None => return Choice { target: Some(known), ..choice },
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fleet::Slot;
    use crate::domain::time::WorldTime;
    use crate::operation::ledger::{How, LedgerBody};

    fn stable(seq: u64) -> LedgerEntry {
        let image = format!("ami-{seq}");
        let release = Release {
            image: image.as_str().into(),
            version: None,
            template: "lt-a".into(),
            template_version: seq,
            digest: None,
            group: "web-a".into(),
            slot: Slot::A,
        };
        let body = LedgerBody::Stable { how: How::Deployed };
        LedgerEntry { seq, fleet: "web".into(), at: WorldTime(0), release, body, by: "ann".into(), reason: None, operation: None }
    }

    #[test]
    fn what_is_forbidden_is_passed_over_and_said() {
        let ledger = [stable(1), stable(2), stable(3)];
        let blocked = |release: &Release| (release.template_version == 2).then(|| "blocked".to_owned());
        let choice = choose(&ledger, |release| release.template_version == 3, blocked);
        assert_eq!(choice.target.unwrap().release.template_version, 1);
        assert_eq!(choice.passed_over.len(), 1);
    }

    #[test]
    fn an_image_no_incomplete_listing_shows_is_not_gone() {
        let release = stable(1).release;
        let listing = |complete| Images { listed: &[], complete, schema: &LiveSchema::Unasked, operations: &[], asks: false };
        assert_eq!(listing(false).gone(&release), None);
        assert!(listing(true).gone(&release).is_some());
    }
}
