//! Records that are damaged, missing, edited or from another version.

use crate::ground::{edit, is_at_rest_on_the_old_release, killed_deploy, roll_back, store, weights};
use crate::support::yard::Yard;

const OTHER: [&str; 8] = ["deploy", "api-prod", "--image", "5.2.0", "--yes", "--reason", "a test", "--plan"];

fn plan_other(yard: &Yard) {
    yard.run(&[&OTHER[..4], &OTHER[7..]].concat()).code(0);
}

#[test]
fn a_gap_in_one_operation_s_events_stops_nothing_else_and_a_rollback_closes_it() {
    let yard = Yard::at_speed(100);
    let id = killed_deploy(&yard);
    edit(&yard, "DELETE FROM events WHERE seq IN (4, 5)");
    let says = ["record of op-1 (deploy of web-prod) is damaged", "events 4 to 5 are missing"];

    let ops = yard.run(&["ops"]).code(0);
    assert!(ops.out.contains("damaged") && says.iter().all(|words| ops.err.contains(words)), "{}{}", ops.out, ops.err);
    let fleets = yard.run(&["fleets"]).code(0);
    assert!(says.iter().all(|words| fleets.err.contains(words)), "{}{}", fleets.out, fleets.err);
    plan_other(&yard);

    let left = yard.run(&["op", &id, "--json"]).refuses(1, &says).json();
    assert_eq!(left["damage"], "events 4 to 5 are missing");
    assert!(left["record"].as_str().unwrap().contains("\"plan\"") && left["events"].as_array().unwrap().len() > 10);
    let before = left["events"].as_array().unwrap().len();

    for refused in [&["drive", &id, "--take-over"][..], &["back-out", &id], &["resume", &id]] {
        yard.run(refused).refuses(1, &says);
    }
    yard.run(&["deploy", "web-prod", "--image", "2.14.0", "--yes", "--reason", "a test"]).refuses(3, &["op-1", "qd rollback web-prod"]);

    roll_back(&yard, &[]);
    is_at_rest_on_the_old_release(&yard);
    let left = yard.run(&["op", &id, "--json"]).refuses(1, &says).json();
    assert_eq!((left["finished"].as_bool(), left["events"].as_array().unwrap().len()), (Some(true), before + 1));
    assert_eq!(yard.run(&["ops", "--json"]).code(0).json()["damaged"].as_array().unwrap().len(), 0);
}

#[test]
fn events_that_are_missing_at_the_end_are_missed_too() {
    let yard = Yard::at_speed(100);
    let id = killed_deploy(&yard);
    let last = yard.op(&id)["events"].as_array().unwrap().len() - 1;
    edit(&yard, &format!("DELETE FROM events WHERE seq = {last}"));
    yard.run(&["op", &id]).refuses(1, &[&format!("event {last} is missing")]);
    edit(&yard, "DELETE FROM events");
    yard.run(&["drive", &id, "--take-over"]).refuses(1, &["all of its events are missing"]);
    roll_back(&yard, &[]);
    is_at_rest_on_the_old_release(&yard);
}

#[test]
fn an_operation_that_was_removed_leaves_its_number_and_its_events() {
    let yard = Yard::at_speed(100);
    killed_deploy(&yard);
    edit(&yard, "DELETE FROM operations");
    let doctor = yard.run(&["doctor"]).code(0);
    assert!(doctor.out.contains("the record of operation op-1 is missing, its events are there"), "{}", doctor.out);
    let back = roll_back(&yard, &[]);
    assert_eq!((back["id"].as_str(), weights(&yard)), (Some("op-2"), [100, 0]));
}

#[test]
fn a_file_that_sqlite_finds_damaged_takes_no_deploy_and_a_new_store_takes_over_from_the_cloud() {
    let yard = Yard::at_speed(100);
    killed_deploy(&yard);
    // The claim it left is to last until somebody meets it.
    yard.speed(1);
    let file = yard.world_dir().join("store.sqlite");
    let root: u64 = {
        let store = store(&yard);
        store.pragma_update(None, "wal_checkpoint", "TRUNCATE").ok();
        store.query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'history'", [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs()
    };
    let page =
        std::os::unix::fs::FileExt::write_all_at(&std::fs::OpenOptions::new().write(true).open(&file).unwrap(), &[0x5a; 4096], (root - 1) * 4096);
    page.unwrap();
    yard.run(&["deploy", "api-prod", "--image", "5.2.0", "--yes", "--reason", "a test"]).refuses(1, &["damaged", "move the file away"]);
    let doctor = yard.run(&["doctor"]).code(0);
    assert!(doctor.out.lines().any(|line| line.starts_with("!   records") && line.contains("damaged")), "{}", doctor.out);
    assert!(doctor.out.contains("qd fleet adopt NAME"), "{}", doctor.out);
    assert!(yard.run(&["fleets"]).code(0).out.contains("web-prod"));
    yard.run(&["ops", "--json"]).code(0);

    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::rename(yard.world_dir().join(format!("store.sqlite{end}")), yard.path().join(format!("old{end}")));
    }
    let deploy = ["deploy", "web-prod", "--image", "2.14.0", "--yes", "--reason", "a test"];
    yard.run(&deploy).refuses(3, &["is claimed", "of another store"]);
    yard.run(&["sim", "advance", "11m"]).code(0);
    yard.run(&deploy).refuses(3, &["has no single live group", "qd rollback web-prod"]);
    yard.run(&["fleet", "adopt", "web-prod"]).refuses(3, &["do not tell which group", "--live a"]);
    let plan = yard.run(&["rollback", "web-prod", "--plan", "--json"]).code(0).json();
    assert!(plan["friction"].to_string().contains("nothing says that this release was ever good"), "{plan:#}");
    yard.run(&["fleet", "adopt", "web-prod", "--live", "a"]).code(0);
    roll_back(&yard, &["--to", "2.13.2"]);
    assert_eq!(weights(&yard), [100, 0]);
}

