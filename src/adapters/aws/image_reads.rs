//! The life of images: what each was made from, what names it, what it stands on, and with whom it is shared.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_autoscaling::types as asg;
use aws_sdk_ec2::types as ec2;
use tokio::task::JoinSet;

use super::AwsCloud;
use super::pages::{Gathered, all, gather};
use super::templates::number_of;
use crate::domain::call::CloudError;
use crate::domain::ids::{GroupName, ImageId, InstanceId, TemplateId};
use crate::domain::image::Image;
use crate::domain::image_use::{CloudUse, Snapshot, UsedBy, mentioned};
use crate::domain::lineage::{Ancestor, is_image_id};
use crate::domain::reading::Listing;
use crate::domain::text::Untrusted;
use crate::ports::budget::BudgetKey;
use crate::ports::image::ImageRead;

const ANCESTRY: &str = "GetImageAncestry";
const INSTANCES: &str = "DescribeInstances";
const SNAPSHOTS: &str = "DescribeSnapshots";
const CONFIGURATIONS: &str = "DescribeLaunchConfigurations";
const IMAGE_ATTRIBUTE: &str = "DescribeImageAttribute";
const SNAPSHOT_ATTRIBUTE: &str = "DescribeSnapshotAttribute";
/// The largest page of EC2.
const PAGE: i32 = 1_000;
/// The most launch configurations one call names.
const CONFIGURATIONS_AT_ONCE: usize = 50;
/// Templates asked about at the same time.
const AT_ONCE: usize = 8;
/// Servers in these states run their image or would run it again.
const THERE: [&str; 5] = ["pending", "running", "shutting-down", "stopping", "stopped"];

#[async_trait]
impl ImageRead for AwsCloud {
    async fn ancestry(&self, image: &ImageId) -> Result<Vec<Ancestor>, CloudError> {
        let ask = || self.shared.ec2.get_image_ancestry().image_id(image.as_str()).send();
        let answer = self.gate.read(ANCESTRY, BudgetKey::Ec2Read, ask).await?;
        Ok(answer.image_ancestry_entries().iter().filter_map(read_ancestor).collect())
    }

    async fn own_images(&self) -> Result<Listing<Image>, CloudError> {
        self.images_of_this_account().await
    }

    async fn image_uses(&self) -> Result<Listing<CloudUse>, CloudError> {
        let instances = gather(|token| self.servers_page(token)).await?;
        let groups = gather(|token| self.groups_page(token)).await?;
        let mut found = Gathered { items: instances.items, missing: instances.missing.or(groups.missing) };
        let named = Named::of(&groups.items);
        found.items.extend(named.tags);
        found.items.extend(named.overrides);
        let unclear = named.unclear.first().cloned();
        self.add_configurations(&named.configurations, &mut found).await;
        self.add_templates(named.templates, &mut found).await;
        found.missing = found.missing.or_else(|| unclear.map(Untrusted::from));
        Ok(found.listing())
    }

    async fn own_snapshots(&self) -> Result<Listing<Snapshot>, CloudError> {
        Ok(gather(|token| self.snapshots_page(token)).await?.listing())
    }

    async fn shared_with(&self, image: &ImageId) -> Result<Vec<Untrusted>, CloudError> {
        let request = || self.shared.ec2.describe_image_attribute().image_id(image.as_str());
        let ask = || request().attribute(ec2::ImageAttributeName::LaunchPermission).send();
        let answer = self.gate.read(IMAGE_ATTRIBUTE, BudgetKey::Ec2Read, ask).await?;
        Ok(answer.launch_permissions().iter().map(who_may_launch).collect())
    }

