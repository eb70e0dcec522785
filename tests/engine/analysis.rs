//! Soaks that are judged by series: when they end, what a verdict leads to, and what would decide where there is none.

use quarterdeck::domain::analysis::{Analysis, Bounds, Measure, Metric, MetricName, OnFail};
use quarterdeck::domain::fleet::BySlot;
use quarterdeck::domain::metrics::MetricsSeen;
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::series::{Finite, Point, Series};
use quarterdeck::domain::time::Millis;
use quarterdeck::judge;
use quarterdeck::operation::event::{EventBody, OperationState, VerdictWord};

use crate::bench::Bench;
use crate::soaking;

fn p99() -> MetricName {
    MetricName::new("p99").unwrap()
}

/// A canary at 5 % whose fleet is judged by latency as well; it soaks five minutes.
fn judged_by_latency(on_fail: OnFail) -> Bench {
    let mut bench = soaking(5, true);
    let bounds = |increase| Bounds { increase: Finite::new(increase).unwrap(), decrease: Finite::ONE };
    let latency = Metric { allowed: bounds(1.1), critical_bounds: bounds(1.5), critical: true, ..Metric::new(p99(), Measure::LatencyP99) };
    let errors = Analysis::default().errors();
    bench.plan.analysis = Analysis { metrics: vec![errors, latency], on_fail, ..Analysis::default() };
    bench.progress.soak_counts = None;
    bench.counted((0, 0), (0, 0));
    bench.turn();
    bench
}

impl Bench {
    /// A point a minute since the soak began, by how slow each side is.
    fn latency(&mut self, stable_ms: f64, candidate_ms: f64) {
        let Some(began) = self.progress.soak_began_at else { return };
        let minutes = self.now.since(began).as_secs() / 60;
        let series = |mean: f64| {
            let wobble = |minute: u64| 1.0 + 0.01 * ((minute * 7 % 5) as f64 - 2.0);
            let point = |minute: u64| Point { at: began.plus(Millis::mins(minute)), value: Finite::new(mean * wobble(minute)) };
            Reading::known(Series((1..=minutes).map(point).collect()), self.now)
        };
        let sides = BySlot { a: series(stable_ms), b: series(candidate_ms) };
        self.seen.metrics = Some(Box::new(MetricsSeen { at: self.now, series: vec![(p99(), sides)], counts: None }));
    }

    fn silent(&mut self) {
        self.says("the source is down");
    }

    /// The source tells nothing but why.
    fn says(&mut self, why: &str) {
        let sides = BySlot::from_fn(|_| Reading::unknown(why));
        self.seen.metrics = Some(Box::new(MetricsSeen { at: self.now, series: vec![(p99(), sides)], counts: None }));
    }

    /// So many looks of fifteen seconds with healthy traffic.
    fn soaks(&mut self, looks: u64, show: impl Fn(&mut Self)) {
        for _ in 0..looks {
            self.later(15);
            let secs = self.now.since(self.progress.soak_began_at.unwrap_or(self.now)).as_secs();
            self.counted((secs * 600, secs), (secs * 30, secs / 20));
            show(self);
            self.turn();
        }
    }

    fn word(&self) -> Option<VerdictWord> {
        Some(self.progress.steps[self.progress.current].verdict.as_ref()?.word)
    }
}

#[test]
fn a_soak_ends_when_its_time_is_over_and_its_points_are_there() {
    let mut bench = judged_by_latency(OnFail::BackOut);
    let step = bench.progress.current;
    bench.soaks(21, |bench| bench.latency(200.0, 200.0));
    assert_eq!(bench.progress.current, step, "five minutes are over, and the first whole minute has only begun then: {:?}", bench.progress.observed);
    bench.soaks(4, |bench| bench.latency(200.0, 200.0));
    assert_eq!(bench.progress.current, step + 1, "{}", bench.progress.reason);
    let looks = &bench.progress.steps[step].looks;
    assert_eq!((looks.len(), looks[0].word, looks[0].score), (1, VerdictWord::Pass, Some(100)));
}

#[test]
fn a_slow_candidate_backs_out_by_itself_and_anybody_can_judge_it_again() {
    let mut bench = judged_by_latency(OnFail::BackOut);
    let step = bench.progress.current;
    bench.soaks(26, |bench| bench.latency(200.0, 400.0));
    assert_eq!(bench.state(), OperationState::BackingOut);
    let status = &bench.progress.steps[step];
    let (verdict, evidence) = (status.verdict.as_ref().unwrap(), status.evidence.as_ref().unwrap());
    assert_eq!(verdict.word, VerdictWord::Fail);
    assert_eq!(verdict.digest.as_deref(), Some(judge::digest(evidence).as_str()));
    assert_eq!(verdict.judgement.as_deref(), Some(&judge::judge(evidence)));
    assert!(bench.progress.reason.contains("p99"), "{}", bench.progress.reason);
}

