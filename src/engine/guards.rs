//! Invariants checked on every call the engine decides on, named as the rollout rules name them.

use super::schema;
use super::situation::Situation;
use crate::domain::call::CloudCall;
use crate::domain::fleet::{Route, Slot};
use crate::domain::ids::{GroupName, TargetGroupArn, TemplateId};
use crate::domain::refresh::RefreshPreferences;
use crate::domain::sizes::share_of;
use crate::domain::traffic::RouteActions;
use crate::operation::event::OperationState;
use crate::operation::plan::{OperationKind, StepKind};

/// An invariant the engine was about to break. A value, never a panic: the driver records it and stops in place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant {id} would break: {what}")]
pub struct Broken {
    /// `S1` … `S22`.
    pub id: &'static str,
    /// What would happen.
    pub what: String,
}

fn broken(id: &'static str, what: impl Into<String>) -> Broken {
    Broken { id, what: what.into() }
}

pub(super) fn check(situation: &Situation<'_>, call: &CloudCall) -> Result<(), Broken> {
    schema::check(situation, call)?;
    match call {
        CloudCall::SetWeights { place, actions } => {
            if Some(place) != situation.plan.scope.route.place() {
                return Err(broken("S11", "a place outside the plan would be written"));
            }
            weights(situation, actions)
        }
        CloudCall::AttachTargetGroup { group, target_group } => attached(situation, owned_target(situation, group, target_group)?),
        CloudCall::DetachTargetGroup { group, target_group } => detached(situation, owned_target(situation, group, target_group)?),
        CloudCall::Park { group, .. } => parked(situation, owned(situation, group)?),
        CloudCall::RaiseMin { group, .. } | CloudCall::ReleaseMin { group, .. } | CloudCall::PinTemplate { group, .. } => {
            owned(situation, group).map(|_| ())
        }
        CloudCall::StartInstanceRefresh { group, template, version, preferences } => {
            owned(situation, group)?;
            refreshed(situation, (template, *version), preferences)
        }
        CloudCall::SuspendProcesses { group, .. } | CloudCall::ResumeProcesses { group, .. } => owned(situation, group).map(|_| ()),
        CloudCall::CancelInstanceRefresh { group } | CloudCall::RollbackInstanceRefresh { group } => owned(situation, group).map(|_| ()),
        CloudCall::Tag { groups, .. } | CloudCall::Untag { groups, .. } => groups.iter().try_for_each(|group| owned(situation, group).map(|_| ())),
        CloudCall::CreateTemplateVersion { template, .. } if *template == situation.plan.to.template => Ok(()),
        CloudCall::CreateTemplateVersion { .. } => Err(broken("S11", "a template outside the plan would be written")),
        CloudCall::Build { .. } | CloudCall::Image { .. } => Err(broken("S11", "a rollout makes no images and says nothing of them")),
    }
}

fn owned(situation: &Situation<'_>, group: &GroupName) -> Result<Slot, Broken> {
    Slot::BOTH.into_iter().find(|slot| situation.side(*slot).group == *group).ok_or_else(|| broken("S11", format!("{group} is not in the plan")))
}

fn owned_target(situation: &Situation<'_>, group: &GroupName, target_group: &TargetGroupArn) -> Result<Slot, Broken> {
    let slot = owned(situation, group)?;
    let is_planned = situation.plan.scope.target_group(slot) == Some(target_group);
    if is_planned { Ok(slot) } else { Err(broken("S11", format!("{target_group} is not in the plan"))) }
}

/// The way back: an operation that undoes, or one that is undone.
fn goes_back(situation: &Situation<'_>) -> bool {
    situation.plan.kind == OperationKind::Rollback || situation.progress.state == OperationState::BackingOut
}

/// Whose servers may be let into the traffic: none are anybody's; on the way back those of the side that is gone back to; on the way forward
/// as many healthy ones of the new release as the step's share needs.
fn attached(situation: &Situation<'_>, slot: Slot) -> Result<(), Broken> {
    let name = &situation.side(slot).group;
    let Some(group) = situation.group(slot) else { return Err(broken("S9", format!("{name} was not read"))) };
    let good = match situation.plan.kind {
        OperationKind::Deploy => situation.plan.from.slot,
        OperationKind::Rollback | OperationKind::Retire | OperationKind::Recycle => situation.plan.to.slot,
    };
    if group.total() == 0 || slot == good {
        return Ok(());
    }
    let Some(StepKind::Weight(step)) = situation.plan.steps.get(situation.progress.current).map(|step| step.kind).filter(|_| !goes_back(situation))
    else {
        return Err(broken("S4", format!("{name} would get traffic when it is not its turn")));
    };
    let (healthy, wanted) = (situation.healthy(slot), situation.size_for(step.weight_pct));
    match healthy {
        None => Err(broken("S9", format!("the health of {name} is unknown"))),
        Some(healthy) if healthy < wanted => Err(broken("S17", format!("{healthy} healthy servers for {}%, {wanted} are needed", step.weight_pct))),
        Some(_) if situation.strangers(slot) != Some(0) => Err(broken("S2", format!("servers of another release in {name} would get traffic"))),
        Some(_) => Ok(()),
    }
}

