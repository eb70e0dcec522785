//! The cloud's own instance refresh: new servers before old ones end, a bake, a rollback, and nobody needs to watch.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::World;
use super::apply::{Refusal, not_found, refuse};
use super::draw;
use super::servers::{Surroundings, terminate};
use super::state::{Group, Phase, Server, Target, Tick};
use crate::domain::call::{CallReply, CloudErrorKind};
use crate::domain::group::{PinnedVersion, count};
use crate::domain::ids::{GroupName, InstanceId, RefreshId, TemplateId};
use crate::domain::refresh::{DesiredTemplate, InstanceRefresh, RefreshPreferences, RefreshStatus, RefreshStrategy};
use crate::domain::text::Untrusted;

/// How often the engine looks at a group.
const LOOK: Tick = 5;
/// Without a replaced server for so long, a refresh fails.
const STUCK: Tick = 1_800;
/// The group's own warm-up, where a refresh names none.
const GROUP_WARMUP: Tick = 30;
/// How many refreshes of a group are remembered.
const KEPT: usize = 10;

/// One refresh of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    id: RefreshId,
    status: RefreshStatus,
    strategy: RefreshStrategy,
    reason: Option<String>,
    template: TemplateId,
    version: u64,
    preferences: RefreshPreferences,
    /// Servers still to be replaced, and how many there were.
    todo: BTreeSet<InstanceId>,
    total: u32,
    /// When a server was last replaced.
    moved_at: Tick,
    look_at: Tick,
    bake_until: Option<Tick>,
    started: Tick,
    ended: Option<Tick>,
    rollback_reason: Option<String>,
}

impl Refresh {
    /// New servers are launched from what the refresh wants rather than from what the group says.
    const fn launches_its_own(&self) -> bool {
        self.status.goes_forward() || matches!(self.status, RefreshStatus::Cancelling)
    }

    const fn replaces(&self) -> bool {
        matches!(self.status, RefreshStatus::InProgress | RefreshStatus::RollbackInProgress | RefreshStatus::Cancelling)
    }

    fn end(&mut self, status: RefreshStatus, now: Tick) {
        self.status = status;
        self.ended = Some(now);
        self.todo.clear();
    }
}

impl Group {
    /// The refresh that runs.
    fn refreshing(&self) -> Option<&Refresh> {
        self.refreshes.last().filter(|refresh| refresh.status.is_running())
    }

    /// What a refresh that goes forward launches.
    pub(super) fn refresh_launches(&self) -> Option<(&TemplateId, u64)> {
        self.refreshing().filter(|refresh| refresh.launches_its_own()).map(|refresh| (&refresh.template, refresh.version))
    }

    /// A refresh ends servers and has others launched in their place.
    pub(super) fn is_replacing(&self) -> bool {
        self.refreshing().is_some_and(Refresh::replaces)
    }

    /// Servers the group keeps: what it is asked to, and while a refresh replaces some, new ones before the old ones end.
    pub(super) fn wanted(&self) -> u32 {
        let desired = self.sizes.desired;
        let Some(refresh) = self.refreshing().filter(|refresh| refresh.replaces()) else { return desired };
        let most = u32::try_from(u64::from(desired) * u64::from(refresh.preferences.max_healthy_pct) / 100).unwrap_or(u32::MAX);
        let least_room = u32::from(refresh.preferences.min_healthy_pct >= 100);
        desired + most.saturating_sub(desired).max(least_room).min(count(refresh.todo.iter()))
    }

    /// When its refresh is looked at next.
    pub(super) fn refresh_due(&self) -> Option<Tick> {
        self.refreshing().map(|refresh| refresh.look_at)
    }
}

/// Starting, stopping and turning round.
impl World {
    /// StartInstanceRefresh.
    pub(super) fn start_refresh(
        &mut self,
        name: &GroupName,
        (template, version): (&TemplateId, u64),
        preferences: &RefreshPreferences,
        strategy: RefreshStrategy,
    ) -> Result<CallReply, Refusal> {
        let known = self.templates.get(template).ok_or_else(|| not_found("launch template", template))?;
        if !known.versions.contains_key(&version) {
            return Err(not_found("launch template version", &version));
        }
        let (tick, seed) = (self.tick, self.seed);
        let group = self.groups.get_mut(name).ok_or_else(|| not_found("Auto Scaling group", name))?;
        if group.refreshing().is_some() {
            return refuse(CloudErrorKind::Conflict, "an instance refresh is already in progress");
        }
        check(preferences, group)?;
        let matching = |server: &Server| preferences.skip_matching && server.version == version;
        let todo: BTreeSet<InstanceId> = active(group).filter(|server| !matching(server)).map(|server| server.id.clone()).collect();
        let nth = u64::try_from(group.refreshes.len()).unwrap_or(0);
        let word = draw::bits(seed, tick, draw::fnv(name.as_str().as_bytes()) ^ draw::mix(nth));
        let id = RefreshId::new(format!("{:08x}-{:04x}-sim", word >> 32, word & 0xffff));
        group.refreshes.push(Refresh {
            id: id.clone(),
            status: RefreshStatus::Pending,
            strategy,
            reason: None,
            template: template.clone(),
            version,
            preferences: preferences.clone(),
            total: count(todo.iter()),
            todo,
            moved_at: tick,
            look_at: tick + LOOK,
            bake_until: None,
            started: tick,
            ended: None,
            rollback_reason: None,
        });
        let old = group.refreshes.len().saturating_sub(KEPT);
        group.refreshes.drain(..old);
        Ok(CallReply { refresh: Some(id), ..CallReply::default() })
    }

