//! A second account of a run, kept from looks, calls and records alone: it counts observed time, readings and settling by itself and never asks
//! the engine what it believes of them.

mod ends;

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::{BySlot, Slot};
use quarterdeck::domain::group::TemplatePin;
use quarterdeck::domain::ids::{GroupName, InstanceId, OperationId};
use quarterdeck::domain::observation::{AlarmState, FleetObservation};
use quarterdeck::domain::time::{BootTime, Millis, WorldTime};
use quarterdeck::domain::traffic::RouteActions;
use quarterdeck::operation::claim::{CLAIM_KEY, foreign_claim};
use quarterdeck::operation::command::{Command, CommandKind};
use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::lease::CALL_TIMEOUT;
use quarterdeck::operation::ledger::{LedgerEntry, known_releases};
use quarterdeck::operation::plan::{Friction, OperationKind, Plan, StepKind};
use quarterdeck::operation::progress::Progress;
use quarterdeck::operation::schema::no_way_out;
use quarterdeck::world::World;

use crate::cloud::Flight;
use crate::shape::Ground;
use crate::sim::Broke;
use crate::store::Record;

/// The operation at work, in its world.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub world: &'a World,
    pub id: &'a OperationId,
    pub plan: &'a Plan,
    pub progress: &'a Progress,
    pub now: WorldTime,
}

impl<'a> Scene<'a> {
    pub fn new(world: &'a World, record: &'a Record, now: WorldTime) -> Self {
        Self { world, id: &record.operation.id, plan: &record.operation.plan, progress: &record.progress, now }
    }
}

impl Scene<'_> {
    fn step(&self) -> Option<StepKind> {
        self.plan.steps.get(self.progress.current).map(|step| step.kind)
    }

    fn migrates(&self, step: usize) -> bool {
        self.plan.steps.get(step).is_some_and(|step| step.kind == StepKind::Migrate)
    }

    fn is_forward(&self) -> bool {
        self.plan.kind == OperationKind::Deploy && self.progress.state != OperationState::BackingOut
    }
}

/// What was seen since a step began.
#[derive(Default)]
struct Watched {
    /// The operation, its step, and whether it backs out.
    of: Option<(OperationId, usize, bool)>,
    last: Option<WorldTime>,
    /// Gaps between complete looks, each capped at two periods.
    observed: Millis,
    /// The host's clock was set since the last look.
    clock_set: bool,
    /// Complete looks in a row in which a slot was out of the traffic: the first and the last.
    idle: BySlot<Option<(WorldTime, WorldTime)>>,
    /// Servers of the candidate there were in this step.
    launched: BTreeSet<InstanceId>,
    /// The lease under which somebody saw first that there were too many of them.
    too_many: Option<u64>,
}

pub struct Witness {
    ground: Ground,
    clock_jumps: bool,
    watched: Watched,
    /// The last look.
    seen: Option<FleetObservation>,
    /// When an operation's call last changed the weights.
    written: Option<(OperationId, WorldTime)>,
    /// Commands that were answered.
    answered: BTreeSet<(OperationId, u64)>,
    /// The newest epoch of which a call of each kind arrived.
    arrived: BTreeMap<(OperationId, &'static str), u64>,
    /// Steps that somebody promoted.
    promoted: BTreeSet<(OperationId, usize)>,
    /// How gates ended.
    gates: BTreeMap<(OperationId, usize), bool>,
    /// Looks in a row that showed a red alarm while the candidate served.
    red: u32,
    /// The first look of each lease, and when it was taken.
    leases: BTreeMap<(OperationId, u64), (WorldTime, Option<WorldTime>)>,
}

impl Witness {
    pub fn new(ground: Ground, clock_jumps: bool) -> Self {
        Self {
            ground,
            clock_jumps,
            watched: Watched::default(),
            seen: None,
            written: None,
            answered: BTreeSet::new(),
            arrived: BTreeMap::new(),
            promoted: BTreeSet::new(),
            gates: BTreeMap::new(),
            red: 0,
            leases: BTreeMap::new(),
        }
    }

