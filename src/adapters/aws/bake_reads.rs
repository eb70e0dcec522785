//! What a bake asks: base images, its instances, their consoles, its image and snapshot, and everything with a bake's tags.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_ec2::types as ec2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::images::read_state;
use super::pages::{all, gather};
use super::{AwsCloud, wall_clock};
use crate::domain::bake::{
    BakeLook, BakeSight, BaseImage, Console, Leftover, LeftoverKind, Machine, MachineRole, MachineState, MadeImage, OPERATION_KEY, ROLE_KEY,
    UNTIL_KEY,
};
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::ids::{ImageId, InstanceId};
use crate::domain::image::ImageState;
use crate::domain::observation::Credentials;
use crate::domain::reading::{Listing, Reading};
use crate::domain::recipe::Base;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::ports::bake::BakeRead;
use crate::ports::budget::BudgetKey;

const IMAGES: &str = "DescribeImages";
const INSTANCES: &str = "DescribeInstances";
const CONSOLE: &str = "GetConsoleOutput";
const SNAPSHOTS: &str = "DescribeSnapshots";
const VOLUMES: &str = "DescribeVolumes";
const KEY_PAIRS: &str = "DescribeKeyPairs";
const SECURITY_GROUPS: &str = "DescribeSecurityGroups";
/// The largest page.
const PAGE: i32 = 1_000;

#[async_trait]
impl BakeRead for AwsCloud {
    async fn base_images(&self, base: &Base) -> Result<Listing<BaseImage>, CloudError> {
        let gathered = gather(|token| self.bases_page(base, token)).await?;
        let mut bases = gathered.map(|image| read_base(&image));
        bases.items.sort_by(|left, right| (right.created_at, &right.id).cmp(&(left.created_at, &left.id)));
        Ok(bases.listing())
    }

    async fn observe_bake(&self, look: &BakeLook) -> BakeSight {
        let mut sight = BakeSight::empty(wall_clock());
        let mut turned_away = None;
        if let Some(id) = &look.base {
            sight.base = Some(reading(self.base_state(id).await, &mut turned_away));
        }
        if look.machines {
            sight.machines = Some(reading(self.machines_of(&look.operation).await, &mut turned_away));
        }
        if let Some(id) = &look.console {
            sight.console = Some(reading(self.console_of(id).await, &mut turned_away));
        }
        if let Some(name) = &look.image {
            sight.image = Some(reading(self.made_image(name).await, &mut turned_away));
        }
        if look.leftovers {
            sight.leftovers = Some(reading(self.leftovers().await, &mut turned_away));
        }
        if let Some(id) = &look.shares {
            sight.shares = Some(reading(self.shares_of(id).await, &mut turned_away));
        }
        if let Some((name, regions)) = &look.copies {
            sight.copies = Some(reading(self.copies_of(name, regions).await, &mut turned_away));
        }
        if !look.named.is_empty() {
            sight.named = Some(reading(self.named(&look.named).await, &mut turned_away));
        }
        sight.credentials = match turned_away {
            Some(why) => Credentials::Gone { why },
            None => Credentials::Good { until: self.credentials_until() },
        };
        sight.at = wall_clock();
        sight
    }
}

/// A fact as it was read; that somebody was turned away for want of credentials is kept besides.
fn reading<T>(answer: Result<T, CloudError>, turned_away: &mut Option<Untrusted>) -> Reading<T> {
    match answer {
        Ok(value) => Reading::known(value, wall_clock()),
        Err(error) if error.kind == CloudErrorKind::NotFound => Reading::missing(error.message),
        Err(error) => {
            if error.kind == CloudErrorKind::Auth {
                *turned_away = Some(error.message.clone());
            }
            Reading::unknown(error.to_string())
        }
    }
}

fn filter(name: &str, value: &str) -> ec2::Filter {
    ec2::Filter::builder().name(name).values(value).build()
}

impl AwsCloud {
    async fn bases_page(&self, base: &Base, token: Option<String>) -> Result<(Vec<ec2::Image>, Option<String>), CloudError> {
        let ask = || {
            let request = self.shared.ec2.describe_images().set_next_token(token.clone());
            match base {
                Base::Id(id) => request.image_ids(id.as_str()).include_deprecated(true).send(),
                Base::Newest(query) => request
                    .owners(query.owner.as_str())
                    .filters(filter("name", &query.name))
                    .filters(filter("architecture", query.architecture.word()))
                    .filters(filter("state", "available"))
                    .max_results(PAGE)
                    .send(),
            }
        };
        match self.gate.read(IMAGES, BudgetKey::Ec2Read, ask).await {
            Ok(answer) => Ok((answer.images.unwrap_or_default(), answer.next_token)),
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok((Vec::new(), None)),
            Err(error) => Err(error),
        }
    }

