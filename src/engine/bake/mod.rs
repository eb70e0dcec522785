//! The engine of bakes, sans-IO: what is known of a bake and one look at the cloud in, events and at most one call out.
//!
//! Nothing here remembers, so any driver goes on where another one stopped. A call without an answer is found out by looking: for instances by
//! their tags, and asked again only with the same client token; for the image by its name, of which there can be only one.

mod answer;
mod clean;
mod console;
mod forward;
mod gates;
mod guards;
mod hand_out;
mod machines;
mod packer;
mod sights;
mod tags;

pub use guards::Broken;

use crate::bake::signal::Part;
use crate::domain::bake::{BakeLook, MachineRole};
use crate::domain::build_call::BuildCall;
use crate::domain::call::{CloudCall, CloudErrorKind};
use crate::domain::observation::Credentials;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::answer::{Answer, Reading};
use crate::operation::bake::{BakeEvent, BakePlan, BakeProgress, BakeStepKind};
use crate::operation::claim::Claimant;
use crate::operation::command::Command;
use crate::operation::decision::{Decision, WantedCall};
use crate::operation::event::{Event, EventBody, OperationState, StepOutcome};
use crate::operation::gate::GateRun;
use crate::operation::notice::{self, NoticeKind};
use crate::operation::packer::BakeSeen;
use crate::operation::work::{Driven, Scene, Work};

/// What a bake is decided from.
pub type Bake<'a> = Scene<'a, BakePlan>;

/// A call that nothing was changed by is made again at most so often while it goes forward.
const MAX_REFUSALS: u32 = 8;
/// The longest pause between two tries.
const LONGEST_PAUSE: Millis = Millis::mins(2);

/// What a step wants to happen.
enum Move {
    /// Make this call.
    Call(WantedCall),
    /// Record this and look again at once.
    Note(EventBody),
    /// Look again after a while.
    Wait { why: String, period: Millis },
    /// Let this hook be run, and look again after a while.
    Gate { run: GateRun, period: Millis },
    /// The step is over.
    Done { outcome: StepOutcome, note: String },
    /// It cannot be done: what was made is removed.
    Fail { why: String },
    /// Everything is removed.
    Clean,
}

impl Move {
    fn call(what: BuildCall, why: impl Into<String>) -> Self {
        Self::Call(WantedCall { call: CloudCall::Build { what: Box::new(what) }, why: why.into() })
    }

    fn done(note: impl Into<String>) -> Self {
        Self::Done { outcome: StepOutcome::Success, note: note.into() }
    }

    fn fail(why: impl Into<String>) -> Self {
        Self::Fail { why: why.into() }
    }
}

/// The value of the tag that everything of an operation has.
#[must_use]
pub fn operation_tag(claimant: &Claimant) -> String {
    format!("{}/{}", claimant.store, claimant.operation.as_str())
}

impl Driven for BakePlan {
    type Look = BakeLook;
    type Seen = BakeSeen;
    type Broken = Broken;

    fn look(&self, progress: &BakeProgress, claimant: &Claimant) -> BakeLook {
        sights::look(self, progress, claimant)
    }

    fn seen_at(seen: &BakeSeen) -> WorldTime {
        seen.at
    }

    fn credentials(seen: &BakeSeen) -> &Credentials {
        &seen.credentials
    }

    fn decide(scene: &Bake<'_>) -> Result<Decision, Broken> {
        decide(scene)
    }

    fn answer(&self, progress: &BakeProgress, command: &Command, reading: &Reading<'_>) -> Answer {
        answer::answer(progress, command, reading)
    }

    fn notice(&self, _before: &BakeProgress, body: &EventBody) -> Option<NoticeKind> {
        notice::of_bake(self, body)
    }
}

