//! The invariants, checked against the world and its twin and never against what a driver believes.
//!
//! The twin is the same world as it was when the operation began, with everything that happened to it from outside since then, but without
//! the operation's calls: a deficit it has as well is not the operation's.
//!
//! What an invariant means depends on how traffic reaches the fleet (`shape`): without weights S1 is the number of servers that work, S2 is who
//! is let in, S4 is being taken off or ended, S15 is a number of servers, and for one group never more than a zone's worth of them at once. S16
//! is in `database`, with the database it is about.

mod calls;
mod one_group;
mod plain;
mod serving;

use std::collections::{BTreeMap, VecDeque};

use quarterdeck::domain::fleet::{BySlot, FleetSpec, Route, Slot};
use quarterdeck::domain::group::ServerGroup;
use quarterdeck::domain::ids::{ImageId, TargetGroupArn};
use quarterdeck::domain::observation::FleetObservation;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::domain::traffic::RouteActions;
use quarterdeck::operation::event::{EventBody, OperationState, StepOutcome, VerdictWord};
use quarterdeck::operation::plan::{CheckLevel, Friction, OperationKind, Plan, Side, StepKind};
use quarterdeck::world::{LoggedCall, World};

use crate::cloud::STALE;
use crate::fault::Fault;
use crate::shape::Ground;
use crate::sim::LAUNCH;
use crate::store::Record;

/// Two launches of the same server differ by so much: the twin's may be that much earlier.
const LAUNCHES_DIFFER: Millis = Millis::secs(52);
/// A driver that is at work follows a raised need within a soak's period, a retried launch and a launch.
const FOLLOWS: Millis = LAUNCH.plus(Millis::secs(15 + 60));
/// A sick server is replaced within its grace, the checks that condemn it, and a launch.
const REPLACED: Millis = LAUNCH.plus(Millis::secs(300 + 30 + 30 + 20));
/// The cloud's engine gives a refresh up that replaces no server for so long.
const STUCK: Millis = Millis::secs(1_800);
/// What was read may be so old by the time the call it led to arrives, even where no read lags.
const LOOK_TO_CALL: Millis = Millis::secs(10);

/// What another hand does to the weights on the way back is seen and undone within some periods.
const TAKEN_BACK: Millis = Millis::secs(40);

/// A call as the cloud saw it.
pub struct Arrival<'a> {
    pub logged: &'a LoggedCall,
    /// The world just before.
    pub before: &'a World,
    pub record: &'a Record,
    /// Its driver is not at work any more, or has given up on it.
    pub stale: bool,
    pub at: usize,
    pub epoch: u64,
    /// When it was decided.
    pub intended: WorldTime,
}

/// What is going on while the world goes on.
pub struct Moment<'a> {
    pub record: Option<&'a Record>,
    /// Somebody drives it, and nothing keeps that driver from seeing and doing.
    pub driven: bool,
    /// No fault is at work.
    pub calm: bool,
    /// It stands for a person: what it would go back to does not run on the schema that is live (S16).
    pub barred: bool,
}