    /// A plan is confirmed.
    pub fn begins(&self, world: &World, plan: &Plan, ledger: &[LedgerEntry]) -> Result<(), Broke> {
        if plan.kind != OperationKind::Rollback {
            return Ok(());
        }
        // A refresh is there to replace what runs something else, and leads where the group itself may point already.
        if plan.refresh.is_some() {
            return Ok(());
        }
        let grows = plan.steps.iter().any(|step| matches!(step.kind, StepKind::GrowTarget | StepKind::Template));
        let servers = world.group(&plan.to.group).into_iter().flat_map(|group| group.instances);
        let stranger = servers.into_iter().find(|server| server.serves() && server.template_version != plan.to.template_version);
        if let Some(stranger) = stranger.filter(|_| !grows) {
            return Err(format!("S2: the way back is one call, and {} runs another release", stranger.id));
        }
        self.leads_back(world, plan, ledger)
    }

    /// Back is to a release that was stable and is not marked, or a person typed the fleet's name; and not to what serves already, unless a
    /// deploy is on its way.
    fn leads_back(&self, world: &World, plan: &Plan, ledger: &[LedgerEntry]) -> Result<(), Broke> {
        let known = known_releases(ledger).into_iter().find(|known| known.release.image == plan.to.image);
        let serves = self.ground.share(world, plan.to.slot);
        let of_stable = known_releases(ledger).iter().any(|known| known.release.image == plan.from.image);
        let why = match known {
            _ if matches!(plan.friction, Friction::Typed { .. }) => return Ok(()),
            None => "was never stable",
            Some(known) if known.marked.is_some() => "is marked bad",
            Some(_) if serves == 1.0 && of_stable && plan.supersedes.is_none() => "serves already",
            Some(_) => return Ok(()),
        };
        Err(format!("S5: {} {why}, and the way back leads there", plan.to.label()))
    }

    /// A driver took the lease.
    pub fn took_lease(&mut self, id: &OperationId, epoch: u64, now: WorldTime) {
        self.leases.insert((id.clone(), epoch), (now, None));
    }

    /// The clock of the host drivers run on is set.
    pub const fn clock_set(&mut self) {
        self.watched.clock_set = true;
    }

    /// A driver looks. What one sees that has lost its lease leads to nothing: only the look of one that is `at_work` counts for its operation.
    pub fn looked(&mut self, scene: Scene<'_>, epoch: u64, at_work: bool, seen: &FleetObservation) -> Result<(), Broke> {
        if let Some((_, first)) = self.leases.get_mut(&(scene.id.clone(), epoch)) {
            first.get_or_insert(scene.now);
        }
        if !at_work {
            return Ok(());
        }
        let of = Some((scene.id.clone(), scene.progress.current, scene.progress.state == OperationState::BackingOut));
        if self.watched.of != of {
            self.watched = Watched { of, ..Watched::default() };
        }
        // A gap in which the host's clock was set counts for whatever that made of it, up to the cap.
        let most = period(scene).times(2);
        let set = std::mem::take(&mut self.watched.clock_set);
        let gap = self.watched.last.map_or(Millis::ZERO, |last| if set { most } else { scene.now.since(last).min(most) });
        self.watched.last = seen.is_complete().then_some(scene.now);
        if seen.is_complete() {
            self.watched.observed = self.watched.observed.plus(gap);
        }
        for slot in Slot::BOTH.into_iter().filter(|_| seen.is_complete()) {
            let idle = self.watched.idle.get_mut(slot);
            *idle = self.ground.is_seen_out(seen, slot).then(|| (idle.map_or(scene.now, |(first, _)| first), scene.now));
        }
        self.seen = Some(seen.clone());
        self.red_alarm(scene, seen)?;
        self.crash_loop(scene, epoch)
    }

    /// Liveness: a candidate that serves under a red alarm is on its way back after a look, or two.
    fn red_alarm(&mut self, scene: Scene<'_>, seen: &FleetObservation) -> Result<(), Broke> {
        let red = seen.alarms.value().is_some_and(|all| all.iter().any(|alarm| alarm.state == AlarmState::Alarm));
        let going = matches!(scene.progress.state, OperationState::Running | OperationState::Holding) && scene.plan.refresh.is_none();
        let serves = self.ground.share(scene.world, scene.plan.to.slot) > 0.0;
        // What cannot go back waits for a person.
        let stuck = no_way_out(scene.plan, scene.progress).is_some();
        let counts = red && going && serves && scene.is_forward() && !scene.progress.promoted && !stuck;
        self.red = if counts { self.red + 1 } else { 0 };
        if self.red > 3 { Err("liveness: an alarm is red, the candidate serves, and it goes on".to_owned()) } else { Ok(()) }
    }

