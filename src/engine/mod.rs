//! The rollout engine, sans-IO: what is known and one look at the world in, events and at most one call out.
//!
//! Each period is a full observation, then at most one mutation, then another observation. Nothing here remembers: everything is read
//! from the plan, the fold of the events and what was just seen, so that any driver on any host continues where another one stopped.

mod alarms;
pub mod answer;
mod attachment;
mod back_out;
pub mod bake;
mod calls;
mod credentials;
mod deploy;
pub mod drive;
mod driven;
mod foreign;
mod gates;
mod gone;
mod guards;
mod lower;
mod refresh;
mod relaunch;
mod retire;
mod rollback;
mod rolling;
mod scheduled;
pub mod schema;
mod shift;
mod situation;
mod soak;
mod traffic;
mod verdict;
mod weight;

pub use crate::operation::consequence;
pub use crate::operation::decision::{Decision, WantedCall};
pub use guards::Broken;
pub use situation::Situation;

use crate::domain::call::CloudCall;
use crate::domain::observation::Depth;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::claim::CLAIM_KEY;
use crate::operation::event::{Event, EventBody, OperationState, StepOutcome};
use crate::operation::gate::GateRun;
use crate::operation::plan::{OperationKind, Plan, StepKind};
use crate::operation::progress::{MEANWHILE, Progress};
use crate::operation::schema::{HookKind, HookRun};

/// What a step wants to happen.
enum Move {
    /// Make this call.
    Call(WantedCall),
    /// Look again after a while.
    Wait { why: String, period: Millis },
    /// Let this gate be run, and look again after a while.
    Gate { run: GateRun, period: Millis },
    /// Let this program of the fleet's owner be run, and look again after a while.
    Hook { run: HookRun, period: Millis },
    /// The step is over.
    Done { outcome: StepOutcome, note: String },
    /// Stop, with a deadline after which the deploy backs out; what may be called while it holds.
    Hold { why: String, meanwhile: Option<WantedCall> },
    /// Stop for something that backing out would not help with: without a deadline.
    Stand { why: String, meanwhile: Option<WantedCall> },
    /// Go back to stable.
    BackOut { why: String },
    /// AWS's own engine went back by itself, and everything is as it was.
    RolledBack { why: String },
    /// Attempt nothing more.
    Fail { why: String },
}

/// What a step has to say: things to record, and what it wants.
struct Step {
    events: Vec<EventBody>,
    then: Move,
}

impl From<Move> for Step {
    fn from(then: Move) -> Self {
        Self { events: Vec::new(), then }
    }
}

impl Move {
    fn call(call: CloudCall, why: impl Into<String>) -> Self {
        Self::Call(WantedCall { call, why: why.into() })
    }

    fn wait(why: impl Into<String>, period: Millis) -> Self {
        Self::Wait { why: why.into(), period }
    }

    fn done(note: impl Into<String>) -> Self {
        Self::Done { outcome: StepOutcome::Success, note: note.into() }
    }

    fn hold(why: impl Into<String>) -> Self {
        Self::Hold { why: why.into(), meanwhile: None }
    }
}

/// How much has to be looked at before the next decision. The first write of a fast rollback needs only the route and the target's health.
#[must_use]
pub fn depth(plan: &Plan, progress: &Progress) -> Depth {
    let shifts_first = plan.kind == OperationKind::Rollback
        && progress.calls.intended == 0
        && plan.steps.get(progress.current).is_some_and(|step| step.kind == StepKind::Shift)
        && progress.streak == 0;
    match plan.refresh {
        Some(_) => Depth::WithRefreshes(plan.to.slot),
        None if shifts_first && plan.scope.is_weighted() => Depth::RouteAndTargets(plan.to.slot),
        None => Depth::Full,
    }
}

/// Decides what to do now.
///
/// # Errors
/// An invariant would break: the driver records it and stops in place.
pub fn decide(situation: &Situation<'_>) -> Result<Decision, Broken> {
    let decision = match situation.progress.state {
        state if state.is_final() => Decision::default(),
        OperationState::Planned => return begin(situation),
        OperationState::Paused => carry_out(situation, paused(situation)),
        OperationState::BackingOut if situation.plan.refresh.is_some() => carry_out(situation, rolling::back_out(situation)),
        OperationState::BackingOut => carry_out(situation, back_out::next(situation)),
        _ => carry_out(situation, forward(situation)),
    };
    if let Some(wanted) = &decision.call {
        guards::check(situation, &wanted.call)?;
    }
    Ok(decision)
}

/// The first turn begins the first step and goes on with it: the first write of a fast rollback costs one look.
fn begin(situation: &Situation<'_>) -> Result<Decision, Broken> {
    let running = EventBody::StateChanged { to: OperationState::Running, reason: "driver is at work".to_owned(), deadline: None };
    let mut events = vec![running, EventBody::StepStarted { step: 0 }];
    let mut progress = situation.progress.clone();
    events.iter().for_each(|body| progress.apply(&Event { seq: 0, at: situation.now, body: body.clone() }));
    let Situation { plan, seen, now, claimant, .. } = *situation;
    let first = decide(&Situation { plan, progress: &progress, seen, now, claimant })?;
    events.extend(first.events);
    Ok(Decision { events, ..first })
}

