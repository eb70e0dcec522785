//! The database behind a fleet: which schema it has, what the programs of its owner say and do, and S16 over all of it.
//!
//! Two versions of an application work with one pair of schemas, the next two with the pair after that: some deploys are one way and some are
//! not. A migration leads to the newest schema of the image it is for, whoever waits for it.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::{BySlot, FleetSpec, Route, Slot};
use quarterdeck::domain::ids::{GroupName, ImageId, OperationId};
use quarterdeck::domain::image::Image;
use quarterdeck::domain::schema::{Fit, LiveSchema, SchemaRange};
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::operation::command::CommandKind;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::OperationKind;
use quarterdeck::operation::record::Operation;
use quarterdeck::operation::schema::{HookKind, HookOutcome, HookRun};
use quarterdeck::world::World;

use crate::chance::Chance;
use crate::fault::Fault;
use crate::person::Act;
use crate::planted::Hook;
use crate::process::{Process, Trap};
use crate::script::Script;
use crate::shape::Shape;
use crate::sim::{Broke, Sim};
use crate::store::Record;

/// What was asked for so long before a call is older than any driver believes.
const BELIEVED: Millis = Millis::secs(150);

/// Somebody who had to decide so often looks no more.
const MOST_DECISIONS: u32 = 40;

/// What a fleet's owner has for its database.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// A program migrates it.
    pub migrates: bool,
    /// One in so many questions for the schema is not answered; never where it is none.
    pub silent: Option<u64>,
    /// One in so many migrations fails; never where it is none.
    pub fails: Option<u64>,
    /// Another hand migrates it in the middle of everything.
    pub meddled: bool,
    /// A driver dies in the middle of each migration.
    pub dies: bool,
    /// Migrations take longer than everything before the first weight.
    pub slow: bool,
}

impl Owner {
    pub fn draw(chance: &mut Chance) -> Self {
        Self {
            migrates: !chance.one_in(4),
            silent: chance.one_in(2).then_some(6),
            fails: chance.one_in(2).then_some(3),
            meddled: chance.one_in(4),
            dies: chance.one_in(3),
            slow: chance.one_in(4),
        }
    }

    pub fn put_on(self, spec: &mut FleetSpec) {
        spec.schema = vec!["/usr/local/bin/schema".to_owned()];
        if self.migrates {
            spec.migration = vec!["/usr/local/bin/migrate".to_owned()];
        }
    }
}

/// The database of the fleet.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// Since when it has which schema, in order; what a migration that runs will make of it is among them.
    had: Vec<(WorldTime, u64)>,
    /// How often a person had to decide.
    decided: u32,
    /// How often each operation began a migration.
    begun: BTreeMap<OperationId, u32>,
    /// When each slot had traffic, or work, last.
    served: BySlot<Option<WorldTime>>,
    /// Deploys that began to go back to what served then, or so lately that they may not have seen the end of it.
    back_to_what_served: BTreeSet<OperationId>,
}

impl Database {
    fn at(&self, at: WorldTime) -> Option<u64> {
        self.had.iter().filter(|(since, _)| *since <= at).max_by_key(|(since, _)| *since).map(|(_, schema)| *schema)
    }

    /// An event of an operation: one that begins to go back does so to what serves.
    pub fn backs_out(&mut self, operation: &Operation, body: &EventBody, now: WorldTime) {
        let served = self.served.get(operation.plan.from.slot).is_some_and(|at| now.since(at) <= BELIEVED);
        if served && matches!(body, EventBody::StateChanged { to: OperationState::BackingOut, .. }) {
            self.back_to_what_served.insert(operation.id.clone());
        }
    }
}

