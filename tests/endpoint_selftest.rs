//! The AWS test endpoint against its own promises: what every other AWS test builds on.
//!
//! It checks our emulation, not AWS.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use support::endpoint::{Endpoint, Fault, FaultKind};
use support::venv;

#[test]
fn the_estate_is_seeded_and_a_second_call_finds_what_the_first_changed() {
    let aws = Endpoint::start();
    assert!(aws.calls().is_empty(), "seeding is not in the log");
    let state = aws.state();
    assert_eq!(state["groups"]["web-prod-a"]["desired"], json!(4));
    assert_eq!(state["groups"]["web-prod-b"]["max"], json!(0));
    let rule = aws.seed()["fleets"]["web-prod"]["rule"].as_str().unwrap();
    let live = aws.seed()["fleets"]["web-prod"]["slots"]["a"]["target_groups"][0].as_str().unwrap();
    assert_eq!(state["rules"][rule]["weights"][live], json!(100));
    let healthy = state["target_groups"][live]["targets"].as_object().unwrap();
    assert!(healthy.len() == 4 && healthy.values().all(|t| t == "healthy"), "{healthy:?}");

    let name = ("AutoScalingGroupName", "web-prod-b");
    let (status, _) = aws.aws("autoscaling", "UpdateAutoScalingGroup", &[name, ("MaxSize", "4"), ("MinSize", "2")]);
    assert_eq!(status, 200);
    assert_eq!(aws.state()["groups"]["web-prod-b"]["desired"], json!(2));
    let writes = aws.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].params["MinSize"], "2");
    assert_eq!((writes[0].access_key.as_str(), writes[0].status), ("console", Some(200)));
}

#[test]
fn a_lost_reply_is_a_call_that_was_made() {
    let aws = Endpoint::start();
    aws.fault(Fault::new(FaultKind::ReplyLostAfter, "autoscaling", "SetDesiredCapacity").contains("batch-2"));
    let arguments = [("AutoScalingGroupName", "batch-2"), ("DesiredCapacity", "1")];
    let (status, body) = aws.aws("autoscaling", "SetDesiredCapacity", &arguments);
    assert_eq!((status, body.as_str()), (0, ""));
    assert_eq!(aws.state()["groups"]["batch-2"]["desired"], json!(1));
    assert_eq!(aws.calls()[0].fault.as_deref(), Some("reply_lost_after"));

    aws.fault(Fault::new(FaultKind::Throttle, "elbv2", "*").times(2));
    let (status, body) = aws.aws("elbv2", "DescribeLoadBalancers", &[]);
    assert_eq!(status, 400);
    assert!(body.contains("<Code>Throttling</Code>"), "{body}");
    aws.clear_faults();
    assert_eq!(aws.aws("elbv2", "DescribeLoadBalancers", &[]).0, 200);
}

#[test]
fn the_server_ends_with_its_standard_input() {
    // A test that is killed runs no destructor; its pipes close all the same.
    let python = venv::python().unwrap();
    let mut server = Command::new(python)
        .arg("-B")
        .arg(venv::sources().join("overlay.py"))
        .arg("--stdin")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(server.stdin.take());
    let deadline = Instant::now() + Duration::from_secs(20);
    let ended = loop {
        if let Some(status) = server.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > deadline {
            let _ = server.kill();
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(ended.is_some(), "the server outlived its standard input");
}

#[test]
fn the_emulation_does_what_it_promises() {
    let aws = Endpoint::start();
    let output = Command::new(venv::python().unwrap())
        .arg("-B")
        .arg(venv::sources().join("selftest.py"))
        .args(["--url", &aws.url()])
        .envs(aws.env())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", aws.log());
}
