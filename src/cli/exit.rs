//! How a run ends, as the number a script sees.

/// The outcome of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exit {
    /// Done: succeeded; for a rollback: traffic is on the target.
    #[default]
    Done,
    /// It could not be done: an error, with a sentence and a hint.
    Failed,
    /// It was asked in a way that makes no sense.
    Usage,
    /// A guard refused; nothing was changed.
    Refused,
    /// It ended badly but safe: backed out or rolled back.
    EndedBadly,
    /// It waits for a human, with no deadline that ends it.
    NeedsHuman,
    /// The time limit of `wait` is over.
    TimedOut,
    /// Another operation took the wheel.
    Superseded,
    /// Ctrl-C ended the watching, not the operation: what a shell calls an interrupted command.
    Interrupted,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::EndedBadly => 4,
            Self::NeedsHuman => 5,
            Self::TimedOut => 6,
            Self::Superseded => 7,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
