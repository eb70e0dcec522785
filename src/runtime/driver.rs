//! The driver: takes the lease, observes, lets the engine decide, records, acts. Everything it knows is in the store and in the world.

use std::sync::Arc;
use std::time::Duration;

use super::cloud::{Cloud, Urgency};
use super::office::Office;
use crate::adapters::host;
use crate::adapters::store::{Appended, CommandAnswer, Store, StoreError};
use crate::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use crate::domain::ids::OperationId;
use crate::domain::observation::Depth;
use crate::domain::time::{BootTime, Millis, WorldTime};
use crate::engine::answer::{self, Reading};
use crate::engine::{self, Broken, Decision, Situation, WantedCall};
use crate::operation::claim::Claimant;
use crate::operation::event::{CallOutcome, EventBody, OperationState};
use crate::operation::lease::{CALL_TIMEOUT, LEASE_RENEW, Lease};
use crate::operation::plan::{BUILD, OperationKind, Refusal};
use crate::operation::progress::Progress;
use crate::operation::record::Operation;
use crate::ports::cloud::{CloudRead, CloudWrite};
use crate::ports::desk::DeskError;

/// The longest a driver sleeps without looking for commands.
const LONGEST_NAP: Duration = Duration::from_millis(100);
/// How often a world that stands still is asked whether it was moved.
const STILL_WORLD_NAP: Duration = Duration::from_millis(20);

/// Drives an operation to its end, and the retire that follows it.
///
/// # Errors
/// It has a driver, is finished, was planned by another build, or the store failed. A lost lease is an error too: somebody else goes on.
pub async fn drive(office: &Office, id: &OperationId) -> Result<OperationState, DeskError> {
    let mut next = Some(id.clone());
    let mut first = None;
    while let Some(id) = next {
        let (state, retire) = drive_one(office, &id).await?;
        first.get_or_insert(state);
        next = retire;
    }
    Ok(first.unwrap_or(OperationState::Failed))
}

async fn drive_one(office: &Office, id: &OperationId) -> Result<(OperationState, Option<OperationId>), DeskError> {
    let mut driver = Driver::take(office, id)?;
    tracing::info!("drives {id}, epoch {}", driver.lease.epoch);
    // Somebody may have started this driver to stop the operation: that comes before everything.
    driver.answer_commands()?;
    driver.resolve_call_in_flight().await?;
    driver.outwait_lowering().await?;
    while !driver.progress.state.is_final() {
        driver.turn().await?;
    }
    tracing::info!("{id} is {}: {}", driver.progress.state.word(), driver.progress.reason);
    driver.store.release_lease(id, driver.lease.epoch)?;
    Ok((driver.progress.state, driver.retire.take()))
}

struct Driver {
    cloud: Cloud,
    read: Arc<dyn CloudRead>,
    /// For the look a fast rollback's write waits for: other drivers' reads must not use up what it needs.
    first_look: Arc<dyn CloudRead>,
    write: Arc<dyn CloudWrite>,
    store: Arc<Store>,
    operation: Operation,
    progress: Progress,
    claimant: Claimant,
    lease: Lease,
    lease_since: BootTime,
    renewed_at: BootTime,
    store_version: u64,
    now: WorldTime,
    retire: Option<OperationId>,
}

impl Driver {
    fn take(office: &Office, id: &OperationId) -> Result<Self, DeskError> {
        if office.settings.read_only {
            return Err(Refusal::new("nothing is driven in read-only mode", "leave --read-only away").into());
        }
        if let Some(refusal) = office.store.operation(id)?.undrivable(BUILD) {
            return Err(refusal.into());
        }
        let lease = office.store.take_lease(id)?;
        // Only now: the driver before may have recorded something until its lease was taken.
        let view = office.store.operation(id)?;
        let plan = &view.operation.plan;
        let claimant = Claimant { operation: id.clone(), who: view.operation.by.short(), store: office.store.id().to_owned() };
        let now = view.events.last().map_or(view.operation.created_at, |event| event.at);
        let mut driver = Self {
            read: office.cloud.reader(Urgency::Driver),
            first_look: office.cloud.reader(Urgency::FirstLook),
            write: office.cloud.writer(plan.kind == OperationKind::Rollback),
            cloud: office.cloud.clone(),
            store: office.store.clone(),
            progress: view.progress,
            operation: view.operation,
            claimant,
            lease,
            lease_since: host::boot_now(),
            renewed_at: host::boot_now(),
            store_version: 0,
            now,
            retire: None,
        };
        let us = host::this_process();
        driver.append(&[EventBody::DriverStarted { epoch: driver.lease.epoch, host: us.host, pid: us.pid }])?;
        Ok(driver)
    }

