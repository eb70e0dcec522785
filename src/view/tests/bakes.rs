//! Bakes: all of them, one with its log, and the sheets that begin and end them.

use super::Session;
use crate::app::bake_fixture::{self, at_work, driverless, failed, lane, log, succeeded};
use crate::app::message::Reply;
use crate::app::{Effect, Message};
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::time::Millis;
use crate::operation::bake::{BakeAnswer, BakeView};
use crate::operation::command::CommandKind;
use crate::ports::desk::DeskError;

fn over(views: Vec<BakeView>) -> Session {
    Session { model: bake_fixture::model(views), effects: Vec::new() }
}

/// The list of bakes, with the recipes read.
pub fn list(views: Vec<BakeView>) -> Session {
    let mut session = over(views);
    session.press("b");
    let no = session.newest(|effect| if let Effect::ReadRecipes { no } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Recipes(Ok(Box::new(lane()))) });
    session
}

/// The page of a bake with its log, which came in two pieces.
pub fn opened(view: BakeView) -> Session {
    let mut session = list(vec![view, succeeded()]);
    session.press("enter");
    let all = log();
    let (first, second) = all.split_at(100);
    for piece in [first, second, b""] {
        logged(&mut session, piece);
    }
    session.finish_work();
    session
}

/// Answers the newest reading of the log.
fn logged(session: &mut Session, bytes: &[u8]) {
    let asked = session.effects.iter().rev().find_map(|effect| match effect {
        Effect::ReadBakeLog { no, id, from } => Some((*no, id.clone(), *from)),
        _ => None,
    });
    let (no, id, from) = asked.expect("the log was asked for");
    session.take(Message::Reply { no, reply: Reply::BakeLog(id, from, Ok(bytes.to_vec())) });
}

/// The log with a search for packages, and these keys after it.
pub fn searched(keys: &str) -> Session {
    let mut session = opened(at_work());
    session.press("/ p o o l enter").finish_work().press(keys).finish_work();
    session
}

/// The sheet of a bake of the web server.
pub fn planned() -> Session {
    let mut session = list(Vec::new());
    session.press("j j B");
    answered(&mut session, Ok(BakeAnswer::Bake(Box::new(bake_fixture::plan("2.18.0")))));
    session
}

fn answered(session: &mut Session, answer: Result<BakeAnswer, DeskError>) {
    let no = session.newest(|effect| if let Effect::PlanBake { no, .. } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::BakePlanned(answer) });
}

fn read(session: &mut Session, views: Vec<BakeView>) {
    session.take(Message::StoreChanged(2));
    let no = session.newest(|effect| if let Effect::ReadBakes { no } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Bakes(Ok(views)) });
}

#[test]
fn a_bake_is_seen_on_the_main_view_and_opened_from_the_list() {
    let mut session = over(vec![at_work()]);
    session.expect("bake web-server 2.18.0").expect("◐ 2.18.0").expect("1 op");
    session.press("b").expect("BAKES newest first").expect("4/9 provision").press("enter");
    session.expect("STEPS 4/9").expect("✓ packages").expect("◐ site.yml").expect("Install nginx").expect("nothing was said yet");
    session.press("esc").expect("BAKES newest first").press("esc").expect("FLEETS");
}

#[test]
fn the_end_of_the_log_is_followed_until_somebody_moves_and_f_follows_again() {
    let mut session = opened(at_work());
    session.expect("54% 4.9/9.0 MB").expect("-- following, 39 lines, f stays --").expect_not("10%").expect_not("@qd1");
    session.press("k").expect("-- line 38 of 39");
    logged_more(&mut session, b"more\n");
    session.expect("-- line 38 of 40").press("f").expect("-- following, 40 lines").expect("more");
    session.press("g").expect("-- line 1 of 40").expect("console of i-07ee19").press("G").expect("-- following");
}

fn logged_more(session: &mut Session, bytes: &[u8]) {
    session.wait(Millis::secs(2)).take(Message::Tick);
    logged(session, bytes);
    session.finish_work();
}

