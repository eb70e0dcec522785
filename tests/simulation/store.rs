//! The store as the real one will work, in memory: events folded one by one, and what each of them brings about in the same moment.

use quarterdeck::domain::ids::OperationId;
use quarterdeck::domain::release::Release;
use quarterdeck::domain::time::{BootTime, WorldTime};
use quarterdeck::engine::consequence::{self, Consequence};
use quarterdeck::operation::command::{Command, Who};
use quarterdeck::operation::event::{Event, EventBody};
use quarterdeck::operation::ledger::{LedgerBody, LedgerEntry};
use quarterdeck::operation::plan::{OperationKind, Plan};
use quarterdeck::operation::progress::Progress;
use quarterdeck::operation::record::{Operation, OperationView};

pub struct Record {
    pub operation: Operation,
    pub events: Vec<Event>,
    pub progress: Progress,
    pub epoch: u64,
    /// A driver is at work, since when on its boot clock.
    pub driver: Option<BootTime>,
    pub commands: Vec<Command>,
    /// Something happened to it that it did not ask for, so that nothing is promised about how it ends.
    pub disturbed: bool,
    pub promoted: bool,
}

impl Record {
    pub fn is_final(&self) -> bool {
        self.progress.state.is_final()
    }

    pub fn kind(&self) -> OperationKind {
        self.operation.plan.kind
    }
}

#[derive(Default)]
pub struct Store {
    pub records: Vec<Record>,
    pub ledger: Vec<LedgerEntry>,
}

impl Store {
    /// The operation a driver has to do with: the newest that is not finished.
    pub fn active(&self) -> Option<usize> {
        self.records.iter().rposition(|record| !record.is_final())
    }

    pub fn create(&mut self, plan: Plan, now: WorldTime, driver: Option<BootTime>) -> usize {
        let id = OperationId::new(format!("op-{}", self.records.len() + 1));
        let by = Who::default();
        let operation = Operation { id, plan: plan.clone(), by: by.clone(), reason: None, created_at: now };
        let progress = Progress::new(&plan, now);
        let (events, commands) = (Vec::new(), Vec::new());
        self.records.push(Record { operation, events, progress, epoch: 0, driver, commands, disturbed: false, promoted: false });
        let at = self.records.len() - 1;
        let planned = EventBody::Planned { plan: Box::new(plan), by, reason: None };
        self.append(at, planned, now).expect("a new operation takes its plan");
        at
    }

    pub fn append(&mut self, at: usize, body: EventBody, now: WorldTime) -> Result<(), String> {
        let record = &mut self.records[at];
        if record.is_final() {
            return Err(format!("{} is finished and would get {body:?}", record.operation.id));
        }
        let consequences = consequence::of(&record.operation.plan, &record.progress, &body);
        let event = Event { seq: u64::try_from(record.events.len()).unwrap(), at: now, body };
        record.progress.apply(&event);
        record.events.push(event);
        for consequence in consequences {
            self.follow(at, consequence, now);
        }
        Ok(())
    }

    fn follow(&mut self, at: usize, consequence: Consequence, now: WorldTime) {
        let driver = self.records[at].driver;
        match consequence {
            Consequence::Stable(release) => {
                self.enter(release, LedgerBody::Stable { how: quarterdeck::operation::ledger::How::Deployed }, now);
            }
            Consequence::Mark(release) => self.enter(release, LedgerBody::Marked, now),
            Consequence::Retire(plan) => {
                self.create(*plan, now, driver);
            }
            Consequence::RetireAgain(id) => {
                let plan = self.records.iter().find(|record| record.operation.id == id).map(|record| record.operation.plan.clone());
                self.create(plan.expect("the operation that was superseded"), now, driver);
            }
        }
    }

    pub fn enter(&mut self, release: Release, body: LedgerBody, at: WorldTime) {
        let seq = u64::try_from(self.ledger.len()).unwrap() + 1;
        let entry = LedgerEntry { seq, fleet: "fleet".into(), at, release, body, by: "op".into(), reason: None, operation: None };
        self.ledger.push(entry);
    }

    /// Newest first, as plans want them.
    pub fn views(&self) -> Vec<OperationView> {
        let view = |record: &Record| OperationView {
            operation: record.operation.clone(),
            progress: record.progress.clone(),
            events: Vec::new(),
            lease: None,
            driver_alive: record.driver.is_some(),
        };
        self.records.iter().rev().map(view).collect()
    }

    /// S13, and that the fold of all events is what was folded one by one.
    pub fn check(&self) -> Result<(), String> {
        let open =
            |retire: bool| self.records.iter().filter(|record| !record.is_final() && (record.kind() == OperationKind::Retire) == retire).count();
        if open(false) + open(true) > 1 {
            return Err(format!("S13: {} operations and {} retires are not finished", open(false), open(true)));
        }
        Ok(())
    }

    pub fn check_folds(&self) -> Result<(), String> {
        match self.records.iter().find(|record| Progress::of(&record.operation.plan, &record.events) != record.progress) {
            Some(record) => Err(format!("S8: {} folds to something else", record.operation.id)),
            None => Ok(()),
        }
    }
}
