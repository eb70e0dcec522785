//! What a role has to be allowed in IAM's words, for one fleet: looking at it, changing it, and its way back.

use crate::domain::fleet::{FleetSpec, Groups, Route, RoutePlace, Scheduled};

/// Looking, for any fleet.
const LOOKING: [&str; 9] = [
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribePolicies",
    "autoscaling:DescribeScheduledActions",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplateVersions",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
];
/// Changing, for any fleet. Auto Scaling launches with the caller's rights where a template version is new to the group.
const CHANGING: [&str; 6] = [
    "autoscaling:CreateOrUpdateTags",
    "autoscaling:DeleteTags",
    "autoscaling:UpdateAutoScalingGroup",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:RunInstances",
    "iam:PassRole",
];
/// AWS's own engine: a rolling deploy, its way back, a recycle.
const REFRESHING: [&str; 4] = [
    "autoscaling:CancelInstanceRefresh",
    "autoscaling:DescribeInstanceRefreshes",
    "autoscaling:RollbackInstanceRefresh",
    "autoscaling:StartInstanceRefresh",
];

/// Looking at bakes and what they are made from.
const LOOKING_AT_BAKES: [&str; 8] = [
    "ec2:DescribeImageAttribute",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshots",
    "ec2:DescribeVolumes",
    "ec2:GetConsoleOutput",
];
/// Baking: the builder, the image, the gates' instance, sharing, copying, and removing what is left. An instance profile in a recipe is passed.
const BAKING: [&str; 11] = [
    "ec2:CopyImage",
    "ec2:CreateImage",
    "ec2:CreateTags",
    "ec2:DeleteKeyPair",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteVolume",
    "ec2:ModifyImageAttribute",
    "ec2:RunInstances",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    "iam:PassRole",
];

/// Looking at what images were made from and at everything that names one.
const LOOKING_AT_IMAGES: [&str; 9] = [
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeLaunchConfigurations",
    "ec2:DescribeImageAttribute",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeSnapshotAttribute",
    "ec2:DescribeSnapshots",
    "ec2:GetImageAncestry",
];
/// The life of an image: verify, promote, block and lift with its tags, protect what is in a ledger, and remove what nobody needs.
const KEEPING_IMAGES: [&str; 5] =
    ["ec2:CreateTags", "ec2:DeleteSnapshot", "ec2:DeleteTags", "ec2:DeregisterImage", "ec2:EnableImageDeregistrationProtection"];

/// What a role needs to verify, promote, block and remove images.
#[must_use]
pub fn for_images() -> Permissions {
    Permissions { looking: LOOKING_AT_IMAGES.to_vec(), changing: KEEPING_IMAGES.to_vec() }
}

/// What a role needs to bake images; what Packer needs besides is Packer's own.
#[must_use]
pub fn for_bakes() -> Permissions {
    Permissions { looking: LOOKING_AT_BAKES.to_vec(), changing: BAKING.to_vec() }
}

/// The permissions that a fleet needs, those for looking and those for changing, each sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// To show it, and to plan.
    pub looking: Vec<&'static str>,
    /// To deploy to it, roll it back and recycle it.
    pub changing: Vec<&'static str>,
}

/// What a role needs for this fleet.
#[must_use]
pub fn needed(spec: &FleetSpec) -> Permissions {
    let mut looking = LOOKING.to_vec();
    let mut changing = CHANGING.to_vec();
    if !matches!(spec.route, Route::None) {
        looking.extend(["elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:DescribeTargetHealth"]);
    }
    if !spec.alarms.is_empty() {
        looking.push("cloudwatch:DescribeAlarms");
    }
    if spec.analysis.metrics.iter().any(|metric| metric.measure.is_of_load_balancer()) {
        changing.push("cloudwatch:GetMetricData");
    }
    match (&spec.route, &spec.groups) {
        (Route::Weighted { place: RoutePlace::Rule(_), .. }, _) => changing.push("elasticloadbalancing:ModifyRule"),
        (Route::Weighted { place: RoutePlace::Listener(_), .. }, _) => changing.push("elasticloadbalancing:ModifyListener"),
        (Route::Attached { .. }, Groups::Two(_)) => {
            changing.extend(["autoscaling:AttachLoadBalancerTargetGroups", "autoscaling:DetachLoadBalancerTargetGroups"]);
        }
        (Route::Attached { .. }, Groups::One(_)) | (Route::None, _) => {}
    }
    if spec.scheduled == Scheduled::Suspend {
        changing.extend(["autoscaling:ResumeProcesses", "autoscaling:SuspendProcesses"]);
    }
    // A fleet of two groups is refreshed by a recycle.
    changing.extend(REFRESHING);
    looking.sort_unstable();
    changing.sort_unstable();
    Permissions { looking, changing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fleet::{BySlot, FleetSource};
    use crate::domain::ids::{FleetName, GroupName, ImageId, PlaceArn, TargetGroupArn};
    use crate::domain::image_call::ImageCall;
    use std::collections::BTreeSet;

    fn fleet(groups: Groups, route: Route) -> FleetSpec {
        FleetSpec::bare(FleetName::new("web-prod"), groups, route, FleetSource::Adopted)
    }

    #[test]
    fn each_shape_needs_what_its_calls_are_named() {
        let two = || Groups::Two(BySlot::from_fn(|slot| GroupName::new(slot.letter())));
        let target_group = || TargetGroupArn::new("arn");
        let place = RoutePlace::Listener(PlaceArn::new("arn"));
        let weighted = needed(&fleet(two(), Route::Weighted { place, target_groups: BySlot::from_fn(|_| target_group()) }));
        assert!(
            weighted.changing.contains(&"elasticloadbalancing:ModifyListener") && !weighted.changing.contains(&"elasticloadbalancing:ModifyRule")
        );
        let shared = needed(&fleet(two(), Route::Attached { target_group: target_group() }));
        assert!(shared.changing.contains(&"autoscaling:DetachLoadBalancerTargetGroups"));
        let one = needed(&fleet(Groups::One(GroupName::new("legacy")), Route::None));
        assert!(REFRESHING.iter().all(|name| one.changing.contains(name)) && !one.looking.contains(&"cloudwatch:DescribeAlarms"));
    }

    #[test]
    fn every_call_of_an_image_s_life_is_named() {
        let image = ImageId::new("ami-1");
        let calls = [
            ImageCall::Tag { image: image.clone(), tags: Vec::new() },
            ImageCall::Untag { image: image.clone(), keys: Vec::new() },
            ImageCall::Protect { image: image.clone() },
            ImageCall::Deregister { image },
            ImageCall::DeleteSnapshot { snapshot: "snap-1".to_owned() },
        ];
        let named: BTreeSet<String> = calls.iter().map(|call| format!("ec2:{}", call.aws_name())).collect();
        let found = for_images();
        assert_eq!(found.changing.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>(), named);
        assert!(found.changing.is_sorted() && found.looking.is_sorted());
    }

    #[test]
    fn alarms_and_scheduled_actions_ask_for_more() {
        let plain = fleet(Groups::One(GroupName::new("legacy")), Route::None);
        let guarded = FleetSpec { alarms: vec!["web-5xx".into()], scheduled: Scheduled::Suspend, ..plain };
        let found = needed(&guarded);
        assert!(found.looking.contains(&"cloudwatch:DescribeAlarms") && found.changing.contains(&"autoscaling:SuspendProcesses"));
        assert!(found.changing.is_sorted() && found.looking.is_sorted());
    }
}
