//! Mutating calls, answered as AWS answers them.

use super::servers::replace_overdue;
use super::state::{Settling, TemplateVersion, Tick};
use super::{LoggedCall, World, draw};
use crate::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use crate::domain::fleet::RoutePlace;
use crate::domain::group::PinnedVersion;
use crate::domain::ids::{GroupName, ImageId, PlaceArn, TargetGroupArn, TemplateId};
use crate::domain::refresh::RefreshStrategy;
use crate::domain::sizes::Sizes;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::domain::traffic::{RouteAction, RouteActions};

/// The highest weight a forward can have.
const MAX_WEIGHT: u32 = 999;
/// The most target groups a forward can name.
const MAX_FORWARDS: usize = 5;

/// A refusal before the name of the call is put to it.
pub(super) type Refusal = (CloudErrorKind, String);

pub(super) fn refuse<T>(kind: CloudErrorKind, why: impl Into<String>) -> Result<T, Refusal> {
    Err((kind, why.into()))
}

pub(super) fn not_found(what: &str, name: &impl std::fmt::Display) -> Refusal {
    (CloudErrorKind::NotFound, format!("{what} {name} not found"))
}

/// The parts of a CreateLaunchTemplateVersion.
struct NewVersion<'a> {
    template: &'a TemplateId,
    source_template: &'a TemplateId,
    source_version: u64,
    image: &'a ImageId,
    content_hash: &'a str,
}

impl World {
    /// Goes on to `now` and answers a call there. Every call is kept in the log, refused or not.
    ///
    /// # Errors
    /// What AWS would answer: not found, or rejected as it is.
    pub fn apply(&mut self, call: &CloudCall, now: WorldTime) -> Result<CallReply, CloudError> {
        self.advance(now);
        self.call_count += 1;
        let before = match call {
            CloudCall::SetWeights { place, .. } => self.places.get(place.arn()).map(|place| place.actions.clone()),
            _ => None,
        };
        let request = draw::bits(self.seed, self.tick, draw::mix(self.call_count));
        let outcome = self.answer(call).map(|reply| CallReply { request_id: Some(Untrusted::new(format!("sim-{request:016x}"))), ..reply });
        let logged = outcome.as_ref().map_err(|(kind, _)| *kind).cloned();
        self.calls.push(LoggedCall { tick: self.tick, at: self.now(), call: call.clone(), before, outcome: logged });
        outcome.map_err(|(kind, why)| CloudError::new(kind, call.aws_name(), why))
    }

    fn suspend(&mut self, name: &GroupName, processes: &[String]) -> Result<CallReply, Refusal> {
        let group = self.groups.get_mut(name).ok_or_else(|| not_found("Auto Scaling group", name))?;
        for process in processes.iter().filter(|process| !group.suspended.contains(process)).cloned().collect::<Vec<_>>() {
            group.suspended.push(process);
        }
        Ok(CallReply::default())
    }

    fn resume(&mut self, name: &GroupName, processes: &[String]) -> Result<CallReply, Refusal> {
        let now = self.tick;
        let group = self.groups.get_mut(name).ok_or_else(|| not_found("Auto Scaling group", name))?;
        group.suspended.retain(|process| !processes.contains(process));
        replace_overdue(group, now);
        Ok(CallReply::default())
    }

