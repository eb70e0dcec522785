//! What is checked of every call, at the moment it reaches the cloud.

use quarterdeck::domain::call::{CloudCall, CloudErrorKind};
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::ids::GroupName;
use quarterdeck::domain::time::WorldTime;
use quarterdeck::domain::traffic::RouteActions;
use quarterdeck::operation::lease::CALL_TIMEOUT;
use quarterdeck::operation::plan::{OperationKind, StepKind};
use quarterdeck::world::{LoggedCall, World};

use super::{Arrival, Checker, LOOK_TO_CALL, TAKEN_BACK, goes_back, leaves, slot_word, threshold};
use crate::cloud::STALE;
use crate::store::Record;

impl Checker {
    /// A call as the cloud saw it, with the world as it is just after.
    pub fn call(&mut self, world: &World, arrival: &Arrival<'_>) -> Result<(), String> {
        let (logged, record) = (arrival.logged, arrival.record);
        let newest = self.epochs.get(&arrival.at).copied().unwrap_or(0);
        if arrival.epoch > newest {
            return Err(format!("S3: a call of epoch {} which nobody ever took", arrival.epoch));
        }
        if let Err(kind) = &logged.outcome {
            return self.rejected(logged, *kind);
        }
        self.images_kept(world)?;
        if self.is_replaced(Some(record)) {
            return self.only_group_call(arrival);
        }
        let Some(pair) = self.ground.pair() else { return self.plain_call(world, arrival) };
        match &logged.call {
            CloudCall::SetWeights { place, actions } => {
                if place.arn() != pair.place.arn() {
                    return Err("S11: a place outside the plan".to_owned());
                }
                let before = logged.before.as_ref().ok_or("S2: nothing was there before")?;
                self.whole(before, actions, arrival)?;
                if arrival.stale && logged.at.since(arrival.intended) > CALL_TIMEOUT.times(2) {
                    // Its driver stood still between its look at the lease and the call: no store can stop that. What it did is taken back.
                    self.grace = self.grace.max(TAKEN_BACK);
                }
                if arrival.stale && record.is_final() {
                    // The operation that took its place finds traffic where it did not put any.
                    self.foreign.weights = Some(world.now());
                }
                if arrival.stale { self.late_weights(arrival, before, actions) } else { self.weights(world, before, actions, record) }
            }
            CloudCall::Park { group, .. } => self.parked(world, self.slot(group)?, arrival),
            CloudCall::ReleaseMin { group, min } => self.released(world, self.slot(group)?, *min, record),
            CloudCall::RaiseMin { group, .. }
            | CloudCall::PinTemplate { group, .. }
            | CloudCall::SuspendProcesses { group, .. }
            | CloudCall::ResumeProcesses { group, .. } => self.slot(group).map(|_| ()),
            CloudCall::Tag { groups, .. } | CloudCall::Untag { groups, .. } => groups.iter().try_for_each(|group| self.slot(group).map(|_| ())),
            CloudCall::StartInstanceRefresh { .. } | CloudCall::CancelInstanceRefresh { .. } | CloudCall::RollbackInstanceRefresh { .. } => {
                Err("an instance refresh in a fleet of two groups".to_owned())
            }
            CloudCall::AttachTargetGroup { .. } | CloudCall::DetachTargetGroup { .. } => Err("an attachment in a fleet with weights".to_owned()),
            CloudCall::CreateTemplateVersion { template, .. } if *template == record.operation.plan.to.template => Ok(()),
            CloudCall::CreateTemplateVersion { template, .. } => Err(format!("S11: template {template} is not the candidate's")),
            CloudCall::Build { .. } | CloudCall::Image { .. } => Err(format!("S11: {} in a rollout", arrival.logged.call.aws_name())),
        }
    }

    /// The cloud has a reason to reject a call only where somebody took away what it names.
    pub(super) fn rejected(&self, logged: &LoggedCall, kind: CloudErrorKind) -> Result<(), String> {
        if kind == CloudErrorKind::NotFound || Self::may_be_in_conflict(logged, kind) {
            return Ok(());
        }
        Err(format!("the cloud rejects {}: {kind:?}", logged.call.summary()))
    }

