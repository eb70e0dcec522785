//! Back to the last known good release: traffic first, everything else after.

use super::back_out::give_back;
use super::situation::{Situation, threshold};
use super::{Move, Step, relaunch};
use crate::domain::fleet::Route;
use crate::operation::event::EventBody;
use crate::operation::plan::StepKind;

pub(super) fn next(situation: &Situation<'_>, step: StepKind) -> Step {
    match step {
        StepKind::EmptySlot => relaunch::empty(situation),
        StepKind::Template => relaunch::template(situation),
        StepKind::GrowTarget => relaunch::instead_of_strangers(situation).unwrap_or_else(|| situation.before_lowering(grow(situation).into())),
        StepKind::Shift => shift(situation),
        StepKind::Settle => settle(situation),
        StepKind::Park => park(situation),
        StepKind::GiveBack => return_loans(situation),
        _ => Move::Fail { why: "a rollback has no such step".to_owned() }.into(),
    }
}

/// The target is pinned at what is needed and warms up. Where what serves now is worse, the share it can carry is shifted meanwhile.
fn grow(situation: &Situation<'_>) -> Move {
    let target = situation.to().slot;
    let need = situation.progress.need;
    if let Some(call) = situation.raise(target, need) {
        return Move::call(call, format!("{} grows to {need}", situation.to().group));
    }
    if strangers_serve(situation) {
        let why = format!("servers of {} run another release", situation.to().group);
        if situation.may_serve(target) && situation.waited() >= situation.plan.timing.launch_limit {
            return Move::hold(format!("{why} and get traffic: end them, or take that traffic away"));
        }
        return Move::wait(why, situation.plan.timing.period_moving);
    }
    match situation.healthy(target) {
        Some(healthy) if healthy >= need => Move::done(format!("{healthy} servers are healthy")),
        Some(_) => situation.shift_to(target).unwrap_or_else(|| Move::done("the target serves everything already")),
        None => Move::wait("the health of the target is unknown", situation.plan.timing.period_moving),
    }
}

/// S2's census: weight only on servers of the frozen release. Before the first write of a fast rollback the plan's census holds.
pub(super) fn strangers_serve(situation: &Situation<'_>) -> bool {
    situation.strangers(situation.to().slot).is_some_and(|strangers| strangers > 0)
}

fn shift(situation: &Situation<'_>) -> Step {
    match situation.shift_step(situation.to().slot) {
        Some(moved) => moved,
        None => {
            let then = Move::done(format!("all traffic is on {}", situation.to().label()));
            // Without a write of our own this may be a read from before the last write of the operation that was superseded.
            let written = situation.progress.written_at.is_some() || *situation.route() == Route::None;
            let sure = written || situation.plan.supersedes.is_none();
            Step { events: if sure { on_target(situation) } else { Vec::new() }, then }
        }
    }
}

fn on_target(situation: &Situation<'_>) -> Vec<EventBody> {
    if situation.progress.traffic_on_target_at.is_none() { vec![EventBody::TrafficOnTarget] } else { Vec::new() }
}

/// The bad group drains, unless a late call or another hand gave it traffic again.
fn park(situation: &Situation<'_>) -> Step {
    if let Some(moved) = situation.shift_step(situation.to().slot) {
        return situation.before_lowering(moved);
    }
    situation.park(situation.from().slot, situation.to().slot, situation.plan.idle_size)
}

/// Pins go last: while the bad group has traffic, because what was read before was older than a write, they are still needed.
fn return_loans(situation: &Situation<'_>) -> Step {
    let target = situation.to().slot;
    if situation.group(target).is_none() {
        return Move::wait("the group cannot be read", situation.plan.timing.period_moving).into();
    }
    let moved = if *situation.route() == Route::None { None } else { situation.shift_to(target) };
    moved.map_or_else(|| give_back(situation, target, "nothing borrowed is left"), Step::from)
}

/// The weights are read back, the target pinned, the claim put, and time given for the weights to spread and for late calls to show.
fn settle(situation: &Situation<'_>) -> Step {
    if let Some(moved) = situation.shift_step(situation.to().slot) {
        return moved;
    }
    let then = settling(situation);
    let events = if matches!(then, Move::Done { .. }) { on_target(situation) } else { Vec::new() };
    Step { events, then }
}

fn settling(situation: &Situation<'_>) -> Move {
    let timing = &situation.plan.timing;
    let target = situation.to().slot;
    if let Some(call) = situation.raise(target, situation.progress.need) {
        return Move::call(call, format!("{} is pinned: it carries everything", situation.to().group));
    }
    if situation.progress.claimed_at.is_none() && situation.may_claim() {
        return Move::Call(situation.claim_call("people with another store are told"));
    }
    let (healthy, need) = (situation.healthy(target), situation.progress.need);
    let settled = !situation.is_settling() && situation.waited() >= timing.settle;
    match healthy {
        Some(healthy) if healthy >= threshold(need) && settled => Move::done(format!("{healthy} of {need} servers are healthy")),
        Some(healthy) => Move::wait(format!("{healthy} of {need} servers are healthy, the traffic settles"), timing.period_moving),
        None => Move::wait("the health of the target is unknown", timing.period_moving),
    }
}
