//! The judges against an independent implementation, and the text of the program against a judgement.
//!
//! SciPy's `mannwhitneyu` and `binomtest` see the same random cases: p agrees to 1e-9 for shifts, and to 1e-9 of its size for counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a test that cannot go on has failed, and nothing here is large"
)]

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "the benchmark asks for more")]
mod peer;

use quarterdeck::domain::judgement::CountPair;
use quarterdeck::domain::traffic::Counts;
use quarterdeck::judge::{counts, mann_whitney, power};

use peer::{Asked, Dice, ask};

/// Random cases of each judge.
const CASES: usize = 1_500;

/// A sample of some size: continuous, or of a few values so that there are ties.
fn sample(dice: &mut Dice, n: usize, shift: f64) -> Vec<f64> {
    let coarse = dice.one_in(3);
    let mut values: Vec<f64> =
        (0..n).map(|_| 100.0 + 10.0 * dice.normal() + shift).map(|value| if coarse { (value / 5.0).round() } else { value }).collect();
    values.sort_by(f64::total_cmp);
    values
}

#[test]
fn shifts_agree_with_scipy() {
    let mut dice = Dice::new(7);
    let mut samples = Vec::new();
    while samples.len() < CASES {
        let (m, n) = (dice.between(1, 40), dice.between(1, 40));
        let shift = dice.normal() * 5.0;
        let (x, y) = (sample(&mut dice, m, shift), sample(&mut dice, n, 0.0));
        // Two constants are compared without a test.
        if x.first() != x.last() || y.first() != y.last() {
            samples.push((x, y));
        }
    }
    let told = ask(&Asked { samples: samples.clone(), ..Asked::default() });
    for ((x, y), (u, p)) in samples.iter().zip(told.samples) {
        let found = mann_whitney::compare(x, y, 0.98).unwrap();
        let own_u = found.above * (x.len() * y.len()) as f64;
        assert!((own_u - u).abs() < 1e-6, "U {own_u} is not {u} of {x:?} and {y:?}");
        assert!((found.p - p).abs() < 1e-9, "p {} is not {p} of {x:?} and {y:?}", found.p);
        assert!(found.low <= found.estimate + 1e-3 && found.estimate <= found.high + 1e-3, "{found:?}");
    }
}

#[test]
fn counts_agree_with_scipy() {
    let mut dice = Dice::new(11);
    let draw = |dice: &mut Dice| {
        let (candidate, stable) = (dice.between(1, 200_000) as u64, dice.between(1, 2_000_000) as u64);
        let most = dice.between(1, 400);
        let (own, other) = (dice.between(1, most) as u64, dice.between(0, most * 4) as u64);
        let counts = |requests, errors| Counts { requests, errors, p99_ms: None };
        CountPair { candidate: counts(candidate, own), stable: counts(stable, other) }
    };
    let pairs: Vec<CountPair> = (0..CASES).map(|_| draw(&mut dice)).collect();
    let as_binomial = |pair: &CountPair| {
        let share = pair.candidate.requests as f64 / (pair.candidate.requests + pair.stable.requests) as f64;
        (pair.candidate.errors, pair.candidate.errors + pair.stable.errors, share)
    };
    let told = ask(&Asked { counts: pairs.iter().map(as_binomial).collect(), ..Asked::default() });
    for (pair, p) in pairs.iter().zip(told.counts) {
        let found = counts::tail(*pair);
        assert!((found - p).abs() <= 1e-9 * p + 1e-300, "{found} is not {p} of {pair:?}");
    }
}

#[test]
fn few_points_see_what_is_promised() {
    let mut dice = Dice::new(7);
    let mut draw = |n: usize, mean: f64, noise: f64| {
        let mut values: Vec<f64> = (0..n).map(|_| mean * (1.0 + noise * dice.normal())).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    for (m, n) in [(5, 5), (6, 6), (7, 7), (8, 8), (9, 9), (5, 9), (5, 20), (20, 6)] {
        for (noise, rise) in [(0.05, 0.05), (0.05, 0.1), (0.05, 0.2), (0.1, 0.2), (0.1, 0.3), (0.3, 1.0)] {
            let runs = 2_000;
            let is_seen = |shift: mann_whitney::Shift| shift.low > power::MARGIN * shift.estimate.abs();
            let mut seen = || mann_whitney::compare(&draw(m, 1.0 + rise, noise), &draw(n, 1.0, noise), 0.98).is_some_and(is_seen);
            let share = (0..runs).filter(|_| seen()).count() as f64 / f64::from(runs);
            let promised = power::Comparison { noise, candidate: m as u64, stable: n as u64, confidence: 0.98 }.power(rise);
            assert!((promised - share).abs() < 0.06, "{m} against {n} points, noise {noise}, +{rise}: promised {promised}, seen {share}");
        }
    }
}
