//! The brush: pieces of text with a tone, rows, boxes. Everything that reaches the buffer goes through here and is escaped here.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::glyphs::{self, Glyphs};
use super::text;
use super::theme::{self, Tone};
use crate::app::model::Look;
use crate::domain::text::escape;

/// A piece of text with its tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Its tone.
    pub tone: Tone,
}

/// A piece of text with a tone.
pub fn piece(text: impl Into<String>, tone: Tone) -> Piece {
    Piece { text: text.into(), tone }
}

/// A row: pieces from left to right.
pub type Row = Vec<Piece>;

/// A row of one plain piece.
pub fn plain(text: impl Into<String>) -> Row {
    vec![piece(text, Tone::Plain)]
}

/// A row of one piece.
pub fn toned(text: impl Into<String>, tone: Tone) -> Row {
    vec![piece(text, tone)]
}

/// Columns a row takes.
pub fn row_width(row: &[Piece]) -> usize {
    row.iter().map(|piece| text::width(&piece.text)).sum()
}

/// Columns the cursor takes.
const CURSOR: u16 = 14;

/// A buffer with a look.
pub struct Paint<'a> {
    buffer: &'a mut Buffer,
    /// How things are drawn.
    pub look: Look,
    /// The glyphs of the look.
    pub glyphs: &'static Glyphs,
    /// The boxes drawn so far.
    #[cfg(test)]
    pub boxes: Vec<Rect>,
}

impl<'a> Paint<'a> {
    /// A brush for a buffer.
    pub const fn new(buffer: &'a mut Buffer, look: Look) -> Self {
        Self {
            buffer,
            look,
            glyphs: glyphs::of(look),
            #[cfg(test)]
            boxes: Vec::new(),
        }
    }

    /// Draws a row at line `line` of the area, cut with a mark where it does not fit. Lines outside the area are not drawn.
    pub fn row(&mut self, area: Rect, line: u16, row: &[Piece]) {
        if line >= area.height {
            return;
        }
        let (mut x, y) = (area.x, area.y.saturating_add(line));
        for (shown, tone) in self.fitted(row, usize::from(area.width)) {
            // Nothing has no colour: under the cursor, which is reversed, it would be a block of it.
            let tone = if shown.trim().is_empty() { Tone::Plain } else { tone };
            let room = usize::from(area.right().saturating_sub(x));
            self.buffer.set_stringn(x, y, &shown, room, theme::style(tone, self.look));
            x = x.saturating_add(u16::try_from(text::width(&shown)).unwrap_or(u16::MAX));
        }
    }

    /// The row's pieces, escaped, as far as `columns` go; the piece that crosses the end is cut with a mark.
    fn fitted(&self, row: &[Piece], columns: usize) -> Vec<(String, Tone)> {
        let shown: Vec<(String, Tone)> = row.iter().map(|part| (escape(&part.text), part.tone)).collect();
        let fits = shown.iter().map(|(text, _)| text::width(text)).sum::<usize>() <= columns;
        let mut fitted = Vec::with_capacity(shown.len());
        let mut room = columns;
        for (part, tone) in shown {
            let used = text::width(&part);
            if !fits && used >= room {
                fitted.push((text::cut_marked(&part, room, self.glyphs.cut), tone));
                break;
            }
            room = room.saturating_sub(used);
            fitted.push((part, tone));
        }
        fitted
    }

    /// Draws a row with a second one at the right end; the left one is cut to leave it room.
    pub fn ends(&mut self, area: Rect, line: u16, left: &[Piece], right: &[Piece]) {
        let right_width = u16::try_from(row_width(right)).unwrap_or(u16::MAX).min(area.width);
        let gap = u16::from(right_width > 0);
        let left_area = Rect { width: area.width.saturating_sub(right_width).saturating_sub(gap), ..area };
        self.row(left_area, line, left);
        let x = area.right().saturating_sub(right_width);
        self.row(Rect { x, width: right_width, ..area }, line, right);
    }

    /// Draws rows one under the other, as many as there is room for; the last one says how many there was no room for.
    pub fn rows(&mut self, area: Rect, rows: &[Row]) {
        let hidden = rows.len().saturating_sub(usize::from(area.height));
        let last = area.height.saturating_sub(1);
        for (line, row) in (0..area.height).zip(rows) {
            if hidden > 0 && line == last {
                self.ends(area, line, row, &toned(format!("+{hidden}"), Tone::Key));
            } else {
                self.row(area, line, row);
            }
        }
    }

