//! What the judges see and how often they cry wolf, measured by simulation; and how long judging takes, beside SciPy in the same run.
//!
//! `cargo bench --no-default-features --bench judge`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark that cannot go on has failed, and nothing here is large"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../judge/peer.rs"]
#[allow(dead_code, reason = "the tests ask for more")]
mod peer;

use std::hint::black_box;
use std::time::Instant;

use quarterdeck::domain::analysis::{Measure, Metric, MetricName};
use quarterdeck::domain::judgement::{CountPair, Grade};
use quarterdeck::domain::time::Millis;
use quarterdeck::domain::traffic::Counts;
use quarterdeck::judge::sequence::{self, Spending};
use quarterdeck::judge::{counts, mann_whitney, power, series};

use peer::{Asked, Dice, ask};

const RUNS: u32 = 2_000;

fn sample(dice: &mut Dice, n: usize, mean: f64, noise: f64) -> Vec<f64> {
    let mut values: Vec<f64> = (0..n).map(|_| mean * (1.0 + noise * dice.normal())).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The rule of a series without the least number of points.
fn is_high(x: &[f64], y: &[f64], confidence: f64) -> bool {
    mann_whitney::compare(x, y, confidence).is_some_and(|shift| shift.low > power::MARGIN * shift.estimate.abs())
}

fn rate(hits: u32, runs: u32) -> String {
    format!("{:>6.2}%", f64::from(hits) * 100.0 / f64::from(runs))
}

/// One look at two series.
fn one_look() {
    println!("\nA, one look at confidence 0.98: found higher, of {RUNS} runs each (predicted power in brackets)");
    println!("{:>7} {:>6}  {:>8}  {:>16}  {:>16}  {:>16}", "points", "noise", "+0%", "+5%", "+10%", "+20%");
    let mut dice = Dice::new(1);
    for noise in [0.05, 0.1, 0.3] {
        for points in [2, 3, 5, 6, 7, 8, 9, 10, 20, 60] {
            let cell = |dice: &mut Dice, change: f64| {
                let hits =
                    (0..RUNS).filter(|_| is_high(&sample(dice, points, 1.0 + change, noise), &sample(dice, points, 1.0, noise), 0.98)).count() as u32;
                let n = points as u64;
                if change == 0.0 {
                    rate(hits, RUNS)
                } else {
                    format!(
                        "{} [{:>5.1}%]",
                        rate(hits, RUNS),
                        power::Comparison { noise, candidate: n, stable: n, confidence: 0.98 }.power(change) * 100.0
                    )
                }
            };
            let cells = [0.0, 0.05, 0.1, 0.2].map(|change| cell(&mut dice, change));
            println!("{points:>7} {:>5.0}%  {:>8}  {:>16}  {:>16}  {:>16}", noise * 100.0, cells[0], cells[1], cells[2], cells[3]);
        }
    }
}

/// Several looks at series that grow.
fn several_looks() {
    println!("\nA, a soak of 60 points looked at K times at confidence 1 - 0.02/K: found higher at any look (without the correction)");
    println!("{:>2}  {:>18}  {:>18}  {:>18}", "K", "+0%", "+5%", "+10%");
    let mut dice = Dice::new(2);
    for looks in [1_u32, 2, 4] {
        let confidence = sequence::confidence(looks).get();
        let cell = |dice: &mut Dice, change: f64| {
            let (mut hits, mut naive) = (0, 0);
            for _ in 0..RUNS {
                let draw = |dice: &mut Dice, mean: f64| (0..60).map(|_| mean * (1.0 + 0.1 * dice.normal())).collect::<Vec<f64>>();
                let (x, y) = (draw(dice, 1.0 + change), draw(dice, 1.0));
                let seen = |confidence: f64| {
                    (1..=looks).any(|look| {
                        let upto = 60 * look as usize / looks as usize;
                        let sorted = |values: &[f64]| {
                            let mut values = values[..upto].to_vec();
                            values.sort_by(f64::total_cmp);
                            values
                        };
                        is_high(&sorted(&x), &sorted(&y), confidence)
                    })
                };
                hits += u32::from(seen(confidence));
                naive += u32::from(seen(0.98));
            }
            format!("{} ({})", rate(hits, RUNS), rate(naive, RUNS))
        };
        let cells = [0.0, 0.05, 0.1].map(|change| cell(&mut dice, change));
        println!("{looks:>2}  {:>18}  {:>18}  {:>18}", cells[0], cells[1], cells[2]);
    }
}

fn pair(candidate: (u64, u64), stable: (u64, u64)) -> CountPair {
    let counts = |(requests, errors)| Counts { requests, errors, p99_ms: None };
    CountPair { candidate: counts(candidate), stable: counts(stable) }
}

/// One look at counts.
fn one_count() {
    println!("\nB, one look at level 1e-4, the candidate with 5 % of the traffic: found worse, of {RUNS} runs each (predicted in brackets)");
    println!("{:>9} {:>6}  {:>8}  {:>16}  {:>16}  {:>16}", "requests", "rate", "x1", "x2", "x5", "x20");
    let mut dice = Dice::new(3);
    for base in [0.001, 0.01] {
        for requests in [1_000_u64, 5_000, 20_000, 100_000] {
            let cell = |dice: &mut Dice, ratio: f64| {
                let expected = pair((requests, 0), (requests * 19, (base * (requests * 19) as f64).round() as u64));
                let draw = |dice: &mut Dice| {
                    let own = dice.poisson(base * ratio * requests as f64);
                    pair((requests, own), (requests * 19, dice.poisson(base * (requests * 19) as f64)))
                };
                let hits = (0..RUNS).filter(|_| counts::tail(draw(dice)) < 1e-4).count() as u32;
                if ratio == 1.0 {
                    rate(hits, RUNS)
                } else {
                    format!("{} [{:>5.1}%]", rate(hits, RUNS), power::of_ratio(expected, 1e-4, ratio) * 100.0)
                }
            };
            let cells = [1.0, 2.0, 5.0, 20.0].map(|ratio| cell(&mut dice, ratio));
            println!("{requests:>9} {:>5.1}%  {:>8}  {:>16}  {:>16}  {:>16}", base * 100.0, cells[0], cells[1], cells[2], cells[3]);
        }
    }
}

/// A whole rollout by counts, looked at every fifteen seconds: 5 %, 25 % and 50 % of 600 requests a second.
fn rollout(dice: &mut Dice, base: f64, ratio: f64, level: impl Fn(Spending, bool) -> f64) -> Option<f64> {
    let mut passed = 0.0;
    for (share, minutes) in [(0.05, 5_u64), (0.25, 10), (0.5, 15)] {
        let spending = Spending { steps: 4, soak: Millis::mins(minutes), hold: Millis::mins(30), period: Millis::secs(15) };
        let (mut own, mut other) = ((0, 0), (0, 0));
        for look in 1..=minutes * 4 {
            let (ours, theirs) = (600.0 * 15.0 * share, 600.0 * 15.0 * (1.0 - share));
            own = (own.0 + ours as u64, own.1 + dice.poisson(base * ratio * ours));
            other = (other.0 + theirs as u64, other.1 + dice.poisson(base * theirs));
            passed += 15.0;
            if own.0 >= counts::LEAST_REQUESTS && counts::tail(pair(own, other)) < level(spending, look == minutes * 4) {
                return Some(passed);
            }
        }
    }
    None
}

fn sequential_counts() {
    const ROLLOUTS: u32 = 1_000;
    println!(
        "\nB, a rollout of 5, 25 and 50 % for 5, 10 and 15 min at 600 requests a second and 0.2 % errors, a look every 15 s, {ROLLOUTS} rollouts each"
    );
    println!("{:>6}  {:>22}  {:>24}  {:>14}", "ratio", "found with the spending", "median seconds to it", "at 1 % a look");
    let mut dice = Dice::new(4);
    for ratio in [1.0, 1.5, 2.0, 5.0, 20.0] {
        let mut times: Vec<f64> =
            (0..ROLLOUTS).filter_map(|_| rollout(&mut dice, 0.002, ratio, |spending, ends| spending.level(ends).get())).collect();
        let naive = (0..ROLLOUTS).filter(|_| rollout(&mut dice, 0.002, ratio, |_, _| 0.01).is_some()).count() as u32;
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).map_or_else(|| "-".to_owned(), |secs| format!("{secs:.0}"));
        println!("{ratio:>6.1}  {:>22}  {median:>24}  {:>14}", rate(times.len() as u32, ROLLOUTS), rate(naive, ROLLOUTS));
    }
}

