//! The ledger: per fleet, an append-only list of releases that became stable, and what was said of them since.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{FleetName, OperationId};
use crate::domain::release::Release;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;

/// How a release came to be believed good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A deploy ended stable.
    Deployed,
    /// It was launched anew to roll back to it: known to be good, in a new place.
    RolledBack,
    /// A named person said so when the fleet was adopted.
    Adopted,
    /// It was read from the groups' tags.
    Seen,
}

impl How {
    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::RolledBack => "rolled back to",
            Self::Adopted => "adopted",
            Self::Seen => "seen",
        }
    }
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "entry")]
pub enum LedgerBody {
    /// The release became stable.
    Stable {
        /// How.
        how: How,
    },
    /// It is bad: nobody goes back to it.
    Marked,
    /// It is not bad after all.
    Unmarked,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Position in the store, rising.
    pub seq: u64,
    /// The fleet.
    pub fleet: FleetName,
    /// When, in world time.
    pub at: WorldTime,
    /// The release.
    pub release: Release,
    /// What is said of it.
    #[serde(flatten)]
    pub body: LedgerBody,
    /// Who says so.
    pub by: Untrusted,
    /// Why.
    pub reason: Option<Untrusted>,
    /// The operation it came with.
    pub operation: Option<OperationId>,
}

/// A release of the ledger with what is said of it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRelease {
    /// The release.
    pub release: Release,
    /// When it last became stable.
    pub stable_at: WorldTime,
    /// How.
    pub how: How,
    /// The mark, if it is bad.
    pub marked: Option<Mark>,
}

/// Why a release is bad.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who marked it.
    pub by: Untrusted,
    /// Why.
    pub reason: Option<Untrusted>,
    /// When.
    pub at: WorldTime,
}

/// Every release that was ever stable, the last one to become so first, with its mark. The same image with the same template data is one release,
/// known where it was launched last: what is said of it is said of all its places.
#[must_use]
pub fn known_releases(entries: &[LedgerEntry]) -> Vec<KnownRelease> {
    let mut known: Vec<KnownRelease> = Vec::new();
    for entry in entries {
        let position = known.iter().position(|found| found.release.is_same_content(&entry.release));
        match (&entry.body, position) {
            (LedgerBody::Stable { how }, position) => {
                if let Some(position) = position {
                    known.remove(position);
                }
                known.push(KnownRelease { release: entry.release.clone(), stable_at: entry.at, how: *how, marked: None });
            }
            (LedgerBody::Marked, Some(position)) => {
                if let Some(found) = known.get_mut(position) {
                    found.marked = Some(Mark { by: entry.by.clone(), reason: entry.reason.clone(), at: entry.at });
                }
            }
            (LedgerBody::Unmarked, Some(position)) => {
                if let Some(found) = known.get_mut(position) {
                    found.marked = None;
                }
            }
            (LedgerBody::Marked | LedgerBody::Unmarked, None) => {}
        }
    }
    known.reverse();
    known
}

/// The release a rollback goes to: the newest unmarked one that is not `live`. Never "newest other", never by date.
#[must_use]
pub fn last_known_good(entries: &[LedgerEntry], is_live: impl Fn(&Release) -> bool) -> Option<KnownRelease> {
    known_releases(entries).into_iter().find(|known| known.marked.is_none() && !is_live(&known.release))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fleet::Slot;

    fn release(version: u64, slot: Slot) -> Release {
        Release {
            image: format!("ami-{version}").as_str().into(),
            version: None,
            template: "lt-1".into(),
            template_version: version,
            digest: None,
            group: "g".into(),
            slot,
        }
    }

    fn entry(seq: u64, version: u64, body: LedgerBody) -> LedgerEntry {
        let at = WorldTime(i64::try_from(seq).unwrap());
        LedgerEntry { seq, fleet: "f".into(), at, release: release(version, Slot::A), body, by: "op".into(), reason: None, operation: None }
    }

    const STABLE: LedgerBody = LedgerBody::Stable { how: How::Deployed };

    #[test]
    fn the_way_back_is_the_newest_unmarked_release_that_is_not_live() {
        let entries = [entry(1, 1, STABLE), entry(2, 2, STABLE), entry(3, 3, STABLE)];
        let target = |entries: &[LedgerEntry], live: u64| {
            last_known_good(entries, |found| found.template_version == live).map(|found| found.release.template_version)
        };
        assert_eq!(target(&entries, 3), Some(2));
        let marked = [entries.as_slice(), &[entry(4, 2, LedgerBody::Marked)]].concat();
        assert_eq!(target(&marked, 3), Some(1));
        let unmarked = [marked.as_slice(), &[entry(5, 2, LedgerBody::Unmarked)]].concat();
        assert_eq!(target(&unmarked, 3), Some(2));
    }

    #[test]
    fn becoming_stable_again_clears_the_mark() {
        let entries = [entry(1, 1, STABLE), entry(2, 1, LedgerBody::Marked), entry(3, 1, STABLE)];
        assert_eq!(known_releases(&entries).len(), 1);
        assert!(known_releases(&entries)[0].marked.is_none());
    }
}
