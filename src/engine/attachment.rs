//! One target group for both server groups: traffic goes to every healthy server of a group that is attached, so a share is a number of servers.

use super::situation::{Situation, threshold};
use super::{Move, Step};
use crate::domain::call::CloudCall;
use crate::domain::fleet::{Route, Slot};
use crate::operation::plan::OperationKind;

impl Situation<'_> {
    /// Which groups are attached for this share: one alone at the ends, both in between.
    fn is_in(&self, slot: Slot, to_pct: u32) -> bool {
        match to_pct {
            0 => slot == self.from().slot,
            1..100 => true,
            _ => slot == self.to().slot,
        }
    }

    /// Whether the groups read attached as this share asks. One without servers takes no traffic, attached or not.
    pub(super) fn has_attachments(&self, to_pct: u32) -> bool {
        Slot::BOTH.into_iter().all(|slot| {
            let wanted = if self.is_in(slot, to_pct) { self.seen.is_attached(slot) } else { self.seen.serves(slot) };
            wanted == Some(self.is_in(slot, to_pct))
        })
    }

    /// The next attachment towards this share: what serves more comes before what serves less.
    pub(super) fn set_attachments(&self, to_pct: u32, why: &str) -> Option<Move> {
        if self.has_attachments(to_pct) {
            return None;
        }
        let missing = Slot::BOTH.into_iter().find(|slot| self.is_in(*slot, to_pct) && self.seen.is_attached(*slot) != Some(true));
        let extra = Slot::BOTH.into_iter().find(|slot| !self.is_in(*slot, to_pct) && self.seen.serves(*slot) != Some(false));
        match (missing, extra) {
            (Some(slot), _) => Some(self.attach(slot, true, why)),
            (None, Some(slot)) => Some(self.attach(slot, false, why)),
            (None, None) => None,
        }
    }

    /// Attaches a group or takes it off, once: a change that was accepted may not be in the first reads after it, and one without an answer
    /// may have happened.
    pub(super) fn attach(&self, slot: Slot, on: bool, why: &str) -> Move {
        let period = self.plan.timing.period_moving;
        let Some(target_group) = self.plan.scope.target_group(slot).cloned() else {
            return Move::Fail { why: "the plan names no target group".to_owned() };
        };
        if self.seen.is_attached(slot).is_none() {
            return Move::wait(format!("whether {} is attached cannot be read", self.side(slot).group), period);
        }
        let sent_already = self.progress.may_read_attached(&self.side(slot).group).last() == Some(&on);
        if sent_already && self.is_settling() {
            return Move::wait("the attachment is not read back yet", period);
        }
        let group = self.side(slot).group.clone();
        let call = if on { CloudCall::AttachTargetGroup { group, target_group } } else { CloudCall::DetachTargetGroup { group, target_group } };
        Move::call(call, why)
    }

    /// The next move towards all traffic on `target`: it is attached at once, and the other group is taken off as soon as it can carry everything.
    pub(super) fn shift_attachments(&self, target: Slot) -> Option<Move> {
        let full = if target == self.to().slot { 100 } else { 0 };
        if self.took_off_lately(target) {
            return Some(self.attach_target(target));
        }
        if self.has_attachments(full) {
            return None;
        }
        if self.seen.is_attached(target) != Some(true) {
            return Some(self.attach_target(target));
        }
        let off = |why: &str| Some(self.attach(target.other(), false, why));
        let group = &self.side(target).group;
        match self.carrying(target) {
            Some(healthy) if self.is_checked_anew(target) => Some(self.wait_for_target(target, healthy)),
            Some(healthy) if healthy >= self.progress.need => off(&format!("{group} carries everything")),
            Some(healthy) if self.has_waited_for(healthy) => off(&format!("enough of {group} is healthy")),
            // Not on one look, which may be an old one: what fails all its checks gets no traffic anyway.
            Some(healthy) if healthy > 0 && self.seen.healthy_targets(target.other()) == Some(0) && self.has_waited() => {
                off("what it replaces serves nothing")
            }
            Some(healthy) => Some(self.wait_for_target(target, healthy)),
            None if self.may_shift_blind(target) => off("target health is unknown, and it serves already"),
            None => Some(match self.known_short(target) {
                Some(serving) => self.wait_for_target(target, serving),
                None => Move::wait(format!("the health of {group} is unknown"), self.plan.timing.period_moving),
            }),
        }
    }

    /// This operation took it off a while ago: where it reads attached all the same, with all its servers healthy, that is how it was before.
    fn took_off_lately(&self, target: Slot) -> bool {
        let may_lag = self.since_written().is_some_and(|since| since < self.plan.timing.settle.times(2));
        may_lag && self.progress.may_read_attached(&self.side(target).group).last() == Some(&false)
    }

    /// A deploy that goes back attached stable again a moment ago: what reads healthy may be from before it was taken off, and is checked anew.
    fn is_checked_anew(&self, target: Slot) -> bool {
        let attached = self.progress.may_read_attached(&self.side(target).group).last() == Some(&true);
        self.plan.kind == OperationKind::Deploy && self.is_settling() && attached
    }

    /// Servers of the release that is gone back to, and no others, get traffic again.
    fn attach_target(&self, target: Slot) -> Move {
        let group = &self.side(target).group;
        if self.plan.kind == OperationKind::Rollback && self.strangers(target) != Some(0) {
            return Move::wait(format!("what the servers of {group} run is not told, or another release"), self.plan.timing.period_moving);
        }
        self.attach(target, true, &format!("{group} gets traffic again"))
    }

    fn wait_for_target(&self, target: Slot, healthy: u32) -> Move {
        let (need, group) = (self.progress.need, &self.side(target).group);
        let raise = self.raise(target, need).map(|call| Move::call(call, format!("{group} grows to {need}")));
        raise.unwrap_or_else(|| Move::wait(format!("{healthy} of {need} servers of {group} are healthy"), self.plan.timing.period_moving))
    }

    /// Servers of another release leave the traffic of a shared target group, with all others of theirs, where the other group carries everything.
    pub(super) fn take_strangers_off(&self, slot: Slot) -> Option<Step> {
        let shared = matches!(self.route(), Route::Attached { .. }) && self.seen.is_attached(slot) == Some(true);
        let carries = self.seen.healthy_targets(slot.other()).is_some_and(|healthy| healthy >= threshold(self.progress.need));
        let stays = self.seen.is_attached(slot.other()) == Some(true) && carries;
        let strange = self.strangers(slot).is_some_and(|strangers| strangers > 0);
        (shared && stays && strange).then(|| self.attach(slot, false, "its servers run another release").into())
    }

    /// At rest both groups are attached, the idle one without servers: whatever was taken off is put back.
    pub(super) fn attach_again(&self, live: Slot) -> Option<Step> {
        let off = Slot::BOTH.into_iter().find(|slot| self.seen.is_attached(*slot) == Some(false));
        let Some(off) = off else {
            let unread = Slot::BOTH.into_iter().find(|slot| self.seen.is_attached(*slot).is_none());
            return unread.filter(|_| matches!(self.route(), Route::Attached { .. })).map(|slot| {
                let why = format!("whether {} is attached cannot be read", self.side(slot).group);
                Move::wait(why, self.plan.timing.period_moving).into()
            });
        };
        let is_empty = self.group(off).is_some_and(|group| group.total() == 0);
        if off != live && !is_empty {
            return Some(self.park(off, live, self.plan.idle_size));
        }
        Some(self.attach(off, true, "attached as it was found").into())
    }
}
