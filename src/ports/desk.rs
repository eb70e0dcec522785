//! What screen and command line ask of everything behind them: facts, plans, operations. Neither knows cloud or store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;

use crate::domain::alarms::FleetAlarms;
use crate::domain::budget::BudgetKey;
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::fleet::{BySlot, Slot};
use crate::domain::ids::{FleetName, ImageId, InstanceId, OperationId};
use crate::domain::image::Image;
use crate::domain::observation::AlarmReading;
use crate::domain::recipe::Recipe;
use crate::domain::refresh::InstanceRefresh;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::{Counts, TargetState};
use crate::operation::any::AnyView;
use crate::operation::bake::{BakeAnswer, BakePlan, BakeView, BakeWish, Behind};
use crate::operation::command::CommandKind;
use crate::operation::damage::{DamagedOperation, RawOperation};
use crate::operation::freeze::Freeze;
use crate::operation::intent::Intent;
use crate::operation::ledger::LedgerEntry;
use crate::operation::plan::{CheckLevel, Plan, Refusal};
use crate::operation::proof::Rehearsal;
use crate::operation::record::OperationView;
use crate::operation::status::{Estate, FleetStatus};

/// Where we are and whether it can be trusted: the first line of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `SIM x10`, or the region.
    pub place: String,
    /// The account, once known.
    pub account: Option<Untrusted>,
    /// The caller, once known.
    pub caller: Option<Untrusted>,
    /// The cloud is simulated: nobody signs in to it.
    pub simulated: bool,
    /// Nothing can be changed from here.
    pub read_only: bool,
    /// When the credentials end, where that is told.
    pub credentials_end: Option<WorldTime>,
    /// Every wait of an operation is divided by this, for tests; 1 otherwise.
    pub time_scale: u32,
    /// `mine only`, or `shared on HOST`.
    pub store: String,
    /// The person at the keyboard, as operations name who began them: `user@host`.
    pub user: String,
}

/// An opened fleet: everything the main row has, and what only the opened one is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetDetail {
    /// The fleet, with target health taken into account.
    pub status: FleetStatus,
    /// Each server's state by the load balancer; empty where it was not or could not be asked.
    pub target_states: BTreeMap<InstanceId, TargetState>,
    /// Requests and errors of each slot since its counters began; none where nobody counts.
    pub counts: BySlot<Option<Counts>>,
    /// The alarms that gate its deploys, where they could be read.
    pub alarms: Vec<AlarmReading>,
    /// The newest instance refresh of the group AWS's engine may be at work on; none where there is none, or it was not asked.
    pub refresh: Option<InstanceRefresh>,
    /// What could not be read, in words.
    pub unknowns: Vec<String>,
}

/// What a sender of a command saw when deciding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The step.
    pub step: usize,
    /// The last event.
    pub last_event: u64,
}

/// Why something did not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// A guard refused; nothing was changed.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The cloud did not do it.
    #[error("{0}")]
    Cloud(#[from] CloudError),
    /// Something else: the sentence and a hint.
    #[error("{message}")]
    Other {
        /// What went wrong, a sentence without its full stop.
        message: String,
        /// What to do about it.
        hint: String,
    },
}

impl DeskError {
    /// A failure with its hint.
    pub fn other(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Other { message: message.into(), hint: hint.into() }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.remedy,
            Self::Cloud(error) => error.hint(),
            Self::Other { hint, .. } => hint,
        }
    }

    /// Credentials are missing or over: actions go off until they are back.
    #[must_use]
    pub const fn is_credentials(&self) -> bool {
        matches!(self, Self::Cloud(CloudError { kind: CloudErrorKind::Auth, .. }))
    }
}

/// What the screen stands on, besides what it read from the cloud.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// Credentials, region, files and records: what was found, what is missing and how to get it.
    pub findings: Vec<Finding>,
    /// What is left of the call budget that every process of this store shares; empty where calls cost nothing or none was made.
    pub budget: Vec<BudgetLevel>,
    /// The command that brings credentials back, where there is one.
    pub sign_in: Option<String>,
}

