//! A frozen plan: what an operation may touch, what it will do, and the numbers it was made with.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::changes::Changes;
use super::gate::Gate;
use super::schema::SchemaPlan;
use super::status::WayBackLevel;
use crate::domain::analysis::Analysis;
use crate::domain::fleet::{Route, Scope, Slot, Strategy, WeightStep};
use crate::domain::ids::{FleetName, GroupName, ImageId, OperationId, PlanId, TargetGroupArn, TemplateId};
use crate::domain::refresh::RefreshPreferences;
use crate::domain::release::Release;
use crate::domain::sizes::Sizes;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::{Counts, RouteActions};

/// The build of this program: plans of another one are not driven.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");

/// What kind of operation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// A new release replaces the stable one.
    Deploy,
    /// Traffic goes back to the last known good release.
    Rollback,
    /// The old group's window runs out and it becomes idle.
    Retire,
    /// Every server of the serving group is replaced by a fresh one of the same image.
    Recycle,
}

impl OperationKind {
    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
            Self::Retire => "retire",
            Self::Recycle => "recycle",
        }
    }

    /// Whether it goes back by itself when it cannot go forward, and people can ask it to.
    #[must_use]
    pub const fn backs_out(self) -> bool {
        matches!(self, Self::Deploy | Self::Recycle)
    }

    /// What it does once it has held until its deadline, in words.
    #[must_use]
    pub const fn at_deadline(self) -> &'static str {
        if self.backs_out() { "backs out" } else { "gives up" }
    }
}

/// One of the two groups of a plan, with what it launches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The slot.
    pub slot: Slot,
    /// The server group.
    pub group: GroupName,
    /// Its target group, if it is behind a load balancer.
    pub target_group: Option<TargetGroupArn>,
    /// Its launch template.
    pub template: TemplateId,
    /// The numbered version; none for a candidate whose version is still to be made.
    pub template_version: Option<u64>,
    /// The image.
    pub image: ImageId,
    /// What people call the image.
    pub version: Option<Untrusted>,
    /// Digest of the template's data without the image, where it could be read.
    pub digest: Option<String>,
    /// It registered its servers in its target group when the plan was made.
    pub attached: bool,
    /// It got traffic, or work, when the plan was made.
    pub served: bool,
}

impl Side {
    /// The version, or the image id where there is none.
    #[must_use]
    pub fn label(&self) -> String {
        self.version.as_ref().map_or_else(|| self.image.to_string(), Untrusted::shown)
    }

    /// What this side runs once its template version is `number`.
    #[must_use]
    pub fn release(&self, number: u64) -> Release {
        Release {
            image: self.image.clone(),
            version: self.version.clone(),
            template: self.template.clone(),
            template_version: number,
            digest: self.digest.clone(),
            group: self.group.clone(),
            slot: self.slot,
        }
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Tag both groups, wait, read back: nobody outside this store is at work here.
    Claim,
    /// Bring the idle slot to nothing before something new is launched in it.
    EmptySlot,
    /// Take the candidate's group off the target group it shares, before it has servers.
    Detach,
    /// Make or adopt the template version and pin the candidate group to it.
    Template,
    /// Make or adopt the template version; what the group launches is not touched, or AWS could not go back.
    Version,
    /// AWS's own engine replaces every server; it goes on without us.
    Refresh,
    /// AWS's engine watches what it replaced.
    Bake,
    /// The fleet's own program migrates its database, before the release gets its first server.
    Migrate,
    /// One candidate server at weight 0, healthy three times.
    OneBox,
    /// The candidate at full size, weight 0.
    FullSize,
    /// Programs of the fleet's owner look at the candidate at weight 0.
    Gates,
    /// A person says that the switch may be made.
    Approve,
    /// Grow to the share, shift, read back, soak, judge.
    Weight(WeightStep),
    /// Three complete observations a minute apart: then it is stable.
    Stable,
    /// Bring the rollback's target to the size it needs, shifting what it can carry meanwhile.
    GrowTarget,
    /// All traffic to the target.
    Shift,
    /// Read back and settle.
    Settle,
    /// The window in which the old group stays at full size.
    Window,
    /// The group that serves no more drains and becomes idle.
    Park,
    /// Give back pins and the claim.
    GiveBack,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// What it does.
    pub kind: StepKind,
    /// How people call it.
    pub title: String,
    /// How long it is expected to take, where that can be told.
    pub expected: Option<Millis>,
}

/// Every wait of an operation. `QD_TIME_SCALE` divides them all when the plan is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Between observations while something moves.
    pub period_moving: Millis,
    /// Between observations in a soak.
    pub period_soak: Millis,
    /// Between observations in a window.
    pub period_window: Millis,
    /// After a weight change, before it is believed to have spread.
    pub settle: Millis,
    /// Between the observations that make a release stable.
    pub stable_gap: Millis,
    /// Between the two readings before anything is lowered (S10).
    pub lower_gap: Millis,
    /// How long servers may take to become healthy before the step holds.
    pub launch_limit: Millis,
    /// How long a hold lasts before the operation backs out.
    pub hold_deadline: Millis,
    /// Between writing the claim and reading it back.
    pub claim_wait: Millis,
    /// How long the claim is good for unless renewed.
    pub claim_life: Millis,
    /// How long target health may be unknown before a rollback goes on without it.
    pub unknown_health: Millis,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            period_moving: Millis::secs(5),
            period_soak: Millis::secs(15),
            period_window: Millis::secs(60),
            settle: Millis::secs(60),
            stable_gap: Millis::secs(60),
            lower_gap: Millis::secs(20),
            launch_limit: Millis::mins(10),
            hold_deadline: Millis::mins(30),
            claim_wait: Millis::secs(3),
            claim_life: Millis::mins(10),
            unknown_health: Millis::secs(20),
        }
    }
}

