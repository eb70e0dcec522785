//! A candidate that gets traffic and has too few healthy servers for it, holds that must end, and time that nobody observed.

use quarterdeck::domain::call::{CloudCall, CloudErrorKind};
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::time::Millis;
use quarterdeck::domain::traffic::TargetState;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::StepKind;

use crate::bench::Bench;
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

fn another_driver(bench: &mut Bench) {
    bench.happens(EventBody::DriverStarted { epoch: 2, host: "elsewhere".into(), pid: 7 });
}

#[test]
fn time_across_a_change_of_drivers_makes_nothing_stable_however_far_their_clocks_are_apart() {
    let mut bench = about_to_be_stable();
    bench.turn();
    bench.later(61);
    bench.turn();
    assert_eq!(bench.progress.streak, 2);
    another_driver(&mut bench);
    bench.later(4_000);
    bench.turn();
    assert_eq!(bench.progress.streak, 2, "what a new driver sees first begins a gap");
    bench.later(30);
    bench.turn();
    assert_eq!(bench.progress.streak, 2);
    bench.later(31);
    bench.turn();
    assert_eq!(bench.progress.streak, 3);
}

#[test]
fn time_across_a_change_of_drivers_soaks_nothing() {
    let mut bench = soaking(25, true);
    bench.turn();
    bench.later(15);
    bench.turn();
    let observed = bench.progress.observed;
    another_driver(&mut bench);
    bench.later(600);
    bench.turn();
    assert_eq!(bench.progress.observed, observed);
    bench.later(15);
    bench.turn();
    assert_eq!(bench.progress.observed, observed.plus(Millis::secs(15)));
}

#[test]
fn a_look_that_shows_weight_on_a_group_to_park_begins_the_two_readings_anew() {
    let mut bench = Bench::fast_rollback();
    bench.at_step(|kind| kind == StepKind::Park);
    bench.pinned(Slot::B, 12);
    bench.weights(0, 100);
    assert_eq!(bench.call(), Err("a second reading before anything is lowered".to_owned()));
    bench.later(5);
    bench.weights(50, 50);
    bench.turn();
    bench.weights(0, 100);
    for _ in 0..4 {
        bench.later(5);
        assert_eq!(bench.call(), Err("a second reading before anything is lowered".to_owned()));
    }
    bench.later(5);
    assert_eq!(bench.call(), Ok(CloudCall::Park { group: "web-prod-a".into(), sizes: Sizes::all(0) }));
}

#[test]
fn a_claim_another_store_put_over_ours_is_neither_renewed_over_nor_taken_off() {
    let mut bench = soaking(25, true);
    bench.accepted(CloudCall::Tag { groups: Vec::new(), tags: vec![("qd:claim".to_owned(), String::new())] });
    bench.later(61);
    let renewal = bench.clone().call();
    assert!(matches!(&renewal, Ok(CloudCall::Tag { .. })), "{renewal:?}");
    let until = bench.now.plus(Millis::mins(10)).rfc3339();
    bench.tagged(Slot::A, "qd:claim", &format!("op=op-9;who=eve@elsewhere;store=other;until={until}"));
    assert!(bench.call().unwrap_err().contains("soak"));
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    bench.weights(100, 0);
    bench.servers_in(Slot::B, 0, 2);
    bench.sized(Slot::B, Sizes::all(0));
    bench.pinned(Slot::A, 10);
    for _ in 0..6 {
        let ended = bench.call();
        assert!(!matches!(ended, Ok(CloudCall::Untag { .. })), "{ended:?}");
        bench.later(5);
    }
    assert_eq!(bench.state(), OperationState::BackedOut);
}

#[test]
fn how_long_weights_had_to_spread_is_counted_anew_by_another_driver_whatever_its_clock_says() {
    let mut bench = Bench::fast_rollback();
    bench.weights(0, 100);
    let shift = CloudCall::SetWeights { place: bench.plan.scope.route.place().unwrap().clone(), actions: bench.seen.route.value().unwrap().clone() };
    bench.accepted(shift);
    bench.at_step(|kind| kind == StepKind::Park);
    bench.pinned(Slot::B, 12);
    another_driver(&mut bench);
    bench.later(4_000);
    for _ in 0..12 {
        assert_eq!(bench.call(), Err("a second reading before anything is lowered".to_owned()));
        bench.later(5);
    }
    assert_eq!(bench.call(), Ok(CloudCall::Park { group: "web-prod-a".into(), sizes: Sizes::all(0) }));
}

/// A canary at 25 % that holds because another hand pinned `slot`'s group to another version.
fn held_for_a_template(slot: Slot) -> Bench {
    let mut bench = soaking(25, true);
    bench.launches(slot, 9);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding, "{}", bench.progress.reason);
    bench.later(15);
    bench
}