#[test]
fn n_goes_to_what_warns_and_with_a_search_to_what_was_searched() {
    let mut session = opened(at_work());
    session.expect("1 line warns").press("n").expect("[WARNING]: sysctl").expect("-- line 38 of 39");
    session.press("/ p a c k a g e - 7 enter").finish_work().expect("LOG  / package-7  1/1");
    session.press("n").expect("package-7 [9 MB]").press("esc").expect("LOG").expect_not("/ package-7");
    session.press("/ x y z enter").finish_work().expect("No line holds xyz").press("esc").expect("STEPS");
}

#[test]
fn a_search_that_is_still_under_way_jumps_as_soon_as_something_is_found() {
    let mut session = opened(at_work());
    let many: Vec<u8> = (0..60_000).flat_map(|line| format!("line {line} of a long log that somebody follows\n").into_bytes()).collect();
    session.wait(Millis::secs(2)).take(Message::Tick);
    logged(&mut session, &many);
    session.press("g / l i n e space 5 9 9 9 9 enter").expect("-- line 1 of").finish_work().expect("LOG  / line 59999  1/1").expect("-- line 60039");
}

#[test]
fn the_whole_log_is_one_key_away_and_long_lines_can_be_wrapped() {
    let mut session = opened(at_work());
    session.expect_not("before is kept as it was").press("w").expect("before is kept as it was").press("enter").expect_not("STEPS");
    session.expect("LOG wrapped").press("esc").expect("STEPS");
}

#[test]
fn an_answer_for_another_bake_or_another_place_of_the_log_is_not_believed() {
    let mut session = opened(at_work());
    let before = session.model.baking.log.log.bytes().len();
    session.wait(Millis::secs(2)).take(Message::Tick);
    let no = session.newest(|effect| if let Effect::ReadBakeLog { no, .. } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::BakeLog("op-9".into(), 3, Ok(b"twice\n".to_vec())) });
    assert_eq!(session.model.baking.log.log.bytes().len(), before);
    session.press("esc j enter").expect("op-7").expect("nothing was kept of its log");
}

#[test]
fn a_capital_a_aborts_a_bake_and_only_after_y() {
    let mut session = opened(at_work());
    session.press("A").expect("ABORT web-server 2.18.0").expect("its builder, volumes").expect("qd abort op-9").press("enter");
    assert!(!session.changed());
    session.press("y");
    let sent = session
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::Command { kind: CommandKind::BackOut, operation, .. } if operation.as_str() == "op-9"));
    assert!(sent);
    let mut over = opened(failed());
    over.press("A").expect("Not now: it is over");
}

#[test]
fn a_bake_without_a_driver_says_so_and_is_taken_over() {
    let mut session = over(vec![driverless()]);
    session
        .expect("bake web-server 2.18.0 has no driver: T takes it over")
        .expect("! goto")
        .press("!")
        .expect("has no driver any more")
        .press("enter");
    session.expect("Nobody drives it, nothing goes on: T takes it over").press("T y");
    assert!(session.effects.iter().any(|effect| matches!(effect, Effect::TakeOver { .. })));
    let mut driven = opened(at_work());
    driven.press("T").expect("Not now: op-9 has a driver");
}

#[test]
fn how_a_bake_ended_rings_and_waits_in_the_inbox() {
    let mut session = over(vec![at_work()]);
    let mut ended = failed();
    ended.operation.id = "op-9".into();
    read(&mut session, vec![ended]);
    assert!(session.effects.contains(&Effect::Bell));
    session.press("!").expect("bake web-server 2.17.1 failed: site.yml failed with exit status 2").press("enter").expect("✗ 4 provision");
}

#[test]
fn a_recipe_is_baked_with_its_plan_before_ones_eyes() {
    let mut session = planned();
    session.expect("BAKE web-server").expect("plan 5c01d2e3").expect("no fleet is touched").press("enter");
    assert!(!session.changed());
    session.press("y");
    let no = session.newest(|effect| if let Effect::BeginBake { no, .. } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::BakeBegun(Ok("op-9".into())) });
    session.expect("op-9 started. It goes on without this screen").expect("bakes › op-9");
}

