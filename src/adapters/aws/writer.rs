//! Every call that changes AWS. Each is sent once; what came of a call without an answer is found out by looking, not here.

use async_trait::async_trait;
use aws_sdk_autoscaling::types as asg;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_elasticloadbalancingv2::types::Action;

use super::actions::{matches, read_actions, with_weights};
use super::gate::Sent;
use super::{AwsCloud, CALL_TIMEOUT, error};
use crate::adapters::host;
use crate::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use crate::domain::fleet::RoutePlace;
use crate::domain::ids::{GroupName, TargetGroupArn, TemplateId};
use crate::domain::sizes::Sizes;
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;
use crate::domain::traffic::RouteActions;
use crate::ports::budget::{BudgetKey, Priority};
use crate::ports::cloud::CloudWrite;

const UPDATE: &str = "UpdateAutoScalingGroup";
const ATTACH: &str = "AttachLoadBalancerTargetGroups";
const DETACH: &str = "DetachLoadBalancerTargetGroups";
/// Actions read longer ago than this are read again before they are sent back: somebody may have changed them.
const FRESH: Millis = Millis::secs(30);

/// Changes to AWS. Only a driver's effect runner holds one.
#[derive(Clone)]
pub struct AwsWriter {
    pub(super) cloud: AwsCloud,
}

impl AwsWriter {
    /// Writes over the clients and caches of `cloud`: route actions that `cloud` or a clone of it read are what weights are written from.
    #[must_use]
    pub fn new(cloud: &AwsCloud, priority: Priority) -> Self {
        Self { cloud: cloud.with_priority(priority) }
    }

    async fn perform(&self, call: &CloudCall, sent: &Sent) -> Result<CallReply, CloudError> {
        match call {
            CloudCall::CreateTemplateVersion { .. } => self.create_version(call, sent).await,
            CloudCall::PinTemplate { group, template, version } => self.pin(group, template, *version, sent).await,
            CloudCall::RaiseMin { group, min, max } => self.resize(group, Some(*min), *max, None, sent).await,
            CloudCall::ReleaseMin { group, min } => self.resize(group, Some(*min), None, None, sent).await,
            CloudCall::Park { group, sizes: Sizes { min, max, desired } } => self.resize(group, Some(*min), Some(*max), Some(*desired), sent).await,
            CloudCall::SetWeights { place, actions } => self.set_weights(place, actions, sent).await,
            CloudCall::StartInstanceRefresh { group, template, version, preferences } => {
                self.start_refresh(group, (template, *version), preferences, sent).await
            }
            CloudCall::SuspendProcesses { group, processes } => self.suspend(group, processes, sent).await,
            CloudCall::ResumeProcesses { group, processes } => self.resume(group, processes, sent).await,
            CloudCall::CancelInstanceRefresh { group } => self.cancel_refresh(group, sent).await,
            CloudCall::RollbackInstanceRefresh { group } => self.roll_refresh_back(group, sent).await,
            CloudCall::AttachTargetGroup { group, target_group } => self.attach(group, target_group, sent).await,
            CloudCall::DetachTargetGroup { group, target_group } => self.detach(group, target_group, sent).await,
            CloudCall::Tag { groups, tags } => self.tag(groups, tags, sent).await,
            CloudCall::Untag { groups, keys } => self.untag(groups, keys, sent).await,
            CloudCall::Build { what } => self.build(what, sent).await,
            CloudCall::Image { what } => self.live(what, sent).await,
        }
    }

    async fn suspend(&self, group: &GroupName, processes: &[String], sent: &Sent) -> Result<CallReply, CloudError> {
        let request = self.cloud.shared.auto_scaling.suspend_processes().auto_scaling_group_name(group.as_str());
        let request = request.set_scaling_processes(Some(processes.to_vec()));
        let answer = self.cloud.gate.write("SuspendProcesses", BudgetKey::AutoScaling, sent, request.send()).await?;
        done("SuspendProcesses", answer.request_id())
    }

