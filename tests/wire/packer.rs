//! Bakes by the real Packer over the wire: the endpoint plays EC2 for both, `qd` and Packer.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;

use crate::support::endpoint::Endpoint;
use crate::support::qd::Qd;
use crate::yard::Yard;

const RECIPE: &str = "name = \"web-packer\"\ntime_limit = \"45m\"\n[app]\nname = \"web\"\nversion = \"3.1.0\"\n[builder]\ninstance_type = \"t3.small\"\n\
    [packer]\ntemplate = \"web.json\"\n[packer.variables]\nbase = \"{base}\"\nimage_name = \"{image_name}\"\noperation = \"{operation}\"\n\
    expires_at = \"{expires_at}\"\nregion = \"{region}\"\ncommunicator = \"none\"\n\
    [[gate]]\ntype = \"boot\"\nwithin = \"5m\"\n[[gate]]\ntype = \"command\"\nname = \"site is there\"\nrun = \"test -e /srv\"\nwithin = \"2m\"\n";

/// Packer's own waits are in real time: the program's are longer here than in other tests.
fn yard() -> Yard {
    assert!(std::path::Path::new("/usr/bin/packer").exists(), "this test needs packer: apt-get install packer");
    let aws = Arc::new(Endpoint::start());
    let mut env = aws.env();
    env.extend([("QD_TIME_SCALE", "20"), ("AWS_POLL_DELAY_SECONDS", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    Yard { qd: Qd::unhurried(env), aws }
}

/// The example's template without its provisioners, which would need a builder that listens.
fn begin(yard: &Yard) -> String {
    let dir = tempfile::tempdir().unwrap();
    let example = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/recipes/packer/web.json")).unwrap();
    let mut template: Value = serde_json::from_slice(&example).unwrap();
    template.as_object_mut().unwrap().remove("provisioners");
    let recipe = RECIPE.replace("[[gate]]\ntype = \"boot\"", &format!("endpoint = \"{}\"\n[[gate]]\ntype = \"boot\"", yard.aws.url()));
    std::fs::write(dir.path().join("web.json"), template.to_string()).unwrap();
    let path = dir.path().join("web.toml");
    std::fs::write(&path, format!("{recipe}[base]\nid = \"{}\"\n", yard.image("web 2.14.0"))).unwrap();
    // The plan holds the template: what lies in the directory is not needed any more once it is begun.
    yard.qd.start(&["bake", &path.display().to_string()])
}

/// Instances with a bake's tags, and key pairs and groups with Packer's names.
fn left(yard: &Yard) -> [usize; 3] {
    let there = [("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "qd:operation"), ("Filter.2.Name", "instance-state-name")];
    let states = [("Filter.2.Value.1", "running"), ("Filter.2.Value.2", "pending"), ("Filter.2.Value.3", "stopped")];
    let count = |action: &str, params: &[(&str, &str)], word: &str| yard.aws.aws("ec2", action, params).1.matches(word).count();
    [
        count("DescribeInstances", &[there.as_slice(), &states].concat(), "<instanceId>"),
        count("DescribeKeyPairs", &[], "<keyName>packer_"),
        count("DescribeSecurityGroups", &[], "<groupName>packer_"),
    ]
}

fn launched(yard: &Yard) -> usize {
    yard.own_writes().iter().filter(|call| call.action == "RunInstances").count()
}

/// Packer makes its image, which takes the endpoint so many seconds.
fn at_snapshot(yard: &Yard, seconds: u32) -> String {
    yard.aws.settings(serde_json::json!({ "image_pending_seconds": seconds }));
    let id = begin(yard);
    yard.qd.await_op(&id, "its snapshot", |op| op["step"]["name"] == "snapshot");
    id
}

/// The group that Packer and its watcher run in.
fn group(yard: &Yard, id: &str) -> String {
    let stores = std::fs::read_dir(yard.qd.state_dir()).unwrap().flatten().map(|store| store.path());
    let named = |store: PathBuf| store.join("bakes").join(format!("{id}.packer")).join("packer.process");
    let path = stores.map(named).find(|path| path.exists()).unwrap();
    let process: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    format!("-{}", process["pid"])
}

fn kill(group: &str) {
    assert!(Command::new("kill").args(["-KILL", "--", group]).status().unwrap().success());
}

#[test]
fn a_bake_by_packer_makes_a_verified_image_and_leaves_nothing() {
    let yard = yard();
    let id = begin(&yard);
    let op = yard.qd.await_op(&id, "its end", |op| op["state"] == "succeeded");
    assert_eq!((op["strategy"].as_str(), launched(&yard), left(&yard)), (Some("packer"), 2, [0, 0, 0]), "{op:#}");
    let parts: Vec<&str> = op["parts"].as_array().unwrap().iter().filter_map(|part| part["name"].as_str()).collect();
    assert_eq!(parts, ["resolve base", "launch", "snapshot", "clean up"], "{op:#}");
    let images = yard.qd.run(&["images", "--app", "web", "--json"]).ok().json();
    let made = images["images"].as_array().unwrap().iter().find(|image| image["id"] == op["image"]).unwrap();
    assert_eq!((made["version"].as_str(), made["stage"].as_str()), (Some("3.1.0"), Some("verified")), "{made:#}");
}

#[test]
fn a_driver_killed_while_packer_works_is_followed_by_one_that_starts_no_second() {
    let yard = yard();
    let id = at_snapshot(&yard, 8);
    yard.qd.kill_driver(&id);
    yard.qd.run(&["drive", "--recover"]).ok();
    let op = yard.qd.await_op(&id, "its end", |op| op["state"] == "succeeded");
    assert_eq!((launched(&yard), left(&yard)), (2, [0, 0, 0]), "{op:#}");
}

#[test]
fn an_abort_lets_packer_remove_what_it_made() {
    let yard = yard();
    let id = at_snapshot(&yard, 300);
    assert_eq!(left(&yard), [1, 1, 1]);
    yard.qd.run(&["abort", &id]).ok();
    assert_eq!(yard.qd.run(&["wait", &id, "--timeout", "120s"]).code, 4);
    let op = yard.qd.op(&id);
    assert!(op["state_reason"].as_str().unwrap().contains("nothing of it is left"), "{op:#}");
    assert_eq!((launched(&yard), left(&yard)), (1, [0, 0, 0]), "{op:#}");
}

#[test]
fn what_a_killed_packer_left_is_removed_by_its_tags() {
    let yard = yard();
    let id = at_snapshot(&yard, 300);
    yard.qd.kill_driver(&id);
    kill(&group(&yard, &id));
    assert_eq!(left(&yard), [1, 1, 1]);
    yard.qd.run(&["drive", "--recover"]).ok();
    assert_eq!(yard.qd.run(&["wait", &id, "--timeout", "120s"]).code, 1);
    let op = yard.qd.op(&id);
    assert!(op["state_reason"].as_str().unwrap().contains("it was killed"), "{op:#}");
    assert_eq!((launched(&yard), left(&yard)), (1, [0, 0, 0]), "{op:#}");
}
