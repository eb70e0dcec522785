//! The calls of a bake. Each is sent once; the client token of RunInstances and the name of an image see to it that a repeated one makes no second thing.

use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types as ec2;

use super::gate::Sent;
use super::writer::{AwsWriter, done, reply};
use crate::domain::build_call::{BuildCall, CopyImage, RunInstance};
use crate::domain::call::{CallReply, CloudError, CloudErrorKind};
use crate::domain::ids::{ImageId, InstanceId};
use crate::ports::budget::BudgetKey;

const KEY: BudgetKey = BudgetKey::Ec2Write;

impl AwsWriter {
    pub(super) async fn build(&self, call: &BuildCall, sent: &Sent) -> Result<CallReply, CloudError> {
        let (api, ec2) = (call.aws_name(), &self.cloud.shared.ec2);
        let gate = &self.cloud.gate;
        match call {
            BuildCall::RunInstance(run) => self.run_instance(run, sent).await,
            BuildCall::StopInstance { instance } => {
                let answer = gate.write(api, KEY, sent, ec2.stop_instances().instance_ids(instance.as_str()).send()).await?;
                done(api, answer.request_id())
            }
            BuildCall::TerminateInstance { instance } => {
                let answer = gate.write(api, KEY, sent, ec2.terminate_instances().instance_ids(instance.as_str()).send()).await?;
                done(api, answer.request_id())
            }
            BuildCall::CreateImage { instance, name, tags } => self.create_image(instance, name, tags, sent).await,
            BuildCall::TagResource { id, tags } => {
                let answer = gate.write(api, KEY, sent, ec2.create_tags().resources(id).set_tags(Some(tags_of(tags))).send()).await?;
                done(api, answer.request_id())
            }
            BuildCall::DeleteVolume { volume } => {
                let answer = gate.write(api, KEY, sent, ec2.delete_volume().volume_id(volume).send()).await?;
                done(api, answer.request_id())
            }
            BuildCall::DeleteKeyPair { key_pair } => {
                let answer = gate.write(api, KEY, sent, ec2.delete_key_pair().key_pair_id(key_pair).send()).await?;
                done(api, answer.request_id())
            }
            BuildCall::ShareImage { image, accounts } => self.share_image(image, accounts, sent).await,
            BuildCall::CopyImage(copy) => self.copy_image(copy, sent).await,
            BuildCall::RunPacker { .. } | BuildCall::EndPacker { .. } => {
                Err(CloudError::new(CloudErrorKind::Unsupported, api, "not sent: this is no call of AWS"))
            }
            BuildCall::DeleteSecurityGroup { group } => {
                let answer = gate.write(api, KEY, sent, ec2.delete_security_group().group_id(group).send()).await?;
                done(api, answer.request_id())
            }
        }
    }

    async fn run_instance(&self, run: &RunInstance, sent: &Sent) -> Result<CallReply, CloudError> {
        const API: &str = "RunInstances";
        let machine = &run.machine;
        let metadata = ec2::InstanceMetadataOptionsRequest::builder()
            .http_tokens(ec2::HttpTokensState::Required)
            .http_endpoint(ec2::InstanceMetadataEndpointState::Enabled)
            .build();
        let request = self
            .cloud
            .shared
            .ec2
            .run_instances()
            .image_id(run.image.as_str())
            .instance_type(ec2::InstanceType::from(machine.instance_type.as_str()))
            .min_count(1)
            .max_count(1)
            .client_token(&run.token)
            .set_user_data(run.user_data.clone())
            .set_subnet_id(machine.subnet.clone())
            .set_security_group_ids(Some(machine.security_groups.clone()).filter(|groups| !groups.is_empty()))
            .set_iam_instance_profile(machine.instance_profile.as_deref().map(profile))
            // Its own shutdown leaves the disk, of which the image is made.
            .instance_initiated_shutdown_behavior(ec2::ShutdownBehavior::Stop)
            .metadata_options(metadata)
            .set_block_device_mappings(root(run)?)
            .tag_specifications(specification(ec2::ResourceType::Instance, &run.tags))
            .tag_specifications(specification(ec2::ResourceType::Volume, &run.tags));
        let answer = self.cloud.gate.write(API, KEY, sent, request.send()).await?;
        match answer.instances().first().and_then(|instance| instance.instance_id()) {
            Some(id) => Ok(CallReply { instance: Some(InstanceId::new(id)), ..reply(answer.request_id()) }),
            None => Err(CloudError::new(CloudErrorKind::OutcomeUnknown, API, "the answer names no instance")),
        }
    }

