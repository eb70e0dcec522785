//! What is special about each scenario shows, and nothing else differs.

use super::*;
use crate::domain::group::Lifecycle;
use crate::domain::observation::{Credentials, Depth, FleetObservation};

const START: WorldTime = WorldTime(1_780_000_000_000);

fn world(scenario: Scenario) -> World {
    World::new(scenario, DEFAULT_SEED, START)
}

fn go(world: &mut World, mins: u64) {
    world.advance(START.plus(Millis::mins(mins)));
}

fn look(world: &World, fleet: &str) -> FleetObservation {
    let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == fleet).unwrap();
    world.observe(&spec.scope(), Depth::Full)
}

fn serving(world: &World) -> usize {
    let servers = world.groups().into_iter().flat_map(|group| group.instances);
    servers.filter(|server| server.lifecycle == Lifecycle::InService).count()
}

#[test]
fn credentials_end_after_an_hour_and_come_back() {
    let mut world = world(Scenario::CredsExpire);
    let end = START.plus(Millis::mins(60));
    assert_eq!(look(&world, "web-prod").credentials, Credentials::Good { until: Some(end) });
    assert_eq!(world.identity().expires_at, Some(end));
    for (mins, gone) in [(59, false), (60, true), (74, true), (75, false), (134, false), (135, true)] {
        go(&mut world, mins);
        assert_eq!(world.credentials_gone().is_some(), gone, "after {mins} minutes");
        assert_eq!(matches!(look(&world, "web-prod").credentials, Credentials::Gone { .. }), gone);
    }
}

#[test]
fn a_dark_zone_has_no_server_for_an_hour() {
    let mut world = world(Scenario::ZoneOutage);
    let calm = serving(&World::new(Scenario::Default, DEFAULT_SEED, START));
    world.advance(START.plus(Millis::secs(10)));
    assert!(serving(&world) <= calm * 3 / 4, "a third is gone: {} of {calm}", serving(&world));
    let in_the_dark = |world: &World| {
        let servers = world.groups().into_iter().flat_map(|group| group.instances);
        servers.filter(|server| server.zone.as_ref().is_some_and(|zone| zone.raw() == "sim-1c")).count()
    };
    go(&mut world, 30);
    assert_eq!((in_the_dark(&world), serving(&world)), (0, calm), "the other zones take over");
}

#[test]
fn calls_are_throttled_now_and_then_and_say_so() {
    let mut world = world(Scenario::Throttled);
    let group: GroupName = "web-prod-a".into();
    let (mut refused, mut blind) = (0, 0);
    for minute in 0..200 {
        go(&mut world, minute);
        let call = CloudCall::RaiseMin { group: group.clone(), min: 10, max: None };
        match world.apply(&call, world.now()) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind, CloudErrorKind::Throttled);
                refused += 1;
            }
        }
        let seen = look(&world, "web-prod");
        blind += usize::from(!seen.is_complete());
        assert!(seen.is_complete() || seen.unknowns().iter().all(|why| why.contains("Rate exceeded")), "{:?}", seen.unknowns());
    }
    assert!((40..90).contains(&refused) && (10..90).contains(&blind), "{refused} of 200 writes, {blind} of 200 looks");
    assert_eq!(world.call_log().len(), 200, "what was refused arrived too");
}

#[test]
fn the_big_world_has_a_thousand_fleets_and_fifty_thousand_servers() {
    let world = world(Scenario::Big);
    let fleets = world.fleet_specs();
    let names: std::collections::BTreeSet<&str> = fleets.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!((fleets.len(), names.len(), serving(&world)), (1_000, 1_000, 50_000));
    let ids: std::collections::BTreeSet<_> = world.groups().into_iter().flat_map(|group| group.instances).map(|server| server.id).collect();
    assert_eq!(ids.len(), 50_000, "every server is somebody else");
    assert!(look(&world, names.first().unwrap()).is_complete());
}