/// Nothing goes on, but groups that serve stay able to: pins follow what is needed, upwards only. A pause stands whatever comes: what would
/// have stopped the engine meanwhile is said, and a person decides.
fn paused(situation: &Situation<'_>) -> Step {
    let wait = || Move::wait(&situation.progress.reason, situation.plan.timing.period_soak);
    let deploys = situation.plan.kind == OperationKind::Deploy && situation.seen.is_complete();
    let mut step = if deploys { deploy::kept_up(situation, wait()) } else { wait().into() };
    step.events.extend(meanwhile(situation));
    step
}

/// The event that says what came up in a pause, or that it is over.
fn meanwhile(situation: &Situation<'_>) -> Option<EventBody> {
    let said = &situation.progress.reason;
    let by = said.split_once(MEANWHILE).map_or(said.as_str(), |(by, _)| by);
    let against = match credentials::gone(situation) {
        Some(gone) => Some(gone),
        None => alarms::read(situation)?,
    };
    let reason = against.map_or_else(|| by.to_owned(), |against| format!("{by}{MEANWHILE}{against}"));
    (reason != *said).then_some(EventBody::StateChanged { to: OperationState::Paused, reason, deadline: None })
}

fn forward(situation: &Situation<'_>) -> Step {
    let Some(step) = situation.plan.steps.get(situation.progress.current) else {
        return Move::Fail { why: "the plan has no such step".to_owned() }.into();
    };
    match situation.plan.kind {
        OperationKind::Rollback if situation.plan.refresh.is_some() => rolling::back(situation, step.kind),
        _ if situation.plan.refresh.is_some() => rolling::next(situation, step.kind),
        OperationKind::Recycle => Move::Fail { why: "the plan does not say how servers are replaced".to_owned() }.into(),
        OperationKind::Deploy => {
            let wanted = match foreign::change(situation) {
                Some(hold) => deploy::held(situation, hold),
                None => deploy::next(situation, step.kind),
            };
            credentials::tempered(situation, alarms::gated(situation, wanted))
        }
        OperationKind::Rollback => rollback::next(situation, step.kind),
        OperationKind::Retire => retire::next(situation, step.kind),
    }
}

fn carry_out(situation: &Situation<'_>, step: Step) -> Decision {
    let mut decision = Decision {
        events: gone::noted(situation).into_iter().chain(schema::left_out_noted(situation)).chain(step.events).collect(),
        ..Decision::default()
    };
    let wanted = gone::given_up(situation, credentials::waited_for(situation, calls::tempered(situation, step.then)));
    let mut then = schema::guarded(situation, wanted);
    if situation.progress.state == OperationState::Holding
        && !matches!(then, Move::Hold { .. } | Move::Stand { .. } | Move::Fail { .. } | Move::BackOut { .. } | Move::RolledBack { .. })
        && !is_question(&then)
    {
        let reason = format!("no longer holds: {}", situation.progress.reason);
        // Time that passed in a hold soaks nothing.
        decision.events.retain(|event| !matches!(event, EventBody::Observed { .. }));
        decision.events.push(EventBody::StateChanged { to: OperationState::Running, reason, deadline: None });
        if matches!(then, Move::Call(_)) {
            // What was seen before the hold does not count any more.
            then = Move::wait("it goes on", Millis::ZERO);
        }
    }
    match then {
        Move::Call(wanted) => decision.call = Some(wanted),
        Move::Wait { why, period } => {
            decision.wait = period;
            decision.waiting_for = why;
        }
        Move::Gate { run, period } => {
            decision.wait = period;
            decision.waiting_for = format!("gate {} looks at the candidate", run.gate.name());
            decision.gate = Some(run);
        }
        Move::Hook { run, period } => {
            decision.wait = period;
            decision.waiting_for = match run.kind {
                HookKind::Schema => "the live schema is asked for".to_owned(),
                HookKind::Migration => "the migration runs".to_owned(),
            };
            decision.hook = Some(run);
        }
        Move::Done { outcome, note } => end_step(situation, &mut decision, outcome, note),
        Move::Hold { why, meanwhile } => hold(situation, &mut decision, why, meanwhile),
        Move::Stand { why, meanwhile } => stand(situation, &mut decision, why, meanwhile),
        Move::BackOut { why } => start_backing_out(situation, &mut decision, why),
        Move::RolledBack { why } => decision.events.push(EventBody::StateChanged { to: OperationState::RolledBack, reason: why, deadline: None }),
        Move::Fail { why } => decision.events.push(EventBody::StateChanged { to: OperationState::Failed, reason: why, deadline: None }),
    }
    decision.events.extend(schema::passed_over(situation, &decision));
    decision
}

