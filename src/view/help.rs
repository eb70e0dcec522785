//! What every key does, from the one table of commands; what is off says why.

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::theme::Tone;
use crate::app::commands::{COMMANDS, Command, Group};
use crate::app::model::Model;
use crate::app::prospects::hindrance;

/// Draws it.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let inside = paint.boxed(area, "KEYS", "j k scroll  esc back", true);
    list(model, paint, inside);
}

/// The table from the model's scroll position on.
pub fn list(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let all = rows(model);
    let first = model.scroll.min(all.len().saturating_sub(usize::from(area.height)));
    paint.rows(area, all.get(first..).unwrap_or_default());
}

fn rows(model: &Model) -> Vec<Row> {
    let mut rows = Vec::new();
    for group in Group::ALL {
        rows.push(paint::toned(format!(" {}", group.title()), Tone::Strong));
        rows.extend(COMMANDS.iter().filter(|command| command.group == group).map(|command| row(model, command)));
    }
    rows
}

fn row(model: &Model, command: &Command) -> Row {
    let mut row = vec![piece(format!("   {:<10}", model.keymap.shown(command.id)), Tone::Key), piece(command.about, Tone::Plain)];
    if let Some(reason) = hindrance(model, command.id) {
        row.push(piece(format!("  (off: {reason})"), Tone::Waits));
    }
    row
}
