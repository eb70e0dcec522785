//! Reading what holds an image, what it was made from, and what it stands on.

use async_trait::async_trait;

use crate::domain::call::CloudError;
use crate::domain::ids::ImageId;
use crate::domain::image::Image;
use crate::domain::image_use::{CloudUse, Snapshot};
use crate::domain::lineage::Ancestor;
use crate::domain::reading::Listing;
use crate::domain::text::Untrusted;

/// Questions about the life of images. None of them changes anything.
#[async_trait]
pub trait ImageRead: Send + Sync {
    /// What an image was made from by the cloud's own record, itself first; empty if the cloud does not know the image.
    async fn ancestry(&self, image: &ImageId) -> Result<Vec<Ancestor>, CloudError>;

    /// Every image this account owns, also those that are deprecated or disabled.
    async fn own_images(&self) -> Result<Listing<Image>, CloudError>;

    /// Everything that names an image: servers that are not gone, every version of every launch template that a group or a server of one
    /// names, launch configurations and tags of groups. Incomplete also where somebody names an image in a way that cannot be followed.
    async fn image_uses(&self) -> Result<Listing<CloudUse>, CloudError>;

    /// Every snapshot this account owns.
    async fn own_snapshots(&self) -> Result<Listing<Snapshot>, CloudError>;

    /// Accounts, organizations or `everybody` who may launch an image of ours.
    async fn shared_with(&self, image: &ImageId) -> Result<Vec<Untrusted>, CloudError>;

    /// Accounts or `everybody` who may use a snapshot of ours; none if there is no such snapshot.
    async fn snapshot_shared_with(&self, snapshot: &str) -> Result<Option<Vec<Untrusted>>, CloudError>;
}
