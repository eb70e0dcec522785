//! The driver over the simulated cloud and a real store: deploys, rollbacks, and what a second driver finds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

use std::sync::Arc;

use quarterdeck::adapters::sim::SimCloud;
use quarterdeck::adapters::store::{NewOperation, Store};
use quarterdeck::cli::GlobalOptions;
use quarterdeck::config::{Places, StoreScope};
use quarterdeck::domain::ids::{FleetName, OperationId};
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::command::Who;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::freeze::{FreezeBody, FreezeEntry};
use quarterdeck::operation::intent::Intent;
use quarterdeck::ports::desk::{Desk, Records};
use quarterdeck::runtime::cloud::Cloud;
use quarterdeck::runtime::driver::drive;
use quarterdeck::runtime::ground::Ground;
use quarterdeck::runtime::office::{Office, OfficeSettings};
use quarterdeck::world::{DEFAULT_SEED, Scenario};

struct Yard {
    office: Arc<Office>,
    world: SimCloud,
    dir: tempfile::TempDir,
}

async fn yard() -> Yard {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("sim-default");
    let store = Arc::new(Store::open(&state).unwrap());
    let cloud = SimCloud::open(&state, Scenario::Default, DEFAULT_SEED, Some(600.0)).unwrap();
    let places = Places {
        state_dir: dir.path().to_owned(),
        scope: StoreScope::Mine,
        fleets_file: dir.path().join("fleets.toml"),
        keymap_file: dir.path().join("keymap.toml"),
        theme_file: dir.path().join("theme.toml"),
        views_file: dir.path().join("views.toml"),
        recipes_dir: dir.path().join("recipes"),
    };
    let ground = Ground::of(&GlobalOptions::default(), &places);
    let settings = OfficeSettings {
        fleets_file: dir.path().join("fleets.toml"),
        read_only: false,
        time_scale: 1,
        ground,
        profile: None,
        driver_arguments: Vec::new(),
    };
    let office = Arc::new(Office::new(Cloud::Sim(cloud.clone()), store, settings));
    office.adopt_declared().await.unwrap();
    Yard { office, world: cloud, dir }
}

impl Yard {
    async fn confirm(&self, intent: Intent) -> OperationId {
        self.office.store.create(&self.new_operation(&intent).await).unwrap()
    }
}

fn deploy(image: &str) -> Intent {
    Intent::Deploy { fleet: FleetName::new("web-prod"), image: image.to_owned(), strategy: None, despite_gates: false }
}

#[tokio::test]
async fn a_good_canary_becomes_stable_and_a_rollback_brings_the_old_release_back() {
    let yard = yard().await;
    let id = yard.confirm(deploy("2.14.0")).await;
    let driver = yard.drive_in_background(&id);
    yard.until(&id, |view| view.state().is_final()).await;
    assert_eq!(yard.office.operation(&id).unwrap().state(), OperationState::Succeeded);
    let back = yard.confirm(rollback()).await;
    assert_eq!(drive(&yard.office, &back).await.unwrap(), OperationState::Succeeded);
    driver.abort();
}

fn rollback() -> Intent {
    Intent::Rollback { fleet: FleetName::new("web-prod"), to: None }
}

impl Yard {
    fn drive_in_background(&self, id: &OperationId) -> tokio::task::JoinHandle<Result<OperationState, quarterdeck::ports::desk::DeskError>> {
        let (office, id) = (self.office.clone(), id.clone());
        tokio::spawn(async move { drive(&office, &id).await })
    }

