//! A plan that changes a fleet, as work that is recorded.

use super::command::{CommandKind, Who};
use super::consequence::{self, Consequence};
use super::event::{Event, EventBody, OperationState};
use super::gate::Gate;
use super::history::kind_of_step;
use super::outcome::CallInFlight;
use super::plan::{OperationKind, Plan};
use super::progress::{Progress, StepStatus};
use super::record::Operation;
use super::work::{Standing, Work};
use crate::domain::ids::OperationId;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;

impl Work for Plan {
    type Progress = Progress;

    fn kind_word(&self) -> &'static str {
        self.kind.word()
    }

    fn subject(&self) -> &str {
        self.fleet.as_str()
    }

    fn holds(&self) -> bool {
        self.kind != OperationKind::Retire
    }

    fn build(&self) -> &str {
        &self.build
    }

    fn is_sealed(&self) -> bool {
        self.clone().sealed().id == self.id
    }

    fn again(&self, _id: &OperationId) -> String {
        format!("plan again: `qd rollback {}`, or `qd drive --recover` for what only has to be given back", self.fleet)
    }

    fn step_count(&self) -> usize {
        self.steps.len()
    }

    fn step_title(&self, step: usize) -> Option<&str> {
        self.steps.get(step).map(|step| step.title.as_str())
    }

    fn gate_name(&self, gate: usize) -> Option<String> {
        self.gates.get(gate).map(Gate::name)
    }

    fn target(&self) -> String {
        self.to.label()
    }

    fn headline(&self) -> String {
        format!("{} {} -> {}", self.fleet, self.from.label(), self.to.label())
    }

    fn history_of(&self, step: usize) -> Option<(String, String)> {
        let kind = kind_of_step(self, self.steps.get(step)?.kind)?;
        Some((self.fleet.as_str().to_owned(), kind.to_owned()))
    }

    fn planned(&self, by: &Who, reason: Option<&Untrusted>) -> EventBody {
        EventBody::Planned { plan: Box::new(self.clone()), by: by.clone(), reason: reason.cloned() }
    }

    fn confirmed(first: &EventBody) -> Option<&Self> {
        match first {
            EventBody::Planned { plan, .. } => Some(plan),
            _ => None,
        }
    }

    fn start(&self, at: WorldTime) -> Progress {
        Progress::new(self, at)
    }

    fn consequences(&self, progress: &Progress, body: &EventBody) -> Vec<Consequence> {
        consequence::of(self, progress, body)
    }

    fn rollout(operation: &Operation<Self>) -> Option<&Operation<Plan>> {
        Some(operation)
    }
}

impl Standing for Progress {
    fn take_in(&mut self, event: &Event) {
        self.apply(event);
    }

    fn state(&self) -> OperationState {
        self.state
    }

    fn reason(&self) -> &str {
        &self.reason
    }

    fn since(&self) -> WorldTime {
        self.since
    }

    fn deadline(&self) -> Option<WorldTime> {
        self.deadline
    }

    fn current(&self) -> usize {
        self.current
    }

    fn steps(&self) -> &[StepStatus] {
        &self.steps
    }

    fn in_flight(&self) -> Option<&CallInFlight> {
        self.in_flight.as_ref()
    }

    fn intended(&self) -> u64 {
        self.calls.intended
    }

    fn obeyed(&self) -> Option<&(CommandKind, String)> {
        self.obeyed.as_ref()
    }
}