    async fn base_state(&self, id: &ImageId) -> Result<bool, CloudError> {
        match self.one_image(id).await? {
            Some(image) => Ok(image.state == ImageState::Available),
            None => Err(CloudError::new(CloudErrorKind::NotFound, IMAGES, format!("image {id} does not exist"))),
        }
    }

    async fn machines_of(&self, operation: &str) -> Result<Vec<Machine>, CloudError> {
        let tag = filter(&format!("tag:{OPERATION_KEY}"), operation);
        let found = all(INSTANCES, |token| self.instances_page(tag.clone(), token)).await?;
        Ok(found.iter().filter_map(read_machine).collect())
    }

    async fn instances_page(&self, filter: ec2::Filter, token: Option<String>) -> Result<(Vec<ec2::Instance>, Option<String>), CloudError> {
        let ask = || self.shared.ec2.describe_instances().filters(filter.clone()).max_results(PAGE).set_next_token(token.clone()).send();
        let answer = self.gate.read(INSTANCES, BudgetKey::Ec2Read, ask).await?;
        let instances = answer.reservations().iter().flat_map(|reservation| reservation.instances().to_vec()).collect();
        Ok((instances, answer.next_token))
    }

    /// The newest output where the instance's type tells it, else what was kept at its last change of state.
    async fn console_of(&self, id: &InstanceId) -> Result<Console, CloudError> {
        let ask = |latest: bool| move || self.shared.ec2.get_console_output().instance_id(id.as_str()).latest(latest).send();
        let answer = match self.gate.read(CONSOLE, BudgetKey::Ec2Read, ask(true)).await {
            Err(error) if matches!(error.kind, CloudErrorKind::Invalid | CloudErrorKind::Unsupported) => {
                self.gate.read(CONSOLE, BudgetKey::Ec2Read, ask(false)).await?
            }
            other => other?,
        };
        let encoded: String = answer.output().unwrap_or_default().split_whitespace().collect();
        let bytes = STANDARD.decode(encoded).map_err(|_| CloudError::new(CloudErrorKind::Unsupported, CONSOLE, "the output is no base64"))?;
        Ok(Console { bytes, offset: 0 })
    }

    async fn made_image(&self, name: &str) -> Result<Option<MadeImage>, CloudError> {
        let ask = || self.shared.ec2.describe_images().owners("self").filters(filter("name", name)).include_deprecated(true).send();
        let answer = self.gate.read(IMAGES, BudgetKey::Ec2Read, ask).await?;
        let Some(image) = answer.images().first() else { return Ok(None) };
        let mut made = read_made(image);
        if made.state == ImageState::Pending {
            // It only says how far it is: an answer that does not come changes nothing.
            made.percent = self.snapshot_percent(image).await.unwrap_or(None);
        }
        Ok(Some(made))
    }