#[test]
fn a_record_nobody_can_read_is_rolled_back_from_by_the_ledger() {
    let yard = Yard::at_speed(100);
    killed_deploy(&yard);
    assert_ne!(weights(&yard), [100, 0]);
    edit(&yard, "UPDATE operations SET body = '{\"id\":\"op-1\"'");
    edit(&yard, "UPDATE events SET body = '{}' WHERE seq = 0");
    let plan = yard.run(&["rollback", "web-prod", "--plan", "--json"]).code(0).json();
    assert_eq!((&plan["to"]["version"], &plan["supersedes"]), (&"2.13.2".into(), &"op-1".into()), "{plan:#}");
    assert!(plan["friction"].to_string().contains("nobody can say how far it got"), "{plan:#}");
    roll_back(&yard, &[]);
    assert_eq!(weights(&yard), [100, 0]);
}

#[test]
fn of_a_rollback_nobody_can_read_a_person_has_to_say_where_it_went() {
    let yard = Yard::at_speed(100);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.speed(1_000);
    yard.run(&["wait", &id, "--timeout", "3m"]).code(0);
    yard.speed(1);
    let back = yard.run(&["rollback", "web-prod", "--yes", "--detach", "--json"]).code(0).json()["id"].as_str().unwrap().to_owned();
    yard.kill_driver(&back);
    edit(&yard, "UPDATE operations SET body = 'x' WHERE kind = 'rollback'");
    edit(&yard, &format!("DELETE FROM events WHERE operation = '{back}'"));
    yard.run(&["rollback", "web-prod", "--yes"]).refuses(3, &["nobody can say where to go back to", "--to VERSION", "2.13.2"]);
    roll_back(&yard, &["--to", "2.13.2"]);
    assert_eq!(weights(&yard), [100, 0]);
}

#[test]
fn an_operation_of_another_version_is_shown_and_not_driven() {
    let yard = Yard::at_speed(100);
    let id = killed_deploy(&yard);
    for table in ["operations", "events"] {
        edit(&yard, &format!("UPDATE {table} SET body = replace(body, '\"build\":\"{}\"', '\"build\":\"0.0.9\"')", env!("CARGO_PKG_VERSION")));
    }
    let shown = yard.run(&["op", &id]).code(0);
    assert!(shown.out.contains("planned by Quarterdeck 0.0.9"), "{}", shown.out);
    let says = ["planned by Quarterdeck 0.0.9", "qd rollback web-prod"];
    for refused in [&["drive", &id][..], &["drive", &id, "--take-over"], &["back-out", &id]] {
        yard.run(refused).refuses(3, &says);
    }
    roll_back(&yard, &[]);
    is_at_rest_on_the_old_release(&yard);
}

#[test]
fn an_operation_in_a_form_of_another_version_names_that_version() {
    let yard = Yard::at_speed(100);
    let id = killed_deploy(&yard);
    edit(&yard, "UPDATE operations SET body = replace(replace(body, '\"need\"', '\"needed\"'), '\"build\":\"', '\"build\":\"9.')");
    yard.run(&["op", &id]).refuses(1, &["Quarterdeck 9.", "missing field `need`"]);
    roll_back(&yard, &[]);
    is_at_rest_on_the_old_release(&yard);
}