#[test]
fn a_fleet_that_holds_on_failure_holds_and_the_failure_sticks() {
    let mut bench = judged_by_latency(OnFail::Hold);
    bench.soaks(26, |bench| bench.latency(200.0, 400.0));
    assert_eq!((bench.state(), bench.word()), (OperationState::Holding, Some(VerdictWord::Fail)));
    assert!(bench.progress.deadline.is_some());
    bench.soaks(40, |bench| bench.latency(200.0, 200.0));
    assert_eq!((bench.state(), bench.word()), (OperationState::Holding, Some(VerdictWord::Fail)), "S22");
    bench.soaks(90, |bench| bench.latency(200.0, 200.0));
    assert_eq!(bench.state(), OperationState::BackingOut, "its deadline came");
}

#[test]
fn a_silent_source_holds_at_twice_the_soak_and_goes_on_once_it_speaks() {
    let mut bench = judged_by_latency(OnFail::BackOut);
    let step = bench.progress.current;
    bench.soaks(30, Bench::silent);
    assert_eq!((bench.state(), bench.progress.current), (OperationState::Running, step), "it waits for points");
    bench.soaks(14, Bench::silent);
    assert_eq!((bench.state(), bench.word()), (OperationState::Holding, Some(VerdictWord::Inconclusive)));
    assert!(bench.progress.reason.contains("the source is down"), "{}", bench.progress.reason);
    assert!(bench.progress.reason.contains("judged again once p99 has 5 points a side"), "{}", bench.progress.reason);
    assert!(!bench.progress.reason.contains("now"), "it says the same as when it was judged: {}", bench.progress.reason);
    bench.soaks(1, |bench| bench.says("the query gives 2 series"));
    let reason = &bench.progress.reason;
    assert!(reason.contains("the source is down") && reason.contains("(now: the query gives 2 series)"), "{reason}");
    let stopped = bench.now;
    let stale = |bench: &mut Bench| {
        let now = std::mem::replace(&mut bench.now, stopped.minus(Millis::mins(6)));
        bench.latency(200.0, 200.0);
        bench.now = now;
    };
    bench.soaks(1, stale);
    assert!(bench.progress.reason.contains("(now its newest point is too old)"), "{}", bench.progress.reason);
    bench.soaks(2, |bench| bench.latency(200.0, 200.0));
    assert_eq!(bench.progress.current, step + 1, "{}", bench.progress.reason);
}

#[test]
fn what_is_stale_or_empty_is_no_data_and_no_data_is_no_verdict() {
    let stale = |bench: &mut Bench| {
        let now = bench.now;
        bench.now = bench.progress.soak_began_at.unwrap_or(now).plus(Millis::mins(3)).min_of(now);
        bench.latency(200.0, 200.0);
        bench.now = now;
    };
    let empty = |bench: &mut Bench| {
        bench.latency(200.0, 200.0);
        bench.seen.metrics.as_mut().unwrap().series[0].1.b = Reading::known(Series::default(), bench.now);
    };
    let shows: [&dyn Fn(&mut Bench); 2] = [&stale, &empty];
    for show in shows {
        let mut bench = judged_by_latency(OnFail::BackOut);
        bench.soaks(60, show);
        assert_eq!((bench.state(), bench.word()), (OperationState::Holding, Some(VerdictWord::Inconclusive)), "S21: {}", bench.progress.reason);
        assert!(!bench.progress.reason.contains("now"), "what is stale does not answer: {}", bench.progress.reason);
    }
}

#[test]
fn errors_end_it_before_any_look_at_the_series_is_due() {
    let mut bench = judged_by_latency(OnFail::BackOut);
    bench.soaks(4, |bench| {
        bench.latency(200.0, 200.0);
        let secs = bench.now.since(bench.progress.soak_began_at.unwrap_or(bench.now)).as_secs();
        bench.counted((secs * 600, secs), (secs * 30, secs * 3));
    });
    assert_eq!(bench.state(), OperationState::BackingOut);
}

#[test]
fn at_everything_there_is_nothing_to_compare_with_and_counts_decide() {
    let mut bench = soaking(100, true);
    bench.plan.analysis = judged_by_latency(OnFail::BackOut).plan.analysis;
    let step = bench.progress.current;
    bench.progress.soak_counts = None;
    bench.counted((60_000, 120), (0, 0));
    bench.plan.baseline = Some(quarterdeck::domain::traffic::Counts::default());
    bench.turn();
    for _ in 0..22 {
        bench.later(15);
        bench.silent();
        let secs = bench.now.since(bench.progress.soak_began_at.unwrap_or(bench.now)).as_secs();
        bench.counted((60_000, 120), (secs * 600, secs));
        bench.turn();
    }
    assert_eq!(bench.progress.current, step + 1, "{}", bench.progress.reason);
}

#[test]
fn a_recorded_verdict_of_before_series_is_still_read() {
    let text = r#"{"event":"judged","step":3,"verdict":{"word":"pass","p":0.5,"candidate":{"requests":9,"errors":0,"p99_ms":null},"stable":{"requests":9,"errors":0,"p99_ms":null}}}"#;
    let EventBody::Judged { verdict, evidence, .. } = serde_json::from_str(text).unwrap() else { panic!("another event") };
    assert_eq!((verdict.word, verdict.look, evidence), (VerdictWord::Pass, None, None));
}

trait MinOf {
    fn min_of(self, other: Self) -> Self;
}

impl MinOf for quarterdeck::domain::time::WorldTime {
    fn min_of(self, other: Self) -> Self {
        if self < other { self } else { other }
    }
}
