//! How an operation is driven: look, decide, record, act or wait, in an order that a crash anywhere leaves safe.
//!
//! What it needs of a store, a cloud and a clock are [`Hands`]: those of the process that drives, or those of the simulation, in which every
//! await is a place where this driver may die, sleep for minutes or find that somebody else has its lease.

use async_trait::async_trait;

use super::answer::{Answer, Reading};
use super::schema::recorded;
use super::{Decision, WantedCall};
use crate::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use crate::domain::ids::OperationId;
use crate::domain::observation::Credentials;
use crate::domain::text::Untrusted;
use crate::domain::time::{BootTime, Millis, WorldTime};
use crate::operation::claim::Claimant;
use crate::operation::command::Command;
use crate::operation::event::{CallOutcome, Event, EventBody, OperationState};
use crate::operation::gate::{GateOutcome, GateRun};
use crate::operation::lease::{CALL_TIMEOUT, LEASE_RENEW, Lease};
use crate::operation::notice::NoticeKind;
use crate::operation::record::{Appended, Operation};
use crate::operation::schema::{HookKind, HookOutcome, HookRun, MigrationEnd, MigrationOutcome};
use crate::operation::work::{Driven, Scene, Standing, Work};

/// Credentials that end sooner than this are worth telling.
const CREDENTIALS_SHORT: Millis = Millis::mins(15);

/// So many turns in a row without a rest, and one is taken whatever was decided: no mistake in a decision, and no read that goes on showing what a
/// call has changed, makes a driver ask the cloud as fast as it answers. The longest row there is a reason for has half as many.
const MOST_TURNS: u32 = 20;
/// How long that rest is.
const PACE: Millis = Millis::secs(5);

/// How a nap ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nap {
    /// The time has come.
    Over,
    /// There are commands.
    News,
    /// It was only a part.
    Part,
}

/// What a driver does its work with. Each append and renewal is one transaction that begins with a look at the lease's epoch.
#[async_trait]
pub trait Hands: Send {
    /// The kind of work they do.
    type Work: Driven;
    /// Why a driver has to leave: its lease is lost, or the store cannot be read or written.
    type Error: Send;

    /// This host's clock.
    fn boot_now(&self) -> BootTime;

    /// This boot.
    fn boot_id(&self) -> String;

    /// This process, as people find it: its host and its number.
    fn process(&self) -> (Untrusted, u32);

    /// What time it is in the world, if it tells.
    async fn world_now(&mut self) -> Option<WorldTime>;

    /// What to do now. The simulation plants mistakes here, to see that they are caught.
    fn decide(&self, scene: &Scene<'_, Self::Work>) -> Result<Decision, <Self::Work as Driven>::Broken> {
        Self::Work::decide(scene)
    }

    /// One look at the world.
    async fn look(&mut self, look: <Self::Work as Driven>::Look) -> <Self::Work as Driven>::Seen;

    /// Makes the call once, unless `lease` does not cover it any more when its bytes are to leave: a process may stand still between any look at
    /// the lease and that moment, and what it sent afterwards would undo what its successor did.
    async fn send(&mut self, call: &CloudCall, lease: &Lease) -> Result<CallReply, CloudError>;

    /// Appends events.
    async fn append(&mut self, bodies: &[EventBody], at: WorldTime) -> Result<Appended, Self::Error>;

    /// Appends the answer to a command and what it does; nothing at all if its sender has withdrawn it, or if what is accepted has waited too long
    /// by now: a process may stand still between the look at a command's age and this, and the next look refuses it.
    async fn append_answer(&mut self, command: &Command, answer: &Answer, at: WorldTime) -> Result<Option<Appended>, Self::Error>;

    /// Commands nobody has answered yet, oldest first.
    async fn commands(&mut self) -> Result<Vec<Command>, Self::Error>;

    /// The call of another operation whose outcome nobody recorded.
    async fn in_flight(&mut self, operation: &OperationId) -> Result<Option<CloudCall>, Self::Error>;

