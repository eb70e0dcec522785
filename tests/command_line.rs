//! The command line as scripts use it: exit codes and documents, over the simulated cloud.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use support::yard::Yard;

const FAST: u32 = 600;
const SLOW: u32 = 20;

fn deploy<'a>(fleet: &'a str, image: &'a str) -> Vec<&'a str> {
    vec!["deploy", fleet, "--image", image, "--yes", "--reason", "a test"]
}

#[test]
fn an_image_that_errs_backs_out_by_its_counts() {
    let yard = Yard::at_speed(300);
    let ran = yard.run(&deploy("web-prod", "2.15.0")).code(4);
    assert!(ran.out.contains("backed out"), "{}", ran.out);
    let op = yard.op("op-1");
    assert_eq!(op["state"], "backed_out");
    let events = op["events"].to_string();
    assert!(events.contains("fail"), "{events}");
    let fleet = yard.run(&["fleet", "web-prod", "--json"]).code(0).json();
    assert_eq!(weights(&fleet)[0], ("2.13.2".to_owned(), 100));
    assert_eq!(weights(&fleet)[1].1, 0);
}

#[test]
fn an_image_that_never_becomes_healthy_gets_no_traffic() {
    let yard = Yard::at_speed(FAST);
    let ran = yard.run(&deploy("web-prod", "2.16.0"));
    assert!(matches!(ran.code, 4 | 5), "{}: {}", ran.code, ran.out);
    let op = yard.op("op-1");
    assert!(op["state"] == "backed_out" || op["state"] == "holding", "{}", op["state"]);
    let given = op["events"].as_array().unwrap().iter().any(|event| event["call"]["api"] == "ModifyRule" || event.to_string().contains("ModifyRule"));
    assert!(!given, "it was given weight: {op:#}");
}

/// The calls of a plan as (step, api, summary).
fn listed(plan: &Value) -> Vec<(u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    plan["calls"].as_array().unwrap().iter().map(|call| (call["step"].as_u64().unwrap(), text(&call["api"]), text(&call["summary"]))).collect()
}

/// The calls an operation really made, in the same form; renewals of the claim are none of the plan's.
fn made(op: &Value) -> Vec<(u64, String, String)> {
    let mut step = 0;
    let mut calls = Vec::new();
    for event in op["events"].as_array().unwrap() {
        step = if event["event"] == "step_started" { event["step"].as_u64().unwrap() } else { step };
        if event["event"] == "call_intended" && !event["text"].as_str().unwrap().contains("the claim is renewed") {
            calls.push((step, event["api"].as_str().unwrap().to_owned(), event["summary"].as_str().unwrap().to_owned()));
        }
    }
    calls
}

#[test]
fn a_plan_lists_the_calls_that_are_really_made() {
    let yard = Yard::at_speed(FAST);
    for (args, id) in [(deploy("web-prod", "2.14.0"), "op-1"), (vec!["rollback", "web-prod", "--yes"], "op-3")] {
        let asked: Vec<&str> = args.iter().copied().filter(|arg| *arg != "--yes").chain(["--plan", "--json"]).collect();
        let listed = listed(&yard.run(&asked).code(0).json());
        yard.run(&args).code(0);
        let made = made(&yard.wait_op(id, "its end", |op| op["state"] == "succeeded"));
        for call in &made {
            assert!(listed.iter().any(|(step, api, _)| (step, api) == (&call.0, &call.1)), "{call:?} is not in {listed:#?}");
        }
        let weights = |calls: &[(u64, String, String)]| calls.iter().filter(|call| call.1 == "ModifyRule").cloned().collect::<Vec<_>>();
        assert_eq!(weights(&made), weights(&listed));
        // A group that has its size already is not asked again; everything else is done.
        for call in listed.iter().filter(|call| call.1 != "UpdateAutoScalingGroup") {
            assert!(made.iter().any(|(step, api, _)| (step, api) == (&call.0, &call.1)), "{call:?} was not made: {made:#?}");
        }
    }
}

/// Version and weight of each group, the heavier first.
fn weights(fleet: &Value) -> Vec<(String, u64)> {
    let groups = fleet["server_groups"].as_array().unwrap().iter();
    let mut found: Vec<_> = groups.map(|group| (group["version"].as_str().unwrap_or("?").to_owned(), group["weight"].as_u64().unwrap())).collect();
    found.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    found
}

