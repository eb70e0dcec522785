//! What an operator deploys to: the server groups that serve one purpose in one environment.

use serde::{Deserialize, Serialize};

use super::analysis::Analysis;
use super::ids::{AlarmName, FleetName, GroupName, PlaceArn, TargetGroupArn};
use super::sizes::{beside, share_of};
use super::text::Untrusted;
use super::time::Millis;

/// One of the two alternating server groups of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// `a` or `b`.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// One value for each slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BySlot<T> {
    /// Slot A's.
    pub a: T,
    /// Slot B's.
    pub b: T,
}

impl<T> BySlot<T> {
    /// The value of `slot`.
    pub const fn get(&self, slot: Slot) -> &T {
        match slot {
            Slot::A => &self.a,
            Slot::B => &self.b,
        }
    }

    /// The value of `slot`, to change it.
    pub const fn get_mut(&mut self, slot: Slot) -> &mut T {
        match slot {
            Slot::A => &mut self.a,
            Slot::B => &mut self.b,
        }
    }

    /// A value for each slot, made by `make`.
    pub fn from_fn(mut make: impl FnMut(Slot) -> T) -> Self {
        Self { a: make(Slot::A), b: make(Slot::B) }
    }

    /// The slot whose value satisfies `test`, A before B.
    pub fn find(&self, test: impl Fn(&T) -> bool) -> Option<Slot> {
        Slot::BOTH.into_iter().find(|slot| test(self.get(*slot)))
    }
}

/// The server groups of a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Groups {
    /// Two, alternating: the way back is one call.
    Two(BySlot<GroupName>),
    /// One: deploys replace its servers in place of each other.
    One(GroupName),
}

impl Groups {
    /// Every group with the slot it is, where it has one.
    #[must_use]
    pub fn all(&self) -> Vec<(Option<Slot>, &GroupName)> {
        match self {
            Self::Two(slots) => Slot::BOTH.iter().map(|slot| (Some(*slot), slots.get(*slot))).collect(),
            Self::One(group) => vec![(None, group)],
        }
    }

    /// The slots there are: the only group of a fleet counts as A.
    #[must_use]
    pub const fn slots(&self) -> &'static [Slot] {
        match self {
            Self::Two(_) => &Slot::BOTH,
            Self::One(_) => &[Slot::A],
        }
    }

    /// The group in a slot.
    #[must_use]
    pub const fn get(&self, slot: Slot) -> Option<&GroupName> {
        match (self, slot) {
            (Self::Two(slots), _) => Some(slots.get(slot)),
            (Self::One(group), Slot::A) => Some(group),
            (Self::One(_), Slot::B) => None,
        }
    }
}

/// The place in a load balancer that holds the two weights.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutePlace {
    /// A listener rule: written by ModifyRule.
    Rule(PlaceArn),
    /// A listener's default action: written by ModifyListener.
    Listener(PlaceArn),
}

impl RoutePlace {
    /// The ARN of the rule or listener.
    #[must_use]
    pub const fn arn(&self) -> &PlaceArn {
        match self {
            Self::Rule(arn) | Self::Listener(arn) => arn,
        }
    }

    /// The AWS call that writes the weights here.
    #[must_use]
    pub const fn write_call(&self) -> &'static str {
        match self {
            Self::Rule(_) => "ModifyRule",
            Self::Listener(_) => "ModifyListener",
        }
    }
}

/// How traffic reaches the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// A rule or listener default that forwards to two target groups by weight.
    Weighted {
        /// Where the weights are.
        place: RoutePlace,
        /// The target group of each slot.
        target_groups: BySlot<TargetGroupArn>,
    },
    /// The groups share one target group: traffic follows healthy instances.
    Attached {
        /// The shared target group.
        target_group: TargetGroupArn,
    },
    /// Workers: no traffic comes through a load balancer.
    None,
}

