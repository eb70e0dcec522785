//! What keeps a plan from going forward, and what a way back lists as skipped.

use super::facts::Facts;
use crate::domain::observation::AlarmState;
use crate::domain::text::Untrusted;
use crate::operation::plan::{Check, CheckLevel, Refusal};

/// Nothing new goes forward in a frozen fleet.
pub(super) fn not_frozen(facts: &Facts<'_>) -> Result<(), Refusal> {
    match facts.freezes.iter().find(|freeze| freeze.until > facts.now) {
        Some(freeze) => Err(Refusal::new(format!("{} is not changed now: {}", facts.spec.name, freeze.described()), freeze.remedy())),
        None => Ok(()),
    }
}

/// Every alarm of the fleet is green. Red, without data, missing or not to be read: nothing new goes forward.
pub(super) fn alarms_green(facts: &Facts<'_>) -> Result<(), Refusal> {
    let refusal =
        |reason: String| Err(Refusal::new(reason, "wait until it is green: nothing is deployed past an alarm; `alarms` in fleets.toml names them"));
    let name = &facts.spec.name;
    let Some(alarms) = facts.seen.alarms.value() else {
        let why = facts.seen.alarms.why().map_or_else(String::new, Untrusted::shown);
        return refusal(format!("the alarms of {name} cannot be read ({why})"));
    };
    for wanted in &facts.spec.alarms {
        let state = alarms.iter().find(|alarm| alarm.name == *wanted).map_or(AlarmState::Missing, |alarm| alarm.state);
        match state {
            AlarmState::Ok => {}
            AlarmState::Alarm => return refusal(format!("alarm {wanted} of {name} is red")),
            AlarmState::NoData => return refusal(format!("alarm {wanted} of {name} has no data, so it cannot tell")),
            AlarmState::Missing => return refusal(format!("alarm {wanted} of {name} does not exist in this account and region")),
        }
    }
    Ok(())
}

/// The alarms that gate this deploy, on the sheet.
pub(super) fn alarm_check(facts: &Facts<'_>) -> Check {
    if facts.spec.alarms.is_empty() {
        return Check::new(CheckLevel::Warning, "no alarm gates this fleet: `alarms` in fleets.toml names some");
    }
    let names: Vec<String> = facts.spec.alarms.iter().map(ToString::to_string).collect();
    Check::new(CheckLevel::Ok, format!("green now, and red in a soak backs out: {}", names.join(", ")))
}

/// A way back passes a freeze and says so.
pub(super) fn skipped_freezes(facts: &Facts<'_>) -> Vec<Check> {
    let held = facts.freezes.iter().filter(|freeze| freeze.until > facts.now);
    held.map(|freeze| Check::new(CheckLevel::Warning, format!("skips the freeze: {}", freeze.described()))).collect()
}
