//! What is asked before anything is changed, what is sent, and with which code it ends.

use std::sync::Arc;

use super::super::Exit;
use super::desk::{Asked, Fake, Said, say};
use crate::app::fixture;
use crate::domain::ids::OperationId;
use crate::operation::command::CommandKind;
use crate::operation::event::{EventBody, OperationState};
use crate::operation::intent::Intent;
use crate::operation::plan::{Friction, Refusal};
use crate::operation::record::OperationView;
use crate::ports::desk::{Recovered, Recovery, Seen};

const DEPLOY: &str = "deploy web-prod --image 2.14.0";

/// The canary in its last state.
fn ended(to: OperationState) -> OperationView {
    let changed = EventBody::StateChanged { to, reason: "so it went".to_owned(), deadline: None };
    fixture::operation("op-3", fixture::deploy_plan(), vec![changed])
}

fn desk(view: OperationView) -> Arc<Fake> {
    Arc::new(Fake::with(view))
}

fn typed_plan(because: &str) -> Fake {
    let mut fake = Fake::with(ended(OperationState::Succeeded));
    fake.plan = fake.plan.map(|plan| crate::operation::plan::Plan { friction: Friction::Typed { because: because.to_owned() }, ..plan });
    fake
}

fn executed(fake: &Fake) -> Vec<(Option<String>, Option<String>)> {
    let shown = |text: &Option<crate::domain::text::Untrusted>| text.as_ref().map(crate::domain::text::Untrusted::shown);
    let asked = fake.asked.lock().unwrap();
    asked.iter().map(|asked| if let Asked::Execute(_, reason, typed) = asked { (shown(reason), shown(typed)) } else { panic!("{asked:?}") }).collect()
}

#[tokio::test]
async fn a_person_gives_a_reason_and_says_yes_in_production() {
    let fake = desk(ended(OperationState::Succeeded));
    let said = say(fake.clone(), DEPLOY, Some("cart fix\ny\n")).await;
    assert_eq!(said.exit, Exit::Done);
    assert_eq!(executed(&fake), [(Some("cart fix".to_owned()), None)]);
    assert!(said.out.starts_with("deploy web-prod: 2.13.2 -> 2.14.0, canary\n"), "{}", said.out);
    assert!(said.notices.contains("Reason: Deploy web-prod to 2.14.0? [y/N]"), "{}", said.notices);
    assert!(said.out.ends_with("canary op-3 of web-prod succeeded: so it went\n"));
}

#[tokio::test]
async fn no_answer_and_no_are_no() {
    for answers in ["", "\n", "why\n\n", "why\nn\n", "why\nyea\n"] {
        let fake = desk(ended(OperationState::Succeeded));
        let said = say(fake.clone(), DEPLOY, Some(answers)).await;
        assert_eq!((said.exit, executed(&fake).len()), (Exit::Failed, 0), "{answers:?}");
        assert!(said.notices.ends_with("qd: not confirmed: nothing was changed\n"));
    }
}

#[tokio::test]
async fn nobody_to_ask_ends_with_2_before_anything() {
    let fake = desk(ended(OperationState::Succeeded));
    let said = say(fake.clone(), DEPLOY, None).await;
    assert_eq!((said.exit, said.out.as_str()), (Exit::Usage, ""));
    assert!(said.notices.starts_with("qd: there is no terminal to ask on: `--yes` answers"));
    let unexplained = say(fake.clone(), &format!("{DEPLOY} --yes"), None).await;
    assert_eq!(unexplained.exit, Exit::Usage);
    assert!(unexplained.notices.contains("needs --reason TEXT"));
    assert!(executed(&fake).is_empty());
}

#[tokio::test]
async fn yes_answers_everything_but_the_reason() {
    let fake = Arc::new(typed_plan("it ends the fast way back"));
    let said = say(fake.clone(), &format!("{DEPLOY} --yes --reason fix"), None).await;
    assert_eq!(said.exit, Exit::Done);
    assert_eq!(executed(&fake), [(Some("fix".to_owned()), Some("web-prod".to_owned()))]);
    assert!(!said.out.contains("STEPS"), "nobody reads the plan then");
}

#[tokio::test]
async fn the_fleet_s_name_is_typed_exactly() {
    for (answers, confirmed) in [("fix\nweb-prod\n", true), ("fix\nweb-prd\n", false), ("fix\ny\n", false)] {
        let fake = Arc::new(typed_plan("it ends the fast way back"));
        let said = say(fake.clone(), DEPLOY, Some(answers)).await;
        assert_eq!(executed(&fake).len(), usize::from(confirmed), "{answers:?}");
        assert!(said.notices.contains("Careful: it ends the fast way back.\nType web-prod to go on:"), "{}", said.notices);
    }
}

