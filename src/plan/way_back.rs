//! The way back of a fleet, from what a listing tells: shown before anybody needs it.

use crate::domain::fleet::{FleetSpec, Groups, Route, Slot};
use crate::domain::group::{HealthCheck, ServerGroup};
use crate::domain::image::{Image, ImageState};
use crate::domain::release::Release;
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::RouteActions;
use crate::operation::consequence::touched_nothing;
use crate::operation::damage::FleetDamage;
use crate::operation::history::FleetHistory;
use crate::operation::ledger::{LedgerEntry, last_known_good};
use crate::operation::plan::OperationKind;
use crate::operation::record::OperationView;
use crate::operation::status::{WayBack, WayBackLevel};

/// What the way back is computed from.
pub struct Ground<'a> {
    /// The fleet.
    pub spec: &'a FleetSpec,
    /// Its groups as listed.
    pub groups: &'a [&'a ServerGroup],
    /// Its route, where it has one and it is known.
    pub route: Option<&'a RouteActions>,
    /// All images, and whether the listing is complete.
    pub images: &'a [Image],
    /// An image that is not in `images` does not exist.
    pub images_complete: bool,
    /// The fleet's ledger.
    pub ledger: &'a [LedgerEntry],
    /// What of its records cannot be read.
    pub damage: &'a FleetDamage,
    /// Its unfinished operation that holds it.
    pub holder: Option<&'a OperationView>,
    /// How long things took before.
    pub history: FleetHistory,
    /// When the groups were read.
    pub as_of: WorldTime,
}

/// Where a rollback would go, by which path, how long it would take and what stands in its way.
#[must_use]
pub fn way_back(ground: &Ground<'_>) -> WayBack {
    if let Some(why) = unreadable(ground) {
        return WayBack { unknown: true, ..none(why) };
    }
    let Some(target) = target(ground) else { return none("no earlier release is known to be good") };
    match &ground.spec.groups {
        Groups::Two(_) if matches!(ground.spec.route, Route::Weighted { .. }) => by_weights(ground, target),
        _ => not_driven(ground, target),
    }
}

fn none(why: &str) -> WayBack {
    WayBack { blockers: vec![why.to_owned()], ..WayBack::default() }
}

/// Which of two groups serves is told by the weights, or by the operation that holds the fleet.
fn unreadable(ground: &Ground<'_>) -> Option<&'static str> {
    let routed = matches!(ground.spec.groups, Groups::Two(_)) && ground.groups.iter().any(|group| !group.target_groups.is_empty());
    if ground.damage.holder().is_some() {
        return Some("the record of the operation that holds it is damaged: a rollback plans it from the cloud and the ledger");
    }
    let by_weights = routed && !matches!(ground.spec.route, Route::Attached { .. });
    (by_weights && ground.route.is_none() && ground.holder.is_none()).then_some("its route could not be read")
}

fn target(ground: &Ground<'_>) -> Option<Release> {
    if let Some(stable) = stable_of_both(ground) {
        return Some(stable);
    }
    let bad_slot = going_away(ground);
    let bad = bad_slot.and_then(|slot| group(ground, slot)).or_else(|| ground.groups.first().copied())?.template.as_ref()?;
    last_known_good(ground.ledger, |release| release.template == bad.id && Some(release.template_version) == bad.number()).map(|known| known.release)
}

/// Both groups serve and no operation explains it: what was stable last, if one of them still launches it.
fn stable_of_both(ground: &Ground<'_>) -> Option<Release> {
    let Route::Weighted { target_groups, .. } = &ground.spec.route else { return None };
    let serves = |slot| ground.route.and_then(|route| route.weight(target_groups.get(slot))).is_some_and(|weight| weight > 0);
    let unexplained = ground.holder.is_none() && Slot::BOTH.into_iter().all(serves);
    let known = last_known_good(ground.ledger, |_| false).filter(|_| unexplained)?.release;
    let pin = group(ground, known.slot)?.template.as_ref()?;
    (pin.id == known.template && pin.number() == Some(known.template_version)).then_some(known)
}

fn going_away(ground: &Ground<'_>) -> Option<Slot> {
    let touches = |view: &&OperationView| !touched_nothing(&view.operation.plan, &view.progress);
    if let Some(deploy) = ground.holder.filter(|view| view.operation.plan.kind == OperationKind::Deploy).filter(touches) {
        return Some(deploy.operation.plan.to.slot);
    }
    if let Some(rollback) = ground.holder.filter(|view| view.operation.plan.kind == OperationKind::Rollback) {
        return Some(rollback.operation.plan.from.slot);
    }
    let route = ground.route?;
    let weight = |slot| route.weight(ground.spec.route.target_group(slot)?);
    Some(if weight(Slot::B)? > weight(Slot::A)? { Slot::B } else { Slot::A })
}

fn group<'a>(ground: &Ground<'a>, slot: Slot) -> Option<&'a ServerGroup> {
    let Groups::Two(names) = &ground.spec.groups else { return None };
    ground.groups.iter().find(|group| group.name == *names.get(slot)).copied()
}

