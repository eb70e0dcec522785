//! The way back as people meet it: launched anew, rehearsed, several at once, joined, and what another hand changed.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

mod support;

use quarterdeck::adapters::sim::SimCloud;
use quarterdeck::domain::group::PinnedVersion;
use quarterdeck::world::{DEFAULT_SEED, Disturbance, Scenario};
use serde_json::Value;
use support::yard::Yard;

const FAST: u32 = 600;

fn deploy(yard: &Yard, fleet: &str, image: &str) {
    yard.run(&["deploy", fleet, "--image", image, "--strategy", "blue-green", "--yes", "--reason", "a test"]).code(0);
}

fn fleet(yard: &Yard, name: &str) -> Value {
    yard.run(&["fleet", name, "--json"]).code(0).json()
}

/// What another hand does to the world.
fn disturb(yard: &Yard, what: Disturbance) {
    let cloud = SimCloud::open(&yard.world_dir(), Scenario::Default, DEFAULT_SEED, None).unwrap();
    assert!(cloud.disturb(what).unwrap());
}

/// 2.13.2 in A, 2.14.0 in B, 2.13.1 in A again: 2.13.2 is on no group any more, and 2.14.0 is known to be bad.
fn twice_deployed() -> Yard {
    let yard = Yard::with_long_windows(FAST);
    deploy(&yard, "web-prod", "2.14.0");
    deploy(&yard, "web-prod", "2.13.1");
    yard.run(&["ledger", "web-prod", "mark", "2.14.0", "--reason", "it leaks"]).code(0);
    yard
}

#[test]
fn a_release_on_no_group_is_launched_anew_and_known_in_its_new_place() {
    let yard = twice_deployed();
    let before = fleet(&yard, "web-prod")["way_back"].clone();
    assert_eq!((&before["level"], &before["version"]), (&Value::from("R2"), &Value::from("2.13.2")));
    assert!(before["seconds"].as_u64().unwrap() > 60, "{before}");
    let plan = yard.run(&["rollback", "web-prod", "--plan", "--json"]).code(0).json();
    assert_eq!((&plan["level"], &plan["friction"]), (&Value::from("R2"), &Value::from("confirm")));
    yard.run(&["rollback", "web-prod", "--yes"]).code(0);
    yard.wait_op("op-5", "its end", |op| op["state"] == "succeeded");
    let after = fleet(&yard, "web-prod");
    let b = &after["server_groups"][1];
    assert_eq!((&b["version"], &b["share_pct"]), (&Value::from("2.13.2"), &Value::from(100)));
    let ledger = yard.run(&["ledger", "web-prod"]).code(0).out;
    let good = ledger.lines().find(|line| line.starts_with("2.13.2")).unwrap();
    assert!(good.contains("web-prod-b:3") && good.contains("rolled back to"), "{ledger}");
    assert!(ledger.lines().any(|line| line.starts_with("2.13.1") && line.contains("bad")), "{ledger}");
    assert_eq!(after["way_back"]["level"], Value::Null, "the same image in another place is no way back");
    yard.run(&["rollback", "web-prod", "--yes"]).refuses(3, &["no way back"]);
}

#[test]
fn a_rehearsal_changes_nothing_and_is_remembered() {
    let yard = twice_deployed();
    let calls = |yard: &Yard| SimCloud::open(&yard.world_dir(), Scenario::Default, DEFAULT_SEED, None).unwrap().call_log().unwrap().len();
    let (before, ops) = (calls(&yard), yard.run(&["ops", "--all", "--json"]).json()["operations"].as_array().unwrap().len());
    let told = yard.run(&["rollback", "web-prod", "--rehearse", "--json"]).code(0).json();
    assert_eq!((&told["proved"], &told["level"]), (&Value::from(true), &Value::from("R2")));
    let findings = told["findings"].to_string();
    assert!(findings.contains("CreateLaunchTemplateVersion: a dry run was accepted") && findings.contains("no dry run of them"), "{findings}");
    assert_eq!(calls(&yard), before);
    assert_eq!(yard.run(&["ops", "--all", "--json"]).json()["operations"].as_array().unwrap().len(), ops);
    assert_eq!(fleet(&yard, "web-prod")["way_back"]["rehearsed"]["proved"], Value::from(true));
    assert!(yard.run(&["fleet", "web-prod"]).code(0).out.contains("rehearsed "));
    yard.run(&["rollback", "admin-prod", "--rehearse"]).refuses(3, &["no way back", "is gone"]);
}

#[test]
fn a_standby_the_load_balancer_does_not_call_healthy_is_no_fast_way_back() {
    let yard = Yard::with_long_windows(FAST);
    deploy(&yard, "web-prod", "2.14.0");
    yard.speed(1);
    let proved = fleet(&yard, "web-prod")["way_back"].clone();
    assert_eq!((&proved["level"], &proved["stale"]), (&Value::from("R0"), &Value::from(false)));
    assert!(proved["proved_at"].is_string(), "{proved}");
    let arn = target_group(&yard, "web-prod", "a");
    disturb(&yard, Disturbance::UnreadableHealth { target_group: arn, span: quarterdeck::domain::time::Millis::mins(30) });
    yard.run(&["rollback", "web-prod", "--rehearse"]).code(3);
    let told = yard.run(&["rollback", "web-prod", "--rehearse"]);
    assert!(told.out.contains("not proved, nothing was changed"), "{}", told.out);
}

