//! Planning a rollback: where to, by which path, and what it takes the wheel from.

use super::facts::{Facts, draft, hurried};
use super::guards;
use crate::domain::fleet::{BySlot, Slot};
use crate::domain::image::{Image, ImageState};
use crate::domain::release::Release;
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::Millis;
use crate::operation::claim::foreign_claim;
use crate::operation::consequence::touched_nothing;
use crate::operation::damage::DamagedOperation;
use crate::operation::event::OperationState;
use crate::operation::ledger::{KnownRelease, known_releases, last_known_good};
use crate::operation::plan::{Check, CheckLevel, Friction, OperationKind, Plan, PlanStep, Refusal, StepKind};
use crate::operation::record::OperationView;
use crate::operation::status::WayBackLevel;

/// Whoever confirmed a rollback starts its driver within this, or ends it.
const STARTING: Millis = Millis::secs(60);

/// Where a rollback goes and how sure that is.
struct Target {
    release: Release,
    /// It is the newest unmarked release of the ledger.
    last_good: bool,
    /// Nothing in the ledger says it was ever good.
    unproved: bool,
}

/// Plans a rollback to `to` (a version or an image id), or to the last known good release.
///
/// # Errors
/// A refusal: the reason, and what would lift it.
pub fn plan(facts: &Facts<'_>, to: Option<&str>) -> Result<Plan, Refusal> {
    facts.drivable()?;
    let target = target(facts, to)?;
    not_running_already(facts, &target)?;
    let slot = target.release.slot;
    let mut to_side = facts.side(slot)?;
    if to_side.template != target.release.template || to_side.template_version != Some(target.release.template_version) {
        return Err(needs_new_launch(facts, &target.release));
    }
    to_side.version = target.release.version.clone().or(to_side.version);
    let from = facts.side_going_away(slot.other())?;
    let (target_group, from_group) = (facts.group(slot)?, facts.group(slot.other())?);
    let mut plan = draft(facts, OperationKind::Rollback, from, to_side);
    plan.live_sizes = facts.live_sizes(if target_group.sizes.max > from_group.sizes.max { target_group.sizes } else { from_group.sizes });
    let planned_need = facts.held_plan().map_or(0, |plan| plan.need);
    let frozen_need = facts.operations.first().filter(|view| !view.state().is_final()).map_or(planned_need, |view| view.progress.need);
    plan.need = facts
        .spec
        .floor
        .max(target_group.sizes.desired)
        .max(from_group.sizes.desired)
        .max(frozen_need)
        .min(plan.live_sizes.max.max(facts.spec.floor));
    let level = level(facts, &plan, slot);
    if level == WayBackLevel::R1 {
        launchable(facts, &plan.to.image)?;
    }
    plan.level = Some(level);
    plan.steps = steps(facts, &plan, level);
    plan.supersedes = facts.superseded();
    plan.checks = checks(facts, &plan, &target);
    plan.friction = friction(facts, &target);
    Ok(plan.sealed())
}

fn target(facts: &Facts<'_>, to: Option<&str>) -> Result<Target, Refusal> {
    let good = default_target(facts);
    let Some(wanted) = to else {
        return good.ok_or_else(|| {
            if let Some(damaged) = facts.damage.holder() {
                return unsaid(facts, damaged);
            }
            Refusal::new(
                format!("{} has no way back: its ledger holds no other release that was stable and is not marked bad", facts.spec.name),
                "deploy a version you trust: `qd images` lists them",
            )
        });
    };
    if let Some(good) = good.filter(|good| is_meant(&good.release, wanted)) {
        return Ok(good);
    }
    let known = known_releases(facts.ledger);
    match known.iter().find(|known| is_meant(&known.release, wanted)) {
        Some(known) => Ok(Target { release: known.release.clone(), last_good: false, unproved: false }),
        None => Err(not_in_ledger(facts, &known, wanted)),
    }
}

