//! Sizes 0–20 against percents 0–100, through the engine's decisions: the servers a share needs come first, then its weight, and never none.

use quarterdeck::domain::call::{CallReply, CloudCall};
use quarterdeck::domain::fleet::{Slot, Strategy};
use quarterdeck::domain::group::{Health, Instance, Lifecycle};
use quarterdeck::domain::ids::InstanceId;
use quarterdeck::domain::observation::{Depth, FleetObservation};
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::domain::traffic::{RouteActions, TargetState};
use quarterdeck::engine::{Situation, decide};
use quarterdeck::operation::claim::Claimant;
use quarterdeck::operation::event::{CallOutcome, Event, EventBody, OperationState};
use quarterdeck::operation::plan::{Plan, StepKind};
use quarterdeck::operation::progress::Progress;

use crate::reach::{deploy, in_window, until};
use crate::stage::Stage;

/// Turns after which a decision that was to come has come.
const TURNS: usize = 12;

/// An operation whose every call takes effect at once, as far as it is let.
struct Puppet {
    plan: Plan,
    progress: Progress,
    seen: FleetObservation,
    now: WorldTime,
    /// Healthy servers a slot does not get above.
    healthy_at_most: u32,
}

impl Puppet {
    fn new(plan: Plan, seen: FleetObservation) -> Self {
        let (progress, now) = (Progress::new(&plan, seen.at), seen.at);
        Self { plan, progress, seen, now, healthy_at_most: u32::MAX }
    }

    fn happens(&mut self, body: EventBody) {
        self.progress.apply(&Event { seq: 0, at: self.now, body });
    }

    fn at_step(&mut self, step: usize, candidate_version: u64) {
        self.happens(EventBody::StateChanged { to: OperationState::Running, reason: String::new(), deadline: None });
        self.happens(EventBody::StepStarted { step });
        self.progress.candidate_version = Some(candidate_version);
        let Reading::Known { value: group, .. } = self.seen.groups.get_mut(self.plan.to.slot) else { panic!("unknown group") };
        group.template.as_mut().unwrap().version = quarterdeck::domain::group::PinnedVersion::Number(candidate_version);
    }

    /// So many servers, of which at most so many are healthy.
    fn populate(&mut self, slot: Slot, servers: u32, healthy: u32) {
        let version = if slot == self.plan.to.slot { self.progress.candidate_version } else { self.plan.from.template_version };
        let now = self.now;
        let ids: Vec<InstanceId> = (0..servers).map(|nth| InstanceId::new(format!("i-{}-{nth}", slot.letter()))).collect();
        let Reading::Known { value: group, .. } = self.seen.groups.get_mut(slot) else { panic!("unknown group") };
        let instance = |id: &InstanceId| Instance {
            id: id.clone(),
            lifecycle: Lifecycle::InService,
            health: Health::Healthy,
            template_version: version,
            image: None,
            zone: None,
            launched_at: Some(now),
        };
        group.instances = ids.iter().map(instance).collect();
        group.sizes.desired = servers;
        let Reading::Known { value: health, .. } = self.seen.health.get_mut(slot) else { panic!("unknown health") };
        let state = |nth: usize| if nth < usize::try_from(healthy).unwrap() { TargetState::Healthy } else { TargetState::Unhealthy };
        health.targets = ids.into_iter().enumerate().map(|(nth, id)| (id, state(nth))).collect();
    }

    fn share(&mut self, to_pct: u32) {
        let weights = [(self.target_group(self.plan.from.slot), 100 - to_pct), (self.target_group(self.plan.to.slot), to_pct)];
        self.seen.route = Reading::known(self.plan.actions.with_weights(&weights), self.now);
    }

    fn target_group(&self, slot: Slot) -> quarterdeck::domain::ids::TargetGroupArn {
        self.plan.scope.target_group(slot).unwrap().clone()
    }

    fn weight(&self, actions: &RouteActions, slot: Slot) -> u32 {
        actions.weight(&self.target_group(slot)).unwrap()
    }

