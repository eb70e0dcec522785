//! CloudWatch alarms as gates of a deploy, and the watch over those of all fleets.

use std::time::{Duration, Instant};

use crate::support::endpoint::Fault;
use crate::support::pty::Terminal;
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

/// Every fleet of the yard that is written down names this many alarms.
fn many(yard: &Yard, number: usize) {
    let names: Vec<String> = (0..number).map(|at| format!("\"many-{at:03}\"")).collect();
    yard.qd.edit_fleets(|text| format!("{text}alarms = [{}]\n", names.join(", ")));
}

#[test]
fn the_alarms_of_all_fleets_are_read_in_one_call_a_minute_composite_ones_too() {
    let yard = Yard::with(&["web-prod", "api-prod"]);
    yard.qd.edit_fleets(|text| text.replacen("steps = [", "alarms = [\"web-5xx\", \"nobody\"]\nsteps = [", 1) + "alarms = [\"api-any\"]\n");
    yard.alarm("web-5xx", "OK");
    yard.composite_alarm("api-any", "ALARM(web-5xx)", "ALARM");
    yard.aws.clear_calls();
    // At the speed of real life: a minute is a minute.
    let read = || yard.qd.run_with(&[("QD_TIME_SCALE", None)], &["alarms", "--json"]).ok().json();
    let told = read();
    let said: Vec<(&str, &str)> =
        told["alarms"].as_array().unwrap().iter().map(|alarm| (alarm["alarm"].as_str().unwrap(), alarm["state"].as_str().unwrap())).collect();
    assert_eq!(said, [("api-any", "alarm"), ("nobody", "missing"), ("web-5xx", "ok")], "{told:#}");
    assert!(told["alarms"][0]["since"].is_string() && told["gap"].is_null() && told["calls"] == 1, "{told:#}");
    assert_eq!(read()["as_of"], told["as_of"], "another process takes the round of the first");
    let asked = yard.aws.calls().into_iter().filter(|call| call.action == "DescribeAlarms").count();
    assert_eq!(asked, 1);
    let shown = yard.qd.run(&["alarms"]).ok().out;
    assert!(shown.lines().nth(1).unwrap().contains("api-any") && shown.contains("RED") && shown.contains("does not exist"), "{shown}");
}

#[test]
fn a_part_that_cannot_be_read_is_a_gap_and_not_green() {
    let yard = Yard::with(&["web-prod", "api-prod"]);
    many(&yard, 100);
    yard.qd.edit_fleets(|text| text.replacen("steps = [", "alarms = [\"web-5xx\"]\nsteps = [", 1));
    yard.alarm("web-5xx", "OK");
    yard.alarm("many-000", "OK");
    // The second of the two calls has this name.
    yard.aws.fault(Fault::error("cloudwatch", "DescribeAlarms", 500, "InternalFailure").contains("web-5xx").times(100));
    let told = yard.qd.json(&["alarms"]);
    assert!(told["calls"] == 2 && told["gap"].to_string().contains("1 of 101 alarms"), "{told:#}");
    let web = told["alarms"].as_array().unwrap().iter().find(|alarm| alarm["alarm"] == "web-5xx").unwrap();
    assert!(web["state"].is_null() && web["as_of"].is_null(), "{told:#}");
    assert!(yard.qd.run(&["alarms"]).err.contains("not every alarm was read"));
}

#[test]
fn without_the_permission_no_alarm_is_green() {
    let yard = guarded();
    yard.alarm("web-5xx", "OK");
    yard.aws.fault(Fault::error("cloudwatch", "DescribeAlarms", 403, "AccessDenied").times(1));
    let told = yard.qd.json(&["alarms"]);
    assert!(told["alarms"][0]["state"].is_null() && told["gap"].to_string().contains("AccessDenied"), "{told:#}");
}

#[test]
fn a_screen_rings_for_an_alarm_of_a_fleet_that_nobody_opened() {
    let yard = guarded();
    yard.alarm("web-5xx", "OK");
    let mut screen = Terminal::start(yard.qd.screen(), 80, 24);
    screen.wait_for(&["FLEETS", "api-prod", "Nothing needs you"]);
    yard.set_alarm("web-5xx", "ALARM");
    screen.wait_for(&["web-prod: alarm web-5xx RED"]);
    screen.send("!");
    screen.wait_for(&["web-prod: alarm web-5xx is red since", "rolls web-prod back"]);
    assert!(screen.written().lock().unwrap().contains(&0x07), "it rings");
}
