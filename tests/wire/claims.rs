//! Two stores at one fleet: what each tells the other through the groups' tags, as the endpoint has them.

use std::sync::Arc;

use serde_json::Value;

use crate::canary::at_25_pct;
use crate::support::endpoint::Endpoint;
use crate::yard::{Yard, names, tag};

/// Two people with a store each, at one endpoint and the same fleet.
fn two_stores() -> (Yard, Yard) {
    let aws = Arc::new(Endpoint::start());
    let both = ["first", "second"].map(|key| Yard::sharing(&aws, key));
    for yard in &both {
        yard.adopt(&["web-prod"]);
    }
    both.into()
}

/// The claim on a group, as the endpoint has it.
fn claim(yard: &Yard, slot: &str) -> Option<String> {
    yard.tags(&yard.group("web-prod", slot))["qd:claim"].as_str().map(str::to_owned)
}

fn deploy<'a>(image: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["deploy", "web-prod", "--image", image, "--reason", "a test"][..], more].concat()
}

/// The first one's driver is gone, and its claim was not renewed for longer than it lasts.
fn left_behind(first: &Yard, id: &str) {
    first.qd.kill_driver(id);
    for slot in ["a", "b"] {
        let group = first.group("web-prod", slot);
        let claim = claim(first, slot).unwrap();
        let (kept, _) = claim.split_once(";until=").unwrap();
        tag(first, "CreateOrUpdateTags", &group, "qd:claim", &format!("{kept};until=2020-01-01T00:00:00Z"));
    }
}

#[test]
fn the_second_store_is_told_who_is_at_work_and_writes_nothing() {
    let (first, second) = two_stores();
    let id = at_25_pct(&first, "2.14.0");
    let before = [claim(&first, "a"), claim(&first, "b")];
    assert!(before.iter().flatten().count() == 2 && before.iter().flatten().all(|claim| claim.contains(&id)), "{before:?}");
    let told = second.qd.run(&deploy("2.15.0", &["--yes"]));
    told.refused(3, &["web-prod is claimed", &id, "tester@", "of another store"]);
    let doctor = second.qd.run(&["doctor", "web-prod"]).out;
    assert!(doctor.contains("claim") && doctor.contains(&id), "{doctor}");
    assert!(second.own_writes().is_empty() && !second.qd.had_drivers(), "{:?}", names(&second.own_writes()));
    assert_eq!([claim(&first, "a"), claim(&first, "b")], before, "the claim is as it was");
    first.succeed(&id);
    assert_eq!([claim(&first, "a"), claim(&first, "b")], [None, None], "and given back at the end");
}

#[test]
fn a_claim_that_was_not_renewed_is_offered_as_a_take_over() {
    let (first, second) = two_stores();
    let id = first.qd.start(&deploy("2.14.0", &[]));
    first.qd.await_op(&id, "claimed", |op| op["step"]["index"].as_u64() > Some(1));
    left_behind(&first, &id);
    // What it had begun is brought to rest first, so that only the claim is left.
    assert_eq!(second.weights("web-prod"), (100, 0), "it had not got any traffic yet");
    let plan = second.qd.json(&deploy("2.15.0", &["--plan"]));
    let because = plan["friction"]["typed"]["because"].as_str().unwrap_or_default();
    assert!(because.contains("takes over from operation") && because.contains(&id) && because.contains("tester@"), "{plan:#}");
    let checks = plan["checks"].as_array().unwrap();
    let warned = |check: &Value| check["level"] == "warning" && check["text"].as_str().unwrap().contains("takes over from operation");
    assert!(checks.iter().any(warned), "{checks:#?}");
    let own = second.qd.start(&deploy("2.15.0", &[]));
    second.succeed(&own);
    assert_eq!((second.weights("web-prod"), claim(&second, "a"), claim(&second, "b")), ((0, 100), None, None));
    second.calls_are_intents();
}

#[test]
fn a_rollback_shows_a_foreign_claim_and_goes_on_and_the_other_store_notices() {
    let (first, second) = two_stores();
    let id = at_25_pct(&first, "2.14.0");
    let plan = second.qd.run(&["rollback", "web-prod", "--to", "2.13.2", "--plan"]);
    assert!(plan.code == 0 && plan.out.contains("claimed by others") && plan.out.contains(&id), "{}{}", plan.out, plan.err);
    second.qd.run(&["rollback", "web-prod", "--to", "2.13.2", "--yes"]).ok();
    assert_eq!(second.weights("web-prod"), (100, 0));
    let op = first.qd.await_op(&id, "aware of another hand", |op| op["state_reason"].as_str().unwrap_or_default().contains("another hand"));
    assert_eq!(first.weights("web-prod"), (100, 0), "what the other hand did is not overwritten: {op:#}");
    first.qd.run(&["back-out", &id, "--reason", "rolled back already"]).ok();
    let began = std::time::Instant::now();
    while first.qd.op(&id)["state"] != "backed_out" {
        assert!(began.elapsed() < crate::support::qd::PATIENCE, "{:#}", first.qd.op(&id));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!((first.weights("web-prod"), first.sizes("web-prod-a")), ((100, 0), [4, 12, 4, 4]));
}
