//! Fleets without weights: two groups behind one target group, and two groups of workers behind nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::yard::Yard;

fn servers(state: &Value, group: &str) -> BTreeSet<String> {
    let all = state["groups"][group]["instances"].as_array().unwrap();
    all.iter().filter(|server| server["lifecycle"] == "InService").map(|server| server["id"].as_str().unwrap().to_owned()).collect()
}

/// The healthy targets of the shared target group.
fn targets(state: &Value, arn: &str) -> BTreeSet<String> {
    let all = state["target_groups"][arn]["targets"].as_object().unwrap();
    all.iter().filter(|(_, health)| *health == "healthy").map(|(id, _)| id.clone()).collect()
}

fn image_of(state: &Value, group: &str) -> BTreeSet<String> {
    state["groups"][group]["instances"].as_array().unwrap().iter().map(|server| server["image"].as_str().unwrap().to_owned()).collect()
}

/// Deploys, and goes back; `serves` says whether the group in this slot, and nobody else, serves.
fn there_and_back(yard: &Yard, fleet: &str, version: &str, image: &str, serves: impl Fn(&Value, &str) -> bool) {
    let id = yard.qd.start(&["deploy", fleet, "--image", version, "--reason", "a test"]);
    yard.succeed(&id);
    let (state, group) = (yard.aws.state(), yard.group(fleet, "b"));
    assert_eq!(image_of(&state, &group), BTreeSet::from([yard.image(image)]));
    assert!(serves(&state, "b"), "{:#} {:#}", state["groups"][&group], state["target_groups"]);
    let way_back = yard.qd.json(&["fleet", fleet])["way_back"].clone();
    assert_eq!(way_back["level"], "R1", "{way_back:#}");

    yard.qd.run(&["rollback", fleet, "--yes", "--detach"]).ok();
    let back = yard.qd.newest("rollback").unwrap();
    yard.succeed(&back);
    let state = yard.aws.state();
    assert!(serves(&state, "a"), "{:#} {:#}", state["groups"][yard.group(fleet, "a")], state["target_groups"]);
    assert_eq!(yard.sizes(&yard.group(fleet, "b")), [0, 0, 0, 0]);
    for slot in ["a", "b"] {
        assert!(yard.tags(&yard.group(fleet, slot)).get("qd:claim").is_none());
    }
    yard.calls_are_intents();
}

#[test]
fn groups_that_share_a_target_group_change_places_and_back() {
    let yard = Yard::with(&["search-prod"]);
    let shared = yard.target_group("search-prod", "a");
    there_and_back(&yard, "search-prod", "1.10.0", "search 1.10.0", |state, slot| {
        let own = servers(state, &yard.group("search-prod", slot));
        own.len() == 3 && targets(state, &shared) == own
    });
}

#[test]
fn workers_change_places_and_back() {
    let yard = Yard::with(&["queue-prod"]);
    there_and_back(&yard, "queue-prod", "7.1.0", "queue 7.1.0", |state, slot| servers(state, &yard.group("queue-prod", slot)).len() == 4);
}