    async fn snapshot_percent(&self, image: &ec2::Image) -> Result<Option<u8>, CloudError> {
        let volumes = image.block_device_mappings().iter().filter_map(|mapping| mapping.ebs()?.snapshot_id().map(str::to_owned));
        let ids: Vec<String> = volumes.collect();
        if ids.is_empty() {
            return Ok(None);
        }
        let ask = || self.shared.ec2.describe_snapshots().set_snapshot_ids(Some(ids.clone())).send();
        let answer = self.gate.read(SNAPSHOTS, BudgetKey::Ec2Read, ask).await?;
        Ok(answer.snapshots().iter().filter_map(|snapshot| read_percent(snapshot.progress()?)).min())
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, CloudError> {
        let tag = filter("tag-key", OPERATION_KEY);
        let instances = all(INSTANCES, |token| self.instances_page(tag.clone(), token)).await?;
        let there = instances.iter().filter(|instance| !read_machine_state(instance).is_leaving());
        let mut left: Vec<Leftover> =
            there.filter_map(|instance| leftover(LeftoverKind::Instance, instance.instance_id(), &tags_of(instance.tags()))).collect();
        let volumes = all(VOLUMES, |token| self.volumes_page(tag.clone(), token)).await?;
        // One that hangs on an instance goes with it.
        let loose = volumes.iter().filter(|volume| volume.attachments().is_empty());
        left.extend(loose.filter_map(|volume| leftover(LeftoverKind::Volume, volume.volume_id(), &tags_of(volume.tags()))));
        let ask = || self.shared.ec2.describe_key_pairs().filters(tag.clone()).send();
        let keys = self.gate.read(KEY_PAIRS, BudgetKey::Ec2Read, ask).await?;
        left.extend(keys.key_pairs().iter().filter_map(|key| leftover(LeftoverKind::KeyPair, key.key_pair_id(), &tags_of(key.tags()))));
        let groups = all(SECURITY_GROUPS, |token| self.security_groups_page(tag.clone(), token)).await?;
        left.extend(groups.iter().filter_map(|group| leftover(LeftoverKind::SecurityGroup, group.group_id(), &tags_of(group.tags()))));
        left.sort();
        Ok(left)
    }

    /// The accounts that may launch an image, besides its own.
    async fn shares_of(&self, id: &ImageId) -> Result<BTreeSet<String>, CloudError> {
        let attribute = ec2::ImageAttributeName::LaunchPermission;
        let ask = || self.shared.ec2.describe_image_attribute().image_id(id.as_str()).attribute(attribute.clone()).send();
        let answer = self.gate.read("DescribeImageAttribute", BudgetKey::Ec2Read, ask).await?;
        Ok(answer.launch_permissions().iter().filter_map(|permission| permission.user_id().map(str::to_owned)).collect())
    }

    async fn copies_of(&self, name: &str, regions: &[String]) -> Result<BTreeMap<String, MadeImage>, CloudError> {
        let mut copies = BTreeMap::new();
        for region in regions {
            let ec2 = self.in_region(region);
            let ask = || ec2.describe_images().owners("self").filters(filter("name", name)).include_deprecated(true).send();
            let answer = self.gate.read(IMAGES, BudgetKey::Ec2Read, ask).await?;
            copies.extend(answer.images().first().map(|image| (region.clone(), read_made(image))));
        }
        Ok(copies)
    }

    /// EC2 of another region, with everything else as it is.
    pub(super) fn in_region(&self, region: &str) -> aws_sdk_ec2::Client {
        let config = self.shared.ec2.config().to_builder().region(aws_sdk_ec2::config::Region::new(region.to_owned()));
        aws_sdk_ec2::Client::from_conf(config.build())
    }

    /// Key pairs and security groups of these names; whose they are is empty where they have no tag of a bake.
    async fn named(&self, names: &[(LeftoverKind, String)]) -> Result<Vec<Leftover>, CloudError> {
        let of = |kind| names.iter().filter(move |(of, _)| *of == kind).map(|(_, name)| name.clone()).collect::<Vec<_>>();
        let among = |name: &str, values: Vec<String>| ec2::Filter::builder().name(name).set_values(Some(values)).build();
        let bare = |kind, id: Option<&str>, tags: &[ec2::Tag]| {
            let tags = tags_of(tags);
            leftover(kind, id, &tags).or_else(|| Some(Leftover { kind, id: id?.to_owned(), operation: "".into(), until: None }))
        };
        let (keys, groups) = (of(LeftoverKind::KeyPair), of(LeftoverKind::SecurityGroup));
        let mut found = Vec::new();
        if !keys.is_empty() {
            let ask = || self.shared.ec2.describe_key_pairs().filters(among("key-name", keys.clone())).send();
            let answer = self.gate.read(KEY_PAIRS, BudgetKey::Ec2Read, ask).await?;
            found.extend(answer.key_pairs().iter().filter_map(|key| bare(LeftoverKind::KeyPair, key.key_pair_id(), key.tags())));
        }
        if !groups.is_empty() {
            let listed = all(SECURITY_GROUPS, |token| self.security_groups_page(among("group-name", groups.clone()), token)).await?;
            found.extend(listed.iter().filter_map(|group| bare(LeftoverKind::SecurityGroup, group.group_id(), group.tags())));
        }
        Ok(found)
    }

    async fn volumes_page(&self, filter: ec2::Filter, token: Option<String>) -> Result<(Vec<ec2::Volume>, Option<String>), CloudError> {
        let ask = || self.shared.ec2.describe_volumes().filters(filter.clone()).set_next_token(token.clone()).send();
        let answer = self.gate.read(VOLUMES, BudgetKey::Ec2Read, ask).await?;
        Ok((answer.volumes.unwrap_or_default(), answer.next_token))
    }

    async fn security_groups_page(
        &self,
        filter: ec2::Filter,
        token: Option<String>,
    ) -> Result<(Vec<ec2::SecurityGroup>, Option<String>), CloudError> {
        let ask = || self.shared.ec2.describe_security_groups().filters(filter.clone()).set_next_token(token.clone()).send();
        let answer = self.gate.read(SECURITY_GROUPS, BudgetKey::Ec2Read, ask).await?;
        Ok((answer.security_groups.unwrap_or_default(), answer.next_token))
    }
}

fn tags_of(tags: &[ec2::Tag]) -> BTreeMap<String, Untrusted> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().into()))).collect()
}

