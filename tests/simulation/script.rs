//! What is drawn for a seed before it begins: the fleet and which kinds of faults it has to live with.

use quarterdeck::domain::fleet::{FleetSpec, Strategy, WeightStep};
use quarterdeck::domain::time::Millis;

use crate::chance::Chance;

/// How an image behaves, as the world's catalog has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Good,
    Errors,
    NeverHealthy,
}

pub const WEB: [(&str, Kind); 4] = [("2.14.0", Kind::Good), ("2.13.1", Kind::Good), ("2.15.0", Kind::Errors), ("2.16.0", Kind::NeverHealthy)];
pub const API: [(&str, Kind); 3] = [("5.2.0", Kind::Good), ("5.0.3", Kind::Good), ("5.1.0", Kind::Good)];

/// Each is "once in so many", 0 for never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Points of a turn at which the driver may die.
    pub death: u64,
    /// Observations of which a part cannot be read.
    pub unreadable: u64,
    /// Weight changes after which reads are stale for a while.
    pub stale: u64,
    /// Calls that are refused.
    pub refused: u64,
    /// Calls whose answer is lost.
    pub lost: u64,
    /// Accidents an operation: servers killed, health hidden for longer, policies at work.
    pub accidents: u64,
    /// Operations in which somebody changes weights by hand.
    pub foreign: u64,
    /// Commands an operation.
    pub commands: u64,
    /// Operations that a rollback takes the wheel from.
    pub superseded: u64,
}

pub struct Script {
    pub fleet: &'static str,
    pub images: &'static [(&'static str, Kind)],
    pub strategy: Strategy,
    pub judged: bool,
    pub operations: u64,
    pub faults: Faults,
}

impl Script {
    pub fn draw(chance: &mut Chance) -> Self {
        let web = chance.one_in(2) || chance.one_in(3);
        let faults = if chance.one_in(4) { Faults::default() } else { faults(chance) };
        Self {
            fleet: if web { "web-prod" } else { "api-prod" },
            images: if web { &WEB } else { &API },
            strategy: chance.pick(&[Strategy::Canary, Strategy::BlueGreen]),
            judged: !chance.one_in(8),
            operations: chance.between(1, 4),
            faults,
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

fn faults(chance: &mut Chance) -> Faults {
    let mut maybe = |rates: &[u64]| if chance.one_in(2) { chance.pick(rates) } else { 0 };
    Faults {
        death: maybe(&[30, 100, 300]),
        unreadable: maybe(&[5, 20, 60]),
        stale: maybe(&[1, 3]),
        refused: maybe(&[3, 10]),
        lost: maybe(&[3, 10]),
        accidents: maybe(&[1, 3]),
        foreign: maybe(&[2, 4]),
        commands: maybe(&[1, 3]),
        superseded: maybe(&[1, 3]),
    }
}
