//! Reading a world in the domain's words.

use std::collections::BTreeMap;

use super::servers::ZONES;
use super::state::{Group, ImageRecord, Phase, Server, Target, TemplateVersion, Tick};
use super::{ACCOUNT, REGION, World, draw};
use crate::domain::call::{CloudError, CloudErrorKind, Identity};
use crate::domain::fleet::{FleetSpec, RoutePlace, Scope};
use crate::domain::group::{Health, Instance, Lifecycle, ServerGroup, TemplatePin};
use crate::domain::ids::{GroupName, ImageId, InstanceId, PlaceArn, TargetGroupArn, TemplateId};
use crate::domain::image::{BakeProgress, Image, ImageState};
use crate::domain::observation::{Credentials, Depth, FleetObservation, GroupPolicies, RouteReading, TargetGroupFacts, TemplateData};
use crate::domain::reading::Reading;
use crate::domain::refresh::InstanceRefresh;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::{RouteActions, TargetHealth, TargetState};

/// The steps of a bake, each with the part of the whole at which it ends, in percent.
const BAKE_STEPS: [(&str, i64); 8] = [
    ("resolve base", 1),
    ("launch builder", 6),
    ("provision", 55),
    ("clean and seal", 60),
    ("snapshot", 80),
    ("register and tag", 83),
    ("gates", 99),
    ("verified", 100),
];

