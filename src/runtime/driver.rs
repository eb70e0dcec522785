//! The process that drives an operation: the hands of [`crate::engine::drive`], with a store, a cloud and a clock.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;

use super::bake_log::BakeLog;
use super::cloud::Cloud;
use super::eyes::{Eyes, Watched};
use super::notifier::Notifier;
use super::office::Office;
use super::packer_run::{PackerWriter, SharedSeat};
use crate::adapters::gate::GateProcess;
use crate::adapters::host;
use crate::adapters::owner_program::{OwnerProgram, migration_log};
use crate::adapters::store::{CommandAnswer, Store, StoreError};
use crate::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use crate::domain::ids::OperationId;
use crate::domain::sizes::Sizes;
use crate::domain::text::Untrusted;
use crate::domain::time::{BootTime, Millis, WorldTime};
use crate::engine::answer::Answer;
use crate::engine::drive::{Driver, Hands, Nap};
use crate::operation::any::AnyView;
use crate::operation::bake::BakePlan;
use crate::operation::claim::Claimant;
use crate::operation::command::Command;
use crate::operation::damage::DamagedOperation;
use crate::operation::event::{EventBody, OperationState};
use crate::operation::gate::{GateOutcome, GateRun};
use crate::operation::lease::{CALL_TIMEOUT, Lease};
use crate::operation::notice::NoticeKind;
use crate::operation::plan::{BUILD, Plan, Refusal};
use crate::operation::record::{Appended, Operation, OperationView};
use crate::operation::schema::{HookOutcome, HookRun};
use crate::ports::cloud::CloudWrite;
use crate::ports::desk::DeskError;

/// The longest a driver sleeps without looking for commands.
const LONGEST_NAP: Duration = Duration::from_millis(100);
/// How often a world that stands still is asked whether it was moved.
const STILL_WORLD_NAP: Duration = Duration::from_millis(20);

/// Drives an operation to its end, and what follows: the retire of the old group, or the giving back of what a rollback left that gave up.
///
/// # Errors
/// It has a driver, is finished, was planned by another build, or the store failed. A lost lease is an error too: somebody else goes on.
pub async fn drive(office: &Office, id: &OperationId) -> Result<OperationState, DeskError> {
    let notifier = Arc::new(Notifier::new(&office.settings.fleets_file));
    let mut next = Some(id.clone());
    let mut first = None;
    while let Some(id) = next {
        let (state, retire) = match office.store.any_operation(&id)? {
            AnyView::Rollout(_) => {
                take::<Plan>(office, &id, &notifier, |view| if let AnyView::Rollout(view) = view { Some(*view) } else { None })?.run().await?
            }
            AnyView::Bake(_) => {
                take::<BakePlan>(office, &id, &notifier, |view| if let AnyView::Bake(view) = view { Some(*view) } else { None })?.run().await?
            }
        };
        tracing::info!("{id} is {}", state.word());
        first.get_or_insert(state);
        next = match retire {
            None if state == OperationState::Failed => given_back_after(office, &id).await,
            retire => retire,
        };
    }
    Ok(first.unwrap_or(OperationState::Failed))
}

/// What a rollback left that gave up is given back by the same process, where that needs nobody to decide.
async fn given_back_after(office: &Office, id: &OperationId) -> Option<OperationId> {
    match office.after_giving_up(id).await {
        Ok(given) => given,
        Err(error) => {
            tracing::warn!("what {id} left is not given back: {error}");
            None
        }
    }
}

fn take<P: Watched>(
    office: &Office,
    id: &OperationId,
    notifier: &Arc<Notifier>,
    of_kind: impl Fn(AnyView) -> Option<OperationView<P>>,
) -> Result<Driver<ProcessHands<P>>, DeskError> {
    if office.settings.read_only {
        return Err(Refusal::new("nothing is driven in read-only mode", "leave --read-only away").into());
    }
    if let Some(refusal) = office.store.any_operation(id)?.undrivable(BUILD) {
        return Err(refusal.into());
    }
    let lease = office.store.take_lease(id)?;
    tracing::info!("drives {id}, epoch {}", lease.epoch);
    // Only now: the driver before may have recorded something until its lease was taken.
    let Some(view) = of_kind(office.store.any_operation(id)?) else {
        return Err(StoreError::Damaged(format!("operation {id} is of another kind than a moment ago")).into());
    };
    let claimant = Claimant { operation: id.clone(), who: view.operation.by.short(), store: office.store.id().to_owned() };
    let cloud_writer = office.cloud.writer(view.operation.plan.is_urgent());
    let packer: Option<SharedSeat> = view.operation.plan.packer().map(|plan| Arc::new(Mutex::new(office.packer_seat(id, plan))));
    let hands = ProcessHands {
        eyes: Eyes::new(&office.cloud, BakeLog::open(office.store.dir(), id), packer.clone()),
        write: match packer {
            Some(seat) => Arc::new(PackerWriter { seat, cloud: cloud_writer }),
            None => cloud_writer,
        },
        cloud: office.cloud.clone(),
        store: office.store.clone(),
        operation: view.operation.clone(),
        epoch: lease.epoch,
        store_version: 0,
        notifier: notifier.clone(),
        gate: None,
        hook: None,
    };
    Ok(Driver::new(hands, view.operation, &view.events, claimant, lease))
}

