//! The store as the real one works, in memory: every write is one transaction that begins with the lease's epoch, and what an event brings
//! about is written with it. `src/adapters/store` is what it mirrors.

use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::ids::OperationId;
use quarterdeck::domain::release::Release;
use quarterdeck::domain::time::{BootTime, WorldTime};
use quarterdeck::engine::answer::Answer;
use quarterdeck::engine::consequence::{self, Consequence};
use quarterdeck::operation::command::{Command, Who};
use quarterdeck::operation::event::{Event, EventBody};
use quarterdeck::operation::lease::{Holder, HolderProcess, LEASE_LIFE, Lease};
use quarterdeck::operation::ledger::{How, LedgerBody, LedgerEntry};
use quarterdeck::operation::plan::{OperationKind, Plan, StepKind};
use quarterdeck::operation::progress::Progress;
use quarterdeck::operation::record::{Appended, Operation, OperationView};

use crate::planted::Lapse;

/// Why a driver cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    LeaseLost,
    DiskFull,
    Finished,
    HasDriver,
}

/// Why a plan was not written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCreated {
    /// By this operation.
    Held(OperationId),
    /// There is no room to come to rest.
    NoReserve,
}

pub struct Record {
    pub operation: Operation,
    pub events: Vec<Event>,
    pub progress: Progress,
    pub lease: Option<Lease>,
    pub commands: Vec<Command>,
    /// Something happened to it that it did not ask for, so that nothing is promised about how it ends.
    pub disturbed: bool,
    pub promoted: bool,
    /// Epochs of its events, in order.
    pub epochs: Vec<u64>,
}

impl Record {
    pub fn is_final(&self) -> bool {
        self.progress.state.is_final()
    }

    pub fn kind(&self) -> OperationKind {
        self.operation.plan.kind
    }

    /// Where traffic has to be while a way back empties and launches its target anew.
    pub fn empties_for(&self) -> Option<Slot> {
        let plan = &self.operation.plan;
        let step = plan.steps.get(self.progress.current).map(|step| step.kind);
        let empties = self.kind() == OperationKind::Rollback && matches!(step, Some(StepKind::EmptySlot | StepKind::Template));
        empties.then_some(plan.from.slot)
    }

    pub fn epoch(&self) -> u64 {
        self.lease.as_ref().map_or(0, |lease| lease.epoch)
    }
}

/// How much room there is: the reserve is given up once, and lasts for so many writes.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    pub full: bool,
    pub reserve: bool,
    room: u32,
}

impl Default for Disk {
    fn default() -> Self {
        Self { full: false, reserve: true, room: 0 }
    }
}

/// Writes a reserve has room for.
const RESERVE_ROOM: u32 = 400;

#[derive(Default)]
pub struct Store {
    pub records: Vec<Record>,
    pub ledger: Vec<LedgerEntry>,
    pub disk: Disk,
    /// A mistake planted in its rules.
    pub lapse: Option<Lapse>,
    next_command: u64,
}

impl Store {
    /// The operation a driver has to do with: the newest that is not finished.
    pub fn active(&self) -> Option<usize> {
        self.records.iter().rposition(|record| !record.is_final())
    }

    pub fn find(&self, id: &OperationId) -> Option<usize> {
        self.records.iter().position(|record| record.operation.id == *id)
    }

    /// One write: on a full disk the reserve is given up first.
    fn room(&mut self) -> Result<(), Gone> {
        if !self.disk.full {
            return Ok(());
        }
        if self.disk.reserve {
            (self.disk.reserve, self.disk.room) = (false, RESERVE_ROOM);
        }
        self.disk.room = self.disk.room.checked_sub(1).ok_or(Gone::DiskFull)?;
        Ok(())
    }

    /// There is room again: whoever opens the store next fills the reserve.
    pub fn free_disk(&mut self) {
        self.disk = Disk::default();
    }

