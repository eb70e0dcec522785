//! What CloudWatch's alarms say: metric and composite ones, by name, a hundred in a call.

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use aws_smithy_types::DateTime;

use super::AwsCloud;
use super::pages::{Gathered, all};
use crate::domain::alarms::ALARMS_A_CALL;
use crate::domain::call::CloudError;
use crate::domain::ids::AlarmName;
use crate::domain::observation::{AlarmReading, AlarmState};
use crate::domain::reading::Listing;
use crate::domain::time::WorldTime;
use crate::ports::budget::BudgetKey;

/// AWS's name of the call.
const DESCRIBE: &str = "DescribeAlarms";
/// The most alarms that one page holds.
const PAGE: i32 = 100;

impl AwsCloud {
    /// The alarms of these names, in this order.
    pub(super) async fn alarms_named(&self, names: &[AlarmName]) -> Result<Vec<AlarmReading>, CloudError> {
        let found = all(DESCRIBE, |token| self.alarms_page(names, token)).await?;
        Ok(names.iter().map(|name| reading(name, &found)).collect())
    }

    /// The alarms of these names, however many they are. A call that fails leaves a gap; if the first one does, there is nothing but its error.
    pub(super) async fn alarms_listed(&self, names: &[AlarmName]) -> Result<Listing<AlarmReading>, CloudError> {
        let mut read = Gathered { items: Vec::new(), missing: None };
        for part in names.chunks(ALARMS_A_CALL) {
            match self.alarms_named(part).await {
                Ok(alarms) => read.items.extend(alarms),
                Err(error) if read.items.is_empty() => return Err(error),
                Err(error) => {
                    read.missing = Some(format!("{} of {} alarms: {error}", names.len() - read.items.len(), names.len()).into());
                    break;
                }
            }
        }
        Ok(read.listing())
    }

    async fn alarms_page(&self, names: &[AlarmName], token: Option<String>) -> Result<(Vec<Told>, Option<String>), CloudError> {
        let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
        // Composite alarms are told only to whoever asks for them.
        let kinds = vec![AlarmType::MetricAlarm, AlarmType::CompositeAlarm];
        let call = self.shared.cloudwatch.describe_alarms().set_alarm_names(Some(names)).set_alarm_types(Some(kinds)).max_records(PAGE);
        let answer = self.gate.read(DESCRIBE, BudgetKey::CloudWatch, || call.clone().set_next_token(token.clone()).send()).await?;
        let metric = answer.metric_alarms().iter().map(|alarm| {
            told(alarm.alarm_name(), alarm.state_value(), alarm.state_transitioned_timestamp().or_else(|| alarm.state_updated_timestamp()))
        });
        let composite = answer.composite_alarms().iter().map(|alarm| {
            told(alarm.alarm_name(), alarm.state_value(), alarm.state_transitioned_timestamp().or_else(|| alarm.state_updated_timestamp()))
        });
        let found = metric.chain(composite).collect();
        Ok((found, answer.next_token))
    }
}

/// An alarm's name and state as they were told.
struct Told {
    name: String,
    state: AlarmState,
    since: Option<WorldTime>,
}

fn told(name: Option<&str>, state: Option<&StateValue>, since: Option<&DateTime>) -> Told {
    let since = since.and_then(|at| at.to_millis().ok()).map(WorldTime);
    Told { name: name.unwrap_or_default().to_owned(), state: state.map_or(AlarmState::NoData, read_state), since }
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
    let told = found.iter().find(|told| told.name == name.as_str());
    let (state, since) = told.map_or((AlarmState::Missing, None), |told| (told.state, told.since));
    AlarmReading { name: name.clone(), state, since }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ok_is_ok_and_what_was_not_told_is_missing() {
        let since = DateTime::from_secs(5);
        let found =
            [told(Some("a"), Some(&StateValue::Ok), Some(&since)), told(Some("b"), Some(&"SLEEPY".into()), None), told(Some("c"), None, None)];
        let state = |name: &str| reading(&name.into(), &found).state;
        assert_eq!((state("a"), reading(&"a".into(), &found).since), (AlarmState::Ok, Some(WorldTime(5_000))));
        assert_eq!((state("b"), state("c")), (AlarmState::NoData, AlarmState::NoData));
        assert_eq!(state("d"), AlarmState::Missing);
        assert_eq!(read_state(&StateValue::InsufficientData), AlarmState::NoData);
        assert_eq!(read_state(&StateValue::Alarm), AlarmState::Alarm);
    }
}
