//! Finding drift: weights, templates and servers that neither an operation nor the ledger explains.

use std::collections::BTreeMap;

use super::facts::Facts;
use crate::domain::fleet::{FleetSource, FleetSpec, Groups, Route, Slot};
use crate::domain::group::{Lifecycle, PinnedVersion, ServerGroup};
use crate::domain::ids::{GroupName, TemplateId};
use crate::domain::time::WorldTime;
use crate::domain::traffic::RouteActions;
use crate::operation::drift::{Drift, DriftKind};
use crate::operation::event::{OperationState, StepOutcome};
use crate::operation::ledger::{LedgerBody, LedgerEntry};
use crate::operation::plan::{OperationKind, Side, StepKind};
use crate::operation::record::OperationView;

/// When each thing was first seen, by its key.
pub type FirstSeen = BTreeMap<String, WorldTime>;

/// What drift is found in.
pub(super) struct Ground<'a> {
    pub spec: &'a FleetSpec,
    /// Its groups, with the slot of each.
    pub groups: &'a [(Slot, &'a ServerGroup)],
    /// Its route, where it has one and it is known.
    pub route: Option<&'a RouteActions>,
    pub ledger: &'a [LedgerEntry],
    /// Newest first.
    pub operations: &'a [OperationView],
    pub now: WorldTime,
    pub first_seen: &'a FirstSeen,
}

/// Everything that another hand changed.
pub(super) fn drift(ground: &Ground<'_>) -> Vec<Drift> {
    let mut found = Vec::new();
    if ground.spec.source == FleetSource::Adopted {
        found.extend(weights(ground));
        found.extend(ground.groups.iter().filter_map(|(_, group)| attachment(ground, group)));
        found.extend(ground.groups.iter().filter_map(|(slot, group)| template(ground, *slot, group)));
    }
    found.extend(ground.groups.iter().filter_map(|(slot, group)| servers(ground, *slot, group)));
    for drift in &mut found {
        drift.since = ground.first_seen.get(&drift.key()).copied();
    }
    found
}

/// The same from the facts of a plan.
pub(super) fn in_facts(facts: &Facts<'_>) -> Vec<Drift> {
    let groups: Vec<(Slot, &ServerGroup)> = Slot::BOTH.into_iter().filter_map(|slot| Some((slot, facts.seen.group(slot)?))).collect();
    let (spec, ledger, operations, now) = (facts.spec, facts.ledger, facts.operations, facts.now);
    drift(&Ground { spec, groups: &groups, route: facts.seen.route.value(), ledger, operations, now, first_seen: &FirstSeen::new() })
}

/// What of it a deploy would take for good: the weights as they are, and what the group that serves launches.
pub(super) fn taken_for_good(drift: &[Drift], live: &GroupName) -> Option<String> {
    let of_live = |drift: &&Drift| drift.kind == DriftKind::Weights || drift.subject == live.to_string();
    drift.iter().find(of_live).map(|drift| format!("another hand changed it: {}", drift.sentence()))
}

fn holder<'a>(ground: &Ground<'a>) -> Option<&'a OperationView> {
    ground.operations.iter().find(|view| !view.state().is_final() && view.operation.plan.kind != OperationKind::Retire)
}

/// Servers in service that do not run what their group launches. An operation explains those of the group it replaces.
fn servers(ground: &Ground<'_>, slot: Slot, group: &ServerGroup) -> Option<Drift> {
    let explained = holder(ground).is_some_and(|view| view.operation.plan.to.slot == slot || matches!(ground.spec.groups, Groups::One(_)));
    let pinned = group.template.as_ref()?.number().filter(|_| !explained)?;
    let mut others: BTreeMap<u64, u32> = BTreeMap::new();
    let in_service = group.instances.iter().filter(|instance| instance.lifecycle == Lifecycle::InService);
    for version in in_service.filter_map(|instance| instance.template_version).filter(|version| *version != pinned) {
        *others.entry(version).or_default() += 1;
    }
    if others.is_empty() {
        return None;
    }
    let found: Vec<String> = others.iter().map(|(version, count)| format!("{count} {} template version {version}", runs(*count))).collect();
    Some(Drift {
        kind: DriftKind::Servers,
        subject: group.name.to_string(),
        expected: format!("version {pinned}, which the group launches"),
        found: found.join(", "),
        since: None,
        remedy: "terminate them one by one: the group launches what it should".to_owned(),
    })
}

