//! The default scenario, the life of servers, weights and calls, and that a world depends on nothing but its seed and its calls.

use super::*;
use crate::domain::call::CloudErrorKind;
use crate::domain::fleet::{Slot, WeightedPair};
use crate::domain::group::Lifecycle;
use crate::domain::image::ImageState;
use crate::domain::observation::{Depth, FleetObservation};
use crate::domain::sizes::Sizes;
use crate::domain::traffic::{RouteAction, TargetState};

const START: WorldTime = WorldTime(1_780_000_000_000);

fn world() -> World {
    World::new(Scenario::Default, DEFAULT_SEED, START)
}

fn at(secs: u64) -> WorldTime {
    START.plus(Millis::secs(secs))
}

fn pair(world: &World, fleet: &str) -> WeightedPair {
    world.fleet_specs().iter().find(|spec| spec.name.as_str() == fleet).unwrap().weighted_pair().unwrap()
}

fn look(world: &World, fleet: &str) -> FleetObservation {
    world.observe(&pair(world, fleet).scope(), Depth::Full)
}

fn image(world: &World, app: &str, version: &str) -> ImageId {
    let is_it = |image: &crate::domain::image::Image| {
        image.app.as_ref().is_some_and(|found| found.raw() == app) && image.version.as_ref().is_some_and(|found| found.raw() == version)
    };
    world.images().into_iter().find(is_it).unwrap().id
}

/// Slot B of web-prod or api-prod gets a version with this image, is pinned to it and grown.
fn candidate(world: &mut World, fleet: &str, version: &str, min: u32, now: WorldTime) {
    let pair = pair(world, fleet);
    let app = fleet.trim_end_matches("-prod");
    let (a, b) = (TemplateId::new(format!("lt-{}", pair.groups.a)), TemplateId::new(format!("lt-{}", pair.groups.b)));
    let image = image(world, app, version);
    let content_hash = format!("hash of {version}");
    let create = CloudCall::CreateTemplateVersion { template: b.clone(), source_template: a, source_version: 2, image, content_hash };
    let version = world.apply(&create, now).unwrap().template_version.unwrap();
    world.apply(&CloudCall::PinTemplate { group: pair.groups.b.clone(), template: b, version }, now).unwrap();
    world.apply(&CloudCall::RaiseMin { group: pair.groups.b, min, max: Some(24) }, now).unwrap();
}

fn weigh(world: &mut World, fleet: &str, a: u32, b: u32, now: WorldTime) -> Result<CallReply, crate::domain::call::CloudError> {
    let pair = pair(world, fleet);
    let read = look(world, fleet).route.value().unwrap().clone();
    let actions = read.with_weights(&[(pair.target_groups.a.clone(), a), (pair.target_groups.b.clone(), b)]);
    world.apply(&CloudCall::SetWeights { place: pair.place, actions }, now)
}

#[test]
fn the_default_scenario_is_the_one_of_the_handbook() {
    let world = world();
    let fleets = world.fleet_specs();
    let names: Vec<&str> = fleets.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["web-prod", "api-prod", "search-prod", "worker-prod", "legacy-prod", "admin-prod"]);
    let routes: Vec<&str> = fleets.iter().map(|spec| spec.route.word()).collect();
    assert_eq!(routes, ["weighted", "weighted", "attached", "none", "attached", "weighted"]);
    let live: Vec<u32> = fleets.iter().map(|spec| spec.groups.all().iter().map(|(_, name)| world.group(name).unwrap().serving()).sum()).collect();
    assert_eq!(live, [12, 20, 30, 8, 6, 6]);
    let web = look(&world, "web-prod");
    assert!(web.is_complete());
    assert_eq!((web.healthy(Slot::A), web.healthy(Slot::B)), (Some(12), Some(0)));
    assert!(matches!(web.route.value().unwrap().0.first(), Some(RouteAction::Other { kind, .. }) if kind == "authenticate-oidc"));
    assert_eq!(pair(&world, "api-prod").place.write_call(), "ModifyListener");
}

