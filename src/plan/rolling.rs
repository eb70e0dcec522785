//! Planning for AWS's own engine: a rolling deploy of a fleet of one group, and a recycle of any fleet.

use super::deploy::{candidate, equal_policies, marked_before, may_go_forward, one_release_serves, take_over_friction, taken_over, wanted_image};
use super::facts::{Facts, draft, hurried};
use super::schema;
use crate::domain::fleet::{Groups, Slot, Strategy};
use crate::domain::group::{PinnedVersion, ServerGroup};
use crate::domain::ids::ImageId;
use crate::domain::image::{Image, ImageState};
use crate::domain::refresh::{InstanceRefresh, RefreshPreferences, RefreshStrategy};
use crate::domain::text::{counted, there_are};
use crate::domain::time::Millis;
use crate::operation::ledger::last_known_good;
use crate::operation::plan::{Check, CheckLevel, Friction, OperationKind, Plan, PlanStep, Refusal, Side, StepKind};

/// The least AWS's engine watches after the last replacement.
const SHORTEST_BAKE: Millis = Millis::mins(1);
/// Warm-up where a group names none.
const WARMUP_SECS: u32 = 60;
/// A tenth more servers than wanted at a time, at least one.
const USUAL_MAX_PCT: u32 = 110;
/// On the way back a third more: about what one zone has.
const HURRIED_MAX_PCT: u32 = 134;
/// So many alarms an instance refresh watches; this program watches the rest before and after it.
const MOST_ALARMS: usize = 10;
/// Without these an instance refresh stands still.
const NEEDED_PROCESSES: [&str; 2] = ["Launch", "Terminate"];

/// Plans a deploy of `image` to a fleet of one group.
pub(super) fn plan(facts: &Facts<'_>, image: &str, strategy: Option<Strategy>) -> Result<Plan, Refusal> {
    facts.changeable()?;
    offered(facts, strategy)?;
    may_go_forward(facts)?;
    let from = facts.side(Slot::A)?;
    let image = wanted_image(facts, &from, image)?;
    not_pointless(facts, &from, image)?;
    let adopted = free_of_refreshes(facts, Some(&image.id))?;
    if adopted.is_none() {
        one_release_serves(facts, &from)?;
    }
    equal_policies(facts)?;
    let mut to = candidate(from.clone(), image);
    to.template_version = adopted.as_ref().map(|(_, version)| *version);
    let mut plan = draft(facts, OperationKind::Deploy, from, to);
    plan.strategy = Strategy::Rolling;
    plan.from.digest = facts.live_template.as_ref().map(|data| data.digest.clone()).or_else(|| plan.from.digest.clone());
    schema::of_deploy(facts, &mut plan, image)?;
    before_the_first_server(&plan, adopted.as_ref())?;
    // AWS's engine does not go back by itself to what cannot run any more.
    let auto_rollback = plan.schema.as_ref().is_none_or(|schema| schema.one_way.is_none());
    fill(facts, &mut plan, RefreshPreferences { auto_rollback, ..RefreshPreferences::careful() })?;
    plan.steps = steps(facts, &plan);
    plan.checks = vec![Check::new(CheckLevel::Ok, format!("{} is available and not blocked", plan.to.label()))];
    plan.checks.extend(adopted.map(|(id, _)| Check::new(CheckLevel::Warning, format!("adopts the instance refresh {id}, which runs already"))));
    plan.checks.extend(marked_before(facts, image));
    plan.checks.extend(schema::checks(facts, &plan));
    plan.checks.extend(checks(facts, &plan));
    plan.checks.extend(taken_over(facts));
    plan.friction = schema::friction(facts, &plan).or_else(|| take_over_friction(facts)).unwrap_or(if plan.production {
        Friction::Reason
    } else {
        Friction::Confirm
    });
    Ok(plan.sealed())
}

