//! The way back of a fleet of one group: AWS turns its running refresh round, or replaces every server once more.

use super::facts::{Facts, draft, hurried};
use super::guards;
use super::relaunch;
use super::rollback::{Target, friction, images, launchable, meant, not_running_already};
use super::rolling::{goes_on, hurried_preferences};
use super::schema;
use super::target::{Choice, Images, choose};
use super::way_back::{self, Ground, none, passed_over, untold};
use crate::domain::fleet::Slot;
use crate::domain::group::{Lifecycle, PinnedVersion, ServerGroup};
use crate::domain::ids::TemplateId;
use crate::domain::refresh::InstanceRefresh;
use crate::domain::release::Release;
use crate::operation::claim::foreign_claim;
use crate::operation::ledger::LedgerEntry;
use crate::operation::plan::{Check, CheckLevel, Friction, OperationKind, Plan, PlanStep, Refusal, Side, StepKind};
use crate::operation::record::OperationView;
use crate::operation::status::{WayBack, WayBackLevel};

/// Plans a rollback.
pub(super) fn plan(facts: &Facts<'_>, to: Option<&str>) -> Result<Plan, Refusal> {
    facts.changeable()?;
    let target = target(facts, to)?;
    not_running_already(facts, &target)?;
    let group = facts.group(Slot::A)?;
    goes_on(group)?;
    launchable(facts, &target.release)?;
    let to_side = relaunch::side(facts, &target.release, Slot::A)?;
    let mut plan = draft(facts, OperationKind::Rollback, leaving(facts)?, to_side);
    plan.live_sizes = facts.live_sizes(group.sizes);
    plan.need = facts.spec.floor.max(group.sizes.desired);
    plan.refresh = Some(hurried_preferences(facts, group)?);
    let level = if turns(facts, group, &target.release) { WayBackLevel::R0 } else { WayBackLevel::R2 };
    plan.level = Some(level);
    if level == WayBackLevel::R2 {
        plan.source = relaunch::source(facts, &target.release, &plan)?;
    }
    plan.steps = steps(facts, &plan, level);
    // A deploy that has not made its version yet leaves what it goes back to.
    plan.leaves_bad = (&plan.from.template, plan.from.template_version) != (&target.release.template, Some(target.release.template_version));
    schema::of_rollback(facts, &mut plan)?;
    plan.supersedes = facts.superseded();
    plan.checks = checks(facts, &plan, &target);
    plan.friction = match others_refresh(facts) {
        Some(other) => Friction::Typed { because: format!("it stops the instance refresh {}, which is another hand's", other.id) },
        None => friction(facts, &target),
    };
    Ok(plan.sealed())
}

/// Where a rollback goes.
pub(super) fn target(facts: &Facts<'_>, to: Option<&str>) -> Result<Target, Refusal> {
    meant(facts, to, default_target(facts), |_| Slot::A)
}

fn default_target(facts: &Facts<'_>) -> (Option<Target>, Vec<(Release, String)>) {
    let Some(group) = facts.seen.group(Slot::A) else { return (None, Vec::new()) };
    let choice = choose_from(facts.ledger, group, facts.holder(), images(facts));
    let slot = Slot::A;
    if let Some(known) = choice.target {
        let target = Target { release: known.release, slot, last_good: true, unproved: false, passed_over: choice.passed_over };
        return (Some(target), Vec::new());
    }
    // Nothing in the ledger: what the unfinished deploy came from, which nobody called good.
    let before = facts.holder().map(|view| &view.operation.plan).filter(|plan| plan.kind == OperationKind::Deploy && facts.ledger.is_empty());
    let release = before.and_then(|plan| Some(plan.from.release(plan.from.template_version?)));
    (release.map(|release| Target { release, slot, last_good: true, unproved: true, passed_over: Vec::new() }), choice.passed_over)
}

fn choose_from(ledger: &[LedgerEntry], group: &ServerGroup, holder: Option<&OperationView>, images: Images<'_>) -> Choice {
    let bad = bad_version(group, holder);
    let is_bad =
        |release: &Release| bad.as_ref().is_some_and(|(template, version)| release.template == *template && release.template_version == *version);
    choose(ledger, is_bad, |release| images.forbidden(release).or_else(|| images.excluded(release)).or_else(|| images.gone(release)))
}

/// What is gone back from: the candidate of an unfinished deploy, servers that run something else than the group launches, else what it launches.
fn bad_version(group: &ServerGroup, holder: Option<&OperationView>) -> Option<(TemplateId, u64)> {
    let pin = group.template.as_ref()?;
    if let Some(view) = holder.filter(|view| view.operation.plan.kind == OperationKind::Deploy) {
        // A version that is not made yet cannot be in the ledger, and nothing runs it.
        return view.progress.candidate_version.map(|version| (view.operation.plan.to.template.clone(), version));
    }
    let serving = group.instances.iter().filter(|server| server.lifecycle == Lifecycle::InService);
    let stranger = serving.filter_map(|server| server.template_version).find(|version| pin.version != PinnedVersion::Number(*version));
    stranger.or_else(|| pin.number()).map(|version| (pin.id.clone(), version))
}

/// A refresh runs, and what the group itself launches is the target: AWS's own rollback leads there.
fn turns(facts: &Facts<'_>, group: &ServerGroup, release: &Release) -> bool {
    let saved = group.template.as_ref().is_some_and(|pin| pin.id == release.template && pin.number() == Some(release.template_version));
    saved && running(facts).is_some()
}

