//! One metric of two series: pass, high or low, and the numbers behind it.

use super::LEAST_POINTS;
use super::mann_whitney::{Shift, compare};
use super::power::{self, MARGIN};
use super::samples::{mean, sorted};
use crate::domain::analysis::{Bounds, Effect, Metric};
use crate::domain::judgement::{Evidence, Finding, Grade, JudgedBy, SeriesPair};
use crate::domain::series::{Finite, Series, SeriesReading};

/// The change that is asked about where a metric lets every difference count.
const SMALL_CHANGE: f64 = 0.05;

/// Judges one metric of the evidence.
#[must_use]
pub fn judge(metric: &Metric, pair: &SeriesPair, evidence: &Evidence) -> Finding {
    let within = |series: &Series| sorted(metric, &series.between(evidence.since, evidence.until));
    let (candidate, stable) = match (&pair.candidate, &pair.stable) {
        (SeriesReading::Known { value: candidate, .. }, SeriesReading::Known { value: stable, .. }) => (within(candidate), within(stable)),
        (candidate, stable) => return unread(metric, candidate, stable),
    };
    compared(metric, &candidate, &stable, evidence.confidence.get())
}

/// Judges two ascending samples.
#[must_use]
pub fn compared(metric: &Metric, candidate: &[f64], stable: &[f64], confidence: f64) -> Finding {
    let blank = blank(metric, candidate, stable);
    if candidate.is_empty() || stable.is_empty() {
        let side = if candidate.is_empty() { "the candidate" } else { "stable" };
        let note = Some(format!("{side} has no point"));
        return Finding { grade: Grade::NoData, failing: metric.must_have_data, note, ..blank };
    }
    if candidate.len() < LEAST_POINTS || stable.len() < LEAST_POINTS {
        let note = Some(format!("{} and {} points, {LEAST_POINTS} a side are needed", candidate.len(), stable.len()));
        return Finding { grade: Grade::TooFew, note, ..blank };
    }
    let seen = foresight(metric, stable, (candidate.len() as u64, stable.len() as u64), confidence, blank);
    if candidate == stable {
        return seen;
    }
    match compare(candidate, stable, confidence) {
        Some(shift) => graded(metric, shift, seen, is_constant(candidate) && is_constant(stable)),
        None => constants(metric, candidate, stable, seen),
    }
}

fn is_constant(sorted: &[f64]) -> bool {
    sorted.first() == sorted.last()
}

fn number(value: Option<f64>) -> Option<Finite> {
    value.and_then(Finite::new)
}

fn blank(metric: &Metric, candidate: &[f64], stable: &[f64]) -> Finding {
    Finding {
        n_candidate: candidate.len() as u64,
        n_stable: stable.len() as u64,
        candidate: number(mean(candidate)),
        stable: number(mean(stable)),
        ..Finding::blank(metric, JudgedBy::MannWhitney)
    }
}

fn unread(metric: &Metric, candidate: &SeriesReading, stable: &SeriesReading) -> Finding {
    let why = candidate.why().or_else(|| stable.why()).map(crate::domain::text::Untrusted::shown);
    Finding { grade: Grade::Unread, note: why, ..blank(metric, &[], &[]) }
}

/// What could be seen with so many points, and how many more it takes.
fn foresight(metric: &Metric, stable: &[f64], (m, n): (u64, u64), confidence: f64, finding: Finding) -> Finding {
    let Some(noise) = power::noise(stable).filter(|noise| *noise > 0.0) else { return finding };
    let asked = match metric.effect {
        Effect::MeanRatio => (metric.allowed.increase.get() - 1.0).abs(),
        Effect::Cles => 0.0,
    };
    let change = if asked > 0.0 { asked } else { SMALL_CHANGE };
    let more = power::points_for(noise, confidence, change).saturating_sub(m.min(n));
    let comparison = power::Comparison { noise, candidate: m, stable: n, confidence };
    Finding { sees: comparison.smallest_rise().and_then(Finite::new), more: Some(more), ..finding }
}

