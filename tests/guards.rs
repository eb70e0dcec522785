//! Guards as people meet them: on by default, and in nobody's way back.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::yard::{PATIENCE, Yard, ran};

const FAST: u32 = 600;
const DEPLOY: [&str; 7] = ["deploy", "web-prod", "--image", "2.14.0", "--yes", "--reason", "a test"];

fn fleet(yard: &Yard, name: &str) -> Value {
    yard.run(&["fleet", name, "--json"]).code(0).json()
}

#[test]
fn a_frozen_fleet_takes_no_deploy_until_the_freeze_is_lifted() {
    let yard = Yard::at_speed(0);
    let frozen = yard.run(&["freeze", "web-prod", "--for", "4h", "--reason", "release week"]).code(0);
    assert!(frozen.out.contains("`qd unfreeze web-prod` lifts it"), "{}", frozen.out);
    let refused = yard.run(&DEPLOY).refuses(3, &["release week", "frozen by", "qd unfreeze web-prod", "a rollback is not frozen"]);
    assert!(refused.out.is_empty());
    assert_eq!(fleet(&yard, "web-prod")["freezes"][0]["reason"], "release week");
    assert_eq!(fleet(&yard, "api-prod")["freezes"], Value::Array(Vec::new()));
    assert!(yard.run(&["fleets"]).code(0).out.contains("frozen 4h"));
    assert!(yard.run(&["doctor"]).code(0).out.contains("`qd unfreeze web-prod` lifts it"));
    yard.run(&["unfreeze", "web-prod", "--reason", "over"]).code(0);
    assert_eq!(fleet(&yard, "web-prod")["freezes"], Value::Array(Vec::new()));
    yard.speed(FAST);
    yard.run(&DEPLOY).code(0);
}

#[test]
fn a_freeze_of_all_fleets_ends_by_itself_in_world_time() {
    let yard = Yard::at_speed(0);
    yard.run(&["freeze", "--all", "--for", "1h", "--reason", "audit"]).code(0);
    yard.run(&["unfreeze", "web-prod"]).code(0);
    yard.run(&[&DEPLOY[..], &["--detach"]].concat()).refuses(3, &["all fleets are frozen", "qd unfreeze --all"]);
    yard.run(&["sim", "advance", "1h"]).code(0);
    yard.run(&[&DEPLOY[..], &["--detach"]].concat()).code(0);
}

#[test]
fn a_running_deploy_goes_on_under_a_freeze_and_the_way_back_skips_it() {
    let yard = Yard::at_speed(1);
    let id = yard.deploy("web-prod", "2.14.0");
    let frozen = yard.run(&["freeze", "--all", "--for", "30d", "--reason", "audit"]).code(0);
    assert!(frozen.out.contains(&format!("{id} is under way and goes on")), "{}", frozen.out);
    yard.speed(FAST);
    yard.run(&["wait", &id, "--timeout", "3m"]).code(0);
    let plan = yard.run(&["rollback", "web-prod", "--plan"]).code(0);
    assert!(plan.out.contains("skips the freeze: all fleets are frozen by"), "{}", plan.out);
    yard.run(&["rollback", "web-prod", "--yes"]).code(0);
}

#[test]
fn nothing_is_frozen_in_read_only_mode() {
    let yard = Yard::at_speed(FAST);
    yard.run(&["--read-only", "freeze", "web-prod", "--for", "1h", "--reason", "x"]).refuses(3, &["read-only"]);
    assert_eq!(fleet(&yard, "web-prod")["freezes"], Value::Array(Vec::new()));
}

/// A hook that appends what it is told, and what it sees of its environment, to files beside the fleets.
fn hooked(yard: &Yard) -> (String, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let (told, script, fleets) = (yard.path().join("told"), yard.path().join("page"), yard.path().join("fleets.toml"));
    let text = format!("#!/bin/sh\ncat >> {0}\nenv >> {0}.env\necho paged \"$1\"\n", told.display());
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(&fleets, format!("notify = [\"{}\", \"web team\"]\n", script.display())).unwrap();
    (format!("--config={}", fleets.display()), told)
}

/// What was told so far, once it ends with this event.
fn told(file: &Path, last: &str) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let notices: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if notices.last().is_some_and(|notice| notice["event"] == last) {
            return notices;
        }
        assert!(began.elapsed() < PATIENCE, "nobody was told of {last}: {text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn people_are_told_how_a_bake_ends() {
    let yard = Yard::at_speed(2_000);
    let (config, file) = hooked(&yard);
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/recipes/shell.toml").display().to_string();
    yard.run(&[config.as_str(), "bake", &recipe, "--yes", "--reason", "a test"]).code(0);
    let notices = told(&file, "finished");
    assert_eq!(notices.len(), 1, "{notices:?}");
    let notice = &notices[0];
    assert_eq!(
        (&notice["kind"], &notice["fleet"], &notice["state"], &notice["why"]),
        (&"bake".into(), &Value::Null, &"succeeded".into(), &"a test".into())
    );
    assert!(notice["text"].as_str().unwrap().starts_with("bake of web-shell 2.15.0 op-1: finished: "), "{notice}");
}

#[test]
fn people_are_told_when_a_deploy_backs_out_and_the_hook_gets_no_secret() {
    let yard = Yard::at_speed(300);
    let (config, file) = hooked(&yard);
    let mut command = yard.command(&[config.as_str(), "deploy", "web-prod", "--image", "2.15.0", "--yes", "--reason", "a test"]);
    command.env("AWS_SECRET_ACCESS_KEY", "planted-secret").env("AWS_SESSION_TOKEN", "planted-secret").env("PAGER_TOKEN", "planted-secret");
    ran(command).code(4);
    let notices = told(&file, "finished");
    let events: Vec<&str> = notices.iter().map(|notice| notice["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["backing_out", "finished"]);
    assert_eq!((&notices[0]["fleet"], &notices[0]["operation"], &notices[1]["state"]), (&"web-prod".into(), &"op-1".into(), &"backed_out".into()));
    assert!(notices[0]["text"].as_str().unwrap().contains("worse than stable"), "{}", notices[0]);
    assert_eq!(notices[0]["why"], "a test");
    let seen = std::fs::read_to_string(file.with_extension("env")).unwrap();
    assert!(seen.contains("PATH=") && !seen.contains("planted"), "{seen}");
    let log = std::fs::read_to_string(yard.world_dir().join("drivers/op-1.log")).unwrap();
    assert!(log.contains("it said: paged web team") && !log.contains("planted"), "{log}");
}

#[test]
fn a_hook_that_is_not_there_holds_nothing_up_and_is_said_in_the_log() {
    let yard = Yard::at_speed(FAST);
    let fleets = yard.path().join("fleets.toml");
    std::fs::write(&fleets, "notify = [\"/nowhere/page\"]\n").unwrap();
    let config = format!("--config={}", fleets.display());
    yard.run(&[&[config.as_str()][..], &DEPLOY[..]].concat()).code(0);
    yard.wait_op("op-1", "its end", |op| op["state"] == "succeeded");
    let began = Instant::now();
    loop {
        let log = std::fs::read_to_string(yard.world_dir().join("drivers/op-1.log")).unwrap();
        if log.contains("/nowhere/page: it cannot be started") {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
