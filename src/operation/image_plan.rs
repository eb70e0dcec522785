//! What a person wants of an image, the plan of it, and everything that is known of one image.

use super::image_log::{Channel, ImageChange, ImageEntry, Pointer};
use super::ledger::KnownRelease;
use super::work_list::WorkList;
use crate::domain::call::CloudCall;
use crate::domain::ids::{FleetName, ImageId};
use crate::domain::image::Image;
use crate::domain::lineage::Relative;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;

/// An image as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// Its version or its id.
    pub wanted: String,
    /// The application, where the version alone would name several.
    pub app: Option<String>,
}

/// What a person may want of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedChange {
    /// Vouch for it.
    Verify,
    /// Let nobody deploy it, nor anything made from it.
    Block,
    /// Lift the block.
    Unblock,
    /// Point a channel of its application to it.
    Promote(Channel),
    /// Never remove it.
    Pin,
    /// Take the pin away.
    Unpin,
}

/// What a person wants of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageWish {
    /// The image.
    pub name: ImageName,
    /// What.
    pub change: WantedChange,
    /// Why.
    pub reason: Option<Untrusted>,
}

/// A change of an image, ready to be asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagePlan {
    /// The image as it is.
    pub image: Image,
    /// What is asked for; none where it is so already.
    pub change: Option<ImageChange>,
    /// Why.
    pub reason: Option<Untrusted>,
    /// The calls it takes, in order.
    pub calls: Vec<CloudCall>,
    /// What a person should know before saying yes.
    pub notes: Vec<String>,
    /// What there is to do once it is blocked.
    pub work: Option<WorkList>,
    /// When what it is made from was read.
    pub as_of: WorldTime,
}

/// Where an image is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LifeStage {
    /// It is being made.
    Baking,
    /// It is made; nobody vouches for it yet.
    Baked,
    /// Its gates passed, or a person vouches for it.
    Verified,
    /// It is live, or in a ledger.
    Released,
    /// Nobody needs it: `qd gc` marked it.
    Retired,
    /// It is gone.
    Removed,
    /// Nobody may deploy it.
    Blocked,
    /// Nothing says.
    Unknown,
}

impl LifeStage {
    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Baking => "baking",
            Self::Baked => "baked",
            Self::Verified => "verified",
            Self::Released => "released",
            Self::Retired => "retired",
            Self::Removed => "removed",
            Self::Blocked => "blocked",
            Self::Unknown => "?",
        }
    }
}

/// Everything that is known of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageStory {
    /// The image.
    pub image: Image,
    /// Where it is in its life.
    pub stage: LifeStage,
    /// Fleets that run it.
    pub fleets: Vec<FleetName>,
    /// Servers that run it.
    pub servers: u32,
    /// It is what a fleet's live group is pinned to.
    pub live: bool,
    /// The ledgers it is in.
    pub ledgers: Vec<(FleetName, KnownRelease)>,
    /// The channels that point to it.
    pub channels: Vec<Pointer>,
    /// Who pinned it, and why.
    pub pin: Option<ImageEntry>,
    /// Since when it is marked for removal.
    pub marked: Option<WorldTime>,
    /// What it was made from, nearest first.
    pub ancestors: Vec<Relative>,
    /// What was made from it, nearest first.
    pub descendants: Vec<Relative>,
    /// What people call the images of both lists, and whether they are blocked.
    pub labels: std::collections::BTreeMap<ImageId, (String, bool)>,
    /// What is wrong with what is known of its making.
    pub problems: Vec<String>,
    /// Everything that was asked for it, oldest first.
    pub history: Vec<ImageEntry>,
    /// What there is to do, where it is blocked.
    pub work: Option<WorkList>,
    /// What could not be read.
    pub gaps: Vec<String>,
    /// When this was read.
    pub as_of: WorldTime,
}

impl ImageStory {
    /// What was made from it in the order of a tree: each image right below the one it was made from.
    #[must_use]
    pub fn tree(&self) -> Vec<&Relative> {
        let mut found = Vec::new();
        let mut waiting: Vec<&ImageId> = vec![&self.image.id];
        while let Some(parent) = waiting.pop() {
            found.extend(self.descendants.iter().find(|relative| relative.image == *parent));
            waiting.extend(self.descendants.iter().rev().filter(|relative| relative.through == *parent).map(|relative| &relative.image));
        }
        found
    }
}
