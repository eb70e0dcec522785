//! Mistakes in what a decision comes to: the wrong call, the wrong order, the wrong end.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::{Slot, WeightStep};
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::time::Millis;
use quarterdeck::domain::traffic::{RouteAction, RouteActions};
use quarterdeck::engine::{Decision, Situation, WantedCall};
use quarterdeck::operation::event::{EventBody, OperationState, StepOutcome, VerdictWord};
use quarterdeck::operation::plan::{OperationKind, StepKind};

pub fn step(situation: &Situation<'_>) -> Option<StepKind> {
    situation.plan.steps.get(situation.progress.current).map(|step| step.kind)
}

pub fn is_forward(situation: &Situation<'_>) -> bool {
    situation.plan.kind == OperationKind::Deploy && situation.progress.state == OperationState::Running
}

pub fn weighs(situation: &Situation<'_>) -> Option<WeightStep> {
    match step(situation) {
        Some(StepKind::Weight(weight)) if is_forward(situation) => Some(weight),
        _ => None,
    }
}

/// It waits and nothing else.
pub fn waits(decision: &Decision) -> bool {
    decision.call.is_none() && !decision.events.iter().any(|body| matches!(body, EventBody::StepEnded { .. } | EventBody::StateChanged { .. }))
}

pub fn instead(decision: &mut Decision, call: CloudCall) {
    decision.call = Some(WantedCall { call, why: "a mistake".to_owned() });
    decision.wait = Millis::ZERO;
}

fn weights(situation: &Situation<'_>, to_pct: u32) -> Option<CloudCall> {
    let place = situation.plan.scope.route.place()?.clone();
    let scope = &situation.plan.scope;
    let (from, to) = (scope.target_group(situation.plan.from.slot)?, scope.target_group(situation.plan.to.slot)?);
    let actions = situation.seen.route.value()?.with_weights(&[(from.clone(), 100 - to_pct), (to.clone(), to_pct)]);
    Some(CloudCall::SetWeights { place, actions })
}

fn share_pct(situation: &Situation<'_>, slot: Slot) -> f64 {
    situation.seen.share(slot).unwrap_or(0.0) * 100.0
}

fn change_weights(decision: &mut Decision, change: impl FnOnce(&mut RouteActions)) {
    if let Some(WantedCall { call: CloudCall::SetWeights { actions, .. }, .. }) = &mut decision.call {
        change(actions);
    }
}

fn each_forward(actions: &mut RouteActions, mut change: impl FnMut(&mut Vec<(quarterdeck::domain::ids::TargetGroupArn, u32)>)) {
    for action in &mut actions.0 {
        if let RouteAction::Forward { weights, .. } = action {
            change(weights);
        }
    }
}

pub fn actions_dropped(_: &Situation<'_>, decision: &mut Decision) {
    change_weights(decision, |actions| actions.0.retain(|action| matches!(action, RouteAction::Forward { .. })));
}

pub fn one_group_in_the_call(situation: &Situation<'_>, decision: &mut Decision) {
    let kept = situation.plan.scope.target_group(situation.plan.to.slot).cloned();
    change_weights(decision, |actions| each_forward(actions, |weights| weights.retain(|(arn, _)| Some(arn) == kept.as_ref())));
}

/// First the one weight, then the other.
pub fn weights_in_two_calls(situation: &Situation<'_>, decision: &mut Decision) {
    let to = situation.plan.scope.target_group(situation.plan.to.slot).cloned();
    let before = situation.seen.route.value().cloned();
    let second = situation.progress.expected_routes.len() > 1;
    change_weights(decision, |actions| {
        each_forward(actions, |weights| {
            for (arn, weight) in weights.iter_mut().filter(|(arn, _)| Some(arn) != to.as_ref() && !second) {
                *weight = before.as_ref().and_then(|before| before.weight(arn)).unwrap_or(*weight);
            }
        });
    });
}

pub fn all_weights_zero(_: &Situation<'_>, decision: &mut Decision) {
    change_weights(decision, |actions| each_forward(actions, |weights| weights.iter_mut().for_each(|(_, weight)| *weight = 0)));
}

pub fn more_than_the_step(situation: &Situation<'_>, decision: &mut Decision) {
    let more = weighs(situation).filter(|weight| weight.weight_pct < 90).and_then(|weight| weights(situation, weight.weight_pct + 7));
    if let (Some(WantedCall { call: CloudCall::SetWeights { .. }, .. }), Some(more)) = (&decision.call, more) {
        instead(decision, more);
    }
}

