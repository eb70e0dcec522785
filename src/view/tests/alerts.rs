//! What changed before an alert, and the keys that take it back.

use super::Session;
use crate::app::message::Reply;
use crate::app::{Effect, Message, fixture};
use crate::domain::observation::AlarmState;
use crate::domain::time::Millis;
use crate::operation::intent::Intent;
use crate::operation::record::OperationView;
use crate::ports::desk::FleetDetail;

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
