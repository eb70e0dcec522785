//! What every key does here, from the one table of commands: it can be searched, and enter runs what is under the cursor.
//!
//! ```text
//! ┏━ KEYS here ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ / search ━┓
//! ┃ Change production: each opens a plan sheet                    ┃
//! ┃>  R         roll the fleet back to its last known good release┃
//! ┃   P         skip the rest of this step's wait  (off: no oper… ┃
//! ┃ everything about the one under the cursor                     ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::commands::{self, Command};
use crate::app::model::Model;
use crate::app::prospects::hindrance;
use crate::app::rows;

/// Draws it.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let filter = model.filters.help.text();
    let title = if filter.is_empty() { "KEYS".to_owned() } else { format!("KEYS / {filter}") };
    let note = format!("{} runs it  {} search", model.keymap.first(commands::CommandId::Open), model.keymap.first(commands::CommandId::Filter));
    let inside = paint.boxed(area, &title, &note, true);
    // In a low terminal the list matters more than the words below it.
    let below = if inside.height >= 12 { 2 } else { 0 };
    list(model, paint, paint::lines(inside, 0, inside.height - below));
    let about = about(model, usize::from(inside.width));
    paint.rows(paint::lines(inside, inside.height - below, below), &about);
}

/// The table around the command under the cursor.
pub fn list(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let selected = rows::selected_command(model);
    let all = lines(model);
    if all.is_empty() {
        return paint.row(
            area,
            0,
            &paint::toned(format!(" no key does that: {} clears the search", model.keymap.first(commands::CommandId::Back)), Tone::Unknown),
        );
    }
    let at = |line: &Line| matches!(line, Line::Key(command) if selected.is_some_and(|selected| selected.id == command.id));
    let position = all.iter().position(at).unwrap_or(0);
    let first = paint::first_shown(position, all.len(), usize::from(area.height));
    for (y, (index, line)) in (0..area.height).zip(all.iter().enumerate().skip(first)) {
        let row = match line {
            Line::Title(title) => paint::toned(format!(" {title}"), Tone::Strong),
            Line::Key(command) => key_row(model, command, index == position),
        };
        paint.row(area, y, &row);
        if index == position {
            paint.cursor(area, y);
        }
    }
}

/// A line of the help.
enum Line {
    Title(&'static str),
    Key(&'static Command),
}

/// Commands that can be pressed where the help was opened, by group; then the rest.
fn lines(model: &Model) -> Vec<Line> {
    let place = commands::place_below(model);
    let mut lines = Vec::new();
    let mut last = "";
    for command in rows::help(model) {
        let title = if command.places.has(place) { command.group.title() } else { "In other views" };
        if title != last {
            lines.push(Line::Title(title));
            last = title;
        }
        lines.push(Line::Key(command));
    }
    lines
}

fn key_row(model: &Model, command: &Command, chosen: bool) -> Row {
    let lead = if chosen { ">" } else { " " };
    let mut row = vec![piece(format!("{lead}  {:<13} ", model.keymap.shown(command.id)), Tone::Key), piece(command.about, Tone::Plain)];
    if let Some(reason) = off(model, command) {
        row.push(piece(format!("  (off: {reason})"), Tone::Waits));
    }
    row
}

/// Why it cannot be pressed where the help was opened.
fn off(model: &Model, command: &Command) -> Option<String> {
    if command.places.has(commands::place_below(model)) { hindrance(model, command.id) } else { None }
}

/// What the row under the cursor has no room for.
fn about(model: &Model, columns: usize) -> Vec<Row> {
    let Some(command) = rows::selected_command(model) else { return Vec::new() };
    let off = off(model, command).map(|reason| format!(". Off now: {reason}")).unwrap_or_default();
    let text = format!("{}: {}{off}", command.name, command.about);
    text::wrap(&text, columns.saturating_sub(2)).into_iter().map(|line| paint::toned(format!(" {line}"), Tone::Dim)).collect()
}
