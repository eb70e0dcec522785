//! The life of images over the wire: blocks that are tags, and a retention that asks as little as it can and removes only what nobody needs.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::endpoint::{Call, Fault, FaultKind};
use crate::support::qd::PATIENCE;
use crate::yard::{Yard, names};

/// Every image can be launched: nothing is being made.
fn at_rest() -> Yard {
    let yard = Yard::with(&["web-prod"]);
    yard.aws.image(json!({"id": yard.image("web 2.17.0"), "state": "available"}));
    yard
}

fn gc(yard: &Yard, more: &[&str]) -> Value {
    let all: Vec<&str> = ["gc", "--keep", "1", "--min-age", "1m", "--json"].into_iter().chain(more.iter().copied()).collect();
    yard.qd.run(&all).ok().json()
}

fn verdict<'a>(plan: &'a Value, id: &str) -> &'a Value {
    plan["images"].as_array().unwrap().iter().find(|image| image["id"] == id).unwrap_or_else(|| panic!("{id} is not in {plan:#}"))
}

/// Waits until the image was marked for long enough.
fn until_ripe(yard: &Yard, id: &str) {
    let asked = Instant::now();
    while verdict(&gc(yard, &["--wait", "5m"]), id)["verdict"] != "remove" {
        assert!(asked.elapsed() < PATIENCE, "{id} is never removed");
    }
}

fn because(plan: &Value, id: &str) -> String {
    verdict(plan, id)["because"].to_string()
}

fn count(calls: &[Call], action: &str) -> usize {
    calls.iter().filter(|call| call.action == action).count()
}

#[test]
fn a_block_is_three_tags_reaches_what_was_made_from_it_and_is_lifted() {
    let yard = Yard::new();
    let (base, heir) = (yard.image("web 2.14.0"), yard.image("web 2.15.0"));
    // What an image was made from never changes: a listing that is a moment old is good enough for it.
    yard.aws.image(json!({"id": heir, "source": base}));
    yard.adopt(&["web-prod"]);
    yard.aws.clear_calls();
    yard.qd.run(&["image", "block", &base, "--reason", "CVE in openssl", "--yes"]).ok();
    let writes = yard.own_writes();
    assert_eq!(names(&writes), ["CreateTags"]);
    let keys: Vec<&str> = (1..=3).map(|at| writes[0].params[&format!("Tag.{at}.Key")].as_str()).collect();
    assert_eq!(keys, ["qd:blocked", "qd:blocked-by", "qd:blocked-at"], "{:?}", writes[0].params);
    let shown = yard.qd.run(&["image", "show", &heir, "--json"]).ok().json();
    assert_eq!(shown["image"]["blocked"]["inherited_from"], base, "{shown:#}");
    assert_eq!(shown["lineage"]["ancestors"][0]["told_by"], "cloud");
    let refused = yard.qd.run(&["deploy", "web-prod", "--image", &heir, "--plan"]);
    assert!(refused.code == 3 && refused.err.contains("CVE in openssl"), "{}", refused.err);

    yard.aws.clear_calls();
    yard.qd.run(&["image", "unblock", &base, "--reason", "patched in place", "--yes"]).ok();
    assert_eq!(names(&yard.own_writes()), ["DeleteTags"]);
    let shown = yard.qd.run(&["image", "show", &heir, "--json"]).ok().json();
    assert!(shown["image"]["blocked"].is_null(), "{shown:#}");
}

#[test]
fn a_block_whose_answer_is_lost_is_found_out_by_looking() {
    let yard = at_rest();
    let image = yard.image("web 2.14.0");
    yard.aws.fault(Fault::new(FaultKind::ReplyLostAfter, "ec2", "CreateTags").times(1));
    yard.qd.run(&["image", "block", &image, "--reason", "it leaks", "--yes"]).ok();
    let shown = yard.qd.run(&["image", "show", &image, "--json"]).ok().json();
    assert_eq!((&shown["stage"], &shown["history"][0]["done"]), (&json!("blocked"), &json!(true)), "{shown:#}");
    assert_eq!(count(&yard.aws.calls(), "CreateTags"), 1, "it is not sent twice");
}

