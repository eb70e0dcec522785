//! What people cannot ask of an operation while AWS's own engine does its work.

use super::command::CommandKind;
use super::event::OperationState;
use super::plan::{Plan, StepKind};
use super::progress::Progress;

/// AWS's engine is at work for this operation, as far as its steps tell.
#[must_use]
pub fn aws_drives(plan: &Plan, progress: &Progress) -> bool {
    let step = plan.steps.get(progress.current).map(|step| step.kind);
    progress.refresh.starts > 0 && matches!(step, Some(StepKind::Refresh | StepKind::Bake))
}

/// Why a command has to be refused: an instance refresh has no pause, and nobody can hurry it.
#[must_use]
pub fn hindrance(plan: &Plan, progress: &Progress, kind: CommandKind) -> Option<&'static str> {
    match kind {
        CommandKind::Pause if aws_drives(plan, progress) => Some("AWS's engine replaces the servers and has no pause: let it go on, or back out"),
        CommandKind::Promote if aws_drives(plan, progress) && !matches!(progress.state, OperationState::Holding) => {
            Some("AWS's engine replaces the servers at its own pace: there is nothing to skip")
        }
        _ => None,
    }
}
