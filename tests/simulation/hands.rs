//! The hands a simulated driver works with: whatever it asks for is written down, and it waits until the simulation tells it what came of it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use quarterdeck::domain::call::{CallReply, CloudCall, CloudError};
use quarterdeck::domain::ids::OperationId;
use quarterdeck::domain::observation::{Depth, FleetObservation};
use quarterdeck::domain::text::Untrusted;
use quarterdeck::domain::time::{BootTime, Millis, WorldTime};
use quarterdeck::engine::answer::Answer;
use quarterdeck::engine::drive::{Hands, Nap};
use quarterdeck::engine::{Broken, Decision, Situation};
use quarterdeck::operation::command::Command;
use quarterdeck::operation::event::EventBody;
use quarterdeck::operation::gate::{GateOutcome, GateRun};
use quarterdeck::operation::lease::{CALL_TIMEOUT, LEASE_LIFE, Lease};
use quarterdeck::operation::notice::{Notice, NoticeKind};
use quarterdeck::operation::plan::Plan;
use quarterdeck::operation::progress::Progress;
use quarterdeck::operation::record::{Appended, Operation};
use quarterdeck::operation::schema::{HookOutcome, HookRun};

use crate::planted::{Bug, Hook, Slip, decide_with};
use crate::store::Gone;

/// What a driver wants done.
#[derive(Clone, Debug)]
pub enum Ask {
    Now,
    Look(Depth),
    Send(CloudCall, Lease),
    Append(Vec<EventBody>, WorldTime),
    Answer(Box<Command>, Box<Answer>, WorldTime),
    Commands,
    InFlight(OperationId),
    Renew,
    Release,
    Sleep(Millis),
    Nap(WorldTime, BootTime),
    StartGate(usize, String),
    GateEnded,
    StartHook(HookRun, Lease),
    HookEnded,
}

/// What came of it.
pub enum Told {
    Now(Option<WorldTime>),
    Seen(Box<FleetObservation>),
    Replied(Result<CallReply, CloudError>),
    Appended(Result<Appended, Gone>),
    Answered(Result<Option<Appended>, Gone>),
    Commands(Result<Vec<Command>, Gone>),
    InFlight(Result<Option<CloudCall>, Gone>),
    Renewed(Result<BootTime, Gone>),
    Released(Result<(), Gone>),
    Slept,
    Napped(Result<Nap, Gone>),
    GateStarted,
    Gate(Option<GateOutcome>),
    HookStarted(bool),
    Hook(Option<HookOutcome>),
}

/// Between a driver and the simulation.
#[derive(Default)]
pub struct Desk {
    pub ask: Option<Ask>,
    pub told: Option<Told>,
    pub boot: BootTime,
    /// A broken invariant of the driver's own.
    pub broken: Option<String>,
    /// What it had people told.
    pub notices: Vec<String>,
}

#[derive(Clone)]
pub struct SimHands {
    pub desk: Arc<Mutex<Desk>>,
    pub pid: u32,
    /// A mistake planted in this driver.
    pub planted: Option<&'static Bug>,
    pub operation: Operation,
    /// When its lease runs out, as far as it was told.
    pub deadline: BootTime,
}

