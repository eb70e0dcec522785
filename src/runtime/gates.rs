//! What the doctor says of a fleet's gates.

use crate::domain::fleet::FleetSpec;
use crate::domain::observation::{AlarmReading, AlarmState, FleetObservation};
use crate::domain::text::Untrusted;
use crate::operation::plan::CheckLevel;
use crate::ports::desk::Finding;

/// One line for each alarm that gates the fleet's deploys.
pub(super) fn examine_alarms(spec: &FleetSpec, seen: &FleetObservation) -> Vec<Finding> {
    let finding = |level, text: String| Finding { level, subject: "alarm".to_owned(), text };
    if spec.alarms.is_empty() {
        return vec![finding(
            CheckLevel::Warning,
            "none gates this fleet: `alarms = [\"NAME\"]` in its section of fleets.toml names some".to_owned(),
        )];
    }
    match &seen.alarms.value() {
        Some(alarms) => alarms.iter().map(|alarm| finding(level(alarm.state), words(alarm))).collect(),
        None => {
            let why = seen.alarms.why().map_or_else(String::new, Untrusted::shown);
            vec![finding(CheckLevel::Unknown, format!("could not be read, so no deploy goes forward: {why}"))]
        }
    }
}

const fn level(state: AlarmState) -> CheckLevel {
    match state {
        AlarmState::Ok => CheckLevel::Ok,
        AlarmState::Alarm | AlarmState::Missing => CheckLevel::Warning,
        AlarmState::NoData => CheckLevel::Unknown,
    }
}

fn words(alarm: &AlarmReading) -> String {
    let says = match alarm.state {
        AlarmState::Ok => "green",
        AlarmState::Alarm => "red: no deploy begins, one that serves backs out",
        AlarmState::NoData => "has no data: no deploy begins, one in a soak holds",
        AlarmState::Missing => "does not exist in this account and region: no deploy begins",
    };
    format!("{} {says}", alarm.name)
}
