//! Marks, sheets of several fleets, rehearsals, drift, and the releases to choose from.

use super::{Session, frame};
use crate::app::message::Reply;
use crate::app::{Effect, Message, Model, fixture};
use crate::domain::time::Millis;
use crate::operation::drift::{Drift, DriftKind};
use crate::operation::intent::Intent;
use crate::operation::ledger::{How, KnownRelease, Mark};
use crate::operation::plan::{Friction, Refusal};
use crate::operation::status::{FleetState, FleetStatus};

fn fleet<'a>(model: &'a mut Model, name: &str) -> &'a mut FleetStatus {
    let estate = model.estate.as_mut().unwrap();
    estate.value.fleets.iter_mut().find(|status| status.spec.name.as_str() == name).unwrap()
}

fn drifted() -> Session {
    let mut session = Session::with(None);
    session.model.detail = None;
    let since = Some(session.model.clock.world.minus(Millis::mins(50)));
    let status = fleet(&mut session.model, "web-prod");
    status.state = FleetState::Drifted;
    status.drift = vec![
        Drift {
            kind: DriftKind::Weights,
            subject: "web-prod".to_owned(),
            expected: "a 100, b 0 by op-7".to_owned(),
            found: "the weights are a 90, b 10".to_owned(),
            since,
            remedy: "if nobody meant it, set them back; a deploy takes the group that serves for the good one".to_owned(),
        },
        Drift {
            kind: DriftKind::Template,
            subject: "web-prod-b".to_owned(),
            expected: "version 4 of lt-0b by op-7".to_owned(),
            found: "launches $Latest of lt-0b".to_owned(),
            since: None,
            remedy: "if nobody meant it, pin the group to version 4 again; if it is a release, deploy it as one".to_owned(),
        },
    ];
    session
}

/// web-prod and api-prod are marked and their sheet is open.
fn two_marked() -> Session {
    let mut session = Session::with(None);
    fleet(&mut session.model, "api-prod").state = FleetState::Degraded { bad: 3 };
    session.press("g");
    for name in ["web-prod", "api-prod"] {
        session.model.fleet = Some(name.into());
        session.press_now(" ");
    }
    session.press("R");
    session
}

fn answer(session: &mut Session, name: &str, plan: Result<crate::operation::plan::Plan, Refusal>) {
    let no = session.newest(|effect| if let Effect::PlanMany { no, .. } = effect { Some(*no) } else { None });
    let plan = plan.map(|plan| Box::new(crate::operation::plan::Plan { fleet: name.into(), ..plan })).map_err(Into::into);
    session.take(Message::Reply { no, reply: Reply::PlannedOne(name.into(), plan) });
}

fn planned() -> Session {
    let mut session = two_marked();
    answer(&mut session, "web-prod", Ok(fixture::rollback_plan()));
    answer(&mut session, "api-prod", Ok(fixture::rollback_plan()));
    session.wait(Millis::secs(1));
    session
}

fn releases() -> Session {
    let mut session = Session::with(None);
    let now = session.model.clock.world;
    let known = |version: &str, image: &str, days: u64, marked: Option<&str>| KnownRelease {
        release: crate::domain::release::Release { image: image.into(), ..fixture::release(version, "web-prod") },
        stable_at: now.minus(Millis::mins(24 * 60 * days)),
        how: How::Deployed,
        marked: marked.map(|reason| Mark { by: "ann@bastion".into(), reason: Some(reason.into()), at: now }),
    };
    let listed: Vec<String> = session.model.images().iter().map(|status| status.image.id.to_string()).collect();
    let all = [known("2.12.0", &listed[1], 3, None), known("2.11.0", &listed[2], 9, Some("it leaks")), known("2.10.0", "ami-0999", 40, None)];
    fleet(&mut session.model, "web-prod").releases = all.to_vec();
    session.press("R v");
    session
}

#[test]
fn ways_back_at_three_sizes() {
    let mut rehearsed = Session::with(None);
    rehearsed.press("R").planned(Ok(fixture::rollback_plan())).wait(Millis::secs(1)).press("h");
    finish_rehearsal(&mut rehearsed);
    let mut open = drifted();
    open.press("enter");
    let scenes = [
        ("main_drifted", drifted()),
        ("fleet_drifted", open),
        ("sheet_several", planned()),
        ("sheet_rehearsed", rehearsed),
        ("picker_releases", releases()),
    ];
    for (name, session) in scenes {
        for (width, height) in [(44, 4), (80, 24), (160, 45)] {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), frame(&session.model, width, height));
        }
    }
}

