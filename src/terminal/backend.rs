//! A backend that collects a frame and writes it in one piece, in synchronised output; an unchanged frame is not a single byte.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

use super::pen::Pen;

/// Between these a terminal that knows them shows nothing; the others pass them over.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// The screen's backend. The cursor stays hidden: the guard hides it on taking the terminal, and nothing here shows it.
#[derive(Debug)]
pub struct Screen<W: Write> {
    out: W,
    size: Size,
    /// What is drawn and not sent yet.
    frame: Vec<u8>,
}

impl<W: Write> Screen<W> {
    /// A backend that writes to `out`, for a terminal of this size.
    pub const fn new(out: W, size: Size) -> Self {
        Self { out, size, frame: Vec::new() }
    }

    /// The terminal has another size.
    pub const fn resized(&mut self, size: Size) {
        self.size = size;
    }

    /// Sends something of ours that is no frame, at once: a bell, a question, a copy.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }
}

impl<W: Write> Backend for Screen<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut pen = Pen::new(&mut self.frame, self.size.width);
        for (x, y, cell) in content {
            pen.put(x, y, cell);
        }
        pen.lift();
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, _: P) -> io::Result<()> {
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.frame.extend_from_slice(b"\x1b[2J");
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let frame = [BEGIN, &self.frame, END].concat();
        self.frame.clear();
        self.send(&frame)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use ratatui::Terminal;

    use super::*;

    #[derive(Clone, Default)]
    struct Wire(Rc<RefCell<Vec<Vec<u8>>>>);

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_changed_frame_is_one_write_and_an_unchanged_one_is_none() {
        let wire = Wire::default();
        let mut terminal = Terminal::new(Screen::new(wire.clone(), Size::new(20, 3))).unwrap();
        terminal.draw(|frame| frame.render_widget("one", frame.area())).unwrap();
        assert_eq!(wire.0.borrow().len(), 1);
        terminal.draw(|frame| frame.render_widget("one", frame.area())).unwrap();
        assert_eq!(wire.0.borrow().len(), 1, "nothing changed, nothing is sent");
        terminal.draw(|frame| frame.render_widget("two", frame.area())).unwrap();
        assert_eq!(wire.0.borrow().len(), 2);
        let sent = String::from_utf8(wire.0.borrow()[1].clone()).unwrap();
        assert!(sent.starts_with("\x1b[?2026h") && sent.ends_with("\x1b[?2026l"), "{sent:?}");
    }
}
