//! The life of images: lineage, what a block leaves to do, the record, and images nobody needs.

use super::Session;
use crate::app::image_fixture::{block_plan, blocked_story, retention, story};
use crate::app::message::Reply;
use crate::app::{Effect, Message};
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::time::Millis;
use crate::operation::image_plan::{ImageStory, WantedChange};
use crate::operation::intent::Intent;
use crate::operation::record::OperationView;
use crate::ports::desk::DeskError;

fn told(session: &mut Session, story: Result<ImageStory, DeskError>) {
    let no = session.newest(|effect| if let Effect::ReadStory { no, .. } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Story(story.map(Box::new)) });
}

/// The image that these keys choose among the images, opened, with what is known of it.
pub fn opened(view: Option<OperationView>, keys: &str, story: ImageStory) -> Session {
    let mut session = Session::with(view);
    session.press("tab").press(keys).press("enter");
    told(&mut session, Ok(story));
    session
}

/// The blocked image with what there is to do.
pub fn blocked() -> Session {
    opened(None, "G", blocked_story())
}

/// What nobody needs.
pub fn old_images() -> Session {
    let mut session = Session::with(None);
    session.press("o");
    let no = session.newest(|effect| if let Effect::ReadRetention { no } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Retention(Ok(Box::new(retention()))) });
    session
}

/// The sheet that blocks 2.14.0.
pub fn blocking() -> Session {
    let mut session = opened(None, "G k k", story("ami-0214"));
    session.press("X");
    let no = session.newest(|effect| if let Effect::PlanImage { no, .. } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::ImagePlanned(Ok(Box::new(block_plan()))) });
    session
}

fn planned(session: &Session) -> Option<(&str, &str)> {
    session.effects.iter().rev().find_map(|effect| match effect {
        Effect::MakePlan { intent: Intent::Deploy { fleet, image, .. }, .. } => Some((fleet.as_str(), image.as_str())),
        _ => None,
    })
}

#[test]
fn a_blocked_image_says_what_there_is_to_do_and_one_key_leads_from_a_row_to_its_deploy_sheet() {
    let mut session = blocked();
    session.expect("WORK it is blocked: it and 2 images made from it").expect("> web-prod").expect("2.16.0, newer, verified");
    session.expect("D deploys 2.16.0 to web-prod; its way back leads to one of them");
    session.press("D").expect("DEPLOY TO web-prod");
    assert_eq!(planned(&session), Some(("web-prod", "ami-0216")), "the nearest good image, not the blocked one");
    session.press("esc j").expect("nothing runs it: the next deploy replaces it").press("D");
    assert_eq!(planned(&session), Some(("admin-prod", "ami-0216")));
    assert!(!session.changed());
}

#[test]
fn where_no_image_is_good_nothing_is_planned_and_that_is_said() {
    let mut session = blocked();
    session.press("G").expect("no image of its application is good: B bakes one").press("D").expect("Not now: ");
    assert_eq!(planned(&session), None);
}

#[test]
fn a_blocked_image_is_never_deployed_while_nobody_knows_what_to_put_in_its_place() {
    let mut session = Session::with(None);
    session.press("tab G enter").expect("reading what there is to do").press("D").expect("is still being read");
    assert_eq!(planned(&session), None);
    told(&mut session, Err(CloudError::new(CloudErrorKind::Throttled, "DescribeImages", "slow down").into()));
    session.expect("what there is to do could not be read").expect("! 1");
}

#[test]
fn the_lineage_names_both_directions_and_opens_what_is_under_its_cursor() {
    let mut session = blocked();
    session.expect("LINEAGE").expect("2 above, 2 below").expect("web-base 3").expect("by tag").expect("BLOCKED AWS").expect("not listed");
    session.press("tab j enter").expect("images › 2.13.2").press("esc").expect("images › 2.12.9");
    session.press("tab g enter").expect("ami-0b01 is not among the listed images");
}

