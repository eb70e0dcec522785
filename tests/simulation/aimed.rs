//! Seeds that are after one cell of the table of faults and phases: a run that is likely to come to the phase, and the fault as it begins.

use std::collections::VecDeque;

use quarterdeck::domain::fleet::Strategy;
use quarterdeck::domain::time::Millis;

use crate::fault::{Fault, Phase};
use crate::script::{Aim, BAD, GOOD, Script, Swarm};
use crate::series::Source;

/// Every so many seeds one is after a cell.
pub const EVERY: u64 = 3;

/// What somebody wants, instead of something drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Deploy(&'static str),
    RollBack,
    Recycle,
}

/// A run that leads to a phase.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// What is wanted in turn, and whether within the window of what was before.
    pub wants: VecDeque<(Want, bool)>,
    /// Servers of the idle group, instead of a drawn number.
    pub idle_size: Option<u32>,
    /// How a source of series behaves, where the fleet is judged by them.
    pub series: Option<Source>,
    /// Traps spring with the next thing the driver does.
    pub sharp: bool,
}

/// The cell that this seed is after, if it is after one: all of them in turn.
pub fn cell_of(seed: u64, cells: &[(Fault, Phase)]) -> Option<(Fault, Phase)> {
    let nth = (seed / EVERY) as usize % cells.len();
    seed.is_multiple_of(EVERY).then(|| cells[nth])
}

impl Script {
    /// Nothing but this fault, in this phase.
    pub fn aim_at(&mut self, (fault, phase): (Fault, Phase)) {
        let needs_servers = matches!(fault, Fault::Flapping | Fault::LateCrash);
        let after = if needs_servers { Millis::secs(45) } else { Millis::ZERO };
        self.swarm = Swarm { kinds: Vec::new(), strikes: 0, aims: vec![Aim { fault, phase, after }] };
        self.course.sharp = true;
        self.lead_to(phase);
        if phase == Phase::Window && fault.is_of_calls() {
            // The one call there is in a window follows what the live group wants.
            self.aim(Fault::Scaled, Phase::Window);
        }
    }

    fn aim(&mut self, fault: Fault, phase: Phase) {
        self.swarm.aims.push(Aim { fault, phase, after: Millis::ZERO });
    }

    fn wants(&mut self, wants: &[(Want, bool)]) {
        (self.fleet, self.images) = ("web-prod", &GOOD);
        self.operations = wants.len() as u64;
        self.course.wants = wants.iter().copied().collect();
    }

    fn lead_to(&mut self, phase: Phase) {
        let first = (Want::Deploy("2.14.0"), true);
        match phase {
            Phase::Claim | Phase::Template => {}
            Phase::OneBox => self.strategy = Strategy::Canary,
            Phase::FullSize => self.strategy = Strategy::BlueGreen,
            Phase::Weight | Phase::Stable | Phase::Window | Phase::RetirePark | Phase::RetireGiveBack => self.wants(&[first]),
            Phase::Empty => self.wants(&[first, (Want::Deploy("2.13.1"), true)]),
            Phase::Holding => {
                self.wants(&[first]);
                self.aim(Fault::ForeignTemplate, Phase::Weight);
            }
            Phase::Paused => {
                self.wants(&[first]);
                self.aim(Fault::Paused, Phase::Weight);
            }
            Phase::BackingOut => {
                (self.fleet, self.images, self.judged) = ("web-prod", &BAD, true);
            }
            Phase::Shift | Phase::Settle | Phase::Park | Phase::GiveBack => self.wants(&[first, (Want::RollBack, true)]),
            Phase::Grow => self.wants(&[first, (Want::RollBack, false)]),
            // Seeds of other shapes come to the others by themselves.
            Phase::Detach | Phase::Version | Phase::Refresh | Phase::Bake | Phase::RefreshBack | Phase::Gates | Phase::Approve => {}
            // What serves is a release whose way back launches nothing any more: a deploy that backed out came in between.
            Phase::EmptyAnew | Phase::TemplateAnew => {
                self.wants(&[first, (Want::Deploy("2.16.0"), false), (Want::RollBack, true)]);
                self.course.idle_size = Some(u32::from(phase == Phase::EmptyAnew));
            }
        }
    }
}
