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
use crate::app::model::{Model, Pane};

/// Lines below the panes.
const BELOW: u16 = 6;

/// Draws it.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let panes = panes(area);
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

/// Where images and fleets are.
pub fn panes(area: Rect) -> Rect {
    paint::lines(area, 0, area.height.saturating_sub(BELOW))
}

/// How credentials come back, in place of what would only be old.
pub fn credentials(model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let lines = first::back_again(model).into_iter().flat_map(|line| text::wrap(&line, columns.saturating_sub(4)));
    let mark = paint.glyphs.waits;
    lines.enumerate().map(|(at, line)| paint::toned(format!(" {} {line}", if at == 0 { mark } else { " " }), Tone::Waits)).collect()
}

/// Images and fleets; what is spare goes to the fleets.
pub fn side_by_side(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let (images_area, fleets_area) = halves(model, area);
    if images_area.width > 0 {
        images::draw(model, paint, images_area);
    }
    if fleets_area.width > 0 {
        fleets::draw(model, paint, fleets_area);
    }
}

/// The pane of the images and that of the fleets. One of them has it all if that was asked for.
pub fn halves(model: &Model, area: Rect) -> (Rect, Rect) {
    if model.wide {
        return split(area, if model.pane == Pane::Images { area.width } else { 0 });
    }
    split(area, (area.width * 3 / 10).clamp(28, 48).min(area.width))
}

/// An area in two, the left one `left` wide.
pub const fn split(area: Rect, left: u16) -> (Rect, Rect) {
    let left_area = Rect { width: left, ..area };
    let right_area = Rect { x: area.x.saturating_add(left), width: area.width.saturating_sub(left), ..area };
    (left_area, right_area)
}