const fn runs(count: u32) -> &'static str {
    if count == 1 { "server runs" } else { "servers run" }
}

/// What a group was left with, and by whom.
struct Left {
    template: TemplateId,
    version: u64,
    by: String,
}

fn template(ground: &Ground<'_>, slot: Slot, group: &ServerGroup) -> Option<Drift> {
    let pin = group.template.as_ref()?;
    let left = left_with(ground, slot)?;
    if pin.id == left.template && pin.number() == Some(left.version) {
        return None;
    }
    let version = match pin.version {
        PinnedVersion::Number(number) => format!("version {number}"),
        PinnedVersion::Latest => "$Latest".to_owned(),
        PinnedVersion::Default => "$Default".to_owned(),
    };
    Some(Drift {
        kind: DriftKind::Template,
        subject: group.name.to_string(),
        expected: format!("version {} of {} by {}", left.version, left.template, left.by),
        found: format!("launches {version} of {}", pin.id),
        since: None,
        remedy: format!("if nobody meant it, pin the group to version {} again; if it is a release, deploy it as one", left.version),
    })
}

/// Told by the newest operation that had to do with the slot's template, else by the ledger; none where neither can tell.
fn left_with(ground: &Ground<'_>, slot: Slot) -> Option<Left> {
    if matches!(ground.spec.groups, Groups::One(_)) {
        return one_group(ground);
    }
    for view in ground.operations {
        match left_by(view, slot) {
            Touched::No => {}
            Touched::Unsure => return None,
            Touched::Left(template, version) => return Some(Left { template, version, by: view.operation.id.to_string() }),
        }
    }
    newest(ground, |entry| entry.release.slot == slot)
}

/// A refresh pins the only group when it is over: while none goes on, what it launches is a release of the ledger.
fn one_group(ground: &Ground<'_>) -> Option<Left> {
    let pin = ground.groups.first().and_then(|(_, group)| group.template.as_ref())?;
    let known = |entry: &LedgerEntry| entry.release.template == pin.id && Some(entry.release.template_version) == pin.number();
    if holder(ground).is_some() || ground.ledger.iter().any(known) {
        return None;
    }
    newest(ground, |_| true)
}

fn newest(ground: &Ground<'_>, like: impl Fn(&LedgerEntry) -> bool) -> Option<Left> {
    let stable = ground.ledger.iter().rev().filter(|entry| matches!(entry.body, LedgerBody::Stable { .. }));
    let entry = stable.into_iter().find(|entry| like(entry))?;
    Some(Left { template: entry.release.template.clone(), version: entry.release.template_version, by: "the ledger".to_owned() })
}

enum Touched {
    No,
    /// It may or may not have got so far.
    Unsure,
    Left(TemplateId, u64),
}

fn left_by(view: &OperationView, slot: Slot) -> Touched {
    let (plan, progress) = (&view.operation.plan, &view.progress);
    let left = |side: &Side, version: Option<u64>| version.map_or(Touched::Unsure, |version| Touched::Left(side.template.clone(), version));
    // A recycle is about one group only.
    if plan.to.slot != slot && plan.from.slot != slot {
        return Touched::No;
    }
    if plan.to.slot != slot {
        return left(&plan.from, plan.from.template_version);
    }
    let step = plan.steps.iter().position(|step| step.kind == StepKind::Template).and_then(|at| progress.steps.get(at));
    match step {
        None => left(&plan.to, progress.candidate_version),
        Some(step) if step.outcome == Some(StepOutcome::Success) => left(&plan.to, progress.candidate_version),
        Some(step) if step.started_at.is_none() => Touched::No,
        Some(_) => Touched::Unsure,
    }
}

