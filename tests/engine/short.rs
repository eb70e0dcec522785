//! A candidate that gets traffic and has too few healthy servers for it, holds that must end, and claims.

use quarterdeck::domain::call::{CloudCall, CloudErrorKind};
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::observation::Depth;
use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::plan::{Friction, StepKind};
use quarterdeck::world::{Disturbance, Scenario, World};

use crate::bench::{Bench, START, deploy_in};
use crate::soaking;

/// Everything is on the candidate, which is about to be stable.
fn about_to_be_stable() -> Bench {
    let mut bench = soaking(100, true);
    bench.at_step(|kind| kind == StepKind::Stable);
    bench.weights(0, 100);
    bench
}

#[test]
fn a_candidate_without_a_healthy_server_is_left_at_once_at_every_step() {
    for mut bench in [soaking(25, true), about_to_be_stable()] {
        bench.servers_in(Slot::B, 0, 2);
        bench.turn();
        assert_eq!(bench.state(), OperationState::BackingOut, "{}", bench.progress.reason);
    }
}

#[test]
fn a_candidate_that_stays_short_for_as_long_as_a_launch_may_take_is_left() {
    for mut bench in [soaking(100, true), about_to_be_stable()] {
        bench.turn();
        bench.later(60);
        bench.servers_in(Slot::B, 11, 2);
        bench.turn();
        bench.later(590);
        bench.turn();
        assert_ne!(bench.state(), OperationState::BackingOut, "a launch may take ten minutes");
        bench.later(20);
        bench.turn();
        assert_eq!(bench.state(), OperationState::BackingOut, "{}", bench.progress.reason);
        assert!(bench.progress.reason.contains("only 11 of 12 servers"), "{}", bench.progress.reason);
    }
}

#[test]
fn a_claim_renewed_in_a_hold_does_not_begin_the_hold_anew() {
    let mut bench = Bench::canary(true);
    bench.at_step(|kind| kind == StepKind::OneBox);
    bench.launches(Slot::B, 2);
    let grow = bench.call().unwrap();
    for _ in 0..3 {
        bench.refused(grow.clone(), CloudErrorKind::NotFound);
    }
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding);
    let deadline = bench.progress.deadline;
    bench.accepted(CloudCall::Tag { groups: Vec::new(), tags: vec![("qd:claim".to_owned(), String::new())] });
    bench.later(5);
    bench.turn();
    assert_eq!((bench.state(), bench.progress.deadline), (OperationState::Holding, deadline));
}

#[test]
fn the_claim_is_renewed_each_minute() {
    let mut bench = soaking(25, true);
    bench.accepted(CloudCall::Tag { groups: Vec::new(), tags: vec![("qd:claim".to_owned(), String::new())] });
    bench.later(59);
    assert!(bench.call().is_err(), "it is fresh");
    bench.later(1);
    assert!(matches!(bench.call().unwrap(), CloudCall::Tag { .. }));
}

#[test]
fn a_claim_of_another_store_that_was_not_renewed_is_taken_over_by_name() {
    let claimed = |until: &str| {
        let mut world = World::new(Scenario::Default, 1, START);
        let value = format!("op=op-9;who=ann@bastion-2;store=another;until={until}");
        assert!(world.disturb(Disturbance::Tag { group: "web-prod-a".into(), key: "qd:claim".to_owned(), value: Some(value) }));
        let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
        let seen = world.observe(&spec.scope(), Depth::Full);
        deploy_in(&world, &seen)
    };
    let refused = claimed("2999-01-01T00:00:00Z").unwrap_err();
    assert!(refused.reason.contains("op-9 by ann@bastion-2"), "{refused:?}");
    let plan = claimed("2020-01-01T00:00:00Z").unwrap();
    assert!(plan.checks.iter().any(|check| check.text.starts_with("takes over from operation op-9 by ann@bastion-2")), "{:?}", plan.checks);
    assert!(matches!(&plan.friction, Friction::Typed { because } if because.contains("op-9")), "{:?}", plan.friction);
}
