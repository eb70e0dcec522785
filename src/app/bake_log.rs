//! The log of the opened bake: it follows its end, or stays on a line; it is searched in pieces, so that no key waits for it.

use std::sync::Arc;

use super::field::Field;
use super::model::{Model, Screen};
use super::rows;
use crate::bake::log::{Log, Search};
use crate::domain::ids::OperationId;

/// So many bytes are looked at before the next key may be taken: less than half a millisecond's work.
const PIECE: usize = 32 * 1024;

/// The log, and what was found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BakeLog {
    /// The bake it is of.
    pub of: Option<OperationId>,
    /// What was read of it. Shared, as a screen is saved with it.
    pub log: Arc<Log>,
    /// Lines that warn or tell of an error.
    pub remarks: Search,
    /// What is searched, where something is.
    pub search: Option<(String, Search)>,
    /// The line under the cursor; none while the end is followed.
    pub at: Option<usize>,
    /// A jump that waits for something to be found.
    jump: Option<Jump>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Jump {
    from: usize,
    backwards: bool,
}

impl Default for BakeLog {
    fn default() -> Self {
        Self { of: None, log: Arc::default(), remarks: Search::remarks(), search: None, at: None, jump: None }
    }
}

impl BakeLog {
    /// The line under the cursor; the last one while the end is followed.
    #[must_use]
    pub fn line(&self) -> usize {
        self.at.unwrap_or_else(|| self.log.lines().saturating_sub(1))
    }

    /// Lines still have to be looked at.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.remarks.is_over(&self.log) || self.search.as_ref().is_some_and(|(_, search)| !search.is_over(&self.log))
    }

    /// What `n` goes through: what is searched, or lines that warn.
    const fn sought(&self) -> &Search {
        match &self.search {
            Some((_, search)) => search,
            None => &self.remarks,
        }
    }

    /// Adds what came next.
    pub fn append(&mut self, bytes: &[u8]) {
        Arc::make_mut(&mut self.log).append(bytes);
        self.at = self.at.map(|at| at.max(self.log.first_line()));
    }

    /// Jumps if what the jump waits for was found; true when it was not and never will be.
    fn try_jump(&mut self) -> bool {
        let Some(Jump { from, backwards }) = self.jump else { return false };
        let (sought, over) = (self.sought(), self.sought().is_over(&self.log));
        let found = match backwards {
            // The one before is known when everything before it was looked at, and round the end when everything was.
            true if over => sought.before(from),
            true => None,
            false => sought.after(from).filter(|found| over || *found > from),
        };
        if found.is_some() || over {
            self.jump = None;
        }
        self.at = found.or(self.at);
        over && found.is_none()
    }
}

/// The bake whose log is on the screen.
#[must_use]
pub fn shown(model: &Model) -> Option<&OperationId> {
    match model.screen() {
        Screen::Bake(id) | Screen::BakeLog(id) => Some(id),
        _ => None,
    }
}

/// Brings the log to the opened bake, and the search to what is typed.
pub fn settle(model: &mut Model) {
    let Some(id) = shown(model).cloned() else { return };
    if model.baking.log.of.as_ref() != Some(&id) {
        model.baking.log = BakeLog { of: Some(id), ..BakeLog::default() };
        model.filters.log = Field::default();
        model.requests.bake_log.forget();
        model.requests.bake_log.hurry();
    }
    let text = model.filters.log.text();
    let log = &mut model.baking.log;
    if log.search.as_ref().map_or("", |(known, _)| known) != text {
        log.search = (!text.is_empty()).then(|| (text.to_owned(), Search::new(text)));
        log.jump = None;
    }
}

/// Looks at one piece more of the log, and jumps where a jump waited for what is in it.
pub fn work(model: &mut Model) {
    let log = &mut model.baking.log;
    log.remarks.advance(&log.log, PIECE);
    if let Some((_, search)) = &mut log.search {
        search.advance(&log.log, PIECE);
    }
    if log.try_jump() {
        nothing_found(model);
    }
}

fn nothing_found(model: &mut Model) {
    let what = model.baking.log.search.as_ref().map_or_else(|| "line warns".to_owned(), |(text, _)| format!("line holds {text}"));
    model.notice = Some(format!("No {what}"));
}

/// To the next line that is searched, or that warns, round the end.
pub fn jump(model: &mut Model, backwards: bool) {
    let log = &mut model.baking.log;
    let from = match (log.at, backwards) {
        (None, true) => log.log.lines(),
        _ => log.line(),
    };
    log.jump = Some(Jump { from, backwards });
    if log.try_jump() {
        nothing_found(model);
    }
}

/// Moves the cursor; at the end of the log it follows again.
pub fn move_by(model: &mut Model, by: isize) {
    let log = &mut model.baking.log;
    log.jump = None;
    let (lines, from) = (log.log.lines(), log.line());
    log.at = rows::offset(Some(from), by, lines).filter(|at| by <= 0 || at + 1 < lines).map(|at| at.max(log.log.first_line()));
}

/// Follows the end, or stays where it is.
pub fn follow(model: &mut Model) {
    let log = &mut model.baking.log;
    log.jump = None;
    log.at = if log.at.is_some() { None } else { Some(log.line()) };
    model.notice = Some(if log.at.is_none() { "Following the end of the log" } else { "Staying on this line" }.to_owned());
}
