//! The life of images as people meet it: what is known of one, blocks that reach everything made from it, channels with their history.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

mod support;

use quarterdeck::adapters::sim::SimCloud;
use quarterdeck::world::{DEFAULT_SEED, Disturbance, Scenario};
use serde_json::{Value, json};
use support::yard::Yard;

fn disturb(yard: &Yard, what: Disturbance) {
    let cloud = SimCloud::open(&yard.world_dir(), Scenario::Default, DEFAULT_SEED, None).unwrap();
    assert!(cloud.disturb(what).unwrap());
}

fn images(yard: &Yard) -> Vec<Value> {
    yard.run(&["images", "--json"]).code(0).json()["images"].as_array().unwrap().clone()
}

/// The id of an image by its application and version.
fn id(yard: &Yard, app: &str, version: &str) -> String {
    let found = images(yard).into_iter().find(|image| image["app"] == app && image["version"] == version);
    found.unwrap_or_else(|| panic!("no {app} {version}"))["id"].as_str().unwrap().to_owned()
}

/// The image all others were baked from, which carries none of our tags.
fn base(yard: &Yard) -> String {
    let found = images(yard).into_iter().find(|image| image["app"].is_null());
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

fn show(yard: &Yard, image: &str) -> Value {
    yard.run(&["image", "show", image, "--json"]).code(0).json()
}

#[test]
fn a_blocked_base_blocks_what_was_made_from_it_and_leaves_a_work_list() {
    let yard = Yard::at_speed(0);
    let base = base(&yard);
    let plan = yard.run(&["image", "block", &base, "--reason", "CVE in openssl", "--plan", "--json"]).code(0).json();
    assert_eq!(plan["calls"][0]["api"], "CreateTags");
    let work = &plan["work"];
    assert_eq!(work["images"].as_array().unwrap().len(), 20, "{work}");
    let web = work["fleets"].as_array().unwrap().iter().find(|fleet| fleet["fleet"] == "web-prod").unwrap();
    assert_eq!((&web["servers"], &web["nearest_good"], &web["way_back"]), (&json!(12), &Value::Null, &json!(true)), "{web}");
    assert_eq!(web["launches"], json!(["web-prod-a", "web-prod-b"]));
    assert!(show(&yard, "2.14.0")["image"]["blocked"].is_null(), "a plan changes nothing");

    yard.run(&["image", "block", &base, "--reason", "CVE in openssl", "--yes"]).code(0);
    let heir = show(&yard, "2.14.0");
    assert_eq!((&heir["stage"], &heir["image"]["blocked"]["inherited_from"]), (&json!("blocked"), &json!(base)));
    yard.run(&["deploy", "web-prod", "--image", "2.14.0", "--plan"]).refuses(3, &["is blocked", &base, "CVE in openssl"]);
    let fleet = yard.run(&["fleet", "web-prod", "--json"]).code(0).json();
    assert!(fleet["way_back"]["level"].is_null() && fleet["way_back"]["blockers"][0].as_str().unwrap().contains("CVE"), "{fleet}");
    yard.run(&["image", "unblock", "2.14.0", "--reason", "it is fine", "--yes"]).refuses(3, &["not blocked itself", "qd image unblock"]);

    yard.run(&["image", "unblock", &base, "--reason", "a false alarm", "--yes"]).code(0);
    assert!(show(&yard, "2.14.0")["image"]["blocked"].is_null());
    let history = show(&yard, &base)["history"].clone();
    let said: Vec<(&Value, &Value)> = history.as_array().unwrap().iter().map(|entry| (&entry["change"], &entry["reason"])).collect();
    assert_eq!(said, [(&json!("block"), &json!("CVE in openssl")), (&json!("unblock"), &json!("a false alarm"))]);
    assert!(history[0]["done"] == true && !history[0]["by"].as_str().unwrap().is_empty());
}

#[test]
fn the_nearest_good_image_is_one_that_was_stable_here_else_the_next_newer_one() {
    let yard = Yard::at_speed(0);
    let work = |image: &str| yard.run(&["image", "block", image, "--reason", "bad", "--plan", "--json"]).code(0).json()["work"].clone();
    let of_live = work("2.13.2");
    assert_eq!(of_live["fleets"][0]["nearest_good"]["because"], "stable_here", "{of_live}");
    assert_eq!(of_live["fleets"][0]["nearest_good"]["version"], "2.13.1");
    let of_legacy = work("0.9.8");
    assert_eq!((&of_legacy["fleets"][0]["fleet"], &of_legacy["fleets"][0]["nearest_good"]["because"]), (&json!("legacy-prod"), &json!("newer")));
    let good = id(&yard, "legacy", "0.9.9");
    assert_eq!(of_legacy["fleets"][0]["command"], format!("qd deploy legacy-prod --image {good}"));
    yard.run(&of_legacy["fleets"][0]["command"].as_str().unwrap().split(' ').skip(1).chain(["--plan"]).collect::<Vec<_>>()).code(0);
}

#[test]
fn channels_are_pointers_with_a_history_and_take_only_what_is_verified() {
    let yard = Yard::at_speed(0);
    let (old, new) = (id(&yard, "web", "2.13.2"), id(&yard, "web", "2.14.0"));
    yard.run(&["image", "promote", "2.14.0", "prod", "--yes"]).code(2);
    yard.run(&["image", "promote", "2.14.0", "production", "--yes"]).code(2);
    yard.run(&["image", "promote", "2.14.0", "prod", "--yes", "--reason", "cart badge"]).code(0);
    yard.run(&["image", "promote", "2.13.2", "prod", "--yes", "--reason", "it leaks"]).code(0);
    yard.run(&["image", "promote", "2.14.0", "dev", "--yes"]).code(0);
    let doc = yard.run(&["image", "channels", "--app", "web", "--json"]).code(0).json();
    let pointers = |list: &str| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        doc[list].as_array().unwrap().iter().map(|pointer| (text(&pointer["channel"]), text(&pointer["image"]))).collect()
    };
    assert_eq!(pointers("channels"), [("prod".to_owned(), old.clone()), ("dev".to_owned(), new.clone())]);
    assert_eq!(pointers("moves").len(), 3);
    assert_eq!(show(&yard, "2.13.2")["channels"][0]["reason"], "it leaks");

    disturb(&yard, Disturbance::TagImage { image: new.as_str().into(), key: "qd:stage".to_owned(), value: Some("baked".to_owned()) });
    yard.run(&["image", "promote", "2.14.0", "stage", "--yes"]).refuses(3, &["is not verified", "qd image verify"]);
    yard.run(&["image", "verify", "2.14.0", "--reason", "looked at it", "--yes"]).code(0);
    yard.run(&["image", "promote", "2.14.0", "stage", "--yes"]).code(0);
    yard.run(&["image", "block", "2.14.0", "--reason", "it leaks", "--yes"]).code(0);
    yard.run(&["image", "promote", "2.14.0", "prod", "--reason", "hurry", "--yes"]).refuses(3, &["is blocked: it leaks"]);
}

