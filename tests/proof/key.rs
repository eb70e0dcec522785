//! What makes two moments of a rollout the same state: everything a way back depends on, but not what o'clock it is.

use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::observation::Depth;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::traffic::TargetState;
use quarterdeck::operation::ledger::LedgerBody;
use quarterdeck::operation::plan::StepKind;

use crate::book::Record;
use crate::stage::Stage;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    need: u32,
    operation: Option<OperationKey>,
    /// A call whose driver died has not arrived yet.
    in_the_air: bool,
    weights: [Option<u32>; 2],
    groups: [GroupKey; 2],
    /// Slot and mark of each entry of the ledger.
    ledger: Vec<(Slot, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OperationKey {
    word: &'static str,
    state: &'static str,
    step: usize,
    driven: bool,
    last_call: Option<(&'static str, &'static str)>,
    traffic_on_target: bool,
    settling: bool,
    evidence: bool,
    failed_verdict: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    sizes: (u32, u32, u32),
    version: Option<u64>,
    /// Starting, healthy, failing, draining.
    servers: [u32; 4],
}

impl Stage {
    pub fn key(&self) -> Key {
        let seen = self.look(Depth::Full);
        let active = self.book.active().map(|at| &self.book.records[at]);
        let actions = self.world.actions(self.ground.pair.place.arn()).unwrap();
        Key {
            need: active.or(self.book.records.last()).map_or(0, |record| record.progress.need),
            operation: active.map(|record| self.operation_key(record)),
            in_the_air: self.air.is_some(),
            weights: Slot::BOTH.map(|slot| actions.weight(self.ground.pair.target_groups.get(slot))),
            groups: Slot::BOTH.map(|slot| {
                let (group, health) = (seen.group(slot).unwrap(), seen.health.get(slot).value().unwrap());
                let count = |state| health.count_in(state);
                let draining = count(TargetState::Draining);
                let (healthy, failing) = (count(TargetState::Healthy), count(TargetState::Unhealthy));
                let starting = group.total().saturating_sub(healthy + failing + draining);
                let Sizes { min, max, desired } = group.sizes;
                let version = group.template.as_ref().and_then(quarterdeck::domain::group::TemplatePin::number);
                GroupKey { sizes: (min, max, desired), version, servers: [starting, healthy, failing, draining] }
            }),
            ledger: self.book.ledger.iter().map(|entry| (entry.release.slot, entry.body == LedgerBody::Marked)).collect(),
        }
    }

    fn operation_key(&self, record: &Record) -> OperationKey {
        let progress = &record.progress;
        let since = progress.written_at.map(|at| self.now().since(at));
        OperationKey {
            word: record.operation.word(),
            state: progress.state.word(),
            step: progress.current,
            driven: record.driver.is_some(),
            last_call: record.last_call,
            traffic_on_target: progress.traffic_on_target_at.is_some(),
            settling: since.is_some_and(|since| since < record.plan().timing.settle),
            evidence: progress.lower_evidence_at.is_some(),
            failed_verdict: progress.failed_verdict().is_some(),
        }
    }

    /// The operation at work, its step and its state, for the list that is printed.
    pub fn phase(&self) -> String {
        let Some(at) = self.book.active() else {
            let last = self.book.records.last();
            return last.map_or_else(|| "at rest".to_owned(), |last| format!("at rest, {} {}", last.operation.word(), last.progress.state.word()));
        };
        let record = &self.book.records[at];
        let step = record.plan().steps.get(record.progress.current).map_or("over".to_owned(), |step| step_word(step.kind));
        format!("{} {} at {step}", record.operation.word(), record.progress.state.word())
    }
}

fn step_word(kind: StepKind) -> String {
    match kind {
        StepKind::Weight(weight) => format!("weight {}", weight.weight_pct),
        other => format!("{other:?}"),
    }
}
