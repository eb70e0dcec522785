//! Looking closer: wide lists, pages about a fleet, panes, marks, and help over a plan sheet.

use super::{Session, ground};
use crate::app::copying;
use crate::app::message::Reply;
use crate::app::model::Pane;
use crate::app::{Effect, Message, fixture};
use crate::domain::time::Millis;
use crate::domain::traffic::TargetState;

fn wide_session() -> Session {
    let mut session = Session::with(Some(fixture::holding()));
    session.take(Message::Resized { width: 160, height: 45 });
    session
}

#[test]
fn wide_gives_the_list_with_the_focus_the_whole_width_and_back() {
    let mut session = Session::with(Some(fixture::canary()));
    session.expect("IMAGES").expect_not("VERSIONS").press("w").expect("VERSIONS").expect("NEW").expect("25%").expect_not("IMAGES");
    session.press("tab").expect("IMAGES web").expect("AMI").expect_not("FLEETS").press("w").expect("FLEETS");
}

#[test]
fn wide_names_every_server_of_an_opened_fleet() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("enter").expect_not("i-a00").press("w").expect("SERVERS by name").expect("i-a00").expect("in service");
    session.press("G").expect("i-b0").press("w").expect("HOLDING");
}

#[test]
fn a_fleet_is_described_with_how_it_is_set_up() {
    let mut session = Session::with(None);
    session.press("d").expect("web-prod describe").expect("strategy  canary").expect("floor").expect("web-prod-a").press("d").expect("FLEETS");
}

#[test]
fn one_server_that_alone_fails_its_checks_is_named() {
    let view = fixture::holding();
    let shown = |unhealthy: usize| {
        let mut session = Session::with(Some(view.clone()));
        session.press("enter").wait(Millis::secs(6)).take(Message::Tick);
        let no = session.newest(|effect| if let Effect::ReadFleet { no, .. } = effect { Some(*no) } else { None });
        let mut detail = fixture::detail(&view);
        for server in detail.status.groups[1].instances.iter().take(unhealthy) {
            detail.target_states.insert(server.id.clone(), TargetState::Unhealthy);
        }
        let detail = Box::new(detail);
        session.take(Message::Reply { no, reply: Reply::Fleet("web-prod".into(), Ok(detail)) });
        session
    };
    shown(1).expect("i-b00 in us-east-1a stands out: 2 others are passing their checks");
    shown(0).expect("HOLDING").expect_not("stands out");
    shown(2).expect("HOLDING").expect_not("stands out");
}

#[test]
fn metrics_are_the_verdicts_with_their_counts_and_log_is_the_operations_events() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("enter m").expect("web-prod metrics").expect("FAIL").expect("0.000012").press("esc");
    session.press("l").expect("/ op:op-3").press("G").expect("planned by ada").press("esc esc").expect("fleets › web-prod");
}

#[test]
fn without_an_operation_there_is_no_log_and_that_is_said() {
    let mut session = Session::with(None);
    session.press("l").expect("Not now: no operation of web-prod is on record here").press("m").expect("Not now: no operation");
}

#[test]
fn a_wide_screen_has_four_panes_and_a_smaller_one_says_where_they_are() {
    let mut session = wide_session();
    session.press("4 j");
    assert_eq!(session.model.pane, Pane::Activity);
    assert!(session.model.event.is_some(), "the cursor moves among events");
    session.press("enter").expect("fleets › web-prod").press("esc 3");
    assert_eq!((session.model.pane, session.model.fleet.as_ref().unwrap().as_str()), (Pane::Operations, "web-prod"));
    session.press("tab tab tab");
    assert_eq!(session.model.pane, Pane::Fleets, "round all four");
    session.press("4").take(Message::Resized { width: 80, height: 24 });
    assert_eq!(session.model.pane, Pane::Fleets, "no focus on a pane that is gone");
    session.press("3").expect("below 140x36").press("4").expect("EVENTS newest first");
}

#[test]
fn marked_events_are_what_a_timeline_has() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("; space space").expect("2 marked");
    let menu = copying::menu(&session.model).unwrap();
    assert!(menu.items[0].what.contains("of what is marked"));
    assert_eq!(menu.items[0].text.lines().filter(|line| line.starts_with("- ")).count(), 2);
    session.press("g space space").expect_not("marked").press("space").expect("1 marked").press("esc").expect_not("marked").expect("EVENTS");
    assert!(copying::menu(&session.model).unwrap().items[0].what.contains("of what is listed"));
}

#[test]
fn events_in_full_are_not_cut() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press(";").expect("…").press("w");
    let list: Vec<String> = session.screen().lines().skip(4).take(9).map(str::to_owned).collect();
    assert!(list.iter().all(|line| !line.contains('…')), "{list:#?}");
}

#[test]
fn following_the_newest_event_ends_and_begins_with_a_key() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("; f").expect("Staying on this event");
    assert!(session.model.event.is_some());
    session.press("f").expect("Following the newest");
    assert!(session.model.event.is_none());
}

#[test]
fn help_and_palette_open_over_a_sheet_and_neither_confirms_it() {
    let mut session = Session::with(Some(fixture::canary()));
    session.press("R").planned(Ok(fixture::rollback_plan()));
    session.press("?").expect("do what the sheet says").press("g enter").expect("ROLL BACK web-prod").expect("press y here");
    session.press(":").type_text("yes").press("enter").expect("press y here");
    assert!(!session.changed(), "only the key on the sheet confirms");
    session.press("? / r e a s o n enter enter").expect("enter done").wait(Millis(500)).type_text("INC-2231").press("enter ? esc").expect("INC-2231");
    session.press("y");
    assert!(matches!(session.effects.last(), Some(Effect::Execute { .. })));
}

#[test]
fn keys_typed_ahead_through_the_help_do_not_reach_the_sheet_below() {
    let mut session = Session::with(Some(fixture::canary()));
    session.press("R").planned(Ok(fixture::rollback_plan()));
    session.press("?").press_now("esc").press_now("y");
    assert!(!session.changed());
}

#[test]
fn going_elsewhere_from_a_sheet_closes_it() {
    let mut session = Session::with(Some(fixture::canary()));
    session.press("R").planned(Ok(fixture::rollback_plan()));
    session.press(":").type_text("api-prod").press("enter").expect("fleets › api-prod");
    assert!(session.model.sheet.is_none() && !session.changed());
}

#[test]
fn the_smallest_terminal_names_what_brings_credentials_back() {
    let mut session = ground::without_credentials();
    session.take(Message::Resized { width: 44, height: 4 }).expect("aws sso login").expect("creds GONE");
}

#[test]
fn a_sheet_can_be_gone_through_by_hand() {
    let mut session = Session::with(Some(fixture::canary()));
    session.take(Message::Resized { width: 160, height: 60 });
    session.press("R").planned(Ok(fixture::rollback_plan()));
    session.expect("qd rollback web-prod").expect("by hand").expect("aws elbv2 modify-rule --rule-arn").expect("--auto-scaling-group-name web-prod-");
}
