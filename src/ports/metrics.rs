//! Reading series of a fleet's metrics.

use async_trait::async_trait;

use crate::domain::metrics::{MetricsAsk, MetricsSeen};

/// A source of series. It changes nothing.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// One round of questions: every metric of the ask that this source knows. What cannot be read is unknown in the answer, with the reason.
    async fn measure(&self, ask: &MetricsAsk) -> MetricsSeen;
}
