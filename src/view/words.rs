//! States, ages and ways back in as few words as a column has.

use super::glyphs::Glyphs;
use super::theme::Tone;
use super::{bars, strip};
use crate::app::age::{about, countdown, stepped};
use crate::app::model::Model;
use crate::domain::age::PastAge;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::drift::{Drift, oldest};
use crate::operation::event::OperationState;
use crate::operation::freeze::Freeze;
use crate::operation::plan::OperationKind;
use crate::operation::record::OperationView;
use crate::operation::status::{FleetState, FleetStatus, OperationBrief, WayBack, WayBackLevel};

/// Glyph and tone of a sign.
pub type Sign = (&'static str, Tone);

/// The sign of an operation.
pub const fn operation_sign(kind: OperationKind, state: OperationState, glyphs: &Glyphs) -> Sign {
    match state {
        OperationState::Holding | OperationState::Paused => (glyphs.waits, Tone::Waits),
        OperationState::Failed => (glyphs.bad, Tone::Bad),
        OperationState::BackingOut | OperationState::BackedOut | OperationState::RolledBack => (glyphs.back, Tone::Working),
        OperationState::Succeeded => (glyphs.ok, Tone::Good),
        OperationState::Superseded => (glyphs.mixed, Tone::Dim),
        OperationState::Waiting => (glyphs.working, Tone::Dim),
        OperationState::Planned | OperationState::Running => match kind {
            OperationKind::Rollback => (glyphs.back, Tone::Working),
            OperationKind::Deploy | OperationKind::Retire | OperationKind::Recycle => (glyphs.forward, Tone::Working),
        },
    }
}

/// The freeze that holds for a fleet now, the one that ends last.
pub fn frozen<'a>(model: &Model, fleet: &'a FleetStatus) -> Option<&'a Freeze> {
    fleet.freezes.iter().find(|freeze| freeze.until > model.clock.world)
}

/// Time until a freeze ends: `3h`.
pub fn frozen_for(model: &Model, freeze: &Freeze) -> String {
    about(freeze.until.since(model.clock.world))
}

/// The mark in front of a frozen fleet's name; a space in front of any other.
pub fn frozen_mark(model: &Model, fleet: &FleetStatus, glyphs: &Glyphs) -> &'static str {
    if frozen(model, fleet).is_some() { glyphs.frozen } else { " " }
}

/// The state of a fleet: sign and words. A freeze is named where there is nothing else to say; its mark is before the name.
pub fn fleet_state(model: &Model, fleet: &FleetStatus, glyphs: &Glyphs) -> (Sign, String) {
    let (sign, words) = doing(model, fleet, glyphs);
    match frozen(model, fleet) {
        None => (sign, words),
        Some(freeze) if words == "steady" => ((glyphs.frozen, Tone::Waits), format!("frozen {}", frozen_for(model, freeze))),
        Some(_) => (sign, words),
    }
}

fn doing(model: &Model, fleet: &FleetStatus, glyphs: &Glyphs) -> (Sign, String) {
    if let Some(operation) = &fleet.operation
        && (matches!(fleet.state, FleetState::Busy) || operation.state == OperationState::Failed)
    {
        // Operations are read more often than fleets, and a driver that is gone should not wait for the next listing.
        let newer = model.operation(&operation.id).filter(|view| !view.state().is_final()).map(OperationView::brief);
        let operation = newer.as_ref().unwrap_or(operation);
        if is_driverless(operation) {
            return ((glyphs.waits, Tone::Waits), "no driver".to_owned());
        }
        return (operation_sign(operation.kind, operation.state, glyphs), operation_words(operation));
    }
    match &fleet.state {
        FleetState::Unknown { .. } => ((glyphs.unknown, Tone::Unknown), unknown_words(model, fleet)),
        FleetState::Busy => ((glyphs.working, Tone::Working), "busy".to_owned()),
        FleetState::Mixed => ((glyphs.mixed, Tone::Waits), with_age(model, "MIXED", &fleet.drift)),
        FleetState::Drifted => ((glyphs.mixed, Tone::Waits), with_age(model, "DRIFT", &fleet.drift)),
        FleetState::Degraded { bad } => ((glyphs.bad, Tone::Bad), format!("{bad} bad")),
        FleetState::Steady => match fleet.past_age {
            Some(PastAge { past, .. }) if past > 0 => ((glyphs.waits, Tone::Waits), format!("{past} too old")),
            _ => ((glyphs.ok, Tone::Good), steady_words(model, fleet)),
        },
    }
}

/// It stands still because nobody drives it, not because it was told to.
pub const fn is_driverless(operation: &OperationBrief) -> bool {
    !operation.driver_alive && matches!(operation.state, OperationState::Running | OperationState::BackingOut)
}

/// The word, and for how long it has been so where that is known.
fn with_age(model: &Model, word: &str, drift: &[Drift]) -> String {
    oldest(drift).map_or_else(|| word.to_owned(), |since| format!("{word} {}", stepped(fact_age(model, since))))
}

fn unknown_words(model: &Model, fleet: &FleetStatus) -> String {
    // What was read a moment ago and is not known is no old knowledge.
    let age = fleet.as_of.map(|as_of| stepped(fact_age(model, as_of))).filter(|age| age != "now");
    age.map_or_else(|| "unknown".to_owned(), |age| format!("{age} old"))
}

