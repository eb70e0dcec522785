//! The alarms of all fleets: which of them rings, and what is not known.

use super::age::Aged;
use super::commands::CommandId;
use super::effect::Effect;
use super::model::{Model, Problem};
use super::replies::note_failure;
use crate::domain::alarms::{ALARM_STALE, AlarmSight, FleetAlarms};
use crate::domain::ids::{AlarmName, FleetName};
use crate::domain::observation::AlarmState;
use crate::domain::time::WorldTime;
use crate::ports::desk::DeskError;

/// What to do where alarms could not be read.
const UNREAD: &str = "until they are read again nobody tells when one goes red: `qd doctor FLEET` names what is missing";

/// What was last heard of an alarm: one that was red rings again only after somebody saw it green.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// It was red.
    pub red: bool,
    /// When that was read: an older reading that comes later changes nothing.
    pub as_of: WorldTime,
}

/// Takes the alarms of all fleets in. What was red before this screen knew anything is in the inbox, without a bell.
pub fn take(model: &mut Model, no: u64, result: Result<Box<FleetAlarms>, DeskError>) -> Vec<Effect> {
    if !model.requests.end(no, |requests| &mut requests.alarms).believed {
        return Vec::new();
    }
    let alarms = match result {
        Ok(alarms) => *alarms,
        Err(error) => {
            model.alarms_problem = Some(Problem::from(&error));
            note_failure(model, "reading alarms", &error, None);
            return Vec::new();
        }
    };
    let is_first = model.alarms.is_none();
    let mut rang = false;
    for (fleet, name, sight) in alarms.all() {
        rang |= sight.is_some_and(|sight| rings(model, fleet, name, sight));
    }
    model.alarms_problem =
        alarms.round.gap.as_ref().map(|why| Problem { text: format!("not every alarm was read: {}", why.shown()), hint: UNREAD.into() });
    if let Some(problem) = &model.alarms_problem {
        model.inbox.add(model.clock.world, problem.text.clone(), problem.hint.clone(), None);
    }
    let as_of = if alarms.fleets.is_empty() { model.clock.world } else { alarms.round.as_of };
    model.alarms = Some(Aged::new(alarms, as_of, model.clock));
    (rang && !is_first).then_some(Effect::Bell).into_iter().collect()
}

/// Notes what was read of an alarm; whether it is red and was not when it was heard of last.
pub fn rings(model: &mut Model, fleet: &FleetName, name: &AlarmName, sight: &AlarmSight) -> bool {
    let key = (fleet.clone(), name.clone());
    let before = model.alarms_heard.get(&key).copied();
    if before.is_some_and(|before| before.as_of > sight.as_of) {
        return false;
    }
    let was_red = before.is_some_and(|before| before.red);
    let is_red = sight.state == AlarmState::Alarm;
    // What nobody can tell is no reason to ring again.
    let red = is_red || was_red && sight.state != AlarmState::Ok;
    model.alarms_heard.insert(key, Heard { red, as_of: sight.as_of });
    if !is_red || was_red {
        return false;
    }
    let [roll_back, pane] = [CommandId::Rollback, CommandId::NextPane].map(|id| model.keymap.first(id));
    let hint = format!("{roll_back} rolls {fleet} back; what changed before it is below: {pane} goes there");
    let since = sight.since.map_or_else(String::new, |since| format!(" since {}", since.clock()));
    let text = format!("{fleet}: alarm {name} is red{since}");
    model.inbox.add_since(model.clock.world, sight.since.unwrap_or(model.clock.world), text, hint, Some(fleet.clone()));
    true
}

/// What an alarm is known to say, on a screen whose last reading has this age.
#[must_use]
pub fn state_now(model: &Model, sight: Option<&AlarmSight>) -> Option<AlarmState> {
    let alarms = model.alarms.as_ref()?;
    let sight = sight?;
    // The round's own age grows by real time; an alarm that it did not answer for is older still.
    let age = alarms.age(model.clock).plus(alarms.value.round.as_of.since(sight.as_of));
    (age < ALARM_STALE).then_some(sight.state)
}

/// The alarms that are not known to be green, with what is known of them.
pub fn not_green(model: &Model) -> impl Iterator<Item = (&FleetName, &AlarmName, Option<&AlarmSight>)> {
    let all = model.alarms.iter().flat_map(|alarms| alarms.value.all());
    all.filter(|(_, _, sight)| state_now(model, *sight) != Some(AlarmState::Ok))
}