fn running<'a>(facts: &'a Facts<'_>) -> Option<&'a InstanceRefresh> {
    facts.seen.refreshes().unwrap_or_default().iter().find(|refresh| refresh.status.is_running())
}

/// A refresh that runs and launches nothing an operation of this store made.
fn others_refresh<'a>(facts: &'a Facts<'_>) -> Option<&'a InstanceRefresh> {
    let of_holder = |refresh: &&InstanceRefresh| {
        let plan = facts.holder().map(|view| (&view.operation.plan, view.progress.candidate_version));
        let made = plan.and_then(|(plan, version)| Some((&plan.to.template, version?)));
        made.is_some_and(|(template, version)| refresh.launches(template, version))
    };
    running(facts).filter(|refresh| refresh.status.goes_forward() && !of_holder(refresh))
}

/// The side that is left: the unfinished deploy's candidate, or what the group launches.
fn leaving(facts: &Facts<'_>) -> Result<Side, Refusal> {
    let deploy = facts.holder().filter(|view| view.operation.plan.kind == OperationKind::Deploy);
    let candidate = deploy.and_then(|view| Some((view.operation.plan.to.clone(), view.progress.candidate_version?)));
    match candidate {
        Some((side, version)) => Ok(Side { template_version: Some(version), ..side }),
        None => facts.side_going_away(Slot::A),
    }
}

fn steps(facts: &Facts<'_>, plan: &Plan, level: WayBackLevel) -> Vec<PlanStep> {
    let step = |kind: StepKind, title: String, expected| PlanStep { kind, title, expected };
    let mut steps = Vec::new();
    if plan.to.template_version.is_none() {
        steps.push(step(StepKind::Version, format!("template version with {}", plan.to.label()), Some(facts.history.expected_template())));
    }
    steps.push(match level {
        WayBackLevel::R0 => step(StepKind::Refresh, format!("AWS turns round to {}", plan.to.label()), Some(facts.history.expected_turn())),
        _ => step(StepKind::Refresh, format!("AWS replaces servers by {}", plan.to.label()), Some(facts.history.expected_refresh())),
    });
    steps.push(step(StepKind::Settle, "look once more".to_owned(), Some(plan.timing.settle)));
    steps.push(step(StepKind::GiveBack, "mark bad, give back".to_owned(), None));
    steps
}

fn checks(facts: &Facts<'_>, plan: &Plan, target: &Target) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut note = |level, text: String| checks.push(Check::new(level, text));
    match (running(facts), plan.level) {
        (Some(refresh), Some(WayBackLevel::R0)) => note(CheckLevel::Ok, format!("an instance refresh is {}: AWS turns it round", refresh.words())),
        (Some(refresh), _) => note(CheckLevel::Warning, format!("the instance refresh {} ({}) is stopped first", refresh.id, refresh.words())),
        (None, _) => note(CheckLevel::Warning, "every server is replaced once more: minutes, not seconds".to_owned()),
    }
    if let Some(refresh) = &plan.refresh {
        note(CheckLevel::Ok, format!("in force, every value sent: {}", refresh.words()));
    }
    target.passed_over.iter().for_each(|(_, why)| note(CheckLevel::Warning, format!("passed over: {why}")));
    if target.unproved {
        note(CheckLevel::Warning, "no ledger entry says that this release was ever good".to_owned());
    }
    if let Some(view) = facts.holder() {
        note(CheckLevel::Warning, format!("stops {} {} by {}", view.operation.word(), view.operation.id, view.operation.by.short()));
    }
    if let Some(claim) = foreign_claim(facts.seen.group(Slot::A), &facts.setting.store, facts.now) {
        note(CheckLevel::Warning, format!("claimed by others: {}", claim.described()));
    }
    note(CheckLevel::Ok, "skips the bake and its alarms".to_owned());
    if plan.level == Some(WayBackLevel::R2) {
        checks.push(relaunch::data(facts, plan, &target.release));
    }
    checks.extend(schema::checks(facts, plan));
    checks.extend(guards::skipped_freezes(facts));
    checks.extend(hurried(facts));
    checks
}

/// Where a rollback would go, from what a listing tells.
pub(super) fn way_back(ground: &Ground<'_>) -> WayBack {
    let Some(group) = ground.groups.first() else { return none("its group cannot be read") };
    let images = way_back::images(ground);
    let choice = choose_from(ground.ledger, group, ground.holder, images);
    let newer = choice.passed_over.iter().map(|(_, why)| why.clone()).collect();
    let Some(release) = choice.target.map(|known| known.release) else { return passed_over(choice.passed_over) };
    if let Some(untold) = untold(&images, &release) {
        return untold;
    }
    let saved = group.template.as_ref().is_some_and(|pin| pin.id == release.template && pin.number() == Some(release.template_version));
    let goes_forward = |view: &&OperationView| view.progress.refresh.seen.as_ref().is_some_and(|refresh| refresh.status.goes_forward());
    let under_way = ground.holder.filter(goes_forward).is_some();
    let (level, expected) = match saved && under_way {
        true => (WayBackLevel::R0, ground.history.expected_turn()),
        false => (WayBackLevel::R2, ground.history.expected_refresh()),
    };
    let blockers = goes_on(group).err().map(|refusal| refusal.reason).into_iter().chain(group.unsupported.iter().cloned()).collect();
    WayBack { level: Some(level), target: Some(release), proved: true, expected: Some(expected), blockers, passed_over: newer, ..WayBack::default() }
}
