//! Scheduled actions stand still while an operation needs its sizes, and go on at its end; what stood still before stays so.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::{FleetSpec, Scheduled, Slot};
use quarterdeck::domain::observation::Depth;
use quarterdeck::domain::reading::Reading;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::{Plan, Refusal, StepKind};
use quarterdeck::world::{Disturbance, Scenario, World};

use crate::bench::{Bench, START, deploy_of};

impl Bench {
    fn scheduled_actions(&mut self, slot: Slot, stand_still: bool) {
        let Reading::Known { value: group, .. } = self.seen.groups.get_mut(slot) else { panic!("unknown group") };
        group.suspended = if stand_still { vec!["ScheduledActions".into()] } else { Vec::new() };
    }

    fn suspending(slots: &[Slot]) -> Self {
        let mut bench = Self::canary(true);
        bench.plan.suspends = slots.iter().map(|slot| bench.plan.scope.groups.get(*slot).unwrap().clone()).collect();
        bench
    }
}

fn planned(how: Scheduled, disturbances: Vec<Disturbance>) -> Result<Plan, Refusal> {
    let mut world = World::new(Scenario::Default, 1, START);
    for disturbance in disturbances {
        assert!(world.disturb(disturbance));
    }
    let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
    let spec = FleetSpec { scheduled: how, ..spec };
    let names: Vec<_> = spec.groups.all().into_iter().map(|(_, name)| name.clone()).collect();
    deploy_of(&spec, &world, &world.observe(&spec.scope(), Depth::Full), Some(world.group_policies(&names).unwrap()))
}

fn nightly() -> Disturbance {
    Disturbance::Schedule { group: "web-prod-a".into(), action: "nightly".to_owned() }
}

#[test]
fn a_deploy_with_scheduled_actions_is_refused_unless_the_fleet_has_them_suspended() {
    let refused = planned(Scheduled::Refuse, vec![nightly()]).unwrap_err();
    assert!(refused.reason.contains("scheduled actions (nightly)") && refused.remedy.contains("scheduled = \"suspend\""), "{refused:?}");
    let plan = planned(Scheduled::Suspend, vec![nightly()]).unwrap();
    assert_eq!(plan.suspends, ["web-prod-a".into(), "web-prod-b".into()], "both: the slots have to be equal");
    assert!(plan.checks.iter().any(|check| check.text.contains("stand still until everything is given back: nightly")), "{:?}", plan.checks);
    assert!(planned(Scheduled::Suspend, Vec::new()).unwrap().suspends.is_empty(), "nothing to suspend");
}

#[test]
fn policies_that_cannot_be_read_refuse_a_deploy() {
    let world = World::new(Scenario::Default, 1, START);
    let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
    let refused = deploy_of(&spec, &world, &world.observe(&spec.scope(), Depth::Full), None).unwrap_err();
    assert!(refused.reason.contains("of web-prod cannot be read") && refused.remedy.contains("autoscaling:DescribePolicies"), "{refused:?}");
}

#[test]
fn what_was_suspended_before_the_plan_is_not_borrowed_and_so_never_given_back() {
    let suspended = Disturbance::Suspend { group: "web-prod-b".into(), process: "ScheduledActions".to_owned() };
    let plan = planned(Scheduled::Suspend, vec![nightly(), suspended]).unwrap();
    assert_eq!(plan.suspends, ["web-prod-a".into()]);
    let mut bench = Bench::suspending(&[Slot::A]);
    bench.scheduled_actions(Slot::A, true);
    bench.scheduled_actions(Slot::B, true);
    bench.at_step(|kind| kind == StepKind::Template);
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    bench.progress.candidate_version = None;
    let resumed = bench.call().unwrap();
    assert!(matches!(&resumed, CloudCall::ResumeProcesses { group, .. } if group.as_str() == "web-prod-a"), "{resumed:?}");
    bench.accepted(resumed);
    bench.scheduled_actions(Slot::A, false);
    assert!(!matches!(bench.call(), Ok(CloudCall::ResumeProcesses { .. })));
}

#[test]
fn both_groups_stand_still_before_anything_is_launched() {
    let mut bench = Bench::suspending(&Slot::BOTH);
    bench.at_step(|kind| kind == StepKind::Template);
    bench.progress.candidate_version = None;
    for slot in Slot::BOTH {
        let call = bench.call().unwrap();
        let name = bench.plan.scope.groups.get(slot).unwrap().clone();
        assert_eq!(call, CloudCall::SuspendProcesses { group: name, processes: vec!["ScheduledActions".to_owned()] });
        bench.accepted(call);
        bench.scheduled_actions(slot, true);
    }
    assert!(matches!(bench.call().unwrap(), CloudCall::CreateTemplateVersion { .. }));
}

#[test]
fn a_world_suspends_and_resumes_what_it_is_asked_to_and_nothing_else() {
    let mut world = World::new(Scenario::Default, 1, START);
    let (group, processes) = ("web-prod-a".into(), vec!["ScheduledActions".to_owned()]);
    world.disturb(Disturbance::Suspend { group: "web-prod-a".into(), process: "AZRebalance".to_owned() });
    let suspended = |world: &World| world.group(&"web-prod-a".into()).unwrap().suspended.iter().map(|process| process.shown()).collect::<Vec<_>>();
    let call = CloudCall::SuspendProcesses { group, processes: processes.clone() };
    world.apply(&call, START).unwrap();
    world.apply(&call, START).unwrap();
    assert_eq!(suspended(&world), ["AZRebalance", "ScheduledActions"], "asking twice is asking once");
    world.apply(&CloudCall::ResumeProcesses { group: "web-prod-a".into(), processes }, START).unwrap();
    assert_eq!(suspended(&world), ["AZRebalance"]);
}
