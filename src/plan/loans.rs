//! What operations borrowed of a fleet and have not given back: pins, servers that serve nothing, suspended processes, claims; and how each
//! comes back.

use super::estate::FleetRecord;
use crate::domain::fleet::{FleetSpec, Route, Slot};
use crate::domain::group::ServerGroup;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::sizes::Sizes;
use crate::domain::text::counted;
use crate::domain::time::WorldTime;
use crate::domain::traffic::RouteActions;
use crate::operation::calls::SCHEDULED_ACTIONS;
use crate::operation::claim::{Claim, claim_on};
use crate::operation::event::OperationState;
use crate::operation::plan::Plan;
use crate::operation::record::OperationView;

/// Something that is not back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loan {
    /// Whose it is.
    pub fleet: FleetName,
    /// Who has it.
    pub operation: OperationId,
    /// What it is, in words.
    pub what: String,
    /// Why nobody is going to give it back by itself; none while somebody will.
    pub overdue: Option<String>,
    /// How it comes back.
    pub remedy: String,
}

/// One fleet as it was just listed.
pub struct Ground<'a> {
    /// The fleet.
    pub spec: &'a FleetSpec,
    /// Its groups with their slots.
    pub groups: &'a [(Option<Slot>, &'a ServerGroup)],
    /// Its weights, where it has some and they are known.
    pub route: Option<&'a RouteActions>,
    /// What the store knows of it.
    pub record: &'a FleetRecord,
    /// The store's id, as claims name it.
    pub store: &'a str,
    /// The build of this program.
    pub build: &'a str,
    /// World time.
    pub now: WorldTime,
}

/// Everything of the fleet that is not back, what is overdue first.
#[must_use]
pub fn loans(ground: &Ground<'_>) -> Vec<Loan> {
    let lent = |debtor: Debtor<'_>| sizes(ground, &debtor).into_iter().chain(suspensions(ground, &debtor)).collect::<Vec<_>>();
    let mut all: Vec<Loan> = debtor(ground).map(lent).unwrap_or_default().into_iter().chain(claims(ground)).collect();
    all.sort_by_key(|loan| loan.overdue.is_none());
    all
}

/// The operation that has to give back, with its plan.
struct Debtor<'a> {
    operation: &'a OperationId,
    plan: &'a Plan,
    overdue: Option<String>,
    remedy: String,
}

fn debtor<'a>(ground: &Ground<'a>) -> Option<Debtor<'a>> {
    let damage = &ground.record.damage;
    if let Some(damaged) = damage.holder().or_else(|| damage.retire()) {
        let overdue = Some("its record is damaged".to_owned());
        return damaged.plan.as_deref().map(|plan| Debtor { operation: &damaged.id, plan, overdue, remedy: damaged.remedy() });
    }
    let newest = ground.record.operations.first()?;
    if matches!(newest.state(), OperationState::Succeeded | OperationState::BackedOut) {
        return None;
    }
    let (overdue, remedy) = prospects(ground, newest);
    Some(Debtor { operation: &newest.operation.id, plan: &newest.operation.plan, overdue, remedy })
}

/// Why nobody gives it back, and how it comes back.
fn prospects(ground: &Ground<'_>, view: &OperationView) -> (Option<String>, String) {
    let (id, fleet) = (&view.operation.id, &ground.spec.name);
    if view.state().is_final() {
        let way = if serving(ground).len() == 1 { "`qd drive --recover` gives it back".to_owned() } else { format!("`qd rollback {fleet}` does") };
        return (Some(format!("{id} ended {}", view.state().word().replace('_', " "))), way);
    }
    if view.driver_alive {
        return (None, format!("{id} gives it back at its end"));
    }
    match view.undrivable(ground.build) {
        Some(refusal) => (Some(refusal.reason), refusal.remedy),
        None => (Some(format!("nobody drives {id}")), format!("`qd drive {id} --take-over`, or `qd drive --recover` for all")),
    }
}

fn weight(ground: &Ground<'_>, slot: Slot) -> Option<u32> {
    let Route::Weighted { target_groups, .. } = &ground.spec.route else { return None };
    ground.route?.weight(target_groups.get(slot))
}

fn serving(ground: &Ground<'_>) -> Vec<Slot> {
    Slot::BOTH.into_iter().filter(|slot| weight(ground, *slot).is_some_and(|weight| weight > 0)).collect()
}

fn sizes(ground: &Ground<'_>, debtor: &Debtor<'_>) -> Vec<Loan> {
    let what = |slot: Slot, group: &ServerGroup| {
        let (own, idle) = (debtor.plan.live_sizes.min, Sizes::all(debtor.plan.idle_size));
        match weight(ground, slot)? {
            0 => (group.sizes != idle).then(|| format!("{} keeps {} and serves nothing", group.name, counted(group.sizes.desired, "server"))),
            _ => (group.sizes.min > own).then(|| format!("MinSize of {} is pinned at {}, its own is {own}", group.name, group.sizes.min)),
        }
    };
    let found = ground.groups.iter().filter_map(|(slot, group)| what((*slot)?, group));
    found.map(|what| loan(ground, debtor.operation, what, debtor.overdue.clone(), debtor.remedy.clone())).collect()
}

/// What the plan suspended and still stands still; what stood still before it is nobody's loan.
fn suspensions(ground: &Ground<'_>, debtor: &Debtor<'_>) -> Vec<Loan> {
    let stands = |group: &ServerGroup| group.suspended.iter().any(|process| process.raw() == SCHEDULED_ACTIONS);
    let found = ground.groups.iter().filter(|(_, group)| debtor.plan.suspends.contains(&group.name) && stands(group));
    let what = found.map(|(_, group)| format!("the scheduled actions of {} stand still", group.name));
    what.map(|what| loan(ground, debtor.operation, what, debtor.overdue.clone(), debtor.remedy.clone())).collect()
}

fn loan(ground: &Ground<'_>, operation: &OperationId, what: String, overdue: Option<String>, remedy: String) -> Loan {
    Loan { fleet: ground.spec.name.clone(), operation: operation.clone(), what, overdue, remedy }
}

/// Claims of this store. One of an operation that is over is taken off by the next operation, and ends by itself.
fn claims(ground: &Ground<'_>) -> Vec<Loan> {
    let found = ground.groups.iter().filter_map(|(_, group)| Some((group, claim_on(group)?)));
    found.filter(|(_, claim)| claim.is_by(ground.store)).map(|(group, claim)| claimed(ground, group, &claim)).collect()
}

fn claimed(ground: &Ground<'_>, group: &ServerGroup, claim: &Claim) -> Loan {
    let id = OperationId::new(claim.operation.raw());
    let at_work = ground.record.operations.iter().find(|view| view.operation.id == id && !view.state().is_final());
    let (overdue, remedy) = at_work.map_or_else(|| over(ground, &id, claim), |view| prospects(ground, view));
    loan(ground, &id, format!("the claim on {}", group.name), overdue, remedy)
}

fn over(ground: &Ground<'_>, id: &OperationId, claim: &Claim) -> (Option<String>, String) {
    let ends = match claim.until {
        Some(until) if until > ground.now => format!("it ends by itself at {}", until.clock()),
        Some(_) => "it has ended, and keeps nobody out".to_owned(),
        None => "it has no end".to_owned(),
    };
    (Some(format!("{id} is over")), format!("the next operation of {} takes it off; {ends}", ground.spec.name))
}
