//! A bake driven by hand over a simulated world: look, decide, record, call, wait; and it can die anywhere in between.

use std::collections::BTreeMap;

use quarterdeck::bake::join::Joined;
use quarterdeck::domain::bake::Leftover;
use quarterdeck::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use quarterdeck::domain::ids::ImageId;
use quarterdeck::domain::image::{Image, SchemaRange};
use quarterdeck::domain::reading::{Listing, Reading};
use quarterdeck::domain::recipe::{
    App, Architecture, Base, BaseQuery, Builder, Engine, GateCheck, HttpCheck, ImageGate, Provisioner, Recipe, RecipeFiles, Shell, Work as Provision,
};
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::engine::bake::{Bake, decide};
use quarterdeck::operation::bake::{BakeAnswer, BakePlan, BakeProgress, BakeWish};
use quarterdeck::operation::claim::Claimant;
use quarterdeck::operation::event::{CallOutcome, Event, EventBody, OperationState};
use quarterdeck::operation::gate::GateOutcome;
use quarterdeck::operation::packer::BakeSeen;
use quarterdeck::operation::work::{Driven, Work};
use quarterdeck::plan::Setting;
use quarterdeck::plan::bake::{BakeFacts, plan};
use quarterdeck::world::{BakeFaults, Disturbance, Scenario, World};

use crate::double::Double;

pub const START: WorldTime = WorldTime(1_736_000_000_000);

/// Where a driver dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// After it recorded something.
    Recorded,
    /// After an intent, before its call.
    BeforeCall,
    /// After a call, before its outcome.
    AfterCall,
    /// While the program of a gate runs.
    InGate,
}

pub struct Mill {
    pub world: World,
    pub plan: BakePlan,
    pub events: Vec<Event>,
    pub progress: BakeProgress,
    pub claimant: Claimant,
    /// Answers of calls with these names are lost once, after their effect.
    pub lose: Vec<&'static str>,
    /// How many moments there were at which it could die.
    pub moments: usize,
    /// Looks so far, with what each asked of the cloud.
    pub reads: usize,
    /// How often everything with a bake's tags was listed, which is four calls.
    pub listings: usize,
    /// The bake's log as it is kept, and as its driver knows it.
    pub log: Vec<u8>,
    joined: Joined,
    /// Packer, for recipes that are its.
    pub packer: Double,
    now: WorldTime,
}

pub fn setting() -> Setting {
    Setting { build: quarterdeck::operation::plan::BUILD.to_owned(), store: "st0re".to_owned(), time_scale: 1, judged: true }
}

pub fn recipe() -> Recipe {
    let shell = |name: &str, run: &str| Provisioner {
        name: name.to_owned(),
        packages: Vec::new(),
        time_limit: None,
        work: Provision::Shell(Shell { script: None, run: vec![run.to_owned()], env: BTreeMap::new() }),
    };
    let gate = |name: &str, check| ImageGate { name: name.to_owned(), within: Millis::mins(5), check };
    Recipe {
        name: "web".to_owned(),
        app: App { name: "web".to_owned(), version: Some("2.18.0".to_owned()), artifact: None },
        base: Base::Newest(BaseQuery { owner: "099720109477".to_owned(), name: "ubuntu/*noble*".to_owned(), architecture: Architecture::Arm64 }),
        engine: Engine::Builder,
        builder: Builder { instance_type: "t4g.small".to_owned(), subnet: None, security_groups: Vec::new(), instance_profile: None, root_gib: None },
        provisioners: vec![shell("packages", "apt-get install -y nginx"), shell("site", "install -m 644 index.html /srv/index.html")],
        gates: vec![
            gate("boot", GateCheck::Boot),
            gate("http", GateCheck::Http(HttpCheck { path: "/".to_owned(), port: 80, status: 200, body: None })),
            gate("smoke", GateCheck::Command { run: "nginx -t".to_owned() }),
        ],
        tags: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        schema: SchemaRange::default(),
        share_with: Vec::new(),
        copy_to: Vec::new(),
        time_limit: Millis::mins(40),
    }
}

pub fn wish(recipe: Recipe) -> BakeWish {
    BakeWish { recipe, files: RecipeFiles::new(), version: None, force: false, keep_on_failure: None }
}

