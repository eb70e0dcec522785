//! Looking around, alerts, ages, credentials.

use super::Session;
use crate::app::message::Reply;
use crate::app::{Effect, Message, fixture, update};
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::time::Millis;
use crate::ports::desk::DeskError;

fn auth_error() -> DeskError {
    DeskError::Cloud(CloudError::new(CloudErrorKind::Auth, "DescribeAutoScalingGroups", "ExpiredToken"))
}

fn estate_no(session: &Session) -> u64 {
    session.newest(|effect| if let Effect::ReadEstate { no } = effect { Some(*no) } else { None })
}

#[test]
fn the_main_view_shows_each_fleet_with_its_way_back() {
    let mut session = Session::with(None);
    session.expect("FLEETS").expect("web-prod").expect("R1 4m").expect("✗none").expect("~ MIXED").expect("bake 62%").expect("data now");
}

#[test]
fn before_anything_is_read_it_says_what_it_waits_for() {
    let model = fixture::blank(80, 24);
    let shown = super::frame(&model, 80, 24);
    assert!(shown.contains("Waiting for the first reading") && shown.contains("data ?"), "{shown}");
}

#[test]
fn the_last_known_state_is_shown_with_its_age_until_there_is_a_newer_one() {
    let mut session = Session { model: fixture::blank(80, 24), effects: Vec::new() };
    let mut old = fixture::estate();
    old.as_of = fixture::NOW.minus(Millis::mins(9));
    session.take(Message::LastKnown(Box::new(old))).expect("cached 9m").expect("last known, 9m").expect("web-prod");
    session.press("j D").expect("Not now: nothing was read in this session yet");
    session.take(Message::Tick);
    let no = estate_no(&session);
    session.take(Message::Reply { no, reply: Reply::Estate(Ok(Box::new(fixture::estate()))) }).expect("data now").expect_not("last known");
}

#[test]
fn unknown_is_never_drawn_as_zero() {
    let session = Session::with(None);
    let shown = session.screen();
    let row = shown.lines().find(|line| line.contains("worker-prod")).unwrap();
    assert!(row.contains("??????") && row.contains("?/8") && row.contains("? 4m old"), "{row}");
    assert!(!row.contains("0/8"), "{row}");
}

#[test]
fn opening_a_fleet_reads_it_closely_and_shows_why_it_holds() {
    let mut session = Session::with(Some(fixture::holding()));
    session.expect("backs out in 3:12").expect("! goto").press("enter");
    assert!(session.effects.iter().any(|effect| matches!(effect, Effect::ReadFleet { .. })));
    session.expect("5 weight 25% FAIL").expect("HOLDING").expect("Backs out in 3:11 unless P promotes").expect("p 0.000012").expect("40 errors of");
    session.press("esc").expect("FLEETS");
}

#[test]
fn from_the_alarm_to_the_rollback_in_three_keys() {
    let mut session = Session::with(Some(fixture::holding()));
    session.model.fleet = Some("api-prod".into());
    session.press("! R").expect("ROLL BACK web-prod").planned(Ok(fixture::rollback_plan()));
    session.press("y");
    assert!(matches!(session.effects.last(), Some(Effect::Execute { plan, .. }) if plan.fleet.as_str() == "web-prod"));
}

#[test]
fn an_error_lets_the_rows_age_and_stays_in_the_inbox_until_it_is_read() {
    let mut session = Session::with(None);
    session.wait(Millis::secs(26)).take(Message::Tick);
    let no = estate_no(&session);
    let error = DeskError::Cloud(CloudError::new(CloudErrorKind::Throttled, "DescribeInstances", "slow down"));
    session.take(Message::Reply { no, reply: Reply::Estate(Err(error)) });
    session.expect("web-prod").expect("cached 20s").expect("! 1").press("!").expect("slow down").press("esc").expect_not("! 1");
}

