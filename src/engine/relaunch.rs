//! A rollback to a release no group launches any more: the slot that does not serve is emptied and pointed at it.

use super::situation::Situation;
use super::{Move, Step, deploy};

/// Servers of something else leave the slot; those of the release, if it has any, leave with them.
pub(super) fn empty(situation: &Situation<'_>) -> Step {
    situation.park(situation.to().slot, situation.from().slot, 0)
}

/// Makes or adopts the version and pins the group to it. Whatever was launched in the slot meanwhile is sent away first.
pub(super) fn template(situation: &Situation<'_>) -> Step {
    let slot = situation.to().slot;
    let Some(group) = situation.group(slot) else {
        return Move::wait("the group cannot be read", situation.plan.timing.period_moving).into();
    };
    let others = situation.to_version().is_some() && situation.strangers(slot).is_none_or(|strangers| strangers > 0);
    if others && group.total() > 0 {
        return empty(situation);
    }
    deploy::make_and_pin(situation).into()
}
