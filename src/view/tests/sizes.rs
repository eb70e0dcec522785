//! No size makes it panic, whatever is open.

use std::sync::LazyLock;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Session, alerts, bakes, frame, ground, life};
use crate::app::message::Reply;
use crate::app::{Effect, Message, Model, bake_fixture, fixture, fixture_slow, image_fixture};
use crate::domain::time::Millis;
use crate::view::paint::Paint;

/// Every screen there is, with something on it.
pub fn scenes() -> Vec<(&'static str, Model)> {
    SCENES.clone()
}

static SCENES: LazyLock<Vec<(&'static str, Model)>> = LazyLock::new(staged);

fn staged() -> Vec<(&'static str, Model)> {
    let scene = |view, keys: &str| {
        let mut session = Session::with(view);
        if !keys.is_empty() {
            session.press(keys);
        }
        session
    };
    let planned = |mut session: Session, plan| {
        session.planned(Ok(plan));
        session.model
    };
    let read = |view: crate::operation::record::OperationView| {
        let mut session = scene(Some(view.clone()), "enter");
        let no = session.newest(|effect| if let Effect::ReadFleet { no, .. } = effect { Some(*no) } else { None });
        let mut detail = fixture::detail(&view);
        detail.unknowns = vec!["target health b: throttled".into()];
        session.take(Message::Reply { no, reply: Reply::Fleet("web-prod".into(), Ok(Box::new(detail))) });
        session.model
    };
    let frozen = |mut model: Model| {
        let estate = model.estate.as_mut().unwrap();
        for fleet in &mut estate.value.fleets {
            fleet.freezes = vec![fixture::freeze(None, Millis::mins(180))];
        }
        model
    };
    vec![
        ("blank", fixture::blank(80, 24)),
        ("main", scene(None, "").model),
        ("main_holding", scene(Some(fixture::holding()), "").model),
        ("fleet_canary", scene(Some(fixture::canary()), "enter").model),
        ("fleet_holding", read(fixture::holding())),
        ("fleet_judged", read(fixture_slow::slow())),
        ("fleet_judged_metrics", scene(Some(fixture_slow::slow()), "enter m").model),
        ("fleet_paused", scene(Some(fixture::paused()), "enter").model),
        ("fleet_rollback", scene(Some(fixture::rollback()), "enter").model),
        ("fleet_idle", scene(None, "enter").model),
        ("sheet_deploy", planned(scene(None, "tab j D"), fixture::deploy_plan())),
        ("sheet_rollback", planned(scene(Some(fixture::canary()), "R"), fixture::rollback_plan())),
        ("sheet_promote", scene(Some(fixture::holding()), "P y").model),
        ("picker", scene(None, "D").model),
        ("activity", scene(Some(fixture::holding()), ";").model),
        ("alerts", scene(Some(fixture::holding()), "!").model),
        ("alerts_suspects", alerts::suspected().model),
        ("help", scene(None, "?").model),
        ("palette", scene(Some(fixture::holding()), ": w e b").model),
        ("copy", scene(Some(fixture::holding()), "c j").model),
        ("image", life::opened(Some(fixture::holding()), "G k k", image_fixture::story("ami-0214")).model),
        ("image_unread", scene(None, "tab G enter").model),
        ("image_blocked", life::blocked().model),
        ("image_lineage", life::blocked().press("tab j").clone_model()),
        ("image_record", life::opened(None, "G k k", image_fixture::story("ami-0214")).press("d").clone_model()),
        ("old_images", life::old_images().model),
        ("sheet_block", life::blocking().model),
        ("activity_filtered", scene(Some(fixture::holding()), "; v n").model),
        ("help_searched", scene(Some(fixture::holding()), "? / r o l l enter").model),
        ("main_filtered", scene(Some(fixture::holding()), "/ p r o d").model),
        ("main_linked", scene(Some(fixture::canary()), "tab G k").model),
        ("sources", {
            let mut session = scene(Some(fixture::holding()), ",");
            ground::told(&mut session);
            session.model
        }),
        ("credentials_gone", ground::without_credentials().model),
        ("first_run", ground::first_run().model),
        ("main_whole", scene(Some(fixture::canary()), "w").model),
        ("fleet_servers", {
            let mut model = read(fixture::holding());
            model.wide = true;
            model
        }),
        ("fleet_describe", scene(Some(fixture::holding()), "d").model),
        ("fleet_metrics", scene(Some(fixture::holding()), "enter m").model),
        ("activity_marked", scene(Some(fixture::holding()), "; space space w").model),
        ("help_over_sheet", planned(scene(Some(fixture::canary()), "R ?"), fixture::rollback_plan())),
        ("sheet_freeze", scene(None, "F v").model),
        ("main_frozen", frozen(scene(Some(fixture::canary()), "").model)),
        ("bakes", bakes::list(vec![bake_fixture::at_work(), bake_fixture::failed(), bake_fixture::succeeded()]).model),
        ("bakes_none", bakes::list(Vec::new()).model),
        ("bake", bakes::opened(bake_fixture::at_work()).model),
        ("bake_failed", bakes::opened(bake_fixture::failed()).model),
        ("bake_done", bakes::opened(bake_fixture::succeeded()).model),
        ("bake_log_searched", bakes::searched("w enter").model),
        ("main_baking", bake_fixture::model(vec![bake_fixture::at_work()])),
        ("sheet_bake", bakes::planned().model),
        ("sheet_rebake", bakes::list(Vec::new()).press("U").clone_model()),
        ("sheet_abort", bakes::opened(bake_fixture::at_work()).press("A").clone_model()),
        ("fleet_frozen", frozen(scene(None, "enter").model)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_size_is_drawn(width in 1..=300_u16, height in 1..=100_u16, scene in 0..100_usize, ascii in any::<bool>()) {
        let mut model = SCENES[scene % SCENES.len()].1.clone();
        model.look.ascii = ascii;
        model.size = (width, height);
        let (boxes, frame) = boxes(&model, width, height);
        for (at, area) in boxes.iter().enumerate() {
            prop_assert_eq!(area.intersection(frame), *area, "outside of {}x{}", width, height);
            for other in boxes.iter().skip(at + 1) {
                prop_assert!(!area.intersects(*other), "{:?} and {:?} at {}x{}", area, other, width, height);
            }
            // Where am I, what needs a person, the answer to the last key and the keys are never covered.
            prop_assert!(area.y >= 2 && area.bottom() <= height - 2, "{:?} at {}x{}", area, width, height);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_storm_of_resizes_and_keys_leaves_a_screen(storm in prop::collection::vec((1..=300_u16, 1..=100_u16, 0..12_usize), 1..20)) {
        let keys = ["j", "k", "enter", "esc", "tab", "?", ";", ":", "w", "/", "c", "-"];
        let mut session = Session::with(Some(fixture::holding()));
        for (width, height, key) in storm {
            session.take(Message::Resized { width, height });
            session.press(keys[key]);
            prop_assert_eq!(session.model.size, (width, height));
            frame(&session.model, width, height);
        }
        prop_assert!(!session.changed());
    }
}

/// The boxes a scene draws, and the frame they are in.
fn boxes(model: &Model, width: u16, height: u16) -> (Vec<Rect>, Rect) {
    let area = Rect { x: 0, y: 0, width, height };
    let mut buffer = Buffer::empty(area);
    let mut paint = Paint::new(&mut buffer, model.look);
    crate::view::draw(model, &mut paint, area);
    (paint.boxes, area)
}

#[test]
fn every_scene_survives_the_small_and_the_border_sizes() {
    for (_, model) in scenes() {
        for width in [1, 2, 3, 10, 43, 44, 45, 79, 80, 139, 140, 300] {
            for height in [1, 2, 3, 4, 5, 8, 23, 24, 35, 36, 100] {
                frame(&model, width, height);
            }
        }
    }
}

#[test]
fn ascii_means_ascii() {
    for (name, mut model) in scenes() {
        model.look.ascii = true;
        for (width, height) in [(44, 4), (80, 24), (160, 45)] {
            let shown = frame(&model, width, height);
            assert!(shown.is_ascii(), "{name}: {:?}", shown.chars().find(|c| !c.is_ascii()));
        }
    }
}

#[test]
fn too_small_a_terminal_says_so() {
    let shown = frame(&fixture::model_with(None, 43, 24), 43, 24);
    assert!(shown.contains("Too small") && shown.contains("44x4"), "{shown}");
}
