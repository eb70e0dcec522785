//! The main view at normal size.
//!
//! ```text
//! ┌─ IMAGES ─┐┏━ FLEETS ━━━━━━━━━━━━━━━━━━━┓
//! │          │┃                            ┃
//! └──────────┘┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//!  the selected fleet, three lines
//!  ──────────────────────────────────────────
//!  OPS  what is at work
//!  the newest event
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row};
use super::theme::Tone;
use super::{first, fleets, images, strip, text};
use crate::app::model::Model;

/// Lines below the panes.
const BELOW: u16 = 6;

/// Draws it.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let panes = paint::lines(area, 0, area.height.saturating_sub(BELOW));
    side_by_side(model, paint, panes);
    let below = paint::lines(area, panes.height, BELOW);
    if model.credentials_gone.is_some() {
        return paint.rows(below, &credentials(model, paint, usize::from(area.width)));
    }
    let strip = strip::fleet(model, paint, usize::from(area.width));
    paint.rows(paint::lines(below, 0, 3), &strip);
    paint.rule(below, 3);
    let operations = strip::operations(model, paint);
    paint.row(below, 4, &operations);
    paint.row(below, 5, &strip::last_event(model));
}

/// How credentials come back, in place of what would only be old.
pub fn credentials(model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let lines = first::back_again(model).into_iter().flat_map(|line| text::wrap(&line, columns.saturating_sub(4)));
    let mark = paint.glyphs.waits;
    lines.enumerate().map(|(at, line)| paint::toned(format!(" {} {line}", if at == 0 { mark } else { " " }), Tone::Waits)).collect()
}

/// Images and fleets; what is spare goes to the fleets.
pub fn side_by_side(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let left = (area.width * 3 / 10).clamp(28, 48).min(area.width);
    let (images_area, fleets_area) = split(area, left);
    images::draw(model, paint, images_area);
    fleets::draw(model, paint, fleets_area);
}

/// An area in two, the left one `left` wide.
pub const fn split(area: Rect, left: u16) -> (Rect, Rect) {
    let left_area = Rect { width: left, ..area };
    let right_area = Rect { x: area.x.saturating_add(left), width: area.width.saturating_sub(left), ..area };
    (left_area, right_area)
}
