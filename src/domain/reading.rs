//! Facts with an age, and the difference between "none", "unknown" and "not all of it".

use serde::{Deserialize, Serialize};

use super::text::Untrusted;
use super::time::{Millis, WorldTime};

/// One fact: known as of a moment, or unknown with a reason. Unknown is never zero and never healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading<T> {
    /// The fact and when it was true.
    Known {
        /// The fact.
        value: T,
        /// When it was read.
        as_of: WorldTime,
    },
    /// The cloud says that there is no such thing. That is not believed at once: it says so of what is there as well, for a while.
    Missing {
        /// What is not there, for people.
        why: Untrusted,
    },
    /// Nobody could tell.
    Unknown {
        /// Why not, for people.
        why: Untrusted,
    },
}

impl<T> Reading<T> {
    /// A fact read at `as_of`.
    pub const fn known(value: T, as_of: WorldTime) -> Self {
        Self::Known { value, as_of }
    }

    /// A fact that could not be read.
    pub fn unknown(why: impl Into<Untrusted>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// A thing that the cloud says is not there.
    pub fn missing(why: impl Into<Untrusted>) -> Self {
        Self::Missing { why: why.into() }
    }

    /// The fact, if it is known.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Missing { .. } | Self::Unknown { .. } => None,
        }
    }

    /// Why there is no fact.
    pub const fn why(&self) -> Option<&Untrusted> {
        match self {
            Self::Known { .. } => None,
            Self::Missing { why } | Self::Unknown { why } => Some(why),
        }
    }

    /// What the cloud says is not there.
    pub const fn said_missing(&self) -> Option<&Untrusted> {
        match self {
            Self::Missing { why } => Some(why),
            Self::Known { .. } | Self::Unknown { .. } => None,
        }
    }

    /// How old the fact is; unknown facts have no age.
    pub fn age(&self, now: WorldTime) -> Option<Millis> {
        match self {
            Self::Known { as_of, .. } => Some(now.since(*as_of)),
            Self::Missing { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// What a paged listing gave. Nothing may be deleted, and absence may not be believed, on an incomplete one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing<T> {
    /// Every page arrived.
    Complete {
        /// All there is.
        items: Vec<T>,
        /// When the listing ended.
        as_of: WorldTime,
    },
    /// At least one page is missing.
    Incomplete {
        /// What arrived.
        items: Vec<T>,
        /// When the listing ended.
        as_of: WorldTime,
        /// What is missing and why.
        why: Untrusted,
    },
}

impl<T> Listing<T> {
    /// What arrived, complete or not.
    pub fn items(&self) -> &[T] {
        match self {
            Self::Complete { items, .. } | Self::Incomplete { items, .. } => items,
        }
    }

    /// When the listing ended.
    pub const fn as_of(&self) -> WorldTime {
        match self {
            Self::Complete { as_of, .. } | Self::Incomplete { as_of, .. } => *as_of,
        }
    }

    /// Why the listing is incomplete, if it is.
    pub const fn missing(&self) -> Option<&Untrusted> {
        match self {
            Self::Complete { .. } => None,
            Self::Incomplete { why, .. } => Some(why),
        }
    }
}
