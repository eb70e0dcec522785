//! What is read once before a plan: attributes of target groups, scaling policies, scheduled actions.

use aws_sdk_autoscaling::types as asg;
use aws_sdk_elasticloadbalancingv2::types::TargetGroupAttribute;

use super::AwsCloud;
use super::canonical::Canon;
use super::pages::all;
use crate::domain::call::CloudError;
use crate::domain::ids::{GroupName, TargetGroupArn};
use crate::domain::observation::{GroupPolicies, TargetGroupFacts};
use crate::domain::text::Untrusted;
use crate::ports::budget::BudgetKey;

/// What a policy says about itself rather than about scaling: two slots' equal policies differ in these.
const OWN_NAMES: [&str; 5] = ["auto_scaling_group_name", "policy_name", "policy_arn", "alarms", "resource_label"];

impl AwsCloud {
    /// Attributes of each target group, one call each.
    pub(super) async fn facts_of(&self, target_groups: &[TargetGroupArn]) -> Result<Vec<TargetGroupFacts>, CloudError> {
        let mut facts = Vec::new();
        for arn in target_groups {
            let ask = || self.shared.elb.describe_target_group_attributes().target_group_arn(arn.as_str()).send();
            let answer = self.gate.read("DescribeTargetGroupAttributes", BudgetKey::Elb, ask).await?;
            facts.push(read_facts(arn, answer.attributes()));
        }
        Ok(facts)
    }

    /// Policies and scheduled actions of each group.
    pub(super) async fn policies_of(&self, groups: &[GroupName]) -> Result<Vec<GroupPolicies>, CloudError> {
        let mut found = Vec::new();
        for group in groups {
            let policies = all("DescribePolicies", |token| self.policies_page(group, token)).await?;
            let scheduled = all("DescribeScheduledActions", |token| self.scheduled_page(group, token)).await?;
            let mut policies: Vec<Untrusted> = policies.iter().map(|policy| read_policy(policy, group)).collect();
            let mut scheduled: Vec<Untrusted> = scheduled.iter().map(read_scheduled).collect();
            policies.sort();
            scheduled.sort();
            found.push(GroupPolicies { group: group.clone(), policies, scheduled });
        }
        Ok(found)
    }

    async fn policies_page(&self, group: &GroupName, token: Option<String>) -> Result<(Vec<asg::ScalingPolicy>, Option<String>), CloudError> {
        let ask = || self.shared.auto_scaling.describe_policies().auto_scaling_group_name(group.as_str()).set_next_token(token.clone()).send();
        let answer = self.gate.read("DescribePolicies", BudgetKey::AutoScaling, ask).await?;
        Ok((answer.scaling_policies.unwrap_or_default(), answer.next_token))
    }

    async fn scheduled_page(
        &self,
        group: &GroupName,
        token: Option<String>,
    ) -> Result<(Vec<asg::ScheduledUpdateGroupAction>, Option<String>), CloudError> {
        let ask =
            || self.shared.auto_scaling.describe_scheduled_actions().auto_scaling_group_name(group.as_str()).set_next_token(token.clone()).send();
        let answer = self.gate.read("DescribeScheduledActions", BudgetKey::AutoScaling, ask).await?;
        Ok((answer.scheduled_update_group_actions.unwrap_or_default(), answer.next_token))
    }
}

fn read_facts(arn: &TargetGroupArn, attributes: &[TargetGroupAttribute]) -> TargetGroupFacts {
    let told = |key: &str| attributes.iter().find(|attribute| attribute.key() == Some(key)).and_then(TargetGroupAttribute::value);
    let secs = |key: &str| told(key).and_then(|value| value.parse::<u32>().ok());
    TargetGroupFacts {
        target_group: arn.clone(),
        deregistration_delay_secs: secs("deregistration_delay.timeout_seconds"),
        dns_failover_minimum: told("target_group_health.dns_failover.minimum_healthy_targets.count")
            .filter(|count| *count != "off")
            .map(str::to_owned),
        slow_start_secs: secs("slow_start.duration_seconds").filter(|secs| *secs > 0),
    }
}

fn read_policy(policy: &asg::ScalingPolicy, group: &GroupName) -> Untrusted {
    // A metric may be the group's own: by its dimension, which is its name.
    Canon::of(policy).neutral(&OWN_NAMES, &[(group.as_str(), "(this group)")]).text().into()
}

/// Name first, then when and what: preflight looks for the times inside a plan.
fn read_scheduled(action: &asg::ScheduledUpdateGroupAction) -> Untrusted {
    let mut words = vec![action.scheduled_action_name().unwrap_or("?").to_owned()];
    let time = |at: Option<&aws_smithy_types::DateTime>| {
        let at = jiff::Timestamp::from_second(at?.secs()).ok()?;
        Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    let mut add = |what: &str, value: Option<String>| words.extend(value.map(|value| format!("{what} {value}")));
    add("recurs", action.recurrence().map(str::to_owned));
    add("zone", action.time_zone().map(str::to_owned));
    add("from", time(action.start_time()));
    add("until", time(action.end_time()));
    add("min", action.min_size().map(|size| size.to_string()));
    add("max", action.max_size().map(|size| size.to_string()));
    add("desired", action.desired_capacity().map(|size| size.to_string()));
    words.join(" · ").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(group: &str, target: f64) -> asg::ScalingPolicy {
        let metric = asg::PredefinedMetricSpecification::builder()
            .predefined_metric_type(asg::MetricType::AlbRequestCountPerTarget)
            .resource_label(format!("app/edge/1/targetgroup/{group}/2"))
            .build();
        let tracking = asg::TargetTrackingConfiguration::builder().predefined_metric_specification(metric).target_value(target).build();
        asg::ScalingPolicy::builder()
            .auto_scaling_group_name(group)
            .policy_name(format!("{group}-requests"))
            .policy_arn(format!("arn:{group}"))
            .alarms(asg::Alarm::builder().alarm_name(format!("TargetTracking-{group}")).build())
            .target_tracking_configuration(tracking)
            .enabled(true)
            .build()
    }

    #[test]
    fn equal_policies_are_equal_whatever_they_are_called() {
        let read = |group: &str, target| read_policy(&policy(group, target), &group.into());
        assert_eq!(read("web-a", 100.0), read("web-b", 100.0));
        assert_ne!(read("web-a", 100.0), read("web-b", 101.0));
    }

    #[test]
    fn attributes_that_are_off_are_not_told() {
        let attribute = |key: &str, value: &str| TargetGroupAttribute::builder().key(key).value(value).build();
        let facts = read_facts(
            &"arn".into(),
            &[
                attribute("deregistration_delay.timeout_seconds", "300"),
                attribute("slow_start.duration_seconds", "0"),
                attribute("target_group_health.dns_failover.minimum_healthy_targets.count", "off"),
            ],
        );
        assert_eq!(facts, TargetGroupFacts { target_group: "arn".into(), deregistration_delay_secs: Some(300), ..TargetGroupFacts::default() });
    }

    #[test]
    fn a_scheduled_action_says_when_and_what() {
        let action = asg::ScheduledUpdateGroupAction::builder().scheduled_action_name("night").recurrence("0 22 * * *").min_size(2).build();
        assert_eq!(read_scheduled(&action).shown(), "night · recurs 0 22 * * * · min 2");
    }
}
