//! What is checked where the cloud's own engine replaces the servers of one group, the only one of its fleet or the one that serves: what is asked
//! of that engine, how many servers it ends at once, and what the group rests at.

use quarterdeck::domain::call::{CloudCall, CloudErrorKind};
use quarterdeck::domain::group::{Lifecycle, PinnedVersion, count};
use quarterdeck::domain::ids::{GroupName, ImageId, InstanceId};
use quarterdeck::domain::refresh::{InstanceRefresh, RefreshPreferences};
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::plan::{OperationKind, Plan};
use quarterdeck::world::state::Vigour;
use quarterdeck::world::{LoggedCall, World};

use super::{Arrival, Checker};
use crate::sim::LAUNCH;
use crate::store::Record;

/// Zones servers are spread over.
const ZONES: u32 = 3;

/// Servers of one zone, where so many are spread over all of them.
const fn zone(servers: u32) -> u32 {
    servers.div_ceil(ZONES)
}

/// The group whose servers are replaced, as it was a moment ago.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Healthy servers that were not on their way out, with their images.
    fit: Vec<(InstanceId, ImageId)>,
    /// The same number in the twin.
    in_twin: u32,
    /// Servers there are beyond what is wanted while a refresh runs: it launches before it ends others.
    spare: u32,
}

impl Checker {
    /// A call as the cloud saw it, with the world as it is just after.
    pub(super) fn only_group_call(&mut self, arrival: &Arrival<'_>) -> Result<(), String> {
        let (record, plan) = (arrival.record, &arrival.record.operation.plan);
        match &arrival.logged.call {
            CloudCall::StartInstanceRefresh { group, template, version, preferences } => {
                self.slot(group)?;
                let ours = [(&plan.to.template, record.progress.candidate_version), (&plan.from.template, plan.from.template_version)];
                if !ours.contains(&(template, Some(*version))) {
                    return Err(format!("S11: version {version} of {template} is not in the plan"));
                }
                self.asked_for(plan, preferences, arrival)
            }
            CloudCall::RollbackInstanceRefresh { group } => self.turned(group, arrival).and_then(|()| self.turns_to_good(group, arrival)),
            CloudCall::CancelInstanceRefresh { group } => self.turned(group, arrival),
            CloudCall::Tag { groups, .. } | CloudCall::Untag { groups, .. } => groups.iter().try_for_each(|group| self.slot(group).map(|_| ())),
            CloudCall::CreateTemplateVersion { template, .. } if *template == plan.to.template => Ok(()),
            CloudCall::CreateTemplateVersion { template, .. } => Err(format!("S11: template {template} is not the candidate's")),
            other => Err(format!("S4: {} where servers are replaced by the cloud's engine: sizes and template are not ours", other.summary())),
        }
    }

    /// S1 and S15 of what is asked for: never fewer servers than wanted, and never more than one zone's worth of them at once.
    fn asked_for(&self, plan: &Plan, preferences: &RefreshPreferences, arrival: &Arrival<'_>) -> Result<(), String> {
        let desired = self.desired(arrival.before, self.stable);
        if preferences.min_healthy_pct < 100 {
            return Err(format!("S1: a refresh may leave {}% of {desired} servers", preferences.min_healthy_pct));
        }
        let at_once = (desired * preferences.max_healthy_pct / 100).saturating_sub(desired).max(1);
        if at_once > zone(desired) {
            return Err(format!("S15: a refresh replaces {at_once} of {desired} servers at once, a zone has {}", zone(desired)));
        }
        if plan.kind == OperationKind::Recycle && preferences.skip_matching && arrival.record.progress.state != OperationState::BackingOut {
            return Err("recycle: servers of the same version are left as they are".to_owned());
        }
        Ok(())
    }

    /// S20: nobody but a rollback, which says so, stops another hand's refresh.
    fn turned(&self, group: &GroupName, arrival: &Arrival<'_>) -> Result<(), String> {
        self.slot(group)?;
        let record = arrival.record;
        let Some(running) = running(arrival.before, group).filter(|_| record.kind() != OperationKind::Rollback && !arrival.stale) else {
            return Ok(());
        };
        if is_ours(record, &running) { Ok(()) } else { Err(format!("S20: {} stops another hand's refresh {}", record.operation.id, running.id)) }
    }

