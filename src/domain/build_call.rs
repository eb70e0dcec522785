//! The calls of a bake that change the cloud: instances, images, and what belongs to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bake::MachineRole;
use super::ids::{ImageId, InstanceId};
use super::recipe::Builder;
use super::text::escape;

/// An instance that a bake asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInstance {
    /// What it is for.
    pub role: MachineRole,
    /// The client token: asked again with the same one, the cloud makes no second instance.
    pub token: String,
    /// The image it is launched from.
    pub image: ImageId,
    /// Its type, network and size.
    pub machine: Builder,
    /// The device name of the image's root volume.
    pub root_device: Option<String>,
    /// Its user data, base64.
    pub user_data: Option<String>,
    /// Tags of the instance and its volume.
    pub tags: Vec<(String, String)>,
}

/// A copy of an image that a bake asks for in another region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyImage {
    /// The image.
    pub image: ImageId,
    /// The copy's name, the same.
    pub name: String,
    /// The region the image is in.
    pub from: String,
    /// The region of the copy.
    pub to: String,
    /// The client token: asked again with the same one, the cloud makes no second copy.
    pub token: String,
    /// Tags of the copy and its snapshots.
    pub tags: Vec<(String, String)>,
}

/// A call of a bake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "call")]
pub enum BuildCall {
    /// RunInstances: one instance, whose own shutdown only stops it, with metadata by session tokens only, and a volume that goes with it.
    RunInstance(RunInstance),
    /// StopInstances.
    StopInstance {
        /// It.
        instance: InstanceId,
    },
    /// CreateImage of a stopped instance.
    CreateImage {
        /// The instance.
        instance: InstanceId,
        /// The image's name: there can be one of it only, so that a second call makes no second image.
        name: String,
        /// Tags of the image and its snapshots.
        tags: Vec<(String, String)>,
    },
    /// CreateTags on an image or an instance.
    TagResource {
        /// Its id.
        id: String,
        /// Keys and values.
        tags: Vec<(String, String)>,
    },
    /// ModifyImageAttribute: these accounts may launch it, besides those that may already.
    ShareImage {
        /// The image.
        image: ImageId,
        /// The accounts.
        accounts: Vec<String>,
    },
    /// CopyImage, asked in the region of the copy.
    CopyImage(CopyImage),
    /// TerminateInstances: its volume goes with it.
    TerminateInstance {
        /// It.
        instance: InstanceId,
    },
    /// DeleteVolume.
    DeleteVolume {
        /// It.
        volume: String,
    },
    /// DeleteKeyPair.
    DeleteKeyPair {
        /// Its id.
        key_pair: String,
    },
    /// DeleteSecurityGroup.
    DeleteSecurityGroup {
        /// Its id.
        group: String,
    },
    /// `packer build` on the driver's host, in a process group of its own: it goes on when its driver dies. Where it was started already nothing is
    /// started again.
    RunPacker {
        /// The template, by its path among the plan's files.
        template: String,
        /// The values of its variables.
        variables: BTreeMap<String, String>,
    },
    /// A signal to Packer's process group.
    EndPacker {
        /// It is killed; else it is asked to stop, and removes what it made.
        at_once: bool,
    },
}

impl BuildCall {
    /// AWS's name of the call, or what Packer is told.
    #[must_use]
    pub const fn aws_name(&self) -> &'static str {
        match self {
            Self::RunInstance(_) => "RunInstances",
            Self::StopInstance { .. } => "StopInstances",
            Self::CreateImage { .. } => "CreateImage",
            Self::TagResource { .. } => "CreateTags",
            Self::ShareImage { .. } => "ModifyImageAttribute",
            Self::CopyImage(_) => "CopyImage",
            Self::TerminateInstance { .. } => "TerminateInstances",
            Self::DeleteVolume { .. } => "DeleteVolume",
            Self::DeleteKeyPair { .. } => "DeleteKeyPair",
            Self::DeleteSecurityGroup { .. } => "DeleteSecurityGroup",
            Self::RunPacker { .. } => "packer build",
            Self::EndPacker { .. } => "packer stop",
        }
    }

    /// The call in one line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::RunInstance(run) => format!("{} {} of {}", escape(&run.machine.instance_type), run.role.word(), run.image),
            Self::StopInstance { instance } | Self::TerminateInstance { instance } => instance.to_string(),
            Self::CreateImage { instance, name, .. } => format!("{} of {instance}", escape(name)),
            Self::TagResource { id, tags } => {
                let tags: Vec<String> = tags.iter().map(|(key, value)| escape(&format!("{key}={value}"))).collect();
                format!("{} on {}", tags.join(", "), escape(id))
            }
            Self::ShareImage { image, accounts } => format!("{image} for {}", escape(&accounts.join(", "))),
            Self::CopyImage(copy) => format!("{} to {}", copy.image, escape(&copy.to)),
            Self::RunPacker { template, .. } => escape(template),
            Self::EndPacker { at_once } => if *at_once { "at once" } else { "removes what it made" }.to_owned(),
            Self::DeleteVolume { volume: id } | Self::DeleteKeyPair { key_pair: id } | Self::DeleteSecurityGroup { group: id } => escape(id),
        }
    }
}
