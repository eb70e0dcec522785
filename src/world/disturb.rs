//! What people, policies and accidents do to a world behind an operation's back; for tests.

use super::World;
use super::bakes::BakeFaults;
use super::servers::replace_overdue;
use super::state::{Group, ImageRecord, TemplateVersion, Vigour};
use crate::domain::bake::Leftover;
use crate::domain::fleet::RoutePlace;
use crate::domain::group::PinnedVersion;
use crate::domain::ids::{AlarmName, GroupName, ImageId, InstanceId, PlaceArn, TargetGroupArn, TemplateId};
use crate::domain::observation::AlarmState;
use crate::domain::refresh::{DesiredTemplate, RefreshPreferences, RefreshStrategy};
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;
use crate::domain::traffic::RouteActions;

/// One thing that happens to a world from outside. None of them is in the call log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Bakes meet these faults from now on.
    SpoilBakes(BakeFaults),
    /// Somebody deregisters an image that bakes start from.
    LoseBase {
        /// It.
        image: ImageId,
    },
    /// Somebody deregisters all copies of images in other regions.
    LoseCopies,
    /// A bake that nobody remembers left something.
    LeaveBehind(Leftover),
    /// Somebody terminates one server.
    KillInstance {
        /// Its group.
        group: GroupName,
        /// The server.
        instance: InstanceId,
    },
    /// Somebody in a console sets weights; target groups not named keep theirs.
    SetWeights {
        /// The rule or listener.
        place: PlaceArn,
        /// New weights.
        weights: Vec<(TargetGroupArn, u32)>,
    },
    /// Somebody puts a whole other list of actions in place.
    ReplaceActions {
        /// The rule or listener.
        place: PlaceArn,
        /// The actions.
        actions: RouteActions,
    },
    /// A policy or a person changes what a group wants; it is kept between min and max.
    SetDesired {
        /// The group.
        group: GroupName,
        /// The wanted number of servers.
        desired: u32,
    },
    /// Somebody changes min and max of a group.
    SetBounds {
        /// The group.
        group: GroupName,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// The health of a target group's targets cannot be read for a while.
    UnreadableHealth {
        /// The target group.
        target_group: TargetGroupArn,
        /// For how long.
        span: Millis,
    },
    /// Somebody attaches a group to a target group.
    Attach {
        /// The group.
        group: GroupName,
        /// The target group.
        target_group: TargetGroupArn,
    },
    /// Somebody takes a group off a target group.
    Detach {
        /// The group.
        group: GroupName,
        /// The target group.
        target_group: TargetGroupArn,
    },
    /// Somebody points a group at another version of its template.
    ChangeTemplate {
        /// The group.
        group: GroupName,
        /// The version.
        version: PinnedVersion,
    },
    /// A server fails its checks from now on.
    BreakInstance {
        /// Its group.
        group: GroupName,
        /// The server.
        instance: InstanceId,
    },
    /// Servers of an image behave like this from now on.
    ChangeVigour {
        /// The image.
        image: ImageId,
        /// How they behave.
        vigour: Vigour,
    },
    /// The cloud has only so many servers left to give; none for no limit.
    LimitCapacity {
        /// How many.
        servers: Option<u32>,
    },
    /// A zone is gone with all its servers, and nothing is launched there for a while.
    ZoneOutage {
        /// Its index.
        zone: u8,
        /// For how long.
        span: Millis,
    },
    /// The servers of a group that are on their way out stay for a while.
    StuckDraining {
        /// The group.
        group: GroupName,
        /// For how long at least.
        span: Millis,
    },
    /// Another tool replaces one server of a group by one of another template version.
    LaunchStranger {
        /// The group.
        group: GroupName,
        /// The version.
        version: u64,
    },
    /// Somebody puts a tag on a group.
    Tag {
        /// The group.
        group: GroupName,
        /// The key.
        key: String,
        /// The value; none takes the tag off.
        value: Option<String>,
    },
    /// Somebody deletes a version of a launch template.
    RemoveTemplateVersion {
        /// The template.
        template: TemplateId,
        /// The version.
        version: u64,
    },
    /// Somebody lets a suspended process of a group go on.
    Resume {
        /// The group.
        group: GroupName,
        /// The process.
        process: String,
    },
    /// Somebody writes a tag of an image by hand, or takes it away.
    TagImage {
        /// The image.
        image: ImageId,
        /// The tag.
        key: String,
        /// Its value; none takes it away.
        value: Option<String>,
    },
    /// Somebody shares an image with another account.
    ShareImage {
        /// The image.
        image: ImageId,
        /// The account.
        account: String,
    },
    /// Somebody shares a snapshot with another account.
    ShareSnapshot {
        /// The snapshot.
        snapshot: String,
        /// The account.
        account: String,
    },
    /// Somebody registers another image on the snapshots of one.
    RegisterTwin {
        /// The image.
        image: ImageId,
        /// The other's id.
        twin: ImageId,
    },
    /// From now on the last page of every listing about images is lost, or not any more.
    LosePages {
        /// Whether it is.
        lost: bool,
    },
    /// Somebody deregisters an image.
    RemoveImage {
        /// The image.
        image: ImageId,
    },
    /// Somebody else's tool starts an instance refresh.
    StartRefresh {
        /// The group.
        group: GroupName,
        /// The template version it launches.
        template: DesiredTemplate,
        /// Its preferences.
        preferences: Box<RefreshPreferences>,
        /// How it gets its servers.
        strategy: RefreshStrategy,
    },
    /// Somebody cancels the instance refresh of a group.
    CancelRefresh {
        /// The group.
        group: GroupName,
    },
    /// An alarm that the instance refresh of a group watches goes off.
    RefreshAlarm {
        /// The group.
        group: GroupName,
        /// What it says.
        why: String,
    },
    /// Somebody deletes a server group with its servers.
    DeleteGroup {
        /// The group.
        group: GroupName,
    },
    /// Somebody deletes a rule or listener.
    DeletePlace {
        /// The rule or listener.
        place: PlaceArn,
    },
    /// Somebody brings an image back from the recycle bin.
    RestoreImage {
        /// What there was.
        record: Box<ImageRecord>,
    },
    /// Somebody makes a version of a launch template again.
    RestoreTemplateVersion {
        /// The template.
        template: TemplateId,
        /// The version.
        version: u64,
        /// What it said.
        data: Box<TemplateVersion>,
    },
    /// An alarm says this from now on, whatever it sees; none lets it see again.
    SetAlarm {
        /// The alarm.
        alarm: AlarmName,
        /// What it says.
        state: Option<AlarmState>,
    },
    /// Alarms cannot be read for a while.
    UnreadableAlarms {
        /// For how long.
        span: Millis,
    },
    /// Somebody puts a scheduled action on a group.
    Schedule {
        /// The group.
        group: GroupName,
        /// The action's name.
        action: String,
    },
    /// Our credentials end after so long, or have no end that is told: they are renewed.
    CredentialsEnd {
        /// After so long; none where no end is told.
        after: Option<Millis>,
    },
    /// Somebody suspends a process of a group (`Launch`, `Terminate`, `ReplaceUnhealthy`).
    Suspend {
        /// The group.
        group: GroupName,
        /// The process.
        process: String,
    },
}

