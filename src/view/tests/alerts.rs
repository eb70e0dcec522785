//! What changed before an alert, and the keys that take it back.

use super::Session;
use crate::app::message::Reply;
use crate::app::{Effect, Message, fixture};
use crate::domain::alarms::FleetAlarms;
use crate::domain::observation::{AlarmReading, AlarmState};
use crate::domain::reading::Listing;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::intent::Intent;
use crate::operation::record::OperationView;
use crate::ports::desk::{DeskError, FleetDetail};

/// A canary of api-prod that reached 25 % four minutes before web-prod's did.
fn elsewhere() -> OperationView {
    let mut view = fixture::canary();
    (view.operation.id, view.operation.plan.fleet) = ("op-2".into(), "api-prod".into());
    for event in &mut view.events {
        event.at = event.at.minus(Millis::mins(4));
    }
    view
}

fn with_both() -> Session {
    let mut session = Session::with(Some(fixture::holding()));
    session.take(Message::StoreChanged(2));
    let no = session.newest(|effect| if let Effect::ReadOperations { no } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Operations(Ok(vec![fixture::holding(), elsewhere()])) });
    session
}

/// The alerts with the changes under the cursor.
pub fn suspected() -> Session {
    let mut session = with_both();
    session.press("! tab j");
    session
}

fn rolled_back(session: &Session) -> Option<&str> {
    session.effects.iter().rev().find_map(|effect| match effect {
        Effect::MakePlan { intent: Intent::Rollback { fleet, .. }, .. } => Some(fleet.as_str()),
        _ => None,
    })
}

#[test]
fn an_alert_names_what_changed_in_any_fleet_before_it_and_one_key_takes_its_own_fleet_back() {
    let mut session = with_both();
    session.press("!").expect("CHANGES in the 6h before it began").expect("web-prod       2.14.0 reached 25% of the traffic");
    session
        .expect("before")
        .expect("api-prod       2.14.0 reached 25% of the traffic")
        .expect("R rolls web-prod back to 2.13.2; tab goes to the changes");
    session.press("R").expect("ROLL BACK web-prod");
    assert_eq!(rolled_back(&session), Some("web-prod"));
}

#[test]
fn any_other_change_is_chosen_and_taken_back_from_there() {
    let mut session = with_both();
    session
        .press("! tab")
        .expect("A backs op-3 out; R rolls web-prod back to 2.13.2")
        .press("j")
        .expect("R rolls api-prod back to 2.13.1")
        .press("R")
        .expect("ROLL BACK api-prod");
    assert_eq!(rolled_back(&session), Some("api-prod"));
    session.press("esc enter").expect("━ api-prod");
    assert!(!session.changed());
}

#[test]
fn what_was_taken_back_already_says_that_a_rollback_goes_further_back() {
    let mut session = suspected();
    for view in session.model.operations.iter_mut().filter(|view| view.operation.id.as_str() == "op-2") {
        view.progress.state = crate::operation::event::OperationState::BackedOut;
    }
    session.expect("op-2 was taken back already; R rolls api-prod back to 2.13.1, further back");
}

#[test]
fn without_a_change_on_record_there_is_nothing_to_go_to() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("!");
    session.model.operations.clear();
    session.expect("no fleet was changed from here").press("tab").expect("Nothing on record changed before it");
}

fn read(session: &mut Session, state: AlarmState) {
    session.wait(Millis::secs(6)).take(Message::Tick);
    let no = session.newest(|effect| if let Effect::ReadFleet { no, .. } = effect { Some(*no) } else { None });
    let mut detail: FleetDetail = fixture::detail(&fixture::canary());
    detail.alarms[0].state = state;
    session.take(Message::Reply { no, reply: Reply::Fleet("web-prod".into(), Ok(Box::new(detail))) });
}

#[test]
fn an_alarm_that_fires_on_the_opened_fleet_rings_once_and_leads_to_what_changed_before_it() {
    let mut session = Session::with(Some(fixture::canary()));
    session.press("enter");
    let bells = |session: &Session| session.effects.iter().filter(|effect| **effect == Effect::Bell).count();
    for state in [AlarmState::Ok, AlarmState::Alarm, AlarmState::Alarm, AlarmState::NoData, AlarmState::Alarm] {
        read(&mut session, state);
    }
    assert_eq!(bells(&session), 1, "the same alarm rings once while nobody saw it green");
    session.press("!").expect("web-prod: alarm web-5xx is red").expect("2.14.0 reached 25% of the traffic").press("esc");
    read(&mut session, AlarmState::Ok);
    read(&mut session, AlarmState::Alarm);
    assert_eq!(bells(&session), 2);
}