/// What is left of one part of the call budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetLevel {
    /// Which calls are paid from it.
    pub key: BudgetKey,
    /// Calls that could be made at once; below zero when rollbacks borrowed.
    pub left: f64,
}

/// A recipe that is kept where the screen finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownRecipe {
    /// Its file.
    pub file: PathBuf,
    /// What it says; or what is wrong with it, a line for each mistake.
    pub recipe: Result<Box<Recipe>, String>,
}

/// Everything behind the screen.
#[async_trait]
pub trait Desk: super::image_desk::ImageDesk {
    /// The first line, with what is known so far; no I/O.
    fn header(&self) -> Header;

    /// World time as well as it is known without asking anybody; no I/O.
    fn now(&self) -> WorldTime;

    /// The last estate any process of this store saw; quick, no network.
    fn last_known(&self) -> Result<Option<Estate>, DeskError>;

    /// What the screen stands on: quick, no network.
    fn sources(&self) -> Result<Sources, DeskError>;

    /// The estate now. A snapshot of another process younger than the polling period is taken instead of asking again.
    async fn estate(&self) -> Result<Estate, DeskError>;

    /// The alarms of all fleets. A round that any process of this store made within its period is taken instead of asking again.
    async fn alarms(&self) -> Result<FleetAlarms, DeskError>;

    /// One fleet, looked at closely.
    async fn fleet(&self, name: &FleetName) -> Result<FleetDetail, DeskError>;

    /// Rises when the store has something new; cheap enough to ask ten times a second.
    fn store_version(&self) -> Result<u64, DeskError>;

    /// Operations with their events, newest first: all that are not finished, and of the finished ones the newest `finished`.
    fn operations(&self, finished: usize) -> Result<Vec<OperationView>, DeskError>;

    /// A plan for what a person wants, from facts read for it; nothing is changed.
    async fn plan(&self, intent: &Intent) -> Result<Plan, DeskError>;

    /// Confirms a plan: writes the operation and starts its driver. The plan is made again first: a deploy whose plan's id changed is
    /// refused with the difference, a rollback with the same from, to and path goes on. `typed` is the fleet's name where the plan asks for it.
    async fn execute(&self, intent: &Intent, plan: &Plan, reason: Option<Untrusted>, typed: Option<Untrusted>) -> Result<OperationId, DeskError>;

    /// Asks something of an operation and waits for the answer (a few seconds at most). The answer in words.
    async fn command(
        &self,
        operation: &OperationId,
        kind: CommandKind,
        seen: Seen,
        reason: Option<Untrusted>,
        typed: Option<Untrusted>,
    ) -> Result<String, DeskError>;

    /// Tries a rollback out up to its first write and keeps the result for everybody; changes nothing in the cloud.
    async fn rehearse(&self, intent: &Intent) -> Result<Rehearsal, DeskError>;

    /// Starts a driver for an operation whose driver is gone. An error if it has one.
    async fn take_over(&self, id: &OperationId) -> Result<(), DeskError>;

    /// Lets nothing new go forward in a fleet, or in any, for so long. What is under way goes on.
    async fn freeze(&self, fleet: Option<&FleetName>, length: Millis, reason: Untrusted) -> Result<Freeze, DeskError>;

    /// Lifts the freeze of a fleet, or of all; the one that was lifted, if there was one.
    async fn unfreeze(&self, fleet: Option<&FleetName>, reason: Option<Untrusted>) -> Result<Option<Freeze>, DeskError>;

    /// Bakes with their events, newest first: all that are not finished, and of the finished ones the newest `finished`.
    fn bakes(&self, finished: usize) -> Result<Vec<BakeView>, DeskError>;

    /// What a recipe comes to now: a plan, or an image that is there already; nothing is changed.
    async fn plan_bake(&self, wish: &BakeWish) -> Result<BakeAnswer, DeskError>;

    /// Confirms the plan of a bake: writes the operation and starts its driver.
    async fn begin_bake(&self, plan: &BakePlan, reason: Option<Untrusted>) -> Result<OperationId, DeskError>;

    /// For each application image, how old its base is against the newest image of that base's own line, as recipes name them.
    async fn behind(&self, recipes: &[Recipe]) -> Result<Vec<Behind>, DeskError>;

