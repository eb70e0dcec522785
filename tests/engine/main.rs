//! The engine in small: one look in, one decision out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that cannot go on has failed"
)]

mod alarms;
mod analysis;
mod bench;
mod claims;
mod commands;
mod credentials;
mod facts;
mod gates;
mod mill;
mod other_tools;
mod relaunch;
mod resting;
mod rolling;
mod routes;
mod scheduled;
mod schema;
mod short;
mod stage;

use bench::Bench;
use quarterdeck::domain::call::{CloudCall, CloudErrorKind};
use quarterdeck::domain::fleet::{Slot, WeightStep};
use quarterdeck::domain::observation::Depth;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::StepKind;

fn weight(pct: u32) -> impl Fn(StepKind) -> bool {
    move |kind| matches!(kind, StepKind::Weight(WeightStep { weight_pct, .. }) if weight_pct == pct)
}

/// A canary in its soak at `pct`, everything as it should be; the weights were written a minute ago.
fn soaking(pct: u32, judged: bool) -> Bench {
    let mut bench = Bench::canary(judged);
    bench.at_step(weight(pct));
    bench.launches(Slot::B, 2);
    bench.servers_in(Slot::B, 12, 2);
    bench.pinned(Slot::A, 12);
    bench.pinned(Slot::B, 12);
    if !judged {
        bench.uncounted();
    }
    bench.weights(100 - pct, pct);
    let actions = bench.seen.route.value().unwrap().clone();
    bench.accepted(CloudCall::SetWeights { place: bench.plan.scope.route.place().unwrap().clone(), actions });
    bench.turn();
    bench.later(61);
    bench
}

/// Three good looks, and what the third leads to.
fn three_looks(bench: &mut Bench) -> Result<CloudCall, String> {
    for _ in 0..3 {
        let _ = bench.turn();
        bench.later(5);
    }
    bench.call()
}

#[test]
fn the_first_turn_of_a_fast_rollback_looks_at_route_and_target_and_sets_the_weights() {
    let mut bench = Bench::fast_rollback();
    assert_eq!(bench.depth(), Depth::RouteAndTargets(Slot::B));
    bench.seen.groups = quarterdeck::domain::fleet::BySlot::from_fn(|_| quarterdeck::domain::reading::Reading::unknown("not asked"));
    bench.seen.health.a = quarterdeck::domain::reading::Reading::unknown("not asked");
    let decision = bench.turn();
    assert!(matches!(decision.events[..2], [EventBody::StateChanged { to: OperationState::Running, .. }, EventBody::StepStarted { step: 0 }]));
    assert_eq!(bench.shares(&decision.call.unwrap().call), Some((0, 100)));
    assert_eq!(bench.depth(), Depth::Full, "everything after that looks at everything");
}

#[test]
fn a_rollback_is_not_over_before_late_calls_had_time_to_show() {
    let mut bench = Bench::fast_rollback();
    bench.plan.supersedes = Some("op-0".into());
    bench.weights(0, 100);
    bench.pinned(Slot::B, 12);
    bench.turn();
    assert_eq!(bench.progress.traffic_on_target_at, None, "this may be a read from before the superseded operation's last write");
    bench.accepted(CloudCall::Tag { groups: Vec::new(), tags: vec![("qd:claim".to_owned(), String::new())] });
    bench.later(30);
    bench.weights(100, 0);
    let late = bench.call().unwrap();
    assert_eq!(bench.shares(&late), Some((0, 100)));
    bench.accepted(late);
    bench.weights(0, 100);
    bench.later(61);
    assert!(bench.turn().events.contains(&EventBody::TrafficOnTarget));
}

