//! What of a fleet is not as its operations and its ledger left it: changed by another hand, and explained rather than overwritten.

use serde::{Deserialize, Serialize};

use crate::domain::time::WorldTime;

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// The weights are not those anybody here set.
    Weights,
    /// A group is on or off the target group it shares, and nobody here put it there.
    Attachment,
    /// A group launches something else than it was left with.
    Template,
    /// Servers run something else than their group launches.
    Servers,
}

impl DriftKind {
    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Attachment => "attachment",
            Self::Template => "template",
            Self::Servers => "servers",
        }
    }
}

/// One thing that another hand changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// What differs.
    pub kind: DriftKind,
    /// The group, or the fleet where it is about its weights.
    pub subject: String,
    /// What should be there, and who says so.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// When this was first seen, by any process of this store; none if it is new.
    pub since: Option<WorldTime>,
    /// What to do about it.
    pub remedy: String,
}

impl Drift {
    /// What makes it the same thing the next time it is seen.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {} {}", self.kind.word(), self.subject, self.found)
    }

    /// What is there and what should be, a sentence without its full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{}: {}, expected {}", self.subject, self.found, self.expected)
    }
}

/// When the oldest of these was first seen.
#[must_use]
pub fn oldest(drift: &[Drift]) -> Option<WorldTime> {
    drift.iter().filter_map(|drift| drift.since).min()
}
