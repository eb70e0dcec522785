//! What the doctor says of a fleet's gates.

use crate::domain::fleet::{FleetSpec, Scheduled};
use crate::domain::observation::{AlarmReading, AlarmState, FleetObservation, GroupPolicies};
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

/// What scheduled actions mean for a deploy of the fleet.
pub(super) fn examine_scheduled(spec: &FleetSpec, policies: Option<&[GroupPolicies]>) -> Vec<Finding> {
    let with_some = policies.unwrap_or_default().iter().filter(|group| !group.scheduled.is_empty());
    let finding = |group: &GroupPolicies| {
        let names: Vec<String> = group.scheduled.iter().map(Untrusted::shown).collect();
        let (level, then) = match spec.scheduled {
            Scheduled::Suspend => (CheckLevel::Ok, "they stand still during a deploy"),
            Scheduled::Refuse => (CheckLevel::Warning, "a deploy is refused; `scheduled = \"suspend\"` in fleets.toml suspends them meanwhile"),
        };
        Finding { level, subject: "scheduled actions".to_owned(), text: format!("{}: {}: {then}", group.group, names.join(", ")) }
    };
    with_some.map(finding).collect()
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
