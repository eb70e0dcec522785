//! What other hands delete while a deploy is at work: a clear state, a clear sentence, and what serves goes on serving.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::qd::PATIENCE;
use crate::yard::Yard;

const DEPLOY: [&str; 6] = ["deploy", "web-prod", "--image", "2.14.0", "--reason", "a test"];

/// Another hand makes a call.
fn by_hand(yard: &Yard, service: &str, action: &str, params: &[(&str, &str)]) {
    let (status, body) = yard.aws.aws(service, action, params);
    assert_eq!(status, 200, "{action}: {body}");
}

/// Waits until the deploy is as wanted, whatever it ends as.
fn until(yard: &Yard, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let op = yard.qd.op(id);
        if wanted(&op) {
            return op;
        }
        assert!(began.elapsed() < PATIENCE, "{id} never {what}: {op:#}\n{}", yard.qd.driver_log(id));
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn is_over(op: &Value) -> bool {
    ["succeeded", "backed_out", "failed", "rolled_back", "superseded"].contains(&op["state"].as_str().unwrap())
}

fn reason(op: &Value) -> String {
    op["state_reason"].as_str().unwrap().to_owned()
}

/// Everything anybody was told of the deploy.
fn said(yard: &Yard, id: &str) -> String {
    yard.qd.run(&["watch", id]).out
}

/// The healthy servers of a slot that get traffic, by the endpoint's own account.
fn serving(yard: &Yard, slot: &str) -> usize {
    let state = yard.aws.state();
    let targets = state["target_groups"][yard.target_group("web-prod", slot)]["targets"].as_object().unwrap();
    targets.values().filter(|health| *health == "healthy").count()
}

/// The template of slot B, and the version that the deploy made there.
fn made_version(yard: &Yard) -> (String, String) {
    let id = yard.aws.seed()["fleets"]["web-prod"]["slots"]["b"]["template"]["id"].as_str().unwrap().to_owned();
    let versions = yard.aws.state()["templates"][&id]["versions"].as_array().unwrap().clone();
    let newest = versions.iter().filter_map(|version| version["number"].as_u64()).max().unwrap();
    (id, newest.to_string())
}

/// With 5 % of the traffic on the candidate, which is to grow for its next step and has time until then.
fn serving_deploy() -> (Yard, String) {
    let yard = Yard::with(&["web-prod"]);
    yard.qd.edit_fleets(|text| text.replace("weight = 5, soak = \"1m\"", "weight = 5, soak = \"10m\"").replace("weight = 25,", "weight = 50,"));
    let id = yard.qd.start(&DEPLOY);
    until(&yard, &id, "serves", |_| yard.weights("web-prod") == (95, 5));
    (yard, id)
}

/// The old release has all the traffic, its servers and its sizes, and nothing is borrowed but what is gone.
fn is_back_on_the_old_release(yard: &Yard) {
    assert_eq!(yard.weights("web-prod"), (100, 0));
    assert_eq!((yard.sizes("web-prod-a"), serving(yard, "a")), ([4, 12, 4, 4], 4));
    let group = yard.aws.state()["groups"]["web-prod-a"].clone();
    assert!(group["tags"].get("qd:claim").is_none() && group["suspended"] == serde_json::json!([]), "{group:#}");
}

#[test]
fn an_image_deregistered_in_the_middle_is_named_and_the_deploy_backs_out() {
    let (yard, id) = serving_deploy();
    let image = yard.image("web 2.14.0");
    by_hand(&yard, "ec2", "DeregisterImage", &[("ImageId", &image)]);
    let op = until(&yard, &id, "holds for it", |op| op["state"] == "holding" || is_over(op));
    assert!(op["state"] == "holding" && reason(&op).contains(&format!("image {image} does not exist any more")), "{op:#}");
    assert_eq!(serving(&yard, "a"), 4, "nobody who serves is taken away meanwhile");
    yard.qd.run(&["back-out", &id, "--reason", "somebody deleted it"]).ok();
    let op = until(&yard, &id, "ends", is_over);
    assert_eq!(op["state"], "backed_out", "{op:#}");
    is_back_on_the_old_release(&yard);
    assert_eq!(yard.sizes("web-prod-b"), [0, 0, 0, 0]);
    yard.calls_are_intents();
}

#[test]
fn a_candidate_s_group_deleted_in_the_middle_loses_its_traffic_and_is_named() {
    let (yard, id) = serving_deploy();
    by_hand(&yard, "autoscaling", "DeleteAutoScalingGroup", &[("AutoScalingGroupName", "web-prod-b"), ("ForceDelete", "true")]);
    until(&yard, &id, "gives the traffic back", |_| yard.weights("web-prod") == (100, 0));
    let op = until(&yard, &id, "ends", is_over);
    assert_eq!(op["state"], "backed_out", "{op:#}");
    assert!(said(&yard, &id).contains("server group web-prod-b does not exist"), "{}", said(&yard, &id));
    is_back_on_the_old_release(&yard);
    let again = yard.qd.run(&[&DEPLOY[..], &["--yes"]].concat());
    again.refused(3, &["web-prod-b does not exist"]);
    yard.calls_are_intents();
}

#[test]
fn a_stable_group_deleted_in_the_middle_leaves_what_still_serves() {
    let (yard, id) = serving_deploy();
    by_hand(&yard, "autoscaling", "DeleteAutoScalingGroup", &[("AutoScalingGroupName", "web-prod-a"), ("ForceDelete", "true")]);
    let op = until(&yard, &id, "ends", is_over);
    assert_eq!(op["state"], "failed", "{op:#}");
    assert!(reason(&op).contains("server group web-prod-a does not exist") && reason(&op).contains("left as it is"), "{op:#}");
    assert!(yard.sizes("web-prod-b")[2] > 0 && serving(&yard, "b") > 0, "the candidate's servers are all there is");
    yard.calls_are_intents();
}

#[test]
fn a_template_version_deleted_in_the_middle_ends_on_the_old_release_with_what_cannot_be_parked_named() {
    let (yard, id) = serving_deploy();
    let (template, version) = made_version(&yard);
    by_hand(&yard, "ec2", "DeleteLaunchTemplateVersions", &[("LaunchTemplateId", &template), ("LaunchTemplateVersion.1", &version)]);
    let op = until(&yard, &id, "holds or ends", |op| op["state"] == "holding" || is_over(op));
    assert!(!reason(&op).is_empty() && op["state"] != "succeeded", "{op:#}");
    if op["state"] == "holding" {
        yard.qd.run(&["back-out", &id, "--reason", "somebody deleted it"]).ok();
    }
    let op = until(&yard, &id, "ends", is_over);
    // No change of a group is taken whose template version is gone, not even of its sizes.
    assert_eq!(op["state"], "failed", "{op:#}");
    assert!(reason(&op).contains(&format!("version {version}")) && reason(&op).contains("left as it is"), "{op:#}");
    assert_eq!((yard.weights("web-prod"), serving(&yard, "a")), ((100, 0), 4));
    yard.calls_are_intents();
}