/// What this process drives with.
struct ProcessHands<P: Watched> {
    cloud: Cloud,
    eyes: Eyes,
    write: Arc<dyn CloudWrite>,
    store: Arc<Store>,
    operation: Operation<P>,
    epoch: u64,
    store_version: u64,
    notifier: Arc<Notifier>,
    gate: Option<GateProcess>,
    hook: Option<OwnerProgram>,
}

#[async_trait]
impl<P: Watched> Hands for ProcessHands<P> {
    type Work = P;
    type Error = DeskError;

    fn boot_now(&self) -> BootTime {
        host::boot_now()
    }

    fn boot_id(&self) -> String {
        host::boot_id()
    }

    fn process(&self) -> (Untrusted, u32) {
        let us = host::this_process();
        (us.host, us.pid)
    }

    async fn world_now(&mut self) -> Option<WorldTime> {
        self.eyes.read.now().await.ok()
    }

    async fn look(&mut self, look: P::Look) -> P::Seen {
        P::see(&mut self.eyes, &self.operation, look).await
    }

    async fn send(&mut self, call: &CloudCall, lease: &Lease) -> Result<CallReply, CloudError> {
        let answered = under_lease(lease, host::boot_now, tokio::time::timeout(CALL_TIMEOUT.std(), self.write.call(call))).await;
        let failed = |kind, why: String| Err(CloudError::new(kind, call.aws_name(), why));
        match answered {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => failed(CloudErrorKind::OutcomeUnknown, format!("no answer in {CALL_TIMEOUT}")),
            Err(Fence::NotSent) => failed(CloudErrorKind::Network, "not sent: this process stood still until its lease ran short".to_owned()),
            Err(Fence::GivenUp) => {
                failed(CloudErrorKind::OutcomeUnknown, "this process stood still in the middle of the call until its lease ended".to_owned())
            }
        }
    }

    async fn append(&mut self, bodies: &[EventBody], at: WorldTime) -> Result<Appended, DeskError> {
        for body in bodies {
            if let EventBody::StateChanged { to, reason, .. } = body {
                tracing::info!("{} is {}: {reason}", self.operation.id, to.word());
            }
        }
        Ok(self.store.append(&self.operation, self.epoch, bodies, at)?)
    }

    async fn append_answer(&mut self, command: &Command, answer: &Answer, at: WorldTime) -> Result<Option<Appended>, DeskError> {
        let told = CommandAnswer { accepted: answer.accepted, text: answer.text.clone() };
        Ok(self.store.append_answering(&self.operation, self.epoch, &answer.events, at, (command, &told))?)
    }

    async fn commands(&mut self) -> Result<Vec<Command>, DeskError> {
        self.store_version = self.store.version()?;
        Ok(self.store.pending_commands(&self.operation.id)?)
    }

    async fn in_flight(&mut self, operation: &OperationId) -> Result<Option<CloudCall>, DeskError> {
        match self.store.operation(operation) {
            Ok(view) => Ok(view.progress.in_flight.map(|in_flight| in_flight.call)),
            Err(StoreError::Record(damaged)) => Ok(P::rollout(&self.operation).map(|after| worst_call(&damaged, after))),
            Err(error) => Err(error.into()),
        }
    }

    async fn renew_lease(&mut self) -> Result<BootTime, DeskError> {
        Ok(self.store.renew_lease(&self.operation.id, self.epoch)?)
    }

    async fn release_lease(&mut self) -> Result<(), DeskError> {
        Ok(self.store.release_lease(&self.operation.id, self.epoch)?)
    }

    async fn start_gate(&mut self, run: &GateRun) {
        self.gate = Some(GateProcess::start(run));
    }

    async fn gate_ended(&mut self) -> Option<GateOutcome> {
        let outcome = self.gate.as_ref()?.ended()?;
        self.gate = None;
        Some(outcome)
    }

    async fn start_hook(&mut self, run: &HookRun, lease: &Lease) -> bool {
        // A process that stood still must not begin what its successor may have begun.
        if !lease.covers_a_call(host::boot_now()) {
            return false;
        }
        self.hook = Some(OwnerProgram::start(run, &migration_log(self.store.dir(), &self.operation.id)));
        true
    }

    async fn hook_ended(&mut self) -> Option<HookOutcome> {
        let outcome = self.hook.as_ref()?.ended()?;
        self.hook = None;
        Some(outcome)
    }

