//! Where text goes: standard output for what was asked for, standard error for notices; and where answers come from.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use super::json;
use crate::domain::text::escape;

/// The two ends of a command: what it prints, and who answers its questions.
pub struct Output {
    out: Box<dyn Write + Send>,
    notices: Box<dyn Write + Send>,
    answers: Option<Box<dyn BufRead + Send>>,
    width: Option<usize>,
    closed: bool,
    broken: Option<io::Error>,
    is_standard: bool,
}

impl Output {
    /// The process's own. Questions are asked only if standard input is a terminal; lines are cut only for one.
    #[must_use]
    pub fn standard() -> Self {
        let stdin = io::stdin();
        let answers: Option<Box<dyn BufRead + Send>> = stdin.is_terminal().then(|| Box::new(io::BufReader::new(stdin)) as _);
        let width = io::stdout().is_terminal().then(terminal_width);
        Self { out: Box::new(io::stdout()), notices: Box::new(io::stderr()), answers, width, closed: false, broken: None, is_standard: true }
    }

    /// Other ends, for tests and for whoever keeps what is printed. No `answers` means that nobody is there to ask.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, notices: Box<dyn Write + Send>, answers: Option<Box<dyn BufRead + Send>>, width: Option<usize>) -> Self {
        Self { out, notices, answers, width, closed: false, broken: None, is_standard: false }
    }

    /// Columns to stay within; none where nobody looks at columns.
    #[must_use]
    pub const fn width(&self) -> Option<usize> {
        self.width
    }

    /// Somebody is there to answer questions.
    #[must_use]
    pub const fn can_ask(&self) -> bool {
        self.answers.is_some()
    }

    /// Nobody reads standard output any more: known also while there is nothing to print, so that nobody waits for ever in a session that is
    /// gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed || self.is_standard && reader_is_gone()
    }

    /// What went wrong with writing, other than a reader that left.
    pub const fn take_broken(&mut self) -> Option<io::Error> {
        self.broken.take()
    }

    /// Prints lines. What a terminal would obey is made visible, whatever it came from.
    pub fn text(&mut self, text: &str) {
        for line in text.lines() {
            self.write(&format!("{}\n", escape(line.trim_end())));
        }
    }

    /// Prints a document for another program: as it is, unless a terminal would get it.
    pub fn document(&mut self, text: &str) {
        if self.width.is_some() { self.text(text) } else { self.write(text) }
    }

    /// Prints one JSON document on one line.
    pub fn json(&mut self, document: &impl Serialize) {
        match json::to_string(document) {
            Ok(text) => self.write(&format!("{text}\n")),
            Err(error) => self.broken = Some(io::Error::other(error)),
        }
    }

    /// Prints lines where they do not mix with what was asked for.
    pub fn notice(&mut self, text: &str) {
        for line in text.lines() {
            let line = format!("{}\n", escape(line.trim_end()));
            // With standard error gone there is nobody left to tell.
            drop(self.notices.write_all(line.as_bytes()));
        }
    }

    /// Asks and returns the answer, trimmed; none if nobody is there or the input ended.
    pub fn ask(&mut self, question: &str) -> Option<String> {
        let answers = self.answers.as_mut()?;
        drop(self.out.flush());
        drop(write!(self.notices, "{} ", escape(question)).and_then(|()| self.notices.flush()));
        let mut line = String::new();
        match answers.read_line(&mut line) {
            Ok(read) if read > 0 => Some(line.trim().to_owned()),
            _ => None,
        }
    }

    fn write(&mut self, text: &str) {
        if self.closed || self.broken.is_some() {
            return;
        }
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            Err(error) => self.broken = Some(error),
            Ok(()) => {}
        }
    }
}

fn reader_is_gone() -> bool {
    let mut out = [PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty())];
    let asked = poll(&mut out, Some(&Timespec::default()));
    asked.is_ok() && out.iter().any(|out| out.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

fn terminal_width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| size.ws_col);
    if size == 0 { 80 } else { usize::from(size) }
}
