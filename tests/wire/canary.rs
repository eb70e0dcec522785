//! A canary from A to B, and the way back.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::intents::weights_in;
use crate::support::qd::{PATIENCE, TIME_SCALE};
use crate::yard::{Yard, names, without_weights};

/// Waits until the endpoint shows these weights; all that it was sent so far.
fn await_weights(yard: &Yard, fleet: &str, until: (u64, u64)) -> Vec<(u64, u64)> {
    let began = Instant::now();
    while yard.weights(fleet) != until {
        assert!(began.elapsed() < PATIENCE, "only {:?} so far", yard.weights(fleet));
        std::thread::sleep(Duration::from_millis(50));
    }
    let (a, b) = (yard.target_group(fleet, "a"), yard.target_group(fleet, "b"));
    let sent = yard.own_writes().iter().filter(|call| call.action == "ModifyRule").map(weights_in).collect::<Vec<_>>();
    sent.iter().map(|weights| (weights[&a], weights[&b])).collect()
}

fn holds(op: &Value) -> bool {
    op["state"] == "holding"
}

/// A deploy that has come as far as 25 %, where it waits for a person.
pub fn at_25_pct(yard: &Yard, image: &str) -> String {
    let id = yard.qd.start(&["deploy", "web-prod", "--image", image, "--reason", "a test"]);
    yard.qd.await_op(&id, "holding", holds);
    id
}

/// A deploy that became stable; its retire waits for the window.
pub fn deployed(yard: &Yard, image: &str) -> String {
    let id = at_25_pct(yard, image);
    yard.qd.run(&["promote", &id, "--reason", "it looks good"]).ok();
    yard.qd.await_state(&id, "succeeded");
    id
}

#[test]
fn a_canary_goes_from_a_to_b_and_back_in_three_calls() {
    let yard = Yard::with(&["web-prod"]);
    let before = yard.actions("web-prod");
    let plan = yard.qd.run(&["deploy", "web-prod", "--image", "2.14.0", "--plan"]).ok().out;
    for words in ["timed only", "waits for promote", "sticky clients", "weight 5%", "weight 25%", "weight 100%", "QD_TIME_SCALE"] {
        assert!(plan.contains(words), "no '{words}' in {plan}");
    }
    assert!(plan.contains(TIME_SCALE), "{plan}");
    yard.nothing_happened();

    let id = yard.qd.start(&["deploy", "web-prod", "--image", "2.14.0", "--reason", "a test"]);
    assert_eq!(await_weights(&yard, "web-prod", (75, 25)), [(95, 5), (75, 25)]);
    let op = yard.qd.await_op(&id, "holding", holds);
    assert!(op["state_reason"].as_str().unwrap().contains("promote"), "{op:#}");
    assert!(yard.tags("web-prod-a")["qd:claim"].as_str().unwrap().contains(&id) && yard.tags("web-prod-b")["qd:claim"].is_string());
    yard.qd.run(&["deploy", "web-prod", "--image", "2.15.0", "--reason", "no", "--yes"]).refused(3, &["busy", &id]);
    let told = yard.qd.run(&["promote", &id]);
    assert_eq!(told.code, 2, "without a reason: {}", told.err);
    yard.qd.run(&["promote", &id, "--reason", "the dashboards are green"]).ok();
    assert_eq!(await_weights(&yard, "web-prod", (0, 100)).last(), Some(&(0, 100)));
    yard.qd.run(&["wait", &id, "--timeout", "3m"]).ok();

    let after = yard.actions("web-prod");
    assert_eq!(without_weights(&before), without_weights(&after), "nothing but weights changed");
    assert!(after.to_string().contains("seeded-client-secret") && after.to_string().contains("3600"), "{after:#}");
    assert_eq!(yard.sizes("web-prod-b")[2..], [4, 4]);
    assert!(yard.sizes("web-prod-a")[3] == 4, "the way back stays");
    let writes = yard.aws.writes();
    assert_eq!(names(&writes).iter().filter(|name| **name == "ModifyRule").count(), 3, "{:?}", names(&writes));
    let state = yard.aws.state();
    assert!(state["groups"]["web-prod-b"]["instances"].as_array().unwrap().iter().all(|server| server["image"] == yard.image("web 2.14.0").as_str()));
    assert!(yard.qd.json(&["ledger", "web-prod"]).to_string().contains("2.14.0"));
    let fleet = yard.qd.json(&["fleet", "web-prod"]);
    assert_eq!((&fleet["way_back"]["level"], &fleet["way_back"]["version"]), (&"R0".into(), &"2.13.2".into()), "{fleet:#}");
    fast_way_back(&yard, &before);
}

/// From the confirmation to the accepted ModifyRule: three calls and the sign-in. The retire's driver reads beside it, so each process has a
/// key of its own, and what planning alone asks is counted first.
fn fast_way_back(yard: &Yard, before: &Value) {
    yard.aws.clear_calls();
    yard.qd.run_with(&[("AWS_ACCESS_KEY_ID", Some("planner"))], &["rollback", "web-prod", "--plan"]).ok();
    let told = yard.qd.run_with(&[("AWS_ACCESS_KEY_ID", Some("operator"))], &["rollback", "web-prod", "--yes"]).ok();
    assert!(told.out.contains("traffic is on 2.13.2"), "{}", told.out);
    assert_eq!(yard.weights("web-prod"), (100, 0));
    assert_eq!(&yard.actions("web-prod"), before, "everything is as it was");

    let calls = yard.aws.calls();
    let planning = calls.iter().filter(|call| call.access_key == "planner").count();
    let by_operator: Vec<_> = calls.into_iter().filter(|call| call.access_key == "operator").collect();
    let (planned, acted) = by_operator.split_at(planning);
    assert!(planned.iter().all(|call| !call.is_write()), "{:?}", names(planned));
    let written = acted.iter().position(|call| call.action == "ModifyRule").unwrap_or_else(|| panic!("{:?}", names(acted)));
    let mut first: Vec<&str> = names(&acted[..=written]);
    first.retain(|name| *name != "GetCallerIdentity");
    assert_eq!(first.len(), 3, "{first:?}");
    assert!(first.contains(&"DescribeRules") && first.contains(&"DescribeTargetHealth") && first[2] == "ModifyRule", "{first:?}");
    assert_eq!(acted[written].status, Some(200));
    let took = acted[written].time - planned.last().map_or(0.0, |call| call.time);
    eprintln!("from the last read of the plan to the ModifyRule at the endpoint: {:.0} ms", took * 1000.0);

    let id = yard.qd.ops()[0]["id"].as_str().unwrap().to_owned();
    yard.qd.await_state(&id, "succeeded");
    assert_eq!(yard.sizes("web-prod-b"), [0, 0, 0, 0], "parked and drained");
    assert_eq!(yard.sizes("web-prod-a"), [4, 12, 4, 4], "the live role's sizes");
    assert!(yard.tags("web-prod-a").get("qd:claim").is_none() && yard.tags("web-prod-b").get("qd:claim").is_none(), "no claim is left");
    let ledger = yard.qd.json(&["ledger", "web-prod"]).to_string();
    assert!(ledger.contains("marked") || ledger.contains("rolled"), "{ledger}");
    assert!(yard.aws.log().matches("Traceback").count() == 0, "{}", yard.aws.log());
}
