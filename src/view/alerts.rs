//! Errors and operations that stopped: they stay until they are read; enter jumps to the cause.
//!
//! ```text
//! ┏━ ALERTS newest first ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 2 unread ━┓
//! ┃>!03:12:07 web-prod canary holding: the judge fails weight 25%…   ┃
//! ┃  03:09:55 reading fleets: throttled                              ┃
//! ┃                                                                  ┃
//! ┃ the one under the cursor in full, and what to do about it        ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::alert::Alert;
use crate::app::commands::CommandId;
use crate::app::model::Model;

/// Lines about the alert under the cursor.
const BELOW: u16 = 6;

/// Draws them.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let note = format!("{} unread of {}", model.inbox.unread(), model.inbox.all().len());
    let inside = paint.boxed(area, "ALERTS newest first", &note, true);
    let below = if inside.height >= 12 { BELOW } else { 0 };
    list(model, paint, paint::lines(inside, 0, inside.height - below), 1);
    let about = model.selected_alert().map(|alert| about(alert, &model.keymap.first(CommandId::Open), usize::from(inside.width))).unwrap_or_default();
    paint.rows(paint::lines(inside, inside.height - below, below), &about);
}

/// The list, one line each, or two with what to do about it.
pub fn list(model: &Model, paint: &mut Paint<'_>, area: Rect, each: u16) {
    let all = model.inbox.all();
    if all.is_empty() {
        return paint.row(area, 0, &paint::toned(" nothing went wrong in this session", Tone::Dim));
    }
    let selected = model.selected_alert().map(|alert| alert.id);
    let position = all.iter().position(|alert| Some(alert.id) == selected).unwrap_or(0);
    let room = usize::from(area.height / each).max(1);
    let first = paint::first_shown(position, all.len(), room);
    for (slot, alert) in (0..=area.height / each).zip(all.iter().skip(first)) {
        let chosen = Some(alert.id) == selected;
        paint.row(area, slot * each, &head(alert, chosen));
        if each > 1 {
            paint.row(area, slot * each + 1, &paint::toned(format!("           {}", alert.hint), Tone::Dim));
        }
        if chosen {
            paint.cursor(area, slot * each);
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

/// An alert in full, and where opening it leads.
fn about(alert: &Alert, open: &str, columns: usize) -> Vec<Row> {
    let lines = |text: &str, tone: Tone| -> Vec<Row> {
        text::wrap(text, columns.saturating_sub(2)).into_iter().map(|line| paint::toned(format!(" {line}"), tone)).collect()
    };
    let mut rows = vec![Vec::new()];
    rows.extend(lines(&alert.text, Tone::Strong).into_iter().take(3));
    rows.extend(lines(&alert.hint, Tone::Plain).into_iter().take(1));
    let leads = match (&alert.fleet, &alert.bake) {
        (Some(fleet), _) => format!("{open} opens {fleet}"),
        (None, Some(_)) => format!("{open} opens its steps and its log"),
        (None, None) => format!("it is about no single fleet: {open} opens the sources"),
    };
    rows.push(paint::toned(format!(" {leads}"), Tone::Dim));
    rows
}
