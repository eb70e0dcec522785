//! Machine images.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as ec2;

use super::AwsCloud;
use super::pages::gather;
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::ids::ImageId;
use crate::domain::image::{Image, ImageOrigin, ImageSnapshot, ImageState, SchemaRange};
use crate::domain::reading::Listing;
use crate::domain::tags::TagKeys;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::ports::budget::BudgetKey;

const API: &str = "DescribeImages";
/// The largest page.
const PAGE: i32 = 1_000;

impl AwsCloud {
    /// All images of the configured owners, newest first.
    pub(super) async fn list_images(&self) -> Result<Listing<Image>, CloudError> {
        let gathered = gather(|token| self.images_page(token)).await?;
        let mut images = gathered.map(|image| read_image(&image, &self.shared.tag_keys));
        images.items.sort_by(|left, right| (right.created_at, &left.id).cmp(&(left.created_at, &right.id)));
        Ok(images.listing())
    }

    /// All images this account owns, also deprecated and disabled ones.
    pub(super) async fn images_of_this_account(&self) -> Result<Listing<Image>, CloudError> {
        let gathered = gather(|token| self.own_images_page(token)).await?;
        Ok(gathered.map(|image| read_image(&image, &self.shared.tag_keys)).listing())
    }

    async fn own_images_page(&self, token: Option<String>) -> Result<(Vec<ec2::Image>, Option<String>), CloudError> {
        let ask = || {
            let request = self.shared.ec2.describe_images().owners("self").include_deprecated(true).include_disabled(true);
            request.max_results(PAGE).set_next_token(token.clone()).send()
        };
        let answer = self.gate.read(API, BudgetKey::Ec2Read, ask).await?;
        Ok((answer.images.unwrap_or_default(), answer.next_token))
    }

    async fn images_page(&self, token: Option<String>) -> Result<(Vec<ec2::Image>, Option<String>), CloudError> {
        let ask = || {
            let request = self.shared.ec2.describe_images().set_owners(Some(self.shared.image_owners.clone()));
            // Without it AWS hides a deprecated image of another account, which a fleet may well run.
            request.include_deprecated(true).max_results(PAGE).set_next_token(token.clone()).send()
        };
        let answer = self.gate.read(API, BudgetKey::Ec2Read, ask).await?;
        Ok((answer.images.unwrap_or_default(), answer.next_token))
    }

    /// One image, whoever owns it.
    pub(super) async fn one_image(&self, id: &ImageId) -> Result<Option<Image>, CloudError> {
        Ok(self.image_answer(id).await?.map(|image| read_image(&image, &self.shared.tag_keys)))
    }

    /// The device name of the image's root volume, where it is told.
    pub(super) async fn root_device(&self, id: &ImageId) -> Result<Option<String>, CloudError> {
        let Some(image) = self.image_answer(id).await? else {
            return Err(CloudError::new(CloudErrorKind::NotFound, API, format!("image {id} does not exist")));
        };
        Ok(image.root_device_name)
    }

    async fn image_answer(&self, id: &ImageId) -> Result<Option<ec2::Image>, CloudError> {
        let ask = || self.shared.ec2.describe_images().image_ids(id.as_str()).include_deprecated(true).include_disabled(true).send();
        match self.gate.read(API, BudgetKey::Ec2Read, ask).await {
            Ok(answer) => Ok(answer.images.unwrap_or_default().into_iter().next()),
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn read_image(image: &ec2::Image, keys: &TagKeys) -> Image {
    let tags: BTreeMap<String, Untrusted> =
        image.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().into()))).collect();
    let mut read = Image {
        id: ImageId::new(image.image_id().unwrap_or_default()),
        name: image.name().unwrap_or_default().into(),
        app: None,
        version: None,
        stage: None,
        created_at: image.creation_date().and_then(WorldTime::parse),
        base: None,
        arch: image.architecture().map(|arch| arch.as_str().into()),
        state: read_state(image.state()),
        schema: SchemaRange::default(),
        blocked: None,
        bake: None,
        tags,
        origin: read_origin(image),
    };
    read.read_tags(keys);
    read
}

fn read_origin(image: &ec2::Image) -> ImageOrigin {
    let volumes = image.block_device_mappings().iter().filter_map(|mapping| mapping.ebs());
    let snapshot = |volume: &ec2::EbsBlockDevice| {
        let gib = volume.volume_size().and_then(|gib| u32::try_from(gib).ok());
        Some(ImageSnapshot { id: volume.snapshot_id()?.to_owned(), gib })
    };
    ImageOrigin {
        owner: image.owner_id().map(Untrusted::from),
        source: image.source_image_id().filter(|id| !id.is_empty()).map(ImageId::new),
        snapshots: volumes.filter_map(snapshot).collect(),
        // `disabled` is the only word that means it can be removed: after switching it off there may be a day of cooldown.
        protected: image.deregistration_protection().is_some_and(|word| !word.is_empty() && word != "disabled"),
        public: image.public().unwrap_or(false),
    }
}

pub(super) const fn read_state(state: Option<&ec2::ImageState>) -> ImageState {
    match state {
        Some(ec2::ImageState::Available) => ImageState::Available,
        Some(ec2::ImageState::Pending | ec2::ImageState::Transient) => ImageState::Pending,
        Some(ec2::ImageState::Failed | ec2::ImageState::Error | ec2::ImageState::Invalid) => ImageState::Failed,
        Some(ec2::ImageState::Deregistered) => ImageState::Gone,
        // Disabled too: it exists and cannot be launched.
        _ => ImageState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> ec2::Tag {
        ec2::Tag::builder().key(key).value(value).build()
    }

    #[test]
    fn tags_become_fields() {
        let image = ec2::Image::builder()
            .image_id("ami-1")
            .creation_date("2026-05-04T03:02:01.000Z")
            .state(ec2::ImageState::Available)
            .architecture(ec2::ArchitectureValues::Arm64)
            .tags(tag("app", "web"))
            .tags(tag("qd:version", "2.14.0"))
            .tags(tag("qd:schema-min", "41"))
            .tags(tag("qd:schema-max", "none"))
            .tags(tag("qd:blocked", ""))
            .tags(tag("qd:blocked-at", "2026-05-05T00:00:00Z"))
            .build();
        let image = read_image(&image, &TagKeys::default());
        assert_eq!((image.app, image.version, image.arch), (Some("web".into()), Some("2.14.0".into()), Some("arm64".into())));
        assert_eq!((image.schema.words().as_str(), image.schema.min), ("?", None), "what one tag says is not half of a range");
        assert_eq!(image.created_at.map(WorldTime::rfc3339).as_deref(), Some("2026-05-04T03:02:01Z"));
        assert_eq!(image.blocked.and_then(|block| block.at).map(WorldTime::rfc3339).as_deref(), Some("2026-05-05T00:00:00Z"));
        assert_eq!(image.state, ImageState::Available);
    }

    #[test]
    fn states_nobody_knows_are_unknown() {
        assert_eq!(read_state(None), ImageState::Unknown);
        assert_eq!(read_state(Some(&ec2::ImageState::Disabled)), ImageState::Unknown);
        assert_eq!(read_state(Some(&ec2::ImageState::from("melting"))), ImageState::Unknown);
    }
}
