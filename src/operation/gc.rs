//! What `qd gc` finds and does: which images nobody needs, why each other stays, and what is removed when.

use serde::{Deserialize, Serialize};

use crate::domain::ids::ImageId;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// Facts older than this are not acted on.
pub const OLDEST_FACTS: Millis = Millis::mins(60);
/// Between two removals facts older than this are read again.
pub const FRESH_FACTS: Millis = Millis::mins(5);

/// What is kept, and how long it takes until something is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcPolicy {
    /// So many of the newest verified images of each application always stay; at least one.
    pub keep: usize,
    /// Images younger than this stay.
    pub min_age: Millis,
    /// From the mark to the removal.
    pub wait: Millis,
}

impl Default for GcPolicy {
    fn default() -> Self {
        Self { keep: 5, min_age: Millis::mins(14 * 24 * 60), wait: Millis::mins(7 * 24 * 60) }
    }
}

/// What becomes of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody needs it, or nobody can tell: why, the strongest reason first.
    Stays(Vec<String>),
    /// Nobody needs it: it is marked by the next `--apply`.
    Mark,
    /// It is marked, and not for long enough.
    Waits {
        /// Since when.
        since: WorldTime,
        /// Until when.
        until: WorldTime,
    },
    /// It was marked for long enough and still nobody needs it: it is removed by the next `--apply`.
    Remove,
}

/// A snapshot of an image that nobody needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotVerdict {
    /// Its id.
    pub id: String,
    /// What it holds, in bytes; none where nobody tells.
    pub bytes: Option<u64>,
    /// Why it stays when its image goes; none if it goes with it.
    pub stays: Option<String>,
}

/// One image with what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageVerdict {
    /// The image.
    pub image: ImageId,
    /// Its application.
    pub app: Option<Untrusted>,
    /// What people call it.
    pub label: String,
    /// When it was made.
    pub created_at: Option<WorldTime>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Its snapshots, where nobody needs it.
    pub snapshots: Vec<SnapshotVerdict>,
}

impl ImageVerdict {
    /// Its application and what people call it.
    #[must_use]
    pub fn named(&self) -> String {
        self.app.as_ref().map_or_else(|| self.label.clone(), |app| format!("{} {}", app.shown(), self.label))
    }

    /// What its snapshots that go with it hold; none if one of them does not tell.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.snapshots.iter().filter(|snapshot| snapshot.stays.is_none()).map(|snapshot| snapshot.bytes).sum()
    }

    /// Whether nobody needs it.
    #[must_use]
    pub const fn is_needless(&self) -> bool {
        !matches!(self.verdict, Verdict::Stays(_))
    }
}

/// A size to one unit; `?` where nobody tells.
#[must_use]
pub fn size(bytes: Option<u64>) -> String {
    let Some(bytes) = bytes else { return "?".to_owned() };
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let found = units.into_iter().find(|(_, shift)| bytes >> shift > 0);
    found.map_or_else(|| format!("{bytes} B"), |(unit, shift)| format!("{} {unit}", bytes >> shift))
}

/// Everything `qd gc` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcPlan {
    /// Every image of this account, the oldest first.
    pub images: Vec<ImageVerdict>,
    /// Marks that are taken away, and why.
    pub unmark: Vec<(ImageId, String)>,
    /// Images of ledgers that are protected against removal from now on.
    pub protect: Vec<ImageId>,
    /// Snapshots that stayed when their image went, with that image.
    pub sweep: Vec<(ImageId, String)>,
    /// Why nothing is removed now, whatever is asked.
    pub obstacles: Vec<String>,
    /// The oldest of the facts.
    pub as_of: WorldTime,
}

impl GcPlan {
    /// Those with a verdict.
    pub fn with(&self, verdict: fn(&Verdict) -> bool) -> impl Iterator<Item = &ImageVerdict> {
        self.images.iter().filter(move |image| verdict(&image.verdict))
    }
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcDone {
    /// Images that are marked now.
    pub marked: Vec<ImageId>,
    /// Images that are not marked any more.
    pub unmarked: Vec<ImageId>,
    /// Images that are gone.
    pub removed: Vec<ImageId>,
    /// Snapshots that are gone.
    pub snapshots: Vec<String>,
    /// What they held, as far as that is told, in bytes.
    pub bytes: u64,
    /// Images that are protected now.
    pub protected: Vec<ImageId>,
    /// What did not work, in sentences.
    pub troubles: Vec<String>,
}
