//! One world for all who open its file, a clock that stands still alone, and files that are refused.

use super::*;
use crate::domain::fleet::{Slot, WeightedPair};

fn open(dir: &Path, speed: f64) -> SimCloud {
    SimCloud::open(dir, Scenario::Default, 1, Some(speed)).unwrap()
}

fn now(cloud: &SimCloud) -> WorldTime {
    cloud.with_world(World::now).unwrap()
}

/// Moves the anchor back, as if so much real time had passed.
fn let_pass(cloud: &SimCloud, millis: i64) {
    cloud.held().connection.execute("UPDATE clock SET anchor_wall = anchor_wall - ?1", [millis]).unwrap();
}

async fn pair(cloud: &SimCloud) -> WeightedPair {
    cloud.fleet_specs().unwrap()[0].weighted_pair().unwrap()
}

#[test]
fn two_handles_on_one_file_see_one_world() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(dir.path(), 0.0), open(dir.path(), 0.0));
    let moved = one.advance(Millis::mins(5)).unwrap();
    assert_eq!(now(&two), moved);
    let digest = |cloud: &SimCloud| cloud.with_world(World::digest).unwrap().unwrap();
    assert_eq!(digest(&one), digest(&two));
}

#[tokio::test(flavor = "current_thread")]
async fn a_call_of_one_process_is_seen_by_the_other_and_logged() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(dir.path(), 0.0), open(dir.path(), 0.0));
    let pair = pair(&one).await;
    let read = two.observe(&pair.scope(), Depth::Full).await;
    let actions = read.route.value().unwrap().with_weights(&[(pair.target_groups.b.clone(), 25)]);
    let reply = one.writer().call(&CloudCall::SetWeights { place: pair.place.clone(), actions: actions.clone() }).await.unwrap();
    assert_eq!(reply.actions, Some(actions.clone()));
    assert_eq!(two.observe(&pair.scope(), Depth::RouteAndTargets(Slot::A)).await.route.value(), Some(&actions));
    let refused = one.writer().call(&CloudCall::RaiseMin { group: "web-prod-a".into(), min: 99, max: None }).await.unwrap_err();
    assert_eq!(refused.kind, crate::domain::call::CloudErrorKind::Invalid);
    let log = two.call_log().unwrap();
    assert_eq!((log.len(), log[0].outcome.as_ref().unwrap()), (2, &reply));
}

#[test]
fn time_passes_with_the_speed_and_stands_still_while_nobody_looks() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = open(dir.path(), 10.0);
    let began = now(&cloud);
    let_pass(&cloud, 3_000);
    assert!((30..35).contains(&now(&cloud).since(began).as_secs()));
    let before = now(&cloud);
    let_pass(&cloud, 3_600_000);
    assert!((100..105).contains(&now(&cloud).since(before).as_secs()));
    let_pass(&cloud, -60_000);
    assert!(now(&cloud) >= before, "a wall clock that went back takes nothing away");
}

#[test]
fn the_last_speed_given_holds_for_everybody_and_changes_no_time() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(dir.path(), 10.0), SimCloud::open(dir.path(), Scenario::Default, 1, None).unwrap());
    let before = now(&one);
    two.set_speed(0.0).unwrap();
    assert!((one.speed_now().unwrap()).abs() < f64::EPSILON);
    let stopped = now(&one);
    assert!(stopped.since(before) < Millis::secs(20));
    let_pass(&one, 5_000);
    assert_eq!(now(&one), stopped);
    one.set_speed(10.0).unwrap();
    assert!(now(&two).since(stopped) < Millis::secs(20));
    assert!(matches!(one.set_speed(f64::NAN), Err(SimError::Speed(_))));
}

#[test]
fn a_slow_world_is_not_slower_for_being_looked_at_often() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = open(dir.path(), 0.5);
    let began = now(&cloud);
    for _ in 0..40 {
        let_pass(&cloud, 1_000);
        now(&cloud);
    }
    assert!((19..=22).contains(&now(&cloud).since(began).as_secs()));
}

#[test]
fn an_advance_by_hand_waits_for_those_who_watch() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = open(dir.path(), 0.0);
    let driver = open(dir.path(), 0.0);
    let start = now(&cloud);
    cloud.seen("driver", start).unwrap();
    let watching = std::thread::spawn(move || {
        let mut seen = vec![start];
        while seen.len() < 13 {
            let here = now(&driver);
            if seen.last() != Some(&here) {
                seen.push(here);
            }
            driver.seen("driver", here).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        seen
    });
    cloud.advance_in_steps(Millis::mins(1), ADVANCE_STEP).unwrap();
    let seen = watching.join().unwrap();
    assert_eq!(seen, (0..13).map(|nth| start.plus(Millis::secs(nth * 5))).collect::<Vec<_>>());
}

#[test]
fn an_advance_of_ages_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = open(dir.path(), 0.0).advance(Millis(u64::MAX)).unwrap_err().to_string();
    assert!(refused.contains("at most a year"), "{refused}");
}

