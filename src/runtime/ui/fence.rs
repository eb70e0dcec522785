//! Type-ahead and slow lines: a key counts on a sheet only if the person who pressed it had the sheet before their eyes.
//!
//! With each new thing to read on a sheet the terminal is asked for its state. Its answer comes after every key that was pressed before the
//! sheet was there to be read, however slow the line: until then keys do not reach the sheet. A terminal that did not answer the same
//! question when the screen opened is not asked again; there the sheet's own dead time has to do.

use std::time::Duration;

use tokio::time::Instant;

use crate::app::commands::CommandId;
use crate::app::key::Key;
use crate::app::model::Model;
use crate::app::places::Place;
use crate::domain::time::BootTime;

/// An answer that has not come after so long never will.
const LOST: Duration = Duration::from_secs(15);

/// Whether the terminal has shown what keys are about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fence {
    /// The terminal answered before.
    answers: bool,
    /// Questions whose answer is still to come, and when the last was asked.
    asked: Option<(u32, Instant)>,
    /// Until when the newest thing on the sheet ignores keys: it changes whenever there is something new to read.
    about: Option<BootTime>,
}

impl Fence {
    /// Whether to ask now, after a frame: when the screen opens, and when a sheet has something new to read.
    pub fn is_due(&mut self, model: &Model) -> bool {
        let about = model.sheet.as_ref().map(|sheet| sheet.deaf_until);
        let is_new = about.is_some() && about != self.about;
        self.about = about;
        is_new && self.answers
    }

    /// A question was sent.
    pub fn asked(&mut self) {
        let waiting = self.asked.map_or(0, |(waiting, _)| waiting);
        self.asked = Some((waiting + 1, Instant::now()));
    }

    /// The terminal answered.
    pub fn answered(&mut self) {
        self.answers = true;
        self.asked = self.asked.and_then(|(waiting, at)| (waiting > 1).then_some((waiting - 1, at)));
    }

    /// How long ago the question was asked whose answer may still come.
    pub fn waiting(&self) -> Option<Duration> {
        self.asked.map(|(_, at)| at.elapsed()).filter(|waited| *waited < LOST)
    }

    /// Whether a key may go on to the model. Leaving and suspending always may.
    pub fn lets_pass(&self, model: &Model, key: Key, alone: bool) -> bool {
        let Some(sheet) = model.sheet_in_front() else { return true };
        if matches!(key, Key::Ctrl('c' | 'z')) {
            return true;
        }
        if self.answers && self.waiting().is_some() {
            return false;
        }
        // What a terminal without bracketed paste pastes arrives in one piece, and never confirms.
        let confirms = sheet.editing.is_none() && model.keymap.find(Place::Sheet, key).is_some_and(|command| command.id == CommandId::Confirm);
        alone || !confirms
    }
}
