//! Which fleets there are: written down, tagged, or told by the shape of load balancers and groups. Every group is in one of them.

mod atlas;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use self::atlas::Atlas;
use super::fleet::{BySlot, FleetSource, FleetSpec, Groups, Route, RoutePlace, Slot};
use super::group::ServerGroup;
use super::ids::{FleetName, GroupName, TargetGroupArn};
use super::observation::RouteReading;
use super::reading::Listing;
use super::tags::{TagKeys, first};
use super::text::{Untrusted, escape};

/// All fleets, by name: those of `configured` first claim their groups, then tags, then the shape of load balancers decides.
#[must_use]
pub fn find_fleets(configured: &[FleetSpec], groups: &Listing<ServerGroup>, routes: &Listing<RouteReading>, tag_keys: &TagKeys) -> Vec<FleetSpec> {
    let mut search = Search { atlas: Atlas::new(groups, routes), tag_keys, claimed: BTreeSet::new(), fleets: Vec::new() };
    search.add_configured(configured);
    search.add_tagged();
    search.add_inferred();
    search.add_single();
    search.finish()
}

/// What would make it wrong to move a written-down fleet's traffic: a second place that forwards to its target groups, a third target group, servers
/// of others. What is only odd, or missing from a listing, is not among it.
#[must_use]
pub fn in_the_way(spec: &FleetSpec, groups: &Listing<ServerGroup>, routes: &Listing<RouteReading>) -> Vec<String> {
    let atlas = Atlas::new(groups, routes);
    let members: Vec<&GroupName> = spec.groups.all().into_iter().map(|(_, name)| name).collect();
    match &spec.route {
        Route::Weighted { place, target_groups } => atlas.problems_of_weighted(place, target_groups),
        Route::Attached { target_group } => atlas.problems_of_shared(target_group, &members),
        Route::None => Vec::new(),
    }
}

struct Search<'a> {
    atlas: Atlas<'a>,
    tag_keys: &'a TagKeys,
    claimed: BTreeSet<GroupName>,
    fleets: Vec<FleetSpec>,
}

impl<'a> Search<'a> {
    fn add_configured(&mut self, configured: &[FleetSpec]) {
        for spec in configured {
            let mut spec = spec.clone();
            for (_, group) in spec.groups.all() {
                if !self.claimed.insert(group.clone()) {
                    spec.problems.push(format!("server group {group} belongs to another fleet too"));
                }
            }
            let problems = self.atlas.problems_of_configured(&spec);
            spec.problems.extend(problems);
            self.describe(&mut spec);
            self.fleets.push(spec);
        }
    }

    fn add_tagged(&mut self) {
        let mut fleets: BTreeMap<&'a str, Vec<&'a ServerGroup>> = BTreeMap::new();
        for group in self.atlas.groups.values().filter(|group| !self.claimed.contains(&group.name)) {
            if let Some(name) = first(&self.tag_keys.fleet, &group.tags).map(Untrusted::raw).filter(|name| !name.is_empty()) {
                fleets.entry(name).or_default().push(group);
            }
        }
        for (name, mut members) in fleets {
            members.sort_by_key(|group| (self.tagged_slot(group), group.name.clone()));
            self.add_tagged_fleet(name, &members);
        }
    }

    fn add_tagged_fleet(&mut self, name: &str, members: &[&'a ServerGroup]) {
        let (pair, rest) = pick_pair(members, |group| self.tagged_slot(group));
        let mut spec = match pair {
            Pair::Two(a, b) => self.pair_fleet(name, a, b, FleetSource::Tagged),
            Pair::One(group) => self.single_fleet(name, group, FleetSource::Tagged),
            Pair::None => return,
        };
        if matches!(&spec.groups, Groups::Two(_)) && self.slots_are_unclear(members) {
            spec.problems.push("the slots of its server groups are not tagged a and b: taken in the order of their names".to_owned());
        }
        for group in &rest {
            spec.problems.push(format!("a third server group, {}, is tagged as part of this fleet", group.name));
        }
        self.claim(&spec);
        self.push(spec);
        for group in rest {
            let mut spec = self.single_fleet(group.name.as_str(), group, FleetSource::Tagged);
            spec.problems.push(format!("tagged as part of fleet {}, which has two server groups already", escape(name)));
            self.claim(&spec);
            self.push(spec);
        }
    }

    fn slots_are_unclear(&self, members: &[&ServerGroup]) -> bool {
        let mut slots: Vec<_> = members.iter().map(|group| self.tagged_slot(group)).take(2).collect();
        slots.sort_unstable();
        slots != [TaggedSlot(0), TaggedSlot(1)]
    }

    fn tagged_slot(&self, group: &ServerGroup) -> TaggedSlot {
        match first(&self.tag_keys.slot, &group.tags).map(|slot| slot.raw().to_ascii_lowercase()).as_deref() {
            Some("a" | "blue" | "1") => TaggedSlot(0),
            Some("b" | "green" | "2") => TaggedSlot(1),
            _ => TaggedSlot(2),
        }
    }

    /// A place that forwards to exactly two target groups, each attached to exactly one server group, is an A/B fleet.
    fn add_inferred(&mut self) {
        for reading in self.atlas.places.clone() {
            let target_groups = atlas::target_groups(reading);
            let [one, two] = target_groups.as_slice() else { continue };
            let (Some(one), Some(two)) = (self.free_owner(one), self.free_owner(two)) else { continue };
            if one.name == two.name {
                continue;
            }
            let (a, b) = if one.name < two.name { (one, two) } else { (two, one) };
            let spec = self.pair_fleet(&names::of_pair(&a.name, &b.name), a, b, FleetSource::Inferred);
            self.claim(&spec);
            self.push(spec);
        }
    }

    fn free_owner(&self, target_group: &TargetGroupArn) -> Option<&'a ServerGroup> {
        match self.atlas.owners(target_group).as_slice() {
            [group] if !self.claimed.contains(&group.name) => Some(group),
            _ => None,
        }
    }

