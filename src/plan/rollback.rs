//! Planning a rollback: where to, by which path, and what it takes the wheel from.

use super::facts::{Facts, draft, hurried};
use super::guards;
use super::one_group;
use super::relaunch;
use super::schema;
use super::target::{Images, choose, launches, stable_slot};
use crate::domain::fleet::{Groups, Route, Slot};
use crate::domain::ids::ImageId;
use crate::domain::image::ImageState;
use crate::domain::release::Release;
use crate::domain::sizes::Sizes;
use crate::domain::text::{Untrusted, escape, there_are};
use crate::domain::time::Millis;
use crate::operation::claim::foreign_claim;
use crate::operation::consequence::touched_nothing;
use crate::operation::event::OperationState;
use crate::operation::ledger::{How, KnownRelease, known_releases};
use crate::operation::plan::{Check, CheckLevel, Friction, OperationKind, Plan, PlanStep, Refusal, StepKind};
use crate::operation::record::{Operation, OperationView};
use crate::operation::status::WayBackLevel;

/// Whoever confirmed a rollback starts its driver within this, or ends it.
const STARTING: Millis = Millis::secs(60);

/// Where a rollback goes and how sure that is.
pub(super) struct Target {
    pub release: Release,
    /// The slot it will serve from.
    pub slot: Slot,
    /// It is the newest unmarked release of the ledger.
    pub last_good: bool,
    /// Nothing in the ledger says it was ever good.
    pub unproved: bool,
    /// Newer releases that are not gone back to, with the reason.
    pub passed_over: Vec<(Release, String)>,
}

/// Plans a rollback to `to` (a version or an image id), or to the last known good release.
///
/// # Errors
/// A refusal: the reason, and what would lift it.
pub fn plan(facts: &Facts<'_>, to: Option<&str>) -> Result<Plan, Refusal> {
    if matches!(facts.spec.groups, Groups::One(_)) {
        return one_group::plan(facts, to);
    }
    facts.drivable()?;
    let target = target(facts, to)?;
    not_running_already(facts, &target)?;
    let slot = target.slot;
    let anew = !is_pinned(facts, &target.release, slot);
    let mut to_side = if anew { relaunch::side(facts, &target.release, slot)? } else { facts.side(slot)? };
    to_side.version = target.release.version.clone().or(to_side.version);
    let from = facts.side_going_away(slot.other())?;
    let (target_group, from_group) = (facts.group(slot)?, facts.group(slot.other())?);
    let mut plan = draft(facts, OperationKind::Rollback, from, to_side);
    // Without a word of ours on it, the group that may be larger has the live role's sizes: the other one is idle, or grows with its share.
    let larger = |sizes: Sizes| (sizes.max, sizes.min);
    let read = if larger(target_group.sizes) > larger(from_group.sizes) { target_group.sizes } else { from_group.sizes };
    plan.live_sizes = facts.live_sizes(read);
    let planned_need = facts.held_plan().map_or(0, |plan| plan.need);
    let frozen_need = facts.operations.first().filter(|view| !view.state().is_final()).map_or(planned_need, |view| view.progress.need);
    plan.need = facts
        .spec
        .floor
        .max(target_group.sizes.desired)
        .max(from_group.sizes.desired)
        .max(frozen_need)
        .min(plan.live_sizes.max.max(facts.spec.floor));
    let warm = !anew && is_warm(facts, &plan, slot);
    if !warm {
        launchable(facts, &target.release)?;
    }
    // Without weights going back takes longer than one write: servers have to pass the load balancer's checks, or to be ended.
    plan.level = Some(match (anew, warm && plan.scope.is_weighted()) {
        (true, _) => WayBackLevel::R2,
        (false, true) => WayBackLevel::R0,
        (false, false) => WayBackLevel::R1,
    });
    if anew {
        relaunch::out_of_traffic(facts, &plan, &target.release)?;
        plan.source = relaunch::source(facts, &target.release, &plan)?;
        plan.steps = relaunch::steps(facts, &plan);
    }
    plan.steps.extend(steps(facts, &plan, warm));
    schema::of_rollback(facts, &mut plan)?;
    plan.supersedes = facts.superseded();
    plan.leaves_bad = leaves_bad(facts, &plan);
    plan.checks = checks(facts, &plan, &target);
    plan.friction = friction(facts, &target);
    Ok(plan.sealed())
}

