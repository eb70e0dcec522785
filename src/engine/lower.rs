//! Lowering: only on two complete readings some time apart in which both accounts agree, and never a group that serves.

use super::situation::{Situation, threshold};
use super::{Move, Step};
use crate::domain::call::CloudCall;
use crate::domain::fleet::{Route, Slot};
use crate::domain::sizes::Sizes;
use crate::domain::time::Millis;
use crate::operation::event::EventBody;
use crate::operation::plan::{OperationKind, StepKind};

impl Situation<'_> {
    /// Brings the group in `park` to `size` while `keep` serves; done when nothing of it is left beyond that.
    pub(super) fn park(&self, park: Slot, keep: Slot, size: u32) -> Step {
        let period = self.plan.timing.period_moving;
        if self.only_gone(park) {
            return Move::done(format!("{} does not exist any more", self.side(park).group)).into();
        }
        let (Some(group), Some(draining)) = (self.group(park), self.draining(park)) else {
            return Move::wait("the group to park cannot be read", period).into();
        };
        if group.sizes != Sizes::all(size) {
            return self.lower(park, keep, Sizes::all(size));
        }
        if group.total() > size || draining > 0 {
            return Move::wait(format!("{} servers of {} drain", group.total().max(draining), group.name), period).into();
        }
        if !self.progress.parked.contains(&group.name) && !self.was_idle_before(period) {
            return self.found_idle(period);
        }
        Move::done(format!("{} is at {size}", group.name)).into()
    }

    /// A group that nobody here asked to be parked reads idle: that may be how it was some time ago. It is so once two readings agree, as in S10.
    fn found_idle(&self, period: Millis) -> Step {
        let begins_anew = self.no_evidence();
        let events = if begins_anew.is_empty() { self.count_observation(period, true).into_iter().collect() } else { begins_anew };
        Step { events, then: Move::wait("a second reading of a group that is idle already", period) }
    }

    /// Nothing else was read in this step, for as long as two readings have to be apart.
    fn was_idle_before(&self, period: Millis) -> bool {
        self.progress.lower_evidence_at.is_none() && self.progress.observed.plus(self.observed_now(period)) >= self.plan.timing.lower_gap
    }

    fn lower(&self, park: Slot, keep: Slot, sizes: Sizes) -> Step {
        let period = self.plan.timing.period_moving;
        let evidence = self.progress.lower_evidence_at;
        if let Some(call) = self.raise_to_floor(keep) {
            let why = format!("{} is below the fleet's floor: another hand lowered its minimum", self.side(keep).group);
            return Step { events: self.no_evidence(), then: Move::call(call, why) };
        }
        if let Err(why) = self.may_lower(park, keep) {
            return Step { events: self.no_evidence(), then: self.cannot_lower(park, why) };
        }
        let again = || Move::wait("a second reading before anything is lowered", period);
        if evidence.is_none() {
            return Step { events: vec![EventBody::LowerEvidence { found: true }], then: again() };
        }
        // Observed time, and what was written has to settle in it too: a clock that jumps, or a driver that was away, makes neither pass.
        let timing = &self.plan.timing;
        let gap = if self.progress.written_at.is_some() { timing.lower_gap.max(timing.settle) } else { timing.lower_gap };
        if self.progress.observed.plus(self.observed_now(period)) < gap || self.is_settling() {
            return Step { events: self.count_observation(period, true).into_iter().collect(), then: again() };
        }
        let group = self.side(park).group.clone();
        let why = format!("{group} serves nothing any more");
        Move::call(CloudCall::Park { group, sizes }, why).into()
    }

    /// A way back whose slot cannot be emptied calls a person, after as long as servers may take that would change that.
    fn cannot_lower(&self, park: Slot, why: String) -> Move {
        let timing = &self.plan.timing;
        if self.makes_room() && self.seen.is_complete() && self.waited() >= timing.launch_limit {
            return Move::hold(format!("servers of {} run another release, and it cannot be emptied: {why}", self.side(park).group));
        }
        Move::wait(why, timing.period_moving)
    }

    /// What is done instead of lowering: what an earlier reading showed does not count any more.
    pub(super) fn before_lowering(&self, step: Step) -> Step {
        Step { events: step.events.into_iter().chain(self.no_evidence()).collect(), then: step.then }
    }

    /// What an earlier reading showed is not so any more.
    pub(super) fn no_evidence(&self) -> Vec<EventBody> {
        self.progress.lower_evidence_at.map(|_| EventBody::LowerEvidence { found: false }).into_iter().collect()
    }

    /// S4 and S10 in one place: the observation is complete, the group serves nothing and has had time to stop, the other one carries all.
    pub(super) fn may_lower(&self, park: Slot, keep: Slot) -> Result<(), String> {
        if !self.seen.is_complete() {
            return Err(format!("not everything can be seen ({})", self.seen.unknowns().join("; ")));
        }
        self.is_out(park, keep)?;
        // Without a load balancer even a slot that is emptied works until then: it goes only where the other one carries what is needed.
        if self.makes_room() && *self.route() != Route::None {
            // What serves is what has to go, however few of it are left.
            return Ok(());
        }
        let (healthy, wanted) = (self.healthy(keep).unwrap_or(0), self.wanted_of(keep));
        if healthy < threshold(wanted) {
            return Err(format!("only {healthy} of {wanted} servers of {} are healthy", self.side(keep).group));
        }
        Ok(())
    }

    /// What goes on serving wants fewer servers than the fleet's floor: nothing would ever be lowered beside it, because nobody else raises it again.
    fn raise_to_floor(&self, keep: Slot) -> Option<CloudCall> {
        let wanted = self.wanted_of(keep);
        let short = !self.makes_room() && self.seen.is_complete() && self.group(keep).is_some_and(|group| group.sizes.desired < wanted);
        short.then(|| self.raise(keep, wanted)).flatten()
    }

    /// A rollback empties the slot it will launch its target in: nothing of what is in there serves.
    pub(super) fn makes_room(&self) -> bool {
        let step = self.plan.steps.get(self.progress.current).map(|step| step.kind);
        self.plan.kind == OperationKind::Rollback && matches!(step, Some(StepKind::EmptySlot | StepKind::Template | StepKind::GrowTarget))
    }

    /// What the group that carries everything has to have: what is needed, or less if its policies let it shrink before anything was pinned.
    fn wanted_of(&self, keep: Slot) -> u32 {
        let desired = self.group(keep).map_or(self.progress.need, |group| group.sizes.desired);
        self.progress.need.min(desired.max(self.plan.floor))
    }
}
