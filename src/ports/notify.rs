//! Telling people who are not looking.

/// A program to be run for each notice: its path and its arguments. No shell sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hook(pub Vec<String>);

/// Whoever passes notices on.
pub trait Notify: Send + Sync {
    /// Hands a document to the hook and comes back at once. What becomes of it is written into the log; nothing waits for it or depends on it.
    fn tell(&self, hook: &Hook, document: String);
}
