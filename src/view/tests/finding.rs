//! Help, palette, copying, activity, images: finding things, and taking them along.

use super::Session;
use crate::app::model::Screen;
use crate::app::{Effect, fixture};

fn copied(session: &Session) -> &str {
    let last = session.effects.iter().rev().find_map(|effect| if let Effect::Copy(text) = effect { Some(text.as_str()) } else { None });
    last.expect("something was copied")
}

#[test]
fn the_help_is_searched_and_runs_what_is_under_the_cursor() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("? /").type_text("roll").expect("roll the fleet back").expect_not("promote").press("enter enter").expect("ROLL BACK web-prod");
    assert!(!session.changed(), "it opened the sheet, nothing more");
}

#[test]
fn the_help_says_what_is_off_and_what_belongs_elsewhere() {
    let mut session = Session::with(None);
    session.press("? /").type_text("promote").press("enter").expect("Off now: no").expect("operation is at work on web-prod").press("enter");
    session.expect("Not now: no operation is at work").expect("FLEETS");
    session.press("? /").type_text("confirm").press("enter enter").expect("Not here");
}

#[test]
fn the_palette_runs_commands_and_opens_fleets_and_images() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press(":").type_text("searchp").expect("search-prod").press("enter").expect("─ search-prod  no operation ─");
    session.press(":").type_text("web 2.14").press("enter").expect("─ web 2.14.0 ─");
    session.press("esc esc :").type_text("roll back").press("enter").expect("ROLL BACK web-prod").press("n");
    session.press(":").type_text("zzz").expect("nothing is called like this").press("esc").expect("FLEETS");
    assert!(!session.changed());
}

#[test]
fn pasted_text_finds_and_never_runs_anything() {
    let mut session = Session::with(None);
    session.press(":").take(crate::app::Message::Paste("roll back\ny\n".to_owned())).expect(": roll back_");
    assert_eq!(session.model.screen(), &Screen::Main);
    assert!(session.model.sheet.is_none());
}

#[test]
fn a_fleet_can_be_copied_by_name_by_command_and_as_a_session() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("c").expect("COPY").expect("qd rollback web-prod").press("1").expect("Copied: name");
    assert_eq!(copied(&session), "web-prod");
    session.press("c j j enter");
    assert_eq!(copied(&session), "qd rollback web-prod");
    session.press("c G enter");
    assert!(copied(&session).starts_with("aws ssm start-session --target i-"), "{}", copied(&session));
    session.press("c esc").expect("FLEETS").press("c x").expect("FLEETS");
}

#[test]
fn a_plan_can_be_copied_from_its_sheet_without_confirming_it() {
    let mut session = Session::with(Some(fixture::canary()));
    session.press("R").planned(Ok(fixture::rollback_plan()));
    session.press("c 1");
    assert_eq!(copied(&session), "qd rollback web-prod");
    session.press_now("y").expect("ROLL BACK web-prod");
    assert!(!session.changed(), "a key pressed as the menu closed does not count");
    session.press("c j j enter");
    assert!(copied(&session).contains("ModifyRule"), "{}", copied(&session));
}

#[test]
fn the_activity_is_filtered_by_kind_by_person_and_by_text() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("; v").expect("only call").expect("ModifyRule").expect_not("one box").press("v v v").expect("only judge").expect("judge FAIL");
    session.press("v").expect("only human").expect("you    human  web-prod").press("v").expect("HOLDING");
    session.press("/").type_text("one box !started").press("enter").expect("step 3/9 one box: done").expect_not("judge  web").press("esc");
    session.press("u").expect("only mine");
    session.model.header.user = "bob@bastion-1".into();
    session.press("u u").expect("nothing passes the filter");
}

#[test]
fn the_next_event_is_the_next_that_went_wrong_and_enter_opens_its_fleet() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("; n").expect("2/").expect("03:11:57  step 5/9 weight 25%: judge FAIL, p 0.000012: canary 40/1201 errors").press("n").expect("1/");
    session.press("enter").expect("fleets › web-prod").press("esc").expect("EVENTS");
}

#[test]
fn an_incident_timeline_is_what_is_listed_as_markdown() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("; v c 1");
    assert!(copied(&session).starts_with("## Timeline: web-prod\n"), "{}", copied(&session));
    assert!(copied(&session).contains("ModifyRule") && !copied(&session).contains("HOLDING"), "{}", copied(&session));
}

#[test]
fn an_image_says_where_it_comes_from_where_it_runs_and_what_it_changes() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("tab G k k enter").expect("─ web 2.14.0 ─").expect("2.13.2 › [2.14.0] › 2.15.0").expect("qd:commit");
    session.expect("runs on 3 of 15").expect("candidate 25%").expect("CHANGES against 2.13.2, which web-prod runs").expect("c2132 → c2140");
    session.press("k").expect("CHANGES against 2.13.2, which admin-prod runs").press("D").expect("DEPLOY TO admin-prod").press("n");
    session.press("enter").expect("─ admin-prod  no operation ─").press("esc").expect("─ web 2.14.0 ─");
}

#[test]
fn a_key_of_another_view_says_so() {
    let mut session = Session::with(None);
    session.press(", F").expect("Not here: F is freeze in another view").press("esc v").expect("Not here: v is");
}

#[test]
fn alerts_are_read_in_full() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("!").expect(" against 9 of 3604").expect("enter opens web-prod").press("c 1");
    assert!(copied(&session).contains("40 errors of 1201"), "{}", copied(&session));
}