impl World {
    /// Lets it happen now; false when what it names does not exist or refuses, in which case nothing changed.
    pub fn disturb(&mut self, what: Disturbance) -> bool {
        match what {
            Disturbance::SpoilBakes(faults) => {
                self.bakehouse.faults = faults;
                true
            }
            Disturbance::LoseBase { image } => self.lose_base(&image),
            Disturbance::LoseCopies => self.lose_copies(),
            Disturbance::LeaveBehind(leftover) => {
                self.leave(&leftover);
                true
            }
            Disturbance::KillInstance { group, instance } => self.kill(&group, &instance),
            Disturbance::SetWeights { place, weights } => {
                let actions = self.places.get(&place).map(|found| found.actions.with_weights(&weights));
                actions.is_some_and(|actions| self.replace_by_hand(place, &actions))
            }
            Disturbance::ReplaceActions { place, actions } => self.replace_by_hand(place, &actions),
            Disturbance::SetDesired { group, desired } => self.want(&group, desired),
            Disturbance::SetBounds { group, min, max } => self.resize(&group, Some(min), Some(max), None).is_ok(),
            Disturbance::UnreadableHealth { target_group, span } => self.hide_health(&target_group, span),
            Disturbance::Attach { group, target_group } => self.attach(&group, &target_group).is_ok(),
            Disturbance::Detach { group, target_group } => self.detach(&group, &target_group).is_ok(),
            Disturbance::ChangeTemplate { group, version } => self.groups.get_mut(&group).map(|group| group.version = version).is_some(),
            Disturbance::BreakInstance { group, instance } => self.break_by_hand(&group, &instance),
            Disturbance::ChangeVigour { image, vigour } => self.change_vigour(&image, vigour),
            Disturbance::LimitCapacity { servers } => {
                self.spare = servers;
                true
            }
            Disturbance::ZoneOutage { zone, span } => self.lose_zone(zone, span),
            Disturbance::StuckDraining { group, span } => self.slow_down(&group, span),
            Disturbance::LaunchStranger { group, version } => self.launch_stranger(&group, version),
            Disturbance::Tag { group, key, value } => self.groups.get_mut(&group).map(|group| put_tag(group, key, value)).is_some(),
            Disturbance::RemoveTemplateVersion { template, version } => self.templates.get_mut(&template).is_some_and(|found| {
                found.spent = found.spent.max(version);
                found.versions.remove(&version).is_some()
            }),
            Disturbance::Resume { group, process } => {
                let now = self.tick;
                let resumes = |group: &mut Group| {
                    group.suspended.retain(|suspended| *suspended != process);
                    replace_overdue(group, now);
                };
                self.groups.get_mut(&group).map(resumes).is_some()
            }
            Disturbance::RestoreImage { record } => self.images.insert(record.image.id.clone(), *record).is_none(),
            Disturbance::RestoreTemplateVersion { template, version, data } => {
                self.templates.get_mut(&template).map(|found| found.versions.insert(version, *data)).is_some()
            }
            Disturbance::TagImage { image, key, value } => self.tag_image_by_hand(&image, &key, value.as_deref()),
            Disturbance::ShareImage { image, account } => self.share(&image, &account),
            Disturbance::ShareSnapshot { snapshot, account } => self.share_snapshot(&snapshot, &account),
            Disturbance::RegisterTwin { image, twin } => self.register_twin(&image, &twin),
            Disturbance::LosePages { lost } => {
                self.lose_pages(lost);
                true
            }
            Disturbance::RemoveImage { image } => self.images.remove(&image).is_some(),
            Disturbance::StartRefresh { group, template: DesiredTemplate { id, version: PinnedVersion::Number(number) }, preferences, strategy } => {
                self.start_refresh(&group, (&id, number), &preferences, strategy).is_ok()
            }
            Disturbance::StartRefresh { .. } => false,
            Disturbance::CancelRefresh { group } => self.cancel_refresh(&group).is_ok(),
            Disturbance::RefreshAlarm { group, why } => self.alarm_refresh(&group, &why),
            Disturbance::DeleteGroup { group } => self.groups.remove(&group).is_some(),
            Disturbance::DeletePlace { place } => self.places.remove(&place).is_some(),
            Disturbance::SetAlarm { alarm, state } => self.set_alarm(&alarm, state),
            Disturbance::UnreadableAlarms { span } => self.hide_alarms(span),
            Disturbance::Schedule { group, action } => self.groups.get_mut(&group).map(|group| group.scheduled.push(action.into())).is_some(),
            Disturbance::CredentialsEnd { after } => {
                self.credentials_end = after.map(|after| self.tick.saturating_add_unsigned(after.as_secs()));
                true
            }
            Disturbance::Suspend { group, process } => self.groups.get_mut(&group).map(|group| group.suspended.push(process)).is_some(),
        }
    }