/// Asking for the live schema ends no hold: the answer may.
const fn is_question(then: &Move) -> bool {
    matches!(then, Move::Hook { run: HookRun { kind: HookKind::Schema, .. }, .. })
}

fn end_step(situation: &Situation<'_>, decision: &mut Decision, outcome: StepOutcome, note: String) {
    let step = situation.progress.current;
    if situation.progress.state == OperationState::BackingOut {
        decision.events.push(EventBody::StateChanged {
            to: OperationState::BackedOut,
            reason: format!("{note}: {}", situation.progress.reason),
            deadline: None,
        });
        return;
    }
    let next = Some(step + 1).filter(|next| *next < situation.plan.steps.len());
    decision.events.push(EventBody::StepEnded { step, outcome, note, next });
    match next {
        Some(next) => decision.events.push(EventBody::StepStarted { step: next }),
        None => {
            if situation.plan.kind == OperationKind::Deploy {
                decision.events.push(EventBody::BecameStable);
            }
            decision.events.push(EventBody::StateChanged { to: OperationState::Succeeded, reason: situation.success_words(), deadline: None });
        }
    }
}

fn hold(situation: &Situation<'_>, decision: &mut Decision, why: String, meanwhile: Option<WantedCall>) {
    let holding = situation.progress.state == OperationState::Holding;
    decision.wait = situation.plan.timing.period_soak;
    decision.waiting_for.clone_from(&why);
    match situation.progress.deadline {
        Some(deadline) if holding && situation.now >= deadline => held_too_long(situation, decision, format!("held until its deadline: {why}")),
        Some(deadline) if holding => {
            decision.call = meanwhile;
            if situation.progress.reason != why {
                decision.events.push(EventBody::StateChanged { to: OperationState::Holding, reason: why, deadline: Some(deadline) });
            }
        }
        // One that only stood still until now holds for something else: that has a deadline.
        None if holding && situation.plan.kind == OperationKind::Retire => {
            decision.call = meanwhile;
            if situation.progress.reason != why {
                decision.events.push(EventBody::StateChanged { to: OperationState::Holding, reason: why, deadline: None });
            }
        }
        _ => {
            // A retire holds up nobody: whatever comes next takes the wheel from it.
            let ends = situation.plan.kind != OperationKind::Retire;
            let deadline = ends.then(|| situation.now.plus(situation.plan.timing.hold_deadline));
            decision.events.push(EventBody::StateChanged { to: OperationState::Holding, reason: why, deadline });
        }
    }
}

/// A deploy has something to go back to by itself. A way back has not: it lets go of the fleet as it is, so that another one can be planned from there.
fn held_too_long(situation: &Situation<'_>, decision: &mut Decision, why: String) {
    if situation.plan.kind.backs_out() {
        return start_backing_out(situation, decision, why);
    }
    let reason = format!("{why}. What is left is left as it is");
    decision.events.push(EventBody::StateChanged { to: OperationState::Failed, reason, deadline: None });
}

fn stand(situation: &Situation<'_>, decision: &mut Decision, why: String, meanwhile: Option<WantedCall>) {
    let progress = situation.progress;
    let standing = progress.state == OperationState::Holding && progress.deadline.is_none();
    decision.wait = situation.plan.timing.period_soak;
    decision.waiting_for.clone_from(&why);
    decision.call = meanwhile.filter(|_| standing);
    if !standing || progress.reason != why {
        decision.events.push(EventBody::StateChanged { to: OperationState::Holding, reason: why, deadline: None });
    }
}

fn start_backing_out(situation: &Situation<'_>, decision: &mut Decision, why: String) {
    let step = situation.progress.current;
    decision.wait = Millis::ZERO;
    decision.events.push(EventBody::StepEnded { step, outcome: StepOutcome::Failed, note: why.clone(), next: Some(step) });
    decision.events.push(EventBody::StateChanged { to: OperationState::BackingOut, reason: why, deadline: None });
}

/// The deadline of a claim written now.
fn claim_until(now: WorldTime, plan: &Plan) -> WorldTime {
    now.plus(plan.timing.claim_life)
}

impl Situation<'_> {
    /// The call that writes this operation's claim on both groups.
    fn claim_call(&self, why: &str) -> WantedCall {
        let groups = self.groups_there();
        let value = self.claimant.value(claim_until(self.now, self.plan));
        WantedCall { call: CloudCall::Tag { groups, tags: vec![(CLAIM_KEY.to_owned(), value)] }, why: why.to_owned() }
    }

    fn success_words(&self) -> String {
        match self.plan.kind {
            OperationKind::Deploy => format!("{} is stable", self.plan.to.label()),
            OperationKind::Rollback => format!("{} serves again", self.plan.to.label()),
            OperationKind::Retire => format!("{} is idle", self.plan.from.group),
            OperationKind::Recycle => format!("every server of {} is fresh", self.plan.to.group),
        }
    }
}
