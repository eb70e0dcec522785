//! What a simulated world is made of: images, templates, groups with their servers, target groups and the places that forward to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::refresh::Refresh;
use crate::domain::group::{HealthCheck, PinnedVersion};
use crate::domain::ids::{ImageId, InstanceId, TargetGroupArn, TemplateId};
use crate::domain::image::Image;
use crate::domain::sizes::Sizes;
use crate::domain::text::Untrusted;
use crate::domain::traffic::RouteActions;

/// A whole second of the world, counted from its start; what was before the start is negative.
pub type Tick = i64;

/// A million of the parts that shares and rates are counted in.
pub const MILLION: u64 = 1_000_000;

/// Whether servers of an image ever pass their checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vigour {
    /// They pass.
    Sound,
    /// They never pass.
    NeverHealthy,
    /// They pass and fail in turn.
    Flapping,
}

/// How an image behaves once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// Whether its servers pass their checks.
    pub vigour: Vigour,
    /// Errors in a million requests.
    pub error_ppm: u32,
    /// 99th percentile of its latency, in milliseconds.
    pub p99_ms: u32,
}

/// An image and what nobody can read off its tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// What the cloud tells of it once it is made.
    pub image: Image,
    /// How it behaves once it runs.
    pub behaviour: Behaviour,
    /// When its bake began and ends, for an image that is made while the world runs.
    pub bake: Option<(Tick, Tick)>,
}

/// One version of a launch template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateVersion {
    /// The image it launches.
    pub image: ImageId,
    /// The description: the content hash of whoever made it.
    pub description: String,
    /// Everything but the image.
    pub fields: BTreeMap<String, Untrusted>,
}

/// A launch template with its versions by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its versions; numbers are never used twice.
    pub versions: BTreeMap<u64, TemplateVersion>,
    /// The version `$Default` stands for.
    pub default: u64,
    /// The highest number ever given to a version that was deleted.
    #[serde(default)]
    pub spent: u64,
}

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Booting.
    Pending,
    /// Running since this tick.
    InService(Tick),
    /// On its way out.
    Terminating,
}

/// Where a server is in its target group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Not registered.
    None,
    /// Registered, no verdict yet.
    Initial,
    /// Passing its checks.
    Healthy,
    /// Failing its checks.
    Unhealthy,
    /// Taken out, finishing what it has.
    Draining,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its id.
    pub id: InstanceId,
    /// Its zone, as an index.
    pub zone: u8,
    /// When it was launched.
    pub launched: Tick,
    /// The template version the group was pinned to when it was launched.
    pub version: u64,
    /// The image of that version.
    pub image: ImageId,
    /// Where it is in its life.
    pub phase: Phase,
    /// Where it is in its target group.
    pub target: Target,
    /// Auto Scaling's verdict.
    pub healthy: bool,
    /// Whether it broke by itself, whatever its image.
    pub broken: bool,
    /// When the next thing happens to it; what that is follows from where it is.
    pub due: Option<Tick>,
}

impl Server {
    /// Whether it counts towards the wanted size.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Terminating)
    }
}

/// One Auto Scaling group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its launch template.
    pub template: TemplateId,
    /// The version it launches.
    pub version: PinnedVersion,
    /// What it is asked to keep.
    pub sizes: Sizes,
    /// Its servers, oldest first.
    pub servers: Vec<Server>,
    /// Whose word it takes for health.
    pub health_check: HealthCheck,
    /// The target group it registers its servers in.
    pub target_group: Option<TargetGroupArn>,
    /// The target group it was taken off last, in which its servers may still drain.
    #[serde(default)]
    pub drains_from: Option<TargetGroupArn>,
    /// Processes somebody suspended.
    pub suspended: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, Untrusted>,
    /// Scaling policies in canonical form.
    pub policies: Vec<Untrusted>,
    /// Scheduled actions, by name.
    #[serde(default)]
    pub scheduled: Vec<Untrusted>,
    /// Not before this tick is a failed launch tried again.
    pub retry_at: Tick,
    /// When one of its servers is going to break by itself.
    pub breaks_at: Option<Tick>,
    /// Its instance refreshes, oldest first: the last one may run.
    #[serde(default)]
    pub refreshes: Vec<Refresh>,
}

impl Group {
    /// Servers that count towards the wanted size.
    #[must_use]
    pub fn active(&self) -> usize {
        self.servers.iter().filter(|server| server.is_active()).count()
    }

    /// Whether a process of the group was suspended.
    #[must_use]
    pub fn is_suspended(&self, process: &str) -> bool {
        self.suspended.iter().any(|suspended| suspended == process)
    }
}

/// One target group and what it has counted, in millionths, so that no part of a second is lost between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Requests since the start, in millionths.
    pub requests_u: u64,
    /// Errors since the start, in millionths.
    pub errors_u: u64,
    /// Its health cannot be read before this tick.
    pub unreadable_until: Option<Tick>,
    /// How its servers answered, by when that changed, oldest first.
    #[serde(default)]
    pub spells: Vec<Spell>,
}

/// How the servers of a target group answer from a tick on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// Since when.
    pub from: Tick,
    /// 99th percentile of their latency in milliseconds; none without traffic or without servers.
    pub p99_ms: Option<u32>,
    /// Unhealthy targets.
    pub unhealthy: u32,
}

/// Weights on their way from what they were to what they were set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settling {
    /// Shares before, in millionths.
    pub from: BTreeMap<TargetGroupArn, u64>,
    /// The last tick at which nothing has moved.
    pub start: Tick,
    /// The tick at which all of it has.
    pub end: Tick,
}

/// A listener rule or listener default, and the traffic that comes to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Whether it is a rule; else a listener's default.
    pub is_rule: bool,
    /// Its actions as a read shows them: new ones at once.
    pub actions: RouteActions,
    /// The load balancer's name.
    pub load_balancer: Untrusted,
    /// The share of the traffic each target group really gets, in millionths.
    pub effective: BTreeMap<TargetGroupArn, u64>,
    /// Set while the shares move.
    pub settling: Option<Settling>,
    /// Requests a second on an average day.
    pub rps: u32,
    /// Requests a second one server can answer.
    pub server_rps: u32,
}

impl Place {
    /// The shares that the actions ask for, in millionths.
    #[must_use]
    pub fn wanted(&self) -> BTreeMap<TargetGroupArn, u64> {
        let total: u64 = self.actions.forwards().map(|(_, weight)| u64::from(*weight)).sum();
        let share = |weight: u32| (u64::from(weight) * MILLION).checked_div(total).unwrap_or(0);
        self.actions.forwards().map(|(arn, weight)| (arn.clone(), share(*weight))).collect()
    }
}
