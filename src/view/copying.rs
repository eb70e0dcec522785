//! The copy menu: what can be put into the clipboard, with the beginning of each.

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::commands::CommandId;
use crate::app::copying::{CopyMenu, Copyable};
use crate::app::keymap::Keymap;
use crate::domain::text::counted;

/// Draws the open menu.
pub fn draw(menu: &CopyMenu, keymap: &Keymap, paint: &mut Paint<'_>, area: Rect) {
    let note = format!("{} or its number  esc closes", keymap.first(CommandId::Choose));
    let inside = paint.boxed(area, "COPY", &note, true);
    list(menu, paint, inside);
}

/// The list itself.
pub fn list(menu: &CopyMenu, paint: &mut Paint<'_>, area: Rect) {
    let first = paint::first_shown(menu.at, menu.items.len(), usize::from(area.height));
    for (line, (at, item)) in (0..area.height).zip(menu.items.iter().enumerate().skip(first)) {
        let row = row(at, item, at == menu.at, paint, usize::from(area.width));
        paint.row(area, line, &row);
        if at == menu.at {
            paint.cursor(area, line);
        }
    }
}

fn row(at: usize, item: &Copyable, chosen: bool, paint: &Paint<'_>, columns: usize) -> Row {
    let lead = if chosen { ">" } else { " " };
    let number = if at < 9 { (at + 1).to_string() } else { " ".to_owned() };
    let more = item.text.lines().count().saturating_sub(1);
    let (begin, rest) =
        (item.text.lines().next().unwrap_or_default(), if more > 0 { format!("  +{}", counted(more, "line")) } else { String::new() });
    let name = text::left(&item.what, (columns / 3).max(12), paint.glyphs.cut);
    vec![piece(format!("{lead} {number} "), Tone::Key), piece(format!("{name} "), Tone::Plain), piece(format!("{begin}{rest}"), Tone::Dim)]
}
