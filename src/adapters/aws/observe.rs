//! One look at an A/B fleet: few calls, at the same time, each part known or unknown by itself.

use super::AwsCloud;
use super::actions::read_actions;
use super::wall_clock;
use crate::domain::call::CloudError;
use crate::domain::fleet::{BySlot, RoutePlace, Slot, WeightedPair};
use crate::domain::group::ServerGroup;
use crate::domain::ids::TargetGroupArn;
use crate::domain::observation::{Depth, FleetObservation};
use crate::domain::reading::Reading;
use crate::domain::traffic::{RouteActions, TargetHealth};

/// Why a part has no value that nobody asked for.
const NOT_ASKED: &str = "not asked";

impl AwsCloud {
    /// Looks as deep as asked.
    pub(super) async fn look(&self, pair: &WeightedPair, depth: Depth) -> FleetObservation {
        match depth {
            Depth::Full => self.look_at_all(pair).await,
            Depth::RouteAndTargets(slot) => self.look_at_route(pair, slot).await,
        }
    }

    async fn look_at_all(&self, pair: &WeightedPair) -> FleetObservation {
        let (groups, route, a, b) = tokio::join!(
            self.read_groups(pair),
            self.read_route(&pair.place),
            self.read_health(&pair.target_groups.a),
            self.read_health(&pair.target_groups.b),
        );
        FleetObservation { at: wall_clock(), groups, route, health: BySlot { a, b }, counts: BySlot::default() }
    }

    async fn look_at_route(&self, pair: &WeightedPair, slot: Slot) -> FleetObservation {
        let (route, asked) = tokio::join!(self.read_route(&pair.place), self.read_health(pair.target_groups.get(slot)));
        let mut health = BySlot::from_fn(|_| Reading::unknown(NOT_ASKED));
        *health.get_mut(slot) = asked;
        let groups = BySlot::from_fn(|_| Reading::unknown(NOT_ASKED));
        FleetObservation { at: wall_clock(), groups, route, health, counts: BySlot::default() }
    }

    async fn read_groups(&self, pair: &WeightedPair) -> BySlot<Reading<ServerGroup>> {
        match self.named_groups(&[&pair.groups.a, &pair.groups.b]).await {
            Ok(found) => {
                let at = wall_clock();
                BySlot::from_fn(|slot| {
                    let name = pair.groups.get(slot);
                    let group = found.iter().find(|group| group.name == *name).cloned();
                    group.map_or_else(|| Reading::unknown(format!("server group {name} does not exist")), |group| Reading::known(group, at))
                })
            }
            Err(error) => BySlot::from_fn(|_| unknown(&error)),
        }
    }

    async fn read_route(&self, place: &RoutePlace) -> Reading<RouteActions> {
        match self.read_place(place).await {
            Ok(actions) => Reading::known(read_actions(&actions), wall_clock()),
            Err(error) => unknown(&error),
        }
    }

    async fn read_health(&self, target_group: &TargetGroupArn) -> Reading<TargetHealth> {
        match self.target_health(target_group).await {
            Ok(health) => Reading::known(health, wall_clock()),
            Err(error) => unknown(&error),
        }
    }
}

fn unknown<T>(error: &CloudError) -> Reading<T> {
    Reading::unknown(error.to_string())
}