    pub fn create(&mut self, plan: Plan, now: WorldTime) -> Result<usize, NotCreated> {
        if plan.kind == OperationKind::Deploy && !self.disk.reserve {
            return Err(NotCreated::NoReserve);
        }
        self.room().map_err(|_| NotCreated::NoReserve)?;
        let holder = self.records.iter().find(|record| !record.is_final() && record.kind() != OperationKind::Retire);
        if let Some(holder) = holder.map(|record| record.operation.id.clone()).filter(|_| self.lapse != Some(Lapse::HolderNotLookedAt))
            && (plan.kind != OperationKind::Rollback || plan.supersedes.as_ref() != Some(&holder))
        {
            return Err(NotCreated::Held(holder));
        }
        let id = OperationId::new(format!("op-{}", self.records.len() + 1));
        for old in (0..self.records.len()).filter(|at| !self.records[*at].is_final()).collect::<Vec<_>>() {
            if self.lapse == Some(Lapse::OldNotSuperseded) {
                continue;
            }
            let record = &mut self.records[old];
            let epoch = record.epoch() + 1;
            if self.lapse != Some(Lapse::EpochNotRaised) {
                record.lease = Some(Lease { epoch, holder: None, deadline: BootTime(0) });
            }
            self.put(old, epoch, EventBody::SupersededBy { operation: id.clone() }, now);
        }
        Ok(self.insert(plan, now))
    }

    fn insert(&mut self, plan: Plan, now: WorldTime) -> usize {
        let id = OperationId::new(format!("op-{}", self.records.len() + 1));
        let operation = Operation { id, plan: plan.clone(), by: Who::default(), reason: None, created_at: now };
        let progress = Progress::new(&plan, now);
        let (events, commands, epochs) = (Vec::new(), Vec::new(), Vec::new());
        self.records.push(Record { operation, events, progress, lease: None, commands, disturbed: false, promoted: false, epochs });
        let at = self.records.len() - 1;
        self.put(at, 0, EventBody::Planned { plan: Box::new(plan), by: Who::default(), reason: None }, now);
        at
    }

    fn put(&mut self, at: usize, epoch: u64, body: EventBody, now: WorldTime) -> Event {
        let record = &mut self.records[at];
        let event = Event { seq: record.events.len() as u64, at: now, body };
        record.progress.apply(&event);
        if self.lapse == Some(Lapse::EventLost) && matches!(event.body, EventBody::Observed { .. }) {
            return event;
        }
        record.events.push(event.clone());
        record.epochs.push(epoch);
        event
    }

    fn holds(&self, at: usize, epoch: u64) -> Result<(), Gone> {
        let current = self.records[at].lease.as_ref().filter(|lease| lease.holder.is_some()).map(|lease| lease.epoch);
        if current == Some(epoch) { Ok(()) } else { Err(Gone::LeaseLost) }
    }

    pub fn append(&mut self, at: usize, epoch: u64, bodies: &[EventBody], now: WorldTime) -> Result<Appended, Gone> {
        self.room()?;
        if self.lapse != Some(Lapse::EpochNotChecked) {
            self.holds(at, epoch)?;
        }
        let mut appended = Appended { events: Vec::new(), retire: None };
        for body in bodies {
            let record = &self.records[at];
            let consequences = consequence::of(&record.operation.plan, &record.progress, body);
            appended.events.push(self.put(at, epoch, body.clone(), now));
            for consequence in consequences {
                appended.retire = self.follow(consequence, now).or(appended.retire);
            }
        }
        Ok(appended)
    }

    /// Nothing at all if the command is answered already, or was withdrawn.
    pub fn append_answer(&mut self, at: usize, epoch: u64, command: u64, answer: &Answer, now: WorldTime) -> Result<Option<Appended>, Gone> {
        let Some(found) = self.records[at].commands.iter().position(|pending| pending.id == command) else { return Ok(None) };
        let appended = self.append(at, epoch, &answer.events, now)?;
        if self.lapse != Some(Lapse::CommandKept) {
            self.records[at].commands.remove(found);
        }
        Ok(Some(appended))
    }

    fn follow(&mut self, consequence: Consequence, now: WorldTime) -> Option<OperationId> {
        let retire = match consequence {
            Consequence::Stable(release) => {
                self.enter(release, LedgerBody::Stable { how: How::Deployed }, now);
                return None;
            }
            Consequence::Mark(_) if self.lapse == Some(Lapse::MarkDropped) => return None,
            Consequence::Mark(release) => {
                self.enter(release, LedgerBody::Marked, now);
                return None;
            }
            Consequence::Retire(plan) => self.insert(*plan, now),
            Consequence::RetireAgain(id) => {
                let plan = self.records[self.find(&id).expect("the operation that was superseded")].operation.plan.clone();
                self.insert(plan, now)
            }
        };
        Some(self.records[retire].operation.id.clone())
    }

    pub fn enter(&mut self, release: Release, body: LedgerBody, at: WorldTime) {
        let seq = self.ledger.len() as u64 + 1;
        let entry = LedgerEntry { seq, fleet: "fleet".into(), at, release, body, by: "op".into(), reason: None, operation: None };
        self.ledger.push(entry);
    }

