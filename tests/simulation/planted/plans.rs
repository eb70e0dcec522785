//! Mistakes of the planner, and in what it and the driver read from the store.

use quarterdeck::domain::time::BootTime;
use quarterdeck::operation::command::Command;
use quarterdeck::operation::ledger::{LedgerBody, LedgerEntry};
use quarterdeck::operation::plan::{OperationKind, Plan, StepKind};
use quarterdeck::operation::progress::Progress;

pub fn floor_is_enough(plan: &mut Plan) {
    plan.need = plan.floor;
}

/// The live role's sizes with another operation's pins in them.
pub fn pins_frozen(plan: &mut Plan) {
    plan.live_sizes.min = plan.need;
}

/// Warm is warm, whatever runs there and however much of it.
pub fn r0_without_census(plan: &mut Plan) {
    if plan.kind == OperationKind::Rollback {
        plan.steps.retain(|step| step.kind != StepKind::GrowTarget);
    }
}

/// Traffic goes the wrong way.
pub fn sides_confused(plan: &mut Plan) {
    if plan.kind == OperationKind::Rollback {
        std::mem::swap(&mut plan.from, &mut plan.to);
    }
}

pub fn marks_not_read(ledger: &mut Vec<LedgerEntry>) {
    ledger.retain(|entry| entry.body != LedgerBody::Marked);
}

/// Whatever step its sender saw.
pub fn stale_promote(command: &mut Command, progress: &Progress, _: BootTime) {
    command.step = progress.current;
    command.typed = Some("web-prod".into());
    command.reason = Some("because".into());
}

/// However long it waited.
pub fn old_command(command: &mut Command, progress: &Progress, now: BootTime) {
    command.sent_at = now;
    stale_promote(command, progress, now);
}
