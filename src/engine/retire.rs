//! The old group's window, and then its way to idle. With nobody driving nothing is shrunk: that costs money, not safety.

use super::back_out::give_back;
use super::situation::Situation;
use super::{Move, Step};
use crate::domain::time::Millis;
use crate::operation::event::{EventBody, OperationState};
use crate::operation::plan::StepKind;

pub(super) fn next(situation: &Situation<'_>, step: StepKind) -> Step {
    match step {
        StepKind::Window => window(situation),
        StepKind::Park => park(situation),
        StepKind::GiveBack => match situation.group(situation.to().slot) {
            Some(_) => give_back(situation, situation.to().slot, "nothing borrowed is left"),
            None => Move::wait("the group cannot be read", situation.plan.timing.period_moving).into(),
        },
        _ => Move::Fail { why: "a retire has no such step".to_owned() }.into(),
    }
}

/// A group that another hand gave traffic again is not parked: people have to say what they want.
fn park(situation: &Situation<'_>) -> Step {
    let old = situation.from();
    if situation.is_let_in(old.slot) && situation.seen.is_complete() {
        let why = format!("another hand gave {} traffic again: it is parked once that is taken back", old.group);
        return Step { events: situation.no_evidence(), then: Move::hold(why) };
    }
    situation.park(old.slot, situation.to().slot, situation.plan.idle_size)
}

fn window(situation: &Situation<'_>) -> Step {
    let timing = &situation.plan.timing;
    if situation.progress.promoted {
        return leave(situation, "shrunk early by a person");
    }
    if situation.only_gone(situation.from().slot) {
        return leave(situation, "the old group does not exist any more");
    }
    let left = situation.plan.window.minus(situation.progress.observed);
    if left == Millis::ZERO {
        return leave(situation, "the window is over");
    }
    if let Some(call) = follow_live(situation) {
        return Move::call(call, format!("{} stays able to carry everything", situation.from().group)).into();
    }
    let mut events: Vec<_> = situation.count_observation(timing.period_window, situation.seen.is_complete()).into_iter().collect();
    if situation.progress.state != OperationState::Waiting {
        let reason = format!("window of {}: {} stays warm as the way back", situation.plan.window, situation.from().label());
        events.push(EventBody::StateChanged { to: OperationState::Waiting, reason, deadline: Some(situation.now.plus(left)) });
    }
    Step { events, then: Move::wait(format!("the window, {left} to go"), timing.period_window.min(left.plus(Millis(1)))) }
}

fn leave(situation: &Situation<'_>, note: &str) -> Step {
    let waiting = situation.progress.state == OperationState::Waiting;
    let running = waiting.then(|| EventBody::StateChanged { to: OperationState::Running, reason: note.to_owned(), deadline: None });
    Step { events: running.into_iter().collect(), then: Move::done(note) }
}

/// The standby's pin follows the live group's desired size upwards, so that a fast rollback stays true.
fn follow_live(situation: &Situation<'_>) -> Option<crate::domain::call::CloudCall> {
    let wanted = situation.group(situation.to().slot)?.sizes.desired.max(situation.progress.need);
    situation.raise(situation.from().slot, wanted)
}
