//! What other hands take away or leave behind while an operation runs: a clear state, a clear sentence, a safe world.

use quarterdeck::domain::fleet::Route;
use quarterdeck::world::Disturbance;
use serde_json::Value;

use crate::ground::{disturb, serving_deploy, shares, sizes, web, weights};
use crate::support::yard::Yard;

const WAIT: [&str; 2] = ["--timeout", "3m"];

/// Lets the operation come to its end; its state and why.
fn ends(yard: &Yard, id: &str, code: i32) -> (String, String) {
    yard.speed(1_000);
    yard.run(&[&["wait", id], &WAIT[..]].concat()).code(code);
    let op = yard.op(id);
    let word = |field: &str| op[field].as_str().unwrap().to_owned();
    (word("state"), word("state_reason"))
}

fn said(yard: &Yard, id: &str) -> String {
    yard.run(&["watch", id]).out
}

fn is_at_rest(yard: &Yard) {
    assert_eq!((shares(yard), sizes(yard, "web-prod-a").unwrap().min), (Some([100, 0]), 10));
}

#[test]
fn a_candidate_s_group_that_is_deleted_ends_the_deploy_on_the_old_release() {
    let yard = Yard::at_speed(20);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.wait_op(&id, "its one box", |op| op["step"]["name"] == "one box at weight 0");
    disturb(&yard, Disturbance::DeleteGroup { group: "web-prod-b".into() });
    let (state, why) = ends(&yard, &id, 4);
    assert_eq!(state, "backed_out", "{why}");
    assert!(why.contains("server group web-prod-b does not exist"), "{why}");
    is_at_rest(&yard);
    assert!(said(&yard, &id).contains("server group web-prod-b does not exist"));
    yard.run(&["deploy", "web-prod", "--image", "2.14.0", "--yes", "--reason", "a test"]).refuses(3, &["server group web-prod-b does not exist"]);
    assert!(yard.run(&["fleets"]).code(0).out.contains("web-prod"));
}

#[test]
fn a_candidate_s_group_that_is_deleted_under_traffic_loses_it_at_once() {
    let yard = Yard::at_speed(100);
    let id = serving_deploy(&yard);
    disturb(&yard, Disturbance::DeleteGroup { group: "web-prod-b".into() });
    assert_eq!(ends(&yard, &id, 4).0, "backed_out");
    is_at_rest(&yard);
}

#[test]
fn a_stable_group_that_is_deleted_ends_the_deploy_with_what_still_serves() {
    let yard = Yard::at_speed(100);
    let id = serving_deploy(&yard);
    let before = shares(&yard);
    disturb(&yard, Disturbance::DeleteGroup { group: "web-prod-a".into() });
    let (state, why) = ends(&yard, &id, 1);
    assert_eq!(state, "failed", "{why}");
    assert!(why.contains("server group web-prod-a does not exist") && why.contains("left as it is"), "{why}");
    assert_eq!(shares(&yard), before);
    assert!(sizes(&yard, "web-prod-b").unwrap().desired > 0);
    yard.run(&["rollback", "web-prod", "--yes"]).refuses(3, &["web-prod-a does not exist"]);
}

#[test]
fn a_rule_that_is_deleted_ends_the_deploy_and_loses_nobody() {
    let yard = Yard::at_speed(100);
    let id = serving_deploy(&yard);
    let Route::Weighted { place, .. } = web(&yard).route else { panic!("web-prod has weights") };
    disturb(&yard, Disturbance::DeletePlace { place: place.arn().clone() });
    let (state, why) = ends(&yard, &id, 1);
    assert_eq!(state, "failed", "{why}");
    assert!(why.contains(&format!("{} does not exist", place.arn())), "{why}");
    assert!(sizes(&yard, "web-prod-a").unwrap().desired >= 12 && sizes(&yard, "web-prod-b").unwrap().desired > 0);
}

#[test]
fn a_bad_group_that_is_deleted_does_not_keep_a_rollback_from_its_end() {
    let yard = Yard::at_speed(100);
    serving_deploy(&yard);
    let back = yard.run(&["rollback", "web-prod", "--yes", "--detach", "--json"]).code(0).json()["id"].as_str().unwrap().to_owned();
    yard.wait_op(&back, "its traffic", |op| op["traffic_on_target_at"] != Value::Null);
    disturb(&yard, Disturbance::DeleteGroup { group: "web-prod-b".into() });
    yard.speed(1_000);
    yard.wait_op(&back, "its end", |op| op["state"] == "succeeded");
    is_at_rest(&yard);
}

#[test]
fn an_image_that_is_deregistered_before_it_is_launched_is_never_waited_for_long() {
    let yard = Yard::at_speed(1);
    let id = yard.deploy("web-prod", "2.14.0");
    let image = yard.op(&id)["to_image"].as_str().unwrap().to_owned();
    disturb(&yard, Disturbance::RemoveImage { image: image.as_str().into() });
    let (state, why) = ends(&yard, &id, 4);
    assert_eq!(state, "backed_out", "{why}");
    is_at_rest(&yard);
    assert_eq!(sizes(&yard, "web-prod-b").unwrap().desired, 0);
    yard.run(&["deploy", "web-prod", "--image", "2.14.0", "--yes", "--reason", "a test"]).refuses(3, &["2.14.0"]);
}