    async fn resume(&self, group: &GroupName, processes: &[String], sent: &Sent) -> Result<CallReply, CloudError> {
        let request = self.cloud.shared.auto_scaling.resume_processes().auto_scaling_group_name(group.as_str());
        let request = request.set_scaling_processes(Some(processes.to_vec()));
        let answer = self.cloud.gate.write("ResumeProcesses", BudgetKey::AutoScaling, sent, request.send()).await?;
        done("ResumeProcesses", answer.request_id())
    }

    async fn pin(&self, group: &GroupName, template: &TemplateId, version: u64, sent: &Sent) -> Result<CallReply, CloudError> {
        let spec = asg::LaunchTemplateSpecification::builder().launch_template_id(template.as_str()).version(version.to_string()).build();
        let request = self.cloud.shared.auto_scaling.update_auto_scaling_group().auto_scaling_group_name(group.as_str()).launch_template(spec);
        let answer = self.cloud.gate.write(UPDATE, BudgetKey::AutoScaling, sent, request.send()).await?;
        done(UPDATE, answer.request_id())
    }

    /// Only the sizes that are named are sent: what is left out stays as it is.
    async fn resize(
        &self,
        group: &GroupName,
        min: Option<u32>,
        max: Option<u32>,
        desired: Option<u32>,
        sent: &Sent,
    ) -> Result<CallReply, CloudError> {
        let request = self.cloud.shared.auto_scaling.update_auto_scaling_group().auto_scaling_group_name(group.as_str());
        let request = request.set_min_size(size(min)?).set_max_size(size(max)?).set_desired_capacity(size(desired)?);
        let answer = self.cloud.gate.write(UPDATE, BudgetKey::AutoScaling, sent, request.send()).await?;
        done(UPDATE, answer.request_id())
    }

    async fn set_weights(&self, place: &RoutePlace, wanted: &RouteActions, sent: &Sent) -> Result<CallReply, CloudError> {
        let read = self.fresh_actions(place, wanted).await?;
        let actions = with_weights(place.write_call(), &read, wanted)?;
        // Whatever comes of it, what was read is not what is there any more.
        self.cloud.forget_actions(place);
        match place {
            RoutePlace::Rule(arn) => {
                let request = self.cloud.shared.elb.modify_rule().rule_arn(arn.as_str()).set_actions(Some(actions));
                let answer = self.cloud.gate.write(place.write_call(), BudgetKey::ElbWrite, sent, request.send()).await?;
                let now = answer.rules().first().map(|rule| rule.actions().to_vec());
                Ok(self.weights_reply(place, now, answer.request_id()))
            }
            RoutePlace::Listener(arn) => {
                let request = self.cloud.shared.elb.modify_listener().listener_arn(arn.as_str()).set_default_actions(Some(actions));
                let answer = self.cloud.gate.write(place.write_call(), BudgetKey::ElbWrite, sent, request.send()).await?;
                let now = answer.listeners().first().map(|listener| listener.default_actions().to_vec());
                Ok(self.weights_reply(place, now, answer.request_id()))
            }
        }
    }

    /// The actions `wanted` was made from: those just read, or read once more.
    async fn fresh_actions(&self, place: &RoutePlace, wanted: &RouteActions) -> Result<Vec<Action>, CloudError> {
        match self.cloud.kept_actions(place) {
            Some(kept) if host::boot_now().since(kept.at) <= FRESH && matches(&kept.actions, wanted) => Ok(kept.actions),
            _ => self.cloud.read_place(place).await,
        }
    }

    fn weights_reply(&self, place: &RoutePlace, now: Option<Vec<Action>>, request_id: Option<&str>) -> CallReply {
        let actions = now.filter(|actions| !actions.is_empty());
        if let Some(actions) = &actions {
            self.cloud.keep_actions(place, actions);
        }
        CallReply { actions: actions.map(|actions| read_actions(&actions)), ..reply(request_id) }
    }

