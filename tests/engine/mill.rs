//! Fleets without weights from the first deploy to the way back, over a world that answers late, twice or not at all.

use quarterdeck::domain::call::{CloudCall, CloudErrorKind};
use quarterdeck::domain::fleet::{FleetSpec, Route, Slot};
use quarterdeck::domain::group::count;
use quarterdeck::domain::observation::{Depth, FleetObservation};
use quarterdeck::domain::release::Release;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::engine::{Situation, consequence, decide, depth};
use quarterdeck::operation::claim::Claimant;
use quarterdeck::operation::command::Who;
use quarterdeck::operation::consequence::Consequence;
use quarterdeck::operation::event::{CallOutcome, Event, EventBody, OperationState};
use quarterdeck::operation::ledger::{How, LedgerBody, LedgerEntry};
use quarterdeck::operation::plan::{OperationKind, Plan};
use quarterdeck::operation::progress::Progress;
use quarterdeck::operation::record::{Operation, OperationView};
use quarterdeck::plan::Facts;
use quarterdeck::world::draw::mix;
use quarterdeck::world::{Scenario, World};

use crate::bench::START;
use crate::facts::with_facts;

const SEEDS: u64 = 40;
/// A deploy and its window take a few hours.
const LONGEST: Millis = Millis::mins(12 * 60);

/// Everything of one run.
struct Mill {
    world: World,
    spec: FleetSpec,
    operations: Vec<OperationView>,
    ledger: Vec<LedgerEntry>,
    chance: u64,
    /// What an earlier look saw: reads may be stale.
    before: FleetObservation,
    /// Servers that have to serve all the time.
    need: u32,
    /// The live group's sizes before anything.
    sizes: Sizes,
    /// The operation that is driven.
    current: usize,
}

