//! What stops forward motion besides the judge: alarms. None of it stops a way back.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::observation::{AlarmReading, AlarmState, Depth};
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::text::Untrusted;
use quarterdeck::domain::time::{BootTime, Millis};
use quarterdeck::engine::answer::{Reading as Desk, answer};
use quarterdeck::operation::command::{Command, CommandKind, Who};
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::notice::{self, NoticeKind};
use quarterdeck::operation::plan::StepKind;
use quarterdeck::world::{Disturbance, Scenario, World};

use crate::bench::{Bench, START, deploy_in};
use crate::soaking;

impl Bench {
    fn alarm(&mut self, state: AlarmState) {
        let alarms = self.plan.scope.alarms.iter().map(|name| AlarmReading { name: name.clone(), state, since: None }).collect();
        self.seen.alarms = Reading::known(alarms, self.now);
    }

    fn hide_alarms(&mut self) {
        self.seen.alarms = Reading::unknown("throttled");
    }

    fn promote(&mut self, typed: Option<&str>) -> bool {
        let (reason, step, sent_at) = (Some(Untrusted::from("it lies")), self.progress.current, BootTime(1_000));
        let typed = typed.map(Untrusted::from);
        let kind = CommandKind::Promote;
        let command = Command { id: 1, kind, step, last_event: 0, by: Who::default(), reason, typed, sent_at, boot_id: "one".to_owned() };
        let answered = answer(&self.plan, &self.progress, &command, &Desk { now: sent_at, boot_id: "one", lease_since: BootTime(0) });
        answered.events.iter().cloned().for_each(|body| self.happens(body));
        answered.accepted
    }
}

fn observed(events: &[EventBody]) -> bool {
    events.iter().any(|event| matches!(event, EventBody::Observed { added, .. } if *added > Millis::ZERO))
}

#[test]
fn a_red_alarm_in_a_soak_backs_out_whatever_the_judge_says_and_stays_the_reason() {
    let mut bench = soaking(25, true);
    bench.alarm(AlarmState::Alarm);
    bench.turn();
    assert_eq!((bench.state(), bench.progress.reason.as_str()), (OperationState::BackingOut, "alarm web-5xx is red"));
    bench.alarm(AlarmState::Ok);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut, "green again does not undo it");
}

#[test]
fn a_red_alarm_backs_out_wherever_the_candidate_serves_also_at_100_percent() {
    for pct in [5, 100] {
        let mut bench = soaking(pct, false);
        bench.alarm(AlarmState::Alarm);
        bench.turn();
        assert_eq!(bench.state(), OperationState::BackingOut, "{pct}");
    }
    let mut bench = soaking(100, true);
    bench.at_step(|kind| kind == StepKind::Stable);
    bench.alarm(AlarmState::Alarm);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut);
}

#[test]
fn a_red_alarm_counts_as_soon_as_the_weight_was_written_though_it_is_not_read_back() {
    let mut bench = soaking(5, true);
    bench.weights(100, 0);
    let actions = bench.plan.actions.with_weights(&[(bench.plan.scope.target_group(Slot::B).unwrap().clone(), 5)]);
    bench.accepted(CloudCall::SetWeights { place: bench.plan.scope.route.place().unwrap().clone(), actions });
    bench.alarm(AlarmState::Alarm);
    bench.turn();
    assert_eq!(bench.state(), OperationState::BackingOut);
}

#[test]
fn before_the_candidate_serves_a_red_alarm_holds_and_goes_on_when_it_is_green() {
    let mut bench = Bench::canary(true);
    bench.at_step(|kind| kind == StepKind::OneBox);
    bench.launches(Slot::B, 2);
    bench.alarm(AlarmState::Alarm);
    bench.turn();
    assert_eq!((bench.state(), bench.progress.reason.as_str()), (OperationState::Holding, "alarm web-5xx is red"));
    bench.alarm(AlarmState::Ok);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Running);
}

#[test]
fn an_alarm_without_data_or_that_is_gone_holds_a_soak_which_counts_no_time_meanwhile() {
    for (state, why) in [(AlarmState::NoData, "alarm web-5xx has no data"), (AlarmState::Missing, "alarm web-5xx does not exist")] {
        let mut bench = soaking(25, true);
        bench.alarm(state);
        for _ in 0..4 {
            let decision = bench.turn();
            assert!(!observed(&decision.events), "{:?}", decision.events);
            bench.later(15);
        }
        assert_eq!((bench.state(), bench.progress.reason.as_str()), (OperationState::Holding, why));
        assert!(bench.progress.deadline.is_some(), "a hold ends by backing out");
        bench.later(30 * 60);
        bench.turn();
        assert_eq!(bench.state(), OperationState::BackingOut);
    }
}

#[test]
fn alarms_that_cannot_be_read_are_waited_for_and_then_held_for() {
    let mut bench = soaking(25, true);
    bench.hide_alarms();
    let waits = bench.turn();
    assert!(waits.waiting_for.contains("the alarms cannot be read (throttled)"), "{waits:?}");
    assert!(!observed(&waits.events));
    assert_eq!(bench.state(), OperationState::Running);
    bench.later(11 * 60);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding);
}

