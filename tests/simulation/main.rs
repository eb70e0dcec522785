//! Deterministic simulation: whole rollouts against the simulated world in one thread, with faults drawn from a seed, and the invariants
//! of the rollout rules checked against the world at every moment.
//!
//! `QD_SIM_SEEDS` sets how many seeds are run, `QD_SIM_FIRST` where they begin, `QD_SIM_SEED` runs one and prints its events.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a test that cannot go on has failed"
)]

mod chance;
mod checks;
mod cloud;
mod ends;
mod fault;
mod hands;
mod person;
mod planted;
mod process;
mod script;
mod sim;
mod store;
mod strike;
mod totals;
mod witness;

use sim::Sim;
use totals::Totals;

/// Seeds beyond the usual ones that once found something.
const PERMANENT: [u64; 17] =
    [1_337, 1_950, 2_118, 2_491, 3_023, 5_819, 6_729, 10_321, 15_938, 16_607, 18_402, 18_412, 19_008, 21_381, 24_129, 24_201, 27_860];
/// How many seeds are run unless told otherwise.
const SEEDS: u64 = 1_000;
/// How many of the last events a failing seed prints.
const LAST: usize = 40;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a seed; a failure comes with all there is to know.
fn run(seed: u64, totals: &mut Totals) -> Result<(), String> {
    let mut sim = Sim::new(seed);
    let ended = sim.run();
    sim.totals.one("seeds");
    sim.totals.add("ticks", sim.world.tick().unsigned_abs());
    totals.merge(&sim.totals);
    ended.map_err(|broke| format!("seed {seed}, tick {}: {broke}\n{}", sim.world.tick(), last_events(&sim, LAST)))
}

fn last_events(sim: &Sim, last: usize) -> String {
    let mut all: Vec<_> = sim
        .store
        .records
        .iter()
        .flat_map(|record| {
            record.events.iter().map(|event| (event.at, format!("{} {:>4}", record.operation.id, event.seq), format!("{:?}", event.body)))
        })
        .collect();
    all.sort_by_key(|(at, ..)| *at);
    let from = all.len().saturating_sub(last);
    all[from..]
        .iter()
        .map(|(at, id, body)| {
            let body: String = body.chars().take(700).collect();
            format!("  {:>6} {id} {body}\n", at.since(sim.world.start()).as_secs())
        })
        .collect()
}

#[test]
fn no_seed_breaks_an_invariant() {
    let mut totals = Totals::default();
    let began = std::time::Instant::now();
    if let Some(seed) = number("QD_SIM_SEED") {
        let ended = run(seed, &mut totals);
        let mut sim = Sim::new(seed);
        drop(sim.run());
        println!("{}\n{totals}", last_events(&sim, usize::MAX));
        ended.unwrap_or_else(|failure| panic!("{}", failure.lines().next().unwrap_or_default()));
        return;
    }
    let count = number("QD_SIM_SEEDS").unwrap_or(SEEDS);
    let first = number("QD_SIM_FIRST").unwrap_or(1);
    let seeds: Vec<u64> = PERMANENT.into_iter().chain(first..first + count).collect();
    let mut failures = Vec::new();
    for seed in seeds {
        if let Err(failure) = run(seed, &mut totals) {
            failures.push(failure);
        }
    }
    println!("{totals}{:?}", began.elapsed());
    let by_kind = failures.iter().map(|failure| failure.lines().next().unwrap_or_default()).take(40).collect::<Vec<_>>().join("\n");
    let judged = totals.get("ended: canary succeeded") + totals.get("ended: blue-green succeeded");
    assert!(totals.get(ends::FALSE_ALARM) <= 3 + judged / 100, "the judge cries wolf");
    assert!(failures.is_empty(), "{} seeds failed:\n{by_kind}\n\n{}", failures.len(), failures[0]);
}