#[test]
fn a_plan_edited_in_the_store_is_not_driven() {
    for change in ["'\"need\":12', '\"need\":2'", "'\"image\":\"ami-', '\"image\":\"ami-f'"] {
        let yard = Yard::at_speed(100);
        let id = killed_deploy(&yard);
        assert_eq!(edit(&yard, &format!("UPDATE operations SET body = replace(body, {change})")), 1);
        let before = yard.op(&id)["calls"].clone();
        for refused in [&["drive", &id][..], &["drive", &id, "--take-over"], &["back-out", &id]] {
            yard.run(refused).refuses(3, &["not the one that was confirmed", "qd rollback web-prod"]);
        }
        assert_eq!(before, yard.op(&id)["calls"], "no call was made");
        roll_back(&yard, &[]);
        assert_eq!(weights(&yard), [100, 0]);
    }
}

#[test]
fn a_lost_lease_row_lets_a_new_driver_in_and_the_old_one_out() {
    let yard = Yard::at_speed(20);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.wait_op(&id, "its one box", |op| op["step"]["index"].as_u64() >= Some(3));
    let old = yard.op(&id)["driver"]["pid"].as_i64().unwrap();
    edit(&yard, "DELETE FROM leases");
    yard.run(&["drive", &id, "--take-over"]).code(0);
    let new = yard.wait_op(&id, "its second driver", |op| op["driver"]["alive"] == true);
    assert_ne!(new["driver"]["pid"].as_i64(), Some(old));
    let epochs: Vec<i64> = {
        let store = store(&yard);
        let mut statement = store.prepare("SELECT DISTINCT epoch FROM events WHERE epoch > 0 ORDER BY 1").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(epochs, [1, 2], "the second driver's lease is not the first one's again");
    yard.speed(400);
    yard.run(&["wait", &id, "--timeout", "3m"]).code(0);
}

#[test]
fn without_a_ledger_the_way_back_is_unproved_and_adopting_begins_a_new_one() {
    let yard = Yard::at_speed(100);
    let id = yard.deploy("web-prod", "2.14.0");
    yard.speed(1_000);
    yard.run(&["wait", &id, "--timeout", "3m"]).code(0);
    yard.speed(10);
    edit(&yard, "DELETE FROM ledger");
    let plan = yard.run(&["rollback", "web-prod", "--plan", "--json"]).code(0).json();
    assert!(plan["friction"].to_string().contains("nothing says that this release was ever good"), "{plan:#}");
    yard.run(&["fleet", "adopt", "web-prod"]).code(0);
    let ledger = yard.run(&["ledger", "web-prod"]).code(0);
    assert!(ledger.out.contains("2.14.0") && !ledger.out.contains("2.13.2"), "no tag says of 2.13.2 that it was stable: {}", ledger.out);
    yard.run(&["fleet", "adopt", "web-prod"]).refuses(3, &["adopted already"]);
}

#[test]
fn a_ledger_entry_nobody_can_read_may_be_a_mark() {
    let yard = Yard::at_speed(100);
    edit(&yard, "INSERT INTO ledger (fleet, body) VALUES ('web-prod', '{\"entry\":\"marked\"}')");
    let fleets = yard.run(&["fleets"]).code(0);
    assert!(fleets.err.contains("of the ledger of web-prod cannot be read"), "{}", fleets.err);
    let id = killed_deploy(&yard);
    let plan = yard.run(&["rollback", "web-prod", "--plan", "--json"]).code(0).json();
    assert!(plan["friction"].to_string().contains("it may be a mark"), "{plan:#}");
    assert_eq!(plan["supersedes"], id.as_str());
    roll_back(&yard, &[]);
    is_at_rest_on_the_old_release(&yard);
}

#[test]
fn a_lost_ledger_is_begun_again_from_what_the_groups_tags_say_was_stable() {
    let yard = Yard::with_long_windows(1_000);
    for image in ["2.14.0", "2.13.1"] {
        let id = yard.run(&["deploy", "web-prod", "--image", image, "--strategy", "blue-green", "--yes", "--reason", "a test", "--detach", "--json"]);
        let id = id.code(0).json()["id"].as_str().unwrap().to_owned();
        yard.run(&["wait", &id, "--timeout", "3m"]).code(0);
    }
    yard.speed(1);
    edit(&yard, "DELETE FROM ledger");
    let adopted = yard.run(&["fleet", "adopt", "web-prod"]).code(0);
    assert!(adopted.out.contains("2.13.1 is taken for good, on your word; 2.14.0 was stable before it"), "{}", adopted.out);
    let ledger = yard.run(&["ledger", "web-prod"]).code(0).out;
    let seen = ledger.lines().find(|line| line.starts_with("2.14.0")).unwrap_or_else(|| panic!("{ledger}"));
    assert!(seen.contains("seen"), "{ledger}");
    let plan = yard.run(&["rollback", "web-prod", "--plan", "--json"]).code(0).json();
    assert_eq!((&plan["to"]["version"], &plan["level"]), (&"2.14.0".into(), &"R0".into()), "{plan:#}");
    assert!(plan["friction"].to_string().contains("a mark on it went with the ledger"), "{plan:#}");
}
