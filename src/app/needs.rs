//! What needs a person, why an operation waits and what happens next: on the screen of anything that does not simply run.

use super::age::{about, countdown, stepped};
use super::alarms;
use super::baking;
use super::commands::CommandId;
use super::keymap::Keymap;
use super::model::Model;
use crate::domain::alarms::AlarmSight;
use crate::domain::ids::FleetName;
use crate::domain::observation::AlarmState;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::bake::BakeView;
use crate::operation::event::OperationState;
use crate::operation::plan::OperationKind;
use crate::operation::record::OperationView;
use crate::operation::refreshing::aws_drives;

/// Whoever confirms an operation starts its driver within this.
const FIRST_DRIVER: Millis = Millis::mins(2);

/// Why it waits and what happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Why it is in its state and since when.
    pub why: String,
    /// What happens next, when, and which key changes that.
    pub next: String,
}

/// The outlook of an operation, with the keys of this map.
#[must_use]
pub fn outlook(view: &OperationView, now: WorldTime, keymap: &Keymap) -> Outlook {
    let progress = &view.progress;
    let since = lasting(now.since(progress.since));
    let reason = if progress.reason.is_empty() { "no reason was recorded" } else { &progress.reason };
    let why = match view.state() {
        OperationState::Running => running_why(view, now),
        state if state.is_final() => format!("{} {} ago: {reason}", state_word(state).to_uppercase(), about(now.since(progress.since))),
        state => format!("{} {since}: {reason}", state_word(state).to_uppercase()),
    };
    Outlook { why, next: next(view, now, keymap) }
}

/// `for 3m`, or `just now`.
fn lasting(age: Millis) -> String {
    if age < Millis::secs(10) { "just now".to_owned() } else { format!("for {}", stepped(age)) }
}

/// A state as people say it: `backing out`.
#[must_use]
pub fn state_word(state: OperationState) -> String {
    state.word().replace('_', " ")
}

fn running_why(view: &OperationView, now: WorldTime) -> String {
    let plan = &view.operation.plan;
    let Some(step) = plan.steps.get(view.progress.current) else { return "RUNNING: finishing".to_owned() };
    let started = view.progress.steps.get(view.progress.current).and_then(|status| status.started_at);
    let since = started.map_or_else(|| "not started".to_owned(), |at| format!("for {}", countdown(now.since(at))));
    let expected = step.expected.map(|span| format!(" of ~{}", about(span))).unwrap_or_default();
    let detail = if view.progress.reason.is_empty() { String::new() } else { format!(" ({})", view.progress.reason) };
    format!("RUNNING: {}, {since}{expected}{detail}", step.title)
}

fn next(view: &OperationView, now: WorldTime, keymap: &Keymap) -> String {
    let [promote, back_out, pause] = [CommandId::Promote, CommandId::BackOut, CommandId::Pause].map(|id| keymap.first(id));
    let [roll_back, deploy, take_over] = [CommandId::Rollback, CommandId::Deploy, CommandId::TakeOver].map(|id| keymap.first(id));
    if is_abandoned(view, now) {
        return format!("Nobody drives it, nothing goes on: {take_over} takes it over (or `qd drive {} --take-over`)", view.operation.id);
    }
    let left = view.progress.deadline.map(|deadline| countdown(deadline.since(now)));
    let plan = &view.operation.plan;
    match view.state() {
        OperationState::Planned => "Next: its driver takes the lease; if none does, it ends with nothing changed".to_owned(),
        OperationState::Running => running_next(view, keymap),
        OperationState::Holding if !plan.kind.backs_out() => {
            let until = left.map_or_else(String::new, |left| format!("{} in {left}: ", plan.kind.at_deadline()));
            format!("{until}it goes on by itself once what it holds for is put right; {roll_back} and {deploy} take the wheel")
        }
        OperationState::Holding => match left {
            Some(left) => format!("Backs out in {left} unless {promote} promotes, {back_out} backs out now, or {pause} pauses"),
            None => format!("Stays so until {promote} promotes, {back_out} backs out, or {pause} pauses"),
        },
        OperationState::Paused => format!("Stays exactly so until {pause} resumes it or {back_out} backs it out"),
        OperationState::Waiting => match left {
            Some(left) => format!("In {left} {} becomes idle; until then {roll_back} is the fast way back", plan.from.group),
            None => format!("{} becomes idle after its window", plan.from.group),
        },
        OperationState::BackingOut => format!("Next: all traffic on {}, then {} is given back", plan.from.label(), plan.to.group),
        OperationState::Failed => format!("Nothing more is attempted and the fleet is left as it is: look, then {roll_back} or {deploy}"),
        OperationState::Superseded => {
            let by = view.progress.superseded_by.as_ref().map_or_else(|| "another operation".to_owned(), ToString::to_string);
            format!("{by} goes on in its place")
        }
        OperationState::Succeeded | OperationState::BackedOut | OperationState::RolledBack => "Finished".to_owned(),
    }
}