fn target_group(yard: &Yard, name: &str, slot: &str) -> quarterdeck::domain::ids::TargetGroupArn {
    let cloud = SimCloud::open(&yard.world_dir(), Scenario::Default, DEFAULT_SEED, None).unwrap();
    let spec = cloud.fleet_specs().unwrap().into_iter().find(|spec| spec.name.as_str() == name).unwrap();
    let slot = if slot == "a" { quarterdeck::domain::fleet::Slot::A } else { quarterdeck::domain::fleet::Slot::B };
    spec.route.target_group(slot).unwrap().clone()
}

#[test]
fn several_fleets_are_rolled_back_at_once_and_a_refusal_stops_no_other() {
    let yard = Yard::with_long_windows(FAST);
    deploy(&yard, "web-prod", "2.14.0");
    deploy(&yard, "api-prod", "5.2.0");
    let told = yard.run(&["rollback", "web-prod", "api-prod", "admin-prod", "web-prod", "--yes", "--json"]).code(3).json();
    let of = |name: &str| told["fleets"].as_array().unwrap().iter().find(|line| line["fleet"] == name).unwrap().clone();
    assert_eq!(told["fleets"].as_array().unwrap().len(), 3, "a fleet named twice counts once");
    assert_eq!((&of("web-prod")["exit"], &of("api-prod")["exit"], &of("admin-prod")["exit"]), (&0.into(), &0.into(), &3.into()));
    assert!(of("admin-prod")["refusal"]["reason"].as_str().unwrap().contains("is gone"));
    assert_ne!(of("web-prod")["operation"]["id"], of("api-prod")["operation"]["id"]);
    for name in ["web-prod", "api-prod"] {
        assert_eq!(fleet(&yard, name)["server_groups"][0]["share_pct"], Value::from(100), "{name}");
    }
    yard.run(&["rollback", "web-prod", "api-prod", "--to", "2.13.2", "--yes"]).refuses(2, &["one fleet"]);
}

#[test]
fn a_second_person_joins_the_rollback_that_is_at_work() {
    let yard = Yard::with_long_windows(FAST);
    deploy(&yard, "web-prod", "2.14.0");
    yard.speed(1);
    yard.run(&["rollback", "web-prod", "--yes"]).code(0);
    let joined = yard.run(&["rollback", "web-prod", "--yes"]).code(0);
    assert!(joined.err.contains("joined:") && joined.err.contains("was first"), "{}", joined.err);
    let rollbacks =
        yard.run(&["ops", "--all", "--json"]).json()["operations"].as_array().unwrap().iter().filter(|op| op["kind"] == "rollback").count();
    assert_eq!(rollbacks, 1, "one effect");
    let back = &fleet(&yard, "web-prod")["way_back"];
    assert_eq!((&back["version"], &back["level"]), (&Value::from("2.13.1"), &Value::from("R2")), "2.13.2 serves already: {back:#}");
    assert!(back["blockers"][0].as_str().unwrap().contains("goes back to 2.13.2 and is not over: another rollback joins it"), "{back:#}");
}

#[test]
fn weights_and_templates_changed_by_another_hand_are_shown_and_not_taken_for_good() {
    let yard = Yard::with_long_windows(FAST);
    deploy(&yard, "web-prod", "2.14.0");
    assert_eq!(fleet(&yard, "web-prod")["drift"], Value::Array(Vec::new()));
    disturb(&yard, Disturbance::ChangeTemplate { group: "web-prod-a".into(), version: PinnedVersion::Number(1) });
    let place = yard.run(&["rollback", "web-prod", "--plan", "--json"]).json()["route"].as_str().unwrap().to_owned();
    let weights = vec![(target_group(&yard, "web-prod", "a"), 100), (target_group(&yard, "web-prod", "b"), 0)];
    disturb(&yard, Disturbance::SetWeights { place: place.as_str().into(), weights });
    let rows = yard.run(&["fleets"]).code(0).out;
    assert!(rows.lines().any(|line| line.starts_with("web-prod") && (line.contains("DRIFT") || line.contains("MIXED"))), "{rows}");
    let drift = fleet(&yard, "web-prod")["drift"].clone();
    let kinds: Vec<&str> = drift.as_array().unwrap().iter().map(|drift| drift["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"weights") && kinds.contains(&"template"), "{drift:#}");
    assert!(drift[0]["since"].is_string() && drift[0]["remedy"].as_str().unwrap().contains("set them back"), "{drift:#}");
    let text = yard.run(&["fleet", "web-prod"]).code(0).out;
    assert!(text.contains("launches version 1 of lt-web-prod-a, expected version 2 of lt-web-prod-a"), "{text}");
}
