//! Bakes over the wire: a builder launched once, its console read, its image made and looked at, and nothing left, also after a kill.

use serde_json::Value;

use crate::yard::Yard;

const RECIPE: &str = "name = \"web-wire\"\ntime_limit = \"45m\"\n[app]\nname = \"web\"\nversion = \"3.0.0\"\n\
    [builder]\ninstance_type = \"t3.small\"\n[[provisioner]]\ntype = \"shell\"\nname = \"site\"\nrun = [\"COMMAND\"]\n\
    [[gate]]\ntype = \"boot\"\nwithin = \"5m\"\n[[gate]]\ntype = \"command\"\nname = \"site is there\"\nrun = \"test -e /srv\"\nwithin = \"2m\"\n";

/// Begins a bake whose one provisioner runs this command.
fn begin(yard: &Yard, command: &str, more: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("web.toml");
    let base = yard.image("web 2.14.0");
    std::fs::write(&path, format!("{}[base]\nid = \"{base}\"\n", RECIPE.replace("COMMAND", command))).unwrap();
    let path = path.display().to_string();
    let all: Vec<&str> = ["bake", &path, "--yes", "--detach", "--json"].into_iter().chain(more.iter().copied()).collect();
    yard.qd.run(&all).ok().json()["id"].as_str().unwrap().to_owned()
}

fn ended(yard: &Yard, id: &str) -> Value {
    yard.qd.await_op(id, "its end", |op| op["state"] == "succeeded")
}

/// Instances with a bake's tags that are there.
fn left(yard: &Yard) -> usize {
    let filters = [
        ("Filter.1.Name", "tag-key"),
        ("Filter.1.Value.1", "qd:operation"),
        ("Filter.2.Name", "instance-state-name"),
        ("Filter.2.Value.1", "running"),
        ("Filter.2.Value.2", "stopped"),
        ("Filter.2.Value.3", "pending"),
    ];
    let (status, body) = yard.aws.aws("ec2", "DescribeInstances", &filters);
    assert_eq!(status, 200, "{body}");
    body.matches("<instanceId>").count()
}

fn launched(yard: &Yard) -> usize {
    yard.own_writes().iter().filter(|call| call.action == "RunInstances").count()
}

#[test]
fn a_bake_makes_a_verified_image_and_leaves_nothing() {
    let yard = Yard::new();
    let op = ended(&yard, &begin(&yard, "true", &[]));
    assert_eq!(op["state"], "succeeded", "{op:#}");
    assert_eq!((launched(&yard), left(&yard)), (2, 0));
    yard.calls_are_intents();
    let images = yard.qd.run(&["images", "--app", "web", "--json"]).ok().json();
    let made = images["images"].as_array().unwrap().iter().find(|image| image["id"] == op["image"]).unwrap();
    assert_eq!((made["version"].as_str(), made["stage"].as_str()), (Some("3.0.0"), Some("verified")), "{made:#}");
}

#[test]
fn a_verified_image_is_shared_and_copied() {
    let yard = Yard::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("web.toml");
    let hands = "share_with = [\"111122223333\"]\ncopy_to = [\"eu-west-1\"]\n";
    let base = yard.image("web 2.14.0");
    std::fs::write(&path, format!("{hands}{}[base]\nid = \"{base}\"\n", RECIPE.replace("COMMAND", "true"))).unwrap();
    let path = path.display().to_string();
    let op = ended(&yard, &yard.qd.start(&["bake", &path]));
    let steps: Vec<&str> = op["steps"].as_array().unwrap().iter().filter_map(|step| step["name"].as_str()).collect();
    assert_eq!(steps[8..], ["verified", "share", "copy"]);
    let image = op["image"].as_str().unwrap();
    let (_, shared) = yard.aws.aws("ec2", "DescribeImageAttribute", &[("ImageId", image), ("Attribute", "launchPermission")]);
    assert!(shared.contains("<userId>111122223333</userId>"), "{shared}");
    let copies: Vec<_> = yard.own_writes().into_iter().filter(|call| call.action == "CopyImage").collect();
    assert_eq!((copies.len(), copies[0].params["SourceRegion"].as_str(), copies[0].params["SourceImageId"].as_str()), (1, "us-east-1", image));
    yard.calls_are_intents();
    assert!(yard.qd.run(&["bake", &path, "--yes"]).ok().out.starts_with("nothing to bake"), "everybody has it");
}

#[test]
fn a_driver_killed_while_its_builder_works_is_followed_by_one_that_launches_no_second() {
    let yard = Yard::new();
    let id = begin(&yard, "true", &[]);
    yard.qd.await_op(&id, "its provisioning", |op| op["step"]["index"].as_u64() >= Some(4));
    yard.qd.kill_driver(&id);
    yard.qd.run(&["drive", "--recover"]).ok();
    let op = ended(&yard, &id);
    assert_eq!(op["state"], "succeeded", "{op:#}");
    assert_eq!((launched(&yard), left(&yard)), (2, 0));
}

#[test]
fn a_provisioner_that_fails_leaves_neither_builder_nor_image() {
    let yard = Yard::new();
    let id = begin(&yard, "false", &[]);
    assert_eq!(yard.qd.run(&["wait", &id, "--timeout", "100s"]).code, 1);
    let op = yard.qd.op(&id);
    assert_eq!((op["state"].as_str(), op["image"].is_null()), (Some("failed"), true), "{op:#}");
    assert!(op["state_reason"].as_str().unwrap().starts_with("site failed with exit status 1"), "{op:#}");
    assert_eq!((launched(&yard), left(&yard)), (1, 0));
}