#[test]
fn without_credentials_actions_are_off_with_their_reason_and_it_is_tried_again_every_five_seconds() {
    let mut session = Session::with(None);
    session.wait(Millis::secs(16)).take(Message::Tick);
    let no = estate_no(&session);
    session.take(Message::Reply { no, reply: Reply::Estate(Err(auth_error())) });
    session.expect("creds GONE").expect("Credentials are gone").expect("(R roll back)").press("R").expect("Not now: credentials are gone");
    let asked = session.effects.len();
    session.wait(Millis::secs(5)).take(Message::Tick);
    assert!(session.effects.len() > asked);
    let no = estate_no(&session);
    session
        .take(Message::Reply { no, reply: Reply::Estate(Ok(Box::new(fixture::estate()))) })
        .expect_not("creds GONE")
        .press("R")
        .expect("ROLL BACK");
}

#[test]
fn an_answer_that_is_not_the_newest_is_not_believed() {
    let mut session = Session::with(None);
    session.press("R").planned(Ok(fixture::rollback_plan()));
    let stale = session.newest(|effect| if let Effect::MakePlan { no, .. } = effect { Some(*no) } else { None });
    session.press("r");
    session.take(Message::Reply { no: stale, reply: Reply::Planned(Ok(Box::new(fixture::deploy_plan()))) }).expect("Making the plan");
}

#[test]
fn it_rings_when_an_operation_stops_and_not_when_the_screen_opens() {
    let mut session = Session::with(Some(fixture::canary()));
    let read = |session: &mut Session, view| {
        session.take(Message::StoreChanged(1));
        let no = session.newest(|effect| if let Effect::ReadOperations { no } = effect { Some(*no) } else { None });
        session.take(Message::Reply { no, reply: Reply::Operations(Ok(vec![view])) });
    };
    assert!(!session.effects.contains(&Effect::Bell));
    read(&mut session, fixture::canary());
    assert!(!session.effects.contains(&Effect::Bell));
    read(&mut session, fixture::holding());
    assert!(session.effects.contains(&Effect::Bell));
    session.expect("! 1");
}

#[test]
fn a_change_in_the_store_during_a_reading_is_read_afterwards() {
    let mut session = Session::with(None);
    session.take(Message::StoreChanged(1)).take(Message::StoreChanged(2));
    let count = |session: &Session| session.effects.iter().filter(|effect| matches!(effect, Effect::ReadOperations { .. })).count();
    assert_eq!(count(&session), 1);
    let no = session.newest(|effect| if let Effect::ReadOperations { no } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Operations(Ok(Vec::new())) });
    assert_eq!(count(&session), 2);
}

#[test]
fn the_filter_narrows_the_list_and_escape_widens_it_again() {
    let mut session = Session::with(None);
    session.press("/").type_text("api").expect("/ api_").press("enter").expect("filter: api").expect("> api-prod").expect_not("legacy-prod");
    session.press("esc").expect("legacy-prod");
}

#[test]
fn help_lists_every_command_and_why_it_is_off() {
    let mut session = Session::with(None);
    session.model.size = (120, 72);
    session.press("?").expect("(off: no operation is at work on web-prod)").expect("leave at once");
    for command in crate::app::commands::COMMANDS {
        session.expect(command.about);
    }
}

#[test]
fn read_only_shows_everything_and_changes_nothing() {
    let mut session = Session::with(Some(fixture::holding()));
    session.model.header.read_only = true;
    session.expect(" RO").press("D").expect("read-only").press("A").expect("read-only").press("R").expect("read-only");
    assert!(session.effects.is_empty());
}

#[test]
fn a_selection_follows_its_fleet_when_rows_move() {
    let mut session = Session::with(None);
    session.wait(Millis::secs(16)).take(Message::Tick);
    let no = estate_no(&session);
    let mut estate = fixture::estate();
    estate.fleets.reverse();
    session.take(Message::Reply { no, reply: Reply::Estate(Ok(Box::new(estate))) }).expect("> web-prod");
}