#[test]
fn admin_runs_two_images_and_the_one_before_is_gone() {
    let world = world();
    let admin = world.group(&"admin-prod-a".into()).unwrap();
    let mix = crate::domain::mix::mix(std::iter::once(&admin));
    assert_eq!(mix.iter().map(|part| part.servers).collect::<Vec<_>>(), [4, 2]);
    let before = mix[1].image.clone().unwrap();
    assert_eq!(world.image(&before), None);
    assert_eq!(world.group(&"admin-prod-b".into()).unwrap().template.unwrap().image, Some(before));
}

#[test]
fn a_bake_goes_on_and_ends_in_an_image_that_can_be_launched() {
    let mut world = world();
    let id = image(&world, "web", "2.17.0");
    let began = world.image(&id).unwrap();
    assert_eq!(began.state, ImageState::Pending);
    let percents: Vec<u8> = (0..16)
        .map(|minute| {
            world.advance(at(minute * 60));
            world.image(&id).unwrap().bake.map_or(100, |bake| bake.percent)
        })
        .collect();
    assert!(percents.windows(2).all(|pair| pair[0] < pair[1]), "{percents:?}");
    world.advance(at(960));
    let done = world.image(&id).unwrap();
    assert_eq!((done.state, done.bake, done.stage.unwrap().raw()), (ImageState::Available, None, "verified"));
}

#[test]
fn raising_min_launches_servers_that_boot_warm_up_and_become_healthy() {
    let mut world = world();
    candidate(&mut world, "web-prod", "2.14.0", 3, at(10));
    let mut first = [None; 3];
    for secs in 10..140 {
        world.advance(at(secs));
        let seen = look(&world, "web-prod");
        let group = seen.group(Slot::B).unwrap();
        let in_service = group.instances.iter().any(|server| server.lifecycle == Lifecycle::InService);
        for (mark, reached) in first.iter_mut().zip([!group.instances.is_empty(), in_service, seen.healthy(Slot::B) == Some(3)]) {
            *mark = mark.or(reached.then_some(secs));
        }
    }
    let [launched, served, healthy] = first.map(Option::unwrap);
    assert!(launched <= 12 && (40..=72).contains(&served) && (60..=112).contains(&healthy), "{launched} {served} {healthy}");
    let seen = look(&world, "web-prod");
    assert_eq!(seen.strangers(Slot::B, 2).unwrap().len(), 0);
    let zones: std::collections::BTreeSet<_> = seen.group(Slot::B).unwrap().instances.iter().map(|server| server.zone.clone()).collect();
    assert_eq!(zones.len(), 3);
}

#[test]
fn servers_of_2_16_0_never_pass_and_are_replaced_again_and_again() {
    let mut world = world();
    candidate(&mut world, "web-prod", "2.16.0", 2, at(0));
    let mut ids = std::collections::BTreeSet::new();
    for secs in (0..1_800).step_by(5) {
        world.advance(at(secs));
        let seen = look(&world, "web-prod");
        assert_eq!(seen.healthy(Slot::B), Some(0));
        ids.extend(seen.group(Slot::B).unwrap().instances.iter().map(|server| server.id.clone()));
    }
    assert!((6..=12).contains(&ids.len()), "{} servers in half an hour", ids.len());
    world.advance(at(200));
    assert!(look(&world, "web-prod").health.b.value().unwrap().count_in(TargetState::Unhealthy) > 0);
}

#[test]
fn reads_show_new_weights_at_once_and_traffic_follows_within_twenty_seconds() {
    let mut world = world();
    candidate(&mut world, "web-prod", "2.14.0", 3, at(0));
    world.advance(at(200));
    let b = pair(&world, "web-prod").target_groups.b;
    weigh(&mut world, "web-prod", 75, 25, at(200)).unwrap();
    assert_eq!(look(&world, "web-prod").route.value().unwrap().share(&b), Some(0.25));
    assert_eq!(world.effective_share(&b), Some(0.0));
    let mut last = 0.0;
    for secs in 200..=220 {
        world.advance(at(secs));
        let share = world.effective_share(&b).unwrap();
        assert!(share >= last);
        last = share;
    }
    assert!((last - 0.25).abs() < 1e-6, "{last}");
}

fn error_rate(version: &str) -> f64 {
    let mut world = world();
    candidate(&mut world, "web-prod", version, 12, at(0));
    weigh(&mut world, "web-prod", 50, 50, at(300)).unwrap();
    world.advance(at(400));
    let before = look(&world, "web-prod").counts.b.unwrap();
    world.advance(at(1_000));
    let counted = look(&world, "web-prod").counts.b.unwrap().since(before);
    assert!((100_000..300_000).contains(&counted.requests), "{counted:?}");
    counted.errors as f64 / counted.requests as f64
}