    /// Keeps the lease for another while; its new deadline.
    async fn renew_lease(&mut self) -> Result<BootTime, Self::Error>;

    /// Gives the lease back.
    async fn release_lease(&mut self) -> Result<(), Self::Error>;

    /// Starts a gate.
    async fn start_gate(&mut self, run: &GateRun);

    /// How the gate that was started last ended, once it has; told once.
    async fn gate_ended(&mut self) -> Option<GateOutcome>;

    /// Starts a program of the fleet's owner, unless `lease` has run short; whether it was started.
    async fn start_hook(&mut self, run: &HookRun, lease: &Lease) -> bool;

    /// How the program that was started last ended, once it has; told once.
    async fn hook_ended(&mut self) -> Option<HookOutcome>;

    /// Lets real time pass.
    async fn sleep(&mut self, span: Millis);

    /// Everything is done until later.
    async fn rests(&mut self, at: WorldTime);

    /// Has people told who are not looking; nothing waits for it. `text` where the state's own reason is not what it is about.
    fn tell(&mut self, _kind: NoticeKind, _progress: &<Self::Work as Work>::Progress, _at: WorldTime, _text: Option<&str>) {}

    /// It turned so often without a rest that it is made to take one.
    fn spins(&mut self, _progress: &<Self::Work as Work>::Progress) {}

    /// Why nobody can go on with what this driver leaves, if the record itself is gone: people are told who would otherwise find nothing.
    fn record_lost(&self) -> Option<String> {
        None
    }

    /// Sleeps towards `until`, at most until `renew_at`, and looks whether somebody wants something or has taken the lease.
    async fn nap(&mut self, until: WorldTime, renew_at: BootTime) -> Result<Nap, Self::Error>;
}

/// A driver under its lease.
pub struct Driver<H: Hands> {
    hands: H,
    operation: Operation<H::Work>,
    progress: <H::Work as Work>::Progress,
    claimant: Claimant,
    lease: Lease,
    lease_since: BootTime,
    renewed_at: BootTime,
    /// What events are stamped with and waits are counted by: it never goes back.
    now: WorldTime,
    /// The world's clock as it was read last, which may be behind that where a driver before had a wrong one.
    clock: WorldTime,
    retire: Option<OperationId>,
    /// The gate that this driver lets run.
    gate: Option<usize>,
    /// The program about the database that this driver lets run.
    hook: Option<HookKind>,
    /// Turns since it last rested.
    turns: u32,
    /// The end of credentials that people were told of.
    told_end: Option<WorldTime>,
    /// Since when what was borrowed stood still, as people were told.
    told_overdue: Option<WorldTime>,
}

impl<H: Hands> Driver<H> {
    /// A driver that has just taken the lease. `events` were read after that: the driver before may have recorded something until then.
    pub fn new(hands: H, operation: Operation<H::Work>, events: &[Event], claimant: Claimant, lease: Lease) -> Self {
        let progress = operation.plan.fold(events, operation.created_at);
        let now = events.last().map_or(operation.created_at, |event| event.at);
        let since = hands.boot_now();
        Self {
            hands,
            operation,
            progress,
            claimant,
            lease,
            lease_since: since,
            renewed_at: since,
            now,
            clock: now,
            retire: None,
            gate: None,
            hook: None,
            turns: 0,
            told_end: None,
            told_overdue: None,
        }
    }

    /// Drives to the end: the state it ended in, and the retire that follows.
    ///
    /// # Errors
    /// The lease is lost, or the store failed: somebody else goes on.
    pub async fn run(mut self) -> Result<(OperationState, Option<OperationId>), H::Error> {
        let ended = self.drive().await;
        if ended.is_err()
            && let Some(why) = self.hands.record_lost()
        {
            self.hands.tell(NoticeKind::Failed, &self.progress, self.now, Some(&why));
        }
        ended
    }