fn finish_rehearsal(session: &mut Session) {
    let no = session.newest(|effect| if let Effect::Rehearse { no, .. } = effect { Some(*no) } else { None });
    let rehearsal = fixture::rehearsal(&fixture::rollback_plan());
    session.take(Message::Reply { no, reply: Reply::Rehearsed("web-prod".into(), Ok(Box::new(rehearsal))) });
}

#[test]
fn the_number_of_fleets_is_typed_before_any_of_them_is_rolled_back() {
    let mut session = planned();
    session.press("y").expect("type their number first");
    assert!(!session.changed());
    session.press("t").type_text("3").press("enter y").expect("type their number first");
    assert!(!session.changed());
    session.press("t backspace").type_text("2").press("enter y");
    let orders: Vec<String> = session
        .effects
        .iter()
        .find_map(|effect| if let Effect::ExecuteMany { orders, .. } = effect { Some(orders) } else { None })
        .expect("it was confirmed")
        .iter()
        .map(|(intent, _)| intent.fleet().to_string())
        .collect();
    assert_eq!(orders, ["api-prod", "web-prod"], "the worst comes first");
    assert!(session.model.marked.is_empty(), "what is on its way is not marked any more");
    session.press("y");
    assert_eq!(session.effects.iter().filter(|effect| effect.changes()).count(), 1);
}

#[test]
fn one_refusal_stops_no_other_and_what_became_of_each_stays_readable() {
    let mut session = planned();
    session.press("t").type_text("2").press("enter y");
    let no = session.newest(|effect| if let Effect::ExecuteMany { no, .. } = effect { Some(*no) } else { None });
    let refused = Err(Refusal::new("another operation holds it", "look at it").into());
    session.take(Message::Reply { no, reply: Reply::ExecutedOne("api-prod".into(), refused) }).expect("waiting for the answers");
    session.take(Message::Reply { no, reply: Reply::ExecutedOne("web-prod".into(), Ok("op-9".into())) });
    session.expect("1 under way, 1 refused").expect("op-9 goes on without this screen").expect("refused: another operation holds it");
    session.press("esc").expect("FLEETS");
}

#[test]
fn what_goes_against_advice_is_left_out_of_several() {
    let mut session = two_marked();
    let dangerous = crate::operation::plan::Plan { friction: Friction::Typed { because: "it is marked bad".into() }, ..fixture::rollback_plan() };
    answer(&mut session, "web-prod", Ok(dangerous));
    session.expect("Making 2 plans");
    answer(&mut session, "api-prod", Err(Refusal::new("no way back", "deploy")));
    session.wait(Millis::secs(1)).expect("0 of 2 fleets").expect("left out: it is marked bad").press("y").expect("nothing to confirm");
    assert!(!session.changed());
}

#[test]
fn what_is_for_one_fleet_is_refused_while_several_are_marked_and_esc_takes_the_marks_off() {
    let mut session = Session::with(None);
    session.press_now(" ").press("D");
    assert!(session.model.sheet.is_none() && session.model.picker.is_none());
    session.expect("esc takes the marks off").press("esc");
    session.model.fleet = Some("web-prod".into());
    session.press("D");
    assert!(session.model.picker.is_some());
}

#[test]
fn marked_deploys_back_out_together() {
    let mut session = Session::with(Some(fixture::holding()));
    for name in ["web-prod", "api-prod"] {
        session.model.fleet = Some(name.into());
        session.press_now(" ");
    }
    session.press("A").wait(Millis::secs(1)).expect("1 of 2 fleets have a deploy that can back out").expect("no deploy is at work");
    session.press("t").type_text("1").press("enter y");
    assert!(matches!(session.effects.last(), Some(Effect::CommandMany { errands, .. }) if errands.len() == 1));
}

#[test]
fn a_rehearsal_changes_nothing_and_its_result_stays_on_the_sheet() {
    let mut session = Session::with(None);
    session.press("R").planned(Ok(fixture::rollback_plan())).wait(Millis::secs(1)).press("h").expect("Trying it out");
    finish_rehearsal(&mut session);
    session.expect("proved, ready for the first write");
    assert!(!session.changed());
    assert!(matches!(session.effects.last(), Some(Effect::Rehearse { intent: Intent::Rollback { to: None, .. }, .. })));
}

#[test]
fn another_target_is_chosen_among_releases_that_were_stable() {
    let mut session = releases();
    session.expect("bad: it leaks").expect("GONE").press("j enter");
    let asked = session.effects.iter().rev().find_map(|effect| match effect {
        Effect::MakePlan { intent: Intent::Rollback { to, .. }, .. } => to.clone(),
        _ => None,
    });
    assert_eq!(asked, Some(session.model.images()[2].image.id.to_string()));
}
