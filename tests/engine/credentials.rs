//! Credentials that are gone, or end before the next step and a way back are over.

use quarterdeck::domain::call::CloudErrorKind;
use quarterdeck::domain::observation::{Credentials, Depth, FleetObservation};
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::{CheckLevel, StepKind};
use quarterdeck::world::{Disturbance, Scenario, World};

use crate::bench::{Bench, START, deploy_in};
use crate::soaking;

impl Bench {
    fn credentials_gone(&mut self) {
        let why = "ExpiredToken";
        let blind = FleetObservation::blind(&self.plan.scope, self.now, why);
        self.seen = FleetObservation { credentials: Credentials::Gone { why: why.into() }, ..blind };
    }

    fn credentials_end_in(&mut self, left: Millis) {
        self.seen.credentials = Credentials::Good { until: Some(self.now.plus(left)) };
    }
}

#[test]
fn a_deploy_without_credentials_stands_still_with_no_deadline_and_goes_on_by_itself() {
    let mut bench = soaking(25, true);
    let before = bench.seen.clone();
    bench.credentials_gone();
    bench.turn();
    assert_eq!((bench.state(), bench.progress.deadline), (OperationState::Holding, None));
    assert!(bench.progress.reason.contains("credentials: ExpiredToken; sign in again"), "{}", bench.progress.reason);
    bench.later(24 * 3_600);
    assert!(bench.turn().events.is_empty(), "it says so once");
    assert_eq!(bench.state(), OperationState::Holding, "nothing can be backed out without them");
    bench.seen = before;
    bench.turn();
    assert_eq!(bench.state(), OperationState::Running);
}

#[test]
fn a_call_that_is_refused_for_want_of_credentials_is_tried_again_while_it_stands_still() {
    let mut bench = Bench::canary(true);
    bench.at_step(|kind| kind == StepKind::Claim);
    let call = bench.call().unwrap();
    bench.refused(call.clone(), CloudErrorKind::Auth);
    bench.turn();
    assert_eq!((bench.state(), bench.progress.deadline), (OperationState::Holding, None), "{}", bench.progress.reason);
    bench.later(60);
    assert_eq!(bench.call().unwrap().aws_name(), call.aws_name());
}

#[test]
fn a_hold_for_something_else_after_that_has_its_deadline_again() {
    let mut bench = soaking(25, true);
    let before = bench.seen.clone();
    bench.credentials_gone();
    bench.turn();
    bench.seen = before;
    bench.weights(10, 90);
    bench.turn();
    assert!(bench.progress.reason.contains("another hand changed the weights"), "{}", bench.progress.reason);
    assert!(bench.progress.deadline.is_some());
}

#[test]
fn a_way_back_without_credentials_waits_and_says_for_what() {
    let mut bench = soaking(25, true);
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    bench.credentials_gone();
    assert!(bench.call().unwrap_err().contains("credentials: ExpiredToken"));
    assert_eq!(bench.state(), OperationState::BackingOut);
    let mut bench = Bench::fast_rollback();
    bench.credentials_gone();
    assert!(bench.call().unwrap_err().contains("credentials: ExpiredToken"));
}

#[test]
fn a_step_begins_only_if_the_credentials_outlast_it_and_a_rollback() {
    let mut bench = Bench::canary(true);
    bench.at_step(|kind| kind == StepKind::Template);
    bench.launches(quarterdeck::domain::fleet::Slot::B, 2);
    bench.credentials_end_in(Millis::mins(12));
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding);
    assert!(bench.progress.reason.contains("credentials end in 12m"), "{}", bench.progress.reason);
    assert!(bench.progress.deadline.is_some(), "while they last, it can still back out");
    bench.credentials_end_in(Millis::mins(60));
    bench.turn();
    assert!(bench.progress.steps[bench.progress.current].started_at.is_some());
    assert_eq!(bench.state(), OperationState::Running);
}

#[test]
fn a_plan_looks_at_the_end_of_the_credentials_and_an_unknown_end_stops_nothing() {
    let planned = |after: Option<Millis>| {
        let mut world = World::new(Scenario::Default, 1, START);
        assert!(world.disturb(Disturbance::CredentialsEnd { after }));
        let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
        deploy_in(&world, &world.observe(&spec.scope(), Depth::Full))
    };
    let check = |after: Option<Millis>| {
        let plan = planned(after).unwrap();
        plan.checks.into_iter().find(|check| check.text.contains("credentials")).unwrap()
    };
    assert!(planned(Some(Millis::mins(12))).unwrap_err().reason.contains("the credentials end in 12m"));
    assert_eq!(check(Some(Millis::mins(30))).level, CheckLevel::Warning);
    assert_eq!(check(Some(Millis::mins(600))).level, CheckLevel::Ok);
    assert_eq!(check(None).level, CheckLevel::Unknown);
}

#[test]
fn credentials_that_go_in_a_pause_are_said() {
    let mut bench = soaking(25, true);
    bench.happens(EventBody::StateChanged { to: OperationState::Paused, reason: "paused by ann".to_owned(), deadline: None });
    bench.credentials_gone();
    bench.turn();
    assert_eq!(bench.state(), OperationState::Paused);
    assert_eq!(bench.progress.reason, "paused by ann; meanwhile the credentials are gone (ExpiredToken): sign in again");
}