    async fn snapshot_shared_with(&self, snapshot: &str) -> Result<Option<Vec<Untrusted>>, CloudError> {
        let request = || self.shared.ec2.describe_snapshot_attribute().snapshot_id(snapshot);
        let ask = || request().attribute(ec2::SnapshotAttributeName::CreateVolumePermission).send();
        match self.gate.read(SNAPSHOT_ATTRIBUTE, BudgetKey::Ec2Read, ask).await {
            Ok(answer) => Ok(Some(answer.create_volume_permissions().iter().map(who_may_use).collect())),
            Err(error) if error.kind == crate::domain::call::CloudErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AwsCloud {
    async fn servers_page(&self, token: Option<String>) -> Result<(Vec<CloudUse>, Option<String>), CloudError> {
        let there = ec2::Filter::builder().name("instance-state-name").set_values(Some(THERE.map(str::to_owned).to_vec())).build();
        let ask = || self.shared.ec2.describe_instances().filters(there.clone()).max_results(PAGE).set_next_token(token.clone()).send();
        let answer = self.gate.read(INSTANCES, BudgetKey::Ec2Read, ask).await?;
        let servers = answer.reservations().iter().flat_map(ec2::Reservation::instances);
        let used = |server: &ec2::Instance| {
            let by = UsedBy::Instance(InstanceId::new(server.instance_id()?));
            Some(CloudUse { image: ImageId::new(server.image_id()?), by })
        };
        Ok((servers.filter_map(used).collect(), answer.next_token.clone()))
    }

    async fn snapshots_page(&self, token: Option<String>) -> Result<(Vec<Snapshot>, Option<String>), CloudError> {
        let ask = || self.shared.ec2.describe_snapshots().owner_ids("self").max_results(PAGE).set_next_token(token.clone()).send();
        let answer = self.gate.read(SNAPSHOTS, BudgetKey::Ec2Read, ask).await?;
        let read = |snapshot: &ec2::Snapshot| {
            let told = snapshot.full_snapshot_size_in_bytes().and_then(|bytes| u64::try_from(bytes).ok());
            // Until AWS tells what is stored, the size of the volume is the most it can be.
            let most = || snapshot.volume_size().and_then(|gib| u64::try_from(gib).ok()).map(|gib| gib << 30);
            Some(Snapshot { id: snapshot.snapshot_id()?.to_owned(), bytes: told.or_else(most) })
        };
        Ok((answer.snapshots().iter().filter_map(read).collect(), answer.next_token))
    }

    async fn add_configurations(&self, configurations: &[(GroupName, String)], found: &mut Gathered<CloudUse>) {
        for some in configurations.chunks(CONFIGURATIONS_AT_ONCE) {
            let names: Vec<String> = some.iter().map(|(_, name)| name.clone()).collect();
            let ask = || self.shared.auto_scaling.describe_launch_configurations().set_launch_configuration_names(Some(names.clone())).send();
            match self.gate.read(CONFIGURATIONS, BudgetKey::AutoScaling, ask).await {
                Ok(answer) => {
                    for (group, name) in some {
                        let known = answer.launch_configurations().iter().find(|known| known.launch_configuration_name() == Some(name.as_str()));
                        match known.and_then(|known| known.image_id()) {
                            Some(image) => {
                                let by = UsedBy::LaunchConfiguration(group.clone());
                                found.items.push(CloudUse { image: ImageId::new(image), by });
                            }
                            None => note(found, format!("the launch configuration of {group} could not be read")),
                        }
                    }
                }
                Err(error) => note(found, error.to_string()),
            }
        }
    }

    /// Every version of these templates, some templates at the same time.
    async fn add_templates(&self, templates: BTreeSet<TemplateId>, found: &mut Gathered<CloudUse>) {
        let templates: Vec<TemplateId> = templates.into_iter().collect();
        for some in templates.chunks(AT_ONCE) {
            let mut asked = JoinSet::new();
            for template in some.iter().cloned() {
                let cloud = self.clone();
                asked.spawn(async move {
                    let versions = all(super::templates::API, |token| cloud.resolved_versions_page(&template, token)).await;
                    (template, versions)
                });
            }
            while let Some(done) = asked.join_next().await {
                match done {
                    Ok((template, Ok(versions))) => add_versions(&template, &versions, found),
                    Ok((template, Err(error))) => note(found, format!("{template}: {error}")),
                    Err(_) => note(found, "a template was not asked about".to_owned()),
                }
            }
        }
    }
}

/// What is missing is said once: it is enough that something is.
fn note(found: &mut Gathered<CloudUse>, why: String) {
    found.missing.get_or_insert_with(|| why.into());
}

fn add_versions(template: &TemplateId, versions: &[ec2::LaunchTemplateVersion], found: &mut Gathered<CloudUse>) {
    for version in versions {
        let number = number_of(version).unwrap_or(0);
        match version.launch_template_data().and_then(|data| data.image_id()) {
            Some(image) if is_image_id(image) => {
                let by = UsedBy::Template { template: template.clone(), version: number };
                found.items.push(CloudUse { image: ImageId::new(image), by });
            }
            Some(other) => {
                let shown = Untrusted::from(other).shown();
                note(found, format!("{template} version {number} names its image by '{shown}', which could not be followed"));
            }
            // A version without an image launches nothing by itself.
            None => {}
        }
    }
}

/// What groups name.
#[derive(Default)]
struct Named {
    templates: BTreeSet<TemplateId>,
    configurations: Vec<(GroupName, String)>,
    tags: Vec<CloudUse>,
    /// Images that a mixed instances policy names itself.
    overrides: Vec<CloudUse>,
    unclear: Vec<String>,
}

impl Named {
    fn of(groups: &[asg::AutoScalingGroup]) -> Self {
        let mut named = Self::default();
        for group in groups {
            named.add(group);
        }
        named
    }

    fn add(&mut self, group: &asg::AutoScalingGroup) {
        let name = GroupName::new(group.auto_scaling_group_name().unwrap_or_default());
        let policy = group.mixed_instances_policy().and_then(asg::MixedInstancesPolicy::launch_template);
        let overrides = policy.map(asg::LaunchTemplate::overrides).unwrap_or_default();
        let servers = group.instances().iter().filter_map(asg::Instance::launch_template);
        let of_policy = policy.and_then(asg::LaunchTemplate::launch_template_specification);
        let of_overrides = overrides.iter().filter_map(asg::LaunchTemplateOverrides::launch_template_specification);
        for spec in group.launch_template().into_iter().chain(of_policy).chain(of_overrides).chain(servers) {
            match spec.launch_template_id() {
                Some(id) => {
                    self.templates.insert(TemplateId::new(id));
                }
                None => self.unclear.push(format!("{name} names a launch template without its id")),
            }
        }
        self.configurations.extend(group.launch_configuration_name().map(|configuration| (name.clone(), configuration.to_owned())));
        for image in overrides.iter().filter_map(asg::LaunchTemplateOverrides::image_id) {
            if is_image_id(image) {
                self.overrides.push(CloudUse { image: ImageId::new(image), by: UsedBy::LaunchConfiguration(name.clone()) });
            } else {
                self.unclear.push(format!("{name} names an image in a way that could not be followed"));
            }
        }
        for value in group.tags().iter().filter_map(asg::TagDescription::value) {
            self.tags.extend(mentioned(value).map(|image| CloudUse { image, by: UsedBy::GroupTag(name.clone()) }));
        }
    }
}

fn read_ancestor(entry: &ec2::ImageAncestryEntry) -> Option<Ancestor> {
    Some(Ancestor {
        image: ImageId::new(entry.image_id()?),
        source: entry.source_image_id().filter(|id| !id.is_empty()).map(ImageId::new),
        owner: entry.image_owner_alias().map(Untrusted::from),
    })
}

fn who_may_launch(permission: &ec2::LaunchPermission) -> Untrusted {
    let who = permission.user_id().or(permission.organization_arn()).or(permission.organizational_unit_arn());
    who.map_or_else(|| "everybody".into(), Untrusted::from)
}

fn who_may_use(permission: &ec2::CreateVolumePermission) -> Untrusted {
    permission.user_id().map_or_else(|| "everybody".into(), Untrusted::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(id: &str) -> asg::LaunchTemplateSpecification {
        asg::LaunchTemplateSpecification::builder().launch_template_id(id).version("1").build()
    }

    #[test]
    fn every_way_in_which_a_group_names_an_image_is_found() {
        let overrides = asg::LaunchTemplateOverrides::builder().launch_template_specification(spec("lt-3")).image_id("ami-0over").build();
        let policy = asg::LaunchTemplate::builder().launch_template_specification(spec("lt-2")).overrides(overrides).build();
        let group = asg::AutoScalingGroup::builder()
            .auto_scaling_group_name("web-a")
            .launch_template(spec("lt-1"))
            .launch_configuration_name("lc")
            .mixed_instances_policy(asg::MixedInstancesPolicy::builder().launch_template(policy).build())
            .instances(asg::Instance::builder().instance_id("i-1").launch_template(spec("lt-4")).build())
            .tags(asg::TagDescription::builder().key("qd:stable").value("ami-0stable|lt-1|3").build())
            .build();
        let named = Named::of(&[group]);
        assert_eq!(named.templates.iter().map(TemplateId::as_str).collect::<Vec<_>>(), ["lt-1", "lt-2", "lt-3", "lt-4"]);
        assert_eq!(named.configurations, [("web-a".into(), "lc".to_owned())]);
        assert_eq!((named.tags[0].image.as_str(), named.overrides[0].image.as_str()), ("ami-0stable", "ami-0over"));
        assert!(named.unclear.is_empty());
    }

    #[test]
    fn an_image_named_by_a_parameter_makes_the_listing_incomplete() {
        let data = ec2::ResponseLaunchTemplateData::builder().image_id("resolve:ssm:/web").build();
        let version = ec2::LaunchTemplateVersion::builder().version_number(3).launch_template_data(data).build();
        let mut found = Gathered { items: Vec::new(), missing: None };
        add_versions(&"lt-1".into(), &[version], &mut found);
        assert!(found.items.is_empty() && found.missing.unwrap().shown().contains("lt-1 version 3 names its image by 'resolve:ssm:/web'"));
    }
}