#[test]
fn version_2_15_0_fails_four_requests_in_a_hundred_and_2_14_0_does_not() {
    let (bad, good) = (error_rate("2.15.0"), error_rate("2.14.0"));
    assert!((bad - 0.04).abs() < 0.004 && (good - 0.002).abs() < 0.000_6, "{bad} {good}");
}

#[test]
fn the_share_of_an_empty_group_fails() {
    let mut world = world();
    weigh(&mut world, "web-prod", 50, 50, at(0)).unwrap();
    world.advance(at(60));
    let before = look(&world, "web-prod").counts.b.unwrap();
    world.advance(at(120));
    let counted = look(&world, "web-prod").counts.b.unwrap().since(before);
    assert!(counted.requests > 10_000 && counted.errors == counted.requests, "{counted:?}");
}

#[test]
fn parking_drains_for_two_minutes_and_then_the_servers_are_gone() {
    let mut world = world();
    candidate(&mut world, "web-prod", "2.14.0", 3, at(0));
    world.advance(at(200));
    let park = CloudCall::Park { group: "web-prod-b".into(), sizes: Sizes::all(0) };
    world.apply(&park, at(200)).unwrap();
    let draining = |world: &World| look(world, "web-prod").health.b.value().unwrap().count_in(TargetState::Draining);
    world.advance(at(201));
    assert_eq!(draining(&world), 3);
    world.advance(at(320));
    assert_eq!(draining(&world), 3);
    world.advance(at(321));
    assert_eq!((draining(&world), look(&world, "web-prod").group(Slot::B).unwrap().total()), (0, 0));
}

#[test]
fn calls_that_aws_rejects_change_nothing_and_are_logged() {
    let mut world = world();
    let digest = world.digest().unwrap();
    let group = |name: &str| GroupName::from(name);
    let rejected = [
        (CloudCall::RaiseMin { group: group("web-prod-a"), min: 25, max: None }, CloudErrorKind::Invalid),
        (CloudCall::RaiseMin { group: group("nobody"), min: 1, max: None }, CloudErrorKind::NotFound),
        (CloudCall::Park { group: group("web-prod-a"), sizes: Sizes { min: 2, max: 4, desired: 5 } }, CloudErrorKind::Invalid),
        (CloudCall::PinTemplate { group: group("web-prod-a"), template: "lt-web-prod-a".into(), version: 9 }, CloudErrorKind::NotFound),
        (CloudCall::Tag { groups: vec![group("web-prod-a"), group("nobody")], tags: vec![("a".into(), "b".into())] }, CloudErrorKind::NotFound),
    ];
    for (call, kind) in &rejected {
        assert_eq!(world.apply(call, START).unwrap_err().kind, *kind, "{call:?}");
    }
    assert_eq!(weigh(&mut world, "web-prod", 1_000, 0, START).unwrap_err().kind, CloudErrorKind::Invalid);
    assert_eq!(world.call_log().len(), 6);
    world.call_count = 0;
    assert_eq!(world.digest().unwrap(), digest);
}

#[test]
fn a_dropped_authenticate_action_is_really_lost() {
    let mut world = world();
    let pair = pair(&world, "web-prod");
    let mut actions = look(&world, "web-prod").route.value().unwrap().clone();
    actions.0.remove(0);
    world.apply(&CloudCall::SetWeights { place: pair.place, actions: actions.clone() }, START).unwrap();
    assert_eq!(look(&world, "web-prod").route.value(), Some(&actions));
    assert!(!world.call_log()[0].before.as_ref().unwrap().same_but_weights(&actions));
}

#[test]
fn a_version_with_the_same_content_hash_is_adopted() {
    let mut world = world();
    candidate(&mut world, "web-prod", "2.14.0", 1, at(0));
    candidate(&mut world, "web-prod", "2.14.0", 1, at(5));
    candidate(&mut world, "web-prod", "2.15.0", 1, at(9));
    let numbers: Vec<u64> = world.call_log().iter().filter_map(|call| call.outcome.as_ref().ok()?.template_version).collect();
    assert_eq!(numbers, [2, 2, 3]);
}

