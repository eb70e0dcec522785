//! The answer to a command: what it came to, and when it is read too late.

use super::command::{Command, CommandKind};
use super::event::EventBody;
use crate::domain::time::{BootTime, Millis};

/// How long a command waits for its answer.
pub const COMMAND_LIFE: Millis = Millis::secs(60);

/// What a command came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// It is done, or was so already.
    pub accepted: bool,
    /// In words.
    pub text: String,
    /// What to record, the answer itself first.
    pub events: Vec<EventBody>,
}

impl Answer {
    /// An answer with what it does.
    #[must_use]
    pub fn new(command: &Command, accepted: bool, text: String, effects: Vec<EventBody>) -> Self {
        let (kind, by, reason) = (command.kind, command.by.clone(), command.reason.clone());
        let answered = EventBody::CommandAnswered { kind, by, reason, accepted, answer: text.clone() };
        Self { accepted, text, events: std::iter::once(answered).chain(effects).collect() }
    }
}

/// When and under which lease the command is read.
pub struct Reading<'a> {
    /// Now, on this host.
    pub now: BootTime,
    /// This boot.
    pub boot_id: &'a str,
    /// When the lease that reads it was taken: older commands were meant for somebody who is gone.
    pub lease_since: BootTime,
}

/// Why a command is read too late; none if it is not.
#[must_use]
pub fn stale(command: &Command, reading: &Reading<'_>) -> Option<String> {
    if command.boot_id != reading.boot_id || reading.now.since(command.sent_at) > COMMAND_LIFE {
        return Some("it waited too long for an answer: look again and repeat it".to_owned());
    }
    // A command that started this driver is a little older than its lease.
    if command.sent_at.plus(Millis::secs(15)) < reading.lease_since {
        return Some("it was meant for an earlier driver: look again and repeat it".to_owned());
    }
    None
}

/// Who asked the same before, to go after the words of a refusal; nothing if nobody did.
#[must_use]
pub fn asked_before(obeyed: Option<&(CommandKind, String)>, kind: CommandKind) -> String {
    let before = obeyed.filter(|(obeyed, _)| *obeyed == kind);
    before.map_or_else(String::new, |(kind, by)| format!(" ({} by {by})", asked_words(*kind)))
}

const fn asked_words(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Pause => "paused",
        CommandKind::Resume => "resumed",
        CommandKind::Promote => "promoted",
        CommandKind::BackOut => "backed out",
    }
}