    /// All there is to know of an image, to bring it back later.
    #[must_use]
    pub fn image_record(&self, image: &ImageId) -> Option<&ImageRecord> {
        self.images.get(image)
    }

    /// All a version of a launch template says, to bring it back later.
    #[must_use]
    pub fn template_version(&self, template: &TemplateId, version: u64) -> Option<&TemplateVersion> {
        self.templates.get(template)?.versions.get(&version)
    }

    /// From now on nothing breaks by itself: what happens to this world is what somebody lets happen.
    pub const fn spare_accidents(&mut self) {
        self.accidents = false;
    }

    fn replace_by_hand(&mut self, arn: PlaceArn, actions: &RouteActions) -> bool {
        let Some(place) = self.places.get(&arn) else { return false };
        let place = if place.is_rule { RoutePlace::Rule(arn) } else { RoutePlace::Listener(arn) };
        self.set_actions(&place, actions).is_ok()
    }

    fn want(&mut self, group: &GroupName, desired: u32) -> bool {
        let Some(sizes) = self.groups.get(group).map(|group| group.sizes) else { return false };
        self.resize(group, None, None, Some(desired.clamp(sizes.min, sizes.max))).is_ok()
    }

    fn hide_health(&mut self, target_group: &TargetGroupArn, span: Millis) -> bool {
        let until = self.tick.saturating_add_unsigned(span.as_secs());
        self.target_groups.get_mut(target_group).map(|found| found.unreadable_until = Some(until)).is_some()
    }
}

fn put_tag(group: &mut Group, key: String, value: Option<String>) {
    match value {
        Some(value) => group.tags.insert(key, Untrusted::new(value)),
        None => group.tags.remove(&key),
    };
}
