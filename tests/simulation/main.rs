//! Deterministic simulation: whole rollouts against the simulated world in one thread, with faults drawn from a seed, and the invariants
//! of the rollout rules checked against the world at every moment.
//!
//! `QD_SIM_SEEDS` sets how many seeds are run, `QD_SIM_FIRST` where they begin, `QD_SIM_MINUTES` for how long (as many seeds as fit),
//! `QD_SIM_SEED` runs one and prints its events (with `QD_SIM_AIM=no` it is after nothing but what it drew), `QD_SIM_SHAPE` has all of them draw one
//! shape of fleet. Seeds are independent: each has one thread, and there are as many threads as processors.
//!
//! Fleets with a database are seeds of their own, run by the test `fleets_with…`: `QD_SIM_DATABASE_SEEDS` sets how many, `QD_SIM_FIRST` and
//! `QD_SIM_SEED` mean the same for them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a test that cannot go on has failed, and nothing here is large"
)]

mod aimed;
mod chance;
mod checks;
mod cloud;
mod coverage;
mod crash;
mod database;
mod databases;
mod ends;
mod fault;
mod guarded;
mod hands;
mod person;
mod planted;
mod process;
mod rehearsal;
mod script;
mod series;
mod shape;
mod sim;
mod store;
mod strike;
mod totals;
mod witness;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aimed::cell_of;
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::time::Millis;
use quarterdeck::world::World;
use shape::Shape;
use sim::Sim;
use totals::Totals;

