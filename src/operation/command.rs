//! What people ask of a running operation, and the table that says what each state answers.

use serde::{Deserialize, Serialize};

use super::event::OperationState;
use crate::domain::text::Untrusted;
use crate::domain::time::BootTime;

/// A person, as far as this program can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The cloud's word for the caller.
    pub caller: Untrusted,
    /// The unix user, and the user behind `sudo`.
    pub user: Untrusted,
    /// The host.
    pub host: Untrusted,
    /// The address an SSH session came from.
    pub from: Option<Untrusted>,
}

impl Who {
    /// `user@host`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}@{}", self.user.shown(), self.host.shown())
    }
}

/// What can be asked of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// Stop here until somebody resumes.
    Pause,
    /// Go on after a pause or re-check after a hold.
    Resume,
    /// Skip the rest of the soak, or pass a hold.
    Promote,
    /// Unfinished deploy back to stable.
    BackOut,
}

impl CommandKind {
    /// The word people type.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::BackOut => "back-out",
        }
    }
}

/// A command in the store. It carries what its sender saw, so that nobody promotes a step they never looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Number in the store.
    pub id: u64,
    /// What is asked.
    pub kind: CommandKind,
    /// The step its sender saw.
    pub step: usize,
    /// The last event its sender saw.
    pub last_event: u64,
    /// Who asks.
    pub by: Who,
    /// Why.
    pub reason: Option<Untrusted>,
    /// The fleet's name, typed, where the risk asks for it.
    pub typed: Option<Untrusted>,
    /// When it was sent.
    pub sent_at: BootTime,
    /// The boot it was sent in: boot times of two boots do not compare.
    pub boot_id: String,
}

/// What the table says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Do it.
    Accept,
    /// It is already so; said, and nothing done.
    Joined(&'static str),
    /// No, and why.
    Refuse(&'static str),
}

/// The state × command table of the rollout rules.
#[must_use]
pub const fn rule(state: OperationState, kind: CommandKind) -> Ruling {
    use CommandKind::{BackOut, Pause, Promote, Resume};
    use OperationState as S;
    match (state, kind) {
        (S::Succeeded | S::BackedOut | S::RolledBack | S::Failed | S::Superseded, _) => Ruling::Refuse("the operation is finished"),
        (S::Planned, BackOut)
        | (S::Running | S::Holding, Pause | Promote | BackOut)
        | (S::Holding | S::Paused, Resume)
        | (S::Paused, BackOut)
        | (S::Waiting, Promote) => Ruling::Accept,
        (S::Planned, _) => Ruling::Refuse("no driver has started it yet"),
        (S::Running, Resume) => Ruling::Refuse("it is running: there is nothing to resume"),
        (S::Paused, Pause) => Ruling::Joined("it is paused already"),
        (S::Paused, Promote) => Ruling::Refuse("it is paused: resume first"),
        (S::BackingOut, BackOut) => Ruling::Joined("it is backing out already"),
        (S::BackingOut, _) => Ruling::Refuse("it is backing out: that is not stopped half-way"),
        (S::Waiting, BackOut) => Ruling::Refuse("the release is stable: use rollback"),
        (S::Waiting, _) => Ruling::Refuse("it only waits for its window: there is nothing to stop"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_operations_answer_nothing() {
        for state in
            [OperationState::Succeeded, OperationState::BackedOut, OperationState::Failed, OperationState::Superseded, OperationState::RolledBack]
        {
            for kind in [CommandKind::Pause, CommandKind::Resume, CommandKind::Promote, CommandKind::BackOut] {
                assert!(matches!(rule(state, kind), Ruling::Refuse(_)));
            }
        }
    }

    #[test]
    fn an_unfinished_deploy_can_always_back_out() {
        for state in [OperationState::Planned, OperationState::Running, OperationState::Holding, OperationState::Paused] {
            assert_eq!(rule(state, CommandKind::BackOut), Ruling::Accept);
        }
        assert!(matches!(rule(OperationState::BackingOut, CommandKind::BackOut), Ruling::Joined(_)));
    }
}
