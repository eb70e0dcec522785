//! What a deploy and a rollback change, as the plan tells it: from what bakes recorded, and never from a guess.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::yard::Yard;

/// A recipe for the simulated cloud whose image works with schemas 2 to 3.
fn recipe(yard: &Yard) -> String {
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/recipes/shell.toml");
    let text = std::fs::read_to_string(example).unwrap();
    let text = text.replace("script = \"shell/nginx.sh\"", "run = [\"true\"]").replace("owner = \"136693071363\"", "owner = \"099720109477\"");
    let text = text.replace("debian-12-amd64-*", "ubuntu/*noble*").replace("x86_64", "arm64").replace("2.15.0", "2.18.0");
    let text = text.replace("env = { SITE_ROOT = \"/srv/web\" }\n", "");
    let path = yard.path().join("web.toml");
    std::fs::write(&path, text.replace("min = 41, max = 43", "min = 2, max = 3")).unwrap();
    path.display().to_string()
}

fn field<'a>(plan: &'a Value, what: &str) -> &'a Value {
    let fields = plan["changes"]["fields"].as_array().unwrap();
    fields.iter().find(|field| field["what"] == what).unwrap_or_else(|| panic!("{what} is not in {fields:#?}"))
}

#[test]
fn the_plan_tells_what_changes_with_the_risky_marked_and_says_what_nobody_recorded() {
    let yard = Yard::at_speed(2_000);
    let recipe = recipe(&yard);
    let baked = yard.run(&["bake", &recipe, "--yes", "--json"]).code(0);
    assert!(!baked.out.contains("@qdp1"), "what is for programs is not shown");
    let fleets = "[fleet.web-prod]\nslots = [\"web-prod-a\", \"web-prod-b\"]\nfloor = 8\nschema = [\"/bin/echo\", \"2\"]\n";
    let dir = yard.path().join("quarterdeck");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("fleets.toml"), fleets).unwrap();
    let deploy = ["deploy", "web-prod", "--image", "2.18.0", "--plan"];
    let plan = yard.run(&[&deploy[..], &["--json"]].concat()).code(0).json();
    let schema = field(&plan, "schema");
    assert_eq!((&schema["from"], &schema["to"], &schema["risky"]), (&Value::from("any"), &Value::from("2 to 3"), &Value::from(true)));
    assert_eq!(field(&plan, "version")["to"], "2.18.0");
    let changed = plan["changes"]["packages"]["known"]["changed"].as_array().unwrap();
    let package = |name: &str| changed.iter().find(|change| change["name"] == name).unwrap_or_else(|| panic!("{name} is not in {changed:#?}"));
    assert_eq!(package("web")["to"], "2.18.0-1");
    assert!(changed.iter().all(|change| change["name"] != "bash"), "what is the same is not told");
    let text = yard.run(&deploy).code(0).out;
    assert!(text.contains("WHAT CHANGES from 2.13.2 to 2.18.0\n  ! schema: any becomes 2 to 3\n"), "{text}");
    assert!(text.contains("packages: ") && text.contains("web: 2.13.2-1 becomes 2.18.0-1"), "{text}");

    // A line of the list is gone: what is left of it is not taken for the list.
    let log = yard.world_dir().join("bakes").join("op-1.log");
    let whole = std::fs::read_to_string(&log).unwrap();
    let less: Vec<&str> = whole.lines().filter(|line| !line.contains(" 2/")).collect();
    std::fs::write(&log, less.join("\n")).unwrap();
    let text = yard.run(&deploy).code(0).out;
    assert!(text.contains("packages: nobody can say: 2.18.0: 1 of the"), "{text}");
}
