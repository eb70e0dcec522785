//! `qd watch ID`, `qd wait ID` and what of `qd drive` is done from outside a driver.

use serde::Serialize;

use super::super::exit::Exit;
use super::super::failure::{Failure, any_operation, sentence};
use super::super::follow::{Until, Watch, watch};
use super::super::options::duration;
use super::super::output::Output;
use crate::domain::time::Millis;
use crate::ports::desk::{Records, Recovered, Recovery};

/// `qd watch`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct WatchArgs {
    /// The operation's id
    pub id: String,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `qd wait`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct WaitArgs {
    /// The operation's id
    pub id: String,
    /// Give up after so long, such as 30m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Millis>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// `qd drive`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
#[command(arg_required_else_help = true)]
pub struct DriveArgs {
    /// The operation to drive
    #[arg(conflicts_with = "recover", required_unless_present = "recover")]
    pub operation: Option<String>,
    /// Pick up everything that nobody drives: start drivers, and give back what operations left that cannot go on
    #[arg(long)]
    pub recover: bool,
    /// Start a driver for this operation if its driver is gone
    #[arg(long, requires = "operation")]
    pub take_over: bool,
    /// JSON instead of text
    #[arg(long, requires = "recover")]
    pub json: bool,
}

#[derive(Serialize)]
struct RecoveredDoc<'a> {
    recovered: &'a [Recovered],
}

/// Prints events until nothing will happen any more.
pub(in super::super) async fn events(desk: &dyn Records, args: &WatchArgs, out: &mut Output) -> Result<Exit, Failure> {
    let id = any_operation(desk, &args.id)?.id().clone();
    Ok(watch(desk, &id, Watch { until: Until::Final, events: true, json: args.json, limit: None }, out).await?)
}

/// Waits without a word until it is over.
pub(in super::super) async fn end(desk: &dyn Records, args: &WaitArgs, out: &mut Output) -> Result<Exit, Failure> {
    let id = any_operation(desk, &args.id)?.id().clone();
    let limit = args.timeout.map(Millis::std);
    Ok(watch(desk, &id, Watch { until: Until::Goal, events: false, json: args.json, limit }, out).await?)
}

/// Starts a driver for an operation whose driver is gone.
pub(in super::super) async fn take_over(desk: &dyn Records, id: &str, out: &mut Output) -> Result<Exit, Failure> {
    let id = any_operation(desk, id)?.id().clone();
    desk.take_over(&id).await?;
    out.text(&format!("a driver was started for {id}; `qd watch {id}` shows it"));
    Ok(Exit::Done)
}

/// Picks up everything that nobody drives. What needs a person is said, and is the exit code; what failed comes before that.
pub(in super::super) async fn recover(desk: &dyn Records, json: bool, out: &mut Output) -> Result<Exit, Failure> {
    let recovered = desk.recover().await?;
    if json {
        out.json(&RecoveredDoc { recovered: &recovered });
    }
    for one in &recovered {
        match (&one.hint, json) {
            (Some(hint), _) => sentence(out, &recovered_words(one), hint),
            (None, true) => {}
            (None, false) => out.text(&recovered_words(one)),
        }
    }
    if recovered.is_empty() && !json {
        out.text("every operation has its driver");
    }
    let came_to = |outcome| recovered.iter().any(|one| one.outcome == outcome);
    Ok(match (came_to(Recovery::Failed), came_to(Recovery::NeedsPerson)) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::NeedsHuman,
        (false, false) => Exit::Done,
    })
}

fn recovered_words(one: &Recovered) -> String {
    match &one.fleet {
        Some(fleet) => format!("{} of {fleet}: {}", one.operation, one.text),
        None => format!("{}: {}", one.operation, one.text),
    }
}