/// A group is taken off the traffic only while the other one serves; stable on the way forward only once the candidate carries everything.
fn detached(situation: &Situation<'_>, slot: Slot) -> Result<(), Broken> {
    let (name, other) = (&situation.side(slot).group, slot.other());
    if situation.group(slot).is_some_and(|group| group.total() == 0) {
        return Ok(());
    }
    if situation.seen.serves(other) != Some(true) {
        return Err(broken("S2", format!("nothing would serve without {name}")));
    }
    let carrying = situation.carrying(other);
    match (situation.plan.kind, carrying) {
        (_, Some(0)) => Err(broken("S2", format!("no healthy server would serve without {name}"))),
        (OperationKind::Retire, _) => Err(broken("S4", "a retire changes no traffic")),
        _ if goes_back(situation) => Ok(()),
        (_, None) => Err(broken("S9", format!("what serves without {name} is unknown"))),
        (_, Some(healthy)) if slot == situation.plan.from.slot && healthy < situation.progress.need => {
            Err(broken("S4", format!("{healthy} healthy servers would serve without {name}, {} are needed", situation.progress.need)))
        }
        (_, Some(_)) => Ok(()),
    }
}

/// Only the plan's own two versions are launched, and never fewer servers serve than are wanted.
fn refreshed(situation: &Situation<'_>, (template, version): (&TemplateId, u64), preferences: &RefreshPreferences) -> Result<(), Broken> {
    let sides = [(&situation.plan.to.template, situation.to_version()), (&situation.plan.from.template, situation.plan.from.template_version)];
    if !sides.contains(&(template, Some(version))) {
        return Err(broken("S11", format!("{template} version {version} is not in the plan")));
    }
    if preferences.min_healthy_pct < 100 {
        return Err(broken("S1", format!("a refresh would leave only {}% healthy", preferences.min_healthy_pct)));
    }
    Ok(())
}

fn weights(situation: &Situation<'_>, actions: &RouteActions) -> Result<(), Broken> {
    let Some(read) = situation.seen.route.value() else { return Err(broken("S2", "the route was not read")) };
    if !actions.same_but_weights(read) {
        return Err(broken("S2", "something besides the weights would change"));
    }
    let weight = |slot: Slot| actions.weight(situation.plan.scope.target_group(slot)?);
    if Slot::BOTH.iter().any(|slot| weight(*slot).is_none()) || Slot::BOTH.iter().all(|slot| weight(*slot) == Some(0)) {
        return Err(broken("S2", "both weights go in one call and not both are zero"));
    }
    Slot::BOTH.into_iter().try_for_each(|slot| rising(situation, slot, actions))
}

/// A group whose weight rises has healthy targets; on the way forward enough of them for its share.
fn rising(situation: &Situation<'_>, slot: Slot, actions: &RouteActions) -> Result<(), Broken> {
    let before = situation.seen.share(slot).unwrap_or(0.0);
    let after = situation.plan.scope.target_group(slot).and_then(|arn| actions.share(arn)).unwrap_or(0.0);
    if after <= before {
        return Ok(());
    }
    let healthy = situation.seen.healthy_targets(slot);
    let goes_back = goes_back(situation);
    match healthy {
        Some(0) => Err(broken("S2", format!("{} would get weight without a healthy target", situation.side(slot).group))),
        None if !goes_back => Err(broken("S9", format!("the health of {} is unknown", situation.side(slot).group))),
        None => Ok(()),
        Some(_) if goes_back => Ok(()),
        Some(healthy) => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is 0–1")]
            let pct = (after * 100.0).round() as u32;
            let wanted = share_of(situation.progress.need, pct);
            if healthy < wanted { Err(broken("S17", format!("{healthy} healthy targets for {pct}%, {wanted} are needed"))) } else { Ok(()) }
        }
    }
}

/// Only a group that serves nothing is lowered, and stable only in a retire or by a rollback away from it.
fn parked(situation: &Situation<'_>, slot: Slot) -> Result<(), Broken> {
    let keeps = situation.healthy(slot.other()).unwrap_or(0);
    match situation.route() {
        Route::None if keeps == 0 => return Err(broken("S4", format!("nothing would work without {}", situation.side(slot).group))),
        Route::None => {}
        _ if situation.seen.serves(slot) == Some(false) => {}
        _ => return Err(broken("S4", format!("{} still gets traffic", situation.side(slot).group))),
    }
    if !situation.seen.is_complete() {
        return Err(broken("S10", "a group would be lowered on an incomplete observation"));
    }
    let empties = situation.plan.steps.get(situation.progress.current).is_some_and(|step| step.kind == StepKind::EmptySlot);
    match situation.plan.kind {
        OperationKind::Deploy if slot == situation.plan.from.slot => Err(broken("S4", "a deploy would lower the stable group")),
        OperationKind::Deploy if !empties && situation.progress.state != OperationState::BackingOut => {
            Err(broken("S4", "a deploy would lower its candidate on the way forward"))
        }
        OperationKind::Rollback if slot == situation.plan.to.slot && situation.makes_room() => Ok(()),
        OperationKind::Rollback | OperationKind::Retire if slot == situation.plan.to.slot => {
            Err(broken("S4", "the group that serves would be lowered"))
        }
        _ => Ok(()),
    }
}
