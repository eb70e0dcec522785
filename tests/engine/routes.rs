//! Fleets whose groups share a target group, and fleets of workers: the same steps without weights.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::traffic::TargetState;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::StepKind;

use crate::bench::Bench;
use crate::{three_looks, weight};

fn raise(group: &str, min: u32) -> Result<CloudCall, String> {
    Ok(CloudCall::RaiseMin { group: group.into(), min, max: None })
}

fn moved(bench: &Bench, on: bool, group: &str) -> Result<CloudCall, String> {
    let (group, target_group) = (group.into(), bench.plan.scope.target_group(Slot::A).unwrap().clone());
    Ok(if on { CloudCall::AttachTargetGroup { group, target_group } } else { CloudCall::DetachTargetGroup { group, target_group } })
}

fn backing_out(bench: &mut Bench) {
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
}

/// A step of a deploy with this many servers of the candidate in place, stable pinned.
fn at(mut bench: Bench, pct: u32, candidates: u32) -> Bench {
    let need = bench.plan.need;
    bench.at_step(weight(pct));
    bench.launches(Slot::B, 2);
    bench.pinned(Slot::A, need);
    bench.servers_in(Slot::B, candidates, 2);
    bench.pinned(Slot::B, candidates);
    bench
}

#[test]
fn a_share_of_workers_is_made_of_workers_and_nothing_is_written_for_it() {
    let mut bench = Bench::workers();
    bench.at_step(weight(25));
    bench.launches(Slot::B, 2);
    bench.servers_in(Slot::B, 1, 2);
    bench.pinned(Slot::B, 1);
    assert_eq!(bench.call(), raise("worker-prod-a", 8), "stable is pinned before the candidate grows");
    bench.pinned(Slot::A, 8);
    bench.seen.groups.b = {
        let mut group = bench.seen.group(Slot::B).unwrap().clone();
        group.sizes.max = 16;
        quarterdeck::domain::reading::Reading::known(group, bench.now)
    };
    assert_eq!(bench.call(), raise("worker-prod-b", 3), "three beside eight are at least a quarter");
    bench.servers_in(Slot::B, 3, 2);
    bench.pinned(Slot::B, 3);
    assert!(three_looks(&mut bench).unwrap_err().contains("soak"));
    bench.turn();
    assert!(bench.progress.soak_counts.is_some());
}

#[test]
fn workers_of_stable_go_on_until_the_new_ones_are_stable_and_a_way_back_ends_only_the_new() {
    let mut bench = at(Bench::workers(), 100, 8);
    assert!(three_looks(&mut bench).unwrap_err().contains("soak"), "nothing is taken from stable at 100%");
    backing_out(&mut bench);
    assert!(bench.call().unwrap_err().contains("second reading"));
    assert_eq!(bench.second_reading(), Ok(CloudCall::Park { group: "worker-prod-b".into(), sizes: Sizes::all(0) }));
}

#[test]
fn bad_workers_end_once_the_good_ones_carry_everything() {
    let mut bench = Bench::rollback("worker-prod", |bench| bench.servers_in(Slot::B, 5, 1));
    assert_eq!(bench.call().unwrap().aws_name(), "UpdateAutoScalingGroup");
    bench.pinned(Slot::B, 8);
    assert!(bench.call().unwrap_err().contains("5 of 8"));
    bench.servers_in(Slot::B, 8, 1);
    bench.pinned(Slot::B, 8);
    for _ in 0..3 {
        bench.turn();
        bench.later(20);
    }
    assert_eq!(bench.call(), Ok(CloudCall::Park { group: "worker-prod-a".into(), sizes: Sizes::all(0) }));
    assert_eq!(bench.progress.traffic_on_target_at, None, "they still work");
    bench.servers_in(Slot::A, 0, 2);
    bench.sized(Slot::A, Sizes::all(0));
    assert!(bench.turn().events.contains(&EventBody::TrafficOnTarget));
}