#[tokio::test]
async fn a_rollback_needs_no_reason_and_is_done_when_traffic_is_on_the_target() {
    let fake = desk(fixture::rollback());
    let said = say(fake.clone(), "rollback web-prod --yes", None).await;
    assert_eq!(said.exit, Exit::Done);
    assert_eq!(executed(&fake), [(None, None)]);
    assert!(said.out.contains("rollback op-4: traffic is on 2.13.2; web-prod-b is parked meanwhile"), "{}", said.out);
    let intent = Intent::Rollback { fleet: "web-prod".into(), to: None };
    assert!(matches!(&fake.asked.lock().unwrap()[0], Asked::Execute(asked, ..) if *asked == intent));
}

#[tokio::test]
async fn each_end_has_its_code() {
    for (state, exit) in [
        (OperationState::Succeeded, Exit::Done),
        (OperationState::Failed, Exit::Failed),
        (OperationState::BackedOut, Exit::EndedBadly),
        (OperationState::RolledBack, Exit::EndedBadly),
        (OperationState::Paused, Exit::NeedsHuman),
        (OperationState::Holding, Exit::NeedsHuman),
        (OperationState::Superseded, Exit::Superseded),
    ] {
        for words in [format!("{DEPLOY} --yes --reason x"), "watch op-3".to_owned(), "wait op-3".to_owned()] {
            assert_eq!(say(desk(ended(state)), &words, None).await.exit, exit, "{state:?} {words}");
        }
    }
    let codes =
        [Exit::Done, Exit::Failed, Exit::Usage, Exit::Refused, Exit::EndedBadly, Exit::NeedsHuman, Exit::TimedOut, Exit::Superseded].map(Exit::code);
    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn waiting_has_a_limit_and_a_hold_with_a_deadline_is_waited_for() {
    for view in [fixture::canary(), fixture::holding()] {
        let said = say(desk(view), "wait op-3 --timeout 1s", None).await;
        assert_eq!(said.exit, Exit::TimedOut);
        assert!(said.notices.contains("after 1s"), "{}", said.notices);
    }
}

#[tokio::test]
async fn detach_returns_once_a_driver_has_it() {
    let said = say(desk(fixture::canary()), &format!("{DEPLOY} --yes --reason x --detach"), None).await;
    assert_eq!((said.exit, said.out.as_str()), (Exit::Done, "canary op-3 of web-prod is running; `qd watch op-3` shows it\n"));
    let json = say(desk(fixture::canary()), &format!("{DEPLOY} --yes --reason x --detach --json"), None).await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json.out).unwrap()["driver"]["alive"], true);
    let failed = say(desk(ended(OperationState::Failed)), &format!("{DEPLOY} --yes --reason x --detach"), None).await;
    assert_eq!((failed.exit, failed.notices.as_str()), (Exit::Failed, "qd: op-3 failed: so it went\nhint: `qd op op-3` shows its events\n"));
}

#[tokio::test]
async fn refusals_end_with_3_and_change_nothing() {
    let mut fake = Fake::with(ended(OperationState::Succeeded));
    fake.plan = Err(Refusal::new("web-prod is busy", "wait for it").into());
    let said = say(Arc::new(fake), &format!("{DEPLOY} --yes --reason x"), None).await;
    assert_eq!((said.exit, said.notices.as_str()), (Exit::Refused, "qd: web-prod is busy\nhint: wait for it\n"));
    let read_only = Arc::new(Fake { read_only: true, ..Fake::with(ended(OperationState::Succeeded)) });
    assert_eq!(say(read_only.clone(), &format!("{DEPLOY} --yes --reason x"), None).await.exit, Exit::Refused);
    assert_eq!(say(read_only.clone(), &format!("{DEPLOY} --plan"), None).await.exit, Exit::Done);
    assert!(executed(&read_only).is_empty());
}

#[tokio::test]
async fn mistyped_names_find_their_neighbours() {
    let fake = || desk(fixture::canary());
    for (words, said) in [
        ("fleet web-prd", "qd: there is no fleet 'web-prd': did you mean web-prod?"),
        ("deploy web-prd --image 1 --plan", "qd: there is no fleet 'web-prd': did you mean web-prod?"),
        ("op op-33", "qd: there is no operation 'op-33': did you mean op-3?"),
        ("watch zzz", "qd: there is no operation 'zzz'\n"),
        ("ledger web-prod mark 2.13.9 --reason x", "qd: '2.13.9' was never stable on web-prod: did you mean 2.13."),
        ("images --app webb", "qd: there is no image of app 'webb': did you mean web?"),
    ] {
        let Said { notices, exit, .. } = say(fake(), words, None).await;
        assert!(exit == Exit::Failed && notices.contains(said), "{words}: {notices}");
    }
}

