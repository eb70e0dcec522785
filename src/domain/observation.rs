//! One look at a fleet: its groups, the route, the health of its target groups, the counts, the alarms.

use serde::{Deserialize, Serialize};

use super::fleet::{BySlot, Route, Scope, Slot};
use super::group::{Instance, Lifecycle, ServerGroup, count};
use super::ids::{AlarmName, ImageId, InstanceId, TargetGroupArn};
use super::metrics::MetricsSeen;
use super::reading::Reading;
use super::refresh::InstanceRefresh;
use super::time::WorldTime;
use super::traffic::{Counts, RouteActions, TargetHealth, TargetState};

/// How much to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything.
    Full,
    /// Everything, and the instance refreshes of one slot's group.
    WithRefreshes(Slot),
    /// The route and the health of one slot's targets: what a fast rollback needs before its first write.
    RouteAndTargets(Slot),
}

impl Depth {
    /// Every group, the route, all health and counts.
    #[must_use]
    pub const fn is_full(self) -> bool {
        matches!(self, Self::Full | Self::WithRefreshes(_))
    }
}

/// What a CloudWatch alarm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// Nothing is wrong by its account.
    Ok,
    /// It is red.
    Alarm,
    /// It cannot tell: too little data.
    NoData,
    /// There is no such alarm.
    Missing,
}

impl AlarmState {
    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "green",
            Self::Alarm => "RED",
            Self::NoData => "has no data",
            Self::Missing => "does not exist",
        }
    }
}

/// One alarm as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmReading {
    /// Its name.
    pub name: AlarmName,
    /// What it says.
    pub state: AlarmState,
    /// Since when, where that is told.
    #[serde(default)]
    pub since: Option<WorldTime>,
}

/// Whether the cloud still takes us for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    /// As far as anybody can tell.
    Good {
        /// When they end, where that is told.
        until: Option<WorldTime>,
    },
    /// They are missing, expired or not accepted.
    Gone {
        /// In the cloud's words.
        why: super::text::Untrusted,
    },
}

impl Default for Credentials {
    fn default() -> Self {
        Self::Good { until: None }
    }
}

/// What was seen of a fleet in one round of reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetObservation {
    /// What was looked at.
    pub scope: Scope,
    /// When the round ended.
    pub at: WorldTime,
    /// Each slot's group; unknown for a slot the fleet does not have.
    pub groups: BySlot<Reading<ServerGroup>>,
    /// The actions of the route's place; empty without weights.
    pub route: Reading<RouteActions>,
    /// The targets of each slot's target group; empty where the fleet has none.
    pub health: BySlot<Reading<TargetHealth>>,
    /// Requests and errors of each slot's target group since its counters began; none where nobody counts.
    pub counts: BySlot<Option<Counts>>,
    /// The newest instance refreshes of the group they were asked of, newest first; none where they were not asked for.
    #[serde(default)]
    pub refreshes: Option<Reading<Vec<InstanceRefresh>>>,
    /// The fleet's alarms, in the order of its scope; empty where it names none.
    pub alarms: Reading<Vec<AlarmReading>>,
    /// What it was seen with.
    #[serde(default)]
    pub credentials: Credentials,
    /// What the sources of series said, where the plan names any.
    #[serde(default)]
    pub metrics: Option<Box<MetricsSeen>>,
    /// The image that a group short of servers launches, where the cloud said that it does not exist.
    #[serde(default)]
    pub image_gone: Option<ImageId>,
}

impl FleetObservation {
    /// An observation in which nothing is known, with the reason.
    #[must_use]
    pub fn blind(scope: &Scope, at: WorldTime, why: &str) -> Self {
        Self {
            scope: scope.clone(),
            at,
            groups: BySlot::from_fn(|_| Reading::unknown(why)),
            route: Reading::unknown(why),
            health: BySlot::from_fn(|_| Reading::unknown(why)),
            counts: BySlot::default(),
            alarms: Reading::unknown(why),
            credentials: Credentials::default(),
            refreshes: None,
            metrics: None,
            image_gone: None,
        }
    }

