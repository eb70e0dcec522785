//! Options that hold for every command, and those of commands that change something.

use std::path::PathBuf;

use crate::domain::fleet::{Slot, Strategy};
use crate::domain::time::Millis;
use crate::operation::freeze::{LONGEST_FREEZE, SHORTEST_FREEZE};
use crate::world::Scenario;

/// What holds for the screen and every command.
#[derive(clap::Args, Clone, Debug, Default, PartialEq)]
#[command(next_help_heading = "Everywhere")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct GlobalOptions {
    /// Use the simulated cloud
    #[arg(long, global = true, value_name = "SCENARIO", num_args = 0..=1, require_equals = true, default_missing_value = "default", value_parser = scenario)]
    pub sim: Option<Scenario>,
    /// World seconds in a real one, for every process on that world; 0 stops it
    #[arg(long, global = true, value_name = "N", value_parser = speed)]
    pub sim_speed: Option<f64>,
    /// Profile of the AWS configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// AWS region
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Another endpoint for every AWS service
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Another fleets.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Another directory for what is recorded
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Change nothing: no operation, no command, no driver
    #[arg(long, global = true)]
    pub read_only: bool,
    /// The screen as plain lines
    #[arg(long, global = true)]
    pub plain: bool,
    /// Draw with ASCII only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Draw without colours
    #[arg(long, global = true)]
    pub no_color: bool,
}

impl GlobalOptions {
    /// What contradicts itself, in a sentence.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let of_aws = self.profile.is_some() || self.region.is_some() || self.endpoint_url.is_some();
        if self.sim.is_some() && of_aws {
            return Some("--sim has no account: --profile, --region and --endpoint-url cannot be used with it");
        }
        if self.sim.is_none() && self.sim_speed.is_some() {
            return Some("--sim-speed needs --sim");
        }
        None
    }
}

/// Options of a command that starts an operation.
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct ActOptions {
    /// Print the plan and stop
    #[arg(long, conflicts_with_all = ["detach", "follow", "yes"])]
    pub plan: bool,
    /// Answer every question with yes, also the one for the fleet's name
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Why; recorded, and required for a deploy in production
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
    /// Print what happens until it is over (the default)
    #[arg(long)]
    pub follow: bool,
    /// Return as soon as a driver has taken it
    #[arg(long, conflicts_with = "follow")]
    pub detach: bool,
    /// JSON instead of text; one object a line while following
    #[arg(long)]
    pub json: bool,
}

/// The scenario of that name.
pub(super) fn scenario(name: &str) -> Result<Scenario, String> {
    name.parse().map_err(|error: crate::world::UnknownScenario| error.to_string())
}

fn speed(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|speed| (0.0..=100_000.0).contains(speed)).ok_or_else(|| "expected a number from 0 to 100000, such as 10".to_owned())
}

/// A reason says something.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("expected a few words: an empty reason explains nothing".to_owned()) } else { Ok(text.to_owned()) }
}

/// A duration such as `5m`.
pub(super) fn duration(text: &str) -> Result<Millis, String> {
    Millis::parse(text)
}

/// How long a freeze lasts.
pub(super) fn freeze_length(text: &str) -> Result<Millis, String> {
    let length = Millis::parse(text)?;
    if (SHORTEST_FREEZE..=LONGEST_FREEZE).contains(&length) {
        Ok(length)
    } else {
        Err(format!("expected a duration from {SHORTEST_FREEZE} to {LONGEST_FREEZE}, such as 4h"))
    }
}

/// A strategy by its word.
pub(super) fn strategy(word: &str) -> Result<Strategy, String> {
    let all = [Strategy::Canary, Strategy::BlueGreen, Strategy::Rolling];
    all.into_iter().find(|strategy| strategy.word() == word).ok_or_else(|| "expected canary, blue-green or rolling".to_owned())
}

/// A slot by its letter.
pub(super) fn slot(letter: &str) -> Result<Slot, String> {
    Slot::BOTH.into_iter().find(|slot| slot.letter() == letter).ok_or_else(|| "expected a or b".to_owned())
}
