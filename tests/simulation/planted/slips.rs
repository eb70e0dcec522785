//! Mistakes of a driver's hands and of the store's rules: the order of records and calls, leases, what an answer is taken for.

use quarterdeck::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use quarterdeck::domain::time::WorldTime;
use quarterdeck::operation::command::Command;
use quarterdeck::operation::event::{Event, EventBody};
use quarterdeck::operation::record::Appended;

use super::Hook;
use crate::hands::Told;
use crate::process::{Process, Stage};
use crate::sim::{Broke, Sim};
use crate::store::Gone;

/// Of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// A call without an answer is sent again.
    RetriesWithoutAnswer,
    /// What was refused is recorded as done.
    RefusalIsSuccess,
    /// No answer is recorded as a refusal.
    SilenceIsRefusal,
    /// Something else is sent than was intended.
    AnotherCallThanIntended,
    /// The intent is recorded once the call is made.
    IntentAfterCall,
    /// The outcome is kept in memory.
    OutcomeNotRecorded,
    /// A new driver looks at once, whatever its predecessor sent.
    NoWaitForACallInFlight,
    /// The lease is believed to be good.
    LeaseNotChecked,
    /// The lease is not looked at again when the bytes leave.
    LeaseNotLookedAtLast,
    /// A gate that says nothing in time is taken for one that lets pass.
    SilentGatePasses,
    /// The image of what is parked is deregistered.
    DeregistersWhatItParks,
    /// A rehearsal takes what it cannot see for healthy.
    RehearsesBlind,
}

/// Of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// Events are appended without a look at the lease's epoch in the same transaction.
    EpochNotChecked,
    /// An operation is created over one that holds the fleet.
    HolderNotLookedAt,
    /// An operation that lost the wheel is left unfinished.
    OldNotSuperseded,
    /// Its driver keeps its lease.
    EpochNotRaised,
    /// A bad release is not marked.
    MarkDropped,
    /// Something is noted of an operation that is over.
    EventAfterTheEnd,
    /// An answered command stays in the queue.
    CommandKept,
    /// An event gets lost.
    EventLost,
    /// Freezes are not read.
    FreezeNotRead,
    /// A listing of images that is not whole is taken for one that is.
    ListingTakenForWhole,
}

impl Sim {
    pub fn slips(&self, slip: Slip) -> bool {
        self.planted.is_some_and(|bug| matches!(bug.hook, Hook::Hands(planted) if planted == slip))
    }

    /// Appends, or only says so.
    pub fn append_slipping(&mut self, process: &mut Process, bodies: &[EventBody], now: WorldTime) -> Result<Result<Appended, Gone>, Broke> {
        let withholds = bodies.iter().any(|body| match body {
            EventBody::CallIntended { .. } => self.slips(Slip::IntentAfterCall),
            EventBody::CallEnded { .. } => self.slips(Slip::OutcomeNotRecorded),
            _ => false,
        });
        if !withholds {
            return self.append(process.at, process.epoch, bodies, now);
        }
        if self.slips(Slip::IntentAfterCall) {
            process.withheld = Some((bodies.to_vec(), now));
        }
        let first = self.store.records[process.at].events.len() as u64;
        let events = bodies.iter().zip(first..).map(|(body, seq)| Event { seq, at: now, body: body.clone() }).collect();
        Ok(Ok(Appended { events, retire: None }))
    }

    /// Sends, and tells what came of it.
    pub fn send_slipping(&mut self, process: &mut Process, call: CloudCall) -> Result<(), Broke> {
        let sent = if self.slips(Slip::AnotherCallThanIntended) { another(call.clone()) } else { call.clone() };
        self.send(process, sent)?;
        self.deregister_slipping(process, &call);
        let silent =
            |process: &Process| matches!(&process.stage, Stage::Tell(Told::Replied(Err(error))) if error.kind == CloudErrorKind::OutcomeUnknown);
        let refused =
            |process: &Process| matches!(&process.stage, Stage::Tell(Told::Replied(Err(error))) if error.kind != CloudErrorKind::OutcomeUnknown);
        if self.slips(Slip::RetriesWithoutAnswer) && silent(process) {
            self.send(process, call)?;
        } else if self.slips(Slip::SilenceIsRefusal) && silent(process) {
            let error = CloudError::new(CloudErrorKind::Network, call.aws_name(), "no answer");
            process.stage = Stage::Tell(Told::Replied(Err(error)));
        } else if self.slips(Slip::RefusalIsSuccess) && refused(process) {
            process.stage = Stage::Tell(Told::Replied(Ok(CallReply { template_version: Some(2), ..CallReply::default() })));
        }
        if let Some((bodies, now)) = process.withheld.take() {
            drop(self.append(process.at, process.epoch, &bodies, now)?);
        }
        Ok(())
    }

    /// The commands that wait, as a driver reads them.
    pub fn commands_as_read(&self, at: usize) -> Vec<Command> {
        let record = &self.store.records[at];
        let mut commands = record.commands.clone();
        if let Some(Hook::Commands(falsify)) = self.planted.map(|bug| bug.hook) {
            commands.iter_mut().for_each(|command| falsify(command, &record.progress, self.boot()));
        }
        commands
    }
}

fn another(call: CloudCall) -> CloudCall {
    match call {
        CloudCall::RaiseMin { group, min, max } => CloudCall::RaiseMin { group, min: min + 1, max: max.map(|max| max.max(min + 1)) },
        other => other,
    }
}
