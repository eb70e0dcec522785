//! Fleets without weights, as people use them: groups that share a target group, and workers, from the first deploy to the way back.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use quarterdeck::adapters::sim::SimCloud;
use quarterdeck::world::{DEFAULT_SEED, Disturbance, Scenario};
use serde_json::Value;
use support::yard::Yard;

const FAST: u32 = 600;
/// Slow enough for somebody who looks and answers, also on a loaded machine.
const ATTENDED: u32 = 90;

/// Slot, role, version, servers and share of each group.
fn groups(yard: &Yard, fleet: &str) -> Vec<(String, String, u64, Value)> {
    let document = yard.run(&["fleet", fleet, "--json"]).code(0).json();
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let groups = document["server_groups"].as_array().unwrap().iter();
    groups.map(|group| (text(&group["role"]), text(&group["version"]), group["total"].as_u64().unwrap(), group["share_pct"].clone())).collect()
}

fn group(role: &str, version: &str, total: u64, share: u64) -> (String, String, u64, Value) {
    (role.to_owned(), version.to_owned(), total, Value::from(share))
}

/// Waits for the hold before everything, passes it, and sees the deploy through.
/// A person is slower than the world at full speed: its hold of thirty minutes would be over in three seconds.
fn promoted(yard: &Yard, id: &str) {
    yard.wait_op(id, "its last share before everything", |op| op["step"]["name"] == "share 50%");
    yard.speed(ATTENDED);
    yard.wait_op(id, "its hold", |op| op["state"] == "holding");
    yard.run(&["promote", id, "--reason", "a test"]).code(0);
    yard.speed(FAST);
    yard.wait_op(id, "its end", |op| op["state"] == "succeeded");
}

fn calls<'a>(op: &'a Value, api: &str) -> Vec<&'a str> {
    let events = op["events"].as_array().unwrap().iter();
    events.filter(|event| event["event"] == "call_intended" && event["api"] == api).map(|event| event["summary"].as_str().unwrap()).collect()
}

const ATTACH: &str = "AttachLoadBalancerTargetGroups";
const DETACH: &str = "DetachLoadBalancerTargetGroups";

#[test]
fn groups_of_one_target_group_change_places_and_a_driver_that_dies_is_replaced() {
    let yard = Yard::at_speed(FAST);
    let id = yard.deploy("search-prod", "1.10.0");
    yard.wait_op(&id, "a share", |op| op["step"]["name"].as_str().is_some_and(|name| name.starts_with("share")));
    yard.kill_driver(&id);
    yard.run(&["drive", &id, "--take-over"]).code(0);
    promoted(&yard, &id);
    let op = yard.op(&id);
    assert_eq!(calls(&op, DETACH), ["search-prod-b off search-prod", "search-prod-a off search-prod"]);
    assert_eq!(calls(&op, ATTACH), ["search-prod-b onto search-prod"]);
    assert_eq!(groups(&yard, "search-prod"), [group("standby", "1.9.0", 30, 0), group("live", "1.10.0", 30, 100)]);
    let way = yard.run(&["fleet", "search-prod", "--json"]).code(0).json()["way_back"].clone();
    assert_eq!((&way["level"], &way["version"]), (&Value::from("R1"), &Value::from("1.9.0")));
    yard.run(&["rollback", "search-prod", "--yes"]).code(0);
    let back = yard.wait_op("op-3", "its end", |op| op["state"] == "succeeded");
    assert_eq!(calls(&back, ATTACH), ["search-prod-a onto search-prod", "search-prod-b onto search-prod"], "and the idle one again at the end");
    assert_eq!(groups(&yard, "search-prod"), [group("live", "1.9.0", 30, 100), group("idle", "1.10.0", 0, 0)]);
}

#[test]
fn workers_go_on_beside_the_new_ones_and_the_way_back_ends_the_new() {
    let yard = Yard::at_speed(FAST);
    let id = yard.deploy("worker-prod", "3.4.0");
    promoted(&yard, &id);
    assert_eq!(groups(&yard, "worker-prod"), [group("standby", "3.3.0", 8, 50), group("live", "3.4.0", 8, 50)]);
    let told = yard.run(&["fleet", "worker-prod"]).code(0);
    assert!(told.out.contains("50% of 100%"), "{}", told.out);
    yard.run(&["rollback", "worker-prod", "--yes"]).code(0);
    yard.wait_op("op-3", "its end", |op| op["state"] == "succeeded");
    assert_eq!(groups(&yard, "worker-prod"), [group("live", "3.3.0", 8, 100), group("idle", "3.4.0", 0, 0)]);
    let ledger = yard.run(&["ledger", "worker-prod"]).code(0);
    assert!(ledger.out.lines().any(|line| line.contains("3.4.0") && line.contains("bad")), "{}", ledger.out);
}

#[test]
fn a_blue_green_of_each_backs_out_and_what_no_group_launches_any_more_is_launched_anew() {
    let yard = Yard::at_speed(FAST);
    for (fleet, image, live, earlier, need) in [("search-prod", "1.10.0", "1.9.0", "1.8.4", 30), ("worker-prod", "3.4.0", "3.3.0", "3.2.1", 8)] {
        let asked = ["deploy", fleet, "--image", image, "--strategy", "blue-green", "--yes", "--reason", "a test", "--detach", "--json"];
        let id = yard.run(&asked).code(0).json()["id"].as_str().unwrap().to_owned();
        yard.wait_op(&id, "everything", |op| op["step"]["name"] == "share 100%");
        yard.run(&["back-out", &id, "--reason", "a test"]).code(0);
        yard.wait_op(&id, "its end", |op| op["state"] == "backed_out");
        assert_eq!(groups(&yard, fleet), [group("live", live, need, 100), group("idle", image, 0, 0)]);
        let plan = yard.run(&["rollback", fleet, "--plan"]).code(0);
        assert!(plan.out.contains("R2: the image is launched anew"), "{}", plan.out);
        yard.run(&["rollback", fleet, "--yes"]).code(0);
        assert_eq!(groups(&yard, fleet)[1], group("live", earlier, need, 100));
    }
}

#[test]
fn a_group_that_another_hand_took_off_is_shown_and_not_deployed_to() {
    let yard = Yard::at_speed(FAST);
    let drift = |yard: &Yard| yard.run(&["fleet", "search-prod", "--json"]).code(0).json()["drift"].clone();
    assert_eq!(drift(&yard), Value::Array(Vec::new()));
    let cloud = SimCloud::open(&yard.world_dir(), Scenario::Default, DEFAULT_SEED, None).unwrap();
    let target_group = cloud.with_world(|world| world.group(&"search-prod-b".into()).unwrap().target_groups[0].clone()).unwrap();
    assert!(cloud.disturb(Disturbance::Detach { group: "search-prod-b".into(), target_group }).unwrap());
    let found = drift(&yard);
    assert_eq!((&found[0]["kind"], &found[0]["subject"]), (&Value::from("attachment"), &Value::from("search-prod-b")), "{found:#}");
    yard.run(&["deploy", "search-prod", "--image", "1.10.0", "--plan"]).refuses(3, &["search-prod-b", "no operation took it off"]);
}