    fn answer(&mut self, call: &CloudCall) -> Result<CallReply, Refusal> {
        if let Some(why) = self.refuses_write() {
            return refuse(CloudErrorKind::Throttled, why);
        }
        if let Some(why) = self.credentials_gone() {
            return refuse(CloudErrorKind::Auth, why);
        }
        match call {
            CloudCall::CreateTemplateVersion { template, source_template, source_version, image, content_hash } => {
                self.create_version(&NewVersion { template, source_template, source_version: *source_version, image, content_hash })
            }
            CloudCall::PinTemplate { group, template, version } => self.pin(group, template, *version),
            CloudCall::RaiseMin { group, min, max } => self.resize(group, Some(*min), *max, None),
            CloudCall::ReleaseMin { group, min } => self.resize(group, Some(*min), None, None),
            CloudCall::Park { group, sizes } => self.resize(group, Some(sizes.min), Some(sizes.max), Some(sizes.desired)),
            CloudCall::SetWeights { place, actions } => self.set_actions(place, actions),
            CloudCall::AttachTargetGroup { group, target_group } => self.attach(group, target_group),
            CloudCall::DetachTargetGroup { group, target_group } => self.detach(group, target_group),
            CloudCall::StartInstanceRefresh { group, template, version, preferences } => {
                self.start_refresh(group, (template, *version), preferences, RefreshStrategy::Rolling)
            }
            CloudCall::SuspendProcesses { group, processes } => self.suspend(group, processes),
            CloudCall::ResumeProcesses { group, processes } => self.resume(group, processes),
            CloudCall::CancelInstanceRefresh { group } => self.cancel_refresh(group),
            CloudCall::RollbackInstanceRefresh { group } => self.roll_refresh_back(group),
            CloudCall::Tag { groups, tags } => self.tag(groups, |found| {
                found.extend(tags.iter().map(|(key, value)| (key.clone(), Untrusted::new(value.clone()))));
            }),
            CloudCall::Untag { groups, keys } => self.tag(groups, |found| found.retain(|key, _| !keys.contains(key))),
            CloudCall::Build { what } => self.build(what),
            CloudCall::Image { what } => self.live(what),
        }
    }

    /// A new version with the image replaced, or the one that has the same content hash already.
    fn create_version(&mut self, new: &NewVersion<'_>) -> Result<CallReply, Refusal> {
        let source = self.templates.get(new.source_template).ok_or_else(|| not_found("launch template", new.source_template))?;
        let data = source.versions.get(&new.source_version).ok_or_else(|| not_found("launch template version", &new.source_version))?;
        let fields = data.fields.clone();
        let template = self.templates.get_mut(new.template).ok_or_else(|| not_found("launch template", new.template))?;
        let made = template.versions.iter().find(|(_, version)| !new.content_hash.is_empty() && version.description == new.content_hash);
        let number = if let Some((number, _)) = made {
            *number
        } else {
            let number = template.versions.keys().next_back().copied().unwrap_or(0).max(template.spent) + 1;
            let description = new.content_hash.to_owned();
            template.versions.insert(number, TemplateVersion { image: new.image.clone(), description, fields });
            number
        };
        Ok(CallReply { template_version: Some(number), ..CallReply::default() })
    }

    fn pin(&mut self, group: &GroupName, template: &TemplateId, version: u64) -> Result<CallReply, Refusal> {
        let found = self.templates.get(template).ok_or_else(|| not_found("launch template", template))?;
        if !found.versions.contains_key(&version) {
            return Err(not_found("launch template version", &version));
        }
        let group = self.groups.get_mut(group).ok_or_else(|| not_found("Auto Scaling group", group))?;
        group.template = template.clone();
        group.version = PinnedVersion::Number(version);
        group.retry_at = self.tick;
        Ok(CallReply::default())
    }

    /// UpdateAutoScalingGroup with sizes: desired is pulled into the new bounds unless it is given, and then it must lie in them.
    pub(super) fn resize(&mut self, name: &GroupName, min: Option<u32>, max: Option<u32>, desired: Option<u32>) -> Result<CallReply, Refusal> {
        let group = self.groups.get_mut(name).ok_or_else(|| not_found("Auto Scaling group", name))?;
        let (min, max) = (min.unwrap_or(group.sizes.min), max.unwrap_or(group.sizes.max));
        if min > max {
            return refuse(CloudErrorKind::Invalid, format!("min size {min} is above max size {max}"));
        }
        if let Some(desired) = desired.filter(|desired| !(min..=max).contains(desired)) {
            return refuse(CloudErrorKind::Invalid, format!("desired capacity {desired} is not between min size {min} and max size {max}"));
        }
        group.sizes = Sizes { min, max, desired: desired.unwrap_or(group.sizes.desired.clamp(min, max)) };
        group.retry_at = self.tick;
        Ok(CallReply::default())
    }

