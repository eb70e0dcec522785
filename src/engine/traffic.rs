//! Who serves and how much, whatever the route: by weights, by being attached to one shared target group, or by the number of workers alone.
//!
//! A share has two parts: what the route is asked for, which is a call or nothing at all, and servers, which are what makes the share where
//! there are no weights. Everything else in the engine asks here and names neither.

use super::situation::{Situation, threshold};
use super::{Move, Step};
use crate::domain::fleet::{Route, Slot, WeightStep};
use crate::operation::event::OperationState;
use crate::operation::plan::{Friction, OperationKind, StepKind};

impl Situation<'_> {
    /// How traffic reaches the fleet.
    pub(super) const fn route(&self) -> &Route {
        &self.plan.scope.route
    }

    /// The servers the candidate has for this share.
    pub(super) fn size_for(&self, to_pct: u32) -> u32 {
        self.route().servers_for(self.progress.need, to_pct).max(1)
    }

    /// What the route is asked for, for this share of the side that gets traffic, reads so.
    pub(super) fn is_asked(&self, to_pct: u32) -> bool {
        match self.route() {
            Route::Weighted { .. } => self.has_weights(to_pct),
            Route::Attached { .. } => self.has_attachments(to_pct),
            Route::None => true,
        }
    }

    /// The share is in place. Where it is made of servers alone, they were seen healthy before its soak began.
    pub(super) fn is_in_place(&self, to_pct: u32) -> bool {
        let by_weights = matches!(self.route(), Route::Weighted { .. });
        self.is_asked(to_pct) && (by_weights || self.progress.soak_counts.is_some())
    }

    /// The next move on the way forward towards this share, once the servers for it are healthy: none when there is nothing to ask for.
    pub(super) fn ask_for(&self, to_pct: u32, why: &str) -> Option<Move> {
        match self.route() {
            Route::Weighted { .. } => self.set_weights(to_pct, why),
            Route::Attached { .. } => self.set_attachments(to_pct, why),
            Route::None => None,
        }
    }

    /// The share the side that gets traffic was given last, in percent: by the weights read, or by the last step that came to its soak.
    pub(super) fn given_pct(&self) -> u32 {
        if let Route::Weighted { .. } = self.route() {
            return self.share_pct(self.to().slot).unwrap_or(0);
        }
        let alone = self.seen.serves(self.to().slot) == Some(true) && self.seen.serves(self.from().slot) == Some(false);
        if alone && matches!(self.route(), Route::Attached { .. }) {
            // Whoever took the other side off.
            return 100;
        }
        let reached = self.progress.current + usize::from(self.progress.soak_counts.is_some());
        let steps = self.plan.steps.get(..reached.min(self.plan.steps.len())).unwrap_or_default();
        let pct = |kind| if let StepKind::Weight(WeightStep { weight_pct, .. }) = kind { Some(weight_pct) } else { None };
        steps.iter().rev().find_map(|step| pct(step.kind)).unwrap_or(0)
    }

    /// The next step towards all traffic on `target`, with what the look told of its health: none once the traffic is there.
    pub(super) fn shift_step(&self, target: Slot) -> Option<Step> {
        let Some(then) = self.shift_to(target) else { return self.take_work_away(target) };
        let known = self.carrying(target).is_some();
        let looked = self.count_observation(self.plan.timing.period_moving, known);
        // Only changes between known and unknown are recorded.
        let changed = looked.filter(|_| !known || self.progress.streak == 0);
        Some(Step { events: changed.into_iter().collect(), then })
    }

    /// The next move towards all traffic on `target`: none once it is there.
    pub(super) fn shift_to(&self, target: Slot) -> Option<Move> {
        match self.route() {
            Route::Weighted { .. } => self.shift_weights(target),
            Route::Attached { .. } => self.shift_attachments(target),
            Route::None => self.take_over(target),
        }
    }

    /// Workers take work by being there: the target has all of them before the other group loses any. On the way out of a deploy stable has
    /// what it always had.
    fn take_over(&self, target: Slot) -> Option<Move> {
        if self.progress.state == OperationState::BackingOut {
            return None;
        }
        let need = self.progress.need;
        let group = &self.side(target).group;
        let Some(healthy) = self.healthy(target) else {
            return Some(Move::wait(format!("the health of {group} is unknown"), self.plan.timing.period_moving));
        };
        if healthy >= need || self.has_waited_for(healthy) {
            return None;
        }
        let raise = self.raise(target, need).map(|call| Move::call(call, format!("{group} grows to {need}")));
        Some(raise.unwrap_or_else(|| Move::wait(format!("{healthy} of {need} servers of {group} are healthy"), self.plan.timing.period_moving)))
    }

    /// Where no load balancer is in between, a group stops working when it is parked and not before.
    fn take_work_away(&self, target: Slot) -> Option<Step> {
        let applies = *self.route() == Route::None && self.plan.kind == OperationKind::Rollback;
        if !applies || self.is_rid_of(target.other()) {
            return None;
        }
        Some(self.park(target.other(), target, self.plan.idle_size))
    }

    /// Nothing of the group is left, and nothing will start in it.
    fn is_rid_of(&self, slot: Slot) -> bool {
        let idle = self.plan.idle_size;
        self.group(slot).is_some_and(|group| group.total() <= idle && group.sizes == crate::domain::sizes::Sizes::all(idle))
    }

    /// Long enough for what is healthy by now to be what there is, and that is enough to carry everything.
    pub(super) fn has_waited_for(&self, healthy: u32) -> bool {
        self.has_waited() && healthy >= threshold(self.progress.need)
    }

    /// As long as a launch may take.
    pub(super) fn has_waited(&self) -> bool {
        self.waited() >= self.plan.timing.launch_limit
    }

    /// Healthy servers of the target: by both accounts, or by the load balancer alone where only that was asked.
    pub(super) fn carrying(&self, target: Slot) -> Option<u32> {
        self.healthy(target).or_else(|| self.seen.healthy_targets(target))
    }

    /// Unknown health: after it was unknown for a while, if the target serves already or a person typed the fleet's name. What the load balancer does
    /// not tell Auto Scaling may: a group with too few servers in service has no more healthy ones.
    pub(super) fn may_shift_blind(&self, target: Slot) -> bool {
        let typed = matches!(self.plan.friction, Friction::Typed { .. });
        let long = self.bad_for().is_some_and(|span| span >= self.plan.timing.unknown_health);
        long && (typed || self.serves_already(target)) && self.known_short(target).is_none()
    }

    /// Servers in service by Auto Scaling's account, where they are too few whatever the load balancer would say.
    pub(super) fn known_short(&self, target: Slot) -> Option<u32> {
        self.group(target).map(crate::domain::group::ServerGroup::serving).filter(|serving| *serving < threshold(self.progress.need))
    }

    /// It gets traffic, and not just since a moment ago: servers that were attached serve once the load balancer has found them healthy.
    fn serves_already(&self, target: Slot) -> bool {
        let attached_before = !matches!(self.route(), Route::Attached { .. }) || !self.is_settling() && self.waited() >= self.plan.timing.settle;
        attached_before && self.seen.serves(target) == Some(true)
    }

    /// Whether a slot gets traffic, or may get it: what was written may not be read back yet, and what is unknown is not absent.
    pub(super) fn may_serve(&self, slot: Slot) -> bool {
        match self.route() {
            Route::Weighted { .. } => self.share_given(slot) > 0,
            Route::Attached { .. } => {
                let was_attached = self.is_settling() && self.progress.may_read_attached(&self.side(slot).group).contains(&true);
                was_attached || self.seen.is_attached(slot) != Some(false) && self.seen.healthy_targets(slot) != Some(0)
            }
            Route::None => self.group(slot).is_none_or(|group| group.serving() > 0),
        }
    }

    /// Whether a load balancer sends a slot traffic.
    pub(super) fn is_let_in(&self, slot: Slot) -> bool {
        *self.route() != Route::None && self.seen.serves(slot) == Some(true)
    }

    /// Whether a slot gets no traffic, so that it may be lowered while `keep` serves; the words for why not. Without a load balancer a group
    /// works as long as it is there: being lowered is how it stops.
    pub(super) fn is_out(&self, slot: Slot, keep: Slot) -> Result<(), String> {
        let serving = |slot| self.seen.serves(slot);
        let group = &self.side(slot).group;
        match self.route() {
            Route::None => Ok(()),
            _ if serving(slot) != Some(false) || serving(keep) != Some(true) => Err(format!("{group} is not out of the traffic")),
            Route::Attached { .. } => match self.draining(slot) {
                Some(0) => Ok(()),
                Some(draining) => Err(format!("{draining} servers of {group} drain")),
                None => Err(format!("whether servers of {group} drain is unknown")),
            },
            Route::Weighted { .. } => Ok(()),
        }
    }

    /// Where the load balancer is not asked before a share is given, in words.
    pub(super) const fn apart(&self) -> &'static str {
        match self.route() {
            Route::Weighted { .. } => "at weight 0",
            Route::Attached { .. } => "and detached",
            Route::None => "and at work",
        }
    }
}