#[test]
fn one_unreadable_look_is_not_health_unknown_for_twenty_seconds() {
    let mut bench = soaking(50, true);
    bench.servers_in(Slot::A, 12, 2);
    bench.pinned(Slot::A, 12);
    bench.fail_their_checks(Slot::A, 5);
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    for _ in 0..6 {
        assert!(bench.call().unwrap_err().contains("7 of 12"));
        bench.later(5);
    }
    let known = std::mem::replace(&mut bench.seen.health.a, quarterdeck::domain::reading::Reading::unknown("throttled"));
    for _ in 0..4 {
        assert!(bench.call().unwrap_err().contains("unknown"));
        bench.later(5);
    }
    let blind = bench.call().unwrap();
    assert_eq!(bench.shares(&blind), Some((100, 0)), "unknown for twenty seconds, and it serves already");
    bench.seen.health.a = known;
    assert!(bench.call().unwrap_err().contains("7 of 12"), "seen again");
}

#[test]
fn weights_that_are_not_read_back_yet_are_not_sent_again() {
    let mut bench = Bench::canary(true);
    bench.at_step(weight(5));
    bench.launches(Slot::B, 2);
    bench.servers_in(Slot::B, 1, 2);
    bench.pinned(Slot::A, 12);
    bench.pinned(Slot::B, 1);
    let call = three_looks(&mut bench).unwrap();
    assert_eq!(bench.shares(&call), Some((95, 5)));
    bench.unanswered(call.clone());
    for _ in 0..11 {
        bench.later(5);
        assert_eq!(bench.call(), Err("the weights are not read back yet".to_owned()));
    }
    bench.later(6);
    assert_eq!(bench.call(), Ok(call), "a minute later it has not happened");
}

#[test]
fn a_lost_answer_on_the_way_forward_does_not_delay_the_way_back() {
    let mut bench = soaking(5, true);
    bench.weights(75, 25);
    let further =
        CloudCall::SetWeights { place: bench.plan.scope.route.place().unwrap().clone(), actions: bench.seen.route.value().unwrap().clone() };
    bench.unanswered(further);
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    let back = bench.call().unwrap();
    assert_eq!(bench.shares(&back), Some((100, 0)));
}

#[test]
fn nothing_is_lowered_before_a_second_reading_a_minute_after_the_first_that_shows_the_weights() {
    let again = Err("a second reading before anything is lowered".to_owned());
    let mut bench = soaking(5, true);
    bench.weights(100, 0);
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    assert_eq!(bench.call(), again);
    for _ in 0..5 {
        bench.later(10);
        assert_eq!(bench.call(), again);
    }
    bench.hide_route();
    bench.later(5);
    assert!(bench.call().unwrap_err().contains("cannot be read"));
    bench.weights(100, 0);
    bench.later(5);
    assert_eq!(bench.call(), Ok(CloudCall::Park { group: "web-prod-b".into(), sizes: Sizes::all(0) }));
}

#[test]
fn a_clock_that_jumps_neither_puts_two_readings_apart_nor_lets_weights_settle() {
    let mut bench = soaking(5, true);
    bench.weights(100, 0);
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    bench.turn();
    bench.later(600);
    assert_eq!(bench.call(), Err("a second reading before anything is lowered".to_owned()), "ten minutes by a clock that jumped");
    for _ in 0..9 {
        bench.later(5);
        assert_eq!(bench.call(), Err("a second reading before anything is lowered".to_owned()));
    }
    bench.later(5);
    assert!(matches!(bench.call(), Ok(CloudCall::Park { .. })));
}

#[test]
fn evidence_that_is_not_so_any_more_is_given_up() {
    let mut bench = soaking(5, true);
    bench.weights(100, 0);
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    bench.turn();
    bench.servers_in(Slot::A, 7, 2);
    bench.pinned(Slot::A, 12);
    bench.later(25);
    assert!(bench.call().unwrap_err().contains("only 7 of 12"));
    assert_eq!(bench.progress.lower_evidence_at, None);
}

#[test]
fn a_stable_group_that_shrank_before_it_was_pinned_does_not_stop_the_way_back() {
    let mut bench = soaking(5, true);
    bench.weights(100, 0);
    bench.happens(EventBody::NeedRaised { need: 23 });
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    bench.turn();
    assert_eq!(bench.second_reading(), Ok(CloudCall::Park { group: "web-prod-b".into(), sizes: Sizes::all(0) }));
}

