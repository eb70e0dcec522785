//! Retention: no sequence of operations, crashes and listings with lost pages lets it remove an image that anybody needs; and what it takes to tell.
//!
//! The run, the store and the rules are the real ones; the cloud is a simulated world that is looked at past the program's back before each
//! call that ends something.

// What does not go as it must ends the test; figures are printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops where something is wrong, and says what it measured"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use quarterdeck::adapters::store::{NewEntry, Store};
use quarterdeck::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind, ImageCall};
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::ids::{ImageId, InstanceId};
use quarterdeck::domain::image::Image;
use quarterdeck::domain::image_use::{CloudUse, UsedBy};
use quarterdeck::domain::lineage::{Lineage, inherit_blocks};
use quarterdeck::domain::reading::Listing;
use quarterdeck::domain::release::Release;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::operation::command::Who;
use quarterdeck::operation::gc::{GcDone, GcPolicy, Verdict};
use quarterdeck::operation::image_log::{Channel, ImageBody, ImageChange, ImageEntry, channels, pins};
use quarterdeck::operation::ledger::{How, LedgerBody};
use quarterdeck::plan::behind::newest_of_each;
use quarterdeck::plan::retention::{RetentionFacts, candidates, judge, snapshots_in_question};
use quarterdeck::ports::desk::DeskError;
use quarterdeck::runtime::gc::{GcHands, apply};
use quarterdeck::world::{Disturbance, Scenario, World};

const POLICY: GcPolicy = GcPolicy { keep: 1, min_age: Millis::mins(60), wait: Millis::mins(24 * 60) };

/// What may happen around a run.
#[derive(Clone, Debug)]
enum Step {
    /// A run; it dies after so many effects, and before one of its intents somebody does something.
    Gc { fuel: Option<usize>, meddler: Option<(usize, usize, Said)> },
    /// Hours go by.
    Later(u64),
    /// From now on pages are lost, or not.
    Pages(bool),
    /// Something is written down about an image.
    Say(usize, Said),
    /// Somebody does something in the cloud.
    Cloud(usize, usize, Hand),
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Ledger,
    Pin,
    Unpin,
    Promote(Channel),
    /// An operation whose plan names it begins.
    Plan,
    /// All operations end.
    PlansEnd,
    Bake,
}

#[derive(Clone, Copy, Debug)]
enum Hand {
    Share,
    ShareSnapshot,
    Twin,
    /// A base tag of its own hand: the other image.
    Base,
    /// A tag of a group that names it.
    GroupTag,
}

/// A cloud, a store and one person.
struct Stage {
    world: Mutex<World>,
    store: Store,
    dir: tempfile::TempDir,
    images: Vec<ImageId>,
    /// Effects until the process dies.
    fuel: Mutex<Option<usize>>,
    meddler: Mutex<Option<(usize, usize, Said)>>,
    wrong: Mutex<Option<String>>,
}

fn who() -> Who {
    Who { user: "ann".into(), host: "bastion".into(), ..Who::default() }
}

fn died() -> DeskError {
    DeskError::other("the process died", "start another")
}

impl Stage {
    fn new() -> Self {
        let mut world = World::new(Scenario::Default, 1, WorldTime(1_780_000_000_000));
        world.spare_accidents();
        world.advance(world.now().plus(Millis::mins(60)));
        let images = world.own_images().items().iter().map(|image| image.id.clone()).collect();
        // Nothing here is about disks, and thousands of entries are synced.
        let memory = std::path::Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (fuel, meddler, wrong) = (Mutex::new(None), Mutex::new(None), Mutex::new(None));
        Self { world: Mutex::new(world), store, dir, images, fuel, meddler, wrong }
    }

    fn image(&self, number: usize) -> &ImageId {
        &self.images[number % self.images.len()]
    }

    fn at(&self) -> WorldTime {
        self.world.lock().unwrap().now()
    }

    fn entry(&self, image: &ImageId, body: ImageBody) -> ImageEntry {
        ImageEntry { seq: 0, image: image.clone(), at: self.at(), by: who(), reason: None, body }
    }

