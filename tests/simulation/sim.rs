//! One seed from beginning to end: the world and its twin, the store, the people and the drivers in one thread.

mod help;
mod liveness;

use std::collections::BTreeMap;

use quarterdeck::domain::call::CloudErrorKind;
use quarterdeck::domain::fleet::{FleetSpec, Slot};
use quarterdeck::domain::ids::ImageId;
use quarterdeck::domain::observation::FleetObservation;
use quarterdeck::domain::release::Release;
use quarterdeck::domain::schema::SchemaRange;
use quarterdeck::domain::time::{BootTime, Millis, WorldTime};
use quarterdeck::engine::answer::Answer;
use quarterdeck::operation::answer::COMMAND_LIFE;
use quarterdeck::operation::command::{Command, CommandKind};
use quarterdeck::operation::event::{Event, EventBody, OperationState};
use quarterdeck::operation::ledger::{How, LedgerBody};
use quarterdeck::operation::outcome::RefusedCall;
use quarterdeck::operation::plan::OperationKind;
use quarterdeck::operation::record::Appended;
use quarterdeck::plan::Setting;
use quarterdeck::world::{Disturbance, Scenario, World, draw};

use crate::aimed::cell_of;
use crate::chance::Chance;
use crate::checks::{Checker, Moment};
use crate::cloud::Spell;
use crate::coverage;
use crate::database::Database;
use crate::fault::{Fault, Phase};
use crate::guarded::plant_secret;
use crate::person::Act;
use crate::planted::{Bug, Hook};
use crate::process::{Process, Trap};
use crate::script::Script;
use crate::shape::{Ground, Shape};
use crate::store::{Gone, Record, Store};
use crate::totals::Totals;
use crate::witness::{Scene, Witness};

pub const START: WorldTime = WorldTime(1_780_000_000_000);
/// A launch takes no longer: boot, checks, and the world's second.
pub const LAUNCH: Millis = Millis::secs(102);

/// Keeps what says which seeds end with a recycle apart from everything a seed draws.
const RECYCLES: u64 = 0x0f2e_54e7;

/// A broken invariant, in words.
pub type Broke = String;

pub struct Sim {
    pub chance: Chance,
    pub script: Script,
    pub spec: FleetSpec,
    pub ground: Ground,
    pub setting: Setting,
    pub world: World,
    pub clock: WorldTime,
    pub store: Store,
    pub checker: Checker,
    pub totals: Totals,
    /// What people, accidents and the network are going to do.
    agenda: Vec<(WorldTime, u64, Act)>,
    acts: u64,
    pub processes: Vec<Process>,
    next_pid: u32,
    pub traps: Vec<Trap>,
    /// A trap that is laid when an operation of this kind begins.
    pub lay_at: Option<(OperationKind, Trap)>,
    /// So many seconds after the first deploy became stable somebody rolls back.
    pub roll_back_after: Option<u64>,
    pub spells: Vec<Spell>,
    /// What was seen lately, for reads that lag.
    pub past: Vec<FleetObservation>,
    /// How far the world clock of a process that starts now is off, in milliseconds.
    pub skew: i64,
    /// Operations people still want.
    pub wishes: u64,
    /// Somebody wants fresh servers of a fleet of two groups once all that is done.
    pub recycles_last: bool,
    /// The last fault is over by then.
    pub trouble_until: WorldTime,
    /// What struck for a while is over by then.
    lasts_until: WorldTime,
    pub phase: Option<(usize, Phase)>,
    /// How often each call of each operation reached the cloud.
    pub arrivals: BTreeMap<(usize, u64), u64>,
    /// How often a driver sent it.
    pub sends: BTreeMap<(usize, u64), u32>,
    pub claim_may_remain: bool,
    /// Events in a row between which no time passed.
    standing: u64,
    judged_ends: usize,
    pub witness: Witness,
    pub database: Database,
    /// The schemas each image works with, where there is a database.
    pub ranges: BTreeMap<ImageId, SchemaRange>,
    /// Nothing new goes forward until then.
    pub frozen_until: WorldTime,
    /// The listing of images that was planned from was not whole.
    pub listing_cut: bool,
    /// What struck, for whoever runs a seed again.
    pub diary: Vec<(WorldTime, String)>,
    /// A mistake planted to see that it is caught.
    pub planted: Option<&'static Bug>,
}

