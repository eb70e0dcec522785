//! A fleet of one group in the simulated world, and a driver of it that takes one turn after another.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::{FleetSpec, Slot, Strategy};
use quarterdeck::domain::group::PinnedVersion;
use quarterdeck::domain::ids::OperationId;
use quarterdeck::domain::observation::{Depth, FleetObservation};
use quarterdeck::domain::release::Release;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::engine::{Broken, Decision, Situation, decide, depth};
use quarterdeck::operation::claim::Claimant;
use quarterdeck::operation::command::Who;
use quarterdeck::operation::event::{CallOutcome, Event, EventBody, OperationState};
use quarterdeck::operation::ledger::{How, LedgerBody, LedgerEntry};
use quarterdeck::operation::plan::{Plan, Refusal};
use quarterdeck::operation::progress::Progress;
use quarterdeck::operation::record::{Operation, OperationView};
use quarterdeck::plan::Facts;
use quarterdeck::world::{Scenario, World};

use crate::bench::deploy_of;
use crate::facts::with_facts;

const START: WorldTime = WorldTime(1_780_000_000_000);

/// What becomes of the answer to the next call of a kind.
#[derive(Clone, Copy, PartialEq)]
pub enum Lost {
    BeforeItHappened,
    AfterItHappened,
}

pub struct Stage {
    pub world: World,
    pub spec: FleetSpec,
    pub plan: Plan,
    pub progress: Progress,
    pub ledger: Vec<LedgerEntry>,
    pub operations: Vec<OperationView>,
    pub lose: Option<(&'static str, Lost)>,
    pub calls: Vec<CloudCall>,
}

impl Stage {
    pub fn fleet(name: &str) -> Self {
        let world = World::new(Scenario::Default, 1, START);
        let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == name).unwrap();
        let image = world.images().into_iter().find(|image| image.version == Some("0.9.8".into())).unwrap();
        let release = Release {
            image: image.id,
            version: image.version,
            template: "lt-legacy-prod".into(),
            template_version: 2,
            digest: None,
            group: "legacy-prod".into(),
            slot: Slot::A,
        };
        let body = LedgerBody::Stable { how: How::Adopted };
        let ledger = vec![LedgerEntry { seq: 1, fleet: name.into(), at: START, release, body, by: "ann".into(), reason: None, operation: None }];
        let nothing = plan_of_web(&world);
        let progress = Progress::new(&nothing, START);
        Self { world, spec, plan: nothing, progress, ledger, operations: Vec::new(), lose: None, calls: Vec::new() }
    }

    /// legacy-prod with a deploy of 0.9.9 planned.
    pub fn deploy() -> Self {
        let mut stage = Self::fleet("legacy-prod");
        let plan = stage.facts(|facts| quarterdeck::plan::deploy::plan(facts, "0.9.9", None)).unwrap();
        stage.begin(plan);
        stage
    }

    pub fn begin(&mut self, plan: Plan) {
        self.progress = Progress::new(&plan, self.world.now());
        self.plan = plan;
    }

