//! How old servers are: asked only for fleets that name an age past which they are due.

use super::cloud::Urgency;
use super::office::Office;
use crate::domain::fleet::{FleetSpec, Slot};
use crate::domain::group::{Instance, ServerGroup};
use crate::domain::ids::InstanceId;
use crate::domain::observation::FleetObservation;
use crate::domain::reading::{Listing, Reading};

impl Office {
    /// Fills in when the servers of such fleets were launched, in a round of listings.
    pub(super) async fn age_listed(&self, specs: &[FleetSpec], groups: &mut Listing<ServerGroup>) {
        let aged = |group: &ServerGroup| {
            specs.iter().any(|spec| spec.max_age.is_some() && spec.groups.all().into_iter().any(|(_, name)| *name == group.name))
        };
        let (Listing::Complete { items, .. } | Listing::Incomplete { items, .. }) = groups;
        let groups: Vec<&mut ServerGroup> = items.iter_mut().filter(|group| aged(group)).collect();
        self.age(groups, Urgency::Visible).await;
    }

    /// The same in a close look at a fleet.
    pub(super) async fn age_seen(&self, spec: &FleetSpec, seen: &mut FleetObservation) {
        if spec.max_age.is_none() {
            return;
        }
        for slot in Slot::BOTH {
            if let Reading::Known { value: group, .. } = seen.groups.get_mut(slot) {
                self.age(vec![group], Urgency::Opened).await;
            }
        }
    }

    /// What cannot be asked stays unknown.
    async fn age(&self, groups: Vec<&mut ServerGroup>, urgency: Urgency) {
        let all = groups.into_iter().flat_map(|group| &mut group.instances);
        let mut servers: Vec<&mut Instance> = all.filter(|server| server.launched_at.is_none()).collect();
        if servers.is_empty() {
            return;
        }
        let ids: Vec<InstanceId> = servers.iter().map(|server| server.id.clone()).collect();
        match self.cloud.reader(urgency).launch_times(&ids).await {
            Ok(times) => servers.iter_mut().for_each(|server| server.launched_at = times.get(&server.id).copied()),
            Err(error) => tracing::warn!("the age of servers is unknown: {error}"),
        }
    }
}