impl World {
    /// Who we are here.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity {
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            caller: Untrusted::from("arn:aws:sts::000000000000:simulated/operator"),
            expires_at: self.end_of_credentials().map(|end| self.moment(end)),
        }
    }

    /// Every image, newest first.
    #[must_use]
    pub fn images(&self) -> Vec<Image> {
        let mut images: Vec<Image> = self.images.values().map(|record| self.shown(record)).collect();
        images.sort_by(|left, right| right.created_at.cmp(&left.created_at).then_with(|| left.id.cmp(&right.id)));
        images
    }

    /// One image; none if it does not exist.
    #[must_use]
    pub fn image(&self, id: &ImageId) -> Option<Image> {
        self.images.get(id).map(|record| self.shown(record))
    }

    pub(super) fn image_state(&self, id: &ImageId) -> ImageState {
        self.made_state(id).unwrap_or_else(|| self.images.get(id).map_or(ImageState::Gone, |record| bake_state(record, self.tick)))
    }

    fn shown(&self, record: &ImageRecord) -> Image {
        let mut image = record.image.clone();
        image.state = self.image_state(&image.id);
        if let Some((began, ends)) = record.bake {
            image.bake = progress(began, ends, self.tick);
            image.stage = Some(if image.bake.is_some() { "baking" } else { "verified" }.into());
        }
        image
    }

    /// Every server group with its servers.
    #[must_use]
    pub fn groups(&self) -> Vec<ServerGroup> {
        self.groups.iter().map(|(name, group)| self.server_group(name, group)).collect()
    }

    /// One server group; none if it does not exist.
    #[must_use]
    pub fn group(&self, name: &GroupName) -> Option<ServerGroup> {
        self.groups.get(name).map(|group| self.server_group(name, group))
    }

    fn server_group(&self, name: &GroupName, group: &Group) -> ServerGroup {
        ServerGroup {
            name: name.clone(),
            template: Some(self.pin_of(group)),
            sizes: group.sizes,
            instances: group.servers.iter().map(|server| self.instance(server)).collect(),
            health_check: group.health_check,
            target_groups: group.target_group.iter().cloned().collect(),
            suspended: group.suspended.iter().map(|process| Untrusted::new(process.clone())).collect(),
            unsupported: Vec::new(),
            warmup_secs: Some(30),
            tags: group.tags.clone(),
        }
    }

    fn pin_of(&self, group: &Group) -> TemplatePin {
        let data = self.pinned_number(group).and_then(|number| self.templates.get(&group.template)?.versions.get(&number));
        TemplatePin { id: group.template.clone(), version: group.version, image: data.map(|data| data.image.clone()), digest: data.map(digest) }
    }

    fn instance(&self, server: &Server) -> Instance {
        Instance {
            id: server.id.clone(),
            lifecycle: match server.phase {
                Phase::Pending => Lifecycle::Pending,
                Phase::InService(_) => Lifecycle::InService,
                Phase::Terminating => Lifecycle::Terminating,
            },
            health: if server.healthy { Health::Healthy } else { Health::Unhealthy },
            template_version: Some(server.version),
            image: Some(server.image.clone()),
            zone: ZONES.get(usize::from(server.zone)).map(|zone| Untrusted::from(*zone)),
            launched_at: Some(self.moment(server.launched)),
        }
    }

    /// When these servers were launched.
    #[must_use]
    pub fn launch_times(&self, servers: &[InstanceId]) -> BTreeMap<InstanceId, WorldTime> {
        let all = self.groups.values().flat_map(|group| &group.servers);
        all.filter(|server| servers.contains(&server.id)).map(|server| (server.id.clone(), self.moment(server.launched))).collect()
    }

    /// Every rule and listener default that forwards.
    #[must_use]
    pub fn routes(&self) -> Vec<RouteReading> {
        let reading = |(arn, place): (&PlaceArn, &super::state::Place)| RouteReading {
            place: if place.is_rule { RoutePlace::Rule(arn.clone()) } else { RoutePlace::Listener(arn.clone()) },
            actions: place.actions.clone(),
            load_balancer: place.load_balancer.clone(),
        };
        self.places.iter().filter(|(_, place)| place.actions.forwards().next().is_some()).map(reading).collect()
    }

    /// One look at a fleet. What was not asked for, or cannot be read, is unknown with the reason.
    #[must_use]
    pub fn observe(&self, scope: &Scope, depth: Depth) -> FleetObservation {
        if let Some(why) = self.credentials_gone() {
            return FleetObservation { credentials: Credentials::Gone { why: why.into() }, ..FleetObservation::blind(scope, self.now(), why) };
        }
        let mut seen = FleetObservation::blind(scope, self.now(), "not asked");
        seen.credentials = Credentials::Good { until: self.end_of_credentials().map(|end| self.moment(end)) };
        seen.route = scope.route.place().map_or_else(|| Reading::known(RouteActions::default(), self.now()), |place| self.route_reading(place));
        for slot in scope.slots() {
            let full = depth.is_full();
            if let Some(name) = scope.groups.get(*slot).filter(|_| full) {
                *seen.groups.get_mut(*slot) = self.group_reading(name);
            }
            if full || depth == Depth::RouteAndTargets(*slot) {
                let target_group = scope.target_group(*slot);
                *seen.health.get_mut(*slot) =
                    target_group.map_or_else(|| Reading::known(TargetHealth::default(), self.now()), |arn| self.health_reading(arn));
            }
            *seen.counts.get_mut(*slot) = scope.target_group(*slot).filter(|_| full && scope.is_weighted()).and_then(|arn| self.counts(arn));
        }
        if depth.is_full() {
            seen.alarms = self.alarms(&scope.alarms);
        }
        seen.refreshes = self.refresh_reading(scope, depth);
        seen
    }

    fn refresh_reading(&self, scope: &Scope, depth: Depth) -> Option<Reading<Vec<InstanceRefresh>>> {
        let Depth::WithRefreshes(slot) = depth else { return None };
        let read = scope.groups.get(slot).and_then(|name| self.refreshes(name));
        Some(read.map_or_else(|| Reading::unknown("Auto Scaling group not found"), |refreshes| Reading::known(refreshes, self.now())))
    }

    fn group_reading(&self, name: &GroupName) -> Reading<ServerGroup> {
        if let Some(why) = self.turned_away("DescribeAutoScalingGroups") {
            return Reading::unknown(why);
        }
        self.group(name).map_or_else(|| Reading::missing(format!("server group {name} does not exist")), |group| Reading::known(group, self.now()))
    }

    fn route_reading(&self, place: &RoutePlace) -> Reading<crate::domain::traffic::RouteActions> {
        if let Some(why) = self.turned_away("DescribeRules") {
            return Reading::unknown(why);
        }
        let found = self.places.get(place.arn()).filter(|found| found.is_rule == matches!(place, RoutePlace::Rule(_)));
        found.map_or_else(|| Reading::missing(format!("{} does not exist", place.arn())), |found| Reading::known(found.actions.clone(), self.now()))
    }

    /// The health of a target group's targets; unknown if there is no such group or a disturbance hides it.
    #[must_use]
    pub fn health_reading(&self, target_group: &TargetGroupArn) -> Reading<TargetHealth> {
        match self.target_groups.get(target_group) {
            None => Reading::missing(format!("target group {target_group} does not exist")),
            Some(found) if found.unreadable_until.is_some_and(|until| self.tick < until) => Reading::unknown("the load balancer does not answer"),
            Some(_) => match self.turned_away("DescribeTargetHealth") {
                Some(why) => Reading::unknown(why),
                None => Reading::known(self.target_health(target_group), self.now()),
            },
        }
    }

    /// The true health of a target group's targets, whether or not it can be read now.
    #[must_use]
    pub fn target_health(&self, target_group: &TargetGroupArn) -> TargetHealth {
        let routed = self.is_routed(target_group);
        let of = |group: &&Group| group.target_group.as_ref() == Some(target_group) || group.drains_from.as_ref() == Some(target_group);
        let servers = self.groups.values().filter(of).flat_map(|group| &group.servers);
        TargetHealth { targets: servers.filter_map(|server| target_state(server, routed).map(|state| (server.id.clone(), state))).collect() }
    }

    /// The sizes of a group alone; none if it does not exist.
    #[must_use]
    pub fn sizes(&self, group: &GroupName) -> Option<crate::domain::sizes::Sizes> {
        self.groups.get(group).map(|group| group.sizes)
    }

    /// How many targets of a target group are truly healthy and checked.
    #[must_use]
    pub fn healthy_targets(&self, target_group: &TargetGroupArn) -> u32 {
        if !self.is_routed(target_group) {
            return 0;
        }
        let servers = self.groups.values().filter(|group| group.target_group.as_ref() == Some(target_group)).flat_map(|group| &group.servers);
        crate::domain::group::count(servers.filter(|server| server.target == Target::Healthy))
    }

    /// How many servers of a group pass every check there is on them: Auto Scaling's, and the load balancer's where it registers them in a target
    /// group.
    #[must_use]
    pub fn fit_servers(&self, name: &GroupName) -> u32 {
        let Some(group) = self.groups.get(name) else { return 0 };
        let checked = group.target_group.is_some();
        let fit = |server: &&Server| matches!(server.phase, Phase::InService(_)) && server.healthy && (!checked || server.target == Target::Healthy);
        crate::domain::group::count(group.servers.iter().filter(fit))
    }

    /// The target group a group registers its servers in; none if it is in none, or does not exist.
    #[must_use]
    pub fn attached_to(&self, name: &GroupName) -> Option<&TargetGroupArn> {
        self.groups.get(name)?.target_group.as_ref()
    }

    /// The actions of a rule or listener default as they are now.
    #[must_use]
    pub fn actions(&self, place: &PlaceArn) -> Option<&crate::domain::traffic::RouteActions> {
        self.places.get(place).map(|found| &found.actions)
    }

    /// The data of one template version.
    ///
    /// # Errors
    /// Not found.
    pub fn template(&self, template: &TemplateId, version: u64) -> Result<TemplateData, CloudError> {
        let found = self.templates.get(template).and_then(|found| found.versions.get(&version));
        let missing =
            || CloudError::new(CloudErrorKind::NotFound, "DescribeLaunchTemplateVersions", format!("{template} version {version} not found"));
        let data = found.ok_or_else(missing)?;
        Ok(TemplateData { image: Some(data.image.clone()), digest: digest(data), fields: data.fields.clone() })
    }

    /// Attributes of target groups.
    ///
    /// # Errors
    /// Not found.
    pub fn target_group_facts(&self, target_groups: &[TargetGroupArn]) -> Result<Vec<TargetGroupFacts>, CloudError> {
        let facts = |arn: &TargetGroupArn| TargetGroupFacts {
            target_group: arn.clone(),
            deregistration_delay_secs: u32::try_from(super::servers::DRAIN).ok(),
            dns_failover_minimum: None,
            slow_start_secs: None,
        };
        let missing = |arn: &TargetGroupArn| {
            CloudError::new(CloudErrorKind::NotFound, "DescribeTargetGroupAttributes", format!("target group {arn} not found"))
        };
        target_groups.iter().map(|arn| if self.target_groups.contains_key(arn) { Ok(facts(arn)) } else { Err(missing(arn)) }).collect()
    }

    /// Scaling policies and scheduled actions of groups.
    ///
    /// # Errors
    /// Not found.
    pub fn group_policies(&self, groups: &[GroupName]) -> Result<Vec<GroupPolicies>, CloudError> {
        let missing =
            |name: &GroupName| CloudError::new(CloudErrorKind::NotFound, "DescribePolicies", format!("Auto Scaling group {name} not found"));
        let policies = |name: &GroupName| {
            let found = self.groups.get(name).ok_or_else(|| missing(name))?;
            Ok(GroupPolicies { group: name.clone(), policies: found.policies.clone(), scheduled: found.scheduled.clone() })
        };
        groups.iter().map(policies).collect()
    }

    /// The fleets, as if somebody had adopted them.
    #[must_use]
    pub fn fleet_specs(&self) -> Vec<FleetSpec> {
        self.fleets.clone()
    }
}

