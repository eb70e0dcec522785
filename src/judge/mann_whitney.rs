//! The Mann–Whitney test of a shift between two samples, with the definitions of R's `wilcox.test`, which Netflix's Kayenta judge uses:
//! normal approximation with tie and continuity correction, the confidence interval of the shift by inverting the test.

use statrs::distribution::{ContinuousCDF, Normal};

use super::root;

/// How near the ends of the interval are found, in the unit of the samples.
const TOLERANCE: f64 = 1e-4;

/// What the test says of the shift from one sample to the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The Hodges–Lehmann estimate.
    pub estimate: f64,
    /// The lower end of its confidence interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Two-sided probability of such a shift if there were none.
    pub p: f64,
    /// Probability that a point of the first sample is above one of the second, ties counted half.
    pub above: f64,
}

/// Compares two ascending samples at a two-sided `confidence` such as 0.98; none if one of them is empty or all points are equal.
#[must_use]
pub fn compare(x: &[f64], y: &[f64], confidence: f64) -> Option<Shift> {
    let (low, high) = (x.first()? - y.last()?, x.last()? - y.first()?);
    if high <= low {
        return None;
    }
    let normal = Normal::standard();
    let z = normal.inverse_cdf(f64::midpoint(confidence, 1.0));
    let (x, y) = (groups(x), groups(y));
    let at = |shift: f64| standard(Ranks::of(&x, &y, shift));
    let at_zero = Ranks::of(&x, &y, 0.0);
    let ends = (at(low), at(high));
    let crossing = |quantile: f64| {
        let (from, to) = (ends.0 - quantile, ends.1 - quantile);
        if from <= 0.0 {
            low
        } else if to >= 0.0 {
            high
        } else {
            root::find(|shift| at(shift) - quantile, (low, from), (high, to), TOLERANCE)
        }
    };
    let p = (2.0 * normal.sf(standard(at_zero).abs())).min(1.0);
    Some(Shift { estimate: crossing(0.0), low: crossing(z), high: crossing(-z), p, above: at_zero.above() })
}

/// Equal points of one sample.
#[derive(Clone, Copy)]
struct Group {
    value: f64,
    /// How many there are.
    points: f64,
}

/// The groups of an ascending sample.
fn groups(sorted: &[f64]) -> Vec<Group> {
    gathered(sorted.iter().map(|value| Group { value: *value, points: 1.0 }), sorted.len())
}

/// Ascending groups moved down; numbers that differed by less than the shift can tell become one group.
fn moved(groups: &[Group], shift: f64) -> Vec<Group> {
    gathered(groups.iter().map(|group| Group { value: group.value - shift, ..*group }), groups.len())
}

fn gathered(ascending: impl Iterator<Item = Group>, most: usize) -> Vec<Group> {
    let mut gathered: Vec<Group> = Vec::with_capacity(most);
    for group in ascending {
        match gathered.last_mut() {
            Some(last) if last.value == group.value => last.points += group.points,
            _ => gathered.push(group),
        }
    }
    gathered
}

fn points(groups: &[Group]) -> f64 {
    groups.iter().map(|group| group.points).sum()
}

/// What a group of `t` equal points takes from the variance: t³ − t.
fn tied(t: f64) -> f64 {
    t * t * t - t
}

/// What the ranks of one sample among both come to.
#[derive(Clone, Copy)]
struct Ranks {
    /// Pairs in which the first sample is above the second, ties counted half, less what chance gives.
    surplus: f64,
    /// All pairs.
    pairs: f64,
    /// Points of both samples.
    all: f64,
    /// Sum of t³ − t over groups of t equal points.
    ties: f64,
}

impl Ranks {
    /// Ranks of `x` moved down by `shift` among `y`, in one pass: moving a sample does not change its order. This is where judging spends its
    /// time, some forty times a metric.
    fn of(x: &[Group], y: &[Group], shift: f64) -> Self {
        let x = moved(x, shift);
        let (m, n) = (points(&x), points(y));
        let (mut above, mut ties, mut passed) = (0.0, 0.0, 0.0);
        let (mut xs, mut ys) = (x.as_slice(), y);
        while let ([a, after_a @ ..], [b, after_b @ ..]) = (xs, ys) {
            if a.value < b.value {
                above += a.points * passed;
                ties += tied(a.points);
                xs = after_a;
            } else if b.value < a.value {
                passed += b.points;
                ties += tied(b.points);
                ys = after_b;
            } else {
                above += a.points * (passed + b.points / 2.0);
                passed += b.points;
                ties += tied(a.points + b.points);
                (xs, ys) = (after_a, after_b);
            }
        }
        above += points(xs) * passed;
        ties += xs.iter().chain(ys).map(|group| tied(group.points)).sum::<f64>();
        Self { surplus: above - m * n / 2.0, pairs: m * n, all: m + n, ties }
    }

