//! Bakes by the program itself: detached drivers that are killed, aborted and taken over, and what people see of it.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::yard::Yard;

fn recipe(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/recipes").join(name).display().to_string()
}

fn begun(yard: &Yard, args: &[&str]) -> Value {
    let recipe = recipe("shell.toml");
    let all: Vec<&str> = ["bake", &recipe, "--yes", "--detach", "--json"].into_iter().chain(args.iter().copied()).collect();
    yard.run(&all).code(0).json()
}

fn at_step(yard: &Yard, id: &str, name: &str) {
    yard.wait_op(id, name, |op| op["step"]["name"] == name && op["state"] == "running");
}

#[test]
fn a_bake_survives_its_driver_and_the_second_wish_reuses_its_image() {
    let yard = Yard::at_speed(60);
    let id = begun(&yard, &[])["id"].as_str().unwrap().to_owned();
    at_step(&yard, &id, "provision");
    yard.kill_driver(&id);
    yard.run(&["bakes"]).code(0);
    yard.run(&["drive", "--recover"]).code(0);
    yard.speed(2_000);
    yard.run(&["wait", &id, "--timeout", "100s"]).code(0);
    let op = yard.op(&id);
    assert_eq!((op["kind"].as_str(), op["state"].as_str(), op["percent"].as_u64()), (Some("bake"), Some("succeeded"), Some(100)));
    let launched = op["events"].as_array().unwrap().iter().filter(|event| event["api"] == "RunInstances").count();
    assert_eq!(launched, 2, "a builder and an instance for the gates");
    let images = yard.run(&["images", "--app", "web", "--json"]).code(0).json();
    let newest = images["images"].as_array().unwrap().iter().find(|image| image["id"] == op["image"]).unwrap().clone();
    assert_eq!((newest["version"].as_str(), newest["stage"].as_str()), (Some("2.15.0"), Some("verified")));

    let recipe = recipe("shell.toml");
    let again = yard.run(&["bake", &recipe, "--yes"]).code(0);
    assert!(again.out.starts_with("nothing to bake: ami-") && again.out.contains("same inputs"), "{}", again.out);
    let forced = yard.run(&["bake", &recipe, "--force", "--plan", "--json"]).code(0).json();
    assert!(forced["because"].as_str().unwrap().starts_with("--force"), "{forced}");
}

#[test]
fn a_bake_is_aborted_also_without_a_driver_and_the_same_one_runs_only_once() {
    let yard = Yard::at_speed(60);
    let id = begun(&yard, &["--version", "3.0.0"])["id"].as_str().unwrap().to_owned();
    at_step(&yard, &id, "provision");
    let recipe = recipe("shell.toml");
    yard.run(&["bake", &recipe, "--version", "3.0.0", "--yes"]).refuses(3, &["does the same already"]);
    yard.run(&["pause", &id]).refuses(3, &["is a bake"]);
    yard.kill_driver(&id);
    yard.run(&["abort", &id, "--reason", "wrong branch"]).code(0);
    yard.speed(2_000);
    yard.run(&["wait", &id, "--timeout", "100s"]).code(4);
    let op = yard.op(&id);
    assert_eq!((op["state"].as_str(), op["image"].is_null()), (Some("backed_out"), true), "{op:#}");
    assert!(op["state_reason"].as_str().unwrap().contains("nothing of it is left"), "{op:#}");
}