    async fn sleep(&mut self, span: Millis) {
        tokio::time::sleep(span.std()).await;
    }

    async fn rests(&mut self, at: WorldTime) {
        self.cloud.rested(&format!("driver of {}", self.operation.id.as_str()), at);
    }

    fn tell(&mut self, kind: NoticeKind, progress: &P::Progress, at: WorldTime, text: Option<&str>) {
        P::tell(&self.notifier, kind, &self.operation, progress, at, text);
    }

    fn spins(&mut self, _progress: &P::Progress) {
        tracing::warn!("{} turned many times without a rest: it takes one", self.operation.id);
    }

    fn record_lost(&self) -> Option<String> {
        let gone = self.store.is_there().err()?;
        tracing::error!("{} is left: {gone}", self.operation.id);
        Some(gone.to_string())
    }

    async fn nap(&mut self, until: WorldTime, _renew_at: BootTime) -> Result<Nap, DeskError> {
        let (now, speed) = (self.eyes.read.now().await, self.eyes.read.speed().await.unwrap_or(1.0));
        let left = now.map_or(Millis::secs(1), |now| until.since(now));
        if left == Millis::ZERO {
            return Ok(Nap::Over);
        }
        if self.has_news()? {
            return Ok(Nap::News);
        }
        tokio::time::sleep(nap(left, speed)).await;
        Ok(Nap::Part)
    }
}

impl<P: Watched> ProcessHands<P> {
    /// A command waits, or somebody took the wheel: found by one cheap look.
    fn has_news(&mut self) -> Result<bool, DeskError> {
        let version = self.store.version()?;
        if version == self.store_version {
            return Ok(false);
        }
        self.store_version = version;
        let current = self.store.lease(&self.operation.id)?.is_some_and(|lease| lease.epoch == self.epoch && lease.holder.is_some());
        if !current {
            return Err(StoreError::LeaseLost.into());
        }
        Ok(!self.store.pending_commands(&self.operation.id)?.is_empty())
    }
}

/// Why a call was not gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fence {
    /// It never began.
    NotSent,
    /// It may have been sent.
    GivenUp,
}

/// Goes on with `call` only as long as `lease` lasts: begun only if a whole call is covered, and then looked at before every poll, because any
/// of them may be the one in which bytes leave. So a process that stood still, or whose host slept, sends nothing when it wakes up.
async fn under_lease<T>(lease: &Lease, now: impl Fn() -> BootTime, call: impl Future<Output = T>) -> Result<T, Fence> {
    if !lease.covers_a_call(now()) {
        return Err(Fence::NotSent);
    }
    let mut call = pin!(call);
    poll_fn(|context| {
        if now() >= lease.deadline {
            return Poll::Ready(Err(Fence::GivenUp));
        }
        call.as_mut().poll(context).map(Ok)
    })
    .await
}

/// What an operation whose record is damaged may have asked for last, at worst: fewer servers in the group that is to serve.
fn worst_call(damaged: &DamagedOperation, after: &Operation) -> CloudCall {
    tracing::warn!("{}: its last call is given time to arrive", damaged.sentence());
    CloudCall::Park { group: after.plan.to.group.clone(), sizes: Sizes::all(after.plan.idle_size) }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Polls a call three times under a lease that ends at 30 s; before the nth poll the clock stands at `clock[n]`, in seconds.
    async fn call_while_the_clock_shows(clock: [u64; 4]) -> (Result<(), Fence>, u64) {
        let lease = Lease { epoch: 1, holder: None, deadline: BootTime(30_000) };
        let (looks, polls) = (AtomicU64::new(0), AtomicU64::new(0));
        let now = || BootTime(clock[usize::try_from(looks.fetch_add(1, Ordering::SeqCst)).unwrap_or(3).min(3)] * 1_000);
        let call = poll_fn(|context| {
            context.waker().wake_by_ref();
            if polls.fetch_add(1, Ordering::SeqCst) < 2 { Poll::Pending } else { Poll::Ready(()) }
        });
        let ended = under_lease(&lease, now, call).await;
        (ended, polls.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn a_call_goes_on_while_its_lease_lasts() {
        assert_eq!(call_while_the_clock_shows([21, 21, 22, 29]).await, (Ok(()), 3));
    }

    #[tokio::test]
    async fn nothing_is_sent_by_a_process_that_stood_still_until_its_lease_ran_short() {
        assert_eq!(call_while_the_clock_shows([22, 22, 22, 22]).await, (Err(Fence::NotSent), 0));
    }

    #[tokio::test]
    async fn nothing_more_is_sent_by_a_process_that_stood_still_in_the_middle_of_a_call() {
        assert_eq!(call_while_the_clock_shows([21, 21, 30, 30]).await, (Err(Fence::GivenUp), 1));
    }
}