    /// One effect; the process may die at it.
    fn burn(&self) -> Result<(), DeskError> {
        let mut fuel = self.fuel.lock().unwrap();
        match fuel.as_mut() {
            Some(0) => Err(died()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn say(&self, number: usize, said: Said) {
        let image = self.image(number).clone();
        let ask = |change| {
            self.store.add_image_entry(&self.entry(&image, ImageBody::Asked { change, calls: Vec::new() })).unwrap();
        };
        match said {
            Said::Pin => ask(ImageChange::Pin),
            Said::Unpin => ask(ImageChange::Unpin),
            Said::Promote(channel) => ask(ImageChange::Promote { app: "web".into(), channel }),
            Said::Ledger => {
                let (template, group) = ("lt-web-prod-a".into(), "web-prod-a".into());
                let release = Release { image, version: None, template, template_version: 9, digest: None, group, slot: Slot::A };
                let body = LedgerBody::Stable { how: How::Deployed };
                let entry = NewEntry { fleet: "web-prod".into(), at: self.at(), release, body, by: "ann".into(), reason: None, operation: None };
                self.store.add_to_ledger(&entry).unwrap();
            }
            // As an operation's row is kept, of which only the image can be told: a damaged record holds what it names.
            Said::Plan => self.sql(&format!("INSERT INTO operations (id, fleet, kind, holds, final, body, events) SELECT 'op-' || (count(*) + 1), 'f' || count(*), 'deploy', 1, 0, '{{\"plan\":\"{}\"', 0 FROM operations", image.as_str())),
            Said::Bake => self.sql("INSERT INTO operations (id, fleet, kind, holds, final, body, events) SELECT 'op-' || (count(*) + 1), 'b' || count(*), 'bake', 1, 0, '{}', 0 FROM operations"),
            Said::PlansEnd => self.sql("UPDATE operations SET final = 1, holds = 0"),
        }
    }

    fn sql(&self, text: &str) {
        rusqlite::Connection::open(self.dir.path().join("store.sqlite")).unwrap().execute_batch(text).unwrap();
    }

    fn hand(&self, number: usize, other: usize, hand: Hand) {
        let (image, account) = (self.image(number).clone(), "210987654321".to_owned());
        let mut world = self.world.lock().unwrap();
        let Some(found) = world.image(&image) else { return };
        let what = match hand {
            Hand::Share => Disturbance::ShareImage { image, account },
            Hand::ShareSnapshot => Disturbance::ShareSnapshot { snapshot: found.origin.snapshots[0].id.clone(), account },
            Hand::Twin => Disturbance::RegisterTwin { image: image.clone(), twin: ImageId::new(format!("{}-twin", image.as_str())) },
            Hand::Base => {
                let value = Some(self.image(other).as_str().to_owned());
                Disturbance::TagImage { image, key: "qd:base".to_owned(), value }
            }
            Hand::GroupTag => {
                let value = Some(format!("{}|lt-1|3", image.as_str()));
                Disturbance::Tag { group: "api-prod-b".into(), key: "qd:stable".to_owned(), value }
            }
        };
        world.disturb(what);
    }

    /// Everything that needs an image, as somebody who sees all would tell.
    fn needed_by(&self, world: &World, image: &ImageId) -> Option<String> {
        let mut whole = world.clone();
        whole.disturb(Disturbance::LosePages { lost: false });
        if let Some(used) = whole.image_uses().items().iter().find(|used| used.image == *image) {
            return Some(used.by.words());
        }
        let log = self.store.image_log().unwrap().entries;
        let shared = !world.shared_with(image).is_empty();
        let named = self.store.named_images().unwrap().into_iter().find(|(named, _)| named == image).map(|(_, by)| by.to_owned());
        let by_log = pins(&log).contains_key(image).then(|| "a pin".to_owned());
        let by_channel = channels(&log).into_iter().find(|pointer| pointer.image == *image).map(|_| "a channel".to_owned());
        shared.then(|| "another account".to_owned()).or(named).or(by_log).or(by_channel)
    }

    /// Before a call that ends something.
    fn look(&self, call: &CloudCall) {
        let world = self.world.lock().unwrap();
        let CloudCall::Image { what } = call else { panic!("{call:?}") };
        let mut whole = world.clone();
        whole.disturb(Disturbance::LosePages { lost: false });
        let wrong = match what.as_ref() {
            ImageCall::Deregister { image } => {
                let lost = world.own_images().missing().map(|_| "a page is lost".to_owned());
                let bakes = self.store.running_bakes().unwrap().first().map(|id| format!("bake {id} runs"));
                self.needed_by(&world, image).or(lost).or(bakes).map(|why| format!("{image} is removed, but {why}"))
            }
            ImageCall::DeleteSnapshot { snapshot } => {
                let stands = whole.images().into_iter().find(|image| image.origin.snapshots.iter().any(|own| own.id == *snapshot));
                let shared = world.snapshot_shared_with(snapshot).is_some_and(|with| !with.is_empty());
                let stands = stands.map(|image| format!("{snapshot} is deleted, and {} stands on it", image.id));
                stands.or_else(|| shared.then(|| format!("{snapshot} is deleted, and is shared")))
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.wrong.lock().unwrap().get_or_insert(wrong);
        }
    }
}

#[async_trait]
impl GcHands for Stage {
    async fn facts(&self, policy: &GcPolicy) -> Result<RetentionFacts, DeskError> {
        self.burn()?;
        let log = self.store.image_log().unwrap();
        assert!(log.damage.is_empty());
        let world = self.world.lock().unwrap().clone();
        let mut facts = RetentionFacts {
            images: world.own_images(),
            uses: world.image_uses(),
            snapshots: world.own_snapshots(),
            named: self.store.named_images().unwrap(),
            log: log.entries,
            running_bakes: self.store.running_bakes().unwrap(),
            shared: BTreeMap::new(),
            snapshots_shared: BTreeMap::new(),
            now: world.now(),
        };
        let chosen: Vec<Image> = candidates(&facts, policy).into_iter().cloned().collect();
        let asked = snapshots_in_question(&facts, &chosen.iter().collect::<Vec<_>>());
        facts.shared = chosen.into_iter().map(|image| (image.id.clone(), Ok(world.shared_with(&image.id)))).collect();
        facts.snapshots_shared = asked.into_iter().map(|id| (id.clone(), Ok(world.snapshot_shared_with(&id)))).collect();
        Ok(facts)
    }

    async fn now(&self) -> WorldTime {
        self.at()
    }

    async fn write(&self, image: &ImageId, body: ImageBody) -> Result<u64, DeskError> {
        self.burn()?;
        Ok(self.store.add_image_entry(&self.entry(image, body))?)
    }

    async fn begin_removal(&self, image: &ImageId, body: ImageBody) -> Result<u64, DeskError> {
        self.burn()?;
        let meddler = {
            let mut meddler = self.meddler.lock().unwrap();
            if let Some((after, ..)) = meddler.as_mut().filter(|(after, ..)| *after > 0) {
                *after -= 1;
                None
            } else {
                meddler.take()
            }
        };
        if let Some((_, number, said)) = meddler {
            self.say(number, said);
        }
        Ok(self.store.begin_removal(&self.entry(image, body))?)
    }

    async fn call(&self, call: &CloudCall) -> Result<CallReply, CloudError> {
        let gone = |_| CloudError::new(CloudErrorKind::OutcomeUnknown, call.aws_name(), "the process died");
        self.burn().map_err(gone)?;
        self.look(call);
        let answer = {
            let mut world = self.world.lock().unwrap();
            let now = world.now();
            world.apply(call, now)
        };
        self.burn().map_err(gone)?;
        answer
    }

    async fn is_gone(&self, image: &ImageId) -> bool {
        self.world.lock().unwrap().image(image).is_none()
    }
}

fn run(stage: &Stage) -> Option<GcDone> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(apply(stage, &POLICY)).ok()
}

fn any_said() -> impl Strategy<Value = Said> {
    let channel = prop_oneof![Just(Channel::Dev), Just(Channel::Prod)];
    prop_oneof![
        3 => Just(Said::Ledger),
        3 => Just(Said::Pin),
        2 => Just(Said::Unpin),
        3 => channel.prop_map(Said::Promote),
        3 => Just(Said::Plan),
        2 => Just(Said::PlansEnd),
        1 => Just(Said::Bake),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let hand = prop_oneof![Just(Hand::Share), Just(Hand::ShareSnapshot), Just(Hand::Twin), Just(Hand::Base), Just(Hand::GroupTag)];
    let meddler = prop::option::of((0_usize..3, 0_usize..20, any_said()));
    prop_oneof![
        6 => (prop::option::of(0_usize..40), meddler).prop_map(|(fuel, meddler)| Step::Gc { fuel, meddler }),
        4 => (1_u64..40).prop_map(Step::Later),
        1 => any::<bool>().prop_map(Step::Pages),
        3 => (0_usize..20, any_said()).prop_map(|(image, said)| Step::Say(image, said)),
        3 => (0_usize..20, 0_usize..20, hand).prop_map(|(image, other, hand)| Step::Cloud(image, other, hand)),
    ]
}

#[test]
fn nothing_that_anybody_needs_is_ever_removed() {
    let removed = Cell::new(0);
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, ..Config::with_cases(96) },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let outcome = runner.run(&prop::collection::vec(any_step(), 1..24), |steps| {
        let stage = Stage::new();
        for step in steps {
            match step {
                Step::Gc { fuel, meddler } => {
                    *stage.fuel.lock().unwrap() = fuel;
                    *stage.meddler.lock().unwrap() = meddler;
                    removed.set(removed.get() + run(&stage).map_or(0, |done| done.removed.len()));
                    *stage.fuel.lock().unwrap() = None;
                }
                Step::Later(hours) => {
                    let mut world = stage.world.lock().unwrap();
                    let then = world.now().plus(Millis::mins(hours * 60));
                    world.advance(then);
                }
                Step::Pages(lost) => drop(stage.world.lock().unwrap().disturb(Disturbance::LosePages { lost })),
                Step::Say(image, said) => stage.say(image, said),
                Step::Cloud(image, other, hand) => stage.hand(image, other, hand),
            }
            let wrong = stage.wrong.lock().unwrap().take();
            prop_assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
        }
        Ok(())
    });
    outcome.unwrap_or_else(|why| panic!("{why}"));
    assert!(removed.get() > 50, "only {} images were ever removed: the test tries nothing", removed.get());
    eprintln!("{} images removed, none that anybody needed", removed.get());
}

#[test]
fn what_was_left_half_removed_is_finished_by_the_next_run() {
    for fuel in [0, 1, 2, 3, 4, 5, 9, 14, 23, 40] {
        let stage = Stage::new();
        run(&stage).unwrap();
        let marked = stage.world.lock().unwrap().own_images().items().len();
        let later = stage.at().plus(Millis::mins(25 * 60));
        stage.world.lock().unwrap().advance(later);
        *stage.fuel.lock().unwrap() = Some(fuel);
        drop(run(&stage));
        *stage.fuel.lock().unwrap() = None;
        run(&stage).unwrap();
        run(&stage).unwrap();
        let world = stage.world.lock().unwrap();
        let (images, snapshots) = (world.own_images().items().len(), world.own_snapshots().items().len());
        assert!(images < marked, "something was to be removed");
        assert_eq!(images, snapshots, "no snapshot is left of an image that went, dying after {fuel} effects");
    }
}

#[test]
fn facts_that_are_old_or_incomplete_and_a_running_bake_stop_everything() {
    let stage = Stage::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut facts = runtime.block_on(stage.facts(&POLICY)).unwrap();
    assert!(judge(&facts, &POLICY).obstacles.is_empty());
    facts.now = facts.now.plus(Millis::mins(61));
    assert!(judge(&facts, &POLICY).obstacles[0].contains("old"), "{:?}", judge(&facts, &POLICY).obstacles);
    stage.say(0, Said::Bake);
    assert!(run(&stage).is_none());
    stage.say(0, Said::PlansEnd);
    stage.world.lock().unwrap().disturb(Disturbance::LosePages { lost: true });
    assert!(run(&stage).is_none());
    stage.world.lock().unwrap().disturb(Disturbance::LosePages { lost: false });
    assert!(run(&stage).is_some());
}

/// An estate of 10,000 images in 200 lines of bases and 1,000 fleets of 50 servers.
fn large() -> RetentionFacts {
    let world = World::new(Scenario::Default, 1, WorldTime(1_780_000_000_000));
    let model = world.own_images().items().iter().find(|image| image.blocked.is_none() && image.bake.is_none()).unwrap().clone();
    let (now, count) = (world.now(), 10_000_usize);
    let image = |number: usize| {
        let mut image = model.clone();
        image.id = ImageId::new(format!("ami-0{number:016x}"));
        image.app = Some(format!("app-{}", number % 500).into());
        image.version = Some(format!("1.{}.0", number / 500).into());
        image.created_at = Some(now.minus(Millis::mins(60 * 24 * 30 + (count - number) as u64)));
        image.base = (number >= 200).then(|| format!("ami-0{:016x}", number % 200).into());
        image.origin.source = (number >= 200).then(|| ImageId::new(format!("ami-0{:016x}", number % 200)));
        image.origin.snapshots[0].id = format!("snap-0{number:016x}");
        image
    };
    let images: Vec<Image> = (0..count).map(image).collect();
    let uses = (0..50_000_usize).map(|number| CloudUse {
        image: images[(number / 50) * 7 % count].id.clone(),
        by: UsedBy::Instance(InstanceId::new(format!("i-0{number:016x}"))),
    });
    let templates = (0..2_000_usize).map(|number| CloudUse {
        image: images[number * 3 % count].id.clone(),
        by: UsedBy::Template { template: format!("lt-{number}").as_str().into(), version: 1 },
    });
    let complete = |items: Vec<CloudUse>| Listing::Complete { items, as_of: now };
    let snapshots =
        images.iter().map(|image| quarterdeck::domain::image_use::Snapshot { id: image.origin.snapshots[0].id.clone(), bytes: Some(1 << 30) });
    RetentionFacts {
        uses: complete(uses.chain(templates).collect()),
        snapshots: Listing::Complete { items: snapshots.collect(), as_of: now },
        images: Listing::Complete { items: images, as_of: now },
        named: Vec::new(),
        log: Vec::new(),
        running_bakes: Vec::new(),
        shared: BTreeMap::new(),
        snapshots_shared: BTreeMap::new(),
        now,
    }
}

/// The best of several runs, in milliseconds of this thread's processor time: other work on the machine does not lengthen that.
fn measured(mut work: impl FnMut()) -> f64 {
    let used = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let run = |work: &mut dyn FnMut()| {
        let before = used();
        work();
        let after = used();
        (after.tv_sec - before.tv_sec) as f64 * 1e3 + (after.tv_nsec - before.tv_nsec) as f64 / 1e6
    };
    (0..9).map(|_| run(&mut work)).fold(f64::INFINITY, f64::min)
}

#[test]
fn lineage_uses_and_bases_of_ten_thousand_images_are_told_and_timed() {
    let facts = large();
    let mut images = facts.images.items().to_vec();
    images[0].blocked = Some(quarterdeck::domain::image::Block { reason: "old".into(), by: None, at: None, inherited_from: None });
    let lineage = measured(|| inherit_blocks(&mut images, &[], &[]));
    assert_eq!(images.iter().filter(|image| image.blocked.is_some()).count(), 50);
    let walked = measured(|| assert_eq!(Lineage::of(facts.images.items(), &[]).descendants(&facts.images.items()[0].id).len(), 49));
    let used = measured(|| assert!(!candidates(&facts, &POLICY).is_empty()));
    let behind = measured(|| assert_eq!(newest_of_each(facts.images.items()).len(), 500));
    let verdicts = measured(|| assert!(judge(&facts, &POLICY).with(|verdict| matches!(verdict, Verdict::Stays(_))).count() > 1_000));
    eprintln!(
        "10,000 images, 1,000 fleets: blocks {lineage:.1} ms, lineage {walked:.1} ms, in use {used:.1} ms, behind base {behind:.1} ms, all verdicts {verdicts:.1} ms"
    );
}
