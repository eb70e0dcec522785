//! Instance refresh as the cloud does it: capacity is kept, it goes on by itself, and it can turn round only while it runs.

use super::*;
use crate::domain::group::PinnedVersion;
use crate::domain::refresh::{OddServers, RefreshPreferences, RefreshStatus};
use crate::world::Disturbance;

const START: WorldTime = WorldTime(1_780_000_000_000);

fn preferences() -> RefreshPreferences {
    RefreshPreferences {
        min_healthy_pct: 100,
        max_healthy_pct: 117,
        warmup_secs: Some(30),
        bake_secs: 120,
        skip_matching: true,
        auto_rollback: true,
        alarms: Vec::new(),
        protected: OddServers::Wait,
        standby: OddServers::Wait,
        checkpoints: Vec::new(),
    }
}

fn legacy() -> GroupName {
    "legacy-prod".into()
}

/// legacy-prod with a third template version that launches this image.
fn world_with(version: &str) -> World {
    let mut world = World::new(Scenario::Default, DEFAULT_SEED, START);
    let has = |image: &crate::domain::image::Image| image.version.as_ref().is_some_and(|found| found.raw() == version);
    let image = world.images().into_iter().find(has).unwrap().id;
    let template = TemplateId::new("lt-legacy-prod");
    let create = CloudCall::CreateTemplateVersion {
        template: template.clone(),
        source_template: template,
        source_version: 2,
        image,
        content_hash: String::new(),
    };
    assert_eq!(world.apply(&create, START).unwrap().template_version, Some(3));
    world
}

fn start(world: &mut World, version: u64, preferences: RefreshPreferences) -> Result<CallReply, crate::domain::call::CloudError> {
    let call = CloudCall::StartInstanceRefresh { group: legacy(), template: "lt-legacy-prod".into(), version, preferences };
    world.apply(&call, world.now())
}

fn status(world: &World) -> RefreshStatus {
    world.refreshes(&legacy()).unwrap()[0].status.clone()
}

fn versions(world: &World) -> Vec<u64> {
    let group = world.group(&legacy()).unwrap();
    let mut versions: Vec<u64> = group.instances.iter().filter(|server| server.serves()).filter_map(|server| server.template_version).collect();
    versions.sort_unstable();
    versions
}

/// Goes on second by second until the refresh is in this state; at every second all that is needed serves.
fn until(world: &mut World, wanted: &RefreshStatus) {
    let target_group = world.group(&legacy()).unwrap().target_groups[0].clone();
    for _ in 0..7_200 {
        if status(world) == *wanted {
            return;
        }
        world.advance(world.now().plus(Millis::secs(1)));
        let group = world.group(&legacy()).unwrap();
        let active = group.instances.iter().filter(|server| server.lifecycle != crate::domain::group::Lifecycle::Terminating).count();
        assert!(world.healthy_targets(&target_group) >= 6, "capacity falls at {}", world.tick());
        assert!(active <= 7, "{active} servers at {}", world.tick());
    }
    panic!("still {:?}", status(world));
}

#[test]
fn a_refresh_replaces_every_server_and_only_then_changes_what_the_group_launches() {
    let mut world = world_with("0.9.9");
    let id = start(&mut world, 3, preferences()).unwrap().refresh.unwrap();
    until(&mut world, &RefreshStatus::InProgress);
    until(&mut world, &RefreshStatus::Baking);
    assert_eq!(versions(&world), [3; 6]);
    assert_eq!(world.group(&legacy()).unwrap().template.unwrap().version, PinnedVersion::Number(2));
    until(&mut world, &RefreshStatus::Successful);
    let group = world.group(&legacy()).unwrap();
    assert_eq!(group.template.unwrap().version, PinnedVersion::Number(3));
    let refresh = &world.refreshes(&legacy()).unwrap()[0];
    assert_eq!((refresh.id.clone(), refresh.percent, refresh.to_update), (id, Some(100), Some(0)));
}

#[test]
fn one_refresh_a_group_and_none_to_turn_round_when_none_runs() {
    let mut world = world_with("0.9.9");
    let roll_back = CloudCall::RollbackInstanceRefresh { group: legacy() };
    assert_eq!(world.apply(&roll_back, START).unwrap_err().kind, CloudErrorKind::Conflict);
    start(&mut world, 3, preferences()).unwrap();
    assert_eq!(start(&mut world, 3, preferences()).unwrap_err().kind, CloudErrorKind::Conflict);
    assert_eq!(start(&mut world, 9, preferences()).unwrap_err().kind, CloudErrorKind::NotFound);
}