pub fn weight_before_size(situation: &Situation<'_>, decision: &mut Decision) {
    let Some(weight) = weighs(situation) else { return };
    if share_pct(situation, situation.plan.to.slot) < f64::from(weight.weight_pct)
        && let Some(call) = weights(situation, weight.weight_pct)
    {
        instead(decision, call);
    }
}

/// The candidate's target group is tried with a little traffic before its first server is there.
pub fn weight_before_any_server(situation: &Situation<'_>, decision: &mut Decision) {
    if is_forward(situation) && matches!(step(situation), Some(StepKind::OneBox | StepKind::FullSize)) && waits(decision) {
        decision.call = weights(situation, 1).map(|call| WantedCall { call, why: "a mistake".to_owned() });
    }
}

pub fn another_place(_: &Situation<'_>, decision: &mut Decision) {
    if let Some(WantedCall { call: CloudCall::SetWeights { place, .. }, .. }) = &mut decision.call {
        *place = another_rule();
    }
}

/// The rule of `admin-prod`.
fn another_rule() -> quarterdeck::domain::fleet::RoutePlace {
    let world = quarterdeck::world::World::new(quarterdeck::world::Scenario::Default, 1, quarterdeck::domain::time::WorldTime(0));
    let admin = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "admin-prod").unwrap();
    admin.route.place().cloned().unwrap()
}

pub fn another_group(_: &Situation<'_>, decision: &mut Decision) {
    if let Some(WantedCall { call: CloudCall::RaiseMin { group, .. }, .. }) = &mut decision.call {
        *group = "search-prod-a".into();
    }
}

/// So many more than there are, not so many.
pub fn relative_capacity(situation: &Situation<'_>, decision: &mut Decision) {
    if let Some(WantedCall { call: CloudCall::RaiseMin { group, min, max }, .. }) = &mut decision.call {
        let now = Slot::BOTH.into_iter().filter_map(|slot| situation.seen.group(slot)).find(|found| found.name == *group);
        let desired = now.map_or(0, |group| group.sizes.desired);
        *min += desired;
        *max = Some((*max).unwrap_or(0).max(*min).max(situation.plan.live_sizes.max));
    }
}

pub fn candidate_parked_on_the_way(situation: &Situation<'_>, decision: &mut Decision) {
    if weighs(situation).is_some() && situation.progress.soak_counts.is_some() && waits(decision) {
        instead(decision, CloudCall::Park { group: situation.plan.to.group.clone(), sizes: Sizes::all(0) });
    }
}

pub fn live_parked(situation: &Situation<'_>, decision: &mut Decision) {
    if let Some(WantedCall { call: CloudCall::Park { group, .. }, .. }) = &mut decision.call
        && situation.plan.kind == OperationKind::Retire
    {
        *group = situation.plan.to.group.clone();
    }
}

pub fn pin_released_while_it_may_be_needed(situation: &Situation<'_>, decision: &mut Decision) {
    if weighs(situation).is_some() && situation.progress.soak_counts.is_some() && waits(decision) {
        instead(decision, CloudCall::ReleaseMin { group: situation.plan.from.group.clone(), min: situation.plan.live_sizes.min });
    }
}

/// The step ends well, whatever was decided.
fn pass(situation: &Situation<'_>, decision: &mut Decision) {
    let ends = |body: &EventBody| matches!(body, EventBody::StepEnded { .. } | EventBody::StepStarted { .. } | EventBody::StateChanged { .. });
    decision.events.retain(|body| !ends(body));
    let at = situation.progress.current;
    let next = Some(at + 1).filter(|next| *next < situation.plan.steps.len());
    decision.events.push(EventBody::StepEnded { step: at, outcome: StepOutcome::Success, note: "a mistake".to_owned(), next });
    decision.events.extend(next.map(|step| EventBody::StepStarted { step }));
    decision.call = None;
    decision.wait = Millis(1);
}

/// The end of the soak with this verdict.
fn after_soak(situation: &Situation<'_>, word: VerdictWord) -> bool {
    let Some(weight) = weighs(situation) else { return false };
    let verdict = situation.progress.steps.get(situation.progress.current).and_then(|status| status.verdict.as_ref());
    situation.progress.observed >= weight.soak && verdict.is_some_and(|verdict| verdict.word == word)
}