#[test]
fn a_candidate_is_taken_off_the_target_group_while_it_is_empty() {
    let mut bench = Bench::shared();
    bench.at_step(|kind| kind == StepKind::Detach);
    let off = bench.call();
    assert_eq!(off, moved(&bench, false, "search-prod-b"));
    bench.accepted(off.unwrap());
    assert_eq!(bench.call(), Err("the attachment is not read back yet".to_owned()));
    bench.attached(Slot::B, false);
    bench.turn();
    assert_eq!(bench.plan.steps[bench.progress.current].kind, StepKind::Template);
}

/// The candidate is off the target group, as this operation left it.
fn taken_off(mut bench: Bench) -> Bench {
    let off = moved(&bench, false, "search-prod-b").unwrap();
    bench.accepted(off);
    bench.attached(Slot::B, false);
    bench.later(61);
    bench
}

#[test]
fn servers_are_attached_when_they_are_enough_and_soak_when_the_load_balancer_finds_them_healthy() {
    let mut bench = at(taken_off(Bench::shared()), 5, 2);
    let on = three_looks(&mut bench);
    assert_eq!(on, moved(&bench, true, "search-prod-b"));
    bench.accepted(on.unwrap());
    bench.attached(Slot::B, true);
    bench.later(5);
    assert!(bench.call().unwrap_err().contains("0 of 2"), "attached is not healthy");
    bench.targets_of(Slot::B, Some(TargetState::Healthy));
    for _ in 0..4 {
        bench.later(5);
        bench.turn();
    }
    assert!(bench.progress.soak_counts.is_some());
    assert_eq!(bench.seen.share(Slot::B).map(|share| (share * 100.0).round() as u32), Some(6), "two of thirty-two");
}

/// Both groups serve with thirty servers; the candidate was attached a while ago.
fn both_serve() -> Bench {
    let mut bench = at(taken_off(Bench::shared()), 100, 30);
    let on = moved(&bench, true, "search-prod-b").unwrap();
    bench.accepted(on);
    bench.attached(Slot::B, true);
    bench.targets_of(Slot::B, Some(TargetState::Healthy));
    bench.later(61);
    bench
}

#[test]
fn stable_is_taken_off_only_when_the_candidate_carries_everything() {
    let mut bench = both_serve();
    bench.servers_in(Slot::B, 29, 2);
    bench.pinned(Slot::B, 30);
    assert!(three_looks(&mut bench).unwrap_err().contains("29 of 30"));
    bench.servers_in(Slot::B, 30, 2);
    assert_eq!(three_looks(&mut bench), moved(&bench, false, "search-prod-a"));
}

#[test]
fn on_the_way_back_stable_is_attached_at_once_and_the_candidate_leaves_when_stable_carries_everything() {
    let mut bench = both_serve();
    let off = moved(&bench, false, "search-prod-a").unwrap();
    bench.accepted(off);
    bench.attached(Slot::A, false);
    backing_out(&mut bench);
    let on = bench.call();
    assert_eq!(on, moved(&bench, true, "search-prod-a"));
    bench.accepted(on.unwrap());
    bench.attached(Slot::A, true);
    bench.later(5);
    assert!(bench.call().unwrap_err().contains("0 of 30"));
    bench.targets_of(Slot::A, Some(TargetState::Healthy));
    assert!(bench.call().unwrap_err().contains("30 of 30"), "that may be from before it was taken off");
    bench.later(56);
    assert_eq!(bench.call(), moved(&bench, false, "search-prod-b"));
}

#[test]
fn a_look_from_before_stable_was_taken_off_never_leaves_the_fleet_without_both() {
    let mut bench = both_serve();
    let off = moved(&bench, false, "search-prod-a").unwrap();
    bench.accepted(off);
    backing_out(&mut bench);
    bench.later(20);
    bench.targets_of(Slot::B, Some(TargetState::Unhealthy));
    assert_eq!(bench.call(), moved(&bench, true, "search-prod-a"), "it reads attached, with thirty healthy servers");
}

