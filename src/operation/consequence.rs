//! What an event means beyond its operation: entries of the ledger, and the retire that follows a stable deploy.

use super::event::{EventBody, OperationState};
use super::plan::{OperationKind, Plan, PlanStep, StepKind};
use super::progress::Progress;
use super::status::WayBackLevel;
use crate::domain::ids::OperationId;
use crate::domain::release::Release;

/// Something to be written in the same transaction as the event.
#[derive(Clone, Debug, PartialEq)]
pub enum Consequence {
    /// The release enters the ledger: deployed, or rolled back to in a new place.
    Stable(Release),
    /// The release is bad: nobody goes back to it.
    Mark(Release),
    /// A retire of the old group begins.
    Retire(Box<Plan>),
    /// The retire this deploy took the wheel from begins again: the deploy ended before it touched that group.
    RetireAgain(OperationId),
}

/// What follows from `event`, given everything before it.
#[must_use]
pub fn of(plan: &Plan, progress: &Progress, event: &EventBody) -> Vec<Consequence> {
    match event {
        EventBody::BecameStable => {
            // A rolling deploy leaves nothing behind that could be parked.
            let retire = plan.refresh.is_none().then(|| Consequence::Retire(Box::new(retire_plan(plan, progress))));
            let stable = progress.candidate_version.map(|version| Consequence::Stable(plan.to.release(version)));
            stable.into_iter().chain(retire).collect()
        }
        EventBody::TrafficOnTarget => {
            let moved = launched_anew(plan, progress).map(Consequence::Stable);
            marked(plan).map(Consequence::Mark).into_iter().chain(moved).collect()
        }
        EventBody::StateChanged { to: OperationState::BackedOut | OperationState::Failed, .. } if touched_nothing(plan, progress) => {
            plan.supersedes.clone().map(Consequence::RetireAgain).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn marked(plan: &Plan) -> Option<Release> {
    plan.from.template_version.filter(|_| plan.leaves_bad).map(|version| plan.from.release(version))
}

/// What a rollback launched anew serves from another place than the ledger knows.
fn launched_anew(plan: &Plan, progress: &Progress) -> Option<Release> {
    progress.candidate_version.filter(|_| plan.level == Some(WayBackLevel::R2)).map(|version| plan.to.release(version))
}

/// The deploy took the wheel from a retire and got no further than its claim.
#[must_use]
pub fn touched_nothing(plan: &Plan, progress: &Progress) -> bool {
    let begun = |at: usize| progress.steps.get(at).is_some_and(|step| step.started_at.is_some());
    let claims = plan.steps.iter().take_while(|step| step.kind == StepKind::Claim).count();
    plan.kind == OperationKind::Deploy && plan.supersedes.is_some() && !begun(claims)
}

/// The plan that parks what a stable deploy left behind.
fn retire_plan(deploy: &Plan, progress: &Progress) -> Plan {
    let mut plan = deploy.clone();
    plan.kind = OperationKind::Retire;
    plan.to.template_version = progress.candidate_version;
    plan.need = progress.need;
    plan.supersedes = None;
    plan.differences = Vec::new();
    plan.checks = Vec::new();
    plan.schema = None;
    plan.changes = None;
    for side in [&mut plan.from, &mut plan.to] {
        side.attached = progress.may_read_attached(&side.group).last().copied().unwrap_or(side.attached);
    }
    if let Some(route) = progress.expected_routes.last() {
        plan.actions = route.clone();
    }
    plan.steps = vec![
        PlanStep { kind: StepKind::Window, title: format!("keep {} warm", plan.from.label()), expected: Some(plan.window) },
        PlanStep { kind: StepKind::Park, title: format!("park {}", plan.from.group), expected: None },
        PlanStep { kind: StepKind::GiveBack, title: "give back the pins".to_owned(), expected: None },
    ];
    plan.sealed()
}