    /// A step that launches ever more servers comes to its end as soon as a driver has seen that: twice the bound is for what a look may miss, and
    /// a driver that died right after it saw did nothing yet. What holds for another reason does not look at the candidate, and what a person
    /// paused stays paused: nobody counts what is launched meanwhile, and the count begins anew.
    fn crash_loop(&mut self, scene: Scene<'_>, epoch: u64) -> Result<(), Broke> {
        let held = scene.progress.state == OperationState::Paused || ["hand", "refused"].iter().any(|word| scene.progress.reason.contains(word));
        // Before it has its template, the slot holds what others launched.
        let launches = !matches!(scene.step(), Some(StepKind::Claim | StepKind::EmptySlot | StepKind::Template));
        // What cannot go back waits for a person; the cloud's engine is asked to stop.
        let asked = scene.plan.refresh.is_none() || scene.progress.refresh.turned_at.is_some();
        let stuck = asked && no_way_out(scene.plan, scene.progress).is_some();
        if held || stuck || !launches || !scene.is_forward() {
            self.watched.launched.clear();
            return Ok(());
        }
        let seen = self.seen.as_ref().filter(|seen| seen.is_complete()).and_then(|seen| seen.group(scene.plan.to.slot));
        self.watched.launched.extend(seen.into_iter().flat_map(|group| &group.instances).map(|instance| instance.id.clone()));
        // A refresh that begins again launches everything once more.
        let again = if self.ground.is_one_group() { 2 } else { 1 };
        let most = again * 2 * (2 * scene.progress.need as usize + 2);
        let many = self.watched.launched.len();
        let saw_before = self.watched.too_many == Some(epoch);
        self.watched.too_many = (many > most).then_some(epoch);
        if many > most && saw_before { Err(format!("liveness: {many} servers were launched in one step")) } else { Ok(()) }
    }

    /// A call arrives whose driver is not at work any more: in time for whoever is to have waited for it. What arrives a second time after it was
    /// answered nobody waits for; it does not undo what a later driver did.
    pub fn arrives_late(&mut self, scene: Scene<'_>, flight: &Flight) -> Result<(), Broke> {
        let (id, epoch) = (scene.id, flight.epoch);
        if flight.to.is_none() {
            let newest = self.arrived.get(&(id.clone(), flight.call.aws_name())).copied().unwrap_or(0);
            let undoes = newest > epoch;
            return if undoes { Err(format!("S3: a call of epoch {epoch} comes again after one of epoch {newest}")) } else { Ok(()) };
        }
        let later = self
            .leases
            .iter()
            .filter(|((of, newer), _)| of == id && *newer > epoch)
            .find_map(|(_, (taken, first))| first.filter(|first| *first < scene.now && flight.sent <= *taken));
        match later {
            Some(first) => Err(format!("S3: a call of epoch {epoch} arrives {} after its successor looked", scene.now.since(first))),
            None => Ok(()),
        }
    }

    /// A call of an operation reaches the cloud.
    pub fn arrives(&mut self, scene: Scene<'_>, flight: &Flight) {
        let newest = self.arrived.entry((scene.id.clone(), flight.call.aws_name())).or_default();
        *newest = flight.epoch.max(*newest);
    }

