//! The database behind a fleet: which schema it has, what the programs of its owner say and do, and S16 over all of it.
//!
//! Two versions of an application work with one pair of schemas, the next two with the pair after that: some deploys are one way and some are
//! not. A migration leads to the newest schema of the image it is for, whoever waits for it.

use std::collections::BTreeMap;

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::{FleetSpec, Route, Slot};
use quarterdeck::domain::ids::{ImageId, OperationId};
use quarterdeck::domain::image::Image;
use quarterdeck::domain::schema::{Fit, LiveSchema, SchemaRange};
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::operation::command::CommandKind;
use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::plan::OperationKind;
use quarterdeck::operation::schema::{HookKind, HookOutcome, HookRun};
use quarterdeck::world::World;

use crate::chance::Chance;
use crate::fault::Fault;
use crate::person::Act;
use crate::planted::Hook;
use crate::process::{Process, Trap};
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
}

impl Database {
    fn at(&self, at: WorldTime) -> Option<u64> {
        self.had.iter().filter(|(since, _)| *since <= at).max_by_key(|(since, _)| *since).map(|(_, schema)| *schema)
    }

    fn becomes(&mut self, at: WorldTime, schema: u64) {
        self.had.push((at, schema));
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
    /// The database as it is when everything begins: what runs works with it.
    pub fn found_database(&mut self) {
        let Some(owner) = self.script.database else { return };
        owner.put_on(&mut self.spec);
        self.ranges = ranges(&self.world);
        let runs = self.image_of(&self.world, Slot::A).and_then(|image| self.ranges.get(&image)?.max).unwrap_or(1);
        self.database.becomes(WorldTime(0), runs);
        if owner.meddled {
            let at = self.clock.plus(Millis::secs(self.chance.between(60, 6_000)));
            self.database.becomes(at, runs + 2);
        }
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
                    self.database.becomes(self.clock.plus(Millis::secs(secs)), to);
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

    /// A deploy that backs out gives back to what served before it, unless it was told that this does not run any more; then only a
    /// person who typed the fleet's name does.
    fn goes_back_in_the_dark(&self, record: &Record, slot: Slot, image: &ImageId) -> bool {
        let told = record.progress.schema.as_ref().map(|reading| reading.live.clone()).unwrap_or_default();
        let knows = self.ranges.get(image).is_some_and(|range| matches!(range.fit(&told), Fit::Excluded(_)));
        let asked = matches!(&record.progress.obeyed, Some((CommandKind::BackOut, _)));
        record.progress.state == OperationState::BackingOut && slot == record.operation.plan.from.slot && (asked || !knows)
    }

    /// The groups that get traffic, or work, by this call and had none before.
    fn let_in(&self, before: &World, record: &Record, call: &CloudCall) -> Vec<(Slot, ImageId)> {
        let with_image = |slot: Slot| Some((slot, self.image_of(before, slot)?));
        match call {
            CloudCall::SetWeights { actions, .. } => {
                let rises = |slot: &&Slot| {
                    let after = self.ground.target_group(**slot).and_then(|arn| actions.share(arn)).unwrap_or(0.0);
                    after > 0.0 && self.ground.share(before, **slot) == 0.0
                };
                self.ground.slots().iter().filter(rises).filter_map(|slot| with_image(*slot)).collect()
            }
            CloudCall::AttachTargetGroup { group, .. } => {
                let has_servers = before.group(group).is_some_and(|group| group.total() > 0);
                self.ground.slot_of(group).filter(|_| has_servers).and_then(with_image).into_iter().collect()
            }
            CloudCall::RaiseMin { group, .. } if *self.ground.route() == Route::None => {
                let is_first = before.group(group).is_some_and(|group| group.total() == 0);
                self.ground.slot_of(group).filter(|_| is_first).and_then(with_image).into_iter().collect()
            }
            CloudCall::StartInstanceRefresh { version, .. } => {
                let plan = &record.operation.plan;
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
        let act = if shut && !self.ground.is_one_group() { Act::Consent } else { Act::Command(CommandKind::BackOut) };
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

#[test]
fn fleets_with_a_database_break_no_invariant() {
    use crate::script::Script;
    use crate::shape::Shape;
    use crate::totals::Totals;
    let usual = if crate::IS_WHOLE { 300 } else { 60 };
    let seeds = std::env::var("QD_SIM_DATABASE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(usual);
    let first: u64 = std::env::var("QD_SIM_FIRST").ok().and_then(|first| first.parse().ok()).unwrap_or(1);
    let (mut totals, mut failures) = (Totals::default(), Vec::new());
    for seed in first..first + seeds {
        let shape = [Shape::Weighted, Shape::Guarded, Shape::Attached, Shape::Workers, Shape::OneGroup][usize::try_from(seed % 5).unwrap()];
        let mut chance = Chance::new(seed);
        let owner = Owner::draw(&mut Chance::new(seed ^ 0xdb));
        let script = Script { database: Some(owner), operations: 3, ..Script::draw_shaped(shape, &mut chance) };
        let mut sim = Sim::with(seed, chance, script);
        if let Err(broke) = sim.run() {
            failures.push(format!("seed {seed} ({}, {owner:?}): {broke}\n{}", shape.word(), crate::last_events(&sim, 25)));
        }
        totals.merge(&sim.totals);
    }
    println!("{}", totals.without("cell "));
    assert!(failures.is_empty(), "{} of {seeds} seeds failed:\n{}\n\n{}", failures.len(), heads(&failures), failures[0]);
    for reached in ["migration succeeds", "migration fails", "driver died in a migration", "the schema is not told"] {
        assert!(totals.get(reached) > 0, "never happened: {reached}");
    }
}

#[cfg(test)]
fn heads(failures: &[String]) -> String {
    failures.iter().filter_map(|failure| failure.lines().next()).collect::<Vec<_>>().join("\n")
}