#[test]
fn a_candidate_that_dies_while_the_deploy_holds_for_another_hand_is_left_at_once() {
    for slot in Slot::BOTH {
        let mut bench = held_for_a_template(slot);
        bench.servers_in(Slot::B, 0, 2);
        bench.turn();
        assert_eq!(bench.state(), OperationState::BackingOut, "{}", bench.progress.reason);
        let back = bench.call().unwrap();
        assert_eq!(bench.shares(&back), Some((100, 0)));
    }
}

#[test]
fn a_candidate_short_of_servers_in_a_hold_is_waited_for_only_as_long_as_some_can_come() {
    let mut bench = held_for_a_template(Slot::A);
    bench.servers_in(Slot::B, 2, 2);
    bench.turn();
    bench.later(590);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding, "a launch may take ten minutes");
    bench.later(20);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut);

    let mut bench = held_for_a_template(Slot::B);
    bench.servers_in(Slot::B, 2, 2);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut, "its group launches something else");
    assert!(bench.progress.reason.contains("another hand changed what it launches"), "{}", bench.progress.reason);
}

#[test]
fn pins_follow_what_is_needed_in_a_hold_but_servers_of_something_else_are_not_launched() {
    for (slot, grows) in [(Slot::A, true), (Slot::B, false)] {
        let mut bench = held_for_a_template(slot);
        bench.pinned(Slot::B, 3);
        bench.pinned(Slot::A, 24);
        bench.turn();
        bench.later(15);
        let called = bench.call();
        assert_eq!(matches!(&called, Ok(CloudCall::RaiseMin { group, min: 6, .. }) if group.as_str() == "web-prod-b"), grows, "{called:?}");
    }
}

#[test]
fn what_can_be_seen_grows_to_what_is_needed_while_the_health_of_servers_cannot_be_read() {
    let mut bench = about_to_be_stable();
    bench.turn();
    bench.pinned(Slot::A, 16);
    bench.hide_health();
    bench.later(60);
    bench.turn();
    assert_eq!(bench.call(), Ok(CloudCall::RaiseMin { group: "web-prod-b".into(), min: 16, max: None }));
}

#[test]
fn an_old_read_after_the_switch_gives_nothing_back_to_the_bad_release() {
    let mut bench = Bench::fast_rollback();
    bench.weights(0, 100);
    let actions = bench.seen.route.value().unwrap().clone();
    bench.accepted(CloudCall::SetWeights { place: bench.plan.scope.route.place().unwrap().clone(), actions });
    bench.at_step(|kind| kind == StepKind::Park);
    bench.pinned(Slot::B, 12);
    bench.later(100);
    bench.weights(100, 0);
    bench.servers_in(Slot::A, 0, 2);
    for (healthy, gives) in [(11, Some((0, 100))), (6, None)] {
        bench.servers_in(Slot::B, healthy, 1);
        let called = bench.call().ok().and_then(|call| bench.shares(&call));
        assert_eq!(called, gives, "{healthy} of 12 are healthy");
    }
}

/// The call that sets these weights.
fn set_weights(bench: &mut Bench, a: u32, b: u32) -> CloudCall {
    bench.weights(a, b);
    CloudCall::SetWeights { place: bench.plan.scope.route.place().unwrap().clone(), actions: bench.seen.route.value().unwrap().clone() }
}

#[test]
fn an_old_read_of_everything_is_not_believed_right_after_less_was_written() {
    let mut bench = Bench::fast_rollback();
    bench.at_step(|kind| kind == StepKind::Park);
    bench.pinned(Slot::B, 12);
    let less = set_weights(&mut bench, 5, 95);
    bench.accepted(less);
    bench.weights(0, 100);
    assert_eq!(bench.call(), Err("the weights are not read back yet".to_owned()));
    bench.later(60);
    assert_eq!(bench.call(), Err("a second reading before anything is lowered".to_owned()));
}

#[test]
fn a_rollback_takes_its_traffic_back_before_it_gives_the_pin_back() {
    let mut bench = Bench::fast_rollback();
    bench.at_step(|kind| kind == StepKind::GiveBack);
    bench.pinned(Slot::B, 12);
    bench.weights(40, 60);
    let called = bench.call().unwrap();
    assert_eq!(bench.shares(&called), Some((0, 100)));
    bench.accepted(called);
    bench.weights(0, 100);
    assert!(matches!(bench.call(), Ok(CloudCall::ReleaseMin { group, .. }) if group.as_str() == "web-prod-b"));
}

