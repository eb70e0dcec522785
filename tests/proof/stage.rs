//! One small fleet, its store and its driver in one value that can be cut at any point and gone on with in several ways.

use std::rc::Rc;

use quarterdeck::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use quarterdeck::domain::fleet::{FleetSpec, Slot, Strategy, WeightStep, WeightedPair};
use quarterdeck::domain::image::Image;
use quarterdeck::domain::observation::{Depth, FleetObservation};
use quarterdeck::domain::release::Release;
use quarterdeck::domain::text::Untrusted;
use quarterdeck::domain::time::{BootTime, Millis, WorldTime};
use quarterdeck::engine::answer::{Answer, Reading, answer};
use quarterdeck::engine::{Situation, decide, depth};
use quarterdeck::operation::claim::Claimant;
use quarterdeck::operation::command::{Command, CommandKind, Who};
use quarterdeck::operation::damage::FleetDamage;
use quarterdeck::operation::event::{CallOutcome, EventBody};
use quarterdeck::operation::history::FleetHistory;
use quarterdeck::operation::lease::CALL_TIMEOUT;
use quarterdeck::operation::ledger::{How, LedgerBody};
use quarterdeck::operation::plan::{Plan, Refusal};
use quarterdeck::plan::{Facts, Setting};
use quarterdeck::world::{Scenario, World};

use crate::book::Book;

const START: WorldTime = WorldTime(1_780_000_000_000);
/// A call that is sent just before its driver dies arrives within the call timeout.
const LATE: Millis = Millis::secs(7);

/// What becomes of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Everything works.
    Well,
    /// The driver dies after it recorded what it decided.
    DiesAfterRecording,
    /// It dies after the intent and never sends.
    DiesUnsent,
    /// It dies after the call took effect.
    DiesSent,
    /// It dies, and its call arrives when the next one may be at work.
    DiesSending,
    /// The call gets lost, and nobody answers.
    LostUnsent,
    /// The call takes effect, and nobody answers.
    LostSent,
    /// The cloud does not take it now.
    Refused,
}

/// What does not change while a fleet is released to.
#[derive(Clone)]
pub struct Ground {
    pub spec: FleetSpec,
    pub pair: WeightedPair,
    setting: Setting,
    images: Vec<Image>,
    servers: u32,
}

#[derive(Clone)]
pub struct Stage {
    pub ground: Rc<Ground>,
    pub world: World,
    pub book: Book,
    /// A call whose driver died, and when it arrives.
    pub air: Option<(WorldTime, CloudCall)>,
    /// The cloud refused to take a claim off: it is left to end by itself.
    pub claim_may_remain: bool,
}

impl Stage {
    /// `web-prod` with so many servers, alone in its world; slot A serves and was adopted.
    pub fn new(servers: u32, weights: &[u32]) -> Self {
        let mut world = small_world(servers);
        let mut spec = world.fleet_specs().into_iter().next().unwrap();
        spec.floor = servers.div_ceil(2);
        spec.window = Millis::mins(10);
        spec.steps = canary_steps(weights);
        if servers == 0 {
            // Where nobody serves no alarm has data.
            spec.alarms.clear();
        }
        let pair = spec.weighted_pair().unwrap();
        world.advance(START.plus(Millis::secs(300)));
        let setting = Setting { build: "test".to_owned(), store: "here".to_owned(), time_scale: 1, judged: true };
        let ground = Rc::new(Ground { spec, pair, setting, images: world.images(), servers });
        let mut stage = Self { ground, world, book: Book::default(), air: None, claim_may_remain: false };
        let adopted = stage.running(Slot::A);
        stage.book.enter(adopted, LedgerBody::Stable { how: How::Adopted }, START);
        stage
    }

    /// The same fleet with other canary steps.
    pub fn with_weights(&self, weights: &[u32]) -> Self {
        let mut stage = self.clone();
        Rc::make_mut(&mut stage.ground).spec.steps = canary_steps(weights);
        stage
    }

    fn running(&self, slot: Slot) -> Release {
        let group = self.world.group(self.ground.pair.groups.get(slot)).unwrap();
        let pin = group.template.unwrap();
        let image = pin.image.clone().unwrap();
        let version = self.world.image(&image).and_then(|image| image.version);
        let (template, template_version) = (pin.id.clone(), pin.number().unwrap());
        Release { image, version, template, template_version, digest: pin.digest, group: group.name, slot }
    }

    pub fn now(&self) -> WorldTime {
        self.world.now()
    }

    /// Servers the fleet had at the beginning.
    pub fn servers(&self) -> u32 {
        self.ground.servers
    }

    fn boot(&self) -> BootTime {
        BootTime(1_000_000).plus(self.now().since(START))
    }

    pub fn look(&self, depth: Depth) -> FleetObservation {
        self.world.observe(&self.ground.spec.scope(), depth)
    }