/// Errors so rare that most intervals have none: none against 0.3 an interval, sixty intervals.
fn sparse() {
    let mut dice = Dice::new(5);
    let (mut by_ranks, mut by_counts) = (0, 0);
    for _ in 0..RUNS {
        let mut errors: Vec<f64> = (0..60).map(|_| dice.poisson(0.3) as f64).collect();
        let all = errors.iter().sum::<f64>() as u64;
        errors.sort_by(f64::total_cmp);
        by_ranks += u32::from(is_high(&errors, &[0.0; 60], 0.98));
        by_counts += u32::from(counts::tail(pair((6_000, all), (6_000, 0))) < 1e-4);
    }
    println!("\nsparse errors, 0.3 an interval against none, 60 intervals: A {}, B {}", rate(by_ranks, RUNS), rate(by_counts, RUNS));
}

/// Milliseconds of wall clock, and of processor time of this thread, which other work on the machine does not lengthen.
fn timed(work: impl FnOnce()) -> (f64, f64) {
    let used = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (began, before) = (Instant::now(), used());
    work();
    let (wall, after) = (began.elapsed(), used());
    (wall.as_secs_f64() * 1e3, (after.tv_sec - before.tv_sec) as f64 * 1e3 + (after.tv_nsec - before.tv_nsec) as f64 / 1e6)
}

