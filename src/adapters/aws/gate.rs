//! The one way to the cloud: every call waits for its budget here, and only here is anything asked twice.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::error::{Mode, failure};
use super::identity::Renewing;
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::time::Millis;
use crate::ports::budget::{BudgetKey, CallBudget, Priority};

/// Pauses before a read is asked again: twice at most.
const BACKOFF: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];
/// A screen's read that had to wait this long for its budget is given up.
const READ_PATIENCE: Millis = Millis(30_000);
/// A write waits no longer than this: its lease is running.
const WRITE_PATIENCE: Millis = Millis(2_000);

/// Whether the mutating call of a write has been sent.
#[derive(Debug, Default)]
pub(super) struct Sent(AtomicBool);

impl Sent {
    /// Whether it has.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The budget and how urgent this caller is.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) budget: Arc<dyn CallBudget>,
    pub(super) priority: Priority,
    pub(super) source: Arc<Renewing>,
}

impl Gate {
    /// Asks, and asks again at most twice when the service is busy or the connection broke.
    pub(super) async fn read<T, E, F>(&self, api: &'static str, key: BudgetKey, call: impl Fn() -> F + Send + Sync) -> Result<T, CloudError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let mut pauses = BACKOFF.iter();
        loop {
            self.wait(api, key, READ_PATIENCE).await?;
            let failed = match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => failure(api, Mode::Read, &error),
            };
            self.note(key, &failed.error);
            match pauses.next() {
                Some(pause) if failed.passing => tokio::time::sleep(*pause).await,
                _ => return Err(failed.error),
            }
        }
    }

    /// Sends a write once. From `sent` on, no answer means that it may have happened.
    pub(super) async fn write<T, E, F>(&self, api: &'static str, key: BudgetKey, sent: &Sent, call: F) -> Result<T, CloudError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        self.wait(api, key, WRITE_PATIENCE).await?;
        sent.0.store(true, Ordering::SeqCst);
        match call.await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let failed = failure(api, Mode::Write, &error).error;
                self.note(key, &failed);
                Err(failed)
            }
        }
    }

    async fn wait(&self, api: &'static str, key: BudgetKey, patience: Millis) -> Result<(), CloudError> {
        let mut waited = Millis::ZERO;
        loop {
            let wait = self.budget.take(key, self.priority);
            if wait == Millis::ZERO {
                return Ok(());
            }
            waited = waited.plus(wait);
            if waited > patience {
                let why = "not sent: the call budget that all Quarterdeck processes share is used up";
                return Err(CloudError::new(CloudErrorKind::Throttled, api, why));
            }
            tokio::time::sleep(wait.std()).await;
        }
    }

    fn note(&self, key: BudgetKey, error: &CloudError) {
        if error.kind == CloudErrorKind::Throttled {
            self.budget.throttled(key);
        }
        if error.kind == CloudErrorKind::Auth {
            self.source.refused();
        }
    }
}