fn steady_words(model: &Model, fleet: &FleetStatus) -> String {
    match &fleet.operation {
        Some(operation) if operation.state == OperationState::Waiting => {
            let left = operation.deadline.map_or_else(|| "?".to_owned(), |end| about(end.since(model.clock.world)));
            format!("window {left}")
        }
        _ => "steady".to_owned(),
    }
}

/// `canary 4/7`, `HOLDS 4/7`, `backs out`, `rollback 2/4`.
pub fn operation_words(operation: &OperationBrief) -> String {
    let step = format!("{}/{}", operation.step, operation.steps);
    match operation.state {
        OperationState::Holding => format!("HOLDS {step}"),
        OperationState::Paused => format!("paused {step}"),
        OperationState::BackingOut => "backs out".to_owned(),
        OperationState::Failed => "FAILED".to_owned(),
        OperationState::Planned => format!("{} planned", short_word(&operation.word)),
        _ => format!("{} {step}", short_word(&operation.word)),
    }
}

/// A strategy's word where room is scarce.
fn short_word(word: &str) -> &str {
    match word {
        "blue-green" => "b/g",
        "rollback" => "back",
        other => other,
    }
}

/// The share of what the fleet moves to, or of what it runs most: of the traffic where that is known, else of its servers; unknown as `?`.
pub fn new_share(fleet: &FleetStatus) -> String {
    let parts = bars::ordered(fleet);
    let Some(newest) = fleet.operation.as_ref().map(|operation| operation.to.as_str()).or_else(|| Some(parts.first()?.label.as_str())) else {
        return "?".to_owned();
    };
    let groups: Vec<_> = fleet.groups.iter().filter(|group| strip::version(group) == newest).collect();
    let shares: Option<u32> = groups.iter().map(|group| group.share_pct).sum();
    let servers: u32 = parts.iter().map(|part| part.servers).sum();
    let run_it: u32 = parts.iter().filter(|part| part.label == newest).map(|part| part.servers).sum();
    match shares.filter(|_| fleet.operation.is_some() && !groups.is_empty() && fleet.groups.len() > 1) {
        Some(share) => format!("{share}%"),
        None if servers == 0 => "?".to_owned(),
        None => format!("{}%", u64::from(run_it) * 100 / u64::from(servers)),
    }
}

/// `healthy/desired`, unknown as `?`.
pub fn healthy(fleet: &FleetStatus) -> String {
    format!("{}/{}", number(fleet.healthy), number(fleet.desired))
}

/// A number, or `?` where it is not known.
pub fn number(value: Option<u32>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

/// Servers are missing: a mark that does not depend on colour.
pub const fn lacks_servers(fleet: &FleetStatus) -> bool {
    match (fleet.healthy, fleet.desired) {
        (Some(healthy), Some(desired)) => healthy < desired,
        _ => false,
    }
}

/// The way back: `R0 5s`, `R0? 5s` if it is not proved, `✗none`; `?` where it cannot be told.
pub fn way_back(way: &WayBack, glyphs: &Glyphs) -> (String, Tone) {
    if way.unknown {
        return (glyphs.unknown.to_owned(), Tone::Unknown);
    }
    let Some(level) = way.level else { return (format!("{}none", glyphs.bad), Tone::Bad) };
    let doubt = if way.is_sure() { "" } else { "?" };
    let time = way.expected.map_or_else(|| "?".to_owned(), about);
    let tone = if way.is_sure() && way.blockers.is_empty() { Tone::Good } else { Tone::Waits };
    (format!("{}{doubt} {time}", level.word()), tone)
}

/// The age of the proof of an R0: ` ✓20s`, or why there is none.
pub fn proof(model: &Model, way: &WayBack, glyphs: &Glyphs) -> String {
    if way.level != Some(WayBackLevel::R0) {
        return String::new();
    }
    match way.proved_at.map(|at| stepped(fact_age(model, at))) {
        Some(age) if way.stale => format!("  proved {age} ago: too old"),
        Some(age) => format!("  {}{age}", glyphs.ok),
        None => "  not proved".to_owned(),
    }
}

/// The age of the estate: `now`, `20s`, `?` when there is none.
pub fn estate_age(model: &Model) -> String {
    model.estate.as_ref().map_or_else(|| "?".to_owned(), |estate| stepped(estate.age(model.clock)))
}

/// The same of what was read before: `just now`, where it would be taken for what is.
pub fn cached_age(model: &Model) -> String {
    let age = estate_age(model);
    if age == "now" { "just now".to_owned() } else { age }
}

/// The age of a fact that was true at `as_of`, inside the estate.
pub fn fact_age(model: &Model, as_of: WorldTime) -> Millis {
    match &model.estate {
        Some(estate) => estate.age(model.clock).plus(estate.value.as_of.since(as_of)),
        None => model.clock.world.since(as_of),
    }
}

/// How long ago something was made: `4m`, `2h`, `3d`; `?` when nobody knows.
pub fn made(at: Option<WorldTime>, now: WorldTime) -> String {
    at.map_or_else(|| "?".to_owned(), |at| stepped(now.since(at)))
}

/// The time to a deadline.
pub fn left(deadline: Option<WorldTime>, now: WorldTime) -> Option<String> {
    deadline.map(|deadline| countdown(deadline.since(now)))
}