    /// A call reaches the cloud while its operation is at work; the world is as it was just before.
    pub fn calls(&mut self, scene: Scene<'_>, call: &CloudCall) -> Result<(), Broke> {
        let tally = scene.progress.calls;
        if tally.intended > tally.accepted + tally.refused + tally.unknown + 1 {
            return Err("S7: the outcome of the call before is not recorded".to_owned());
        }
        // In a pause claims are renewed, and pins follow what is needed, upwards only, of a group that serves, or of both where both do.
        let both_serve = self.seen.as_ref().and_then(|seen| seen.share(scene.plan.to.slot)).is_some_and(|share| share > 0.0);
        let serves = |group: &GroupName| {
            let slot = self.ground.slot_of(group);
            self.seen.as_ref().zip(slot).and_then(|(seen, slot)| seen.share(slot)).is_some_and(|share| share > 0.0)
        };
        let stands = match call {
            CloudCall::Tag { .. } | CloudCall::Untag { .. } => true,
            CloudCall::RaiseMin { group, .. } => both_serve || serves(group),
            _ => false,
        };
        if scene.progress.state == OperationState::Paused && !stands {
            return Err("S14: somebody paused it, and it goes on".to_owned());
        }
        match call {
            CloudCall::SetWeights { actions, .. } => {
                if scene.is_forward() {
                    self.forward(scene, actions)?;
                }
                self.written = Some((scene.id.clone(), scene.now));
                Ok(())
            }
            CloudCall::AttachTargetGroup { .. } | CloudCall::DetachTargetGroup { .. } => {
                self.attaches(scene)?;
                self.written = Some((scene.id.clone(), scene.now));
                Ok(())
            }
            CloudCall::StartInstanceRefresh { .. } if scene.is_forward() && !scene.progress.promoted => self.refreshes(scene),
            CloudCall::Tag { tags, .. } if tags.iter().any(|(key, _)| key == CLAIM_KEY) => self.claims(scene),
            CloudCall::Park { group, .. } => self.parks(scene, group),
            CloudCall::RaiseMin { min, .. } => self.raises(scene, *min),
            CloudCall::PinTemplate { group, version, .. } => {
                let servers = scene.world.group(group).into_iter().flat_map(|group| group.instances);
                let others = servers.filter(|server| server.serves() && server.template_version != Some(*version)).count();
                let most = scene.plan.idle_size as usize;
                if others > most { Err(format!("S2: {group} gets another template while it has {others} servers")) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// S20: what the group launches is what the plan found, or the cloud's engine could not go back to it.
    fn refreshes(&self, scene: Scene<'_>) -> Result<(), Broke> {
        let group = self.seen.as_ref().and_then(|seen| seen.group(scene.plan.to.slot));
        let pinned = group.and_then(|group| group.template.as_ref()).and_then(TemplatePin::number);
        if pinned == scene.plan.from.template_version {
            return Ok(());
        }
        Err("S20: another hand changed what the group launches, and its servers are replaced".to_owned())
    }

    /// A claim is put over another store's, which was there to be seen.
    fn claims(&self, scene: Scene<'_>) -> Result<(), Broke> {
        let groups = self.seen.iter().flat_map(|seen| Slot::BOTH.into_iter().filter_map(|slot| seen.group(slot)));
        // Whether it is over already the driver's clock says.
        let now = scene.progress.in_flight.as_ref().map_or(scene.now, |call| call.since);
        match foreign_claim(groups, "here", now).filter(|_| scene.step() == Some(StepKind::Claim)) {
            Some(claim) => Err(format!("S13: the fleet is claimed, {}", claim.described())),
            None => Ok(()),
        }
    }

    /// Weight on the way forward: as far as it was to be seen, who runs there, who stays pinned, and whose template it is.
    fn forward(&self, scene: Scene<'_>, actions: &RouteActions) -> Result<(), Broke> {
        let Some(seen) = &self.seen else { return Err("S9: weight before anybody looked".to_owned()) };
        let to = scene.plan.to.slot;
        let share = self.ground.target_group(to).and_then(|arn| actions.share(arn)).unwrap_or(0.0);
        if seen.health.get(to).value().is_none() && seen.share(to).is_none_or(|before| share > before) {
            return Err("S9: the candidate gets weight and nobody could see its health".to_owned());
        }
        self.let_in(scene)
    }

    /// The same where a group is attached or taken off while the candidate serves or is about to.
    fn attaches(&self, scene: Scene<'_>) -> Result<(), Broke> {
        let serves = self.ground.share(scene.world, scene.plan.to.slot) > 0.0;
        if !scene.is_forward() || !serves && !matches!(scene.step(), Some(StepKind::Weight(_))) {
            return Ok(());
        }
        if self.seen.as_ref().is_none_or(|seen| seen.healthy(scene.plan.to.slot).is_none()) {
            return Err("S9: the candidate gets traffic and nobody could see its health".to_owned());
        }
        self.let_in(scene)
    }

    /// Who runs there, who stays pinned, and whose template it is, whatever divides the traffic.
    fn let_in(&self, scene: Scene<'_>) -> Result<(), Broke> {
        let Some(seen) = &self.seen else { return Err("S9: traffic moves before anybody looked".to_owned()) };
        let (to, from) = (scene.plan.to.slot, scene.plan.from.slot);
        let version = scene.progress.candidate_version.unwrap_or_default();
        if seen.strangers(to, version).is_some_and(|strangers| !strangers.is_empty()) {
            return Err("S2: the candidate gets weight with servers of another release".to_owned());
        }
        let Some(stable) = seen.group(from) else { return Ok(()) };
        if stable.sizes.min < scene.plan.need {
            return Err(format!("S4: the stable group may shrink to {} of {} while a candidate serves", stable.sizes.min, scene.plan.need));
        }
        let pinned = stable.template.as_ref().and_then(TemplatePin::number);
        if pinned != scene.plan.from.template_version && !scene.progress.promoted {
            return Err("S20: another hand changed what the stable group launches, and it goes on".to_owned());
        }
        Ok(())
    }

    /// Two complete readings some time apart, and the weights settled. An answer that was given up may have come late.
    fn parks(&self, scene: Scene<'_>, group: &GroupName) -> Result<(), Broke> {
        let timing = &scene.plan.timing;
        if self.watched.last.is_none() {
            return Err("S10: lowered on a look that was not complete".to_owned());
        }
        let idle = self.ground.slot_of(group).and_then(|slot| *self.watched.idle.get(slot));
        let apart = idle.map(|(first, last)| last.since(first));
        // Where the driver's clock jumps, one gap counts for up to two periods.
        let jumps = if self.clock_jumps { timing.period_moving.times(2) } else { Millis::ZERO };
        if apart.is_none_or(|apart| apart.plus(jumps) < timing.lower_gap) {
            return Err(format!("S10: lowered on complete readings {apart:?} apart"));
        }
        let written = self.written.as_ref().filter(|(of, _)| of == scene.id).map(|(_, at)| scene.now.since(*at));
        match written.filter(|since| since.plus(CALL_TIMEOUT).plus(Millis::secs(2)) < timing.settle) {
            Some(since) => Err(format!("S4: lowered {since} after the weights were changed")),
            None => Ok(()),
        }
    }

    /// Growing is absolute: never more than somebody needs or wants already, or did when it was looked at.
    fn raises(&self, scene: Scene<'_>, min: u32) -> Result<(), Broke> {
        let desired = self.ground.slots().iter().filter_map(|slot| scene.world.sizes(self.ground.group(*slot))).map(|sizes| sizes.desired).max();
        let seen = self.seen.iter().flat_map(|seen| self.ground.slots().iter().filter_map(|slot| seen.group(*slot)));
        let seen = seen.map(|group| group.sizes.desired).max();
        let most = scene.progress.need.max(scene.plan.need).max(desired.unwrap_or(0)).max(seen.unwrap_or(0)).max(1);
        if min > most { Err(format!("S12: a minimum of {min} is asked for, nobody needs more than {most}")) } else { Ok(()) }
    }

    /// A gate ended.
    pub fn gate_said(&mut self, id: &OperationId, number: usize, passed: bool) {
        self.gates.insert((id.clone(), number), passed);
    }

    /// A command is answered.
    pub fn answers(&mut self, scene: Scene<'_>, command: &Command, accepted: bool, boot: BootTime) -> Result<(), Broke> {
        if !self.answered.insert((scene.id.clone(), command.id)) {
            return Err(format!("S14: one {} has two effects", command.kind.word()));
        }
        if !accepted {
            return Ok(());
        }
        if command.kind == CommandKind::Promote {
            // Whoever lets a step go on past a hold wants more servers tried.
            self.watched.launched.clear();
            self.promoted.insert((scene.id.clone(), scene.progress.current));
        }
        if command.kind == CommandKind::Promote && command.step != scene.progress.current {
            return Err(format!("S14: a promote of step {} is done at step {}", command.step, scene.progress.current));
        }
        let age = boot.since(command.sent_at);
        if age > Millis::secs(60) { Err(format!("S14: a command {age} old is done")) } else { Ok(()) }
    }
}

/// Between looks in this step.
fn period(scene: Scene<'_>) -> Millis {
    let timing = &scene.plan.timing;
    match scene.step() {
        Some(StepKind::Window) => timing.period_window,
        Some(StepKind::Stable) => timing.stable_gap,
        _ => timing.period_soak,
    }
}
