//! Records of the store that cannot be trusted: shown as what they are, never driven, and closed by whoever goes back.

use serde::{Deserialize, Serialize};

use super::plan::{Plan, Refusal};
use super::record::OperationView;
use super::work::Work;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::text::Untrusted;

/// An operation whose record is not whole: nobody can say how far it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedOperation {
    /// Its id.
    pub id: OperationId,
    /// Its fleet.
    pub fleet: FleetName,
    /// `deploy`, `rollback`, … as the store has it.
    pub kind: Untrusted,
    /// It was not over when its record was damaged.
    pub unfinished: bool,
    /// It keeps its fleet from other operations.
    pub holds: bool,
    /// What is wrong with its record.
    pub what: String,
    /// Its plan, where that can still be read.
    pub plan: Option<Box<Plan>>,
}

impl DamagedOperation {
    /// What is wrong with which operation, a sentence without its full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("the record of {} ({} of {}) is damaged: {}", self.id, self.kind.shown(), self.fleet, self.what)
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        let (id, fleet) = (&self.id, &self.fleet);
        let export = format!("`qd op {id} --json` prints what is left of it");
        if self.kind.raw() == "bake" {
            return format!("what it made is removed by the next bake once its time to live is over; {export}");
        }
        match (self.unfinished, self.holds) {
            (true, true) => format!("`qd rollback {fleet}` plans the way back from the cloud and the ledger, and closes it; {export}"),
            (true, false) => format!("`qd drive --recover` gives back what it left, and closes it; {export}"),
            (false, _) => format!("it is over, nothing has to be done; {export}"),
        }
    }
}

/// What of a fleet's records cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetDamage {
    /// Operations, newest first.
    pub operations: Vec<DamagedOperation>,
    /// Entries of its ledger, each with what is wrong with it: a mark may be among them.
    pub ledger: Vec<String>,
}

impl FleetDamage {
    /// The damaged operation that holds the fleet.
    #[must_use]
    pub fn holder(&self) -> Option<&DamagedOperation> {
        self.operations.iter().find(|damaged| damaged.unfinished && damaged.holds)
    }

    /// A damaged operation that is not over and holds nothing: a retire.
    #[must_use]
    pub fn retire(&self) -> Option<&DamagedOperation> {
        self.operations.iter().find(|damaged| damaged.unfinished && !damaged.holds)
    }

    /// Everything, in words.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let operations = self.operations.iter().filter(|damaged| damaged.unfinished).map(DamagedOperation::sentence);
        operations.chain(self.ledger.iter().cloned()).collect()
    }
}

/// An operation as the bytes the store has of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RawOperation {
    /// Its id.
    pub id: OperationId,
    /// Its fleet.
    pub fleet: FleetName,
    /// What kind, as the store has it.
    pub kind: Untrusted,
    /// It is over.
    pub finished: bool,
    /// The record itself.
    pub record: Untrusted,
    /// Its events that are there.
    pub events: Vec<RawEvent>,
}

/// An event as the bytes the store has of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RawEvent {
    /// Its position.
    pub seq: u64,
    /// The lease it was written under.
    pub epoch: u64,
    /// The record itself.
    pub record: Untrusted,
}

impl<P: Work> OperationView<P> {
    /// Why no driver of this build may go on with it; none if one may. The world is left as it is.
    #[must_use]
    pub fn undrivable(&self, build: &str) -> Option<Refusal> {
        let (id, plan) = (&self.operation.id, &self.operation.plan);
        let again = plan.again(id);
        if plan.build() != build {
            let planned = Untrusted::from(plan.build()).shown();
            return Some(Refusal::new(
                format!("operation {id} was planned by Quarterdeck {planned}, this is {build}"),
                format!("drive it with that version, or {again}"),
            ));
        }
        self.edited().map(|how| Refusal::new(format!("the plan of operation {id} is not the one that was confirmed: {how}"), again))
    }

    /// How the plan differs from what its confirmation recorded, if somebody edited it in the store.
    fn edited(&self) -> Option<&'static str> {
        let plan = &self.operation.plan;
        if !plan.is_sealed() {
            return Some("its id is not that of its content");
        }
        let confirmed = self.events.first().and_then(|event| P::confirmed(&event.body));
        (confirmed != Some(plan)).then_some("it differs from the plan in its first event")
    }
}