/// The schemas every image works with.
pub fn ranges(world: &World) -> BTreeMap<ImageId, SchemaRange> {
    let mut images = world.images();
    images.sort_by_key(|image| (image.app.clone(), image.created_at));
    let mut nth: BTreeMap<Option<String>, u64> = BTreeMap::new();
    let mut range = |image: &Image| {
        let count = nth.entry(image.app.as_ref().map(|app| app.raw().to_owned())).or_default();
        *count += 1;
        let first = 10 + *count / 2 * 2;
        SchemaRange::between(Some(first), Some(first + 1))
    };
    images.iter().map(|image| (image.id.clone(), range(image))).collect()
}

impl Sim {
    /// A seed of a fleet with a database.
    pub fn with_database(shape: Shape, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let owner = Owner::draw(&mut Chance::new(seed ^ 0xdb));
        let script = Script { database: Some(owner), operations: 3, ..Script::draw_shaped(shape, &mut chance) };
        Self::with(seed, chance, script)
    }

    /// The database as it is when everything begins: what runs works with it.
    pub fn found_database(&mut self) {
        let Some(owner) = self.script.database else { return };
        owner.put_on(&mut self.spec);
        self.ranges = ranges(&self.world);
        let runs = self.image_of(&self.world, Slot::A).and_then(|image| self.ranges.get(&image)?.max).unwrap_or(1);
        self.diary.push((self.clock, format!("{owner:?}")));
        self.schema_becomes(WorldTime(0), runs);
        if owner.meddled {
            let at = self.clock.plus(Millis::secs(self.chance.between(60, 6_000)));
            self.schema_becomes(at, runs + 2);
        }
    }

    fn schema_becomes(&mut self, at: WorldTime, schema: u64) {
        self.database.had.push((at, schema));
        self.diary.push((at.max(self.clock), format!("schema {schema} is live")));
    }

    fn image_of(&self, world: &World, slot: Slot) -> Option<ImageId> {
        world.group(self.ground.group(slot))?.template?.image
    }

    /// The listing as a planner reads it. A planted mistake does not read what images say of schemas.
    pub fn with_ranges(&self, kind: OperationKind, images: Vec<Image>) -> Vec<Image> {
        let unread = self.planted.is_some_and(|bug| matches!(bug.hook, Hook::RangesNotRead(planted) if planted == kind));
        let range = |image: &Image| self.ranges.get(&image.id).filter(|_| !unread).cloned().unwrap_or_default();
        images.into_iter().map(|image| Image { schema: range(&image), ..image }).collect()
    }

    /// What the owner's program says of the schema.
    pub fn told_schema(&mut self) -> LiveSchema {
        let Some(owner) = self.script.database else { return LiveSchema::Unasked };
        if owner.silent.is_some_and(|one_in| self.chance.one_in(one_in)) {
            self.totals.one("the schema is not told");
            return LiveSchema::Unknown("it did not end in 10s and was ended".into());
        }
        self.database.at(self.clock).map_or(LiveSchema::Unasked, LiveSchema::At)
    }

    /// A driver starts a program of the owner: when it will end, and how. A migration does its work whether or not anybody waits for it.
    pub fn hook_starts(&mut self, process: &mut Process, run: &HookRun) -> Result<(), Broke> {
        let troubled = self.script.database.is_some_and(|owner| owner.meddled || owner.silent.is_some());
        self.store.records[process.at].disturbed |= troubled;
        let record = &self.store.records[process.at];
        let (id, label) = (record.operation.id.clone(), record.operation.plan.to.label());
        let back = record.kind() != OperationKind::Deploy || record.progress.state == OperationState::BackingOut;
        let outcome = |succeeded: bool, told: String| HookOutcome { succeeded, told: told.clone().into(), said: told.into() };
        let (due, ended) = match run.kind {
            HookKind::Schema => {
                let ended = match self.told_schema() {
                    LiveSchema::At(schema) => outcome(true, schema.to_string()),
                    told => outcome(false, format!("{told:?}")),
                };
                (Millis::secs(self.chance.between(0, 2)), ended)
            }
            HookKind::Migration if back => return Err(format!("S16: {id} migrates on the way back to {label}")),
            HookKind::Migration => {
                let begun = self.database.begun.entry(id.clone()).or_default();
                *begun += 1;
                if *begun > 1 {
                    return Err(format!("S8: the migration of {id} is run again"));
                }
                let owner = self.script.database.ok_or("a migration of a fleet that has no database")?;
                let image = record.operation.plan.to.image.clone();
                let secs = if owner.slow { self.chance.between(600, 1_200) } else { self.chance.between(1, 120) };
                let fails = owner.fails.is_some_and(|one_in| self.chance.one_in(one_in));
                let to = self.ranges.get(&image).and_then(|range| range.max);
                if let Some(to) = to.filter(|_| !fails) {
                    self.schema_becomes(self.clock.plus(Millis::secs(secs)), to);
                }
                self.totals.one(if fails { "migration fails" } else { "migration succeeds" });
                if owner.dies {
                    self.traps.push(Trap::Kill(u32::try_from(self.chance.between(1, 12)).unwrap_or(1)));
                }
                self.store.records[process.at].disturbed |= fails || owner.dies;
                (Millis::secs(secs), outcome(!fails, "its last line".to_owned()))
            }
        };
        process.hook = Some((self.clock.plus(due), ended));
        Ok(())
    }