#[test]
fn nothing_breaks_by_itself_in_the_first_two_hours_but_something_does_in_a_day() {
    let ids = |world: &World| world.groups().iter().flat_map(|group| group.instances.clone()).map(|server| server.id).collect::<Vec<_>>();
    let mut world = world();
    let first = ids(&world);
    world.advance(at(7_200));
    assert_eq!(ids(&world), first);
    world.advance(at(86_400));
    assert_ne!(ids(&world), first);
}

/// Calls at fixed ticks, with the world advanced to every moment in `stops` in between.
fn story(scenario: Scenario, seed: u64, stops: &[u64]) -> World {
    let mut world = World::new(scenario, seed, START);
    let mut stops: Vec<u64> = stops.iter().copied().filter(|stop| *stop <= 30_000).collect();
    stops.sort_unstable();
    let mut go = |world: &mut World, until: u64| {
        while stops.first().is_some_and(|stop| *stop < until) {
            world.advance(at(stops.remove(0)));
        }
    };
    go(&mut world, 30);
    candidate(&mut world, "web-prod", "2.15.0", 3, at(30));
    go(&mut world, 200);
    weigh(&mut world, "web-prod", 75, 25, at(200)).unwrap();
    go(&mut world, 260);
    candidate(&mut world, "api-prod", "5.2.0", 5, at(260));
    go(&mut world, 900);
    weigh(&mut world, "web-prod", 100, 0, at(900)).unwrap();
    go(&mut world, 30_000);
    world.advance(at(30_000));
    world
}

/// Those in which every call of the story is taken.
const STORIES: [Scenario; 5] = [Scenario::Default, Scenario::NoCapacity, Scenario::Flapping, Scenario::ZoneOutage, Scenario::CredsExpire];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, ..Default::default() })]
    #[test]
    fn it_does_not_matter_in_how_many_advances_a_world_got_somewhere(
        which in 0_usize..STORIES.len(), seed in 0_u64..1_000, stops in proptest::collection::vec(0_u64..30_000, 0..60)
    ) {
        let (straight, halting) = (story(STORIES[which], seed, &[]), story(STORIES[which], seed, &stops));
        proptest::prop_assert_eq!(straight.digest().unwrap(), halting.digest().unwrap());
        proptest::prop_assert_eq!(straight, halting);
    }
}

fn servers_of(world: &World, group: &str) -> Vec<crate::domain::group::Instance> {
    world.group(&group.into()).unwrap().instances
}

#[test]
fn a_killed_server_drains_and_another_takes_its_place() {
    let mut world = world();
    let victim = servers_of(&world, "web-prod-a")[4].id.clone();
    let kill = Disturbance::KillInstance { group: "web-prod-a".into(), instance: victim.clone() };
    assert!(world.disturb(kill.clone()) && !world.disturb(kill));
    let state = |world: &World| look(world, "web-prod").health.a.value().unwrap().targets.get(&victim).copied();
    assert_eq!((state(&world), look(&world, "web-prod").healthy(Slot::A)), (Some(TargetState::Draining), Some(11)));
    world.advance(at(130));
    assert_eq!((state(&world), look(&world, "web-prod").healthy(Slot::A)), (None, Some(12)));
}

#[test]
fn what_others_do_is_seen_but_not_logged() {
    let mut world = world();
    let pair = pair(&world, "web-prod");
    let (a, b) = (pair.target_groups.a.clone(), pair.target_groups.b.clone());
    let done = [
        Disturbance::SetWeights { place: pair.place.arn().clone(), weights: vec![(a.clone(), 60), (b.clone(), 40)] },
        Disturbance::SetDesired { group: "web-prod-a".into(), desired: 15 },
        Disturbance::UnreadableHealth { target_group: a, span: Millis::secs(30) },
        Disturbance::ChangeTemplate { group: "web-prod-a".into(), version: crate::domain::group::PinnedVersion::Latest },
        Disturbance::Suspend { group: "web-prod-a".into(), process: "Launch".into() },
    ];
    for what in done {
        assert!(world.disturb(what.clone()), "{what:?}");
    }
    let seen = look(&world, "web-prod");
    assert_eq!(seen.weight(Slot::B), Some(40));
    assert_eq!(seen.unknowns(), ["target health a: the load balancer does not answer"]);
    let group = seen.group(Slot::A).unwrap();
    assert_eq!((group.sizes.desired, group.template.as_ref().unwrap().number(), group.suspended.len()), (15, None, 1));
    world.advance(at(30));
    assert!(look(&world, "web-prod").is_complete());
    assert_eq!((servers_of(&world, "web-prod-a").len(), world.call_log().len()), (12, 0));
}

