//! Drivers that die, answers that are lost, and two people at once.

use std::time::{Duration, Instant};

use crate::canary::{at_25_pct, deployed};
use crate::support::endpoint::{Fault, FaultKind};
use crate::support::qd::{PATIENCE, Told};
use crate::yard::{Yard, names};

fn count(yard: &Yard, action: &str) -> usize {
    names(&yard.aws.writes()).iter().filter(|name| **name == action).count()
}

#[test]
fn a_killed_driver_is_taken_over() {
    let yard = Yard::with(&["web-prod"]);
    let id = at_25_pct(&yard, "2.14.0");
    yard.qd.kill_driver(&id);
    let op = yard.qd.await_op(&id, "without a driver", |op| op["driver"]["alive"] == false);
    assert_eq!(op["state"], "holding");
    yard.qd.run(&["promote", &id, "--reason", "x"]).refused(3, &["no driver", "take-over"]);
    let doctor = yard.qd.run(&["doctor"]);
    assert!(doctor.out.contains(&id) && doctor.out.contains("--take-over"), "{}", doctor.out);
    assert_eq!(yard.weights("web-prod"), (75, 25), "it rests where it was");
    yard.qd.run(&["drive", &id, "--take-over"]).ok();
    yard.qd.await_op(&id, "driven", |op| op["driver"]["alive"] == true);
    yard.qd.run(&["drive", &id, "--take-over"]).refused(3, &["has a driver"]);
    yard.qd.await_state(&id, "holding");
    yard.qd.run(&["promote", &id, "--reason", "it goes on"]).ok();
    yard.qd.await_state(&id, "succeeded");
    assert_eq!(yard.weights("web-prod"), (0, 100));
    assert_eq!((count(&yard, "ModifyRule"), count(&yard, "CreateLaunchTemplateVersion")), (3, 1), "{:?}", names(&yard.aws.writes()));
}

/// The call was made and nobody heard the answer: the next driver looks, and sends nothing again.
#[test]
fn a_driver_killed_between_call_and_answer_sends_nothing_twice() {
    let yard = Yard::with(&["web-prod"]);
    yard.aws.fault(Fault::new(FaultKind::ReplyLostAfter, "elbv2", "ModifyRule").seconds(6.0));
    let id = yard.qd.start(&["deploy", "web-prod", "--image", "2.14.0", "--reason", "a test"]);
    let began = Instant::now();
    while yard.weights("web-prod") != (95, 5) {
        assert!(began.elapsed() < PATIENCE, "{:#}", yard.qd.op(&id));
        std::thread::sleep(Duration::from_millis(50));
    }
    yard.qd.kill_driver(&id);
    yard.aws.clear_faults();
    yard.qd.run(&["drive", "--recover"]).ok();
    let op = yard.qd.await_state(&id, "holding");
    assert_eq!((op["calls"]["unknown"].as_u64(), count(&yard, "ModifyRule")), (Some(1), 2), "{:?}", names(&yard.aws.writes()));
    yard.qd.run(&["back-out", &id]).ok();
    yard.qd.await_op(&id, "final", |op| op["driver"]["alive"] == false || yard.weights("web-prod") == (100, 0));
    assert_eq!(yard.weights("web-prod"), (100, 0));
}

#[test]
fn a_lost_reply_is_looked_for_not_sent_again() {
    let yard = Yard::with(&["web-prod"]);
    yard.aws.fault(Fault::new(FaultKind::ReplyLostAfter, "elbv2", "ModifyRule"));
    let id = at_25_pct(&yard, "2.14.0");
    let op = yard.qd.op(&id);
    assert_eq!(op["calls"]["unknown"].as_u64(), Some(1), "{op:#}");
    assert_eq!(count(&yard, "ModifyRule"), 2, "one to 5 and one to 25 percent");
    assert_eq!(yard.weights("web-prod"), (75, 25));
    yard.aws.fault(Fault::new(FaultKind::ReplyLostAfter, "elbv2", "ModifyRule"));
    let told = yard.qd.run(&["rollback", "web-prod", "--yes"]).ok();
    assert!(told.out.contains("traffic is on 2.13.2"), "{}", told.out);
    assert_eq!((yard.weights("web-prod"), count(&yard, "ModifyRule")), ((100, 0), 3));
    assert_eq!(yard.qd.op(&id)["state"], "superseded");
}

