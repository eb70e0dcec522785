//! What happened, in order. A driver appends; everything anybody knows of an operation is a fold of its events.

use serde::{Deserialize, Serialize};

use super::bake::{BakeEvent, BakePlan};
use super::command::{CommandKind, Who};
use super::gate::GateOutcome;
use super::plan::Plan;
use super::schema::MigrationOutcome;
use crate::domain::call::{CallReply, CloudCall, CloudErrorKind};
use crate::domain::fleet::BySlot;
use crate::domain::ids::{InstanceId, OperationId};
pub use crate::domain::judgement::VerdictWord;
use crate::domain::judgement::{Evidence, Judgement};
use crate::domain::refresh::InstanceRefresh;
use crate::domain::schema::LiveSchema;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::Counts;

/// What an operation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Confirmed; no driver has taken it yet.
    Planned,
    /// Going forward.
    Running,
    /// The engine stopped it: reason, deadline, then back out.
    Holding,
    /// A person stopped it.
    Paused,
    /// A retire in its window.
    Waiting,
    /// An unfinished deploy on its way back to stable.
    BackingOut,
    /// Done.
    Succeeded,
    /// Back on stable, everything borrowed given back.
    BackedOut,
    /// AWS's own engine rolled this rolling deploy back.
    RolledBack,
    /// Nothing more is attempted; the world is safe; a person is needed.
    Failed,
    /// Another operation took the wheel.
    Superseded,
}

impl OperationState {
    /// Nothing will happen any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::BackedOut | Self::RolledBack | Self::Failed | Self::Superseded)
    }

    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Holding => "holding",
            Self::Paused => "paused",
            Self::Waiting => "waiting",
            Self::BackingOut => "backing_out",
            Self::Succeeded => "succeeded",
            Self::BackedOut => "backed_out",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// As planned.
    Success,
    /// As planned, with something worth reading.
    Warning,
    /// Not needed, or skipped by a person.
    Skipped,
    /// It did not work.
    Failed,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// The cloud accepted it.
    Accepted(CallReply),
    /// The cloud, or the way to it, refused it: nothing was changed.
    Refused {
        /// What kind of failure.
        kind: CloudErrorKind,
        /// The cloud's words.
        message: Untrusted,
    },
    /// It was sent and no answer came, or the driver died in between: it is found out by looking.
    Unknown {
        /// What is known.
        message: Untrusted,
    },
}

/// A verdict over counts, with what it was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What it says.
    pub word: VerdictWord,
    /// One-sided exact probability of so many candidate errors if there were no difference; none without data.
    pub p: Option<f64>,
    /// Candidate's requests and errors since the soak began.
    pub candidate: Counts,
    /// Stable's requests and errors since the soak began.
    pub stable: Counts,
    /// What every metric came to; none in records of before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Box<Judgement>>,
    /// Which look of the step acts on it, from 1; none where it only says how things stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<u32>,
    /// Digest of the evidence it was made from, where that is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Verdict {
    /// A verdict over counts alone that only says how things stand.
    #[must_use]
    pub const fn of_counts(word: VerdictWord, p: Option<f64>, candidate: Counts, stable: Counts) -> Self {
        Self { word, p, candidate, stable, judgement: None, look: None, digest: None }
    }

    /// What decided it, in words; none where only counts were compared.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.judgement.as_ref().map(|judgement| judgement.why.as_str()).filter(|why| !why.is_empty())
    }

    /// The probability with as many digits as it needs, never rounded to nothing; `?` without data.
    #[must_use]
    pub fn p_words(&self) -> String {
        match self.p.filter(|p| !p.is_nan()) {
            None => "?".to_owned(),
            Some(p) if p < 0.000_001 => "<0.000001".to_owned(),
            Some(p) if p < 0.001 => format!("{p:.6}"),
            Some(p) => format!("{p:.3}"),
        }
    }
}

