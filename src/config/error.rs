//! What is wrong with a file or a place, in words.

/// Why configuration could not be used. Nothing of it is used then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// What is wrong: one line a mistake, each a sentence without its full stop.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl ConfigError {
    /// An error with its hint.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}