#[test]
fn what_is_known_of_another_image_is_not_shown_for_this_one() {
    let mut session = blocked();
    session.press("esc k k enter").expect("images › 2.14.0").expect("being read").expect_not("WORK");
    let asked =
        session.effects.iter().rev().find_map(|effect| if let Effect::ReadStory { image, .. } = effect { Some(image.as_str()) } else { None });
    assert_eq!(asked, Some("ami-0214"));
}

#[test]
fn the_record_of_an_image_has_who_said_what_and_every_tag() {
    let mut session = opened(None, "G k k", story("ami-0214"));
    session.expect("verified, on stage, pinned").press("d").expect("web 2.14.0 record").expect("ada@bastion-1").expect("release 41");
    session.press("G").expect("qd:commit").press("d").expect("CHANGES");
}

#[test]
fn blocking_takes_a_reason_and_leads_to_what_there_is_to_do() {
    let mut session = blocking();
    session.expect("BLOCK 2.14.0").expect("it and 2 images made from it").expect("web-prod").expect("(y  block it now)").press("y");
    assert!(!session.changed(), "whoever is refused reads the reason");
    session.press("i").type_text("CVE-2026-1181").press("enter y");
    let Some(Effect::ChangeImage { no, wish }) = session.effects.last().cloned() else { panic!("{:?}", session.effects.last()) };
    assert_eq!((wish.change, wish.reason), (WantedChange::Block, Some("CVE-2026-1181".into())));
    session.take(Message::Reply { no, reply: Reply::Commanded(Ok("2.14.0 (ami-0214): blocked".into())) });
    session.expect("images › 2.14.0").expect("blocked");
}

#[test]
fn a_blocked_image_is_unblocked_with_the_same_key() {
    let mut session = blocked();
    session.take(Message::Resized { width: 160, height: 45 }).expect("X unblock").press("X").expect("UNBLOCK 2.12.9");
}

#[test]
fn images_nobody_needs_are_listed_with_what_they_hold_and_why_the_others_stay() {
    let mut session = old_images();
    session.expect("remove 1, 8 GiB").expect("wait 1, 8 GiB").expect("stay 2").expect("nothing is removed now: 2.17.0 (ami-0217) is being made");
    session.expect(">✗ web 2.10.0").expect("snap-2.10.0 goes with it, 8 GiB");
    session.press("j").expect("may go in 2d").press("j").expect("snap-0c stays: ami-0132 stands on it too").press("j").expect("stays: lt-api-prod-a");
    session.press("/").type_text("state:stay why:server").press("enter").expect(">✓ web 2.13.2").expect_not("2.10.0");
    session.press("esc").expect("2.10.0").press("o").expect("FLEETS");
    assert!(!session.changed());
}

#[test]
fn a_listing_that_fails_says_so_and_what_was_found_before_only_grows_older() {
    let mut session = old_images();
    session.wait(Millis::mins(6)).take(Message::Tick);
    let no = session.newest(|effect| if let Effect::ReadRetention { no } = effect { Some(*no) } else { None });
    session
        .take(Message::Reply { no, reply: Reply::Retention(Err(CloudError::new(CloudErrorKind::Throttled, "DescribeImages", "slow down").into())) });
    session.expect("web 2.10.0").expect("6m").expect("! 1");
}

#[test]
fn a_base_names_the_fleets_that_run_what_was_made_from_it() {
    let mut base = blocked_story();
    (base.image.blocked, base.work) = (None, None);
    let mut session = Session::with(None);
    for status in session.model.estate.iter_mut().flat_map(|estate| &mut estate.value.images).filter(|status| status.image.id == base.image.id) {
        (status.image.blocked, status.image.app) = (None, None);
    }
    session.press("tab");
    session.model.image = Some("ami-0129".into());
    session.press("enter");
    told(&mut session, Ok(base));
    session.expect("12 of 12 run what was made from it").expect("is another application's: the two are not compared");
}