impl Route {
    /// `weighted`, `attached` or `none`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Weighted { .. } => "weighted",
            Self::Attached { .. } => "attached",
            Self::None => "none",
        }
    }

    /// The target group in which the servers of a slot are registered.
    #[must_use]
    pub const fn target_group(&self, slot: Slot) -> Option<&TargetGroupArn> {
        match self {
            Self::Weighted { target_groups, .. } => Some(target_groups.get(slot)),
            Self::Attached { target_group } => Some(target_group),
            Self::None => None,
        }
    }

    /// How many servers a group has for this share where `need` carry everything. Weights leave the other group its own part; without weights
    /// the share is that of its servers among all that serve.
    #[must_use]
    pub fn servers_for(&self, need: u32, share_pct: u32) -> u32 {
        match self {
            Self::Weighted { .. } => share_of(need, share_pct),
            Self::Attached { .. } | Self::None => beside(need, share_pct),
        }
    }

    /// The place that holds the weights.
    #[must_use]
    pub const fn place(&self) -> Option<&RoutePlace> {
        match self {
            Self::Weighted { place, .. } => Some(place),
            Self::Attached { .. } | Self::None => None,
        }
    }
}

/// How a new release replaces the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// A growing share of the traffic, judged at each step.
    Canary,
    /// A full second group, then one switch.
    BlueGreen,
    /// AWS's own instance refresh.
    Rolling,
}

impl Strategy {
    /// The word people type.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
            Self::Rolling => "rolling",
        }
    }
}

/// One step of a canary: this much of the traffic for that long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightStep {
    /// Share of the traffic, percent.
    pub weight_pct: u32,
    /// How long it is observed.
    pub soak: Millis,
}

/// The canary steps of a fleet that names none: 5, 25, 50 and 100 percent.
#[must_use]
pub fn default_steps() -> Vec<WeightStep> {
    [(5, 5), (25, 10), (50, 15), (100, 5)].into_iter().map(|(weight_pct, mins)| WeightStep { weight_pct, soak: Millis::mins(mins) }).collect()
}

/// How long a migration may take unless the fleet says otherwise.
#[must_use]
pub const fn default_migration_limit() -> Millis {
    Millis::mins(30)
}

/// How a fleet came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetSource {
    /// Written down by a person: it may be changed.
    Adopted,
    /// Found by the tags `qd:fleet` and `qd:slot`: read only.
    Tagged,
    /// Guessed from the shape of load balancer and groups: read only.
    Inferred,
}

/// What a deploy does with scheduled actions inside its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheduled {
    /// It is refused: they would change sizes in the middle of it.
    #[default]
    Refuse,
    /// They are suspended on both groups, and go on when everything is given back.
    Suspend,
}

impl Scheduled {
    /// The word people type.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Suspend => "suspend",
        }
    }
}

/// What is known of a fleet without looking at its servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetSpec {
    /// Its name.
    pub name: FleetName,
    /// The application whose images it runs.
    pub app: Option<Untrusted>,
    /// The environment; `prod` raises the friction of a deploy.
    pub env: Option<Untrusted>,
    /// Its server groups.
    pub groups: Groups,
    /// How traffic reaches it.
    pub route: Route,
    /// The account it lives in, where that is written down.
    pub account: Option<String>,
    /// The region it lives in, where that is written down.
    pub region: Option<String>,
    /// Never plan for fewer healthy servers than this.
    pub floor: u32,
    /// How long the old group is kept at full size after a release.
    pub window: Millis,
    /// How deploys go unless told otherwise.
    pub strategy: Strategy,
    /// The canary's steps; the last one is 100 percent.
    pub steps: Vec<WeightStep>,
    /// Size of an idle slot: 0 or 1.
    pub idle_size: u32,
    /// Refuse images without gate records.
    pub require_verified: bool,
    /// What a deploy does with scheduled actions.
    #[serde(default)]
    pub scheduled: Scheduled,
    /// Programs with their arguments that look at a candidate before it gets traffic.
    pub gates: Vec<Vec<String>>,
    /// A program with its arguments that says which schema the fleet's database has; none where it is empty.
    #[serde(default)]
    pub schema: Vec<String>,
    /// A program with its arguments that migrates that database, run before a deploy's first server; none where it is empty.
    #[serde(default)]
    pub migration: Vec<String>,
    /// How long that may take.
    #[serde(default = "default_migration_limit")]
    pub migration_limit: Millis,
    /// A blue-green deploy waits for a person before its switch.
    pub hold: bool,
    /// CloudWatch alarms that gate: red or without data at the start refuses, red in a soak backs out.
    pub alarms: Vec<AlarmName>,
    /// Servers older than this should be recycled.
    #[serde(default)]
    pub max_age: Option<Millis>,
    /// What its canaries are judged by.
    #[serde(default)]
    pub analysis: Analysis,
    /// How the fleet came to be known.
    pub source: FleetSource,
    /// What is odd about it, for people: more than one route place, a third group, …
    pub problems: Vec<String>,
}

