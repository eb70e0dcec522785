//! Series of a load balancer's target groups from CloudWatch: all of them in one call of GetMetricData, five hundred queries a call at most.
//!
//! A period's time is its beginning there; here a point stands for the interval that ends with it. CloudWatch has no point where nothing
//! happened: without requests an error count has none either, and that is zero errors only where there are requests.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{Dimension, Metric as SdkMetric, MetricDataQuery, MetricStat};
use aws_smithy_types::DateTime;

use super::{AwsCloud, wall_clock};
use crate::domain::analysis::Measure;
use crate::domain::call::CloudError;
use crate::domain::fleet::{BySlot, Scope, Slot};
use crate::domain::metrics::{CountSeries, MetricsAsk, MetricsSeen};
use crate::domain::reading::Reading;
use crate::domain::series::{Finite, Point, Series};
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::Counts;
use crate::ports::budget::BudgetKey;
use crate::ports::metrics::Metrics;

/// AWS's name of the call.
const GET: &str = "GetMetricData";
/// The most queries of one call.
const QUERIES: usize = 500;
/// Load balancers are measured by the minute.
const PERIOD_SECS: i32 = 60;
/// Where load balancers' metrics are.
const NAMESPACE: &str = "AWS/ApplicationELB";

/// One thing that is asked of one target group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gauge {
    Requests,
    Errors,
    LatencyP99,
    LatencyMean,
    Unhealthy,
}

impl Gauge {
    /// CloudWatch's name of it, and the statistic.
    const fn of_cloudwatch(self) -> (&'static str, &'static str) {
        match self {
            Self::Requests => ("RequestCount", "Sum"),
            Self::Errors => ("HTTPCode_Target_5XX_Count", "Sum"),
            Self::LatencyP99 => ("TargetResponseTime", "p99"),
            Self::LatencyMean => ("TargetResponseTime", "Average"),
            Self::Unhealthy => ("UnHealthyHostCount", "Maximum"),
        }
    }

    /// From CloudWatch's unit to ours: latency is told in seconds.
    const fn factor(self) -> f64 {
        match self {
            Self::LatencyP99 | Self::LatencyMean => 1_000.0,
            Self::Requests | Self::Errors | Self::Unhealthy => 1.0,
        }
    }
}

/// What is needed for a measure.
const fn gauges(measure: &Measure) -> &'static [Gauge] {
    match measure {
        Measure::Errors => &[Gauge::Requests, Gauge::Errors],
        Measure::LatencyP99 => &[Gauge::LatencyP99],
        Measure::LatencyMean => &[Gauge::LatencyMean],
        Measure::Unhealthy => &[Gauge::Unhealthy],
        Measure::Prometheus(_) => &[],
    }
}

/// The points of each question, or why it has none.
type Told = BTreeMap<(char, Gauge), Result<Series, Untrusted>>;

/// One thing of one slot, and how CloudWatch is asked for it.
type Question = ((char, Gauge), MetricDataQuery);

#[async_trait]
impl Metrics for AwsCloud {
    async fn measure(&self, ask: &MetricsAsk) -> MetricsSeen {
        let told = match questions(ask) {
            Ok(questions) => self.told(&questions, ask.since).await.map_err(|error| Untrusted::new(error.to_string())),
            Err(why) => Err(Untrusted::new(why)),
        };
        let now = wall_clock();
        let reading = |slot: Slot, gauge: Gauge| match &told {
            Err(why) => Reading::unknown(why.clone()),
            Ok(told) => match told.get(&(letter(slot), gauge)) {
                Some(Ok(series)) => Reading::known(series.clone(), now),
                Some(Err(why)) => Reading::unknown(why.clone()),
                None => Reading::unknown("it was not told"),
            },
        };
        let of_load_balancer = ask.analysis.series().filter(|metric| metric.measure.is_of_load_balancer());
        let series = of_load_balancer
            .filter_map(|metric| Some((metric.name.clone(), *gauges(&metric.measure).first()?)))
            .map(|(name, gauge)| (name, BySlot::from_fn(|slot| reading(slot, gauge))))
            .collect();
        let counts =
            ask.analysis.names_errors().then(|| BySlot::from_fn(|slot| counted(reading(slot, Gauge::Requests), reading(slot, Gauge::Errors))));
        MetricsSeen { at: now, series, counts }
    }
}

impl AwsCloud {
    async fn told(&self, questions: &[Question], since: WorldTime) -> Result<Told, CloudError> {
        let mut told = Told::new();
        for asked in questions.chunks(QUERIES) {
            self.ask_metrics(asked, since, &mut told).await?;
        }
        Ok(told)
    }

    /// Asks page by page: a page holds some points of some questions.
    async fn ask_metrics(&self, asked: &[Question], since: WorldTime, told: &mut Told) -> Result<(), CloudError> {
        let queries: Vec<MetricDataQuery> = asked.iter().map(|(_, query)| query.clone()).collect();
        let (start, end) = (DateTime::from_millis(since.0), DateTime::from_millis(wall_clock().0));
        let call = self.shared.cloudwatch.get_metric_data().set_metric_data_queries(Some(queries)).start_time(start).end_time(end);
        for (key, _) in asked {
            told.insert(*key, Ok(Series::default()));
        }
        let mut token: Option<String> = None;
        loop {
            let answer = self.gate.read(GET, BudgetKey::CloudWatch, || call.clone().set_next_token(token.clone()).send()).await?;
            for result in answer.metric_data_results() {
                let Some((key, _)) = asked.iter().find(|(_, query)| query.id() == result.id()) else { continue };
                let status = result.status_code().map(|status| status.as_str().to_owned());
                let wrong = status.filter(|status| !matches!(status.as_str(), "Complete" | "PartialData"));
                match (wrong, told.get_mut(key)) {
                    (Some(status), _) => drop(told.insert(*key, Err(Untrusted::new(format!("CloudWatch says {status}"))))),
                    (None, Some(Ok(series))) => series.0.extend(points(result.timestamps(), result.values(), key.1)),
                    (None, _) => {}
                }
            }
            token = answer.next_token().map(ToOwned::to_owned);
            if token.is_none() {
                break;
            }
        }
        // Newest first is how CloudWatch tells them.
        told.values_mut().filter_map(|series| series.as_mut().ok()).for_each(|series| series.0.sort_by_key(|point| point.at));
        Ok(())
    }
}

