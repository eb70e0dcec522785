//! Planning a deploy: every reason not to, then the steps.

use super::bake::{GateRecord, gate_record};
use super::drift;
use super::facts::{Facts, draft, hurried};
use super::guards;
use super::image::find_image;
use super::rolling;
use super::schema;
use crate::domain::fleet::{Groups, Route, Slot, Strategy, WeightStep};
use crate::domain::group::{HealthCheck, ServerGroup};
use crate::domain::image::Image;
use crate::domain::sizes::Sizes;
use crate::domain::text::{Untrusted, counted};
use crate::domain::time::Millis;
use crate::operation::claim::{Claim, claim_on, foreign_claim};
use crate::operation::drift::Drift;
use crate::operation::gate::Gate;
use crate::operation::ledger::{LedgerBody, last_known_good};
use crate::operation::plan::{Check, CheckLevel, Friction, OperationKind, Plan, PlanStep, Refusal, Side, StepKind};

/// Plans a deploy of `image` (a version or an id).
///
/// # Errors
/// A refusal: the reason, and what would lift it.
pub fn plan(facts: &Facts<'_>, image: &str, strategy: Option<Strategy>) -> Result<Plan, Refusal> {
    let plan = made(facts, image, strategy)?;
    match failed_gates(facts, &plan) {
        Some(failed) => Err(Refusal::new(failed, "bake it again until its gates pass; `--despite-gates --reason TEXT` deploys it all the same")),
        None => Ok(plan),
    }
}

/// The same for an image whose gates may have failed: that takes the fleet's name, and the reason is on the record.
///
/// # Errors
/// A refusal: the reason, and what would lift it.
pub fn plan_despite_gates(facts: &Facts<'_>, image: &str, strategy: Option<Strategy>) -> Result<Plan, Refusal> {
    let mut plan = made(facts, image, strategy)?;
    if let Some(because) = failed_gates(facts, &plan) {
        plan.checks.insert(0, Check::new(CheckLevel::Warning, because.clone()));
        plan.friction = Friction::Typed { because };
    }
    Ok(plan)
}

/// What is recorded of the image's gates, if one of them failed.
fn failed_gates(facts: &Facts<'_>, plan: &Plan) -> Option<String> {
    let image = facts.images.iter().find(|image| image.id == plan.to.image)?;
    match gate_record(image) {
        GateRecord::Failed(said) => Some(format!("the gates of {} ({}) did not pass: {}", image.label(), image.id, said.shown())),
        GateRecord::Passed | GateRecord::Unknown => None,
    }
}

fn made(facts: &Facts<'_>, image: &str, strategy: Option<Strategy>) -> Result<Plan, Refusal> {
    if matches!(facts.spec.groups, Groups::One(_)) {
        return rolling::plan(facts, image, strategy);
    }
    facts.drivable()?;
    let strategy = offered(strategy.unwrap_or(facts.spec.strategy))?;
    may_go_forward(facts)?;
    let live = facts.serving_slot().ok_or_else(|| split(facts))?;
    let (from, other) = (facts.side(live)?, facts.side(live.other())?);
    facts.is_where_we_left_it(&other)?;
    one_release_serves(facts, &from)?;
    let image = wanted_image(facts, &from, image)?;
    not_pointless(facts, &from, image)?;
    equal_policies(facts)?;
    let mut plan = draft(facts, OperationKind::Deploy, from, candidate(other, image));
    plan.strategy = strategy;
    schema::of_deploy(facts, &mut plan, image)?;
    fill(facts, &mut plan, live)?;
    guards::suspend_scheduled(facts, &mut plan);
    let drift = drift::in_facts(facts);
    plan.checks = checks(facts, &plan, image);
    plan.checks.extend(taken_over(facts));
    plan.checks.extend(drift.iter().map(|drift| Check::new(CheckLevel::Warning, format!("another hand changed it: {}", drift.sentence()))));
    plan.friction = friction(facts, &plan, &drift);
    Ok(plan.sealed())
}

/// What every way forward begins with.
pub(super) fn may_go_forward(facts: &Facts<'_>) -> Result<(), Refusal> {
    guards::not_frozen(facts)?;
    not_busy(facts)?;
    fully_seen(facts)?;
    unclaimed(facts)?;
    guards::alarms_green(facts)?;
    guards::credentials_last(facts)
}

fn offered(strategy: Strategy) -> Result<Strategy, Refusal> {
    match strategy {
        Strategy::Canary | Strategy::BlueGreen => Ok(strategy),
        Strategy::Rolling => Err(Refusal::new(
            "rolling is for fleets of one group: with two groups the old one stays as the way back",
            "use --strategy canary or blue-green",
        )),
    }
}