    pub fn facts<T>(&self, make: impl FnOnce(&Facts<'_>) -> T) -> T {
        self.other_facts(|_| {}, make)
    }

    /// The same, with something else in them.
    pub fn other_facts<T>(&self, alter: impl FnOnce(&mut Facts<'_>), make: impl FnOnce(&Facts<'_>) -> T) -> T {
        let seen = self.look(Depth::WithRefreshes(Slot::A));
        with_facts(&self.world, (&self.spec, &seen), (&self.ledger, &self.operations), |mut facts| {
            alter(&mut facts);
            make(&facts)
        })
    }

    pub fn look(&self, depth: Depth) -> FleetObservation {
        self.world.observe(&self.spec.scope(), depth)
    }

    pub fn happens(&mut self, body: EventBody) {
        self.progress.apply(&Event { seq: 0, at: self.world.now(), body });
    }

    /// What a driver decides that knows nothing but what was recorded and sees this.
    pub fn decides(&self, seen: &FleetObservation) -> Result<Decision, Broken> {
        let claimant = Claimant { operation: OperationId::new("op-1"), who: "ann@here".to_owned(), store: "here".to_owned() };
        decide(&Situation { plan: &self.plan, progress: &self.progress, seen, now: self.world.now(), claimant: &claimant })
    }

    /// One turn of such a driver.
    pub fn turn(&mut self) {
        let decision = self.decides(&self.look(depth(&self.plan, &self.progress))).unwrap();
        let now = self.world.now();
        decision.events.into_iter().for_each(|body| self.happens(body));
        match decision.call {
            Some(wanted) => self.send(wanted.call),
            None => self.world.advance(now.plus(decision.wait.max(Millis::secs(1)))),
        }
    }

    pub fn send(&mut self, call: CloudCall) {
        let call_no = self.progress.calls.intended;
        self.happens(EventBody::CallIntended { call_no, call: call.clone(), why: String::new() });
        self.calls.push(call.clone());
        let lost = self.lose.take_if(|(api, _)| *api == call.aws_name()).map(|(_, lost)| lost);
        let outcome = match lost {
            Some(Lost::BeforeItHappened) => None,
            _ => Some(self.world.apply(&call, self.world.now())),
        };
        let outcome = match (lost, outcome) {
            (None, Some(Ok(reply))) => CallOutcome::Accepted(reply),
            (None, Some(Err(error))) => CallOutcome::Refused { kind: error.kind, message: error.message },
            _ => CallOutcome::Unknown { message: "no answer".into() },
        };
        self.happens(EventBody::CallEnded { call_no, outcome });
    }

    pub fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..20_000 {
            if is_so(self) {
                return;
            }
            assert!(!self.progress.state.is_final(), "{what}: it is {}: {}", self.progress.state.word(), self.progress.reason);
            self.turn();
        }
        panic!("never {what}: {} {}", self.progress.state.word(), self.progress.reason);
    }

    pub fn until_state(&mut self, state: OperationState) {
        self.until(state.word(), |stage| stage.progress.state == state);
    }

    /// So far that some servers are new and some old.
    pub fn half_way(&mut self) {
        self.until("half way", |stage| stage.versions().contains(&3) && stage.versions().contains(&2));
    }

    /// Template versions of the servers that serve.
    pub fn versions(&self) -> Vec<u64> {
        let group = self.world.group(&"legacy-prod".into()).unwrap();
        let mut versions: Vec<u64> = group.instances.iter().filter(|server| server.serves()).filter_map(|server| server.template_version).collect();
        versions.sort_unstable();
        versions
    }

    pub fn pinned(&self) -> PinnedVersion {
        self.world.group(&"legacy-prod".into()).unwrap().template.unwrap().version
    }

    pub fn count(&self, api: &str) -> usize {
        self.calls.iter().filter(|call| call.aws_name() == api).count()
    }

    pub fn is_unclaimed(&self) -> bool {
        !self.world.group(&"legacy-prod".into()).unwrap().tags.contains_key("qd:claim")
    }

    pub fn refuses(&self, image: &str, strategy: Option<Strategy>) -> Refusal {
        self.facts(|facts| quarterdeck::plan::deploy::plan(facts, image, strategy)).unwrap_err()
    }

    /// The operation as its store has it, still running.
    pub fn view(&self) -> OperationView {
        OperationView {
            operation: Operation { id: "op-1".into(), plan: self.plan.clone(), by: Who::default(), reason: None, created_at: START },
            progress: self.progress.clone(),
            events: Vec::new(),
            lease: None,
            driver_alive: true,
        }
    }
}

fn plan_of_web(world: &World) -> Plan {
    let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
    deploy_of(&spec, world, &world.observe(&spec.scope(), Depth::Full), Some(Vec::new())).unwrap()
}
