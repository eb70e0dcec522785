//! The courtesy claim: renewed while somebody is at work, and taken over by name once it was not.

use quarterdeck::domain::call::{CloudCall, CloudErrorKind};
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::observation::Depth;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::{Friction, StepKind};
use quarterdeck::world::{Disturbance, Scenario, World};

use crate::bench::{Bench, START, deploy_in};
use crate::soaking;

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

/// So many claims were accepted, a minute after each other.
fn claimed_times(bench: &mut Bench, times: u32) {
    for _ in 0..times {
        bench.accepted(CloudCall::Tag { groups: Vec::new(), tags: vec![("qd:claim".to_owned(), String::new())] });
        bench.later(61);
    }
}

#[test]
fn claims_that_are_never_read_back_end_a_deploy_and_those_renewed_in_a_pause_are_none_of_them() {
    let mut bench = Bench::canary(true);
    bench.at_step(|kind| kind == StepKind::Claim);
    bench.happens(EventBody::StateChanged { to: OperationState::Paused, reason: String::new(), deadline: None });
    claimed_times(&mut bench, 9);
    bench.happens(EventBody::StateChanged { to: OperationState::Running, reason: String::new(), deadline: None });
    let mut blind = bench.clone();
    blind.hide_health();
    assert!(blind.call().is_err(), "what is written while nothing can be read back would be no try either");
    assert!(matches!(bench.call(), Ok(CloudCall::Tag { .. })), "it is written once more");
    claimed_times(&mut bench, 5);
    bench.turn();
    assert_eq!((bench.state(), bench.progress.reason.as_str()), (OperationState::Failed, "the claim could not be read back"));
}

#[test]
fn while_everything_is_refused_neither_the_claim_nor_what_is_wanted_is_asked_for_in_turn() {
    let mut bench = soaking(25, true);
    bench.accepted(CloudCall::Tag { groups: Vec::new(), tags: vec![("qd:claim".to_owned(), String::new())] });
    bench.pinned(Slot::A, 8);
    bench.later(61);
    let mut asked = 0;
    for _ in 0..60 {
        let turn = bench.turn();
        match turn.call {
            Some(wanted) => {
                asked += 1;
                bench.refused(wanted.call, CloudErrorKind::Throttled);
            }
            None => bench.later(turn.wait.as_secs().max(1)),
        }
    }
    assert_eq!(bench.state(), OperationState::Holding, "{}", bench.progress.reason);
    assert!(asked < 20, "{asked} calls in {}", bench.now.since(START));
}

#[test]
fn a_claim_whose_removal_was_never_sent_is_taken_off_all_the_same() {
    let mut bench = Bench::fast_rollback();
    bench.at_step(|kind| kind == StepKind::GiveBack);
    bench.weights(0, 100);
    claimed_times(&mut bench, 1);
    let untag = bench.call().unwrap();
    assert!(matches!(untag, CloudCall::Untag { .. }));
    bench.refused(untag.clone(), CloudErrorKind::Network);
    assert!(bench.call().is_err(), "not at once");
    bench.later(5);
    assert_eq!(bench.call(), Ok(untag.clone()));
    bench.refused(untag, CloudErrorKind::Denied);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Succeeded, "{}", bench.progress.reason);
}

#[test]
fn a_claim_whose_removal_is_throttled_is_taken_off_a_little_later_and_left_to_end_only_after_three_tries() {
    for of_this_operation in [true, false] {
        let mut bench = Bench::fast_rollback();
        bench.at_step(|kind| kind == StepKind::GiveBack);
        bench.weights(0, 100);
        if of_this_operation {
            claimed_times(&mut bench, 1);
        } else {
            bench.tagged(Slot::A, "qd:claim", "op=op-0;who=ann@here;store=here;until=2999-01-01T00:00:00Z");
        }
        let untag = bench.call().unwrap();
        assert!(matches!(untag, CloudCall::Untag { .. }));
        for pause in [5, 10] {
            bench.refused(untag.clone(), CloudErrorKind::Throttled);
            bench.later(pause - 1);
            assert!(bench.call().is_err(), "ever more slowly");
            bench.later(1);
            assert_eq!(bench.call(), Ok(untag.clone()));
        }
        bench.refused(untag, CloudErrorKind::Throttled);
        bench.turn();
        assert_eq!(bench.state(), OperationState::Succeeded, "it ends by itself: {}", bench.progress.reason);
    }
}