#[test]
fn an_image_or_template_version_that_goes_while_it_serves_grows_no_further() {
    for what in ["image", "version"] {
        // Ten minutes of waiting for servers are fifteen seconds: the driver asks for a missing image every five.
        let yard = Yard::at_speed(40);
        let id = serving_deploy(&yard);
        let op = yard.op(&id);
        let image = op["to_image"].as_str().unwrap().to_owned();
        let group = crate::ground::world(&yard).with_world(|world| world.group(&"web-prod-b".into())).unwrap().unwrap();
        let pin = group.template.unwrap();
        disturb(
            &yard,
            match what {
                "image" => Disturbance::RemoveImage { image: image.as_str().into() },
                _ => Disturbance::RemoveTemplateVersion { template: pin.id.clone(), version: pin.number().unwrap() },
            },
        );
        yard.wait_op(&id, "a stop", |op| op["state"] != "running");
        let (state, why) = ends(&yard, &id, 4);
        assert_eq!(state, "backed_out", "{what}: {why}");
        let named = format!("image {image} does not exist any more");
        assert!(what != "image" || said(&yard, &id).contains(&named), "{}", said(&yard, &id));
        is_at_rest(&yard);
    }
}

#[test]
fn a_stable_template_version_that_goes_does_not_stop_the_way_back() {
    let yard = Yard::at_speed(100);
    serving_deploy(&yard);
    let group = crate::ground::world(&yard).with_world(|world| world.group(&"web-prod-a".into())).unwrap().unwrap();
    let pin = group.template.unwrap();
    disturb(&yard, Disturbance::RemoveTemplateVersion { template: pin.id.clone(), version: pin.number().unwrap() });
    let plan = yard.run(&["rollback", "web-prod", "--plan", "--json"]).code(0).json();
    assert_eq!((plan["to"]["version"].as_str(), plan["level"].as_str()), (Some("2.13.2"), Some("R0")), "{plan:#}");
    yard.run(&["rollback", "web-prod", "--yes"]).code(0);
    assert_eq!(shares(&yard), Some([100, 0]));
}

#[test]
fn somebody_s_servers_in_the_idle_slot_are_emptied_in_sight() {
    let yard = Yard::at_speed(100);
    let group = || "web-prod-b".into();
    disturb(&yard, Disturbance::SetBounds { group: group(), min: 3, max: 3 });
    disturb(&yard, Disturbance::SetDesired { group: group(), desired: 3 });
    yard.run(&["sim", "advance", "10m"]).code(0);
    let plan = yard.run(&["deploy", "web-prod", "--image", "2.14.0", "--plan"]).code(0);
    assert!(plan.out.contains("empty web-prod-b, ends its 3 servers"), "{}", plan.out);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.speed(600);
    yard.run(&[&["wait", &id], &WAIT[..]].concat()).code(0);
    let emptied = yard.op(&id)["steps"]
        .as_array()
        .unwrap()
        .iter()
        .any(|step| step["name"].as_str().unwrap().starts_with("empty web-prod-b") && step["outcome"] == "success");
    assert!(emptied && weights(&yard) == [0, 100]);
}

#[test]
fn servers_in_both_slots_with_weight_are_nobody_s_candidate() {
    let yard = Yard::at_speed(100);
    let Route::Weighted { place, target_groups } = web(&yard).route else { panic!("web-prod has weights") };
    disturb(&yard, Disturbance::SetBounds { group: "web-prod-b".into(), min: 12, max: 12 });
    disturb(&yard, Disturbance::SetDesired { group: "web-prod-b".into(), desired: 12 });
    yard.run(&["sim", "advance", "10m"]).code(0);
    let weights = vec![(target_groups.a.clone(), 50), (target_groups.b.clone(), 50)];
    disturb(&yard, Disturbance::SetWeights { place: place.arn().clone(), weights });
    crate::ground::edit(&yard, "DELETE FROM ledger");
    yard.run(&["deploy", "web-prod", "--image", "2.14.0", "--yes", "--reason", "a test"])
        .refuses(3, &["no single live group", "qd rollback web-prod"]);
    yard.run(&["fleet", "adopt", "web-prod"]).refuses(3, &["do not tell which group", "--live a"]);
    yard.run(&["fleet", "adopt", "web-prod", "--live", "a"]).code(0);
    let plan = yard.run(&["rollback", "web-prod", "--plan", "--json"]).code(0).json();
    assert_eq!((plan["to"]["slot"].as_str(), plan["to"]["version"].as_str()), (Some("a"), Some("2.13.2")), "{plan:#}");
}
