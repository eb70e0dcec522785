//! Errors and operations that stopped: they stay until they are read; enter jumps to the fleet.

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::theme::Tone;
use crate::app::alert::Alert;
use crate::app::model::Model;

/// Draws them.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let unread = format!("{} unread", model.inbox.unread());
    let inside = paint.boxed(area, "ALERTS newest first", &unread, true);
    list(model, paint, inside);
}

/// The list, two lines each.
pub fn list(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let all = model.inbox.all();
    if all.is_empty() {
        return paint.row(area, 0, &paint::toned(" nothing went wrong in this session", Tone::Dim));
    }
    let selected = model.selected_alert().map(|alert| alert.id);
    let position = all.iter().position(|alert| Some(alert.id) == selected).unwrap_or(0);
    let room = usize::from(area.height / 2).max(1);
    let first = paint::first_shown(position, all.len(), room);
    for (slot, alert) in (0..area.height / 2 + 1).zip(all.iter().skip(first)) {
        let chosen = Some(alert.id) == selected;
        paint.row(area, slot * 2, &head(alert, chosen));
        paint.row(area, slot * 2 + 1, &paint::toned(format!("           {}", alert.hint), Tone::Dim));
        if chosen {
            paint.cursor(area, slot * 2);
        }
    }
}

fn head(alert: &Alert, chosen: bool) -> Row {
    let lead = if chosen { ">" } else { " " };
    let unread = if alert.read { " " } else { "!" };
    let times = if alert.times > 1 { format!("  ({} times)", alert.times) } else { String::new() };
    vec![
        piece(format!("{lead}{unread}{} ", alert.at.clock()), Tone::Plain),
        piece(alert.text.clone(), if alert.read { Tone::Plain } else { Tone::Bad }),
        piece(times, Tone::Dim),
    ]
}