#[test]
fn a_refresh_turns_round_half_way() {
    let mut world = world_with("0.9.9");
    start(&mut world, 3, preferences()).unwrap();
    world.advance(START.plus(Millis::mins(5)));
    assert!(versions(&world).contains(&3), "{:?}", versions(&world));
    world.apply(&CloudCall::RollbackInstanceRefresh { group: legacy() }, world.now()).unwrap();
    until(&mut world, &RefreshStatus::RollbackSuccessful);
    assert_eq!(versions(&world), [2; 6]);
}

#[test]
fn a_red_alarm_turns_it_round_or_ends_it() {
    for (auto_rollback, end) in [(true, RefreshStatus::RollbackSuccessful), (false, RefreshStatus::Failed)] {
        let mut world = world_with("0.9.9");
        start(&mut world, 3, RefreshPreferences { auto_rollback, ..preferences() }).unwrap();
        until(&mut world, &RefreshStatus::Baking);
        assert!(world.disturb(Disturbance::RefreshAlarm { group: legacy(), why: "legacy-5xx".to_owned() }));
        until(&mut world, &end);
        assert_eq!(versions(&world), [if auto_rollback { 2 } else { 3 }; 6]);
    }
}

#[test]
fn servers_that_never_get_healthy_turn_it_round_by_itself() {
    let mut world = world_with("2.16.0");
    start(&mut world, 3, preferences()).unwrap();
    until(&mut world, &RefreshStatus::RollbackInProgress);
    until(&mut world, &RefreshStatus::RollbackSuccessful);
    assert_eq!(versions(&world), [2; 6]);
}

#[test]
fn without_skip_matching_servers_of_the_same_version_are_replaced_too() {
    let mut world = world_with("0.9.9");
    let before: Vec<_> = world.group(&legacy()).unwrap().instances.into_iter().map(|server| server.id).collect();
    start(&mut world, 2, preferences()).unwrap();
    until(&mut world, &RefreshStatus::Successful);
    assert_eq!(world.group(&legacy()).unwrap().instances.into_iter().map(|server| server.id).collect::<Vec<_>>(), before);
    start(&mut world, 2, RefreshPreferences { skip_matching: false, ..preferences() }).unwrap();
    until(&mut world, &RefreshStatus::Successful);
    assert!(world.group(&legacy()).unwrap().instances.iter().all(|server| !before.contains(&server.id)));
}

#[test]
fn a_cancelled_refresh_leaves_what_it_replaced() {
    let mut world = world_with("0.9.9");
    start(&mut world, 3, preferences()).unwrap();
    world.advance(START.plus(Millis::mins(5)));
    world.apply(&CloudCall::CancelInstanceRefresh { group: legacy() }, world.now()).unwrap();
    until(&mut world, &RefreshStatus::Cancelled);
    world.advance(world.now().plus(Millis::mins(5)));
    let now = versions(&world);
    assert!(now.contains(&2) && now.contains(&3) && now.len() == 6, "{now:?}");
}

#[test]
fn a_server_lost_to_somebody_else_is_all_that_is_missing_while_a_refresh_replaces_the_rest() {
    for left in 1..=5 {
        let mut world = world_with("0.9.9");
        start(&mut world, 3, RefreshPreferences { max_healthy_pct: 134, ..preferences() }).unwrap();
        let to_update = |world: &World| world.refreshes(&legacy()).unwrap()[0].to_update;
        while to_update(&world) != Some(left) || status(&world) == RefreshStatus::Pending {
            world.advance(world.now().plus(Millis::secs(1)));
        }
        let group = world.group(&legacy()).unwrap();
        let old = group.instances.iter().find(|server| server.serves() && server.template_version == Some(2)).unwrap().id.clone();
        assert!(world.disturb(Disturbance::KillInstance { group: legacy(), instance: old }));
        for _ in 0..600 {
            world.advance(world.now().plus(Millis::secs(1)));
            let healthy = world.healthy_targets(&group.target_groups[0]);
            assert!(healthy >= 5, "{healthy} serve with {left} to replace, at {}", world.tick());
        }
    }
}

#[test]
fn it_does_not_matter_in_how_many_looks_a_refresh_got_somewhere() {
    let mut slow = world_with("0.9.9");
    start(&mut slow, 3, preferences()).unwrap();
    let mut fast = slow.clone();
    for minute in 1..=30 {
        slow.advance(START.plus(Millis::mins(minute)));
    }
    fast.advance(START.plus(Millis::mins(30)));
    assert_eq!(slow.digest(), fast.digest());
}