fn running_next(view: &OperationView, keymap: &Keymap) -> String {
    let [promote, back_out, pause] = [CommandId::Promote, CommandId::BackOut, CommandId::Pause].map(|id| keymap.first(id));
    let plan = &view.operation.plan;
    let after = plan.steps.get(view.progress.current + 1).map_or_else(|| "done".to_owned(), |step| step.title.clone());
    match plan.kind {
        OperationKind::Rollback => format!("Next: {after}. It goes on without this screen"),
        _ if aws_drives(plan, &view.progress) => format!("Next: {after}. AWS drives it, it goes on without us; {back_out} backs out"),
        OperationKind::Recycle => format!("Next: {after}. {back_out} backs out"),
        OperationKind::Deploy => format!("Next: {after}. {back_out} backs out, {pause} pauses, {promote} skips the wait"),
        OperationKind::Retire => format!("Next: {after}"),
    }
}

/// The one thing that needs a person now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The fleet it is about, if it is about one.
    pub fleet: Option<FleetName>,
    /// In one line.
    pub text: String,
}

/// The most urgent need: what ends by itself soonest first, then what stands still, then what nobody drives, then a red alarm.
#[must_use]
pub fn most_urgent(model: &Model) -> Option<Need> {
    if let Some(since) = model.credentials_gone {
        let lasting = lasting(model.clock.world.since(since));
        return Some(Need { fleet: None, text: format!("Credentials are gone, {lasting}: last known state, actions are off") });
    }
    stopped(model).or_else(|| driverless_bake(model)).or_else(|| unreachable_cloud(model)).or_else(|| red_alarm(model))
}

fn driverless_bake(model: &Model) -> Option<Need> {
    let view = model.baking.unfinished().find(|view| is_bake_abandoned(view, model.clock.world))?;
    let take_over = model.keymap.first(CommandId::TakeOver);
    Some(Need { fleet: None, text: format!("bake {} has no driver: {take_over} takes it over", baking::name(view)) })
}

fn stopped(model: &Model) -> Option<Need> {
    let now = model.clock.world;
    let urgency = |view: &&OperationView| (rank(view, now), view.progress.deadline.map_or(i64::MAX, |deadline| deadline.0));
    let view = model.operations.iter().filter(|view| rank(view, now) < 9).min_by_key(urgency)?;
    let operation = &view.operation;
    let left = view
        .progress
        .deadline
        .map(|deadline| format!(", {} in {}", operation.plan.kind.at_deadline(), countdown(deadline.since(model.clock.world))))
        .unwrap_or_default();
    let what = match rank(view, now) {
        3 => format!("has no driver: {} takes it over", model.keymap.first(CommandId::TakeOver)),
        _ => format!("{}{left}: {}", state_word(view.state()).to_uppercase(), view.progress.reason),
    };
    Some(Need { fleet: Some(operation.plan.fleet.clone()), text: format!("{} {} {what}", operation.plan.fleet, operation.word()) })
}

/// Nobody drives it, though somebody should. One that was just confirmed has no driver yet.
#[must_use]
pub fn is_abandoned(view: &OperationView, now: WorldTime) -> bool {
    let waits_for_its_first = view.state() == OperationState::Planned && now.since(view.operation.created_at) < FIRST_DRIVER;
    !view.driver_alive && !view.state().is_final() && !waits_for_its_first
}

/// The same of a bake.
#[must_use]
pub fn is_bake_abandoned(view: &BakeView, now: WorldTime) -> bool {
    let waits_for_its_first = view.state() == OperationState::Planned && now.since(view.operation.created_at) < FIRST_DRIVER;
    !view.driver_alive && !view.state().is_final() && !waits_for_its_first
}

fn rank(view: &OperationView, now: WorldTime) -> u8 {
    match view.state() {
        OperationState::Holding => 0,
        OperationState::Paused => 2,
        // A window that nobody ends costs money, not safety: its row says so.
        OperationState::Waiting => 9,
        _ if is_abandoned(view, now) => 3,
        _ => 9,
    }
}

/// A fleet whose alarm is red while nobody works on it: an operation at work answers for its own.
fn red_alarm(model: &Model) -> Option<Need> {
    let is_red = |sight: Option<&AlarmSight>| alarms::state_now(model, sight) == Some(AlarmState::Alarm);
    let (fleet, name, _) = alarms::not_green(model).find(|(fleet, _, sight)| is_red(*sight) && model.working_on(fleet).is_none())?;
    let [alerts, roll_back] = [CommandId::Alerts, CommandId::Rollback].map(|id| model.keymap.first(id));
    Some(Need { fleet: Some(fleet.clone()), text: format!("{fleet}: alarm {name} RED: {alerts} what changed, {roll_back} rolls back") })
}

fn unreachable_cloud(model: &Model) -> Option<Need> {
    let problem = model.estate_problem.as_ref()?;
    Some(Need { fleet: None, text: format!("{}: {}", problem.text, problem.hint) })
}