#[test]
fn a_candidate_that_another_hand_gave_everything_grows_to_carry_it_while_the_deploy_holds() {
    let mut bench = at(taken_off(Bench::shared()), 5, 2);
    bench.attached(Slot::B, true);
    bench.targets_of(Slot::B, Some(TargetState::Healthy));
    bench.attached(Slot::A, false);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding, "it is overwritten by nobody");
    bench.later(15);
    let grows = bench.call();
    assert!(matches!(&grows, Ok(CloudCall::RaiseMin { group, min: 30, .. }) if *group == "search-prod-b".into()), "{grows:?}");
}

#[test]
fn a_candidate_that_serves_nothing_is_taken_off_whatever_stable_has() {
    let mut bench = both_serve();
    bench.servers_in(Slot::A, 12, 2);
    bench.pinned(Slot::A, 30);
    backing_out(&mut bench);
    assert!(bench.call().unwrap_err().contains("12 of 30"));
    bench.targets_of(Slot::B, Some(TargetState::Unhealthy));
    assert!(bench.call().unwrap_err().contains("12 of 30"), "one look may be an old one");
    bench.later(600);
    assert_eq!(bench.call(), moved(&bench, false, "search-prod-b"));
}

#[test]
fn what_was_taken_off_drains_before_it_is_parked_and_is_attached_again_at_the_end() {
    let mut bench = both_serve();
    backing_out(&mut bench);
    let off = bench.call().unwrap();
    bench.accepted(off);
    bench.attached(Slot::B, false);
    bench.later(61);
    assert!(bench.call().unwrap_err().contains("30 servers of search-prod-b drain"));
    bench.targets_of(Slot::B, None);
    bench.turn();
    let park = CloudCall::Park { group: "search-prod-b".into(), sizes: Sizes::all(0) };
    assert_eq!(bench.second_reading(), Ok(park.clone()));
    bench.accepted(park);
    bench.servers_in(Slot::B, 0, 2);
    bench.sized(Slot::B, Sizes::all(0));
    let readable = bench.seen.groups.clone();
    *bench.seen.groups.get_mut(Slot::B) = Reading::unknown("throttled");
    assert!(bench.call().is_err(), "unread is not attached");
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut, "{}", bench.progress.reason);
    bench.seen.groups = readable;
    assert_eq!(bench.call(), moved(&bench, true, "search-prod-b"));
}

#[test]
fn a_group_that_another_hand_detached_stops_the_deploy() {
    let mut bench = both_serve();
    bench.attached(Slot::B, false);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding);
    assert!(bench.progress.reason.contains("another hand detached search-prod-b"), "{}", bench.progress.reason);
}

#[test]
fn a_rollback_attaches_its_target_while_it_still_grows() {
    let warming = |bench: &mut Bench| {
        bench.servers_in(Slot::B, 12, 1);
        bench.sized(Slot::B, Sizes { min: 30, max: 60, desired: 30 });
    };
    let mut bench = Bench::rollback("search-prod", warming);
    assert!(bench.call().unwrap_err().contains("12 of 30"), "it is attached already");
    bench.attached(Slot::B, false);
    bench.targets_of(Slot::B, None);
    assert_eq!(bench.call(), moved(&bench, true, "search-prod-b"));
}

#[test]
fn a_group_that_was_attached_a_moment_ago_takes_nothing_over_unseen() {
    let warm = |bench: &mut Bench| {
        bench.servers_in(Slot::B, 30, 1);
        bench.sized(Slot::B, Sizes { min: 30, max: 60, desired: 30 });
    };
    let mut bench = Bench::rollback("search-prod", warm);
    bench.attached(Slot::B, false);
    bench.targets_of(Slot::B, None);
    let on = bench.call().unwrap();
    bench.accepted(on);
    bench.attached(Slot::B, true);
    bench.hide_health();
    for _ in 0..11 {
        bench.later(5);
        assert!(bench.call().unwrap_err().contains("is unknown"), "nobody knows whether its servers pass their checks");
    }
    bench.later(10);
    assert_eq!(bench.call(), moved(&bench, false, "search-prod-a"), "the load balancer had time to find out");
}

