//! Everything a decision is made from, with the questions every strategy asks of it.

use crate::domain::call::CloudCall;
use crate::domain::fleet::Slot;
use crate::domain::group::{Instance, ServerGroup, count};
use crate::domain::ids::GroupName;
use crate::domain::observation::target_state;
use crate::domain::time::Millis;
use crate::domain::traffic::{RouteActions, TargetState};
use crate::operation::claim::{Claim, claim_on};
use crate::operation::event::EventBody;
use crate::operation::plan::{Plan, Side};
use crate::operation::work::Scene;

/// What was healthy and ceased to be so often in one step does not heal by itself.
const MOST_LAPSES: u32 = 3;

/// The plan, what happened so far, and one look at the world.
pub type Situation<'a> = Scene<'a, Plan>;

impl Situation<'_> {
    /// The side that gives traffic away.
    pub(super) const fn from(&self) -> &Side {
        &self.plan.from
    }

    /// The side that gets it.
    pub(super) const fn to(&self) -> &Side {
        &self.plan.to
    }

    /// The side in a slot.
    pub(super) fn side(&self, slot: Slot) -> &Side {
        if self.plan.to.slot == slot { &self.plan.to } else { &self.plan.from }
    }

    /// A slot's group, if it could be read.
    pub(super) const fn group(&self, slot: Slot) -> Option<&ServerGroup> {
        self.seen.group(slot)
    }

    /// In service and healthy by both accounts; none if either is unknown.
    pub(super) fn healthy(&self, slot: Slot) -> Option<u32> {
        self.seen.healthy(slot)
    }

    /// A slot's weight.
    pub(super) fn weight(&self, slot: Slot) -> Option<u32> {
        self.seen.weight(slot)
    }

    /// A slot's share of the traffic, in whole percent rounded up.
    pub(super) fn share_pct(&self, slot: Slot) -> Option<u32> {
        self.share_pct_in(self.seen.route.value()?, slot)
    }

    /// A slot's share in these actions, in whole percent rounded up.
    pub(super) fn share_pct_in(&self, route: &RouteActions, slot: Slot) -> Option<u32> {
        let arn = self.plan.scope.target_group(slot)?;
        let total: u32 = route.forwards().map(|(_, weight)| *weight).sum();
        let weight = route.weight(arn)?;
        (total > 0).then(|| (weight * 100).div_ceil(total))
    }

    /// Targets of a slot that still finish what they have.
    pub(super) fn draining(&self, slot: Slot) -> Option<u32> {
        let health = self.seen.health.get(slot).value()?;
        if self.plan.scope.is_weighted() {
            return Some(health.count_in(TargetState::Draining));
        }
        let drains = |instance: &&Instance| target_state(health, &instance.id) == TargetState::Draining;
        Some(count(self.group(slot)?.instances.iter().filter(drains)))
    }

    /// The template version the candidate or target must run.
    pub(super) fn to_version(&self) -> Option<u64> {
        self.progress.candidate_version
    }

    /// The version a side's servers must run.
    pub(super) fn frozen_version(&self, slot: Slot) -> Option<u64> {
        if slot == self.plan.to.slot { self.to_version() } else { self.plan.from.template_version }
    }

    /// Servers in service in a slot that run something else than they should; none if that cannot be told.
    pub(super) fn strangers(&self, slot: Slot) -> Option<usize> {
        Some(self.seen.strangers(slot, self.frozen_version(slot)?)?.len())
    }

    /// How many of the plan's groups are seen with a claim like this.
    pub(super) fn groups_claimed(&self, like: impl Fn(&Claim) -> bool) -> usize {
        let ours = self.plan.groups();
        let groups = Slot::BOTH.into_iter().filter_map(|slot| self.group(slot));
        groups.filter(|group| ours.contains(&group.name)).filter_map(claim_on).filter(|claim| like(claim)).count()
    }

    /// The plan's groups, but for those the cloud says do not exist; all of them where it says so of all.
    pub(super) fn groups_there(&self) -> Vec<GroupName> {
        let all = self.plan.groups();
        let is_missing =
            |name: &GroupName| Slot::BOTH.iter().any(|slot| self.side(*slot).group == *name && self.seen.groups.get(*slot).said_missing().is_some());
        let there: Vec<GroupName> = all.iter().filter(|name| !is_missing(name)).cloned().collect();
        if there.is_empty() { all } else { there }
    }

    /// Why servers are too few, as far as the cloud told; goes on behind a sentence that says so.
    pub(super) fn for_want_of(&self) -> String {
        self.seen.image_gone.as_ref().map_or_else(String::new, |image| format!(": image {image} does not exist any more, none can be launched"))
    }

    /// How long the current step waits already.
    pub(super) fn waited(&self) -> Millis {
        self.progress.step_started_at.map_or(Millis::ZERO, |since| self.now.since(since))
    }

    /// For how long no look was good; none while they are.
    pub(super) fn bad_for(&self) -> Option<Millis> {
        let since = self.progress.last_observed_at.filter(|_| self.progress.streak == 0);
        since.map(|since| self.now.since(since))
    }

    /// Too few servers are healthy for longer than those take that come by themselves, or again and again: one that was lost a moment ago calls nobody,
    /// however long the step takes already.
    pub(super) fn stays_short(&self, limit: Millis) -> bool {
        let short_for = match self.progress.last_observed_at {
            None => self.waited(),
            Some(_) => self.bad_for().unwrap_or(Millis::ZERO),
        };
        short_for >= self.plan.timing.launch_limit || self.progress.lapses >= MOST_LAPSES && self.waited() >= limit
    }

    /// How long the last weight change has had to spread; none if this operation changed none.
    pub(super) fn since_written(&self) -> Option<Millis> {
        Some(self.now.since(self.progress.written_at?))
    }

    /// Whether a weight change of ours may still be spreading.
    pub(super) fn is_settling(&self) -> bool {
        self.since_written().is_some_and(|since| since < self.plan.timing.settle)
    }

    /// Raises a group's minimum to `min` if it is lower, and its maximum to the live role's where that is in the way.
    pub(super) fn raise(&self, slot: Slot, min: u32) -> Option<CloudCall> {
        let sizes = self.group(slot)?.sizes;
        let max = self.plan.live_sizes.max.max(min);
        let raised = Some(max).filter(|max| sizes.max < *max);
        (sizes.min < min).then(|| CloudCall::RaiseMin { group: self.side(slot).group.clone(), min, max: raised })
    }

    /// Gives a pin back: the minimum of the live role, if the group's is higher.
    pub(super) fn release_pin(&self, slot: Slot) -> Option<CloudCall> {
        let sizes = self.group(slot)?.sizes;
        let min = self.plan.live_sizes.min;
        (sizes.min > min).then(|| CloudCall::ReleaseMin { group: self.side(slot).group.clone(), min })
    }

    /// The gap since the last observation that counted, capped at two periods; none across a change of drivers, whose clocks may differ.
    pub(super) fn observed_now(&self, period: Millis) -> Millis {
        if self.progress.taken_over {
            return Millis::ZERO;
        }
        self.progress.last_observed_at.map_or(Millis::ZERO, |last| self.now.since(last)).min(period.times(2))
    }

    /// The event that counts this observation, if enough time passed since the last one that counted. Observed time is the gap between
    /// complete and good observations, each capped at two periods: a dead driver soaks nothing.
    pub(super) fn count_observation(&self, period: Millis, good: bool) -> Option<EventBody> {
        let gap = self.progress.last_observed_at.map_or(Millis::ZERO, |last| self.now.since(last));
        let first = self.progress.last_observed_at.is_none();
        let anew = self.progress.taken_over && self.progress.streak > 0;
        if !first && !anew && gap.times(2) < period && good {
            return None;
        }
        // What a driver that took over sees first begins a gap; it may be a moment after what its predecessor saw.
        let streak = match good {
            true if anew => self.progress.streak,
            true => self.progress.streak.saturating_add(1),
            false => 0,
        };
        if !good && self.progress.streak == 0 && !first {
            return None;
        }
        let added = if good && self.progress.streak > 0 { self.observed_now(period) } else { Millis::ZERO };
        Some(EventBody::Observed { added, streak })
    }

    /// The event that counts this observation among those that have to be `gap` apart, by observed time and not by any clock.
    pub(super) fn count_apart(&self, gap: Millis, good: bool) -> Option<EventBody> {
        let begins = self.progress.last_observed_at.is_none() || self.progress.taken_over;
        let due = begins || !good || self.observed_now(gap) >= gap;
        due.then(|| self.count_observation(gap, good)).flatten()
    }
}

/// How many healthy servers end a rollback or allow lowering: all under ten, nine tenths under twenty, else 95 percent.
pub(super) fn threshold(need: u32) -> u32 {
    match need {
        0..10 => need,
        10..20 => (need * 9).div_ceil(10),
        _ => (need * 19).div_ceil(20),
    }
}
