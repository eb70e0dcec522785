//! The fleet's own gates: each looks at the candidate at weight 0, one after the other; one veto and the deploy backs out.

use super::situation::Situation;
use super::{Move, Step};
use crate::operation::gate::gate_run;

pub(super) fn next(situation: &Situation<'_>) -> Step {
    let (plan, ended) = (situation.plan, &situation.progress.gates);
    let veto = ended.iter().find(|(_, outcome)| !outcome.passed);
    if let Some((number, outcome)) = veto {
        let name = plan.gates.get(*number).map_or_else(|| "?".to_owned(), crate::operation::gate::Gate::name);
        return Move::BackOut { why: format!("gate {name} does not let {} pass: {}", situation.to().label(), outcome.said.shown()) }.into();
    }
    let Some(number) = (0..plan.gates.len()).find(|number| !ended.contains_key(number)) else {
        return Move::done(format!("{} of {} gates passed", ended.len(), plan.gates.len())).into();
    };
    match gate_run(number, &situation.claimant.operation, plan, situation.seen) {
        Some(run) => Move::Gate { run, period: plan.timing.period_moving }.into(),
        None => Move::hold("a gate of the plan cannot be run").into(),
    }
}
