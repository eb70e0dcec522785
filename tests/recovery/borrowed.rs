//! Operations nobody drives any more, and what they borrowed: picked up, or given back.

use quarterdeck::world::Disturbance;

use crate::ground::{disturb, edit, is_at_rest_on_the_old_release, killed_deploy, minimums, weights};
use crate::support::yard::Yard;

fn recovered(yard: &Yard, code: i32) -> Vec<(String, String)> {
    let document = yard.run(&["drive", "--recover", "--json"]).code(code).json();
    let word = |one: &serde_json::Value, field: &str| one[field].as_str().unwrap().to_owned();
    document["recovered"].as_array().unwrap().iter().map(|one| (word(one, "operation"), word(one, "outcome"))).collect()
}

fn borrowed(yard: &Yard) -> Vec<(String, String)> {
    let document = yard.run(&["doctor", "--json"]).code(0).json();
    let of = |finding: &serde_json::Value| (finding["level"].as_str().unwrap().to_owned(), finding["text"].as_str().unwrap().to_owned());
    document["findings"].as_array().unwrap().iter().filter(|finding| finding["subject"] == "borrowed").map(of).collect()
}

#[test]
fn everything_that_lost_its_driver_is_picked_up_at_once() {
    let yard = Yard::with_long_windows(1_000);
    let stable = yard.deploy("api-prod", "5.2.0");
    yard.run(&["wait", &stable, "--timeout", "3m"]).code(0);
    yard.speed(20);
    let deploy = killed_deploy(&yard);
    let retire = "op-2".to_owned();
    yard.kill_driver(&retire);
    assert_eq!(yard.op(&retire)["kind"], "retire");

    let mut found = recovered(&yard, 0);
    found.sort();
    assert_eq!(found, [(retire, "started".to_owned()), (deploy.clone(), "started".to_owned())]);
    assert_eq!(recovered(&yard, 0), []);
    assert_eq!(yard.run(&["drive", "--recover"]).code(0).out.trim(), "every operation has its driver");
    yard.speed(400);
    yard.run(&["wait", &deploy, "--timeout", "3m"]).code(0);
}

#[test]
fn what_an_operation_without_a_driver_borrowed_is_overdue() {
    let yard = Yard::at_speed(50);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.wait_op(&id, "its first weight", |_| weights(&yard) != [100, 0]);
    yard.speed(1);
    let lent = borrowed(&yard);
    assert!(lent.iter().any(|(level, text)| level == "ok" && text.contains("MinSize of web-prod-a is pinned at 12, its own is 10")), "{lent:?}");
    assert!(lent.iter().all(|(level, text)| level == "ok" && text.contains(&format!("{id} gives it back at its end"))), "{lent:?}");
    yard.kill_driver(&id);
    let lent = borrowed(&yard);
    let overdue = format!("overdue: nobody drives {id}");
    assert!(lent.iter().all(|(level, text)| level == "warning" && text.contains(&overdue) && text.contains("--take-over")), "{lent:?}");
    assert!(lent.iter().any(|(_, text)| text.contains("the claim on web-prod-a")), "{lent:?}");
}

#[test]
fn what_was_borrowed_of_fleets_without_weights_is_listed_too() {
    let yard = Yard::at_speed(50);
    for (fleet, image, pinned, own) in [("search-prod", "1.10.0", 30, 24), ("worker-prod", "3.4.0", 8, 6)] {
        yard.speed(50);
        let id = yard.deploy(fleet, image);
        let min = || yard.run(&["fleet", fleet, "--json"]).code(0).json()["server_groups"][0]["min"].as_u64().unwrap();
        yard.wait_op(&id, "its pin of what serves", |_| min() == pinned);
        yard.kill_driver(&id);
        let lent = borrowed(&yard);
        let pin = format!("MinSize of {fleet}-a is pinned at {pinned}, its own is {own}");
        assert!(lent.iter().any(|(level, text)| level == "warning" && text.contains(&pin)), "{lent:#?}");
    }
}