    /// The log of a bake from this byte on, as far as its driver kept it: at most a mebibyte; nothing where there is no more.
    fn bake_log(&self, id: &OperationId, from: u64) -> Result<Vec<u8>, DeskError>;

    /// The recipes this person keeps in `recipes/` beside `fleets.toml`, in the order of their names; no network.
    fn recipes(&self) -> Result<Vec<KnownRecipe>, DeskError>;

    /// What went wrong with the waves that were begun last, in sentences; none if nothing did so far. No network.
    fn waves_said(&self) -> Result<Option<String>, DeskError>;

    /// Starts baking those of these recipes anew whose newest image is behind its base, so many at once, in a process of its own.
    fn rebake(&self, recipes: &[PathBuf], wave: u16, reason: Option<&Untrusted>) -> Result<(), DeskError>;
}

/// What only the command line asks.
#[async_trait]
pub trait Records: Desk {
    /// How many days the base of each image is behind the newest of its line; those of which nobody can tell are left out.
    async fn base_lags(&self, images: &[&Image]) -> BTreeMap<ImageId, u64>;

    /// One operation by its id.
    fn operation(&self, id: &OperationId) -> Result<OperationView, DeskError>;

    /// One operation by its id, of whichever kind.
    fn any_operation(&self, id: &OperationId) -> Result<AnyView, DeskError>;

    /// Operations whose record is damaged, newest first: all that are not finished, and those among the newest `finished` of the others.
    fn damaged(&self, finished: usize) -> Result<Vec<DamagedOperation>, DeskError>;

    /// An operation as the bytes the store has of it, readable or not.
    fn raw_operation(&self, id: &OperationId) -> Result<RawOperation, DeskError>;

    /// The ledger of a fleet, oldest entry first.
    fn ledger(&self, fleet: &FleetName) -> Result<Vec<LedgerEntry>, DeskError>;

    /// Marks a release (version or image id) of the ledger as bad, or takes the mark off. The answer in words.
    async fn mark(&self, fleet: &FleetName, release: &str, bad: bool, reason: Untrusted) -> Result<String, DeskError>;

    /// The freezes in force, the one that ends last first; as of world time as well as it is known without asking anybody.
    fn freezes(&self) -> Result<Vec<Freeze>, DeskError>;

    /// Writes a found fleet down, so that it may be changed: into `fleets.toml`, with a first entry in the ledger. `live` decides where the weights do not.
    async fn adopt(&self, fleet: &FleetName, live: Option<Slot>) -> Result<Adopted, DeskError>;

    /// Picks up what nobody drives: every operation whose driver is gone, and what operations left that cannot go on.
    async fn recover(&self) -> Result<Vec<Recovered>, DeskError>;

    /// What works, what does not and why: credentials, permissions, clock, store, and with a fleet its route, policies and claim.
    async fn doctor(&self, fleet: Option<&FleetName>) -> Result<Vec<Finding>, DeskError>;
}

/// What picking an operation up came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// It has a driver again.
    Started,
    /// Another operation goes to the same release in its place.
    PlannedAgain,
    /// Another operation gives back what it left.
    GivesBack,
    /// It is over, and left nothing.
    NothingLeft,
    /// It was confirmed and never began: it is over, nothing was changed.
    Ended,
    /// It waits for a person.
    NeedsPerson,
    /// It did not work.
    Failed,
}

/// One operation that was picked up, or was not.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Recovered {
    /// The operation.
    pub operation: OperationId,
    /// Its fleet; none for bakes.
    pub fleet: Option<FleetName>,
    /// What it came to.
    pub outcome: Recovery,
    /// In words.
    pub text: String,
    /// What a person can do, where one is needed.
    pub hint: Option<String>,
}

/// What adopting a fleet did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// What was written, and where.
    pub written: String,
    /// The first entry of the ledger, in words.
    pub ledger: String,
    /// What infrastructure-as-code must leave alone from now on.
    pub ignore_changes: String,
}

/// One line of the doctor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is in order.
    pub level: CheckLevel,
    /// What was looked at.
    pub subject: String,
    /// What was found, and what to do where it is not in order.
    pub text: String,
}
