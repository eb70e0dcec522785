//! An unfinished deploy goes back to stable: weights first, then the candidate is parked, then everything borrowed is given back.

use super::situation::Situation;
use super::{Move, Step, schema};
use crate::domain::call::CloudCall;
use crate::operation::claim::CLAIM_KEY;
use crate::operation::consequence::touched_nothing;
use crate::operation::plan::StepKind;

pub(super) fn next(situation: &Situation<'_>) -> Step {
    if let Some(wait) = schema::still_runs(situation) {
        return wait.into();
    }
    let (stable, candidate) = (situation.from().slot, situation.to().slot);
    if situation.seen.route.value().is_none() {
        return Move::wait("the route cannot be read", situation.plan.timing.period_moving).into();
    }
    if let Some(moved) = situation.shift_step(stable) {
        return situation.before_lowering(moved);
    }
    if !situation.seen.is_complete() && !situation.only_gone(candidate) {
        let why = format!("not everything can be seen ({})", situation.seen.unknowns().join("; "));
        return Move::wait(why, situation.plan.timing.period_moving).into();
    }
    if touched_nothing(situation.plan, situation.progress) {
        return unclaimed(situation, "stable serves, the standby was not touched").into();
    }
    // A candidate without a version of ours was never touched: what is in its slot is not ours to park.
    let emptied = situation.plan.steps.iter().any(|step| step.kind == StepKind::EmptySlot);
    if situation.to_version().is_some() || emptied {
        let parked = situation.park(candidate, stable, situation.plan.idle_size);
        if !matches!(parked.then, Move::Done { .. }) {
            return parked;
        }
    }
    give_back(situation, stable, "stable serves, the candidate is idle")
}

/// What was taken off is attached again, then pins and scheduled actions, then the claim: done when nothing borrowed is left.
pub(super) fn give_back(situation: &Situation<'_>, live: crate::domain::fleet::Slot, note: &str) -> Step {
    if let Some(step) = situation.attach_again(live) {
        return step;
    }
    if let Some(call) = situation.release_pin(live) {
        return Move::call(call, "the pin is given back").into();
    }
    if let Some(call) = situation.resume_scheduled() {
        return Move::call(call, "scheduled actions go on").into();
    }
    unclaimed(situation, note).into()
}

fn unclaimed(situation: &Situation<'_>, note: &str) -> Move {
    situation.unclaim().map_or_else(|| Move::done(note), Move::Call)
}

impl Situation<'_> {
    /// The call that takes the claim off both groups; a group that is gone took its tags along, and naming it would refuse the whole call.
    pub(super) fn unclaim_call(&self) -> super::WantedCall {
        let groups = self.groups_there();
        super::WantedCall { call: CloudCall::Untag { groups, keys: vec![CLAIM_KEY.to_owned()] }, why: "the claim is given back".to_owned() }
    }
}
