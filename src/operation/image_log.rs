//! What people and `qd gc` asked for images: entries are only ever added, the intent before the cloud is called and its outcome after.
//!
//! Channels, pins and marks are the fold of these entries and are nowhere else. Stages and blocks are tags of the image: the entry says who
//! asked for them and when, and it counts by itself only where the image is not among the listed ones, or was blocked a moment ago.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::Who;
use super::event::CallOutcome;
use crate::domain::call::{CloudCall, ImageCall};
use crate::domain::ids::ImageId;
use crate::domain::image::{Block, Image};
use crate::domain::tags::TagKeys;
use crate::domain::text::{Untrusted, counted};
use crate::domain::time::{Millis, WorldTime};

/// How long a block counts although the listing does not show it yet: reads of EC2 may be minutes old.
const SETTLES: Millis = Millis::mins(10);

/// A named pointer of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// For development.
    Dev,
    /// For the stage before production.
    Stage,
    /// For production.
    Prod,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dev, Self::Stage, Self::Prod];

    /// The word people type.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Stage => "stage",
            Self::Prod => "prod",
        }
    }
}

/// What is asked for an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum ImageChange {
    /// A person vouches for it.
    Verify,
    /// Nobody may deploy it, nor anything made from it.
    Block,
    /// The block is lifted.
    Unblock,
    /// A channel of its application points to it from now on.
    Promote {
        /// The application.
        app: Untrusted,
        /// The channel.
        channel: Channel,
    },
    /// It is never removed.
    Pin,
    /// The pin is taken away.
    Unpin,
    /// Nobody needs it: it is removed once it was marked for long enough and still nobody needs it.
    Mark,
    /// Somebody needs it after all.
    Unmark {
        /// Who or what.
        why: String,
    },
    /// It is removed with the snapshots that only it stands on.
    Remove {
        /// Their ids.
        snapshots: Vec<String>,
    },
    /// Snapshots that stayed when their image went are removed.
    Sweep,
    /// The cloud refuses to remove it from now on: it is in a ledger.
    Protect,
}

impl ImageChange {
    /// The word people read.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Promote { .. } => "promote",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
            Self::Mark => "mark",
            Self::Unmark { .. } => "unmark",
            Self::Remove { .. } => "remove",
            Self::Sweep => "sweep",
            Self::Protect => "protect",
        }
    }

    /// What came of it once it was done, in a few words.
    #[must_use]
    pub fn done(&self) -> String {
        match self {
            Self::Verify => "verified".to_owned(),
            Self::Block => "blocked".to_owned(),
            Self::Unblock => "not blocked any more".to_owned(),
            Self::Promote { channel, app } => format!("{} of {} points here now", channel.word(), app.shown()),
            Self::Pin => "pinned".to_owned(),
            Self::Unpin => "not pinned any more".to_owned(),
            Self::Mark => "marked: nobody needs it".to_owned(),
            Self::Unmark { why } => format!("not marked any more: {why}"),
            Self::Remove { snapshots } => format!("removed, with {}", counted(snapshots.len(), "snapshot")),
            Self::Sweep => "its snapshots removed".to_owned(),
            Self::Protect => "protected against removal".to_owned(),
        }
    }
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageBody {
    /// Somebody asked, and these calls are made for it, in order. Without calls it is done by being written down.
    Asked {
        /// For what.
        change: ImageChange,
        /// The calls.
        #[serde(default)]
        calls: Vec<CloudCall>,
    },
    /// A call was answered, or was not.
    Called {
        /// The entry that asked.
        asked: u64,
        /// Which of its calls, from 0.
        call: usize,
        /// What came of it.
        outcome: CallOutcome,
    },
}

/// An entry before it has its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageEntry {
    /// Its number in the store; 0 before it has one.
    #[serde(default)]
    pub seq: u64,
    /// The image.
    pub image: ImageId,
    /// When, in world time.
    pub at: WorldTime,
    /// Who.
    pub by: Who,
    /// Why.
    pub reason: Option<Untrusted>,
    /// What is said.
    pub body: ImageBody,
}

