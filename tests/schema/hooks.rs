//! Programs of the fleet's owner as shell scripts: what they say is believed only where it is clear.

use std::path::Path;
use std::time::{Duration, Instant};

use quarterdeck::adapters::sim::SimCloud;
use quarterdeck::world::{DEFAULT_SEED, Disturbance, Scenario};
use serde_json::Value;

use crate::support::yard::Yard;
use crate::{FAST, Shop, events};

fn says(file: &Path) -> String {
    format!("schema = [\"/bin/cat\", \"{}\"]\n", file.display())
}

fn runs(key: &str, script: &str) -> String {
    format!("{key} = [\"/bin/sh\", \"-c\", \"{script}\"]\n")
}

/// A shop whose database has this schema, and whose migration is this script; `SCHEMA` in it is the file that has it.
fn shop(schema: u64, migration: &str) -> Shop {
    let shop = Shop::with("");
    let file = shop.path("schema");
    std::fs::write(&file, schema.to_string()).unwrap();
    let migration = migration.replace("SCHEMA", &file.display().to_string());
    let lines = if migration.is_empty() { says(&file) } else { says(&file) + &runs("migration", &migration) };
    shop.rewrite(&lines);
    shop
}

#[test]
fn what_does_not_run_on_the_live_schema_is_not_deployed() {
    let shop = shop(1, "");
    shop.deploy("2.14.0", &["--plan"])
        .refuses(3, &["2.14.0 does not run on the database of web-prod: schema 1 < min 2", "migrate the database first"]);
    std::fs::write(shop.path("schema"), "2").unwrap();
    let plan = shop.deploy("2.14.0", &["--plan"]).code(0);
    assert!(plan.out.contains("schema 2 is live, 2.14.0 works with 2 to 3") && !plan.out.contains("ONE WAY"), "{}", plan.out);
}

#[test]
fn what_is_unknown_is_refused_where_the_image_names_schemas_and_only_there() {
    let shop = shop(2, "");
    for (script, said) in [
        ("exit 3", "exit status: 3"),
        ("echo seven", "it printed 'seven'"),
        ("printf '\\\\033[2J2'", "\\u{1b}[2J2"),
        ("sleep 60", "did not end in 10s"),
    ] {
        shop.rewrite(&runs("schema", script));
        let refused = shop.deploy("2.14.0", &["--plan"]).refuses(3, &["nobody can say whether 2.14.0 runs", said, "qd doctor web-prod"]);
        assert!(!refused.err.contains('\u{1b}'), "{}", refused.err);
    }
    shop.rewrite("");
    shop.deploy("2.14.0", &["--plan"]).refuses(3, &["no program says which one is live", "schema = ["]);
    shop.tag("2.14.0", None, None);
    shop.deploy("2.14.0", &["--plan"]).code(0);
    shop.tag("2.14.0", Some("two"), Some("3"));
    shop.deploy("2.14.0", &["--plan"]).refuses(3, &["tagged 'two', which is no number"]);
}

#[test]
fn a_one_way_deploy_says_so_migrates_once_and_leaves_no_way_back_to_what_cannot_run() {
    let shop = shop(2, "cat > SCHEMA.asked; echo adding the column; echo 3 > SCHEMA; echo done");
    let plan = shop.deploy("2.14.0", &["--plan"]).code(0);
    assert!(plan.out.contains("ONE WAY: after this 2.13.2 cannot run any more: schema 3 > max 2"), "{}", plan.out);
    let plan = shop.deploy("2.14.0", &["--plan", "--json"]).code(0).json();
    assert!(plan["one_way"]["why"].as_str().unwrap().contains("schema 3 > max 2"), "{plan:#}");
    assert_eq!(plan["one_way"]["safe"], Value::Array(Vec::new()));

    let op = shop.deploy_to_the_end("2.14.0");
    assert_eq!(op["state"], "succeeded", "{op:#}");
    let migrated = op["steps"].as_array().unwrap().iter().find(|step| step["name"] == "migrate to schema 3: sh").unwrap();
    assert_eq!(migrated["note"], "migrated, schema 3 is live");
    let asked: Value = serde_json::from_str(&std::fs::read_to_string(shop.path("schema.asked")).unwrap()).unwrap();
    assert_eq!((&asked["ask"], &asked["schema"], &asked["to"]["schema_max"]), (&Value::from("migrate"), &Value::from(2), &Value::from(3)));
    let told = shop.yard.run(&["op", op["id"].as_str().unwrap()]).code(0);
    assert!(told.out.contains("MIGRATION, the end of its log\n  adding the column\n  done\n"), "{}", told.out);
    let weights = events(&op, "call_intended").into_iter().position(|event| event["api"] == "ModifyRule").unwrap();
    assert!(weights > 0 && events(&op, "migration_started").len() == 1, "{op:#}");

    let back = &shop.fleet()["way_back"];
    assert_eq!((&back["level"], &back["blockers"][0]), (&Value::Null, &Value::from("2.13.2: schema 3 > max 2")));
    assert!(shop.yard.run(&["fleets"]).code(0).out.contains("none: 2.13.2: schema 3 > max 2"));
    shop.yard.run(&["rollback", "web-prod", "--plan"]).refuses(3, &["2.13.2: schema 3 > max 2"]);
    shop.yard.run(&["rollback", "web-prod", "--to", "2.13.2", "--plan"]).refuses(3, &["2.13.2 does not run on the database"]);
}

