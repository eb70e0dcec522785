//! S5: from every state that can be reached the way back leads to stable, within its bound.

use std::time::Instant;

use quarterdeck::domain::fleet::{Slot, Strategy};
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::command::Who;

use crate::search::Search;
use crate::stage::{Fate, Stage};
use crate::ways::{Ended, go_back};

/// The search may find more states than this and never fewer: an engine, a world or a key that knows fewer has lost something.
const LEAST_STATES: usize = 7_500;
/// Moments of whole runs from which somebody went back.
const LEAST_MOMENTS: usize = 3_300;

const GOOD: &str = "2.14.0";
const ERRORS: &str = "2.15.0";
const NEVER_HEALTHY: &str = "2.16.0";
const BEFORE: &str = "2.13.1";

/// Each size with the weights its canaries go through and the faults and commands a path may hold.
const SIZES: [(u32, &[u32], u32); 4] = [(1, &[10, 50, 100], 2), (2, &[5, 25, 50, 100], 1), (3, &[1, 33, 66, 100], 1), (4, &[50, 99, 100], 1)];

pub fn deploy(mut stage: Stage, image: &str, strategy: Strategy) -> Stage {
    let plan = stage.deploy(image, strategy).unwrap();
    stage.confirm(plan, &Who::default()).unwrap();
    stage
}

fn roll_back(mut stage: Stage) -> Stage {
    let plan = stage.rollback(None).unwrap();
    stage.confirm(plan, &Who::default()).unwrap();
    stage
}

pub fn until(mut stage: Stage, there: impl Fn(&Stage) -> bool) -> Stage {
    while !there(&stage) {
        let at = stage.book.active().expect("it came to rest before");
        stage.turn(at, Fate::Well).unwrap();
    }
    stage
}

fn at_rest(stage: &Stage) -> bool {
    stage.book.active().is_none()
}

pub fn in_window(stage: &Stage) -> bool {
    stage.phase().starts_with("retire waiting")
}

/// Deploys of every kind of image, the retire that follows, deploys over it and after it, and rollbacks by each path.
pub fn beginnings(servers: u32, weights: &[u32]) -> Vec<Stage> {
    let fresh = || Stage::new(servers, weights);
    let deployed = until(deploy(fresh(), GOOD, Strategy::Canary), in_window);
    let retired = until(deployed.clone(), at_rest);
    let first_images = [GOOD, ERRORS, NEVER_HEALTHY].into_iter();
    let first = first_images.flat_map(|image| [Strategy::Canary, Strategy::BlueGreen].map(|strategy| deploy(fresh(), image, strategy)));
    let halfway = until(deploy(fresh(), GOOD, Strategy::Canary), |stage| stage.share_pct(Slot::B) >= 50.0);
    let again = [deploy(deployed.clone(), BEFORE, Strategy::Canary), deploy(retired.clone(), BEFORE, Strategy::BlueGreen)];
    let back = [deployed, retired, halfway].map(roll_back);
    first.chain(again).chain(back).collect()
}

#[test]
fn rollback_reaches_stable_from_every_reachable_state() {
    let began = Instant::now();
    let deeper: Option<u32> = std::env::var("QD_PROOF_DEPTH").ok().map(|depth| depth.parse().expect("QD_PROOF_DEPTH is a number"));
    let mut search = Search::default();
    for (servers, weights, faults) in SIZES {
        for beginning in beginnings(servers, weights) {
            search.explore(beginning, deeper.unwrap_or(faults));
        }
    }
    search.print();
    println!("{} states in {:?}", search.states(), began.elapsed());
    assert!(search.states() >= LEAST_STATES, "only {} states were reached, there were {LEAST_STATES} before", search.states());
}

/// A whole run, second by second: how many moments, and the longest way back from any of them.
fn every_tick(mut stage: Stage) -> (usize, Millis) {
    let (mut moments, mut longest) = (0, Millis::ZERO);
    while let Some(at) = stage.book.active() {
        let rest = stage.work(at, Fate::Well).unwrap();
        for _ in 0..rest.as_secs().max(1) {
            let ended = go_back(&stage)
                .unwrap_or_else(|broke| panic!("{} servers, {}, tick {}: {broke}", stage.servers(), stage.phase(), stage.world.tick()));
            if let Ended::Back { rest, .. } = ended {
                longest = longest.max(rest);
            }
            moments += 1;
            stage.advance(Millis::secs(1).min(rest));
        }
    }
    (moments, longest)
}

#[test]
fn rollback_reaches_stable_from_every_tick() {
    let began = Instant::now();
    let weights = [10, 50, 100];
    let deployed = until(deploy(Stage::new(3, &weights), GOOD, Strategy::BlueGreen), in_window);
    let runs = [
        deploy(Stage::new(2, &weights), GOOD, Strategy::Canary),
        deploy(Stage::new(12, &weights), ERRORS, Strategy::Canary),
        deploy(deployed.clone(), BEFORE, Strategy::BlueGreen),
        roll_back(deployed),
    ];
    let mut all = 0;
    for run in runs {
        let phase = run.phase();
        let (moments, longest) = every_tick(run);
        println!("{moments} moments of {phase}: the longest way back takes {longest}");
        all += moments;
    }
    println!("{all} moments in {:?}", began.elapsed());
    assert!(all >= LEAST_MOMENTS, "only {all} moments");
}