    async fn drive(&mut self) -> Result<(OperationState, Option<OperationId>), H::Error> {
        let (host, pid) = self.hands.process();
        self.append(&[EventBody::DriverStarted { epoch: self.lease.epoch, host, pid }]).await?;
        // Somebody may have started this driver to stop the operation: that comes before everything.
        self.answer_commands().await?;
        self.resolve_call_in_flight().await?;
        self.outwait_lowering().await?;
        while !self.progress.state().is_final() {
            self.turn().await?;
            self.keep_pace().await?;
        }
        self.hands.release_lease().await?;
        Ok((self.progress.state(), self.retire.take()))
    }

    /// A driver before us may have died between sending a call and hearing its answer. Its call is given time to arrive, then the world is looked at.
    async fn resolve_call_in_flight(&mut self) -> Result<(), H::Error> {
        let Some(in_flight) = self.progress.in_flight().cloned() else { return Ok(()) };
        self.outwait(CALL_TIMEOUT).await?;
        let outcome = CallOutcome::Unknown { message: "the driver before died before the answer came".into() };
        self.append(&[EventBody::CallEnded { call_no: in_flight.call_no, outcome }]).await
    }

    /// The operation this one took the wheel from may have made a call in the same moment: it is given time to arrive. Its driver does not know
    /// yet that it lost its lease, and may send the call as long as that would have lasted.
    async fn outwait_lowering(&mut self) -> Result<(), H::Error> {
        let Some(before) = self.operation.plan.waits_out(&self.progress).cloned() else { return Ok(()) };
        if let Some(call) = self.hands.in_flight(&before).await? {
            self.outwait(self.operation.plan.outlasts(&call)).await?;
        }
        Ok(())
    }

    /// Lets real time pass and keeps the lease meanwhile.
    async fn outwait(&mut self, span: Millis) -> Result<(), H::Error> {
        let mut left = span;
        while left > Millis::ZERO {
            let part = left.min(LEASE_RENEW);
            self.hands.sleep(part).await;
            self.renew_lease().await?;
            left = left.minus(part);
        }
        Ok(())
    }

    /// One period: commands, a look, a decision, at most one call.
    async fn turn(&mut self) -> Result<(), H::Error> {
        self.keep_lease().await?;
        self.answer_commands().await?;
        if self.progress.state().is_final() {
            return Ok(());
        }
        let seen = self.hands.look(self.operation.plan.look(&self.progress, &self.claimant)).await;
        self.clock = self.hands.world_now().await.unwrap_or_else(|| H::Work::seen_at(&seen));
        // Between its look and now this process may have stood still: nothing was observed meanwhile.
        self.now = self.clock.min(H::Work::seen_at(&seen)).max(self.now);
        self.tell_credentials(&seen);
        self.tell_overdue();
        match self.decide(&seen) {
            Ok(decision) => self.carry_out(decision).await,
            Err(broken) => self.stop_in_place(&broken).await,
        }
    }

    async fn keep_pace(&mut self) -> Result<(), H::Error> {
        self.turns += 1;
        if self.turns <= MOST_TURNS {
            return Ok(());
        }
        self.hands.spins(&self.progress);
        self.rest(PACE).await?;
        self.turns = 0;
        Ok(())
    }

    /// People are told once of each end that comes near without newer credentials.
    fn tell_credentials(&mut self, seen: &<H::Work as Driven>::Seen) {
        let Credentials::Good { until: Some(until) } = *H::Work::credentials(seen) else { return };
        let left = until.since(self.now);
        if left < CREDENTIALS_SHORT && self.told_end != Some(until) {
            self.told_end = Some(until);
            let text = format!("the credentials it runs on end in {left}, and no newer ones came");
            self.hands.tell(NoticeKind::CredentialsEnd, &self.progress, self.now, Some(&text));
        }
    }

    /// People are told once of what stands still, or is not given back, for too long.
    fn tell_overdue(&mut self) {
        let Some(overdue) = self.operation.plan.overdue(&self.progress, self.now) else { return };
        if self.told_overdue != Some(overdue.since) {
            self.told_overdue = Some(overdue.since);
            self.hands.tell(NoticeKind::Overdue, &self.progress, self.now, Some(&overdue.text));
        }
    }

