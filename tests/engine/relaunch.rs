//! Rollbacks to a release no group launches any more: its slot is emptied, pointed at it, grown, and only then gets traffic.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::group::PinnedVersion;
use quarterdeck::domain::observation::Depth;
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::consequence::{self, Consequence};
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::{Friction, StepKind};
use quarterdeck::operation::status::WayBackLevel;
use quarterdeck::operation::work::Driven;

use crate::bench::Bench;

fn empty(bench: &mut Bench) {
    bench.servers_in(Slot::B, 0, 1);
    let Reading::Known { value: group, .. } = bench.seen.groups.get_mut(Slot::B) else { panic!("unknown group") };
    group.sizes = Sizes::all(0);
}

#[test]
fn the_plan_empties_launches_anew_and_asks_for_no_more_than_a_yes() {
    let bench = Bench::relaunch();
    let kinds: Vec<StepKind> = bench.plan.steps.iter().map(|step| step.kind).collect();
    use StepKind::{EmptySlot, GiveBack, GrowTarget, Park, Settle, Shift, Template};
    assert_eq!(kinds, [EmptySlot, Template, GrowTarget, Shift, Settle, Park, GiveBack]);
    assert_eq!((bench.plan.level, bench.plan.to.template_version), (Some(WayBackLevel::R2), Some(1)), "the same bytes as when it was stable");
    assert_eq!(bench.plan.friction, Friction::Confirm, "it is the last known good");
    let emptied = bench.plan.checks.iter().any(|check| check.text.contains("ends the way back to"));
    assert!(emptied, "{:?}", bench.plan.checks);
    assert_eq!(bench.depth(), Depth::Full, "a group is lowered only on a full look");
}

#[test]
fn its_slot_is_emptied_however_few_of_what_serves_are_left() {
    let mut bench = Bench::relaunch();
    bench.servers_in(Slot::A, 1, 2);
    bench.pinned(Slot::A, 12);
    assert_eq!(bench.call(), Err("a second reading before anything is lowered".to_owned()));
    assert_eq!(bench.second_reading(), Ok(CloudCall::Park { group: "web-prod-b".into(), sizes: Sizes::all(0) }));
}

#[test]
fn a_slot_that_got_traffic_again_is_not_emptied() {
    let mut bench = Bench::relaunch();
    let _ = bench.turn();
    bench.later(21);
    bench.weights(50, 50);
    assert!(bench.call().unwrap_err().contains("is not out of the traffic"));
}

#[test]
fn a_slot_that_keeps_the_traffic_another_hand_gave_it_calls_a_person_and_goes_on_once_that_is_taken_back() {
    let mut bench = Bench::relaunch();
    bench.weights(0, 100);
    assert!(bench.call().unwrap_err().contains("is not out of the traffic"), "it may be an old reading");
    bench.later(60);
    let held = bench.turn();
    assert_eq!((bench.state(), held.wait), (OperationState::Holding, bench.plan.timing.period_soak));
    assert!(bench.progress.reason.contains("another hand gave web-prod-b traffic"), "{}", bench.progress.reason);
    assert_eq!(bench.progress.deadline, Some(bench.now.plus(bench.plan.timing.hold_deadline)));
    bench.weights(100, 0);
    bench.later(15);
    let goes_on = bench.turn();
    assert_eq!(bench.state(), OperationState::Running);
    assert!(goes_on.wait > Millis::ZERO, "between what it holds for and what it goes on with time passes");
    assert_eq!(bench.second_reading(), Ok(CloudCall::Park { group: "web-prod-b".into(), sizes: Sizes::all(0) }));
}

#[test]
fn a_way_back_that_held_until_its_deadline_lets_go_of_the_fleet_as_it_is() {
    let mut bench = Bench::relaunch();
    bench.weights(0, 100);
    bench.turn();
    bench.later(60);
    bench.turn();
    bench.later(bench.plan.timing.hold_deadline.as_secs() - 1);
    assert!(bench.turn().call.is_none());
    assert_eq!(bench.state(), OperationState::Holding);
    bench.later(1);
    assert!(bench.turn().call.is_none(), "what serves is left alone");
    assert_eq!(bench.state(), OperationState::Failed);
    assert!(bench.progress.reason.contains("held until its deadline: another hand gave web-prod-b traffic"), "{}", bench.progress.reason);
}

#[test]
fn what_was_launched_in_the_slot_meanwhile_is_sent_away_before_it_is_pinned() {
    let mut bench = Bench::relaunch();
    bench.at_step(|kind| kind == StepKind::Template);
    bench.servers_in(Slot::B, 2, 7);
    let _ = bench.turn();
    assert_eq!(bench.second_reading(), Ok(CloudCall::Park { group: "web-prod-b".into(), sizes: Sizes::all(0) }));
    empty(&mut bench);
    assert_eq!(bench.call(), Ok(CloudCall::PinTemplate { group: "web-prod-b".into(), template: bench.plan.to.template.clone(), version: 1 }));
}

