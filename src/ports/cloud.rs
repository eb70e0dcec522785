//! Reading and changing a cloud: AWS and the simulated one answer the same questions.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::domain::call::{CallReply, CloudCall, CloudError, DryRun, Identity};
use crate::domain::fleet::Scope;
use crate::domain::group::ServerGroup;
use crate::domain::ids::{AlarmName, GroupName, ImageId, InstanceId, TargetGroupArn, TemplateId};
use crate::domain::image::Image;
use crate::domain::observation::{AlarmReading, Depth, FleetObservation, GroupPolicies, RouteReading, TargetGroupFacts, TemplateData};
use crate::domain::reading::Listing;
use crate::domain::time::WorldTime;
use crate::domain::traffic::TargetHealth;

/// Questions to the cloud. None of them changes anything.
#[async_trait]
pub trait CloudRead: Send + Sync {
    /// Who we are there, and where.
    async fn identity(&self) -> Result<Identity, CloudError>;

    /// What time it is there.
    async fn now(&self) -> Result<WorldTime, CloudError>;

    /// How many world seconds pass in a real one: 1 but for a simulated cloud, where 0 stands still.
    async fn speed(&self) -> Result<f64, CloudError>;

    /// All images of the owners this program is configured for, newest first.
    async fn images(&self) -> Result<Listing<Image>, CloudError>;

    /// One image by id, whoever owns it; none if it does not exist.
    async fn image(&self, id: &ImageId) -> Result<Option<Image>, CloudError>;

    /// Every server group with its servers, its template's image and the image of each server where it can be looked up.
    async fn groups(&self) -> Result<Listing<ServerGroup>, CloudError>;

    /// Every rule and listener default that forwards to a target group.
    async fn routes(&self) -> Result<Listing<RouteReading>, CloudError>;

    /// One look at a fleet. What cannot be read is unknown in the answer, with the reason.
    async fn observe(&self, scope: &Scope, depth: Depth) -> FleetObservation;

    /// The health of every target of one target group, by the load balancer.
    async fn target_health(&self, target_group: &TargetGroupArn) -> Result<TargetHealth, CloudError>;

    /// What these alarms say, whichever fleets name them, in as few calls as they take; one that does not exist says so. An error only where
    /// none could be read.
    async fn alarms(&self, names: &[AlarmName]) -> Result<Listing<AlarmReading>, CloudError>;

    /// When these servers were launched; those nobody tells of are not in the answer.
    async fn launch_times(&self, servers: &[InstanceId]) -> Result<BTreeMap<InstanceId, WorldTime>, CloudError>;

    /// The data of one template version.
    async fn template(&self, template: &TemplateId, version: u64) -> Result<TemplateData, CloudError>;

    /// Whether a call would be accepted, where the cloud offers to say so. Nothing is changed by asking.
    async fn dry_run(&self, call: &CloudCall) -> Result<DryRun, CloudError>;

    /// Attributes of target groups that change what a deploy means.
    async fn target_group_facts(&self, target_groups: &[TargetGroupArn]) -> Result<Vec<TargetGroupFacts>, CloudError>;

    /// Scaling policies and scheduled actions of groups.
    async fn group_policies(&self, groups: &[GroupName]) -> Result<Vec<GroupPolicies>, CloudError>;
}

/// Changing the cloud. Only a driver's effect runner holds one; with `--read-only` none is ever built.
#[async_trait]
pub trait CloudWrite: Send + Sync {
    /// Makes the call once. Never retried here: an error of kind `OutcomeUnknown` is resolved by looking.
    async fn call(&self, call: &CloudCall) -> Result<CallReply, CloudError>;
}
