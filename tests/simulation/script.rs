//! What is drawn for a seed before it begins: the fleet, and which kinds of faults it has to live with, when and how often.

use quarterdeck::domain::fleet::{FleetSpec, Strategy, WeightStep};
use quarterdeck::domain::time::Millis;

use crate::aimed::Course;
use crate::chance::Chance;
use crate::fault::{Fault, Phase};

/// How an image behaves, as the world's catalog has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Good,
    Errors,
    NeverHealthy,
}

pub const WEB: [(&str, Kind); 4] = [("2.14.0", Kind::Good), ("2.13.1", Kind::Good), ("2.15.0", Kind::Errors), ("2.16.0", Kind::NeverHealthy)];
pub const GOOD: [(&str, Kind); 2] = [("2.14.0", Kind::Good), ("2.13.1", Kind::Good)];
pub const BAD: [(&str, Kind); 2] = [("2.15.0", Kind::Errors), ("2.16.0", Kind::NeverHealthy)];
pub const API: [(&str, Kind); 3] = [("5.2.0", Kind::Good), ("5.0.3", Kind::Good), ("5.1.0", Kind::Good)];

/// A fault meant for a phase: it strikes so long after the phase was entered.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    pub fault: Fault,
    pub phase: Phase,
    pub after: Millis,
}

/// Which faults a seed has, and how many of them strike an operation at times that have nothing to do with what it does.
#[derive(Clone, Debug, Default)]
pub struct Swarm {
    pub kinds: Vec<Fault>,
    pub strikes: u64,
    pub aims: Vec<Aim>,
}

pub struct Script {
    pub fleet: &'static str,
    pub images: &'static [(&'static str, Kind)],
    pub strategy: Strategy,
    pub judged: bool,
    pub operations: u64,
    pub swarm: Swarm,
    pub course: Course,
}

impl Script {
    pub fn draw(chance: &mut Chance) -> Self {
        let web = chance.one_in(2) || chance.one_in(3);
        Self {
            fleet: if web { "web-prod" } else { "api-prod" },
            images: if web { &WEB } else { &API },
            strategy: chance.pick(&[Strategy::Canary, Strategy::BlueGreen]),
            judged: !chance.one_in(8),
            operations: chance.between(1, 4),
            swarm: if chance.one_in(10) { Swarm::default() } else { swarm(chance) },
            course: Course::default(),
        }
    }

    /// The fleet's own numbers: mostly shorter waits than the defaults, so that a seed is cheap.
    pub fn adjust(chance: &mut Chance, spec: &mut FleetSpec) {
        spec.window = Millis::mins(chance.pick(&[10, 15, 60]));
        spec.idle_size = u32::from(chance.one_in(8));
        if !chance.one_in(4) {
            let soak = Millis::mins(chance.between(1, 4));
            let steps: &[u32] = chance.pick(&[&[5, 25, 50, 100], &[10, 100], &[1, 33, 66, 100], &[100]]);
            spec.steps = steps.iter().map(|pct| WeightStep { weight_pct: *pct, soak }).collect();
        }
    }
}

/// Some seeds have one fault in many places, some have many kinds at once.
fn swarm(chance: &mut Chance) -> Swarm {
    let kinds = match chance.between(0, 3) {
        0 => Vec::new(),
        1 => vec![chance.pick(Fault::ALL)],
        2 => (0..4).map(|_| chance.pick(Fault::ALL)).collect(),
        _ => Fault::ALL.iter().copied().filter(|_| chance.one_in(3)).collect(),
    };
    let aims = (0..chance.between(1, 3)).map(|_| aim(chance)).collect();
    Swarm { kinds, strikes: chance.pick(&[1, 2, 5, 10]), aims }
}

fn aim(chance: &mut Chance) -> Aim {
    let after = chance.pick(&[0, 0, 1, 5, 20, 60]);
    Aim { fault: chance.pick(Fault::ALL), phase: chance.pick(Phase::ALL), after: Millis::secs(chance.between(0, after)) }
}
