//! The plan sheet: nothing before `y`, and `y` only when it counts.

use proptest::prelude::*;

use super::Session;
use crate::app::message::Reply;
use crate::app::{Effect, Key, Message, fixture};
use crate::domain::ids::OperationId;
use crate::domain::time::Millis;
use crate::operation::changes::{Changes, FieldChange, PackageDifference};
use crate::operation::command::CommandKind;
use crate::operation::intent::Intent;
use crate::operation::plan::{Friction, Refusal};
use crate::operation::schema::{OneWay, SchemaPlan};
use crate::ports::desk::DeskError;

fn send_no(session: &Session) -> u64 {
    session.newest(|effect| match effect {
        Effect::Execute { no, .. } | Effect::Command { no, .. } => Some(*no),
        _ => None,
    })
}

#[test]
fn a_rollback_is_two_keys_once_its_plan_is_there() {
    let mut session = Session::with(None);
    session
        .press("R")
        .expect("ROLL BACK web-prod")
        .expect("nothing has been changed yet")
        .expect("Making the plan")
        .planned(Ok(fixture::rollback_plan()));
    session.expect("R0: the old group is warm").expect("plan 0b11aa22").expect("takes the wheel from op-3").expect("qd rollback web-prod").press("y");
    assert!(matches!(session.effects.last(), Some(Effect::Execute { intent: Intent::Rollback { to: None, .. }, reason: None, typed: None, .. })));
    session.expect("Sent: waiting for the answer");
    let no = send_no(&session);
    session.take(Message::Reply { no, reply: Reply::Executed(Ok(OperationId::from("op-4"))) });
    session.expect("op-4 started").expect("fleets › web-prod").expect("SERVERS");
}

#[test]
fn a_deploy_in_production_needs_a_reason_before_y_counts() {
    let mut session = Session::with(None);
    session.press("tab j D").expect("DEPLOY TO web-prod").planned(Ok(fixture::deploy_plan())).press("y");
    assert!(!session.changed());
    session.expect("Not yet: a reason is needed first").press("i").type_text("cart badge").press("enter").expect("cart badge").press("y");
    assert!(matches!(session.effects.last(), Some(Effect::Execute { reason: Some(reason), .. }) if reason.raw() == "cart badge"));
}

#[test]
fn a_one_way_deploy_says_so_beside_the_keys_and_marks_what_is_risky() {
    let mut session = Session::with(None);
    let mut plan = fixture::deploy_plan();
    let one_way = OneWay { why: "after this 2.13.2 cannot run any more: schema 7 > max 6".to_owned(), safe: vec!["2.12.9".to_owned()] };
    plan.schema = Some(SchemaPlan { one_way: Some(one_way), ..SchemaPlan::default() });
    plan.friction = Friction::Typed { because: "it is one way".into() };
    let field = |what: &str, risky| FieldChange { what: what.to_owned(), from: Some("1".to_owned()), to: Some("2".to_owned()), risky };
    let packages = PackageDifference::Unknown { why: "2.13.2: no bake of this program recorded what is in it".to_owned() };
    plan.changes = Some(Changes { fields: vec![field("kernel", true), field("base", false)], packages });
    session.press("tab j D").planned(Ok(plan)).press("i").type_text("why").press("enter esc y");
    session.expect("ONE WAY: after this 2.13.2 cannot run any more: schema 7 > max 6;").expect("still safe").expect("to go back to: 2.12.9");
    assert!(!session.changed(), "the fleet's name is typed first");
    session.expect("changes  ! kernel: 1 becomes 2").expect("base: 1 becomes 2").expect("nobody can say: 2.13.2: no bake");
    session.press("t").type_text("web-prod").press("enter y");
    assert!(session.changed());
}

#[test]
fn without_a_chosen_image_a_list_opens_and_enter_there_only_opens_the_sheet() {
    let mut session = Session::with(None);
    session.press("D").expect("DEPLOY WHICH IMAGE TO web-prod").expect("> 2.16.0").press("j j enter").expect("DEPLOY TO web-prod");
    assert!(matches!(session.effects.last(), Some(Effect::MakePlan { intent: Intent::Deploy { image, .. }, .. }) if image == "ami-0214"));
}