/// Plans a recycle: every server of the serving group replaced by a fresh one of the same image.
///
/// # Errors
/// A refusal: the reason, and what would lift it.
pub fn recycle(facts: &Facts<'_>) -> Result<Plan, Refusal> {
    facts.changeable()?;
    may_go_forward(facts)?;
    no_window(facts)?;
    let slot = serving(facts)?;
    let side = facts.side(slot)?;
    launchable(facts, &side)?;
    free_of_refreshes(facts, None)?;
    equal_policies(facts)?;
    let strangers = facts.seen.strangers(slot, side.template_version.unwrap_or_default()).map_or(0, |strangers| strangers.len());
    let mut plan = draft(facts, OperationKind::Recycle, side.clone(), side);
    fill(facts, &mut plan, RefreshPreferences { skip_matching: false, ..RefreshPreferences::careful() })?;
    plan.steps = steps(facts, &plan);
    plan.checks = vec![Check::new(CheckLevel::Ok, format!("{} stays: the same template version and image", plan.to.label()))];
    if strangers > 0 {
        let text = format!("{strangers} servers of {} run something else than the group launches: they are replaced too", plan.to.group);
        plan.checks.push(Check::new(CheckLevel::Warning, text));
    }
    plan.checks.extend(past_age(facts, slot));
    plan.checks.extend(checks(facts, &plan));
    plan.checks.extend(taken_over(facts));
    plan.friction = take_over_friction(facts).unwrap_or(if plan.production { Friction::Reason } else { Friction::Confirm });
    Ok(plan.sealed())
}

fn offered(facts: &Facts<'_>, strategy: Option<Strategy>) -> Result<(), Refusal> {
    match strategy {
        None | Some(Strategy::Rolling) => Ok(()),
        Some(other) => Err(Refusal::new(
            format!("{} has one server group, so that {} has nothing to shift traffic to", facts.spec.name, other.word()),
            "leave --strategy away: it is rolling; or give the fleet a second group and a weighted route",
        )),
    }
}

fn no_window(facts: &Facts<'_>) -> Result<(), Refusal> {
    let Some(retire) = facts.waiting_retire() else { return Ok(()) };
    Err(Refusal::new(
        format!("{} is in the window of {}: the old group stays as the way back", facts.spec.name, retire.operation.plan.to.label()),
        format!("wait until the window is over: `qd watch {}`", retire.operation.id),
    ))
}

fn serving(facts: &Facts<'_>) -> Result<Slot, Refusal> {
    let slot = if matches!(facts.spec.groups, Groups::One(_)) { Some(Slot::A) } else { facts.serving_slot() };
    slot.ok_or_else(|| {
        Refusal::new(
            format!("{} has no single live group, and no operation explains it", facts.spec.name),
            "put all traffic on the group that is good",
        )
    })
}

/// Nothing is launched from an image that is gone or blocked.
fn launchable(facts: &Facts<'_>, side: &Side) -> Result<(), Refusal> {
    let image = facts.images.iter().find(|found| found.id == side.image);
    let remedy = "deploy a version that can be launched: `qd images` lists them";
    match image {
        Some(image) if image.blocked.is_some() => Err(Refusal::new(format!("{} is blocked: nothing new is launched from it", side.label()), remedy)),
        Some(image) if image.state == ImageState::Available => Ok(()),
        None if facts.images_missing.is_some() => Ok(()),
        _ => Err(Refusal::new(format!("{} ({}) is gone: its servers cannot be launched again", side.label(), side.image), remedy)),
    }
}

/// What runs already is not deployed, and the last known good is gone back to.
fn not_pointless(facts: &Facts<'_>, from: &Side, image: &Image) -> Result<(), Refusal> {
    let name = &facts.spec.name;
    if from.image == image.id {
        return Err(Refusal::new(format!("{} is what {name} runs already", image.label()), format!("for fresh servers of it: `qd recycle {name}`")));
    }
    let good = last_known_good(facts.ledger, |release| release.image == from.image);
    if good.is_some_and(|known| known.release.image == image.id) {
        let reason = format!("{} is the last known good release of {name}", image.label());
        return Err(Refusal::new(reason, format!("go back to it: `qd rollback {name}`")));
    }
    Ok(())
}

/// A refresh that runs already has launched servers: it is too late for what comes before the first one.
fn before_the_first_server(plan: &Plan, adopted: Option<&Adopted>) -> Result<(), Refusal> {
    let migrates = plan.schema.as_ref().is_some_and(|schema| schema.migration.is_some());
    match adopted.filter(|_| migrates) {
        Some((id, _)) => Err(Refusal::new(
            format!("the instance refresh {id} launches {} already, and its migration has to come first", plan.to.label()),
            format!("wait until {id} ends, or cancel it"),
        )),
        None => Ok(()),
    }
}

type Adopted = (crate::domain::ids::RefreshId, u64);