#[test]
fn the_log_of_the_builder_is_kept_and_a_failure_shows_its_end() {
    let yard = Yard::at_speed(2_000);
    let recipe = yard.path().join("broken.toml");
    let text = std::fs::read_to_string(self::recipe("shell.toml")).unwrap();
    let text = text.replace("script = \"shell/nginx.sh\"", "run = [\"false\"]").replace("packages = [\"nginx-light\"]\n", "");
    std::fs::write(&recipe, text.replace("env = { SITE_ROOT = \"/srv/web\" }\n", "")).unwrap();
    let ran = yard.run(&["bake", recipe.to_str().unwrap(), "--yes"]).code(1);
    assert!(ran.out.contains("nginx failed with exit status 1") && ran.out.contains("its last lines"), "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("    | ") && ran.out.contains("tasks: ") && !ran.out.contains("@qd1 "), "what it prints is followed:\n{}", ran.out);
    let bakes = yard.run(&["bakes", "--json"]).code(0).json();
    let bake = &bakes["bakes"][0];
    assert_eq!((bake["state"].as_str(), bake["last_lines"].as_array().map(Vec::is_empty)), (Some("failed"), Some(false)));
    let log = std::fs::read_to_string(yard.world_dir().join("bakes").join("op-1.log")).unwrap();
    assert!(log.contains("this part was made to fail"), "{log}");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let yard = Yard::at_speed(0);
    yard.run(&["bake", "nowhere.toml", "--yes"]).refuses(1, &["there is no recipe"]);
    let recipe = yard.path().join("typo.toml");
    let text = std::fs::read_to_string(self::recipe("shell.toml")).unwrap().replace("instance_type", "instance_typ");
    std::fs::write(&recipe, text).unwrap();
    let told = yard.run(&["bake", recipe.to_str().unwrap(), "--plan"]).code(1);
    assert!(told.err.contains("typo.toml:17") && told.err.contains("instance_type"), "{}", told.err);
    yard.run(&["abort", "op-1"]).refuses(1, &["there is no operation"]);
}

#[test]
fn images_behind_their_base_are_baked_anew_in_waves() {
    let yard = Yard::at_speed(2_000);
    let recipe = yard.path().join("web.toml");
    let text = std::fs::read_to_string(self::recipe("shell.toml")).unwrap();
    let text = text.replace("script = \"shell/nginx.sh\"", "run = [\"true\"]").replace("owner = \"136693071363\"", "owner = \"099720109477\"");
    let text = text.replace("debian-12-amd64-*", "ubuntu/*noble*").replace("x86_64", "arm64").replace("2.15.0", "2.18.0");
    std::fs::write(&recipe, text.replace("env = { SITE_ROOT = \"/srv/web\" }\n", "")).unwrap();
    let path = recipe.to_str().unwrap();
    let behind = yard.run(&["bake", "--behind", path, "--plan", "--json"]).code(0).json();
    assert_eq!(behind["behind"][0]["days"], 26, "{behind}");
    yard.run(&["bake", "--behind", path, "--yes"]).code(0);
    let behind = yard.run(&["bake", "--behind", path, "--plan", "--json"]).code(0).json();
    assert_eq!((behind["behind"][0]["days"].as_u64(), behind["behind"][0]["version"].as_str()), (Some(0), Some("2.18.0")), "{behind}");
    assert!(yard.run(&["bake", "--behind", path, "--yes"]).code(0).out.contains("no image is behind its base"));
}

#[test]
fn an_image_whose_gates_failed_is_deployed_only_by_an_explicit_word_and_a_reason() {
    let yard = Yard::at_speed(2_000);
    yard.run(&["images"]).code(0);
    let world = quarterdeck::adapters::sim::SimCloud::open(&yard.world_dir(), quarterdeck::world::Scenario::Default, 1, None).unwrap();
    let faults = quarterdeck::world::BakeFaults { failing_gate: Some(1), ..Default::default() };
    world.disturb(quarterdeck::world::Disturbance::SpoilBakes(faults)).unwrap();
    let recipe = yard.path().join("web.toml");
    let text = std::fs::read_to_string(self::recipe("shell.toml")).unwrap();
    let text = text.replace("script = \"shell/nginx.sh\"", "run = [\"true\"]").replace("owner = \"136693071363\"", "owner = \"099720109477\"");
    let text = text.replace("debian-12-amd64-*", "ubuntu/*noble*").replace("x86_64", "arm64").replace("2.15.0", "2.19.0");
    // The fleet names no program that says which schema is live.
    let text = text.replace("schema = { min = 41, max = 43 }\n", "");
    std::fs::write(&recipe, text.replace("env = { SITE_ROOT = \"/srv/web\" }\n", "")).unwrap();
    let ran = yard.run(&["bake", recipe.to_str().unwrap(), "--yes"]).code(1);
    assert!(ran.out.contains("gate home page does not let the image pass"), "{}", ran.out);
    let deploy = ["deploy", "web-prod", "--image", "2.19.0", "--plan"];
    yard.run(&deploy).refuses(3, &["the gates of 2.19.0", "failed: home page", "--despite-gates"]);
    let despite: Vec<&str> = deploy.into_iter().chain(["--despite-gates", "--reason", "the gate is wrong", "--json"]).collect();
    let plan = yard.run(&despite).code(0).json();
    assert!(plan["friction"]["typed"]["because"].as_str().unwrap().contains("failed: home page"), "{plan}");
    let bare: Vec<&str> = deploy.into_iter().chain(["--despite-gates"]).collect();
    yard.run(&bare).code(2);
}