#[tokio::test]
async fn commands_carry_what_was_seen() {
    let fake = desk(fixture::canary());
    let said = say(fake.clone(), "pause op-3", None).await;
    assert_eq!((said.exit, said.out.as_str()), (Exit::Done, "pause op-3: done\\u{1b}[31m\n"));
    let last_event = fake.view.last_event().unwrap();
    let seen = Seen { step: fake.view.progress.current, last_event };
    assert_eq!(fake.asked.lock().unwrap()[0], Asked::Command(CommandKind::Pause, seen, None, None));
    assert_eq!(say(fake.clone(), "resume op-3", None).await.exit, Exit::Refused);
    let json = say(fake, "back-out op-3 --json", None).await;
    assert_eq!(json.out, "{\"operation\":\"op-3\",\"command\":\"back-out\",\"answer\":\"done\\u001b[31m\"}\n");
}

#[tokio::test]
async fn promoting_in_production_needs_a_reason_and_against_the_judge_the_name() {
    assert_eq!(say(desk(fixture::canary()), "promote op-3 --yes", None).await.exit, Exit::Usage);
    assert_eq!(say(desk(fixture::canary()), "promote op-3 --reason fine", None).await.exit, Exit::Done);
    let asked = desk(fixture::canary());
    assert_eq!(say(asked.clone(), "promote op-3", Some("fine\n")).await.exit, Exit::Done);
    assert!(matches!(&asked.asked.lock().unwrap()[0], Asked::Command(_, _, Some(reason), None) if reason.raw() == "fine"));

    let judged = say(desk(fixture::holding()), "promote op-3 --reason fine", None).await;
    assert!(
        judged.exit == Exit::Usage && judged.notices.contains("judged worse than stable: the fleet's name has to be typed"),
        "{}",
        judged.notices
    );
    assert_eq!(say(desk(fixture::holding()), "promote op-3 --reason fine", Some("web-prod\n")).await.exit, Exit::Done);
    let yes = desk(fixture::holding());
    assert_eq!(say(yes.clone(), "promote op-3 --reason fine --yes", None).await.exit, Exit::Done);
    assert!(matches!(&yes.asked.lock().unwrap()[0], Asked::Command(_, _, _, Some(typed)) if typed.raw() == "web-prod"));
}

#[tokio::test]
async fn operations_without_a_driver_are_picked_up() {
    let mut view = fixture::canary();
    view.driver_alive = false;
    let fake = desk(view);
    assert_eq!(say(fake.clone(), "drive op-3 --take-over", None).await.exit, Exit::Done);
    assert_eq!(*fake.asked.lock().unwrap(), [Asked::TakeOver(OperationId::from("op-3"))]);
    assert_eq!(say(desk(fixture::canary()), "drive --recover", None).await.out, "every operation has its driver\n");
}

fn recovered(outcome: Recovery, hint: Option<&str>) -> Recovered {
    Recovered { operation: "op-3".into(), fleet: Some("web-prod".into()), outcome, text: "says so".to_owned(), hint: hint.map(str::to_owned) }
}

#[tokio::test]
async fn recovering_says_what_it_came_to_and_ends_with_the_worst() {
    let cases = [
        (vec![recovered(Recovery::Started, None)], Exit::Done),
        (vec![recovered(Recovery::GivesBack, None), recovered(Recovery::NeedsPerson, Some("look"))], Exit::NeedsHuman),
        (vec![recovered(Recovery::Failed, Some("try again")), recovered(Recovery::NeedsPerson, Some("look"))], Exit::Failed),
    ];
    for (recovered, exit) in cases {
        let fake = Arc::new(Fake { recovered: recovered.clone(), ..Fake::default() });
        let said = say(fake.clone(), "drive --recover", None).await;
        assert_eq!(said.exit, exit);
        let hints = recovered.iter().filter_map(|one| one.hint.as_ref());
        assert!(hints.clone().all(|hint| said.notices.contains(&format!("qd: op-3 of web-prod: says so\nhint: {hint}"))), "{}", said.notices);
        assert_eq!(said.out.lines().count(), recovered.len() - hints.count());
        let json = say(fake, "drive --recover --json", None).await;
        assert!(json.out.starts_with("{\"recovered\":[{\"operation\":\"op-3\",\"fleet\":\"web-prod\",\"outcome\":"), "{}", json.out);
    }
}