    /// One turn: the call it made.
    fn turn(&mut self) -> Option<CloudCall> {
        let claimant = Claimant { operation: "op-1".into(), who: "ann@here".to_owned(), store: "here".to_owned() };
        let situation = Situation { plan: &self.plan, progress: &self.progress, seen: &self.seen, now: self.now, claimant: &claimant };
        let decision = decide(&situation).unwrap();
        decision.events.into_iter().for_each(|body| self.happens(body));
        self.now = self.now.plus(Millis(decision.wait.0.max(1_000)));
        let call = decision.call?.call;
        let call_no = self.progress.calls.intended + 1;
        self.happens(EventBody::CallIntended { call_no, call: call.clone(), why: String::new() });
        self.happens(EventBody::CallEnded { call_no, outcome: CallOutcome::Accepted(CallReply::default()) });
        self.takes_effect(&call);
        Some(call)
    }

    fn takes_effect(&mut self, call: &CloudCall) {
        match call {
            CloudCall::RaiseMin { group, min, max } => {
                let slot = Slot::BOTH.into_iter().find(|slot| self.plan.scope.groups.get(*slot) == Some(group)).unwrap();
                let servers = self.seen.group(slot).unwrap().total().max(*min);
                self.populate(slot, servers, servers.min(self.healthy_at_most));
                let Reading::Known { value: group, .. } = self.seen.groups.get_mut(slot) else { panic!("unknown group") };
                group.sizes.min = *min;
                group.sizes.max = max.unwrap_or(group.sizes.max);
            }
            CloudCall::SetWeights { actions, .. } => self.seen.route = Reading::known(actions.clone(), self.now),
            _ => {}
        }
    }

    fn min(&self, slot: Slot) -> u32 {
        self.seen.group(slot).unwrap().sizes.min
    }
}

/// What so many percent of so many servers are, by counting and not by the arithmetic under test.
fn counted(need: u32, pct: u32) -> u32 {
    (0..=need).find(|servers| servers * 100 >= need * pct).unwrap()
}

fn weight_steps(plan: &Plan) -> Vec<(usize, u32)> {
    let weight = |kind| if let StepKind::Weight(weight) = kind { Some(weight.weight_pct) } else { None };
    plan.steps.iter().enumerate().filter_map(|(at, step)| Some((at, weight(step.kind)?))).collect()
}

/// A canary at its first weight, with nothing in the candidate's slot yet.
fn at_weight(fleet: &Stage, pct: u32) -> Puppet {
    let stage = fleet.with_weights(&[pct, 100]);
    let plan = stage.deploy("2.14.0", Strategy::Canary).unwrap();
    let step = weight_steps(&plan)[0].0;
    let mut puppet = Puppet::new(plan, stage.look(Depth::Full));
    puppet.at_step(step, 2);
    puppet
}

/// Every call until the weights are there; the size the candidate had by then.
fn forward(fleet: &Stage, pct: u32) -> u32 {
    let (mut puppet, servers) = (at_weight(fleet, pct), fleet.servers());
    let before = puppet.seen.route.value().unwrap().clone();
    for _ in 0..TURNS {
        let pinned = puppet.min(Slot::A);
        let healthy = puppet.seen.healthy(Slot::B).unwrap();
        let Some(CloudCall::SetWeights { actions, .. }) = puppet.turn() else { continue };
        assert!(actions.same_but_weights(&before), "S2: something besides weights changed");
        assert_eq!((puppet.weight(&actions, Slot::A), puppet.weight(&actions, Slot::B)), (100 - pct, pct), "S15");
        assert!(healthy >= counted(servers, pct).max(1), "S17: {pct}% of {servers} servers on {healthy}");
        assert!(pinned >= servers, "the stable group's minimum is {pinned} when it gives traffic away");
    }
    assert_eq!(puppet.weight(puppet.seen.route.value().unwrap(), Slot::B), pct, "{servers} servers, {pct}%: the weights never came");
    puppet.min(Slot::B)
}

/// One server short: the weights do not come.
fn one_short(fleet: &Stage, pct: u32) {
    let (mut puppet, servers) = (at_weight(fleet, pct), fleet.servers());
    puppet.healthy_at_most = counted(servers, pct).max(1) - 1;
    for _ in 0..TURNS {
        let call = puppet.turn();
        assert!(!matches!(call, Some(CloudCall::SetWeights { .. })), "{servers} servers, {pct}%: weight before size: {call:?}");
    }
}

