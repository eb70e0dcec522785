//! `qd watch ID`, `qd wait ID` and what of `qd drive` is done from outside a driver.

use super::super::exit::Exit;
use super::super::failure::{Failure, operation};
use super::super::follow::{Until, Watch, watch};
use super::super::options::duration;
use super::super::output::Output;
use crate::domain::time::Millis;
use crate::ports::desk::Records;

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
    /// Start drivers for all operations whose driver is gone
    #[arg(long)]
    pub recover: bool,
    /// Start a driver for this operation if its driver is gone
    #[arg(long, requires = "operation")]
    pub take_over: bool,
}

/// Prints events until nothing will happen any more.
pub(in super::super) async fn events(desk: &dyn Records, args: &WatchArgs, out: &mut Output) -> Result<Exit, Failure> {
    let id = operation(desk, &args.id)?.operation.id;
    Ok(watch(desk, &id, Watch { until: Until::Final, events: true, json: args.json, limit: None }, out).await?)
}

/// Waits without a word until it is over.
pub(in super::super) async fn end(desk: &dyn Records, args: &WaitArgs, out: &mut Output) -> Result<Exit, Failure> {
    let id = operation(desk, &args.id)?.operation.id;
    let limit = args.timeout.map(Millis::std);
    Ok(watch(desk, &id, Watch { until: Until::Goal, events: false, json: args.json, limit }, out).await?)
}

/// Starts a driver for an operation whose driver is gone.
pub(in super::super) async fn take_over(desk: &dyn Records, id: &str, out: &mut Output) -> Result<Exit, Failure> {
    let id = operation(desk, id)?.operation.id;
    desk.take_over(&id).await?;
    out.text(&format!("a driver was started for {id}; `qd watch {id}` shows it"));
    Ok(Exit::Done)
}

/// Starts a driver for every operation whose driver is gone; one that cannot be started does not keep the others from theirs.
pub(in super::super) async fn recover(desk: &dyn Records, out: &mut Output) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    let mut found = false;
    for view in desk.operations(0)?.into_iter().filter(|view| !view.driver_alive && !view.state().is_final()) {
        found = true;
        let id = &view.operation.id;
        match desk.take_over(id).await {
            Ok(()) => out.text(&format!("a driver was started for {id}")),
            Err(error) => {
                out.notice(&format!("qd: {id}: {error}"));
                exit = Exit::Failed;
            }
        }
    }
    if !found {
        out.text("every operation has its driver");
    }
    Ok(exit)
}