/// Each period that is over, by its end.
fn points(times: &[DateTime], values: &[f64], gauge: Gauge) -> Vec<Point> {
    let period = Millis::secs(u64::from(PERIOD_SECS.unsigned_abs()));
    let now = wall_clock();
    let point = |(at, value): (&DateTime, &f64)| {
        let at = WorldTime(at.to_millis().ok()?).plus(period);
        (at <= now).then(|| Point { at, value: Finite::new(value * gauge.factor()) })
    };
    times.iter().zip(values).filter_map(point).collect()
}

/// Requests and errors by interval: a minute with requests and no point of errors had none.
fn counted(requests: Reading<Series>, errors: Reading<Series>) -> Reading<CountSeries> {
    let (Reading::Known { value: requests, as_of }, Reading::Known { value: errors, .. }) = (&requests, &errors) else {
        let why = requests.why().or_else(|| errors.why()).cloned().unwrap_or_default();
        return Reading::unknown(why);
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; the cast saturates")]
    let whole = |value: Option<Finite>| value.map_or(0, |value| value.get().max(0.0).round() as u64);
    let errors_at = |at: WorldTime| errors.0.iter().find(|point| point.at == at).map_or(0, |point| whole(point.value));
    let counts = requests.0.iter().map(|point| (point.at, Counts { requests: whole(point.value), errors: errors_at(point.at), p99_ms: None }));
    Reading::known(CountSeries(counts.collect()), *as_of)
}

/// Every question of the ask, each thing of each slot once.
fn questions(ask: &MetricsAsk) -> Result<Vec<Question>, String> {
    let load_balancer = load_balancer(&ask.scope).ok_or("the fleet has no rule or listener of a load balancer")?;
    let mut asked: Vec<Gauge> = ask.analysis.metrics.iter().flat_map(|metric| gauges(&metric.measure)).copied().collect();
    asked.sort_unstable();
    asked.dedup();
    let mut questions = Vec::new();
    for slot in ask.scope.slots() {
        let arn = ask.scope.target_group(*slot).ok_or("a slot has no target group")?;
        let target_group = arn.as_str().rsplit_once(':').map_or(arn.as_str(), |(_, name)| name);
        for gauge in &asked {
            let query = query(&format!("q{}", questions.len()), *gauge, target_group, &load_balancer).map_err(|error| error.to_string())?;
            questions.push(((letter(*slot), *gauge), query));
        }
    }
    Ok(questions)
}

fn query(id: &str, gauge: Gauge, target_group: &str, load_balancer: &str) -> Result<MetricDataQuery, aws_smithy_types::error::operation::BuildError> {
    let (name, statistic) = gauge.of_cloudwatch();
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let metric = SdkMetric::builder()
        .namespace(NAMESPACE)
        .metric_name(name)
        .dimensions(dimension("TargetGroup", target_group))
        .dimensions(dimension("LoadBalancer", load_balancer))
        .build();
    let stat = MetricStat::builder().metric(metric).period(PERIOD_SECS).stat(statistic).build();
    Ok(MetricDataQuery::builder().id(id).metric_stat(stat).return_data(true).build())
}

/// The load balancer as CloudWatch names it, `app/NAME/ID`, out of the ARN of its rule or listener.
fn load_balancer(scope: &Scope) -> Option<String> {
    let arn = scope.route.place()?.arn();
    let resource = arn.as_str().rsplit_once(':')?.1;
    let mut parts = resource.split('/').skip(1);
    let (kind, name, id) = (parts.next()?, parts.next()?, parts.next()?);
    Some(format!("{kind}/{name}/{id}"))
}

const fn letter(slot: Slot) -> char {
    match slot {
        Slot::A => 'a',
        Slot::B => 'b',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[(i64, f64)]) -> Reading<Series> {
        let point = |(secs, value): &(i64, f64)| Point { at: WorldTime(secs * 1_000), value: Finite::new(*value) };
        Reading::known(Series(values.iter().map(point).collect()), WorldTime(0))
    }

    #[test]
    fn a_minute_with_requests_and_no_point_of_errors_had_none() {
        let counted = counted(series(&[(60, 900.0), (120, 800.0)]), series(&[(120, 7.0)]));
        let all = counted.value().unwrap().between(WorldTime(0), WorldTime(120_000));
        assert_eq!((all.requests, all.errors), (1_700, 7));
        assert!(super::counted(Reading::unknown("throttled"), series(&[])).value().is_none(), "what was not read is not zero");
    }

    #[test]
    fn a_point_stands_for_the_minute_that_ends_with_it_and_latency_is_in_milliseconds() {
        let points = points(&[DateTime::from_secs(60)], &[0.25], Gauge::LatencyP99);
        assert_eq!(points, [Point { at: WorldTime(120_000), value: Finite::new(250.0) }]);
    }
}
