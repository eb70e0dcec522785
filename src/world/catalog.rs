//! The images of the default scenario.

use std::collections::BTreeMap;

use super::scenario::Scenario;
use super::state::{Behaviour, ImageRecord, Tick, Vigour};
use super::{World, draw};
use crate::domain::bake::QUERY_KEY;
use crate::domain::ids::ImageId;
use crate::domain::image::{Image, ImageOrigin, ImageState, SchemaRange};
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// When the bake of web 2.17.0 began and ends, in ticks.
const BAKE: (Tick, Tick) = (-240, 960);

/// What is special about an image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sound,
    /// 4 % errors once it serves.
    Errors,
    NeverHealthy,
    Baking,
    Blocked,
}

/// One line of the catalog: a version, how many hours ago it was made, how slow it is.
struct Line(&'static str, &'static str, u64, u32, Kind);

const CATALOG: [Line; 19] = [
    Line("web", "2.17.0", 0, 180, Kind::Baking),
    Line("web", "2.16.0", 5, 180, Kind::NeverHealthy),
    Line("web", "2.15.0", 20, 196, Kind::Errors),
    Line("web", "2.14.0", 50, 178, Kind::Sound),
    Line("web", "2.13.2", 122, 181, Kind::Sound),
    Line("web", "2.13.1", 290, 183, Kind::Sound),
    Line("web", "2.12.9", 730, 185, Kind::Blocked),
    Line("api", "5.2.0", 30, 88, Kind::Sound),
    Line("api", "5.1.0", 200, 90, Kind::Sound),
    Line("api", "5.0.3", 520, 91, Kind::Sound),
    Line("search", "1.10.0", 26, 140, Kind::Sound),
    Line("search", "1.9.0", 170, 142, Kind::Sound),
    Line("search", "1.8.4", 610, 145, Kind::Sound),
    Line("worker", "3.4.0", 44, 0, Kind::Sound),
    Line("worker", "3.3.0", 240, 0, Kind::Sound),
    Line("worker", "3.2.1", 480, 0, Kind::Sound),
    Line("legacy", "0.9.9", 70, 310, Kind::Sound),
    Line("legacy", "0.9.8", 1_900, 320, Kind::Sound),
    Line("admin", "4.2.0", 96, 120, Kind::Sound),
];

/// The id of an image of the default scenario, whether or not it (still) exists.
#[must_use]
pub(super) fn image_id(app: &str, version: &str) -> ImageId {
    let word = draw::mix(draw::fnv(format!("{app} {version}").as_bytes()));
    ImageId::new(format!("ami-0{word:016x}"))
}

/// Puts all images into the world.
pub(super) fn stock(world: &mut World) {
    let base = base_image(world.start);
    let base_id = base.image.id.clone();
    world.images.insert(base_id.clone(), base);
    for line in CATALOG {
        let record = record(world, &line, &base_id);
        world.keep_snapshots(&record.image);
        world.images.insert(record.image.id.clone(), record);
    }
}

/// The image the others are baked from, which carries none of our tags.
fn base_image(start: WorldTime) -> ImageRecord {
    let image = Image {
        id: image_id("base", "ubuntu-24.04"),
        name: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server".into(),
        app: None,
        version: None,
        stage: None,
        created_at: Some(start.minus(Millis::mins(60 * 24 * 31))),
        base: None,
        arch: Some("arm64".into()),
        state: ImageState::Available,
        schema: SchemaRange::default(),
        blocked: None,
        bake: None,
        tags: BTreeMap::new(),
        origin: ImageOrigin { owner: Some("099720109477".into()), public: true, ..ImageOrigin::default() },
    };
    ImageRecord { image, behaviour: Behaviour { vigour: Vigour::Sound, error_ppm: 1_000_000, p99_ms: 10 }, bake: None }
}

fn record(world: &World, Line(app, version, hours, p99_ms, kind): &Line, base: &ImageId) -> ImageRecord {
    let bake = (*kind == Kind::Baking).then_some(BAKE);
    let created = bake.map_or_else(|| world.start.minus(Millis::mins(hours * 60)), |(began, _)| world.moment(began));
    let commit = draw::fnv(format!("commit {app} {version}").as_bytes()) & 0x0fff_ffff;
    let id = image_id(app, version);
    let mut tags = tags(app, version, commit, base);
    if *kind == Kind::Blocked {
        tags.extend(block(created));
    }
    let name = Untrusted::new(format!("{app}-{version}-arm64-{commit:07x}"));
    let image = super::life::image_of(&id, name, base, created, tags);
    ImageRecord { image, behaviour: behaviour(world.scenario, *kind, *p99_ms, *hours), bake }
}

/// The tags a bake writes.
fn tags(app: &str, version: &str, commit: u64, base: &ImageId) -> BTreeMap<String, Untrusted> {
    let commit = format!("{commit:07x}");
    let all = [("app", app), ("version", version), ("stage", "verified"), ("base", base.as_str()), ("commit", &commit)];
    let mut tags: BTreeMap<String, Untrusted> = all.into_iter().map(|(key, value)| (format!("qd:{key}"), value.into())).collect();
    tags.insert(QUERY_KEY.to_owned(), "099720109477 arm64 ubuntu/*noble*".into());
    tags
}

/// The tags of an image that somebody blocked.
fn block(created: WorldTime) -> [(String, Untrusted); 3] {
    let at = created.plus(Millis::mins(60 * 40)).rfc3339();
    [("qd:blocked", "openssl of the base is vulnerable"), ("qd:blocked-by", "security"), ("qd:blocked-at", &at)]
        .map(|(key, value)| (key.to_owned(), value.into()))
}

/// Under `flapping` the images of the last three days flap.
fn behaviour(scenario: Scenario, kind: Kind, p99_ms: u32, hours: u64) -> Behaviour {
    let vigour = match kind {
        Kind::NeverHealthy => Vigour::NeverHealthy,
        _ if scenario == Scenario::Flapping && hours <= 72 => Vigour::Flapping,
        _ => Vigour::Sound,
    };
    match (kind, scenario) {
        (Kind::Errors, Scenario::Latency) => Behaviour { vigour, error_ppm: 2_000, p99_ms: p99_ms * 2 },
        (Kind::Errors, _) => Behaviour { vigour, error_ppm: 40_000, p99_ms },
        _ => Behaviour { vigour, error_ppm: 2_000, p99_ms },
    }
}