impl Sim {
    /// A usual seed: some of those with two groups and weights are after a cell of the coverage table.
    pub fn new(shape: Shape, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut script = Script::draw_shaped(shape, &mut chance);
        if let Some(cell) = cell_of(seed, coverage::cells()).filter(|_| shape == Shape::Weighted) {
            script.aim_at(cell);
        }
        Self::with_recycle(seed, chance, script)
    }

    fn with_recycle(seed: u64, chance: Chance, script: Script) -> Self {
        let recycles_last = script.shape != Shape::OneGroup && draw::mix(seed ^ RECYCLES).is_multiple_of(4);
        Self { recycles_last, ..Self::with(seed, chance, script) }
    }

    /// One that is after nothing but what it drew.
    pub fn drawn(shape: Shape, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let script = Script::draw_shaped(shape, &mut chance);
        Self::with_recycle(seed, chance, script)
    }

    pub fn with(seed: u64, mut chance: Chance, script: Script) -> Self {
        let mut world = World::new(Scenario::Default, seed, START);
        world.spare_accidents();
        let mut spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == script.fleet).unwrap();
        script.adjust(&mut chance, &mut spec);
        spec.idle_size = script.course.idle_size.unwrap_or(spec.idle_size);
        if let Some(source) = script.course.series {
            spec.analysis = source.analysis();
        }
        script.bring_about(&mut world);
        let ground = Ground::new(spec.scope());
        if script.shape != Shape::Weighted {
            plant_secret(&mut world, &ground);
        }
        if spec.idle_size > 0 {
            world.disturb(Disturbance::SetBounds { group: ground.group(Slot::B).clone(), min: spec.idle_size, max: spec.idle_size });
        }
        let clock = START.plus(Millis::secs(chance.between(200, 7_000)));
        world.advance(clock);
        let checker = Checker::new(&world, ground.clone(), &spec);
        let setting = Setting { build: "test".to_owned(), store: "here".to_owned(), time_scale: 1, judged: script.judged };
        let swarm = &script.swarm;
        let jumps = swarm.kinds.contains(&Fault::ClockJump) || swarm.aims.iter().any(|aim| aim.fault == Fault::ClockJump);
        let witness = Witness::new(ground.clone(), jumps);
        let mut sim = Self {
            wishes: script.operations,
            chance,
            script,
            spec,
            ground,
            setting,
            world,
            clock,
            store: Store::default(),
            checker,
            totals: Totals::default(),
            agenda: Vec::new(),
            acts: 0,
            processes: Vec::new(),
            next_pid: 100,
            traps: Vec::new(),
            lay_at: None,
            roll_back_after: None,
            spells: Vec::new(),
            past: Vec::new(),
            skew: 0,
            recycles_last: false,
            trouble_until: clock,
            lasts_until: clock,
            phase: None,
            arrivals: BTreeMap::new(),
            sends: BTreeMap::new(),
            claim_may_remain: false,
            standing: 0,
            judged_ends: 0,
            witness,
            database: Database::default(),
            ranges: BTreeMap::new(),
            frozen_until: START,
            listing_cut: false,
            diary: Vec::new(),
            planted: None,
        };
        sim.found_database();
        let adopted = sim.running(Slot::A);
        sim.store.enter(adopted, LedgerBody::Stable { how: How::Adopted }, START);
        sim.plan_act(Act::Wish, 0, 0);
        sim
    }

    fn running(&self, slot: Slot) -> Release {
        let group = self.world.group(self.ground.group(slot)).unwrap();
        let pin = group.template.unwrap();
        let version = self.world.image(pin.image.as_ref().unwrap()).and_then(|image| image.version);
        Release {
            image: pin.image.clone().unwrap(),
            version,
            template: pin.id.clone(),
            template_version: pin.number().unwrap(),
            digest: pin.digest,
            group: group.name,
            slot,
        }
    }

    /// The boot clock of the one host there is.
    pub fn boot(&self) -> BootTime {
        BootTime(1_000_000).plus(self.clock.since(START))
    }

    /// Plants a mistake before anything happens.
    pub fn plant(&mut self, bug: &'static Bug) {
        self.planted = Some(bug);
        if let Hook::Store(lapse) = bug.hook {
            self.store.lapse = Some(lapse);
        }
    }

    pub fn pid(&mut self) -> u32 {
        self.next_pid += 1;
        self.next_pid
    }

    pub fn active(&self) -> Option<&Record> {
        self.store.active().map(|at| &self.store.records[at])
    }

    /// Something is wrong, or will be, until then.
    pub fn trouble(&mut self, until: WorldTime) {
        self.trouble_until = self.trouble_until.max(until);
        self.lasts_until = self.lasts_until.max(until);
    }

    /// An operation that begins while something that struck before lasts is disturbed by it.
    pub fn born_into_trouble(&self) -> bool {
        self.clock < self.lasts_until || self.is_planned(|act| matches!(act, Act::Relieve(_)))
    }

    /// A fault did strike: in which phase is counted.
    pub fn struck(&mut self, fault: Fault) {
        self.struck_in(fault, self.active().and_then(Phase::of));
    }

    /// It struck in what was this phase until then.
    pub fn struck_in(&mut self, fault: Fault, phase: Option<Phase>) {
        self.totals.one(&format!("fault {fault}"));
        self.diary.push((self.clock, format!("fault {fault}")));
        if let Some(phase) = phase {
            self.totals.one(&format!("cell {fault} {phase}"));
        }
        if let Some(at) = self.store.active() {
            self.store.records[at].disturbed = true;
        }
    }

    pub fn plan_act(&mut self, act: Act, low_secs: u64, high_secs: u64) {
        let at = self.clock.plus(Millis::secs(self.chance.between(low_secs, high_secs)));
        if act.is_trouble() {
            self.trouble_until = self.trouble_until.max(at);
        }
        self.acts += 1;
        self.agenda.push((at, self.acts, act));
    }

    /// Nothing is drawn for it.
    pub fn plan_later(&mut self, act: Act, after: Millis) {
        self.acts += 1;
        self.agenda.push((self.clock.plus(after), self.acts, act));
    }

    fn next_event(&self) -> Option<WorldTime> {
        let acts = self.agenda.iter().map(|(at, ..)| *at);
        let processes = self.processes.iter().filter(|process| !matches!(process.stage, crate::process::Stage::Waits)).map(|process| process.wake);
        acts.chain(processes).min()
    }

    fn due_act(&mut self) -> Option<Act> {
        let due = (0..self.agenda.len()).filter(|nth| self.agenda[*nth].0 <= self.clock);
        let next = due.min_by_key(|nth| (self.agenda[*nth].0, self.agenda[*nth].1))?;
        Some(self.agenda.remove(next).2)
    }

    /// Something is to happen in this very moment, before anybody goes on.
    pub fn is_interrupted(&self) -> bool {
        self.agenda.iter().any(|(at, ..)| *at <= self.clock)
    }

    pub fn is_planned(&self, like: impl Fn(&Act) -> bool) -> bool {
        self.agenda.iter().any(|(.., act)| like(act))
    }

    pub fn run(&mut self) -> Result<(), Broke> {
        self.run_until_rest()?;
        self.store.check_folds()?;
        self.check_arrivals()?;
        if self.is_left_as_it_is() {
            return self.checker.images_kept(&self.world);
        }
        self.checker.at_rest(&self.world, self.claim_may_remain)
    }

    pub fn run_until_rest(&mut self) -> Result<(), Broke> {
        while let Some(next) = self.next_event() {
            self.go_on_to(next)?;
        }
        Ok(())
    }

    /// Goes on until so many things have happened.
    pub fn run_a_while(&mut self, events: u64) -> Result<(), Broke> {
        for _ in 0..events {
            let Some(next) = self.next_event() else { break };
            self.go_on_to(next)?;
        }
        Ok(())
    }

    fn go_on_to(&mut self, next: WorldTime) -> Result<(), Broke> {
        self.standing = if next > self.clock { 0 } else { self.standing + 1 };
        if self.standing > 10_000 {
            return Err("liveness: things happen and no time passes".to_owned());
        }
        self.pass_to(next)?;
        while let Some(act) = self.due_act() {
            self.act(act)?;
        }
        self.due_processes()?;
        self.judge_ends()?;
        self.somebody_drives();
        self.in_time()
    }

    /// Everybody is gone for so long: no driver, no person, and nothing happens but what goes on by itself.
    pub fn everybody_leaves_for(&mut self, span: Millis) -> Result<(), Broke> {
        self.processes.clear();
        self.agenda.clear();
        self.pass_to(self.clock.plus(span))?;
        self.trouble(self.clock);
        self.somebody_drives();
        Ok(())
    }

    /// Goes on to `to`; every moment at which something happens in either world is looked at.
    fn pass_to(&mut self, to: WorldTime) -> Result<(), Broke> {
        while self.clock < to {
            let next = self.world.next_change().min(self.checker.twin.next_change()).min(to);
            if next <= self.clock {
                return Err(format!(
                    "the next change of a world is not in the future: {:?}, {:?}",
                    self.world.next_change(),
                    self.checker.twin.next_change()
                ));
            }
            self.clock = next;
            self.world.advance(next);
            self.checker.twin.advance(next);
            self.spells.retain(|spell| spell.until > next);
            self.totals.one("moments looked at");
            self.tick()?;
        }
        Ok(())
    }

    /// Healthy servers of all groups that get traffic.
    pub fn serving(&self) -> u32 {
        let serves = |slot: &&Slot| self.ground.share(&self.world, **slot) > 0.0;
        self.ground.slots().iter().filter(serves).map(|slot| self.ground.working(&self.world, *slot)).sum()
    }

    pub fn tick(&mut self) -> Result<(), Broke> {
        let active = self.store.active();
        let driven = active.is_none_or(|at| self.is_driven(at)) && self.spells.is_empty() && !self.store.disk.full;
        let calm = self.clock >= self.trouble_until;
        let record = active.map(|at| &self.store.records[at]);
        let barred = record.is_some_and(|record| self.is_barred(record));
        self.remember_who_serves();
        self.checker.tick(&self.world, &Moment { record: active.map(|at| &self.store.records[at]), driven, calm, barred })
    }

    /// Events a driver appends, and what the checker has to know of what they bring about.
    pub fn append(&mut self, at: usize, epoch: u64, bodies: &[EventBody], now: WorldTime) -> Result<Result<Appended, Gone>, Broke> {
        if self.script.shape != Shape::Weighted {
            self.records_no_secret(bodies)?;
        }
        let before = self.store.records.len();
        let mut scene = self.store.records[at].progress.clone();
        let appended = self.store.append(at, epoch, bodies, now);
        for (seq, body) in (0..).zip(bodies.iter().filter(|_| appended.is_ok())) {
            let record = &self.store.records[at];
            self.witness.records(Scene { progress: &scene, ..Scene::new(&self.world, record, self.clock) }, body)?;
            self.database.backs_out(&record.operation, body, self.clock);
            scene.apply(&Event { seq, at: now, body: body.clone() });
        }
        self.began(at, before)?;
        Ok(appended)
    }

    /// The answer to a command, in the same transaction as what it does.
    pub fn answered(
        &mut self,
        at: usize,
        epoch: u64,
        command: &Command,
        answer: &Answer,
        now: WorldTime,
    ) -> Result<Result<Option<Appended>, Gone>, Broke> {
        let before = self.store.records.len();
        let kind = self.store.records[at].commands.iter().find(|pending| pending.id == command.id).map(|pending| pending.kind);
        // The answer of a driver that lost its lease is written nowhere.
        let is_written = self.store.has_news(at, epoch).is_ok();
        if answer.accepted && self.boot().since(command.sent_at) > COMMAND_LIFE {
            return Ok(self.store.has_news(at, epoch).map(|_| None));
        }
        let asked = self.store.records[at].commands.iter().find(|pending| pending.id == command.id);
        if let Some(asked) = asked.filter(|_| is_written) {
            let scene = Scene::new(&self.world, &self.store.records[at], self.clock);
            self.witness.answers(scene, asked, answer.accepted, self.boot())?;
        }
        let appended = self.store.append_answer(at, epoch, command.id, answer, now);
        if let (Some(kind), Ok(Some(_))) = (kind, &appended) {
            self.totals.one(&format!("answer: {} {}", kind.word(), if answer.accepted { "accepted" } else { "refused" }));
            self.store.records[at].promoted |= answer.accepted && kind == CommandKind::Promote;
        }
        self.began(at, before)?;
        Ok(appended)
    }

    fn began(&mut self, at: usize, before: usize) -> Result<(), Broke> {
        self.phase_entered();
        for new in before..self.store.records.len() {
            self.lay_trap(new);
            self.checker.begins(&self.world, &self.store.records[new])?;
            self.store.records[new].disturbed = self.store.records[at].disturbed;
        }
        Ok(())
    }

    pub fn lay_trap(&mut self, at: usize) {
        let kind = self.store.records[at].kind();
        if let Some((_, trap)) = self.lay_at.take_if(|(wanted, _)| *wanted == kind) {
            self.traps.push(trap);
        }
    }

    /// What an operation promises about how it ends.
    fn judge_ends(&mut self) -> Result<(), Broke> {
        self.store.check()?;
        while let Some(record) = self.store.records.get(self.judged_ends).filter(|record| record.is_final()) {
            let (kind, state) = (record.kind(), record.progress.state);
            self.totals.one(&format!("ended: {} {}", record.operation.word(), state.word()));
            self.witness.ended(Scene::new(&self.world, record, self.clock), &self.store.ledger)?;
            // A claim that may not be taken off, or was refused to be again and again, is left to end by itself.
            let for_good = |refused: &RefusedCall| matches!(refused.kind, CloudErrorKind::Denied | CloudErrorKind::Invalid) || refused.tries >= 3;
            self.claim_may_remain |= record.progress.refused.iter().any(|refused| refused.api == "DeleteTags" && for_good(refused));
            self.promise_kept(self.judged_ends)?;
            self.checker.verdicts(&self.store.records[self.judged_ends])?;
            crate::series::verdicts(&self.script, &self.store.records[self.judged_ends])?;
            self.judged_ends += 1;
            self.rehearse_now()?;
            if kind == OperationKind::Deploy
                && let Some(secs) = self.roll_back_after.take()
            {
                self.plan_act(Act::RollBack, secs, secs);
            }
            if kind != OperationKind::Retire && state != OperationState::Superseded {
                self.wish_again();
            }
        }
        Ok(())
    }

    /// A number that differs whenever two runs differ in anything that was recorded or came to be.
    pub fn trace(&self) -> u64 {
        let mut word = self.world.digest().unwrap();
        for event in self.store.records.iter().flat_map(|record| &record.events) {
            word = draw::mix(word ^ draw::fnv(format!("{event:?}").as_bytes()));
        }
        draw::mix(word ^ draw::fnv(self.totals.to_string().as_bytes()))
    }
}