    /// Marks a line as the one under the cursor: its beginning, which is its name. A whole line would be sent anew with every move.
    pub fn cursor(&mut self, area: Rect, line: u16) {
        if line < area.height {
            let row = Rect { y: area.y.saturating_add(line), height: 1, width: area.width.min(CURSOR), ..area };
            self.buffer.set_style(row, theme::style(Tone::Cursor, self.look));
        }
    }

    /// Draws a horizontal line.
    pub fn rule(&mut self, area: Rect, line: u16) {
        let rule = self.glyphs.rule.repeat(usize::from(area.width));
        self.row(area, line, &toned(rule, Tone::Dim));
    }

    /// Draws a box with a title at both ends of its upper side and gives the room inside.
    pub fn boxed(&mut self, area: Rect, title: &str, note: &str, focus: bool) -> Rect {
        if area.width < 4 || area.height < 2 {
            return Rect { width: 0, height: 0, ..area };
        }
        #[cfg(test)]
        self.boxes.push(area);
        let [top_left, top_right, bottom_left, bottom_right, line, side] = if focus { self.glyphs.frame_focus } else { self.glyphs.frame };
        let tone = if focus { Tone::Plain } else { Tone::Dim };
        let inside = usize::from(area.width.saturating_sub(2));
        self.row(area, 0, &toned(format!("{top_left}{}{top_right}", line.repeat(inside)), tone));
        self.titles(area, title, note, focus);
        let (last, x_right) = (area.height.saturating_sub(1), area.right().saturating_sub(1));
        for y in 1..last {
            self.row(area, y, &toned(side, tone));
            self.row(Rect { x: x_right, width: 1, ..area }, y, &toned(side, tone));
        }
        self.row(area, last, &toned(format!("{bottom_left}{}{bottom_right}", line.repeat(inside)), tone));
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
    }

    fn titles(&mut self, area: Rect, title: &str, note: &str, focus: bool) {
        let tone = if focus { Tone::Strong } else { Tone::Plain };
        let upper = Rect { x: area.x + 2, width: area.width.saturating_sub(4), height: 1, ..area };
        let note = if note.is_empty() { Vec::new() } else { toned(format!(" {note} "), Tone::Dim) };
        self.ends(upper, 0, &toned(format!(" {title} "), tone), &note);
    }
}

/// The part of an area from line `from` on, at most `height` lines.
pub fn lines(area: Rect, from: u16, height: u16) -> Rect {
    let skipped = from.min(area.height);
    Rect { y: area.y.saturating_add(skipped), height: height.min(area.height - skipped), ..area }
}

/// First row shown of a list of `len` with room for `room`, so that `selected` is visible and does not stick to an edge.
pub fn first_shown(selected: usize, len: usize, room: usize) -> usize {
    let last_start = len.saturating_sub(room);
    selected.saturating_sub(room / 2).min(last_start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(width: u16, height: u16, ascii: bool, draw: impl Fn(&mut Paint<'_>, Rect)) -> Vec<String> {
        let area = Rect { x: 0, y: 0, width, height };
        let mut buffer = Buffer::empty(area);
        let look = Look { ascii, ..Look::default() };
        draw(&mut Paint::new(&mut buffer, look), area);
        (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned()).collect()
    }

    proptest! {
        #[test]
        fn what_does_not_fit_is_cut_with_a_mark(parts in prop::collection::vec("[a-z漢é ]{0,12}", 1..5), width in 1..40_u16, ascii in any::<bool>()) {
            let row: Row = parts.iter().map(|part| piece(part.clone(), Tone::Plain)).collect();
            let whole: String = parts.concat();
            let shown = drawn(width, 1, ascii, |paint, area| paint.row(area, 0, &row)).remove(0);
            let mark = if ascii { "~" } else { "…" };
            if text::width(&whole) > usize::from(width) {
                prop_assert!(shown.ends_with(mark), "{whole:?} in {width}: {shown:?}");
            } else {
                prop_assert!(!shown.contains(mark));
            }
        }

        #[test]
        fn rows_there_is_no_room_for_are_counted(count in 1..30_usize, height in 1..10_u16) {
            let rows: Vec<Row> = (0..count).map(|at| plain(format!("row {at}"))).collect();
            let shown = drawn(20, height, false, |paint, area| paint.rows(area, &rows));
            let hidden = count.saturating_sub(usize::from(height));
            let last = shown.last().unwrap();
            prop_assert_eq!(hidden > 0, last.ends_with(&format!("+{hidden}")), "{:?}", shown);
        }
    }
}