fn target(facts: &Facts<'_>, to: Option<&str>) -> Result<Target, Refusal> {
    meant(facts, to, default_target(facts), |release| going_away(facts).map_or(release.slot, |(_, slot)| slot.other()))
}

/// The release that is named, or the default one where none is; `slot` is where one of the ledger would be launched.
pub(super) fn meant(
    facts: &Facts<'_>,
    to: Option<&str>,
    (good, passed_over): (Option<Target>, Vec<(Release, String)>),
    slot: impl Fn(&Release) -> Slot,
) -> Result<Target, Refusal> {
    let Some(wanted) = to else { return good.ok_or_else(|| no_way_back(facts, &passed_over)) };
    if let Some(good) = good.filter(|good| is_meant(&good.release, wanted)) {
        return Ok(good);
    }
    let known = known_releases(facts.ledger);
    match known.iter().find(|known| is_meant(&known.release, wanted)) {
        Some(known) => {
            let release = known.release.clone();
            Ok(Target { slot: slot(&release), release, last_good: false, unproved: false, passed_over: Vec::new() })
        }
        None => Err(not_in_ledger(facts, &known, wanted)),
    }
}

/// What a rollback without a named target would launch anew, so that what it ran with can be read before the plan is made.
#[must_use]
pub fn launched_anew(facts: &Facts<'_>, to: Option<&str>) -> Option<Release> {
    let single = matches!(facts.spec.groups, Groups::One(_));
    let target = if single { one_group::target(facts, to) } else { target(facts, to) }.ok()?;
    Some(target.release).filter(|release| !is_pinned(facts, release, target.slot))
}

fn no_way_back(facts: &Facts<'_>, passed_over: &[(Release, String)]) -> Refusal {
    let name = &facts.spec.name;
    if !facts.seen.is_complete() && passed_over.is_empty() && facts.damage.holder().is_none() {
        return unseen(facts);
    }
    let why = match passed_over {
        [] if going_away(facts).is_none() && facts.damage.holder().is_some() => return unsaid(facts),
        [] => "its ledger holds no other release that was stable and is not marked bad".to_owned(),
        _ => passed_over.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join("; "),
    };
    Refusal::new(format!("{name} has no way back: {why}"), "deploy a version you trust: `qd images` lists them")
}

fn unseen(facts: &Facts<'_>) -> Refusal {
    Refusal::new(
        format!("not everything of {} can be seen ({}), so nobody can say where to go back to", facts.spec.name, facts.seen.unknowns().join("; ")),
        "put that right, or try again when it can be seen",
    )
}

/// Nobody can say where an operation went whose record is damaged: a person has to.
fn unsaid(facts: &Facts<'_>) -> Refusal {
    let known: Vec<String> = known_releases(facts.ledger).iter().map(|known| known.release.label()).collect();
    let damage = facts.damage.sentences().join("; ");
    Refusal::new(
        format!("{damage}, so nobody can say where to go back to"),
        format!("say it: `qd rollback {} --to VERSION` (stable so far: {})", facts.spec.name, known.join(", ")),
    )
}

/// The slot's group launches this release.
fn is_pinned(facts: &Facts<'_>, release: &Release, slot: Slot) -> bool {
    facts.seen.group(slot).is_some_and(|group| launches(group, release))
}