#[test]
fn every_percent_of_every_size_gets_its_servers_before_its_weight() {
    let mut smaller = vec![0; 101];
    for servers in 0..=20 {
        let (fleet, mut last) = (Stage::new(servers, &[100]), 0);
        for pct in 0..=100 {
            let size = forward(&fleet, pct);
            // Whatever the share, the candidate keeps one server to be looked at.
            assert_eq!(size, counted(servers, pct).max(1), "{servers} servers, {pct}%");
            assert!(size >= last && size >= smaller[usize::try_from(pct).unwrap()], "{servers} servers, {pct}%: {size} is less than a smaller share");
            last = size;
            smaller[usize::try_from(pct).unwrap()] = size;
            if pct > 0 {
                one_short(&fleet, pct);
            }
        }
    }
}

#[test]
fn a_plan_says_the_sizes_and_weights_that_will_be_asked_for() {
    for servers in 0..=20 {
        let fleet = Stage::new(servers, &[100]);
        for pct in 1..=100 {
            let plan = fleet.with_weights(&[pct, 100]).deploy("2.14.0", Strategy::Canary).unwrap();
            assert_eq!((plan.need, weight_steps(&plan).len()), (servers, 2));
            let calls = quarterdeck::operation::calls::planned_calls(&plan);
            let size = format!("web-prod-b min {} ", counted(servers, pct).max(1));
            assert!(calls.iter().any(|call| call.summary.starts_with(&size)), "{servers} servers, {pct}%: no '{size}' in {calls:?}");
            let weights = format!("web-prod-a {}, web-prod-b {pct}", 100 - pct);
            assert!(calls.iter().any(|call| call.summary.ends_with(&weights)), "{servers} servers, {pct}%: no '{weights}' in {calls:?}");
        }
    }
}

/// A rollback of B to A at its first look, where A has so many healthy servers and gets so much already.
fn going_back(stage: &Stage, plan: &Plan, healthy: u32, share_pct: u32, bad: u32) -> Puppet {
    let mut puppet = Puppet::new(plan.clone(), stage.look(Depth::Full));
    let version = plan.to.template_version.unwrap();
    puppet.at_step(0, version);
    let need = plan.need;
    puppet.populate(Slot::A, need, healthy);
    puppet.populate(Slot::B, need, bad);
    puppet.share(share_pct);
    puppet
}

fn first_weights(puppet: &mut Puppet) -> Option<u32> {
    (0..TURNS).find_map(|_| match puppet.turn() {
        Some(CloudCall::SetWeights { actions, .. }) => {
            let (bad, good) = (puppet.weight(&actions, Slot::B), puppet.weight(&actions, Slot::A));
            assert_eq!(bad + good, 100, "never all zero, and nothing gets lost");
            Some(good)
        }
        _ => None,
    })
}

#[test]
fn going_back_shifts_at_once_what_the_target_can_carry_and_never_more() {
    for servers in 1..=20 {
        let stage = until(deploy(Stage::new(servers, &[100]), "2.14.0", Strategy::BlueGreen), in_window);
        let plan = stage.rollback(None).unwrap();
        assert_eq!(plan.need, servers);
        for healthy in 0..=servers {
            for share_pct in (0..100).step_by(7) {
                let told = format!("{healthy} of {servers} healthy, {share_pct}% already");
                let from_worse = first_weights(&mut going_back(&stage, &plan, healthy, share_pct, 0));
                let can = healthy * 100 / servers;
                match from_worse {
                    Some(100) => assert_eq!(healthy, servers, "{told}: everything"),
                    Some(pct) => assert!(pct > share_pct && counted(servers, pct) <= healthy, "{told}: {pct}%"),
                    None => assert!(healthy < servers && can < share_pct + 5, "{told}: nothing is shifted, it could carry {can}%"),
                }
                let from_healthy = first_weights(&mut going_back(&stage, &plan, healthy, share_pct, servers));
                assert_eq!(from_healthy, Some(100).filter(|_| healthy == servers), "{told}, what serves is healthy: the whole growth comes first");
            }
        }
    }
}