/// Seeds that once found something. They are after nothing but what they drew, whatever a usual seed with their number is after.
const PERMANENT: [u64; 146] = [
    107, 117, 176, 235, 1_337, 1_950, 2_118, 2_491, 3_023, 5_819, 6_729, 10_321, 15_938, 16_607, 18_402, 18_412, 19_008, 21_381, 24_129, 24_201,
    27_860, 451, 484, 757, 818, 1_026, 1_053, 1_379, 1_566, 1_591, 1_942, 2_066, 2_123, 2_201, 2_275, 2_460, 2_532, 2_725, 3_280, 3_290, 3_562,
    3_695, 3_713, 3_764, 3_818, 4_177, 4_219, 4_372, 4_386, 4_465, 4_639, 4_655, 4_685, 5_210, 5_247, 5_355, 5_470, 5_546, 5_707, 5_805, 8_125,
    8_393, 8_857, 6_432, 10_169, 102_880, 104_872, 104_131, 105_217, 107_469, 342, 538, 849, 980, 1_490, 1_539, 1_947, 2_238, 2_351, 2_488, 2_636,
    2_774, 2_854, 2_955, 3_118, 3_215, 3_277, 3_368, 3_694, 3_962, 4_269, 4_817, 4_866, 4_950, 5_009, 5_531, 110_156, 116_821, 116_878, 116_948,
    117_865, 9_694, 7_562, 14_888, 18_413, 4_216, 8_105, 8_705, 9_995, 11_560, 12_625, 1_003_796, 1_005_392, 1_006_078, 1_006_408, 1_006_612,
    1_012_304, 1_015_396, 1_019_198, 1_002_941, 1_009_738, 5_759, 15_322, 15_899, 19_327, 16_282, 9_002, 1_066, 14_489, 2_897, 9_899, 1_022_180,
    1_031_597, 1_032_923, 1_035_200, 1_037_758, 1_038_076, 1_039_336, 1_040_609, 1_043_411, 1_045_004, 1_048_337, 2_008_276, 3_014_104, 3_025_415,
    3_026_293,
];
/// The same, after the cell of the coverage table that they are after as well as usual ones.
const PERMANENT_AIMED: [u64; 30] = [
    117, 342, 849, 1_026, 1_053, 1_539, 1_566, 1_947, 1_950, 2_118, 2_238, 2_460, 2_532, 2_955, 4_269, 4_386, 4_866, 4_950, 5_247, 5_355, 5_805,
    6_432, 6_729, 11_562, 18_402, 19_008, 21_381, 24_129, 24_201, 107_469,
];
/// The same, of fleets of the other shapes.
const PERMANENT_SHAPED: [(Shape, u64); 55] = [
    (Shape::Attached, 113),
    (Shape::Attached, 238),
    (Shape::Attached, 5_001_752),
    (Shape::Attached, 5_001_769),
    (Shape::Attached, 6_004_087),
    (Shape::Attached, 6_004_888),
    (Shape::Attached, 6_005_030),
    (Shape::Attached, 6_005_737),
    (Shape::Attached, 2_780),
    (Shape::Attached, 14_818),
    (Shape::Guarded, 4_495),
    (Shape::Guarded, 7_001_290),
    (Shape::OneGroup, 7_006_355),
    (Shape::OneGroup, 7_007_288),
    (Shape::OneGroup, 10_306),
    (Shape::OneGroup, 11_257),
    (Shape::OneGroup, 14_096),
    (Shape::Guarded, 1_000_180),
    (Shape::Guarded, 1_000_940),
    (Shape::Guarded, 5_000_314),
    (Shape::Guarded, 5_005_895),
    (Shape::OneGroup, 1_084),
    (Shape::OneGroup, 2_008),
    (Shape::OneGroup, 1_000_063),
    (Shape::OneGroup, 5_000_125),
    (Shape::OneGroup, 5_004_003),
    (Shape::OneGroup, 5_004_781),
    (Shape::Workers, 5_001_372),
    (Shape::Workers, 5_004_286),
    (Shape::Weighted, 5_225),
    (Shape::Weighted, 5_003_302),
    (Shape::Weighted, 20_003_026),
    (Shape::Weighted, 30_002_213),
    (Shape::Attached, 30_002_273),
    (Shape::Weighted, 30_007_258),
    (Shape::OneGroup, 30_011_740),
    (Shape::OneGroup, 30_015_605),
    (Shape::Attached, 30_017_683),
    (Shape::Weighted, 30_018_535),
    (Shape::Attached, 30_028_781),
    (Shape::Weighted, 30_032_893),
    (Shape::Attached, 30_036_113),
    (Shape::Workers, 30_036_203),
    (Shape::Guarded, 40_002_079),
    (Shape::Weighted, 40_008_647),
    (Shape::Weighted, 40_023_431),
    (Shape::Guarded, 40_031_575),
    (Shape::Attached, 50_004_178),
    (Shape::Weighted, 50_007_449),
    (Shape::Workers, 50_009_419),
    (Shape::Workers, 50_015_453),
    (Shape::OneGroup, 50_022_814),
    (Shape::OneGroup, 60_011_174),
    (Shape::Workers, 60_014_890),
    (Shape::Attached, 60_016_346),
];
/// An optimised build goes through everything, and `.ci/run` makes one. Any other would take many minutes for that: it takes fewer seeds and a slice
/// of the crash matrix, and says so.
const IS_WHOLE: bool = !cfg!(debug_assertions);
/// How many seeds are run unless told otherwise.
const SEEDS: u64 = if IS_WHOLE { 150 } else { 30 };
/// So many seeds reach every cell of the coverage table.
const LONG: u64 = 20_000;
/// How many of the last events a failing seed prints.
const LAST: usize = 40;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What a seed is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing but what it drew.
    Drawn,
    /// It may be after a cell of the coverage table.
    Aimed,
    /// The fleet has a database.
    Database,
}

/// A seed, and how it is run.
#[derive(Clone, Copy)]
struct Start {
    shape: Shape,
    seed: u64,
    kind: Kind,
}

impl Start {
    const fn drawn(shape: Shape, seed: u64) -> Self {
        Self { shape, seed, kind: Kind::Drawn }
    }

    fn usual(seed: u64) -> Self {
        Self { shape: Shape::of(seed), seed, kind: Kind::Aimed }
    }

    fn permanent() -> Vec<Self> {
        let weighted = |seed| Self::drawn(Shape::Weighted, seed);
        let aimed = |seed| Self { kind: Kind::Aimed, ..weighted(seed) };
        let all = PERMANENT.into_iter().map(weighted).chain(PERMANENT_AIMED.into_iter().map(aimed));
        all.chain(PERMANENT_SHAPED.into_iter().map(|(shape, seed)| Self::drawn(shape, seed))).collect()
    }

