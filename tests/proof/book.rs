//! The store's rules in memory: events folded one by one, what each brings about in the same moment, who may take the wheel from whom.

use std::rc::Rc;

use quarterdeck::domain::ids::OperationId;
use quarterdeck::domain::release::Release;
use quarterdeck::domain::time::{BootTime, WorldTime};
use quarterdeck::operation::command::Who;
use quarterdeck::operation::consequence::{self, Consequence};
use quarterdeck::operation::event::{CallOutcome, Event, EventBody};
use quarterdeck::operation::ledger::{How, LedgerBody, LedgerEntry};
use quarterdeck::operation::plan::{OperationKind, Plan};
use quarterdeck::operation::progress::Progress;
use quarterdeck::operation::record::{Operation, OperationView};

/// One operation with what is folded of it; the events themselves are not kept.
#[derive(Clone)]
pub struct Record {
    pub operation: Rc<Operation>,
    pub progress: Progress,
    /// A driver is at work, since when on its boot clock.
    pub driver: Option<BootTime>,
    /// The last call and what came of it.
    pub last_call: Option<(&'static str, &'static str)>,
    events: u64,
}

impl Record {
    pub fn plan(&self) -> &Plan {
        &self.operation.plan
    }

    pub fn kind(&self) -> OperationKind {
        self.operation.plan.kind
    }

    pub fn is_final(&self) -> bool {
        self.progress.state.is_final()
    }
}

#[derive(Clone, Default)]
pub struct Book {
    pub records: Vec<Record>,
    pub ledger: Vec<LedgerEntry>,
}

impl Book {
    /// The operation a driver has to do with: the newest, unless it is finished.
    pub fn active(&self) -> Option<usize> {
        self.records.iter().rposition(|record| !record.is_final())
    }

    /// Confirms a plan. A rollback takes the wheel from whoever holds the fleet, everything from a waiting retire.
    pub fn create(&mut self, plan: Plan, by: &Who, now: WorldTime, driver: Option<BootTime>) -> Result<usize, String> {
        if let Some(holder) = self.records.iter().find(|record| !record.is_final() && record.kind() != OperationKind::Retire)
            && (plan.kind != OperationKind::Rollback || plan.supersedes.as_ref() != Some(&holder.operation.id))
        {
            return Err(format!("{} holds the fleet", holder.operation.id));
        }
        let id = OperationId::new(format!("op-{}", self.records.len() + 1));
        while let Some(old) = self.active() {
            self.append(old, EventBody::SupersededBy { operation: id.clone() }, now)?;
            self.records[old].driver = None;
        }
        let progress = Progress::new(&plan, now);
        let operation = Rc::new(Operation { id, plan, by: by.clone(), reason: None, created_at: now });
        self.records.push(Record { operation, progress, driver, last_call: None, events: 1 });
        Ok(self.records.len() - 1)
    }

    pub fn append(&mut self, at: usize, body: EventBody, now: WorldTime) -> Result<(), String> {
        let record = &mut self.records[at];
        if record.is_final() {
            return Err(format!("S13: {} is finished and would get {body:?}", record.operation.id));
        }
        let follows = consequence::of(&record.operation.plan, &record.progress, &body);
        record.note_call(&body);
        record.progress.apply(&Event { seq: record.events, at: now, body });
        record.events += 1;
        follows.into_iter().try_for_each(|consequence| self.follow(at, consequence, now))
    }

    fn follow(&mut self, at: usize, consequence: Consequence, now: WorldTime) -> Result<(), String> {
        match consequence {
            Consequence::Stable(release) => self.enter(release, LedgerBody::Stable { how: How::Deployed }, now),
            Consequence::Mark(release) => self.enter(release, LedgerBody::Marked, now),
            Consequence::Retire(plan) => self.begin_retire(at, *plan, now),
            Consequence::RetireAgain(id) => {
                let earlier = self.records.iter().find(|record| record.operation.id == id).map(|record| record.operation.plan.clone());
                self.begin_retire(at, earlier.ok_or("a retire that never was is to begin again")?, now);
            }
        }
        Ok(())
    }

    fn begin_retire(&mut self, after: usize, plan: Plan, now: WorldTime) {
        let (driver, by) = (self.records[after].driver, self.records[after].operation.by.clone());
        let id = OperationId::new(format!("op-{}", self.records.len() + 1));
        let progress = Progress::new(&plan, now);
        let operation = Rc::new(Operation { id, plan, by, reason: None, created_at: now });
        self.records.push(Record { operation, progress, driver, last_call: None, events: 1 });
    }

    pub fn enter(&mut self, release: Release, body: LedgerBody, at: WorldTime) {
        let seq = u64::try_from(self.ledger.len()).unwrap() + 1;
        self.ledger.push(LedgerEntry { seq, fleet: "fleet".into(), at, release, body, by: "op".into(), reason: None, operation: None });
    }

    /// Newest first, as plans want them.
    pub fn views(&self) -> Vec<OperationView> {
        let view = |record: &Record| OperationView {
            operation: (*record.operation).clone(),
            progress: record.progress.clone(),
            events: Vec::new(),
            lease: None,
            driver_alive: record.driver.is_some(),
        };
        self.records.iter().rev().map(view).collect()
    }
}

impl Record {
    fn note_call(&mut self, body: &EventBody) {
        match body {
            EventBody::CallIntended { call, .. } => self.last_call = Some((call_word(call), "intended")),
            EventBody::CallEnded { outcome, .. } => {
                let how = match outcome {
                    CallOutcome::Accepted(_) => "accepted",
                    CallOutcome::Refused { .. } => "refused",
                    CallOutcome::Unknown { .. } => "unknown",
                };
                self.last_call = self.last_call.map(|(what, _)| (what, how));
            }
            _ => {}
        }
    }
}

pub const fn call_word(call: &quarterdeck::domain::call::CloudCall) -> &'static str {
    use quarterdeck::domain::call::CloudCall;
    match call {
        CloudCall::CreateTemplateVersion { .. } => "make version",
        CloudCall::PinTemplate { .. } => "pin version",
        CloudCall::RaiseMin { .. } => "raise",
        CloudCall::ReleaseMin { .. } => "give pin back",
        CloudCall::Park { .. } => "park",
        CloudCall::SetWeights { .. } => "weights",
        CloudCall::AttachTargetGroup { .. } => "attach",
        CloudCall::DetachTargetGroup { .. } => "detach",
        CloudCall::StartInstanceRefresh { .. } => "start refresh",
        CloudCall::CancelInstanceRefresh { .. } => "cancel refresh",
        CloudCall::RollbackInstanceRefresh { .. } => "roll refresh back",
        CloudCall::SuspendProcesses { .. } => "suspend",
        CloudCall::ResumeProcesses { .. } => "resume",
        CloudCall::Tag { .. } => "tag",
        CloudCall::Untag { .. } => "untag",
        CloudCall::Build { .. } => "bake",
        CloudCall::Image { .. } => "image",
    }
}
