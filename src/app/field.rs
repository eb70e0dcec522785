//! A line of text a person types: the reason, a typed name, a filter.

use super::key::Key;
use crate::domain::text::{Untrusted, is_treacherous};

/// Longest text that is taken.
const LIMIT: usize = 200;

/// What a field made of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edited {
    /// It took it.
    Taken,
    /// It is done: enter.
    Done,
    /// It is left: escape.
    Left,
    /// It has no use for it.
    Ignored,
}

/// A one-line text, edited at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    text: String,
}

impl Field {
    /// What was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What was typed without the spaces around it; none if that is nothing.
    #[must_use]
    pub fn value(&self) -> Option<Untrusted> {
        let trimmed = self.text.trim();
        (!trimmed.is_empty()).then(|| Untrusted::new(trimmed))
    }

    /// Takes a key.
    pub fn press(&mut self, key: Key) -> Edited {
        match key {
            Key::Char(c) => self.push(c),
            Key::Backspace => drop(self.text.pop()),
            Key::Ctrl('u') => self.text.clear(),
            Key::Ctrl('w') => self.drop_word(),
            Key::Enter => return Edited::Done,
            Key::Esc => return Edited::Left,
            _ => return Edited::Ignored,
        }
        Edited::Taken
    }

    /// Takes pasted text: its first line, without anything a terminal would obey.
    pub fn paste(&mut self, text: &str) {
        text.lines().next().unwrap_or_default().chars().for_each(|c| self.push(c));
    }

    fn push(&mut self, c: char) {
        if !is_treacherous(c) && self.text.chars().count() < LIMIT {
            self.text.push(c);
        }
    }

    fn drop_word(&mut self) {
        let kept = self.text.trim_end().rfind(' ').map_or(0, |space| space + 1);
        self.text.truncate(kept);
    }
}
