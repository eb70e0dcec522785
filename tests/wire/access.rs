//! Credentials, regions and endpoints in trouble: a sentence and a hint, at once, and nothing half done.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::qd::{Qd, Told};
use crate::yard::{Yard, names};

const KEY: &str = "AWS_ACCESS_KEY_ID";

fn quick(began: Instant) {
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
}

#[test]
fn nobody_who_may_not_ask_is_left_without_a_sentence() {
    let yard = Yard::new();
    let as_key = |key: &str, args: &[&str]| yard.qd.run_with(&[(KEY, Some(key))], args);
    let began = Instant::now();
    for args in [&["fleets"][..], &["images", "--json"], &["fleet", "web-prod"], &["deploy", "web-prod", "--image", "2.14.0", "--plan"]] {
        let told = as_key("EXPIREDKEY", args);
        told.refused(1, &["expired"]);
        assert!(told.out.is_empty(), "{}", told.out);
        as_key("INVALIDKEY", args).refused(1, &["invalid"]);
    }
    quick(began);
    let none: &[(&str, Option<&str>)] = &[(KEY, None), ("AWS_SECRET_ACCESS_KEY", None)];
    yard.qd.run_with(none, &["fleets"]).refused(1, &["no credentials were found"]);
    let nowhere: &[(&str, Option<&str>)] = &[("AWS_REGION", None), ("AWS_DEFAULT_REGION", None)];
    yard.qd.run_with(nowhere, &["fleets"]).refused(1, &["no region is set", "--region"]);
    let began = Instant::now();
    yard.qd.run_with(&[("AWS_ENDPOINT_URL", Some("http://127.0.0.1:1"))], &["fleets"]).refused(1, &["onnect"]);
    quick(began);
    yard.qd.run(&["--endpoint-url", "127.0.0.1:5000", "fleets"]).refused(1, &["not an endpoint", "http://"]);
    yard.qd.run(&["--profile", "nobody", "fleets"]).refused(1, &["profile"]);
    yard.nothing_happened();
}

#[test]
fn fleets_without_load_balancers_are_listed_with_question_marks() {
    let yard = Yard::new();
    let told = yard.qd.run_with(&[(KEY, Some("NOELBKEY"))], &["fleets"]).ok();
    let line = |fleet: &str| told.out.lines().find(|line| line.starts_with(fleet)).unwrap_or_else(|| panic!("no {fleet}: {}", told.out)).to_owned();
    assert!(line("web-prod").contains("2.13.2") && line("web-prod").contains("4/4") && line("web-prod").contains('?'), "{}", told.out);
    assert!(told.err.contains("load balancers") && told.err.contains("not authorized"), "{}", told.err);
    let fleets = yard.qd.run_with(&[(KEY, Some("NOELBKEY"))], &["fleets", "--json"]).ok().json();
    let web = fleets["fleets"].as_array().unwrap().iter().find(|fleet| fleet["name"] == "web-prod").unwrap();
    assert!(web["server_groups"].as_array().unwrap().iter().all(|group| group["weight"].is_null()), "unknown is null: {web:#}");
    yard.adopt(&["web-prod"]);
    let deploy = ["deploy", "web-prod", "--image", "2.14.0", "--reason", "x", "--yes"];
    yard.qd.run_with(&[(KEY, Some("NOELBKEY"))], &deploy).refused(3, &["not authorized"]);
    yard.nothing_happened();
}

#[test]
fn a_deploy_that_may_not_write_ends_where_it_began() {
    let yard = Yard::with(&["web-prod"]);
    let before = yard.aws.state();
    let deploy = ["deploy", "web-prod", "--image", "2.14.0", "--reason", "x", "--yes"];
    let told = yard.qd.run_with(&[(KEY, Some("DENIEDKEY"))], &deploy);
    assert!([1, 4].contains(&told.code), "{} {} {}", told.code, told.out, told.err);
    assert!(format!("{}{}", told.out, told.err).contains("not authorized"), "{} {}", told.out, told.err);
    assert!(yard.aws.writes().iter().all(|call| call.status == Some(403)), "{:?}", names(&yard.aws.writes()));
    assert_eq!(yard.aws.state(), before, "nothing is half done");
    let ops = yard.qd.ops();
    assert!(ops.len() == 1 && ["backed_out", "failed"].contains(&ops[0]["state"].as_str().unwrap()), "{ops:#?}");
    assert_eq!(
        yard.qd.json(&["fleets"])["fleets"].as_array().unwrap().iter().find(|fleet| fleet["name"] == "web-prod").unwrap()["operation"],
        Value::Null
    );
}

/// Without a region nothing is sent at all, so a foreign endpoint can be named without being asked.
#[test]
fn the_time_scale_is_refused_away_from_loopback() {
    let env = [(KEY, "testing"), ("AWS_SECRET_ACCESS_KEY", "testing"), ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_CONFIG_FILE", "/dev/null")];
    let qd = Qd::with_env(env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
    let ignored = |told: &Told| told.err.contains("QD_TIME_SCALE is ignored: not every endpoint is a loopback address");
    for url in ["http://192.0.2.1:9", "https://autoscaling.example.com"] {
        let told = qd.run(&["--endpoint-url", url, "fleets"]);
        told.refused(1, &["no region is set"]);
        assert!(ignored(&told), "{}", told.err);
    }
    assert!(ignored(&qd.run(&["fleets"])), "no endpoint is AWS itself");
    assert!(!ignored(&qd.run(&["--endpoint-url", "http://127.0.0.1:1", "fleets"])));
    let mixed = qd.run_with(&[("AWS_ENDPOINT_URL_EC2", Some("http://192.0.2.1:9"))], &["--endpoint-url", "http://127.0.0.1:1", "fleets"]);
    assert!(ignored(&mixed), "{}", mixed.err);
}
