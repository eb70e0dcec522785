//! What a comparison could have seen, by the approximation of a t-test for the ranks and of the margin a shift has to keep.
//!
//! A shift counts when the lower end of its interval is above a quarter of its estimate: with standard error `e` and quantile `t` that is an
//! estimate above `t·e / 0.75`. From 10 points a side on it is within ten percentage points of what
//! `tests/benches/judge.rs` measures; with fewer, whose interval is that of their extremes, [`few`](super::few) tries the test itself.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};

use super::few::{ENOUGH, Trials};
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
/// After so many rounds the points that a rise takes do not change any more.
const ROUNDS: u8 = 8;

/// Relative noise of an ascending sample: its spread over its middle; none where that cannot be told.
#[must_use]
pub fn noise(sorted: &[f64]) -> Option<f64> {
    let (low, middle, high) = (percentile(sorted, 0.25)?, percentile(sorted, 0.5)?, percentile(sorted, 0.75)?);
    (middle > 0.0).then(|| (high - low) / NORMAL_IQR / middle)
}

/// A comparison of series that is planned or done: its noise, its points and how sure it has to be.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// Relative noise of one point, as [`noise`] tells it.
    pub noise: f64,
    /// Points of the candidate.
    pub candidate: u64,
    /// Points of stable.
    pub stable: u64,
    /// Two-sided confidence such as 0.98.
    pub confidence: f64,
}

impl Comparison {
    /// The variance that each side adds to a relative shift: stable's, and the candidate's before its noise grows with it.
    fn variances(self) -> (f64, f64) {
        // Ranks need π/3 as many points as means do where noise is normal.
        let point = self.noise.powi(2) * std::f64::consts::FRAC_PI_3;
        (point / super::float(self.stable), point / super::float(self.candidate))
    }

    /// So many standard errors a shift has to be for its interval to keep its margin.
    fn needed(self) -> f64 {
        let freedom = super::float(self.candidate.saturating_add(self.stable).saturating_sub(2).max(1));
        students_quantile(f64::midpoint(self.confidence, 1.0), freedom) / (1.0 - MARGIN)
    }

    /// Trials in place of the approximation, where a side has too few points for it.
    fn trials(self) -> Option<Trials> {
        if self.candidate.min(self.stable) < ENOUGH { Trials::of(self) } else { None }
    }

    /// The probability of seeing a relative shift of `change`.
    #[must_use]
    pub fn power(self, change: f64) -> f64 {
        if let Some(trials) = self.trials() {
            return trials.power(change);
        }
        let (stable, candidate) = self.variances();
        let error = (stable + candidate * (1.0 + change).powi(2)).sqrt();
        Normal::standard().cdf(change / error - self.needed())
    }

    /// The smallest relative rise that is seen with 80 % probability; none where noise grows faster than any rise.
    #[must_use]
    pub fn smallest_rise(self) -> Option<f64> {
        if let Some(trials) = self.trials() {
            return trials.smallest_rise();
        }
        let (stable, candidate) = self.variances();
        let wanted = (self.needed() + WANTED_QUANTILE).powi(2);
        // change² = wanted · (stable + candidate · (1 + change)²), solved for its positive root.
        let (a, half_b, c) = (1.0 - wanted * candidate, wanted * candidate, wanted * (stable + candidate));
        (a > 0.0).then(|| (half_b + (half_b.powi(2) + a * c).sqrt()) / a)
    }
}

/// The quantile of Student's distribution by its expansion around the normal one, <https://dlmf.nist.gov/26.16> and Abramowitz and Stegun 26.7.5:
/// within one percent from 8 degrees of freedom on, and a hundred times as fast as an exact one.
fn students_quantile(probability: f64, freedom: f64) -> f64 {
    let z = Normal::standard().inverse_cdf(probability);
    z + (z.powi(3) + z) / (4.0 * freedom) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * freedom.powi(2))
}

/// The points a side that it takes to see a relative rise of `change` with 80 % probability.
#[must_use]
pub fn points_for(noise: f64, confidence: f64, change: f64) -> u64 {
    let least = super::LEAST_POINTS as u64;
    // What it takes depends on the quantile, and that on the points: a few rounds settle both.
    let estimated = (0..ROUNDS).fold(least, |points, _| {
        let one = Comparison { noise, candidate: 1, stable: 1, confidence };
        let (stable, candidate) = one.variances();
        let wanted = Comparison { candidate: points, stable: points, ..one }.needed() + WANTED_QUANTILE;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number; the cast saturates")]
        let points = ((wanted / change).powi(2) * (stable + candidate * (1.0 + change).powi(2))).ceil() as u64;
        points.max(least)
    });
    let seen = |points: &u64| Comparison { noise, candidate: *points, stable: *points, confidence }.power(change) >= WANTED;
    if estimated < ENOUGH { (estimated..ENOUGH).find(seen).unwrap_or(ENOUGH) } else { estimated }
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

    fn at(points: u64, noise: f64) -> Comparison {
        Comparison { noise, candidate: points, stable: points, confidence: 0.98 }
    }

    #[test]
    fn predicted_power_is_what_was_measured() {
        // From the table of `tests/benches/judge.rs`: points a side, noise, rise, share of the runs in which it was seen.
        let measured = [
            (10, 0.05, 0.1, 0.701),
            (10, 0.1, 0.1, 0.102),
            (10, 0.1, 0.2, 0.619),
            (20, 0.05, 0.05, 0.402),
            (20, 0.1, 0.1, 0.381),
            (20, 0.3, 0.2, 0.110),
            (60, 0.1, 0.05, 0.281),
            (60, 0.1, 0.1, 0.977),
            (60, 0.3, 0.2, 0.526),
        ];
        for (points, noise, rise, share) in measured {
            let power = at(points, noise).power(rise);
            assert!((power - share).abs() < 0.1, "{points} points, noise {noise}, {rise}: predicted {power}, measured {share}");
        }
    }

    #[test]
    fn the_smallest_rise_is_seen_as_often_as_wanted() {
        for (points, noise) in [(20, 0.1), (60, 0.3)] {
            let rise = at(points, noise).smallest_rise().unwrap();
            assert!((at(points, noise).power(rise) - WANTED).abs() < 1e-9, "{points} points, noise {noise}");
        }
        for points in 5..10 {
            let rise = at(points, 0.1).smallest_rise().unwrap();
            assert!((at(points, 0.1).power(rise) - WANTED).abs() < 0.02, "{points} points");
        }
        assert_eq!(at(5, 3.0).smallest_rise(), None, "no rise is larger than such noise");
    }

    #[test]
    fn points_for_a_rise_are_enough_for_it_and_one_less_is_not() {
        for (noise, rise) in [(0.1, 0.05), (0.1, 0.1), (0.3, 0.2), (0.05, 0.1)] {
            let points = points_for(noise, 0.98, rise);
            assert!(at(points, noise).power(rise) >= WANTED, "{noise} {rise} {points}");
            assert!(at(points - 1, noise).power(rise) < WANTED, "{noise} {rise} {points}");
        }
        assert_eq!(points_for(1e-6, 0.98, 0.05), 5, "no verdict has fewer");
        assert!((5..10).all(|points| points_for(0.05, 0.98, 0.2) != points || at(points, 0.05).power(0.2) >= WANTED));
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
