//! What is checked of fleets without weights, where traffic goes to every server of a group that is attached, and work to every worker: a share
//! is a number of servers, and the way out of the traffic is being taken off the target group, or being ended.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::{Route, Slot};
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::lease::CALL_TIMEOUT;
use quarterdeck::operation::plan::{OperationKind, StepKind};
use quarterdeck::world::World;

use super::{Arrival, Checker, REPLACED, TAKEN_BACK, goes_back, slot_word, threshold};
use crate::cloud::STALE;
use crate::store::Record;

/// A group that is attached again passes the load balancer's checks within so long.
const CHECKED_AGAIN: Millis = Millis::secs(45);

impl Checker {
    /// A call as the cloud saw it, with the world as it is just after.
    pub(super) fn plain_call(&mut self, world: &World, arrival: &Arrival<'_>) -> Result<(), String> {
        let record = arrival.record;
        match &arrival.logged.call {
            CloudCall::AttachTargetGroup { group, target_group } | CloudCall::DetachTargetGroup { group, target_group } => {
                let slot = self.slot(group)?;
                if self.ground.target_group(slot) != Some(target_group) {
                    return Err(format!("S11: {} is not in the plan", target_group.short()));
                }
                let on = matches!(arrival.logged.call, CloudCall::AttachTargetGroup { .. });
                if on { self.let_in(slot, arrival) } else { self.taken_off(world, slot, arrival) }
            }
            CloudCall::Park { group, .. } => self.ended(world, self.slot(group)?, arrival),
            CloudCall::ReleaseMin { group, min } => self.released(world, self.slot(group)?, *min, record),
            CloudCall::RaiseMin { group, min, .. } => self.grown(self.slot(group)?, *min, arrival),
            CloudCall::PinTemplate { group, .. } | CloudCall::SuspendProcesses { group, .. } | CloudCall::ResumeProcesses { group, .. } => {
                self.slot(group).map(|_| ())
            }
            CloudCall::Tag { groups, .. } | CloudCall::Untag { groups, .. } => groups.iter().try_for_each(|group| self.slot(group).map(|_| ())),
            CloudCall::CreateTemplateVersion { template, .. } if *template == record.operation.plan.to.template => Ok(()),
            CloudCall::CreateTemplateVersion { template, .. } => Err(format!("S11: template {template} is not the candidate's")),
            CloudCall::Build { .. } | CloudCall::Image { .. } => Err(format!("S11: {} in a rollout", arrival.logged.call.aws_name())),
            CloudCall::SetWeights { .. } => Err("S11: weights are written in a fleet that has none".to_owned()),
            CloudCall::StartInstanceRefresh { .. } | CloudCall::CancelInstanceRefresh { .. } | CloudCall::RollbackInstanceRefresh { .. } => {
                Err("S11: an instance refresh in a fleet of two groups".to_owned())
            }
        }
    }

    /// S2, S15, S17, S20 where a group is let into the traffic. On the way back one without servers takes none.
    fn let_in(&mut self, slot: Slot, arrival: &Arrival<'_>) -> Result<(), String> {
        let (record, before) = (arrival.record, arrival.before);
        let empty = before.group(self.ground.group(slot)).is_none_or(|group| group.total() == 0);
        if arrival.stale || empty && goes_back(record) {
            return Ok(());
        }
        let plan = &record.operation.plan;
        if goes_back(record) {
            self.moves(before);
            let good = if plan.kind == OperationKind::Deploy { plan.from.slot } else { plan.to.slot };
            return if slot == good { Ok(()) } else { Err(format!("S2: on the way back {} is let into the traffic", slot_word(slot))) };
        }
        self.attachments_not_overwritten(before, record)?;
        self.moves(before);
        let Some(StepKind::Weight(step)) = plan.steps.get(record.progress.current).map(|step| step.kind) else {
            return Err(format!("S15: {} is let into the traffic when it is not its turn", slot_word(slot)));
        };
        let (healthy, wanted) = (self.healthy_as_read(before, slot), servers_for(self.need, step.weight_pct));
        if slot == plan.to.slot && healthy < wanted {
            return Err(format!("S17: {} is let in for {}% with {healthy} healthy of {wanted}", slot_word(slot), step.weight_pct));
        }
        Ok(())
    }