pub fn no_data_passes(situation: &Situation<'_>, decision: &mut Decision) {
    let undecided = decision.events.iter().any(|body| matches!(body, EventBody::StateChanged { to: OperationState::Holding, .. }));
    if weighs(situation).is_some() && undecided && !situation.progress.promoted {
        pass(situation, decision);
    }
}

/// A failed verdict is looked at once, and then forgotten.
pub fn failed_verdict_forgotten(situation: &Situation<'_>, decision: &mut Decision) {
    if weighs(situation).is_none() {
        return;
    }
    let backs_out = |body: &EventBody| matches!(body, EventBody::StateChanged { to: OperationState::BackingOut, .. });
    let failed = |body: &EventBody| matches!(body, EventBody::StepEnded { outcome: StepOutcome::Failed, .. });
    if decision.events.iter().any(backs_out) {
        decision.events.retain(|body| !backs_out(body) && !failed(body));
        decision.wait = situation.plan.timing.period_soak;
        if after_soak(situation, VerdictWord::Fail) || situation.waited_long() {
            pass(situation, decision);
        }
    }
}

trait Waited {
    fn waited_long(&self) -> bool;
}

impl Waited for Situation<'_> {
    fn waited_long(&self) -> bool {
        self.progress.step_started_at.is_some_and(|since| self.now.since(since) > Millis::mins(8))
    }
}

pub fn blind_looks_soak(situation: &Situation<'_>, decision: &mut Decision) {
    if weighs(situation).is_some() && !situation.seen.is_complete() && situation.progress.soak_counts.is_some() {
        let last = situation.progress.last_observed_at.unwrap_or(situation.now);
        let streak = situation.progress.streak + 1;
        decision.events.retain(|body| !matches!(body, EventBody::Observed { .. }));
        decision.events.push(EventBody::Observed { added: situation.now.since(last), streak });
    }
}

pub fn stable_at_first_sight(situation: &Situation<'_>, decision: &mut Decision) {
    if is_forward(situation) && step(situation) == Some(StepKind::Stable) && waits(decision) {
        pass(situation, decision);
        decision.events.push(EventBody::BecameStable);
        decision.events.push(EventBody::StateChanged { to: OperationState::Succeeded, reason: "a mistake".to_owned(), deadline: None });
    }
}

pub fn back_out_ends_before_the_weights(situation: &Situation<'_>, decision: &mut Decision) {
    if situation.progress.state == OperationState::BackingOut {
        *decision = Decision::default();
        decision.events.push(EventBody::StateChanged { to: OperationState::BackedOut, reason: "a mistake".to_owned(), deadline: None });
    }
}

pub fn back_out_never_moves(situation: &Situation<'_>, decision: &mut Decision) {
    if situation.progress.state == OperationState::BackingOut {
        *decision = Decision { wait: situation.plan.timing.period_moving, ..Decision::default() };
    }
}

pub fn rollback_ends_before_the_shift(situation: &Situation<'_>, decision: &mut Decision) {
    if situation.plan.kind == OperationKind::Rollback && step(situation) == Some(StepKind::Shift) {
        decision.call = None;
        decision.events.push(EventBody::StateChanged { to: OperationState::Succeeded, reason: "a mistake".to_owned(), deadline: None });
    }
}

pub fn rollback_shifts_to_what_cannot_carry(situation: &Situation<'_>, decision: &mut Decision) {
    let some = situation.seen.healthy_targets(situation.plan.to.slot).is_some_and(|healthy| healthy > 0);
    if situation.plan.kind == OperationKind::Rollback && step(situation) == Some(StepKind::GrowTarget) && some {
        decision.call = weights(situation, 100).map(|call| WantedCall { call, why: "a mistake".to_owned() }).or(decision.call.take());
    }
}

pub fn rollback_gives_back_to_the_bad(situation: &Situation<'_>, decision: &mut Decision) {
    let there = share_pct(situation, situation.plan.to.slot) >= 100.0;
    if situation.plan.kind == OperationKind::Rollback && step(situation) == Some(StepKind::Settle) && there && waits(decision) {
        decision.call = weights(situation, 50).map(|call| WantedCall { call, why: "a mistake".to_owned() });
    }
}

pub fn pause_not_heeded(situation: &Situation<'_>, decision: &mut Decision) {
    if situation.progress.state == OperationState::Paused {
        let group = situation.plan.to.group.clone();
        instead(decision, CloudCall::RaiseMin { group, min: 1, max: Some(situation.plan.live_sizes.max) });
    }
}