#[test]
fn a_timed_canary_waits_for_promote_before_it_sends_everything() {
    let mut bench = soaking(50, false);
    for _ in 0..70 {
        bench.turn();
        bench.later(15);
    }
    assert_eq!(bench.state(), OperationState::Holding);
    assert!(bench.progress.reason.contains("promote to send everything"), "{}", bench.progress.reason);
    let step = bench.progress.current;
    bench.happens(EventBody::Promoted { step });
    bench.happens(EventBody::StateChanged { to: OperationState::Running, reason: String::new(), deadline: None });
    bench.turn();
    assert_eq!(bench.progress.current, step + 1);
}

#[test]
fn foreign_weights_hold_and_an_unreadable_look_does_not_end_the_hold() {
    let mut bench = soaking(5, true);
    bench.weights(50, 50);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding);
    let deadline = bench.progress.deadline;
    bench.later(15);
    bench.hide_route();
    bench.turn();
    assert_eq!((bench.state(), bench.progress.deadline), (OperationState::Holding, deadline));
    bench.later(15);
    bench.weights(95, 5);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Running, "somebody put them back");
}

#[test]
fn what_is_needed_rises_in_a_hold_for_foreign_weights() {
    let mut bench = soaking(5, true);
    bench.weights(90, 10);
    bench.turn();
    assert_eq!((bench.state(), bench.progress.need), (OperationState::Holding, 12));
    bench.later(15);
    bench.pinned(Slot::A, 17);
    bench.turn();
    assert_eq!((bench.state(), bench.progress.need), (OperationState::Holding, 17), "its policies want more by now");
    bench.later(30 * 60);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut);
    assert_eq!(bench.call(), Err("12 of 17 servers of web-prod-a are healthy".to_owned()), "stable does not get what it cannot carry");
}

#[test]
fn a_hold_ends_at_its_deadline_in_the_way_back() {
    let mut bench = soaking(5, true);
    bench.weights(50, 50);
    bench.turn();
    bench.later(30 * 60);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut);
    let back = bench.call().unwrap();
    assert_eq!(bench.shares(&back), Some((100, 0)));
}

#[test]
fn on_the_way_back_refused_weights_are_asked_for_again_every_ten_seconds() {
    let mut bench = soaking(25, true);
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    let back = bench.call().unwrap();
    for _ in 0..6 {
        bench.refused(back.clone(), CloudErrorKind::Throttled);
        bench.later(10);
        assert_eq!(bench.call(), Ok(back.clone()));
    }
}

#[test]
fn refused_calls_are_made_ever_more_slowly_and_then_the_deploy_holds_and_tries_on() {
    let mut bench = Bench::canary(true);
    bench.at_step(|kind| kind == StepKind::OneBox);
    bench.launches(Slot::B, 2);
    let grow = bench.call().unwrap();
    for pause in [5, 10] {
        bench.refused(grow.clone(), CloudErrorKind::Throttled);
        bench.later(pause - 1);
        assert!(bench.call().unwrap_err().contains("throttled"));
        bench.later(1);
        assert_eq!(bench.call(), Ok(grow.clone()));
    }
    bench.refused(grow.clone(), CloudErrorKind::Throttled);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding);
    bench.later(20);
    assert_eq!(bench.call(), Ok(grow.clone()), "throttling passes: it is tried on");
    bench.refused(grow, CloudErrorKind::Denied);
    bench.later(600);
    assert!(bench.call().is_err(), "a permission does not come by itself");
    assert_eq!(bench.state(), OperationState::Holding);
}

#[test]
fn a_claim_that_never_arrived_is_written_again() {
    let mut bench = Bench::canary(true);
    let claim = bench.call().unwrap();
    bench.unanswered(claim);
    bench.later(30);
    assert_eq!(bench.call(), Err("the claim is not read back yet".to_owned()));
    bench.later(1_800);
    assert!(matches!(bench.call(), Ok(CloudCall::Tag { .. })), "also after a long time without a driver");
}