    async fn share_image(&self, image: &ImageId, accounts: &[String], sent: &Sent) -> Result<CallReply, CloudError> {
        const API: &str = "ModifyImageAttribute";
        let permission = |account: &String| ec2::LaunchPermission::builder().user_id(account).build();
        let add = ec2::LaunchPermissionModifications::builder().set_add(Some(accounts.iter().map(permission).collect())).build();
        let request = self.cloud.shared.ec2.modify_image_attribute().image_id(image.as_str()).launch_permission(add);
        let answer = self.cloud.gate.write(API, KEY, sent, request.send()).await?;
        done(API, answer.request_id())
    }

    async fn copy_image(&self, copy: &CopyImage, sent: &Sent) -> Result<CallReply, CloudError> {
        const API: &str = "CopyImage";
        let request = self
            .cloud
            .in_region(&copy.to)
            .copy_image()
            .source_image_id(copy.image.as_str())
            .source_region(&copy.from)
            .name(&copy.name)
            .client_token(&copy.token)
            .tag_specifications(specification(ec2::ResourceType::Image, &copy.tags))
            .tag_specifications(specification(ec2::ResourceType::Snapshot, &copy.tags));
        let answer = self.cloud.gate.write(API, KEY, sent, request.send()).await?;
        match answer.image_id() {
            Some(id) => Ok(CallReply { image: Some(ImageId::new(id)), ..reply(answer.request_id()) }),
            None => Err(CloudError::new(CloudErrorKind::OutcomeUnknown, API, "the answer names no image")),
        }
    }

    async fn create_image(&self, instance: &InstanceId, name: &str, tags: &[(String, String)], sent: &Sent) -> Result<CallReply, CloudError> {
        const API: &str = "CreateImage";
        let request = self
            .cloud
            .shared
            .ec2
            .create_image()
            .instance_id(instance.as_str())
            .name(name)
            .tag_specifications(specification(ec2::ResourceType::Image, tags))
            .tag_specifications(specification(ec2::ResourceType::Snapshot, tags));
        let answer = self.cloud.gate.write(API, KEY, sent, request.send()).await?;
        match answer.image_id() {
            Some(id) => Ok(CallReply { image: Some(ImageId::new(id)), ..reply(answer.request_id()) }),
            None => Err(CloudError::new(CloudErrorKind::OutcomeUnknown, API, "the answer names no image")),
        }
    }
}

fn tags_of(tags: &[(String, String)]) -> Vec<ec2::Tag> {
    tags.iter().map(|(key, value)| ec2::Tag::builder().key(key).value(value).build()).collect()
}

fn specification(resource: ec2::ResourceType, tags: &[(String, String)]) -> ec2::TagSpecification {
    ec2::TagSpecification::builder().resource_type(resource).set_tags(Some(tags_of(tags))).build()
}

/// A profile by its name or its ARN.
fn profile(name: &str) -> ec2::IamInstanceProfileSpecification {
    let builder = ec2::IamInstanceProfileSpecification::builder();
    if name.starts_with("arn:") { builder.arn(name).build() } else { builder.name(name).build() }
}

/// The root volume goes with its instance, whatever the image says, and has the size that was asked for.
fn root(run: &RunInstance) -> Result<Option<Vec<ec2::BlockDeviceMapping>>, CloudError> {
    let Some(device) = &run.root_device else { return Ok(None) };
    let too_large = |_| CloudError::new(CloudErrorKind::Invalid, "RunInstances", "not sent: the root volume is larger than AWS can make it");
    let size = run.machine.root_gib.map(i32::try_from).transpose().map_err(too_large)?;
    let volume = ec2::EbsBlockDevice::builder().delete_on_termination(true).set_volume_size(size).build();
    Ok(Some(vec![ec2::BlockDeviceMapping::builder().device_name(device).ebs(volume).build()]))
}