/// Decides what to do now.
///
/// # Errors
/// An invariant would break.
pub fn decide(scene: &Bake<'_>) -> Result<Decision, Broken> {
    if scene.progress.state.is_final() {
        return Ok(Decision::default());
    }
    let mut events = Vec::new();
    if scene.progress.state == OperationState::Planned {
        events.push(state(OperationState::Running, "driver is at work"));
        events.push(EventBody::StepStarted { step: 0 });
    }
    let mut progress = scene.progress.clone();
    take_in(&mut progress, &events, scene.now);
    let seen = sights::news(&with(scene, &progress));
    take_in(&mut progress, &seen, scene.now);
    events.extend(seen);
    let scene = with(scene, &progress);
    let then = tempered(&scene, if progress.state == OperationState::BackingOut { clean::next(&scene) } else { forward::next(&scene) });
    let mut decision = Decision { events, ..Decision::default() };
    carry_out(&scene, then, &mut decision);
    if let Some(wanted) = &decision.call {
        guards::check(&scene, &wanted.call)?;
    }
    Ok(decision)
}

/// The same with what is known by now.
const fn with<'a>(scene: &Bake<'a>, progress: &'a BakeProgress) -> Bake<'a> {
    Bake { plan: scene.plan, progress, seen: scene.seen, now: scene.now, claimant: scene.claimant }
}

fn take_in(progress: &mut BakeProgress, events: &[EventBody], at: WorldTime) {
    events.iter().for_each(|body| progress.apply(&Event { seq: 0, at, body: body.clone() }));
}

fn state(to: OperationState, reason: impl Into<String>) -> EventBody {
    EventBody::StateChanged { to, reason: reason.into(), deadline: None }
}

/// What a step wants, as far as the cloud did not refuse it a moment ago.
fn tempered(scene: &Bake<'_>, then: Move) -> Move {
    if let (Credentials::Gone { why }, Move::Call(_) | Move::Wait { .. }) = (&scene.seen.credentials, &then) {
        let why = format!("credentials: {}; sign in again, it goes on by itself", why.shown());
        return Move::Wait { why, period: scene.plan.timing.period };
    }
    let Move::Call(wanted) = then else { return then };
    let Some(refused) = scene.progress.refused.iter().find(|refused| refused.api == wanted.call.aws_name()) else { return Move::Call(wanted) };
    let tries = refused.tries;
    let why = format!("{} was refused {tries} times ({}: {})", refused.api, refused.kind.word(), refused.message.shown());
    let forward = scene.progress.state != OperationState::BackingOut;
    let hopeless = matches!(refused.kind, CloudErrorKind::Denied | CloudErrorKind::Invalid | CloudErrorKind::Unsupported);
    let given_up = forward && (hopeless || tries >= MAX_REFUSALS) || tries >= MAX_REFUSALS * 2;
    if given_up && forward {
        return Move::fail(why);
    }
    if given_up {
        return Move::Fail { why: format!("{why}; what is left is removed by the next bake once its time to live is over") };
    }
    let pause = scene.plan.timing.period_short.times(1 << tries.saturating_sub(1).min(5)).min(LONGEST_PAUSE);
    let left = pause.minus(scene.now.since(refused.at));
    if left > Millis::ZERO { Move::Wait { why, period: left } } else { Move::Call(wanted) }
}

fn carry_out(scene: &Bake<'_>, then: Move, decision: &mut Decision) {
    let backing_out = scene.progress.state == OperationState::BackingOut;
    match then {
        Move::Call(wanted) => decision.call = Some(wanted),
        Move::Note(body) => decision.events.push(body),
        Move::Wait { why, period } => (decision.wait, decision.waiting_for) = (period.max(Millis(1)), why),
        Move::Gate { run, period } => {
            (decision.wait, decision.waiting_for) = (period.max(Millis(1)), format!("gate {} looks at the image", run.gate.name()));
            decision.gate = Some(run);
        }
        Move::Done { outcome, note } => end_step(scene, decision, outcome, note),
        Move::Fail { why } if backing_out => decision.events.push(state(OperationState::Failed, why)),
        Move::Fail { why } => fail(scene, decision, &why),
        Move::Clean => decision.events.push(ended(scene)),
    }
}

fn end_step(scene: &Bake<'_>, decision: &mut Decision, outcome: StepOutcome, note: String) {
    let step = scene.progress.current;
    let next = Some(step + 1).filter(|next| *next < scene.plan.steps.len());
    decision.events.push(EventBody::StepEnded { step, outcome, note, next });
    decision.events.push(match next {
        Some(next) => EventBody::StepStarted { step: next },
        None => state(OperationState::Succeeded, succeeded(scene)),
    });
}

