//! When servers were launched: Auto Scaling does not tell, EC2 is asked once for each.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as ec2;

use super::pages::all;
use super::{AwsCloud, locked};
use crate::domain::call::CloudError;
use crate::domain::ids::InstanceId;
use crate::domain::time::WorldTime;
use crate::ports::budget::BudgetKey;

const API: &str = "DescribeInstances";
/// The most values a filter takes.
const FILTER: usize = 200;

impl AwsCloud {
    /// When these servers were launched. A server that is gone is not in the answer: as a filter its id is no mistake.
    pub(super) async fn launched(&self, servers: &[InstanceId]) -> Result<BTreeMap<InstanceId, WorldTime>, CloudError> {
        for ids in self.not_asked_yet(servers).chunks(FILTER) {
            let told = all(API, |token| self.launched_page(ids, token)).await?;
            locked(&self.shared.launched).extend(told);
        }
        let known = locked(&self.shared.launched);
        Ok(servers.iter().filter_map(|id| Some((id.clone(), *known.get(id)?))).collect())
    }

    fn not_asked_yet(&self, servers: &[InstanceId]) -> Vec<String> {
        let known = locked(&self.shared.launched);
        servers.iter().filter(|id| !known.contains_key(*id)).map(|id| id.as_str().to_owned()).collect()
    }

    async fn launched_page(&self, ids: &[String], token: Option<String>) -> Result<(Vec<(InstanceId, WorldTime)>, Option<String>), CloudError> {
        let filter = ec2::Filter::builder().name("instance-id").set_values(Some(ids.to_vec())).build();
        let ask = || self.shared.ec2.describe_instances().filters(filter.clone()).set_next_token(token.clone()).send();
        let answer = self.gate.read(API, BudgetKey::Ec2Read, ask).await?;
        let servers = answer.reservations().iter().flat_map(ec2::Reservation::instances);
        Ok((servers.filter_map(launch).collect(), answer.next_token.clone()))
    }
}

fn launch(server: &ec2::Instance) -> Option<(InstanceId, WorldTime)> {
    Some((InstanceId::new(server.instance_id()?), WorldTime(server.launch_time()?.to_millis().ok()?)))
}
