//! What holds an image in the cloud: servers, launch templates, other accounts; and the snapshots images stand on.

use serde::{Deserialize, Serialize};

use super::ids::{GroupName, ImageId, InstanceId, TemplateId};

/// Something in the cloud that names an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsedBy {
    /// A server that is not gone, in a group or not.
    Instance(InstanceId),
    /// A version of a launch template that a group or one of its servers names, whichever version that is.
    Template {
        /// The template.
        template: TemplateId,
        /// Any of its versions.
        version: u64,
    },
    /// The launch configuration of a group.
    LaunchConfiguration(GroupName),
    /// A tag of a group: the release that was stable there, by the account of whoever wrote it.
    GroupTag(GroupName),
}

impl UsedBy {
    /// What it is, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Instance(id) => format!("server {id} runs it"),
            Self::Template { template, version } => format!("launch template {template} version {version} launches it"),
            Self::LaunchConfiguration(group) => format!("the launch configuration of {group} launches it"),
            Self::GroupTag(group) => format!("a tag of {group} names it"),
        }
    }
}

/// An image, and something that names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CloudUse {
    /// The image.
    pub image: ImageId,
    /// What names it.
    pub by: UsedBy,
}

/// A snapshot of this account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its id.
    pub id: String,
    /// What it holds, in bytes, where the cloud tells.
    pub bytes: Option<u64>,
}

/// The image ids in a text, wherever they are.
pub fn mentioned(text: &str) -> impl Iterator<Item = ImageId> + '_ {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices("ami-").filter_map(move |(at, _)| {
        let starts = !text.get(..at).is_some_and(|before| before.ends_with(is_part));
        let rest = text.get(at..)?;
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let id = rest.get(..end)?;
        (starts && id.len() > "ami-".len()).then(|| ImageId::new(id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_wherever_they_are_written() {
        let text = r#"{"image":"ami-0a1","tag":"ami-0b2|lt-1|3","words":"from ami-0c3, to xami-0d4","ami-":1}"#;
        assert_eq!(mentioned(text).map(|id| id.to_string()).collect::<Vec<_>>(), ["ami-0a1", "ami-0b2", "ami-0c3"]);
        assert_eq!(mentioned("ami-").count(), 0);
    }
}
