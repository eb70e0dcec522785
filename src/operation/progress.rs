//! What is known of an operation: the fold of its events and nothing else, so that any process comes to the same answer.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::command::CommandKind;
use super::event::{Event, EventBody, OperationState, StepOutcome, Verdict, VerdictWord};
use super::gate::GateOutcome;
use super::outcome::{CallInFlight, CallTally, RefusedCall};
use super::plan::Plan;
use super::schema::{MigrationEnd, MigrationOutcome, MigrationStatus, SchemaReading};
use crate::domain::call::CloudCall;
use crate::domain::fleet::BySlot;
use crate::domain::ids::{GroupName, InstanceId, OperationId, RefreshId};
use crate::domain::judgement::Evidence;
use crate::domain::refresh::InstanceRefresh;
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::{Counts, RouteActions};

/// What the reason of a pause goes on with, where something came up that speaks against what stands.
pub const MEANWHILE: &str = "; meanwhile ";

/// One step as it stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepStatus {
    /// When it began.
    pub started_at: Option<WorldTime>,
    /// When it ended.
    pub ended_at: Option<WorldTime>,
    /// How it ended.
    pub outcome: Option<StepOutcome>,
    /// In words.
    pub note: String,
    /// The last verdict.
    pub verdict: Option<Verdict>,
    /// The looks that were acted on, oldest first.
    #[serde(default)]
    pub looks: Vec<LookTaken>,
    /// What the last of them was made from.
    #[serde(default)]
    pub evidence: Option<Box<Evidence>>,
}

/// A look at a step's metrics that was acted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookTaken {
    /// When.
    pub at: WorldTime,
    /// Its number, from 1.
    pub look: u32,
    /// What it said.
    pub word: VerdictWord,
    /// Its score; none without one.
    pub score: Option<u32>,
}

/// The instance refresh an operation asked for last, as far as its calls and looks tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshMemory {
    /// Its id; none after a start without an answer.
    pub id: Option<RefreshId>,
    /// The template version it launches.
    pub version: Option<u64>,
    /// When it was asked for.
    pub sent_at: Option<WorldTime>,
    /// When it was asked to stop or to turn round.
    pub turned_at: Option<WorldTime>,
    /// How many were asked for. One that got no answer and was never seen counts as one with the next: it is looked for before it is asked for again.
    pub starts: u32,
    /// What AWS said of it last.
    pub seen: Option<InstanceRefresh>,
}

impl RefreshMemory {
    /// It was asked for, got no answer, and was never seen.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.sent_at.is_some() && self.id.is_none() && self.seen.is_none()
    }
}

