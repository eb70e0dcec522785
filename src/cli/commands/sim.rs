//! `qd sim`: the simulated cloud itself. Needs no store and no desk, only the state directory.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::exit::Exit;
use super::super::json::moment;
use super::super::options::{GlobalOptions, duration, scenario};
use super::super::output::Output;
use crate::adapters::sim::{ADVANCE_STEP, DEFAULT_SPEED, SimCloud, SimError};
use crate::domain::time::{Millis, WorldTime};
use crate::ports::desk::DeskError;
use crate::world::{DEFAULT_SEED, Scenario};

/// An advance takes at most so many steps.
const MOST_STEPS: u64 = 4_000;

/// `qd sim`.
#[derive(clap::Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum SimCommand {
    /// A new world in place of the old one
    Reset(ResetArgs),
    /// The scenarios there are
    Scenarios(ScenariosArgs),
    /// Move the world on by hand
    Advance(AdvanceArgs),
}

/// `qd sim reset`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct ResetArgs {
    /// The scenario; that of --sim, or default, where none is named
    #[arg(value_parser = scenario)]
    pub scenario: Option<Scenario>,
    /// The seed of everything that is drawn
    #[arg(long, default_value_t = DEFAULT_SEED)]
    pub seed: u64,
}

/// `qd sim scenarios`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct ScenariosArgs {
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// `qd sim advance`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct AdvanceArgs {
    /// How far, such as 5m
    #[arg(value_parser = duration)]
    pub span: Millis,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct ScenarioDoc {
    name: &'static str,
    about: &'static str,
}

#[derive(Serialize)]
struct ScenariosDoc {
    scenarios: Vec<ScenarioDoc>,
}

#[derive(Serialize)]
struct NowDoc {
    now: String,
}

impl SimCommand {
    /// The scenario whose world it is about.
    #[must_use]
    pub fn scenario(&self, global: &GlobalOptions) -> Scenario {
        let named = match self {
            Self::Reset(args) => args.scenario,
            Self::Scenarios(_) | Self::Advance(_) => None,
        };
        named.or(global.sim).unwrap_or_default()
    }
}

/// Where the world of a scenario is kept.
#[must_use]
pub fn world_dir(state_dir: &Path, scenario: Scenario) -> PathBuf {
    state_dir.join(format!("sim-{}", scenario.name()))
}

/// Runs it on the world in [`world_dir`]. A reset replaces the world alone: what a store beside it recorded is its owner's to clear first.
///
/// # Errors
/// When the world cannot be read or written.
pub fn run(state_dir: &Path, command: &SimCommand, global: &GlobalOptions, out: &mut Output) -> Result<Exit, DeskError> {
    let scenario = command.scenario(global);
    let dir = world_dir(state_dir, scenario);
    match command {
        SimCommand::Scenarios(args) => scenarios(args, out),
        SimCommand::Reset(args) => {
            changeable(global)?;
            crate::config::private_dir(&dir)?;
            let cloud = SimCloud::reset(&dir, scenario, args.seed, global.sim_speed).map_err(|error| failed(&error))?;
            let now = cloud.with_world(crate::world::World::now).map_err(|error| failed(&error))?;
            let speed = global.sim_speed.unwrap_or(DEFAULT_SPEED);
            out.text(&format!("{}: a new world, speed x{speed}, it is {}", scenario.name(), now.rfc3339()));
        }
        SimCommand::Advance(args) => {
            changeable(global)?;
            crate::config::private_dir(&dir)?;
            say_now(advance(&dir, scenario, args.span, global.sim_speed).map_err(|error| failed(&error))?, args.json, out);
        }
    }
    Ok(Exit::Done)
}

fn changeable(global: &GlobalOptions) -> Result<(), DeskError> {
    if global.read_only {
        let refusal = crate::operation::plan::Refusal::new("the world cannot be changed with --read-only", "run it without --read-only");
        return Err(refusal.into());
    }
    Ok(())
}

fn failed(error: &SimError) -> DeskError {
    DeskError::other(error.to_string(), error.hint())
}

fn scenarios(args: &ScenariosArgs, out: &mut Output) {
    if args.json {
        let scenarios = Scenario::ALL.map(|scenario| ScenarioDoc { name: scenario.name(), about: scenario.about() }).into();
        out.json(&ScenariosDoc { scenarios });
        return;
    }
    let mut table = super::super::table::Table::new(&["SCENARIO", "WHAT IS SPECIAL"]);
    for scenario in Scenario::ALL {
        table.row([scenario.name().to_owned(), scenario.about().to_owned()]);
    }
    out.text(&table.render(None));
}

/// In steps that a driver would take, so that drivers at work see each of their periods; a long span in longer ones.
fn advance(dir: &Path, scenario: Scenario, span: Millis, speed: Option<f64>) -> Result<WorldTime, SimError> {
    let cloud = SimCloud::open(dir, scenario, DEFAULT_SEED, speed)?;
    cloud.advance_in_steps(span, ADVANCE_STEP.max(Millis(span.0 / MOST_STEPS)))
}

fn say_now(now: WorldTime, json: bool, out: &mut Output) {
    if json {
        out.json(&NowDoc { now: moment(now) });
    } else {
        out.text(&format!("it is {}", now.rfc3339()));
    }
}
