//! CloudWatch alarms as gates of a deploy.

use std::time::{Duration, Instant};

use crate::support::qd::PATIENCE;
use crate::yard::Yard;

const DEPLOY: [&str; 6] = ["deploy", "web-prod", "--image", "2.14.0", "--reason", "a test"];

fn guarded() -> Yard {
    let yard = Yard::with(&["web-prod"]);
    yard.qd.edit_fleets(|text| format!("{text}alarms = [\"web-5xx\"]\n"));
    yard
}

#[test]
fn an_alarm_that_is_red_silent_or_missing_refuses_a_deploy() {
    let yard = guarded();
    let refused = || yard.qd.run(&[&DEPLOY[..], &["--yes"]].concat()).refused(3, &["web-5xx"]);
    refused();
    yard.alarm("web-5xx", "ALARM");
    refused();
    yard.set_alarm("web-5xx", "INSUFFICIENT_DATA");
    refused();
    assert!(!yard.qd.had_drivers() && yard.own_writes().is_empty());
}

#[test]
fn an_alarm_that_turns_red_in_a_soak_backs_out() {
    let yard = guarded();
    yard.alarm("web-5xx", "OK");
    let id = yard.qd.start(&DEPLOY);
    let began = Instant::now();
    while yard.weights("web-prod").1 == 0 {
        assert!(began.elapsed() < PATIENCE, "{:#}", yard.qd.op(&id));
        std::thread::sleep(Duration::from_millis(30));
    }
    yard.set_alarm("web-5xx", "ALARM");
    while yard.qd.op(&id)["state"] != "backed_out" {
        assert!(began.elapsed() < PATIENCE, "{:#}", yard.qd.op(&id));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(yard.qd.op(&id)["state_reason"].to_string().contains("web-5xx"), "{:#}", yard.qd.op(&id));
    yard.at_rest("web-prod", "a");
    yard.calls_are_intents();
}