impl SimHands {
    async fn ask(&self, ask: Ask) -> Told {
        self.desk.lock().unwrap().ask = Some(ask);
        poll_fn(|_| self.desk.lock().unwrap().told.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

macro_rules! told {
    ($self:ident, $ask:expr, $kind:path) => {
        match $self.ask($ask).await {
            $kind(answer) => answer,
            _ => panic!("the simulation told something else than was asked"),
        }
    };
}

#[async_trait]
impl Hands for SimHands {
    type Work = Plan;
    type Error = Gone;

    fn boot_now(&self) -> BootTime {
        match self.planted.map(|bug| bug.hook) {
            // It always believes that it has just renewed its lease.
            Some(Hook::Hands(Slip::LeaseNotChecked)) => BootTime(self.deadline.0.saturating_sub(LEASE_LIFE.0)),
            _ => self.desk.lock().unwrap().boot,
        }
    }

    fn decide(&self, situation: &Situation<'_>) -> Result<Decision, Broken> {
        decide_with(self.planted, situation)
    }

    fn boot_id(&self) -> String {
        "boot".to_owned()
    }

    fn process(&self) -> (Untrusted, u32) {
        ("bastion".into(), self.pid)
    }

    async fn world_now(&mut self) -> Option<WorldTime> {
        told!(self, Ask::Now, Told::Now)
    }

    async fn look(&mut self, depth: Depth) -> FleetObservation {
        *told!(self, Ask::Look(depth), Told::Seen)
    }

    async fn send(&mut self, call: &CloudCall, lease: &Lease) -> Result<CallReply, CloudError> {
        let left = self.deadline.since(self.desk.lock().unwrap().boot);
        if left <= CALL_TIMEOUT {
            self.desk.lock().unwrap().broken = Some(format!("S3: a call is sent with {left} of the lease left"));
        }
        told!(self, Ask::Send(call.clone(), lease.clone()), Told::Replied)
    }

    async fn append(&mut self, bodies: &[EventBody], at: WorldTime) -> Result<Appended, Gone> {
        told!(self, Ask::Append(bodies.to_vec(), at), Told::Appended)
    }

    async fn append_answer(&mut self, command: &Command, answer: &Answer, at: WorldTime) -> Result<Option<Appended>, Gone> {
        told!(self, Ask::Answer(Box::new(command.clone()), Box::new(answer.clone()), at), Told::Answered)
    }

    async fn commands(&mut self) -> Result<Vec<Command>, Gone> {
        told!(self, Ask::Commands, Told::Commands)
    }

    async fn in_flight(&mut self, operation: &OperationId) -> Result<Option<CloudCall>, Gone> {
        told!(self, Ask::InFlight(operation.clone()), Told::InFlight)
    }

    async fn renew_lease(&mut self) -> Result<BootTime, Gone> {
        let renewed = told!(self, Ask::Renew, Told::Renewed);
        self.deadline = renewed.clone().unwrap_or(self.deadline);
        renewed
    }

    async fn release_lease(&mut self) -> Result<(), Gone> {
        told!(self, Ask::Release, Told::Released)
    }

    async fn sleep(&mut self, span: Millis) {
        let Told::Slept = self.ask(Ask::Sleep(span)).await else { panic!("the simulation told something else than was asked") };
    }

    async fn rests(&mut self, _at: WorldTime) {}

    async fn start_gate(&mut self, run: &GateRun) {
        let Told::GateStarted = self.ask(Ask::StartGate(run.number, run.document.clone())).await else {
            panic!("the simulation told something else than was asked")
        };
    }

    async fn gate_ended(&mut self) -> Option<GateOutcome> {
        told!(self, Ask::GateEnded, Told::Gate)
    }

    async fn start_hook(&mut self, run: &HookRun, lease: &Lease) -> bool {
        told!(self, Ask::StartHook(run.clone(), lease.clone()), Told::HookStarted)
    }

    async fn hook_ended(&mut self) -> Option<HookOutcome> {
        told!(self, Ask::HookEnded, Told::Hook)
    }

    fn spins(&mut self, progress: &Progress) {
        self.desk.lock().unwrap().broken = Some(format!("liveness: a driver spins in step {}: {}", progress.current, progress.reason));
    }

    fn tell(&mut self, kind: NoticeKind, progress: &Progress, at: WorldTime, text: Option<&str>) {
        let notice = Notice::new(kind, &self.operation, progress, at, text);
        self.desk.lock().unwrap().notices.push(serde_json::to_string(&notice).unwrap());
    }

    async fn nap(&mut self, until: WorldTime, renew_at: BootTime) -> Result<Nap, Gone> {
        told!(self, Ask::Nap(until, renew_at), Told::Napped)
    }
}