/// A change that was asked for, with what is known of its calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked<'a> {
    /// The entry.
    pub entry: &'a ImageEntry,
    /// What was asked for.
    pub change: &'a ImageChange,
    /// Its calls.
    pub calls: &'a [CloudCall],
    /// What came of each; none where nothing was written down.
    pub outcomes: Vec<Option<&'a CallOutcome>>,
}

impl Asked<'_> {
    /// Every call was accepted, or none was needed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcomes.iter().all(|outcome| matches!(outcome, Some(CallOutcome::Accepted(_))))
    }

    /// The cloud refused one of the calls: what it says.
    #[must_use]
    pub fn refused(&self) -> Option<&Untrusted> {
        self.outcomes.iter().flatten().find_map(|outcome| if let CallOutcome::Refused { message, .. } = outcome { Some(message) } else { None })
    }

    /// How it ended, in words.
    #[must_use]
    pub fn words(&self) -> String {
        if self.is_done() {
            return self.change.done();
        }
        match self.refused() {
            Some(why) => format!("{} was refused: {}", self.change.word(), why.shown()),
            None => format!("{} was asked for, and nobody knows what came of it", self.change.word()),
        }
    }
}

/// Every change with its outcomes, oldest first.
#[must_use]
pub fn asked(entries: &[ImageEntry]) -> Vec<Asked<'_>> {
    let mut all: Vec<Asked<'_>> = Vec::new();
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    for entry in entries {
        match &entry.body {
            ImageBody::Asked { change, calls } => {
                places.insert(entry.seq, all.len());
                all.push(Asked { entry, change, calls, outcomes: vec![None; calls.len()] });
            }
            ImageBody::Called { asked, call, outcome } => {
                let slot = places.get(asked).and_then(|at| all.get_mut(*at)?.outcomes.get_mut(*call));
                if let Some(slot) = slot {
                    *slot = Some(outcome);
                }
            }
        }
    }
    all
}

/// Where a channel points to, and since when.
#[derive(Clone, Debug, PartialEq)]
pub struct Pointer {
    /// The application.
    pub app: Untrusted,
    /// The channel.
    pub channel: Channel,
    /// The image.
    pub image: ImageId,
    /// Since when.
    pub at: WorldTime,
    /// Who moved it there.
    pub by: Who,
    /// Why.
    pub reason: Option<Untrusted>,
}

/// Every move of every channel, oldest first.
#[must_use]
pub fn moves(entries: &[ImageEntry]) -> Vec<Pointer> {
    let moved = |entry: &ImageEntry| {
        let ImageBody::Asked { change: ImageChange::Promote { app, channel }, .. } = &entry.body else { return None };
        let (app, channel, image) = (app.clone(), *channel, entry.image.clone());
        Some(Pointer { app, channel, image, at: entry.at, by: entry.by.clone(), reason: entry.reason.clone() })
    };
    entries.iter().filter_map(moved).collect()
}

/// Where each channel points to now, by application.
#[must_use]
pub fn channels(entries: &[ImageEntry]) -> Vec<Pointer> {
    let mut now: BTreeMap<(Untrusted, Channel), Pointer> = BTreeMap::new();
    for pointer in moves(entries) {
        now.insert((pointer.app.clone(), pointer.channel), pointer);
    }
    now.into_values().collect()
}

/// The images that are pinned, each with the entry that did it.
#[must_use]
pub fn pins(entries: &[ImageEntry]) -> BTreeMap<ImageId, &ImageEntry> {
    let mut pinned = BTreeMap::new();
    for entry in entries {
        match &entry.body {
            ImageBody::Asked { change: ImageChange::Pin, .. } => drop(pinned.insert(entry.image.clone(), entry)),
            ImageBody::Asked { change: ImageChange::Unpin, .. } => drop(pinned.remove(&entry.image)),
            _ => {}
        }
    }
    pinned
}

