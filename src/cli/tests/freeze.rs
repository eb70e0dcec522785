//! Freezing and lifting, as they are asked for and as they are told.

use std::sync::Arc;

use super::desk::{Asked, Fake, say};
use crate::app::fixture;
use crate::cli::{Exit, parse_from};
use crate::domain::time::Millis;

#[tokio::test]
async fn a_freeze_says_until_when_how_it_is_lifted_and_what_goes_on() {
    let desk = Arc::new(Fake::default());
    let said = say(desk.clone(), "freeze web-prod --for 4h --reason release-week", None).await;
    assert_eq!(said.exit, Exit::Done);
    assert!(said.out.contains("web-prod: frozen until 2025-01-01T07:12:07Z; `qd unfreeze web-prod` lifts it"), "{}", said.out);
    assert!(said.out.contains("op-3 is under way and goes on: `qd pause op-3`"), "{}", said.out);
    assert_eq!(*desk.asked.lock().unwrap(), [Asked::Freeze(Some("web-prod".into()), Millis::mins(240))]);
}

#[tokio::test]
async fn all_fleets_are_frozen_at_once_and_the_document_says_so() {
    let said = say(Arc::new(Fake::default()), "freeze --all --for 30m --reason audit --json", None).await;
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["freeze"]["fleet"], serde_json::Value::Null);
    assert_eq!(document["freeze"]["lifted_by"], "qd unfreeze --all");
    assert_eq!(document["going_on"][0], "op-3");
}

#[tokio::test]
async fn lifting_one_fleet_tells_what_still_holds_it() {
    let desk = Fake { freezes: vec![fixture::freeze(None, Millis::mins(90))], ..Fake::default() };
    let said = say(Arc::new(desk), "unfreeze web-prod", None).await;
    assert!(said.out.contains("still: all fleets are frozen by ada@bastion-1"), "{}", said.out);
    assert!(said.out.contains("`qd unfreeze --all` lifts it"), "{}", said.out);
}

#[tokio::test]
async fn a_back_out_passes_a_freeze_and_says_so() {
    let desk = Fake { freezes: vec![fixture::freeze(Some("web-prod"), Millis::mins(90))], ..Fake::default() };
    let said = say(Arc::new(desk), "back-out op-3", None).await;
    assert_eq!(said.exit, Exit::Done);
    assert!(said.notices.contains("skips the freeze: frozen by ada@bastion-1"), "{}", said.notices);
}

#[tokio::test]
async fn a_fleet_nobody_knows_is_named_with_the_nearest_one() {
    let said = say(Arc::new(Fake::default()), "freeze web-prd --for 1h --reason x", None).await;
    assert_eq!(said.exit, Exit::Failed);
    assert!(said.notices.contains("did you mean web-prod?"), "{}", said.notices);
}

#[test]
fn a_freeze_without_fleet_length_or_reason_makes_no_sense() {
    for words in [
        "qd freeze --for 1h --reason x",
        "qd freeze web-prod --all --for 1h --reason x",
        "qd freeze web-prod --reason x",
        "qd freeze web-prod --for 1h",
        "qd freeze web-prod --for 1h --reason  ",
        "qd freeze web-prod --for 10s --reason x",
        "qd freeze web-prod --for 31d --reason x",
        "qd unfreeze",
    ] {
        assert!(parse_from(words.split(' ')).is_err(), "{words}");
    }
}
