//! Mistakes in what a decision is made from: something is not looked at, not waited for, or taken for what it is not.

use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::group::{PinnedVersion, ServerGroup};
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::sizes::Sizes;
use quarterdeck::domain::time::Millis;
use quarterdeck::domain::traffic::{TargetHealth, TargetState};
use quarterdeck::operation::claim::{CLAIM_KEY, Claim};
use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::plan::{OperationKind, StepKind};

use super::Eyes;

impl Eyes {
    pub fn step(&self) -> Option<StepKind> {
        self.plan.steps.get(self.progress.current).map(|step| step.kind)
    }

    pub fn group(&mut self, slot: Slot) -> Option<&mut ServerGroup> {
        match self.seen.groups.get_mut(slot) {
            Reading::Known { value, .. } => Some(value),
            Reading::Unknown { .. } | Reading::Missing { .. } => None,
        }
    }

    fn health(&mut self, slot: Slot) -> Option<&mut TargetHealth> {
        match self.seen.health.get_mut(slot) {
            Reading::Known { value, .. } => Some(value),
            Reading::Unknown { .. } | Reading::Missing { .. } => None,
        }
    }

    fn is_weighing(&self) -> bool {
        matches!(self.step(), Some(StepKind::Weight(_))) && self.is_forward()
    }

    fn is_forward(&self) -> bool {
        self.plan.kind == OperationKind::Deploy && self.progress.state != OperationState::BackingOut
    }

    /// All servers in service of a slot pass.
    fn all_pass(&mut self, slot: Slot, only: &[TargetState]) {
        let ids: Vec<_> = self.group(slot).map(|group| group.instances.iter().map(|instance| instance.id.clone()).collect()).unwrap_or_default();
        if let Some(health) = self.health(slot) {
            for id in ids {
                let state = health.targets.entry(id).or_insert(TargetState::Unknown);
                if only.contains(state) {
                    *state = TargetState::Healthy;
                }
            }
        }
    }
}

/// The first of two readings is enough.
pub fn one_reading(eyes: &mut Eyes) {
    eyes.progress.lower_evidence_at = Some(eyes.now.minus(eyes.plan.timing.lower_gap));
    if !eyes.is_forward() {
        eyes.progress.observed = eyes.progress.observed.max(eyes.plan.timing.lower_gap);
    }
}

pub fn settles_at_once(eyes: &mut Eyes) {
    eyes.plan.timing.settle = Millis::ZERO;
}

pub fn health_hidden_is_health(eyes: &mut Eyes) {
    for slot in Slot::BOTH {
        if let (Some(group), Reading::Unknown { .. }) = (eyes.seen.group(slot), eyes.seen.health.get(slot)) {
            let targets = group.instances.iter().map(|instance| (instance.id.clone(), TargetState::Healthy)).collect();
            *eyes.seen.health.get_mut(slot) = Reading::known(TargetHealth { targets }, eyes.now);
        }
    }
}

pub fn no_verdict_yet_is_health(eyes: &mut Eyes) {
    for slot in Slot::BOTH {
        eyes.all_pass(slot, &[TargetState::Initial, TargetState::Unknown]);
    }
}

pub fn auto_scaling_alone_is_believed(eyes: &mut Eyes) {
    for slot in Slot::BOTH {
        eyes.all_pass(slot, &[TargetState::Initial, TargetState::Unknown, TargetState::Unhealthy]);
    }
}

/// The candidate is counted with one server that is not there.
pub fn one_server_short(eyes: &mut Eyes) {
    let slot = eyes.plan.to.slot;
    if !eyes.is_weighing() {
        return;
    }
    let Some(mut more) = eyes.group(slot).and_then(|group| group.instances.first().cloned()) else { return };
    more.id = "i-nobody".into();
    if let Some(health) = eyes.health(slot) {
        health.targets.insert(more.id.clone(), TargetState::Healthy);
    }
    if let Some(group) = eyes.group(slot) {
        group.instances.push(more);
    }
}

/// The stable group looks pinned already.
pub fn stable_pin_forgotten(eyes: &mut Eyes) {
    let (need, slot) = (eyes.progress.need, eyes.plan.from.slot);
    if let Some(group) = eyes.group(slot).filter(|group| group.sizes.min < need) {
        group.sizes.min = need;
    }
}

pub fn window_in_wall_time(eyes: &mut Eyes) {
    if eyes.step() == Some(StepKind::Window) {
        eyes.progress.observed = eyes.progress.step_started_at.map_or(Millis::ZERO, |since| eyes.now.since(since));
    }
}

pub fn window_in_seconds_for_minutes(eyes: &mut Eyes) {
    eyes.plan.window = eyes.plan.window.scaled(60);
}