impl FleetSpec {
    /// Defaults of a fleet about which only name, groups and route are known.
    #[must_use]
    pub fn bare(name: FleetName, groups: Groups, route: Route, source: FleetSource) -> Self {
        let strategy = if matches!(groups, Groups::One(_)) { Strategy::Rolling } else { Strategy::Canary };
        Self {
            name,
            app: None,
            env: None,
            groups,
            route,
            account: None,
            region: None,
            floor: 1,
            window: Millis::mins(60),
            strategy,
            steps: default_steps(),
            idle_size: 0,
            require_verified: false,
            scheduled: Scheduled::Refuse,
            gates: Vec::new(),
            schema: Vec::new(),
            migration: Vec::new(),
            migration_limit: default_migration_limit(),
            hold: false,
            alarms: Vec::new(),
            max_age: None,
            analysis: Analysis::default(),
            source,
            problems: Vec::new(),
        }
    }

    /// Whether a mistake here hurts customers: the environment is `prod` or unknown.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.env.as_ref().is_none_or(|env| env.raw().starts_with("prod"))
    }

    /// The two groups, the place of the weights and the target groups, if this is an A/B fleet with a weighted route.
    #[must_use]
    pub fn weighted_pair(&self) -> Option<WeightedPair> {
        match (&self.groups, &self.route) {
            (Groups::Two(groups), Route::Weighted { place, target_groups }) => {
                Some(WeightedPair { groups: groups.clone(), place: place.clone(), target_groups: target_groups.clone() })
            }
            _ => None,
        }
    }

    /// All that an operation on it may touch or watch.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope { groups: self.groups.clone(), route: self.route.clone(), alarms: self.alarms.clone() }
    }
}

/// All that names an A/B fleet with a weighted route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightedPair {
    /// The two groups.
    pub groups: BySlot<GroupName>,
    /// Where the weights are.
    pub place: RoutePlace,
    /// The target group of each slot.
    pub target_groups: BySlot<TargetGroupArn>,
}

impl WeightedPair {
    /// The same as a scope without alarms.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let route = Route::Weighted { place: self.place.clone(), target_groups: self.target_groups.clone() };
        Scope { groups: Groups::Two(self.groups.clone()), route, alarms: Vec::new() }
    }
}

/// All that an operation on a fleet may touch, and the alarms it watches. Frozen in its plan: nothing else is ever written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The server groups.
    pub groups: Groups,
    /// How traffic reaches them.
    pub route: Route,
    /// Alarms that gate.
    pub alarms: Vec<AlarmName>,
}

impl Scope {
    /// The slots there are.
    #[must_use]
    pub const fn slots(&self) -> &'static [Slot] {
        self.groups.slots()
    }

    /// The target group in which the servers of a slot are registered.
    #[must_use]
    pub const fn target_group(&self, slot: Slot) -> Option<&TargetGroupArn> {
        self.route.target_group(slot)
    }

    /// Two groups behind a place that holds their weights.
    #[must_use]
    pub const fn is_weighted(&self) -> bool {
        matches!((&self.groups, &self.route), (Groups::Two(_), Route::Weighted { .. }))
    }
}