fn not_busy(facts: &Facts<'_>) -> Result<(), Refusal> {
    if let Some(damaged) = facts.damage.holder() {
        return Err(Refusal::new(damaged.sentence(), damaged.remedy()));
    }
    let Some(holder) = facts.holder() else { return Ok(()) };
    let (id, word) = (&holder.operation.id, holder.operation.word());
    let by = holder.operation.by.short();
    let remedy = match holder.operation.plan.kind {
        OperationKind::Deploy | OperationKind::Recycle => format!("wait for it (`qd wait {id}`), back it out (`qd back-out {id}`) or roll back"),
        OperationKind::Rollback | OperationKind::Retire => format!("wait for it: `qd watch {id}`"),
    };
    Err(Refusal::new(
        format!("{} is busy: {word} {id} to {} by {by} is {}", facts.spec.name, holder.operation.plan.to.label(), holder.state().word()),
        remedy,
    ))
}

pub(super) fn fully_seen(facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.seen.is_complete() {
        return Ok(());
    }
    Err(Refusal::new(
        format!("not everything of {} can be seen ({})", facts.spec.name, facts.seen.unknowns().join("; ")),
        "nothing is deployed blindly: try again when it can be seen",
    ))
}

pub(super) fn unclaimed(facts: &Facts<'_>) -> Result<(), Refusal> {
    let groups = Slot::BOTH.into_iter().filter_map(|slot| facts.seen.group(slot));
    match foreign_claim(groups, &facts.setting.store, facts.now) {
        Some(claim) => Err(Refusal::new(
            format!("{} is claimed: {}", facts.spec.name, claim.described()),
            "talk to that person; the claim ends by itself when it is not renewed",
        )),
        None => Ok(()),
    }
}

/// A claim of another store that was not renewed in time: whoever goes on takes over from it.
pub(super) fn taken_over(facts: &Facts<'_>) -> Option<Check> {
    past_claim(facts).map(|claim| Check::new(CheckLevel::Warning, format!("takes over from {}: it was not renewed", claim.described())))
}

/// Taking over from people of another store is confirmed by the fleet's name: what they began may be half done.
pub(super) fn take_over_friction(facts: &Facts<'_>) -> Option<Friction> {
    past_claim(facts).map(|claim| Friction::Typed { because: format!("it takes over from {}", claim.described()) })
}

fn past_claim(facts: &Facts<'_>) -> Option<Claim> {
    let groups = Slot::BOTH.into_iter().filter_map(|slot| facts.seen.group(slot));
    groups.filter_map(claim_on).find(|claim| !claim.is_by(&facts.setting.store) && !claim.is_live(facts.now))
}

fn split(facts: &Facts<'_>) -> Refusal {
    let of = |slot| serves_with(facts, slot);
    let (a, b) = (of(Slot::A), of(Slot::B));
    Refusal::new(
        format!("{} has no single live group: {a} on a, {b} on b, and no operation explains it", facts.spec.name),
        format!("bring it back to one release first: `qd rollback {}`", facts.spec.name),
    )
}

/// With what a slot serves, for people: its weight, or its servers.
fn serves_with(facts: &Facts<'_>, slot: Slot) -> String {
    let number = |number: Option<u32>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    let servers = || facts.seen.group(slot).map_or_else(|| "? servers".to_owned(), |group| counted(group.staying(), "server"));
    match (&facts.spec.route, facts.seen.is_attached(slot)) {
        (Route::Weighted { .. }, _) => format!("weight {}", number(facts.seen.weight(slot))),
        (Route::Attached { .. }, Some(false)) => format!("{}, detached,", servers()),
        _ => servers(),
    }
}

pub(super) fn one_release_serves(facts: &Facts<'_>, from: &Side) -> Result<(), Refusal> {
    let version = from.template_version.unwrap_or_default();
    let strangers = facts.seen.strangers(from.slot, version).map_or(0, |strangers| strangers.len());
    if strangers == 0 {
        return Ok(());
    }
    Err(Refusal::new(
        format!(
            "{strangers} servers of {} do not run what the group launches (template version {version}): somebody changed them by hand",
            from.group
        ),
        "replace them first, so that it is clear what there is to go back to",
    ))
}