/// The images that are marked for removal, and since when. What anybody asks for an image takes its mark away.
#[must_use]
pub fn marks(entries: &[ImageEntry]) -> BTreeMap<ImageId, WorldTime> {
    let mut marked = BTreeMap::new();
    for entry in entries {
        match &entry.body {
            ImageBody::Asked { change: ImageChange::Mark, .. } => {
                marked.entry(entry.image.clone()).or_insert(entry.at);
            }
            ImageBody::Asked { change: ImageChange::Remove { .. } | ImageChange::Sweep | ImageChange::Block, .. } | ImageBody::Called { .. } => {}
            ImageBody::Asked { .. } => drop(marked.remove(&entry.image)),
        }
    }
    marked
}

/// The image is being removed, or was: the intent is written down and the cloud did not refuse it. Nothing new may be begun with it.
#[must_use]
pub fn is_being_removed(entries: &[ImageEntry], image: &ImageId) -> bool {
    let last = asked(entries).into_iter().rev().find(|asked| asked.entry.image == *image && !matches!(asked.change, ImageChange::Sweep));
    last.is_some_and(|asked| {
        let is_refused = matches!(asked.outcomes.first(), Some(Some(CallOutcome::Refused { .. })));
        matches!(asked.change, ImageChange::Remove { .. }) && !is_refused
    })
}

/// The blocks that count although no listing shows them: of images that are not `listed`, and those asked for a moment ago. One whose lifting
/// is not known to have worked still counts.
#[must_use]
pub fn blocks(entries: &[ImageEntry], listed: impl Fn(&ImageId) -> bool, now: WorldTime) -> Vec<(ImageId, Block)> {
    let mut blocked: BTreeMap<ImageId, Block> = BTreeMap::new();
    for asked in asked(entries) {
        let (entry, image) = (asked.entry, &asked.entry.image);
        match asked.change {
            ImageChange::Block if asked.refused().is_none() => {
                let reason = entry.reason.clone().unwrap_or_default();
                blocked.insert(image.clone(), Block { reason, by: Some(entry.by.short().into()), at: Some(entry.at), inherited_from: None });
            }
            ImageChange::Unblock if asked.is_done() => drop(blocked.remove(image)),
            _ => {}
        }
    }
    let counts = |image: &ImageId, block: &Block| !listed(image) || block.at.is_some_and(|at| now.since(at) < SETTLES);
    blocked.into_iter().filter(|(image, block)| counts(image, block)).collect()
}