#[test]
fn another_apps_image_is_never_deployed_to_a_fleet() {
    let mut session = Session::with(None);
    session.press("tab j tab");
    session.model.fleet = Some("api-prod".into());
    session.press("D").expect("DEPLOY WHICH IMAGE TO api-prod").expect("5.2.0").expect_not("2.16.0");
}

#[test]
fn enter_does_nothing_on_a_sheet() {
    let mut session = Session::with(None);
    session.press("R").planned(Ok(fixture::rollback_plan()));
    let before = session.effects.len();
    session.press("enter enter enter").expect("ROLL BACK web-prod");
    assert_eq!(session.effects.len(), before);
}

#[test]
fn keys_pressed_before_a_person_could_read_the_sheet_do_not_count() {
    let mut session = Session::with(None);
    session.press("R").planned(Ok(fixture::rollback_plan())).press_now("y");
    session.wait(Millis(299)).press_now("y");
    assert!(!session.changed(), "300 ms are dead when there is something new to read");
    session.wait(Millis(1)).press_now("y");
    assert!(session.changed());
}

#[test]
fn a_key_that_waited_in_the_queue_counts_from_when_it_was_pressed() {
    let mut session = Session::with(None);
    session.press("R");
    let pressed = session.model.clock.boot.plus(Millis(100));
    session.wait(Millis::secs(2)).planned(Ok(fixture::rollback_plan())).wait(Millis::secs(1));
    session.take(Message::Key { key: Key::Char('y'), at: pressed });
    assert!(!session.changed());
}

#[test]
fn pasted_text_confirms_nothing_and_types_no_name() {
    let mut session = Session::with(None);
    let mut plan = fixture::rollback_plan();
    plan.friction = Friction::Typed { because: "the target was never proved".into() };
    session.press("R").planned(Ok(plan)).wait(Millis::secs(1)).take(Message::Paste("y".into()));
    session.press("t").take(Message::Paste("web-prod".into())).press("enter i").take(Message::Paste("INC-2231\ny\n".into())).press("enter esc y");
    assert!(!session.changed());
    session.expect("Dangerous: the target was never proved").expect("INC-2231").expect("type the fleet's name first");
    session.press("t").type_text("web-prod").press("enter y");
    assert!(matches!(session.effects.last(), Some(Effect::Execute { typed: Some(name), .. }) if name.raw() == "web-prod"));
}

#[test]
fn a_refusal_is_a_sentence_with_its_remedy_and_y_does_nothing() {
    let mut session = Session::with(None);
    session.press("R").planned(Err(Refusal::new("no release is known to be good", "adopt the fleet: qd fleet adopt web-prod").into()));
    session
        .expect("no release is known to be good")
        .expect("qd fleet adopt web-prod")
        .expect("Nothing was changed")
        .press("y")
        .expect("there is no plan");
    assert!(!session.changed());
    session.press("n").expect("FLEETS");
}

#[test]
fn when_the_world_moved_the_sheet_says_so_and_r_plans_again() {
    let mut session = Session::with(None);
    session.press("R").planned(Ok(fixture::rollback_plan())).press("y");
    let no = send_no(&session);
    let error = DeskError::Refused(Refusal::new("the world moved: weight of web-prod-b is 50 now, was 25", "plan again"));
    session
        .take(Message::Reply { no, reply: Reply::Executed(Err(error)) })
        .expect("weight of web-prod-b is 50")
        .press("y")
        .expect("press r to plan again");
    assert_eq!(session.effects.iter().filter(|effect| effect.changes()).count(), 1);
    session.press("r").planned(Ok(fixture::rollback_plan())).press("y");
    assert_eq!(session.effects.iter().filter(|effect| effect.changes()).count(), 2);
}

