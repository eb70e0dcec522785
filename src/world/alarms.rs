//! CloudWatch alarms of a simulated world: red while too many requests of a fleet's place fail, unless somebody says otherwise.

use serde::{Deserialize, Serialize};

use super::World;
use super::state::{MILLION, Tick};
use crate::domain::ids::{AlarmName, PlaceArn};
use crate::domain::observation::{AlarmReading, AlarmState};
use crate::domain::reading::Reading;
use crate::domain::time::Millis;

/// Errors in a million requests above which an alarm is red.
const RED_PPM: u64 = 10_000;

/// One alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The place whose requests it watches.
    pub place: PlaceArn,
    /// What it says whatever it sees, if somebody set it.
    pub forced: Option<AlarmState>,
}

impl World {
    /// What alarms of these names say now, in this order; unknown while a disturbance hides them.
    #[must_use]
    pub fn alarms(&self, names: &[AlarmName]) -> Reading<Vec<AlarmReading>> {
        if !names.is_empty() && self.alarms_unreadable_until.is_some_and(|until| self.tick < until) {
            return Reading::unknown("CloudWatch does not answer");
        }
        let reading = |name: &AlarmName| AlarmReading { name: name.clone(), state: self.alarm(name), since: None };
        Reading::known(names.iter().map(reading).collect(), self.now())
    }

    fn alarm(&self, name: &AlarmName) -> AlarmState {
        let Some(alarm) = self.alarms.get(name) else { return AlarmState::Missing };
        alarm.forced.unwrap_or_else(|| match self.error_ppm(&alarm.place) {
            None => AlarmState::NoData,
            Some(errors) if errors > RED_PPM => AlarmState::Alarm,
            Some(_) => AlarmState::Ok,
        })
    }

    /// Errors in a million requests at a place in this minute; none where nobody asks anything of it.
    fn error_ppm(&self, place: &PlaceArn) -> Option<u64> {
        let (requests, errors) = self.rates_at(place);
        errors.saturating_mul(MILLION).checked_div(requests)
    }

    /// The first of these that is red.
    pub(super) fn red_alarm(&self, names: &[String]) -> Option<AlarmName> {
        names.iter().map(AlarmName::new).find(|name| self.alarm(name) == AlarmState::Alarm)
    }

    pub(super) fn set_alarm(&mut self, name: &AlarmName, state: Option<AlarmState>) -> bool {
        self.alarms.get_mut(name).map(|alarm| alarm.forced = state).is_some()
    }

    pub(super) fn hide_alarms(&mut self, span: Millis) -> bool {
        let until: Tick = self.tick.saturating_add_unsigned(span.as_secs());
        self.alarms_unreadable_until = Some(until);
        true
    }
}