    pub(super) fn slot(&self, group: &GroupName) -> Result<Slot, String> {
        self.ground.slot_of(group).ok_or_else(|| format!("S11: {group} is not in the plan"))
    }

    /// S2: both weights in one call, nothing else changed, never all zero. A late call may bring back other actions than are there by now.
    fn whole(&self, before: &RouteActions, after: &RouteActions, arrival: &Arrival<'_>) -> Result<(), String> {
        if !before.same_but_weights(after) && !arrival.stale && !self.raced(self.foreign.actions, arrival) {
            return Err("S2: something besides weights changed".to_owned());
        }
        if Slot::BOTH.iter().any(|slot| self.ground.target_group(*slot).and_then(|arn| after.weight(arn)).is_none()) {
            return Err("S2: one of the groups is not in the call".to_owned());
        }
        if after.forwards().all(|(_, weight)| *weight == 0) {
            return Err("S2: all weights are zero".to_owned());
        }
        Ok(())
    }

    /// The change came after the look that led to this call.
    pub(super) fn raced(&self, changed: Option<WorldTime>, arrival: &Arrival<'_>) -> bool {
        let lags = self.lagged_at.is_some_and(|at| arrival.logged.at.since(at) <= STALE);
        changed.is_some_and(|at| at >= self.last_look || at.plus(LOOK_TO_CALL) >= arrival.intended || lags)
    }

    /// S3: a call that comes late leaves no group with weight that serves nothing.
    fn late_weights(&self, arrival: &Arrival<'_>, before: &RouteActions, after: &RouteActions) -> Result<(), String> {
        for slot in Slot::BOTH {
            let (was, is) = (self.share(before, slot), self.share(after, slot));
            if is > was && self.healthy(arrival.before, slot) == 0 {
                return Err(format!("S3: a late call gives {} share {is} without a healthy target", slot_word(slot)));
            }
        }
        Ok(())
    }

    /// S2, S15, S17, S20.
    fn weights(&mut self, world: &World, before: &RouteActions, after: &RouteActions, record: &Record) -> Result<(), String> {
        let forward = !goes_back(record);
        if forward {
            self.not_overwritten(before, record)?;
        }
        if self.foreign.weights.take().is_some() {
            // Somebody else made what was there: what comes now is measured against that.
            self.twin_begins(world);
        }
        let away = leaves(record);
        let (short_before, short_after) = (self.short(world, before), self.short(world, after));
        for slot in Slot::BOTH {
            let (was, is) = (self.share(before, slot), self.share(after, slot));
            let healthy = self.healthy_as_read(world, slot);
            if is <= was {
                continue;
            }
            if healthy == 0 {
                return Err(format!("S2: {} gets weight without a healthy target", slot_word(slot)));
            }
            if !forward && slot == away {
                return Err(format!("S2: on the way back {} gets share {is}, it had {was}: it goes away from there", slot_word(slot)));
            }
            if forward && healthy < self.wanted(is) {
                return Err(format!("S17: {} gets share {is} with {healthy} healthy of {} needed", slot_word(slot), self.need));
            }
            // What serves already gets everything even where nobody can see how much of it is healthy.
            let blind = *self.blind.get(slot);
            if !forward && short_after > short_before && healthy < threshold(self.need) && !(blind && was > 0.0) {
                return Err(format!("S1: going back leaves {short_after} servers short, {short_before} were: {healthy} healthy of {}", self.need));
            }
        }
        self.as_planned(after, record, forward)
    }

    /// S15: per step the plan's share.
    fn as_planned(&self, after: &RouteActions, record: &Record, forward: bool) -> Result<(), String> {
        let step = record.operation.plan.steps.get(record.progress.current).map(|step| step.kind);
        let share = self.share(after, record.operation.plan.to.slot);
        match step {
            Some(StepKind::Weight(weight)) if forward && (share * 100.0 - f64::from(weight.weight_pct)).abs() > 0.01 => {
                Err(format!("S15: share {share} in a step of {} percent", weight.weight_pct))
            }
            Some(StepKind::Weight(_)) => Ok(()),
            // Another hand changed them, and a person said that it goes on.
            Some(StepKind::Stable) if share == 1.0 && record.progress.promoted => Ok(()),
            _ if forward => Err(format!("S15: weights are changed in {step:?}")),
            _ => Ok(()),
        }
    }