#[test]
fn an_image_whose_gates_failed_cannot_be_vouched_for() {
    let yard = Yard::at_speed(0);
    let image = id(&yard, "web", "2.16.0");
    for (key, value) in [("qd:stage", "baked"), ("qd:gates", "failed: http")] {
        disturb(&yard, Disturbance::TagImage { image: image.as_str().into(), key: key.to_owned(), value: Some(value.to_owned()) });
    }
    yard.run(&["image", "verify", "2.16.0", "--reason", "trust me", "--yes"]).refuses(3, &["gates", "failed: http"]);
}

#[test]
fn tags_written_by_hand_are_said_and_never_guessed_from() {
    let yard = Yard::at_speed(0);
    let (one, two) = (id(&yard, "api", "5.2.0"), id(&yard, "api", "5.1.0"));
    let tag = |image: &str, key: &str, value: &str| {
        disturb(&yard, Disturbance::TagImage { image: image.into(), key: key.to_owned(), value: Some(value.to_owned()) });
    };
    tag(&one, "qd:base", &two);
    tag(&two, "qd:base", &one);
    let shown = yard.run(&["image", "show", &one]).code(0).out;
    assert!(shown.contains("name each other in a circle"), "{shown}");
    tag(&one, "qd:base", "ubuntu\u{1b}[2J");
    let shown = yard.run(&["image", "show", &one]).code(0).out;
    assert!(!shown.contains('\u{1b}'), "{shown}");
    disturb(&yard, Disturbance::RegisterTwin { image: one.as_str().into(), twin: "ami-0twin".into() });
    tag("ami-0twin", "qd:app", "api");
    tag("ami-0twin", "qd:version", "5.2.0");
    yard.run(&["image", "show", "5.2.0"]).refuses(3, &["ambiguous", &one, "ami-0twin", "by its id"]);
    yard.run(&["image", "show", "9.9.9"]).refuses(3, &["no image '9.9.9'"]);
    yard.run(&["--read-only", "image", "block", &one, "--reason", "bad", "--yes"]).refuses(3, &["--read-only"]);
    yard.run(&["image", "block", &one, "--reason", "bad"]).code(2);
}

#[test]
fn a_twin_without_tags_is_shown_with_what_can_be_known() {
    let yard = Yard::at_speed(0);
    let image = id(&yard, "api", "5.2.0");
    disturb(&yard, Disturbance::RegisterTwin { image: image.as_str().into(), twin: "ami-0twin".into() });
    let twin = show(&yard, "ami-0twin");
    assert_eq!((&twin["stage"], &twin["image"]["version"]), (&json!("unknown"), &Value::Null));
    assert!(!twin["lineage"]["ancestors"].as_array().unwrap().is_empty(), "the cloud's own record tells what it was made from");
}