pub struct Checker {
    pub twin: World,
    ground: Ground,
    live_sizes: Sizes,
    idle_size: u32,
    floor: u32,
    /// The group the ledger names, or a rollback's target.
    pub stable: Slot,
    stable_since: WorldTime,
    /// How often the clock of the host drivers run on was set since then.
    clock_sets: u64,
    /// The last look did not tell the health of a side's targets, and nothing else it told says that they are too few.
    blind: BySlot<bool>,
    /// Servers that carry everything, from the world's sizes alone.
    need: u32,
    /// The stable group's minimum when the last deploy began: an earlier operation's pin or none, but not that deploy's.
    left_pin: u32,
    /// A raised need may go unmet for so long yet; it runs only while there is a driver that could grow the groups.
    grace: Millis,
    ticked_at: WorldTime,
    /// The twin's deficits lately.
    twin_short: VecDeque<(WorldTime, u32)>,
    /// Servers lately of what stays whose image is not sound: they fail in this world and in the twin, but not in the same moments.
    frail: VecDeque<(WorldTime, u32)>,
    /// How many servers the group has that is not stable, lately.
    rival: VecDeque<(WorldTime, u32)>,
    /// Healthy servers lately, for reads that lag.
    lately: BySlot<VecDeque<(WorldTime, u32)>>,
    lagged_at: Option<WorldTime>,
    /// Servers lost that the twin does not have: so many may be missing until then.
    losses: Vec<(WorldTime, u32)>,
    /// The cloud gives no servers, or did not until lately.
    scarce_until: Option<WorldTime>,
    /// For how long servers of the candidate are missing that its own illness accounts for, while somebody drives.
    ill: Millis,
    /// When the candidate was last ill.
    ill_at: Option<WorldTime>,
    /// When the group that gets traffic could not launch any servers the last time.
    broken_at: Option<WorldTime>,
    foreign: Foreign,
    last_look: WorldTime,
    /// The newest epoch that took the lease of each operation.
    epochs: BTreeMap<usize, u64>,
    backing_out_since: Option<WorldTime>,
    /// Servers fell ill in this operation whom the cloud's own engine took for well.
    sickened: bool,
    /// The images there were.
    pub images: Vec<ImageId>,
    /// The only group of a fleet of one, or the one that is recycled, a moment ago.
    before: one_group::Before,
}

/// What another hand changed and nobody has put right yet.
#[derive(Clone, Copy, Debug, Default)]
struct Foreign {
    weights: Option<WorldTime>,
    actions: Option<WorldTime>,
    template: Option<WorldTime>,
    sizes: bool,
    /// Another tool replaces servers.
    refresh: bool,
}

impl Checker {
    pub fn new(world: &World, ground: Ground, spec: &FleetSpec) -> Self {
        let live_sizes = world.sizes(ground.group(Slot::A)).unwrap();
        Self {
            twin: world.clone(),
            ground,
            live_sizes,
            idle_size: spec.idle_size,
            floor: spec.floor,
            stable: Slot::A,
            stable_since: world.now(),
            clock_sets: 0,
            blind: BySlot::from_fn(|_| false),
            need: 0,
            left_pin: live_sizes.min,
            grace: Millis::ZERO,
            ticked_at: world.now(),
            twin_short: VecDeque::new(),
            frail: VecDeque::new(),
            rival: VecDeque::new(),
            lately: BySlot::from_fn(|_| VecDeque::new()),
            lagged_at: None,
            losses: Vec::new(),
            scarce_until: None,
            ill: Millis::ZERO,
            ill_at: None,
            broken_at: None,
            foreign: Foreign::default(),
            last_look: world.now(),
            epochs: BTreeMap::new(),
            backing_out_since: None,
            sickened: false,
            images: world.images().into_iter().map(|image| image.id).collect(),
            before: one_group::Before::default(),
        }
    }

    fn healthy(&self, world: &World, slot: Slot) -> u32 {
        self.ground.working(world, slot)
    }

    /// Healthy servers, whether or not their group gets traffic.
    fn fit(&self, world: &World, slot: Slot) -> u32 {
        match self.ground.route() {
            Route::Weighted { .. } => self.healthy(world, slot),
            Route::Attached { .. } | Route::None => world.fit_servers(self.ground.group(slot)),
        }
    }

    fn desired(&self, world: &World, slot: Slot) -> u32 {
        world.sizes(self.ground.group(slot)).unwrap().desired
    }

    fn share(&self, actions: &RouteActions, slot: Slot) -> f64 {
        self.ground.target_group(slot).and_then(|arn| actions.share(arn)).unwrap_or(0.0)
    }

