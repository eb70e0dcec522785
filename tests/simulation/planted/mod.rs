//! The test of the tests: mistakes that somebody could make, planted one by one, each with the invariant that has to catch it.

mod bugs;
mod database;
mod eyes;
mod mind;
mod plans;
mod run;
mod series;
mod shaped;
mod slips;

use quarterdeck::domain::observation::FleetObservation;
use quarterdeck::domain::time::{BootTime, WorldTime};
use quarterdeck::engine::{Broken, Decision, Situation, decide};
use quarterdeck::operation::command::Command;
use quarterdeck::operation::ledger::LedgerEntry;
use quarterdeck::operation::plan::{OperationKind, Plan};
use quarterdeck::operation::progress::Progress;

use crate::script::Script;

pub use slips::{Lapse, Slip};

/// A mistake.
pub struct Bug {
    pub name: &'static str,
    /// The invariant that has to catch it.
    pub caught_by: &'static str,
    pub hook: Hook,
    /// What makes it likely to show.
    pub stage: fn(&mut Script),
}

/// Where it is planted.
#[derive(Clone, Copy)]
pub enum Hook {
    /// In what a decision is made from.
    Sees(fn(&mut Eyes)),
    /// In what a decision comes to, behind the engine's own guards.
    Decides(fn(&Situation<'_>, &mut Decision)),
    /// In the commands as they are read.
    Commands(fn(&mut Command, &Progress, BootTime)),
    /// In what a planner makes.
    Plans(fn(&mut Plan)),
    /// In the ledger as a planner reads it.
    Ledger(fn(&mut Vec<LedgerEntry>)),
    /// In what a planner of this kind reads of the schemas images work with.
    RangesNotRead(OperationKind),
    /// In the driver's order of things.
    Hands(Slip),
    /// In the store's transactions.
    Store(Lapse),
}

/// Everything a decision is made from, to be falsified.
pub struct Eyes {
    pub plan: Plan,
    pub progress: Progress,
    pub seen: FleetObservation,
    pub now: WorldTime,
}

/// Decides as the engine does, but for the mistake.
pub fn decide_with(bug: Option<&Bug>, situation: &Situation<'_>) -> Result<Decision, Broken> {
    match bug.map(|bug| bug.hook) {
        Some(Hook::Sees(falsify)) => {
            let Situation { plan, progress, seen, now, claimant } = *situation;
            let mut eyes = Eyes { plan: plan.clone(), progress: progress.clone(), seen: seen.clone(), now };
            falsify(&mut eyes);
            decide(&Situation { plan: &eyes.plan, progress: &eyes.progress, seen: &eyes.seen, now: eyes.now, claimant })
        }
        Some(Hook::Decides(falsify)) => {
            let mut decision = decide(situation)?;
            falsify(situation, &mut decision);
            Ok(decision)
        }
        _ => decide(situation),
    }
}