#[test]
fn a_release_about_to_be_stable_grows_with_what_is_needed() {
    let mut bench = soaking(100, true);
    bench.at_step(|kind| kind == StepKind::Stable);
    bench.weights(0, 100);
    bench.servers_in(Slot::A, 15, 2);
    bench.pinned(Slot::A, 15);
    bench.turn();
    assert_eq!(bench.progress.need, 15);
    assert_eq!(bench.call(), Ok(CloudCall::RaiseMin { group: "web-prod-b".into(), min: 15, max: None }));
}

/// Everything is on a candidate that fails four requests in a hundred, and that was seen.
fn failed_at_everything() -> Bench {
    let mut bench = soaking(100, true);
    bench.progress.soak_counts = None;
    bench.plan.baseline = Some(quarterdeck::domain::traffic::Counts { requests: 1_000, errors: 2, p99_ms: None });
    bench.counted((61_000, 122), (0, 0));
    bench.turn();
    bench.later(15);
    bench.counted((61_000, 122), (9_000, 360));
    bench.turn();
    bench
}

#[test]
fn four_percent_errors_at_everything_are_seen_against_what_stable_served_since_the_plan() {
    let bench = failed_at_everything();
    assert_eq!(bench.state(), OperationState::BackingOut, "{}", bench.progress.reason);
}

#[test]
fn a_stale_read_does_not_give_traffic_back_to_what_failed() {
    let mut bench = failed_at_everything();
    let back = bench.call().unwrap();
    assert_eq!(bench.shares(&back), Some((100, 0)));
    bench.accepted(back);
    bench.later(20);
    bench.servers_in(Slot::A, 11, 2);
    bench.pinned(Slot::A, 12);
    assert_eq!(bench.call(), Err("the weights are not read back yet".to_owned()), "what was written may not be read yet");
    bench.later(61);
    let again = bench.call().unwrap();
    assert_eq!(bench.shares(&again), Some((100, 0)), "by now it would be read: another hand put it back, and enough are healthy for everything");
}

#[test]
fn pins_follow_what_is_needed_while_a_person_has_paused() {
    let mut bench = soaking(50, true);
    bench.happens(EventBody::StateChanged { to: OperationState::Paused, reason: "paused by ann".to_owned(), deadline: None });
    assert!(bench.call().is_err(), "nothing to do");
    bench.pinned(Slot::A, 16);
    bench.later(15);
    assert!(bench.turn().events.contains(&EventBody::NeedRaised { need: 16 }));
    bench.pinned(Slot::B, 6);
    bench.later(15);
    assert_eq!(bench.call().unwrap(), CloudCall::RaiseMin { group: "web-prod-b".into(), min: 8, max: None });
    assert_eq!(bench.state(), OperationState::Paused);
}

#[test]
fn a_standby_that_another_hand_gave_traffic_is_not_parked_and_people_are_told() {
    use quarterdeck::operation::consequence::{self, Consequence};
    let mut bench = soaking(100, true);
    bench.progress.candidate_version = Some(2);
    let follows = consequence::of(&bench.plan, &bench.progress, &EventBody::BecameStable);
    let retire = follows.into_iter().find_map(|follows| if let Consequence::Retire(plan) = follows { Some(*plan) } else { None }).unwrap();
    bench.progress = quarterdeck::operation::progress::Progress::new(&retire, bench.now);
    bench.plan = retire;
    bench.at_step(|kind| kind == StepKind::Park);
    bench.weights(50, 50);
    bench.turn();
    assert_eq!((bench.state(), bench.progress.deadline), (OperationState::Holding, None), "a retire has nothing to back out to");
    bench.later(3_600);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding);
    bench.weights(0, 100);
    bench.later(15);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Running);
}
