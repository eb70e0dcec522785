//! New launch template versions.

use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types as ec2;

use super::convert::{mappings, names_snapshots, request_data};
use super::gate::Sent;
use super::pages::all;
use super::templates::{API as DESCRIBE, image_of, number_of};
use super::writer::{AwsWriter, reply};
use crate::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use crate::domain::ids::{ImageId, TemplateId};
use crate::ports::budget::BudgetKey;

const API: &str = "CreateLaunchTemplateVersion";

/// What a version is made of.
struct Order<'a> {
    template: &'a TemplateId,
    source_template: &'a TemplateId,
    source_version: u64,
    image: &'a ImageId,
    content_hash: &'a str,
}

impl AwsWriter {
    /// Adopts the version that has the content hash in its description, or makes it.
    pub(super) async fn create_version(&self, call: &CloudCall, sent: &Sent) -> Result<CallReply, CloudError> {
        let CloudCall::CreateTemplateVersion { template, source_template, source_version, image, content_hash } = call else {
            return Err(CloudError::new(CloudErrorKind::Invalid, API, "not sent: another call"));
        };
        let order = Order { template, source_template, source_version: *source_version, image, content_hash };
        // AWS takes client tokens of up to 64 characters; an empty one would be found in every description.
        if !(8..=64).contains(&content_hash.len()) || !content_hash.chars().all(|c| c.is_ascii_graphic()) {
            return Err(CloudError::new(CloudErrorKind::Invalid, API, "not sent: the content hash must be 8 to 64 printable ASCII characters"));
        }
        let versions = all(DESCRIBE, |token| self.cloud.versions_page(template, token)).await?;
        match versions.iter().find(|version| version.version_description().is_some_and(|words| words.contains(content_hash.as_str()))) {
            Some(made) => adopt(made, &order),
            None => self.make(&order, sent).await,
        }
    }

    async fn make(&self, order: &Order<'_>, sent: &Sent) -> Result<CallReply, CloudError> {
        let source = self.cloud.version_data(order.source_template, order.source_version).await?;
        let root = if names_snapshots(&source) { self.cloud.root_device(order.image).await? } else { None };
        let request = self
            .cloud
            .shared
            .ec2
            .create_launch_template_version()
            .launch_template_id(order.template.as_str())
            .version_description(format!("qd {}", order.content_hash))
            .client_token(order.content_hash);
        let request = if order.source_template == order.template {
            // AWS copies what is not named, so nothing can be lost, snapshots apart.
            let named = if names_snapshots(&source) { mappings(&source, root.as_deref()) } else { None };
            let data = ec2::RequestLaunchTemplateData::builder().image_id(order.image.as_str()).set_block_device_mappings(named).build();
            request.source_version(order.source_version.to_string()).launch_template_data(data)
        } else {
            let mut data = request_data(API, &source, root.as_deref())?;
            data.image_id = Some(order.image.as_str().to_owned());
            request.launch_template_data(data)
        };
        let answer = self.cloud.gate.write(API, BudgetKey::Ec2TemplateWrite, sent, request.send()).await?;
        let Some(number) = answer.launch_template_version().and_then(number_of) else {
            return Err(CloudError::new(CloudErrorKind::OutcomeUnknown, API, "the answer names no version"));
        };
        Ok(CallReply { template_version: Some(number), ..reply(answer.request_id()) })
    }
}

/// A version that carries the hash was made by an earlier try, unless somebody copied its description to another image.
fn adopt(made: &ec2::LaunchTemplateVersion, order: &Order<'_>) -> Result<CallReply, CloudError> {
    let image = made.launch_template_data().and_then(image_of);
    match number_of(made) {
        Some(number) if image.as_ref() == Some(order.image) => Ok(CallReply { template_version: Some(number), ..CallReply::default() }),
        number => {
            let number = number.map_or_else(|| "?".to_owned(), |number| number.to_string());
            let launches = image.map_or_else(|| "no image".to_owned(), |image| image.to_string());
            let why = format!("{} version {number} carries this content hash but launches {launches}", order.template);
            Err(CloudError::new(CloudErrorKind::Conflict, API, why))
        }
    }
}
