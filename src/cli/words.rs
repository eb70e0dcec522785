//! Facts in a few words. Unknown is `?`, never zero.

use crate::app::age::{about, stepped};
use crate::domain::age::PastAge;
use crate::domain::ids::FleetName;
use crate::domain::time::WorldTime;
use crate::operation::drift::{Drift, oldest};
use crate::operation::event::OperationState;
use crate::operation::proof::Rehearsal;
use crate::operation::record::OperationView;
use crate::operation::status::{FleetState, FleetStatus, OperationBrief, WayBack};
use crate::ports::desk::Desk;

/// World time as late as anything here proves it to be: a desk that asked nobody may only know the wall's.
pub(super) fn latest(desk: &dyn Desk, views: &[OperationView]) -> WorldTime {
    let events = views.iter().filter_map(|view| view.events.last()).map(|event| event.at);
    let seen = desk.last_known().ok().flatten().map(|estate| estate.as_of);
    events.chain(seen).fold(desk.now(), WorldTime::max)
}

/// A number, or `?`.
pub(super) fn or_unknown<T: ToString>(known: Option<T>) -> String {
    known.map_or_else(|| "?".to_owned(), |known| known.to_string())
}

/// How long ago, to one unit: `45s`, `3m`, `2h`, `4d`.
pub(super) fn age(now: WorldTime, at: WorldTime) -> String {
    let secs = now.since(at).as_secs();
    match secs {
        0..60 => format!("{secs}s"),
        60..3_600 => format!("{}m", secs / 60),
        3_600..86_400 => format!("{}h", secs / 3_600),
        _ => format!("{}d", secs / 86_400),
    }
}

/// `2.13.2`, or `2.13.2 10, 2.14.0 2`; `-` where there are no servers, `?` where nobody could tell.
pub(super) fn mix(fleet: &FleetStatus) -> String {
    match fleet.mix.as_slice() {
        [] if fleet.desired == Some(0) => "-".to_owned(),
        [] => "?".to_owned(),
        [one] => one.label.clone(),
        several => several.iter().map(|part| format!("{} {}", part.label, part.servers)).collect::<Vec<_>>().join(", "),
    }
}

/// What a fleet is doing: its operation first; and until when it is frozen.
pub(super) fn fleet_state(fleet: &FleetStatus, now: WorldTime) -> String {
    let frozen = fleet.freezes.iter().find(|freeze| freeze.until > now).map(|freeze| format!(", frozen {}", about(freeze.until.since(now))));
    format!("{}{}", doing(fleet, now), frozen.unwrap_or_default())
}

fn doing(fleet: &FleetStatus, now: WorldTime) -> String {
    let base = match &fleet.state {
        FleetState::Unknown { .. } => "?".to_owned(),
        FleetState::Busy => "busy".to_owned(),
        FleetState::Mixed => with_age("MIXED", &fleet.drift, now),
        FleetState::Drifted => with_age("DRIFT", &fleet.drift, now),
        FleetState::Degraded { bad } => format!("{bad} BAD"),
        FleetState::Steady => "steady".to_owned(),
    };
    let base = match fleet.past_age {
        Some(PastAge { past, .. }) if past > 0 => format!("{base}, {past} past age"),
        _ => base,
    };
    match &fleet.operation {
        Some(brief) if fleet.state == FleetState::Busy => brief_words(brief),
        Some(brief) if brief.state == OperationState::Waiting => {
            let left = brief.deadline.map_or_else(|| "?".to_owned(), |until| until.since(now).to_string());
            format!("{base}, window {left}")
        }
        Some(brief) => format!("{base}, {}", brief_words(brief)),
        None => base,
    }
}

/// The word, and for how long it has been so where that is known.
fn with_age(word: &str, drift: &[Drift], now: WorldTime) -> String {
    oldest(drift).map_or_else(|| word.to_owned(), |since| format!("{word} {}", stepped(now.since(since))))
}

/// `canary 2.14.0 3/8`, with the state where it does not simply run.
pub(super) fn brief_words(brief: &OperationBrief) -> String {
    let state =
        if brief.state == OperationState::Running { String::new() } else { format!(" {}", brief.state.word().replace('_', " ").to_uppercase()) };
    let driver = if brief.driver_alive || brief.state.is_final() { "" } else { ", no driver" };
    format!("{} {} {}/{}{state}{driver}", brief.word, brief.to, brief.step, brief.steps)
}

/// `R0 2.13.2 ~5s`; `R0?` where nothing proves the target; `none: why`.
pub(super) fn way_back(way: &WayBack) -> String {
    let doubt = if way.is_sure() { "" } else { "?" };
    let target = way.target.as_ref().map_or_else(|| "?".to_owned(), crate::domain::release::Release::label);
    match way.level {
        Some(level) => {
            let time = way.expected.map_or_else(|| "?".to_owned(), |span| format!("~{}", about(span)));
            let newer = way.passed_over.first().map_or_else(String::new, |why| format!(" ({why})"));
            format!("{}{doubt} {target} {time}{newer}", level.word())
        }
        None if way.unknown => format!("?: {}", way.blockers.first().map_or("it could not be read", String::as_str)),
        None => format!("none: {}", way.blockers.first().map_or("no earlier release is known to be good", String::as_str)),
    }
}

/// `rehearsed 3d ago in 2s: proved`, or what stood in the way.
pub(super) fn rehearsed_words(rehearsal: &Rehearsal, now: WorldTime) -> String {
    let outcome = if rehearsal.is_proved() { "proved".to_owned() } else { format!("not proved: {}", rehearsal.obstacles.join("; ")) };
    format!("rehearsed {} ago in {}: {outcome}", about(now.since(rehearsal.at)), rehearsal.took_words())
}

/// Fleet names in a row, `-` where there are none.
pub(super) fn fleets(names: &[FleetName]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.iter().map(FleetName::to_string).collect::<Vec<_>>().join(", ") }
}
