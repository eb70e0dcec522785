//! AWS's own engine: a rolling deploy, its way back while it runs, a recycle, and what an alarm does to it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::qd::PATIENCE;
use crate::yard::{Yard, names};

const DEPLOY: [&str; 6] = ["deploy", "mail-prod", "--image", "1.1.0", "--reason", "a test"];

/// A fleet of one group behind a load balancer, whose refreshes take a second or two.
fn yard() -> Yard {
    let yard = Yard::with(&["mail-prod"]);
    yard.aws.settings(serde_json::json!({"refresh_step_seconds": 0.3}));
    yard
}

fn group(yard: &Yard) -> Value {
    yard.aws.state()["groups"]["mail-prod"].clone()
}

/// The images that the servers run which are not on their way out.
fn images(yard: &Yard) -> Vec<String> {
    let group = group(yard);
    let live = group["instances"].as_array().unwrap().iter().filter(|server| server["lifecycle"] != "Terminating");
    live.map(|server| server["image"].as_str().unwrap().to_owned()).collect()
}

fn ids(yard: &Yard) -> Vec<String> {
    group(yard)["instances"].as_array().unwrap().iter().map(|server| server["id"].as_str().unwrap().to_owned()).collect()
}

/// Waits until AWS's engine has put so many servers of the new image there.
fn until_replaced(yard: &Yard, image: &str, least: usize) {
    let began = Instant::now();
    while images(yard).iter().filter(|found| *found == image).count() < least {
        assert!(began.elapsed() < PATIENCE, "{:#}", group(yard));
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn count(yard: &Yard, action: &str) -> usize {
    names(&yard.aws.writes()).iter().filter(|name| **name == action).count()
}

/// All servers run this image, as many as before, and nothing is borrowed.
fn rests_on(yard: &Yard, image: &str, version: &str) {
    let group = group(yard);
    assert_eq!(images(yard), vec![image.to_owned(); 4], "{group:#}");
    assert_eq!(yard.sizes("mail-prod")[..3], [4, 8, 4]);
    assert_eq!(group["template"]["Version"], version, "{group:#}");
    assert!(group["tags"].get("qd:claim").is_none(), "{group:#}");
    yard.calls_are_intents();
}

#[test]
fn a_rolling_deploy_goes_on_without_its_driver() {
    let yard = yard();
    let new = yard.image("mail 1.1.0");
    // Slow enough for a driver to be killed in the middle of it on a busy host.
    yard.aws.settings(serde_json::json!({"refresh_step_seconds": 3.0}));
    let id = yard.qd.start(&DEPLOY);
    until_replaced(&yard, &new, 1);
    yard.qd.kill_driver(&id);
    yard.aws.settings(serde_json::json!({"refresh_step_seconds": 0.3}));
    until_replaced(&yard, &new, 2);
    yard.qd.run(&["drive", "--recover"]).ok();
    yard.qd.await_state(&id, "succeeded");
    assert_eq!((count(&yard, "StartInstanceRefresh"), count(&yard, "CreateLaunchTemplateVersion")), (1, 1), "{:?}", names(&yard.aws.writes()));
    let told = &group(&yard)["refreshes"][0];
    let preference = |name: &str| told["Preferences"][name].clone();
    assert_eq!((&told["status"], preference("MinHealthyPercentage"), preference("AutoRollback")), (&"Successful".into(), 100.into(), true.into()));
    assert!(preference("MaxHealthyPercentage").as_u64() >= Some(110) && preference("SkipMatching") == true, "{told:#}");
    rests_on(&yard, &new, "3");
}

#[test]
fn a_rolling_deploy_is_rolled_back_while_it_runs() {
    let yard = yard();
    let (old, new) = (yard.image("mail 1.0.0"), yard.image("mail 1.1.0"));
    // Slow enough for a person to be in time on a busy host.
    yard.aws.settings(serde_json::json!({"refresh_step_seconds": 3.0, "pending_seconds": 3.0}));
    let id = yard.qd.start(&DEPLOY);
    until_replaced(&yard, &new, 1);
    yard.qd.run(&["rollback", "mail-prod", "--yes", "--detach"]).ok();
    let rollback = yard.qd.newest("rollback").unwrap();
    yard.qd.await_state(&rollback, "succeeded");
    assert_eq!(yard.qd.op(&id)["state"], "superseded");
    let op = yard.qd.op(&rollback);
    assert_eq!((count(&yard, "StartInstanceRefresh"), count(&yard, "RollbackInstanceRefresh")), (1, 1), "{op:#}");
    assert_eq!(group(&yard)["refreshes"][0]["status"], "RollbackSuccessful");
    rests_on(&yard, &old, "2");
}

#[test]
fn a_recycle_gives_every_server_a_fresh_one_of_the_same_image() {
    let yard = yard();
    let before = ids(&yard);
    let id = yard.qd.start(&["recycle", "mail-prod", "--reason", "they are old"]);
    yard.qd.await_state(&id, "succeeded");
    assert!(ids(&yard).iter().all(|server| !before.contains(server)), "{before:?}");
    assert_eq!(group(&yard)["refreshes"][0]["Preferences"]["SkipMatching"], false);
    rests_on(&yard, &yard.image("mail 1.0.0"), "2");
}

#[test]
fn a_red_alarm_has_aws_roll_a_rolling_deploy_back() {
    let yard = yard();
    yard.alarm("mail-errors", "OK");
    yard.qd.edit_fleets(|text| format!("{text}alarms = [\"mail-errors\"]\n"));
    yard.aws.settings(serde_json::json!({"refresh_step_seconds": 3.0}));
    let id = yard.qd.start(&DEPLOY);
    until_replaced(&yard, &yard.image("mail 1.1.0"), 1);
    yard.set_alarm("mail-errors", "ALARM");
    yard.aws.settings(serde_json::json!({"refresh_step_seconds": 0.3}));
    let began = Instant::now();
    while !["rolled_back", "backed_out"].contains(&yard.qd.op(&id)["state"].as_str().unwrap()) {
        assert!(began.elapsed() < PATIENCE, "{:#}\n{}", yard.qd.op(&id), yard.qd.driver_log(&id));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(group(&yard)["refreshes"][0]["status"], "RollbackSuccessful");
    rests_on(&yard, &yard.image("mail 1.0.0"), "2");
}
