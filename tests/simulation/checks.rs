//! The invariants, checked against the world and never against what a driver believes.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::{BySlot, Slot, WeightedPair};
use quarterdeck::domain::ids::GroupName;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::domain::traffic::RouteActions;
use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::plan::{OperationKind, StepKind};
use quarterdeck::world::{LoggedCall, World};

use crate::store::{Record, Store};

/// A lost server is back well within this.
const HEALING: Millis = Millis::mins(20);

#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    healthy: u32,
    desired: u32,
    excused_until: Option<WorldTime>,
}

pub struct Checker {
    pair: WeightedPair,
    live_sizes: Sizes,
    idle_size: u32,
    floor: u32,
    watch: BySlot<Watch>,
    /// The group the ledger names, or a rollback's target.
    pub stable: Slot,
    pub stable_since: WorldTime,
    /// Servers that carry everything, from the world's sizes alone.
    need: u32,
    /// The stable group's minimum when the last deploy began: an earlier operation's pin or none, but not that deploy's.
    left_pin: u32,
    /// A raised need may go unmet for so long yet; it runs only while there is a driver that could grow the groups.
    grace: Millis,
    ticked_at: WorldTime,
    /// Somebody else set the weights that are there now: whoever did it answers for it.
    pub foreign: bool,
}

impl Checker {
    pub fn new(world: &World, pair: WeightedPair, floor: u32, idle_size: u32) -> Self {
        let live_sizes = world.sizes(&pair.groups.a).unwrap();
        let watch = BySlot::from_fn(|slot| Watch {
            healthy: world.healthy_targets(pair.target_groups.get(slot)),
            desired: world.sizes(pair.groups.get(slot)).unwrap().desired,
            excused_until: None,
        });
        let (left_pin, now) = (live_sizes.min, world.now());
        let (need, grace, foreign) = (0, Millis::ZERO, false);
        Self { pair, live_sizes, idle_size, floor, watch, stable: Slot::A, stable_since: now, need, left_pin, grace, ticked_at: now, foreign }
    }

    pub fn excuse(&mut self, slot: Slot, now: WorldTime) {
        self.watch.get_mut(slot).excused_until = Some(now.plus(HEALING));
    }

    fn healthy(&self, world: &World, slot: Slot) -> u32 {
        world.healthy_targets(self.pair.target_groups.get(slot))
    }

    fn desired(&self, world: &World, slot: Slot) -> u32 {
        world.sizes(self.pair.groups.get(slot)).unwrap().desired
    }

    fn share(&self, actions: &RouteActions, slot: Slot) -> f64 {
        actions.share(self.pair.target_groups.get(slot)).unwrap_or(0.0)
    }

