//! Looking: images and fleets as text and JSON, and writing a fleet down.

use serde_json::{Value, json};

use crate::yard::Yard;

fn find<'a>(list: &'a Value, key: &str, wanted: &str) -> &'a Value {
    list.as_array().and_then(|all| all.iter().find(|one| one[key] == wanted)).unwrap_or_else(|| panic!("no {wanted} in {list:#}"))
}

#[test]
fn images_and_fleets_are_listed() {
    let yard = Yard::new();
    let text = yard.qd.run(&["images"]).ok().out;
    let line = |version: &str| text.lines().find(|line| line.contains(version)).unwrap_or_else(|| panic!("no {version} in {text}")).to_owned();
    assert!(line("web 2.13.2").contains("web-prod (4)"), "{text}");
    assert!(line("web 2.17.0").contains("pending"), "{text}");
    assert!(!text.contains("2026.10"), "an image of another account: {text}");

    let images = yard.qd.json(&["images"]);
    let live = find(&images["images"], "id", &yard.image("web 2.13.2"));
    let shape = ["id", "name", "app", "version", "stage", "created_at", "base", "arch", "fleets", "schema", "blocked"];
    assert!(shape.iter().all(|key| live.get(key).is_some()), "{live:#}");
    assert_eq!((&live["app"], &live["version"], &live["fleets"]), (&json!("web"), &json!("2.13.2"), &json!(["web-prod"])));
    assert_eq!(
        (&live["created_at"], &live["stage"], &live["schema"]),
        (&json!("2026-10-01T12:00:00Z"), &Value::Null, &json!({"min": null, "max": null}))
    );
    let order: Vec<&str> = images["images"].as_array().unwrap().iter().filter_map(|image| image["created_at"].as_str()).collect();
    assert!(order.is_sorted_by(|newer, older| newer >= older) && order.len() == 21, "{order:?}");

    let text = yard.qd.run(&["fleets"]).ok().out;
    let line = |fleet: &str| text.lines().find(|line| line.starts_with(fleet)).unwrap_or_else(|| panic!("no {fleet} in {text}")).to_owned();
    assert!(line("web-prod").contains("2.13.2") && line("web-prod").contains("4/4"), "{text}");
    assert!(line("shop-prod").contains("1.4.0") && line("shop-prod").contains("2/2"), "{text}");

    let fleets = yard.qd.json(&["fleets"]);
    assert_eq!(fleets["fleets"].as_array().map(Vec::len), Some(14));
    let web = find(&fleets["fleets"], "name", "web-prod");
    assert_eq!((&web["app"], &web["env"], &web["route"], &web["source"]), (&json!("web"), &json!("prod"), &json!("weighted"), &json!("tagged")));
    assert_eq!((&web["healthy"], &web["desired"], &web["state"]), (&json!(4), &json!(4), &json!("steady")));
    let a = find(&web["server_groups"], "slot", "a");
    assert_eq!((&a["name"], &a["weight"], &a["version"], &a["total"]), (&json!("web-prod-a"), &json!(100), &json!("2.13.2"), &json!(4)));
    assert_eq!(find(&fleets["fleets"], "name", "shop-prod")["source"], "inferred");
    assert!(yard.qd.run(&["fleet", "web-prod"]).ok().out.contains("web-prod-b"));
    assert!(
        yard.qd.run(&["doctor", "web-prod"]).ok().out.contains("not adopted") || yard.qd.run(&["doctor", "web-prod"]).out.contains("fleet adopt")
    );
    yard.nothing_happened();
    health_nobody_vouches_for_is_unknown(&yard);
}

/// Auto Scaling's own health check knows nothing of the load balancer's: the row says `?`, and the opened fleet is asked about.
fn health_nobody_vouches_for_is_unknown(yard: &Yard) {
    let name = ("AutoScalingGroupName", "shop-prod-blue");
    assert_eq!(yard.aws.aws("autoscaling", "UpdateAutoScalingGroup", &[name, ("HealthCheckType", "EC2")]).0, 200);
    std::thread::sleep(std::time::Duration::from_secs(5)); // a round that another process read is taken for so long
    let text = yard.qd.run(&["fleets"]).ok().out;
    assert!(text.lines().any(|line| line.starts_with("shop-prod") && line.contains("?/2") && !line.contains("steady")), "{text}");
    let fleets = yard.qd.json(&["fleets"]);
    let shop = find(&fleets["fleets"], "name", "shop-prod");
    assert_eq!((&shop["healthy"], &shop["state"]), (&Value::Null, &json!("unknown")));
    let opened = yard.qd.json(&["fleet", "shop-prod"]);
    assert_eq!((&opened["healthy"], &opened["state"]), (&json!(2), &json!("steady")), "opened, the load balancer is asked");
}

#[test]
fn fleets_are_written_down() {
    let yard = Yard::new();
    for (fleet, version, place) in [("web-prod", "2.13.2", "rule = "), ("shop-prod", "1.4.0", "rule = "), ("api-prod", "5.1.0", "listener = ")] {
        let told = yard.qd.run(&["fleet", "adopt", fleet]).ok();
        assert!(told.out.contains("ignore_changes") && told.out.contains(version), "{}", told.out);
        let file = std::fs::read_to_string(yard.qd.fleets_file()).unwrap();
        let section = file.split("[fleet.").find(|section| section.starts_with(fleet)).unwrap_or_else(|| panic!("no {fleet} in {file}"));
        assert!(section.contains(place) && section.contains("account = \"123456789012\"") && section.contains("region = \"us-east-1\""), "{section}");
        let ledger = yard.qd.json(&["ledger", fleet]);
        assert!(ledger.to_string().contains("adopted") && ledger.to_string().contains(version), "{ledger:#}");
        yard.qd.run(&["fleet", "adopt", fleet]).refused(3, &["adopted already"]);
    }
    let fleets = yard.qd.json(&["fleets"]);
    assert_eq!(find(&fleets["fleets"], "name", "shop-prod")["source"], "adopted", "what was written down counts at once");
    yard.nothing_happened();
}

#[test]
fn what_is_written_down_counts_at_once() {
    let yard = Yard::with(&["shop-prod"]);
    let weights = |yard: &Yard| {
        let plan = yard.qd.json(&["deploy", "shop-prod", "--image", "1.5.0", "--plan"]);
        let steps = plan["steps"].as_array().unwrap().iter().filter_map(|step| step["title"].as_str().or(step["name"].as_str()).map(str::to_owned));
        steps.filter(|title| title.starts_with("weight")).collect::<Vec<_>>()
    };
    assert_eq!(weights(&yard), ["weight 5%", "weight 25%", "weight 100%"]);
    yard.qd.edit_fleets(|text| text.replace("weight = 25", "weight = 30"));
    assert_eq!(weights(&yard), ["weight 5%", "weight 30%", "weight 100%"]);
    yard.nothing_happened();
}
