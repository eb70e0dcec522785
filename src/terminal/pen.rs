//! Cells into as few bytes as there are: only what differs is moved to, and only what differs in colour or weight is said.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use unicode_width::UnicodeWidthStr;

/// How a cell looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ink {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

/// What a terminal draws with when nothing was said.
const NONE: Ink = Ink { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };
/// The modifiers we know, with their numbers.
const MODIFIERS: [(Modifier, u8); 5] =
    [(Modifier::BOLD, 1), (Modifier::DIM, 2), (Modifier::ITALIC, 3), (Modifier::UNDERLINED, 4), (Modifier::REVERSED, 7)];
/// Those that show on a blank.
const ON_BLANKS: Modifier = Modifier::UNDERLINED.union(Modifier::REVERSED);

/// Draws the cells of one frame.
pub struct Pen<'a> {
    out: &'a mut Vec<u8>,
    columns: u16,
    /// Where the next character would go; none where terminals differ.
    at: Option<(u16, u16)>,
    ink: Ink,
}

impl<'a> Pen<'a> {
    /// A pen on a terminal with so many columns.
    pub const fn new(out: &'a mut Vec<u8>, columns: u16) -> Self {
        Self { out, columns, at: None, ink: NONE }
    }

    /// Draws a cell.
    pub fn put(&mut self, x: u16, y: u16, cell: &Cell) {
        self.go(x, y);
        self.dip(cell);
        self.out.extend_from_slice(cell.symbol().as_bytes());
        // After the last column, and after what some terminals take to be wider than others, nobody knows where we are.
        let next = x.saturating_add(1);
        self.at = (next < self.columns && cell.symbol().width() == 1).then_some((next, y));
    }

    /// Ends the frame: whoever writes next finds no colour.
    pub fn lift(&mut self) {
        if self.ink != NONE {
            self.out.extend_from_slice(b"\x1b[m");
            self.ink = NONE;
        }
    }

    fn go(&mut self, x: u16, y: u16) {
        let to = match self.at {
            Some(at) if at == (x, y) => return,
            Some((column, row)) if row == y && x == column.saturating_add(1) => "\x1b[C".to_owned(),
            Some((column, row)) if row == y && x > column => format!("\x1b[{}C", x - column),
            _ => format!("\x1b[{};{}H", y.saturating_add(1), x.saturating_add(1)),
        };
        self.out.extend_from_slice(to.as_bytes());
    }

    /// Takes the cell's ink, if it would show.
    fn dip(&mut self, cell: &Cell) {
        let wanted = Ink { fg: cell.fg, bg: cell.bg, modifier: cell.modifier };
        let same_on_blank = wanted.bg == self.ink.bg && wanted.modifier & ON_BLANKS == self.ink.modifier & ON_BLANKS;
        let reversed = wanted.modifier.contains(Modifier::REVERSED);
        if wanted == self.ink || cell.symbol() == " " && same_on_blank && (!reversed || wanted.fg == self.ink.fg) {
            return;
        }
        let said = if wanted == NONE { String::new() } else { self.difference(wanted) };
        self.out.extend_from_slice(format!("\x1b[{said}m").as_bytes());
        self.ink = wanted;
    }

    /// What to say to get from the present ink to another; a modifier that is lost means to begin anew.
    fn difference(&self, wanted: Ink) -> String {
        let mut said = Vec::new();
        let from = if self.ink.modifier.difference(wanted.modifier).is_empty() {
            self.ink
        } else {
            said.push("0".to_owned());
            NONE
        };
        let new = wanted.modifier.difference(from.modifier);
        said.extend(MODIFIERS.iter().filter(|(modifier, _)| new.contains(*modifier)).map(|(_, number)| number.to_string()));
        said.extend((wanted.fg != from.fg).then(|| number(wanted.fg, 30)));
        said.extend((wanted.bg != from.bg).then(|| number(wanted.bg, 40)));
        said.join(";")
    }
}