#[test]
fn two_rollbacks_at_once_make_one_effect() {
    let yard = Yard::with(&["web-prod"]);
    deployed(&yard, "2.14.0");
    yard.aws.clear_calls();
    let run = || yard.qd.run(&["rollback", "web-prod", "--yes"]);
    let told: Vec<Told> = std::thread::scope(|scope| {
        let both = [scope.spawn(run), scope.spawn(run)];
        both.map(|one| one.join().unwrap()).into_iter().collect()
    });
    let rollbacks: Vec<_> = yard.qd.ops().into_iter().filter(|op| op["kind"] == "rollback").collect();
    assert_eq!(rollbacks.len(), 1, "{told:#?}");
    let id = rollbacks[0]["id"].as_str().unwrap();
    assert!(told.iter().all(|one| one.code == 0), "the second follows the first: {told:#?}");
    let joined = |one: &&Told| one.err.contains("was first") && one.err.contains(id);
    assert_eq!(told.iter().filter(joined).count(), 1, "one of them is told who was first: {told:#?}");
    yard.qd.await_state(id, "succeeded");
    assert_eq!((yard.weights("web-prod"), count(&yard, "ModifyRule")), ((100, 0), 1));
}

#[test]
fn a_throttled_and_stumbling_cloud_is_waited_for() {
    let yard = Yard::with(&["web-prod"]);
    yard.aws.fault(Fault::new(FaultKind::Throttle, "autoscaling", "*").skip(12).times(5));
    yard.aws.fault(Fault::new(FaultKind::Error500, "elbv2", "DescribeTargetHealth").skip(10).times(4));
    yard.aws.fault(Fault::new(FaultKind::Error500After, "elbv2", "ModifyRule"));
    at_25_pct(&yard, "2.14.0");
    assert_eq!((yard.weights("web-prod"), count(&yard, "ModifyRule")), ((75, 25), 2));
    let fired = yard.aws.faults().to_string();
    assert!(!fired.contains("\"fired\": 0") && !fired.contains("\"fired\":0"), "{fired}");
}

/// The way back is in the ledger and the fleet is written down: images, templates and other people's load balancers need not be asked.
#[test]
fn the_way_back_does_not_need_ec2_or_a_whole_listing() {
    let yard = Yard::with(&["web-prod"]);
    deployed(&yard, "2.14.0");
    yard.aws.clear_calls();
    let search = yard.aws.seed()["fleets"]["search-prod"]["listener"].as_str().unwrap().to_owned();
    yard.aws.fault(Fault::error("elbv2", "DescribeRules", 403, "AccessDenied").contains(&search).times(100_000));
    yard.aws.fault(Fault::new(FaultKind::Error500, "ec2", "*").times(100_000));
    std::thread::sleep(Duration::from_secs(5)); // a round that another process read is taken for so long
    let told = yard.qd.run(&["fleets"]).ok();
    assert!(told.err.contains("load balancers are incomplete") && told.err.contains("images"), "{}", told.err);
    let told = yard.qd.run(&["rollback", "web-prod", "--yes"]).ok();
    assert!(told.out.contains("traffic is on 2.13.2"), "{}", told.out);
    assert_eq!((yard.weights("web-prod"), count(&yard, "ModifyRule")), ((100, 0), 1));
    let deploy = ["deploy", "web-prod", "--image", "2.15.0", "--reason", "x", "--yes"];
    let told = yard.qd.run(&deploy);
    assert!(told.code == 3 && told.err.contains("hint: "), "{}", told.err);
    let id = yard.qd.ops()[0]["id"].as_str().unwrap().to_owned();
    yard.qd.await_state(&id, "succeeded");
    assert_eq!(yard.sizes("web-prod-b"), [0, 0, 0, 0], "what is left over is parked without EC2 too");
}

