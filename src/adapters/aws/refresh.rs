//! Instance refreshes: read as AWS tells them, started with every preference named.

use aws_sdk_autoscaling::types as asg;
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_types::DateTime;

use super::gate::Sent;
use super::groups::read_spec;
use super::writer::reply;
use super::{AwsCloud, AwsWriter};
use crate::domain::call::{CallReply, CloudError, CloudErrorKind};
use crate::domain::ids::{GroupName, RefreshId, TemplateId};
use crate::domain::refresh::{DesiredTemplate, InstanceRefresh, OddServers, RefreshPreferences, RefreshStatus, RefreshStrategy};
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::ports::budget::BudgetKey;

const DESCRIBE: &str = "DescribeInstanceRefreshes";
const START: &str = "StartInstanceRefresh";
const CANCEL: &str = "CancelInstanceRefresh";
const ROLL_BACK: &str = "RollbackInstanceRefresh";
/// So many of the newest are enough to find one of ours that was started without an answer.
const NEWEST: i32 = 10;

impl AwsCloud {
    /// The newest refreshes of a group, newest first.
    pub(super) async fn refreshes_of(&self, group: &GroupName) -> Result<Vec<InstanceRefresh>, CloudError> {
        let ask = || self.shared.auto_scaling.describe_instance_refreshes().auto_scaling_group_name(group.as_str()).max_records(NEWEST).send();
        let answer = self.gate.read(DESCRIBE, BudgetKey::AutoScaling, ask).await?;
        let mut refreshes: Vec<InstanceRefresh> = answer.instance_refreshes().iter().filter_map(read_refresh).collect();
        refreshes.sort_by_key(|refresh| std::cmp::Reverse(refresh.started_at));
        Ok(refreshes)
    }
}

impl AwsWriter {
    pub(super) async fn start_refresh(
        &self,
        group: &GroupName,
        (template, version): (&TemplateId, u64),
        preferences: &RefreshPreferences,
        sent: &Sent,
    ) -> Result<CallReply, CloudError> {
        let spec = asg::LaunchTemplateSpecification::builder().launch_template_id(template.as_str()).version(version.to_string()).build();
        let request = self
            .cloud
            .shared
            .auto_scaling
            .start_instance_refresh()
            .auto_scaling_group_name(group.as_str())
            .strategy(asg::RefreshStrategy::Rolling)
            .desired_configuration(asg::DesiredConfiguration::builder().launch_template(spec).build())
            .preferences(asked(preferences)?);
        let answer = self.cloud.gate.write(START, BudgetKey::AutoScaling, sent, request.send()).await?;
        named(START, answer.instance_refresh_id(), answer.request_id())
    }

    pub(super) async fn cancel_refresh(&self, group: &GroupName, sent: &Sent) -> Result<CallReply, CloudError> {
        let request = self.cloud.shared.auto_scaling.cancel_instance_refresh().auto_scaling_group_name(group.as_str());
        let answer = self.cloud.gate.write(CANCEL, BudgetKey::AutoScaling, sent, request.send()).await?;
        named(CANCEL, answer.instance_refresh_id(), answer.request_id())
    }

    pub(super) async fn roll_refresh_back(&self, group: &GroupName, sent: &Sent) -> Result<CallReply, CloudError> {
        let request = self.cloud.shared.auto_scaling.rollback_instance_refresh().auto_scaling_group_name(group.as_str());
        let answer = self.cloud.gate.write(ROLL_BACK, BudgetKey::AutoScaling, sent, request.send()).await?;
        named(ROLL_BACK, answer.instance_refresh_id(), answer.request_id())
    }
}

/// An answer without the id of a refresh is not AWS's: whether anything happened is found out by looking.
fn named(api: &str, id: Option<&str>, request_id: Option<&str>) -> Result<CallReply, CloudError> {
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Ok(CallReply { refresh: Some(RefreshId::new(id)), ..reply(request_id) }),
        None => Err(CloudError::new(CloudErrorKind::OutcomeUnknown, api, "the answer names no instance refresh")),
    }
}

fn asked(preferences: &RefreshPreferences) -> Result<asg::RefreshPreferences, CloudError> {
    let number = |value: u32| i32::try_from(value).map_err(|_| CloudError::new(CloudErrorKind::Invalid, START, "not sent: a number is too large"));
    let alarms = (!preferences.alarms.is_empty()).then(|| asg::AlarmSpecification::builder().set_alarms(Some(preferences.alarms.clone())).build());
    let checkpoints: Vec<i32> = preferences.checkpoints.iter().map(|percent| number(*percent)).collect::<Result<_, _>>()?;
    Ok(asg::RefreshPreferences::builder()
        .min_healthy_percentage(number(preferences.min_healthy_pct)?)
        .max_healthy_percentage(number(preferences.max_healthy_pct)?)
        .set_instance_warmup(preferences.warmup_secs.map(number).transpose()?)
        .bake_time(number(preferences.bake_secs)?)
        .skip_matching(preferences.skip_matching)
        .auto_rollback(preferences.auto_rollback)
        .set_alarm_specification(alarms)
        .set_checkpoint_percentages(Some(checkpoints).filter(|checkpoints| !checkpoints.is_empty()))
        .scale_in_protected_instances(match preferences.protected {
            OddServers::Wait => asg::ScaleInProtectedInstances::Wait,
            OddServers::Ignore => asg::ScaleInProtectedInstances::Ignore,
            OddServers::Replace => asg::ScaleInProtectedInstances::Refresh,
        })
        .standby_instances(match preferences.standby {
            OddServers::Wait => asg::StandbyInstances::Wait,
            OddServers::Ignore => asg::StandbyInstances::Ignore,
            OddServers::Replace => asg::StandbyInstances::Terminate,
        })
        .build())
}

