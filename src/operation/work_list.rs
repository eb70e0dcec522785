//! What there is to do because an image must not be used any more: where it and what was made from it runs or would be launched, and what to put there.

use crate::domain::ids::{FleetName, GroupName, ImageId, OperationId};
use crate::domain::text::Untrusted;

/// Why an image is the nearest good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Near {
    /// It was stable on this fleet, and nobody marked it bad.
    StableHere,
    /// The next newer one of the application that is verified.
    Newer,
    /// The next older one of the application that is verified.
    Older,
}

impl Near {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::StableHere => "was stable here",
            Self::Newer => "newer, verified, never ran here",
            Self::Older => "older, verified, never ran here",
        }
    }
}

/// An image to put in place of one that must not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Good {
    /// It.
    pub image: ImageId,
    /// What people call it.
    pub version: Option<Untrusted>,
    /// Why this one.
    pub near: Near,
}

impl Good {
    /// What a person would type.
    #[must_use]
    pub fn label(&self) -> String {
        self.version.as_ref().map_or_else(|| self.image.to_string(), Untrusted::shown)
    }
}

/// A fleet somebody has to do something about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The fleet.
    pub fleet: FleetName,
    /// The affected images it runs or would launch, the one most servers run first.
    pub images: Vec<ImageId>,
    /// Servers that run one of them; none if that could not be told.
    pub servers: Option<u32>,
    /// Groups that would launch one of them, also those of no server.
    pub launches: Vec<GroupName>,
    /// Its way back leads to one of them.
    pub way_back: bool,
    /// What is under way in it towards one of them.
    pub operation: Option<OperationId>,
    /// What to put there; none if no image of its application is good.
    pub good: Option<Good>,
}

impl Work {
    /// Nothing runs there, and nothing goes there: the next deploy replaces it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.servers == Some(0) && self.operation.is_none()
    }

    /// The command that does it.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        if let Some(id) = &self.operation {
            return Some(format!("qd back-out {id}"));
        }
        self.good.as_ref().map(|good| format!("qd deploy {} --image {}", self.fleet, good.image))
    }
}

/// All there is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkList {
    /// The images it is about: the one that was named, and what was made from it, nearest first.
    pub images: Vec<ImageId>,
    /// The fleets, those with the most servers first.
    pub fleets: Vec<Work>,
    /// What could not be read: there may be more to do.
    pub gaps: Vec<String>,
}
