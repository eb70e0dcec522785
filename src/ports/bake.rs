//! Reading what a bake needs to know of a cloud.

use async_trait::async_trait;

use crate::domain::bake::{BakeLook, BakeSight, BaseImage};
use crate::domain::call::CloudError;
use crate::domain::reading::Listing;
use crate::domain::recipe::Base;

/// Questions of bakes. None of them changes anything.
#[async_trait]
pub trait BakeRead: Send + Sync {
    /// The images a recipe's base can be, of any owner, newest first.
    async fn base_images(&self, base: &Base) -> Result<Listing<BaseImage>, CloudError>;

    /// One look at a bake. What cannot be read is unknown in the answer, with the reason.
    async fn observe_bake(&self, look: &BakeLook) -> BakeSight;
}