/// A hundred metrics of a thousand points a side: every point a value of its own, or values in steps, as counters and rounded latencies have.
fn speed() {
    let mut dice = Dice::new(6);
    let metric = Metric::new(MetricName::new("m").unwrap(), Measure::LatencyP99);
    for (kind, step) in [("every point another value", None), ("values in steps of 1 %", Some(0.01))] {
        let mut side = |mean: f64| -> Vec<f64> {
            let values = sample(&mut dice, 1_000, mean, 0.1);
            values.into_iter().map(|value| step.map_or(value, |step| (value / step).round() * step)).collect()
        };
        let pairs: Vec<(Vec<f64>, Vec<f64>)> = (0..100).map(|_| (side(1.02), side(1.0))).collect();
        let all = || pairs.iter().filter(|(x, y)| black_box(series::compared(&metric, x, y, 0.98)).grade == Grade::High).count();
        let runs: Vec<(f64, f64)> = (0..15).map(|_| timed(|| _ = black_box(all()))).collect();
        let least = |of: fn(&(f64, f64)) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
        let (wall, used) = (least(|run| run.0), least(|run| run.1));
        let told = ask(&Asked { time: pairs.clone(), ..Asked::default() });
        println!("\n100 metrics of 1,000 points a side, {kind}, with intervals and power, one core, best of {}:", runs.len());
        println!("{used:.1} ms of processor time, {wall:.1} ms by the clock (bound 60 ms)");
        println!(
            "SciPy's mannwhitneyu on the same, p alone: {:.1} ms of processor time, {:.1} times as long",
            told.seconds * 1e3,
            told.seconds * 1e3 / used
        );
    }
}

fn main() {
    one_look();
    several_looks();
    one_count();
    sequential_counts();
    sparse();
    speed();
}
