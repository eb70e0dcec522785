//! Groups, target groups and places, and which hangs on which.

use std::collections::BTreeMap;

use super::{place_words, target_groups_of};
use crate::domain::fleet::{BySlot, FleetSpec, Route, RoutePlace, Slot};
use crate::domain::group::ServerGroup;
use crate::domain::ids::{GroupName, TargetGroupArn};
use crate::domain::observation::RouteReading;
use crate::domain::reading::Listing;
use crate::domain::suggest::nearest;

/// What was listed, arranged for looking up.
pub(super) struct Atlas<'a> {
    /// Every group by name.
    pub(super) groups: BTreeMap<GroupName, &'a ServerGroup>,
    /// Every place that forwards, in the order of its ARN.
    pub(super) places: Vec<&'a RouteReading>,
    groups_missing: Option<String>,
    routes_missing: Option<String>,
}

impl<'a> Atlas<'a> {
    pub(super) fn new(groups: &'a Listing<ServerGroup>, routes: &'a Listing<RouteReading>) -> Self {
        let mut places: Vec<&RouteReading> = routes.items().iter().filter(|reading| reading.actions.forwards().next().is_some()).collect();
        places.sort_by(|left, right| left.place.cmp(&right.place));
        places.dedup_by(|left, right| left.place == right.place);
        Self {
            groups: groups.items().iter().map(|group| (group.name.clone(), group)).collect(),
            places,
            groups_missing: groups.missing().map(crate::domain::text::Untrusted::shown),
            routes_missing: routes.missing().map(crate::domain::text::Untrusted::shown),
        }
    }