#[test]
fn a_sick_server_that_nothing_may_replace_is_replaced_once_that_goes_on() {
    let mut world = world();
    let (group, process) = (GroupName::from("web-prod-a"), "ReplaceUnhealthy".to_owned());
    let sick = servers_of(&world, "web-prod-a")[0].id.clone();
    assert!(world.disturb(Disturbance::Suspend { group: group.clone(), process: process.clone() }));
    assert!(world.disturb(Disturbance::BreakInstance { group: group.clone(), instance: sick.clone() }));
    world.advance(at(2_000));
    let is_there = |world: &World| servers_of(world, "web-prod-a").iter().any(|server| server.id == sick);
    assert!(is_there(&world));
    assert!(world.disturb(Disturbance::Resume { group, process }));
    world.advance(at(2_600));
    assert!(!is_there(&world));
}

#[test]
fn a_target_group_that_leaves_its_rule_is_unused_and_is_checked_anew_when_it_comes_back() {
    let mut world = world();
    let pair = pair(&world, "web-prod");
    let full = look(&world, "web-prod").route.value().unwrap().clone();
    let mut without = full.clone();
    if let Some(RouteAction::Forward { weights, .. }) = without.0.last_mut() {
        *weights = vec![(pair.target_groups.b.clone(), 1)];
    }
    let all_are = |world: &World, state| look(world, "web-prod").health.a.value().unwrap().count_in(state) == 12;
    world.apply(&CloudCall::SetWeights { place: pair.place.clone(), actions: without }, at(5)).unwrap();
    assert!(all_are(&world, TargetState::Unused));
    world.apply(&CloudCall::SetWeights { place: pair.place.clone(), actions: full }, at(9)).unwrap();
    assert!(all_are(&world, TargetState::Initial));
    world.advance(at(50));
    assert!(all_are(&world, TargetState::Healthy));
}

#[test]
fn in_no_capacity_only_three_servers_can_be_had() {
    let mut world = World::new(Scenario::NoCapacity, 1, START);
    candidate(&mut world, "web-prod", "2.14.0", 6, at(0));
    world.advance(at(1_800));
    assert_eq!(look(&world, "web-prod").healthy(Slot::B), Some(3));
    world.apply(&CloudCall::Park { group: "web-prod-b".into(), sizes: Sizes::all(0) }, at(1_800)).unwrap();
    world.advance(at(2_000));
    candidate(&mut world, "api-prod", "5.2.0", 2, at(2_000));
    world.advance(at(2_200));
    assert_eq!(look(&world, "api-prod").healthy(Slot::B), Some(2));
}

#[test]
fn in_flapping_the_newer_images_pass_and_fail_in_turn_and_the_live_ones_do_not() {
    let mut world = World::new(Scenario::Flapping, 1, START);
    candidate(&mut world, "web-prod", "2.14.0", 3, at(0));
    let healthy: Vec<u32> = (200..1_400)
        .map(|secs| {
            world.advance(at(secs));
            assert_eq!(look(&world, "web-prod").healthy(Slot::A), Some(12));
            look(&world, "web-prod").healthy(Slot::B).unwrap()
        })
        .collect();
    let changes = healthy.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(healthy.contains(&3) && healthy.iter().any(|healthy| *healthy < 3) && changes > 20, "{changes}");
}

#[test]
fn a_group_whose_image_is_gone_launches_nothing_until_it_can() {
    let mut world = world();
    world.apply(&CloudCall::RaiseMin { group: "admin-prod-b".into(), min: 2, max: Some(2) }, at(0)).unwrap();
    world.advance(at(600));
    assert_eq!(servers_of(&world, "admin-prod-b").len(), 0);
}

