//! What CloudWatch's alarms say: metric and composite ones, by name, in one call.

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};

use super::AwsCloud;
use super::pages::all;
use crate::domain::call::CloudError;
use crate::domain::ids::AlarmName;
use crate::domain::observation::{AlarmReading, AlarmState};
use crate::ports::budget::BudgetKey;

/// AWS's name of the call.
const DESCRIBE: &str = "DescribeAlarms";
/// The most alarms that can be asked for by name, and that one page holds.
const PAGE: i32 = 100;

impl AwsCloud {
    /// The alarms of these names, in this order.
    pub(super) async fn alarms_named(&self, names: &[AlarmName]) -> Result<Vec<AlarmReading>, CloudError> {
        let found = all(DESCRIBE, |token| self.alarms_page(names, token)).await?;
        Ok(names.iter().map(|name| reading(name, &found)).collect())
    }

    async fn alarms_page(&self, names: &[AlarmName], token: Option<String>) -> Result<(Vec<Told>, Option<String>), CloudError> {
        let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
        // Composite alarms are told only to whoever asks for them.
        let kinds = vec![AlarmType::MetricAlarm, AlarmType::CompositeAlarm];
        let call = self.shared.cloudwatch.describe_alarms().set_alarm_names(Some(names)).set_alarm_types(Some(kinds)).max_records(PAGE);
        let answer = self.gate.read(DESCRIBE, BudgetKey::CloudWatch, || call.clone().set_next_token(token.clone()).send()).await?;
        let metric = answer.metric_alarms().iter().map(|alarm| told(alarm.alarm_name(), alarm.state_value()));
        let composite = answer.composite_alarms().iter().map(|alarm| told(alarm.alarm_name(), alarm.state_value()));
        let found = metric.chain(composite).collect();
        Ok((found, answer.next_token))
    }
}

/// An alarm's name and state as they were told.
struct Told {
    name: String,
    state: AlarmState,
}

fn told(name: Option<&str>, state: Option<&StateValue>) -> Told {
    Told { name: name.unwrap_or_default().to_owned(), state: state.map_or(AlarmState::NoData, read_state) }
}

/// A word this program does not know is no green light.
const fn read_state(state: &StateValue) -> AlarmState {
    match state {
        StateValue::Ok => AlarmState::Ok,
        StateValue::Alarm => AlarmState::Alarm,
        _ => AlarmState::NoData,
    }
}

fn reading(name: &AlarmName, found: &[Told]) -> AlarmReading {
    let state = found.iter().find(|told| told.name == name.as_str()).map_or(AlarmState::Missing, |told| told.state);
    AlarmReading { name: name.clone(), state }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ok_is_ok_and_what_was_not_told_is_missing() {
        let found = [told(Some("a"), Some(&StateValue::Ok)), told(Some("b"), Some(&"SLEEPY".into())), told(Some("c"), None)];
        let state = |name: &str| reading(&name.into(), &found).state;
        assert_eq!(state("a"), AlarmState::Ok);
        assert_eq!((state("b"), state("c")), (AlarmState::NoData, AlarmState::NoData));
        assert_eq!(state("d"), AlarmState::Missing);
        assert_eq!(read_state(&StateValue::InsufficientData), AlarmState::NoData);
        assert_eq!(read_state(&StateValue::Alarm), AlarmState::Alarm);
    }
}
