//! `qd fleet NAME`: one fleet, looked at closely; and `qd fleet adopt NAME`.

use serde::Serialize;

use super::super::documents::DetailDoc;
use super::super::exit::Exit;
use super::super::failure::{Failure, of_fleet};
use super::super::options::slot;
use super::super::output::Output;
use super::super::table::Table;
use super::super::words::{age, brief_words, fleet_state, mix, or_unknown, rehearsed_words};
use crate::app::age::about;
use crate::domain::fleet::{FleetSource, FleetSpec, Route, Slot};
use crate::domain::group::{Health, Lifecycle};
use crate::domain::ids::FleetName;
use crate::domain::sizes::Role;
use crate::domain::text::{Untrusted, there_are};
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::TargetState;
use crate::operation::drift::Drift;
use crate::operation::status::{FleetState, FleetStatus, GroupStatus, OperationBrief, WayBack, WayBackLevel};
use crate::ports::desk::{FleetDetail, Records};

/// `qd fleet`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct FleetArgs {
    /// The fleet
    pub name: Option<String>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// What to do with it
    #[command(subcommand)]
    pub action: Option<FleetAction>,
}

/// What can be done with a fleet that is only found.
#[derive(clap::Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum FleetAction {
    /// Write an inferred fleet down, so that it may be changed
    Adopt(AdoptArgs),
}

/// `qd fleet adopt`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct AdoptArgs {
    /// The fleet
    pub name: String,
    /// Which group is live, where both or neither have weight: a or b
    #[arg(long, value_name = "SLOT", value_parser = slot)]
    pub live: Option<Slot>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct AdoptedDoc<'a> {
    fleet: &'a str,
    written: &'a str,
    ledger: &'a str,
    ignore_changes: &'a str,
}

/// Shows or adopts.
pub(in super::super) async fn run(desk: &dyn Records, args: &FleetArgs, out: &mut Output) -> Result<Exit, Failure> {
    match (&args.name, &args.action) {
        (None, Some(FleetAction::Adopt(adopting))) => adopt(desk, adopting, args.json || adopting.json, out).await,
        (Some(name), None) => show(desk, &FleetName::new(name), args.json, out).await,
        (Some(_), Some(_)) => Err(Failure::Usage("`qd fleet NAME` shows a fleet, `qd fleet adopt NAME` adopts one: not both at once".to_owned())),
        (None, None) => Err(Failure::Usage("`qd fleet` needs the name of a fleet; `qd fleets` lists them".to_owned())),
    }
}

async fn adopt(desk: &dyn Records, args: &AdoptArgs, json: bool, out: &mut Output) -> Result<Exit, Failure> {
    let name = FleetName::new(&args.name);
    let adopted = match desk.adopt(&name, args.live).await {
        Ok(adopted) => adopted,
        Err(error) => return Err(of_fleet(desk, &name, error).await.into()),
    };
    if json {
        let (written, ledger, ignore_changes) = (&adopted.written, &adopted.ledger, &adopted.ignore_changes);
        out.json(&AdoptedDoc { fleet: name.as_str(), written, ledger, ignore_changes });
    } else {
        out.text(&format!(
            "{}\n{}\n\nTell your infrastructure code to leave alone from now on:\n{}",
            adopted.written, adopted.ledger, adopted.ignore_changes
        ));
    }
    Ok(Exit::Done)
}

async fn show(desk: &dyn Records, name: &FleetName, json: bool, out: &mut Output) -> Result<Exit, Failure> {
    let detail = match desk.fleet(name).await {
        Ok(detail) => detail,
        Err(error) => return Err(of_fleet(desk, name, error).await.into()),
    };
    let now = desk.now().max(detail.status.as_of.unwrap_or_default());
    if json {
        out.json(&DetailDoc::new(&detail, now));
    } else {
        out.text(&text(&detail, now, out.width()));
    }
    Ok(Exit::Done)
}

