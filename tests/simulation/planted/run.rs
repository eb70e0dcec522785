//! Each planted mistake is looked for seed by seed until its invariant fires.

use std::time::Instant;

use super::Bug;
use super::bugs::BUGS;
use super::database::DATABASE;
use super::series::SERIES;
use super::shaped::SHAPED;
use crate::chance::Chance;
use crate::script::Script;
use crate::sim::Sim;

/// Seeds a mistake may hide in.
const BUDGET: u64 = 40;
/// So many mistakes there are; it may rise, and never falls.
const LEAST: usize = 104;

/// What became of a mistake.
struct Found {
    caught_at: Option<u64>,
    /// The engine's own guard stopped it with the same invariant.
    by_guard: bool,
    /// What else fired before.
    others: Vec<String>,
}

fn look_for(bug: &'static Bug) -> Found {
    let mut found = Found { caught_at: None, by_guard: false, others: Vec::new() };
    for seed in 1..=BUDGET {
        let mut chance = Chance::new(seed);
        let mut script = Script::draw(&mut chance);
        (bug.stage)(&mut script);
        let mut sim = Sim::with(seed, chance, script);
        sim.plant(bug);
        let Err(broke) = sim.run() else { continue };
        let fired = broke.split(':').next().unwrap_or_default();
        found.by_guard |= broke.contains(&format!("invariant {} would break", bug.caught_by));
        if fired == bug.caught_by {
            found.caught_at = Some(seed);
            return found;
        }
        found.others.push(broke);
    }
    found
}

#[test]
fn every_planted_mistake_is_caught_by_its_invariant() {
    let began = Instant::now();
    let only = std::env::var("QD_SIM_PLANTED").ok();
    let mut missed = Vec::new();
    let all = || BUGS.iter().chain(SHAPED).chain(DATABASE).chain(SERIES);
    for bug in all().filter(|bug| only.as_ref().is_none_or(|only| bug.name.contains(only.as_str()))) {
        let started = Instant::now();
        let found = look_for(bug);
        let guard = if found.by_guard { ", and by the engine's own guard" } else { "" };
        match found.caught_at {
            Some(seed) => {
                println!("{:>8}  {} (seed {seed}{guard}, {} others, {:.1?})", bug.caught_by, bug.name, found.others.len(), started.elapsed())
            }
            None => {
                println!("  MISSED  {} ({} expected{guard}), {:.1?}", bug.name, bug.caught_by, started.elapsed());
                found.others.iter().take(4).for_each(|other| println!("          {}", other.lines().next().unwrap_or_default()));
                missed.push(bug.name);
            }
        }
    }
    let planted = all().count();
    println!("{planted} planted mistakes, {} missed, {:.1?}", missed.len(), began.elapsed());
    assert!(missed.is_empty(), "not caught: {missed:#?}");
    assert!(planted >= LEAST, "only {planted} mistakes are planted");
}
