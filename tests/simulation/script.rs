//! What is drawn for a seed before it begins: the fleet, and which kinds of faults it has to live with, when and how often.

use quarterdeck::domain::fleet::{FleetSpec, Strategy, WeightStep};
use quarterdeck::domain::text::Untrusted;
use quarterdeck::domain::time::Millis;
use quarterdeck::world::state::Vigour;
use quarterdeck::world::{Disturbance, World};

use crate::aimed::Course;
use crate::chance::Chance;
use crate::database::Owner;
use crate::fault::{Fault, Phase};
use crate::guarded::Guards;
use crate::shape::Shape;

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
pub const SEARCH: [(&str, Kind); 2] = [("1.10.0", Kind::Good), ("1.8.4", Kind::Good)];
pub const SICK_SEARCH: [(&str, Kind); 2] = [("1.10.0", Kind::Good), ("1.8.4", Kind::NeverHealthy)];
pub const LEGACY: [(&str, Kind); 1] = [("0.9.9", Kind::Good)];
pub const SICK_LEGACY: [(&str, Kind); 1] = [("0.9.9", Kind::NeverHealthy)];
pub const WORKER: [(&str, Kind); 2] = [("3.4.0", Kind::Good), ("3.2.1", Kind::Good)];

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
    pub shape: Shape,
    pub fleet: &'static str,
    pub images: &'static [(&'static str, Kind)],
    pub strategy: Strategy,
    pub judged: bool,
    /// Somebody promotes what waits for it.
    pub promotes: bool,
    /// People want fresh servers now and then.
    pub recycles: bool,
    pub guards: Guards,
    /// The fleet has a database, and its owner programs for it.
    pub database: Option<Owner>,
    pub operations: u64,
    pub swarm: Swarm,
    pub course: Course,
}

impl Script {
    pub fn draw(chance: &mut Chance) -> Self {
        let web = chance.one_in(2) || chance.one_in(3);
        let shape = Shape::Weighted;
        Self {
            shape,
            fleet: if web { "web-prod" } else { "api-prod" },
            images: if web { &WEB } else { &API },
            strategy: chance.pick(&[Strategy::Canary, Strategy::BlueGreen]),
            judged: !chance.one_in(8),
            promotes: false,
            recycles: false,
            guards: Guards::default(),
            database: None,
            operations: chance.between(1, 4),
            swarm: if chance.one_in(10) { Swarm::default() } else { swarm(chance, Fault::OF_WEIGHTS, Phase::OF_WEIGHTS) },
            course: Course::default(),
        }
    }

    /// A fleet of another shape than two groups with weights, where nobody can judge one release against the other.
    pub fn draw_shaped(shape: Shape, chance: &mut Chance) -> Self {
        let (fleet, images): (_, &[(&str, Kind)]) = match shape {
            Shape::Weighted => return Self::draw(chance),
            Shape::Guarded => return Self::draw_guarded(chance),
            Shape::Attached => ("search-prod", if chance.one_in(3) { &SICK_SEARCH } else { &SEARCH }),
            Shape::Workers => ("worker-prod", &WORKER),
            Shape::OneGroup => ("legacy-prod", if chance.one_in(4) { &SICK_LEGACY } else { &LEGACY }),
        };
        Self {
            shape,
            fleet,
            images,
            strategy: if shape == Shape::OneGroup { Strategy::Rolling } else { chance.pick(&[Strategy::Canary, Strategy::BlueGreen]) },
            judged: false,
            promotes: !chance.one_in(6),
            recycles: shape == Shape::OneGroup,
            guards: if chance.one_in(2) { Guards::draw(chance) } else { Guards::default() },
            database: None,
            operations: chance.between(1, 4),
            swarm: if chance.one_in(10) { Swarm::default() } else { swarm(chance, &shape.faults(), &shape.phases()) },
            course: Course::default(),
        }
    }

    fn draw_guarded(chance: &mut Chance) -> Self {
        let plain = Self::draw(chance);
        let (guards, promotes) = (Guards::draw(chance), !chance.one_in(4));
        let swarm = if chance.one_in(10) { Swarm::default() } else { swarm(chance, &Shape::Guarded.faults(), &Shape::Guarded.phases()) };
        Self { shape: Shape::Guarded, guards, promotes, swarm, ..plain }
    }

    /// Makes the images behave as this seed has them.
    pub fn bring_about(&self, world: &mut World) {
        for (version, _) in self.images.iter().filter(|(_, kind)| *kind == Kind::NeverHealthy && !self.has_weights()) {
            let image = world.images().into_iter().find(|image| image.version.as_ref().map(Untrusted::raw) == Some(version)).unwrap().id;
            world.disturb(Disturbance::ChangeVigour { image, vigour: Vigour::NeverHealthy });
        }
    }

    pub const fn has_weights(&self) -> bool {
        matches!(self.shape, Shape::Weighted | Shape::Guarded)
    }

    /// The fleet's own numbers: mostly shorter waits than the defaults, so that a seed is cheap.
    pub fn adjust(&self, chance: &mut Chance, spec: &mut FleetSpec) {
        spec.window = Millis::mins(chance.pick(&[10, 15, 60]));
        // Without weights a server that is kept would serve the old release.
        spec.idle_size = u32::from(chance.one_in(8) && self.has_weights());
        if !chance.one_in(4) {
            let soak = Millis::mins(chance.between(1, 4));
            let steps: &[u32] = chance.pick(&[&[5, 25, 50, 100], &[10, 100], &[1, 33, 66, 100], &[100]]);
            spec.steps = steps.iter().map(|pct| WeightStep { weight_pct: *pct, soak }).collect();
        }
        self.guards.put_on(spec);
    }
}

/// Some seeds have one fault in many places, some have many kinds at once.
fn swarm(chance: &mut Chance, faults: &[Fault], phases: &[Phase]) -> Swarm {
    let kinds = match chance.between(0, 3) {
        0 => Vec::new(),
        1 => vec![chance.pick(faults)],
        2 => (0..4).map(|_| chance.pick(faults)).collect(),
        _ => faults.iter().copied().filter(|_| chance.one_in(3)).collect(),
    };
    let aims = (0..chance.between(1, 3)).map(|_| aim(chance, faults, phases)).collect();
    Swarm { kinds, strikes: chance.pick(&[1, 2, 5, 10]), aims }
}

fn aim(chance: &mut Chance, faults: &[Fault], phases: &[Phase]) -> Aim {
    let after = chance.pick(&[0, 0, 1, 5, 20, 60]);
    Aim { fault: chance.pick(faults), phase: chance.pick(phases), after: Millis::secs(chance.between(0, after)) }
}
