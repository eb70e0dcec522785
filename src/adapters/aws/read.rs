//! The questions of the port, each to the module that answers it.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{AwsCloud, wall_clock};
use crate::domain::call::{CloudCall, CloudError, CloudErrorKind, DryRun, Identity};
use crate::domain::fleet::Scope;
use crate::domain::group::ServerGroup;
use crate::domain::ids::{AlarmName, GroupName, ImageId, InstanceId, TargetGroupArn, TemplateId};
use crate::domain::image::Image;
use crate::domain::observation::{AlarmReading, Depth, FleetObservation, GroupPolicies, RouteReading, TargetGroupFacts, TemplateData};
use crate::domain::reading::Listing;
use crate::domain::time::WorldTime;
use crate::domain::traffic::TargetHealth;
use crate::ports::budget::BudgetKey;
use crate::ports::cloud::CloudRead;

const IDENTITY: &str = "GetCallerIdentity";

#[async_trait]
impl CloudRead for AwsCloud {
    async fn identity(&self) -> Result<Identity, CloudError> {
        let answer = self.gate.read(IDENTITY, BudgetKey::Sts, || self.shared.sts.get_caller_identity().send()).await?;
        let Some(account) = answer.account else {
            return Err(CloudError::new(CloudErrorKind::Unsupported, IDENTITY, "the answer names no account"));
        };
        let caller = answer.arn.or(answer.user_id).unwrap_or_default().into();
        Ok(Identity { account, region: self.shared.region.clone(), caller, expires_at: self.credentials_until() })
    }

    async fn now(&self) -> Result<WorldTime, CloudError> {
        Ok(wall_clock())
    }

    async fn speed(&self) -> Result<f64, CloudError> {
        Ok(1.0)
    }

    async fn images(&self) -> Result<Listing<Image>, CloudError> {
        self.list_images().await
    }

    async fn image(&self, id: &ImageId) -> Result<Option<Image>, CloudError> {
        self.one_image(id).await
    }

    async fn groups(&self) -> Result<Listing<ServerGroup>, CloudError> {
        self.list_groups().await
    }

    async fn routes(&self) -> Result<Listing<RouteReading>, CloudError> {
        self.list_routes().await
    }

    async fn observe(&self, scope: &Scope, depth: Depth) -> FleetObservation {
        self.look(scope, depth).await
    }

    async fn target_health(&self, target_group: &TargetGroupArn) -> Result<TargetHealth, CloudError> {
        self.health_of(target_group).await
    }

    async fn alarms(&self, names: &[AlarmName]) -> Result<Listing<AlarmReading>, CloudError> {
        self.alarms_listed(names).await
    }

    async fn launch_times(&self, servers: &[InstanceId]) -> Result<BTreeMap<InstanceId, WorldTime>, CloudError> {
        self.launched(servers).await
    }

    async fn template(&self, template: &TemplateId, version: u64) -> Result<TemplateData, CloudError> {
        self.template_data(template, version).await
    }

    async fn dry_run(&self, call: &CloudCall) -> Result<DryRun, CloudError> {
        self.would_accept(call).await
    }

    async fn target_group_facts(&self, target_groups: &[TargetGroupArn]) -> Result<Vec<TargetGroupFacts>, CloudError> {
        self.facts_of(target_groups).await
    }

    async fn group_policies(&self, groups: &[GroupName]) -> Result<Vec<GroupPolicies>, CloudError> {
        self.policies_of(groups).await
    }
}