    /// How the program of this driver ended, once it has.
    pub fn hook_said(&self, process: &mut Process) -> Option<HookOutcome> {
        let clock = self.clock;
        process.hook.take_if(|(due, _)| *due <= clock).map(|(_, outcome)| outcome)
    }

    /// S16: no group is let in whose image does not run on the schema that is live.
    pub fn runs_on_what_is_live(&self, before: &World, record: &Record, call: &CloudCall, intended: WorldTime) -> Result<(), Broke> {
        // Fresh servers of what serves anyway change nothing.
        if self.script.database.is_none() || record.kind() == OperationKind::Recycle {
            return Ok(());
        }
        for (slot, image) in self.let_in(before, record, call) {
            let excluded = |at| {
                let live = LiveSchema::At(self.database.at(at)?);
                let Fit::Excluded(why) = self.ranges.get(&image)?.fit(&live) else { return None };
                Some(why)
            };
            // What was believed a while ago was so then.
            if let (Some(why), Some(_)) = (excluded(self.clock), excluded(intended.minus(BELIEVED)))
                && !self.goes_back_in_the_dark(record, slot, &image)
            {
                return Err(format!("S16: {} lets {} in: {why}", record.operation.id, self.ground.group(slot)));
            }
        }
        Ok(())
    }

    /// A deploy that backs out gives back to what serves, or to what served before it, unless it was told that this does not run any more; then only a
    /// person who typed the fleet's name does. Of an image that nobody could list it was told nothing.
    fn goes_back_in_the_dark(&self, record: &Record, slot: Slot, image: &ImageId) -> bool {
        let told = record.progress.schema.as_ref().map(|reading| reading.live.clone()).unwrap_or_default();
        let unlisted = record.operation.plan.schema.as_ref().is_some_and(|schema| schema.from.unclear.is_some());
        let knows = !unlisted && self.ranges.get(image).is_some_and(|range| matches!(range.fit(&told), Fit::Excluded(_)));
        let asked = matches!(&record.progress.obeyed, Some((CommandKind::BackOut, _)));
        let serves = self.database.back_to_what_served.contains(&record.operation.id);
        let goes_back = record.progress.state == OperationState::BackingOut && slot == record.operation.plan.from.slot;
        goes_back && (asked || serves && !self.ground.is_one_group() || !knows)
    }

    /// Whoever has traffic now.
    pub fn remember_who_serves(&mut self) {
        for slot in self.ground.slots().iter().filter(|_| self.script.database.is_some()) {
            if self.ground.share(&self.world, *slot) > 0.0 {
                *self.database.served.get_mut(*slot) = Some(self.clock);
            }
        }
    }