/// The fold of an operation's events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What the operation is doing.
    pub state: OperationState,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: WorldTime,
    /// When the engine acts by itself, if it does.
    pub deadline: Option<WorldTime>,
    /// Every step of the plan.
    pub steps: Vec<StepStatus>,
    /// Index of the step that is at work or comes next.
    pub current: usize,
    /// The candidate's template version, once it is made.
    pub candidate_version: Option<u64>,
    /// Healthy servers that carry all of the traffic; it only rises.
    pub need: u32,
    /// Observed time of the current step.
    pub observed: Millis,
    /// Complete and healthy observations in a row.
    pub streak: u32,
    /// How often in this step observations that were healthy ceased to be.
    #[serde(default)]
    pub lapses: u32,
    /// When the last observation counted.
    pub last_observed_at: Option<WorldTime>,
    /// A driver took over since then: nobody observed what was in between.
    #[serde(default)]
    pub taken_over: bool,
    /// The counters when the soak began.
    pub soak_counts: Option<BySlot<Option<Counts>>>,
    /// When the soak began.
    #[serde(default)]
    pub soak_began_at: Option<WorldTime>,
    /// Groups this operation asked to be parked.
    #[serde(default)]
    pub parked: BTreeSet<GroupName>,
    /// The first of two readings before something is lowered.
    pub lower_evidence_at: Option<WorldTime>,
    /// Gates that ended in this step, by their numbers.
    #[serde(default)]
    pub gates: BTreeMap<usize, GateOutcome>,
    /// What the program that knows said of the live schema last.
    #[serde(default)]
    pub schema: Option<SchemaReading>,
    /// The release that is left, which does not run on the live schema, was seen out of the traffic.
    #[serde(default)]
    pub left_out: bool,
    /// The migration, once it was begun.
    #[serde(default)]
    pub migration: Option<MigrationStatus>,
    /// Since when the cloud says that something of the plan is not there.
    #[serde(default)]
    pub missing_since: Option<WorldTime>,
    /// Servers of the candidate seen in this step.
    pub launched: BTreeSet<InstanceId>,
    /// The call whose outcome is not known yet.
    pub in_flight: Option<CallInFlight>,
    /// What the route may read as if nobody else changed it: what this operation wrote last, or what it found. Two values only after a call
    /// without an answer.
    pub expected_routes: Vec<RouteActions>,
    /// Whether each group may read attached to a target group it shares if nobody else changed it, in the order in which it was written or
    /// found. Two values only after a call without an answer.
    pub attached: BTreeMap<GroupName, Vec<bool>>,
    /// When this operation last wrote the route or an attachment.
    pub written_at: Option<WorldTime>,
    /// A person skipped the rest of the current soak, or passed its hold.
    pub promoted: bool,
    /// When the claim's tags were last written; none once they are given back.
    pub claimed_at: Option<WorldTime>,
    /// Claims that were accepted in this step; those renewed in a hold or a pause do not count.
    #[serde(default)]
    pub claims: u32,
    /// What is known of the instance refresh.
    #[serde(default)]
    pub refresh: RefreshMemory,
    /// The stable release is mirrored as a tag.
    pub mirrored: bool,
    /// When the step's wait began: launching, claiming, holding.
    pub step_started_at: Option<WorldTime>,
    /// When all traffic was on the target.
    pub traffic_on_target_at: Option<WorldTime>,
    /// The release entered the ledger.
    pub stable: bool,
    /// What its calls came to.
    pub calls: CallTally,
    /// Each kind of call that was refused since the last one that was accepted; the last one refused comes last.
    #[serde(default)]
    pub refused: Vec<RefusedCall>,
    /// The last call that may have happened, and when that was recorded.
    #[serde(default)]
    pub made: Option<(CloudCall, WorldTime)>,
    /// What the fleet's alarms say against going forward.
    #[serde(default)]
    pub alarms_against: Option<String>,
    /// The state a person's pause interrupted.
    pub paused_from: Option<OperationState>,
    /// The last command that was accepted, and who asked: whoever asks the same again is told.
    pub obeyed: Option<(CommandKind, String)>,
    /// The operation that took the wheel.
    pub superseded_by: Option<OperationId>,
}

impl Progress {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(plan: &Plan, at: WorldTime) -> Self {
        Self {
            state: OperationState::Planned,
            reason: "waits for its driver".to_owned(),
            since: at,
            deadline: None,
            steps: vec![StepStatus::default(); plan.steps.len()],
            current: 0,
            candidate_version: plan.to.template_version,
            need: plan.need,
            observed: Millis::ZERO,
            streak: 0,
            lapses: 0,
            last_observed_at: None,
            taken_over: false,
            soak_counts: None,
            soak_began_at: None,
            parked: BTreeSet::new(),
            lower_evidence_at: None,
            missing_since: None,
            gates: BTreeMap::new(),
            schema: None,
            left_out: false,
            migration: None,
            launched: BTreeSet::new(),
            in_flight: None,
            expected_routes: vec![plan.actions.clone()],
            attached: [&plan.from, &plan.to].map(|side| (side.group.clone(), vec![side.attached])).into(),
            written_at: None,
            promoted: false,
            claimed_at: None,
            claims: 0,
            refresh: RefreshMemory::default(),
            mirrored: false,
            step_started_at: None,
            traffic_on_target_at: None,
            stable: false,
            calls: CallTally::default(),
            refused: Vec::new(),
            made: None,
            alarms_against: None,
            paused_from: None,
            obeyed: None,
            superseded_by: None,
        }
    }

    /// The fold of `events` over `plan`.
    #[must_use]
    pub fn of(plan: &Plan, events: &[Event]) -> Self {
        let start = events.first().map_or(plan.as_of, |event| event.at);
        let mut progress = Self::new(plan, start);
        for event in events {
            progress.apply(event);
        }
        progress
    }