    async fn until(&self, id: &OperationId, what: impl Fn(&quarterdeck::operation::record::OperationView) -> bool) {
        let asked = std::time::Instant::now();
        while !what(&self.office.operation(id).unwrap()) {
            assert!(asked.elapsed().as_secs() < 180, "{id} never came there");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    async fn new_operation(&self, intent: &Intent) -> NewOperation {
        NewOperation {
            plan: self.office.plan(intent).await.unwrap(),
            by: self.office.who().await,
            reason: Some("a test".into()),
            at: Desk::now(&*self.office),
        }
    }
}

#[tokio::test]
async fn a_fleet_is_held_by_one_operation_and_a_second_deploy_is_told_by_which() {
    let yard = yard().await;
    let (first, second) = (yard.new_operation(&deploy("2.14.0")).await, yard.new_operation(&deploy("2.15.0")).await);
    let id = yard.office.store.create(&first).unwrap();
    let error = yard.office.store.create(&second).unwrap_err();
    assert_eq!(error.to_string(), format!("the fleet is held by operation {id}"));
}

#[tokio::test]
async fn a_rollback_takes_the_wheel_and_the_deploy_s_driver_leaves() {
    let yard = yard().await;
    let id = yard.confirm(deploy("2.14.0")).await;
    let driver = yard.drive_in_background(&id);
    yard.until(&id, |view| view.progress.calls.accepted >= 4).await;
    yard.world.set_speed(1.0).unwrap();
    let back = yard.confirm(rollback()).await;
    let error = driver.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("lease was lost"), "{error}");
    assert_eq!(yard.office.operation(&id).unwrap().state(), OperationState::Superseded);
    yard.world.set_speed(600.0).unwrap();
    assert_eq!(drive(&yard.office, &back).await.unwrap(), OperationState::Succeeded);
    let fleet = yard.office.fleet(&FleetName::new("web-prod")).await.unwrap();
    let sizes: Vec<_> = fleet.status.groups.iter().map(|group| (group.weight, group.sizes.min)).collect();
    assert_eq!(sizes, [(Some(100), 10), (Some(0), 0)], "traffic is back and every pin is given back");
}

#[tokio::test]
async fn an_operation_has_one_driver_and_a_lost_one_is_replaced() {
    let yard = yard().await;
    let id = yard.confirm(deploy("2.14.0")).await;
    let driver = yard.drive_in_background(&id);
    yard.until(&id, |view| view.driver_alive).await;
    let error = drive(&yard.office, &id).await.unwrap_err();
    assert!(error.to_string().contains("has a driver already"), "{error}");
    driver.abort();
    let _ = driver.await;
    // This process is still alive, so the lease counts until it is given back; a killed driver's is free at once.
    let epoch = yard.office.store.lease(&id).unwrap().unwrap().epoch;
    yard.office.store.release_lease(&id, epoch).unwrap();
    let second = yard.drive_in_background(&id);
    yard.until(&id, |view| view.state().is_final()).await;
    assert_eq!(yard.office.operation(&id).unwrap().state(), OperationState::Succeeded);
    second.abort();
}

#[tokio::test]
async fn events_that_are_missing_make_a_store_damaged_not_shorter() {
    let yard = yard().await;
    let id = yard.confirm(deploy("2.14.0")).await;
    let driver = yard.drive_in_background(&id);
    yard.until(&id, |view| view.events.len() > 4).await;
    driver.abort();
    let _ = driver.await;
    let file = rusqlite::Connection::open(yard.office.store.dir().join("store.sqlite")).unwrap();
    file.execute("DELETE FROM events WHERE seq = 2", []).unwrap();
    let error = yard.office.operation(&id).unwrap_err();
    assert!(error.to_string().contains("event 2 is missing"), "{error}");
}

#[tokio::test]
async fn a_driver_whose_store_was_deleted_leaves_and_people_are_told() {
    let yard = yard().await;
    let told = yard.dir.path().join("told");
    std::fs::write(&yard.office.settings.fleets_file, format!("notify = [\"/bin/sh\", \"-c\", \"cat >> {}\"]\n", told.display())).unwrap();
    let id = yard.confirm(deploy("2.14.0")).await;
    let driver = yard.drive_in_background(&id);
    yard.until(&id, |view| view.progress.calls.accepted >= 4).await;
    yard.world.set_speed(1.0).unwrap();
    std::fs::remove_dir_all(yard.office.store.dir()).unwrap();
    let error = driver.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("store.sqlite was deleted or replaced while it was in use"), "{error}");
    let told = std::fs::read_to_string(told).unwrap();
    assert!(told.contains("\"event\":\"failed\"") && told.contains("was deleted or replaced"), "{told}");
    assert!(!yard.office.store.dir().exists(), "nothing is made anew in its place");
}

#[tokio::test]
async fn a_store_that_another_one_took_the_place_of_is_not_written_to() {
    let yard = yard().await;
    let id = yard.confirm(deploy("2.14.0")).await;
    let file = yard.office.store.dir().join("store.sqlite");
    std::fs::rename(&file, file.with_extension("old")).unwrap();
    let other = Store::open(yard.office.store.dir()).unwrap();
    let error = yard.office.store.take_lease(&id).unwrap_err().to_string();
    assert!(error.contains("was deleted or replaced"), "{error}");
    assert!(other.operations(10).unwrap().is_empty());
}