#[test]
fn a_rollback_to_what_still_runs_is_allowed_and_migrates_nothing() {
    let shop = shop(2, "echo 3 > SCHEMA; echo once >> SCHEMA.runs");
    shop.tag("2.13.2", Some("1"), Some("3"));
    let op = shop.deploy_to_the_end("2.14.0");
    assert_eq!(op["state"], "succeeded", "{op:#}");
    assert_eq!(shop.fleet()["way_back"]["level"], "R0");
    shop.yard.run(&["rollback", "web-prod", "--yes"]).code(0);
    assert_eq!(std::fs::read_to_string(shop.path("schema.runs")).unwrap(), "once\n");
}

#[test]
fn a_migration_that_fails_backs_out_before_any_traffic_moved() {
    let shop = shop(2, "echo no such table >&2; exit 1");
    let op = shop.deploy_to_the_end("2.14.0");
    assert_eq!(op["state"], "backed_out", "{op:#}");
    assert!(op["state_reason"].as_str().unwrap().contains("the migration failed: it failed (exit status: 1)"), "{op:#}");
    assert!(events(&op, "call_intended").iter().all(|event| event["api"] != "ModifyRule"), "{op:#}");
    assert!(events(&op, "migration_ended")[0]["said"].as_str().unwrap().contains("no such table"));
}

#[test]
fn a_driver_killed_in_a_migration_never_leads_to_a_second_one() {
    let shop = shop(2, "echo once >> SCHEMA.runs; while [ ! -e SCHEMA.go ]; do sleep 0.05; done; echo 3 > SCHEMA");
    let id = shop.begin("2.14.0");
    shop.yard.wait_op(&id, "its migration", |op| !events(op, "migration_started").is_empty());
    shop.yard.kill_driver(&id);
    shop.yard.run(&["drive", &id, "--take-over"]);
    let op = shop.yard.wait_op(&id, "a hold", |op| op["state"] == "holding");
    assert!(op["state_reason"].as_str().unwrap().contains("it is not run twice; schema 2 is live"), "{op:#}");
    // What was begun goes on without its driver, and what it did is found out by asking.
    std::fs::write(shop.path("schema.go"), "").unwrap();
    let op = shop.end_of(&id);
    assert_eq!(op["state"], "succeeded", "{op:#}");
    assert_eq!(std::fs::read_to_string(shop.path("schema.runs")).unwrap(), "once\n");
}

/// The retire that a driver goes on with, once it has written it down.
fn next_of_its_driver(yard: &Yard) -> String {
    let listed = || yard.run(&["ops", "--all", "--json"]).code(0).json()["operations"].as_array().unwrap().clone();
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(retire) = listed().iter().find(|op| op["kind"] == "retire") {
            return retire["id"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < until, "nothing gives back: {:#?}", listed());
    }
}

#[test]
fn what_a_rollback_grew_is_given_back_once_a_schema_shuts_its_target_out() {
    let shop = shop(2, "");
    let yard = &shop.yard;
    yard.speed(20);
    let rollback = yard.run(&["rollback", "web-prod", "--yes", "--detach", "--json"]).code(0).json()["id"].as_str().unwrap().to_owned();
    yard.run(&["pause", &rollback]).code(0);
    std::fs::write(shop.path("schema"), "3").unwrap();
    yard.run(&["sim", "advance", "5m"]).code(0);
    yard.speed(FAST);
    yard.run(&["resume", &rollback]).code(0);
    let op = shop.end_of(&rollback);
    assert_eq!(op["state"], "failed", "{op:#}");
    let grew = |call: &Value| call["text"].as_str().unwrap().contains("web-prod-b min 12");
    assert!(events(&op, "call_intended").into_iter().any(grew), "{op:#}");
    let gives_back = next_of_its_driver(yard);
    assert_eq!(shop.end_of(&gives_back)["state"], "succeeded");
    let groups = &shop.fleet()["server_groups"];
    let sizes = |slot: usize| ["min", "max", "desired"].map(|what| groups[slot][what].as_u64().unwrap());
    assert_eq!((sizes(0), sizes(1)), ([10, 24, 12], [0, 0, 0]), "{groups:#}");
    let told = yard.run(&["op", &gives_back]).code(0);
    assert!(told.out.contains(&format!("gives back what {rollback} left: 2.13.1 does not run on the live schema: schema 3 > max 2")), "{}", told.out);
}

#[test]
fn a_row_shows_no_way_back_that_the_plan_refuses_because_its_image_is_listed_no_more() {
    let shop = shop(2, "");
    for version in ["2.13.1", "2.13.2", "2.14.0"] {
        shop.tag(version, None, None);
    }
    shop.rewrite("");
    assert_eq!(shop.deploy_to_the_end("2.14.0")["state"], "succeeded");
    shop.yard.speed(1);
    let before = shop.fleet();
    assert_eq!((&before["way_back"]["level"], &before["way_back"]["version"]), (&Value::from("R0"), &Value::from("2.13.2")));
    let image = before["way_back"]["image"].as_str().unwrap().into();
    let cloud = SimCloud::open(&shop.yard.world_dir(), Scenario::Default, DEFAULT_SEED, None).unwrap();
    assert!(cloud.disturb(Disturbance::RemoveImage { image }).unwrap());
    shop.yard.run(&["sim", "advance", "5m"]).code(0);
    shop.rewrite(&says(&shop.path("schema")));
    shop.yard.run(&["rollback", "web-prod", "--plan"]).refuses(3, &["nobody can say whether 2.13.2 runs", "is not listed"]);
    let back = &shop.fleet()["way_back"];
    assert_eq!(back["level"], Value::Null, "{back:#}");
    assert!(back["blockers"][0].as_str().unwrap().contains("is not listed"), "{back:#}");
}