    fn decide(&self, seen: &<H::Work as Driven>::Seen) -> Result<Decision, <H::Work as Driven>::Broken> {
        let (plan, progress) = (&self.operation.plan, &self.progress);
        self.hands.decide(&Scene { plan, progress, seen, now: self.now, claimant: &self.claimant })
    }

    async fn carry_out(&mut self, decision: Decision) -> Result<(), H::Error> {
        if !decision.events.is_empty() {
            self.append(&decision.events).await?;
        }
        match decision.call {
            Some(wanted) => self.make_call(wanted).await,
            None if decision.wait == Millis::ZERO => Ok(()),
            None => match (decision.gate, decision.hook) {
                (Some(run), _) => self.watch_gate(run, decision.wait).await,
                (None, Some(run)) => self.watch_hook(run, decision.wait).await,
                (None, None) => self.rest(decision.wait).await,
            },
        }
    }

    async fn stop_in_place(&mut self, broken: &<H::Work as Driven>::Broken) -> Result<(), H::Error> {
        self.append(&[EventBody::StateChanged { to: OperationState::Failed, reason: broken.to_string(), deadline: None }]).await
    }

    /// Intent durable before the call, outcome after it.
    async fn make_call(&mut self, wanted: WantedCall) -> Result<(), H::Error> {
        if !self.lease.covers_a_call(self.hands.boot_now()) {
            self.renew_lease().await?;
        }
        let call_no = self.progress.intended();
        self.append(&[EventBody::CallIntended { call_no, call: wanted.call.clone(), why: wanted.why }]).await?;
        let sent = self.hands.boot_now();
        let outcome = if self.lease.covers_a_call(sent) {
            outcome_of(self.hands.send(&wanted.call, &self.lease).await)
        } else {
            CallOutcome::Refused { kind: CloudErrorKind::Network, message: "not sent: the lease ran short while its intent was recorded".into() }
        };
        if matches!(outcome, CallOutcome::Unknown { .. }) {
            // A call whose connection was lost may arrive as long as its answer would have been waited for: until then nobody looks for its effect,
            // neither this driver nor, because its outcome is not recorded, the next one.
            self.outwait(CALL_TIMEOUT.minus(self.hands.boot_now().since(sent))).await?;
        }
        self.now = self.hands.world_now().await.unwrap_or(self.now).max(self.now);
        self.append(&[EventBody::CallEnded { call_no, outcome }]).await
    }

    async fn answer_commands(&mut self) -> Result<(), H::Error> {
        for command in self.hands.commands().await? {
            let boot_id = self.hands.boot_id();
            let reading = Reading { now: self.hands.boot_now(), boot_id: &boot_id, lease_since: self.lease_since };
            let answer = self.operation.plan.answer(&self.progress, &command, &reading);
            if let Some(appended) = self.hands.append_answer(&command, &answer, self.now).await? {
                self.take_in(appended);
            }
        }
        Ok(())
    }

    async fn append(&mut self, bodies: &[EventBody]) -> Result<(), H::Error> {
        let appended = self.hands.append(bodies, self.now).await?;
        self.take_in(appended);
        Ok(())
    }

    fn take_in(&mut self, appended: Appended) {
        for event in &appended.events {
            let kind = self.operation.plan.notice(&self.progress, &event.body);
            self.progress.take_in(event);
            if let Some(kind) = kind {
                self.hands.tell(kind, &self.progress, event.at, None);
            }
        }
        self.retire = appended.retire.or_else(|| self.retire.take());
    }

    async fn keep_lease(&mut self) -> Result<(), H::Error> {
        if self.hands.boot_now() >= self.renew_at() { self.renew_lease().await } else { Ok(()) }
    }

    const fn renew_at(&self) -> BootTime {
        self.renewed_at.plus(LEASE_RENEW)
    }

