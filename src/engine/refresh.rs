//! What an operation knows of the instance refresh it asked AWS for, and how it brings a version back to every server.

use super::calls::{is_forward, refused};
use super::situation::Situation;
use super::{Move, Step, WantedCall};
use crate::domain::call::CloudCall;
use crate::domain::refresh::{InstanceRefresh, RefreshPreferences, RefreshStatus};
use crate::domain::time::Millis;
use crate::operation::event::EventBody;
use crate::operation::plan::OperationKind;

/// A refresh that is started so often and never found is not started again.
const MAX_STARTS: u32 = 5;
/// AWS said so often that the refresh cannot be turned round.
const TURN_TRIES: u32 = 3;
/// A refresh may say that it began a little before we asked for it: two clocks.
const CLOCK_SLACK: Millis = Millis::mins(1);

/// What a group's newest refreshes say about the one we want.
pub(super) enum Standing<'a> {
    /// There is none, running or ended, that is ours.
    None,
    /// It runs or it ended.
    Ours(&'a InstanceRefresh),
    /// Another one runs.
    Foreign(&'a InstanceRefresh),
}

impl Situation<'_> {
    /// Where the refresh to `version` stands: one that runs is ours if it launches that version, one that ended only if we asked for it.
    pub(super) fn standing<'a>(&self, refreshes: &'a [InstanceRefresh], version: u64) -> Standing<'a> {
        let launches = |refresh: &&InstanceRefresh| refresh.launches(&self.to().template, version);
        if let Some(running) = refreshes.iter().find(|refresh| refresh.status.is_running()) {
            return if launches(&running) { Standing::Ours(running) } else { Standing::Foreign(running) };
        }
        refreshes.iter().filter(launches).find(|refresh| self.asked_for(refresh, version)).map_or(Standing::None, Standing::Ours)
    }

    fn asked_for(&self, refresh: &InstanceRefresh, version: u64) -> bool {
        let memory = &self.progress.refresh;
        let adopted = memory.seen.as_ref().is_some_and(|seen| seen.id == refresh.id);
        match (&memory.id, memory.sent_at) {
            _ if adopted => true,
            (Some(id), _) => *id == refresh.id,
            (None, Some(sent)) => memory.version == Some(version) && refresh.started_at.is_some_and(|started| started.plus(CLOCK_SLACK) >= sent),
            (None, None) => false,
        }
    }

    /// AWS took a refresh to `good` a moment ago, for which none other may have run: one that reads as running was read before that. Whoever turned
    /// it round would turn round the way back.
    fn may_be_old(&self, running: &InstanceRefresh, good: u64) -> bool {
        let memory = &self.progress.refresh;
        let lately = memory.sent_at.is_some_and(|sent| self.now.since(sent) < self.plan.timing.settle);
        memory.version == Some(good) && lately && !running.launches(&self.to().template, good)
    }

    /// Records what AWS says, if that changed.
    pub(super) fn noticed(&self, refresh: &InstanceRefresh) -> Vec<EventBody> {
        let known = self.progress.refresh.seen.as_ref() == Some(refresh);
        if known { Vec::new() } else { vec![EventBody::RefreshSeen { refresh: Box::new(refresh.clone()) }] }
    }

    /// Starts the refresh to `version`. One that was sent is looked for before it is ever sent again.
    pub(super) fn start_refresh(&self, version: u64, preferences: RefreshPreferences, why: String) -> Move {
        let memory = &self.progress.refresh;
        let sent = memory.sent_at.filter(|_| memory.version == Some(version) && memory.seen.is_none());
        let settles = sent.is_some_and(|sent| self.now.since(sent) < self.plan.timing.settle);
        let (group, template) = (self.to().group.clone(), self.to().template.clone());
        let call = CloudCall::StartInstanceRefresh { group, template, version, preferences };
        if memory.is_lost() && is_forward(self) && self.waited() >= self.plan.timing.launch_limit {
            let nowhere = format!("an instance refresh was asked for again and again and is nowhere to be found: {why}");
            return Move::Hold { why: nowhere, meanwhile: (!settles).then_some(WantedCall { call, why }) };
        }
        if settles {
            return Move::wait("the instance refresh is not read back yet", self.plan.timing.period_moving);
        }
        if memory.starts >= MAX_STARTS {
            return Move::Fail { why: format!("{} instance refreshes were started and did not get anywhere: {why}", memory.starts) };
        }
        Move::call(call, why)
    }

    /// The next move until every server runs `good` and the group launches it; none once that is so.
    pub(super) fn restore(&self, good: u64) -> Option<Step> {
        let period = self.plan.timing.period_moving;
        let (Some(refreshes), Some(group)) = (self.seen.refreshes(), self.group(self.to().slot)) else {
            let why = format!("not everything can be seen ({})", self.seen.unknowns().join("; "));
            return Some(Move::wait(why, period).into());
        };
        if let Some(running) = refreshes.iter().find(|refresh| refresh.status.is_running()) {
            if self.may_be_old(running, good) {
                return Some(Move::wait("the instance refresh is not read back yet", period).into());
            }
            return Some(Step { events: self.noticed(running), then: self.turn(running, good) });
        }
        let pinned = group.template.as_ref().is_some_and(|pin| pin.id == self.to().template && pin.number() == Some(good));
        let strangers = self.seen.strangers(self.to().slot, good).map_or(usize::MAX, |strangers| strangers.len());
        if pinned && strangers == 0 {
            return None;
        }
        let why = format!("{} servers of {} go back to version {good}", strangers.min(group.instances.len()), group.name);
        Some(self.start_refresh(good, self.hurried_preferences(), why).into())
    }

    /// A way back does not wait: no bake, no alarms, nothing to roll back to.
    fn hurried_preferences(&self) -> RefreshPreferences {
        let preferences = self.plan.refresh.clone().unwrap_or_else(RefreshPreferences::careful);
        RefreshPreferences { bake_secs: 0, auto_rollback: false, alarms: Vec::new(), skip_matching: true, checkpoints: Vec::new(), ..preferences }
    }

    /// What to do about a refresh that runs while `good` has to come back.
    fn turn(&self, running: &InstanceRefresh, good: u64) -> Move {
        let period = self.plan.timing.period_moving;
        let wait = |why: String| Move::wait(why, period);
        if running.launches(&self.to().template, good) || !running.status.goes_forward() {
            return wait(format!("AWS: {}", running.words()));
        }
        let asked = self.progress.refresh.turned_at.is_some_and(|at| self.now.since(at) < self.plan.timing.settle);
        if asked {
            return wait("AWS was asked to stop, which is not read back yet".to_owned());
        }
        let ours = self.is_ours(running);
        if !ours && self.plan.kind != OperationKind::Rollback {
            return wait(format!("another hand's instance refresh {} is {}", running.id, running.status.words()));
        }
        let group = self.to().group.clone();
        let saved = self.group(self.to().slot).and_then(|group| group.template.as_ref()?.number());
        let refused = refused(self, "RollbackInstanceRefresh").is_some_and(|refused| refused.tries >= TURN_TRIES);
        if saved == Some(good) && !refused {
            return Move::call(CloudCall::RollbackInstanceRefresh { group }, format!("AWS's engine turns round to version {good}"));
        }
        Move::call(CloudCall::CancelInstanceRefresh { group }, "AWS's engine stops, so that another refresh can begin")
    }

    /// It launches the version this plan goes to or comes from.
    fn is_ours(&self, running: &InstanceRefresh) -> bool {
        let versions = [self.to_version(), self.from().template_version];
        versions.into_iter().flatten().any(|version| running.launches(&self.to().template, version))
    }

    /// The call that stops a refresh forward that launches servers: what cannot go back does at least not go on.
    pub(super) fn launches_no_more(&self) -> Option<WantedCall> {
        let running = self.seen.refreshes()?.iter().find(|refresh| refresh.status.is_running())?;
        let launches = matches!(running.status, RefreshStatus::Pending | RefreshStatus::InProgress);
        let asked = self.progress.refresh.turned_at.is_some_and(|at| self.now.since(at) < self.plan.timing.settle);
        let is_forward = running.launches(&self.to().template, self.to_version()?);
        let call = CloudCall::CancelInstanceRefresh { group: self.to().group.clone() };
        (launches && is_forward && !asked).then(|| WantedCall { call, why: "AWS's engine stops: it launches no more of them".to_owned() })
    }

    /// Stops the refresh this operation asked for where it is; none once none of it runs.
    pub(super) fn stop_refresh(&self, version: u64) -> Option<Step> {
        let Some(refreshes) = self.seen.refreshes() else {
            return Some(Move::wait("the instance refreshes cannot be read", self.plan.timing.period_moving).into());
        };
        let Standing::Ours(running) = self.standing(refreshes, version) else { return None };
        if !running.status.is_running() {
            return None;
        }
        let asked = self.progress.refresh.turned_at.is_some_and(|at| self.now.since(at) < self.plan.timing.settle);
        let then = if asked || running.status == RefreshStatus::Cancelling {
            Move::wait(format!("AWS: {}", running.words()), self.plan.timing.period_moving)
        } else {
            Move::call(CloudCall::CancelInstanceRefresh { group: self.to().group.clone() }, "AWS's engine stops")
        };
        Some(Step { events: self.noticed(running), then })
    }
}
