//! The way back of a fleet, from what a listing tells: shown before anybody needs it.

use super::live::working;
use super::one_group;
use super::target::{Choice, Images, choose, launches, stable_slot};
use crate::domain::fleet::{FleetSpec, Groups, Route, Slot};
use crate::domain::group::{HealthCheck, ServerGroup};
use crate::domain::image::Image;
use crate::domain::release::Release;
use crate::domain::schema::{Fit, LiveSchema};
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::RouteActions;
use crate::operation::consequence::touched_nothing;
use crate::operation::damage::FleetDamage;
use crate::operation::history::FleetHistory;
use crate::operation::ledger::LedgerEntry;
use crate::operation::plan::OperationKind;
use crate::operation::proof::{PROOF_LIFE, Rehearsal, StandbyProof};
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
    /// The schema of its database, as it was last told.
    pub schema: &'a LiveSchema,
    /// The fleet's ledger.
    pub ledger: &'a [LedgerEntry],
    /// The slot that serves most, where that can be told.
    pub live: Option<Slot>,
    /// What of its records cannot be read.
    pub damage: &'a FleetDamage,
    /// Its operations, newest first.
    pub operations: &'a [OperationView],
    /// Its unfinished operation that holds it.
    pub holder: Option<&'a OperationView>,
    /// How long things took before.
    pub history: FleetHistory,
    /// What the standby's load balancer said last.
    pub proof: Option<&'a StandbyProof>,
    /// The last rehearsal.
    pub rehearsal: Option<&'a Rehearsal>,
    /// When the groups were read.
    pub as_of: WorldTime,
}

/// Where a rollback would go, by which path, how long it would take and what stands in its way.
#[must_use]
pub fn way_back(ground: &Ground<'_>) -> WayBack {
    if let Some(why) = unreadable(ground) {
        return WayBack { unknown: true, ..none(why) };
    }
    let back = if matches!(ground.spec.groups, Groups::One(_)) { one_group::way_back(ground) } else { among_two(ground) };
    let of_target = |rehearsal: &&Rehearsal| back.target.as_ref().is_some_and(|target| rehearsal.target.is_same_content(target));
    let rehearsal = ground.rehearsal.filter(of_target).cloned();
    WayBack { rehearsal, ..back }
}

fn among_two(ground: &Ground<'_>) -> WayBack {
    let choice = chosen(ground);
    match choice.target {
        Some(known) => untold(&images(ground), &known.release).unwrap_or_else(|| {
            let newer = choice.passed_over.iter().map(|(_, why)| why.clone()).collect();
            let back = of_two(ground, known.release);
            WayBack { blockers: arriving(ground).into_iter().chain(back.blockers).collect(), passed_over: newer, ..back }
        }),
        None => unproved(ground).unwrap_or_else(|| passed_over(choice.passed_over)),
    }
}

/// A rollback whose target has all of the traffic: what it went to is what the next one would leave, which has to wait for its end.
fn arrived<'a>(ground: &Ground<'a>) -> Option<&'a OperationView> {
    ground.holder.filter(|view| view.operation.plan.kind == OperationKind::Rollback && view.progress.traffic_on_target_at.is_some())
}

fn arriving(ground: &Ground<'_>) -> Option<String> {
    let rollback = &arrived(ground)?.operation;
    Some(format!("{} goes back to {} and is not over: another rollback joins it", rollback.id, rollback.plan.to.label()))
}

/// Nobody can say whether the release runs on the live schema: then nobody can say whether there is a way back.
pub(super) fn untold(images: &Images<'_>, release: &Release) -> Option<WayBack> {
    let Fit::Unknown(why) = images.fit(release) else { return None };
    let blockers = vec![format!("{}: {why}", release.label())];
    Some(WayBack { unknown: true, target: Some(release.clone()), proved: true, blockers, ..WayBack::default() })
}

/// With nothing in the ledger, what the other slot happens to hold: nobody says that it was ever good.
fn unproved(ground: &Ground<'_>) -> Option<WayBack> {
    if !ground.ledger.is_empty() || matches!(ground.spec.groups, Groups::One(_)) {
        return None;
    }
    let slot = going_away(ground)?.other();
    let group = group(ground, slot).filter(|group| !group.instances.is_empty())?;
    let pin = group.template.as_ref()?;
    let image = pin.image.clone()?;
    let version = ground.images.iter().find(|found| found.id == image).and_then(|found| found.version.clone());
    let (template, digest, name) = (pin.id.clone(), pin.digest.clone(), group.name.clone());
    let release = Release { image, version, template, template_version: pin.number()?, digest, group: name, slot };
    let images = images(ground);
    let against = |why: String| WayBack { blockers: vec![why], target: Some(release.clone()), ..WayBack::default() };
    let shut = images.excluded(&release).map(against).or_else(|| untold(&images, &release));
    Some(WayBack { proved: false, proved_at: None, ..shut.unwrap_or_else(|| of_two(ground, release)) })
}

