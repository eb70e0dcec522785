//! The soak of a step: time that counts, what is judged meanwhile, and what a verdict leads to.

use super::situation::Situation;
use super::verdict::{self, Looked};
use super::{Move, Step};
use crate::domain::analysis::OnFail;
use crate::domain::fleet::{Strategy, WeightStep};
use crate::domain::time::Millis;
use crate::operation::event::{EventBody, StepOutcome, Verdict, VerdictWord};
use crate::operation::plan::StepKind;

/// Lets the candidate serve its share for a while, and judges it.
pub(super) fn soak(situation: &Situation<'_>, step: WeightStep) -> Step {
    let timing = &situation.plan.timing;
    if situation.progress.soak_counts.is_none() {
        let counts = situation.seen.counts.clone();
        return Step { events: vec![EventBody::SoakBegan { counts }], then: Move::wait("the soak begins", timing.period_soak) };
    }
    let enough = situation.size_for(step.weight_pct);
    let healthy = situation.healthy(situation.to().slot).unwrap_or(0);
    let mut events: Vec<_> = situation.count_observation(timing.period_soak, healthy >= enough).into_iter().collect();
    let looked = verdict::look(situation, step);
    let then = soak_move(situation, step, looked.as_ref().map(|looked| &looked.verdict), healthy >= enough);
    events.extend(looked.and_then(|looked| recorded(situation, looked)));
    Step { events, then }
}

/// The event that records a look, if it says something else than the last one or is acted on.
fn recorded(situation: &Situation<'_>, looked: Looked) -> Option<EventBody> {
    let step = situation.progress.current;
    let last = situation.progress.steps.get(step).and_then(|now| now.verdict.as_ref());
    let same = last.is_some_and(|last| {
        let of = |verdict: &Verdict| (verdict.word, verdict.candidate, verdict.stable);
        of(last) == of(&looked.verdict) && (looked.verdict.look.is_none() || last.look == looked.verdict.look)
    });
    (!same).then_some(EventBody::Judged { step, verdict: looked.verdict, evidence: looked.evidence })
}

fn soak_move(situation: &Situation<'_>, step: WeightStep, verdict: Option<&Verdict>, healthy: bool) -> Move {
    let timing = &situation.plan.timing;
    if situation.progress.promoted && !situation.is_settling() {
        return Move::Done { outcome: StepOutcome::Skipped, note: "promoted by a person".to_owned() };
    }
    let failed = verdict.filter(|verdict| verdict.word == VerdictWord::Fail).or_else(|| situation.progress.failed_verdict());
    if let (Some(failed), false) = (failed, situation.progress.promoted) {
        return match situation.plan.analysis.on_fail {
            OnFail::BackOut => Move::BackOut { why: verdict::words(failed) },
            OnFail::Hold => Move::hold(format!("{}: back out, or promote against it", verdict::words(failed))),
        };
    }
    let left = step.soak.minus(situation.progress.observed);
    if left > Millis::ZERO || situation.is_settling() {
        let limit = situation.plan.timing.launch_limit.plus(step.soak.times(2));
        if !healthy && situation.stays_short(limit) {
            return Move::hold(format!("too few servers of {} stay healthy{}", situation.to().group, situation.for_want_of()));
        }
        return Move::wait(format!("soak, {left} to go"), timing.period_soak.min(left.plus(Millis(1))));
    }
    match verdict::awaited(situation, step) {
        // The look that ends the soak is in this very period where there is one.
        Some(lacking) if verdict.is_none_or(|verdict| verdict.look.is_none()) => Move::wait(lacking, timing.period_soak),
        _ => soaked(situation, step, verdict.or_else(|| verdict::standing(situation))),
    }
}

fn soaked(situation: &Situation<'_>, step: WeightStep, verdict: Option<&Verdict>) -> Move {
    match verdict {
        Some(verdict) if verdict.word == VerdictWord::Pass => Move::done(verdict::words(verdict)),
        Some(verdict) => Move::hold(verdict::with_what_decides(situation, verdict)),
        None if verdict::nothing_to_compare(situation, step) => {
            Move::Done { outcome: StepOutcome::Warning, note: "timed only: stable serves nothing any more to compare with".to_owned() }
        }
        None if situation.plan.judged => Move::hold("requests and errors cannot be read: no verdict"),
        None if is_before_all(situation) => Move::hold(format!("{}% was timed only: promote to send everything", step.weight_pct)),
        None => Move::Done { outcome: StepOutcome::Warning, note: "timed only: nobody counts requests and errors here".to_owned() },
    }
}

/// The next step of a canary sends everything.
fn is_before_all(situation: &Situation<'_>) -> bool {
    let next = situation.plan.steps.get(situation.progress.current + 1);
    situation.plan.strategy == Strategy::Canary && next.is_some_and(|next| matches!(next.kind, StepKind::Weight(WeightStep { weight_pct: 100, .. })))
}