pub(super) fn wanted_image<'a>(facts: &Facts<'a>, from: &Side, image: &str) -> Result<&'a Image, Refusal> {
    let arch = facts.images.iter().find(|found| found.id == from.image).and_then(|found| found.arch.clone());
    let found = find_image(facts.images, facts.spec, arch.as_ref(), image).map_err(|refusal| match &facts.images_missing {
        Some(why) => Refusal::new(format!("{} (the listing of images is incomplete: {why})", refusal.reason), refusal.remedy),
        None => refusal,
    })?;
    if facts.spec.require_verified && found.stage.as_ref().is_none_or(|stage| !matches!(stage.raw(), "verified" | "released")) {
        let stage = found.stage.as_ref().map_or_else(|| "unknown".to_owned(), Untrusted::shown);
        return Err(Refusal::new(
            format!("{} is {stage}, and {} takes only verified images", found.label(), facts.spec.name),
            "let its gates pass first",
        ));
    }
    Ok(found)
}

/// What is live already, and what is the way back, are not deployed.
fn not_pointless(facts: &Facts<'_>, from: &Side, image: &Image) -> Result<(), Refusal> {
    let name = &facts.spec.name;
    if from.image == image.id {
        return Err(Refusal::new(format!("{} is what {name} runs already", image.label()), "nothing has to be done"));
    }
    let live =
        |release: &crate::domain::release::Release| release.template == from.template && Some(release.template_version) == from.template_version;
    let good = last_known_good(facts.ledger, live).filter(|known| known.release.image == image.id);
    let still_there = good.is_some_and(|known| {
        let pin = facts.seen.group(known.release.slot).and_then(|group| group.template.as_ref());
        pin.is_some_and(|pin| pin.number() == Some(known.release.template_version))
    });
    if still_there {
        return Err(Refusal::new(
            format!("{} is the last known good release of {name}", image.label()),
            format!("go back to it: `qd rollback {name}`"),
        ));
    }
    Ok(())
}

pub(super) fn equal_policies(facts: &Facts<'_>) -> Result<(), Refusal> {
    let Some(policies) = &facts.policies else {
        return Err(Refusal::new(
            format!(
                "the scaling policies and scheduled actions of {} cannot be read, so nobody knows whether both slots scale alike",
                facts.spec.name
            ),
            format!(
                "give the role autoscaling:DescribePolicies and autoscaling:DescribeScheduledActions, or try again: `qd doctor {}`",
                facts.spec.name
            ),
        ));
    };
    guards::scheduled_actions(facts, policies)?;
    match policies.as_slice() {
        [a, b] if a.policies != b.policies => Err(Refusal::new(
            format!("the scaling policies of {} and {} differ ({} against {})", a.group, b.group, a.policies.len(), b.policies.len()),
            "make them equal: after the deploy the other group has to scale the same way",
        )),
        _ => Ok(()),
    }
}

pub(super) fn candidate(slot: Side, image: &Image) -> Side {
    Side { image: image.id.clone(), version: image.version.clone(), template_version: None, digest: None, ..slot }
}

fn fill(facts: &Facts<'_>, plan: &mut Plan, live: Slot) -> Result<(), Refusal> {
    let (group, other) = (facts.group(live)?, facts.group(live.other())?);
    let healthy = facts.seen.healthy(live).unwrap_or(0);
    plan.live_sizes = facts.live_sizes(group.sizes);
    plan.need = facts.spec.floor.max(healthy).max(group.sizes.desired);
    if plan.need > plan.live_sizes.max {
        let (need, max) = (plan.need, plan.live_sizes.max);
        return Err(Refusal::new(
            format!("{} needs {need} servers and may have only {max}", facts.spec.name),
            "raise MaxSize of the live group, or lower `floor`",
        ));
    }
    if healthy < facts.spec.floor {
        let floor = facts.spec.floor;
        return Err(Refusal::new(
            format!("only {healthy} servers of {} are healthy, its floor is {floor}", group.name),
            "let it heal first: a deploy needs a healthy group to compare with and to go back to",
        ));
    }
    plan.baseline = facts.counts(live);
    plan.gates = facts.spec.gates.iter().cloned().map(Gate).collect();
    plan.supersedes = facts.superseded();
    plan.differences = differences(facts);
    plan.from.digest = facts.live_template.as_ref().map(|data| data.digest.clone()).or_else(|| plan.from.digest.clone());
    // The candidate launches the same data with another image.
    plan.to.digest.clone_from(&plan.from.digest);
    plan.steps = steps(facts, plan, other);
    Ok(())
}

