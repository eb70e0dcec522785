//! The sources of a plan's series together: which of them is asked what, and how often.

use std::sync::Arc;

use crate::adapters::prometheus::Prometheus;
use crate::domain::analysis::{Analysis, Measure};
use crate::domain::fleet::BySlot;
use crate::domain::metrics::{MetricsAsk, MetricsSeen};
use crate::domain::observation::FleetObservation;
use crate::domain::series::SeriesReading;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::plan::{OperationKind, Plan, StepKind};
use crate::ports::metrics::Metrics;

/// What a driver's look at series needs: the sources, and what they said last.
pub(super) struct Gauges {
    load_balancer: Arc<dyn Metrics>,
    /// When they were asked last, and what they said.
    last: Option<(WorldTime, MetricsSeen)>,
}

impl Gauges {
    pub(super) const fn new(load_balancer: Arc<dyn Metrics>) -> Self {
        Self { load_balancer, last: None }
    }

    /// What the sources say of a deploy's metrics; none where the plan names none. They are asked once an interval: a point is not new sooner,
    /// and CloudWatch is asked at most once a minute for a canary.
    pub(super) async fn read(&mut self, plan: &Plan, seen: &FleetObservation) -> Option<Box<MetricsSeen>> {
        let counted = BySlot::default() != seen.counts;
        let asked = plan.analysis.series().next().is_some() || (plan.analysis.names_errors() && !counted);
        if plan.kind != OperationKind::Deploy || !asked {
            return None;
        }
        let due = self.last.as_ref().is_none_or(|(at, _)| seen.at.since(*at) >= plan.analysis.interval);
        if due {
            let ask = MetricsAsk { scope: plan.scope.clone(), analysis: plan.analysis.clone(), since: seen.at.minus(reach(plan)) };
            self.last = Some((seen.at, self.ask(&ask).await));
        }
        self.last.as_ref().map(|(_, told)| Box::new(told.clone()))
    }

    async fn ask(&self, ask: &MetricsAsk) -> MetricsSeen {
        let of_load_balancer = ask.analysis.metrics.iter().any(|metric| metric.measure.is_of_load_balancer());
        let mut told = if of_load_balancer { self.load_balancer.measure(ask).await } else { MetricsSeen::default() };
        if ask.analysis.metrics.iter().any(|metric| matches!(metric.measure, Measure::Prometheus(_))) {
            let more = match Prometheus::of(&ask.analysis) {
                Ok(source) => source.measure(ask).await,
                Err(why) => unread(&ask.analysis, &why),
            };
            told.series.extend(more.series);
            told.at = told.at.max(more.at);
        }
        told
    }
}

fn unread(analysis: &Analysis, why: &str) -> MetricsSeen {
    let queries = analysis.series().filter(|metric| matches!(metric.measure, Measure::Prometheus(_)));
    let series = queries.map(|metric| (metric.name.clone(), BySlot::from_fn(|_| SeriesReading::unknown(why)))).collect();
    MetricsSeen { series, ..MetricsSeen::default() }
}

/// So far back points can matter: the longest soak at its longest, and a hold after it.
fn reach(plan: &Plan) -> Millis {
    let soaks = plan.steps.iter().filter_map(|step| if let StepKind::Weight(step) = step.kind { Some(step.soak) } else { None });
    let longest = soaks.max().unwrap_or(Millis::ZERO);
    longest.times(2).plus(plan.timing.hold_deadline).plus(plan.timing.launch_limit)
}