    /// The image does not run on the schema that is live.
    pub fn is_shut_out(&self, image: &ImageId) -> bool {
        let live = self.database.at(self.clock).map_or(LiveSchema::Unasked, LiveSchema::At);
        self.ranges.get(image).is_some_and(|range| matches!(range.fit(&live), Fit::Excluded(_)))
    }

    /// The last thing anybody did was to go back, and that gave up for good reasons: it leaves everything as it is, and says so.
    pub fn is_left_as_it_is(&self) -> bool {
        let last = self.store.records.iter().rfind(|record| record.kind() != OperationKind::Retire);
        last.is_some_and(|record| record.kind() == OperationKind::Rollback && record.progress.state == OperationState::Failed)
    }

    /// A deploy stands for a person: what it came from does not run on the schema that is live, and serves nothing.
    pub fn is_barred(&self, record: &Record) -> bool {
        let (progress, from) = (&record.progress, &record.operation.plan.from);
        let stands = record.kind() == OperationKind::Deploy && progress.state == OperationState::Holding && progress.deadline.is_none();
        let serves = !self.ground.is_one_group() && self.ground.share(&self.world, from.slot) > 0.0;
        self.script.database.is_some() && stands && !serves && self.is_shut_out(&from.image)
    }

    /// The groups that get traffic, or work, by this call and had none before, with the image the operation has in them. Servers of something else that
    /// came into them are what S2 is about.
    fn let_in(&self, before: &World, record: &Record, call: &CloudCall) -> Vec<(Slot, ImageId)> {
        let plan = &record.operation.plan;
        let with_image = |slot: Slot| (slot, if plan.to.slot == slot { plan.to.image.clone() } else { plan.from.image.clone() });
        let total = |group: &GroupName| before.group(group).map_or(0, |group| group.total());
        match call {
            CloudCall::SetWeights { actions, .. } => {
                let rises = |slot: &Slot| {
                    let after = self.ground.target_group(*slot).and_then(|arn| actions.share(arn)).unwrap_or(0.0);
                    after > 0.0 && self.ground.share(before, *slot) == 0.0
                };
                self.ground.slots().iter().copied().filter(rises).map(with_image).collect()
            }
            CloudCall::AttachTargetGroup { group, .. } => {
                self.ground.slot_of(group).filter(|_| total(group) > 0).map(with_image).into_iter().collect()
            }
            CloudCall::RaiseMin { group, .. } if *self.ground.route() == Route::None => {
                self.ground.slot_of(group).filter(|_| total(group) == 0).map(with_image).into_iter().collect()
            }
            CloudCall::StartInstanceRefresh { version, .. } => {
                let is_new = record.progress.candidate_version == Some(*version);
                vec![(Slot::A, if is_new { plan.to.image.clone() } else { plan.from.image.clone() })]
            }
            _ => Vec::new(),
        }
    }

    /// What stands still for a person finds one: whoever began a migration that nobody waits for any more, or what cannot go back.
    pub fn somebody_decides(&mut self, at: usize) {
        let progress = &self.store.records[at].progress;
        let stands = progress.state == OperationState::Holding && progress.deadline.is_none();
        let (twice, shut) = (progress.reason.contains("not run twice"), progress.reason.contains("does not back out"));
        // Who said yes so often for nothing says no.
        let consents = shut && !self.ground.is_one_group() && self.database.decided < MOST_DECISIONS / 2;
        let act = if consents { Act::Consent } else { Act::Command(CommandKind::BackOut) };
        if stands && (twice || shut) && self.database.decided < MOST_DECISIONS && !self.is_planned(|planned| *planned == act) {
            self.database.decided += 1;
            self.store.records[at].disturbed = true;
            self.plan_act(act, 300, 3_000);
        }
    }

    /// A driver died in the middle of a migration.
    pub fn died_migrating(&mut self, process: &Process) {
        let open = self.store.records[process.at].progress.migration.as_ref().is_some_and(|migration| migration.is_open());
        if open {
            self.totals.one("driver died in a migration");
            self.diary.push((self.clock, format!("fault {} in a migration", Fault::Killed)));
        }
    }
}