fn leftover(kind: LeftoverKind, id: Option<&str>, tags: &BTreeMap<String, Untrusted>) -> Option<Leftover> {
    let until = tags.get(UNTIL_KEY).and_then(|until| WorldTime::parse(until.raw()));
    Some(Leftover { kind, id: id?.to_owned(), operation: tags.get(OPERATION_KEY)?.clone(), until })
}

fn read_base(image: &ec2::Image) -> BaseImage {
    BaseImage {
        id: ImageId::new(image.image_id().unwrap_or_default()),
        name: image.name().unwrap_or_default().into(),
        owner: image.owner_id().unwrap_or_default().into(),
        created_at: image.creation_date().and_then(WorldTime::parse),
        arch: image.architecture().map_or("?", |arch| arch.as_str()).into(),
        root_device: image.root_device_name().map(Untrusted::from),
    }
}

fn read_made(image: &ec2::Image) -> MadeImage {
    MadeImage {
        id: ImageId::new(image.image_id().unwrap_or_default()),
        name: image.name().unwrap_or_default().into(),
        state: read_state(image.state()),
        why: image.state_reason().and_then(|reason| reason.message()).map(Untrusted::from),
        percent: None,
        tags: tags_of(image.tags()),
    }
}

fn read_percent(text: &str) -> Option<u8> {
    text.trim().trim_end_matches('%').parse().ok().filter(|percent| *percent <= 100)
}

fn read_machine(instance: &ec2::Instance) -> Option<Machine> {
    let tags = tags_of(instance.tags());
    let role = MachineRole::of(tags.get(ROLE_KEY)?.raw())?;
    let address = instance.private_ip_address().filter(|address| !address.is_empty()).map(Untrusted::from);
    let state = read_machine_state(instance);
    Some(Machine { id: InstanceId::new(instance.instance_id()?), role, state, address: address.filter(|_| state == MachineState::Running) })
}

fn read_machine_state(instance: &ec2::Instance) -> MachineState {
    match instance.state().and_then(|state| state.name()) {
        Some(ec2::InstanceStateName::Pending) => MachineState::Pending,
        Some(ec2::InstanceStateName::Running) => MachineState::Running,
        Some(ec2::InstanceStateName::Stopping) => MachineState::Stopping,
        Some(ec2::InstanceStateName::Stopped) => MachineState::Stopped,
        Some(ec2::InstanceStateName::ShuttingDown) => MachineState::ShuttingDown,
        Some(ec2::InstanceStateName::Terminated) => MachineState::Terminated,
        _ => MachineState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::WorldTime;

    fn tag(key: &str, value: &str) -> ec2::Tag {
        ec2::Tag::builder().key(key).value(value).build()
    }

    #[test]
    fn an_instance_is_a_machine_of_a_bake_only_by_its_tags() {
        let state = ec2::InstanceState::builder().name(ec2::InstanceStateName::Running).build();
        let bare = ec2::Instance::builder().instance_id("i-1").private_ip_address("10.0.0.9").state(state);
        assert_eq!(read_machine(&bare.clone().build()), None);
        let own = bare.tags(tag(ROLE_KEY, "builder")).build();
        let machine = read_machine(&own).unwrap();
        assert_eq!((machine.role, machine.state, machine.address), (MachineRole::Builder, MachineState::Running, Some("10.0.0.9".into())));
        let odd = ec2::Instance::builder().instance_id("i-1").tags(tag(ROLE_KEY, "gate")).build();
        assert_eq!(read_machine(&odd).map(|machine| machine.state), Some(MachineState::Unknown));
    }

    #[test]
    fn what_tells_no_time_may_live_on() {
        let tags = |until: &str| tags_of(&[tag(OPERATION_KEY, "s/op-1"), tag(UNTIL_KEY, until)]);
        let until = |text: &str| leftover(LeftoverKind::Volume, Some("vol-1"), &tags(text)).unwrap().until;
        assert_eq!(until("2025-01-04T14:13:20Z"), Some(WorldTime(1_736_000_000_000)));
        assert_eq!(until("soon"), None);
    }

    #[test]
    fn a_snapshot_s_progress_is_a_number_or_nothing() {
        assert_eq!(["45%", "100%", "", "fast", "300%"].map(read_percent), [Some(45), Some(100), None, None, None]);
    }
}