    /// CancelInstanceRefresh.
    pub(super) fn cancel_refresh(&mut self, name: &GroupName) -> Result<CallReply, Refusal> {
        self.turn_refresh(name, |refresh, group, tick| {
            // Replacements under way are finished.
            let under_way = active(group).count().saturating_sub(usize::try_from(group.sizes.desired).unwrap_or(0));
            refresh.todo = std::mem::take(&mut refresh.todo).into_iter().take(under_way).collect();
            refresh.moved_at = tick;
            refresh.status = RefreshStatus::Cancelling;
            refresh.reason = Some("cancelled by a person".to_owned());
            Ok(())
        })
    }

    /// RollbackInstanceRefresh.
    pub(super) fn roll_refresh_back(&mut self, name: &GroupName) -> Result<CallReply, Refusal> {
        self.turn_refresh(name, |refresh, group, tick| {
            if !refresh.status.goes_forward() {
                return refuse(CloudErrorKind::Conflict, "the instance refresh rolls back already or is being cancelled");
            }
            if !matches!(group.version, PinnedVersion::Number(_)) {
                return refuse(CloudErrorKind::Conflict, "the group's launch template version is not a number: there is nothing to go back to");
            }
            turn_round(refresh, group, "asked for", tick);
            Ok(())
        })
    }

    fn turn_refresh(&mut self, name: &GroupName, turn: impl FnOnce(&mut Refresh, &Group, Tick) -> Result<(), Refusal>) -> Result<CallReply, Refusal> {
        let tick = self.tick;
        let group = self.groups.get_mut(name).ok_or_else(|| not_found("Auto Scaling group", name))?;
        let Some(mut refresh) = group.refreshing().cloned() else {
            return refuse(CloudErrorKind::Conflict, format!("no instance refresh of {name} is in progress"));
        };
        turn(&mut refresh, group, tick)?;
        let id = refresh.id.clone();
        if let Some(last) = group.refreshes.last_mut() {
            *last = refresh;
        }
        Ok(CallReply { refresh: Some(id), ..CallReply::default() })
    }

    /// An alarm the refresh of a group watches goes off, or a health check of its own: it rolls back if it was told to, else it fails.
    pub(super) fn alarm_refresh(&mut self, name: &GroupName, why: &str) -> bool {
        let tick = self.tick;
        let Some(group) = self.groups.get_mut(name) else { return false };
        let Some(mut refresh) = group.refreshing().filter(|refresh| refresh.status.goes_forward()).cloned() else { return false };
        fail(&mut refresh, group, why, tick);
        group.refreshes.pop();
        group.refreshes.push(refresh);
        true
    }

    /// The refreshes of a group, newest first; none if there is no such group.
    #[must_use]
    pub fn refreshes(&self, name: &GroupName) -> Option<Vec<InstanceRefresh>> {
        Some(self.groups.get(name)?.refreshes.iter().rev().map(|refresh| self.refresh(refresh)).collect())
    }

    fn refresh(&self, refresh: &Refresh) -> InstanceRefresh {
        let left = count(refresh.todo.iter());
        let done = refresh.total.saturating_sub(left);
        InstanceRefresh {
            id: refresh.id.clone(),
            status: refresh.status.clone(),
            strategy: refresh.strategy.clone(),
            reason: refresh.reason.clone().map(Untrusted::new),
            percent: Some((done * 100).checked_div(refresh.total).unwrap_or(100)),
            to_update: Some(left),
            desired: Some(DesiredTemplate::numbered(refresh.template.clone(), refresh.version)),
            preferences: Some(refresh.preferences.clone()),
            started_at: Some(self.moment(refresh.started)),
            ended_at: refresh.ended.map(|tick| self.moment(tick)),
            rollback_reason: refresh.rollback_reason.clone().map(Untrusted::new),
        }
    }
}

fn check(preferences: &RefreshPreferences, group: &Group) -> Result<(), Refusal> {
    let (min, max) = (preferences.min_healthy_pct, preferences.max_healthy_pct);
    if min > 100 || !(100..=200).contains(&max) || max - min > 100 {
        return refuse(CloudErrorKind::Invalid, format!("healthy percentages {min} to {max} are out of range"));
    }
    if preferences.auto_rollback && !matches!(group.version, PinnedVersion::Number(_)) {
        return refuse(CloudErrorKind::Invalid, "auto rollback needs a numbered launch template version to go back to");
    }
    Ok(())
}