/// One refresh a group: a running one is adopted only if it launches the wanted image from a numbered version that is known to be ours.
fn free_of_refreshes(facts: &Facts<'_>, image: Option<&ImageId>) -> Result<Option<Adopted>, Refusal> {
    let Some(running) = facts.seen.refreshes().unwrap_or_default().iter().find(|refresh| refresh.status.is_running()) else { return Ok(None) };
    if let Some(version) = wanted_version(facts, running).filter(|(_, launched)| Some(launched) == image && running.status.goes_forward()) {
        return Ok(Some((running.id.clone(), version.0)));
    }
    let odd = match &running.strategy {
        RefreshStrategy::ReplaceRootVolume => ", which changes servers instead of replacing them",
        _ => "",
    };
    Err(Refusal::new(
        format!("an instance refresh of {} that is not ours is {}{odd}", facts.spec.name, running.words()),
        format!("wait until {} ends, or have it cancelled by whoever started it", running.id),
    ))
}

/// The version a refresh launches, and its image, if an operation of this store made it.
fn wanted_version(facts: &Facts<'_>, running: &InstanceRefresh) -> Option<(u64, ImageId)> {
    let desired = running.desired.as_ref().filter(|_| running.strategy == RefreshStrategy::Rolling)?;
    let PinnedVersion::Number(version) = desired.version else { return None };
    Some((version, facts.recorded_image(&desired.id, version)?))
}

/// Sizes, need and every preference.
fn fill(facts: &Facts<'_>, plan: &mut Plan, base: RefreshPreferences) -> Result<(), Refusal> {
    let group = facts.group(plan.to.slot)?;
    goes_on(group)?;
    let healthy = facts.seen.healthy(plan.to.slot).unwrap_or(0);
    plan.live_sizes = facts.live_sizes(group.sizes);
    plan.need = facts.spec.floor.max(group.sizes.desired);
    if healthy < facts.spec.floor {
        let floor = facts.spec.floor;
        return Err(Refusal::new(
            format!("only {healthy} servers of {} are healthy, its floor is {floor}", group.name),
            "let it heal first: a server is replaced only where enough others are healthy",
        ));
    }
    let bake = facts.spec.steps.last().map_or(SHORTEST_BAKE, |last| last.soak).max(SHORTEST_BAKE).scaled(facts.setting.time_scale);
    plan.refresh = Some(RefreshPreferences {
        max_healthy_pct: max_pct(group, USUAL_MAX_PCT).ok_or_else(|| no_room(group))?,
        warmup_secs: Some(warmup(facts, group)),
        bake_secs: u32::try_from(bake.as_secs()).unwrap_or(u32::MAX).max(1),
        alarms: facts.spec.alarms.iter().take(MOST_ALARMS).map(|alarm| alarm.as_str().to_owned()).collect(),
        ..base
    });
    Ok(())
}

/// What a way back asks of AWS's engine: as fast as the group has room for.
pub(super) fn hurried_preferences(facts: &Facts<'_>, group: &ServerGroup) -> Result<RefreshPreferences, Refusal> {
    let max_healthy_pct = max_pct(group, HURRIED_MAX_PCT).ok_or_else(|| no_room(group))?;
    Ok(RefreshPreferences { max_healthy_pct, warmup_secs: Some(warmup(facts, group)), ..RefreshPreferences::careful() })
}

/// Suspended processes, and nothing to replace.
pub(super) fn goes_on(group: &ServerGroup) -> Result<(), Refusal> {
    if let Some(process) = group.suspended.iter().find(|process| NEEDED_PROCESSES.contains(&process.raw())) {
        return Err(Refusal::new(
            format!("{} of {} is suspended: AWS's engine would stand still", process.shown(), group.name),
            "resume it first; somebody may have had a reason",
        ));
    }
    if group.sizes.desired == 0 {
        return Err(Refusal::new(format!("{} has no servers: there is nothing to replace", group.name), "let it have some first"));
    }
    Ok(())
}

fn warmup(facts: &Facts<'_>, group: &ServerGroup) -> u32 {
    group.warmup_secs.unwrap_or(WARMUP_SECS).div_ceil(facts.setting.time_scale.max(1))
}

