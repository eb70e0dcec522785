//! Drivers that die, answers that are lost, and two people at once.

use std::time::{Duration, Instant};

use crate::canary::{at_25_pct, deployed};
use crate::support::endpoint::{Fault, FaultKind};
use crate::support::qd::Told;
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
        assert!(began.elapsed() < Duration::from_secs(30), "{:#}", yard.qd.op(&id));
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
    assert!(told.iter().any(|one| one.code == 0), "{told:#?}");
    let second = told.iter().find(|one| one.code != 0).unwrap_or_else(|| panic!("both were first: {told:#?}"));
    second.refused(3, &[id]);
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
}