impl Mill {
    fn new(fleet: &str, seed: u64) -> Self {
        let world = World::new(Scenario::Default, seed, START);
        let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == fleet).unwrap();
        let before = world.observe(&spec.scope(), Depth::Full);
        let (need, sizes) = (before.healthy(Slot::A).unwrap(), before.group(Slot::A).unwrap().sizes);
        let (operations, ledger) = (Vec::new(), Vec::new());
        let mut mill = Self { world, spec, operations, ledger, chance: mix(seed), before, need, sizes, current: 0 };
        for (slot, version) in [(Slot::B, 1), (Slot::A, 2)] {
            let group = mill.before.group(slot).unwrap();
            let pin = group.template.clone().unwrap();
            let release = Release {
                image: pin.image.unwrap(),
                version: None,
                template: pin.id,
                template_version: version,
                digest: pin.digest,
                group: group.name.clone(),
                slot,
            };
            mill.write(release, LedgerBody::Stable { how: How::Adopted });
        }
        mill
    }

    fn write(&mut self, release: Release, body: LedgerBody) {
        let seq = self.ledger.len() as u64;
        let fleet = self.spec.name.clone();
        self.ledger.push(LedgerEntry { seq, fleet, at: self.world.now(), release, body, by: "ann".into(), reason: None, operation: None });
    }

    /// One of `of` chances.
    fn one_in(&mut self, of: u64) -> bool {
        self.chance = mix(self.chance.wrapping_add(0x9e37));
        self.chance.is_multiple_of(of)
    }

    fn known<T>(&self, plan: impl FnOnce(&Facts<'_>) -> T) -> T {
        let newest_first: Vec<OperationView> = self.operations.iter().rev().cloned().collect();
        let seen = self.world.observe(&self.spec.scope(), Depth::Full);
        with_facts(&self.world, (&self.spec, &seen), (&self.ledger, &newest_first), |facts| plan(&facts))
    }

    /// Confirms a plan; what it takes the wheel from ends.
    fn confirm(&mut self, plan: Plan) {
        let (at, id) = (self.world.now(), format!("op-{}", self.operations.len() + 1));
        for view in self.operations.iter_mut().filter(|view| !view.state().is_final()) {
            view.progress.apply(&Event { seq: 0, at, body: EventBody::SupersededBy { operation: id.as_str().into() } });
        }
        self.current = self.operations.len();
        self.record(plan);
    }

    fn record(&mut self, plan: Plan) {
        let (created_at, id) = (self.world.now(), format!("op-{}", self.operations.len() + 1));
        let by = Who { caller: "ann".into(), user: "ann".into(), host: "here".into(), from: None };
        let progress = Progress::new(&plan, created_at);
        let operation = Operation { id: id.as_str().into(), plan, by, reason: None, created_at };
        self.operations.push(OperationView { operation, progress, events: Vec::new(), lease: None, driver_alive: true });
    }

    fn now_at_work(&self) -> &OperationView {
        &self.operations[self.current]
    }

    fn happens(&mut self, body: EventBody) {
        let at = self.world.now();
        let view = &mut self.operations[self.current];
        let follows = consequence::of(&view.operation.plan, &view.progress, &body);
        view.progress.apply(&Event { seq: 0, at, body });
        for follows in follows {
            match follows {
                Consequence::Stable(release) => self.write(release, LedgerBody::Stable { how: How::Deployed }),
                Consequence::Mark(release) => self.write(release, LedgerBody::Marked),
                Consequence::Retire(plan) => self.record(*plan),
                Consequence::RetireAgain(id) => {
                    let again = self.operations.iter().find(|view| view.operation.id == id).unwrap().operation.plan.clone();
                    self.record(again);
                }
            }
        }
    }

    /// A look, which may be an old one.
    fn look(&mut self, depth: Depth) -> FleetObservation {
        let fresh = self.world.observe(&self.spec.scope(), depth);
        let seen = if self.one_in(6) && depth == Depth::Full { self.before.clone() } else { fresh.clone() };
        if self.one_in(3) {
            self.before = fresh;
        }
        seen
    }

    /// One turn of a driver that remembers nothing but the events.
    fn turn(&mut self) {
        let view = self.now_at_work();
        let (plan, progress) = (view.operation.plan.clone(), view.progress.clone());
        let claimant = Claimant { operation: view.operation.id.clone(), who: "ann@here".to_owned(), store: "here".to_owned() };
        let seen = self.look(depth(&plan, &progress));
        let now = self.world.now();
        let decision = decide(&Situation { plan: &plan, progress: &progress, seen: &seen, now, claimant: &claimant })
            .unwrap_or_else(|broken| panic!("{broken} in {:?}", progress.steps.get(progress.current)));
        for body in decision.events {
            self.happens(body);
        }
        match decision.call {
            Some(wanted) => self.call(wanted.call),
            None => self.pass(decision.wait),
        }
    }

    fn call(&mut self, call: CloudCall) {
        let call_no = self.now_at_work().progress.calls.intended;
        self.happens(EventBody::CallIntended { call_no, call: call.clone(), why: String::new() });
        // A claim whose end is refused is left to end by itself.
        let outcome = if self.one_in(8) && !matches!(call, CloudCall::Untag { .. }) {
            CallOutcome::Refused { kind: CloudErrorKind::Throttled, message: "later".into() }
        } else {
            let reply = self.world.apply(&call, self.world.now()).unwrap();
            if self.one_in(8) { CallOutcome::Unknown { message: "no answer".into() } } else { CallOutcome::Accepted(reply) }
        };
        self.happens(EventBody::CallEnded { call_no, outcome });
        self.pass(Millis::secs(1));
    }

    fn pass(&mut self, span: Millis) {
        // A driver may be gone for a while.
        let span = if self.one_in(40) { span.plus(Millis::mins(2)) } else { span };
        let until = self.world.now().plus(Millis::secs(span.as_secs() + 1));
        while self.world.now() < until {
            let next = self.world.next_change().min(until);
            self.world.advance(next);
            self.holds();
        }
    }

    /// As many servers serve as before anybody did anything; one or two may break by themselves.
    fn holds(&self) {
        let slots = Slot::BOTH.map(|slot| self.world.group(self.spec.groups.get(slot).unwrap()).unwrap());
        let serving = match &self.spec.route {
            Route::Attached { target_group } => self.world.healthy_targets(target_group),
            _ => count(slots.iter().flat_map(|group| &group.instances).filter(|instance| instance.serves())),
        };
        let plan = &self.now_at_work().operation.plan;
        assert!(serving + 3 >= self.need, "{serving} of {} serve during {} of {:?}", self.need, plan.kind.word(), self.now_at_work().progress);
    }

    /// Drives until the operation at work is over, with people's commands in between.
    fn drive(&mut self, patience: u64) {
        let began = self.world.now();
        while !self.now_at_work().state().is_final() {
            self.turn();
            let view = self.now_at_work();
            let deploys = view.operation.plan.kind == OperationKind::Deploy;
            match view.state() {
                OperationState::Holding if deploys => self.promote(),
                OperationState::Running if deploys && self.one_in(patience) => {
                    self.happens(EventBody::StateChanged { to: OperationState::BackingOut, reason: "a test".to_owned(), deadline: None });
                }
                _ => {}
            }
            let progress = &self.now_at_work().progress;
            assert!(self.world.now().since(began) < LONGEST, "it never ends: {progress:?}");
        }
    }

    fn promote(&mut self) {
        let step = self.now_at_work().progress.current;
        self.happens(EventBody::Promoted { step });
        self.happens(EventBody::StateChanged { to: OperationState::Running, reason: "a test".to_owned(), deadline: None });
    }

    fn plan(&self, kind: OperationKind, image: &str) -> Plan {
        self.known(|facts| match kind {
            OperationKind::Deploy => quarterdeck::plan::deploy::plan(facts, image, None),
            _ => quarterdeck::plan::rollback::plan(facts, None),
        })
        .unwrap_or_else(|refusal| panic!("{refusal}: {:?}", self.operations.iter().map(OperationView::state).collect::<Vec<_>>()))
    }

    /// Nothing borrowed is left: one group works with the sizes it had, the other has none, both are attached, nobody claims anything.
    fn rests(&self) {
        let seen = self.world.observe(&self.spec.scope(), Depth::Full);
        let groups = Slot::BOTH.map(|slot| seen.group(slot).unwrap().clone());
        let idle = groups.iter().position(|group| group.sizes == Sizes::all(0) && group.total() == 0).expect("no group is idle");
        let live = &groups[1 - idle];
        assert_eq!((live.sizes.min, live.sizes.max), (self.sizes.min, self.sizes.max), "{}", live.name);
        for group in &groups {
            assert!(!group.tags.contains_key("qd:claim"), "{} is claimed", group.name);
            assert_eq!(group.target_groups.len(), usize::from(self.spec.route != Route::None), "{} is not attached as it was", group.name);
        }
    }
}