fn text(detail: &FleetDetail, now: WorldTime, width: Option<usize>) -> String {
    let status = &detail.status;
    let mut text = head(&status.spec);
    let read = status.as_of.map_or_else(|| "never".to_owned(), |at| format!("{} ago", age(now, at)));
    text.push_str(&format!(
        "runs {}, {}/{} healthy, {}; read {read}\n\n",
        mix(status),
        or_unknown(status.healthy),
        or_unknown(status.desired),
        fleet_state(status, now)
    ));
    text.push_str(&groups(detail).render(width));
    text.push_str(&bad_servers(detail));
    text.push('\n');
    if let FleetState::Unknown { why } = &status.state {
        text.push_str(&format!("state      unknown: {why}\n"));
    }
    text.push_str(&operation(status.operation.as_ref(), now));
    text.push_str(&refresh(detail));
    text.push_str(&past_age(status));
    text.push_str(&back(&status.way_back, now));
    text.push_str(&drift_lines(&status.drift, now));
    for freeze in status.freezes.iter().filter(|freeze| freeze.until > now) {
        text.push_str(&format!("freeze     {}; `{}` lifts it\n", freeze.described(), freeze.lifted_by()));
    }
    for alarm in &detail.alarms {
        text.push_str(&format!("alarm      {} {}\n", alarm.name, alarm.state.word()));
    }
    for problem in &status.spec.problems {
        text.push_str(&format!("problem    {problem}\n"));
    }
    for unknown in &detail.unknowns {
        text.push_str(&format!("unknown    {unknown}\n"));
    }
    text
}

fn head(spec: &FleetSpec) -> String {
    let word = |known: Option<&Untrusted>| known.map_or_else(|| "?".to_owned(), Untrusted::shown);
    let (app, env) = (word(spec.app.as_ref()), word(spec.env.as_ref()));
    let route = match &spec.route {
        Route::Weighted { place, .. } => format!("weighted by {}", place.arn()),
        Route::Attached { target_group } => format!("attached to {}", target_group.short()),
        Route::None => "no route".to_owned(),
    };
    let source = match spec.source {
        FleetSource::Adopted => String::new(),
        FleetSource::Tagged | FleetSource::Inferred => format!("only found: `qd fleet adopt {}` makes it changeable\n", spec.name),
    };
    format!("{}: app {app}, env {env}, {}\n{route}\n{source}", spec.name, spec.strategy.word())
}

fn groups(detail: &FleetDetail) -> Table {
    let mut table = Table::new(&["GROUP", "ROLE", "RUNS", weight_head(&detail.status.spec.route), "OK/ALL", "MIN", "MAX", "DESIRED", "ERRORS"]);
    for group in &detail.status.groups {
        let runs = group.version.as_ref().map_or_else(|| or_unknown(group.image.as_ref()), Untrusted::shown);
        let weight = match (group.weight, group.share_pct) {
            (Some(weight), Some(share)) => format!("{weight} ({share}%)"),
            (None, Some(share)) => match group.asked_pct.filter(|asked| *asked != share) {
                Some(asked) => format!("{share}% of {asked}%"),
                None => format!("{share}%"),
            },
            (weight, _) if matches!(detail.status.spec.route, Route::Weighted { .. }) => or_unknown(weight),
            _ => "-".to_owned(),
        };
        let health = format!("{}/{}", or_unknown(group.healthy), group.instances.len());
        let sizes = group.sizes;
        let errors = errors(detail, group);
        table.row([
            group.name.to_string(),
            group.role.map_or("?", role_word).to_owned(),
            runs,
            weight,
            health,
            sizes.min.to_string(),
            sizes.max.to_string(),
            sizes.desired.to_string(),
            errors,
        ]);
    }
    table
}

/// What tells how much of the traffic a group gets.
const fn weight_head(route: &Route) -> &'static str {
    if matches!(route, Route::Weighted { .. }) { "WEIGHT" } else { "SHARE" }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Live => "live",
        Role::Candidate => "candidate",
        Role::Standby => "standby",
        Role::Idle => "idle",
    }
}

fn errors(detail: &FleetDetail, group: &GroupStatus) -> String {
    let counts = group.slot.and_then(|slot| *detail.counts.get(slot));
    counts.map_or_else(|| "?".to_owned(), |counts| format!("{} in {}", counts.errors, counts.requests))
}

/// Servers that do not serve, by either account; the good ones are only counted.
fn bad_servers(detail: &FleetDetail) -> String {
    let mut text = String::new();
    for group in &detail.status.groups {
        for instance in &group.instances {
            let target = detail.target_states.get(&instance.id);
            if instance.serves() && target.is_none_or(|state| *state == TargetState::Healthy) {
                continue;
            }
            let target = target.map_or_else(String::new, |state| format!(", {} for the load balancer", target_word(*state)));
            let (lifecycle, health) = (lifecycle_word(instance.lifecycle), health_word(instance.health));
            text.push_str(&format!("  {} of {}: {lifecycle}, {health} for Auto Scaling{target}\n", instance.id, group.name));
        }
    }
    text
}