    fn add_single(&mut self) {
        let free: Vec<&'a ServerGroup> = self.atlas.groups.values().filter(|group| !self.claimed.contains(&group.name)).copied().collect();
        for group in free {
            let spec = self.single_fleet(group.name.as_str(), group, FleetSource::Inferred);
            self.claim(&spec);
            self.push(spec);
        }
    }

    fn pair_fleet(&self, name: &str, a: &ServerGroup, b: &ServerGroup, source: FleetSource) -> FleetSpec {
        let groups = Groups::Two(BySlot { a: a.name.clone(), b: b.name.clone() });
        let (route, problems) = self.atlas.route_of_pair(a, b);
        let mut spec = FleetSpec::bare(FleetName::new(name), groups, route, source);
        spec.problems = problems;
        self.describe(&mut spec);
        spec
    }

    fn single_fleet(&self, name: &str, group: &ServerGroup, source: FleetSource) -> FleetSpec {
        let (route, problems) = self.atlas.route_of_one(group);
        let mut spec = FleetSpec::bare(FleetName::new(name), Groups::One(group.name.clone()), route, source);
        spec.problems = problems;
        self.describe(&mut spec);
        spec
    }

    /// Application and environment from the groups' tags, where nobody wrote them down.
    fn describe(&self, spec: &mut FleetSpec) {
        let members: Vec<&ServerGroup> = spec.groups.all().iter().filter_map(|(_, name)| self.atlas.groups.get(*name).copied()).collect();
        let mut tell = |known: &mut Option<Untrusted>, keys: &[String], what: &str| {
            let mut told: Vec<&Untrusted> = members.iter().filter_map(|group| first(keys, &group.tags)).collect();
            told.dedup();
            if let [one, other] = told.as_slice()
                && known.is_none()
            {
                spec.problems.push(format!("its server groups are tagged with two {what}: {} and {}", one.shown(), other.shown()));
            }
            if known.is_none() {
                *known = told.first().map(|value| (*value).clone());
            }
        };
        tell(&mut spec.app, &self.tag_keys.app, "applications");
        tell(&mut spec.env, &self.tag_keys.env, "environments");
    }

    fn claim(&mut self, spec: &FleetSpec) {
        self.claimed.extend(spec.groups.all().into_iter().map(|(_, group)| group.clone()));
    }

    /// Fleets are named by people and chosen by name: a second one of a name gets its first group's, or a number.
    fn push(&mut self, mut spec: FleetSpec) {
        let taken = |name: &FleetName| self.fleets.iter().any(|fleet| fleet.name == *name);
        if taken(&spec.name) {
            let wanted = spec.name.clone();
            let base = spec.groups.all().first().map_or_else(|| wanted.as_str().to_owned(), |(_, group)| group.as_str().to_owned());
            let numbered = (2_u32..).map(|number| FleetName::new(format!("{base}~{number}")));
            if let Some(free) = std::iter::once(FleetName::new(base.clone())).chain(numbered).find(|name| !taken(name)) {
                spec.name = free;
            }
            spec.problems.push(format!("another fleet is called {wanted}"));
        }
        self.fleets.push(spec);
    }

    fn finish(self) -> Vec<FleetSpec> {
        let mut fleets = self.fleets;
        for fleet in &mut fleets {
            fleet.problems.extend(self.atlas.gaps(fleet));
        }
        fleets.sort_by(|left, right| left.name.cmp(&right.name));
        fleets
    }
}

/// A group's slot by its tag; untagged sorts last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TaggedSlot(u8);

enum Pair<'a> {
    Two(&'a ServerGroup, &'a ServerGroup),
    One(&'a ServerGroup),
    None,
}

/// The two groups that are the fleet's slots, and the others: a group tagged `a` with one tagged `b`, else the first two in order.
fn pick_pair<'a>(members: &[&'a ServerGroup], slot: impl Fn(&ServerGroup) -> TaggedSlot) -> (Pair<'a>, Vec<&'a ServerGroup>) {
    let (Some(first), Some(next)) = (members.first(), members.get(1)) else {
        return (members.first().map_or(Pair::None, |group| Pair::One(group)), Vec::new());
    };
    let second = members.iter().skip(1).find(|group| slot(group) == TaggedSlot(1)).unwrap_or(next);
    // A lone `b` comes before what is not tagged: it is slot B all the same.
    let (a, b) = if slot(first) == TaggedSlot(1) && slot(second) != TaggedSlot(1) { (*second, *first) } else { (*first, *second) };
    let rest = members.iter().filter(|group| group.name != a.name && group.name != b.name).copied().collect();
    (Pair::Two(a, b), rest)
}

/// How a place is named to people.
fn place_words(place: &RoutePlace) -> String {
    match place {
        RoutePlace::Rule(arn) => format!("rule {arn}"),
        RoutePlace::Listener(arn) => format!("listener {arn}"),
    }
}

/// The target groups of a route, with the slot where each has one.
fn target_groups_of(route: &Route) -> Vec<(Option<Slot>, &TargetGroupArn)> {
    match route {
        Route::Weighted { target_groups, .. } => Slot::BOTH.iter().map(|slot| (Some(*slot), target_groups.get(*slot))).collect(),
        Route::Attached { target_group } => vec![(None, target_group)],
        Route::None => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
