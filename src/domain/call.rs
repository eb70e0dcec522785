//! Every call that can change the cloud, and what can come back.

use serde::{Deserialize, Serialize};

pub use super::build_call::{BuildCall, CopyImage, RunInstance};
use super::fleet::RoutePlace;
use super::ids::{GroupName, ImageId, InstanceId, RefreshId, TargetGroupArn, TemplateId};
pub use super::image_call::ImageCall;
use super::refresh::RefreshPreferences;
use super::sizes::Sizes;
use super::text::Untrusted;
use super::traffic::RouteActions;

/// A mutating call, complete enough to be recorded before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "call")]
pub enum CloudCall {
    /// CreateLaunchTemplateVersion: the data of `source_version` of `source_template` with the image replaced.
    CreateTemplateVersion {
        /// The template that gets the version.
        template: TemplateId,
        /// The template whose data is taken.
        source_template: TemplateId,
        /// The version whose data is taken.
        source_version: u64,
        /// The image to launch.
        image: ImageId,
        /// Goes into the description: a version that has it is adopted instead of made again.
        content_hash: String,
    },
    /// UpdateAutoScalingGroup: launch this numbered version from now on.
    PinTemplate {
        /// The group.
        group: GroupName,
        /// The template.
        template: TemplateId,
        /// The version.
        version: u64,
    },
    /// UpdateAutoScalingGroup: raise MinSize (and MaxSize where it is in the way). Monotone: it cannot undo anybody's scale-out.
    RaiseMin {
        /// The group.
        group: GroupName,
        /// The new minimum.
        min: u32,
        /// A new maximum, only ever higher.
        max: Option<u32>,
    },
    /// UpdateAutoScalingGroup: give a pin back. Desired is not touched, so no server ends by it.
    ReleaseMin {
        /// The group.
        group: GroupName,
        /// The minimum of its role.
        min: u32,
    },
    /// UpdateAutoScalingGroup: all three sizes at once, on the way to idle only.
    Park {
        /// The group.
        group: GroupName,
        /// The sizes of an idle slot.
        sizes: Sizes,
    },
    /// ModifyRule or ModifyListener: the actions just read, with other weights.
    SetWeights {
        /// The rule or listener.
        place: RoutePlace,
        /// All actions, in order.
        actions: RouteActions,
    },
    /// AttachLoadBalancerTargetGroups: the group registers its servers in the target group; doing it twice changes nothing.
    AttachTargetGroup {
        /// The group.
        group: GroupName,
        /// The target group.
        target_group: TargetGroupArn,
    },
    /// DetachLoadBalancerTargetGroups: the group's servers drain and go on running.
    DetachTargetGroup {
        /// The group.
        group: GroupName,
        /// The target group.
        target_group: TargetGroupArn,
    },
    /// StartInstanceRefresh: AWS's own engine replaces every server of the group by one of this numbered version, and goes on without us.
    StartInstanceRefresh {
        /// The group.
        group: GroupName,
        /// The template.
        template: TemplateId,
        /// The version.
        version: u64,
        /// Every preference.
        preferences: RefreshPreferences,
    },
    /// CancelInstanceRefresh: the refresh stops; what was replaced stays replaced.
    CancelInstanceRefresh {
        /// The group.
        group: GroupName,
    },
    /// RollbackInstanceRefresh: the refresh that runs turns round and brings back what the group launched before.
    RollbackInstanceRefresh {
        /// The group.
        group: GroupName,
    },
    /// SuspendProcesses: scheduled actions stand still; a loan.
    SuspendProcesses {
        /// The group.
        group: GroupName,
        /// Auto Scaling's names of the processes.
        processes: Vec<String>,
    },
    /// ResumeProcesses: the loan is given back.
    ResumeProcesses {
        /// The group.
        group: GroupName,
        /// Auto Scaling's names of the processes.
        processes: Vec<String>,
    },
    /// CreateOrUpdateTags: the courtesy claim, and the release that is stable.
    Tag {
        /// The groups.
        groups: Vec<GroupName>,
        /// Keys and values.
        tags: Vec<(String, String)>,
    },
    /// DeleteTags: give the claim back.
    Untag {
        /// The groups.
        groups: Vec<GroupName>,
        /// Keys.
        keys: Vec<String>,
    },
    /// A call of a bake.
    Build {
        /// Which.
        what: Box<BuildCall>,
    },
    /// A call of an image's life: never a driver's.
    Image {
        /// Which.
        what: Box<ImageCall>,
    },
}