/// `~5s`, or `~5m (245s)`.
fn expected_words(span: Millis) -> String {
    let (about, exact) = (about(span), format!("{}s", span.0.div_ceil(1_000)));
    if about == exact { format!("~{about}") } else { format!("~{about} ({exact})") }
}

const fn lifecycle_word(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Pending => "pending",
        Lifecycle::InService => "in service",
        Lifecycle::Terminating => "terminating",
        Lifecycle::Standby => "in standby",
        Lifecycle::Unknown => "in an unknown state",
    }
}

const fn health_word(health: Health) -> &'static str {
    match health {
        Health::Healthy => "healthy",
        Health::Unhealthy => "unhealthy",
        Health::Unknown => "?",
    }
}

const fn target_word(state: TargetState) -> &'static str {
    match state {
        TargetState::Healthy => "healthy",
        TargetState::Initial => "initial",
        TargetState::Unhealthy => "unhealthy",
        TargetState::Draining => "draining",
        TargetState::Unused => "unused",
        TargetState::Unknown => "?",
    }
}

fn operation(brief: Option<&OperationBrief>, now: WorldTime) -> String {
    let Some(brief) = brief else { return "operation  none\n".to_owned() };
    let until = brief.deadline.map_or_else(String::new, |at| format!(", until {} (in {})", at.clock(), at.since(now)));
    let why = if brief.reason.is_empty() { String::new() } else { format!(": {}", brief.reason) };
    format!("operation  {} {}, {}{why}{until}\n", brief.id, brief_words(brief), brief.step_title)
}

/// What AWS's engine does, or did last.
fn refresh(detail: &FleetDetail) -> String {
    let Some(refresh) = &detail.refresh else { return String::new() };
    let goes_on = if refresh.status.is_running() { "; AWS drives it, it goes on without us" } else { "" };
    format!("refresh    {} {}{goes_on}\n", refresh.id, refresh.words())
}

fn past_age(status: &FleetStatus) -> String {
    let (Some(max_age), Some(age)) = (status.spec.max_age, status.past_age) else { return String::new() };
    let unknown = if age.unknown == 0 { String::new() } else { format!("; the age of {} is unknown", age.unknown) };
    let remedy = if age.past == 0 { String::new() } else { format!(": `qd recycle {}` replaces every server", status.spec.name) };
    format!("age        {} older than {max_age}{unknown}{remedy}\n", there_are(age.past, "server"))
}

fn back(way: &WayBack, now: WorldTime) -> String {
    let target = way.target.as_ref().map_or_else(|| "?".to_owned(), |target| format!("{} ({}, {})", target.label(), target.image, target.group));
    let first = match way.level {
        Some(level) => {
            let doubt = if way.is_sure() { "" } else { "?" };
            let expected = way.expected.map_or_else(|| "?".to_owned(), expected_words);
            format!("way back   {}{doubt} to {target} in {expected}{}\n", level.word(), proof(way, now))
        }
        None if way.unknown => "way back   ?\n".to_owned(),
        None if way.target.is_some() => format!("way back   none to {target}\n"),
        None => "way back   none\n".to_owned(),
    };
    let blocked = way.blockers.iter().fold(first, |text, blocker| format!("{text}  blocker  {blocker}\n"));
    let blocked = way.passed_over.iter().fold(blocked, |text, why| format!("{text}  passed over  {why}\n"));
    let rehearsed = way.rehearsal.as_ref().map_or_else(String::new, |rehearsal| format!("  {}\n", rehearsed_words(rehearsal, now)));
    blocked + &rehearsed
}

/// When the load balancer last called the standby of an R0 healthy.
fn proof(way: &WayBack, now: WorldTime) -> String {
    match way.proved_at {
        Some(at) if way.stale => format!(", proved {} ago: too long to be sure", age(now, at)),
        Some(at) => format!(", proved {} ago", age(now, at)),
        None if way.level == Some(WayBackLevel::R0) => ", not proved: its load balancer was not asked".to_owned(),
        None => String::new(),
    }
}

fn drift_lines(drift: &[Drift], now: WorldTime) -> String {
    let line = |drift: &Drift| {
        let since = drift.since.map_or_else(String::new, |since| format!(", for {}", age(now, since)));
        format!("drift      {}{since}\n           {}\n", drift.sentence(), drift.remedy)
    };
    drift.iter().map(line).collect()
}