    fn sim(self) -> Sim {
        match self.kind {
            Kind::Drawn => Sim::drawn(self.shape, self.seed),
            Kind::Aimed => Sim::new(self.shape, self.seed),
            Kind::Database => Sim::with_database(self.shape, self.seed),
        }
    }

    /// As people name it: how to run it again.
    fn name(self) -> String {
        let how = match self.kind {
            Kind::Database => ", with a database",
            Kind::Drawn if cell_of(self.seed, coverage::cells()).is_some() => ", QD_SIM_AIM=no",
            Kind::Drawn | Kind::Aimed => "",
        };
        format!("seed {} ({}{how})", self.seed, self.shape.word())
    }
}

/// Runs a seed; a failure comes with all there is to know.
fn run(start: Start, totals: &mut Totals) -> Result<(), String> {
    let mut sim = start.sim();
    let ended = sim.run();
    sim.totals.one("seeds");
    sim.totals.one(&format!("shape: {}", start.shape.word()));
    sim.totals.add("ticks", sim.world.tick().unsigned_abs());
    totals.merge(&sim.totals);
    ended.map_err(|broke| format!("{}, tick {}: {broke}\n{}", start.name(), sim.world.tick(), last_events(&sim, LAST)))
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
    all.extend(sim.diary.iter().map(|(at, what)| (*at, "-".to_owned(), what.clone())));
    all.sort_by_key(|(at, ..)| *at);
    let from = all.len().saturating_sub(last);
    let events: String = all[from..]
        .iter()
        .map(|(at, id, body)| {
            let body: String = body.chars().take(if last == usize::MAX { last } else { 700 }).collect();
            format!("  {:>6} {id} {body}\n", at.since(sim.world.start()).as_secs())
        })
        .collect();
    events + &where_it_stands(sim)
}

/// The groups as they are in the end, in the world and in its twin.
fn where_it_stands(sim: &Sim) -> String {
    let of = |name: &str, world: &World| -> String {
        let group = |slot: &Slot| {
            let found = world
                .group(sim.ground.group(*slot))
                .map(|group| (group.sizes, group.instances.len(), group.template.map(|pin| pin.version), group.suspended));
            let others = world.group(sim.ground.group(*slot)).into_iter().flat_map(|group| group.instances).filter(|server| !server.serves());
            let others: Vec<String> = others.map(|server| format!("{} {:?} {:?}", server.id, server.lifecycle, server.health)).collect();
            let (fit, share) = (sim.ground.working(world, *slot), sim.ground.share(world, *slot));
            format!("  {name} {slot:?}: {found:?}, {fit} work, share {share:.2}, not in service: {others:?}\n")
        };
        sim.ground.slots().iter().map(group).collect()
    };
    of("world", &sim.world) + &of("twin", &sim.checker.twin)
}

/// What many seeds came to.
#[derive(Default)]
struct Harvest {
    totals: Totals,
    failures: Vec<(u64, String)>,
}

impl Harvest {
    /// No seed failed, or all that did are named.
    fn is_clean(&self) {
        let heads: Vec<&str> = self.failures.iter().filter_map(|(_, failure)| failure.lines().next()).take(60).collect();
        assert!(self.failures.is_empty(), "{} seeds failed:\n{}\n\n{}", self.failures.len(), heads.join("\n"), self.failures[0].1);
    }
}

/// Runs the permanent seeds, and then others until there is no next.
fn run_many(permanent: &[Start], usual: impl Fn(u64) -> Option<Start> + Sync) -> Harvest {
    let (next, harvest) = (AtomicU64::new(0), Mutex::new(Harvest::default()));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Harvest::default();
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    let beyond = nth.checked_sub(permanent.len() as u64);
                    let Some(start) = beyond.map_or_else(|| permanent.get(nth as usize).copied(), &usual) else { break };
                    if let Err(failure) = run(start, &mut mine.totals) {
                        // A long run is not over for long: whoever waits for it knows at once.
                        println!("failed: {}", failure.lines().next().unwrap_or_default());
                        mine.failures.push((start.seed, failure));
                    }
                }
                let mut all = harvest.lock().unwrap();
                all.totals.merge(&mine.totals);
                all.failures.append(&mut mine.failures);
            });
        }
    });
    let mut harvest = harvest.into_inner().unwrap();
    harvest.failures.sort();
    harvest
}

