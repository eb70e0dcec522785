//! A backend that collects a frame and writes it in one piece, in synchronised output; an unchanged frame is not a single byte.

use std::io::{self, Write};

use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, EndSynchronizedUpdate};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

/// Collects bytes until they are flushed, and then writes them at once.
#[derive(Debug)]
struct Frame<W: Write> {
    bytes: Vec<u8>,
    out: W,
}

impl<W: Write> Write for Frame<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let mut framed = Vec::with_capacity(self.bytes.len() + 16);
        queue!(framed, BeginSynchronizedUpdate)?;
        framed.append(&mut self.bytes);
        queue!(framed, EndSynchronizedUpdate)?;
        self.out.write_all(&framed)?;
        self.out.flush()
    }
}

/// The screen's backend. The cursor stays hidden: the guard hides it on taking the terminal, and nothing here shows it.
#[derive(Debug)]
pub struct Screen<W: Write> {
    inner: CrosstermBackend<Frame<W>>,
    size: Size,
}

impl<W: Write> Screen<W> {
    /// A backend that writes to `out`, for a terminal of this size.
    pub const fn new(out: W, size: Size) -> Self {
        Self { inner: CrosstermBackend::new(Frame { bytes: Vec::new(), out }), size }
    }

    /// The terminal has another size.
    pub const fn resized(&mut self, size: Size) {
        self.size = size;
    }

    /// Rings with the next frame, or at once if there is none.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn bell(&mut self) -> io::Result<()> {
        self.inner.write_all(b"\x07")?;
        Write::flush(&mut self.inner)
    }
}

impl<W: Write> Backend for Screen<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        // The wrapped backend resets colours even for an empty frame.
        if content.peek().is_none() { Ok(()) } else { self.inner.draw(content) }
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
        queue!(self.inner, Clear(crossterm::terminal::ClearType::All))
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
        Write::flush(&mut self.inner)
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
