//! What is asked of the sources of a fleet's metrics, and what they say.

use serde::{Deserialize, Serialize};

use super::analysis::{Analysis, MetricName};
use super::fleet::{BySlot, Scope, Slot};
use super::reading::Reading;
use super::series::SeriesReading;
use super::time::WorldTime;
use super::traffic::Counts;

/// What the sources said of a fleet's metrics in one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsSeen {
    /// When the round ended.
    pub at: WorldTime,
    /// Each series of both slots.
    pub series: Vec<(MetricName, BySlot<SeriesReading>)>,
    /// Requests and errors of both slots by interval, where a source of series counts them.
    pub counts: Option<BySlot<Reading<CountSeries>>>,
}

impl MetricsSeen {
    /// A metric's series of a slot; none if it was not asked for.
    #[must_use]
    pub fn series(&self, metric: &MetricName, slot: Slot) -> Option<&SeriesReading> {
        self.series.iter().find(|(name, _)| name == metric).map(|(_, sides)| sides.get(slot))
    }
}

/// What is asked of the sources of a fleet's metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsAsk {
    /// The fleet.
    pub scope: Scope,
    /// Which metrics.
    pub analysis: Analysis,
    /// From when on.
    pub since: WorldTime,
}

/// Requests and errors by interval, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CountSeries(pub Vec<(WorldTime, Counts)>);

impl CountSeries {
    /// The sum of the intervals that ended after `since` and not after `until`.
    #[must_use]
    pub fn between(&self, since: WorldTime, until: WorldTime) -> Counts {
        let within = self.0.iter().filter(|(at, _)| *at > since && *at <= until);
        within.fold(Counts::default(), |sum, (_, counts)| Counts {
            requests: sum.requests.saturating_add(counts.requests),
            errors: sum.errors.saturating_add(counts.errors),
            p99_ms: None,
        })
    }

    /// When the newest interval ended; none without one.
    #[must_use]
    pub fn newest(&self) -> Option<WorldTime> {
        self.0.iter().map(|(at, _)| *at).max()
    }
}
