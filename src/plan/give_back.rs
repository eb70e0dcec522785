//! Planning to give back what an operation left that nobody drives any more: what serves nothing becomes idle, pins and the claim go back.

use super::deploy::{fully_seen, unclaimed};
use super::facts::{Facts, draft, hurried};
use crate::domain::fleet::Slot;
use crate::domain::sizes::Sizes;
use crate::operation::claim::claim_on;
use crate::operation::ledger::known_releases;
use crate::operation::plan::{OperationKind, Plan, PlanStep, Refusal, Side, StepKind};

/// A retire of what is left, taking the wheel from a retire that cannot go on; none if nothing is left.
///
/// # Errors
/// A refusal: which group is to be kept is not clear, or not everything can be seen.
pub fn plan(facts: &Facts<'_>) -> Result<Option<Plan>, Refusal> {
    facts.drivable()?;
    unheld(facts)?;
    fully_seen(facts)?;
    unclaimed(facts)?;
    let name = &facts.spec.name;
    let live = facts.serving_slot().ok_or_else(|| {
        Refusal::new(
            format!("{name} has no single group that serves, so nothing of it is idle"),
            format!("go back to one release: `qd rollback {name}`"),
        )
    })?;
    let keep = facts.side(live)?;
    is_known_good(facts, &keep)?;
    let (live_group, idle_group) = (facts.group(live)?, facts.group(live.other())?);
    let live_sizes = facts.live_sizes(live_group.sizes);
    let at_rest = live_group.sizes.min <= live_sizes.min && idle_group.sizes == Sizes::all(facts.spec.idle_size) && !claimed_by_us(facts);
    if at_rest && facts.superseded().is_none() {
        return Ok(None);
    }
    let mut plan = draft(facts, OperationKind::Retire, facts.side_going_away(live.other())?, keep);
    plan.live_sizes = live_sizes;
    plan.need = facts.spec.floor.max(live_group.sizes.desired.min(live_sizes.max));
    plan.supersedes = facts.superseded();
    plan.steps = steps(facts, &plan);
    plan.checks = hurried(facts).into_iter().collect();
    Ok(Some(plan.sealed()))
}

fn unheld(facts: &Facts<'_>) -> Result<(), Refusal> {
    let holder = facts.holder().map(|view| &view.operation.id).or_else(|| facts.damage.holder().map(|damaged| &damaged.id));
    holder.map_or(Ok(()), |id| Err(Refusal::new(format!("{} is held by {id}", facts.spec.name), format!("look at it: `qd op {id}`"))))
}

/// What is kept must be what a person would go back to: a release that was stable and is not marked.
fn is_known_good(facts: &Facts<'_>, keep: &Side) -> Result<(), Refusal> {
    let release = keep.release(keep.template_version.unwrap_or_default());
    let good = known_releases(facts.ledger).iter().any(|known| known.marked.is_none() && known.release.is_same(&release));
    if good {
        return Ok(());
    }
    let name = &facts.spec.name;
    Err(Refusal::new(
        format!("{} serves in {name} and is no release that is known good, so nothing it may go back to is given up", keep.label()),
        format!("decide: `qd rollback {name}`, or deploy another image"),
    ))
}

fn claimed_by_us(facts: &Facts<'_>) -> bool {
    let groups = Slot::BOTH.into_iter().filter_map(|slot| facts.seen.group(slot));
    groups.filter_map(claim_on).any(|claim| claim.is_by(&facts.setting.store))
}

/// A window that another driver had begun begins anew: nobody can say how much of it was observed.
fn steps(facts: &Facts<'_>, plan: &Plan) -> Vec<PlanStep> {
    let step = |kind: StepKind, title: String| PlanStep { kind, title, expected: None };
    let in_window = facts.waiting_retire().is_some_and(|view| view.progress.current == 0) || facts.damage.retire().is_some();
    let window = PlanStep { expected: Some(plan.window), ..step(StepKind::Window, format!("keep {} warm", plan.from.label())) };
    let rest = [step(StepKind::Park, format!("park {}", plan.from.group)), step(StepKind::GiveBack, "give back the pins".to_owned())];
    Some(window).filter(|_| in_window).into_iter().chain(rest).collect()
}
