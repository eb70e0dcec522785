//! One look at a fleet: few calls, at the same time, each part known or unknown by itself.

use super::AwsCloud;
use super::actions::read_actions;
use super::{locked, wall_clock};
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::fleet::{BySlot, Groups, Route, RoutePlace, Scope, Slot};
use crate::domain::group::ServerGroup;
use crate::domain::ids::{AlarmName, GroupName, TargetGroupArn};
use crate::domain::observation::{AlarmReading, Credentials, Depth, FleetObservation};
use crate::domain::reading::Reading;
use crate::domain::refresh::InstanceRefresh;
use crate::domain::traffic::{RouteActions, TargetHealth};

/// Why a part has no value that nobody asked for.
const NOT_ASKED: &str = "not asked";

impl AwsCloud {
    /// Looks as deep as asked. It shows how things were when it began, at the latest.
    pub(super) async fn look(&self, scope: &Scope, depth: Depth) -> FleetObservation {
        let full = depth.is_full();
        let mut seen = FleetObservation::blind(scope, wall_clock(), NOT_ASKED);
        let asked = |slot| full || depth == Depth::RouteAndTargets(slot);
        let (groups, route, a, b, refreshes, alarms) = tokio::join!(
            async { if full { Some(self.read_groups(&scope.groups).await) } else { None } },
            self.read_route(scope.route.place()),
            async { if asked(Slot::A) { Some(self.read_health(scope.target_group(Slot::A)).await) } else { None } },
            async { if asked(Slot::B) && !shares_targets(scope) { Some(self.read_health(scope.target_group(Slot::B)).await) } else { None } },
            self.read_refreshes(scope, depth),
            async { if full { Some(self.read_alarms(&scope.alarms).await) } else { None } },
        );
        seen.credentials = match locked(&self.shared.turned_away).take() {
            Some(why) => Credentials::Gone { why },
            None => Credentials::Good { until: self.credentials_until() },
        };
        seen.groups = groups.unwrap_or(seen.groups);
        seen.route = route;
        seen.refreshes = refreshes;
        let b = b.or_else(|| a.clone().filter(|_| asked(Slot::B) && shares_targets(scope)));
        for (slot, health) in [(Slot::A, a), (Slot::B, b)] {
            if let Some(health) = health {
                *seen.health.get_mut(slot) = health;
            }
        }
        seen.alarms = alarms.unwrap_or(seen.alarms);
        seen
    }

    /// A part that could not be read; one for want of credentials is remembered until the look is over.
    fn unknown<T>(&self, error: &CloudError) -> Reading<T> {
        if error.kind == CloudErrorKind::Auth {
            *locked(&self.shared.turned_away) = Some(error.message.clone());
        }
        if error.kind == CloudErrorKind::NotFound { Reading::missing(error.to_string()) } else { Reading::unknown(error.to_string()) }
    }

    async fn read_groups(&self, groups: &Groups) -> BySlot<Reading<ServerGroup>> {
        let names: Vec<&GroupName> = groups.all().into_iter().map(|(_, name)| name).collect();
        match self.named_groups(&names).await {
            Ok(found) => {
                let at = wall_clock();
                BySlot::from_fn(|slot| {
                    let Some(name) = groups.get(slot) else { return Reading::unknown("there is no such slot") };
                    let group = found.iter().find(|group| group.name == *name).cloned();
                    group.map_or_else(|| Reading::missing(format!("server group {name} does not exist")), |group| Reading::known(group, at))
                })
            }
            Err(error) => BySlot::from_fn(|_| self.unknown(&error)),
        }
    }

    /// One call, and only for whoever asks: fleets that are driven by weights pay nothing.
    async fn read_refreshes(&self, scope: &Scope, depth: Depth) -> Option<Reading<Vec<InstanceRefresh>>> {
        let Depth::WithRefreshes(slot) = depth else { return None };
        let Some(group) = scope.groups.get(slot) else { return Some(Reading::unknown("there is no such slot")) };
        Some(match self.refreshes_of(group).await {
            Ok(refreshes) => Reading::known(refreshes, wall_clock()),
            Err(error) => self.unknown(&error),
        })
    }

    /// One call, and none for a fleet that names no alarm.
    async fn read_alarms(&self, names: &[AlarmName]) -> Reading<Vec<AlarmReading>> {
        if names.is_empty() {
            return Reading::known(Vec::new(), wall_clock());
        }
        match self.alarms_named(names).await {
            Ok(alarms) => Reading::known(alarms, wall_clock()),
            Err(error) => self.unknown(&error),
        }
    }

    async fn read_route(&self, place: Option<&RoutePlace>) -> Reading<RouteActions> {
        let Some(place) = place else { return Reading::known(RouteActions::default(), wall_clock()) };
        match self.read_place(place).await {
            Ok(actions) => Reading::known(read_actions(&actions), wall_clock()),
            Err(error) => self.unknown(&error),
        }
    }

    async fn read_health(&self, target_group: Option<&TargetGroupArn>) -> Reading<TargetHealth> {
        let Some(target_group) = target_group else { return Reading::known(TargetHealth::default(), wall_clock()) };
        match self.health_of(target_group).await {
            Ok(health) => Reading::known(health, wall_clock()),
            Err(error) => self.unknown(&error),
        }
    }
}

/// Both groups are in one target group: asking once tells of both.
const fn shares_targets(scope: &Scope) -> bool {
    matches!(scope.route, Route::Attached { .. })
}