/// How it goes on.
impl World {
    /// Lets every refresh whose time has come look at its group.
    pub(super) fn refreshes_go_on(&mut self) {
        let now = self.tick;
        let due: Vec<GroupName> =
            self.groups.iter().filter(|(_, group)| group.refresh_due().is_some_and(|at| at <= now)).map(|(name, _)| name.clone()).collect();
        for name in due {
            if let Some(red) = self.groups.get(&name).and_then(Group::refreshing).and_then(|refresh| self.red_alarm(&refresh.preferences.alarms)) {
                self.alarm_refresh(&name, &format!("alarm {red} is red"));
            }
            let Some(mut group) = self.groups.remove(&name) else { continue };
            let around = self.surroundings(&group);
            if let Some(mut refresh) = group.refreshes.pop() {
                go_on(&mut refresh, &mut group, &around);
                group.refreshes.push(refresh);
            }
            self.groups.insert(name, group);
        }
    }
}

fn go_on(refresh: &mut Refresh, group: &mut Group, around: &Surroundings) {
    let now = around.tick;
    refresh.look_at = now + LOOK;
    match refresh.status {
        RefreshStatus::Pending => refresh.status = RefreshStatus::InProgress,
        RefreshStatus::InProgress | RefreshStatus::RollbackInProgress | RefreshStatus::Cancelling => replace(refresh, group, around),
        RefreshStatus::Baking if refresh.bake_until.is_none_or(|until| now >= until) => succeed(refresh, group, now),
        _ => {}
    }
}

/// Old servers end as far as enough others are ready; the group launches new ones by itself, up to what it wants now.
fn replace(refresh: &mut Refresh, group: &mut Group, around: &Surroundings) {
    let now = around.tick;
    let there: BTreeSet<InstanceId> = active(group).map(|server| server.id.clone()).collect();
    refresh.todo.retain(|id| there.contains(id));
    let warmup = refresh.preferences.warmup_secs.map_or(GROUP_WARMUP, Tick::from);
    let least = u32::try_from((u64::from(group.sizes.desired) * u64::from(refresh.preferences.min_healthy_pct)).div_ceil(100)).unwrap_or(u32::MAX);
    let mut ready = count(active(group).filter(|server| is_ready(server, warmup, now)));
    for server in group.servers.iter_mut().filter(|server| server.is_active()) {
        let spared = u32::from(is_ready(server, warmup, now));
        if refresh.todo.contains(&server.id) && ready.saturating_sub(spared) >= least {
            ready -= spared;
            refresh.todo.remove(&server.id);
            refresh.moved_at = now;
            terminate(server, around);
        }
    }
    if refresh.todo.is_empty() && ready >= group.sizes.desired && count(active(group)) == group.sizes.desired {
        replaced(refresh, group, now);
    } else if now - refresh.moved_at > STUCK {
        fail(refresh, group, "new servers did not become healthy in time", now);
    }
}

fn replaced(refresh: &mut Refresh, group: &mut Group, now: Tick) {
    match refresh.status {
        RefreshStatus::RollbackInProgress => return refresh.end(RefreshStatus::RollbackSuccessful, now),
        RefreshStatus::Cancelling => return refresh.end(RefreshStatus::Cancelled, now),
        _ => {}
    }
    if refresh.preferences.bake_secs == 0 {
        return succeed(refresh, group, now);
    }
    refresh.status = RefreshStatus::Baking;
    refresh.bake_until = Some(now + Tick::from(refresh.preferences.bake_secs));
}

/// Only now does the group itself get the new template.
fn succeed(refresh: &mut Refresh, group: &mut Group, now: Tick) {
    refresh.end(RefreshStatus::Successful, now);
    group.template = refresh.template.clone();
    group.version = PinnedVersion::Number(refresh.version);
}

fn fail(refresh: &mut Refresh, group: &Group, why: &str, now: Tick) {
    let end = match refresh.status {
        RefreshStatus::RollbackInProgress => Some(RefreshStatus::RollbackFailed),
        RefreshStatus::Cancelling => Some(RefreshStatus::Cancelled),
        _ => None,
    };
    if let Some(end) = end {
        refresh.reason = Some(why.to_owned());
        return refresh.end(end, now);
    }
    if refresh.preferences.auto_rollback {
        return turn_round(refresh, group, why, now);
    }
    refresh.reason = Some(why.to_owned());
    refresh.end(RefreshStatus::Failed, now);
}

fn turn_round(refresh: &mut Refresh, group: &Group, why: &str, now: Tick) {
    let PinnedVersion::Number(own) = group.version else { return };
    refresh.status = RefreshStatus::RollbackInProgress;
    refresh.rollback_reason = Some(why.to_owned());
    refresh.reason = Some(format!("rolls back: {why}"));
    refresh.bake_until = None;
    refresh.moved_at = now;
    refresh.todo = active(group).filter(|server| server.version != own).map(|server| server.id.clone()).collect();
    refresh.total = count(refresh.todo.iter());
}

fn active(group: &Group) -> impl Iterator<Item = &Server> {
    group.servers.iter().filter(|server| server.is_active())
}

fn is_ready(server: &Server, warmup: Tick, now: Tick) -> bool {
    let warm = matches!(server.phase, Phase::InService(since) if now - since >= warmup);
    warm && server.healthy && matches!(server.target, Target::Healthy | Target::None)
}