    /// Whether every part is known. Only a complete observation may lower, delete or end anything.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.route.value().is_some()
            && self.refreshes.as_ref().is_none_or(|refreshes| refreshes.value().is_some())
            && self.scope.slots().iter().all(|slot| self.groups.get(*slot).value().is_some() && self.health.get(*slot).value().is_some())
    }

    /// What could not be read, in words; empty when the observation is complete.
    #[must_use]
    pub fn unknowns(&self) -> Vec<String> {
        let mut unknowns = Vec::new();
        let mut note = |what: String, why: Option<&super::text::Untrusted>| {
            if let Some(why) = why {
                unknowns.push(format!("{what}: {}", why.shown()));
            }
        };
        note("route".to_owned(), self.route.why());
        for slot in self.scope.slots() {
            note(format!("group {}", slot.letter()), self.groups.get(*slot).why());
            note(format!("target health {}", slot.letter()), self.health.get(*slot).why());
        }
        if let Some(refreshes) = &self.refreshes {
            note("instance refreshes".to_owned(), refreshes.why());
        }
        unknowns
    }

    /// What the cloud says is not there, in words.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let slots = self.scope.slots().iter();
        let of_slots = slots.flat_map(|slot| [self.groups.get(*slot).said_missing(), self.health.get(*slot).said_missing()]);
        std::iter::once(self.route.said_missing()).chain(of_slots).flatten().map(super::text::Untrusted::shown).collect()
    }

    /// The newest instance refreshes, newest first; none where they were not asked for or could not be read.
    #[must_use]
    pub fn refreshes(&self) -> Option<&[InstanceRefresh]> {
        self.refreshes.as_ref()?.value().map(Vec::as_slice)
    }

    /// The group of a slot, if it could be read.
    #[must_use]
    pub const fn group(&self, slot: Slot) -> Option<&ServerGroup> {
        self.groups.get(slot).value()
    }

    /// Servers of a slot that are in service by Auto Scaling **and**, where they are registered with a load balancer, healthy by its account;
    /// none if either is unknown.
    #[must_use]
    pub fn healthy(&self, slot: Slot) -> Option<u32> {
        let (group, health) = (self.group(slot)?, self.health.get(slot).value()?);
        let checked = self.is_checked(slot)?;
        let is_healthy = |instance: &&Instance| instance.serves() && (!checked || target_state(health, &instance.id) == TargetState::Healthy);
        Some(count(group.instances.iter().filter(is_healthy)))
    }

    /// Whether the load balancer's word is needed for the health of a slot's servers. A group taken off a shared target group is told by Auto
    /// Scaling alone; one that belongs to a target group of its own and is not in it has no health.
    fn is_checked(&self, slot: Slot) -> Option<bool> {
        match &self.scope.route {
            Route::Weighted { .. } => Some(true),
            Route::Attached { .. } => self.is_attached(slot),
            Route::None => Some(false),
        }
    }

    /// Whether a slot's group registers its servers in the slot's target group; none if the group is unknown or the fleet has none.
    #[must_use]
    pub fn is_attached(&self, slot: Slot) -> Option<bool> {
        Some(self.group(slot)?.target_groups.contains(self.scope.target_group(slot)?))
    }

    /// Healthy targets of a slot by the load balancer alone; none if unknown. In a shared target group only the slot's own servers count.
    #[must_use]
    pub fn healthy_targets(&self, slot: Slot) -> Option<u32> {
        let health = self.health.get(slot).value()?;
        if matches!(self.scope.route, Route::Weighted { .. }) {
            return Some(health.count_in(TargetState::Healthy));
        }
        let group = self.group(slot)?;
        Some(count(group.instances.iter().filter(|instance| target_state(health, &instance.id) == TargetState::Healthy)))
    }

    /// Instances in service in a slot that do not run template version `frozen`; none if the group is unknown. An instance whose
    /// version is not told counts as a stranger.
    #[must_use]
    pub fn strangers(&self, slot: Slot, frozen: u64) -> Option<Vec<&Instance>> {
        let group = self.group(slot)?;
        Some(
            group
                .instances
                .iter()
                .filter(|instance| instance.lifecycle == Lifecycle::InService && instance.template_version != Some(frozen))
                .collect(),
        )
    }

    /// The weight of a slot; none if the route is unknown or does not forward to it.
    #[must_use]
    pub fn weight(&self, slot: Slot) -> Option<u32> {
        self.route.value()?.weight(self.scope.target_group(slot)?)
    }

    /// The share of the traffic of a slot, 0–1: by its weight, or by its part of the healthy servers where there are no weights; none if what
    /// it takes to tell is unknown or nothing serves.
    #[must_use]
    pub fn share(&self, slot: Slot) -> Option<f64> {
        if let Route::Weighted { .. } = &self.scope.route {
            return self.route.value()?.share(self.scope.target_group(slot)?);
        }
        let all = self.scope.slots().iter().map(|slot| self.working(*slot)).sum::<Option<u32>>()?;
        let own = self.working(slot)?;
        (all > 0).then(|| f64::from(own) / f64::from(all))
    }

    /// Healthy servers that traffic or work comes to, where no weights divide it.
    fn working(&self, slot: Slot) -> Option<u32> {
        if matches!(self.scope.route, Route::Attached { .. }) && !self.is_attached(slot)? { Some(0) } else { self.healthy(slot) }
    }

    /// Whether a slot gets traffic: it has weight; it is attached to the shared target group and has servers; or it has servers, where no load
    /// balancer is in between. None if that cannot be told.
    #[must_use]
    pub fn serves(&self, slot: Slot) -> Option<bool> {
        match &self.scope.route {
            Route::Weighted { .. } => Some(self.weight(slot)? > 0),
            Route::Attached { .. } => Some(self.is_attached(slot)? && self.group(slot)?.staying() > 0),
            Route::None => Some(self.group(slot)?.staying() > 0),
        }
    }
}

