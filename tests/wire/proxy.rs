//! A bad network: the fault proxy between `qd` and the endpoint, for a canary and for the way back.

use crate::support::proxy::{Proxy, Rule};
use crate::yard::{Yard, names};

/// What a canary and a rollback change the world with.
const WRITES: [(&str, &str); 5] = [
    ("autoscaling", "CreateOrUpdateTags"),
    ("autoscaling", "DeleteTags"),
    ("autoscaling", "UpdateAutoScalingGroup"),
    ("ec2", "CreateLaunchTemplateVersion"),
    ("elbv2", "ModifyRule"),
];

/// A fleet seen through a proxy that knows no fault yet.
fn behind_proxy() -> (Yard, Proxy) {
    let (yard, proxy) = Yard::behind_proxy();
    yard.adopt(&["web-prod"]);
    (yard, proxy)
}

/// Starts an operation; where the plan could not be made for lack of facts, a person tries again.
fn start(yard: &Yard, kind: &str, args: &[&str]) -> String {
    for _ in 0..40 {
        let told = yard.qd.run(&[args, &["--yes", "--detach"]].concat());
        if let Some(id) = yard.qd.newest(kind) {
            return id;
        }
        assert_ne!(told.code, 0, "nothing was started: {}", told.out);
    }
    panic!("no {kind} in forty attempts");
}

/// A whole deploy, promoted at 25 %.
fn deploy(yard: &Yard) {
    let id = start(yard, "deploy", &["deploy", "web-prod", "--image", "2.14.0", "--reason", "a test"]);
    yard.qd.await_op(&id, "waiting for promote", |op| op["state"] == "holding" && op["state_reason"].to_string().contains("promote"));
    assert_eq!(yard.weights("web-prod"), (75, 25));
    let promote = || yard.qd.run(&["promote", &id, "--reason", "it looks good"]);
    assert!((0..10).any(|_| promote().code == 0), "{:?}", promote());
    yard.qd.await_state(&id, "succeeded");
    assert_eq!(yard.weights("web-prod"), (0, 100));
}

/// The way back from it, to its very end.
fn roll_back(yard: &Yard) {
    let id = start(yard, "rollback", &["rollback", "web-prod"]);
    yard.qd.await_state(&id, "succeeded");
    assert_eq!(yard.weights("web-prod"), (100, 0));
    yard.at_rest("web-prod", "a");
}

fn count(yard: &Yard, action: &str) -> usize {
    names(&yard.aws.writes()).iter().filter(|name| **name == action).count()
}

#[test]
fn no_write_is_ever_answered_and_nothing_is_done_twice() {
    let (yard, proxy) = behind_proxy();
    let rules: Vec<Rule> = WRITES.iter().map(|(service, action)| Rule::reply_lost(service, action)).collect();
    proxy.rules(&rules);
    deploy(&yard);
    assert_eq!((count(&yard, "CreateLaunchTemplateVersion"), count(&yard, "ModifyRule")), (1, 3), "{:?}", names(&yard.aws.writes()));
    roll_back(&yard);
    assert_eq!(count(&yard, "ModifyRule"), 4, "{:?}", names(&yard.aws.writes()));
    yard.calls_are_intents();
    for (_, action) in WRITES {
        assert!(proxy.fired().iter().any(|(operation, _)| operation == action), "{action} was never in the way: {:?}", proxy.fired());
    }
}

#[test]
fn a_canary_and_its_way_back_end_well_in_bad_weather() {
    let (yard, proxy) = behind_proxy();
    proxy.rules(&[
        Rule::error("*", "*", 400, "Throttling").every(50),
        Rule::error("*", "*", 503, "ServiceUnavailable").every(60),
        Rule::reset("*", "*").every(70),
        Rule::reply_lost("*", "*").every(80),
        Rule::truncated("*", "*").every(90),
        Rule::latency("*", "*", 20, 200).every(5),
    ]);
    deploy(&yard);
    roll_back(&yard);
    proxy.clear();
    yard.calls_are_intents();
    let fired = proxy.fired();
    for kind in ["Throttling", "ServiceUnavailable", "reset", "abort", "trunc", "latency"] {
        assert!(fired.iter().any(|(_, action)| action.contains(kind)), "no {kind} in {fired:?}");
    }
}
