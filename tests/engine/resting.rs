//! A driver that rests while the clock it reads the world's time from is set back.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use quarterdeck::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use quarterdeck::domain::ids::OperationId;
use quarterdeck::domain::observation::{Depth, FleetObservation};
use quarterdeck::domain::text::Untrusted;
use quarterdeck::domain::time::{BootTime, Millis, WorldTime};
use quarterdeck::engine::answer::Answer;
use quarterdeck::engine::drive::{Driver, Hands, Nap};
use quarterdeck::operation::claim::Claimant;
use quarterdeck::operation::command::{Command, Who};
use quarterdeck::operation::event::{Event, EventBody};
use quarterdeck::operation::gate::{GateOutcome, GateRun};
use quarterdeck::operation::lease::{Holder, LEASE_LIFE, Lease};
use quarterdeck::operation::plan::{Plan, StepKind};
use quarterdeck::operation::record::{Appended, Operation};
use quarterdeck::operation::schema::{HookOutcome, HookRun};

use crate::bench::Bench;

/// How far the clock is set back.
const BACK: Millis = Millis::mins(60);

/// When each look was taken, by the host's boot clock.
#[derive(Clone, Default)]
struct Looks(Arc<Mutex<Vec<BootTime>>>);

/// A host whose clock is set back in the first nap, and a world in which nothing happens.
struct Host {
    seen: FleetObservation,
    boot: BootTime,
    clock: WorldTime,
    is_set_back: bool,
    looks: Looks,
}

/// After its second look the driver loses its lease.
struct LeaseLost;

impl Host {
    fn pass(&mut self, span: Millis) {
        (self.boot, self.clock) = (self.boot.plus(span), self.clock.plus(span));
    }
}

#[async_trait]
impl Hands for Host {
    type Work = Plan;
    type Error = LeaseLost;

    fn boot_now(&self) -> BootTime {
        self.boot
    }

    fn boot_id(&self) -> String {
        "boot".to_owned()
    }

    fn process(&self) -> (Untrusted, u32) {
        ("bastion".into(), 7)
    }

    async fn world_now(&mut self) -> Option<WorldTime> {
        Some(self.clock)
    }

    async fn look(&mut self, _depth: Depth) -> FleetObservation {
        self.looks.0.lock().unwrap().push(self.boot);
        FleetObservation { at: self.clock, ..self.seen.clone() }
    }

    async fn send(&mut self, call: &CloudCall, _lease: &Lease) -> Result<CallReply, CloudError> {
        Err(CloudError::new(CloudErrorKind::Denied, call.aws_name(), "nothing is called here"))
    }

    async fn append(&mut self, bodies: &[EventBody], at: WorldTime) -> Result<Appended, LeaseLost> {
        let event = |body: &EventBody| Event { seq: 0, at, body: body.clone() };
        Ok(Appended { events: bodies.iter().map(event).collect(), retire: None })
    }

    async fn append_answer(&mut self, _command: u64, _answer: &Answer, _at: WorldTime) -> Result<Option<Appended>, LeaseLost> {
        Ok(None)
    }

    async fn commands(&mut self) -> Result<Vec<Command>, LeaseLost> {
        if self.looks.0.lock().unwrap().len() > 1 { Err(LeaseLost) } else { Ok(Vec::new()) }
    }

    async fn in_flight(&mut self, _operation: &OperationId) -> Result<Option<CloudCall>, LeaseLost> {
        Ok(None)
    }

    async fn renew_lease(&mut self) -> Result<BootTime, LeaseLost> {
        Ok(self.boot.plus(LEASE_LIFE))
    }

    async fn release_lease(&mut self) -> Result<(), LeaseLost> {
        Ok(())
    }

    async fn start_gate(&mut self, _run: &GateRun) {}

    async fn gate_ended(&mut self) -> Option<GateOutcome> {
        None
    }

    async fn start_hook(&mut self, _run: &HookRun, _lease: &Lease) -> bool {
        false
    }

    async fn hook_ended(&mut self) -> Option<HookOutcome> {
        None
    }

    async fn sleep(&mut self, span: Millis) {
        self.pass(span);
    }

    async fn rests(&mut self, _at: WorldTime) {}

    async fn nap(&mut self, until: WorldTime, renew_at: BootTime) -> Result<Nap, LeaseLost> {
        if !self.is_set_back {
            (self.is_set_back, self.clock) = (true, self.clock.minus(BACK));
        }
        let left = until.since(self.clock).min(renew_at.since(self.boot)).max(Millis::secs(1));
        self.pass(left);
        Ok(if self.clock >= until { Nap::Over } else { Nap::Part })
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_while_a_driver_rests_does_not_keep_it_from_looking() {
    let mut bench = Bench::canary(true);
    bench.at_step(|kind| kind == StepKind::OneBox);
    bench.hide_health();
    let (plan, at) = (bench.plan.clone(), bench.now);
    let step = bench.progress.current;
    let operation = Operation { id: OperationId::new("op-1"), plan, by: Who::default(), reason: None, created_at: at };
    let event = |body| Event { seq: 0, at, body };
    let events =
        [event(EventBody::StateChanged { to: bench.state(), reason: String::new(), deadline: None }), event(EventBody::StepStarted { step })];
    let boot = BootTime(1_000_000);
    let holder = Holder { host: "bastion".into(), boot_id: "boot".to_owned(), pid: 7, started_ticks: 0 };
    let lease = Lease { epoch: 1, holder: Some(holder), deadline: boot.plus(LEASE_LIFE) };
    let claimant = Claimant { operation: operation.id.clone(), who: "ann@bastion".to_owned(), store: "here".to_owned() };
    let looks = Looks::default();
    let host = Host { seen: bench.seen.clone(), boot, clock: at, is_set_back: false, looks: looks.clone() };
    assert!(Driver::new(host, operation, &events, claimant, lease).run().await.is_err(), "it goes on until its lease is lost");
    let looks = looks.0.lock().unwrap().clone();
    let apart = looks[1].since(looks[0]);
    assert!(apart <= bench.plan.timing.period_moving.plus(LEASE_LIFE), "the second look came after {apart}");
}