    /// S5: the cloud's engine goes back to what the group itself launches, which has to be what is good.
    fn turns_to_good(&self, group: &GroupName, arrival: &Arrival<'_>) -> Result<(), String> {
        let plan = &arrival.record.operation.plan;
        let good = if plan.kind == OperationKind::Rollback { arrival.record.progress.candidate_version } else { plan.from.template_version };
        let pinned = arrival.before.group(group).and_then(|group| group.template).map(|pin| pin.version);
        if arrival.stale || pinned == good.map(PinnedVersion::Number) || self.raced(self.foreign.template, arrival) {
            return Ok(());
        }
        Err(format!("S5: the refresh turns round to {pinned:?}, {good:?} is good"))
    }

    /// A refresh may have ended, or another one begun, between the look and the call.
    pub(super) fn may_be_in_conflict(logged: &LoggedCall, kind: CloudErrorKind) -> bool {
        let of_refresh = matches!(
            logged.call,
            CloudCall::StartInstanceRefresh { .. } | CloudCall::CancelInstanceRefresh { .. } | CloudCall::RollbackInstanceRefresh { .. }
        );
        of_refresh && matches!(kind, CloudErrorKind::Conflict | CloudErrorKind::Invalid)
    }

    /// S15: of the servers that were well a moment ago no more than one zone's worth is gone, besides what policies end in the twin as well.
    pub(super) fn ended_at_once(&mut self, world: &World) -> Result<(), String> {
        let now = self.only_group(world);
        let before = std::mem::replace(&mut self.before, now);
        if before.spare > 0 && running(world, self.ground.group(self.stable)).is_none() {
            // Where a refresh is stopped the cloud ends as many servers as are too many by then, and not always those that were launched last.
            self.losses.push((world.now().plus(LAUNCH).plus(Millis::secs(61)), before.spare));
        }
        // What does not get well, or is not well any more, ends by itself.
        let sound = |image: &ImageId| world.image_record(image).is_some_and(|found| found.behaviour.vigour == Vigour::Sound);
        let gone = count(before.fit.iter().filter(|server| sound(&server.1) && !self.before.fit.contains(server)));
        let in_twin = before.in_twin.saturating_sub(self.before.in_twin);
        let most = zone(self.need.max(self.desired(world, self.stable))) + in_twin + self.losses.iter().map(|(_, servers)| servers).sum::<u32>();
        if gone > most { Err(format!("S15: {gone} servers end at once, a zone and what ends anyway are {most}")) } else { Ok(()) }
    }

    /// The only group, or the one that serves, as it is now, for the next look at what ends.
    pub(super) fn only_group(&self, world: &World) -> Before {
        let servers = |world: &World| world.group(self.ground.group(self.stable)).into_iter().flat_map(|group| group.instances);
        let fit = |world: &World| {
            let well = servers(world).filter(|server| server.serves());
            well.filter_map(|server| Some((server.id, server.image?))).collect::<Vec<_>>()
        };
        let active = count(servers(world).filter(|server| server.lifecycle != Lifecycle::Terminating));
        let is_running = running(world, self.ground.group(self.stable)).is_some();
        let spare = if is_running { active.saturating_sub(self.desired(world, self.stable)) } else { 0 };
        Before { fit: fit(world), in_twin: count(fit(&self.twin).into_iter()), spare }
    }

    /// S12 of a fleet of one group: its sizes are what they were, and nothing replaces its servers any more.
    pub(super) fn only_group_at_rest(&self, world: &World) -> Result<(), String> {
        match running(world, self.ground.group(self.stable)) {
            Some(refresh) if !self.foreign.refresh => Err(format!("S12: an instance refresh is still {}", refresh.words())),
            _ => Ok(()),
        }
    }
}

fn running(world: &World, group: &GroupName) -> Option<InstanceRefresh> {
    world.refreshes(group)?.into_iter().find(|refresh| refresh.status.is_running())
}

/// It launches what the operation goes to or comes from.
fn is_ours(record: &Record, refresh: &InstanceRefresh) -> bool {
    let plan = &record.operation.plan;
    let versions = [record.progress.candidate_version, plan.from.template_version];
    versions.into_iter().flatten().any(|version| refresh.launches(&plan.to.template, version))
}