/// The last known good; with nothing in the ledger, what the other slot happens to hold. A ledger that offers nothing is not overruled: what
/// the other slot holds then is marked bad, or never became stable.
fn default_target(facts: &Facts<'_>) -> Option<Target> {
    if let Some(damaged) = facts.damage.holder().filter(|damaged| damaged.plan.is_none()) {
        return left_by(facts, damaged);
    }
    if let Some(known) = stable_of_both(facts) {
        return Some(Target { release: known.release, last_good: true, unproved: false });
    }
    let (bad, from_ledger) = going_away(facts)?;
    let is_bad = |release: &Release| bad.iter().any(|(template, version)| release.template == *template && release.template_version == *version);
    if let Some(known) = last_known_good(facts.ledger, is_bad) {
        return Some(Target { release: known.release, last_good: true, unproved: false });
    }
    if !facts.ledger.is_empty() {
        return None;
    }
    let other = from_ledger.other();
    let side = facts.side(other).ok().filter(|_| facts.seen.group(other).is_some_and(|group| group.total() > 0))?;
    Some(Target { release: side.release(side.template_version?), last_good: true, unproved: true })
}

/// Both groups serve and no operation explains it: what was stable last is where to go, if one of them still launches it.
fn stable_of_both(facts: &Facts<'_>) -> Option<KnownRelease> {
    let serves = |slot| facts.seen.weight(slot).is_some_and(|weight| weight > 0);
    let unexplained = facts.held_plan().is_none() && Slot::BOTH.into_iter().all(serves);
    let known = last_known_good(facts.ledger, |_| false).filter(|_| unexplained)?;
    let pin = facts.seen.group(known.release.slot)?.template.as_ref()?;
    (pin.id == known.release.template && pin.number() == Some(known.release.template_version)).then_some(known)
}

/// Where to, when nobody can say what the operation that holds the fleet was doing. A deploy leaves what was stable before it in the ledger; of a
/// rollback only its own record said where it went.
fn left_by(facts: &Facts<'_>, damaged: &DamagedOperation) -> Option<Target> {
    let known = last_known_good(facts.ledger, |_| false).filter(|_| damaged.kind.raw() == OperationKind::Deploy.word())?;
    Some(Target { release: known.release, last_good: true, unproved: false })
}

fn unsaid(facts: &Facts<'_>, damaged: &DamagedOperation) -> Refusal {
    let known: Vec<String> = known_releases(facts.ledger).iter().map(|known| known.release.label()).collect();
    Refusal::new(
        format!("{}, so nobody can say where to go back to", damaged.sentence()),
        format!("say it: `qd rollback {} --to VERSION` (stable so far: {})", facts.spec.name, known.join(", ")),
    )
}

type Pinned = (crate::domain::ids::TemplateId, u64);

/// What is rolled back from: the candidate of an unfinished deploy, what an unfinished rollback leaves, else what the live group launches; and
/// its slot.
fn going_away(facts: &Facts<'_>) -> Option<(Vec<Pinned>, Slot)> {
    let slot = match (facts.holder(), facts.held_plan()) {
        // It replaced nothing yet: what stood by before it still does.
        (Some(view), _) if touched_nothing(&view.operation.plan, &view.progress) => heavier(facts)?,
        (_, Some(plan)) if plan.kind == OperationKind::Deploy => plan.to.slot,
        (_, Some(rollback)) => rollback.from.slot,
        (_, None) => heavier(facts)?,
    };
    let pin = facts.seen.group(slot)?.template.as_ref()?;
    Some((pin.number().map(|number| (pin.id.clone(), number)).into_iter().collect(), slot))
}

/// The slot with more weight: where two groups serve and no operation explains it, the newer part of the mix is unknown, so the larger counts as live.
fn heavier(facts: &Facts<'_>) -> Option<Slot> {
    let weights = BySlot::from_fn(|slot| facts.seen.weight(slot));
    let (a, b) = (weights.a?, weights.b?);
    Some(if b > a { Slot::B } else { Slot::A })
}