/// Nothing is left to go back to: the newest of what there was, and why not.
pub(super) fn passed_over(passed_over: Vec<(Release, String)>) -> WayBack {
    let blockers: Vec<String> = passed_over.iter().map(|(_, why)| why.clone()).collect();
    match passed_over.into_iter().next() {
        Some((release, _)) => WayBack { target: Some(release), proved: true, blockers, ..WayBack::default() },
        None => none("no earlier release is known to be good"),
    }
}

pub(super) fn none(why: &str) -> WayBack {
    WayBack { blockers: vec![why.to_owned()], ..WayBack::default() }
}

/// Which of two groups serves is told by the weights, or by the operation that holds the fleet.
fn unreadable(ground: &Ground<'_>) -> Option<&'static str> {
    if ground.damage.holder().is_some() {
        return Some("the record of the operation that holds it is damaged: a rollback plans it from the cloud and the ledger");
    }
    let routed = matches!(ground.spec.groups, Groups::Two(_)) && ground.groups.iter().any(|group| !group.target_groups.is_empty());
    let by_weights = routed && !matches!(ground.spec.route, Route::Attached { .. });
    (by_weights && ground.route.is_none() && ground.holder.is_none()).then_some("its route could not be read")
}

fn chosen(ground: &Ground<'_>) -> Choice {
    let left = going_away(ground).and_then(|slot| group(ground, slot)).or_else(|| ground.groups.first().copied());
    let Some(pin) = left.and_then(|group| group.template.as_ref()) else { return Choice::default() };
    let same_content = |release: &Release| {
        let data_differs = pin.digest.as_ref().zip(release.digest.as_ref()).is_some_and(|(one, other)| one != other);
        pin.image.as_ref() == Some(&release.image) && !data_differs
    };
    let is_live = |release: &Release| release.template == pin.id && Some(release.template_version) == pin.number() || same_content(release);
    let images = images(ground);
    let standby = going_away(ground).map(Slot::other).and_then(|slot| group(ground, slot));
    let warm = |release: &Release| standby.is_some_and(|group| launches(group, release) && group.serving() > 0);
    choose(ground.ledger, is_live, |release| {
        images.forbidden(release).or_else(|| images.excluded(release)).or_else(|| images.gone(release).filter(|_| !warm(release)))
    })
}

fn going_away(ground: &Ground<'_>) -> Option<Slot> {
    let touches = |view: &&OperationView| !touched_nothing(&view.operation.plan, &view.progress);
    if let Some(deploy) = ground.holder.filter(|view| view.operation.plan.kind == OperationKind::Deploy).filter(touches) {
        return Some(deploy.operation.plan.to.slot);
    }
    if let Some(rollback) = arrived(ground) {
        return Some(rollback.operation.plan.to.slot);
    }
    if let Some(rollback) = ground.holder.filter(|view| view.operation.plan.kind == OperationKind::Rollback) {
        return Some(rollback.operation.plan.from.slot);
    }
    if ground.holder.is_none() && Slot::BOTH.into_iter().all(|slot| group(ground, slot).is_some_and(|found| is_let_in(ground, slot, found))) {
        return stable_slot(ground.ledger, |slot| group(ground, slot)).map(Slot::other).or(ground.live);
    }
    ground.live
}

/// Whether a load balancer sends a group traffic. Workers of a slot that is emptied go once the others carry everything.
fn is_let_in(ground: &Ground<'_>, slot: Slot, group: &ServerGroup) -> bool {
    match &ground.spec.route {
        Route::Weighted { target_groups, .. } => {
            ground.route.and_then(|route| route.weight(target_groups.get(slot))).is_some_and(|weight| weight > 0)
        }
        Route::Attached { .. } => working(&ground.spec.route, group) > 0,
        Route::None => false,
    }
}

fn group<'a>(ground: &Ground<'a>, slot: Slot) -> Option<&'a ServerGroup> {
    let Groups::Two(names) = &ground.spec.groups else { return None };
    ground.groups.iter().find(|group| group.name == *names.get(slot)).copied()
}