/// So many percent of the wanted servers that at least one more fits, within what the group may have; none if there is no room.
fn max_pct(group: &ServerGroup, usual: u32) -> Option<u32> {
    let (desired, max) = (group.sizes.desired.max(1), group.sizes.max);
    let one_more = (100 * (desired + 1)).div_ceil(desired);
    let most = (100 * max).checked_div(desired).unwrap_or(100);
    (max > desired).then(|| usual.max(one_more).min(most.max(one_more)).min(200))
}

fn no_room(group: &ServerGroup) -> Refusal {
    let (desired, max) = (group.sizes.desired, group.sizes.max);
    Refusal::new(
        format!("{} wants {desired} servers and may have only {max}: there is no room for a new one before an old one ends", group.name),
        "raise its MaxSize by a tenth, at least by one",
    )
}

fn steps(facts: &Facts<'_>, plan: &Plan) -> Vec<PlanStep> {
    let step = |kind: StepKind, title: String, expected: Option<Millis>| PlanStep { kind, title, expected };
    let bake = plan.refresh.as_ref().map(|refresh| Millis::secs(u64::from(refresh.bake_secs)));
    let servers = facts.seen.group(plan.to.slot).map_or(0, |group| group.sizes.desired);
    let mut steps = vec![step(StepKind::Claim, "claim the fleet".to_owned(), Some(plan.timing.claim_wait))];
    if plan.kind == OperationKind::Deploy {
        steps.push(step(StepKind::Version, format!("template version with {}", plan.to.label()), Some(facts.history.expected_template())));
        steps.extend(schema::step(plan));
    }
    steps.push(step(StepKind::Refresh, format!("AWS replaces {}", counted(servers, "server")), Some(facts.history.expected_refresh())));
    steps.push(step(StepKind::Bake, "AWS bakes".to_owned(), bake));
    let title = if plan.kind == OperationKind::Deploy { "stable" } else { "all healthy" };
    steps.push(step(StepKind::Stable, title.to_owned(), Some(plan.timing.stable_gap.times(2))));
    steps
}

fn checks(facts: &Facts<'_>, plan: &Plan) -> Vec<Check> {
    let Some(refresh) = &plan.refresh else { return Vec::new() };
    let healthy = facts.seen.healthy(plan.to.slot).map_or_else(|| "?".to_owned(), |healthy| healthy.to_string());
    let mut checks = vec![
        Check::new(CheckLevel::Ok, format!("{} has {healthy} of {} servers healthy", plan.to.group, plan.need)),
        Check::new(CheckLevel::Ok, format!("in force, every value sent: {}", refresh.words())),
        Check::new(CheckLevel::Ok, "AWS's engine drives it: it goes on without us and cannot be paused"),
    ];
    checks.push(match (plan.kind, refresh.alarms.as_slice()) {
        (OperationKind::Deploy, []) => {
            let text = "no alarms are named: AWS rolls back by itself only when new servers do not get healthy (`alarms` in fleets.toml)";
            Check::new(CheckLevel::Warning, text)
        }
        (OperationKind::Deploy, _) => Check::new(CheckLevel::Ok, "AWS rolls back by itself when an alarm goes off or new servers do not get healthy"),
        (_, []) => Check::new(CheckLevel::Warning, "no alarms are named: AWS goes on whatever they would say (`alarms` in fleets.toml)"),
        _ => Check::new(CheckLevel::Ok, "AWS stops when an alarm goes off"),
    });
    if facts.spec.alarms.len() > MOST_ALARMS {
        let text = format!("AWS watches the first {MOST_ALARMS} of {} alarms while it replaces servers", facts.spec.alarms.len());
        checks.push(Check::new(CheckLevel::Warning, text));
    }
    checks.extend(hurried(facts));
    checks
}

/// How many servers are older than the fleet allows, for the sheet.
fn past_age(facts: &Facts<'_>, slot: Slot) -> Option<Check> {
    let max_age = facts.spec.max_age?;
    let group = facts.seen.group(slot)?;
    let age = crate::domain::age::past(&group.instances, max_age, facts.now);
    Some(match (age.past, age.unknown) {
        (0, 0) => Check::new(CheckLevel::Ok, format!("no server is older than {max_age}")),
        (past, 0) => Check::new(CheckLevel::Ok, format!("{} older than {max_age}", there_are(past, "server"))),
        (past, unknown) => {
            Check::new(CheckLevel::Unknown, format!("{} older than {max_age}; the age of {unknown} is unknown", there_are(past, "server")))
        }
    })
}