    /// A new operation: what it needs, and that its plan asks for no less.
    pub fn begins(&mut self, world: &World, record: &Record) -> Result<(), String> {
        let plan = &record.operation.plan;
        let (from, to) = (plan.from.slot, plan.to.slot);
        match plan.kind {
            OperationKind::Deploy => {
                // The cloud's engine keeps what the group wants.
                let healthy = if self.ground.is_one_group() { 0 } else { self.healthy(world, from) };
                self.need = self.floor.max(healthy).max(self.desired(world, from));
                self.left_pin = world.sizes(self.ground.group(from)).unwrap().min;
                if takes_for_good(plan) {
                    self.stable = from;
                }
            }
            OperationKind::Rollback => {
                self.need = self.floor.max(self.desired(world, from)).max(self.desired(world, to)).min(self.live_sizes.max);
                self.stable = to;
            }
            OperationKind::Recycle => {
                self.need = self.floor.max(self.desired(world, from));
                self.before = self.only_group(world);
            }
            OperationKind::Retire => {
                (self.stable, self.stable_since, self.clock_sets) = (to, world.now(), 0);
                self.left_pin = self.live_sizes.min;
            }
        }
        if plan.need < self.need && plan.kind != OperationKind::Retire && !self.foreign.sizes {
            return Err(format!("S1: the plan needs {} servers, the world {}", plan.need, self.need));
        }
        self.serves_alone(world, plan.kind);
        self.twin_begins(world);
        if plan.kind != OperationKind::Recycle {
            // A recycle has nothing to do with the traffic: what another hand did there stays as it is.
            (self.foreign.weights, self.foreign.actions) = (None, None);
        }
        self.foreign.template = None;
        (self.ill, self.ill_at, self.broken_at, self.backing_out_since) = (Millis::ZERO, None, None, None);
        self.sickened = false;
        if (plan.live_sizes.min, plan.live_sizes.max) != (self.live_sizes.min, self.live_sizes.max) && !self.foreign.sizes {
            return Err(format!("S12: {} froze {:?} for the live role, it is {:?}", record.operation.id, plan.live_sizes, self.live_sizes));
        }
        Ok(())
    }

    /// The driver had a look. If it was complete, what the stable group wants now is needed from now on.
    pub fn looked(&mut self, world: &World, record: &Record, seen: &FleetObservation) {
        let may_do = |slot| seen.group(slot).is_none_or(|group| group.serving() >= threshold(self.need));
        self.blind = BySlot::from_fn(|slot| seen.health.get(slot).value().is_none() && may_do(slot));
        let forward = !matches!(record.progress.state, OperationState::Paused | OperationState::BackingOut);
        if !seen.is_complete() || !forward {
            return;
        }
        if self.lagged_at.is_none_or(|at| world.now().since(at) > STALE) {
            self.last_look = world.now();
        }
        let wanted = self.desired(world, record.operation.plan.from.slot).min(self.live_sizes.max);
        if record.kind().backs_out() && wanted > self.need {
            self.need = wanted;
            self.grace = FOLLOWS;
        }
    }

    /// Weights with everything on this group.
    pub fn all_on(&self, all: Slot) -> Vec<(TargetGroupArn, u32)> {
        Slot::BOTH.into_iter().filter_map(|slot| Some((self.ground.target_group(slot)?.clone(), if slot == all { 100 } else { 0 }))).collect()
    }

    /// A way back gave up before it gave its target anything: what served before it serves on.
    pub const fn goes_on_with(&mut self, slot: Slot) {
        self.stable = slot;
    }

    /// Another hand set weights, and nobody has put that right yet.
    pub const fn is_foreign(&self) -> bool {
        self.foreign.weights.is_some()
    }

    /// Another hand changed what a group launches, and nobody has put that right yet.
    pub const fn launches_foreign(&self) -> bool {
        self.foreign.template.is_some()
    }

    /// The clock of the host drivers run on is set.
    pub const fn clock_set(&mut self) {
        self.clock_sets += 1;
    }

    pub const fn reads_lag(&mut self, now: WorldTime) {
        self.lagged_at = Some(now);
    }

    pub fn took_lease(&mut self, at: usize, epoch: u64) {
        self.epochs.insert(at, epoch);
    }

