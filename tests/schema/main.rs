//! The database behind a fleet, with the real program on the simulated cloud: what runs on which schema, migrations, and the way back after them.

// What does not go as it must ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

mod alembic;
mod changes;
mod hooks;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;

use quarterdeck::adapters::sim::SimCloud;
use quarterdeck::world::{DEFAULT_SEED, Disturbance, Scenario};
use serde_json::Value;
use support::yard::{Ran, Yard};

/// Fast enough that nobody waits for a deploy.
const FAST: u32 = 300;

/// A fleet with a database: `web-prod`, its images tagged with the schemas they work with.
struct Shop {
    yard: Yard,
}

impl Shop {
    /// The owner has these programs, as lines of the fleet's section.
    fn with(lines: &str) -> Self {
        let shop = Self { yard: Yard::with_long_windows(0) };
        shop.rewrite(lines);
        shop.tag("2.13.1", Some("1"), Some("2"));
        shop.tag("2.13.2", Some("1"), Some("2"));
        shop.tag("2.14.0", Some("2"), Some("3"));
        shop
    }

    /// Other programs from now on.
    fn rewrite(&self, lines: &str) {
        let file = self.yard.path().join("quarterdeck").join("fleets.toml");
        let section = "[fleet.web-prod]\nslots = [\"web-prod-a\", \"web-prod-b\"]\nfloor = 8\nwindow = \"10h\"\n";
        std::fs::write(file, format!("{section}{lines}\n")).unwrap();
    }

    fn tag(&self, version: &str, min: Option<&str>, max: Option<&str>) {
        let listed = self.yard.run(&["images", "--json"]).code(0).json();
        let all = listed["images"].as_array().unwrap();
        let image = all.iter().find(|image| image["version"] == version).unwrap()["id"].as_str().unwrap().to_owned();
        let cloud = SimCloud::open(&self.yard.world_dir(), Scenario::Default, DEFAULT_SEED, None).unwrap();
        for (key, value) in [("qd:schema-min", min), ("qd:schema-max", max)] {
            let (image, key) = (image.as_str().into(), key.to_owned());
            cloud.disturb(Disturbance::TagImage { image, key, value: value.map(str::to_owned) }).unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.yard.path().join(name)
    }

    fn fleet(&self) -> Value {
        self.yard.run(&["fleet", "web-prod", "--json"]).code(0).json()
    }

    fn deploy(&self, image: &str, more: &[&str]) -> Ran {
        self.yard.run(&[&["deploy", "web-prod", "--image", image], more].concat())
    }

    /// Confirms a deploy and lets it come to its end.
    fn deploy_to_the_end(&self, image: &str) -> Value {
        let id = self.begin(image);
        self.end_of(&id)
    }

    fn begin(&self, image: &str) -> String {
        let confirmed = ["--yes", "--reason", "a test", "--detach", "--json"];
        self.yard.speed(FAST);
        self.deploy(image, &confirmed).code(0).json()["id"].as_str().unwrap().to_owned()
    }

    fn end_of(&self, id: &str) -> Value {
        let over = ["succeeded", "backed_out", "failed", "rolled_back"];
        self.yard.wait_op(id, "an end", |op| over.contains(&op["state"].as_str().unwrap()))
    }
}

/// The events of an operation of one kind.
fn events<'a>(op: &'a Value, kind: &str) -> Vec<&'a Value> {
    op["events"].as_array().unwrap().iter().filter(|event| event["event"] == kind).collect()
}
