//! Bringing traffic back to a group: at once what it can carry, everything as soon as it can.

use super::situation::{Situation, threshold};
use super::{Move, Step};
use crate::domain::fleet::Slot;
use crate::domain::sizes::share_of;
use crate::operation::plan::Friction;

/// A partial shift is worth a write only if it moves at least so many percent.
const WORTHWHILE_PCT: u32 = 5;

impl Situation<'_> {
    /// The next step towards all traffic on `target`, with what the look told of its health: none once the traffic is there.
    pub(super) fn shift_step(&self, target: Slot) -> Option<Step> {
        let then = self.shift_to(target)?;
        let known = self.carrying(target).is_some();
        let looked = self.count_observation(self.plan.timing.period_moving, known);
        // Only changes between known and unknown are recorded.
        let changed = looked.filter(|_| !known || self.progress.streak == 0);
        Some(Step { events: changed.into_iter().collect(), then })
    }

    /// The next move towards all traffic on `target`: none once it is there.
    pub(super) fn shift_to(&self, target: Slot) -> Option<Move> {
        let full = if target == self.to().slot { 100 } else { 0 };
        if self.has_weights(full) {
            return None;
        }
        let period = self.plan.timing.period_moving;
        if self.seen.route.value().is_none() {
            return Some(Move::wait("the route cannot be read", period));
        }
        match self.carrying(target) {
            Some(healthy) if healthy >= self.progress.need => self.set_weights(full, &self.shift_words(target)),
            Some(healthy) => Some(self.shift_while_short(target, healthy)),
            None if self.may_shift_blind(target) => self.set_weights(full, "target health is unknown, and it serves already"),
            None => Some(Move::wait("the health of the target group is unknown", period)),
        }
    }

    /// Healthy servers of the target: by both accounts, or by the load balancer alone where only that was asked.
    fn carrying(&self, target: Slot) -> Option<u32> {
        self.healthy(target).or_else(|| self.seen.healthy_targets(target))
    }

    fn shift_words(&self, target: Slot) -> String {
        format!("all traffic to {}", self.side(target).group)
    }

    /// Unknown health: after it was unknown for a while, if the target serves already or a person typed the fleet's name.
    fn may_shift_blind(&self, target: Slot) -> bool {
        let serves = self.weight(target).is_some_and(|weight| weight > 0);
        let typed = matches!(self.plan.friction, Friction::Typed { .. });
        let unknown_since = self.progress.last_observed_at.filter(|_| self.progress.streak == 0);
        let long = unknown_since.is_some_and(|since| self.now.since(since) >= self.plan.timing.unknown_health);
        long && (serves || typed)
    }

    /// The target cannot carry everything: grow it, and meanwhile shift what it can carry if what serves now is worse.
    fn shift_while_short(&self, target: Slot, healthy: u32) -> Move {
        let need = self.progress.need;
        let now_pct = self.share_given(target);
        let can_pct = (healthy * 100).checked_div(need).unwrap_or(0);
        if self.serves_badly(target.other()) && can_pct >= now_pct + WORTHWHILE_PCT {
            let to_pct = if target == self.to().slot { can_pct } else { 100 - can_pct };
            if let Some(moved) = self.set_weights(to_pct, "what serves now is worse: the share the target can carry") {
                return moved;
            }
        }
        if let Some(call) = self.raise(target, need) {
            return Move::call(call, format!("{} grows to {need}", self.side(target).group));
        }
        let waited_out = self.waited() >= self.plan.timing.launch_limit && healthy >= threshold(need);
        if waited_out {
            let full = if target == self.to().slot { 100 } else { 0 };
            if let Some(moved) = self.set_weights(full, "enough of the target is healthy") {
                return moved;
            }
        }
        Move::wait(format!("{healthy} of {need} servers of {} are healthy", self.side(target).group), self.plan.timing.period_moving)
    }

    /// The share the target has: what is read, or what was written if that is more and may not be read back yet. A stale read never makes the way
    /// back give traffic to what it goes away from.
    pub(super) fn share_given(&self, target: Slot) -> u32 {
        let written = self.progress.expected_routes.last().filter(|_| self.is_settling()).and_then(|route| self.share_pct_in(route, target));
        self.share_pct(target).max(written).unwrap_or(0)
    }

    /// The other group fails its share of the traffic: too few healthy servers, or a failed verdict.
    fn serves_badly(&self, other: Slot) -> bool {
        let short = match (self.seen.healthy_targets(other), self.share_pct(other)) {
            (Some(healthy), Some(share)) => healthy < share_of(self.progress.need, share),
            _ => false,
        };
        short || self.progress.failed_verdict().is_some()
    }
}