/// The last known good; with nothing in the ledger, what the other slot happens to hold. A ledger that offers nothing is not overruled: what
/// the other slot holds then is marked bad, or never became stable. Beside it, what was passed over and why.
fn default_target(facts: &Facts<'_>) -> (Option<Target>, Vec<(Release, String)>) {
    let Some((bad, leaves)) = going_away(facts) else { return (None, Vec::new()) };
    let slot = leaves.other();
    let live = live_release(facts, leaves);
    let is_bad = |release: &Release| {
        let is_pinned = bad.iter().any(|(template, version)| release.template == *template && release.template_version == *version);
        is_pinned || live.as_ref().is_some_and(|live| live.is_same_content(release))
    };
    let images = images(facts);
    let warm = |release: &Release| is_pinned(facts, release, slot) && facts.seen.healthy(slot).is_some_and(|healthy| healthy > 0);
    let hindrance = |release: &Release| {
        images.forbidden(release).or_else(|| images.excluded(release)).or_else(|| images.gone(release).filter(|_| !warm(release)))
    };
    let choice = choose(facts.ledger, is_bad, hindrance);
    if let Some(known) = choice.target {
        let passed_over = choice.passed_over;
        return (Some(Target { release: known.release, slot, last_good: true, unproved: false, passed_over }), Vec::new());
    }
    if !facts.ledger.is_empty() {
        return (None, choice.passed_over);
    }
    let side = facts.side(slot).ok().filter(|_| facts.seen.group(slot).is_some_and(|group| group.total() > 0));
    let release = side.and_then(|side| Some(side.release(side.template_version?)));
    (release.map(|release| Target { release, slot, last_good: true, unproved: true, passed_over: Vec::new() }), Vec::new())
}

pub(super) const fn images<'a>(facts: &'a Facts<'_>) -> Images<'a> {
    Images {
        listed: facts.images,
        complete: facts.images_missing.is_none(),
        schema: &facts.live_schema,
        operations: facts.operations,
        asks: !facts.spec.schema.is_empty(),
    }
}

/// What the group that is left launches, as a release.
fn live_release(facts: &Facts<'_>, slot: Slot) -> Option<Release> {
    let side = facts.side(slot).ok()?;
    Some(side.release(side.template_version?))
}

type Pinned = (crate::domain::ids::TemplateId, u64);

/// What is rolled back from: the candidate of an unfinished deploy, what an unfinished rollback leaves, else what the live group launches; and
/// its slot.
fn going_away(facts: &Facts<'_>) -> Option<(Vec<Pinned>, Slot)> {
    let slot = match (facts.holder(), facts.held_plan()) {
        // It replaced nothing yet: what stood by before it still does.
        (Some(view), _) if touched_nothing(&view.operation.plan, &view.progress) => facts.leaning_slot()?,
        (_, Some(plan)) if plan.kind == OperationKind::Deploy => plan.to.slot,
        (_, Some(rollback)) => rollback.from.slot,
        (_, None) => unexplained(facts)?,
    };
    let pin = facts.seen.group(slot)?.template.as_ref()?;
    Some((pin.number().map(|number| (pin.id.clone(), number)).into_iter().collect(), slot))
}

/// What is left where no operation that can be read says it: what serves; where two groups do, the one that is not what was stable last. A deploy
/// leaves that in the ledger; of a rollback only its own record said where it went.
fn unexplained(facts: &Facts<'_>) -> Option<Slot> {
    let stable = || stable_slot(facts.ledger, |slot| facts.seen.group(slot)).map(Slot::other);
    match facts.damage.holder() {
        Some(damaged) if damaged.kind.raw() == OperationKind::Deploy.word() => stable(),
        Some(_) => None,
        None if both_serve(facts) => stable().or_else(|| facts.leaning_slot()),
        None => facts.leaning_slot(),
    }
}