fn is_meant(release: &Release, wanted: &str) -> bool {
    release.image.as_str() == wanted || release.version.as_ref().is_some_and(|version| version.raw() == wanted)
}

fn not_in_ledger(facts: &Facts<'_>, known: &[KnownRelease], wanted: &str) -> Refusal {
    let list: Vec<String> = known.iter().map(|known| known.release.label()).collect();
    let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    Refusal::new(
        format!("'{}' was never stable on {} (stable so far: {list})", escape(wanted), facts.spec.name),
        format!("a version that was never stable is deployed: `qd deploy {} --image {}`", facts.spec.name, escape(wanted)),
    )
}

/// A rollback to the same release that goes on already is joined. One that was paused, or has lost its driver, is taken the wheel from.
fn not_running_already(facts: &Facts<'_>, target: &Target) -> Result<(), Refusal> {
    let Some(running) = running_rollback(facts).filter(|view| view.operation.plan.to.image == target.release.image) else { return Ok(()) };
    let (id, plan, since) = (&running.operation.id, &running.operation.plan, facts.now.since(running.operation.created_at));
    let goes_on = match running.state() {
        OperationState::Paused => false,
        OperationState::Planned => running.driver_alive || since < STARTING,
        _ => running.driver_alive,
    };
    if goes_on {
        return Err(Refusal::new(
            format!("{} rolls back to {} already: rollback {id} by {}", facts.spec.name, plan.to.label(), running.operation.by.short()),
            format!("watch it: `qd watch {id}`"),
        ));
    }
    Ok(())
}

fn running_rollback<'a>(facts: &'a Facts<'_>) -> Option<&'a OperationView> {
    facts.holder().filter(|view| view.operation.plan.kind == OperationKind::Rollback)
}

fn needs_new_launch(facts: &Facts<'_>, release: &Release) -> Refusal {
    let name = &facts.spec.name;
    Refusal::new(
        format!("{} is on no group of {name} any more: its group launches something else by now", release.label()),
        format!("launch it anew: `qd deploy {name} --image {}`", release.image),
    )
}

fn level(facts: &Facts<'_>, plan: &Plan, slot: Slot) -> WayBackLevel {
    let healthy = facts.seen.healthy(slot).or_else(|| facts.seen.healthy_targets(slot)).unwrap_or(0);
    let census = plan.to.template_version.and_then(|version| facts.seen.strangers(slot, version)).is_some_and(|strangers| strangers.is_empty());
    // Servers of a group that was just asked for fewer are healthy until they end.
    let kept = facts.seen.group(slot).is_some_and(|group| group.sizes.desired >= plan.need);
    if healthy >= plan.need && census && kept { WayBackLevel::R0 } else { WayBackLevel::R1 }
}

/// The image must exist to be launched again.
fn launchable(facts: &Facts<'_>, image: &crate::domain::ids::ImageId) -> Result<(), Refusal> {
    let usable = |found: &Image| found.id == *image && found.state == ImageState::Available;
    if facts.images.iter().any(usable) || facts.images_missing.is_some() {
        return Ok(());
    }
    Err(Refusal::new(format!("{image} is gone, so its servers cannot be launched again"), "deploy a version that exists: `qd images` lists them"))
}

fn steps(facts: &Facts<'_>, plan: &Plan, level: WayBackLevel) -> Vec<PlanStep> {
    let step = |kind: StepKind, title: String, expected| PlanStep { kind, title, expected };
    let mut steps = Vec::new();
    if level != WayBackLevel::R0 {
        steps.push(step(StepKind::GrowTarget, format!("grow {} to {}", plan.to.group, plan.need), Some(facts.history.expected_grow())));
    }
    steps.push(step(StepKind::Shift, format!("all traffic to {}", plan.to.label()), Some(facts.history.expected_shift())));
    steps.push(step(StepKind::Settle, "read back, settle".to_owned(), Some(plan.timing.settle)));
    steps.push(step(StepKind::Park, format!("park {}", plan.from.group), None));
    steps.push(step(StepKind::GiveBack, "mark bad, give back".to_owned(), None));
    steps
}

