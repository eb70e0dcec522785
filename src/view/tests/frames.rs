//! What the screens look like.

use super::frame;
use super::sizes::scenes;

#[test]
fn screens_at_three_sizes() {
    for (name, model) in scenes() {
        for (width, height) in [(44, 4), (80, 24), (160, 45)] {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), frame(&model, width, height));
        }
    }
}

#[test]
fn tones_are_seen_without_colour_too() {
    use crate::app::model::Colours;
    use ratatui::style::Color;
    for (_, mut model) in scenes() {
        model.look.colours = Colours::None;
        let buffer = super::buffer(&model, 80, 24);
        assert!(buffer.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    }
}

#[test]
fn a_frame_at_the_same_moment_is_the_same_frame() {
    for (_, model) in scenes() {
        let later = {
            let mut later = model.clone();
            later.clock.boot = later.clock.boot.plus(crate::domain::time::Millis::secs(3));
            later
        };
        assert_eq!(super::buffer(&model, 80, 24), super::buffer(&later, 80, 24), "three seconds alone change nothing but countdowns");
    }
}