#[test]
fn tags_are_put_on_and_taken_off() {
    let mut world = world();
    let groups = vec![GroupName::from("web-prod-a"), GroupName::from("web-prod-b")];
    world.apply(&CloudCall::Tag { groups: groups.clone(), tags: vec![("qd:claim".into(), "me".into())] }, START).unwrap();
    let claims = |world: &World| world.groups().iter().filter(|group| group.tags.contains_key("qd:claim")).count();
    assert_eq!(claims(&world), 2);
    world.apply(&CloudCall::Untag { groups, keys: vec!["qd:claim".into()] }, START).unwrap();
    assert_eq!(claims(&world), 0);
}

#[test]
fn a_shared_target_group_counts_both_groups_and_errs_with_the_mix() {
    let mut world = world();
    let image = image(&world, "search", "1.10.0");
    let (a, b) = (TemplateId::from("lt-search-prod-a"), TemplateId::from("lt-search-prod-b"));
    let create = CloudCall::CreateTemplateVersion { template: b.clone(), source_template: a, source_version: 2, image, content_hash: "x".into() };
    let version = world.apply(&create, START).unwrap().template_version.unwrap();
    let group = GroupName::from("search-prod-b");
    world.apply(&CloudCall::PinTemplate { group: group.clone(), template: b, version }, START).unwrap();
    world.apply(&CloudCall::RaiseMin { group, min: 6, max: Some(60) }, START).unwrap();
    world.advance(at(200));
    let target_group = world.group(&"search-prod-a".into()).unwrap().target_groups[0].clone();
    assert_eq!(world.target_health(&target_group).count_in(TargetState::Healthy), 36);
    assert_eq!(world.effective_share(&target_group), Some(1.0));
    assert!(world.counts(&target_group).unwrap().requests > 150_000);
}

#[test]
fn another_seed_is_another_world() {
    assert_ne!(story(Scenario::Default, 1, &[]).digest().unwrap(), story(Scenario::Default, 2, &[]).digest().unwrap());
}

#[test]
fn a_world_survives_being_written_down() {
    let world = story(Scenario::Default, 3, &[]);
    let read: World = serde_json::from_slice(&serde_json::to_vec(&world).unwrap()).unwrap();
    assert_eq!(read, world);
}

fn shared(world: &World) -> FleetObservation {
    let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "search-prod").unwrap();
    world.observe(&spec.scope(), Depth::Full)
}

fn attachment(world: &World, on: bool, group: &str) -> CloudCall {
    let target_group = shared(world).scope.target_group(Slot::A).unwrap().clone();
    let group = group.into();
    if on { CloudCall::AttachTargetGroup { group, target_group } } else { CloudCall::DetachTargetGroup { group, target_group } }
}

#[test]
fn servers_taken_off_a_shared_target_group_drain_and_run_on_and_are_checked_when_they_come_back() {
    let mut world = world();
    let off = attachment(&world, false, "search-prod-a");
    world.apply(&off, at(0)).unwrap();
    world.apply(&off, at(1)).unwrap();
    let draining = |world: &World| shared(world).health.a.value().unwrap().count_in(TargetState::Draining);
    assert_eq!((shared(&world).is_attached(Slot::A), draining(&world)), (Some(false), 30));
    assert_eq!(shared(&world).healthy(Slot::A), Some(30), "by Auto Scaling's account alone");
    assert_eq!(shared(&world).serves(Slot::A), Some(false));
    world.advance(at(130));
    assert_eq!((draining(&world), world.group(&"search-prod-a".into()).unwrap().serving()), (0, 30));
    world.apply(&attachment(&world, true, "search-prod-a"), at(131)).unwrap();
    assert_eq!(shared(&world).healthy(Slot::A), Some(0), "not before its checks are in");
    world.advance(at(180));
    assert_eq!(shared(&world).healthy(Slot::A), Some(30));
}

#[test]
fn a_group_is_attached_to_one_target_group_that_exists() {
    let mut world = world();
    let mut to = |target_group: &str| {
        let call = CloudCall::AttachTargetGroup { group: "search-prod-a".into(), target_group: target_group.into() };
        world.apply(&call, START).unwrap_err().kind
    };
    assert_eq!(to("arn:none"), CloudErrorKind::NotFound);
    let other = pair(&self::world(), "web-prod").target_groups.a;
    assert_eq!(to(other.as_str()), CloudErrorKind::Invalid);
}
