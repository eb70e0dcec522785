//! Trying a rollback out up to its first write: what is proved, what could not be tried, and what stands in the way.

use crate::domain::call::{DryRun, Identity};
use crate::domain::fleet::Groups;
use crate::domain::observation::FleetObservation;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::calls::planned_calls;
use crate::operation::plan::{Check, CheckLevel, Plan, StepKind};
use crate::operation::status::WayBackLevel;

/// What a rehearsal looked at.
pub struct Tried<'a> {
    /// The plan that would be confirmed.
    pub plan: &'a Plan,
    /// The look a driver takes before its first write.
    pub first_look: &'a FleetObservation,
    /// One look at everything.
    pub seen: &'a FleetObservation,
    /// What the cloud said to the calls it offers a dry run for, by AWS's name of the call.
    pub dry_runs: &'a [(&'static str, DryRun)],
    /// Whose credentials.
    pub identity: &'a Identity,
    /// World time.
    pub now: WorldTime,
}

/// What was found, and of that what stands in the way.
#[must_use]
pub fn findings(tried: &Tried<'_>) -> (Vec<Check>, Vec<String>) {
    let mut found = Found::default();
    first_look(tried, &mut found);
    health(tried, &mut found);
    census(tried, &mut found);
    permissions(tried, &mut found);
    credentials(tried, &mut found);
    let noted = tried.plan.checks.iter().filter(|check| check.level == CheckLevel::Warning);
    found.checks.extend(noted.cloned());
    (found.checks, found.obstacles)
}

#[derive(Default)]
struct Found {
    checks: Vec<Check>,
    obstacles: Vec<String>,
}

impl Found {
    fn say(&mut self, level: CheckLevel, text: impl Into<String>) {
        self.checks.push(Check::new(level, text));
    }

    fn stands_in_the_way(&mut self, text: String) {
        self.checks.push(Check::new(CheckLevel::Warning, text.clone()));
        self.obstacles.push(text);
    }
}

/// The route and the target's health are all that the first write of an R0 waits for.
fn first_look(tried: &Tried<'_>, found: &mut Found) {
    let slot = tried.plan.to.slot;
    if tried.first_look.route.value().is_none() {
        found.stands_in_the_way(format!("the route cannot be read ({})", tried.first_look.unknowns().join("; ")));
    }
    if tried.first_look.health.get(slot).value().is_none() {
        found.stands_in_the_way(format!("the health of {} cannot be read by the load balancer", tried.plan.to.group));
    }
}

fn health(tried: &Tried<'_>, found: &mut Found) {
    let (plan, slot) = (tried.plan, tried.plan.to.slot);
    match (tried.seen.healthy(slot), plan.level) {
        (Some(healthy), _) if healthy >= plan.need => {
            found.say(CheckLevel::Ok, format!("{healthy} of {} servers of {} are healthy by both accounts", plan.need, plan.to.group));
        }
        (Some(healthy), Some(WayBackLevel::R0)) => {
            found.stands_in_the_way(format!("only {healthy} of {} servers of {} are healthy by both accounts", plan.need, plan.to.group));
        }
        (Some(healthy), _) => found.say(CheckLevel::Ok, format!("{} has {healthy} of {} servers: it grows first", plan.to.group, plan.need)),
        (None, _) => found.stands_in_the_way(format!("the health of {} is unknown", plan.to.group)),
    }
}

fn census(tried: &Tried<'_>, found: &mut Found) {
    let plan = tried.plan;
    // A refresh replaces what runs something else: that is what it is for.
    let refreshes = matches!(plan.scope.groups, Groups::One(_));
    let empties = refreshes || plan.steps.iter().any(|step| step.kind == StepKind::EmptySlot);
    let Some(version) = plan.to.template_version.filter(|_| !empties) else { return };
    match tried.seen.strangers(plan.to.slot, version).map(|strangers| strangers.len()) {
        Some(0) => found.say(CheckLevel::Ok, format!("every server of {} runs template version {version}", plan.to.group)),
        Some(count) => found.stands_in_the_way(format!("{count} servers of {} do not run template version {version}", plan.to.group)),
        None => found.stands_in_the_way(format!("what the servers of {} run is unknown", plan.to.group)),
    }
}

/// EC2 offers dry runs; Elastic Load Balancing and Auto Scaling do not.
fn permissions(tried: &Tried<'_>, found: &mut Found) {
    let mut untried: Vec<&str> = Vec::new();
    for call in planned_calls(tried.plan) {
        match tried.dry_runs.iter().find(|(api, _)| *api == call.api).map(|(_, said)| said) {
            Some(DryRun::Allowed) => found.say(CheckLevel::Ok, format!("{}: a dry run was accepted", call.api)),
            Some(DryRun::Refused(why)) => found.stands_in_the_way(format!("{}: a dry run was refused: {}", call.api, why.shown())),
            Some(DryRun::NotOffered) | None if !untried.contains(&call.api) => untried.push(call.api),
            Some(DryRun::NotOffered) | None => {}
        }
    }
    if !untried.is_empty() {
        found.say(CheckLevel::Unknown, format!("not tried, there is no dry run of them: {}", untried.join(", ")));
    }
}

/// They have to outlast the rollback.
fn credentials(tried: &Tried<'_>, found: &mut Found) {
    let Some(end) = tried.identity.expires_at else { return };
    let (left, needed) = (end.since(tried.now), tried.plan.until_on_target());
    if left < needed {
        found.stands_in_the_way(format!("the credentials end in {left}, the rollback takes {needed}"));
    } else {
        found.say(CheckLevel::Ok, format!("the credentials last for {left}"));
    }
}

impl Plan {
    /// How long until all traffic is on the target, by what its steps are expected to take.
    #[must_use]
    pub fn until_on_target(&self) -> Millis {
        let last = self.steps.iter().rposition(|step| step.kind == StepKind::Shift).map_or(self.steps.len(), |at| at + 1);
        self.steps.iter().take(last).filter_map(|step| step.expected).fold(Millis::ZERO, Millis::plus)
    }
}