fn by_weights(ground: &Ground<'_>, target: Release) -> WayBack {
    let Some(group) = group(ground, target.slot) else { return none("the group of the last good release cannot be read") };
    let pinned = group.template.as_ref().is_some_and(|pin| pin.id == target.template && pin.number() == Some(target.template_version));
    let image_gone = ground.images_complete && !ground.images.iter().any(|image| image.id == target.image && image.state == ImageState::Available);
    if !pinned {
        let gone = image_gone.then(|| format!("image of {} is gone", target.label()));
        let blocker = gone.unwrap_or_else(|| format!("{} has to be deployed anew", target.label()));
        let level = (!image_gone).then_some(WayBackLevel::R2);
        return WayBack {
            level,
            unknown: false,
            proved: true,
            expected: level.map(|_| grow(ground)),
            target: Some(target),
            blockers: vec![blocker],
            proved_at: None,
        };
    }
    let census =
        group.instances.iter().filter(|instance| instance.serves()).all(|instance| instance.template_version == Some(target.template_version));
    let warm = group.serving() >= need(ground, &target) && census && group.serving() > 0 && group.health_check == HealthCheck::Elb;
    if warm {
        return WayBack {
            level: Some(WayBackLevel::R0),
            unknown: false,
            proved: true,
            expected: Some(shift(ground)),
            target: Some(target),
            blockers: Vec::new(),
            proved_at: Some(ground.as_of),
        };
    }
    if image_gone {
        let blocker = format!("image of {} is gone", target.label());
        return WayBack { level: None, unknown: false, proved: true, expected: None, target: Some(target), blockers: vec![blocker], proved_at: None };
    }
    let expected = grow(ground).plus(shift(ground));
    WayBack {
        level: Some(WayBackLevel::R1),
        unknown: false,
        proved: true,
        expected: Some(expected),
        target: Some(target),
        blockers: Vec::new(),
        proved_at: None,
    }
}

fn not_driven(ground: &Ground<'_>, target: Release) -> WayBack {
    let kind = match (&ground.spec.groups, &ground.spec.route) {
        (Groups::One(_), _) => "a fleet of one group",
        (_, Route::Attached { .. }) => "a fleet with a shared target group",
        _ => "a fleet without a weighted route",
    };
    let blocker = format!("{kind} is not rolled back by this version of Quarterdeck");
    WayBack { level: None, unknown: false, proved: true, target: Some(target), expected: None, blockers: vec![blocker], proved_at: None }
}

/// Servers the target needs: what the other group is asked to keep, at least the floor.
fn need(ground: &Ground<'_>, target: &Release) -> u32 {
    let frozen = ground.holder.map(|view| view.progress.need);
    let other = group(ground, target.slot.other()).map_or(0, |group| group.sizes.desired);
    frozen.unwrap_or(0).max(other).max(ground.spec.floor)
}

fn shift(ground: &Ground<'_>) -> Millis {
    ground.history.expected_shift()
}

fn grow(ground: &Ground<'_>) -> Millis {
    ground.history.expected_grow()
}