    /// Takes one more event into account.
    pub fn apply(&mut self, event: &Event) {
        match &event.body {
            EventBody::CommandAnswered { kind, by, accepted: true, .. } => self.obeyed = Some((*kind, by.short())),
            EventBody::DriverStarted { .. } => {
                self.taken_over = true;
                self.use_schema();
                self.lose_migration();
            }
            EventBody::Planned { .. }
            | EventBody::BakePlanned { .. }
            | EventBody::Bake { .. }
            | EventBody::CommandAnswered { .. }
            | EventBody::Noted { .. } => {}
            EventBody::StepStarted { step } => self.start_step(*step, event.at),
            EventBody::StepEnded { step, outcome, note, next } => self.end_step(*step, *outcome, note, *next, event.at),
            EventBody::CallIntended { call_no, call, .. } => {
                self.calls.intended += 1;
                self.use_schema();
                self.in_flight = Some(CallInFlight { call_no: *call_no, call: call.clone(), since: event.at });
            }
            EventBody::CallEnded { outcome, .. } => self.end_call(outcome, event.at),
            EventBody::Observed { added, streak } => {
                self.observed = self.observed.plus(*added);
                self.lapses += u32::from(self.streak > 0 && *streak == 0);
                self.streak = *streak;
                self.observe_from(event.at);
            }
            EventBody::SoakBegan { counts } => {
                self.soak_counts = Some(counts.clone());
                self.soak_began_at = Some(event.at);
                self.observed = Millis::ZERO;
                self.observe_from(event.at);
            }
            EventBody::Judged { step, verdict, evidence } => self.judge(*step, verdict, evidence.as_deref(), event.at),
            EventBody::GateStarted { .. } => {}
            EventBody::GateEnded { gate, outcome } => drop(self.gates.insert(*gate, outcome.clone())),
            EventBody::SchemaRead { live } => self.schema = Some(SchemaReading { at: event.at, live: live.clone(), fresh: true, used: false }),
            EventBody::SchemaPassedOver => self.use_schema(),
            EventBody::LeftOut { out } => self.left_out = *out,
            EventBody::MigrationStarted => self.migration = Some(MigrationStatus { started_at: event.at, outcome: None, lost: false }),
            EventBody::MigrationEnded { outcome } => self.end_migration(outcome),
            EventBody::Launched { instances } => self.launched.extend(instances.iter().cloned()),
            EventBody::Missing { what } => self.missing_since = what.as_ref().map(|_| self.missing_since.unwrap_or(event.at)),
            EventBody::LowerEvidence { found } => self.find_evidence(*found, event.at),
            EventBody::Promoted { step } => self.promote(*step),
            EventBody::AlarmsRead { against } => self.alarms_against.clone_from(against),
            EventBody::NeedRaised { need } => self.need = self.need.max(*need),
            EventBody::StateChanged { to, reason, deadline } => self.change_state(*to, reason, *deadline, event.at),
            EventBody::TrafficOnTarget => self.traffic_on_target_at = Some(event.at),
            EventBody::RefreshSeen { refresh } => self.refresh.seen = Some(*refresh.clone()),
            EventBody::BecameStable => self.stable = true,
            EventBody::SupersededBy { operation } => {
                self.superseded_by = Some(operation.clone());
                self.change_state(OperationState::Superseded, &format!("{operation} took the wheel"), None, event.at);
            }
        }
    }

    /// Whether a group may read attached to the target group it shares if nobody else changed it; empty for groups that are not in the plan.
    #[must_use]
    pub fn may_read_attached(&self, group: &GroupName) -> &[bool] {
        self.attached.get(group).map_or(&[], Vec::as_slice)
    }

    /// The current step has a failed verdict: it stays failed until a person promotes against it.
    #[must_use]
    pub fn failed_verdict(&self) -> Option<&Verdict> {
        self.steps.get(self.current)?.verdict.as_ref().filter(|verdict| verdict.word == VerdictWord::Fail)
    }

    fn judge(&mut self, step: usize, verdict: &Verdict, evidence: Option<&Evidence>, at: WorldTime) {
        let Some(status) = self.steps.get_mut(step) else { return };
        status.verdict = Some(verdict.clone());
        if let Some(look) = verdict.look {
            let score = verdict.judgement.as_ref().and_then(|judgement| judgement.score);
            status.looks.push(LookTaken { at, look, word: verdict.word, score });
        }
        if let Some(evidence) = evidence {
            status.evidence = Some(Box::new(evidence.clone()));
        }
    }