#[test]
fn a_group_that_another_hand_let_shrink_below_the_floor_grows_before_the_other_is_parked() {
    let mut bench = Bench::fast_rollback();
    bench.at_step(|kind| kind == StepKind::Park);
    bench.weights(0, 100);
    let floor = bench.plan.floor;
    bench.servers_in(Slot::B, floor - 1, 1);
    bench.pinned(Slot::B, 1);
    assert_eq!(bench.call(), Ok(CloudCall::RaiseMin { group: "web-prod-b".into(), min: floor, max: None }));
    bench.servers_in(Slot::B, floor, 1);
    bench.pinned(Slot::B, floor);
    assert_eq!(bench.second_reading(), Ok(CloudCall::Park { group: "web-prod-a".into(), sizes: Sizes::all(0) }));
}

#[test]
fn servers_launched_while_nobody_drove_count_at_the_first_look() {
    let mut bench = Bench::canary(true);
    bench.at_step(|kind| kind == StepKind::OneBox);
    bench.launches(Slot::B, 2);
    bench.servers_in(Slot::B, 4, 2);
    bench.targets_of(Slot::B, None);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Running, "twice what is wanted and two more may be");
    bench.servers_in(Slot::B, 1, 2);
    bench.targets_of(Slot::B, None);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut, "{}", bench.progress.reason);
    assert!(bench.progress.reason.contains("5 servers were launched to get 1"), "{}", bench.progress.reason);
}

#[test]
fn a_partial_shift_never_takes_back_what_an_earlier_one_gave_however_old_the_read() {
    let mut bench = Bench::fast_rollback();
    bench.at_step(|kind| kind == StepKind::Shift);
    let most = set_weights(&mut bench, 30, 70);
    bench.accepted(most);
    bench.later(70);
    bench.weights(60, 40);
    bench.servers_in(Slot::A, 1, 2);
    for (healthy, gives) in [(7, None), (10, Some((17, 83)))] {
        bench.servers_in(Slot::B, healthy, 1);
        let called = bench.call().ok().and_then(|call| bench.shares(&call));
        assert_eq!(called, gives, "{healthy} of 12 are healthy");
    }
}

#[test]
fn a_slot_that_another_hand_gave_traffic_is_not_waited_for_without_end_before_it_is_emptied() {
    let mut bench = Bench::of_spec(quarterdeck::domain::fleet::Strategy::Canary, |_| {});
    bench.plan.steps.insert(1, quarterdeck::operation::plan::PlanStep { kind: StepKind::EmptySlot, ..bench.plan.steps[0].clone() });
    bench.progress = quarterdeck::operation::progress::Progress::new(&bench.plan, bench.now);
    bench.at_step(|kind| kind == StepKind::EmptySlot);
    bench.happens(EventBody::Promoted { step: 1 });
    bench.servers_in(Slot::B, 8, 1);
    bench.weights(60, 40);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding, "{}", bench.progress.reason);
    assert!(bench.progress.reason.contains("gave web-prod-b traffic"), "{}", bench.progress.reason);
    assert!(bench.progress.deadline.is_some());
}

/// A candidate that grows to its share of a quarter, three servers, and gets nothing yet.
fn growing() -> Bench {
    let mut bench = Bench::canary(true);
    bench.at_step(crate::weight(25));
    bench.launches(Slot::B, 2);
    bench.pinned(Slot::A, 12);
    bench.servers_in(Slot::B, 3, 2);
    bench.pinned(Slot::B, 3);
    bench
}

#[test]
fn one_server_lost_late_while_the_candidate_grows_calls_nobody_until_it_had_time_to_come_back() {
    let mut bench = growing();
    bench.fail_their_checks(Slot::B, 1);
    bench.turn();
    bench.later(590);
    bench.targets_of(Slot::B, Some(TargetState::Healthy));
    bench.turn();
    bench.later(15);
    bench.fail_their_checks(Slot::B, 1);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Running, "it was healthy a moment ago: {}", bench.progress.reason);
    bench.later(595);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Running);
    bench.later(5);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding, "a launch takes ten minutes at most");
}

#[test]
fn a_candidate_that_gets_healthy_and_ill_in_turn_calls_somebody_once_it_had_time_to_grow() {
    let mut bench = growing();
    for lapse in 1..=3 {
        bench.targets_of(Slot::B, Some(TargetState::Healthy));
        bench.turn();
        bench.later(5);
        bench.fail_their_checks(Slot::B, 1);
        bench.turn();
        assert_eq!((bench.state(), bench.progress.lapses), (OperationState::Running, lapse));
        bench.later(195);
    }
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding, "{}", bench.progress.reason);
}

#[test]
fn one_server_lost_late_in_a_soak_calls_nobody() {
    let mut bench = soaking(25, true);
    bench.turn();
    bench.later(7_200);
    bench.fail_their_checks(Slot::B, 10);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Running, "{}", bench.progress.reason);
    bench.later(600);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut, "stable can carry it: {}", bench.progress.reason);
}
