//! An operation as the store keeps it and as people look at it.

use serde::{Deserialize, Serialize};

use super::command::Who;
use super::event::{Event, OperationState};
use super::lease::Lease;
use super::plan::{OperationKind, Plan, StepKind};
use super::status::OperationBrief;
use super::work::{Standing, Work};
use crate::domain::fleet::Strategy;
use crate::domain::ids::OperationId;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;

/// A confirmed plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation<P = Plan> {
    /// Its id.
    pub id: OperationId,
    /// What it will do.
    pub plan: P,
    /// Who confirmed it.
    pub by: Who,
    /// Why.
    pub reason: Option<Untrusted>,
    /// When, in world time.
    pub created_at: WorldTime,
}

impl Operation {
    /// `canary`, `blue-green`, `rolling`, `rollback`, `retire` or `recycle`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match (self.plan.kind, self.plan.strategy) {
            (OperationKind::Deploy, Strategy::Canary) => "canary",
            (OperationKind::Deploy, Strategy::BlueGreen) => "blue-green",
            (OperationKind::Deploy, Strategy::Rolling) => "rolling",
            (OperationKind::Rollback, _) => "rollback",
            (OperationKind::Retire, _) => "retire",
            (OperationKind::Recycle, _) => "recycle",
        }
    }
}

/// What an append came to.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The events as recorded.
    pub events: Vec<Event>,
    /// The retire that follows, if one began.
    pub retire: Option<OperationId>,
}

/// An operation with everything that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationView<P: Work = Plan> {
    /// What was confirmed.
    pub operation: Operation<P>,
    /// The fold of its events.
    pub progress: P::Progress,
    /// All its events.
    pub events: Vec<Event>,
    /// Its lease, if a driver ever took it.
    pub lease: Option<Lease>,
    /// A process drives it now.
    pub driver_alive: bool,
}

impl<P: Work> OperationView<P> {
    /// The state.
    #[must_use]
    pub fn state(&self) -> OperationState {
        self.progress.state()
    }

    /// The number of the last event; none if there is none.
    #[must_use]
    pub fn last_event(&self) -> Option<u64> {
        self.events.last().map(|event| event.seq)
    }
}

impl OperationView {
    /// The share of the traffic that is asked for the side it moves to, in percent: of the step at work or the last one before it; none before
    /// any share was asked for.
    #[must_use]
    pub fn asked_pct(&self) -> Option<u32> {
        match (self.operation.plan.kind, self.progress.state) {
            (OperationKind::Rollback | OperationKind::Retire | OperationKind::Recycle, _) => Some(100),
            (OperationKind::Deploy, OperationState::BackingOut) => Some(0),
            (OperationKind::Deploy, _) => {
                let steps = self.operation.plan.steps.iter().take(self.progress.current + 1);
                steps.filter_map(|step| if let StepKind::Weight(weight) = step.kind { Some(weight.weight_pct) } else { None }).next_back()
            }
        }
    }

    /// The operation in one line.
    #[must_use]
    pub fn brief(&self) -> OperationBrief {
        let plan = &self.operation.plan;
        OperationBrief {
            id: self.operation.id.clone(),
            kind: plan.kind,
            word: self.operation.word().to_owned(),
            state: self.progress.state,
            reason: self.progress.reason.clone(),
            step: (self.progress.current + 1).min(plan.steps.len()),
            steps: plan.steps.len(),
            step_title: plan.steps.get(self.progress.current).map(|step| step.title.clone()).unwrap_or_default(),
            deadline: self.progress.deadline,
            from: plan.from.label(),
            to: plan.to.label(),
            driver_alive: self.driver_alive,
        }
    }
}
