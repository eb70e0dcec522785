//! Alarms as gates: red while the candidate serves backs out, anything but green stops forward motion. No alarm stops a way back.

use super::schema::no_way_out;
use super::situation::Situation;
use super::{Move, Step, WantedCall};
use crate::domain::call::CloudCall;
use crate::domain::fleet::Groups;
use crate::domain::observation::AlarmState;
use crate::operation::event::EventBody;
use crate::operation::plan::OperationKind;

/// What the alarms say against going forward.
enum Against {
    /// At least one is red.
    Red(String),
    /// At least one cannot tell, or does not exist.
    Silent(String),
    /// They could not be read.
    Unread(String),
}

impl Against {
    fn words(&self) -> &str {
        match self {
            Self::Red(why) | Self::Silent(why) | Self::Unread(why) => why,
        }
    }
}

/// What a step of a deploy wants, as far as the fleet's alarms allow it.
pub(super) fn gated(situation: &Situation<'_>, step: Step) -> Step {
    let against = against(situation);
    let mut gated = match &against {
        None => step,
        // What cannot go back is only passed by a person.
        Some(Against::Red(why)) if candidate_serves(situation) && !is_passed(situation) => backed_out(step, why),
        // A person has passed this hold with the fleet's name.
        Some(_) if situation.progress.promoted => step,
        Some(against) => held(situation, step, against),
    };
    let words = against.as_ref().map(Against::words);
    if words != situation.progress.alarms_against.as_deref() {
        gated.events.insert(0, EventBody::AlarmsRead { against: words.map(str::to_owned) });
    }
    gated
}

/// A person has promoted what has no way out.
fn is_passed(situation: &Situation<'_>) -> bool {
    situation.progress.promoted && no_way_out(situation).is_some()
}

/// What the alarms say against what stands; none if that cannot be told now.
pub(super) fn read(situation: &Situation<'_>) -> Option<Option<String>> {
    if situation.plan.kind != OperationKind::Deploy {
        return Some(None);
    }
    match against(situation) {
        Some(Against::Unread(_)) => None,
        against => Some(against.map(|against| against.words().to_owned())),
    }
}

fn against(situation: &Situation<'_>) -> Option<Against> {
    if situation.plan.scope.alarms.is_empty() {
        return None;
    }
    let Some(alarms) = situation.seen.alarms.value() else {
        let why = situation.seen.alarms.why().map_or_else(|| "?".to_owned(), crate::domain::text::Untrusted::shown);
        return Some(Against::Unread(format!("the alarms cannot be read ({why})")));
    };
    let named = |state: AlarmState| {
        let names: Vec<String> = alarms.iter().filter(|alarm| alarm.state == state).map(|alarm| alarm.name.to_string()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(red) = named(AlarmState::Alarm) {
        return Some(Against::Red(format!("alarm {red} is red")));
    }
    // What was asked for and is not in the answer says nothing either.
    let untold = situation.plan.scope.alarms.iter().find(|name| !alarms.iter().any(|alarm| alarm.name == **name)).map(ToString::to_string);
    if let Some(missing) = named(AlarmState::Missing).or(untold) {
        return Some(Against::Silent(format!("alarm {missing} does not exist")));
    }
    named(AlarmState::NoData).map(|silent| Against::Silent(format!("alarm {silent} has no data")))
}

/// The candidate gets traffic, or may get it by a write that is not read back yet.
fn candidate_serves(situation: &Situation<'_>) -> bool {
    matches!(situation.plan.scope.groups, Groups::One(_)) || situation.may_serve(situation.to().slot)
}

fn backed_out(step: Step, why: &str) -> Step {
    match step.then {
        Move::Fail { .. } | Move::BackOut { .. } | Move::RolledBack { .. } => step,
        _ => Step { events: kept(step.events), then: Move::BackOut { why: why.to_owned() } },
    }
}

fn held(situation: &Situation<'_>, step: Step, against: &Against) -> Step {
    let wanted = match step.then {
        Move::Fail { .. } | Move::BackOut { .. } | Move::RolledBack { .. } | Move::Hold { .. } | Move::Stand { .. } => {
            return Step { events: kept(step.events), then: step.then };
        }
        Move::Call(wanted) => Some(wanted).filter(only_keeps_able),
        Move::Wait { .. } | Move::Done { .. } | Move::Gate { .. } | Move::Hook { .. } => None,
    };
    let then = match against {
        Against::Unread(why) if !lasts(situation) => wanted.map_or_else(|| Move::wait(why, situation.plan.timing.period_moving), Move::Call),
        _ => Move::Hold { why: against.words().to_owned(), meanwhile: wanted },
    };
    let mut events = kept(step.events);
    events.extend(situation.count_observation(situation.plan.timing.period_moving, false).filter(|_| situation.progress.streak > 0));
    Step { events, then }
}

/// Raising a minimum and renewing a claim go on: both keep the way back.
const fn only_keeps_able(wanted: &WantedCall) -> bool {
    matches!(wanted.call, CloudCall::RaiseMin { .. } | CloudCall::Tag { .. })
}

/// What cannot be read is waited for as any other part of an observation is, and then held for.
fn lasts(situation: &Situation<'_>) -> bool {
    let progress = situation.progress;
    if progress.state == crate::operation::event::OperationState::Holding {
        return true;
    }
    let since = progress.last_observed_at.max(progress.step_started_at).unwrap_or(situation.now);
    situation.now.since(since) >= situation.plan.timing.launch_limit
}

/// Time that passes under such an alarm soaks nothing.
fn kept(events: Vec<EventBody>) -> Vec<EventBody> {
    events.into_iter().filter(|event| !matches!(event, EventBody::Observed { .. } | EventBody::SoakBegan { .. })).collect()
}
