//! Fleets and images as people look at them, from one round of listings and what the store knows.

use std::collections::{BTreeMap, BTreeSet};

use super::drift::{self, FirstSeen};
use super::live::{listed_live, working};
use super::way_back::{Ground, way_back};
use crate::domain::age::{PastAge, past};
use crate::domain::fleet::{BySlot, FleetSpec, Groups, Route, Slot};
use crate::domain::group::{Health, HealthCheck, Lifecycle, ServerGroup};
use crate::domain::ids::{FleetName, GroupName, ImageId, PlaceArn, TargetGroupArn};
use crate::domain::image::Image;
use crate::domain::lookup::Lookup;
use crate::domain::mix::mix;
use crate::domain::observation::{FleetObservation, RouteReading};
use crate::domain::reading::Listing;
use crate::domain::schema::LiveSchema;
use crate::domain::sizes::Role;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::domain::traffic::RouteActions;
use crate::operation::damage::{DamagedOperation, FleetDamage};
use crate::operation::drift::Drift;
use crate::operation::freeze::Freeze;
use crate::operation::history::FleetHistory;
use crate::operation::ledger::{LedgerEntry, known_releases};
use crate::operation::plan::OperationKind;
use crate::operation::proof::{Rehearsal, StandbyProof};
use crate::operation::record::OperationView;
use crate::operation::sighting::Sighting;
use crate::operation::status::{Estate, FleetState, FleetStatus, GroupStatus, ImageStatus, MixLabel};

/// What the store knows of one fleet.
#[derive(Clone, Debug, Default)]
pub struct FleetRecord {
    /// Its ledger.
    pub ledger: Vec<LedgerEntry>,
    /// Its operations, newest first.
    pub operations: Vec<OperationView>,
    /// How long things took in it.
    pub history: FleetHistory,
    /// What of these records cannot be read.
    pub damage: FleetDamage,
    /// The freezes that hold for it.
    pub freezes: Vec<Freeze>,
    /// The schema of its database, as it was last told.
    pub schema: LiveSchema,
    /// What its standby's load balancer said last.
    pub proof: Option<StandbyProof>,
    /// The last rehearsal of its way back.
    pub rehearsal: Option<Rehearsal>,
    /// When what drifted was first seen.
    pub first_seen: FirstSeen,
}

/// One round of reads, and what the store knows.
struct Round<'a> {
    specs: &'a [FleetSpec],
    groups: &'a Listing<ServerGroup>,
    images: Option<&'a Listing<Image>>,
    records: &'a BTreeMap<FleetName, FleetRecord>,
    /// The same groups, routes and images by their names.
    group_of: Lookup<&'a GroupName, &'a ServerGroup>,
    image_of: Lookup<&'a ImageId, &'a Image>,
    route_of: Lookup<&'a PlaceArn, &'a RouteReading>,
}

impl<'a> Round<'a> {
    fn of(seen: &'a Sighting, records: &'a BTreeMap<FleetName, FleetRecord>) -> Self {
        let images = seen.images.as_ref();
        Self {
            specs: &seen.specs,
            groups: &seen.groups,
            images,
            records,
            group_of: Lookup::of_first(seen.groups.items().iter().map(|group| (&group.name, group))),
            route_of: seen.routes.iter().flat_map(Listing::items).map(|reading| (reading.place.arn(), reading)).collect(),
            image_of: Lookup::of_first(images.into_iter().flat_map(Listing::items).map(|image| (&image.id, image))),
        }
    }
}

/// Everything the main screen shows.
#[must_use]
pub fn estate(seen: &Sighting, records: &BTreeMap<FleetName, FleetRecord>) -> Estate {
    let round = Round::of(seen, records);
    let fleets: Vec<FleetStatus> = round.specs.iter().map(|spec| fleet(&round, spec)).collect();
    let images = images(&round, &fleets);
    let damage = records.values().flat_map(|record| record.damage.sentences());
    Estate { as_of: seen.as_of, fleets, images, gaps: seen.gaps.iter().cloned().chain(damage).collect() }
}

/// The round with what a close look at one fleet tells, so that nothing older of it is drawn beside that.
#[must_use]
pub fn looked_at(round: &Sighting, seen: &FleetObservation) -> Sighting {
    let mut round = round.clone();
    let read: Vec<&ServerGroup> = Slot::BOTH.into_iter().filter_map(|slot| seen.group(slot)).collect();
    for group in items(&mut round.groups) {
        if let Some(read) = read.iter().find(|read| read.name == group.name) {
            group.clone_from(read);
        }
    }
    if let (Some(routes), Some(actions)) = (&mut round.routes, seen.route.value()) {
        for reading in items(routes).iter_mut().filter(|reading| Some(&reading.place) == seen.scope.route.place()) {
            reading.actions.clone_from(actions);
        }
    }
    round
}