    /// AttachLoadBalancerTargetGroups. Doing it twice changes nothing; a simulated group registers its servers in one target group.
    pub(super) fn attach(&mut self, name: &GroupName, target_group: &TargetGroupArn) -> Result<CallReply, Refusal> {
        if !self.target_groups.contains_key(target_group) {
            return Err(not_found("target group", target_group));
        }
        let group = self.groups.get_mut(name).ok_or_else(|| not_found("Auto Scaling group", name))?;
        match &group.target_group {
            Some(attached) if attached == target_group => return Ok(CallReply::default()),
            Some(other) => return refuse(CloudErrorKind::Invalid, format!("{name} is attached to target group {other}")),
            None => {}
        }
        group.target_group = Some(target_group.clone());
        group.drains_from = None;
        self.register(name);
        Ok(CallReply::default())
    }

    /// DetachLoadBalancerTargetGroups: the servers drain and go on running. Doing it twice changes nothing.
    pub(super) fn detach(&mut self, name: &GroupName, target_group: &TargetGroupArn) -> Result<CallReply, Refusal> {
        let group = self.groups.get_mut(name).ok_or_else(|| not_found("Auto Scaling group", name))?;
        if group.target_group.as_ref() == Some(target_group) {
            group.drains_from = group.target_group.take();
            self.deregister(name);
        }
        Ok(CallReply::default())
    }

    /// ModifyRule or ModifyListener: the whole list of actions is replaced by what was sent.
    pub(super) fn set_actions(&mut self, place: &RoutePlace, actions: &RouteActions) -> Result<CallReply, Refusal> {
        let found = self.places.get(place.arn()).filter(|found| found.is_rule == matches!(place, RoutePlace::Rule(_)));
        let was =
            found.ok_or_else(|| not_found(if matches!(place, RoutePlace::Rule(_)) { "rule" } else { "listener" }, place.arn()))?.actions.clone();
        self.check_actions(actions)?;
        self.replace_actions(place.arn(), actions);
        let touched: std::collections::BTreeSet<&TargetGroupArn> = was.forwards().chain(actions.forwards()).map(|(arn, _)| arn).collect();
        for arn in touched {
            if was.weight(arn).is_some() != actions.weight(arn).is_some() {
                self.recheck(arn);
            }
        }
        Ok(CallReply { actions: Some(actions.clone()), ..CallReply::default() })
    }

    fn check_actions(&self, actions: &RouteActions) -> Result<(), Refusal> {
        let forwards: Vec<_> = actions.0.iter().filter(|action| matches!(action, RouteAction::Forward { .. })).collect();
        if forwards.len() != 1 || !matches!(actions.0.last(), Some(RouteAction::Forward { .. })) {
            return refuse(CloudErrorKind::Invalid, "the last action, and no other, must forward");
        }
        if actions.forwards().count() > MAX_FORWARDS {
            return refuse(CloudErrorKind::Invalid, format!("a forward names at most {MAX_FORWARDS} target groups"));
        }
        for (arn, weight) in actions.forwards() {
            if *weight > MAX_WEIGHT {
                return refuse(CloudErrorKind::Invalid, format!("weight {weight} is not between 0 and {MAX_WEIGHT}"));
            }
            if !self.target_groups.contains_key(arn) {
                return Err(not_found("target group", arn));
            }
        }
        Ok(())
    }

    /// Reads show the new actions at once; the traffic follows over some seconds.
    fn replace_actions(&mut self, arn: &PlaceArn, actions: &RouteActions) {
        let (seed, tick) = (self.seed, self.tick);
        let Some(place) = self.places.get_mut(arn) else { return };
        place.actions = actions.clone();
        if place.effective == place.wanted() {
            place.settling = None;
            return;
        }
        let start: Tick = tick + draw::between(seed, tick, "settle-start", arn.as_str(), 0, 3);
        let end = start + draw::between(seed, tick, "settle", arn.as_str(), 3, 17);
        let from = place.effective.clone();
        place.settling = Some(Settling { from, start, end });
    }

    /// All groups or none, as one CreateOrUpdateTags or DeleteTags.
    fn tag(
        &mut self,
        groups: &[GroupName],
        mut change: impl FnMut(&mut std::collections::BTreeMap<String, Untrusted>),
    ) -> Result<CallReply, Refusal> {
        if let Some(unknown) = groups.iter().find(|name| !self.groups.contains_key(*name)) {
            return Err(not_found("Auto Scaling group", unknown));
        }
        for name in groups {
            if let Some(group) = self.groups.get_mut(name) {
                change(&mut group.tags);
            }
        }
        Ok(CallReply::default())
    }
}