#[test]
fn quitting_is_at_once_and_names_what_goes_on() {
    let mut session = Session::with(Some(fixture::canary()));
    session.press("R ctrl-c");
    assert_eq!(session.effects.last(), Some(&Effect::Quit));
    assert_eq!(update::going_on(&session.model), ["web-prod canary (op-3)"]);
}

#[test]
fn a_filter_knows_states_and_what_must_not_be_there() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("/").type_text("state:canary").press("enter").expect("> web-prod").expect_not("api-prod").press("esc");
    session.press("/").type_text("prod !web !api").expect("legacy-prod").expect_not("> web-prod").press("esc").expect("api-prod");
}

#[test]
fn the_next_one_is_the_next_that_needs_somebody_or_the_next_match() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("n").expect("> worker-prod").press("n").expect("> admin-prod").press("N N").expect("> web-prod");
    session.press("/").type_text("a").press("enter g n").expect("> api-prod").press("N N").expect("> search-prod");
}

#[test]
fn sorting_says_so_and_the_selection_stays_with_its_fleet() {
    let mut session = Session::with(Some(fixture::holding()));
    session
        .press("s")
        .expect("by name")
        .press("s")
        .expect("by state")
        .expect("> web-prod")
        .press("s")
        .expect("by way back")
        .press("s")
        .expect("as they were listed");
    session.press("tab s").expect("IMAGES web by ON");
}

#[test]
fn an_image_marks_the_fleets_that_run_it_and_a_fleet_its_images() {
    let mut session = Session::with(Some(fixture::canary()));
    session.expect(" •2.14.0").expect(" •2.13.2").press("tab G k").expect("• 2 run 2.13.2").expect("• admin-prod").expect("• web-prod");
    session.press("tab").expect_not("• 2 run").expect_not("• admin-prod");
}

#[test]
fn views_are_left_in_the_order_they_were_opened_and_the_last_one_comes_back() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("! enter").expect("fleets › web-prod").press("esc").expect("ALERTS").press("-").expect("fleets › web-prod");
    session.press("-").expect("ALERTS").press("esc").expect("FLEETS");
}

#[test]
fn a_key_map_with_mistakes_says_where_and_leaves_the_built_in_keys() {
    let mut session = Session::with(None);
    let mistakes = crate::app::keymap::Keymap::with("keymap.toml", "sort = \"j\"").map_err(|lines| DeskError::other(lines.join("\n"), ""));
    crate::app::keymap::take(&mut session.model, mistakes);
    session.expect("! 1").press("s").expect("by name").press("!").expect("keymap.toml:1: sort: 'j' runs down already");
}

#[test]
fn a_key_map_of_ones_own_is_what_footer_and_keys_follow() {
    let mut session = Session::with(None);
    session.model.keymap = crate::app::keymap::Keymap::with("keymap.toml", "roll_back = \"Q\"\nsort = []").unwrap();
    session.expect("Q roll back").press("R s").expect_not("ROLL BACK").expect_not("by name").press("Q").expect("ROLL BACK web-prod");
}

#[test]
fn every_hint_names_the_key_that_is_in_the_map() {
    let own = "deploy = 'Ä'\nroll_back = 'Ö'\nback_out = 'Ü'\npromote = 'É'\npause = 'Å'\ntake_over = 'Ø'\nrecycle = 'Ñ'\nfreeze = 'Þ'";
    let own = crate::app::keymap::Keymap::with("keymap.toml", own).unwrap();
    // An alert was worded when it happened, with the keys of that moment.
    for (name, mut model) in super::sizes::scenes().into_iter().filter(|(name, _)| !name.starts_with("alerts")) {
        model.keymap = own.clone();
        for (width, height) in [(44, 12), (80, 24), (160, 45)] {
            model.size = (width, height);
            let shown = super::frame(&model, width, height);
            let stale = shown.split(|c: char| !c.is_alphanumeric()).find(|word| matches!(*word, "D" | "R" | "A" | "P" | "Z" | "T" | "C" | "F"));
            assert_eq!(stale, None, "{name} at {width}x{height}:\n{shown}");
        }
    }
}