#[test]
fn a_target_that_lost_servers_while_its_health_is_unknown_takes_nothing_over_before_they_are_replaced() {
    let warm = |bench: &mut Bench| {
        bench.servers_in(Slot::B, 30, 1);
        bench.sized(Slot::B, Sizes { min: 30, max: 60, desired: 30 });
    };
    let mut bench = Bench::rollback("search-prod", warm);
    let whole = bench.seen.clone();
    bench.servers_in(Slot::B, 20, 1);
    bench.sized(Slot::B, Sizes { min: 30, max: 60, desired: 30 });
    bench.hide_health();
    for _ in 0..20 {
        bench.later(5);
        let waits = bench.call().unwrap_err();
        assert!(waits.contains("20 of 30"), "a zone is gone, which Auto Scaling tells: {waits}");
    }
    bench.seen = whole;
    bench.hide_health();
    bench.later(5);
    assert_eq!(bench.call(), moved(&bench, false, "search-prod-a"), "it serves already, and nothing says that it has too few");
}

#[test]
fn strangers_that_serve_in_a_target_are_taken_off_before_it_is_emptied_and_workers_are_ended_at_once() {
    let warming = |bench: &mut Bench| {
        bench.servers_in(Slot::B, 12, 1);
        bench.sized(Slot::B, Sizes { min: 30, max: 60, desired: 30 });
    };
    let mut bench = Bench::rollback("search-prod", warming);
    bench.servers_in(Slot::B, 30, 7);
    assert!(bench.call().unwrap_err().contains("run another release"));
    let mut short = bench.clone();
    short.servers_in(Slot::A, 10, 2);
    for bench in [&mut short, &mut bench] {
        bench.later(601);
    }
    assert!(short.call().is_err(), "ten servers do not carry what thirty are needed for");
    assert_eq!(bench.call(), moved(&bench, false, "search-prod-b"));

    let mut bench = Bench::rollback("worker-prod", |bench| bench.servers_in(Slot::B, 5, 1));
    bench.servers_in(Slot::B, 8, 7);
    bench.pinned(Slot::B, 8);
    assert!(bench.call().unwrap_err().contains("run another release"));
    bench.later(601);
    assert!(bench.call().unwrap_err().contains("second reading"));
    assert_eq!(bench.second_reading(), Ok(CloudCall::Park { group: "worker-prod-b".into(), sizes: Sizes::all(0) }));
}

#[test]
fn where_nothing_but_workers_of_another_release_works_a_person_is_called_and_may_replace_them() {
    let mut bench = Bench::rollback("worker-prod", |bench| bench.servers_in(Slot::B, 5, 1));
    bench.servers_in(Slot::B, 8, 7);
    bench.pinned(Slot::B, 8);
    bench.launches(Slot::B, 7);
    bench.servers_in(Slot::A, 0, 2);
    bench.sized(Slot::A, Sizes::all(0));
    let _ = bench.turn();
    bench.later(61);
    assert!(bench.call().unwrap_err().contains("only 0 of"), "they are all that works");
    bench.later(540);
    assert!(bench.turn().call.is_none());
    assert_eq!(bench.state(), OperationState::Holding);
    assert!(bench.progress.reason.contains("run another release, and it cannot be emptied"), "{}", bench.progress.reason);
    bench.servers_in(Slot::B, 8, 1);
    bench.pinned(Slot::B, 8);
    bench.launches(Slot::B, 1);
    bench.later(15);
    let _ = bench.turn();
    assert_eq!(bench.state(), OperationState::Running, "{}", bench.progress.reason);
}