/// Both sides are constant: their constants decide.
fn constants(metric: &Metric, candidate: &[f64], stable: &[f64], finding: Finding) -> Finding {
    let (Some(ours), Some(theirs)) = (candidate.first(), stable.first()) else { return finding };
    let difference = ours - theirs;
    let shift = Shift { estimate: difference, low: difference, high: difference, p: 1.0, above: if difference > 0.0 { 1.0 } else { 0.0 } };
    if difference == 0.0 { finding } else { graded(metric, shift, finding, true) }
}

/// High or low if the direction allows it, the interval keeps its margin from zero and the effect is at or past its bound.
fn graded(metric: &Metric, shift: Shift, finding: Finding, constant: bool) -> Finding {
    let margin = if constant { 0.0 } else { MARGIN * shift.estimate.abs() };
    let (rose, fell) = if constant { (shift.estimate > 0.0, shift.estimate < 0.0) } else { (shift.low > margin, shift.high < -margin) };
    let effect = effect_of(metric.effect, &finding, shift);
    let past = |bounds: &Bounds| match (rose, effect) {
        // A ratio to nothing has no size: any difference from it counts.
        (_, None) => true,
        (true, Some(effect)) => effect >= bounds.increase.get(),
        (false, Some(effect)) => effect <= bounds.decrease.get(),
    };
    let counts = (rose && metric.direction.rises()) || (fell && metric.direction.falls());
    let worse = counts && past(&metric.allowed);
    let grade = match (worse, rose) {
        (true, true) => Grade::High,
        (true, false) => Grade::Low,
        (false, _) => Grade::Pass,
    };
    let upwards = if rose || fell { rose } else { shift.estimate >= 0.0 };
    Finding {
        grade,
        failing: worse,
        critical: worse && metric.critical && past(&metric.critical_bounds),
        effect: number(effect),
        bound: Some(if upwards && metric.direction.rises() || !metric.direction.falls() { metric.allowed.increase } else { metric.allowed.decrease }),
        estimate: Finite::new(shift.estimate),
        low: Finite::new(shift.low),
        high: Finite::new(shift.high),
        p: (!constant).then(|| Finite::new(shift.p)).flatten(),
        ..finding
    }
}