#[test]
fn an_advance_does_not_wait_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = open(dir.path(), 0.0);
    cloud.seen("stuck", now(&cloud)).unwrap();
    let began = Instant::now();
    cloud.advance_in_steps(Millis::secs(5), ADVANCE_STEP).unwrap();
    assert!((1_900..4_000).contains(&began.elapsed().as_millis()));
    cloud.unwatch("stuck").unwrap();
    let began = Instant::now();
    cloud.advance_in_steps(Millis::mins(5), ADVANCE_STEP).unwrap();
    assert!(began.elapsed().as_secs() < 2);
}

#[test]
fn a_process_that_waits_can_keep_the_world_alive() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = open(dir.path(), 100.0);
    let before = file::read_clock(&cloud.held().connection, &cloud.shared.path).unwrap();
    let alive = cloud.keep_alive();
    std::thread::sleep(BEAT + Duration::from_millis(500));
    let after = file::read_clock(&cloud.held().connection, &cloud.shared.path).unwrap();
    assert!(after.anchor_world > before.anchor_world);
    drop(alive);
}

#[test]
fn files_that_are_no_world_are_refused_and_reset_replaces_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("world.sqlite");
    std::fs::write(&file, b"this is a letter to my aunt, and quite a long one at that, so that it is no empty database").unwrap();
    let refused = SimCloud::open(dir.path(), Scenario::Default, 1, None).err().unwrap();
    assert!(refused.to_string().contains("is not a simulated world") && refused.hint().contains("qd sim reset"), "{refused}");
    let cloud = SimCloud::reset(dir.path(), Scenario::Default, 1, Some(0.0)).unwrap();
    assert_eq!(cloud.fleet_specs().unwrap().len(), 6);
}

#[test]
fn another_program_s_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    Connection::open(dir.path().join("world.sqlite")).unwrap().execute_batch("CREATE TABLE aunts (name TEXT)").unwrap();
    assert!(matches!(SimCloud::open(dir.path(), Scenario::Default, 1, None), Err(SimError::Foreign(..))));
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_refused_even_by_reset() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), dir.path().join("world.sqlite")).unwrap();
    assert!(matches!(SimCloud::open(dir.path(), Scenario::Default, 1, None), Err(SimError::Symlink(_))));
    assert!(matches!(SimCloud::reset(dir.path(), Scenario::Default, 1, None), Err(SimError::Symlink(_))));
}

#[test]
fn a_damaged_world_says_so_and_is_never_half_read() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = open(dir.path(), 0.0);
    cloud.held().connection.execute("UPDATE world SET body = substr(body, 1, 500)", []).unwrap();
    drop(cloud);
    let refused = SimCloud::open(dir.path(), Scenario::Default, 1, None).err().unwrap();
    assert!(refused.to_string().contains("is damaged") && refused.hint().contains("qd sim reset"), "{refused}");
}

#[test]
fn a_reset_is_seen_by_those_who_have_the_file_open() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = open(dir.path(), 0.0);
    cloud.advance(Millis::mins(60)).unwrap();
    let fresh = SimCloud::reset(dir.path(), Scenario::Default, 1, Some(0.0)).unwrap();
    assert_eq!((now(&fresh), cloud.with_world(World::tick).unwrap()), (now(&cloud), 0));
}

#[test]
fn the_world_of_one_scenario_is_not_taken_for_another() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), 0.0));
    let refused = SimCloud::open(dir.path(), Scenario::Flapping, 1, None).err().unwrap().to_string();
    assert!(refused.contains("holds scenario 'default', not 'flapping'"), "{refused}");
    let flapping = SimCloud::reset(dir.path(), Scenario::Flapping, 1, Some(0.0)).unwrap();
    assert_eq!(flapping.with_world(World::scenario).unwrap(), Scenario::Flapping);
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), 0.0));
    assert_eq!(std::fs::metadata(dir.path().join("world.sqlite")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn many_open_a_new_world_at_once_and_get_the_same_one() {
    let dir = tempfile::tempdir().unwrap();
    let opening: Vec<_> = (0..6)
        .map(|_| {
            let dir = dir.path().to_owned();
            std::thread::spawn(move || open(&dir, 0.0).with_world(|world| world.start()).unwrap())
        })
        .collect();
    let starts: std::collections::BTreeSet<WorldTime> = opening.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(starts.len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn reading_everything_is_cheap() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, mover) = (open(dir.path(), 0.0), open(dir.path(), 0.0));
    let pair = pair(&reader).await;
    let mut spans = Vec::new();
    for _ in 0..20 {
        mover.advance(Millis::secs(1)).unwrap();
        let began = Instant::now();
        reader.images().await.unwrap();
        reader.groups().await.unwrap();
        reader.routes().await.unwrap();
        reader.observe(&pair.scope(), Depth::Full).await;
        spans.push(began.elapsed());
    }
    // What else the host does makes some of them slow, never all.
    let best = spans.iter().min().unwrap();
    assert!(*best < Duration::from_millis(if cfg!(debug_assertions) { 60 } else { 10 }), "{spans:?}");
}