#[test]
fn a_dry_run_asks_no_more_than_the_listings_take_and_one_question_a_candidate() {
    let yard = at_rest();
    gc(&yard, &[]);
    yard.aws.clear_calls();
    let plan = gc(&yard, &[]);
    let calls: Vec<Call> = yard.aws.calls().into_iter().filter(|call| call.access_key == yard.qd.access_key()).collect();
    let state = yard.aws.state();
    let templates = count(&calls, "DescribeLaunchTemplateVersions");
    let groups = state["groups"].as_object().unwrap().len();
    let needless = plan["images"].as_array().unwrap().iter().filter(|image| image["verdict"] != "stays").count();
    assert!(needless > 0, "{plan:#}");
    // One page each of images, snapshots, servers and groups; the versions of each template; who may use each candidate and its snapshot; who we are.
    let floor = 4 + templates + 2 * needless + 1;
    assert!(templates <= groups, "{templates} of {groups}");
    eprintln!("gc dry run: {} calls, the floor is {floor} ({templates} templates, {needless} candidates)", calls.len());
    assert!(calls.len() * 10 <= floor * 11, "{} calls, the floor is {floor}: {:?}", calls.len(), names(&calls));
    assert!(yard.own_writes().is_empty());
}

#[test]
fn what_nobody_needs_is_marked_waited_for_looked_at_again_and_removed_with_its_own_snapshot() {
    let yard = at_rest();
    let [live, lonely, shared, twin] = ["web 2.13.2", "web 2.14.0", "web 2.15.0", "web 2.16.0"].map(|name| yard.image(name));
    let (status, body) = yard.aws.aws("ec2", "ModifyImageAttribute", &[("ImageId", &shared), ("LaunchPermission.Add.1.UserId", "210987654321")]);
    assert_eq!(status, 200, "{body}");
    let snapshot = verdict(&gc(&yard, &[]), &lonely)["snapshots"][0]["id"].as_str().unwrap().to_owned();
    yard.aws.image(json!({"id": twin, "stands_on": snapshot}));

    let plan = gc(&yard, &[]);
    assert_eq!(verdict(&plan, &lonely)["verdict"], "mark");
    assert!(verdict(&plan, &lonely)["snapshots"][0]["stays"].as_str().unwrap().contains("another image"), "{plan:#}");
    assert!(because(&plan, &shared).contains("shared with 210987654321"), "{plan:#}");
    assert!(because(&plan, &live).contains("launch template") || because(&plan, &live).contains("runs it"), "{plan:#}");

    yard.aws.clear_calls();
    let marked = gc(&yard, &["--apply", "--yes", "--wait", "5m"]);
    assert!(marked["marked"].as_array().unwrap().contains(&json!(lonely)) && marked["removed"] == json!([]), "{marked:#}");
    assert_eq!(count(&yard.own_writes(), "DeregisterImage"), 0);

    // Marked, and somebody needs it meanwhile.
    let (status, body) = yard.aws.aws("ec2", "RunInstances", &[("ImageId", &twin), ("MinCount", "1"), ("MaxCount", "1")]);
    assert_eq!(status, 200, "{body}");
    until_ripe(&yard, &lonely);
    let done = gc(&yard, &["--apply", "--yes", "--wait", "5m"]);
    let removed = done["removed"].as_array().unwrap();
    assert!(removed.contains(&json!(lonely)) && !removed.contains(&json!(twin)) && !removed.contains(&json!(shared)), "{done:#}");
    assert!(!done["snapshots"].as_array().unwrap().contains(&json!(snapshot)), "the twin stands on it: {done:#}");
    let images = yard.aws.state()["images"].clone();
    assert!(images.get(&lonely).is_none() && images.get(&twin).is_some() && images.get(&live).is_some());
    for call in yard.own_writes().iter().filter(|call| call.action == "DeregisterImage") {
        assert!(removed.contains(&json!(call.params["ImageId"])), "{call:?}");
    }
}

#[test]
fn nothing_is_removed_on_a_listing_with_a_lost_page() {
    let yard = at_rest();
    gc(&yard, &["--apply", "--yes", "--wait", "5m"]);
    until_ripe(&yard, &yard.image("web 2.14.0"));
    yard.aws.settings(json!({"page_size_cap": 5}));
    for action in ["DescribeImages", "DescribeSnapshots", "DescribeAutoScalingGroups"] {
        yard.aws.clear_faults();
        yard.aws.clear_calls();
        let service = if action == "DescribeAutoScalingGroups" { "autoscaling" } else { "ec2" };
        yard.aws.fault(Fault::error(service, action, 403, "UnauthorizedOperation").skip(1));
        let refused = yard.qd.run(&["gc", "--keep", "1", "--min-age", "1m", "--apply", "--yes", "--wait", "5m"]);
        assert_eq!(refused.code, 3, "{action}: {}", refused.err);
        assert!(refused.err.contains("incomplete"), "{action}: {}", refused.err);
        assert!(yard.own_writes().is_empty(), "{action}");
    }
}
