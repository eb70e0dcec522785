//! Rehearsals: a way back is tried out before anybody takes it and after every operation, and what comes of it is held against the world.

use quarterdeck::domain::call::DryRun;
use quarterdeck::domain::group::count;
use quarterdeck::domain::observation::{Depth, FleetObservation};
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::traffic::{TargetHealth, TargetState};
use quarterdeck::operation::plan::{OperationKind, Plan, StepKind};
use quarterdeck::operation::status::WayBackLevel;
use quarterdeck::plan::rehearsal::{Tried, findings};

use crate::fault::Fault;
use crate::planted::Slip;
use crate::sim::{Broke, Sim};

impl Sim {
    /// Somebody tries out the way back there is by now, if there is one.
    pub fn rehearse_now(&mut self) -> Result<(), Broke> {
        // What is drawn while facts are read belongs to those who plan.
        if self.script.database.is_some() || self.is_spelled(Fault::Unreadable) {
            return Ok(());
        }
        let planned = self.with_facts(OperationKind::Rollback, |facts| quarterdeck::plan::rollback::plan(facts, None));
        planned.map_or(Ok(()), |plan| self.rehearse(&plan))
    }

    /// What is called proved is so in the world, and nothing stands in the way that is not there.
    pub fn rehearse(&mut self, plan: &Plan) -> Result<(), Broke> {
        let first_look = self.look_to_rehearse(plan, Depth::RouteAndTargets(plan.to.slot));
        let told = self.look_to_rehearse(plan, Depth::Full);
        let seen = if self.slips(Slip::RehearsesBlind) { all_healthy(&told, plan) } else { told.clone() };
        let first_look = if self.slips(Slip::RehearsesBlind) { seen.clone() } else { first_look };
        let (identity, dry_runs) = (self.world.identity(), [("CreateLaunchTemplateVersion", DryRun::Allowed)]);
        let tried = Tried { plan, first_look: &first_look, seen: &seen, dry_runs: &dry_runs, identity: &identity, now: self.clock };
        let (_, obstacles) = findings(&tried);
        self.totals.one(if obstacles.is_empty() { "rehearsed: proved" } else { "rehearsed: not proved" });
        let against = self.stands_in_the_way(plan, &told);
        match (obstacles.first(), against) {
            (None, Some(against)) => Err(format!("S9: a rehearsal calls it proved, and {against}")),
            (Some(obstacle), None) => Err(format!("S9: a rehearsal says that {obstacle}, and nothing stands in the way")),
            _ => Ok(()),
        }
    }

    fn look_to_rehearse(&self, plan: &Plan, depth: Depth) -> FleetObservation {
        if self.is_spelled(Fault::Credentials) {
            return FleetObservation::blind(&plan.scope, self.clock, "credentials are not accepted");
        }
        self.world.observe(&plan.scope, depth)
    }

    /// What the world has against a way back that begins with its first write.
    fn stands_in_the_way(&self, plan: &Plan, told: &FleetObservation) -> Option<String> {
        let (slot, group) = (plan.to.slot, &plan.to.group);
        if told.route.value().is_none() || told.group(slot).is_none() || told.health.get(slot).value().is_none() {
            return Some(format!("{group} cannot be seen"));
        }
        let fit = self.world.fit_servers(group);
        if plan.level == Some(WayBackLevel::R0) && fit < plan.need {
            return Some(format!("{fit} of {} servers of {group} work", plan.need));
        }
        let replaces = plan.refresh.is_some() || plan.steps.iter().any(|step| step.kind == StepKind::EmptySlot);
        let servers = self.world.group(group).into_iter().flat_map(|group| group.instances);
        let strange = count(servers.filter(|server| server.serves() && server.template_version != plan.to.template_version));
        (plan.to.template_version.is_some() && !replaces && strange > 0).then(|| format!("{strange} servers of {group} run another release"))
    }
}

/// A planted mistake: what the load balancer does not tell is taken to be as one would wish.
fn all_healthy(told: &FleetObservation, plan: &Plan) -> FleetObservation {
    let mut seen = told.clone();
    let servers = told.group(plan.to.slot).into_iter().flat_map(|group| &group.instances);
    let targets = servers.map(|server| (server.id.clone(), TargetState::Healthy)).collect();
    if told.health.get(plan.to.slot).value().is_none() {
        *seen.health.get_mut(plan.to.slot) = Reading::known(TargetHealth { targets }, told.at);
    }
    seen
}