    async fn renew_lease(&mut self) -> Result<(), H::Error> {
        self.lease.deadline = self.hands.renew_lease().await?;
        self.renewed_at = self.hands.boot_now();
        Ok(())
    }

    /// Lets the gate run and waits for what it says, at most for `wait` of world time. A gate of a driver that died is started again.
    async fn watch_gate(&mut self, run: GateRun, wait: Millis) -> Result<(), H::Error> {
        let gate = run.number;
        if self.gate != Some(gate) {
            self.append(&[EventBody::GateStarted { gate }]).await?;
            self.hands.start_gate(&run).await;
            self.gate = Some(gate);
        }
        let until = self.clock.plus(wait);
        loop {
            if let Some(outcome) = self.hands.gate_ended().await {
                self.gate = None;
                return self.append(&[EventBody::GateEnded { gate, outcome }]).await;
            }
            if !self.naps_on(until).await? {
                return Ok(());
            }
        }
    }

    /// Naps a part of the time until then, with the lease kept; whether the rest of it is still to be waited for.
    async fn naps_on(&mut self, until: WorldTime) -> Result<bool, H::Error> {
        match self.hands.nap(until, self.renew_at()).await? {
            Nap::Part => {
                self.keep_lease().await?;
                Ok(true)
            }
            Nap::News => Ok(false),
            Nap::Over => {
                self.turns = 0;
                Ok(false)
            }
        }
    }

    /// Lets the program run and waits for what it says, at most for `wait` of world time. The intent of a migration is durable before it is started:
    /// whoever goes on after this driver knows that it was.
    async fn watch_hook(&mut self, run: HookRun, wait: Millis) -> Result<(), H::Error> {
        if self.hook != Some(run.kind) {
            // This process may have stood still since its lease was renewed: it would be asked to go on, and not be let, again and again.
            if !self.lease.covers_a_call(self.hands.boot_now()) {
                self.renew_lease().await?;
            }
            if run.kind == HookKind::Migration {
                self.append(&[EventBody::MigrationStarted]).await?;
            }
            if !self.hands.start_hook(&run, &self.lease).await {
                return self.append(&not_started(run.kind)).await;
            }
            self.hook = Some(run.kind);
        }
        let until = self.clock.plus(wait);
        loop {
            if let Some(outcome) = self.hands.hook_ended().await {
                self.hook = None;
                return self.append(&[recorded(run.kind, &outcome)]).await;
            }
            if !self.naps_on(until).await? {
                return Ok(());
            }
        }
    }

    /// Waits for `wait` of world time; a command ends it early. The fleet is looked at again after that even if time stands still for the plan.
    async fn rest(&mut self, wait: Millis) -> Result<(), H::Error> {
        let (until, began) = (self.clock.plus(wait), self.hands.boot_now());
        self.hands.rests(self.now).await;
        loop {
            match self.hands.nap(until, self.renew_at()).await? {
                Nap::News => return Ok(()),
                Nap::Over => break,
                Nap::Part => self.keep_lease().await?,
            }
            // A clock that was set back meanwhile comes to `until` much later, and nobody sets this one.
            if self.hands.boot_now().since(began) >= wait {
                break;
            }
        }
        self.turns = 0;
        Ok(())
    }
}

/// This process stood still until its lease ran short: somebody else may be at work by now.
fn not_started(kind: HookKind) -> Vec<EventBody> {
    let said = "not started: the lease ran short while its intent was recorded";
    match kind {
        HookKind::Schema => Vec::new(),
        HookKind::Migration => vec![EventBody::MigrationEnded { outcome: MigrationOutcome { end: MigrationEnd::NotStarted, said: said.into() } }],
    }
}

fn outcome_of(answered: Result<CallReply, CloudError>) -> CallOutcome {
    match answered {
        Ok(reply) => CallOutcome::Accepted(reply),
        Err(error) if error.kind == CloudErrorKind::OutcomeUnknown => CallOutcome::Unknown { message: error.message },
        Err(error) => CallOutcome::Refused { kind: error.kind, message: error.message },
    }
}
