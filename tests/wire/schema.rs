//! The database behind a fleet, over the wire: what its images' tags say of schemas, a migration, and the way back it leaves.

use serde_json::{Value, json};

use crate::yard::{Yard, names};

#[test]
fn a_one_way_deploy_migrates_before_its_first_server_and_what_cannot_run_is_not_gone_back_to() {
    let yard = Yard::new();
    for (image, min, max) in [("web 2.13.2", "1", "2"), ("web 2.14.0", "2", "3")] {
        yard.aws.tag(&yard.image(image), "qd:schema-min", Some(min));
        yard.aws.tag(&yard.image(image), "qd:schema-max", Some(max));
    }
    yard.adopt(&["web-prod"]);
    let file = yard.qd.state_dir().with_file_name("schema");
    std::fs::write(&file, "1").unwrap();
    let schema = file.display();
    let programs =
        format!("schema = [\"/bin/cat\", \"{schema}\"]\nmigration = [\"/bin/sh\", \"-c\", \"echo once >> {schema}.runs; echo 3 > {schema}\"]\n");
    yard.qd.edit_fleets(|text| text.replacen("slots =", &format!("{programs}slots ="), 1));
    let images = yard.qd.json(&["images"]);
    let image = images["images"].as_array().unwrap().iter().find(|image| image["version"] == "2.14.0").unwrap();
    assert_eq!(image["schema"], json!({"min": 2, "max": 3}));

    let plan = yard.qd.json(&["deploy", "web-prod", "--image", "2.14.0", "--plan"]);
    assert!(plan["one_way"]["why"].as_str().unwrap().contains("schema 3 > max 2"), "{plan:#}");
    assert!(plan["changes"]["packages"]["unknown"]["why"].as_str().unwrap().contains("no bake of this program recorded"), "{plan:#}");
    yard.aws.clear_calls();
    let id = yard.qd.start(&["deploy", "web-prod", "--image", "2.14.0", "--strategy", "blue-green", "--reason", "a test"]);
    let op = yard.qd.await_state(&id, "succeeded");
    let place = |kind: &str, api: &str| {
        let events = op["events"].as_array().unwrap();
        events
            .iter()
            .position(|event| event["event"] == kind && (api.is_empty() || event["api"] == api))
            .unwrap_or_else(|| panic!("{kind} {api}: {op:#}"))
    };
    assert!(place("migration_ended", "") < place("call_intended", "UpdateAutoScalingGroup").max(place("call_intended", "ModifyRule")));
    assert!(names(&yard.aws.writes()).contains(&"ModifyRule"));
    assert_eq!(std::fs::read_to_string(format!("{schema}.runs")).unwrap(), "once\n");

    let back = &yard.qd.json(&["fleet", "web-prod"])["way_back"];
    assert_eq!((&back["level"], &back["blockers"]), (&Value::Null, &json!(["2.13.2: schema 3 > max 2"])));
    yard.qd.run(&["rollback", "web-prod", "--yes"]).refused(3, &["2.13.2: schema 3 > max 2"]);
    assert_eq!(yard.weights("web-prod"), (0, 100), "nothing was moved");
    yard.aws.tag(&yard.image("web 2.14.0"), "qd:schema-max", Some("three"));
    let images = yard.qd.json(&["images"]);
    let image = images["images"].as_array().unwrap().iter().find(|image| image["version"] == "2.14.0").unwrap();
    let schema = &image["schema"];
    assert_eq!((&schema["min"], &schema["max"]), (&Value::Null, &Value::Null), "half of a range is none");
    assert!(schema["unclear"].as_str().unwrap().contains("'three', which is no number"), "{schema}");
}
