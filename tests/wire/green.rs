//! Blue-green on a listener's default action, the window, and the slower way back.

use serde_json::json;

use crate::yard::{Yard, names, without_weights};

#[test]
fn blue_green_switches_a_listener_once_and_the_old_group_retires() {
    let yard = Yard::with(&["api-prod"]);
    yard.shorten_windows();
    let before = yard.actions("api-prod");
    let plan = yard.qd.run(&["deploy", "api-prod", "--image", "5.2.0", "--strategy", "blue-green", "--plan"]).ok().out;
    assert!(plan.contains("DNS failover") && plan.contains("ModifyListener"), "{plan}");
    let id = yard.qd.start(&["deploy", "api-prod", "--image", "5.2.0", "--strategy", "blue-green", "--reason", "a test"]);
    yard.qd.await_state(&id, "succeeded");
    assert_eq!(yard.weights("api-prod"), (0, 100));
    assert_eq!(without_weights(&before), without_weights(&yard.actions("api-prod")));
    let writes = yard.aws.writes();
    let all = names(&writes);
    let switch = all.iter().position(|name| *name == "ModifyListener").unwrap();
    assert_eq!(all.iter().filter(|name| ["ModifyListener", "ModifyRule"].contains(name)).count(), 1, "{all:?}");
    assert!(all[..switch].contains(&"CreateLaunchTemplateVersion") && all[..switch].contains(&"UpdateAutoScalingGroup"), "{all:?}");

    let retire = yard.qd.ops().into_iter().find(|op| op["kind"] == "retire").unwrap();
    let retire = retire["id"].as_str().unwrap().to_owned();
    yard.qd.await_op(&retire, "in its window", |op| op["state"] == "waiting" || op["state"] == "succeeded");
    yard.qd.await_state(&retire, "succeeded");
    assert_eq!(yard.sizes("api-prod-a"), [0, 0, 0, 0], "idle");
    assert_eq!(yard.sizes("api-prod-b"), [4, 12, 4, 4], "the live role's sizes");
    assert!(yard.tags("api-prod-a").get("qd:claim").is_none() && yard.tags("api-prod-b").get("qd:claim").is_none());
    slower_way_back(&yard);
}

/// The old group is gone: it grows first, then the weights go back.
fn slower_way_back(yard: &Yard) {
    let fleet = yard.qd.json(&["fleet", "api-prod"]);
    assert_eq!((&fleet["way_back"]["level"], &fleet["way_back"]["version"]), (&json!("R1"), &json!("5.1.0")), "{fleet:#}");
    let plan = yard.qd.json(&["rollback", "api-prod", "--plan"]);
    assert_eq!(plan["level"], "R1");
    yard.aws.clear_calls();
    let told = yard.qd.run(&["rollback", "api-prod", "--yes"]).ok();
    assert!(told.out.contains("5.1.0"), "{}", told.out);
    assert_eq!(yard.weights("api-prod"), (100, 0));
    let writes = yard.aws.writes();
    let all = names(&writes);
    let grown = all.iter().position(|name| *name == "UpdateAutoScalingGroup").unwrap();
    let shifted = all.iter().position(|name| *name == "ModifyListener").unwrap();
    assert!(grown < shifted, "{all:?}");
    let id = yard.qd.ops()[0]["id"].as_str().unwrap().to_owned();
    yard.qd.await_state(&id, "succeeded");
    assert_eq!((yard.sizes("api-prod-a")[3], yard.sizes("api-prod-b")), (4, [0, 0, 0, 0]));
}