fn items<T>(listing: &mut Listing<T>) -> &mut Vec<T> {
    match listing {
        Listing::Complete { items, .. } | Listing::Incomplete { items, .. } => items,
    }
}

/// The fleet with both accounts of health, and `?` for what the close look could not see.
#[must_use]
pub fn closer(status: &FleetStatus, seen: &FleetObservation) -> FleetStatus {
    let mut status = status.clone();
    for group in &mut status.groups {
        let slot = group.slot.unwrap_or(Slot::A);
        group.healthy = seen.healthy(slot);
        group.weight = seen.weight(slot);
        group.share_pct = seen.share(slot).map(percent);
    }
    status.as_of = Some(seen.at);
    status.healthy = total(status.groups.iter().map(|group| group.healthy));
    if let (Some(wanted), false) = (status.desired, matches!(status.state, FleetState::Busy | FleetState::Mixed | FleetState::Drifted)) {
        status.state = by_health(status.healthy, wanted, &seen.unknowns().join("; "));
    }
    status
}

fn fleet(round: &Round<'_>, spec: &FleetSpec) -> FleetStatus {
    let none = FleetRecord::default();
    let record = round.records.get(&spec.name).unwrap_or(&none);
    let groups: Vec<(Option<Slot>, &ServerGroup)> =
        spec.groups.all().into_iter().filter_map(|(slot, name)| Some((slot, *round.group_of.get(name)?))).collect();
    let route = route_of(round, spec);
    let listed: Vec<&ServerGroup> = groups.iter().map(|(_, group)| *group).collect();
    let holder = record.operations.iter().find(|view| !view.state().is_final() && view.operation.plan.kind != OperationKind::Retire);
    let shown = holder.or_else(|| record.operations.iter().find(|view| !view.state().is_final()));
    let by_slot = BySlot::from_fn(|wanted| groups.iter().find(|(slot, _)| *slot == Some(wanted)).map(|(_, group)| *group));
    let live = listed_live(&spec.route, &by_slot, route, &record.operations);
    let statuses: Vec<GroupStatus> =
        groups.iter().map(|(slot, group)| group_status(round, &Part { spec, slot: *slot, group, route, shown, live }, &groups)).collect();
    let all_listed = groups.len() == spec.groups.all().len();
    let healthy = if all_listed { total(statuses.iter().map(|group| group.healthy)) } else { None };
    let desired = all_listed.then(|| statuses.iter().map(|group| group.sizes.desired).sum());
    let mix = mix_labels(round, &listed);
    let by_slot: Vec<(Slot, &ServerGroup)> = groups.iter().map(|(slot, group)| (slot.unwrap_or(Slot::A), *group)).collect();
    let drift = drift::drift(&drift::Ground {
        spec,
        groups: &by_slot,
        route,
        ledger: &record.ledger,
        operations: &record.operations,
        now: round.groups.as_of(),
        first_seen: &record.first_seen,
    });
    let past_age = spec.max_age.map(|max_age| past_age(&listed, max_age, round.groups.as_of()));
    FleetStatus {
        past_age,
        state: match record.damage.holder().map(DamagedOperation::sentence) {
            Some(why) => FleetState::Unknown { why },
            None => drifted(state(&Whole { spec, round, all_listed, operation: shown, groups: &listed }, healthy), &drift),
        },
        drift,
        way_back: way_back(&Ground {
            spec,
            groups: &listed,
            route,
            images: round.images.map_or(&[], Listing::items),
            images_complete: round.images.is_some_and(|images| images.missing().is_none()),
            schema: &record.schema,
            ledger: &record.ledger,
            live,
            damage: &record.damage,
            operations: &record.operations,
            holder,
            history: record.history,
            proof: record.proof.as_ref(),
            rehearsal: record.rehearsal.as_ref(),
            as_of: round.groups.as_of(),
        }),
        spec: spec.clone(),
        as_of: Some(round.groups.as_of()),
        groups: statuses,
        mix,
        healthy,
        desired,
        operation: shown.map(OperationView::brief),
        releases: known_releases(&record.ledger),
        freezes: record.freezes.clone(),
    }
}

fn past_age(groups: &[&ServerGroup], max_age: Millis, now: WorldTime) -> PastAge {
    let ages = groups.iter().map(|group| past(&group.instances, max_age, now));
    ages.fold(PastAge::default(), |sum, age| PastAge { past: sum.past + age.past, unknown: sum.unknown + age.unknown })
}

