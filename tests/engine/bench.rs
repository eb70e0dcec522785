//! A fleet, a plan for it, and what the engine says to one look after another: no world goes on here, every look is put together by hand.

use quarterdeck::domain::call::{CallReply, CloudCall, CloudErrorKind};
use quarterdeck::domain::fleet::{BySlot, FleetSpec, Slot, Strategy};
use quarterdeck::domain::group::{Health, Instance, Lifecycle};
use quarterdeck::domain::ids::{InstanceId, OperationId};
use quarterdeck::domain::observation::{Depth, FleetObservation, GroupPolicies};
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::release::Release;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::domain::traffic::{Counts, TargetState};
use quarterdeck::engine::{Decision, Situation, decide, depth};
use quarterdeck::operation::claim::Claimant;
use quarterdeck::operation::event::{CallOutcome, Event, EventBody, OperationState};
use quarterdeck::operation::ledger::{How, LedgerBody, LedgerEntry};
use quarterdeck::operation::plan::{Plan, Refusal, StepKind};
use quarterdeck::operation::progress::Progress;
use quarterdeck::plan::{Facts, Setting};
use quarterdeck::world::{Scenario, World};

use crate::facts::with_facts;

pub const START: WorldTime = WorldTime(1_780_000_000_000);

#[derive(Clone)]
pub struct Bench {
    pub plan: Plan,
    pub progress: Progress,
    pub seen: FleetObservation,
    pub now: WorldTime,
    claimant: Claimant,
    servers: u64,
}

impl Bench {
    /// A canary of 2.14.0 on web-prod: twelve servers of 2.13.2 in slot A, nothing in slot B.
    pub fn canary(judged: bool) -> Self {
        Self::new(judged, |facts| quarterdeck::plan::deploy::plan(facts, "2.14.0", Some(Strategy::Canary)).unwrap(), |_| {})
    }

    /// A rollback of web-prod from A to twelve warm servers in B.
    pub fn fast_rollback() -> Self {
        Self::new(true, |facts| quarterdeck::plan::rollback::plan(facts, None).unwrap(), |bench| bench.servers_in(Slot::B, 12, 1))
    }

    /// A canary of 1.10.0 on search-prod: thirty servers of 1.9.0 in slot A, nothing in slot B, and one target group for both.
    pub fn shared() -> Self {
        Self::on("search-prod", true, |_| {}, |facts| quarterdeck::plan::deploy::plan(facts, "1.10.0", None).unwrap(), |_| {})
    }

    /// A canary of 3.4.0 on worker-prod: eight workers of 3.3.0 in slot A, nothing in slot B, and no load balancer.
    pub fn workers() -> Self {
        Self::on("worker-prod", true, |_| {}, |facts| quarterdeck::plan::deploy::plan(facts, "3.4.0", None).unwrap(), |_| {})
    }

    /// A rollback of one of those fleets from A to what B launched before, of which `prepare` says how it stands.
    pub fn rollback(fleet: &str, prepare: impl FnOnce(&mut Self)) -> Self {
        Self::on(fleet, true, |_| {}, |facts| quarterdeck::plan::rollback::plan(facts, None).unwrap(), prepare)
    }

    /// A deploy of 2.14.0 on web-prod with other settings.
    pub fn of_spec(strategy: Strategy, adjust: impl FnOnce(&mut FleetSpec)) -> Self {
        Self::on("web-prod", true, adjust, |facts| quarterdeck::plan::deploy::plan(facts, "2.14.0", Some(strategy)).unwrap(), |_| {})
    }

    /// A rollback of web-prod from A to what B launched before another hand put something else there: twelve servers of version 7.
    pub fn relaunch() -> Self {
        Self::relaunch_of(quarterdeck::domain::group::PinnedVersion::Number(7))
    }

    /// The same with B's group pointed at this.
    pub fn relaunch_of(pin: quarterdeck::domain::group::PinnedVersion) -> Self {
        let prepare = |bench: &mut Self| {
            bench.servers_in(Slot::B, 12, 7);
            let Reading::Known { value: group, .. } = bench.seen.groups.get_mut(Slot::B) else { panic!("unknown group") };
            group.template.as_mut().unwrap().version = pin;
        };
        Self::new(true, |facts| quarterdeck::plan::rollback::plan(facts, None).unwrap(), prepare)
    }