    /// A driver before us may have died between sending a call and hearing its answer. Its call is given time to arrive, then the world is looked at.
    async fn resolve_call_in_flight(&mut self) -> Result<(), DeskError> {
        let Some(in_flight) = self.progress.in_flight.clone() else { return Ok(()) };
        tokio::time::sleep(CALL_TIMEOUT.std()).await;
        self.renew_lease()?;
        let outcome = CallOutcome::Unknown { message: "the driver before died before the answer came".into() };
        self.append(&[EventBody::CallEnded { call_no: in_flight.call_no, outcome }])?;
        Ok(())
    }

    /// The operation this one took the wheel from may have asked for fewer servers in the same moment. That call is given time to arrive: until
    /// then servers that are about to end look healthy, and a way back would lead to them.
    async fn outwait_lowering(&mut self) -> Result<(), DeskError> {
        let Some(before) = self.operation.plan.supersedes.clone().filter(|_| self.progress.calls.intended == 0) else { return Ok(()) };
        let lowers = match self.store.operation(&before) {
            Ok(view) => view.progress.in_flight.is_some_and(|in_flight| matches!(in_flight.call, CloudCall::Park { .. })),
            // Nobody can say what it asked for last.
            Err(StoreError::Record(_)) => true,
            Err(error) => return Err(error.into()),
        };
        if lowers {
            tokio::time::sleep(CALL_TIMEOUT.std()).await;
            self.renew_lease()?;
        }
        Ok(())
    }

    /// One period: commands, a look, a decision, at most one call.
    async fn turn(&mut self) -> Result<(), DeskError> {
        self.keep_lease()?;
        self.answer_commands()?;
        if self.progress.state.is_final() {
            return Ok(());
        }
        let depth = engine::depth(&self.operation.plan, &self.progress);
        let reader = if depth == Depth::Full { &self.read } else { &self.first_look };
        let seen = reader.observe(&self.operation.plan.scope, depth).await;
        self.now = self.read.now().await.unwrap_or(seen.at).max(self.now);
        let situation = Situation { plan: &self.operation.plan, progress: &self.progress, seen: &seen, now: self.now, claimant: &self.claimant };
        let decision = engine::decide(&situation);
        match decision {
            Ok(decision) => self.carry_out(decision).await,
            Err(broken) => self.stop_in_place(&broken),
        }
    }

    async fn carry_out(&mut self, decision: Decision) -> Result<(), DeskError> {
        if !decision.events.is_empty() {
            self.append(&decision.events)?;
        }
        match decision.call {
            Some(wanted) => self.make_call(wanted).await,
            None if decision.wait == Millis::ZERO => Ok(()),
            None => self.rest(decision.wait).await,
        }
    }

    fn stop_in_place(&mut self, broken: &Broken) -> Result<(), DeskError> {
        tracing::error!("{broken}");
        self.append(&[EventBody::StateChanged { to: OperationState::Failed, reason: broken.to_string(), deadline: None }])
    }

    /// Intent durable before the call, outcome after it.
    async fn make_call(&mut self, wanted: WantedCall) -> Result<(), DeskError> {
        if !self.lease.covers_a_call(host::boot_now()) {
            self.renew_lease()?;
        }
        let call_no = self.progress.calls.intended;
        self.append(&[EventBody::CallIntended { call_no, call: wanted.call.clone(), why: wanted.why }])?;
        let outcome = if self.lease.covers_a_call(host::boot_now()) {
            outcome_of(self.send(&wanted.call).await)
        } else {
            CallOutcome::Refused { kind: CloudErrorKind::Network, message: "not sent: the lease ran short while its intent was recorded".into() }
        };
        self.now = self.read.now().await.unwrap_or(self.now).max(self.now);
        self.append(&[EventBody::CallEnded { call_no, outcome }])
    }