pub fn answer(world: &World, wish: &BakeWish) -> Result<BakeAnswer, String> {
    let as_of = world.now();
    let bases = Listing::Complete { items: world.base_images(&wish.recipe.base), as_of };
    let images: Listing<Image> = Listing::Complete { items: world.images(), as_of };
    let (setting, history) = (setting(), BTreeMap::new());
    let facts = BakeFacts { setting: &setting, place: "sim".to_owned(), bases: &bases, images: &images, history: &history, as_of };
    plan(wish, &facts).map_err(|refusal| format!("{}; {}", refusal.reason, refusal.remedy))
}

impl Mill {
    pub fn new(faults: BakeFaults) -> Self {
        Self::with(&wish(recipe()), faults)
    }

    pub fn with(wish: &BakeWish, faults: BakeFaults) -> Self {
        let mut world = World::new(Scenario::Default, 7, START);
        world.disturb(Disturbance::SpoilBakes(faults));
        Self::over(world, wish, "op-1")
    }

    pub fn over(world: World, wish: &BakeWish, operation: &str) -> Self {
        let BakeAnswer::Bake(plan) = answer(&world, wish).unwrap() else { panic!("an image was reused") };
        Self::of(world, *plan, operation)
    }

    pub fn of(world: World, plan: BakePlan, operation: &str) -> Self {
        let now = world.now();
        let claimant = Claimant { operation: operation.into(), who: "ada@bastion".to_owned(), store: "st0re".to_owned() };
        let progress = plan.start(now);
        let mut mill = Self {
            world,
            plan,
            events: Vec::new(),
            progress,
            claimant,
            lose: Vec::new(),
            moments: 0,
            reads: 0,
            listings: 0,
            log: Vec::new(),
            joined: Joined::default(),
            packer: Double::default(),
            now,
        };
        let by = quarterdeck::operation::command::Who::default();
        mill.record(vec![mill.plan.planned(&by, None)]);
        mill
    }

    pub fn record(&mut self, bodies: Vec<EventBody>) {
        for body in bodies {
            let event = Event { seq: self.events.len() as u64, at: self.now, body };
            // What is recorded has to be readable by whoever takes over.
            let written = serde_json::to_string(&event).unwrap();
            let event: Event = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
            self.progress.apply(&event);
            self.events.push(event);
        }
    }

    /// A new driver knows what is recorded, and nothing else. A call in the air is given its time, then the world is looked at.
    pub fn take_over(&mut self) {
        self.progress = self.plan.fold(&self.events, START);
        self.joined = Joined::after(&self.log);
        self.packer.forget();
        if let Some(in_flight) = self.progress.in_flight.clone() {
            let outcome = CallOutcome::Unknown { message: "the driver before died before the answer came".into() };
            self.record(vec![EventBody::CallEnded { call_no: in_flight.call_no, outcome }]);
        }
        assert_eq!(self.progress, self.plan.fold(&self.events, START), "the fold is what was folded on the way");
    }

    /// One turn; true if it died at the moment of that number.
    fn turn(&mut self, dies: Option<(usize, Death)>) -> bool {
        let look = self.plan.look(&self.progress, &self.claimant);
        self.reads += usize::from(look.base.is_some()) + usize::from(look.machines) + usize::from(look.console.is_some());
        self.reads += usize::from(look.image.is_some()) * 2 + usize::from(!look.named.is_empty()) * 2;
        self.listings += usize::from(look.leftovers);
        let mut seen = self.world.observe_bake(&look);
        if let (Some(instance), Some(Reading::Known { value, .. })) = (&look.console, &mut seen.console) {
            self.log.extend(self.joined.take(instance, &value.bytes));
            *value = self.joined.since(look.heard);
        }
        let packer = look.packer.map(|heard| self.packer.news(heard, self.now));
        if let Some(Reading::Known { value, .. }) = &mut seen.leftovers {
            value.extend(self.packer.tagged());
            value.sort();
        }
        seen.named = seen.named.map(|_| Reading::known(self.packer.named(&look.named), self.now));
        let seen = BakeSeen { cloud: seen, packer };
        let scene = Bake { plan: &self.plan, progress: &self.progress, seen: &seen, now: self.now, claimant: &self.claimant };
        let decision = decide(&scene).unwrap();
        let at = self.moments;
        self.moments += 1;
        let dies_here = |death| dies == Some((at, death));
        self.record(decision.events);
        if dies_here(Death::Recorded) {
            return true;
        }
        if let Some(run) = decision.gate {
            self.record(vec![EventBody::GateStarted { gate: run.number }]);
            if dies_here(Death::InGate) {
                return true;
            }
            self.record(vec![EventBody::GateEnded { gate: run.number, outcome: GateOutcome { passed: true, said: run.document.into() } }]);
            return false;
        }
        let Some(wanted) = decision.call else {
            self.pass(decision.wait);
            return false;
        };
        let call_no = self.progress.calls.intended;
        self.record(vec![EventBody::CallIntended { call_no, call: wanted.call.clone(), why: wanted.why }]);
        if dies_here(Death::BeforeCall) {
            return true;
        }
        let outcome = match self.send(&wanted.call) {
            Ok(reply) => CallOutcome::Accepted(reply),
            Err(error) if error.kind == CloudErrorKind::OutcomeUnknown => CallOutcome::Unknown { message: error.message },
            Err(error) => CallOutcome::Refused { kind: error.kind, message: error.message },
        };
        if dies_here(Death::AfterCall) {
            return true;
        }
        self.record(vec![EventBody::CallEnded { call_no, outcome }]);
        false
    }