fn of_two(ground: &Ground<'_>, target: Release) -> WayBack {
    let slot = going_away(ground).map_or(target.slot, Slot::other);
    let Some(group) = group(ground, slot) else { return none("the group of the last good release cannot be read") };
    let label = target.label();
    let (own, version) = (target.slot == slot, target.template_version);
    let found = WayBack { target: Some(target), proved: true, slot: Some(slot), ..WayBack::default() };
    let history = ground.history;
    let shift = history.expected_shift(&ground.spec.route);
    let launched = history.expected_grow().plus(shift);
    let Some(target) = found.target.as_ref().filter(|target| launches(group, target)) else {
        let stays = group.instances.iter().all(|instance| own && instance.template_version == Some(version));
        if !stays && is_let_in(ground, slot, group) {
            let why = format!("{label} has to be launched anew in {}, which serves something else", group.name);
            return WayBack { blockers: vec![why], ..found };
        }
        let room = if stays { Millis::ZERO } else { history.expected_empty() };
        let expected = history.expected_template().plus(room).plus(launched);
        return WayBack { level: Some(WayBackLevel::R2), expected: Some(expected), ..found };
    };
    match warmth(ground, slot, group) {
        Warmth::Proved { at, stale } => {
            let level = if ground.spec.scope().is_weighted() { WayBackLevel::R0 } else { WayBackLevel::R1 };
            WayBack { level: Some(level), expected: Some(shift), proved_at: at, stale, ..found }
        }
        Warmth::Cold { blocker } => match images(ground).gone(target) {
            Some(why) => WayBack { blockers: vec![why], ..found },
            None => WayBack { level: Some(WayBackLevel::R1), expected: Some(launched), blockers: blocker.into_iter().collect(), ..found },
        },
    }
}

/// Whether the standby could take everything at once.
enum Warmth {
    /// By its load balancer's word at this moment, or by Auto Scaling's alone.
    Proved { at: Option<WorldTime>, stale: bool },
    /// It has to grow first; why, where that cannot be seen from its size.
    Cold { blocker: Option<String> },
}

fn warmth(ground: &Ground<'_>, slot: Slot, group: &ServerGroup) -> Warmth {
    let pinned = group.template.as_ref().and_then(|pin| pin.number());
    let census = group.instances.iter().filter(|instance| instance.serves()).all(|instance| instance.template_version == pinned);
    let need = need(ground, slot);
    let covers = group.health_check == HealthCheck::Elb || ground.spec.route == Route::None;
    let warm = group.serving() >= need && census && group.serving() > 0;
    let proof = ground.proof.filter(|proof| proof.is_of(slot, group));
    let stale = proof.is_none_or(|proof| ground.as_of.since(proof.at) > PROOF_LIFE);
    match proof {
        // Workers are proved by the look that found them healthy. Off a shared target group nobody asks whether servers would pass its checks.
        _ if warm && ground.spec.route == Route::None => Warmth::Proved { at: Some(ground.as_of), stale: false },
        _ if warm && matches!(ground.spec.route, Route::Attached { .. }) => Warmth::Proved { at: None, stale: false },
        Some(proof) if warm && !stale && (proof.healthy < need || proof.strangers > 0) => {
            let blocker = format!("the load balancer calls {} of {need} standby servers healthy", proof.healthy);
            Warmth::Cold { blocker: Some(blocker) }
        }
        Some(proof) if warm && (covers || !stale) => Warmth::Proved { at: Some(proof.at), stale },
        None if warm && covers => Warmth::Proved { at: None, stale },
        _ => Warmth::Cold { blocker: None },
    }
}

pub(super) const fn images<'a>(ground: &Ground<'a>) -> Images<'a> {
    Images {
        listed: ground.images,
        complete: ground.images_complete,
        schema: ground.schema,
        operations: ground.operations,
        asks: !ground.spec.schema.is_empty(),
    }
}

/// Servers the target needs: what the other group is asked to keep, at least the floor.
fn need(ground: &Ground<'_>, slot: Slot) -> u32 {
    let frozen = ground.holder.map(|view| view.progress.need);
    let other = group(ground, slot.other()).map_or(0, |group| group.sizes.desired);
    frozen.unwrap_or(0).max(other).max(ground.spec.floor)
}
