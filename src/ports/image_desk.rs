//! What screen and command line ask about the life of images.

use async_trait::async_trait;

use super::desk::DeskError;
use crate::operation::gc::{GcDone, GcPlan, GcPolicy};
use crate::operation::image_log::Pointer;
use crate::operation::image_plan::{ImageName, ImagePlan, ImageStory, ImageWish};

/// Images: what is known of one, and what people say of it.
#[async_trait]
pub trait ImageDesk: Send + Sync {
    /// Everything that is known of one image.
    async fn image_story(&self, name: &ImageName) -> Result<ImageStory, DeskError>;

    /// What a change of an image comes to; nothing is changed.
    async fn plan_image(&self, wish: &ImageWish) -> Result<ImagePlan, DeskError>;

    /// Asks for a planned change: its intent is written down, its calls are made, their outcomes are written down. The answer in words.
    async fn change_image(&self, plan: &ImagePlan) -> Result<String, DeskError>;

    /// What a run of `qd gc` would mark and remove, why each other image stays, and why nothing may be removed now; nothing is changed.
    async fn plan_gc(&self, policy: &GcPolicy) -> Result<GcPlan, DeskError>;

    /// Marks what nobody needs, and removes what was marked for long enough and still nobody needs.
    async fn collect(&self, policy: &GcPolicy) -> Result<GcDone, DeskError>;

    /// Every move of every channel, oldest first.
    fn channel_moves(&self) -> Result<Vec<Pointer>, DeskError>;
}