/// What another hand changed is said before how many servers are well: that has its own mark.
fn drifted(state: FleetState, drift: &[Drift]) -> FleetState {
    let by_health = matches!(state, FleetState::Steady | FleetState::Degraded { .. });
    if by_health && !drift.is_empty() { FleetState::Drifted } else { state }
}

fn route_of<'a>(round: &'a Round<'_>, spec: &FleetSpec) -> Option<&'a RouteActions> {
    let Route::Weighted { place, .. } = &spec.route else { return None };
    round.route_of.get(place.arn()).filter(|reading| reading.place == *place).map(|reading| &reading.actions)
}

/// The actions of a fleet's route in a listing; none if it has no weights or its place is not in it.
#[must_use]
pub fn route_of_fleet<'a>(routes: Option<&'a Listing<RouteReading>>, spec: &FleetSpec) -> Option<&'a RouteActions> {
    let Route::Weighted { place, .. } = &spec.route else { return None };
    routes?.items().iter().find(|reading| reading.place == *place).map(|reading| &reading.actions)
}

/// One group of a fleet with what tells its part.
struct Part<'a> {
    spec: &'a FleetSpec,
    slot: Option<Slot>,
    group: &'a ServerGroup,
    route: Option<&'a RouteActions>,
    /// The operation that explains what is seen.
    shown: Option<&'a OperationView>,
    /// The slot that serves most.
    live: Option<Slot>,
}

fn group_status(round: &Round<'_>, part: &Part<'_>, groups: &[(Option<Slot>, &ServerGroup)]) -> GroupStatus {
    let (spec, group) = (part.spec, part.group);
    let arn: Option<&TargetGroupArn> = match (&spec.route, part.slot) {
        (Route::Weighted { target_groups, .. }, Some(slot)) => Some(target_groups.get(slot)),
        _ => None,
    };
    let weight = arn.and_then(|arn| part.route?.weight(arn));
    let share = if spec.scope().is_weighted() { arn.and_then(|arn| part.route?.share(arn)) } else { share_of_servers(spec, group, groups) };
    let image = group.template.as_ref().and_then(|pin| pin.image.clone());
    GroupStatus {
        slot: part.slot,
        name: group.name.clone(),
        role: role(part, weight),
        version: image.as_ref().and_then(|id| version(round, id)),
        image,
        sizes: group.sizes,
        healthy: trusted_health(spec, group),
        instances: group.instances.clone(),
        weight,
        share_pct: share.map(percent),
        asked_pct: asked(part),
    }
}

/// What the operation at work asks for the group, where a share is made of servers.
fn asked(part: &Part<'_>) -> Option<u32> {
    let view = part.shown.filter(|_| !part.spec.scope().is_weighted())?;
    let pct = view.asked_pct()?;
    let plan = &view.operation.plan;
    if part.slot == Some(plan.to.slot) { Some(pct) } else { 100_u32.checked_sub(pct) }
}

/// Where no weights divide the traffic, a group's share is its part of the servers that serve.
fn share_of_servers(spec: &FleetSpec, group: &ServerGroup, groups: &[(Option<Slot>, &ServerGroup)]) -> Option<f64> {
    let is_told = matches!(spec.groups, Groups::Two(_)) && groups.iter().all(|(_, group)| trusted_health(spec, group).is_some());
    let all: u32 = groups.iter().map(|(_, group)| working(&spec.route, group)).sum();
    (is_told && all > 0).then(|| f64::from(working(&spec.route, group)) / f64::from(all))
}

/// Auto Scaling's word covers the load balancer's only with the ELB health check; without traffic it is all there is.
fn trusted_health(spec: &FleetSpec, group: &ServerGroup) -> Option<u32> {
    let covers = group.health_check == HealthCheck::Elb || matches!(spec.route, Route::None) || group.instances.is_empty();
    let unknown = group.instances.iter().any(|instance| instance.lifecycle == Lifecycle::InService && instance.health == Health::Unknown);
    (covers && !unknown).then(|| group.serving())
}

fn role(part: &Part<'_>, weight: Option<u32>) -> Option<Role> {
    let plan = part.shown.map(|view| &view.operation.plan);
    let is_candidate = plan.is_some_and(|plan| plan.kind == OperationKind::Deploy && part.slot == Some(plan.to.slot));
    let is_old = plan.is_some_and(|plan| plan.kind != OperationKind::Deploy && part.slot == Some(plan.from.slot));
    let serves = match (&part.spec.route, &part.spec.groups) {
        // Whatever its servers run, they serve.
        (_, Groups::One(_)) => return Some(Role::Live),
        (Route::Weighted { .. }, _) => weight? > 0,
        (Route::Attached { .. }, _) => working(&part.spec.route, part.group) > 0,
        // Nothing tells workers that are kept from workers that are wanted but the operation that keeps them.
        (Route::None, _) => !is_old && (plan.is_some() || part.slot == part.live),
    };
    Some(match (serves, part.group.instances.is_empty()) {
        _ if is_candidate => Role::Candidate,
        (true, _) => Role::Live,
        (false, true) => Role::Idle,
        (false, false) => Role::Standby,
    })
}

