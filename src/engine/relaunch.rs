//! A rollback to a release no group launches any more: the slot that does not serve is emptied and pointed at it.

use super::situation::Situation;
use super::{Move, Step, deploy, rollback};
use crate::domain::fleet::Route;
use crate::domain::sizes::Sizes;

/// Servers of something else leave the slot; those of the release, if it has any, leave with them. Whoever gave it traffic meanwhile has to say
/// what is to serve: what is in there is neither what this goes back to nor what it goes away from.
pub(super) fn empty(situation: &Situation<'_>) -> Step {
    let to = situation.to();
    if situation.is_let_in(to.slot) && situation.waited() >= situation.plan.timing.settle {
        let then = Move::hold(format!("another hand gave {} traffic: it is emptied once that is taken back", to.group));
        return Step { events: situation.no_evidence(), then };
    }
    if is_put_right(situation) {
        return Move::done(format!("nothing but {} works in it by now", to.label())).into();
    }
    situation.park(to.slot, situation.from().slot, 0)
}

/// Workers of something else were all that worked, so that nobody could empty the slot: a person has replaced them by those of the release.
fn is_put_right(situation: &Situation<'_>) -> bool {
    let slot = situation.to().slot;
    let stuck = *situation.route() == Route::None && situation.seen.is_complete() && situation.may_lower(slot, slot.other()).is_err();
    let runs_it = situation.strangers(slot) == Some(0) && situation.group(slot).is_some_and(|group| group.serving() > 0);
    stuck && runs_it && matches!(deploy::make_and_pin(situation), Move::Done { .. })
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

/// Servers of another release are in a target that is to grow, and nobody takes them back: the slot is emptied, pointed at the release where it is
/// not any more, and grows anew. Only one that gets no traffic can stand that: where being attached is all that gives it some, it is taken off first.
pub(super) fn instead_of_strangers(situation: &Situation<'_>) -> Option<Step> {
    let slot = situation.to().slot;
    let group = situation.group(slot)?;
    if situation.waited() < situation.plan.timing.settle {
        return None;
    }
    if *situation.route() != Route::None && situation.may_serve(slot) {
        return situation.take_strangers_off(slot);
    }
    let emptied = group.sizes == Sizes::all(0);
    match deploy::make_and_pin(situation) {
        Move::Done { .. } if !rollback::strangers_serve(situation) => None,
        _ if !emptied && !rollback::strangers_serve(situation) => None,
        pin if emptied && group.total() == 0 => Some(pin.into()),
        _ => Some(empty(situation)),
    }
}
