//! Rolling deploys and recycles with real processes on the simulated cloud: killed, taken over, turned round.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;
use support::yard::{PATIENCE, Yard};

fn legacy(yard: &Yard) -> Value {
    yard.run(&["fleet", "legacy-prod", "--json"]).code(0).json()
}

/// Waits until AWS's engine has replaced some servers and not all.
fn half_way(yard: &Yard) -> Value {
    until(yard, "half way", |fleet| matches!(fleet["refresh"]["percent"].as_u64(), Some(1..=99)))
}

fn until(yard: &Yard, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let fleet = legacy(yard);
        if wanted(&fleet) {
            return fleet;
        }
        assert!(began.elapsed() < PATIENCE, "never {what}: {fleet:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What the servers in service run.
fn images(fleet: &Value) -> Vec<String> {
    let servers = fleet["instances"].as_array().unwrap().iter().filter(|server| server["lifecycle"] == "in_service");
    let mut images: Vec<String> = servers.map(|server| server["image"].as_str().unwrap().to_owned()).collect();
    images.sort();
    images.dedup();
    images
}

fn is_over(op: &Value) -> bool {
    !["planned", "running", "holding", "backing_out"].contains(&op["state"].as_str().unwrap())
}

#[test]
fn a_killed_driver_s_refresh_goes_on_and_another_driver_attaches_to_it() {
    let yard = Yard::at_speed(100);
    let id = yard.deploy("legacy-prod", "0.9.9");
    let fleet = half_way(&yard);
    yard.speed(1);
    assert_eq!((&fleet["way_back"]["level"], &fleet["state"]), (&Value::from("R0"), &Value::from("busy")));
    yard.kill_driver(&id);
    yard.speed(100);
    yard.run(&["sim", "advance", "40m"]).code(0);
    assert_eq!(legacy(&yard)["refresh"]["status"], "successful", "AWS's engine goes on without us");
    yard.run(&["drive", "--recover"]).code(0);
    let op = yard.wait_op(&id, "an end", is_over);
    assert_eq!(op["state"], "succeeded", "{op:#}");
    let starts = op["events"].as_array().unwrap().iter().filter(|event| event["api"] == "StartInstanceRefresh").count();
    assert_eq!(starts, 1, "it was watched, not started again");
    let fleet = legacy(&yard);
    assert_eq!((&fleet["way_back"]["level"], &fleet["way_back"]["version"]), (&Value::from("R2"), &Value::from("0.9.8")));
    assert!(fleet["way_back"]["seconds"].as_u64().is_some_and(|seconds| seconds > 60), "{fleet:#}");
}

#[test]
fn a_rollback_takes_the_wheel_while_aws_works_and_again_when_it_is_done() {
    let yard = Yard::at_speed(100);
    let id = yard.deploy("legacy-prod", "0.9.9");
    let before = images(&half_way(&yard));
    yard.speed(1);
    assert_eq!(before.len(), 2);
    yard.run(&["pause", &id]).refuses(3, &["AWS's engine replaces the servers and has no pause"]);
    let sheet = yard.run(&["rollback", "legacy-prod", "--plan"]).code(0);
    assert!(sheet.out.contains("R0: AWS's engine turns round") && sheet.out.contains("RollbackInstanceRefresh"), "{}", sheet.out);
    yard.run(&["rollback", "legacy-prod", "--yes", "--detach"]).code(0);
    assert_eq!(yard.op(&id)["state"], "superseded");
    yard.speed(100);
    yard.wait_op("op-2", "an end", is_over);
    let after = until(&yard, "as before", |fleet| images(fleet).len() == 1 && fleet["state"] == "steady");
    assert_eq!(after["server_groups"][0]["version"], "0.9.8");

    let id = yard.deploy("legacy-prod", "0.9.9");
    assert_eq!(yard.wait_op(&id, "an end", is_over)["state"], "succeeded");
    let sheet = yard.run(&["rollback", "legacy-prod", "--plan"]).code(0);
    assert!(sheet.out.contains("R2: AWS's engine replaces every server again"), "{}", sheet.out);
    yard.run(&["rollback", "legacy-prod", "--yes"]).code(0);
    let after = until(&yard, "as before", |fleet| images(fleet).len() == 1 && fleet["state"] == "steady");
    assert_eq!(after["server_groups"][0]["version"], "0.9.8");
    let ledger = yard.run(&["ledger", "legacy-prod"]).code(0);
    assert!(ledger.out.lines().any(|line| line.starts_with("0.9.9") && line.contains("bad")), "{}", ledger.out);
}

#[test]
fn backing_out_brings_every_server_back() {
    let yard = Yard::at_speed(100);
    let id = yard.deploy("legacy-prod", "0.9.9");
    half_way(&yard);
    yard.speed(1);
    yard.run(&["back-out", &id]).code(0);
    yard.speed(100);
    let op = yard.wait_op(&id, "an end", is_over);
    assert_eq!(op["state"], "backed_out", "{op:#}");
    assert_eq!(images(&legacy(&yard)).len(), 1);
}

#[test]
fn a_recycle_leaves_no_server_of_before_whatever_the_fleet_is_made_of() {
    let yard = Yard::at_speed(200);
    for fleet in ["legacy-prod", "web-prod", "search-prod", "worker-prod"] {
        let servers = |document: &Value| {
            let ids = document["instances"].as_array().unwrap().iter().map(|server| server["id"].as_str().unwrap().to_owned());
            ids.collect::<std::collections::BTreeSet<_>>()
        };
        let look = || yard.run(&["fleet", fleet, "--json"]).code(0).json();
        let before = look();
        let told = yard.run(&["recycle", fleet, "--yes", "--reason", "old servers"]).code(0);
        assert!(told.out.contains("every server of") && told.out.contains("is fresh"), "{}", told.out);
        let after = look();
        assert!(servers(&before).is_disjoint(&servers(&after)), "{after:#}");
        assert_eq!(before["server_groups"][0]["version"], after["server_groups"][0]["version"]);
        assert_eq!(before["server_groups"][0]["weight"], after["server_groups"][0]["weight"]);
        assert_eq!(after["drift"], Value::Array(Vec::new()), "{fleet}");
    }
    yard.run(&["recycle", "legacy-prod", "--yes"]).code(2);
}

#[test]
fn c_opens_the_sheet_of_a_recycle_and_nothing_is_done_before_y() {
    let yard = Yard::at_speed(10);
    let mut screen = yard.terminal(120, 40, &[]);
    screen.wait_for(&["FLEETS", "legacy-prod", "6/6", "Nothing needs you"]);
    screen.send("jjjj");
    screen.wait_for(&["> legacy-prod"]);
    screen.send("C");
    screen.wait_for(&["RECYCLE legacy-prod", "skip matching off", "recycle now"]);
    screen.send_after_reading("n");
    screen.wait_until("the sheet to close", |shown| !shown.contains("RECYCLE legacy-prod"));
    screen.send("q");
    assert_eq!(screen.ends().0, 0);
    assert!(yard.run(&["ops", "--all", "--json"]).code(0).json()["operations"].as_array().unwrap().is_empty());
}

#[test]
fn servers_past_their_age_are_shown_until_they_are_recycled() {
    let yard = Yard::at_speed(200);
    let config = yard.path().join("fleets.toml");
    std::fs::write(&config, "[fleet.legacy-prod]\ngroup = \"legacy-prod\"\nfloor = 4\nmax_age = \"24h\"\n").unwrap();
    let named = format!("--config={}", config.display());
    let run = |args: &[&str]| yard.run(&[&[named.as_str()], args].concat());
    let rows = run(&["fleets"]).code(0).out;
    assert!(rows.lines().any(|row| row.starts_with("legacy-prod") && row.contains("6 past age")), "{rows}");
    let detail = run(&["fleet", "legacy-prod"]).code(0).out;
    assert!(detail.contains("6 servers are older than 1d: `qd recycle legacy-prod` replaces every server"), "{detail}");
    let sheet = run(&["recycle", "legacy-prod", "--plan"]).code(0).out;
    assert!(sheet.contains("6 servers are older than 1d") && sheet.contains("skip matching off"), "{sheet}");
    run(&["recycle", "legacy-prod", "--yes", "--reason", "a month old"]).code(0);
    let fleet = run(&["fleet", "legacy-prod", "--json"]).code(0).json();
    assert_eq!((&fleet["past_max_age"], &fleet["max_age_secs"]), (&Value::from(0), &Value::from(86_400)));
}