/// A deploy that goes through or is backed out, a way back in the window or out of it, and a deploy after that.
fn run(fleet: &str, image: &str, seed: u64) -> (OperationState, WorldTime) {
    let mut mill = Mill::new(fleet, seed);
    let plan = mill.plan(OperationKind::Deploy, image);
    mill.confirm(plan);
    let patience = if seed.is_multiple_of(3) { 40 } else { u64::MAX };
    mill.drive(patience);
    let ended = mill.now_at_work().state();
    if ended == OperationState::Succeeded {
        mill.current = mill.operations.len() - 1;
        if seed.is_multiple_of(2) {
            for _ in 0..seed % 40 {
                mill.turn();
            }
            let back = mill.plan(OperationKind::Rollback, "");
            mill.confirm(back);
        }
        mill.drive(u64::MAX);
        assert_eq!(mill.now_at_work().state(), OperationState::Succeeded, "{}", mill.now_at_work().progress.reason);
    }
    mill.rests();
    (ended, mill.world.now())
}

fn all(fleet: &str, image: &str) {
    let mut ends = std::collections::BTreeMap::new();
    for seed in 1..=SEEDS {
        let (ended, _) = run(fleet, image, seed);
        *ends.entry(ended.word()).or_insert(0) += 1;
    }
    assert!(ends.contains_key("succeeded") && ends.contains_key("backed_out"), "{ends:?}");
}

#[test]
fn groups_of_one_target_group_never_serve_with_fewer_than_before_and_come_to_rest() {
    all("search-prod", "1.10.0");
}

#[test]
fn workers_are_never_fewer_than_before_and_come_to_rest() {
    all("worker-prod", "3.4.0");
}