/// The body of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventBody {
    /// The first event: the whole plan.
    Planned {
        /// The plan.
        plan: Box<Plan>,
        /// Who confirmed it.
        by: Who,
        /// Why.
        reason: Option<Untrusted>,
    },
    /// The first event of a bake: the whole plan.
    BakePlanned {
        /// The plan.
        plan: Box<BakePlan>,
        /// Who confirmed it.
        by: Who,
        /// Why.
        reason: Option<Untrusted>,
    },
    /// What only a bake tells.
    Bake {
        /// It.
        what: BakeEvent,
    },
    /// A driver took the lease.
    DriverStarted {
        /// The lease's epoch.
        epoch: u64,
        /// Its host.
        host: Untrusted,
        /// Its process.
        pid: u32,
    },
    /// A step began.
    StepStarted {
        /// Index in the plan.
        step: usize,
    },
    /// A step ended.
    StepEnded {
        /// Index in the plan.
        step: usize,
        /// How.
        outcome: StepOutcome,
        /// In words.
        note: String,
        /// The step that follows, if any.
        next: Option<usize>,
    },
    /// A call is about to be made: durable before it is sent.
    CallIntended {
        /// Number of the call in this operation.
        call_no: u64,
        /// The call.
        call: CloudCall,
        /// Why, for people.
        why: String,
    },
    /// The call ended.
    CallEnded {
        /// Number of the call in this operation.
        call_no: u64,
        /// How.
        outcome: CallOutcome,
    },
    /// Observed time was added to what the step counts.
    Observed {
        /// Added to the step's observed time.
        added: Millis,
        /// Complete and healthy observations in a row, after this one.
        streak: u32,
    },
    /// The counters at the beginning of a soak.
    SoakBegan {
        /// Each slot's counters.
        counts: BySlot<Option<Counts>>,
    },
    /// The counts were judged.
    Judged {
        /// Index of the step.
        step: usize,
        /// What came out.
        verdict: Verdict,
        /// What it was made from, where it was acted on: anybody can judge it again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Box<Evidence>>,
    },
    /// A gate was started.
    GateStarted {
        /// Its number in the plan, from 0.
        gate: usize,
    },
    /// A gate ended: it passed, or it vetoed the release.
    GateEnded {
        /// Its number in the plan, from 0.
        gate: usize,
        /// How.
        outcome: GateOutcome,
    },
    /// The program that knows was asked for the live schema.
    SchemaRead {
        /// What it said.
        live: LiveSchema,
    },
    /// What it said was not acted on at once: from now on its age counts.
    SchemaPassedOver,
    /// The release that is left, which does not run on the live schema, was seen out of the traffic, or in it again.
    LeftOut {
        /// It is out.
        out: bool,
    },
    /// The migration is about to be started: durable before it is.
    MigrationStarted,
    /// The migration ended.
    MigrationEnded {
        /// How.
        outcome: MigrationOutcome,
    },
    /// Servers of the candidate seen for the first time in this step: what bounds a crash loop.
    Launched {
        /// Their ids.
        instances: Vec<InstanceId>,
    },
    /// The first of two readings before something is lowered; or what it showed is not so any more.
    LowerEvidence {
        /// Everything about it allows lowering.
        found: bool,
    },
    /// The cloud says that something of the plan is not there; none: it is there again.
    Missing {
        /// What, in words.
        what: Option<String>,
    },
    /// A person skipped the rest of the step's soak, or passed its hold.
    Promoted {
        /// Index of the step.
        step: usize,
    },
    /// More healthy servers are needed than planned.
    NeedRaised {
        /// The new need.
        need: u32,
    },
    /// The fleet's alarms say something else than before.
    AlarmsRead {
        /// What they say against going forward, in words; none if nothing.
        against: Option<String>,
    },
    /// The operation is in another state.
    StateChanged {
        /// The new state.
        to: OperationState,
        /// Why.
        reason: String,
        /// When the engine acts by itself, if it does.
        deadline: Option<WorldTime>,
    },
    /// A command was taken out of the queue.
    CommandAnswered {
        /// What was asked.
        kind: CommandKind,
        /// Who asked.
        by: Who,
        /// Why.
        reason: Option<Untrusted>,
        /// Whether it is done.
        accepted: bool,
        /// The answer in words.
        answer: String,
    },
    /// What AWS's own engine says of the instance refresh, whenever that changed.
    RefreshSeen {
        /// It.
        refresh: Box<InstanceRefresh>,
    },
    /// All traffic is on the target: the end of what a rollback is for.
    TrafficOnTarget,
    /// The release entered the ledger.
    BecameStable,
    /// Another operation took the wheel.
    SupersededBy {
        /// It.
        operation: OperationId,
    },
    /// Something worth reading.
    Noted {
        /// In words.
        text: String,
    },
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the operation's events, from 0 without gaps.
    pub seq: u64,
    /// World time.
    pub at: WorldTime,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_never_rounded_to_nothing() {
        let shown = |p| Verdict::of_counts(VerdictWord::Pass, p, Counts::default(), Counts::default()).p_words();
        assert_eq!([Some(0.412), Some(0.000_012), Some(0.000_000_000_1), None].map(shown), ["0.412", "0.000012", "<0.000001", "?"]);
    }
}
