//! One seed from beginning to end: the world, the store, the people and the driver in one thread.

use quarterdeck::domain::fleet::{FleetSpec, Slot, WeightedPair};
use quarterdeck::domain::release::Release;
use quarterdeck::domain::time::{BootTime, Millis, WorldTime};
use quarterdeck::domain::traffic::RouteActions;
use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::ledger::{How, LedgerBody};
use quarterdeck::plan::Setting;
use quarterdeck::world::{Disturbance, Scenario, World};

use crate::chance::Chance;
use crate::checks::Checker;
use crate::person::Act;
use crate::script::Script;
use crate::store::Store;
use crate::totals::Totals;

const START: WorldTime = WorldTime(1_780_000_000_000);
/// Once everybody leaves it alone, an operation and its retire end within this: waits, hold, window.
const BOUND: Millis = Millis::mins(60 * 5);

/// A broken invariant, in words.
pub type Broke = String;

pub struct Sim {
    pub chance: Chance,
    pub script: Script,
    pub spec: FleetSpec,
    pub pair: WeightedPair,
    pub setting: Setting,
    pub world: World,
    pub store: Store,
    pub checker: Checker,
    pub totals: Totals,
    /// What people and accidents are going to do, unsorted.
    pub agenda: Vec<(WorldTime, Act)>,
    /// Operations people still want.
    pub wishes: u64,
    /// No fault after this.
    pub quiet_at: WorldTime,
    /// The dead driver's successor comes at this time.
    pub dead_until: WorldTime,
    /// Reads of the route show this until then.
    pub stale: Option<(WorldTime, RouteActions)>,
    /// Intents whose driver died before it sent the call.
    pub unsent: u64,
    /// Calls the cloud saw.
    pub seen_calls: u64,
    pub claim_may_remain: bool,
    judged_ends: usize,
}

impl Sim {
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let script = Script::draw(&mut chance);
        let mut world = World::new(Scenario::Default, seed, START);
        let mut spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == script.fleet).unwrap();
        Script::adjust(&mut chance, &mut spec);
        let pair = spec.weighted_pair().unwrap();
        if spec.idle_size > 0 {
            world.disturb(Disturbance::SetBounds { group: pair.groups.b.clone(), min: spec.idle_size, max: spec.idle_size });
        }
        world.advance(START.plus(Millis::secs(chance.between(200, 7_000))));
        let checker = Checker::new(&world, pair.clone(), spec.floor, spec.idle_size);
        let setting = Setting { build: "test".to_owned(), store: "here".to_owned(), time_scale: 1, judged: script.judged };
        let first = (world.now(), Act::Wish);
        let quiet_at = world.now();
        let mut sim = Self {
            wishes: script.operations,
            chance,
            script,
            spec,
            pair,
            setting,
            world,
            store: Store::default(),
            checker,
            totals: Totals::default(),
            agenda: vec![first],
            quiet_at,
            dead_until: START,
            stale: None,
            unsent: 0,
            seen_calls: 0,
            claim_may_remain: false,
            judged_ends: 0,
        };
        let adopted = sim.running(Slot::A);
        sim.store.enter(adopted, LedgerBody::Stable { how: How::Adopted }, START);
        sim
    }

    fn running(&self, slot: Slot) -> Release {
        let group = self.world.group(self.pair.groups.get(slot)).unwrap();
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

    pub fn now(&self) -> WorldTime {
        self.world.now()
    }

    /// The boot clock of the one host there is.
    pub fn boot(&self) -> BootTime {
        BootTime(1_000_000).plus(self.now().since(START))
    }

    pub fn is_quiet(&self) -> bool {
        self.now() >= self.quiet_at
    }

    pub fn run(&mut self) -> Result<(), Broke> {
        loop {
            self.due_acts()?;
            self.judge_ends()?;
            if let Some(at) = self.store.active() {
                self.turn(at)?;
            } else if let Some(next) = self.agenda.iter().map(|(at, _)| *at).min() {
                self.advance(next)?;
            } else {
                break;
            }
            if self.agenda.is_empty() && self.now() > self.quiet_at.plus(BOUND) {
                return Err("liveness: it does not come to an end".to_owned());
            }
        }
        self.store.check_folds()?;
        let intended: u64 = self.store.records.iter().map(|record| record.progress.calls.intended).sum();
        if intended != self.seen_calls + self.unsent {
            return Err(format!("S18: {intended} intents, {} calls, {} were never sent", self.seen_calls, self.unsent));
        }
        self.checker.at_rest(&self.world, self.claim_may_remain)
    }

    /// Goes on to `to`, or to the next thing somebody does; every moment at which something happens in the world is looked at.
    pub fn advance(&mut self, to: WorldTime) -> Result<(), Broke> {
        let stop = self.agenda.iter().map(|(at, _)| *at).min().map_or(to, |act| act.min(to));
        while self.now() < stop {
            let next = self.world.next_change().min(stop.plus(Millis(999)));
            self.world.advance(next);
            self.totals.one("moments looked at");
            self.checker.tick(&self.world, &self.store)?;
        }
        Ok(())
    }

    /// What an operation promises about how it ends.
    fn judge_ends(&mut self) -> Result<(), Broke> {
        self.store.check()?;
        while let Some(record) = self.store.records.get(self.judged_ends).filter(|record| record.is_final()) {
            let (kind, state) = (record.kind(), record.progress.state);
            self.totals.one(&format!("ended: {} {}", record.operation.word(), state.word()));
            self.promise_kept(self.judged_ends)?;
            self.judged_ends += 1;
            if kind != quarterdeck::operation::plan::OperationKind::Retire && state != OperationState::Superseded {
                self.wish_again();
            }
        }
        Ok(())
    }
}