    fn above(self) -> f64 {
        self.surplus / self.pairs + 0.5
    }
}

/// The surplus in standard deviations, corrected for continuity and ties; zero where all points are equal.
fn standard(ranks: Ranks) -> f64 {
    let Ranks { surplus, pairs, all, ties } = ranks;
    let variance = pairs / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
    let correction = if surplus == 0.0 { 0.0 } else { 0.5_f64.copysign(surplus) };
    if variance > 0.0 { (surplus - correction) / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(x: &[f64], y: &[f64]) -> Shift {
        let sorted = |values: &[f64]| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values
        };
        compare(&sorted(x), &sorted(y), 0.98).unwrap()
    }

    /// Two samples, the interval's ends with the estimate, and how near they have to be.
    type Golden<'a> = (&'a [f64], &'a [f64], [f64; 3], f64);

    /// Kayenta's published cases: each number as near as it is written.
    #[test]
    fn the_golden_numbers_come_out() {
        let sparse = [0.0, 0.048, 0.0, 0.18, 0.089, 0.0, 0.098, 0.035, 0.0, 0.0];
        let cases: [Golden<'_>; 5] = [
            (&[20.0, 22.0, 21.0, 25.0, 30.0], &[1.0, 2.2, 1.1, 2.5, 3.0], [17.0, 29.0, 20.0], 1e-3),
            (&[2.0, 2.0, 2.0, 2.0, 3.0], &[10.0, 20.2, 10.1, 20.5, 30.0], [-28.0, -7.1, -18.08], 5e-3),
            (&[1.0, 4.0, 2.0, 3.0, 1.0], &[0.0; 5], [1.0, 4.0, 2.0], 1e-3),
            (&[0.0, 1.0, 2.0, 1.0, 0.0, 0.0], &[0.0; 6], [0.0, 2.0, 0.813], 5e-4),
            (&sparse, &[0.0; 10], [0.0, 0.089, 0.0216], 1e-4),
        ];
        for (x, y, golden, within) in cases {
            let found = shift(x, y);
            for (number, golden) in [found.low, found.high, found.estimate].into_iter().zip(golden) {
                assert!((number - golden).abs() < within, "{found:?} is not {golden}");
            }
        }
    }

    /// Every pair looked at, every value counted.
    fn counted(x: &[f64], y: &[f64], shift: f64) -> (f64, f64) {
        let x: Vec<f64> = x.iter().map(|value| value - shift).collect();
        let all: Vec<f64> = x.iter().chain(y).copied().collect();
        let pair = |a: f64, b: f64| if a > b { 1.0 } else { 0.5 * f64::from(u8::from(a == b)) };
        let above = x.iter().map(|a| y.iter().map(|b| pair(*a, *b)).sum::<f64>()).sum();
        // Each of t equal points adds its share of t³ − t.
        let ties = all.iter().map(|a| all.iter().filter(|b| a == *b).count() as f64).map(|t| t * t - 1.0).sum();
        (above, ties)
    }

    #[test]
    fn one_pass_over_groups_counts_what_every_pair_does() {
        let steps = |n: u32, step: u32, size: f64| (0..n).map(|at| f64::from(at * step % n) * size).collect::<Vec<f64>>();
        let tiny = [1e-20, 2e-20, 3e-20, 1.0, 2.0, 2.0];
        let samples = [steps(7, 3, 1.0), steps(12, 5, 0.5), steps(9, 9, 1.0), tiny.to_vec(), vec![-1.0, -0.0, 0.0, 3.5]];
        for (mut x, mut y) in samples.iter().flat_map(|x| samples.iter().map(|y| (x.clone(), y.clone()))) {
            x.sort_by(f64::total_cmp);
            y.sort_by(f64::total_cmp);
            for shift in [-3.0, -0.5, -1e-20, 0.0, 0.25, 1.0, 2.0, 100.0] {
                let ranks = Ranks::of(&groups(&x), &groups(&y), shift);
                let (above, ties) = counted(&x, &y, shift);
                assert_eq!((ranks.surplus + ranks.pairs / 2.0, ranks.ties), (above, ties), "{x:?} by {shift} and {y:?}");
            }
        }
    }

    #[test]
    fn turned_round_the_test_says_the_opposite() {
        let (x, y) = ([1.0, 2.0, 4.0, 8.0, 9.0, 9.5], [2.5, 3.0, 3.5, 5.0, 6.0]);
        let (there, back) = (shift(&x, &y), shift(&y, &x));
        assert!((there.p - back.p).abs() < 1e-12 && (there.above + back.above - 1.0).abs() < 1e-12);
        assert!((there.low + back.high).abs() < 1e-3 && (there.high + back.low).abs() < 1e-3);
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(compare(&[], &[1.0], 0.98), None);
        assert_eq!(compare(&[2.0, 2.0], &[2.0], 0.98), None);
    }
}