/// Somebody else's hand on the weights stops the deploy; nothing is overwritten until a person decides.
#[test]
fn a_foreign_change_of_weights_is_shown_and_kept() {
    let yard = Yard::with(&["shop-prod"]);
    let id = yard.qd.start(&["deploy", "shop-prod", "--image", "1.5.0", "--reason", "a test"]);
    yard.qd.await_state(&id, "holding");
    let (a, b) = (yard.target_group("shop-prod", "a"), yard.target_group("shop-prod", "b"));
    let rule = yard.aws.seed()["fleets"]["shop-prod"]["rule"].as_str().unwrap().to_owned();
    let config = "Actions.member.1.ForwardConfig.TargetGroups.member";
    let fields = [
        ("RuleArn".to_owned(), rule.as_str()),
        ("Actions.member.1.Type".to_owned(), "forward"),
        (format!("{config}.1.TargetGroupArn"), a.as_str()),
        (format!("{config}.1.Weight"), "60"),
        (format!("{config}.2.TargetGroupArn"), b.as_str()),
        (format!("{config}.2.Weight"), "40"),
    ];
    let params: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let (status, body) = yard.aws.aws("elbv2", "ModifyRule", &params);
    assert_eq!(status, 200, "{body}");
    yard.aws.clear_calls();
    yard.qd.await_op(&id, "aware", |op| op["state_reason"].as_str().unwrap_or_default().contains("another hand changed the weights"));
    assert_eq!((yard.weights("shop-prod"), count(&yard, "ModifyRule")), ((60, 40), 0));
    yard.qd.run(&["back-out", &id]).ok();
    let began = Instant::now();
    while yard.qd.op(&id)["state"] != "backed_out" {
        assert!(began.elapsed() < PATIENCE, "{:#}", yard.qd.op(&id));
    }
    assert_eq!((yard.weights("shop-prod"), yard.sizes("shop-prod-green")), ((100, 0), [0, 0, 0, 0]));
    assert_eq!(yard.sizes("shop-prod-blue"), [2, 6, 2, 2]);
}

/// Servers that are slow to become healthy, and slow to drain, are waited for.
#[test]
fn slow_servers_are_waited_for() {
    let yard = Yard::with(&["shop-prod"]);
    yard.aws.settings(serde_json::json!({"initial_seconds": 2.0, "pending_seconds": 1.0, "drain_seconds": 3.0}));
    let id = yard.qd.start(&["deploy", "shop-prod", "--image", "1.5.0", "--reason", "a test"]);
    let one_box = |op: &serde_json::Value| op["steps"].to_string().contains("one server is healthy");
    let mut waited = false;
    let began = Instant::now();
    while !one_box(&yard.qd.op(&id)) {
        let state = yard.aws.state();
        let targets = state["target_groups"][&yard.target_group("shop-prod", "b")]["targets"].to_string();
        waited |= targets.contains("initial");
        assert_eq!(yard.weights("shop-prod"), (1, 0), "no weight before the one box is healthy");
        assert!(began.elapsed() < PATIENCE, "{:#}", yard.qd.op(&id));
    }
    assert!(waited, "the one box was never initial");
    yard.qd.await_state(&id, "holding");
    yard.qd.run(&["rollback", "shop-prod", "--yes"]).ok();
    assert_eq!(yard.weights("shop-prod"), (100, 0));
    let rollback = yard.qd.ops()[0]["id"].as_str().unwrap().to_owned();
    let op = yard.qd.await_state(&rollback, "succeeded");
    assert!(op["kind"] == "rollback" && yard.sizes("shop-prod-green") == [0, 0, 0, 0], "{op:#}");
    let state = yard.aws.state();
    assert_eq!(state["target_groups"][&yard.target_group("shop-prod", "b")]["targets"], serde_json::json!({}), "drained before it said so");
}
