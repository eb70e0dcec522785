//! Auto Scaling groups.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types as asg;

use super::AwsCloud;
use super::pages::gather;
use super::templates::{Known, Wanted};
use crate::domain::call::CloudError;
use crate::domain::group::{Health, HealthCheck, Instance, Lifecycle, PinnedVersion, ServerGroup, TemplatePin};
use crate::domain::ids::{GroupName, ImageId, InstanceId, TargetGroupArn, TemplateId};
use crate::domain::reading::Listing;
use crate::domain::sizes::Sizes;
use crate::domain::text::Untrusted;
use crate::ports::budget::BudgetKey;

const API: &str = "DescribeAutoScalingGroups";
/// The largest page.
const PAGE: i32 = 100;

impl AwsCloud {
    /// Every group, with the images of its template and servers.
    pub(super) async fn list_groups(&self) -> Result<Listing<ServerGroup>, CloudError> {
        let gathered = gather(|token| self.groups_page(token)).await?;
        let known = self.look_up(wanted(&gathered.items)).await;
        Ok(gathered.map(|group| read_group(&group, &known)).listing())
    }

    /// These groups, in one call; those that do not exist are not in the answer.
    pub(super) async fn named_groups(&self, names: &[&GroupName]) -> Result<Vec<ServerGroup>, CloudError> {
        let named: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
        let ask = || self.shared.auto_scaling.describe_auto_scaling_groups().set_auto_scaling_group_names(Some(named.clone())).send();
        let groups = self.gate.read(API, BudgetKey::AutoScaling, ask).await?.auto_scaling_groups.unwrap_or_default();
        let known = self.look_up(wanted(&groups)).await;
        Ok(groups.iter().map(|group| read_group(group, &known)).collect())
    }

    pub(super) async fn groups_page(&self, token: Option<String>) -> Result<(Vec<asg::AutoScalingGroup>, Option<String>), CloudError> {
        let ask = || self.shared.auto_scaling.describe_auto_scaling_groups().max_records(PAGE).set_next_token(token.clone()).send();
        let answer = self.gate.read(API, BudgetKey::AutoScaling, ask).await?;
        Ok((answer.auto_scaling_groups.unwrap_or_default(), answer.next_token))
    }
}

/// Every template version that a group or a server names.
fn wanted(groups: &[asg::AutoScalingGroup]) -> Wanted {
    let mut wanted = Wanted::default();
    let specs = groups.iter().flat_map(|group| {
        let servers = group.instances().iter().filter_map(asg::Instance::launch_template);
        group.launch_template().into_iter().chain(servers)
    });
    for (template, version) in specs.filter_map(read_spec) {
        wanted.add(template, version);
    }
    wanted
}

/// Template and version; a specification without a version means the default one.
pub(super) fn read_spec(spec: &asg::LaunchTemplateSpecification) -> Option<(TemplateId, PinnedVersion)> {
    let version = match spec.version() {
        None | Some("" | "$Default") => PinnedVersion::Default,
        Some("$Latest") => PinnedVersion::Latest,
        Some(number) => PinnedVersion::Number(number.parse().ok()?),
    };
    Some((TemplateId::new(spec.launch_template_id()?), version))
}

fn read_group(group: &asg::AutoScalingGroup, known: &Known) -> ServerGroup {
    ServerGroup {
        name: GroupName::new(group.auto_scaling_group_name().unwrap_or_default()),
        template: group.launch_template().and_then(read_spec).map(|(id, version)| read_pin(id, version, known)),
        sizes: Sizes { min: size(group.min_size()), max: size(group.max_size()), desired: size(group.desired_capacity()) },
        instances: group.instances().iter().filter_map(|instance| read_instance(instance, known)).collect(),
        health_check: read_health_check(group.health_check_type()),
        target_groups: group.target_group_arns().iter().map(TargetGroupArn::new).collect(),
        suspended: group.suspended_processes().iter().filter_map(asg::SuspendedProcess::process_name).map(Untrusted::from).collect(),
        unsupported: unsupported(group),
        warmup_secs: group.default_instance_warmup().or(group.health_check_grace_period()).and_then(|secs| u32::try_from(secs).ok()),
        tags: read_tags(group.tags()),
    }
}

fn read_pin(id: TemplateId, version: PinnedVersion, known: &Known) -> TemplatePin {
    let info = known.get(&id, version);
    TemplatePin { version, image: info.and_then(|info| info.image.clone()), digest: info.map(|info| info.digest.clone()), id }
}

fn size(told: Option<i32>) -> u32 {
    told.and_then(|size| u32::try_from(size).ok()).unwrap_or(0)
}

fn read_tags(tags: &[asg::TagDescription]) -> BTreeMap<String, Untrusted> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().into()))).collect()
}

/// The type may be a list: `EC2,EBS,ELB`.
fn read_health_check(kind: Option<&str>) -> HealthCheck {
    let elb = kind.unwrap_or_default().split(',').any(|kind| kind.trim().eq_ignore_ascii_case("ELB"));
    if elb { HealthCheck::Elb } else { HealthCheck::Ec2 }
}