fn steps(facts: &Facts<'_>, plan: &Plan, other: &ServerGroup) -> Vec<PlanStep> {
    let step = |kind: StepKind, title: String, expected: Option<Millis>| PlanStep { kind, title, expected };
    let mut steps = vec![step(StepKind::Claim, "claim the fleet".to_owned(), Some(plan.timing.claim_wait))];
    if other.total() > 0 || other.sizes != Sizes::all(facts.spec.idle_size) {
        let held = facts.waiting_retire().map(|_| format!(", ends the fast way back to {}", held_release(facts, plan)));
        let held = held.or_else(|| (other.total() > 0).then(|| format!(", ends its {}", counted(other.total(), "server"))));
        steps.push(step(StepKind::EmptySlot, format!("empty {}{}", other.name, held.unwrap_or_default()), None));
    }
    if matches!(facts.spec.route, Route::Attached { .. }) {
        steps.push(step(StepKind::Detach, format!("detach {}", other.name), None));
    }
    steps.push(step(StepKind::Template, format!("template with {}", plan.to.label()), None));
    steps.extend(schema::step(plan));
    match plan.strategy {
        Strategy::BlueGreen => {
            steps.push(step(StepKind::FullSize, format!("launch {} {}", plan.need, apart(&facts.spec.route)), Some(facts.history.expected_grow())));
            steps.extend(gates(plan));
            if facts.spec.hold {
                steps.push(step(StepKind::Approve, "hold: promote to switch".to_owned(), None));
            }
            let soak = facts.spec.steps.last().map_or(Millis::mins(5), |last| last.soak).scaled(facts.setting.time_scale);
            steps.push(weight_step(&facts.spec.route, 100, soak));
        }
        Strategy::Canary | Strategy::Rolling => {
            steps.push(step(StepKind::OneBox, format!("one box {}", apart(&facts.spec.route)), Some(facts.history.expected_grow())));
            steps.extend(gates(plan));
            let soak = |step: &WeightStep| step.soak.scaled(facts.setting.time_scale);
            steps.extend(facts.spec.steps.iter().map(|step| weight_step(&facts.spec.route, step.weight_pct, soak(step))));
        }
    }
    steps.push(step(StepKind::Stable, "stable".to_owned(), Some(plan.timing.stable_gap.times(2))));
    steps
}

fn gates(plan: &Plan) -> Option<PlanStep> {
    let names: Vec<String> = plan.gates.iter().map(Gate::name).collect();
    (!names.is_empty()).then(|| PlanStep { kind: StepKind::Gates, title: format!("gates: {}", names.join(", ")), expected: None })
}

fn weight_step(route: &Route, weight_pct: u32, soak: Millis) -> PlanStep {
    let what = if matches!(route, Route::Weighted { .. }) { "weight" } else { "share" };
    PlanStep { kind: StepKind::Weight(WeightStep { weight_pct, soak }), title: format!("{what} {weight_pct}%"), expected: Some(soak) }
}

/// Where servers are before they get a share.
const fn apart(route: &Route) -> &'static str {
    match route {
        Route::Weighted { .. } => "at weight 0",
        Route::Attached { .. } => "detached",
        Route::None => "at work",
    }
}

fn held_release(facts: &Facts<'_>, plan: &Plan) -> String {
    let image = facts.seen.group(plan.to.slot).and_then(|group| group.template.as_ref()?.image.clone());
    let found = facts.images.iter().find(|found| Some(&found.id) == image.as_ref());
    found.map(Image::label).or_else(|| image.map(|id| id.to_string())).unwrap_or_else(|| "?".to_owned())
}

/// What the candidate slot's template says today and will not say any more.
fn differences(facts: &Facts<'_>) -> Vec<String> {
    let (Some(live), Some(other)) = (&facts.live_template, &facts.other_template) else { return Vec::new() };
    let names: std::collections::BTreeSet<&String> = live.fields.keys().chain(other.fields.keys()).collect();
    let value = |field: Option<&Untrusted>| field.map_or_else(|| "(none)".to_owned(), Untrusted::shown);
    names
        .into_iter()
        .filter(|name| live.fields.get(*name) != other.fields.get(*name))
        .map(|name| format!("{}: {} becomes {}", crate::domain::text::escape(name), value(other.fields.get(name)), value(live.fields.get(name))))
        .collect()
}