impl CloudCall {
    /// AWS's name of the call.
    #[must_use]
    pub const fn aws_name(&self) -> &'static str {
        match self {
            Self::CreateTemplateVersion { .. } => "CreateLaunchTemplateVersion",
            Self::PinTemplate { .. } | Self::RaiseMin { .. } | Self::ReleaseMin { .. } | Self::Park { .. } => "UpdateAutoScalingGroup",
            Self::SetWeights { place, .. } => place.write_call(),
            Self::AttachTargetGroup { .. } => "AttachLoadBalancerTargetGroups",
            Self::DetachTargetGroup { .. } => "DetachLoadBalancerTargetGroups",
            Self::StartInstanceRefresh { .. } => "StartInstanceRefresh",
            Self::CancelInstanceRefresh { .. } => "CancelInstanceRefresh",
            Self::RollbackInstanceRefresh { .. } => "RollbackInstanceRefresh",
            Self::SuspendProcesses { .. } => "SuspendProcesses",
            Self::ResumeProcesses { .. } => "ResumeProcesses",
            Self::Tag { .. } => "CreateOrUpdateTags",
            Self::Untag { .. } => "DeleteTags",
            Self::Build { what } => what.aws_name(),
            Self::Image { what } => what.aws_name(),
        }
    }

    /// The call in one line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::CreateTemplateVersion { template, image, .. } => format!("{template} new version with {image}"),
            Self::PinTemplate { group, template, version } => format!("{group} launches {template} version {version}"),
            Self::RaiseMin { group, min, max: None } => format!("{group} min {min}"),
            Self::RaiseMin { group, min, max: Some(max) } => format!("{group} min {min} max {max}"),
            Self::ReleaseMin { group, min } => format!("{group} min {min} (pin given back)"),
            Self::Park { group, sizes } => format!("{group} min {} max {} desired {}", sizes.min, sizes.max, sizes.desired),
            Self::SetWeights { place, actions } => {
                let weights: Vec<String> = actions.forwards().map(|(arn, weight)| format!("{} {weight}", arn.short())).collect();
                let what = if matches!(place, RoutePlace::Rule(_)) { "rule" } else { "listener" };
                format!("{what} weights {}", weights.join(", "))
            }
            Self::AttachTargetGroup { group, target_group } => format!("{group} onto {}", target_group.short()),
            Self::DetachTargetGroup { group, target_group } => format!("{group} off {}", target_group.short()),
            Self::StartInstanceRefresh { group, template, version, preferences } => {
                format!("{group} to {template} version {version} ({})", preferences.words())
            }
            Self::CancelInstanceRefresh { group } => format!("{group} stops replacing servers"),
            Self::RollbackInstanceRefresh { group } => format!("{group} goes back to what it launches"),
            Self::SuspendProcesses { group, processes } => format!("{group} suspends {}", keys(processes.iter())),
            Self::ResumeProcesses { group, processes } => format!("{group} resumes {}", keys(processes.iter())),
            Self::Tag { groups, tags } => format!("{} on {}", keys(tags.iter().map(|(key, _)| key)), names(groups)),
            Self::Untag { groups, keys: gone } => format!("{} off {}", keys(gone.iter()), names(groups)),
            Self::Build { what } => what.summary(),
            Self::Image { what } => what.summary(),
        }
    }
}

