//! `qd suspects`: the changes of the last hours over all fleets, against the moment something went wrong.

use serde::Serialize;

use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::json::moment;
use super::super::output::Output;
use super::super::table::Table;
use super::super::words::latest;
use crate::app::suspects::{Suspect, suspects};
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::time::{Millis, WorldTime};
use crate::ports::desk::Records;

/// How many finished operations are looked through.
const FINISHED: usize = 1_000;

/// `qd suspects`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct SuspectsArgs {
    /// How long ago it began; now unless given
    #[arg(long, value_name = "SPAN", value_parser = Millis::parse, default_value = "0s")]
    pub ago: Millis,
    /// How far back to look
    #[arg(long, value_name = "SPAN", value_parser = Millis::parse, default_value = "6h")]
    pub reach: Millis,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct SuspectDoc<'a> {
    at: String,
    before_secs: i64,
    fleet: &'a FleetName,
    operation: &'a OperationId,
    what: &'a str,
    undo: Option<String>,
}

/// Prints them.
pub(in super::super) fn run(desk: &dyn Records, args: &SuspectsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let views = desk.operations(FINISHED)?;
    let now = latest(desk, &views);
    let began = now.minus(args.ago);
    let found = suspects(&views, now, args.reach);
    if args.json {
        let documents: Vec<SuspectDoc<'_>> = found.iter().map(|suspect| document(suspect, began)).collect();
        out.json(&serde_json::json!({ "began": moment(began), "suspects": documents }));
    } else if found.is_empty() {
        out.text(&format!("nothing this store knows of changed in the last {}", args.reach));
    } else {
        let mut table = Table::new(&["AT", "AGAINST IT", "FLEET", "OPERATION", "WHAT"]).cutting_first(&[4]);
        for suspect in &found {
            let cells = [suspect.at.clock(), suspect.offset(began), suspect.fleet.to_string(), suspect.operation.to_string(), suspect.what.clone()];
            table.row(cells);
        }
        out.text(&table.render(out.width()));
        if let Some(undo) = found.iter().find_map(undo) {
            out.notice(&format!("the newest of them is taken back with `{undo}`"));
        }
    }
    Ok(Exit::Done)
}

fn undo(suspect: &Suspect) -> Option<String> {
    suspect.forward.then(|| format!("qd rollback {}", suspect.fleet))
}

fn document(suspect: &Suspect, began: WorldTime) -> SuspectDoc<'_> {
    SuspectDoc {
        at: moment(suspect.at),
        before_secs: (began.0 - suspect.at.0) / 1_000,
        fleet: &suspect.fleet,
        operation: &suspect.operation,
        what: &suspect.what,
        undo: undo(suspect),
    }
}
