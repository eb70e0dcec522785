//! Machine images: what was baked, what it is called, and whether it may be launched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::ImageId;
pub use super::schema::SchemaRange;
use super::text::Untrusted;
use super::time::{Millis, WorldTime};

/// Whether the cloud would launch the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageState {
    /// It can be launched.
    Available,
    /// It is still being made.
    Pending,
    /// Making it failed.
    Failed,
    /// It does not exist any more.
    Gone,
    /// A state this program does not know.
    Unknown,
}

/// Why nobody may deploy an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The reason given.
    pub reason: Untrusted,
    /// Who blocked it.
    pub by: Option<Untrusted>,
    /// When.
    pub at: Option<WorldTime>,
}

/// How far a running bake is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BakeProgress {
    /// Done, 0–100.
    pub percent: u8,
    /// The step that runs.
    pub step: Untrusted,
    /// Expected time to the end.
    pub eta: Option<Millis>,
}

/// One machine image. Images without our tags are listed too, with what can be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Its name in the cloud.
    pub name: Untrusted,
    /// The application it holds.
    pub app: Option<Untrusted>,
    /// What people call it.
    pub version: Option<Untrusted>,
    /// Where it is in its life (`baked`, `verified`, …), as its tags say.
    pub stage: Option<Untrusted>,
    /// When it was made.
    pub created_at: Option<WorldTime>,
    /// The image it was baked from.
    pub base: Option<Untrusted>,
    /// Processor architecture.
    pub arch: Option<Untrusted>,
    /// Whether it can be launched.
    pub state: ImageState,
    /// The schemas it works with.
    pub schema: SchemaRange,
    /// Set when it must not be deployed.
    pub blocked: Option<Block>,
    /// Set while it is being baked.
    pub bake: Option<BakeProgress>,
    /// All its tags, as they were told.
    #[serde(default)]
    pub tags: BTreeMap<String, Untrusted>,
}

impl Image {
    /// The version, or the id where there is none: what a person would type.
    #[must_use]
    pub fn label(&self) -> String {
        self.version.as_ref().map_or_else(|| self.id.to_string(), Untrusted::shown)
    }
}
