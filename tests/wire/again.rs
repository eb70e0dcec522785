//! The second release: into a slot that is not empty, and of an image that was rolled back from.

use std::time::{Duration, Instant};

use crate::canary::{at_25_pct, deployed};
use crate::support::endpoint::Fault;
use crate::support::qd::PATIENCE;
use crate::yard::{Yard, names};

#[test]
fn a_second_deploy_ends_the_fast_way_back_and_makes_another() {
    let yard = Yard::with(&["web-prod"]);
    deployed(&yard, "2.14.0");
    let args = ["deploy", "web-prod", "--image", "2.15.0", "--reason", "the next one"];
    let plan = yard.qd.run(&[&args[..], &["--plan"]].concat()).ok().out;
    assert!(plan.contains("ends the fast way back to 2.13.2") && plan.contains("has to be typed"), "{plan}");
    yard.aws.clear_calls();
    let id = deployed(&yard, "2.15.0");
    assert_eq!(yard.weights("web-prod"), (100, 0));
    let state = yard.aws.state();
    let servers = state["groups"]["web-prod-a"]["instances"].as_array().unwrap();
    assert!(servers.len() == 4 && servers.iter().all(|server| server["image"] == yard.image("web 2.15.0").as_str()), "{servers:#?}");
    assert!(yard.qd.ops().iter().any(|op| op["kind"] == "retire" && op["state"] == "superseded"), "{id}: the first window ended");
    let fleet = yard.qd.json(&["fleet", "web-prod"]);
    assert_eq!((&fleet["way_back"]["level"], &fleet["way_back"]["version"]), (&"R0".into(), &"2.14.0".into()), "{fleet:#}");
    yard.qd.run(&["rollback", "web-prod", "--yes"]).ok();
    assert_eq!(yard.weights("web-prod"), (0, 100));
}

#[test]
fn an_image_that_was_rolled_back_from_may_be_tried_again() {
    let yard = Yard::with(&["web-prod"]);
    at_25_pct(&yard, "2.14.0");
    yard.qd.run(&["rollback", "web-prod", "--yes", "--reason", "it smells"]).ok();
    let rollback = yard.qd.ops()[0]["id"].as_str().unwrap().to_owned();
    yard.qd.await_state(&rollback, "succeeded");
    yard.aws.clear_calls();
    deployed(&yard, "2.14.0");
    assert_eq!(yard.weights("web-prod"), (0, 100));
    let writes = yard.aws.writes();
    assert!(!names(&writes).contains(&"CreateLaunchTemplateVersion"), "the version that is there is taken: {:?}", names(&writes));
}

/// The credentials of a driver end in the middle: it waits, changes nothing, and goes on with new ones.
#[test]
fn credentials_that_end_in_the_middle_are_waited_for() {
    let yard = Yard::with(&["web-prod"]);
    yard.qd.edit_fleets(|text| text.replace("weight = 5, soak = \"1m\"", "weight = 5, soak = \"20m\""));
    let id = yard.qd.start(&["deploy", "web-prod", "--image", "2.14.0", "--reason", "a test"]);
    let began = Instant::now();
    while yard.weights("web-prod") != (95, 5) {
        assert!(began.elapsed() < PATIENCE, "{:#}", yard.qd.op(&id));
        std::thread::sleep(Duration::from_millis(30));
    }
    for service in ["autoscaling", "elbv2", "ec2"] {
        yard.aws.fault(Fault::error(service, "*", 403, "ExpiredToken").times(100_000));
    }
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(yard.weights("web-prod"), (95, 5));
    let op = yard.qd.op(&id);
    assert!(op["driver"]["alive"] == true && ["running", "holding"].contains(&op["state"].as_str().unwrap()), "{op:#}");
    yard.aws.clear_faults();
    yard.qd.await_op(&id, "at 25 percent", |op| op["state"] == "holding" && op["state_reason"].to_string().contains("promote"));
    assert_eq!(yard.weights("web-prod"), (75, 25));
}