fn keys<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    keys.map(|key| super::text::escape(key)).collect::<Vec<_>>().join(", ")
}

fn names(groups: &[GroupName]) -> String {
    groups.iter().map(GroupName::to_string).collect::<Vec<_>>().join(", ")
}

/// What a call that was accepted answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallReply {
    /// The cloud's id of the request.
    pub request_id: Option<Untrusted>,
    /// The version that was made or adopted, by CreateTemplateVersion.
    pub template_version: Option<u64>,
    /// The actions after a SetWeights: its first read-back.
    pub actions: Option<RouteActions>,
    /// The refresh that StartInstanceRefresh began, or the one that was cancelled or rolled back.
    #[serde(default)]
    pub refresh: Option<RefreshId>,
    /// The instance that RunInstances made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    /// The image that CreateImage began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageId>,
}

/// What the cloud says to a call it is asked about and does not make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// It would do it.
    Allowed,
    /// It would not, and why.
    Refused(Untrusted),
    /// It has no way to tell.
    NotOffered,
}

/// What kind of failure it is, and so what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudErrorKind {
    /// No credentials, or they are expired or invalid.
    Auth,
    /// Too many calls: try later, slower.
    Throttled,
    /// What was named is not there; just after a create that is normal.
    NotFound,
    /// The cloud's state does not allow it now.
    Conflict,
    /// The identity may not do this.
    Denied,
    /// The endpoint could not be reached: nothing was sent.
    Network,
    /// The cloud rejects the request as it is.
    Invalid,
    /// The call was sent and no answer came: it may or may not have happened. Look, never send again.
    OutcomeUnknown,
    /// The endpoint does not know the call, or answers in a way this program cannot read.
    Unsupported,
}

impl CloudErrorKind {
    /// Whether the cloud may accept the same call later.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        match self {
            Self::Auth | Self::Throttled | Self::NotFound | Self::Conflict | Self::Network | Self::OutcomeUnknown => true,
            Self::Denied | Self::Invalid | Self::Unsupported => false,
        }
    }

    /// The kind in a word or two.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auth => "credentials",
            Self::Throttled => "throttled",
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Network => "network",
            Self::Invalid => "rejected",
            Self::OutcomeUnknown => "no answer",
            Self::Unsupported => "not answered",
        }
    }
}

/// A call that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{api}: {}: {}", kind.word(), message.shown())]
pub struct CloudError {
    /// What kind of failure.
    pub kind: CloudErrorKind,
    /// The call.
    pub api: String,
    /// The cloud's words.
    pub message: Untrusted,
}

impl CloudError {
    /// A failure of `api`.
    pub fn new(kind: CloudErrorKind, api: impl Into<String>, message: impl Into<Untrusted>) -> Self {
        Self { kind, api: api.into(), message: message.into() }
    }

    /// What a person can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self.kind {
            CloudErrorKind::Auth => "sign in again (for example `aws sso login --profile …`) or choose another --profile",
            CloudErrorKind::Throttled => "wait a little: other tools in this account use up the same call budget",
            CloudErrorKind::NotFound => "check the name, the region and the account",
            CloudErrorKind::Conflict => "look at the fleet again: something else changed it",
            CloudErrorKind::Denied => "give the role the permission named above; `qd doctor` lists what is needed",
            CloudErrorKind::Network => "check --endpoint-url, --region, the network and the proxy settings",
            CloudErrorKind::Invalid => "this is likely a fault of Quarterdeck: please report it with the request",
            CloudErrorKind::OutcomeUnknown => "look at the fleet: the call may have happened",
            CloudErrorKind::Unsupported => "this endpoint does not offer the call",
        }
    }
}

/// Who the cloud takes us for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The caller's ARN, or what stands for it.
    pub caller: Untrusted,
    /// When the credentials end, where that is told.
    pub expires_at: Option<super::time::WorldTime>,
}
