//! Bringing traffic back to a group by weights: at once what it can carry, everything as soon as it can.

use super::Move;
use super::situation::{Situation, threshold};
use crate::domain::fleet::Slot;
use crate::domain::sizes::share_of;

/// A partial shift is worth a write only if it moves at least so many percent.
const WORTHWHILE_PCT: u32 = 5;

impl Situation<'_> {
    /// The next move towards all traffic on `target`: none once it is there.
    pub(super) fn shift_weights(&self, target: Slot) -> Option<Move> {
        let full = if target == self.to().slot { 100 } else { 0 };
        let period = self.plan.timing.period_moving;
        if self.has_weights(full) {
            return self.wrote_less(target).then(|| Move::wait("the weights are not read back yet", period));
        }
        if self.seen.route.value().is_none() {
            return Some(Move::wait("the route cannot be read", period));
        }
        match self.carrying(target) {
            Some(healthy) if healthy >= self.progress.need => self.set_weights(full, &self.shift_words(target)),
            Some(healthy) => Some(self.shift_while_short(target, healthy)),
            None if self.may_shift_blind(target) => self.set_weights(full, "target health is unknown, and it serves already"),
            None => Some(match self.known_short(target) {
                Some(serving) => self.grow_to_shift(target, serving),
                None => Move::wait("the health of the target group is unknown", period),
            }),
        }
    }

    /// This operation gave the target less a moment ago than it reads: that is how it was before.
    fn wrote_less(&self, target: Slot) -> bool {
        let written = self.progress.expected_routes.last().filter(|_| self.is_settling());
        written.and_then(|route| self.share_pct_in(route, target)).is_some_and(|share| share < 100)
    }

    fn shift_words(&self, target: Slot) -> String {
        format!("all traffic to {}", self.side(target).group)
    }

    /// The target cannot carry everything: grow it, and meanwhile shift what it can carry if what serves now is worse.
    fn shift_while_short(&self, target: Slot, healthy: u32) -> Move {
        let need = self.progress.need;
        let full = if target == self.to().slot { 100 } else { 0 };
        if self.was_given_all(target) {
            // Another hand took some of it, or this is a read from before: either way what would have ended the way back is enough to give it all
            // again, and nothing less is given, because that would bring back what it goes away from.
            if healthy >= threshold(need) {
                return self.set_weights(full, &self.shift_words(target)).unwrap_or_else(|| self.grow_to_shift(target, healthy));
            }
            return self.grow_to_shift(target, healthy);
        }
        let now_pct = self.share_given(target).max(self.share_written_lately(target));
        let can_pct = (healthy * 100).checked_div(need).unwrap_or(0);
        if self.serves_badly(target.other()) && can_pct >= now_pct + WORTHWHILE_PCT {
            let to_pct = if target == self.to().slot { can_pct } else { 100 - can_pct };
            if let Some(moved) = self.set_weights(to_pct, "what serves now is worse: the share the target can carry") {
                return moved;
            }
        }
        self.grow_to_shift(target, healthy)
    }

    /// This operation wrote all traffic to the target, last of all.
    fn was_given_all(&self, target: Slot) -> bool {
        let written = self.progress.expected_routes.last().filter(|_| self.progress.written_at.is_some());
        written.and_then(|route| self.share_pct_in(route, target)) == Some(100)
    }

    fn grow_to_shift(&self, target: Slot, healthy: u32) -> Move {
        let need = self.progress.need;
        if let Some(call) = self.raise(target, need) {
            return Move::call(call, format!("{} grows to {need}", self.side(target).group));
        }
        if self.has_waited_for(healthy) {
            let full = if target == self.to().slot { 100 } else { 0 };
            if let Some(moved) = self.set_weights(full, "enough of the target is healthy") {
                return moved;
            }
        }
        let (group, want) = (&self.side(target).group, self.for_want_of());
        Move::wait(format!("{healthy} of {need} servers of {group} are healthy{want}"), self.plan.timing.period_moving)
    }

    /// The share the target has: what is read, or what was written if that is more and may not be read back yet. A stale read never makes the way
    /// back give traffic to what it goes away from.
    pub(super) fn share_given(&self, target: Slot) -> u32 {
        let written = self.progress.expected_routes.last().filter(|_| self.is_settling()).and_then(|route| self.share_pct_in(route, target));
        self.share_pct(target).max(written).unwrap_or(0)
    }

    /// The share written last, as long as reads may be older than that: no partial shift takes back what an earlier one gave.
    fn share_written_lately(&self, target: Slot) -> u32 {
        let may_lag = self.since_written().is_some_and(|since| since < self.plan.timing.settle.times(2));
        self.progress.expected_routes.last().filter(|_| may_lag).and_then(|route| self.share_pct_in(route, target)).unwrap_or(0)
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