fn checks(facts: &Facts<'_>, plan: &Plan, target: &Target) -> Vec<Check> {
    let healthy = facts.seen.healthy(plan.to.slot).or_else(|| facts.seen.healthy_targets(plan.to.slot));
    let mut checks = vec![match healthy {
        Some(healthy) if healthy >= plan.need => {
            Check::new(CheckLevel::Ok, format!("{} has {healthy} of {} servers healthy", plan.to.group, plan.need))
        }
        Some(healthy) => Check::new(CheckLevel::Warning, format!("{} has {healthy} of {} servers healthy: it grows first", plan.to.group, plan.need)),
        None => Check::new(CheckLevel::Unknown, format!("the health of {} is unknown", plan.to.group)),
    }];
    if stable_of_both(facts).is_some() {
        checks.push(Check::new(CheckLevel::Warning, "both groups serve and no operation explains it: back to what was stable last"));
    }
    if target.unproved {
        checks.push(Check::new(CheckLevel::Warning, "no ledger entry says that this release was ever good"));
    }
    let image = facts.images.iter().find(|image| image.id == plan.to.image);
    checks.push(match image {
        Some(image) if image.blocked.is_some() => Check::new(CheckLevel::Warning, "the image is blocked"),
        Some(image) if image.state == ImageState::Available => Check::new(CheckLevel::Ok, "the image exists"),
        _ => Check::new(CheckLevel::Warning, "the image is gone: lost servers could not be replaced"),
    });
    checks.extend(facts.damage.sentences().into_iter().map(|sentence| Check::new(CheckLevel::Warning, sentence)));
    if let Some(view) = facts.holder() {
        checks
            .push(Check::new(CheckLevel::Warning, format!("stops {} {} by {}", view.operation.word(), view.operation.id, view.operation.by.short())));
    }
    let groups = Slot::BOTH.into_iter().filter_map(|slot| facts.seen.group(slot));
    if let Some(claim) = foreign_claim(groups, &facts.setting.store, facts.now) {
        checks.push(Check::new(CheckLevel::Warning, format!("claimed by others: {}", claim.described())));
    }
    if let Some(secs) = plan.actions.stickiness_secs() {
        let sticky = crate::domain::time::Millis::secs(u64::from(secs));
        checks.push(Check::new(CheckLevel::Warning, format!("sticky clients stay with the bad release for up to {sticky}")));
    }
    checks.push(Check::new(CheckLevel::Ok, "skips canary steps, soaks and analysis"));
    checks.extend(guards::skipped_freezes(facts));
    checks.extend(hurried(facts));
    checks
}

fn friction(facts: &Facts<'_>, target: &Target) -> Friction {
    if let Some(damaged) = facts.damage.holder().filter(|damaged| damaged.plan.is_none()) {
        return Friction::Typed { because: format!("{}: nobody can say how far it got", damaged.sentence()) };
    }
    if let Some(entry) = facts.damage.ledger.first() {
        return Friction::Typed { because: format!("{entry}: it may be a mark") };
    }
    let other_runs = running_rollback(facts).is_some_and(|view| view.operation.plan.to.image != target.release.image);
    let marked = known_releases(facts.ledger).into_iter().find(|known| known.release.is_same(&target.release)).and_then(|known| known.marked);
    if let Some(mark) = marked {
        let reason = mark.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", Untrusted::shown(reason)));
        return Friction::Typed { because: format!("{} is marked bad{reason}", target.release.label()) };
    }
    if target.unproved {
        return Friction::Typed { because: "nothing says that this release was ever good".to_owned() };
    }
    if !target.last_good {
        return Friction::Typed { because: "it is not the last known good release".to_owned() };
    }
    if other_runs {
        return Friction::Typed { because: "another rollback is running".to_owned() };
    }
    Friction::Confirm
}