    /// A fault struck the world.
    pub fn harmed(&mut self, fault: Fault, world: &World, record: Option<&Record>) {
        let now = world.now();
        match fault {
            Fault::NoCapacity => self.scarce_until = Some(WorldTime(i64::MAX)),
            Fault::ServerSick => self.losses.push((now.plus(REPLACED), 1)),
            Fault::ForeignWeights => {
                self.foreign.weights = Some(now);
                // Another hand may give traffic to a group that is not made for it: whoever goes back takes it back, and a deploy on its way
                // forward, which overwrites nobody, grows the group.
                let forward = record.is_some_and(|record| !goes_back(record));
                self.grace = self.grace.max(if forward { FOLLOWS } else { TAKEN_BACK });
            }
            Fault::ForeignActions => self.foreign.actions = Some(now),
            Fault::ForeignTemplate => self.foreign.template = Some(now),
            Fault::ForeignSizes => self.foreign.sizes = true,
            Fault::ForeignRefresh => self.foreign.refresh = true,
            _ => {}
        }
        if self.is_replaced(record) {
            self.before = self.only_group(world);
            self.sickened |= matches!(fault, Fault::Flapping | Fault::LateCrash);
        }
    }

    /// The cloud's own engine replaces servers of the group that serves.
    fn is_replaced(&self, record: Option<&Record>) -> bool {
        self.ground.is_one_group() || record.is_some_and(|record| record.kind() == OperationKind::Recycle)
    }

    /// S6: whatever image is there without the operation is there with it.
    pub fn images_kept(&self, world: &World) -> Result<(), String> {
        let lost = self.images.iter().find(|image| self.twin.image_record(image).is_some() && world.image_record(image).is_none());
        lost.map_or(Ok(()), |image| Err(format!("S6: image {image} was deregistered")))
    }

    /// Liveness: once faults stop, a back out has the candidate out of the traffic within two periods.
    fn out_in_time(&mut self, world: &World, moment: &Moment<'_>, record: &Record) -> Result<(), String> {
        let plan = &record.operation.plan;
        let share = self.ground.share(world, plan.to.slot);
        let can = self.healthy(world, plan.from.slot) >= self.need.max(record.progress.need);
        // What another hand sets while our own write may still be spreading is taken for that.
        let spreads = record.progress.written_at.is_some_and(|at| world.now().since(at) <= plan.timing.settle);
        // Where servers are replaced there is no side that could be out.
        let two = !self.is_replaced(Some(record));
        let due = two && record.progress.state == OperationState::BackingOut && moment.calm && moment.driven && share > 0.0 && can && !spreads;
        if !due {
            self.backing_out_since = None;
            return Ok(());
        }
        let since = *self.backing_out_since.get_or_insert(world.now());
        // Where no load balancer is in between, workers stop by being parked.
        let parks = if *self.ground.route() == Route::None { plan.timing.lower_gap.plus(plan.timing.period_moving.times(4)) } else { Millis::ZERO };
        let bound = plan.timing.period_moving.times(2).plus(plan.timing.period_soak).plus(parks);
        if world.now().since(since) > bound {
            return Err(format!("liveness: {} backs out and its candidate still has share {share} after {bound}", record.operation.id));
        }
        Ok(())
    }