fn effect_of(effect: Effect, finding: &Finding, shift: Shift) -> Option<f64> {
    match effect {
        Effect::Cles => Some(shift.above),
        Effect::MeanRatio => {
            let (candidate, stable) = (finding.candidate?.get(), finding.stable?.get());
            (stable > 0.0 && candidate >= 0.0).then(|| candidate / stable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::analysis::{Direction, Measure, MetricName};

    fn metric(adjust: impl FnOnce(&mut Metric)) -> Metric {
        let mut metric = Metric::new(MetricName::new("m").unwrap(), Measure::LatencyP99);
        metric.direction = Direction::Either;
        adjust(&mut metric);
        metric
    }

    fn judged(metric: &Metric, x: &[f64], y: &[f64]) -> Finding {
        let ascending = |values: &[f64]| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values
        };
        compared(metric, &ascending(x), &ascending(y), 0.98)
    }

    #[test]
    fn the_golden_verdicts_come_out() {
        let any = metric(|_| {});
        let high = judged(&any, &[20.0, 22.0, 21.0, 25.0, 30.0], &[1.0, 2.2, 1.1, 2.5, 3.0]);
        assert_eq!(high.grade, Grade::High);
        assert!((high.effect.unwrap().get() - 12.04).abs() < 0.01);
        let low = judged(&any, &[2.0, 2.0, 2.0, 2.0, 3.0], &[10.0, 20.2, 10.1, 20.5, 30.0]);
        assert_eq!(low.grade, Grade::Low);
        assert!((low.effect.unwrap().get() - 0.1211).abs() < 0.0001);
        assert_eq!(judged(&any, &[1.0, 4.0, 2.0, 3.0, 1.0], &[0.0; 5]).grade, Grade::High);
        assert_eq!(judged(&any, &[0.0, 1.0, 2.0, 1.0, 0.0, 0.0], &[0.0; 6]).grade, Grade::Pass);
        let sparse = [0.0, 0.048, 0.0, 0.18, 0.089, 0.0, 0.098, 0.035, 0.0, 0.0];
        assert_eq!(judged(&any, &sparse, &[0.0; 10]).grade, Grade::Pass);
    }

    #[test]
    fn only_the_direction_that_is_asked_for_counts() {
        let (more, less) = ([20.0, 21.0, 22.0, 23.0, 24.0], [10.0, 11.0, 12.0, 13.0, 14.0]);
        let grade = |direction, x: &[f64], y: &[f64]| judged(&metric(|metric| metric.direction = direction), x, y).grade;
        assert_eq!((grade(Direction::Increase, &more, &less), grade(Direction::Increase, &less, &more)), (Grade::High, Grade::Pass));
        assert_eq!((grade(Direction::Decrease, &more, &less), grade(Direction::Decrease, &less, &more)), (Grade::Pass, Grade::Low));
    }

    #[test]
    fn equal_sides_pass_and_constants_decide() {
        let any = metric(|_| {});
        assert_eq!(judged(&any, &[3.0, 1.0, 2.0, 4.0, 5.0], &[1.0, 2.0, 3.0, 4.0, 5.0]).grade, Grade::Pass);
        assert_eq!(judged(&any, &[7.0; 5], &[7.0; 9]).grade, Grade::Pass);
        assert_eq!((judged(&any, &[8.0; 5], &[7.0; 5]).grade, judged(&any, &[6.0; 5], &[7.0; 5]).grade), (Grade::High, Grade::Low));
    }

    #[test]
    fn a_difference_within_its_bound_passes_and_one_past_the_critical_bound_is_critical() {
        let (x, y) = ([110.0, 111.0, 112.0, 113.0, 114.0, 115.0], [100.0, 101.0, 102.0, 103.0, 104.0, 105.0]);
        let bounds = |increase| Bounds { increase: Finite::new(increase).unwrap(), decrease: Finite::ONE };
        let with = |allowed, critical| {
            judged(
                &metric(|metric| {
                    metric.critical = true;
                    metric.allowed = bounds(allowed);
                    metric.critical_bounds = bounds(critical);
                }),
                &x,
                &y,
            )
        };
        assert_eq!(with(1.2, 1.5).grade, Grade::Pass);
        assert_eq!((with(1.05, 1.5).grade, with(1.05, 1.5).critical), (Grade::High, false));
        assert!(with(1.05, 1.08).critical);
    }

    #[test]
    fn too_few_points_are_no_verdict_and_none_fail_only_where_there_must_be_some() {
        let any = metric(|_| {});
        assert_eq!(judged(&any, &[9.0; 4], &[1.0; 60]).grade, Grade::TooFew);
        let (none, must) = (judged(&any, &[], &[1.0; 60]), judged(&metric(|metric| metric.must_have_data = true), &[], &[1.0; 60]));
        assert_eq!((none.grade, none.failing, must.failing), (Grade::NoData, false, true));
    }

    #[test]
    fn what_could_have_been_seen_is_said_and_shrinks_with_points() {
        let noisy = |n: u32| (0..n).map(|at| 100.0 + f64::from(at * 7 % 20)).collect::<Vec<_>>();
        let few = judged(&metric(|_| {}), &noisy(10), &noisy(11));
        let many = judged(&metric(|_| {}), &noisy(100), &noisy(101));
        assert!(few.sees.unwrap() > many.sees.unwrap() && few.more.unwrap() > many.more.unwrap());
    }
}