#[test]
fn exit_codes_tell_scripts_what_happened() {
    let yard = Yard::at_speed(SLOW);
    let unasked = yard.run(&["deploy", "web-prod", "--image", "2.14.0", "--reason", "x"]).code(2);
    assert!(unasked.err.contains("--yes"), "{}", unasked.err);
    yard.run(&["deploy", "web-prod", "--image", "2.14.0", "--yes"]).refuses(2, &["--reason"]);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.run(&["wait", &id, "--timeout", "1s"]).code(6);
    yard.run(&deploy("web-prod", "2.15.0")).refuses(3, &[&id]);
    yard.wait_op(&id, "its first weight", |op| op["step"]["index"].as_u64() >= Some(4));
    let back = yard.run(&["rollback", "web-prod", "--yes", "--reason", "x", "--detach", "--json"]).code(0).json();
    yard.run(&["wait", &id]).code(7);
    let superseded = yard.op(&id);
    assert_eq!((&superseded["state"], &superseded["superseded_by"]), (&Value::from("superseded"), &back["id"]));
    yard.speed(FAST);
    yard.run(&["wait", back["id"].as_str().unwrap(), "--timeout", "3m"]).code(0);
    let fleet = yard.run(&["fleet", "web-prod", "--json"]).code(0).json();
    assert_eq!(weights(&fleet)[0], ("2.13.2".to_owned(), 100));
}

#[test]
fn a_pause_waits_for_a_person_and_a_resume_goes_on() {
    let yard = Yard::at_speed(SLOW);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.run(&["pause", &id, "--reason", "lunch"]).code(0);
    yard.run(&["wait", &id, "--timeout", "30s"]).code(5);
    yard.run(&["resume", &id]).code(0);
    yard.run(&["back-out", &id]).code(0);
    yard.speed(FAST);
    yard.run(&["wait", &id, "--timeout", "3m"]).code(4);
}

#[test]
fn alarms_of_all_fleets_are_listed() {
    let yard = Yard::at_speed(FAST);
    let alarms = || yard.run(&["alarms", "--json"]).code(0).json();
    assert_eq!(alarms()["alarms"][0]["state"], "ok", "{:#}", alarms());
    assert_eq!((&alarms()["alarms"][0]["fleet"], &alarms()["calls"]), (&"web-prod".into(), &1.into()));
}

fn has(document: &Value, fields: &[&str]) {
    let object = document.as_object().unwrap();
    for field in fields {
        assert!(object.contains_key(*field), "{field} is missing in {document:#}");
    }
}

#[test]
fn documents_have_the_promised_fields_and_unknown_is_null() {
    let yard = Yard::at_speed(SLOW);
    let fleets = yard.run(&["fleets", "--json"]).code(0).json();
    has(&fleets, &["as_of", "fleets"]);
    let all = fleets["fleets"].as_array().unwrap();
    assert_eq!(all.len(), 6);
    for fleet in all {
        has(fleet, &["name", "app", "env", "route", "strategy", "server_groups", "healthy", "desired", "state", "operation", "way_back", "age_secs"]);
        has(&fleet["way_back"], &["level", "version", "image", "seconds", "blockers", "proved_at"]);
        for group in fleet["server_groups"].as_array().unwrap() {
            has(group, &["slot", "name", "image", "version", "desired", "min", "max", "healthy", "total", "weight"]);
        }
    }
    let worker = all.iter().find(|fleet| fleet["name"] == "worker-prod").unwrap();
    assert_eq!((&worker["route"], &worker["server_groups"][0]["weight"]), (&Value::from("none"), &Value::Null));
    assert_eq!(worker["operation"], Value::Null);
    images(&yard);
    let id = yard.deploy("web-prod", "2.14.0");
    operation(&yard.op(&id));
    let listed = yard.run(&["ops", "--json"]).code(0).json();
    assert_eq!(listed["operations"][0]["id"].as_str(), Some(id.as_str()));
}

fn images(yard: &Yard) {
    let images = yard.run(&["images", "--json"]).code(0).json();
    has(&images, &["as_of", "images"]);
    let all = images["images"].as_array().unwrap();
    for image in all {
        has(image, &["id", "name", "app", "version", "stage", "created_at", "base", "arch", "fleets", "schema", "blocked"]);
        has(&image["schema"], &["min", "max"]);
    }
    let blocked = all.iter().find(|image| image["version"] == "2.12.9").unwrap();
    has(&blocked["blocked"], &["reason", "by", "at"]);
    assert!(all.iter().any(|image| image["blocked"] == Value::Null));
}

fn operation(op: &Value) {
    has(op, &["id", "kind", "fleet", "from", "to", "strategy", "state", "step", "driver", "events"]);
    has(&op["step"], &["index", "of", "name", "waiting_for", "until"]);
    has(&op["driver"], &["host", "pid", "alive"]);
    assert_eq!((&op["from"], &op["to"], &op["driver"]["alive"]), (&Value::from("2.13.2"), &Value::from("2.14.0"), &Value::from(true)));
    for step in op["steps"].as_array().unwrap() {
        assert!(step["outcome"] != "done" || step["ended_at"].is_string(), "{step}");
    }
}
