//! Guards as people meet them: on by default, and in nobody's way back.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

mod support;

use serde_json::Value;
use support::yard::Yard;

const FAST: u32 = 600;
const DEPLOY: [&str; 7] = ["deploy", "web-prod", "--image", "2.14.0", "--yes", "--reason", "a test"];

fn fleet(yard: &Yard, name: &str) -> Value {
    yard.run(&["fleet", name, "--json"]).code(0).json()
}

#[test]
fn a_frozen_fleet_takes_no_deploy_until_the_freeze_is_lifted() {
    let yard = Yard::at_speed(FAST);
    let frozen = yard.run(&["freeze", "web-prod", "--for", "4h", "--reason", "release week"]).code(0);
    assert!(frozen.out.contains("`qd unfreeze web-prod` lifts it"), "{}", frozen.out);
    let refused = yard.run(&DEPLOY).refuses(3, &["release week", "frozen by", "qd unfreeze web-prod", "a rollback is not frozen"]);
    assert!(refused.out.is_empty());
    assert_eq!(fleet(&yard, "web-prod")["freezes"][0]["reason"], "release week");
    assert_eq!(fleet(&yard, "api-prod")["freezes"], Value::Array(Vec::new()));
    assert!(yard.run(&["fleets"]).code(0).out.contains("frozen 3h") || yard.run(&["fleets"]).code(0).out.contains("frozen 4h"));
    assert!(yard.run(&["doctor"]).code(0).out.contains("`qd unfreeze web-prod` lifts it"));
    yard.run(&["unfreeze", "web-prod", "--reason", "over"]).code(0);
    assert_eq!(fleet(&yard, "web-prod")["freezes"], Value::Array(Vec::new()));
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
    let yard = Yard::at_speed(FAST);
    let id = yard.deploy("web-prod", "2.14.0");
    let frozen = yard.run(&["freeze", "--all", "--for", "30d", "--reason", "audit"]).code(0);
    assert!(frozen.out.contains(&format!("{id} is under way and goes on")), "{}", frozen.out);
    yard.run(&["wait", &id, "--timeout", "60s"]).code(0);
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