/// Any time since the soak began counts.
pub fn dead_time_soaks(eyes: &mut Eyes) {
    if eyes.is_weighing() && eyes.progress.soak_counts.is_some() {
        let since = eyes.progress.last_observed_at.map_or(Millis::ZERO, |last| eyes.now.since(last));
        eyes.progress.observed = eyes.progress.observed.plus(since);
    }
}

pub fn need_is_what_is_healthy_now(eyes: &mut Eyes) {
    let slot = eyes.plan.from.slot;
    if eyes.is_forward()
        && let Some(healthy) = eyes.seen.healthy(slot)
    {
        eyes.progress.need = healthy.max(1);
    }
}

pub fn need_is_not_read_again(eyes: &mut Eyes) {
    let (need, slot) = (eyes.progress.need, eyes.plan.from.slot);
    if let Some(group) = eyes.group(slot) {
        group.sizes.desired = group.sizes.desired.min(need);
    }
}

/// Somebody is believed to have promoted.
pub fn promoted_by_nobody(eyes: &mut Eyes) {
    eyes.progress.promoted = eyes.is_weighing();
}

/// What is not seen is taken for what is expected: nothing there, everything well.
pub fn incomplete_is_complete(eyes: &mut Eyes) {
    health_hidden_is_health(eyes);
    let (to, from) = (eyes.plan.to.slot, eyes.plan.from.slot);
    for (slot, other) in [(to, from), (from, to)] {
        if eyes.seen.group(slot).is_none()
            && let Some(mut like) = eyes.seen.group(other).cloned()
        {
            like.name = eyes.plan.scope.groups.get(slot).cloned().unwrap_or_default();
            *eyes.seen.groups.get_mut(slot) = Reading::known(like, eyes.now);
        }
    }
}

pub fn slot_looks_empty(eyes: &mut Eyes) {
    let slot = eyes.plan.to.slot;
    if matches!(eyes.step(), Some(StepKind::EmptySlot | StepKind::Template)) && eyes.is_forward() {
        empty(eyes, slot, eyes.plan.idle_size);
    }
}

/// The old group's sizes are not brought to those of its new role.
pub fn roles_not_swapped(eyes: &mut Eyes) {
    if eyes.plan.kind == OperationKind::Retire && eyes.step() == Some(StepKind::Park) {
        empty(eyes, eyes.plan.from.slot, eyes.plan.idle_size);
    }
}

fn empty(eyes: &mut Eyes, slot: Slot, size: u32) {
    if let Some(group) = eyes.group(slot) {
        group.instances.clear();
        group.sizes = Sizes::all(size);
    }
    if let Some(health) = eyes.health(slot) {
        health.targets.clear();
    }
}

pub fn idle_is_one_more(eyes: &mut Eyes) {
    eyes.plan.idle_size += 1;
}

pub fn pin_kept(eyes: &mut Eyes) {
    eyes.plan.live_sizes.min = eyes.plan.live_sizes.max;
}

pub fn foreign_weights_adopted(eyes: &mut Eyes) {
    if let Some(route) = eyes.seen.route.value() {
        eyes.progress.expected_routes.push(route.clone());
    }
}

pub fn foreign_template_not_seen(eyes: &mut Eyes) {
    let (slot, version) = (eyes.plan.from.slot, eyes.plan.from.template_version);
    if let (Some(version), Some(group)) = (version, eyes.group(slot))
        && let Some(pin) = &mut group.template
    {
        pin.version = PinnedVersion::Number(version);
    }
}

pub fn crash_loop_not_counted(eyes: &mut Eyes) {
    eyes.progress.launched.clear();
}

pub fn hold_without_deadline(eyes: &mut Eyes) {
    if eyes.progress.state == OperationState::Holding {
        eyes.progress.deadline = Some(eyes.now.plus(Millis::mins(30)));
    }
}

/// Another store's claim is not looked at.
pub fn claim_not_seen(eyes: &mut Eyes) {
    without_claims(eyes, |claim| !claim.is_by("here"));
}

/// Our claim is believed gone.
pub fn claim_kept(eyes: &mut Eyes) {
    if !matches!(eyes.step(), Some(StepKind::Claim)) {
        eyes.progress.claimed_at = None;
        without_claims(eyes, |_| true);
    }
}

fn without_claims(eyes: &mut Eyes, which: impl Fn(&Claim) -> bool) {
    for slot in Slot::BOTH {
        if let Some(group) = eyes.group(slot)
            && group.tags.get(CLAIM_KEY).map(Claim::parse).is_some_and(|claim| which(&claim))
        {
            group.tags.remove(CLAIM_KEY);
        }
    }
}

/// Servers of another release are not told from ours.
pub fn census_skipped(eyes: &mut Eyes) {
    let (slot, version) = (eyes.plan.to.slot, eyes.progress.candidate_version);
    if let Some(group) = eyes.group(slot) {
        group.instances.iter_mut().for_each(|instance| instance.template_version = version);
    }
}