#[test]
fn an_answer_to_a_closed_sheet_is_still_told() {
    let mut session = Session::with(None);
    session.press("R").planned(Ok(fixture::rollback_plan())).press("y esc").expect("FLEETS");
    let no = send_no(&session);
    session.take(Message::Reply { no, reply: Reply::Executed(Ok(OperationId::from("op-4"))) }).expect("op-4 started").expect("FLEETS");
}

#[test]
fn backing_out_carries_what_was_seen_and_needs_only_y() {
    let view = fixture::holding();
    let mut session = Session::with(Some(view.clone()));
    session.press("A").expect("BACK OUT web-prod").expect("2.13.2 100%, 2.14.0 0%").press("y");
    let expected = (CommandKind::BackOut, view.progress.current, view.last_event().unwrap());
    assert!(matches!(session.effects.last(), Some(Effect::Command { kind, seen, .. }) if (*kind, seen.step, seen.last_event) == expected));
}

#[test]
fn promoting_against_the_judge_needs_reason_and_name() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press("P").expect("Dangerous: the judge fails this step").expect("40 errors of 1201").press("y i").type_text("known bug").press("enter");
    session.type_text("web-prod").press("enter y");
    assert!(matches!(session.effects.last(), Some(Effect::Command { kind: CommandKind::Promote, typed: Some(_), reason: Some(_), .. })));
}

#[test]
fn promoting_against_a_series_says_which_one() {
    let mut session = Session::with(Some(crate::app::fixture_slow::slow()));
    session.press("P").expect("against p99: higher than stable's +87%, and it is critical").expect("Dangerous: the judge fails this step");
}

#[test]
fn z_pauses_what_runs_and_resumes_what_is_paused() {
    let kind = |session: &Session| match session.effects.last() {
        Some(Effect::Command { kind, .. }) => *kind,
        other => panic!("{other:?}"),
    };
    let mut running = Session::with(Some(fixture::canary()));
    running.press("Z").expect("PAUSE web-prod").press("y");
    assert_eq!(kind(&running), CommandKind::Pause);
    let mut paused = Session::with(Some(fixture::paused()));
    paused.expect("paused 5/9").press("Z").expect("RESUME web-prod").press("y");
    assert_eq!(kind(&paused), CommandKind::Resume);
}

#[test]
fn what_cannot_be_pressed_says_why() {
    let mut session = Session::with(Some(fixture::canary()));
    session.press("D").expect("Not now: canary op-3 is at work here");
    let mut idle = Session::with(None);
    idle.press("P").expect("Not now: no operation is at work on web-prod");
    let mut back = Session::with(Some(fixture::rollback()));
    back.press("A").expect("a rollback is not backed out");
}

fn any_key() -> impl Strategy<Value = Key> {
    let named = [Key::Enter, Key::Esc, Key::Tab, Key::Up, Key::Down, Key::PageDown, Key::End, Key::Ctrl('d'), Key::Ctrl('u'), Key::Backspace];
    prop_oneof![
        prop::sample::select("DRAPZG".chars().collect::<Vec<_>>()).prop_map(Key::Char),
        prop::sample::select("jkgr/?!;12itvn-q".chars().collect::<Vec<_>>()).prop_map(Key::Char),
        prop::sample::select(named.to_vec()),
    ]
}

proptest! {
    #[test]
    fn without_y_nothing_is_ever_changed(keys in prop::collection::vec(any_key(), 0..60), which in 0..4_usize) {
        let operation = [None, Some(fixture::canary()), Some(fixture::holding()), Some(fixture::rollback())].into_iter().nth(which).flatten();
        let mut session = Session::with(operation);
        for key in keys {
            session.wait(Millis(400));
            let at = session.model.clock.boot;
            let asked = session.effects.len();
            session.take(Message::Key { key, at });
            if let Some(Effect::MakePlan { .. }) = session.effects.get(asked..).and_then(|new| new.last()) {
                session.planned(Ok(fixture::rollback_plan()));
            }
        }
        prop_assert!(!session.changed());
    }
}