    fn actions<'a>(&self, world: &'a World) -> &'a RouteActions {
        world.actions(self.pair.place.arn()).unwrap()
    }

    /// A new operation: what it needs, and that its plan asks for no less.
    pub fn begins(&mut self, world: &World, record: &Record) -> Result<(), String> {
        let plan = &record.operation.plan;
        let (from, to) = (plan.from.slot, plan.to.slot);
        match plan.kind {
            OperationKind::Deploy => {
                self.need = self.floor.max(self.healthy(world, from)).max(self.desired(world, from));
                self.left_pin = world.sizes(self.pair.groups.get(from)).unwrap().min;
            }
            OperationKind::Rollback => {
                self.need = self.floor.max(self.desired(world, from)).max(self.desired(world, to)).min(self.live_sizes.max);
                self.stable = to;
                self.excuse(from, world.now());
            }
            OperationKind::Retire => {
                (self.stable, self.stable_since) = (to, world.now());
                self.left_pin = self.live_sizes.min;
            }
        }
        if plan.need < self.need && plan.kind != OperationKind::Retire {
            return Err(format!("S1: the plan needs {} servers, the world {}", plan.need, self.need));
        }
        self.serves_alone(world, plan.kind);
        if (plan.live_sizes.min, plan.live_sizes.max) != (self.live_sizes.min, self.live_sizes.max) {
            return Err(format!("S12: {} froze {:?} for the live role, it is {:?}", record.operation.id, plan.live_sizes, self.live_sizes));
        }
        Ok(())
    }

    /// A rollback's plan asks for as many servers as the candidate grew to. Where its target serves alone and policies shrank it before, that is
    /// more than the twin world has: the operation did not make this deficit, it only grows the group.
    fn serves_alone(&mut self, world: &World, kind: OperationKind) {
        if kind == OperationKind::Rollback && self.share(self.actions(world), self.stable) == 1.0 {
            self.need = self.need.min(self.desired(world, self.stable));
        }
    }

    /// The driver had a complete look: what the stable group wants now is needed from now on.
    pub fn looked(&mut self, world: &World, record: &Record) {
        let wanted = self.desired(world, record.operation.plan.from.slot).min(self.live_sizes.max);
        if record.kind() == OperationKind::Deploy && wanted > self.need {
            self.raise(wanted);
        }
    }

    fn raise(&mut self, need: u32) {
        self.need = need;
        self.grace = HEALING;
    }

    /// With the driver dead nobody grows what is served by a share of a raised need: a death may be longer than any growth takes.
    fn pass(&mut self, now: WorldTime, driven: bool) {
        if driven {
            self.grace = self.grace.minus(now.since(self.ticked_at));
        }
        self.ticked_at = now;
    }

    /// While the stable group serves alone and the deploy has not pinned it, policies may do with it what they like, down to what an
    /// earlier operation pinned: so they would in the twin world.
    fn follow_unpinned(&mut self, world: &World) {
        let unpinned = world.sizes(self.pair.groups.get(self.stable)).is_some_and(|sizes| sizes.min <= self.left_pin.max(self.live_sizes.min));
        if self.foreign || unpinned && self.share(self.actions(world), self.stable) == 1.0 {
            self.need = self.need.min(self.desired(world, self.stable));
        }
    }

    /// S1 at this tick.
    pub fn tick(&mut self, world: &World, store: &Store) -> Result<(), String> {
        let now = world.now();
        let active = store.active().map(|at| &store.records[at]);
        self.pass(now, active.is_none_or(|record| record.driver.is_some()));
        if active.is_some() {
            self.follow_unpinned(world);
        }
        for slot in Slot::BOTH {
            let (healthy, desired) = (self.healthy(world, slot), self.desired(world, slot));
            let before = *self.watch.get(slot);
            // A policy that takes back what it asked for while it still starts may end a healthy server instead: as long as the group is asked for
            // all that is needed, no pin could prevent it.
            if healthy < before.healthy && desired >= before.desired.min(self.need) {
                self.excuse(slot, now);
            }
            let watch = self.watch.get_mut(slot);
            (watch.healthy, watch.desired) = (healthy, desired);
            let excused = self.grace > Millis::ZERO || watch.excused_until.is_some_and(|until| now < until);
            let wanted = self.wanted(self.share(self.actions(world), slot));
            if healthy < wanted && !excused && !self.foreign && active.is_some() {
                return Err(format!("S1: slot {} has {healthy} healthy servers, its share needs {wanted} of {}", slot.letter(), self.need));
            }
        }
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is 0–1")]
    fn wanted(&self, share: f64) -> u32 {
        (share * f64::from(self.need) - 1e-9).ceil().max(0.0) as u32
    }

    /// A call as the cloud saw it, with the world as it is just after.
    pub fn call(&mut self, world: &World, logged: &LoggedCall, record: &Record) -> Result<(), String> {
        if logged.outcome.is_err() {
            return Err(format!("the cloud rejects {}: {:?}", logged.call.summary(), logged.outcome));
        }
        match &logged.call {
            CloudCall::SetWeights { place, actions } => {
                if place.arn() != self.pair.place.arn() {
                    return Err("S11: a place outside the plan".to_owned());
                }
                self.weights(world, logged.before.as_ref().ok_or("S2: nothing was there before")?, actions, record)
            }
            CloudCall::Park { group, .. } => self.parked(world, self.slot(group)?, record),
            CloudCall::ReleaseMin { group, min } => self.released(world, self.slot(group)?, *min, record),
            CloudCall::RaiseMin { group, .. } | CloudCall::PinTemplate { group, .. } => self.slot(group).map(|_| ()),
            CloudCall::Tag { groups, .. } | CloudCall::Untag { groups, .. } => groups.iter().try_for_each(|group| self.slot(group).map(|_| ())),
            CloudCall::StartInstanceRefresh { .. } | CloudCall::CancelInstanceRefresh { .. } | CloudCall::RollbackInstanceRefresh { .. } => {
                Err("an instance refresh in a fleet of two groups".to_owned())
            }
            CloudCall::CreateTemplateVersion { template, .. } if *template == record.operation.plan.to.template => Ok(()),
            CloudCall::CreateTemplateVersion { template, .. } => Err(format!("S11: template {template} is not the candidate's")),
        }
    }

    fn slot(&self, group: &GroupName) -> Result<Slot, String> {
        self.pair.groups.find(|name| name == group).ok_or_else(|| format!("S11: {group} is not in the plan"))
    }

    /// S2, S15, S17.
    fn weights(&mut self, world: &World, before: &RouteActions, after: &RouteActions, record: &Record) -> Result<(), String> {
        if !before.same_but_weights(after) {
            return Err("S2: something besides weights changed".to_owned());
        }
        if self.pair.target_groups.find(|arn| after.weight(arn).is_none()).is_some() {
            return Err("S2: one of the groups is not in the call".to_owned());
        }
        if after.forwards().all(|(_, weight)| *weight == 0) {
            return Err("S2: all weights are zero".to_owned());
        }
        if self.foreign {
            self.foreign = false;
            Slot::BOTH.into_iter().for_each(|slot| self.excuse(slot, world.now()));
        }
        let forward = record.kind() == OperationKind::Deploy && record.progress.state != OperationState::BackingOut;
        let plan = &record.operation.plan;
        let away = if plan.kind == OperationKind::Deploy { plan.to.slot } else { plan.from.slot };
        let short = |actions: &RouteActions| -> u32 {
            Slot::BOTH.into_iter().map(|slot| self.wanted(self.share(actions, slot)).saturating_sub(self.healthy(world, slot))).sum()
        };
        let (short_before, short_after) = (short(before), short(after));
        for slot in Slot::BOTH {
            let (was, is) = (self.share(before, slot), self.share(after, slot));
            let healthy = self.healthy(world, slot);
            if is <= was {
                continue;
            }
            if healthy == 0 {
                return Err(format!("S2: slot {} gets weight without a healthy target", slot.letter()));
            }
            if !forward && slot == away {
                return Err(format!("S2: on the way back slot {} gets share {is}, it had {was}: it goes away from there", slot.letter()));
            }
            if forward && healthy < self.wanted(is) {
                return Err(format!("S17: slot {} gets share {is} with {healthy} healthy of {} needed", slot.letter(), self.need));
            }
            if !forward && short_after > short_before && healthy * 20 < self.need * 18 {
                return Err(format!("S1: going back leaves {short_after} servers short, {short_before} were: {healthy} healthy of {}", self.need));
            }
            if !forward {
                self.excuse(slot, world.now());
            }
        }
        let step = record.operation.plan.steps.get(record.progress.current).map(|step| step.kind);
        let share = self.share(after, record.operation.plan.to.slot);
        match step {
            Some(StepKind::Weight(weight)) if forward && (share * 100.0 - f64::from(weight.weight_pct)).abs() > 0.01 => {
                Err(format!("S15: share {share} in a step of {} percent", weight.weight_pct))
            }
            Some(StepKind::Weight(_)) => Ok(()),
            _ if forward => Err(format!("S15: weights are changed in {step:?}")),
            _ => Ok(()),
        }
    }

    /// S4, S10.
    fn parked(&self, world: &World, slot: Slot, record: &Record) -> Result<(), String> {
        let (plan, progress) = (&record.operation.plan, &record.progress);
        let effective = world.effective_share(self.pair.target_groups.get(slot)).unwrap_or(0.0);
        let step = plan.steps.get(progress.current).map(|step| step.kind);
        // A rollback that launches its target anew first empties the slot for it.
        let makes_room = plan.kind == OperationKind::Rollback && matches!(step, Some(StepKind::EmptySlot | StepKind::Template));
        if slot == self.stable && !makes_room || self.share(self.actions(world), slot) > 0.0 || effective > 0.0 {
            return Err(format!("S4: slot {} is parked, stable is {}, it gets {effective} of the traffic", slot.letter(), self.stable.letter()));
        }
        if plan.kind == OperationKind::Retire {
            let kept = world.now().since(self.stable_since);
            if kept < plan.window && !record.promoted {
                return Err(format!("S4: the window of {} ended after {kept}", plan.window));
            }
        }
        let evidence = progress.lower_evidence_at.map(|at| world.now().since(at));
        if evidence.is_none_or(|age| age < plan.timing.lower_gap) {
            return Err(format!("S10: parked on evidence of {evidence:?}"));
        }
        Ok(())
    }

    fn released(&self, world: &World, slot: Slot, min: u32, record: &Record) -> Result<(), String> {
        let share = self.share(self.actions(world), slot.other());
        if share > 0.0 {
            return Err(format!("S12: {} gives its pin of {} back while the other side serves", record.operation.id, slot.letter()));
        }
        if min != self.live_sizes.min {
            return Err(format!("S12: a pin is given back to {min}, the live role has {}", self.live_sizes.min));
        }
        Ok(())
    }

    /// S12 once nothing is left to do. A claim may remain only where the cloud refused to take it off, and only until it ends.
    pub fn at_rest(&self, world: &World, claim_may_remain: bool) -> Result<(), String> {
        let live = world.group(self.pair.groups.get(self.stable)).unwrap();
        if (live.sizes.min, live.sizes.max) != (self.live_sizes.min, self.live_sizes.max) {
            return Err(format!("S12: the live group rests at {:?}, its role has {:?}", live.sizes, self.live_sizes));
        }
        let idle = world.group(self.pair.groups.get(self.stable.other())).unwrap();
        if idle.sizes != Sizes::all(self.idle_size) {
            return Err(format!("S12: the idle group rests at {:?}", idle.sizes));
        }
        if self.share(self.actions(world), self.stable) < 1.0 {
            return Err(format!("S12: slot {} is stable and does not have all of the traffic", self.stable.letter()));
        }
        for group in [live, idle] {
            if !group.suspended.is_empty() {
                return Err(format!("S12: {:?} of {} are suspended", group.suspended, group.name));
            }
            if let Some(claim) = quarterdeck::operation::claim::claim_on(&group)
                && !claim_may_remain
            {
                return Err(format!("S12: {} is still claimed: {}", group.name, claim.described()));
            }
        }
        Ok(())
    }
}