    fn start_step(&mut self, step: usize, at: WorldTime) {
        self.current = step;
        if let Some(status) = self.steps.get_mut(step) {
            status.started_at = Some(at);
            status.ended_at = None;
            status.outcome = None;
        }
        self.reset_step_counters(at);
    }

    fn reset_step_counters(&mut self, at: WorldTime) {
        self.step_started_at = Some(at);
        self.observed = Millis::ZERO;
        (self.streak, self.lapses) = (0, 0);
        self.last_observed_at = None;
        self.soak_counts = None;
        self.soak_began_at = None;
        self.lower_evidence_at = None;
        self.gates.clear();
        self.launched.clear();
        self.claims = 0;
        self.promoted = false;
        self.doubt_schema();
    }

    /// A person says that the step goes on; past a hold, whatever was launched in it until then.
    fn promote(&mut self, step: usize) {
        self.promoted = step == self.current;
        if self.promoted && self.state == OperationState::Holding {
            self.launched.clear();
        }
    }

    /// The driver that began it is gone: what was known of the schema before says nothing any more.
    fn lose_migration(&mut self) {
        if let Some(migration) = self.migration.as_mut().filter(|migration| migration.is_open()) {
            migration.lost = true;
            self.doubt_schema();
        }
    }

    fn end_migration(&mut self, outcome: &MigrationOutcome) {
        match self.migration.as_mut().filter(|_| outcome.end != MigrationEnd::NotStarted) {
            Some(migration) => migration.outcome = Some(outcome.clone()),
            None => self.migration = None,
        }
        self.doubt_schema();
    }

    /// What is known of the live schema is what somebody knew a while ago.
    const fn use_schema(&mut self) {
        if let Some(reading) = &mut self.schema {
            reading.used = true;
        }
    }

    /// The live schema is asked for again before anything depends on it.
    const fn doubt_schema(&mut self) {
        if let Some(reading) = &mut self.schema {
            reading.fresh = false;
        }
    }

    /// From the first reading on, observed time counts towards the second; nothing does after one that says otherwise.
    fn find_evidence(&mut self, found: bool, at: WorldTime) {
        self.observed = Millis::ZERO;
        if found {
            self.lower_evidence_at = Some(at);
            self.observe_from(at);
            self.streak = self.streak.max(1);
        } else {
            (self.lower_evidence_at, self.last_observed_at, self.streak) = (None, None, 0);
        }
    }

    /// The next gap between observations begins.
    const fn observe_from(&mut self, at: WorldTime) {
        self.last_observed_at = Some(at);
        self.taken_over = false;
    }

    fn end_step(&mut self, step: usize, outcome: StepOutcome, note: &str, next: Option<usize>, at: WorldTime) {
        if let Some(status) = self.steps.get_mut(step) {
            status.ended_at = Some(at);
            status.outcome = Some(outcome);
            note.clone_into(&mut status.note);
        }
        self.current = next.unwrap_or(self.steps.len());
        self.reset_step_counters(at);
    }

    fn change_state(&mut self, to: OperationState, reason: &str, deadline: Option<WorldTime>, at: WorldTime) {
        if to == OperationState::Paused {
            if self.state == OperationState::Paused {
                // Something came up or went away meanwhile: the pause itself is as old as it was.
                reason.clone_into(&mut self.reason);
                return;
            }
            self.paused_from = Some(self.state);
        }
        if to == OperationState::BackingOut {
            self.reset_step_counters(at);
        }
        if to == OperationState::Running && matches!(self.state, OperationState::Holding | OperationState::Paused) {
            // Observed time stands still while nothing is observed for the step; the wait for servers begins anew.
            self.step_started_at = Some(at);
            self.last_observed_at = None;
            (self.streak, self.lapses) = (0, 0);
            // What took no traffic before the hold may have taken some meanwhile.
            self.lower_evidence_at = None;
            self.refused.retain(RefusedCall::is_hint);
            self.doubt_schema();
        }
        self.state = to;
        reason.clone_into(&mut self.reason);
        self.deadline = deadline;
        self.since = at;
    }
}