/// A fleet with what explains its state.
struct Whole<'a> {
    spec: &'a FleetSpec,
    round: &'a Round<'a>,
    all_listed: bool,
    operation: Option<&'a OperationView>,
    groups: &'a [&'a ServerGroup],
}

fn state(whole: &Whole<'_>, healthy: Option<u32>) -> FleetState {
    if !whole.all_listed {
        let why = whole.round.groups.missing().map_or_else(|| "a group of it does not exist".to_owned(), Untrusted::shown);
        return FleetState::Unknown { why };
    }
    let kind = whole.operation.map(|view| view.operation.plan.kind);
    if kind.is_some_and(|kind| kind != OperationKind::Retire) {
        return FleetState::Busy;
    }
    if is_mixed(whole.spec, whole.groups, kind.is_some()) {
        return FleetState::Mixed;
    }
    let wanted: u32 = whole.groups.iter().map(|group| group.sizes.desired).sum();
    by_health(healthy, wanted, "the load balancer's word on health was not asked")
}

fn by_health(healthy: Option<u32>, wanted: u32, why_unknown: &str) -> FleetState {
    match healthy {
        None => FleetState::Unknown { why: why_unknown.to_owned() },
        Some(healthy) if healthy < wanted => FleetState::Degraded { bad: wanted - healthy },
        Some(_) => FleetState::Steady,
    }
}

/// Servers that run something else than their group launches; or more than one image in a fleet of one group or without weights, if no window
/// explains it.
fn is_mixed(spec: &FleetSpec, groups: &[&ServerGroup], in_window: bool) -> bool {
    let strangers = groups.iter().any(|group| {
        let pinned = group.template.as_ref().and_then(|pin| pin.number());
        group.instances.iter().any(|instance| {
            instance.lifecycle == Lifecycle::InService
                && pinned.is_some()
                && instance.template_version.is_some()
                && instance.template_version != pinned
        })
    });
    let one_image = !spec.scope().is_weighted() && !in_window;
    strangers || one_image && mix(groups.iter().copied()).len() > 1
}

fn mix_labels(round: &Round<'_>, groups: &[&ServerGroup]) -> Vec<MixLabel> {
    mix(groups.iter().copied())
        .into_iter()
        .map(|part| {
            let label =
                part.image.as_ref().map_or_else(|| "?".to_owned(), |id| version(round, id).map_or_else(|| id.to_string(), |version| version.shown()));
            MixLabel { image: part.image, label, servers: part.servers }
        })
        .collect()
}

fn version(round: &Round<'_>, id: &ImageId) -> Option<Untrusted> {
    round.image_of.get(id)?.version.clone()
}

fn images(round: &Round<'_>, fleets: &[FleetStatus]) -> Vec<ImageStatus> {
    let mut running: BTreeMap<&ImageId, (Vec<FleetName>, u32)> = BTreeMap::new();
    for (fleet, part) in fleets.iter().flat_map(|fleet| fleet.mix.iter().map(move |part| (fleet, part))) {
        let Some(image) = &part.image else { continue };
        let (names, servers) = running.entry(image).or_default();
        if names.last() != Some(&fleet.spec.name) {
            names.push(fleet.spec.name.clone());
        }
        *servers += part.servers;
    }
    let live: BTreeSet<&ImageId> =
        fleets.iter().flat_map(|fleet| &fleet.groups).filter(|group| is_live(group)).filter_map(|group| group.image.as_ref()).collect();
    let status = |image: &Image| {
        let (fleets, servers) = running.get(&image.id).cloned().unwrap_or_default();
        ImageStatus { live: live.contains(&image.id), image: image.clone(), fleets, servers }
    };
    round.images.map_or(&[][..], Listing::items).iter().map(status).collect()
}

/// It serves and is no candidate; without weights, whatever has servers serves.
fn is_live(group: &GroupStatus) -> bool {
    group.role.map_or(group.sizes.desired > 0, |role| role == Role::Live)
}

/// The sum, if every part is known.
fn total(parts: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    parts.sum()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is 0–1")]
fn percent(share: f64) -> u32 {
    (share * 100.0).round() as u32
}
