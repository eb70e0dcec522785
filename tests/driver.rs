//! The driver over the simulated cloud and a real store: deploys, rollbacks, and what a second driver finds.

use std::sync::Arc;

use quarterdeck::adapters::sim::SimCloud;
use quarterdeck::adapters::store::{NewOperation, Store};
use quarterdeck::domain::ids::{FleetName, OperationId};
use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::intent::Intent;
use quarterdeck::ports::desk::{Desk, Records};
use quarterdeck::runtime::cloud::Cloud;
use quarterdeck::runtime::driver::drive;
use quarterdeck::runtime::office::{Office, OfficeSettings};
use quarterdeck::world::{DEFAULT_SEED, Scenario};

struct Yard {
    office: Arc<Office>,
    _dir: tempfile::TempDir,
}

async fn yard() -> Yard {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("sim-default");
    let store = Arc::new(Store::open(&state).unwrap());
    let cloud = SimCloud::open(&state, Scenario::Default, DEFAULT_SEED, Some(600.0)).unwrap();
    let settings = OfficeSettings { fleets_file: dir.path().join("fleets.toml"), read_only: false, time_scale: 1, driver_arguments: Vec::new() };
    let office = Arc::new(Office::new(Cloud::Sim(cloud), store, settings));
    office.adopt_declared().await.unwrap();
    Yard { office, _dir: dir }
}

impl Yard {
    async fn confirm(&self, intent: Intent) -> OperationId {
        let plan = self.office.plan(&intent).await.unwrap();
        let new = NewOperation { plan, by: self.office.who().await, reason: Some("a test".into()), at: Desk::now(&*self.office) };
        self.office.store.create(&new).unwrap()
    }

    fn print(&self, id: &OperationId) {
        let view = self.office.operation(id).unwrap();
        for event in &view.events {
            println!("{} {}", event.at.clock(), serde_json::to_string(&event.body).unwrap().chars().take(300).collect::<String>());
        }
    }
}

fn deploy(image: &str) -> Intent {
    Intent::Deploy { fleet: FleetName::new("web-prod"), image: image.to_owned(), strategy: None }
}

#[tokio::test]
async fn a_good_canary_becomes_stable_and_a_rollback_brings_the_old_release_back() {
    let yard = yard().await;
    let id = yard.confirm(deploy("2.14.0")).await;
    let driver = {
        let office = yard.office.clone();
        let id = id.clone();
        tokio::spawn(async move { drive(&office, &id).await })
    };
    let asked = std::time::Instant::now();
    while !yard.office.operation(&id).unwrap().state().is_final() && asked.elapsed().as_secs() < 60 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    yard.print(&id);
    assert_eq!(yard.office.operation(&id).unwrap().state(), OperationState::Succeeded);
    let back = yard.confirm(Intent::Rollback { fleet: FleetName::new("web-prod"), to: None }).await;
    assert_eq!(drive(&yard.office, &back).await.unwrap(), OperationState::Succeeded);
    yard.print(&back);
    driver.abort();
}