fn read_refresh(refresh: &asg::InstanceRefresh) -> Option<InstanceRefresh> {
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    let desired = refresh.desired_configuration().and_then(asg::DesiredConfiguration::launch_template);
    Some(InstanceRefresh {
        id: RefreshId::new(refresh.instance_refresh_id()?),
        status: read_status(refresh.status()),
        strategy: read_strategy(refresh.strategy()),
        reason: refresh.status_reason().filter(|reason| !reason.is_empty()).map(Untrusted::from),
        percent: number(refresh.percentage_complete()),
        to_update: number(refresh.instances_to_update()),
        desired: desired.and_then(read_spec).map(|(id, version)| DesiredTemplate { id, version }),
        preferences: refresh.preferences().and_then(read_preferences),
        started_at: refresh.start_time().and_then(moment),
        ended_at: refresh.end_time().and_then(moment),
        rollback_reason: refresh.rollback_details().and_then(asg::RollbackDetails::rollback_reason).map(Untrusted::from),
    })
}

fn read_status(status: Option<&asg::InstanceRefreshStatus>) -> RefreshStatus {
    use asg::InstanceRefreshStatus as Told;
    match status {
        Some(Told::Pending) => RefreshStatus::Pending,
        Some(Told::InProgress) => RefreshStatus::InProgress,
        Some(Told::Baking) => RefreshStatus::Baking,
        Some(Told::Successful) => RefreshStatus::Successful,
        Some(Told::Failed) => RefreshStatus::Failed,
        Some(Told::Cancelling) => RefreshStatus::Cancelling,
        Some(Told::Cancelled) => RefreshStatus::Cancelled,
        Some(Told::RollbackInProgress) => RefreshStatus::RollbackInProgress,
        Some(Told::RollbackFailed) => RefreshStatus::RollbackFailed,
        Some(Told::RollbackSuccessful) => RefreshStatus::RollbackSuccessful,
        other => RefreshStatus::Unknown { word: other.map_or("nothing", asg::InstanceRefreshStatus::as_str).into() },
    }
}

/// Answers from before there were strategies name none: those were rolling.
fn read_strategy(strategy: Option<&asg::RefreshStrategy>) -> RefreshStrategy {
    match strategy {
        None | Some(asg::RefreshStrategy::Rolling) => RefreshStrategy::Rolling,
        Some(asg::RefreshStrategy::ReplaceRootVolume) => RefreshStrategy::ReplaceRootVolume,
        Some(other) => RefreshStrategy::Unknown { word: other.as_str().into() },
    }
}

/// What somebody asked for, if everything that matters is told.
fn read_preferences(told: &asg::RefreshPreferences) -> Option<RefreshPreferences> {
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    Some(RefreshPreferences {
        min_healthy_pct: number(told.min_healthy_percentage())?,
        max_healthy_pct: number(told.max_healthy_percentage()).unwrap_or(100),
        warmup_secs: number(told.instance_warmup()),
        bake_secs: number(told.bake_time()).unwrap_or(0),
        skip_matching: told.skip_matching().unwrap_or(false),
        auto_rollback: told.auto_rollback().unwrap_or(false),
        alarms: told.alarm_specification().map(|alarms| alarms.alarms().to_vec()).unwrap_or_default(),
        protected: match told.scale_in_protected_instances() {
            Some(asg::ScaleInProtectedInstances::Ignore) => OddServers::Ignore,
            Some(asg::ScaleInProtectedInstances::Refresh) => OddServers::Replace,
            _ => OddServers::Wait,
        },
        standby: match told.standby_instances() {
            Some(asg::StandbyInstances::Ignore) => OddServers::Ignore,
            Some(asg::StandbyInstances::Terminate) => OddServers::Replace,
            _ => OddServers::Wait,
        },
        checkpoints: told.checkpoint_percentages().iter().filter_map(|percent| u32::try_from(*percent).ok()).collect(),
    })
}

fn moment(at: &DateTime) -> Option<WorldTime> {
    at.to_millis().ok().map(WorldTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_nobody_knows_are_neither_an_end_nor_rolling() {
        assert!(read_status(Some(&asg::InstanceRefreshStatus::from("Paused"))).is_running());
        assert!(read_status(None).is_running());
        assert_eq!(read_strategy(Some(&asg::RefreshStrategy::from("Sideways"))), RefreshStrategy::Unknown { word: "Sideways".into() });
        assert_eq!(read_strategy(None), RefreshStrategy::Rolling);
    }

    #[test]
    fn what_is_asked_is_what_is_read() {
        let preferences = RefreshPreferences {
            min_healthy_pct: 100,
            max_healthy_pct: 117,
            warmup_secs: Some(60),
            bake_secs: 300,
            skip_matching: true,
            auto_rollback: true,
            alarms: vec!["web-5xx".to_owned()],
            protected: OddServers::Wait,
            standby: OddServers::Ignore,
            checkpoints: Vec::new(),
        };
        assert_eq!(read_preferences(&asked(&preferences).unwrap()), Some(preferences));
    }
}
