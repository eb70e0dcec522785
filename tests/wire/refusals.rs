//! What is refused: a sentence, a hint, exit code 3, and nothing written at the endpoint.

use crate::yard::{Yard, tag};

const DEPLOY: [&str; 4] = ["--reason", "a test", "--yes", "--detach"];

fn deploy(yard: &Yard, fleet: &str, image: &str) -> crate::support::qd::Told {
    let mut args = vec!["deploy", fleet, "--image", image];
    args.extend(DEPLOY);
    yard.qd.run(&args)
}

/// Nothing was written but by the test itself.
fn untouched(yard: &Yard) {
    yard.aws.clear_calls();
}

#[test]
fn images_that_cannot_be_meant_are_refused() {
    let yard = Yard::with(&["web-prod"]);
    deploy(&yard, "web-prod", "9.9.9").refused(3, &["9.9.9"]);
    deploy(&yard, "web-prod", "2.14.1").refused(3, &["2.14"]);
    deploy(&yard, "web-prod", "ami-00000000000000000").refused(3, &["ami-00000000000000000"]);
    deploy(&yard, "web-prod", "2.17.0").refused(3, &["2.17.0", "still being made"]);
    let (first, second) = (yard.image("web 2.18.0 first"), yard.image("web 2.18.0 second"));
    deploy(&yard, "web-prod", "2.18.0").refused(3, &["2.18.0", &first, &second]);
    deploy(&yard, "web-prod", "2.13.2").refused(3, &["runs already"]);
    deploy(&yard, "web-prod", "5.2.0").refused(3, &["5.2.0"]);
    yard.qd.run(&["deploy", "web-prod", "--image", "2.14.0", "--yes"]).refused(2, &["needs --reason"]);
    let told = yard.qd.run(&["deploy", "web-prod", "--image", "2.14.0", "--reason", "x"]);
    assert_eq!(told.code, 2, "no terminal and no --yes: {}", told.err);
    yard.qd.run(&["deploy", "web-prod", "--image", "2.14.0", "--strategy", "rolling", "--yes"]).refused(3, &["rolling"]);
    yard.qd.run(&["rollback", "web-prod", "--yes"]).refused(3, &["no way back"]);
    yard.nothing_happened();
}

#[test]
fn fleets_that_cannot_be_changed_are_refused() {
    let yard = Yard::with(&["search-prod"]);
    deploy(&yard, "web-prod", "2.14.0").refused(3, &["web-prod is not adopted", "qd fleet adopt web-prod"]);
    deploy(&yard, "web-prd", "2.14.0").refused(1, &["no fleet 'web-prd'", "did you mean web-prod"]);
    yard.qd.run(&["fleet", "adopt", "legacy-prod"]).refused(3, &["legacy-prod", "$Latest"]);
    deploy(&yard, "legacy-prod", "0.9.9").refused(3, &["not adopted"]);
    yard.qd.run(&["rollback", "search-prod", "--yes"]).refused(3, &["no way back"]);
    yard.nothing_happened();
}

#[test]
fn claims_and_differences_of_others_are_refused() {
    let yard = Yard::with(&["web-prod"]);
    let claim = |until: &str| format!("op=op-7;who=ann@bastion-2;store=another;until={until}");
    tag(&yard, "CreateOrUpdateTags", "web-prod-b", "qd:claim", &claim("2999-01-01T00:00:00Z"));
    untouched(&yard);
    deploy(&yard, "web-prod", "2.14.0").refused(3, &["claimed", "op-7", "ann@bastion-2", "2999"]);
    yard.nothing_happened();
    tag(&yard, "CreateOrUpdateTags", "web-prod-b", "qd:claim", &claim("2020-01-01T00:00:00Z"));
    yard.qd.run(&["deploy", "web-prod", "--image", "2.14.0", "--plan"]).ok();
    let policy = [
        ("AutoScalingGroupName", "web-prod-a"),
        ("PolicyName", "more"),
        ("PolicyType", "SimpleScaling"),
        ("AdjustmentType", "ChangeInCapacity"),
        ("ScalingAdjustment", "2"),
    ];
    assert_eq!(yard.aws.aws("autoscaling", "PutScalingPolicy", &policy).0, 200);
    untouched(&yard);
    deploy(&yard, "web-prod", "2.14.0").refused(3, &["scaling policies", "differ"]);
    yard.nothing_happened();
}

#[test]
fn a_place_that_is_not_this_one_is_refused() {
    let yard = Yard::with(&["web-prod"]);
    let good = std::fs::read_to_string(yard.qd.fleets_file()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{good}");
        yard.qd.edit_fleets(|_| good.replace(from, to));
    };
    with("account = \"123456789012\"", "account = \"999999999999\"");
    deploy(&yard, "web-prod", "2.14.0").refused(3, &["999999999999", "123456789012", "--profile"]);
    with("region = \"us-east-1\"", "region = \"eu-west-1\"");
    deploy(&yard, "web-prod", "2.14.0").refused(3, &["eu-west-1", "us-east-1"]);
    with("listener-rule/", "listener-rule/not");
    deploy(&yard, "web-prod", "2.14.0").refused(3, &["does not exist", "listener-rule/not"]);
    let text = yard.qd.run(&["fleets"]).ok().out;
    assert!(text.contains("web-prod"), "{text}");
    with("\"web-prod-b\"]", "\"web-prod-c\"]");
    deploy(&yard, "web-prod", "2.14.0").refused(3, &["web-prod-c does not exist", "web-prod-b"]);
    with("window = ", "windw = ");
    let line = good.lines().position(|line| line.starts_with("window")).unwrap() + 1;
    let told = yard.qd.run(&["fleets"]);
    told.refused(1, &["windw", &format!(":{line}:")]);
    assert!(told.err.contains("window"), "{}", told.err);
    yard.nothing_happened();
}

#[test]
fn read_only_changes_nothing() {
    let yard = Yard::new();
    yard.qd.run(&["--read-only", "fleet", "adopt", "web-prod"]).refused(3, &["read-only"]);
    assert!(!yard.qd.fleets_file().exists());
    yard.adopt(&["web-prod"]);
    let with = |args: &[&str]| yard.qd.run(&[&["--read-only"], args].concat());
    with(&["deploy", "web-prod", "--image", "2.14.0", "--reason", "x", "--yes"]).refused(3, &["read-only"]);
    with(&["ledger", "web-prod", "mark", "2.13.2", "--reason", "x"]).refused(3, &["read-only"]);
    assert!(with(&["deploy", "web-prod", "--image", "2.14.0", "--plan"]).ok().out.contains("2.14.0"));
    with(&["fleets"]).ok();
    assert!(yard.qd.ops().is_empty());
    yard.nothing_happened();
}
