//! Which of two groups is live, by the route and by what the store knows.

use crate::domain::fleet::{BySlot, Route, Slot};
use crate::domain::group::ServerGroup;
use crate::domain::observation::FleetObservation;
use crate::domain::traffic::RouteActions;
use crate::operation::plan::OperationKind;
use crate::operation::record::OperationView;

/// The one slot that serves; none if both or neither do and no operation explains it.
#[must_use]
pub fn live_slot(seen: &FleetObservation, operations: &[OperationView]) -> Option<Slot> {
    match Slot::BOTH.map(|slot| seen.serves(slot)) {
        [Some(true), Some(false)] => Some(Slot::A),
        [Some(false), Some(true)] => Some(Slot::B),
        [Some(true), Some(true)] if seen.scope.route == Route::None => after_deploy(operations),
        _ => None,
    }
}

/// The slot that serves, or most of it does: where two groups serve and no operation explains it, the larger counts as live.
#[must_use]
pub fn leaning_slot(seen: &FleetObservation, operations: &[OperationView]) -> Option<Slot> {
    let (a, b) = (seen.share(Slot::A), seen.share(Slot::B));
    live_slot(seen, operations).or_else(|| Some(if b? > a? { Slot::B } else { Slot::A }))
}

/// Workers of the old release go on beside the new ones until their window is over.
pub(super) fn after_deploy(operations: &[OperationView]) -> Option<Slot> {
    let retire = operations.iter().find(|view| !view.state().is_final() && view.operation.plan.kind == OperationKind::Retire)?;
    Some(retire.operation.plan.to.slot)
}

/// Servers of a listed group that traffic or work comes to, where no weights divide it.
pub(super) fn working(route: &Route, group: &ServerGroup) -> u32 {
    match route {
        Route::Attached { target_group } if !group.target_groups.contains(target_group) => 0,
        _ => group.serving(),
    }
}

/// The slot that serves most by what a listing tells; none if that cannot be told.
pub(super) fn listed_live(
    route: &Route,
    groups: &BySlot<Option<&ServerGroup>>,
    actions: Option<&RouteActions>,
    operations: &[OperationView],
) -> Option<Slot> {
    if *route == Route::None
        && let Some(slot) = after_deploy(operations)
    {
        return Some(slot);
    }
    let part = |slot: Slot| match route {
        Route::Weighted { target_groups, .. } => actions?.weight(target_groups.get(slot)),
        Route::Attached { .. } | Route::None => groups.get(slot).map(|group| working(route, group)),
    };
    Some(if part(Slot::B)? > part(Slot::A)? { Slot::B } else { Slot::A })
}
