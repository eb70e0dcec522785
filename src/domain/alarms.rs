//! The alarms of all fleets, as rounds of questions left them: who is red, since when, and what is not known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{AlarmName, FleetName};
use super::observation::{AlarmReading, AlarmState};
use super::reading::Listing;
use super::text::Untrusted;
use super::time::{Millis, WorldTime};

/// From one round to the next, by world time.
pub const ALARM_PERIOD: Millis = Millis::secs(60);
/// What was read longer ago than this tells nothing of now: three rounds failed.
pub const ALARM_STALE: Millis = Millis::mins(3);
/// The most alarms that CloudWatch is asked for by name in one call.
pub const ALARMS_A_CALL: usize = 100;

/// What an alarm said when it was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmSight {
    /// What it said.
    pub state: AlarmState,
    /// Since when, where that is told.
    pub since: Option<WorldTime>,
    /// When it was read.
    pub as_of: WorldTime,
}

impl AlarmSight {
    /// What it says now; none where it was read too long ago to tell.
    #[must_use]
    pub fn state_at(&self, now: WorldTime) -> Option<AlarmState> {
        (now.since(self.as_of) < ALARM_STALE).then_some(self.state)
    }
}

/// One round over all alarms. An alarm that was not answered for keeps what it said before, and that one's age.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmRound {
    /// Every alarm that was asked for; none for one that was never answered for.
    pub alarms: BTreeMap<AlarmName, Option<AlarmSight>>,
    /// When it ended.
    pub as_of: WorldTime,
    /// Why it is not whole, if it is not.
    pub gap: Option<Untrusted>,
}

impl AlarmRound {
    /// It is over for a period, or it knows nothing of one of these: it is time for the next.
    #[must_use]
    pub fn is_due(&self, names: &[AlarmName], period: Millis, now: WorldTime) -> bool {
        // A clock that was set back must not silence anybody.
        now < self.as_of || now.since(self.as_of) >= period || names.iter().any(|name| !self.alarms.contains_key(name))
    }

    /// The next round, over these alarms.
    #[must_use]
    pub fn next(&self, names: &[AlarmName], told: &Listing<AlarmReading>) -> Self {
        let as_of = told.as_of();
        let sight = |reading: &AlarmReading| AlarmSight { state: reading.state, since: reading.since, as_of };
        let mut alarms: BTreeMap<AlarmName, Option<AlarmSight>> =
            names.iter().map(|name| (name.clone(), self.alarms.get(name).copied().flatten())).collect();
        alarms
            .extend(told.items().iter().filter(|reading| names.contains(&reading.name)).map(|reading| (reading.name.clone(), Some(sight(reading)))));
        Self { alarms, as_of, gap: told.missing().cloned() }
    }

    /// What an alarm said last; none where it was never answered for.
    #[must_use]
    pub fn of(&self, name: &AlarmName) -> Option<&AlarmSight> {
        self.alarms.get(name)?.as_ref()
    }

    /// Calls that a round takes.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.alarms.len().div_ceil(ALARMS_A_CALL)
    }
}

/// Which fleets name which alarms, and what those say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetAlarms {
    /// The fleets that name any.
    pub fleets: BTreeMap<FleetName, Vec<AlarmName>>,
    /// The newest round.
    pub round: AlarmRound,
}

impl FleetAlarms {
    /// Every alarm with the fleet that names it; none for one that was never answered for.
    pub fn all(&self) -> impl Iterator<Item = (&FleetName, &AlarmName, Option<&AlarmSight>)> {
        self.fleets.iter().flat_map(move |(fleet, names)| names.iter().map(move |name| (fleet, name, self.round.of(name))))
    }

    /// The alarms that fleets name, each once.
    #[must_use]
    pub fn names(&self) -> Vec<AlarmName> {
        let mut names: Vec<AlarmName> = self.fleets.values().flatten().cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(name: &str, state: AlarmState) -> AlarmReading {
        AlarmReading { name: name.into(), state, since: None }
    }

    fn at(secs: i64) -> WorldTime {
        WorldTime(secs * 1_000)
    }

    #[test]
    fn what_was_not_answered_for_keeps_its_age_and_is_unknown_after_a_while() {
        let names: Vec<AlarmName> = ["a", "b", "c"].map(AlarmName::new).to_vec();
        let whole = Listing::Complete { items: vec![reading("a", AlarmState::Ok), reading("b", AlarmState::Ok)], as_of: at(10) };
        let first = AlarmRound::default().next(&names, &whole);
        let part = Listing::Incomplete { items: vec![reading("a", AlarmState::Alarm)], as_of: at(200), why: "throttled".into() };
        let second = first.next(&names, &part);
        let state = |name: &str| second.of(&name.into()).and_then(|sight| sight.state_at(at(200)));
        assert_eq!((state("a"), state("b"), state("c")), (Some(AlarmState::Alarm), None, None), "green 190 s ago is not green");
        assert_eq!(second.of(&"b".into()).map(|sight| sight.as_of), Some(at(10)));
        assert!(second.gap.is_some() && first.gap.is_none());
    }

    #[test]
    fn a_round_is_due_once_a_minute_and_at_once_for_a_new_name() {
        let names: Vec<AlarmName> = ["a"].map(AlarmName::new).to_vec();
        let round = AlarmRound::default().next(&names, &Listing::Complete { items: Vec::new(), as_of: at(100) });
        let due = |names: &[AlarmName], now| round.is_due(names, ALARM_PERIOD, now);
        assert!(!due(&names, at(159)), "one that nobody answered for is not asked for all the time");
        assert!(due(&names, at(160)) && due(&names, at(99)) && due(&["a".into(), "b".into()], at(101)));
        assert_eq!(round.calls(), 1);
    }
}
