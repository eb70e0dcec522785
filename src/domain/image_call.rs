//! The calls of an image's life that change the cloud: its tags, its protection, its end.

use serde::{Deserialize, Serialize};

use super::ids::ImageId;
use super::text::escape;

/// A call about one image, or about a snapshot that only it stood on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "call")]
pub enum ImageCall {
    /// CreateTags: what is said of an image. The account's own note, also on an image of another account.
    Tag {
        /// The image.
        image: ImageId,
        /// Keys and values.
        tags: Vec<(String, String)>,
    },
    /// DeleteTags, whatever their values are.
    Untag {
        /// The image.
        image: ImageId,
        /// Keys.
        keys: Vec<String>,
    },
    /// EnableImageDeregistrationProtection, without a cooldown.
    Protect {
        /// The image.
        image: ImageId,
    },
    /// DeregisterImage: its snapshots stay.
    Deregister {
        /// The image.
        image: ImageId,
    },
    /// DeleteSnapshot: the cloud refuses while an image stands on it.
    DeleteSnapshot {
        /// Its id.
        snapshot: String,
    },
}

impl ImageCall {
    /// AWS's name of the call.
    #[must_use]
    pub const fn aws_name(&self) -> &'static str {
        match self {
            Self::Tag { .. } => "CreateTags",
            Self::Untag { .. } => "DeleteTags",
            Self::Protect { .. } => "EnableImageDeregistrationProtection",
            Self::Deregister { .. } => "DeregisterImage",
            Self::DeleteSnapshot { .. } => "DeleteSnapshot",
        }
    }

    /// The call in one line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Tag { image, tags } => {
                let tags: Vec<String> = tags.iter().map(|(key, value)| escape(&format!("{key}={value}"))).collect();
                format!("{} on {image}", tags.join(", "))
            }
            Self::Untag { image, keys } => {
                let keys: Vec<String> = keys.iter().map(|key| escape(key)).collect();
                format!("{} off {image}", keys.join(", "))
            }
            Self::Protect { image } | Self::Deregister { image } => image.to_string(),
            Self::DeleteSnapshot { snapshot } => escape(snapshot),
        }
    }
}
