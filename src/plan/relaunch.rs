//! Going back to a release that no group launches any more: its image is launched anew in the slot that does not serve.

use super::facts::{Facts, ReleaseTemplate};
use crate::domain::fleet::{Route, Slot};
use crate::domain::group::ServerGroup;
use crate::domain::release::Release;
use crate::operation::plan::{Check, CheckLevel, Plan, PlanStep, Refusal, Side, StepKind, TemplateSource};

/// The slot's side with the release in it. A version the slot's own template has is pinned again: the same bytes. Otherwise one is made.
pub(super) fn side(facts: &Facts<'_>, release: &Release, slot: Slot) -> Result<Side, Refusal> {
    let group = facts.group(slot)?;
    let unsupported = group.unsupported.join(", ");
    let template = group.template.as_ref().filter(|_| group.unsupported.is_empty()).map(|pin| pin.id.clone()).ok_or_else(|| {
        let what = if unsupported.is_empty() { "no launch template" } else { &unsupported };
        Refusal::new(format!("{} uses what this program does not drive: {what}", group.name), "give it a plain launch template")
    })?;
    if let Some(arn) = facts.spec.route.target_group(slot).filter(|arn| !group.target_groups.contains(arn) && facts.spec.scope().is_weighted()) {
        return Err(Refusal::new(format!("{} is not attached to target group {}", group.name, arn.short()), "attach it, at weight 0"));
    }
    let own = release.template == template && !matches!(facts.release_template, ReleaseTemplate::Gone);
    Ok(Side {
        slot,
        group: group.name.clone(),
        target_group: facts.spec.route.target_group(slot).cloned(),
        template,
        template_version: own.then_some(release.template_version),
        image: release.image.clone(),
        version: release.version.clone(),
        digest: release.digest.clone(),
        attached: facts.seen.is_attached(slot).unwrap_or(false),
        served: facts.seen.serves(slot).unwrap_or(false),
    })
}

/// Where the data of the version to be made comes from: what the release ran with, or, if that was deleted, what serves now.
pub(super) fn source(facts: &Facts<'_>, release: &Release, plan: &Plan) -> Result<Option<TemplateSource>, Refusal> {
    if plan.to.template_version.is_some() {
        return Ok(None);
    }
    if let ReleaseTemplate::There(data) = &facts.release_template {
        let (template, digest) = (release.template.clone(), Some(data.digest.clone()));
        return Ok(Some(TemplateSource { template, version: release.template_version, digest }));
    }
    if plan.from.template_version.is_some() {
        return Ok(None);
    }
    Err(Refusal::new(
        format!("nothing is left to launch {} from: its template version is gone and {} launches no numbered one", release.label(), plan.from.group),
        "pin the group that serves to a numbered template version, or deploy",
    ))
}

/// A slot that serves is not emptied.
pub(super) fn out_of_traffic(facts: &Facts<'_>, plan: &Plan, release: &Release) -> Result<(), Refusal> {
    if !must_empty(facts, plan) || facts.spec.route == Route::None || facts.seen.serves(plan.to.slot) == Some(false) {
        return Ok(());
    }
    let name = &facts.spec.name;
    let share = facts.seen.share(plan.to.slot).map_or_else(|| "?".to_owned(), |share| format!("{:.0}", share * 100.0));
    let remedy = match facts.holder() {
        Some(view) => format!("back out first: `qd back-out {}`", view.operation.id),
        None => "put all traffic on one group first".to_owned(),
    };
    Err(Refusal::new(
        format!(
            "{} of {name} has to be launched anew in {}, which serves something else with {share}% of the traffic",
            release.label(),
            plan.to.group
        ),
        remedy,
    ))
}

/// Servers of the slot that run something else than the release.
fn must_empty(facts: &Facts<'_>, plan: &Plan) -> bool {
    let Some(group) = facts.seen.group(plan.to.slot) else { return false };
    match plan.to.template_version {
        Some(version) => facts.seen.strangers(plan.to.slot, version).is_some_and(|strangers| !strangers.is_empty()),
        None => group.total() > 0,
    }
}

/// What comes before the group grows.
pub(super) fn steps(facts: &Facts<'_>, plan: &Plan) -> Vec<PlanStep> {
    let mut steps = Vec::new();
    if must_empty(facts, plan) {
        let title = format!("empty {}", plan.to.group);
        steps.push(PlanStep { kind: StepKind::EmptySlot, title, expected: Some(facts.history.expected_empty()) });
    }
    let title = format!("template with {}", plan.to.label());
    steps.push(PlanStep { kind: StepKind::Template, title, expected: Some(facts.history.expected_template()) });
    steps
}

/// What to know before an image is launched anew.
pub(super) fn checks(facts: &Facts<'_>, plan: &Plan, release: &Release) -> Vec<Check> {
    let mut checks = vec![data(facts, plan, release)];
    let held = facts.seen.group(plan.to.slot).filter(|_| must_empty(facts, plan)).map(|group| held(facts, group));
    checks.extend(held.map(|held| Check::new(CheckLevel::Warning, format!("{} is emptied first: that ends the way back to {held}", plan.to.group))));
    checks
}

fn held(facts: &Facts<'_>, group: &ServerGroup) -> String {
    let image = group.template.as_ref().and_then(|pin| pin.image.clone());
    let listed = facts.images.iter().find(|found| Some(&found.id) == image.as_ref());
    listed.map(crate::domain::image::Image::label).or_else(|| image.map(|id| id.to_string())).unwrap_or_else(|| "?".to_owned())
}

/// Whether new servers get the data the release ran with.
pub(super) fn data(facts: &Facts<'_>, plan: &Plan, release: &Release) -> Check {
    if let Some(version) = plan.to.template_version {
        return Check::new(CheckLevel::Ok, format!("launched from {} version {version}, as when it was stable", plan.to.template));
    }
    if plan.source.is_some() {
        let (template, version) = (&release.template, release.template_version);
        return Check::new(CheckLevel::Ok, format!("template data of {template} version {version}, as when it was stable"));
    }
    let today = facts.live_template.as_ref().map(|data| &data.digest);
    match (&release.digest, today) {
        (Some(then), Some(today)) if then == today => Check::new(CheckLevel::Ok, "template data is the same as when it was stable"),
        (Some(_), Some(_)) => Check::new(CheckLevel::Warning, "template data is today's: it differs from what it ran with when it was stable"),
        _ => Check::new(CheckLevel::Unknown, "template data is today's: what it ran with when it was stable is gone"),
    }
}
