//! The calls of an image's life. Tags may be written and taken away again; a deregistered image and a deleted snapshot are gone.

use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types as ec2;

use super::gate::Sent;
use super::writer::{AwsWriter, done};
use crate::domain::call::{CallReply, CloudError, ImageCall};
use crate::ports::budget::BudgetKey;

/// AWS's own buckets are per call and larger than what is left of ours.
const KEY: BudgetKey = BudgetKey::Ec2TemplateWrite;

impl AwsWriter {
    pub(super) async fn live(&self, call: &ImageCall, sent: &Sent) -> Result<CallReply, CloudError> {
        let (api, ec2, gate) = (call.aws_name(), &self.cloud.shared.ec2, &self.cloud.gate);
        match call {
            ImageCall::Tag { image, tags } => {
                let tags = tags.iter().map(|(key, value)| ec2::Tag::builder().key(key).value(value).build()).collect();
                let request = ec2.create_tags().resources(image.as_str()).set_tags(Some(tags));
                done(api, gate.write(api, KEY, sent, request.send()).await?.request_id())
            }
            ImageCall::Untag { image, keys } => {
                // Without a value the tag goes whatever it says.
                let tags = keys.iter().map(|key| ec2::Tag::builder().key(key).build()).collect();
                let request = ec2.delete_tags().resources(image.as_str()).set_tags(Some(tags));
                done(api, gate.write(api, KEY, sent, request.send()).await?.request_id())
            }
            ImageCall::Protect { image } => {
                let request = ec2.enable_image_deregistration_protection().image_id(image.as_str()).with_cooldown(false);
                done(api, gate.write(api, KEY, sent, request.send()).await?.request_id())
            }
            ImageCall::Deregister { image } => {
                done(api, gate.write(api, KEY, sent, ec2.deregister_image().image_id(image.as_str()).send()).await?.request_id())
            }
            ImageCall::DeleteSnapshot { snapshot } => {
                done(api, gate.write(api, KEY, sent, ec2.delete_snapshot().snapshot_id(snapshot).send()).await?.request_id())
            }
        }
    }
}
