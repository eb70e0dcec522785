//! How a driver lets time pass: also while the clock it reads the world's time from is set back, where no decision asks for it, and after a call
//! without an answer.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use quarterdeck::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use quarterdeck::domain::ids::OperationId;
use quarterdeck::domain::observation::{Depth, FleetObservation};
use quarterdeck::domain::text::Untrusted;
use quarterdeck::domain::time::{BootTime, Millis, WorldTime};
use quarterdeck::engine::answer::Answer;
use quarterdeck::engine::drive::{Driver, Hands, Nap};
use quarterdeck::engine::{Broken, Decision, Situation};
use quarterdeck::operation::claim::Claimant;
use quarterdeck::operation::command::{Command, Who};
use quarterdeck::operation::event::{Event, EventBody};
use quarterdeck::operation::gate::{GateOutcome, GateRun};
use quarterdeck::operation::lease::{CALL_TIMEOUT, Holder, LEASE_LIFE, Lease};
use quarterdeck::operation::plan::{Plan, StepKind};
use quarterdeck::operation::record::{Appended, Operation};
use quarterdeck::operation::schema::{HookOutcome, HookRun};

use crate::bench::Bench;

/// How far the clock is set back.
const BACK: Millis = Millis::mins(60);

/// What the driver did, and when by the host's boot clock.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<(Did, BootTime)>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Did {
    Look,
    Send,
    RecordOutcome,
}

impl Diary {
    fn write(&self, did: Did, at: BootTime) {
        self.0.lock().unwrap().push((did, at));
    }

    fn times(&self, wanted: Did) -> Vec<BootTime> {
        self.0.lock().unwrap().iter().filter(|(did, _)| *did == wanted).map(|(_, at)| *at).collect()
    }
}

/// What is wrong with a host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// Its clock is set back in the first nap.
    SetBack,
    /// Its engine never wants to wait.
    Spins,
    /// Calls are not answered, and it is told so only after so long.
    NoAnswer(Millis),
}

/// A host, and a world in which nothing happens.
struct Host {
    seen: FleetObservation,
    boot: BootTime,
    clock: WorldTime,
    wrong: Option<Wrong>,
    diary: Diary,
    /// After so many looks the driver loses its lease.
    last: usize,
}

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

    fn decide(&self, situation: &Situation<'_>) -> Result<Decision, Broken> {
        if self.wrong == Some(Wrong::Spins) { Ok(Decision::default()) } else { quarterdeck::engine::decide(situation) }
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
        self.diary.write(Did::Look, self.boot);
        FleetObservation { at: self.clock, ..self.seen.clone() }
    }

    async fn send(&mut self, call: &CloudCall, _lease: &Lease) -> Result<CallReply, CloudError> {
        self.diary.write(Did::Send, self.boot);
        let Some(Wrong::NoAnswer(after)) = self.wrong else {
            return Err(CloudError::new(CloudErrorKind::Denied, call.aws_name(), "nothing is called here"));
        };
        self.pass(after);
        Err(CloudError::new(CloudErrorKind::OutcomeUnknown, call.aws_name(), "no answer"))
    }

    async fn append(&mut self, bodies: &[EventBody], at: WorldTime) -> Result<Appended, LeaseLost> {
        let event = |body: &EventBody| Event { seq: 0, at, body: body.clone() };
        if bodies.iter().any(|body| matches!(body, EventBody::CallEnded { .. })) {
            self.diary.write(Did::RecordOutcome, self.boot);
        }
        Ok(Appended { events: bodies.iter().map(event).collect(), retire: None })
    }

    async fn append_answer(&mut self, _command: &Command, _answer: &Answer, _at: WorldTime) -> Result<Option<Appended>, LeaseLost> {
        Ok(None)
    }

    async fn commands(&mut self) -> Result<Vec<Command>, LeaseLost> {
        if self.diary.times(Did::Look).len() >= self.last { Err(LeaseLost) } else { Ok(Vec::new()) }
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
        if self.wrong.take_if(|wrong| *wrong == Wrong::SetBack).is_some() {
            self.clock = self.clock.minus(BACK);
        }
        let left = until.since(self.clock).min(renew_at.since(self.boot)).max(Millis::secs(1));
        self.pass(left);
        Ok(if self.clock >= until { Nap::Over } else { Nap::Part })
    }
}

/// Drives a canary at its one box, whose health cannot be read.
async fn waits_blind(wrong: Wrong, last: usize) -> (Bench, Diary) {
    let mut bench = Bench::canary(true);
    bench.at_step(|kind| kind == StepKind::OneBox);
    bench.hide_health();
    drive(bench, wrong, last).await
}

async fn drive(bench: Bench, wrong: Wrong, last: usize) -> (Bench, Diary) {
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
    let diary = Diary::default();
    let host = Host { seen: bench.seen.clone(), boot, clock: at, wrong: Some(wrong), diary: diary.clone(), last };
    assert!(Driver::new(host, operation, &events, claimant, lease).run().await.is_err(), "it goes on until its lease is lost");
    (bench, diary)
}

#[tokio::test]
async fn a_driver_whose_engine_never_wants_to_wait_rests_all_the_same() {
    let (_, diary) = waits_blind(Wrong::Spins, 200).await;
    let looks = diary.times(Did::Look);
    let spent = looks[199].since(looks[0]);
    assert!(spent >= Millis::secs(9 * 5), "200 looks in {spent}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_while_a_driver_rests_does_not_keep_it_from_looking() {
    let (bench, diary) = waits_blind(Wrong::SetBack, 2).await;
    let looks = diary.times(Did::Look);
    let apart = looks[1].since(looks[0]);
    assert!(apart <= bench.plan.timing.period_moving.plus(LEASE_LIFE), "the second look came after {apart}");
}

#[tokio::test]
async fn the_outcome_of_a_call_without_an_answer_is_recorded_only_once_it_cannot_arrive_any_more_and_nobody_looks_before() {
    for told_after in [Millis::ZERO, Millis::secs(3), CALL_TIMEOUT] {
        let (_, diary) = drive(Bench::canary(true), Wrong::NoAnswer(told_after), 2).await;
        let (sent, recorded, looks) = (diary.times(Did::Send), diary.times(Did::RecordOutcome), diary.times(Did::Look));
        assert_eq!(recorded[0].since(sent[0]), CALL_TIMEOUT, "told after {told_after}");
        assert!(looks[1] >= recorded[0], "told after {told_after}: {looks:?}");
    }
}