/// An operation that stopped in place, as a broken invariant stops it: its pins and its candidate are left.
fn failed_deploy(yard: &Yard) -> String {
    let id = yard.deploy("web-prod", "2.14.0");
    yard.wait_op(&id, "its pins", |_| minimums(yard)[1] > 0 && weights(yard) == [100, 0]);
    yard.kill_driver(&id);
    let (seq, at) = {
        let op = yard.op(&id);
        let last = op["events"].as_array().unwrap().last().unwrap().clone();
        (last["seq"].as_u64().unwrap() + 1, 0)
    };
    let event = format!(r#"{{"seq":{seq},"at":{at},"event":"state_changed","to":"failed","reason":"invariant S1 would break","deadline":null}}"#);
    edit(
        yard,
        &format!(
            "INSERT INTO events SELECT operation, {seq}, epoch, json_set('{event}', '$.at', json_extract(body, '$.at')) FROM events WHERE operation = '{id}' AND seq = {seq} - 1"
        ),
    );
    edit(yard, &format!("UPDATE operations SET final = 1, holds = 0 WHERE id = '{id}'"));
    assert_eq!(yard.op(&id)["state"], "failed");
    id
}

#[test]
fn what_a_failed_operation_left_is_given_back() {
    let yard = Yard::at_speed(20);
    let id = failed_deploy(&yard);
    let lent = borrowed(&yard);
    assert!(lent[0].1.contains(&format!("overdue: {id} ended failed")) && lent[0].1.contains("qd drive --recover"), "{lent:?}");
    assert_eq!(recovered(&yard, 0), [(id, "gives_back".to_owned())]);
    yard.speed(200);
    yard.run(&["wait", "op-2", "--timeout", "3m"]).code(0);
    is_at_rest_on_the_old_release(&yard);
    assert_eq!(borrowed(&yard), [("ok".to_owned(), "nothing".to_owned())]);
    assert_eq!(recovered(&yard, 0), []);
}

#[test]
fn what_serves_on_both_sides_is_not_decided_unattended() {
    let yard = Yard::at_speed(50);
    let id = killed_deploy(&yard);
    edit(&yard, &format!("DELETE FROM events WHERE operation = '{id}' AND seq = 3"));
    let before = weights(&yard);
    let ran = yard.run(&["drive", "--recover"]).refuses(5, &["is damaged: event 3 is missing", "qd rollback web-prod"]);
    assert!(ran.out.is_empty(), "{}", ran.out);
    assert_eq!(weights(&yard), before);
}

#[test]
fn a_retire_of_another_version_is_planned_again() {
    for change in ["version", "damage"] {
        let yard = Yard::with_long_windows(1_000);
        let id = yard.deploy("web-prod", "2.14.0");
        yard.run(&["wait", &id, "--timeout", "3m"]).code(0);
        yard.speed(1);
        yard.wait_op("op-2", "its window", |op| op["state"] == "waiting");
        yard.kill_driver("op-2");
        if change == "version" {
            for table in ["operations", "events"] {
                edit(&yard, &format!("UPDATE {table} SET body = replace(body, '\"build\":\"', '\"build\":\"0.')"));
            }
        } else {
            edit(&yard, "DELETE FROM events WHERE operation = 'op-2' AND seq = 2");
        }
        assert_eq!(recovered(&yard, 0), [("op-2".to_owned(), "gives_back".to_owned())]);
        let again = yard.wait_op("op-3", "its window", |op| op["state"] == "waiting");
        assert_eq!((again["kind"].as_str(), weights(&yard)), (Some("retire"), [0, 100]));
        yard.speed(5_000);
        yard.run(&["wait", "op-3", "--timeout", "3m"]).code(0);
        assert_eq!(minimums(&yard), [0, 10]);
    }
}

#[test]
fn a_rollback_of_another_version_goes_on_by_a_plan_of_this_one() {
    let yard = Yard::with_long_windows(1_000);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.run(&["wait", &id, "--timeout", "3m"]).code(0);
    yard.speed(1);
    let back = yard.run(&["rollback", "web-prod", "--yes", "--detach", "--json"]).code(0).json()["id"].as_str().unwrap().to_owned();
    yard.kill_driver(&back);
    for table in ["operations", "events"] {
        edit(&yard, &format!("UPDATE {table} SET body = replace(body, '\"build\":\"', '\"build\":\"0.')"));
    }
    assert_eq!(recovered(&yard, 0), [(back, "planned_again".to_owned())]);
    yard.speed(400);
    yard.run(&["wait", "op-4", "--timeout", "3m"]).code(0);
    assert_eq!(weights(&yard), [100, 0]);
}

#[test]
fn a_deploy_that_was_confirmed_and_never_began_is_not_begun_hours_later() {
    let yard = Yard::at_speed(10);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.kill_driver(&id);
    edit(&yard, "DELETE FROM events WHERE seq > 0");
    edit(&yard, "UPDATE operations SET events = 1");
    edit(&yard, "DELETE FROM leases");
    assert_eq!(recovered(&yard, 0), []);
    yard.run(&["sim", "advance", "10m"]).code(0);
    assert_eq!(recovered(&yard, 0), [(id.clone(), "ended".to_owned())]);
    let op = yard.op(&id);
    assert!(op["state"] == "failed" && op["state_reason"].as_str().unwrap().contains("nothing was changed"), "{op:#}");
}

#[test]
fn scheduled_actions_that_stand_still_are_borrowed_like_everything_else() {
    let yard = Yard::with_long_windows(20);
    let fleets = yard.path().join("quarterdeck/fleets.toml");
    let text = std::fs::read_to_string(&fleets).unwrap().replacen("window", "scheduled = \"suspend\"\nwindow", 1);
    std::fs::write(&fleets, text).unwrap();
    disturb(&yard, Disturbance::Schedule { group: "web-prod-a".into(), action: "nightly".to_owned() });
    let id = yard.deploy("web-prod", "2.14.0");
    yard.wait_op(&id, "its one box", |op| op["step"]["index"].as_u64() >= Some(3));
    yard.kill_driver(&id);
    let lent = borrowed(&yard);
    let stands = |text: &str| text.contains("the scheduled actions of web-prod-a stand still") && text.contains(&format!("nobody drives {id}"));
    assert!(lent.iter().any(|(level, text)| level == "warning" && stands(text)), "{lent:?}");
    let doctor = yard.run(&["doctor", "web-prod"]).code(0).out;
    assert!(doctor.contains("elasticloadbalancing:ModifyRule") && doctor.contains("autoscaling:StartInstanceRefresh"), "{doctor}");
    yard.run(&["back-out", &id]).code(0);
    yard.speed(200);
    yard.wait_op(&id, "its end", |op| op["state"] == "backed_out");
    assert_eq!(borrowed(&yard), [("ok".to_owned(), "nothing".to_owned())]);
}
