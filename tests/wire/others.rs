//! Two stores at one fleet, answers that get lost at every kind of write, and a release that never becomes healthy.

use std::time::{Duration, Instant};

use crate::canary::{at_25_pct, deployed};
use crate::support::endpoint::{Endpoint, Fault, FaultKind};
use crate::support::qd::{PATIENCE, Qd};
use crate::yard::{Yard, names, tag};

/// The claim is a courtesy between stores, and its wait is made for people: at real speed, of two that start together one goes on.
#[test]
fn of_two_stores_that_start_together_one_goes_on() {
    let aws = Endpoint::start();
    let people = ["first", "second"].map(|key| Qd::unhurried(aws.env_with_key(key)));
    for qd in &people {
        qd.run(&["fleet", "adopt", "web-prod"]).ok();
    }
    // Both have looked before either claim arrives.
    aws.fault(Fault::new(FaultKind::Latency, "autoscaling", "CreateOrUpdateTags").seconds(1.5).times(2));
    let deploy = ["deploy", "web-prod", "--image", "2.14.0", "--reason", "a test", "--yes", "--detach", "--json"];
    let told: Vec<_> = std::thread::scope(|scope| {
        let both: Vec<_> = people.iter().map(|qd| scope.spawn(|| qd.run(&deploy))).collect();
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    // On a busy machine one may be so late that it sees the other's claim at its first look, or already when it plans.
    let refused = |at: usize| told[at].code == 3 && told[at].err.contains("claimed");
    let state = |at: usize| people[at].op(told[at].json()["id"].as_str().unwrap());
    let is_decided = |at: usize| refused(at) || state(at)["state"] == "failed" || state(at)["step"]["index"].as_u64() > Some(1);
    let began = Instant::now();
    while !(is_decided(0) && is_decided(1)) {
        assert!(began.elapsed() < PATIENCE, "{} {}", told[0].out, told[1].out);
        std::thread::sleep(Duration::from_millis(100));
    }
    let lost: Vec<usize> = (0..2).filter(|at| refused(*at) || state(*at)["state"] == "failed").collect();
    assert_eq!(lost.len(), 1, "{} {}", told[0].out, told[1].out);
    let why = if refused(lost[0]) { told[lost[0]].err.clone() } else { state(lost[0])["state_reason"].as_str().unwrap().to_owned() };
    assert!(why.contains("claimed") && why.contains("tester@") && why.contains("another store"), "{why}");
    let writes = aws.writes();
    let of_the_loser: Vec<_> =
        writes.iter().filter(|call| call.access_key == ["first", "second"][lost[0]]).map(|call| call.action.as_str()).collect();
    assert!(
        of_the_loser.iter().all(|action| *action == "CreateOrUpdateTags") && of_the_loser.len() <= 1,
        "it claimed, looked, and left: {of_the_loser:?}"
    );
}

#[test]
fn another_stores_claim_stops_a_deploy_and_is_shown_to_a_rollback() {
    let yard = Yard::with(&["web-prod"]);
    let other = Qd::new(&yard.aws);
    other.run(&["fleet", "adopt", "web-prod"]).ok();
    let id = deployed_while(&yard, |id| {
        other.run(&["deploy", "web-prod", "--image", "2.16.0", "--reason", "x", "--yes"]).refused(3, &["claimed", id, "tester@"]);
        assert!(!other.had_drivers());
    });
    assert!(yard.tags("web-prod-a").get("qd:claim").is_none(), "{id} gave its claim back");
    let claim = "op=op-9;who=ann@bastion-2;store=another;until=2999-01-01T00:00:00Z";
    tag(&yard, "CreateOrUpdateTags", "web-prod-a", "qd:claim", claim);
    let plan = yard.qd.run(&["rollback", "web-prod", "--plan"]).ok().out;
    assert!(plan.contains("claimed by others") && plan.contains("ann@bastion-2"), "{plan}");
    yard.qd.run(&["rollback", "web-prod", "--yes"]).ok();
    assert_eq!(yard.weights("web-prod"), (100, 0));
}

/// A deploy that became stable; `meanwhile` happens while it waits for a person.
fn deployed_while(yard: &Yard, meanwhile: impl FnOnce(&str)) -> String {
    let id = at_25_pct(yard, "2.14.0");
    meanwhile(&id);
    yard.qd.run(&["promote", &id, "--reason", "it looks good"]).ok();
    yard.qd.await_state(&id, "succeeded");
    id
}

/// Every kind of write loses its first answer: the deploy ends as if nothing had been, and nothing is made twice.
#[test]
fn every_answer_may_be_lost_once() {
    let yard = Yard::with(&["web-prod"]);
    let all = [("autoscaling", "CreateOrUpdateTags"), ("ec2", "CreateLaunchTemplateVersion"), ("elbv2", "ModifyRule")];
    for (service, action) in all {
        yard.aws.fault(Fault::new(FaultKind::ReplyLostAfter, service, action));
    }
    for skip in 0..3 {
        yard.aws.fault(Fault::new(FaultKind::ReplyLostAfter, "autoscaling", "UpdateAutoScalingGroup").skip(skip));
    }
    let id = deployed(&yard, "2.14.0");
    let count = |action: &str| names(&yard.aws.writes()).iter().filter(|name| **name == action).count();
    assert_eq!((count("CreateLaunchTemplateVersion"), count("ModifyRule"), yard.weights("web-prod")), (1, 3, (0, 100)));
    assert!(yard.qd.op(&id)["calls"]["unknown"].as_u64() >= Some(4), "{:#}", yard.qd.op(&id)["calls"]);
    let versions =
        yard.aws.state()["templates"][yard.aws.seed()["fleets"]["web-prod"]["slots"]["b"]["template"]["id"].as_str().unwrap()]["versions"].clone();
    assert_eq!(versions.as_array().map(Vec::len), Some(3), "{versions:#}");
}

#[test]
fn a_release_that_never_becomes_healthy_holds_and_backs_out() {
    let yard = Yard::with(&["web-prod"]);
    let (before, follow) = (yard.sizes("web-prod-a"), ["deploy", "web-prod", "--image", "2.16.0", "--reason", "a test", "--yes"]);
    let told = std::thread::scope(|scope| {
        let following = scope.spawn(|| yard.qd.run(&follow));
        let began = Instant::now();
        let id = loop {
            let op = yard.qd.ops().into_iter().next().filter(|op| op["state"] == "holding");
            if let Some(op) = op {
                break op["id"].as_str().unwrap().to_owned();
            }
            assert!(began.elapsed() < PATIENCE, "{:#?}", yard.qd.ops());
            std::thread::sleep(Duration::from_millis(100));
        };
        assert_eq!(yard.weights("web-prod"), (100, 0), "no weight on what is not healthy");
        yard.qd.run(&["back-out", &id, "--reason", "it does not come up"]).ok();
        following.join().unwrap()
    });
    assert_eq!(told.code, 4, "{} {}", told.out, told.err);
    assert!(told.out.contains("0 of 1 servers of web-prod-b are healthy") && told.out.contains("backed out"), "{}", told.out);
    assert_eq!((yard.weights("web-prod"), yard.sizes("web-prod-a"), yard.sizes("web-prod-b")), ((100, 0), before, [0, 0, 0, 0]));
    assert!(yard.tags("web-prod-a").get("qd:claim").is_none(), "{}", yard.tags("web-prod-a"));
    assert_eq!(names(&yard.aws.writes()).iter().filter(|name| **name == "ModifyRule").count(), 0);
}