/// A colour as a terminal is told it; `base` is 30 for the foreground, 40 for the background.
fn number(colour: Color, base: u16) -> String {
    let bright = base + 60;
    let basic = |number: u16| (base + number).to_string();
    let light = |number: u16| (bright + number).to_string();
    match colour {
        Color::Reset => (base + 9).to_string(),
        Color::Black => basic(0),
        Color::Red => basic(1),
        Color::Green => basic(2),
        Color::Yellow => basic(3),
        Color::Blue => basic(4),
        Color::Magenta => basic(5),
        Color::Cyan => basic(6),
        Color::Gray => basic(7),
        Color::DarkGray => light(0),
        Color::LightRed => light(1),
        Color::LightGreen => light(2),
        Color::LightYellow => light(3),
        Color::LightBlue => light(4),
        Color::LightMagenta => light(5),
        Color::LightCyan => light(6),
        Color::White => light(7),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        Color::Rgb(red, green, blue) => format!("{};2;{red};{green};{blue}", base + 8),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use proptest::prelude::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    fn drawn(before: &Buffer, after: &Buffer) -> String {
        let mut bytes = Vec::new();
        let mut pen = Pen::new(&mut bytes, after.area.width);
        for (x, y, cell) in before.diff(after) {
            pen.put(x, y, cell);
        }
        pen.lift();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn only_what_differs_is_sent() {
        let area = Rect::new(0, 0, 20, 3);
        let before = Buffer::empty(area);
        let mut after = before.clone();
        after.set_string(2, 1, "ok", Style::new().fg(Color::Green));
        after.set_string(6, 1, "ok", Style::new().fg(Color::Green).add_modifier(Modifier::BOLD));
        assert_eq!(drawn(&before, &after), "\x1b[2;3H\x1b[32mok\x1b[2C\x1b[1mok\x1b[m");
        assert_eq!(drawn(&after, &after), "");
    }

    fn style() -> impl Strategy<Value = Style> {
        let colour = prop_oneof![Just(Color::Reset), Just(Color::Red), Just(Color::LightBlue), Just(Color::Indexed(71)), Just(Color::Rgb(1, 2, 3))];
        let modifier =
            prop_oneof![Just(Modifier::empty()), Just(Modifier::BOLD), Just(Modifier::REVERSED), Just(Modifier::BOLD | Modifier::REVERSED)];
        (colour.clone(), colour, modifier).prop_map(|(fg, bg, modifier)| Style::new().fg(fg).bg(bg).add_modifier(modifier))
    }

    fn buffer() -> impl Strategy<Value = Buffer> {
        let piece = (0..24_u16, 0..4_u16, "[ab ●]{1,6}", style());
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 24, 4));
            for (x, y, text, style) in pieces {
                buffer.set_stringn(x, y, text, usize::from(24 - x), style);
            }
            buffer
        })
    }

    type Seen = (String, vt100::Color, vt100::Color, bool, bool);

    /// On a blank only the background and reversal are to be seen.
    fn seen(text: &str, fg: vt100::Color, bg: vt100::Color, bold: bool, inverse: bool) -> Seen {
        let blank = text.trim().is_empty() && !inverse;
        let text = if text.is_empty() { " " } else { text };
        (text.to_owned(), if blank { vt100::Color::Default } else { fg }, bg, !text.trim().is_empty() && bold, inverse)
    }

    fn of_terminal(screen: &vt100::Screen) -> Vec<Seen> {
        let cells = (0..4).flat_map(|y| (0..24).map(move |x| (y, x))).filter_map(|(y, x)| screen.cell(y, x));
        cells.map(|cell| seen(cell.contents(), cell.fgcolor(), cell.bgcolor(), cell.bold(), cell.inverse())).collect()
    }

    fn of_buffer(buffer: &Buffer) -> Vec<Seen> {
        let colour = |colour| match colour {
            Color::Red => vt100::Color::Idx(1),
            Color::LightBlue => vt100::Color::Idx(12),
            Color::Indexed(index) => vt100::Color::Idx(index),
            Color::Rgb(red, green, blue) => vt100::Color::Rgb(red, green, blue),
            _ => vt100::Color::Default,
        };
        let has = |cell: &Cell, modifier| cell.modifier.contains(modifier);
        let of = |cell: &Cell| seen(cell.symbol(), colour(cell.fg), colour(cell.bg), has(cell, Modifier::BOLD), has(cell, Modifier::REVERSED));
        buffer.content().iter().map(of).collect()
    }

    proptest! {
        /// A terminal that was sent one frame and then the differences to another shows the other.
        #[test]
        fn differences_lead_to_the_wanted_screen(before in buffer(), after in buffer()) {
            let mut terminal = vt100::Parser::new(NonZero::new(4).unwrap(), NonZero::new(24).unwrap(), 0);
            terminal.process(drawn(&Buffer::empty(before.area), &before).as_bytes());
            prop_assert_eq!(of_terminal(terminal.screen()), of_buffer(&before));
            terminal.process(drawn(&before, &after).as_bytes());
            prop_assert_eq!(of_terminal(terminal.screen()), of_buffer(&after));
        }
    }
}
