//! `qd alarms`: what the CloudWatch alarms of all fleets say.

use serde::Serialize;

use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::json::moment;
use super::super::output::Output;
use super::super::table::Table;
use super::super::words::age;
use crate::domain::alarms::{AlarmSight, FleetAlarms};
use crate::domain::ids::{AlarmName, FleetName};
use crate::domain::observation::AlarmState;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::ports::desk::Desk;

/// `qd alarms`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct AlarmsArgs {
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct AlarmsDoc<'a> {
    as_of: Option<String>,
    calls: usize,
    gap: Option<&'a Untrusted>,
    alarms: Vec<AlarmDoc<'a>>,
}

#[derive(Serialize)]
struct AlarmDoc<'a> {
    fleet: &'a FleetName,
    alarm: &'a AlarmName,
    /// Null where it was never read, or too long ago to tell.
    state: Option<AlarmState>,
    since: Option<String>,
    as_of: Option<String>,
}

/// Prints them, red ones first.
pub(in super::super) async fn run(desk: &dyn Desk, args: &AlarmsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let alarms = desk.alarms().await?;
    let now = desk.now().max(alarms.round.as_of);
    let mut all: Vec<_> = alarms.all().collect();
    all.sort_by_key(|(_, _, sight)| urgency(*sight, now));
    if args.json {
        out.json(&document(&alarms, &all, now));
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        out.text("no fleet names an alarm: `alarms = [\"NAME\"]` in its section of fleets.toml does\n");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["FLEET", "ALARM", "STATE", "SINCE", "READ"]).cutting_first(&[1]);
    for (fleet, name, sight) in &all {
        let state = sight.and_then(|sight| sight.state_at(now)).map_or("?", AlarmState::word);
        let since = sight.and_then(|sight| sight.since).map_or_else(|| "-".to_owned(), |since| format!("{} ago", age(now, since)));
        let read = sight.map_or_else(|| "never".to_owned(), |sight| format!("{} ago", age(now, sight.as_of)));
        table.row([fleet.to_string(), name.to_string(), state.to_owned(), since, read]);
    }
    out.text(&table.render(out.width()));
    if let Some(gap) = &alarms.round.gap {
        out.notice(&format!("not every alarm was read: {}", gap.shown()));
    }
    Ok(Exit::Done)
}

fn urgency(sight: Option<&AlarmSight>, now: WorldTime) -> u8 {
    match sight.and_then(|sight| sight.state_at(now)) {
        Some(AlarmState::Alarm) => 0,
        None => 1,
        Some(AlarmState::Missing | AlarmState::NoData) => 2,
        Some(AlarmState::Ok) => 3,
    }
}

fn document<'a>(alarms: &'a FleetAlarms, all: &[(&'a FleetName, &'a AlarmName, Option<&'a AlarmSight>)], now: WorldTime) -> AlarmsDoc<'a> {
    let alarm = |(fleet, alarm, sight): &(&'a FleetName, &'a AlarmName, Option<&'a AlarmSight>)| AlarmDoc {
        fleet,
        alarm,
        state: sight.and_then(|sight| sight.state_at(now)),
        since: sight.and_then(|sight| sight.since).map(moment),
        as_of: sight.map(|sight| moment(sight.as_of)),
    };
    let as_of = (!all.is_empty()).then(|| moment(alarms.round.as_of));
    AlarmsDoc { as_of, calls: alarms.round.calls(), gap: alarms.round.gap.as_ref(), alarms: all.iter().map(alarm).collect() }
}