/// Brings images that were read at `as_of` up to what was said of them since: tags that were written and taken away.
pub fn catch_up(images: &mut [Image], entries: &[ImageEntry], as_of: WorldTime, keys: &TagKeys) {
    for asked in asked(entries).iter().filter(|asked| asked.entry.at >= as_of && asked.is_done()) {
        let Some(image) = images.iter_mut().find(|image| image.id == asked.entry.image) else { continue };
        for call in asked.calls {
            let CloudCall::Image { what } = call else { continue };
            match what.as_ref() {
                ImageCall::Tag { tags, .. } => image.tags.extend(tags.iter().map(|(key, value)| (key.clone(), value.as_str().into()))),
                ImageCall::Untag { keys, .. } => image.tags.retain(|key, _| !keys.contains(key)),
                ImageCall::Protect { .. } | ImageCall::Deregister { .. } | ImageCall::DeleteSnapshot { .. } => continue,
            }
            let base = image.base.clone();
            image.read_tags(keys);
            image.base = image.base.take().or(base);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::{CallReply, CloudErrorKind};

    fn entry(seq: u64, image: &str, body: ImageBody) -> ImageEntry {
        let by = Who { user: "ann".into(), host: "bastion".into(), ..Who::default() };
        ImageEntry { seq, image: image.into(), at: WorldTime(i64::try_from(seq).unwrap() * 1_000), by, reason: Some("why".into()), body }
    }

    fn ask(seq: u64, image: &str, change: ImageChange) -> ImageEntry {
        let call = CloudCall::Image { what: Box::new(ImageCall::Deregister { image: image.into() }) };
        let calls = if matches!(change, ImageChange::Promote { .. } | ImageChange::Pin | ImageChange::Mark) { Vec::new() } else { vec![call] };
        entry(seq, image, ImageBody::Asked { change, calls })
    }

    fn answer(seq: u64, image: &str, asked: u64, accepted: bool) -> ImageEntry {
        let refused = CallOutcome::Refused { kind: CloudErrorKind::Denied, message: "no".into() };
        let outcome = if accepted { CallOutcome::Accepted(CallReply::default()) } else { refused };
        entry(seq, image, ImageBody::Called { asked, call: 0, outcome })
    }

    fn to(channel: Channel) -> ImageChange {
        ImageChange::Promote { app: "web".into(), channel }
    }

    #[test]
    fn a_channel_points_to_the_image_it_was_moved_to_last() {
        let entries = [ask(1, "ami-1", to(Channel::Prod)), ask(2, "ami-2", to(Channel::Dev)), ask(3, "ami-2", to(Channel::Prod))];
        let now: Vec<(Channel, String)> = channels(&entries).into_iter().map(|pointer| (pointer.channel, pointer.image.to_string())).collect();
        assert_eq!(now, [(Channel::Dev, "ami-2".to_owned()), (Channel::Prod, "ami-2".to_owned())]);
        assert_eq!(moves(&entries).len(), 3);
    }

    #[test]
    fn whoever_asks_anything_for_an_image_takes_its_mark_away() {
        let marked = [ask(1, "ami-1", ImageChange::Mark), ask(2, "ami-1", ImageChange::Mark)];
        assert_eq!(marks(&marked).get(&"ami-1".into()), Some(&WorldTime(1_000)), "marked since the first time");
        for change in [ImageChange::Pin, ImageChange::Verify, to(Channel::Dev), ImageChange::Unmark { why: "it runs".to_owned() }] {
            let entries = [marked.as_slice(), &[ask(3, "ami-1", change)]].concat();
            assert!(marks(&entries).is_empty());
        }
    }

    #[test]
    fn a_removal_that_nobody_saw_fail_is_under_way() {
        let remove = || ImageChange::Remove { snapshots: Vec::new() };
        let begun = [ask(1, "ami-1", remove())];
        assert!(is_being_removed(&begun, &"ami-1".into()) && !is_being_removed(&begun, &"ami-2".into()));
        let refused = [begun.as_slice(), &[answer(2, "ami-1", 1, false)]].concat();
        assert!(!is_being_removed(&refused, &"ami-1".into()));
        let given_up = [begun.as_slice(), &[ask(2, "ami-1", ImageChange::Unmark { why: "it is still there".to_owned() })]].concat();
        assert!(!is_being_removed(&given_up, &"ami-1".into()));
    }

    #[test]
    fn a_block_counts_where_no_listing_shows_it_until_its_lifting_is_known_to_have_worked() {
        let later = WorldTime(3_600_000);
        let of = |entries: &[ImageEntry], now| blocks(entries, |image| image.as_str() == "ami-listed", now).len();
        let blocked = [ask(1, "ami-base", ImageChange::Block), ask(2, "ami-listed", ImageChange::Block)];
        assert_eq!((of(&blocked, WorldTime(5_000)), of(&blocked, later)), (2, 1), "a listed image is told by its tags, but not at once");
        let lifting = [blocked.as_slice(), &[ask(3, "ami-base", ImageChange::Unblock)]].concat();
        assert_eq!(of(&lifting, later), 1, "nobody knows whether it was lifted");
        let lifted = [lifting.as_slice(), &[answer(4, "ami-base", 3, true)]].concat();
        assert_eq!(of(&lifted, later), 0);
    }
}