fn gc(yard: &Yard, more: &[&str]) -> Value {
    let all: Vec<&str> = ["gc", "--keep", "1", "--min-age", "1h", "--json"].into_iter().chain(more.iter().copied()).collect();
    yard.run(&all).code(0).json()
}

fn verdict<'a>(plan: &'a Value, id: &str) -> &'a Value {
    plan["images"].as_array().unwrap().iter().find(|image| image["id"] == id).unwrap_or_else(|| panic!("{id} is not in {plan:#}"))
}

#[test]
fn what_nobody_needs_is_marked_then_removed_and_everything_else_says_why_it_stays() {
    let yard = Yard::at_speed(0);
    yard.run(&["gc", "--apply", "--yes"]).refuses(3, &["2.17.0", "is being made"]);
    yard.run(&["sim", "advance", "30m"]).code(0);
    let (lonely, blocked) = (id(&yard, "web", "2.14.0"), id(&yard, "web", "2.12.9"));
    let (pinned, pointed, shared, live) =
        (id(&yard, "web", "2.15.0"), id(&yard, "web", "2.16.0"), id(&yard, "api", "5.2.0"), id(&yard, "web", "2.13.2"));
    yard.run(&["image", "pin", "2.15.0", "--reason", "the auditors look at it", "--yes"]).code(0);
    yard.run(&["image", "promote", "2.16.0", "dev", "--yes"]).code(0);
    disturb(&yard, Disturbance::ShareImage { image: shared.as_str().into(), account: "210987654321".to_owned() });
    let plan = gc(&yard, &[]);
    for (image, why) in [(&pinned, "auditors"), (&pointed, "dev of web"), (&live, "runs it"), (&id(&yard, "web", "2.17.0"), "newest 1 verified")] {
        let said = verdict(&plan, image);
        assert!(said["verdict"] == "stays" && said["because"].to_string().contains(why), "{why}: {said}");
    }
    assert!(plan["images"].as_array().unwrap().iter().all(|image| image["app"].is_string()), "images of other accounts are nobody's to remove");
    for image in [&lonely, &blocked] {
        let said = verdict(&plan, image);
        assert!(said["verdict"] == "mark" && said["snapshots"][0]["bytes"].as_u64() > Some(0), "{said}");
    }
    let marked = gc(&yard, &["--apply", "--yes"]);
    assert!(marked["marked"].as_array().unwrap().contains(&json!(lonely)) && marked["removed"] == json!([]), "{marked}");
    assert_eq!(gc(&yard, &["--apply", "--yes"])["removed"], json!([]), "not before its time");
    assert_eq!(show(&yard, &lonely)["stage"], "retired");
    assert!(yard.run(&["gc", "--keep", "1", "--min-age", "1h"]).code(0).out.contains("WAIT"));

    yard.run(&["image", "pin", "2.12.9", "--reason", "to be looked at", "--yes"]).code(0);
    yard.run(&["sim", "advance", "7d"]).code(0);
    let done = gc(&yard, &["--apply", "--yes"]);
    assert!(done["removed"].as_array().unwrap().contains(&json!(lonely)) && !done["removed"].to_string().contains(&blocked), "{done}");
    assert!(done["bytes"].as_u64() > Some(0) && done["troubles"] == json!([]), "{done}");
    let left: Vec<Value> = images(&yard).into_iter().map(|image| image["id"].clone()).collect();
    assert!(!left.contains(&json!(lonely)) && left.contains(&json!(blocked)) && left.contains(&json!(pinned)));
    yard.run(&["gc", "--wait", "10s"]).code(2);
}

#[test]
fn a_deploy_takes_the_mark_away_and_a_running_bake_stops_retention() {
    let yard = Yard::at_speed(0);
    yard.run(&["sim", "advance", "30m"]).code(0);
    let image = id(&yard, "web", "2.14.0");
    gc(&yard, &["--apply", "--yes"]);
    yard.run(&["sim", "advance", "8d"]).code(0);
    yard.run(&["deploy", "web-prod", "--image", "2.14.0", "--yes", "--reason", "a test", "--detach"]).code(0);
    let plan = gc(&yard, &[]);
    assert!(verdict(&plan, &image)["because"].to_string().contains("unfinished operation"), "{}", verdict(&plan, &image));
    let done = gc(&yard, &["--apply", "--yes"]);
    assert!(done["unmarked"].as_array().unwrap().contains(&json!(image)) && !done["removed"].to_string().contains(&image), "{done}");
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/recipes/shell.toml");
    yard.run(&["bake", recipe, "--yes", "--detach"]).code(0);
    yard.run(&["gc", "--apply", "--yes"]).refuses(3, &["bake op-", "runs"]);
}