fn read_instance(instance: &asg::Instance, known: &Known) -> Option<Instance> {
    let spec = instance.launch_template().and_then(read_spec);
    // An instance is told its version as a number; a word would say nothing about what it was launched from.
    let template_version = spec.as_ref().and_then(|(_, version)| if let PinnedVersion::Number(number) = version { Some(*number) } else { None });
    let by_template = spec.as_ref().filter(|_| template_version.is_some()).and_then(|(id, version)| known.get(id, *version)?.image.clone());
    Some(Instance {
        id: InstanceId::new(instance.instance_id()?),
        lifecycle: read_lifecycle(instance.lifecycle_state()),
        health: read_health(instance.health_status()),
        template_version,
        // Told only where it is not the template's: after a root volume was replaced.
        image: instance.image_id().map(ImageId::new).or(by_template),
        zone: instance.availability_zone().map(Untrusted::from),
        launched_at: None,
    })
}

const fn read_lifecycle(state: Option<&asg::LifecycleState>) -> Lifecycle {
    use asg::LifecycleState as State;
    match state {
        Some(State::InService) => Lifecycle::InService,
        Some(State::Pending | State::PendingWait | State::PendingProceed) => Lifecycle::Pending,
        Some(
            State::Terminating
            | State::TerminatingWait
            | State::TerminatingProceed
            | State::TerminatingRetained
            | State::Terminated
            | State::Detaching
            | State::Detached,
        ) => Lifecycle::Terminating,
        Some(State::Standby | State::EnteringStandby) => Lifecycle::Standby,
        // Warm pools, root volumes being replaced, quarantine, and whatever AWS thinks of next.
        _ => Lifecycle::Unknown,
    }
}

fn read_health(status: Option<&str>) -> Health {
    match status.map(str::to_ascii_lowercase).as_deref() {
        Some("healthy") => Health::Healthy,
        Some("unhealthy") => Health::Unhealthy,
        _ => Health::Unknown,
    }
}

/// What of this group is not driven, in words. Lifecycle hooks are not in this answer.
fn unsupported(group: &asg::AutoScalingGroup) -> Vec<String> {
    let mut words = Vec::new();
    let mut note = |there: bool, what: &str| {
        if there {
            words.push(what.to_owned());
        }
    };
    note(group.launch_configuration_name().is_some(), "launch configuration");
    note(group.mixed_instances_policy().is_some(), "mixed instances policy");
    note(group.warm_pool_configuration().is_some() || group.warm_pool_size().is_some_and(|size| size > 0), "warm pool");
    note(is_weighted(group), "weighted capacity");
    note(group.desired_capacity_type().is_some_and(|kind| !kind.is_empty() && kind != "units"), "capacity not counted in instances");
    note(!group.load_balancer_names().is_empty(), "classic load balancer");
    note(group.traffic_sources().iter().any(|source| source.r#type().is_some_and(|kind| kind != "elbv2" && kind != "elb")), "VPC Lattice");
    note(group.status().is_some_and(|status| !status.is_empty()), "being deleted");
    words
}

fn is_weighted(group: &asg::AutoScalingGroup) -> bool {
    let overrides = group.mixed_instances_policy().and_then(asg::MixedInstancesPolicy::launch_template).map(asg::LaunchTemplate::overrides);
    overrides.unwrap_or_default().iter().any(|one| one.weighted_capacity().is_some())
        || group.instances().iter().any(|instance| instance.weighted_capacity().is_some_and(|weight| weight != "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_in_service_is_in_service() {
        for (word, lifecycle) in [
            ("InService", Lifecycle::InService),
            ("Pending:Wait", Lifecycle::Pending),
            ("Terminating:Proceed", Lifecycle::Terminating),
            ("EnteringStandby", Lifecycle::Standby),
            ("Warmed:Running", Lifecycle::Unknown),
            ("ReplacingRootVolume", Lifecycle::Unknown),
            ("InServiceSoon", Lifecycle::Unknown),
        ] {
            assert_eq!(read_lifecycle(Some(&asg::LifecycleState::from(word))), lifecycle, "{word}");
        }
        assert_eq!(read_lifecycle(None), Lifecycle::Unknown);
        assert_eq!((read_health(Some("HEALTHY")), read_health(Some("Fine")), read_health(None)), (Health::Healthy, Health::Unknown, Health::Unknown));
        assert_eq!((read_health_check(Some("EC2,ELB")), read_health_check(Some("EC2"))), (HealthCheck::Elb, HealthCheck::Ec2));
    }

    #[test]
    fn what_is_not_driven_is_said() {
        let group = asg::AutoScalingGroup::builder()
            .auto_scaling_group_name("old")
            .launch_configuration_name("lc")
            .warm_pool_size(2)
            .status("Delete in progress")
            .instances(asg::Instance::builder().instance_id("i-1").weighted_capacity("3").build())
            .build();
        let group = read_group(&group, &Known::default());
        assert_eq!(group.unsupported, ["launch configuration", "warm pool", "weighted capacity", "being deleted"]);
        assert_eq!((group.template, group.instances.len()), (None, 1));
    }

    #[test]
    fn a_version_in_words_is_no_number() {
        let spec = |version: Option<&str>| {
            asg::LaunchTemplateSpecification::builder().launch_template_id("lt-1").set_version(version.map(str::to_owned)).build()
        };
        let read = |version| read_spec(&spec(version)).map(|(_, version)| version);
        assert_eq!(read(Some("7")), Some(PinnedVersion::Number(7)));
        assert_eq!(read(Some("$Latest")), Some(PinnedVersion::Latest));
        assert_eq!(read(None), Some(PinnedVersion::Default));
        assert_eq!(read(Some("seven")), None);
        let instance = asg::Instance::builder().instance_id("i-1").launch_template(spec(Some("$Latest"))).build();
        assert_eq!(read_instance(&instance, &Known::default()).unwrap().template_version, None);
    }
}
