//! Server groups: Auto Scaling groups with their sizes, their launch template and their servers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{GroupName, ImageId, InstanceId, TargetGroupArn, TemplateId};
use super::sizes::Sizes;
use super::text::Untrusted;
use super::time::WorldTime;

/// Where an instance is in its life, as Auto Scaling tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Launching or warming up.
    Pending,
    /// Serving as far as Auto Scaling knows.
    InService,
    /// On its way out.
    Terminating,
    /// Set aside by a person.
    Standby,
    /// A word this program does not know: never taken for in service.
    Unknown,
}

/// What Auto Scaling says of an instance's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It passes its checks.
    Healthy,
    /// It fails them and will be replaced.
    Unhealthy,
    /// Nobody could tell.
    Unknown,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
    /// Auto Scaling's verdict.
    pub health: Health,
    /// The template version it was launched from, where that is told.
    pub template_version: Option<u64>,
    /// The image of that version, where it could be looked up.
    pub image: Option<ImageId>,
    /// Its availability zone.
    pub zone: Option<Untrusted>,
    /// When it was launched, where that is told.
    pub launched_at: Option<WorldTime>,
}

impl Instance {
    /// In service and healthy by Auto Scaling's account.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.lifecycle == Lifecycle::InService && self.health == Health::Healthy
    }
}

/// Which version of its template a group launches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinnedVersion {
    /// A number: what it launches cannot change under us.
    Number(u64),
    /// `$Latest`: whatever was made last.
    Latest,
    /// `$Default`: whatever somebody points it at.
    Default,
}

/// The launch template of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplatePin {
    /// The template.
    pub id: TemplateId,
    /// The version the group launches.
    pub version: PinnedVersion,
    /// The image of that version, where it could be looked up.
    pub image: Option<ImageId>,
    /// Digest of the version's data without the image, where it could be looked up.
    pub digest: Option<String>,
}

impl TemplatePin {
    /// The version if it is a number.
    #[must_use]
    pub const fn number(&self) -> Option<u64> {
        match self.version {
            PinnedVersion::Number(number) => Some(number),
            PinnedVersion::Latest | PinnedVersion::Default => None,
        }
    }
}

/// Whose word an Auto Scaling group takes for the health of its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthCheck {
    /// The load balancer's: what the group says covers both.
    Elb,
    /// EC2's alone: the group's word says nothing about serving.
    Ec2,
}

/// One Auto Scaling group as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerGroup {
    /// Its name.
    pub name: GroupName,
    /// Its launch template; none with a launch configuration or a mixed-instances policy.
    pub template: Option<TemplatePin>,
    /// What it is asked to keep.
    pub sizes: Sizes,
    /// Its servers.
    pub instances: Vec<Instance>,
    /// Whose word it takes for health.
    pub health_check: HealthCheck,
    /// The target groups it registers its servers in.
    pub target_groups: Vec<TargetGroupArn>,
    /// Processes somebody suspended.
    pub suspended: Vec<Untrusted>,
    /// Features this program does not drive (launch configuration, warm pool, lifecycle hook, …), in words.
    pub unsupported: Vec<String>,
    /// How long a new server warms up before it counts, where the group says so.
    #[serde(default)]
    pub warmup_secs: Option<u32>,
    /// Its tags.
    pub tags: BTreeMap<String, Untrusted>,
}

impl ServerGroup {
    /// Servers that are in service and healthy by Auto Scaling's account.
    #[must_use]
    pub fn serving(&self) -> u32 {
        count(self.instances.iter().filter(|instance| instance.serves()))
    }

    /// Servers that are not on their way out.
    #[must_use]
    pub fn staying(&self) -> u32 {
        count(self.instances.iter().filter(|instance| instance.lifecycle != Lifecycle::Terminating))
    }

    /// Servers that exist, whatever their state.
    #[must_use]
    pub fn total(&self) -> u32 {
        count(self.instances.iter())
    }
}

/// The length of an iterator as the type sizes have.
pub fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
