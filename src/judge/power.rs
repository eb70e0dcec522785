//! What a comparison could have seen, by the normal approximation of the test and of the margin a shift has to keep.
//!
//! A shift counts when the lower end of its interval is above a quarter of its estimate: with standard error `e` and quantile `z` that is an
//! estimate above `z·e / 0.75`. It promises too much in the steep part, as `tests/benches/judge.rs` shows: by up to 15
//! percentage points with 20 or 60 points a side, by up to 28 with 10.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};

use super::samples::percentile;
use crate::domain::judgement::CountPair;

/// A quarter of the estimate is the margin its interval has to keep from zero.
pub const MARGIN: f64 = 0.25;
/// The probability with which a difference is to be seen.
pub const WANTED: f64 = 0.8;
/// Quantile of the normal distribution at [`WANTED`].
const WANTED_QUANTILE: f64 = 0.841_621_233_572_914_4;
/// The interquartile range of a normal distribution, in standard deviations.
const NORMAL_IQR: f64 = 1.349;
/// Beyond so many times as much data nobody waits.
const PATIENCE: f64 = 64.0;

/// Relative noise of an ascending sample: its spread over its middle; none where that cannot be told.
#[must_use]
pub fn noise(sorted: &[f64]) -> Option<f64> {
    let (low, middle, high) = (percentile(sorted, 0.25)?, percentile(sorted, 0.5)?, percentile(sorted, 0.75)?);
    (middle > 0.0).then(|| (high - low) / NORMAL_IQR / middle)
}

/// The standard error of a relative shift between samples of these sizes.
fn error(noise: f64, m: u64, n: u64) -> f64 {
    // Ranks need π/3 as many points as means do where noise is normal.
    noise * ((1.0 / super::float(m) + 1.0 / super::float(n)) * std::f64::consts::FRAC_PI_3).sqrt()
}

/// The quantile that a two-sided confidence stands for.
fn quantile(confidence: f64) -> f64 {
    Normal::standard().inverse_cdf(f64::midpoint(confidence, 1.0))
}

/// The probability of seeing a relative shift of `change` with so many points.
#[must_use]
pub fn of_shift(noise: f64, m: u64, n: u64, confidence: f64, change: f64) -> f64 {
    Normal::standard().cdf(change / error(noise, m, n) - quantile(confidence) / (1.0 - MARGIN))
}

/// The smallest relative shift that is seen with 80 % probability.
#[must_use]
pub fn smallest_shift(noise: f64, m: u64, n: u64, confidence: f64) -> f64 {
    (quantile(confidence) / (1.0 - MARGIN) + WANTED_QUANTILE) * error(noise, m, n)
}

/// The points a side that it takes to see a relative shift of `change` with 80 % probability.
#[must_use]
pub fn points_for(noise: f64, confidence: f64, change: f64) -> u64 {
    let per_point = smallest_shift(noise, 1, 1, confidence);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number; the cast saturates")]
    let points = (per_point / change).powi(2).ceil() as u64;
    points.max(super::LEAST_POINTS as u64)
}

/// The probability that errors `ratio` times as frequent as stable's are found at this one-sided level.
#[must_use]
pub fn of_ratio(pair: CountPair, level: f64, ratio: f64) -> f64 {
    of_ratio_scaled(pair, level, ratio, 1.0)
}

/// The same with `scale` times the requests.
fn of_ratio_scaled(pair: CountPair, level: f64, ratio: f64, scale: f64) -> f64 {
    let (nc, ns) = (super::float(pair.candidate.requests) * scale, super::float(pair.stable.requests) * scale);
    if nc <= 0.0 || ns <= 0.0 {
        return 0.0;
    }
    // Half an error keeps a spotless stable side from promising that nothing is ever seen.
    let rate = (super::float(pair.stable.errors) + 0.5) / super::float(pair.stable.requests);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number; the cast saturates")]
    let errors = (rate * (ratio * nc + ns)).round() as u64;
    let share = |odds: f64| odds * nc / (odds * nc + ns);
    let (Ok(chance), Ok(true_share)) = (Binomial::new(share(1.0), errors), Binomial::new(share(ratio), errors)) else { return 0.0 };
    let last_unsuspicious = chance.inverse_cdf(1.0 - level);
    if errors == 0 { 0.0 } else { true_share.sf(last_unsuspicious) }
}

/// The smallest ratio of error rates that is found with 80 % probability; none if not even a thousandfold one is.
#[must_use]
pub fn smallest_ratio(pair: CountPair, level: f64) -> Option<f64> {
    bisect(1.0, 1_000.0, |ratio| of_ratio(pair, level, ratio) >= WANTED)
}

/// So many more requests of the candidate, and a ratio is found with 80 % probability; zero if it is already, none if that is out of reach.
#[must_use]
pub fn more_requests(pair: CountPair, level: f64, ratio: f64) -> Option<u64> {
    let scale = bisect(1.0, PATIENCE, |scale| of_ratio_scaled(pair, level, ratio, scale) >= WANTED)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number; the cast saturates")]
    let more = ((scale - 1.0) * super::float(pair.candidate.requests)).ceil() as u64;
    Some(more)
}

/// The smallest factor between the two that is enough, to one percent; none if the largest is not.
fn bisect(least: f64, most: f64, enough: impl Fn(f64) -> bool) -> Option<f64> {
    if enough(least) {
        return Some(least);
    }
    if !enough(most) {
        return None;
    }
    let (mut low, mut high) = (least, most);
    while high / low > 1.01 {
        let middle = (low * high).sqrt();
        if enough(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::traffic::Counts;

    #[test]
    fn the_measured_power_of_the_specification_is_met() {
        // At a noise of 10 %, +10 % is seen in 14, 47 and 99.7 % of all cases.
        for (points, measured) in [(10, 0.14), (20, 0.47), (60, 0.997)] {
            let power = of_shift(0.1, points, points, 0.98, 0.1);
            assert!((power - measured).abs() < 0.05, "{points} points: {power}");
        }
    }

    #[test]
    fn points_for_a_shift_are_enough_for_it_and_one_less_is_not() {
        let points = points_for(0.1, 0.98, 0.05);
        assert!(of_shift(0.1, points, points, 0.98, 0.05) >= WANTED - 1e-9);
        assert!(of_shift(0.1, points - 1, points - 1, 0.98, 0.05) < WANTED);
    }

    #[test]
    fn more_requests_see_smaller_ratios() {
        let counts = |requests, errors| Counts { requests, errors, p99_ms: None };
        let few = CountPair { candidate: counts(1_000, 2), stable: counts(19_000, 38) };
        let many = CountPair { candidate: counts(100_000, 200), stable: counts(1_900_000, 3_800) };
        let (coarse, fine) = (smallest_ratio(few, 1e-4).unwrap(), smallest_ratio(many, 1e-4).unwrap());
        assert!(fine < 1.5 && coarse > 4.0, "{fine} {coarse}");
        assert_eq!(more_requests(many, 1e-4, 2.0), Some(0));
        assert!(more_requests(few, 1e-4, 2.0).is_some_and(|more| more > 5_000));
        assert_eq!(smallest_ratio(CountPair { candidate: counts(0, 0), ..few }, 1e-4), None);
    }
}