    /// The share a slot is asked to get, in percent.
    pub fn share_pct(&self, slot: Slot) -> f64 {
        let actions = self.world.actions(self.ground.pair.place.arn()).unwrap();
        actions.share(self.ground.pair.target_groups.get(slot)).unwrap_or(0.0) * 100.0
    }

    pub fn healthy(&self, slot: Slot) -> u32 {
        self.world.healthy_targets(self.ground.pair.target_groups.get(slot))
    }

    pub fn deploy(&self, image: &str, strategy: Strategy) -> Result<Plan, Refusal> {
        self.with_facts(|facts| quarterdeck::plan::deploy::plan(facts, image, Some(strategy)))
    }

    pub fn rollback(&self, to: Option<&str>) -> Result<Plan, Refusal> {
        self.with_facts(|facts| quarterdeck::plan::rollback::plan(facts, to))
    }

    fn with_facts<T>(&self, plan: impl FnOnce(&Facts<'_>) -> T) -> T {
        let Ground { spec, pair, setting, images, .. } = &*self.ground;
        let seen = self.look(Depth::Full);
        let template = |slot| {
            let pin = self.world.group(pair.groups.get(slot))?.template?;
            self.world.template(&pin.id, pin.number()?).ok()
        };
        let live = if self.share_pct(Slot::A) > 0.0 { Slot::A } else { Slot::B };
        plan(&Facts {
            setting,
            identity: &self.world.identity(),
            spec,
            seen: &seen,
            images,
            images_missing: None,
            freezes: &[],
            live_schema: quarterdeck::domain::schema::LiveSchema::default(),
            ledger: &self.book.ledger,
            operations: &self.book.views(),
            damage: &FleetDamage::default(),
            live_template: template(live),
            other_template: template(live.other()),
            release_template: quarterdeck::plan::ReleaseTemplate::NotRead,
            target_groups: self.world.target_group_facts(&[pair.target_groups.a.clone(), pair.target_groups.b.clone()]).unwrap(),
            policies: self.world.group_policies(&[pair.groups.a.clone(), pair.groups.b.clone()]).ok(),
            history: FleetHistory::default(),
            now: self.now(),
        })
    }

    /// Writes a plan down and starts its driver. A driver that finds a call of the one before that lowers something lets it arrive first.
    pub fn confirm(&mut self, plan: Plan, by: &Who) -> Result<usize, String> {
        let lowers = |call: &CloudCall| matches!(call, CloudCall::Park { .. });
        let superseded = self.book.active().map(|at| &self.book.records[at].progress);
        let outwait = superseded.and_then(|progress| progress.in_flight.as_ref()).is_some_and(|in_flight| lowers(&in_flight.call));
        let at = self.book.create(plan, by, self.now(), Some(self.boot()))?;
        if outwait {
            self.advance(CALL_TIMEOUT);
        }
        Ok(at)
    }

    pub fn append(&mut self, at: usize, body: EventBody) -> Result<(), String> {
        self.book.append(at, body, self.now())
    }

    pub fn advance(&mut self, span: Millis) {
        let end = self.now().plus(span);
        if let Some((arrives, call)) = self.air.take_if(|(arrives, _)| *arrives <= end) {
            drop(self.world.apply(&call, arrives));
        }
        self.world.advance(end);
        self.world.take_calls();
    }

    /// Nothing is going on, or somebody drives it and no call of a dead driver is on its way.
    pub fn is_driven(&self) -> bool {
        self.air.is_none() && self.book.active().is_none_or(|at| self.book.records[at].driver.is_some())
    }

    pub fn dies(&mut self, at: usize) {
        self.book.records[at].driver = None;
    }

    /// The next driver: a call in flight is given time to arrive and then found out by looking.
    pub fn take_over(&mut self, at: usize) -> Result<(), String> {
        self.book.records[at].driver = Some(self.boot());
        self.append(at, EventBody::DriverStarted { epoch: 2, host: "bastion".into(), pid: 2 })?;
        if let Some(in_flight) = self.book.records[at].progress.in_flight.clone() {
            self.advance(CALL_TIMEOUT);
            let outcome = CallOutcome::Unknown { message: "its driver died".into() };
            self.append(at, EventBody::CallEnded { call_no: in_flight.call_no, outcome })?;
        }
        Ok(())
    }

    /// One turn of the driver: a look, a decision, what it records, at most one call; or it rests.
    pub fn turn(&mut self, at: usize, fate: Fate) -> Result<(), String> {
        let rest = self.work(at, fate)?;
        self.advance(rest);
        Ok(())
    }

    /// A turn without the rest after it: how long that is.
    pub fn work(&mut self, at: usize, fate: Fate) -> Result<Millis, String> {
        let record = &self.book.records[at];
        let (plan, progress) = (record.plan(), &record.progress);
        let seen = self.look(depth(plan, progress));
        let claimant = Claimant { operation: record.operation.id.clone(), who: "ann@bastion".to_owned(), store: "here".to_owned() };
        let decision =
            decide(&Situation { plan, progress, seen: &seen, now: self.now(), claimant: &claimant }).map_err(|broken| broken.to_string())?;
        decision.events.into_iter().try_for_each(|body| self.append(at, body))?;
        if fate == Fate::DiesAfterRecording {
            self.dies(at);
            return Ok(Millis::ZERO);
        }
        match decision.call {
            Some(wanted) => self.call(at, wanted.call, wanted.why, fate).map(|()| Millis::ZERO),
            None => Ok(Millis(decision.wait.0.max(1_000))),
        }
    }

    fn call(&mut self, at: usize, call: CloudCall, why: String, fate: Fate) -> Result<(), String> {
        let call_no = self.book.records[at].progress.calls.intended + 1;
        self.append(at, EventBody::CallIntended { call_no, call: call.clone(), why })?;
        let ended = |outcome| EventBody::CallEnded { call_no, outcome };
        let unknown = || CallOutcome::Unknown { message: "no answer".into() };
        match fate {
            Fate::Well => {
                let outcome = answered(self.send(&call));
                self.append(at, ended(outcome))
            }
            Fate::Refused => {
                self.claim_may_remain |= matches!(call, CloudCall::Untag { .. });
                self.append(at, ended(CallOutcome::Refused { kind: CloudErrorKind::Throttled, message: "Rate exceeded".into() }))
            }
            Fate::LostSent | Fate::LostUnsent => {
                if fate == Fate::LostSent {
                    drop(self.send(&call));
                }
                self.advance(CALL_TIMEOUT);
                self.append(at, ended(unknown()))
            }
            Fate::DiesSent => {
                drop(self.send(&call));
                self.dies(at);
                Ok(())
            }
            Fate::DiesSending => {
                self.air = Some((self.now().plus(LATE), call));
                self.dies(at);
                Ok(())
            }
            Fate::DiesUnsent | Fate::DiesAfterRecording => {
                self.dies(at);
                Ok(())
            }
        }
    }

    fn send(&mut self, call: &CloudCall) -> Result<CallReply, CloudError> {
        let now = self.now();
        let reply = self.world.apply(call, now);
        self.world.take_calls();
        reply
    }

    /// What somebody asks now of an operation, having seen everything there is to see.
    pub fn command(&self, at: usize, kind: CommandKind, by: &Who) -> Command {
        let record = &self.book.records[at];
        let (reason, typed) = (Some(Untrusted::from("because")), Some(Untrusted::new(self.ground.spec.name.as_str())));
        let (step, boot_id) = (record.progress.current, "boot".to_owned());
        Command { id: 0, kind, step, last_event: 0, by: by.clone(), reason, typed, sent_at: self.boot(), boot_id }
    }

    /// The driver reads a command and answers it; without a driver those that may start one do.
    pub fn ask(&mut self, at: usize, command: &Command) -> Result<Answer, String> {
        let started = self.book.records[at].driver.is_none();
        if started {
            self.book.records[at].driver = Some(self.boot());
        }
        let record = &self.book.records[at];
        let reading = Reading { now: self.boot(), boot_id: "boot", lease_since: record.driver.unwrap() };
        let answered = answer(record.plan(), &record.progress, command, &reading);
        for body in &answered.events {
            self.append(at, body.clone())?;
        }
        if started && !self.book.records[at].is_final() {
            self.take_over(at)?;
        }
        Ok(answered)
    }
}

fn canary_steps(weights: &[u32]) -> Vec<WeightStep> {
    weights.iter().map(|pct| WeightStep { weight_pct: *pct, soak: Millis::secs(60) }).collect()
}

fn answered(reply: Result<CallReply, CloudError>) -> CallOutcome {
    match reply {
        Ok(reply) => CallOutcome::Accepted(reply),
        Err(error) => CallOutcome::Refused { kind: error.kind, message: error.message },
    }
}

/// The default world with nothing but `web-prod` in it, so small.
fn small_world(servers: u32) -> World {
    let world = World::new(Scenario::Default, 7, START);
    let mut value = serde_json::to_value(&world).unwrap();
    for things in ["groups", "templates", "target_groups"] {
        value[things].as_object_mut().unwrap().retain(|name, _| name.contains("web-prod"));
    }
    let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
    let place = spec.weighted_pair().unwrap().place.arn().as_str().to_owned();
    value["places"].as_object_mut().unwrap().retain(|arn, _| *arn == place);
    value["places"][&place]["rps"] = (servers * 50).into();
    value["fleets"].as_array_mut().unwrap().retain(|fleet| fleet["name"] == "web-prod");
    let group = &mut value["groups"]["web-prod-a"];
    group["servers"].as_array_mut().unwrap().truncate(usize::try_from(servers).unwrap());
    group["sizes"] = serde_json::json!({ "min": servers.div_ceil(2), "max": servers * 2, "desired": servers });
    serde_json::from_value(value).unwrap()
}
