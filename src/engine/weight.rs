//! Setting the two weights: from the actions just read, once, and then read back.

use super::Move;
use super::situation::Situation;
use crate::domain::call::CloudCall;
use crate::domain::traffic::RouteActions;

impl Situation<'_> {
    /// The actions just read with `to_pct` for the side that gets traffic and the rest for the other; none if the route is unknown.
    pub(super) fn wanted_route(&self, to_pct: u32) -> Option<RouteActions> {
        let to_pct = to_pct.min(100);
        let weights = [(self.from().target_group.clone()?, 100 - to_pct), (self.to().target_group.clone()?, to_pct)];
        Some(self.seen.route.value()?.with_weights(&weights))
    }

    /// Whether the route reads exactly these shares.
    pub(super) fn has_weights(&self, to_pct: u32) -> bool {
        match (self.seen.route.value(), self.wanted_route(to_pct)) {
            (Some(seen), Some(wanted)) => *seen == wanted || self.share_pct(self.to().slot) == Some(to_pct) && self.is_same_share(to_pct),
            _ => false,
        }
    }

    /// Weights 1 and 0 are the same share as 100 and 0.
    fn is_same_share(&self, to_pct: u32) -> bool {
        let (from, to) = (self.weight(self.from().slot).unwrap_or(0), self.weight(self.to().slot).unwrap_or(0));
        u64::from(to) * 100 == u64::from(from + to) * u64::from(to_pct)
    }

    /// Moves towards these shares: none once they are read back.
    ///
    /// A write that was accepted may not be in the first reads after it, and one without an answer may have happened: within the settling
    /// time both are looked at again, never sent again.
    pub(super) fn set_weights(&self, to_pct: u32, why: &str) -> Option<Move> {
        if self.has_weights(to_pct) {
            return None;
        }
        let (Some(actions), Some(place)) = (self.wanted_route(to_pct), self.plan.scope.route.place()) else {
            return Some(Move::wait("the route cannot be read", self.plan.timing.period_moving));
        };
        let sent_already = self.progress.written_at.is_some() && self.progress.expected_routes.last() == Some(&actions);
        if sent_already && self.is_settling() {
            return Some(Move::wait("the weights are not read back yet", self.plan.timing.period_moving));
        }
        Some(Move::call(CloudCall::SetWeights { place: place.clone(), actions }, why))
    }
}