#[tokio::test]
async fn of_two_people_who_confirm_at_once_one_is_first() {
    let yard = yard().await;
    let new = Arc::new(yard.new_operation(&deploy("2.14.0")).await);
    let dir = yard.office.store.dir().to_owned();
    let results: Vec<bool> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (new, dir) = (new.clone(), dir.clone());
                scope.spawn(move || Store::open(&dir).unwrap().create(&new).is_ok())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|won| **won).count(), 1);
}

fn everything_frozen(now: quarterdeck::domain::time::WorldTime) -> FreezeEntry {
    let until = now.plus(Millis::mins(60));
    FreezeEntry { fleet: None, at: now, body: FreezeBody::Frozen { until }, by: Who::default(), reason: Some("audit".into()) }
}

#[tokio::test]
async fn a_deploy_that_was_planned_before_a_freeze_is_not_begun_under_it() {
    let yard = yard().await;
    let new = yard.new_operation(&deploy("2.14.0")).await;
    yard.office.store.add_freeze(&everything_frozen(new.at)).unwrap();
    let error = yard.office.store.create(&new).unwrap_err();
    assert!(error.to_string().contains("all fleets are frozen by") && error.to_string().contains("audit"), "{error}");
    let later = NewOperation { at: new.at.plus(Millis::mins(60)), ..new };
    yard.office.store.create(&later).expect("the freeze is over by then");
}

/// The store as the version before freezes left it.
fn age(dir: &std::path::Path) {
    let file = rusqlite::Connection::open(dir.join("store.sqlite")).unwrap();
    let since = "DROP TABLE freezes; DROP TABLE image_log; ALTER TABLE operations DROP COLUMN events;
                 DROP INDEX ledger_of_a_fleet; DROP INDEX history_of_a_fleet; DROP INDEX history_of_a_kind; DROP TABLE last_round;
                 INSERT INTO snapshots VALUES ('estate', 1, '{}');";
    file.execute_batch(since).unwrap();
    file.pragma_update(None, "user_version", 1).unwrap();
}

#[tokio::test]
async fn a_store_of_an_older_version_is_brought_up_to_date_once_nobody_drives_an_operation_of_it() {
    let yard = yard().await;
    let id = yard.confirm(deploy("2.14.0")).await;
    let (store, dir) = (&yard.office.store, yard.office.store.dir());
    let lease = store.take_lease(&id).unwrap();
    let now = Desk::now(&*yard.office);
    store.keep_remark("drift web-prod", now, &"its weights").unwrap();
    age(dir);
    let error = Store::open(dir).err().unwrap().to_string();
    assert!(error.contains("older version") && error.contains("op-1"), "{error}");
    store.release_lease(&id, lease.epoch).unwrap();
    let renewed = Store::open(dir).unwrap();
    assert_eq!(renewed.operations(1).unwrap().len(), 1, "what was in it stays");
    assert_eq!(renewed.snapshot().unwrap(), None, "rounds are kept elsewhere now");
    assert_eq!(renewed.remark("drift web-prod").unwrap(), Some((now, "its weights".to_owned())));
    renewed.add_freeze(&everything_frozen(now)).unwrap();
}

#[tokio::test]
async fn gates_run_as_programs_and_one_veto_backs_the_deploy_out() {
    let yard = yard().await;
    let write = |veto: &str| {
        let gates = format!("gates = [[\"/bin/grep\", \"-q\", \"web-prod-b\"], [\"/bin/sh\", \"-c\", \"{veto}\"]]");
        std::fs::write(
            &yard.office.settings.fleets_file,
            format!("[fleet.web-prod]\nslots = [\"web-prod-a\", \"web-prod-b\"]\nfloor = 8\n{gates}\n"),
        )
        .unwrap();
    };
    write("echo no such page; exit 1");
    let id = yard.confirm(deploy("2.14.0")).await;
    assert_eq!(drive(&yard.office, &id).await.unwrap(), OperationState::BackedOut);
    let reason = yard.office.operation(&id).unwrap().progress.reason;
    assert!(reason.contains("gate sh does not let 2.14.0 pass") && reason.contains("no such page"), "{reason}");
    write("exit 0");
    let id = yard.confirm(deploy("2.14.0")).await;
    let driver = yard.drive_in_background(&id);
    yard.until(&id, |view| view.state().is_final()).await;
    driver.abort();
    let view = yard.office.operation(&id).unwrap();
    assert_eq!(view.state(), OperationState::Succeeded, "{}", view.progress.reason);
    let passed = view.events.iter().filter(|event| matches!(&event.body, EventBody::GateEnded { outcome, .. } if outcome.passed)).count();
    assert_eq!(passed, 2);
}
