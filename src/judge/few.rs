//! What a comparison of few points could have seen. With fewer than ten a side the interval of a shift ends near the extremes of the samples,
//! and no formula for means or large samples tells where; so the test itself is tried on a fixed grid of normal samples.
//!
//! The grid is a lattice (Korobov's: point `i` has `i·g^j mod N` as its `j`-th coordinate), whose points lie more evenly than random ones: the
//! same question always has the same answer, and it is within six percentage points of what `tests/benches/judge.rs` measures.

use statrs::distribution::{ContinuousCDF, Normal};

use super::power::{Comparison, MARGIN, WANTED};

/// From so many points a side on the formula for large samples is right.
pub const ENOUGH: u64 = 10;
/// Samples that are tried: a prime.
const TRIALS: usize = 251;
/// A primitive root of it.
const GENERATOR: usize = 71;
/// How far the coordinates are moved against each other, or all of the first point would be the same.
const OFFSET: usize = 97;
/// A side with more points than this is as good as known: the other one decides what is seen.
const MOST: u64 = 60;
/// A rise that takes longer than so many rounds to be found grows with its own noise.
const ROUNDS: u8 = 16;
/// A rise is known as well as this, as a part of it.
const PRECISION: f64 = 0.005;
/// Larger rises are not worth a number.
const LARGEST: f64 = 10.0;

/// The samples that are tried for a comparison.
pub(super) struct Trials {
    noise: f64,
    candidate: usize,
    stable: usize,
    /// Which of the differences, in ascending order from 0, is the lower end of the interval.
    low: usize,
    /// Quantiles of the normal distribution that the coordinates stand for.
    quantiles: Vec<f64>,
}

impl Trials {
    /// Those of a comparison with few points; none where a side has none.
    pub(super) fn of(comparison: Comparison) -> Option<Self> {
        let whole = |points: u64| usize::try_from(points.min(MOST)).ok().filter(|points| *points > 0);
        let (candidate, stable) = (whole(comparison.candidate)?, whole(comparison.stable)?);
        let (m, n) = (small(candidate), small(stable));
        let z = Normal::standard().inverse_cdf(f64::midpoint(comparison.confidence, 1.0));
        let deviation = (m * n * (m + n + 1.0) / 12.0).sqrt();
        // The interval begins where so many differences are below that the test, with its continuity correction, gives way; or at the first.
        let below = (m * n / 2.0 - 0.5 - z * deviation).ceil().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 60 times 60")]
        let low = below as usize - 1;
        let quantiles = (0..TRIALS).map(|at| Normal::standard().inverse_cdf((small(at) + 0.5) / small(TRIALS))).collect();
        Some(Self { noise: comparison.noise, candidate, stable, low, quantiles })
    }

    /// The part of the trials in which a relative rise of `change` is seen.
    pub(super) fn power(&self, change: f64) -> f64 {
        let seen = self.thresholds(change).into_iter().filter(|threshold| *threshold < change).count();
        small(seen) / small(TRIALS)
    }

    /// The smallest relative rise that is seen as often as wanted; none where noise grows faster than any rise.
    pub(super) fn smallest_rise(&self) -> Option<f64> {
        let mut rise = 0.0;
        for _ in 0..ROUNDS {
            let mut thresholds = self.thresholds(rise);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of the number of trials")]
            let at = (WANTED * small(TRIALS)) as usize;
            let next = *thresholds.select_nth_unstable_by(at, f64::total_cmp).1;
            if (next - rise).abs() <= PRECISION * next {
                return Some(next);
            }
            if next > LARGEST {
                return None;
            }
            rise = next;
        }
        None
    }

    /// For each trial, the rise above which the lower end of its interval keeps its margin, if noise is that of a rise of `change`.
    fn thresholds(&self, change: f64) -> Vec<f64> {
        let mut differences = Vec::with_capacity(self.candidate * self.stable);
        (0..TRIALS).map(|trial| self.threshold(trial, change, &mut differences)).collect()
    }

    fn threshold(&self, trial: usize, change: f64, differences: &mut Vec<f64>) -> f64 {
        differences.clear();
        let own: Vec<f64> = self.points(trial, 0, self.candidate).map(|point| (1.0 + change) * self.noise * point).collect();
        let other: Vec<f64> = self.points(trial, self.candidate, self.stable).map(|point| self.noise * point).collect();
        differences.extend(own.iter().flat_map(|own| other.iter().map(move |other| own - other)));
        let half = differences.len() / 2;
        let estimate = *differences.select_nth_unstable_by(half, f64::total_cmp).1;
        let low = *differences.select_nth_unstable_by(self.low.min(half), f64::total_cmp).1;
        // low + rise > margin · (estimate + rise)
        (MARGIN * estimate - low) / (1.0 - MARGIN)
    }

    /// So many coordinates of a trial, from the `first` on, as points of normal noise.
    fn points(&self, trial: usize, first: usize, number: usize) -> impl Iterator<Item = f64> {
        let start = (0..first).fold(1, |power, _| power * GENERATOR % TRIALS);
        let powers = std::iter::successors(Some(start), |power| Some(power * GENERATOR % TRIALS));
        let place = move |(at, power): (usize, usize)| (trial * power + (first + at) * OFFSET) % TRIALS;
        powers.take(number).enumerate().filter_map(move |it| self.quantiles.get(place(it)).copied())
    }
}

/// Numbers of points and trials are small.
#[expect(clippy::cast_precision_loss, reason = "at most a few thousand")]
const fn small(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::super::mann_whitney;
    use super::*;

    fn at(points: u64, noise: f64, confidence: f64) -> Comparison {
        Comparison { noise, candidate: points, stable: points, confidence }
    }

    #[test]
    fn the_end_of_the_interval_is_the_one_that_the_test_finds() {
        for (points, confidence) in [(5, 0.98), (6, 0.98), (7, 0.995), (9, 0.98), (9, 0.99)] {
            let trials = Trials::of(at(points, 1.0, confidence)).unwrap();
            for trial in [0, 17, 100] {
                let sorted = |first: usize| {
                    let mut values: Vec<f64> = trials.points(trial, first, usize::try_from(points).unwrap()).collect();
                    values.sort_by(f64::total_cmp);
                    values
                };
                let (x, y) = (sorted(0), sorted(trials.candidate));
                let shift = mann_whitney::compare(&x, &y, confidence).unwrap();
                let expected = (MARGIN * shift.estimate - shift.low) / (1.0 - MARGIN);
                let found = trials.threshold(trial, 0.0, &mut Vec::new());
                assert!((found - expected).abs() < 0.1, "{points} points, {confidence}, trial {trial}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn the_coordinates_of_the_trials_are_normal_noise() {
        let trials = Trials::of(at(9, 1.0, 0.98)).unwrap();
        for coordinate in 0..18 {
            let values: Vec<f64> = (0..TRIALS).map(|trial| trials.points(trial, coordinate, 1).next().unwrap()).collect();
            let (mean, square) = (values.iter().sum::<f64>() / 251.0, values.iter().map(|value| value * value).sum::<f64>() / 251.0);
            assert!(mean.abs() < 1e-9 && (square - 1.0).abs() < 0.02, "{coordinate}: {mean} {square}");
        }
    }
}