    /// The groups that register their servers in a target group.
    pub(super) fn owners(&self, target_group: &TargetGroupArn) -> Vec<&'a ServerGroup> {
        self.groups.values().filter(|group| group.target_groups.contains(target_group)).copied().collect()
    }

    /// The route of two groups: a place that forwards to a target group of each, one target group they share, or none.
    pub(super) fn route_of_pair(&self, a: &ServerGroup, b: &ServerGroup) -> (Route, Vec<String>) {
        let weighted = self.places.iter().find_map(|reading| Some((*reading, pair_in(reading, a, b)?)));
        if let Some((reading, pair)) = weighted {
            let problems = self.problems_of_weighted(&reading.place, &pair);
            return (Route::Weighted { place: reading.place.clone(), target_groups: pair }, problems);
        }
        if let Some(target_group) = a.target_groups.iter().find(|arn| b.target_groups.contains(arn)) {
            return (Route::Attached { target_group: target_group.clone() }, self.problems_of_shared(target_group, &[&a.name, &b.name]));
        }
        // Absence is believed on a complete listing only; the gap itself is said for every fleet behind a load balancer.
        if a.target_groups.is_empty() && b.target_groups.is_empty() || self.routes_missing.is_some() {
            return (Route::None, Vec::new());
        }
        let arns = a.target_groups.iter().chain(&b.target_groups).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        (Route::None, vec![format!("no rule or listener forwards to target groups of both server groups: {arns}")])
    }

    /// The route of a group that is a fleet by itself.
    pub(super) fn route_of_one(&self, group: &ServerGroup) -> (Route, Vec<String>) {
        let Some(target_group) = group.target_groups.first() else { return (Route::None, Vec::new()) };
        let mut problems = self.problems_of_shared(target_group, &[&group.name]);
        if group.target_groups.len() > 1 {
            let arns = group.target_groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            problems.push(format!("its servers are in more than one target group: {arns}"));
        }
        for reading in &self.places {
            let target_groups = target_groups(reading);
            if target_groups.len() > 1 && target_groups.contains(target_group) {
                problems.push(shared_place(reading, &target_groups));
            }
        }
        (Route::Attached { target_group: target_group.clone() }, problems)
    }

    pub(super) fn problems_of_weighted(&self, place: &RoutePlace, pair: &BySlot<TargetGroupArn>) -> Vec<String> {
        let mut problems = Vec::new();
        let ours = |arn: &TargetGroupArn| *arn == pair.a || *arn == pair.b;
        for reading in self.places.iter().filter(|reading| target_groups(reading).iter().any(ours)) {
            let all = target_groups(reading);
            if reading.place != *place {
                problems.push(format!("{} forwards to its target groups too", place_words(&reading.place)));
            }
            if all.iter().any(|arn| !ours(arn)) {
                problems.push(shared_place(reading, &all));
            }
        }
        for slot in Slot::BOTH {
            let owners = self.owners(pair.get(slot));
            if owners.len() > 1 {
                problems.push(more_owners(pair.get(slot), &owners));
            }
        }
        problems
    }

    pub(super) fn problems_of_shared(&self, target_group: &TargetGroupArn, members: &[&GroupName]) -> Vec<String> {
        let owners = self.owners(target_group);
        if owners.iter().any(|owner| !members.contains(&&owner.name)) { vec![more_owners(target_group, &owners)] } else { Vec::new() }
    }

    /// What a written-down fleet names that is not there, and what else is odd about it.
    pub(super) fn problems_of_configured(&self, spec: &FleetSpec) -> Vec<String> {
        let mut problems: Vec<String> = spec.groups.all().iter().filter_map(|(_, name)| self.missing_group(name)).collect();
        for (slot, arn) in target_groups_of(&spec.route) {
            problems.extend(self.missing_target_group(arn));
            problems.extend(self.detached(spec, slot, arn));
        }
        if let Route::Weighted { place, target_groups } = &spec.route {
            match self.places.iter().find(|reading| reading.place == *place) {
                None if self.routes_missing.is_none() => problems.push(format!("{} does not exist or does not forward", place_words(place))),
                None => {}
                Some(reading) => problems.extend(Slot::BOTH.iter().filter_map(|slot| not_forwarded(reading, target_groups.get(*slot)))),
            }
            problems.extend(self.problems_of_weighted(place, target_groups));
        }
        problems
    }

    /// Absence is believed on a complete listing only.
    fn missing_group(&self, name: &GroupName) -> Option<String> {
        if self.groups.contains_key(name) || self.groups_missing.is_some() {
            return None;
        }
        let hint = nearest(name.as_str(), self.groups.keys().map(GroupName::as_str));
        Some(format!(
            "server group {name} does not exist{}",
            hint.map_or_else(String::new, |near| format!(": the nearest is {}", GroupName::from(near)))
        ))
    }

    fn missing_target_group(&self, arn: &TargetGroupArn) -> Option<String> {
        let known: Vec<TargetGroupArn> = self
            .groups
            .values()
            .flat_map(|group| group.target_groups.clone())
            .chain(self.places.iter().flat_map(|reading| target_groups(reading)))
            .collect();
        if known.contains(arn) || self.groups_missing.is_some() || self.routes_missing.is_some() {
            return None;
        }
        let shorts: Vec<(String, &TargetGroupArn)> = known.iter().map(|arn| (arn.short(), arn)).collect();
        let near = nearest(&arn.short(), shorts.iter().map(|(short, _)| short.as_str()));
        let hint = near
            .and_then(|near| shorts.iter().find(|(short, _)| short == near))
            .map_or_else(String::new, |(_, arn)| format!(": the nearest is {arn}"));
        Some(format!("target group {arn} is neither forwarded to nor attached to a server group{hint}"))
    }

    /// A group that exists and does not register its servers in its target group serves nobody there.
    fn detached(&self, spec: &FleetSpec, slot: Option<Slot>, arn: &TargetGroupArn) -> Option<String> {
        let members = spec.groups.all();
        if slot.is_none() && members.len() > 1 && self.is_one_attached(spec, arn) {
            // A deploy takes one of two groups off the target group they share.
            return None;
        }
        let stray = members.iter().filter(|(at, _)| slot.is_none() || *at == slot).find_map(|(_, name)| {
            let group = self.groups.get(*name)?;
            (!group.target_groups.contains(arn)).then_some(*name)
        })?;
        Some(format!("server group {stray} is not attached to target group {arn}"))
    }

    fn is_one_attached(&self, spec: &FleetSpec, arn: &TargetGroupArn) -> bool {
        let is_attached = |name: &GroupName| self.groups.get(name).is_some_and(|group| group.target_groups.contains(arn));
        spec.groups.all().iter().any(|(_, name)| is_attached(name))
    }

    /// What a fleet's picture may lack because a listing is incomplete.
    pub(super) fn gaps(&self, spec: &FleetSpec) -> Vec<String> {
        let mut gaps = Vec::new();
        if let Some(why) = &self.groups_missing {
            gaps.push(format!("the list of server groups is incomplete ({why}): this may not be all of the fleet"));
        }
        let routed = spec.groups.all().iter().any(|(_, name)| self.groups.get(*name).is_none_or(|group| !group.target_groups.is_empty()));
        if let Some(why) = self.routes_missing.as_ref().filter(|_| routed) {
            gaps.push(format!("the list of rules and listeners is incomplete ({why}): its route may be another"));
        }
        gaps
    }
}

/// The target groups a place forwards to, each once, sorted.
pub(super) fn target_groups(reading: &RouteReading) -> Vec<TargetGroupArn> {
    let mut arns: Vec<TargetGroupArn> = reading.actions.forwards().map(|(arn, _)| arn.clone()).collect();
    arns.sort();
    arns.dedup();
    arns
}

fn pair_in(reading: &RouteReading, a: &ServerGroup, b: &ServerGroup) -> Option<BySlot<TargetGroupArn>> {
    let arns = target_groups(reading);
    let of = |group: &ServerGroup, other: &ServerGroup| {
        arns.iter().find(|arn| group.target_groups.contains(arn) && !other.target_groups.contains(arn)).cloned()
    };
    Some(BySlot { a: of(a, b)?, b: of(b, a)? })
}

fn not_forwarded(reading: &RouteReading, arn: &TargetGroupArn) -> Option<String> {
    reading.actions.weight(arn).is_none().then(|| format!("{} does not forward to target group {arn}", place_words(&reading.place)))
}

fn shared_place(reading: &RouteReading, arns: &[TargetGroupArn]) -> String {
    let names = arns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("{} forwards to {} target groups: {names}", place_words(&reading.place), arns.len())
}

fn more_owners(arn: &TargetGroupArn, owners: &[&ServerGroup]) -> String {
    let names = owners.iter().map(|group| group.name.to_string()).collect::<Vec<_>>().join(", ");
    format!("target group {arn} is attached to {} server groups: {names}", owners.len())
}
