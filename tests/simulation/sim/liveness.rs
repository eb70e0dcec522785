//! How long an operation may take once nothing is wrong any more.

use quarterdeck::domain::time::Millis;
use quarterdeck::operation::gate::GATE_LIMIT;
use quarterdeck::operation::plan::StepKind;

use super::{Broke, LAUNCH, Sim};
use crate::checks::refreshed_twice;
use crate::store::Record;

impl Sim {
    /// Liveness: once nothing is wrong any more, an operation ends within its bound.
    pub(super) fn in_time(&self) -> Result<(), Broke> {
        let Some(record) = self.active() else { return Ok(()) };
        let since = self.trouble_until.max(record.operation.created_at);
        let bound = bound(record);
        if self.clock > since.plus(bound) {
            let (id, state, reason) = (&record.operation.id, record.progress.state.word(), &record.progress.reason);
            return Err(format!("liveness: {id} is {state} ({reason}) {} after the last fault, its bound is {bound}", self.clock.since(since)));
        }
        Ok(())
    }
}

/// Waits, three launches, draining and twenty periods; a deploy may hold once until its deadline.
fn bound(record: &Record) -> Millis {
    let plan = &record.operation.plan;
    let timing = &plan.timing;
    let soaks = plan.steps.iter().map(|step| match step.kind {
        StepKind::Weight(weight) => weight.soak.times(2).plus(timing.settle),
        StepKind::Window => plan.window,
        StepKind::Stable => timing.stable_gap.times(3),
        _ => Millis::ZERO,
    });
    let waits = soaks.fold(timing.settle.plus(timing.launch_limit), Millis::plus);
    let holds = if plan.kind.backs_out() { timing.hold_deadline.plus(timing.launch_limit) } else { Millis::ZERO };
    let refreshes =
        plan.refresh.as_ref().map_or(Millis::ZERO, |refresh| refreshed_twice(plan).times(2).plus(Millis::secs(u64::from(refresh.bake_secs))));
    waits
        .plus(GATE_LIMIT.times(plan.gates.len() as u64))
        .plus(if plan.schema.is_some() { Millis::mins(30) } else { Millis::ZERO })
        .plus(refreshes)
        .plus(holds)
        .plus(LAUNCH.times(3))
        .plus(Millis::secs(120))
        .plus(timing.period_window.times(20))
}