    fn send(&mut self, call: &CloudCall) -> Result<CallReply, CloudError> {
        let CloudCall::Build { what } = call else { panic!("no call of a bake: {call:?}") };
        let reply = match self.packer.call(what, &mut self.world, self.now) {
            Some(answered) => answered?,
            None => self.world.apply(call, self.now)?,
        };
        match self.lose.iter().position(|name| *name == call.aws_name()) {
            Some(lost) => {
                self.lose.remove(lost);
                Err(CloudError::new(CloudErrorKind::OutcomeUnknown, call.aws_name(), "no answer"))
            }
            None => Ok(reply),
        }
    }

    pub fn pass(&mut self, span: Millis) {
        let until = self.now.plus(span.max(Millis::secs(1)));
        while self.now < until {
            // Packer does its work in between.
            let step = if self.packer.runs_now() { Millis::secs(1) } else { until.since(self.now) };
            self.now = self.now.plus(step).min(until);
            self.world.advance(self.now);
            self.packer.advance(&mut self.world, self.now);
        }
    }

    /// Until it is over, or dead.
    pub fn run(&mut self, dies: Option<(usize, Death)>) -> bool {
        for _ in 0..3_000 {
            if self.progress.state.is_final() {
                return false;
            }
            if self.turn(dies) {
                return true;
            }
        }
        panic!("it does not end: {:?} {}, {:#?}", self.progress.state, self.progress.reason, self.events.iter().rev().take(5).collect::<Vec<_>>());
    }

    /// Until a step is at work.
    pub fn run_to(&mut self, title: &str) {
        while self.plan.steps.get(self.progress.current).is_none_or(|step| step.title != title) || self.progress.state == OperationState::Planned {
            assert!(!self.progress.state.is_final(), "{}", self.progress.reason);
            self.turn(None);
        }
    }

    pub fn one_turn(&mut self) {
        self.turn(None);
    }

    pub fn ended(mut self) -> Self {
        self.run(None);
        self
    }

    /// So much later nothing with our tag is there.
    pub fn leaves_nothing(&mut self) {
        self.pass(Millis::mins(2));
        // What others left is swept by a bake that comes so far.
        let swept = self.progress.state == OperationState::Succeeded;
        let left: Vec<Leftover> = self.world.leftovers().into_iter().filter(|left| swept || left.operation.raw() != "old/op-9").collect();
        assert_eq!((left, &self.packer.made), (vec![], &vec![]), "{}", self.progress.reason);
        assert!(!self.packer.runs_now(), "packer still runs");
        assert_eq!(self.world.bake_machines(), 0);
    }

    pub fn calls(&self, name: &str) -> usize {
        let is_call = |event: &&Event| matches!(&event.body, EventBody::CallIntended { call, .. } if call.aws_name() == name);
        self.events.iter().filter(is_call).count()
    }

    pub fn image(&self) -> Option<Image> {
        self.progress.image.as_ref().and_then(|image: &ImageId| self.world.image(image))
    }

    pub fn tag(&self, key: &str) -> Option<String> {
        self.image()?.tags.get(key).map(|value| value.raw().to_owned())
    }
}