/// The state of a target; a target the load balancer does not list is unknown.
#[must_use]
pub fn target_state(health: &TargetHealth, id: &InstanceId) -> TargetState {
    health.targets.get(id).copied().unwrap_or(TargetState::Unknown)
}

/// One place of a load balancer that forwards, for finding fleets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteReading {
    /// The rule or listener.
    pub place: super::fleet::RoutePlace,
    /// Its actions.
    pub actions: RouteActions,
    /// The load balancer's name.
    pub load_balancer: super::text::Untrusted,
}

/// What is read once before a plan: attributes and policies that change what a deploy means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroupFacts {
    /// The target group.
    pub target_group: TargetGroupArn,
    /// How long a target drains, in seconds.
    pub deregistration_delay_secs: Option<u32>,
    /// `target_group_health.dns_failover.minimum_healthy_targets.count`, unless it is `off` or not told.
    pub dns_failover_minimum: Option<String>,
    /// Slow start in seconds, when on.
    pub slow_start_secs: Option<u32>,
}

/// What one version of a launch template says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateData {
    /// The image it launches, if it names one by id.
    pub image: Option<super::ids::ImageId>,
    /// Digest of everything but the image.
    pub digest: String,
    /// Everything but the image, by field, for showing differences.
    pub fields: std::collections::BTreeMap<String, super::text::Untrusted>,
}

/// What may change a group's sizes besides us.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPolicies {
    /// The group.
    pub group: super::ids::GroupName,
    /// Each scaling policy in a canonical form without names and resource labels, sorted: equal lists are equal policies.
    pub policies: Vec<super::text::Untrusted>,
    /// Scheduled actions, by name.
    pub scheduled: Vec<super::text::Untrusted>,
}
