//! A release: exactly what a server group launches, so that going back means the same bytes.

use serde::{Deserialize, Serialize};

use super::fleet::Slot;
use super::ids::{GroupName, ImageId, TemplateId};
use super::text::Untrusted;

/// Image, launch template version and the digest of the template's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The image.
    pub image: ImageId,
    /// What people call the image, where it has a version.
    pub version: Option<Untrusted>,
    /// The launch template.
    pub template: TemplateId,
    /// Its numbered version.
    pub template_version: u64,
    /// Digest of the template's data without the image, where it could be read.
    pub digest: Option<String>,
    /// The server group that ran it.
    pub group: GroupName,
    /// The slot of that group.
    pub slot: Slot,
}

impl Release {
    /// The version, or the image id where there is none.
    #[must_use]
    pub fn label(&self) -> String {
        self.version.as_ref().map_or_else(|| self.image.to_string(), Untrusted::shown)
    }

    /// Whether both launch the same thing: same template version, hence same image and data.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.template == other.template && self.template_version == other.template_version && self.image == other.image
    }

    /// Whether both are the same bytes wherever they are launched from: the same image, and template data not known to differ.
    #[must_use]
    pub fn is_same_content(&self, other: &Self) -> bool {
        let data_differs = self.digest.as_ref().zip(other.digest.as_ref()).is_some_and(|(one, other)| one != other);
        self.image == other.image && (self.is_same(other) || !data_differs)
    }
}