    async fn send(&self, call: &CloudCall) -> Result<CallReply, CloudError> {
        let answered = tokio::time::timeout(CALL_TIMEOUT.std(), self.write.call(call)).await;
        answered.unwrap_or_else(|_| Err(CloudError::new(CloudErrorKind::OutcomeUnknown, call.aws_name(), format!("no answer in {CALL_TIMEOUT}"))))
    }

    fn answer_commands(&mut self) -> Result<(), DeskError> {
        self.store_version = self.store.version()?;
        for command in self.store.pending_commands(&self.operation.id)? {
            let boot_id = host::boot_id();
            let reading = Reading { now: host::boot_now(), boot_id: &boot_id, lease_since: self.lease_since };
            let answer = answer::answer(&self.operation.plan, &self.progress, &command, &reading);
            let told = CommandAnswer { accepted: answer.accepted, text: answer.text };
            if let Some(appended) = self.store.append_answering(&self.operation, self.lease.epoch, &answer.events, self.now, (command.id, &told))? {
                self.take_in(appended);
            }
        }
        Ok(())
    }

    fn append(&mut self, bodies: &[EventBody]) -> Result<(), DeskError> {
        let appended = self.store.append(&self.operation, self.lease.epoch, bodies, self.now)?;
        self.take_in(appended);
        Ok(())
    }

    fn take_in(&mut self, appended: Appended) {
        for event in &appended.events {
            self.progress.apply(event);
        }
        self.retire = appended.retire.or_else(|| self.retire.take());
    }

    fn keep_lease(&mut self) -> Result<(), DeskError> {
        if host::boot_now().since(self.renewed_at) >= LEASE_RENEW { self.renew_lease() } else { Ok(()) }
    }

    fn renew_lease(&mut self) -> Result<(), DeskError> {
        self.lease.deadline = self.store.renew_lease(&self.operation.id, self.lease.epoch)?;
        self.renewed_at = host::boot_now();
        Ok(())
    }

    /// Waits for `wait` of world time; a command ends it early.
    async fn rest(&mut self, wait: Millis) -> Result<(), DeskError> {
        let until = self.now.plus(wait);
        self.cloud.rested(&format!("driver of {}", self.operation.id.as_str()), self.now);
        loop {
            let (now, speed) = (self.read.now().await.unwrap_or(self.now), self.read.speed().await.unwrap_or(1.0));
            if now >= until || self.has_news()? {
                return Ok(());
            }
            tokio::time::sleep(nap(until.since(now), speed)).await;
            self.keep_lease()?;
        }
    }

    /// A command waits, or somebody took the wheel: found by one cheap look.
    fn has_news(&mut self) -> Result<bool, DeskError> {
        let version = self.store.version()?;
        if version == self.store_version {
            return Ok(false);
        }
        self.store_version = version;
        let current = self.store.lease(&self.operation.id)?.is_some_and(|lease| lease.epoch == self.lease.epoch && lease.holder.is_some());
        if !current {
            return Err(StoreError::LeaseLost.into());
        }
        Ok(!self.store.pending_commands(&self.operation.id)?.is_empty())
    }
}

fn outcome_of(answered: Result<CallReply, CloudError>) -> CallOutcome {
    match answered {
        Ok(reply) => CallOutcome::Accepted(reply),
        Err(error) if error.kind == CloudErrorKind::OutcomeUnknown => CallOutcome::Unknown { message: error.message },
        Err(error) => CallOutcome::Refused { kind: error.kind, message: error.message },
    }
}

/// How long to sleep in real time until so much world time has passed; never longer than commands may wait.
fn nap(left: Millis, speed: f64) -> Duration {
    if speed <= 0.0 {
        return STILL_WORLD_NAP;
    }
    #[expect(clippy::cast_precision_loss, reason = "spans of hours, in milliseconds")]
    let real = left.0 as f64 / 1_000.0 / speed;
    Duration::from_secs_f64(real.clamp(0.001, LONGEST_NAP.as_secs_f64()))
}