#[test]
fn an_image_of_the_same_inputs_is_said_and_v_bakes_it_again() {
    let mut session = list(Vec::new());
    session.press("j j B");
    let image = session.model.images()[0].image.clone();
    answered(&mut session, Ok(BakeAnswer::Reuse { image: Box::new(image), why: "it was baked from the same inputs".into() }));
    session.expect("is there already").press("y").expect("there is nothing to bake: v bakes it again").press("v");
    assert!(matches!(session.effects.last(), Some(Effect::PlanBake { force: true, .. })));
    assert!(!session.changed());
}

#[test]
fn a_capital_b_anywhere_finds_the_recipe_of_what_is_in_front() {
    let mut session = list(vec![failed()]);
    session.press("enter B").expect("Making the plan of web-server");
    let mut main = over(Vec::new());
    main.press("B").expect("Choose a recipe: B bakes it");
    let mut wrong = list(Vec::new());
    wrong.press("G B").expect("Not now: /etc/qd/recipes/worker.toml:7: unknown key 'provisoner'");
}

#[test]
fn everything_behind_its_base_is_baked_anew_with_one_key_and_y() {
    let mut session = list(Vec::new());
    session.expect("2 of 4 behind their base, 1 ?").expect("31d behind").expect("newest base").expect("no image yet");
    session.press("U").expect("BAKE 2 images ANEW").expect("wave 1").expect("--wave 3").press("y");
    let asked =
        session.effects.iter().find_map(|effect| if let Effect::Rebake { recipes, wave, .. } = effect { Some((recipes.len(), *wave)) } else { None });
    assert_eq!(asked, Some((2, 3)));
    let no = session.newest(|effect| if let Effect::Rebake { no, .. } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Commanded(Ok("2 images are baked anew, 3 at a time".into())) });
    session.expect("2 images are baked anew").expect("RECIPES");
}

#[test]
fn what_cannot_be_read_about_bases_is_unknown() {
    let mut session = over(Vec::new());
    session.press("b");
    let no = session.newest(|effect| if let Effect::ReadRecipes { no } = effect { Some(*no) } else { None });
    let error = DeskError::Cloud(CloudError::new(CloudErrorKind::Throttled, "DescribeImages", "Rate exceeded"));
    let unread = crate::app::baking::Lane { behind: Vec::new(), problem: Some((&error).into()), ..lane() };
    session.take(Message::Reply { no, reply: Reply::Recipes(Ok(Box::new(unread))) });
    session.expect("behind: ?").expect("base ?").expect_not("0d").press("U").expect("Not now: ");
}

#[test]
fn a_read_only_screen_bakes_nothing() {
    let mut session = list(vec![at_work()]);
    session.model.header.read_only = true;
    for key in ["A", "B", "U", "T"] {
        session.press(key).expect("Not now: this screen is read-only");
    }
    assert!(!session.changed());
}

#[test]
fn bakes_are_in_the_activity_with_everything_else_and_open_from_there() {
    let mut session = opened(at_work());
    session.press("esc esc ;").expect("EVENTS newest first").expect("web-server").expect("op-9 bake web-server 2.18.0");
    session.press("/").type_text("bake:2.18.0 provision").press("enter").expect("step 4/9 provision: started");
    session.press("enter").expect("STEPS 4/9").press("esc /").type_text("fleet:web").press("enter").expect("nothing passes the filter");
}

#[test]
fn a_bake_and_a_recipe_are_found_by_a_few_letters() {
    let mut session = opened(at_work());
    session.press("esc esc :").type_text("bake web-server").expect("web-server 2.18.0 op-").press("enter").expect("STEPS 4/9");
    session.press(":").type_text("recipe web").press("enter").expect("RECIPES");
}

#[test]
fn waves_that_stop_are_an_alert_and_stay_below_the_recipes() {
    let mut session = list(vec![succeeded()]);
    session.wait(Millis::mins(2)).take(Message::Tick);
    let no = session.newest(|effect| if let Effect::ReadRecipes { no } = effect { Some(*no) } else { None });
    let stopped = crate::app::baking::Lane { stopped: Some("web-packer: Packer is not installed".into()), ..lane() };
    session.take(Message::Reply { no, reply: Reply::Recipes(Ok(Box::new(stopped))) });
    session.expect("‖ the last waves: web-packer: Packer is not installed").expect("! 1").press("!").expect("U bakes what is still behind");
}