fn checks(facts: &Facts<'_>, plan: &Plan, image: &Image) -> Vec<Check> {
    let mut checks = vec![Check::new(CheckLevel::Ok, format!("{} is available and not blocked", plan.to.label()))];
    checks.push(match &image.stage {
        Some(stage) if matches!(stage.raw(), "verified" | "released") => Check::new(CheckLevel::Ok, format!("gates: {}", stage.shown())),
        Some(stage) => Check::new(CheckLevel::Warning, format!("gates: image is only {}", stage.shown())),
        None => Check::new(CheckLevel::Unknown, "gates: no record"),
    });
    let healthy = facts.seen.healthy(plan.from.slot).unwrap_or(0);
    checks.push(Check::new(CheckLevel::Ok, format!("{} has {healthy} healthy, census right", plan.from.group)));
    checks.extend(super::analysis::checks(facts, plan));
    checks.push(Check::new(CheckLevel::Ok, "scaling policies are equal on both slots"));
    checks.extend(schema::checks(facts, plan));
    checks.extend(guards::scheduled_check(facts));
    checks.push(guards::alarm_check(facts));
    checks.push(guards::credentials_check(facts, plan));
    checks.extend(marked_before(facts, image));
    checks.extend(shares(facts, plan));
    checks.extend(route_warnings(facts, plan));
    checks.extend(hurried(facts));
    checks
}

/// What a share is where there are no weights, and what it cannot be.
fn shares(facts: &Facts<'_>, plan: &Plan) -> Vec<Check> {
    let (need, old, new) = (plan.need, &plan.from.group, &plan.to.group);
    let warning = |text: String| Check::new(CheckLevel::Warning, text);
    match plan.scope.route {
        Route::Weighted { .. } => Vec::new(),
        Route::None => vec![warning(format!(
            "a share is a number of workers: {old} keeps its {need} beside {new} until the window is over, so {new} does at most half of the work before"
        ))],
        Route::Attached { .. } => {
            let detached = "servers get traffic once they are attached; before that only EC2 tells of their health, not the load balancer".to_owned();
            let share = format!("a share is a number of servers: {new} grows beside the {need} of {old}, which are taken off at 100%");
            [Some(warning(share)), Some(warning(detached)), unguarded(facts).map(warning)].into_iter().flatten().collect()
        }
    }
}

/// Auto Scaling replaces what the load balancer finds sick only if it is told to ask.
fn unguarded(facts: &Facts<'_>) -> Option<String> {
    let of_ec2: Vec<String> = Slot::BOTH
        .into_iter()
        .filter_map(|slot| facts.seen.group(slot))
        .filter(|group| group.health_check == HealthCheck::Ec2)
        .map(|group| group.name.to_string())
        .collect();
    let who = of_ec2.join(" and ");
    (!of_ec2.is_empty()).then(|| format!("{who} do not ask the load balancer for health: servers that fail its checks are not replaced"))
}

/// The image was rolled back from before.
pub(super) fn marked_before(facts: &Facts<'_>, image: &Image) -> Option<Check> {
    let last = facts.ledger.iter().rev().find(|entry| entry.release.image == image.id)?;
    let reason = last.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.shown()));
    (last.body == LedgerBody::Marked)
        .then(|| Check::new(CheckLevel::Warning, format!("{} was rolled back from by {}{reason}", image.label(), last.by.shown())))
}

fn route_warnings(facts: &Facts<'_>, plan: &Plan) -> Vec<Check> {
    let mut warnings = Vec::new();
    if let Some(secs) = plan.actions.stickiness_secs() {
        warnings.push(Check::new(CheckLevel::Warning, format!("sticky clients stay with their group for up to {}", Millis::secs(u64::from(secs)))));
    }
    if facts.target_groups.is_empty() && facts.spec.route != Route::None {
        warnings.push(Check::new(CheckLevel::Unknown, "target group attributes could not be read"));
    }
    // A target group that both groups share is never empty.
    for group in facts.target_groups.iter().filter(|_| facts.spec.scope().is_weighted()) {
        if let Some(minimum) = &group.dns_failover_minimum {
            let name = group.target_group.short();
            warnings.push(Check::new(
                CheckLevel::Warning,
                format!("DNS failover of {name} asks for {minimum} healthy targets: an empty group can fail the whole load balancer over"),
            ));
        }
    }
    warnings
}

fn friction(facts: &Facts<'_>, plan: &Plan, drift: &[Drift]) -> Friction {
    if let Some(friction) = schema::friction(facts, plan) {
        return friction;
    }
    if facts.waiting_retire().is_some() || facts.damage.retire().is_some() {
        return Friction::Typed { because: format!("it ends the fast way back to {}", held_release(facts, plan)) };
    }
    if let Some(because) = drift::taken_for_good(drift, &plan.from.group) {
        return Friction::Typed { because };
    }
    if let Some(friction) = take_over_friction(facts) {
        return friction;
    }
    if plan.production { Friction::Reason } else { Friction::Confirm }
}
