//! What a fleet looks like to a person: its groups, its mix, its state and its way back. Screen and command line show the same.

use serde::{Deserialize, Serialize};

use super::drift::Drift;
use super::event::OperationState;
use super::freeze::Freeze;
use super::ledger::KnownRelease;
use super::plan::OperationKind;
use super::proof::Rehearsal;
use crate::domain::age::PastAge;
use crate::domain::fleet::{FleetSpec, Slot};
use crate::domain::group::Instance;
use crate::domain::ids::{FleetName, GroupName, ImageId, OperationId};
use crate::domain::image::Image;
use crate::domain::release::Release;
use crate::domain::sizes::{Role, Sizes};
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// How fast and how sure a way back is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WayBackLevel {
    /// The old group is warm: one weight change.
    R0,
    /// The old group has to grow first.
    R1,
    /// The image has to be launched anew in the other slot.
    R2,
}

impl WayBackLevel {
    /// `R0`, `R1` or `R2`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::R0 => "R0",
            Self::R1 => "R1",
            Self::R2 => "R2",
        }
    }
}

/// Where a rollback would go, by which path, how long it would take and what stands in its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayBack {
    /// The path; none when there is no way back, or nobody can tell.
    pub level: Option<WayBackLevel>,
    /// What it takes to tell could not be read: `?`, not "none".
    #[serde(default)]
    pub unknown: bool,
    /// The target comes from the ledger. Otherwise it is only what the other slot happens to hold: shown with `?`.
    pub proved: bool,
    /// The target.
    pub target: Option<Release>,
    /// How long until traffic is on the target.
    pub expected: Option<Millis>,
    /// What stands in its way, in words.
    pub blockers: Vec<String>,
    /// Newer releases that nobody can go back to, with the reason.
    #[serde(default)]
    pub passed_over: Vec<String>,
    /// When the load balancer last called the standby of an R0 healthy, with its census right; none where it was not asked.
    pub proved_at: Option<WorldTime>,
    /// That was too long ago, or never: the level is what Auto Scaling alone tells.
    #[serde(default)]
    pub stale: bool,
    /// The slot the target would serve from, in an A/B fleet.
    #[serde(default)]
    pub slot: Option<Slot>,
    /// The last rehearsal of going back to this target.
    #[serde(default)]
    pub rehearsal: Option<Rehearsal>,
}

impl WayBack {
    /// The target comes from the ledger and, where it stands warm, its load balancer said so lately.
    #[must_use]
    pub const fn is_sure(&self) -> bool {
        self.proved && !self.stale
    }
}

/// One group of a fleet as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its slot, in an A/B fleet.
    pub slot: Option<Slot>,
    /// Its name.
    pub name: GroupName,
    /// What it is at the moment, where that can be told.
    pub role: Option<Role>,
    /// The image its template launches.
    pub image: Option<ImageId>,
    /// The version of that image.
    pub version: Option<Untrusted>,
    /// What it is asked to keep.
    pub sizes: Sizes,
    /// Servers that serve, by Auto Scaling and, where it was asked, the load balancer; none if unknown.
    pub healthy: Option<u32>,
    /// Its servers.
    pub instances: Vec<Instance>,
    /// Its weight; none without a weighted route or if unknown.
    pub weight: Option<u32>,
    /// Its share of the traffic in percent: by weights, or its part of the healthy servers where there are none; none if unknown.
    pub share_pct: Option<u32>,
    /// The share an operation asks for it, where that is made of servers and may differ from what is achieved.
    #[serde(default)]
    pub asked_pct: Option<u32>,
}

/// A part of the image mix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MixLabel {
    /// The image; none where nobody could tell.
    pub image: Option<ImageId>,
    /// Version, id or `?`.
    pub label: String,
    /// Servers that run it.
    pub servers: u32,
}

/// What the fleet is doing, in the order in which a person wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetState {
    /// Nobody can tell.
    Unknown {
        /// Why.
        why: String,
    },
    /// An operation is at work.
    Busy,
    /// Servers of more than one image serve and no operation explains it.
    Mixed,
    /// Another hand changed its weights or what its groups launch.
    Drifted,
    /// Servers are missing or bad.
    Degraded {
        /// How many.
        bad: u32,
    },
    /// As it should be.
    Steady,
}

/// The operation of a fleet in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationBrief {
    /// Its id.
    pub id: OperationId,
    /// What kind.
    pub kind: OperationKind,
    /// `canary`, `blue-green`, `rollback`, `retire`.
    pub word: String,
    /// What it is doing.
    pub state: OperationState,
    /// Why it is in that state.
    pub reason: String,
    /// The step it is at, from 1.
    pub step: usize,
    /// Of how many.
    pub steps: usize,
    /// The title of that step.
    pub step_title: String,
    /// When the engine acts by itself, if it does.
    pub deadline: Option<WorldTime>,
    /// Version or id it moves away from.
    pub from: String,
    /// Version or id it moves to.
    pub to: String,
    /// A process drives it.
    pub driver_alive: bool,
}

/// A fleet as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetStatus {
    /// What is known without looking at servers.
    pub spec: FleetSpec,
    /// When its servers were read; none if never.
    pub as_of: Option<WorldTime>,
    /// Its groups.
    pub groups: Vec<GroupStatus>,
    /// Its image mix, the largest part first; empty if unknown.
    pub mix: Vec<MixLabel>,
    /// Servers that serve; none if unknown.
    pub healthy: Option<u32>,
    /// Servers wanted; none if unknown.
    pub desired: Option<u32>,
    /// What it is doing.
    pub state: FleetState,
    /// The operation that holds it or waits on it.
    pub operation: Option<OperationBrief>,
    /// The way back.
    pub way_back: WayBack,
    /// The releases of its ledger, the last to become stable first.
    #[serde(default)]
    pub releases: Vec<KnownRelease>,
    /// What another hand changed, the weights first.
    #[serde(default)]
    pub drift: Vec<Drift>,
    /// Servers older than the fleet allows; none where it names no age.
    #[serde(default)]
    pub past_age: Option<PastAge>,
    /// Why nothing new goes forward in it, if nothing may: the freeze that ends last first.
    #[serde(default)]
    pub freezes: Vec<Freeze>,
}

impl FleetStatus {
    /// How much the fleet needs somebody, for lists of several: the worst has the highest number.
    #[must_use]
    pub fn badness(&self) -> u32 {
        let stands = self.operation.as_ref().is_some_and(|brief| matches!(brief.state, OperationState::Holding | OperationState::Failed));
        let by_state = match &self.state {
            FleetState::Degraded { bad } => 400 + (*bad).min(99),
            FleetState::Unknown { .. } => 300,
            FleetState::Mixed | FleetState::Drifted => 200,
            FleetState::Busy => 100,
            FleetState::Steady => 0,
        };
        by_state + if stands { 500 } else { 0 }
    }
}

/// An image with where it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageStatus {
    /// The image.
    pub image: Image,
    /// Fleets that run it.
    pub fleets: Vec<FleetName>,
    /// Servers that run it, over all fleets.
    pub servers: u32,
    /// It is what a fleet's live group is pinned to.
    pub live: bool,
}

/// Everything the main screen and `fleets`, `images` show, from one round of reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estate {
    /// When the round ended.
    pub as_of: WorldTime,
    /// The fleets, by name.
    pub fleets: Vec<FleetStatus>,
    /// The images, newest first.
    pub images: Vec<ImageStatus>,
    /// What could not be read, in words: incomplete listings, denied calls.
    pub gaps: Vec<String>,
}