    /// S1, S4, S15, S20 where a group is taken out of the traffic.
    fn taken_off(&mut self, world: &World, slot: Slot, arrival: &Arrival<'_>) -> Result<(), String> {
        let (record, before) = (arrival.record, arrival.before);
        let (served, short_before, short_after) = (self.ground.working(before, slot), self.missing(before), self.missing(world));
        if served == 0 {
            return Ok(());
        }
        let (other, healthy) = (slot.other(), self.healthy_as_read(before, slot.other()));
        if arrival.stale {
            return self.late_take_off(world, arrival);
        }
        let plan = &record.operation.plan;
        if goes_back(record) {
            self.moves(before);
            let good = if plan.kind == OperationKind::Deploy { plan.from.slot } else { plan.to.slot };
            // Servers of another release that came into it leave the traffic, and it is launched anew.
            let strange = self.runs_another(before, record, slot);
            if slot == good && !strange {
                return Err(format!("S4: on the way back {} is taken out of the traffic: it goes there", slot_word(slot)));
            }
            // What serves already gets everything even where nobody can see how much of it is healthy.
            let blind = *self.blind.get(other) && self.ground.working(before, other) > 0;
            if slot != good && short_after > short_before && healthy < threshold(self.need) && !blind {
                return Err(format!("S1: without {} {healthy} of {} are left", slot_word(slot), self.need));
            }
            return Ok(());
        }
        self.attachments_not_overwritten(before, record)?;
        self.moves(before);
        let step = plan.steps.get(record.progress.current).map(|step| step.kind);
        let all = matches!(step, Some(StepKind::Weight(step)) if step.weight_pct == 100);
        if slot == plan.to.slot || !all {
            return Err(format!("S15: {} is taken out of the traffic in {step:?}", slot_word(slot)));
        }
        if healthy < self.need {
            return Err(format!("S4: stable is taken off while {} has {healthy} healthy of {}", slot_word(other), self.need));
        }
        Ok(())
    }

    /// Some of its servers run something else than the operation goes back to.
    fn runs_another(&self, before: &World, record: &Record, slot: Slot) -> bool {
        let good = record.progress.candidate_version.or(record.operation.plan.to.template_version);
        let servers = before.group(self.ground.group(slot)).into_iter().flat_map(|group| group.instances);
        record.kind() == OperationKind::Rollback && servers.into_iter().any(|server| server.serves() && server.template_version != good)
    }

    /// S3: a call that comes late leaves something that serves. What its driver did that stood still before it is taken back.
    fn late_take_off(&mut self, world: &World, arrival: &Arrival<'_>) -> Result<(), String> {
        if self.ground.working_in_all(world) == 0 && self.ground.working_in_all(&self.twin) > 0 {
            return Err("S3: a late call takes everything out of the traffic".to_owned());
        }
        if arrival.logged.at.since(arrival.intended) > CALL_TIMEOUT.times(2) {
            self.grace = self.grace.max(TAKEN_BACK.plus(CHECKED_AGAIN));
        }
        Ok(())
    }

    /// What another hand attached or took off is measured as it was found.
    fn moves(&mut self, before: &World) {
        if self.foreign.weights.take().is_some() {
            self.twin_begins(before);
        }
    }

    /// S20: on the way forward nobody overwrites what another hand attached or took off, unless a person promoted past it.
    fn attachments_not_overwritten(&self, before: &World, record: &Record) -> Result<(), String> {
        let ours = |slot: Slot| record.progress.may_read_attached(self.ground.group(slot)).contains(&self.ground.is_attached(before, slot));
        let changed = self.foreign.weights.or(self.foreign.template);
        let known = changed.is_some_and(|at| at < self.last_look && self.lagged_at.is_none_or(|lagged| self.last_look.since(lagged) > STALE));
        if !Slot::BOTH.into_iter().all(ours) && known && !record.progress.promoted {
            return Err(format!("S20: {} overwrites what another hand attached or took off", record.operation.id));
        }
        Ok(())
    }