fn weights(ground: &Ground<'_>) -> Option<Drift> {
    let route = ground.route.filter(|_| ground.spec.scope().is_weighted())?;
    let (wanted, by) = match ground.operations.first() {
        Some(view) => (wanted_by(view, ground.now)?, view.operation.id.to_string()),
        None => {
            let live = ground.ledger.iter().rev().find(|entry| matches!(entry.body, LedgerBody::Stable { .. }))?.release.slot;
            (vec![all_on(ground, route, live)?], "the ledger".to_owned())
        }
    };
    let expected = wanted.first().filter(|_| !wanted.iter().any(|wanted| same_shares(ground, route, wanted)))?;
    Some(Drift {
        kind: DriftKind::Weights,
        subject: ground.spec.name.to_string(),
        expected: format!("{} by {by}", words(ground, expected)),
        found: format!("the weights are {}", words(ground, route)),
        since: None,
        remedy: "if nobody meant it, set them back; a deploy takes the group that serves for the good one".to_owned(),
    })
}

/// What the route may read as if nobody else changed it; none while a change of ours may still be spreading, or nobody can tell.
fn wanted_by(view: &OperationView, now: WorldTime) -> Option<Vec<RouteActions>> {
    let (plan, progress) = (&view.operation.plan, &view.progress);
    let settling = progress.written_at.is_some_and(|at| now.since(at) < plan.timing.settle.times(2));
    let surely = !settling && view.state() != OperationState::Superseded && progress.in_flight.is_none();
    surely.then(|| progress.expected_routes.clone()).filter(|routes| !routes.is_empty())
}

/// A group of two that share a target group: at rest both are in it, in a deploy and its window as the operation left them.
fn attachment(ground: &Ground<'_>, group: &ServerGroup) -> Option<Drift> {
    let (Groups::Two(_), Route::Attached { target_group }) = (&ground.spec.groups, &ground.spec.route) else { return None };
    let (wanted, by) = match ground.operations.first() {
        Some(view) => {
            wanted_by(view, ground.now)?;
            (view.progress.may_read_attached(&group.name).to_vec(), format!("left so by {}", view.operation.id))
        }
        None => (vec![true], "as both groups of the fleet are".to_owned()),
    };
    let is_in = group.target_groups.contains(target_group);
    let words = |is_in: bool| if is_in { "attached to" } else { "off" };
    let expected = wanted.last().filter(|_| !wanted.contains(&is_in))?;
    Some(Drift {
        kind: DriftKind::Attachment,
        subject: group.name.to_string(),
        expected: format!("{} it, {by}", words(*expected)),
        found: format!("{} target group {}", words(is_in), target_group.short()),
        since: None,
        remedy: "if nobody meant it, put it back: servers of an attached group get traffic".to_owned(),
    })
}

fn all_on(ground: &Ground<'_>, route: &RouteActions, live: Slot) -> Option<RouteActions> {
    let arn = |slot| ground.spec.route.target_group(slot).cloned();
    Some(route.with_weights(&[(arn(live)?, 100), (arn(live.other())?, 0)]))
}

fn same_shares(ground: &Ground<'_>, one: &RouteActions, other: &RouteActions) -> bool {
    let share = |of: &RouteActions, slot| ground.spec.route.target_group(slot).and_then(|arn| of.share(arn));
    Slot::BOTH.into_iter().all(|slot| match (share(one, slot), share(other, slot)) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-9,
        (one, other) => one.is_none() && other.is_none(),
    })
}

fn words(ground: &Ground<'_>, route: &RouteActions) -> String {
    let weight = |slot: Slot| ground.spec.route.target_group(slot).and_then(|arn| route.weight(arn));
    let words = Slot::BOTH.map(|slot| format!("{} {}", slot.letter(), weight(slot).map_or_else(|| "?".to_owned(), |weight| weight.to_string())));
    words.join(", ")
}
