//! `qd fleets`: every fleet with its image mix, health, state and way back.

use super::super::documents::FleetsDoc;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::output::Output;
use super::super::table::Table;
use super::super::words::{fleet_state, mix, or_unknown, way_back};
use super::images::gaps;
use crate::domain::time::WorldTime;
use crate::operation::status::Estate;
use crate::ports::desk::Desk;

/// `qd fleets`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct FleetsArgs {
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Prints the fleets.
pub(in super::super) async fn run(desk: &dyn Desk, args: &FleetsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let estate = desk.estate().await?;
    let now = desk.now().max(estate.as_of);
    if args.json {
        out.json(&FleetsDoc::new(&estate, now));
        return Ok(Exit::Done);
    }
    out.text(&text(&estate, now, out.width()));
    gaps(&estate, out);
    Ok(Exit::Done)
}

fn text(estate: &Estate, now: WorldTime, width: Option<usize>) -> String {
    if estate.fleets.is_empty() {
        return "no fleets\n".to_owned();
    }
    let mut table = Table::new(&["FLEET", "MIX", "OK/ALL", "STATE", "BACK"]).cutting_first(&[1, 4]);
    for fleet in &estate.fleets {
        let health = format!("{}/{}", or_unknown(fleet.healthy), or_unknown(fleet.desired));
        table.row([fleet.spec.name.to_string(), mix(fleet), health, fleet_state(fleet, now), way_back(&fleet.way_back)]);
    }
    table.render(width)
}