    /// `alive` tells whether a process with that number is still there.
    pub fn take_lease(&mut self, at: usize, pid: u32, boot: BootTime, alive: impl Fn(u32) -> bool) -> Result<Lease, Gone> {
        self.room()?;
        let record = &mut self.records[at];
        if record.is_final() {
            return Err(Gone::Finished);
        }
        if let Some(old) = &record.lease {
            let process = match &old.holder {
                Some(holder) if alive(holder.pid) => HolderProcess::Alive,
                _ => HolderProcess::Gone,
            };
            if !old.is_free(boot, "boot", process) {
                return Err(Gone::HasDriver);
            }
        }
        let holder = Holder { host: "bastion".into(), boot_id: "boot".to_owned(), pid, started_ticks: 0 };
        let lease = Lease { epoch: record.epoch() + 1, holder: Some(holder), deadline: boot.plus(LEASE_LIFE) };
        record.lease = Some(lease.clone());
        Ok(lease)
    }

    pub fn renew_lease(&mut self, at: usize, epoch: u64, boot: BootTime) -> Result<BootTime, Gone> {
        self.room()?;
        self.holds(at, epoch)?;
        let deadline = boot.plus(LEASE_LIFE);
        if let Some(lease) = &mut self.records[at].lease {
            lease.deadline = deadline;
        }
        Ok(deadline)
    }

    pub fn release_lease(&mut self, at: usize, epoch: u64) -> Result<(), Gone> {
        self.room()?;
        if self.lapse == Some(Lapse::EventAfterTheEnd) {
            let now = self.records[at].events.last().map_or(WorldTime(0), |event| event.at);
            self.put(at, epoch, EventBody::Noted { text: "the driver leaves".to_owned() }, now);
        }
        if self.holds(at, epoch).is_ok()
            && let Some(lease) = &mut self.records[at].lease
        {
            lease.holder = None;
        }
        Ok(())
    }

    /// A command waits, or somebody took the lease.
    pub fn has_news(&self, at: usize, epoch: u64) -> Result<bool, Gone> {
        self.holds(at, epoch)?;
        Ok(!self.records[at].commands.is_empty())
    }

    pub fn send_command(&mut self, at: usize, command: Command) {
        let id = self.next_command;
        self.next_command += 1;
        self.records[at].commands.push(Command { id, ..command });
    }

    /// Newest first, as plans want them.
    pub fn views(&self) -> Vec<OperationView> {
        let view = |record: &Record| OperationView {
            operation: record.operation.clone(),
            progress: record.progress.clone(),
            events: Vec::new(),
            lease: None,
            driver_alive: record.lease.as_ref().is_some_and(|lease| lease.holder.is_some()),
        };
        self.records.iter().rev().map(view).collect()
    }

    /// S13: at most one operation holds the fleet, and finished operations stay finished.
    pub fn check(&self) -> Result<(), String> {
        let open =
            |retire: bool| self.records.iter().filter(|record| !record.is_final() && (record.kind() == OperationKind::Retire) == retire).count();
        if open(false) + open(true) > 1 {
            return Err(format!("S13: {} operations and {} retires are not finished", open(false), open(true)));
        }
        Ok(())
    }

    /// S8 and S3 over all that was recorded: the fold of all events is what was folded one by one, nothing follows an end, and no driver
    /// writes after its successor.
    pub fn check_folds(&self) -> Result<(), String> {
        for record in &self.records {
            let id = &record.operation.id;
            if Progress::of(&record.operation.plan, &record.events) != record.progress {
                return Err(format!("S8: {id} folds to something else"));
            }
            if record.epochs.windows(2).any(|pair| pair[0] > pair[1]) {
                return Err(format!("S3: {id} was written to by a driver after its successor"));
            }
            let ends = record.events.iter().filter(|event| is_end(&event.body)).count();
            // Of two people who asked something in the same moment the second is told that it is over by now.
            let is_told = |event: &&Event| matches!(event.body, EventBody::CommandAnswered { accepted: false, .. });
            let last = record.events.iter().rfind(|event| !is_told(event)).is_some_and(|event| is_end(&event.body));
            if record.is_final() && (ends != 1 || !last) {
                return Err(format!("S13: {id} ended {ends} times, or something followed its end"));
            }
        }
        Ok(())
    }
}

fn is_end(body: &EventBody) -> bool {
    match body {
        EventBody::StateChanged { to, .. } => to.is_final(),
        EventBody::SupersededBy { .. } => true,
        _ => false,
    }
}