    async fn attach(&self, group: &GroupName, target_group: &TargetGroupArn, sent: &Sent) -> Result<CallReply, CloudError> {
        let request = self.cloud.shared.auto_scaling.attach_load_balancer_target_groups().auto_scaling_group_name(group.as_str());
        let request = request.target_group_arns(target_group.as_str());
        let answer = self.cloud.gate.write(ATTACH, BudgetKey::AutoScaling, sent, request.send()).await?;
        done(ATTACH, answer.request_id())
    }

    async fn detach(&self, group: &GroupName, target_group: &TargetGroupArn, sent: &Sent) -> Result<CallReply, CloudError> {
        let request = self.cloud.shared.auto_scaling.detach_load_balancer_target_groups().auto_scaling_group_name(group.as_str());
        let request = request.target_group_arns(target_group.as_str());
        let answer = self.cloud.gate.write(DETACH, BudgetKey::AutoScaling, sent, request.send()).await?;
        done(DETACH, answer.request_id())
    }

    async fn tag(&self, groups: &[GroupName], tags: &[(String, String)], sent: &Sent) -> Result<CallReply, CloudError> {
        let tags = groups.iter().flat_map(|group| tags.iter().map(|(key, value)| tag(group, key).value(value).propagate_at_launch(false).build()));
        let request = self.cloud.shared.auto_scaling.create_or_update_tags().set_tags(Some(tags.collect()));
        let answer = self.cloud.gate.write("CreateOrUpdateTags", BudgetKey::AutoScaling, sent, request.send()).await?;
        done("CreateOrUpdateTags", answer.request_id())
    }

    async fn untag(&self, groups: &[GroupName], keys: &[String], sent: &Sent) -> Result<CallReply, CloudError> {
        let tags = groups.iter().flat_map(|group| keys.iter().map(|key| tag(group, key).build()));
        let request = self.cloud.shared.auto_scaling.delete_tags().set_tags(Some(tags.collect()));
        let answer = self.cloud.gate.write("DeleteTags", BudgetKey::AutoScaling, sent, request.send()).await?;
        done("DeleteTags", answer.request_id())
    }
}

#[async_trait]
impl CloudWrite for AwsWriter {
    /// Looking before the write and the write itself share one call timeout: a lease is kept longer than that and no longer.
    async fn call(&self, call: &CloudCall) -> Result<CallReply, CloudError> {
        let sent = Sent::default();
        let Ok(result) = tokio::time::timeout(CALL_TIMEOUT, self.perform(call, &sent)).await else {
            let (kind, why) = if sent.is_set() {
                (CloudErrorKind::OutcomeUnknown, error::no_answer())
            } else {
                (CloudErrorKind::Network, format!("not sent: looking before it took longer than {} s", CALL_TIMEOUT.as_secs()))
            };
            return Err(CloudError::new(kind, call.aws_name(), why));
        };
        result
    }
}

fn tag(group: &GroupName, key: &str) -> asg::builders::TagBuilder {
    asg::Tag::builder().resource_id(group.as_str()).resource_type("auto-scaling-group").key(key)
}

/// The reply of a call whose answer says nothing but that it was made. AWS always names the request; a stranger's `200 OK` does not.
pub(super) fn done(api: &str, request_id: Option<&str>) -> Result<CallReply, CloudError> {
    match request_id {
        Some(_) => Ok(reply(request_id)),
        None => Err(CloudError::new(CloudErrorKind::OutcomeUnknown, api, "the endpoint does not answer as AWS does: no request id")),
    }
}

/// A reply that carries the request's id.
pub(super) fn reply(request_id: Option<&str>) -> CallReply {
    CallReply { request_id: request_id.map(Untrusted::from), ..CallReply::default() }
}

fn size(size: Option<u32>) -> Result<Option<i32>, CloudError> {
    size.map(i32::try_from).transpose().map_err(|_| CloudError::new(CloudErrorKind::Invalid, UPDATE, "not sent: a size is larger than AWS can take"))
}
