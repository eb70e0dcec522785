//! What keeps a plan from going forward, and what a way back lists as skipped.

use super::facts::Facts;
use crate::domain::fleet::{Groups, Scheduled};
use crate::domain::observation::{AlarmState, Credentials, GroupPolicies};
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;
use crate::operation::calls::SCHEDULED_ACTIONS;
use crate::operation::plan::{Check, CheckLevel, Plan, Refusal};

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

/// Scheduled actions inside the plan's time are suspended or refused, as the fleet says. AWS's own engine gives nothing back for us.
pub(super) fn scheduled_actions(facts: &Facts<'_>, policies: &[GroupPolicies]) -> Result<(), Refusal> {
    let suspends = facts.spec.scheduled == Scheduled::Suspend && matches!(facts.spec.groups, Groups::Two(_));
    let Some(group) = policies.iter().find(|group| !group.scheduled.is_empty()).filter(|_| !suspends) else { return Ok(()) };
    let names: Vec<String> = group.scheduled.iter().map(Untrusted::shown).collect();
    let remedy = match facts.spec.groups {
        Groups::Two(_) => "remove them, or have them suspended meanwhile: `scheduled = \"suspend\"` in the fleet's section of fleets.toml",
        Groups::One(_) => "remove them, or suspend them yourself while this runs",
    };
    Err(Refusal::new(
        format!("{} has scheduled actions ({}), which would change sizes in the middle of a deploy", group.group, names.join(", ")),
        remedy,
    ))
}

/// The groups whose scheduled actions have to stand still, besides those that do already.
pub(super) fn suspend_scheduled(facts: &Facts<'_>, plan: &mut Plan) {
    if scheduled_names(facts).is_empty() || facts.spec.scheduled != Scheduled::Suspend {
        return;
    }
    let groups = facts.seen.scope.slots().iter().filter_map(|slot| facts.seen.group(*slot));
    for group in groups.filter(|group| !group.suspended.iter().any(|process| process.raw() == SCHEDULED_ACTIONS)) {
        if !plan.suspends.contains(&group.name) {
            plan.suspends.push(group.name.clone());
        }
    }
}

/// What happens to scheduled actions, on the sheet.
pub(super) fn scheduled_check(facts: &Facts<'_>) -> Option<Check> {
    let names = scheduled_names(facts);
    let text = || format!("scheduled actions stand still until everything is given back: {}", names.join(", "));
    (!names.is_empty()).then(|| Check::new(CheckLevel::Warning, text()))
}

fn scheduled_names(facts: &Facts<'_>) -> Vec<String> {
    let groups = facts.policies.iter().flatten();
    let names: std::collections::BTreeSet<String> = groups.flat_map(|group| group.scheduled.iter().map(Untrusted::shown)).collect();
    names.into_iter().collect()
}

/// The credentials last for a beginning and a way back from it.
pub(super) fn credentials_last(facts: &Facts<'_>) -> Result<(), Refusal> {
    let Some(left) = credentials_left(facts) else { return Ok(()) };
    let needed = facts.setting.timing().launch_limit.times(2);
    if left >= needed {
        return Ok(());
    }
    Err(Refusal::new(
        format!("the credentials end in {left}: beginning a deploy and coming back from it takes up to {needed}"),
        "renew them first (for example `aws sso login --profile …`)",
    ))
}

/// How long the credentials last against what the plan takes; `?` where their end is not told.
pub(super) fn credentials_check(facts: &Facts<'_>, plan: &Plan) -> Check {
    let takes = plan.steps.iter().filter_map(|step| step.expected).fold(facts.setting.timing().launch_limit, Millis::plus);
    match credentials_left(facts) {
        None => Check::new(CheckLevel::Unknown, "the end of the credentials is not told"),
        Some(left) if left < takes => Check::new(
            CheckLevel::Warning,
            format!("the credentials end in {left}, this takes at least {takes} with a way back: it holds then unless newer ones come"),
        ),
        Some(left) => Check::new(CheckLevel::Ok, format!("the credentials last for {left}")),
    }
}

fn credentials_left(facts: &Facts<'_>) -> Option<Millis> {
    match &facts.seen.credentials {
        Credentials::Good { until } => until.map(|until| until.since(facts.now)),
        Credentials::Gone { .. } => Some(Millis::ZERO),
    }
}

/// A way back passes a freeze and says so.
pub(super) fn skipped_freezes(facts: &Facts<'_>) -> Vec<Check> {
    let held = facts.freezes.iter().filter(|freeze| freeze.until > facts.now);
    held.map(|freeze| Check::new(CheckLevel::Warning, format!("skips the freeze: {}", freeze.described()))).collect()
}
