//! Images as everybody here sees them: listed, and with the blocks they inherit from what they were made from.

use super::cloud::Urgency;
use super::office::Office;
use crate::domain::call::CloudError;
use crate::domain::image::Image;
use crate::domain::lineage::inherit_blocks;
use crate::domain::reading::Listing;

impl Office {
    /// All images of the configured owners, with the blocks they inherit.
    pub(super) async fn images(&self, urgency: Urgency) -> Result<Listing<Image>, CloudError> {
        let mut listing = self.cloud.reader(urgency).images().await?;
        self.inherit(&mut listing);
        Ok(listing)
    }

    /// Gives every image of a listing the block of what it was made from.
    pub(super) fn inherit(&self, listing: &mut Listing<Image>) {
        match listing {
            Listing::Complete { items, .. } | Listing::Incomplete { items, .. } => inherit_blocks(items, &[], &[]),
        }
    }
}