    fn new(judged: bool, plan: impl FnOnce(&Facts<'_>) -> Plan, prepare: impl FnOnce(&mut Self)) -> Self {
        Self::on("web-prod", judged, |_| {}, plan, prepare)
    }

    fn on(
        fleet: &str,
        judged: bool,
        adjust: impl FnOnce(&mut FleetSpec),
        plan: impl FnOnce(&Facts<'_>) -> Plan,
        prepare: impl FnOnce(&mut Self),
    ) -> Self {
        let world = World::new(Scenario::Default, 1, START);
        let mut spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == fleet).unwrap();
        adjust(&mut spec);
        let seen = world.observe(&spec.scope(), Depth::Full);
        let claimant = Claimant { operation: OperationId::new("op-1"), who: "ann@here".to_owned(), store: "here".to_owned() };
        let mut bench = Self { plan: plan_of_nothing(), progress: Progress::new(&plan_of_nothing(), START), seen, now: START, claimant, servers: 0 };
        prepare(&mut bench);
        let setting = Setting { build: "test".to_owned(), store: "here".to_owned(), time_scale: 1, judged };
        let ledger = [bench.entry(Slot::B, 1), bench.entry(Slot::A, 2)];
        bench.plan = with_facts(&world, (&spec, &bench.seen), (&ledger, &[]), |facts| plan(&Facts { setting: &setting, ..facts }));
        bench.progress = Progress::new(&bench.plan, START);
        bench
    }

    fn entry(&self, slot: Slot, template_version: u64) -> LedgerEntry {
        let group = self.seen.group(slot).unwrap();
        let pin = group.template.clone().unwrap();
        let image = pin.image.unwrap();
        let release = Release { image, version: None, template: pin.id, template_version, digest: None, group: group.name.clone(), slot };
        let body = LedgerBody::Stable { how: How::Deployed };
        LedgerEntry { seq: template_version, fleet: "web-prod".into(), at: START, release, body, by: "ann".into(), reason: None, operation: None }
    }

    /// Puts `count` healthy servers of a template version into a slot, and its sizes with them.
    pub fn servers_in(&mut self, slot: Slot, count: u32, version: u64) {
        let now = self.now;
        let ids: Vec<InstanceId> = (0..count).map(|nth| InstanceId::new(format!("i-{}-{}", slot.letter(), self.servers + u64::from(nth)))).collect();
        self.servers += u64::from(count);
        let Reading::Known { value: group, .. } = self.seen.groups.get_mut(slot) else { panic!("unknown group") };
        let image = group.template.as_ref().and_then(|pin| pin.image.clone());
        group.sizes.desired = count;
        group.sizes.max = group.sizes.max.max(24);
        let gone = std::mem::replace(&mut group.instances, ids.iter().map(|id| instance(id, version, image.clone(), now)).collect());
        let weighted = self.seen.scope.is_weighted();
        for listed in Slot::BOTH.into_iter().filter(|listed| *listed == slot || !weighted) {
            let Reading::Known { value: health, .. } = self.seen.health.get_mut(listed) else { panic!("unknown health") };
            health.targets.retain(|id, _| !weighted && gone.iter().all(|instance| instance.id != *id));
            health.targets.extend(ids.iter().map(|id| (id.clone(), TargetState::Healthy)));
        }
        if self.seen.is_attached(slot) == Some(false) {
            self.targets_of(slot, None);
        }
    }

    /// What the load balancer says of all servers of a slot: nothing, if it does not know them.
    pub fn targets_of(&mut self, slot: Slot, state: Option<TargetState>) {
        let ids: Vec<InstanceId> = self.seen.group(slot).unwrap().instances.iter().map(|instance| instance.id.clone()).collect();
        for listed in Slot::BOTH {
            let Reading::Known { value: health, .. } = self.seen.health.get_mut(listed) else { panic!("unknown health") };
            health.targets.retain(|id, _| !ids.contains(id));
            health.targets.extend(state.into_iter().flat_map(|state| ids.iter().map(move |id| (id.clone(), state))));
        }
    }

    /// The load balancer finds so many servers of a slot unhealthy; Auto Scaling does not.
    pub fn fail_their_checks(&mut self, slot: Slot, count: usize) {
        let group = self.seen.group(slot).unwrap();
        let ids: Vec<InstanceId> = group.instances.iter().take(count).map(|instance| instance.id.clone()).collect();
        let Reading::Known { value: health, .. } = self.seen.health.get_mut(slot) else { panic!("unknown health") };
        health.targets.extend(ids.into_iter().map(|id| (id, TargetState::Unhealthy)));
    }

    /// A group is attached to the shared target group, or not any more; its servers are known there at once, or drain.
    pub fn attached(&mut self, slot: Slot, on: bool) {
        let target_group = self.seen.scope.target_group(slot).unwrap().clone();
        let Reading::Known { value: group, .. } = self.seen.groups.get_mut(slot) else { panic!("unknown group") };
        group.target_groups = on.then_some(target_group).into_iter().collect();
        self.targets_of(slot, Some(if on { TargetState::Initial } else { TargetState::Draining }));
    }

    pub fn tagged(&mut self, slot: Slot, key: &str, value: &str) {
        let Reading::Known { value: group, .. } = self.seen.groups.get_mut(slot) else { panic!("unknown group") };
        group.tags.insert(key.to_owned(), value.into());
    }

    pub fn sized(&mut self, slot: Slot, sizes: Sizes) {
        let Reading::Known { value: group, .. } = self.seen.groups.get_mut(slot) else { panic!("unknown group") };
        group.sizes = sizes;
    }

    pub fn pinned(&mut self, slot: Slot, min: u32) {
        let Reading::Known { value: group, .. } = self.seen.groups.get_mut(slot) else { panic!("unknown group") };
        group.sizes.min = min;
        group.sizes.desired = group.sizes.desired.max(min);
    }

    /// The candidate's group launches the version the operation made.
    pub fn launches(&mut self, slot: Slot, version: u64) {
        let Reading::Known { value: group, .. } = self.seen.groups.get_mut(slot) else { panic!("unknown group") };
        group.template.as_mut().unwrap().version = quarterdeck::domain::group::PinnedVersion::Number(version);
    }

    pub fn weights(&mut self, a: u32, b: u32) {
        let arn = |slot| self.plan.scope.target_group(slot).unwrap().clone();
        let weights = [(arn(Slot::A), a), (arn(Slot::B), b)];
        self.seen.route = Reading::known(self.plan.actions.with_weights(&weights), self.now);
    }

    /// The load balancer does not tell of any server.
    pub fn hide_health(&mut self) {
        self.seen.health = BySlot::from_fn(|_| Reading::unknown("throttled"));
    }

    pub fn hide_route(&mut self) {
        self.seen.route = Reading::unknown("throttled");
    }

    pub fn counted(&mut self, a: (u64, u64), b: (u64, u64)) {
        let counts = |(requests, errors)| Some(Counts { requests, errors, p99_ms: None });
        self.seen.counts = BySlot { a: counts(a), b: counts(b) };
    }

    pub fn uncounted(&mut self) {
        self.seen.counts = BySlot::default();
    }

    pub fn later(&mut self, secs: u64) {
        self.now = self.now.plus(Millis::secs(secs));
    }

    /// Two readings far enough apart to lower something: looks of five seconds until then, and the last one's call.
    pub fn second_reading(&mut self) -> Result<CloudCall, String> {
        let timing = &self.plan.timing;
        let gap = if self.progress.written_at.is_some() { timing.settle.max(timing.lower_gap) } else { timing.lower_gap };
        for _ in 0..gap.as_secs() / 5 {
            self.later(5);
            let looked = self.turn();
            if let Some(wanted) = looked.call {
                return Ok(wanted.call);
            }
        }
        self.later(5);
        self.call()
    }

    pub fn happens(&mut self, body: EventBody) {
        self.progress.apply(&Event { seq: 0, at: self.now, body });
    }

    /// Jumps to the step of this kind, with the candidate's version made.
    pub fn at_step(&mut self, is_it: impl Fn(StepKind) -> bool) {
        let step = self.plan.steps.iter().position(|step| is_it(step.kind)).unwrap();
        self.happens(EventBody::StateChanged { to: OperationState::Running, reason: String::new(), deadline: None });
        self.happens(EventBody::StepStarted { step });
        if self.progress.candidate_version.is_none() {
            self.progress.candidate_version = Some(2);
        }
    }

    pub fn depth(&self) -> Depth {
        depth(&self.plan, &self.progress)
    }

    /// One turn: the decision, with its events folded in.
    pub fn turn(&mut self) -> Decision {
        let Self { plan, progress, seen, now, claimant, .. } = self;
        let decision = decide(&Situation { plan, progress, seen, now: *now, claimant }).unwrap();
        for body in &decision.events {
            self.progress.apply(&Event { seq: 0, at: self.now, body: body.clone() });
        }
        decision
    }

    /// The call of one turn, or what it waits for.
    pub fn call(&mut self) -> Result<CloudCall, String> {
        let decision = self.turn();
        decision.call.map(|wanted| wanted.call).ok_or(decision.waiting_for)
    }

    fn intended(&mut self, call: CloudCall) -> u64 {
        let call_no = self.progress.calls.intended + 1;
        self.happens(EventBody::CallIntended { call_no, call, why: String::new() });
        call_no
    }

    pub fn accepted(&mut self, call: CloudCall) {
        let call_no = self.intended(call);
        self.happens(EventBody::CallEnded { call_no, outcome: CallOutcome::Accepted(CallReply::default()) });
    }

    pub fn refused(&mut self, call: CloudCall, kind: CloudErrorKind) {
        let call_no = self.intended(call);
        self.happens(EventBody::CallEnded { call_no, outcome: CallOutcome::Refused { kind, message: "no".into() } });
    }

    pub fn unanswered(&mut self, call: CloudCall) {
        let call_no = self.intended(call);
        self.happens(EventBody::CallEnded { call_no, outcome: CallOutcome::Unknown { message: "timeout".into() } });
    }

    pub fn state(&self) -> OperationState {
        self.progress.state
    }

    /// The weights a call sets, A's and B's.
    pub fn shares(&self, call: &CloudCall) -> Option<(u32, u32)> {
        let CloudCall::SetWeights { actions, .. } = call else { return None };
        let weight = |slot| actions.weight(self.plan.scope.target_group(slot)?);
        Some((weight(Slot::A)?, weight(Slot::B)?))
    }
}

fn instance(id: &InstanceId, version: u64, image: Option<quarterdeck::domain::ids::ImageId>, at: WorldTime) -> Instance {
    let (lifecycle, health) = (Lifecycle::InService, Health::Healthy);
    Instance { id: id.clone(), lifecycle, health, template_version: Some(version), image, zone: None, launched_at: Some(at) }
}

/// Stands in until the real plan is made.
fn plan_of_nothing() -> Plan {
    let world = World::new(Scenario::Default, 1, START);
    let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
    deploy_in(&world, &world.observe(&spec.scope(), Depth::Full)).unwrap()
}

/// A deploy of 2.14.0 to web-prod as it is seen in this world.
pub fn deploy_in(world: &World, seen: &FleetObservation) -> Result<Plan, Refusal> {
    let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
    deploy_of(&spec, world, seen, Some(Vec::new()))
}

/// A deploy of 2.14.0 to this fleet, with what is known of its policies.
pub fn deploy_of(spec: &FleetSpec, world: &World, seen: &FleetObservation, policies: Option<Vec<GroupPolicies>>) -> Result<Plan, Refusal> {
    with_facts(world, (spec, seen), (&[], &[]), |facts| quarterdeck::plan::deploy::plan(&Facts { policies, ..facts }, "2.14.0", None))
}
