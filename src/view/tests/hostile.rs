//! Names from outside reach the terminal only with what it would obey made visible.

use super::{Session, buffer, life};
use crate::app::message::Reply;
use crate::app::{Effect, Message, fixture, image_fixture};
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::ids::FleetName;
use crate::domain::text::is_treacherous;
use crate::domain::time::Millis;
use crate::operation::event::{CallOutcome, EventBody};
use crate::ports::desk::DeskError;

const HOSTILE: &str = "a\x1b]0;x\x07\u{202e}b\u{200b}";

fn hostile_session() -> Session {
    let mut session = Session::with(Some(fixture::holding()));
    let mut estate = fixture::estate();
    for fleet in &mut estate.fleets {
        fleet.spec.name = FleetName::from(HOSTILE);
        fleet.way_back.blockers = vec![HOSTILE.into()];
        fleet.mix.iter_mut().for_each(|part| part.label = HOSTILE.into());
        fleet.groups.iter_mut().for_each(|group| group.version = Some(HOSTILE.into()));
    }
    for image in &mut estate.images {
        image.image.version = Some(HOSTILE.into());
    }
    estate.gaps = vec![HOSTILE.into()];
    session.take(Message::Tick).wait(crate::domain::time::Millis::secs(20)).take(Message::Tick);
    let no = session.newest(|effect| if let Effect::ReadEstate { no } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Estate(Ok(Box::new(estate))) });
    session.model.header.place = HOSTILE.into();
    session
}

fn assert_tame(session: &Session) {
    for (width, height) in [(44, 4), (80, 24), (160, 45)] {
        let shown = buffer(&session.model, width, height);
        let raw = shown.content().iter().flat_map(|cell| cell.symbol().chars()).find(|c| is_treacherous(*c));
        assert_eq!(raw, None);
    }
}

#[test]
fn hostile_names_never_reach_the_buffer_raw() {
    let mut session = hostile_session();
    assert_tame(&session);
    for keys in ["w", "w", "d", "esc", "enter", "m", "esc", "w", "w", "esc", "tab", "D", "esc", "R"] {
        session.press(keys);
        assert_tame(&session);
    }
    let mut plan = fixture::rollback_plan();
    plan.to.version = Some(HOSTILE.into());
    plan.differences = vec![HOSTILE.into()];
    plan.checks.iter_mut().for_each(|check| check.text = HOSTILE.into());
    session.planned(Ok(plan));
    assert_tame(&session);
    session.press("r").planned(Err(DeskError::other(HOSTILE, HOSTILE)));
    assert_tame(&session);
    assert!(session.screen().contains("\\u{1b}"), "{}", session.screen());
}

/// The body of a refusal is the cloud's, or that of whoever answers in its place: a proxy, a portal.
#[test]
fn the_words_of_a_refusal_never_reach_the_buffer_raw() {
    let mut view = fixture::holding();
    for event in &mut view.events {
        if let EventBody::CallEnded { outcome, .. } = &mut event.body {
            *outcome = CallOutcome::Refused { kind: CloudErrorKind::Denied, message: HOSTILE.into() };
        }
    }
    let mut session = Session::with(Some(view));
    session.wait(Millis::secs(16)).take(Message::Tick);
    let refusal = || DeskError::Cloud(CloudError::new(CloudErrorKind::Denied, "DescribeInstances", HOSTILE));
    let no = session.newest(|effect| if let Effect::ReadEstate { no } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Estate(Err(refusal())) });
    for keys in ["!", "esc", ";", "w", "c", "esc", "w", "esc", "enter", "esc", ",", "esc", "R"] {
        session.press(keys);
        assert_tame(&session);
    }
    session.planned(Err(refusal())).expect("\\u{1b}");
    assert_tame(&session);
    session.press("esc !");
    let copied: String = crate::app::copying::menu(&session.model).unwrap().items.iter().map(|item| item.text.replace('\n', "")).collect();
    assert!(copied.contains("\\u{1b}") && !copied.chars().any(is_treacherous), "{copied:?}");
}

#[test]
fn what_is_told_of_images_never_reaches_the_buffer_raw() {
    let mut story = image_fixture::blocked_story();
    story.labels.values_mut().for_each(|(label, _)| *label = HOSTILE.into());
    story.problems = vec![HOSTILE.into()];
    story.history.iter_mut().for_each(|entry| entry.reason = Some(HOSTILE.into()));
    story.image.origin.owner = Some(HOSTILE.into());
    if let Some(work) = &mut story.work {
        work.gaps = vec![HOSTILE.into()];
        work.fleets.iter_mut().filter_map(|work| work.good.as_mut()).for_each(|good| good.version = Some(HOSTILE.into()));
    }
    let mut session = life::opened(None, "G", story);
    for keys in ["j", "tab", "d", "esc", "c", "esc"] {
        assert_tame(&session);
        session.press(keys);
    }
    let mut session = life::old_images();
    if let Some(plan) = &mut session.model.retention.plan {
        plan.value.obstacles = vec![HOSTILE.into()];
        plan.value.images.iter_mut().for_each(|image| (image.label, image.app) = (HOSTILE.into(), Some(HOSTILE.into())));
        plan.value.images.iter_mut().flat_map(|image| &mut image.snapshots).for_each(|snapshot| snapshot.stays = Some(HOSTILE.into()));
    }
    assert_tame(&session);
    assert!(session.screen().contains("\\u{1b}"), "{}", session.screen());
}