#[test]
fn no_weight_is_given_while_the_alarms_cannot_be_read_but_stable_stays_pinned() {
    let mut bench = soaking(5, true);
    bench.at_step(|kind| matches!(kind, StepKind::Weight(step) if step.weight_pct == 100));
    bench.pinned(Slot::A, 8);
    bench.hide_alarms();
    let pinned = bench.call().unwrap();
    assert!(matches!(&pinned, CloudCall::RaiseMin { group, .. } if *group == bench.plan.from.group), "{pinned:?}");
    bench.pinned(Slot::A, 12);
    for _ in 0..5 {
        bench.later(5);
        let made = bench.call();
        assert!(made.is_err(), "nothing goes forward: {made:?}");
    }
}

#[test]
fn no_alarm_stops_a_back_out_or_a_rollback() {
    let mut bench = soaking(25, true);
    bench.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: String::new(), deadline: None });
    bench.hide_alarms();
    let back = bench.call().unwrap();
    assert_eq!(bench.shares(&back), Some((100, 0)));
    for hide in [false, true] {
        let mut bench = Bench::fast_rollback();
        if hide {
            bench.hide_alarms()
        } else {
            bench.alarm(AlarmState::Alarm)
        }
        let back = bench.call().unwrap();
        assert_eq!(bench.shares(&back), Some((0, 100)));
    }
}

#[test]
fn promoting_past_an_alarm_takes_the_fleet_s_name() {
    let mut bench = soaking(25, true);
    bench.alarm(AlarmState::NoData);
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding);
    assert!(!bench.promote(None), "a reason alone is not enough");
    assert!(bench.promote(Some("web-prod")));
    bench.turn();
    assert_eq!(bench.state(), OperationState::Running);
    assert!(bench.progress.steps.iter().any(|step| step.note == "promoted by a person"));
    bench.turn();
    assert_eq!(bench.state(), OperationState::Holding, "the next step has to be passed again");
}

#[test]
fn a_deploy_begins_only_with_every_alarm_green() {
    let refused = |disturbance: Disturbance| {
        let mut world = World::new(Scenario::Default, 1, START);
        assert!(world.disturb(disturbance));
        let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
        deploy_in(&world, &world.observe(&spec.scope(), Depth::Full)).unwrap_err().reason
    };
    let set = |state| Disturbance::SetAlarm { alarm: "web-5xx".into(), state: Some(state) };
    assert_eq!(refused(set(AlarmState::Alarm)), "alarm web-5xx of web-prod is red");
    assert_eq!(refused(set(AlarmState::NoData)), "alarm web-5xx of web-prod has no data, so it cannot tell");
    assert!(refused(set(AlarmState::Missing)).contains("does not exist"));
    assert!(refused(Disturbance::UnreadableAlarms { span: Millis::mins(1) }).contains("cannot be read"));
    let world = World::new(Scenario::Default, 1, START);
    let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
    let plan = deploy_in(&world, &world.observe(&spec.scope(), Depth::Full)).unwrap();
    assert!(plan.checks.iter().any(|check| check.text == "green now, and red in a soak backs out: web-5xx"), "{:?}", plan.checks);
}

fn paused(share: u32) -> Bench {
    let mut bench = soaking(share, true);
    bench.happens(EventBody::StateChanged { to: OperationState::Paused, reason: "paused by ann".to_owned(), deadline: None });
    bench
}

#[test]
fn a_red_alarm_in_a_pause_is_said_and_decided_by_a_person() {
    let mut bench = paused(25);
    let since = bench.progress.since;
    bench.later(15);
    bench.alarm(AlarmState::Alarm);
    assert!(bench.turn().call.is_none());
    assert_eq!((bench.state(), bench.progress.reason.as_str()), (OperationState::Paused, "paused by ann; meanwhile alarm web-5xx is red"));
    bench.later(15);
    assert!(bench.turn().events.is_empty(), "it says so once");
    bench.hide_alarms();
    assert!(bench.turn().events.is_empty(), "what cannot be read now changes nothing");
    bench.alarm(AlarmState::Ok);
    bench.turn();
    assert_eq!((bench.progress.reason.as_str(), bench.progress.since), ("paused by ann", since), "the pause is as old as it was");
    assert_eq!(bench.progress.paused_from, Some(OperationState::Running));
}

#[test]
fn a_deploy_resumed_under_a_red_alarm_backs_out() {
    let mut bench = paused(25);
    bench.alarm(AlarmState::Alarm);
    bench.turn();
    bench.happens(EventBody::StateChanged { to: OperationState::Running, reason: "resumed by ann".to_owned(), deadline: None });
    bench.turn();
    assert_eq!((bench.state(), bench.progress.reason.as_str()), (OperationState::BackingOut, "alarm web-5xx is red"));
}

#[test]
fn people_are_paged_for_what_comes_up_in_a_pause_and_not_for_its_end() {
    let mut bench = paused(25);
    let changed = |reason: &str| EventBody::StateChanged { to: OperationState::Paused, reason: reason.to_owned(), deadline: None };
    let red = changed("paused by ann; meanwhile alarm web-5xx is red");
    assert_eq!(notice::of(bench.plan.kind, &bench.progress, &red), Some(NoticeKind::NeedsHuman));
    bench.happens(red);
    assert_eq!(notice::of(bench.plan.kind, &bench.progress, &changed("paused by ann")), None);
}