#[test]
fn servers_of_another_release_get_no_traffic() {
    let mut bench = Bench::relaunch();
    bench.at_step(|kind| kind == StepKind::GrowTarget);
    bench.launches(Slot::B, 1);
    bench.servers_in(Slot::B, 12, 7);
    bench.pinned(Slot::B, 12);
    assert_eq!(bench.call(), Err("servers of web-prod-b run another release".to_owned()));
    bench.servers_in(Slot::B, 12, 1);
    bench.pinned(Slot::B, 12);
    let _ = bench.turn();
    let shift = bench.call().unwrap();
    assert_eq!(bench.shares(&shift), Some((0, 100)));
}

#[test]
fn a_target_full_of_another_release_is_emptied_pinned_and_launched_anew_once_nobody_took_those_back() {
    let mut bench = Bench::relaunch();
    bench.at_step(|kind| kind == StepKind::GrowTarget);
    bench.servers_in(Slot::B, 12, 7);
    bench.pinned(Slot::B, 12);
    bench.later(59);
    assert_eq!(bench.call(), Err("servers of web-prod-b run another release".to_owned()));
    bench.later(1);
    assert_eq!(bench.call(), Err("a second reading before anything is lowered".to_owned()));
    assert_eq!(bench.second_reading(), Ok(CloudCall::Park { group: "web-prod-b".into(), sizes: Sizes::all(0) }));
    empty(&mut bench);
    assert_eq!(bench.call(), Ok(CloudCall::PinTemplate { group: "web-prod-b".into(), template: bench.plan.to.template.clone(), version: 1 }));
    bench.launches(Slot::B, 1);
    assert!(matches!(bench.call(), Ok(CloudCall::RaiseMin { min: 12, .. })));
}

#[test]
fn a_target_that_gets_traffic_is_never_emptied() {
    let mut bench = Bench::relaunch();
    bench.at_step(|kind| kind == StepKind::GrowTarget);
    bench.servers_in(Slot::B, 12, 7);
    bench.pinned(Slot::B, 12);
    bench.weights(50, 50);
    bench.later(599);
    assert_eq!(bench.call(), Err("servers of web-prod-b run another release".to_owned()));
    bench.later(1);
    let _ = bench.turn();
    assert_eq!(bench.state(), OperationState::Holding, "only a person can help");
    assert!(bench.progress.reason.contains("get traffic: end them"), "{}", bench.progress.reason);
}

#[test]
fn people_are_told_of_a_way_back_that_waits_for_longer_than_servers_take_to_come() {
    let mut bench = Bench::relaunch();
    bench.at_step(|kind| kind == StepKind::GrowTarget);
    let at = |secs| bench.plan.overdue(&bench.progress, bench.now.plus(Millis::secs(secs)));
    assert!(at(599).is_none());
    let told = at(600).expect("nobody else tells").text;
    assert!(told.starts_with("the way back has come no further than '"), "{told}");
}

#[test]
fn a_slot_that_reads_idle_before_anybody_asked_for_that_is_read_twice() {
    let mut bench = Bench::relaunch();
    assert_eq!(bench.call(), Err("a second reading before anything is lowered".to_owned()));
    bench.later(5);
    let full = bench.seen.clone();
    empty(&mut bench);
    assert_eq!(bench.call(), Err("a second reading of a group that is idle already".to_owned()), "it may be an old reading");
    bench.seen = full;
    bench.later(5);
    assert_eq!(bench.call(), Err("a second reading before anything is lowered".to_owned()));
    bench.later(5);
    empty(&mut bench);
    for _ in 0..5 {
        assert_eq!(bench.call(), Err("a second reading of a group that is idle already".to_owned()));
        bench.later(5);
    }
    let _ = bench.turn();
    assert_eq!(bench.plan.steps[bench.progress.current].kind, StepKind::Template);
}

#[test]
fn with_its_traffic_back_the_release_is_known_in_its_new_place_and_the_one_before_is_bad() {
    let bench = Bench::relaunch();
    let follows = consequence::of(&bench.plan, &bench.progress, &EventBody::TrafficOnTarget);
    let [Consequence::Mark(bad), Consequence::Stable(good)] = follows.as_slice() else { panic!("{follows:?}") };
    assert_eq!((bad.slot, good.slot, good.template_version), (Slot::A, Slot::B, 1));
}

#[test]
fn a_group_that_launches_the_latest_version_is_pinned_again() {
    let bench = Bench::relaunch_of(PinnedVersion::Latest);
    assert_eq!((bench.plan.level, bench.plan.to.template_version), (Some(WayBackLevel::R2), Some(1)));
}