    /// S20: what another hand set is not overwritten on the way forward, unless a person promoted past it.
    fn not_overwritten(&self, before: &RouteActions, record: &Record) -> Result<(), String> {
        let same = |route: &RouteActions| Slot::BOTH.into_iter().all(|slot| (self.share(route, slot) - self.share(before, slot)).abs() < 1e-9);
        let ours = record.progress.expected_routes.iter().any(same);
        let changed = self.foreign.weights.or(self.foreign.actions).or(self.foreign.template);
        let known = changed.is_some_and(|at| at < self.last_look && self.lagged_at.is_none_or(|lagged| self.last_look.since(lagged) > STALE));
        if !ours && known && !record.progress.promoted {
            return Err(format!("S20: {} overwrites weights that another hand set", record.operation.id));
        }
        Ok(())
    }

    /// S4, S10.
    fn parked(&self, world: &World, slot: Slot, arrival: &Arrival<'_>) -> Result<(), String> {
        let record = arrival.record;
        let (plan, progress) = (&record.operation.plan, &record.progress);
        let effective = self.ground.target_group(slot).and_then(|arn| world.effective_share(arn)).unwrap_or(0.0);
        let share = self.ground.share(world, slot);
        // Somebody gave it traffic after the look.
        let raced = self.raced(self.foreign.weights, arrival);
        let step = plan.steps.get(progress.current).map(|step| step.kind);
        // A rollback that launches its target anew first empties the slot for it.
        let makes_room =
            plan.kind == OperationKind::Rollback && matches!(step, Some(StepKind::EmptySlot | StepKind::Template | StepKind::GrowTarget));
        if (slot == self.stable && !makes_room || share > 0.0 || effective > 0.0) && !raced {
            return Err(format!("S4: {} is parked, stable is {}, it gets {effective} of the traffic", slot_word(slot), self.stable.letter()));
        }
        self.lowered_in_time(world, arrival)
    }

    /// S4 of a retire, and S10 of everything that is lowered.
    pub(super) fn lowered_in_time(&self, world: &World, arrival: &Arrival<'_>) -> Result<(), String> {
        let record = arrival.record;
        let (plan, progress) = (&record.operation.plan, &record.progress);
        if arrival.stale {
            return Ok(());
        }
        if plan.kind == OperationKind::Retire {
            // A gap in which the clock was set counts for up to two periods.
            let kept = world.now().since(self.stable_since).plus(plan.timing.period_window.times(2 * self.clock_sets));
            if kept < plan.window && !record.promoted {
                return Err(format!("S4: the window of {} ended after {kept}", plan.window));
            }
        }
        let intended = progress.in_flight.as_ref().map(|call| call.since);
        let evidence = progress.lower_evidence_at.zip(intended).map(|(found, intended)| intended.since(found));
        if evidence.is_none_or(|age| age < plan.timing.lower_gap) {
            return Err(format!("S10: parked on evidence of {evidence:?}"));
        }
        Ok(())
    }

    pub(super) fn released(&self, world: &World, slot: Slot, min: u32, record: &Record) -> Result<(), String> {
        let share = self.ground.share(world, slot.other());
        let lags = self.lagged_at.is_some_and(|at| world.now().since(at) <= STALE);
        if share > 0.0 && self.foreign.weights.is_none() && !lags {
            return Err(format!("S12: {} gives its pin of {} back while the other side serves", record.operation.id, slot.letter()));
        }
        if min != self.live_sizes.min && !self.foreign.sizes {
            return Err(format!("S12: a pin is given back to {min}, the live role has {}", self.live_sizes.min));
        }
        Ok(())
    }
}
