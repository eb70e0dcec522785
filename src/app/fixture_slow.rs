//! A canary that is slower than stable, judged by series: for tests of panels and reports.

use super::fixture;
use crate::domain::analysis::{Analysis, Bounds, Measure, Metric, MetricName};
use crate::domain::call::{CallReply, CloudCall};
use crate::domain::judgement::{CountPair, Evidence, Finding, Grade, JudgedBy, Judgement, SeriesPair};
use crate::domain::reading::Reading;
use crate::domain::series::{Finite, Point, Series, SeriesReading};
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::Counts;
use crate::operation::event::{CallOutcome, Event, EventBody, OperationState, Verdict, VerdictWord};
use crate::operation::progress::Progress;
use crate::operation::record::OperationView;

fn name(text: &str) -> MetricName {
    MetricName::new(text).unwrap()
}

fn number(value: f64) -> Option<Finite> {
    Finite::new(value)
}

fn analysis() -> Analysis {
    let bounds = |increase| Bounds { increase: Finite::new(increase).unwrap(), decrease: Finite::ONE };
    let p99 = Metric { allowed: bounds(1.2), critical_bounds: bounds(1.5), critical: true, ..Metric::new(name("p99"), Measure::LatencyP99) };
    let cpu = Metric { allowed: bounds(1.3), ..Metric::new(name("cpu"), Measure::Prometheus("cpu".into())) };
    let errors = Metric { critical: true, ..Metric::new(name("errors"), Measure::Errors) };
    Analysis { metrics: vec![errors, p99, cpu], ..Analysis::default() }
}

fn series(from: WorldTime, values: [f64; 12]) -> SeriesReading {
    let point = |(at, value): (u64, f64)| Point { at: from.plus(Millis::mins(at)), value: number(value) };
    Reading::known(Series((1..).zip(values).map(point).collect()), from.plus(Millis::mins(12)))
}

fn finding(metric: &str, grade: Grade, candidate: f64, stable: f64, bound: f64) -> Finding {
    Finding {
        metric: name(metric),
        by: JudgedBy::MannWhitney,
        grade,
        critical: grade == Grade::High,
        failing: grade == Grade::High,
        muted: false,
        n_candidate: 12,
        n_stable: 12,
        candidate: number(candidate),
        stable: number(stable),
        effect: number(candidate / stable),
        bound: number(bound),
        estimate: number(candidate - stable),
        low: number(candidate - stable - 9.0),
        high: number(candidate - stable + 9.0),
        p: number(if grade == Grade::High { 0.000_037 } else { 0.41 }),
        sees: number(0.12),
        more: Some(0),
        note: None,
    }
}

fn evidence(since: WorldTime) -> Evidence {
    let stable = [198.0, 201.0, 195.0, 204.0, 199.0, 197.0, 202.0, 200.0, 196.0, 203.0, 198.0, 201.0];
    let slow = [210.0, 260.0, 340.0, 371.0, 388.0, 395.0, 401.0, 398.0, 405.0, 399.0, 402.0, 397.0];
    let cpu = [44.0, 45.0, 44.0, 46.0, 45.0, 44.0, 47.0, 45.0, f64::NAN, 46.0, 45.0, 44.0];
    let counts = |requests, errors| Counts { requests, errors, p99_ms: None };
    Evidence {
        analysis: analysis(),
        since,
        until: since.plus(Millis::mins(12)),
        look: 1,
        looks: 1,
        confidence: Finite::new(0.98).unwrap(),
        count_level: Finite::new(1e-3).unwrap(),
        counts: Some(CountPair { candidate: counts(18_020, 31), stable: counts(54_011, 98) }),
        earlier: Vec::new(),
        series: vec![
            SeriesPair { metric: name("p99"), candidate: series(since, slow), stable: series(since, stable) },
            SeriesPair { metric: name("cpu"), candidate: series(since, cpu), stable: series(since, cpu) },
        ],
    }
}

fn verdict() -> Verdict {
    let errors = Finding {
        by: JudgedBy::Counts,
        n_candidate: 18_020,
        n_stable: 54_011,
        estimate: number(0.95),
        ..finding("errors", Grade::Pass, 0.001_72, 0.001_81, 1.0)
    };
    let judgement = Judgement {
        word: VerdictWord::Fail,
        score: Some(0),
        with_data: 3,
        asked: 3,
        findings: vec![errors, finding("p99", Grade::High, 372.2, 199.5, 1.2), finding("cpu", Grade::Pass, 45.0, 45.0, 1.3)],
        why: "p99: higher than stable's +87%, and it is critical".to_owned(),
    };
    let counts = evidence(WorldTime(0)).counts.unwrap_or_default();
    Verdict {
        judgement: Some(Box::new(judgement)),
        look: Some(1),
        digest: Some("5a1e0c0ffee0".to_owned()),
        ..Verdict::of_counts(VerdictWord::Fail, Some(0.41), counts.candidate, counts.stable)
    }
}

/// The canary at 25 %, found slow and holding for a person.
pub fn slow() -> OperationView {
    let mut view = fixture::canary();
    view.operation.plan.analysis = analysis();
    let why = "worse than stable: p99: higher than stable's +87%, and it is critical: back out, or promote against it";
    let at = view.events.last().unwrap().at;
    let place = view.operation.plan.scope.route.place().unwrap().clone();
    let arn = view.operation.plan.to.target_group.clone().unwrap();
    let actions = view.operation.plan.actions.with_weights(&[(arn, 0)]);
    let evidence = evidence(at.minus(Millis::mins(12)));
    let bodies = [
        EventBody::Judged { step: 4, verdict: verdict(), evidence: Some(Box::new(evidence)) },
        EventBody::StateChanged { to: OperationState::Holding, reason: why.to_owned(), deadline: Some(at.plus(Millis::secs(202))) },
    ];
    for body in bodies {
        append(&mut view, at, body);
    }
    append(
        &mut view,
        at.plus(Millis::secs(5)),
        EventBody::CallIntended { call_no: 10, call: CloudCall::SetWeights { place, actions }, why: "back to stable".into() },
    );
    append(&mut view, at.plus(Millis::secs(10)), EventBody::CallEnded { call_no: 10, outcome: CallOutcome::Accepted(CallReply::default()) });
    view.progress = Progress::of(&view.operation.plan, &view.events);
    view
}

fn append(view: &mut OperationView, at: WorldTime, body: EventBody) {
    let seq = view.events.len() as u64;
    view.events.push(Event { seq, at, body });
}
