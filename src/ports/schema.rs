//! Asking which schema the database of a fleet has.

use async_trait::async_trait;

use crate::domain::schema::LiveSchema;
use crate::operation::schema::HookRun;

/// Whoever asks the program that knows.
#[async_trait]
pub trait SchemaSource: Send + Sync {
    /// What it says. One that hangs, fails or says something else than a number says nothing: unknown, with the reason.
    async fn live(&self, question: &HookRun) -> LiveSchema;
}