fn target_state(server: &Server, routed: bool) -> Option<TargetState> {
    match server.target {
        Target::None => None,
        Target::Draining => Some(TargetState::Draining),
        _ if !routed => Some(TargetState::Unused),
        Target::Initial => Some(TargetState::Initial),
        Target::Healthy => Some(TargetState::Healthy),
        Target::Unhealthy => Some(TargetState::Unhealthy),
    }
}

fn bake_state(record: &ImageRecord, tick: Tick) -> ImageState {
    if record.bake.is_some_and(|(_, ends)| tick < ends) { ImageState::Pending } else { record.image.state }
}

fn progress(began: Tick, ends: Tick, tick: Tick) -> Option<BakeProgress> {
    if tick >= ends {
        return None;
    }
    let percent = (tick - began).max(0) * 100 / (ends - began).max(1);
    let step = BAKE_STEPS.iter().find(|(_, until)| percent < *until).map_or("verified", |(name, _)| name);
    Some(BakeProgress { percent: u8::try_from(percent).unwrap_or(100), step: step.into(), eta: Some(Millis::secs((ends - tick).unsigned_abs())) })
}

/// Digest of everything but the image.
fn digest(data: &TemplateVersion) -> String {
    let mut word = 0;
    for (key, value) in &data.fields {
        word = draw::mix(draw::mix(word ^ draw::fnv(key.as_bytes())) ^ draw::fnv(value.raw().as_bytes()));
    }
    format!("{word:016x}")
}