/// The next look at the alarms of all fleets, a quarter of a minute later, answers this.
fn watched(session: &mut Session, result: Result<FleetAlarms, DeskError>) {
    session.wait(Millis::secs(15)).take(Message::Tick);
    let no = session.newest(|effect| if let Effect::ReadAlarms { no } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Alarms(result.map(Box::new)) });
}

/// A round in which api-prod's alarm says this since then, and web-prod's is green.
fn round(session: &Session, state: AlarmState, since: Option<WorldTime>) -> FleetAlarms {
    let alarms = fixture::alarms();
    let reading = |name: &str, state, since| AlarmReading { name: name.into(), state, since };
    let items = vec![reading("api-5xx", state, since), reading("web-5xx", AlarmState::Ok, None)];
    let as_of = session.model.clock.world.plus(Millis::secs(15));
    FleetAlarms { round: alarms.round.next(&alarms.names(), &Listing::Complete { items, as_of }), ..alarms }
}

fn bells(session: &Session) -> usize {
    session.effects.iter().filter(|effect| **effect == Effect::Bell).count()
}

#[test]
fn an_alarm_of_a_fleet_nobody_opened_rings_once_and_leads_to_what_changed_before_it_was_red() {
    let mut session = with_both();
    session.effects.clear();
    let since = session.model.clock.world.minus(Millis::mins(2));
    for state in [AlarmState::Ok, AlarmState::Alarm, AlarmState::Alarm, AlarmState::NoData, AlarmState::Alarm] {
        let round = round(&session, state, Some(since));
        watched(&mut session, Ok(round));
    }
    assert_eq!(bells(&session), 1, "it rings once while nobody saw it green");
    session.model.operations.clear();
    session.expect("api-prod: alarm api-5xx RED: ! what changed, R rolls back");
    session.model.operations = vec![fixture::holding(), elsewhere()];
    session.press("!").expect(&format!("api-prod: alarm api-5xx is red since {}", since.clock())).expect("before it began");
    session.expect(&format!("before it began, {}", since.clock())).press("R").expect("ROLL BACK api-prod");
    assert_eq!(rolled_back(&session), Some("api-prod"));
    session.press("esc ,").expect("api-prod: alarm api-5xx RED since");
}

#[test]
fn what_was_red_before_the_screen_is_in_the_inbox_without_a_bell() {
    let mut session = Session { model: fixture::blank(80, 24), effects: Vec::new() };
    session.wait(Millis::secs(1)).take(Message::Tick);
    let red = round(&session, AlarmState::Alarm, None);
    watched(&mut session, Ok(red));
    assert_eq!((bells(&session), session.model.inbox.unread()), (0, 1));
}

#[test]
fn an_older_round_does_not_make_an_alarm_red_again_that_the_opened_fleet_showed_green() {
    let mut session = Session::with(Some(fixture::canary()));
    session.press("enter");
    let mut old = fixture::alarms();
    read(&mut session, AlarmState::Alarm);
    read(&mut session, AlarmState::Ok);
    assert_eq!(bells(&session), 1);
    let red = AlarmReading { name: "web-5xx".into(), state: AlarmState::Alarm, since: None };
    old.round = old.round.next(&old.names(), &Listing::Complete { items: vec![red], as_of: fixture::NOW.minus(Millis::secs(1)) });
    watched(&mut session, Ok(old));
    assert_eq!(bells(&session), 1);
}

#[test]
fn alarms_that_cannot_be_read_are_not_green_and_say_so_with_their_age() {
    let mut session = Session::with(None);
    session.press(",").expect("alarms             now    every 60s  1 call for 2 alarms of 2 fleets").expect_not("not known");
    for _ in 0..12 {
        let alarms = session.model.alarms.clone().unwrap().value;
        let as_of = session.model.clock.world.plus(Millis::secs(15));
        let lost = Listing::Incomplete { items: Vec::new(), as_of, why: "DescribeAlarms: throttled: slow down".into() };
        let round = alarms.round.next(&alarms.names(), &lost);
        watched(&mut session, Ok(FleetAlarms { round, ..alarms }));
    }
    session.expect("✗ alarms").expect("not every alarm was read: DescribeAlarms: throttled").expect("api-prod: alarm api-5xx not known");
    session.press("esc !").expect("not every alarm was read");
    watched(&mut session, Err(DeskError::other("CloudWatch is away", "wait")));
    session.press("esc ,").expect("CloudWatch is away");
    assert_eq!(bells(&session), 0);
}
