//! Images for tests: those of the little estate, what is known of one, and what nobody needs.

use super::fixture;
use crate::domain::ids::{FleetName, GroupName, ImageId};
use crate::domain::image::{BakeProgress, Block, Image, ImageState, SchemaRange};
use crate::domain::lineage::{Relative, Told};
use crate::domain::time::Millis;
use crate::operation::gc::{GcPlan, ImageVerdict, SnapshotVerdict, Verdict};
use crate::operation::image_log::{Channel, ImageBody, ImageChange, ImageEntry, Pointer};
use crate::operation::image_plan::{ImagePlan, ImageStory, LifeStage};
use crate::operation::status::ImageStatus;
use crate::operation::work_list::{Good, Near, Work, WorkList};

/// A verified image.
pub fn image(app: &str, version: &str, id: &str, age: Millis) -> ImageStatus {
    ImageStatus {
        image: Image {
            id: id.into(),
            name: format!("{app}-{version}").into(),
            app: Some(app.into()),
            version: Some(version.into()),
            stage: Some("verified".into()),
            created_at: Some(fixture::NOW.minus(age)),
            base: Some("ubuntu-24.04".into()),
            arch: Some("arm64".into()),
            state: ImageState::Available,
            schema: SchemaRange::default(),
            blocked: None,
            bake: None,
            tags: [("qd:app", app.to_owned()), ("qd:version", version.to_owned()), ("qd:commit", format!("c{}", version.replace('.', "")))]
                .map(|(key, value)| (key.to_owned(), value.as_str().into()))
                .into(),
            origin: crate::domain::image::ImageOrigin::default(),
        },
        fleets: Vec::new(),
        servers: 0,
        live: false,
    }
}

fn live(mut status: ImageStatus, servers: u32) -> ImageStatus {
    status.servers = servers;
    status.live = true;
    status
}

fn baking(mut status: ImageStatus) -> ImageStatus {
    status.image.state = ImageState::Pending;
    status.image.bake = Some(BakeProgress { percent: 62, step: "provision".into(), eta: Some(Millis::mins(4)) });
    status
}

fn blocked(mut status: ImageStatus) -> ImageStatus {
    status.image.blocked = Some(Block { reason: "CVE-2026-1181".into(), by: Some("op-2".into()), at: None, inherited_from: None });
    status
}

/// The images of the little estate, the newest of each application first.
pub fn images() -> Vec<ImageStatus> {
    let (hour, day) = (Millis::mins(60), Millis::mins(1_440));
    vec![
        baking(image("web", "2.17.0", "ami-0217", Millis::mins(4))),
        image("web", "2.16.0", "ami-0216", hour),
        image("web", "2.15.0", "ami-0215", hour.times(2)),
        image("web", "2.14.0", "ami-0214", day),
        live(image("web", "2.13.2", "ami-0132", day.times(3)), 12),
        blocked(image("web", "2.12.9", "ami-0129", day.times(30))),
        image("api", "5.2.0", "ami-0520", hour),
        live(image("api", "5.1.0", "ami-0510", day.times(5)), 20),
        image("search", "1.10.0", "ami-1100", day),
        live(image("search", "1.9.0", "ami-1090", day.times(9)), 30),
    ]
}

fn relative(image: &str, distance: usize, through: &str, told: Told) -> Relative {
    Relative { image: image.into(), distance, through: through.into(), told, listed: image != "ami-0b01" }
}

/// What is known of an image: made from web-base, which was made from somebody else's image.
pub fn story(id: &str) -> ImageStory {
    let image = images().into_iter().map(|status| status.image).find(|image| image.id.as_str() == id).unwrap();
    let asked = |seq, change| ImageEntry {
        seq,
        image: id.into(),
        at: fixture::NOW.minus(Millis::mins(2_880)),
        by: fixture::who(),
        reason: Some("release 41".into()),
        body: ImageBody::Asked { change, calls: Vec::new() },
    };
    let app = image.app.clone().unwrap();
    let promoted = ImageChange::Promote { app: app.clone(), channel: Channel::Stage };
    let (at, by, reason) = (fixture::NOW.minus(Millis::mins(2_880)), fixture::who(), Some("release 41".into()));
    let labels = [("ami-0b02", "web-base 3", false)].map(|(id, label, blocked)| (ImageId::from(id), (label.to_owned(), blocked)));
    ImageStory {
        stage: if image.blocked.is_some() { LifeStage::Blocked } else { LifeStage::Verified },
        fleets: Vec::new(),
        servers: 0,
        live: false,
        ledgers: Vec::new(),
        channels: vec![Pointer { app, channel: Channel::Stage, image: id.into(), at, by, reason }],
        pin: Some(asked(3, ImageChange::Pin)),
        marked: None,
        ancestors: vec![relative("ami-0b02", 1, id, Told::Tag), relative("ami-0b01", 2, "ami-0b02", Told::Cloud)],
        descendants: Vec::new(),
        labels: labels.into(),
        problems: vec!["ami-0b01 is not among the listed images: it is another account's, or it does not exist any more".into()],
        history: vec![asked(2, promoted), asked(3, ImageChange::Pin)],
        work: None,
        gaps: Vec::new(),
        as_of: fixture::NOW,
        image,
    }
}