/// However fast an operation's time passes, a person has so long to answer a hold.
const SHORTEST_HOLD: Millis = Millis::mins(1);

impl Timing {
    /// Every wait divided by `scale`. A hold is for people, who are not faster for it: it leaves them a minute all the same.
    #[must_use]
    pub fn scaled(&self, scale: u32) -> Self {
        Self {
            period_moving: self.period_moving.scaled(scale),
            period_soak: self.period_soak.scaled(scale),
            period_window: self.period_window.scaled(scale),
            settle: self.settle.scaled(scale),
            stable_gap: self.stable_gap.scaled(scale),
            lower_gap: self.lower_gap.scaled(scale),
            launch_limit: self.launch_limit.scaled(scale),
            hold_deadline: self.hold_deadline.scaled(scale).max(self.hold_deadline.min(SHORTEST_HOLD)),
            claim_wait: self.claim_wait.scaled(scale),
            claim_life: self.claim_life,
            unknown_health: self.unknown_health.scaled(scale),
        }
    }
}

/// How much a person has to do to confirm, by risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Friction {
    /// `y`.
    Confirm,
    /// `y` and a reason: forward in production.
    Reason,
    /// The fleet's name typed, and why: against advice, or irreversible.
    Typed {
        /// What makes it dangerous.
        because: String,
    },
}

/// How serious a line on the sheet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckLevel {
    /// Looked at and in order.
    Ok,
    /// Worth reading; does not stop anything.
    Warning,
    /// Could not be read.
    Unknown,
}

/// One checked fact on the sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// How serious.
    pub level: CheckLevel,
    /// In words.
    pub text: String,
}

impl Check {
    /// A line on the sheet.
    pub fn new(level: CheckLevel, text: impl Into<String>) -> Self {
        Self { level, text: text.into() }
    }
}

/// A frozen plan. Traffic moves from `from` to `to`; a retire plan parks `from` and keeps `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Digest of the plan's identity.
    pub id: PlanId,
    /// The build that made it: another build plans again.
    pub build: String,
    /// What kind of operation.
    pub kind: OperationKind,
    /// The fleet.
    pub fleet: FleetName,
    /// The environment is production, or not known to be anything else.
    pub production: bool,
    /// All that may be touched, and the alarms that gate.
    pub scope: Scope,
    /// The group that gives traffic away.
    pub from: Side,
    /// The group that gets it.
    pub to: Side,
    /// How the deploy goes; a rollback's and a retire's is the fleet's own.
    pub strategy: Strategy,
    /// The route's actions when the plan was made.
    pub actions: RouteActions,
    /// The live role's sizes, without any operation's pins.
    pub live_sizes: Sizes,
    /// An idle slot's size.
    pub idle_size: u32,
    /// Healthy servers that carry all of the traffic, at plan time; it only rises.
    pub need: u32,
    /// The fleet's floor.
    pub floor: u32,
    /// The steps, in order.
    pub steps: Vec<PlanStep>,
    /// Every wait.
    pub timing: Timing,
    /// How long the old group is kept.
    pub window: Millis,
    /// What looks at the candidate before it gets traffic.
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// What is known of the schema of the fleet's database; none where neither fleet nor images say anything of one.
    #[serde(default)]
    pub schema: Option<SchemaPlan>,
    /// Groups whose scheduled actions stand still from the beginning until everything is given back. What was suspended before is not among them.
    #[serde(default)]
    pub suspends: Vec<GroupName>,
    /// Soaks are judged; otherwise they are only timed.
    pub judged: bool,
    /// What they are judged by.
    #[serde(default)]
    pub analysis: Analysis,
    /// The live group's requests and errors just before the plan, as the baseline of a step in which the old group no longer serves.
    pub baseline: Option<Counts>,
    /// How AWS's own engine replaces servers, where it is that which does.
    #[serde(default)]
    pub refresh: Option<RefreshPreferences>,
    /// What a person has to do to confirm.
    pub friction: Friction,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// The operation this one takes the wheel from.
    pub supersedes: Option<OperationId>,
    /// The way a rollback takes.
    pub level: Option<WayBackLevel>,
    /// What a rollback leaves served when somebody first decided to leave it, so that it is marked bad. What only stood by is not.
    #[serde(default)]
    pub leaves_bad: bool,
    /// Template data that differs from the candidate slot's last version, in words.
    pub differences: Vec<String>,
    /// What changes from the release that is left to the one that is gone to.
    #[serde(default)]
    pub changes: Option<Changes>,
    /// The template version whose data, with the image replaced, the target is launched from; none where that is the one of `from`.
    #[serde(default)]
    pub source: Option<TemplateSource>,
    /// When the facts were read.
    pub as_of: WorldTime,
    /// The account and region.
    pub place: String,
}