#[test]
fn no_seed_breaks_an_invariant() {
    if let Some(seed) = number("QD_SIM_SEED") {
        let kind = if std::env::var("QD_SIM_AIM").as_deref() == Ok("no") { Kind::Drawn } else { Kind::Aimed };
        return run_one(Start { kind, ..Start::usual(seed) });
    }
    let began = Instant::now();
    let minutes = number("QD_SIM_MINUTES").map(|minutes| Duration::from_secs(minutes * 60));
    let count = number("QD_SIM_SEEDS").unwrap_or(if minutes.is_some() { u64::MAX } else { SEEDS });
    let over = |nth: u64| nth >= count || minutes.is_some_and(|limit| began.elapsed() >= limit);
    let first = number("QD_SIM_FIRST").unwrap_or(1);
    let harvest = run_many(&Start::permanent(), |nth| (!over(nth)).then(|| Start::usual(first + nth)));
    let Harvest { totals, .. } = &harvest;
    let seeds = totals.get("seeds");
    let cost = began.elapsed().as_secs_f64() * 1_000.0 / seeds as f64;
    println!("{}{seeds} seeds in {:.1?}, {cost:.1} ms a seed", totals.without("cell "), began.elapsed());
    let never = coverage::never_hit(totals);
    println!("{}", coverage::summary(totals, &never));
    harvest.is_clean();
    let judged = totals.get("ended: canary succeeded") + totals.get("ended: blue-green succeeded");
    assert!(totals.get(ends::FALSE_ALARM) <= 3 + judged / 100, "the judge cries wolf");
    let drawn = std::env::var_os("QD_SIM_SHAPE").is_none();
    assert!(seeds < LONG || !drawn || never.is_empty(), "cells of coverage.txt that were never hit:\n{}", never.join("\n"));
}

fn run_one(start: Start) {
    let mut totals = Totals::default();
    let ended = run(start, &mut totals);
    let mut sim = start.sim();
    drop(sim.run());
    println!("{}\n{totals}", last_events(&sim, usize::MAX));
    ended.unwrap_or_else(|failure| panic!("{}", failure.lines().next().unwrap_or_default()));
}

#[test]
fn two_runs_of_a_seed_leave_the_same_trace() {
    let trace = |seed| {
        let mut sim = Sim::new(Shape::of(seed), seed);
        drop(sim.run());
        sim.trace()
    };
    let traces: Vec<u64> = (1..=20).map(trace).collect();
    assert_eq!(traces, (1..=20).map(trace).collect::<Vec<_>>());
    assert!(traces.iter().collect::<std::collections::BTreeSet<_>>().len() == traces.len(), "every seed is another run");
}

/// Every state an operation can rest in is safe with nobody driving.
#[test]
fn nothing_gets_worse_in_thirty_days_without_anybody() {
    let seeds = if IS_WHOLE { 30 } else { 8 };
    println!("{seeds} seeds");
    for seed in 1..=seeds {
        let mut chance = chance::Chance::new(seed);
        let script = script::Script { swarm: script::Swarm::default(), operations: 2, ..script::Script::draw(&mut chance) };
        let mut sim = Sim::with(seed, chance, script);
        let events = 20 + seed * 17;
        let place = sim.ground.pair().unwrap().place.arn().clone();
        let ended = sim.run_a_while(events).and_then(|()| {
            let (weights, healthy) = (sim.world.actions(&place).cloned(), sim.serving());
            sim.everybody_leaves_for(Millis::mins(60 * 24 * 30))?;
            assert_eq!(sim.world.actions(&place).cloned(), weights, "seed {seed}");
            assert!(sim.serving() >= healthy, "seed {seed}: {healthy} servers served, {} do", sim.serving());
            sim.run()
        });
        ended.unwrap_or_else(|broke| panic!("seed {seed}: {broke}"));
    }
}
