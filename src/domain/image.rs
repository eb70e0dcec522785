//! Machine images: what was baked, what it is called, and whether it may be launched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::ImageId;
pub use super::schema::SchemaRange;
use super::tags::{TagKeys, first};
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
    /// The image it was made from that is blocked, where nobody blocked this one itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited_from: Option<ImageId>,
}

impl Block {
    /// Why, and through which image where it was not blocked itself.
    #[must_use]
    pub fn words(&self) -> String {
        let reason = self.reason.shown();
        self.inherited_from.as_ref().map_or_else(|| reason.clone(), |base| format!("made from {base}, which is blocked: {reason}"))
    }
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

/// A snapshot that an image stands on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ImageSnapshot {
    /// Its id.
    pub id: String,
    /// The size of the volume it was taken of: what is stored is at most that.
    pub gib: Option<u32>,
}

/// What the cloud itself knows of an image's making and keeping, besides its tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageOrigin {
    /// The account that owns it, where that is told.
    pub owner: Option<Untrusted>,
    /// The image it was made from, by the cloud's own record.
    pub source: Option<ImageId>,
    /// The snapshots it stands on.
    pub snapshots: Vec<ImageSnapshot>,
    /// The cloud refuses to remove it.
    pub protected: bool,
    /// Everybody may launch it.
    pub public: bool,
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
    /// What the cloud itself knows of it.
    #[serde(default)]
    pub origin: ImageOrigin,
}

impl Image {
    /// `2.14.0 (ami-…)`, or the id alone where there is no version.
    #[must_use]
    pub fn named(&self) -> String {
        self.version.as_ref().map_or_else(|| self.id.to_string(), |version| format!("{} ({})", version.shown(), self.id))
    }

    /// Reads what its tags say of it.
    pub fn read_tags(&mut self, keys: &TagKeys) {
        let told = |keys: &[String]| first(keys, &self.tags).filter(|value| !value.raw().is_empty()).cloned();
        // The tag blocks by being there, whatever it says: a reason that nobody gave is still a block.
        let blocked = first(&keys.blocked, &self.tags).map(|reason| Block {
            reason: reason.clone(),
            by: told(&keys.blocked_by),
            at: first(&keys.blocked_at, &self.tags).and_then(|at| WorldTime::parse(at.raw())),
            inherited_from: None,
        });
        let (app, version, stage, base) = (told(&keys.app), told(&keys.version), told(&keys.stage), told(&keys.base));
        let schema = SchemaRange::of_tags(first(&keys.schema_min, &self.tags), first(&keys.schema_max, &self.tags));
        (self.app, self.version, self.stage, self.base, self.schema, self.blocked) = (app, version, stage, base, schema, blocked);
    }

    /// `web 2.14.0`, or the image's name where it has no version.
    #[must_use]
    pub fn called(&self) -> String {
        let app = self.app.as_ref().map_or_else(String::new, |app| format!("{} ", app.shown()));
        self.version.as_ref().map_or_else(|| self.name.shown(), |version| format!("{app}{}", version.shown()))
    }

    /// The version, or the id where there is none: what a person would type.
    #[must_use]
    pub fn label(&self) -> String {
        self.version.as_ref().map_or_else(|| self.id.to_string(), Untrusted::shown)
    }
}