fn both_serve(facts: &Facts<'_>) -> bool {
    Slot::BOTH.into_iter().all(|slot| facts.seen.weight(slot).is_some_and(|weight| weight > 0))
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

/// What goes back to the same release already is joined: a rollback, or a deploy that backs out. One that was paused, or has lost its driver,
/// is taken the wheel from.
pub(super) fn not_running_already(facts: &Facts<'_>, target: &Target) -> Result<(), Refusal> {
    let Some(running) = facts.holder().filter(|view| leads_to(view) == Some(&target.release.image)) else { return Ok(()) };
    let starts = running.state() == OperationState::Planned && facts.now.since(running.operation.created_at) < STARTING;
    if running.state() == OperationState::Paused || !running.driver_alive && !starts {
        return Ok(());
    }
    Err(rolls_back_already(running, &target.release.label()))
}

/// A second person who wants the same has nothing to do but watch the first one's operation.
#[must_use]
pub fn rolls_back_already(first: &OperationView, label: &str) -> Refusal {
    let Operation { id, by, plan, .. } = &first.operation;
    let how = match plan.kind {
        OperationKind::Deploy => format!("{} {id} is backing out, {}", first.operation.word(), first.progress.reason),
        _ => format!("rollback {id} by {}", by.short()),
    };
    Refusal::new(format!("{} rolls back to {label} already: {how}", plan.fleet), format!("watch it: `qd watch {id}`"))
}

/// The image an operation on its way back leads to.
fn leads_to(view: &OperationView) -> Option<&ImageId> {
    let plan = &view.operation.plan;
    match (plan.kind, view.state()) {
        (OperationKind::Rollback, _) => Some(&plan.to.image),
        (OperationKind::Deploy, OperationState::BackingOut) => Some(&plan.from.image),
        _ => None,
    }
}

fn running_rollback<'a>(facts: &'a Facts<'_>) -> Option<&'a OperationView> {
    facts.holder().filter(|view| view.operation.plan.kind == OperationKind::Rollback)
}

/// The target has all the servers it needs.
fn is_warm(facts: &Facts<'_>, plan: &Plan, slot: Slot) -> bool {
    let healthy = facts.seen.healthy(slot).or_else(|| facts.seen.healthy_targets(slot)).unwrap_or(0);
    let census = plan.to.template_version.and_then(|version| facts.seen.strangers(slot, version)).is_some_and(|strangers| strangers.is_empty());
    // Servers of a group that was just asked for fewer are healthy until they end.
    let kept = facts.seen.group(slot).is_some_and(|group| group.sizes.desired >= plan.need);
    healthy >= plan.need && census && kept
}

/// A release that serves when it is rolled back from is bad; so is one that served until a rollback before this one took its traffic away.
fn leaves_bad(facts: &Facts<'_>, plan: &Plan) -> bool {
    let before = running_rollback(facts).map(|view| &view.operation.plan).filter(|before| before.from.slot == plan.from.slot);
    plan.from.served || before.is_some_and(|before| before.leaves_bad)
}

/// The image must exist, and be allowed, to be launched again.
pub(super) fn launchable(facts: &Facts<'_>, release: &Release) -> Result<(), Refusal> {
    let images = images(facts);
    if let Some(why) = images.forbidden(release) {
        return Err(Refusal::new(format!("{why}: nothing new is launched from it"), "take the block off, or roll back to another release"));
    }
    match images.gone(release) {
        Some(why) => Err(Refusal::new(
            format!("{why} ({}), so its servers cannot be launched again", release.image),
            "deploy a version that exists: `qd images` lists them",
        )),
        None => Ok(()),
    }
}

fn steps(facts: &Facts<'_>, plan: &Plan, warm: bool) -> Vec<PlanStep> {
    let step = |kind: StepKind, title: String, expected| PlanStep { kind, title, expected };
    let mut steps = Vec::new();
    if !warm {
        steps.push(step(StepKind::GrowTarget, format!("grow {} to {}", plan.to.group, plan.need), Some(facts.history.expected_grow())));
    }
    // Workers stop when they are ended, which is what parks their group.
    let (all, parks) = if plan.scope.route == Route::None { ("all work to", false) } else { ("all traffic to", true) };
    steps.push(step(StepKind::Shift, format!("{all} {}", plan.to.label()), Some(facts.history.expected_shift(&plan.scope.route))));
    steps.push(step(StepKind::Settle, "read back, settle".to_owned(), Some(plan.timing.settle)));
    if parks {
        steps.push(step(StepKind::Park, format!("park {}", plan.from.group), None));
    }
    steps.push(step(StepKind::GiveBack, "mark bad, give back".to_owned(), None));
    steps
}

fn checks(facts: &Facts<'_>, plan: &Plan, target: &Target) -> Vec<Check> {
    let healthy = facts.seen.healthy(plan.to.slot).or_else(|| facts.seen.healthy_targets(plan.to.slot));
    let mut checks = vec![match healthy {
        _ if plan.level == Some(WayBackLevel::R2) => {
            Check::new(CheckLevel::Warning, format!("no group launches {}: {} launched anew", plan.to.label(), there_are(plan.need, "server")))
        }
        Some(healthy) if healthy >= plan.need => {
            Check::new(CheckLevel::Ok, format!("{} has {healthy} of {} servers healthy", plan.to.group, plan.need))
        }
        Some(healthy) => Check::new(CheckLevel::Warning, format!("{} has {healthy} of {} servers healthy: it grows first", plan.to.group, plan.need)),
        None => Check::new(CheckLevel::Unknown, format!("the health of {} is unknown", plan.to.group)),
    }];
    if plan.level == Some(WayBackLevel::R2) {
        checks.extend(relaunch::checks(facts, plan, &target.release));
    }
    checks.extend(target.passed_over.iter().map(|(_, why)| Check::new(CheckLevel::Warning, format!("passed over: {why}"))));
    checks.extend(facts.damage.sentences().into_iter().map(|sentence| Check::new(CheckLevel::Warning, sentence)));
    if both_serve(facts) && facts.held_plan().is_none() {
        checks.push(Check::new(CheckLevel::Warning, "both groups serve and no operation explains it"));
    }
    if target.unproved {
        checks.push(Check::new(CheckLevel::Warning, "no ledger entry says that this release was ever good"));
    }
    let image = facts.images.iter().find(|image| image.id == plan.to.image);
    checks.push(match image {
        Some(image) if image.blocked.is_some() => Check::new(CheckLevel::Warning, "the image is blocked"),
        Some(image) if image.state == ImageState::Available => Check::new(CheckLevel::Ok, "the image exists"),
        None if let Some(why) = &facts.images_missing => {
            Check::new(CheckLevel::Unknown, format!("whether the image still exists is unknown: the listing of images is incomplete ({why})"))
        }
        _ => Check::new(CheckLevel::Warning, "the image is gone: lost servers could not be replaced"),
    });
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
    checks.extend(schema::checks(facts, plan));
    checks.extend(guards::skipped_freezes(facts));
    checks.extend(hurried(facts));
    checks
}

pub(super) fn friction(facts: &Facts<'_>, target: &Target) -> Friction {
    if let Some(damaged) = facts.damage.holder().filter(|damaged| damaged.plan.is_none()) {
        return Friction::Typed { because: format!("{}: nobody can say how far it got", damaged.sentence()) };
    }
    if let Some(entry) = facts.damage.ledger.first() {
        return Friction::Typed { because: format!("{entry}: it may be a mark") };
    }
    let other_runs = running_rollback(facts).is_some_and(|view| view.operation.plan.to.image != target.release.image);
    let known = known_releases(facts.ledger).into_iter().find(|known| known.release.is_same(&target.release));
    let only_seen = known.as_ref().is_some_and(|known| known.how == How::Seen);
    if let Some(mark) = known.and_then(|known| known.marked) {
        let reason = mark.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", Untrusted::shown(reason)));
        return Friction::Typed { because: format!("{} is marked bad{reason}", target.release.label()) };
    }
    if target.unproved {
        return Friction::Typed { because: "nothing says that this release was ever good".to_owned() };
    }
    if only_seen {
        return Friction::Typed { because: "only its group's tag says that this release was stable: a mark on it went with the ledger".to_owned() };
    }
    if let Some(why) = images(facts).forbidden(&target.release) {
        return Friction::Typed { because: why };
    }
    if !target.last_good {
        return Friction::Typed { because: "it is not the last known good release".to_owned() };
    }
    if other_runs {
        return Friction::Typed { because: "another rollback is running".to_owned() };
    }
    Friction::Confirm
}