/// A template version whose data is taken for a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateSource {
    /// The template.
    pub template: TemplateId,
    /// Its version.
    pub version: u64,
    /// Digest of its data without the image, where it could be read.
    pub digest: Option<String>,
}

impl Plan {
    /// The plan with its id: a digest of what it would touch and where it starts, not of the numbers that breathe.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        let weights: Vec<_> = self.actions.forwards().map(|(arn, weight)| format!("{}={weight}", arn.as_str())).collect();
        let identity = format!(
            "{:?}|{}|{:?}|{}:{:?}:{}:{}|{}:{:?}:{}:{}|{}|{:?}|{}|{}{}{}",
            self.kind,
            self.fleet.as_str(),
            self.scope,
            self.from.image.as_str(),
            self.from.template_version,
            self.from.template.as_str(),
            self.from.attached,
            self.to.image.as_str(),
            self.to.template_version,
            self.to.template.as_str(),
            self.to.attached,
            weights.join(","),
            self.supersedes,
            self.strategy.word(),
            self.build,
            self.refresh.as_ref().map_or_else(String::new, |refresh| format!("|{}", refresh.words())),
            self.schema.as_ref().map_or_else(String::new, |schema| format!("|{:?}|{:?}", schema.migration, schema.one_way)),
        );
        self.id = PlanId::new(hex_digest(identity.as_bytes(), 4));
        self
    }

    /// The groups it changes, each once.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupName> {
        let (from, to) = (self.from.group.clone(), self.to.group.clone());
        if from == to { vec![to] } else { vec![from, to] }
    }

    /// Where the data of a new template version comes from; none if that launches no numbered version.
    #[must_use]
    pub fn template_source(&self) -> Option<TemplateSource> {
        let of_from = || {
            let (template, digest) = (self.from.template.clone(), self.from.digest.clone());
            self.from.template_version.map(|version| TemplateSource { template, version, digest })
        };
        self.source.clone().or_else(of_from)
    }

    /// The way a rollback takes, for people; none for other plans.
    #[must_use]
    pub fn way_words(&self) -> Option<String> {
        let last = match self.scope.route {
            Route::Weighted { .. } => "then the weights",
            Route::Attached { .. } => "then it is attached and the new one taken off",
            Route::None => "then the new one is ended",
        };
        let grows = self.steps.iter().any(|step| step.kind == StepKind::GrowTarget);
        let first = if grows { "the old group grows first" } else { "the old group is warm" };
        let way = match self.level.filter(|_| self.kind == OperationKind::Rollback)? {
            WayBackLevel::R0 if self.refresh.is_some() => "R0: AWS's engine turns round".to_owned(),
            WayBackLevel::R2 if self.refresh.is_some() => "R2: AWS's engine replaces every server again".to_owned(),
            WayBackLevel::R0 => "R0: the old group is warm, one weight change".to_owned(),
            WayBackLevel::R1 => format!("R1: {first}, {last}"),
            WayBackLevel::R2 => format!("R2: the image is launched anew in the other slot, {last}"),
        };
        Some(way)
    }

    /// The content hash of the candidate's template version: same stable data and image, same version.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let source = self.template_source();
        let identity = format!(
            "{}|{}|{}|{:?}|{}",
            self.to.template.as_str(),
            self.to.image.as_str(),
            source.as_ref().map_or(self.from.template.as_str(), |source| source.template.as_str()),
            source.as_ref().map(|source| source.version),
            source.as_ref().and_then(|source| source.digest.as_deref()).unwrap_or("?"),
        );
        hex_digest(identity.as_bytes(), 16)
    }
}

/// The first `bytes` bytes of the SHA-256 of `data`, in hexadecimal.
#[must_use]
pub fn hex_digest(data: &[u8], bytes: usize) -> String {
    Sha256::digest(data).iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// Why something was refused, and what would lift it. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The reason, a sentence without its full stop.
    pub reason: String,
    /// What would lift it.
    pub remedy: String,
}

impl Refusal {
    /// A refusal with its remedy.
    pub fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into() }
    }
}