    /// S21 and S22 over an operation's events: a judged step ends well only on a verdict that says so, and a failed one stays failed.
    pub fn verdicts(&self, record: &Record) -> Result<(), String> {
        let (mut last, mut failed, mut promoted) = (None, false, false);
        for event in &record.events {
            match &event.body {
                EventBody::StepStarted { .. } => (last, failed, promoted) = (None, false, false),
                EventBody::Promoted { .. } => promoted = true,
                EventBody::Judged { verdict, .. } => {
                    if verdict.word != VerdictWord::Inconclusive && (verdict.candidate.requests == 0 || verdict.stable.requests == 0) {
                        return Err(format!("S21: {} judges {:?} without data", record.operation.id, verdict.word));
                    }
                    failed |= verdict.word == VerdictWord::Fail;
                    last = Some(verdict.word);
                }
                EventBody::StepEnded { step, outcome: StepOutcome::Success | StepOutcome::Warning, .. } => {
                    let weighs = record.operation.plan.steps.get(*step).is_some_and(|step| matches!(step.kind, StepKind::Weight(_)));
                    let judged = weighs && record.operation.plan.judged && !promoted;
                    if judged && failed {
                        return Err(format!("S22: step {step} of {} failed and ended well", record.operation.id));
                    }
                    if judged && last != Some(VerdictWord::Pass) {
                        return Err(format!("S21: step {step} of {} ended well on {last:?}", record.operation.id));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// S12 once nothing is left to do. A claim may remain only where the cloud refused to take it off, and only until it ends.
    pub fn at_rest(&self, world: &World, claim_may_remain: bool) -> Result<(), String> {
        self.images_kept(world)?;
        let live = world.group(self.ground.group(self.stable)).unwrap();
        if (live.sizes.min, live.sizes.max) != (self.live_sizes.min, self.live_sizes.max) && !self.foreign.sizes {
            return Err(format!("S12: the live group rests at {:?}, its role has {:?}", live.sizes, self.live_sizes));
        }
        if self.ground.is_one_group() {
            self.only_group_at_rest(world)?;
            return given_back(&live, claim_may_remain);
        }
        let idle = world.group(self.ground.group(self.stable.other())).unwrap();
        if idle.sizes != Sizes::all(self.idle_size) && !self.foreign.sizes {
            return Err(format!("S12: the idle group rests at {:?}", idle.sizes));
        }
        let weighted = matches!(self.ground.route(), Route::Weighted { .. });
        if weighted && self.ground.share(world, self.stable) < 1.0 && self.foreign.weights.is_none() {
            return Err(format!("S12: {} is stable and does not have all of the traffic", slot_word(self.stable)));
        }
        self.attached_as_found(world)?;
        [live, idle].iter().try_for_each(|group| given_back(group, claim_may_remain))
    }
}

/// S12: nothing of the group is suspended, and nobody claims it any more.
fn given_back(group: &ServerGroup, claim_may_remain: bool) -> Result<(), String> {
    if !group.suspended.is_empty() {
        return Err(format!("S12: {:?} of {} are suspended", group.suspended, group.name));
    }
    match quarterdeck::operation::claim::claim_on(group) {
        Some(claim) if !claim_may_remain => Err(format!("S12: {} is still claimed: {}", group.name, claim.described())),
        _ => Ok(()),
    }
}

/// The cloud's engine replaces every server, does not get anywhere, and replaces them once more; with the waits of the operation around it.
pub fn refreshed_twice(plan: &Plan) -> Millis {
    let each = LAUNCH.plus(Millis::secs(u64::from(plan.refresh.as_ref().and_then(|refresh| refresh.warmup_secs).unwrap_or(60)) + 15));
    let timing = &plan.timing;
    each.times(u64::from(plan.need.max(plan.live_sizes.max))).times(2).plus(STUCK.times(2)).plus(timing.launch_limit).plus(timing.hold_deadline)
}

/// Thresholds end a way back: all if fewer than ten, nine tenths if fewer than twenty, else 95 percent.
pub const fn threshold(need: u32) -> u32 {
    match need {
        0..10 => need,
        10..20 => (need * 9).div_ceil(10),
        _ => (need * 19).div_ceil(20),
    }
}

/// Another hand had given all traffic to the other group, the sheet said so, and a person typed the fleet's name to go on from there: what
/// serves is what is stable now, whatever the ledger names.
fn takes_for_good(plan: &Plan) -> bool {
    let told = plan.checks.iter().any(|check| {
        let traffic = ["the weights are", "target group"].iter().any(|words| check.text.contains(words));
        check.level == CheckLevel::Warning && check.text.starts_with("another hand changed it:") && traffic
    });
    told && matches!(plan.friction, Friction::Typed { .. })
}

/// The slot that traffic is taken from when all else fails: a deploy's candidate, or what the other operations go away from.
fn leaves(record: &Record) -> Slot {
    let plan = &record.operation.plan;
    if plan.kind == OperationKind::Deploy { plan.to.slot } else { plan.from.slot }
}

/// The side that has to carry everything when all else fails.
fn stays(record: &Record) -> &Side {
    let plan = &record.operation.plan;
    if plan.kind == OperationKind::Deploy { &plan.from } else { &plan.to }
}

fn goes_back(record: &Record) -> bool {
    record.kind() != OperationKind::Deploy || record.progress.state == OperationState::BackingOut
}

const fn slot_word(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "slot a",
        Slot::B => "slot b",
    }
}
