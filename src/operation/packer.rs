//! A bake by Packer: what its plan holds besides, what is remembered of it, and what a look finds of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::bake::signal::Signal;
use crate::domain::bake::{BakeSight, LeftoverKind};
use crate::domain::ids::ImageId;
use crate::domain::reading::Reading;
use crate::domain::recipe::{PackerTemplate, RecipeFile, RecipeFiles};
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;

/// The template with all its files as they were when the plan was made: what is built is what the content key says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackerPlan {
    /// The template's path among the files.
    pub template: String,
    /// The values of its variables, with the placeholders that are known only when it is started.
    pub variables: BTreeMap<String, String>,
    /// The files by their path, with `/` between names.
    files: BTreeMap<String, PackedFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PackedFile {
    executable: bool,
    /// Base64.
    content: String,
}

impl PackerPlan {
    /// A recipe's template with the recipe's files.
    #[must_use]
    pub fn new(template: &PackerTemplate, files: &RecipeFiles) -> Self {
        let packed = |file: &RecipeFile| PackedFile { executable: file.executable, content: STANDARD.encode(&file.bytes) };
        Self {
            template: template.template.clone(),
            variables: template.variables.clone(),
            files: files.iter().map(|(path, file)| (path.clone(), packed(file))).collect(),
        }
    }

    /// The files again; none if one of them is no base64.
    #[must_use]
    pub fn files(&self) -> Option<RecipeFiles> {
        let unpacked = |file: &PackedFile| Some(RecipeFile { bytes: STANDARD.decode(&file.content).ok()?, executable: file.executable });
        self.files.iter().map(|(path, file)| Some((path.clone(), unpacked(file)?))).collect()
    }
}

/// What is remembered of Packer's run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackerMemory {
    /// When it was last asked to start.
    pub asked_at: Option<WorldTime>,
    /// When it was asked to stop and to remove what it made.
    pub stopped_at: Option<WorldTime>,
    /// When it was ended at once.
    pub killed_at: Option<WorldTime>,
    /// What it makes for itself and gives no tags, by name.
    pub made: BTreeMap<String, LeftoverKind>,
    /// What of that has our tags now, by id.
    pub tagged: BTreeSet<String>,
    /// The images it told of.
    pub images: BTreeSet<ImageId>,
}

/// What Packer said that was not heard yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackerNews {
    /// What, in order.
    pub signals: Vec<Signal>,
    /// How many there were in all.
    pub heard: u64,
    /// How long the bake's log is by now, in bytes.
    pub log_end: u64,
    /// The last lines of it.
    pub last_lines: Vec<Untrusted>,
}

/// One look at a bake: at the cloud, and at Packer where that does the work.
#[derive(Clone, Debug, PartialEq)]
pub struct BakeSeen {
    /// What was seen of the cloud.
    pub cloud: BakeSight,
    /// What Packer says. Missing: it was never started here.
    pub packer: Option<Reading<PackerNews>>,
}

impl From<BakeSight> for BakeSeen {
    fn from(cloud: BakeSight) -> Self {
        Self { cloud, packer: None }
    }
}

impl Deref for BakeSeen {
    type Target = BakeSight;

    fn deref(&self) -> &BakeSight {
        &self.cloud
    }
}