/// What is known of the blocked 2.12.9: two releases were made from it, one of them serves.
pub fn blocked_story() -> ImageStory {
    let labels = [("ami-0132", "web 2.13.2"), ("ami-0214", "web 2.14.0")].map(|(id, label)| (ImageId::from(id), (label.to_owned(), true)));
    let mut story = story("ami-0129");
    story.descendants = vec![relative("ami-0132", 1, "ami-0129", Told::Cloud), relative("ami-0214", 2, "ami-0132", Told::Tag)];
    story.labels.extend(labels);
    story.work = Some(work_list());
    story
}

/// What there is to do in three fleets: one runs it, one would launch it, one is on its way to it.
pub fn work_list() -> WorkList {
    let good = |near| Some(Good { image: "ami-0216".into(), version: Some("2.16.0".into()), near });
    let work = |fleet: &str, servers, good| Work {
        fleet: FleetName::from(fleet),
        images: vec!["ami-0132".into()],
        servers,
        launches: vec![GroupName::new(format!("{fleet}-a"))],
        way_back: false,
        operation: None,
        good,
    };
    WorkList {
        images: vec!["ami-0129".into(), "ami-0132".into(), "ami-0214".into()],
        fleets: vec![
            Work { way_back: true, ..work("web-prod", Some(12), good(Near::Newer)) },
            work("admin-prod", Some(0), good(Near::StableHere)),
            work("worker-prod", None, None),
        ],
        gaps: Vec::new(),
    }
}

/// What blocking 2.14.0 comes to.
pub fn block_plan() -> ImagePlan {
    let image = images().into_iter().map(|status| status.image).find(|image| image.id.as_str() == "ami-0214").unwrap();
    ImagePlan {
        image,
        change: Some(ImageChange::Block),
        reason: None,
        calls: Vec::new(),
        notes: vec!["ami-0b01 is not among the listed images".into()],
        work: Some(work_list()),
        as_of: fixture::NOW,
    }
}

fn verdict(app: &str, version: &str, days: u64, verdict: Verdict) -> ImageVerdict {
    let status = image(app, version, &format!("ami-{app}-{version}"), Millis::mins(days * 1_440));
    let snapshot = SnapshotVerdict { id: format!("snap-{version}"), bytes: Some(8 << 30), stays: None };
    ImageVerdict {
        image: status.image.id,
        app: Some(app.into()),
        label: version.into(),
        created_at: status.image.created_at,
        snapshots: if matches!(verdict, Verdict::Stays(_)) { Vec::new() } else { vec![snapshot] },
        verdict,
    }
}

/// What nobody needs, and what stays.
pub fn retention() -> GcPlan {
    let stays = |why: &[&str]| Verdict::Stays(why.iter().map(|why| (*why).to_owned()).collect());
    let since = fixture::NOW.minus(Millis::mins(4 * 1_440));
    let mut shared = verdict("web", "2.11.0", 60, Verdict::Mark);
    shared.snapshots.push(SnapshotVerdict { id: "snap-0c".into(), bytes: Some(8 << 30), stays: Some("ami-0132 stands on it too".into()) });
    GcPlan {
        images: vec![
            verdict("api", "4.8.0", 120, stays(&["lt-api-prod-a version 1 launches it", "a ledger names it"])),
            verdict("web", "2.10.0", 90, Verdict::Remove),
            verdict("web", "2.10.1", 80, Verdict::Waits { since, until: since.plus(Millis::mins(7 * 1_440)) }),
            shared,
            verdict("web", "2.13.2", 3, stays(&["server i-a00 runs it", "a ledger names it", "it is young"])),
        ],
        unmark: vec![("ami-0132".into(), "a ledger names it".into())],
        protect: vec!["ami-0132".into(), "ami-0510".into()],
        sweep: Vec::new(),
        obstacles: vec!["2.17.0 (ami-0217) is being made".into()],
        as_of: fixture::NOW,
    }
}