fn succeeded(scene: &Bake<'_>) -> String {
    match &scene.progress.image {
        Some(image) if scene.plan.gates.is_empty() => format!("{} is {image}; it has no gates", scene.plan.image_name),
        Some(image) => format!("{} is {image}, verified by {} gates", scene.plan.image_name, scene.plan.gates.len()),
        None => format!("{} things that bakes left are removed", scene.progress.swept.len()),
    }
}

fn fail(scene: &Bake<'_>, decision: &mut Decision, why: &str) {
    let step = scene.progress.current;
    let last_lines = match scene.plan.steps.get(step).map(|step| step.kind) {
        Some(BakeStepKind::Provision | BakeStepKind::Seal) => console::last_lines(scene),
        Some(_) if scene.seen.packer.is_some() => console::last_lines(scene),
        _ => Vec::new(),
    };
    decision.events.push(EventBody::Bake { what: BakeEvent::Failing { why: why.to_owned(), last_lines } });
    decision.events.push(EventBody::StepEnded { step, outcome: StepOutcome::Failed, note: why.to_owned(), next: Some(step) });
    decision.events.push(state(OperationState::BackingOut, format!("{why}; what it made is removed")));
}

/// All that makes it verified is done, here or by the bake that is gone on with.
fn is_verified(scene: &Bake<'_>) -> bool {
    let verify = scene.plan.step_of(BakeStepKind::Verify);
    verify.is_none_or(|step| scene.progress.steps.get(step).is_some_and(|step| step.outcome == Some(StepOutcome::Success)))
}

/// Everything is removed: by whom it was stopped, or why it failed, is what it ends with.
fn ended(scene: &Bake<'_>) -> EventBody {
    let progress = scene.progress;
    let kept = progress.kept.as_ref().map_or_else(String::new, |(id, until)| format!("; builder {id} is kept until {}", until.rfc3339()));
    // Packer takes its own image away when it is stopped.
    let there = !scene.seen.image.as_ref().is_some_and(|image| matches!(image.value(), Some(None)));
    let image = progress.image.as_ref().filter(|_| there).map_or_else(String::new, |image| {
        format!("; image {image} is kept, {}", if is_verified(scene) { "and verified" } else { "it is not verified" })
    });
    match (&progress.failure, &progress.aborted_by) {
        (Some(why), _) => state(OperationState::Failed, format!("{why}{image}{kept}")),
        (None, Some(by)) => state(OperationState::BackedOut, format!("aborted by {by}; nothing of it is left{image}")),
        (None, None) => state(OperationState::Failed, format!("it was stopped{image}{kept}")),
    }
}

impl Bake<'_> {
    fn kind(&self) -> Option<BakeStepKind> {
        self.plan.steps.get(self.progress.current).map(|step| step.kind)
    }

    /// How long the step lasts already.
    fn waited(&self) -> Millis {
        self.progress.step_started_at.map_or(Millis::ZERO, |at| self.now.since(at))
    }

    /// How long the whole bake lasts already.
    fn lasts(&self) -> Millis {
        self.now.since(self.progress.began_at)
    }

    /// Until when what it makes may live, whoever is left to remove it.
    fn until(&self) -> WorldTime {
        self.progress.began_at.plus(self.plan.timing.limit.times(2)).plus(self.plan.timing.spare_life)
    }

    fn wait(&self, why: impl Into<String>) -> Move {
        Move::Wait { why: why.into(), period: self.plan.timing.period }
    }

    fn wait_short(&self, why: impl Into<String>) -> Move {
        Move::Wait { why: why.into(), period: self.plan.timing.period_short }
    }

    /// What a part of the work is called.
    fn part(&self, part: Part) -> String {
        self.plan.part_name(part).unwrap_or_else(|| "?".to_owned())
    }

    /// The client token of an instance: its operation's and its own.
    fn token(&self, role: MachineRole) -> String {
        format!("qd-{}-{}-{}", self.claimant.store, self.claimant.operation.as_str(), role.word())
    }
}