    /// S4, S10 where a group is brought to its end.
    fn ended(&mut self, world: &World, slot: Slot, arrival: &Arrival<'_>) -> Result<(), String> {
        let plan = &arrival.record.operation.plan;
        let step = plan.steps.get(arrival.record.progress.current).map(|step| step.kind);
        let makes_room =
            plan.kind == OperationKind::Rollback && matches!(step, Some(StepKind::EmptySlot | StepKind::Template | StepKind::GrowTarget));
        let raced = self.raced(self.foreign.weights, arrival);
        if slot == self.stable && !makes_room && !raced {
            return Err(format!("S4: {} is parked, stable is {}", slot_word(slot), self.stable.letter()));
        }
        let keep = slot.other();
        let serves = self.ground.is_attached(arrival.before, slot) && self.ground.working(arrival.before, slot) > 0;
        if matches!(self.ground.route(), Route::Attached { .. }) && serves && !raced {
            return Err(format!("S4: {} is parked while it serves", slot_word(slot)));
        }
        let wanted = threshold(self.need.min(self.desired(arrival.before, keep).max(self.floor)));
        let healthy = self.healthy_as_read(arrival.before, keep);
        let lost: u32 = self.losses.iter().map(|(_, servers)| servers).sum();
        if *self.ground.route() == Route::None && !arrival.stale && healthy + lost < wanted {
            return Err(format!("S4: {} is parked while {} has {healthy} healthy of {wanted}", slot_word(slot), slot_word(keep)));
        }
        if *self.ground.route() == Route::None && !arrival.stale {
            // It was read with more than it has: what it lost since nobody could know, and what is ended now would have made up for that in the twin.
            let unseen = healthy.saturating_sub(self.fit(arrival.before, keep)).min(self.ground.working(arrival.before, slot));
            self.losses.push((world.now().plus(REPLACED), unseen));
        }
        self.lowered_in_time(world, arrival)
    }

    /// S15: the candidate has no more servers than its step's share.
    fn grown(&self, slot: Slot, min: u32, arrival: &Arrival<'_>) -> Result<(), String> {
        let record = arrival.record;
        let plan = &record.operation.plan;
        // What another hand gave it all traffic grows to carry that.
        if arrival.stale || goes_back(record) || slot != plan.to.slot || self.foreign.weights.is_some() {
            return Ok(());
        }
        let most = match plan.steps.get(record.progress.current).map(|step| step.kind) {
            Some(StepKind::OneBox) => 1,
            Some(StepKind::Weight(step)) => servers_for(self.need.max(record.progress.need), step.weight_pct),
            _ => self.need.max(record.progress.need),
        };
        if min > most { Err(format!("S15: {} grows to {min}, its step's share is {most} beside {}", slot_word(slot), self.need)) } else { Ok(()) }
    }

    /// S12 of a fleet whose groups share a target group: at rest both are attached, and the idle one has no servers that serve.
    pub(super) fn attached_as_found(&self, world: &World) -> Result<(), String> {
        let route = self.ground.route();
        if matches!(route, Route::Weighted { .. }) || self.foreign.weights.is_some() {
            return Ok(());
        }
        let off = self.ground.slots().iter().find(|slot| matches!(route, Route::Attached { .. }) && !self.ground.is_attached(world, **slot));
        if let Some(slot) = off {
            return Err(format!("S12: {} is not attached any more", slot_word(*slot)));
        }
        match self.ground.working(world, self.stable.other()) {
            0 => Ok(()),
            serve => Err(format!("S12: {} is stable, and {serve} servers of the other side serve", slot_word(self.stable))),
        }
    }
}

/// The fewest servers that make up the share of all that work beside those that are needed, or as many as are needed.
fn servers_for(need: u32, pct: u32) -> u32 {
    (1..=need).find(|servers| servers * 100 >= pct * (servers + need)).unwrap_or(need)
}
