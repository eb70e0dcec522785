//! Images as everybody here sees them: listed, with the blocks they inherit from what they were made from, also where that is not listed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::cloud::{Cloud, Urgency};
use super::office::Office;
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::ids::ImageId;
use crate::domain::image::{Block, Image};
use crate::domain::lineage::{Ancestor, inherit_blocks, is_image_id};
use crate::domain::reading::Listing;
use crate::domain::tags::TagKeys;
use crate::operation::image_log::{blocks, catch_up};
use crate::operation::sighting::Sighting;
use crate::ports::desk::DeskError;

/// So many images of other accounts are asked for their own making at once.
const AT_ONCE: usize = 8;

/// What the cloud told of images that are not listed: what an image was made from never changes.
#[derive(Default)]
pub struct KnownAncestors(Mutex<BTreeMap<ImageId, Vec<Ancestor>>>);

impl KnownAncestors {
    fn get(&self, image: &ImageId) -> Option<Vec<Ancestor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(image).cloned()
    }

    fn keep(&self, image: &ImageId, chain: &[Ancestor]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(image.clone(), chain.to_vec());
    }
}

impl Office {
    /// All images of the configured owners, with the blocks they inherit.
    pub(super) async fn images(&self, urgency: Urgency) -> Result<Listing<Image>, CloudError> {
        let mut listing = self.cloud.reader(urgency).images().await?;
        self.inherit(&mut listing).await;
        Ok(listing)
    }

    /// Gives every image of a listing the block of what it was made from.
    pub(super) async fn inherit(&self, listing: &mut Listing<Image>) {
        match listing {
            Listing::Complete { items, .. } | Listing::Incomplete { items, .. } => self.inherit_among(items).await,
        }
    }

    /// The same for these images. The cloud is asked about images that are not listed only where one of those is blocked.
    pub(super) async fn inherit_among(&self, images: &mut [Image]) {
        let elsewhere = self.blocks_elsewhere(images);
        let outside = elsewhere.iter().any(|(id, _)| !images.iter().any(|image| image.id == *id));
        let (ancestors, gaps) = if outside { self.outside_ancestors(images).await } else { (Vec::new(), Vec::new()) };
        for gap in gaps {
            tracing::warn!("{gap}");
        }
        inherit_blocks(images, &elsewhere, &ancestors);
    }

    /// A round that was read a while ago, with what was said of its images since.
    pub(super) fn caught_up(&self, mut seen: Sighting) -> Result<Sighting, DeskError> {
        if let Some(Listing::Complete { items, .. } | Listing::Incomplete { items, .. }) = &mut seen.images {
            let log = self.store.image_log()?.entries;
            if log.iter().any(|entry| entry.at >= seen.as_of) {
                catch_up(items, &log, seen.as_of, &self.tag_keys()?);
                let elsewhere = self.blocks_elsewhere(items);
                inherit_blocks(items, &elsewhere, &[]);
            }
        }
        Ok(seen)
    }

    /// Blocks that are written down here and that no tag of these images shows.
    fn blocks_elsewhere(&self, images: &[Image]) -> Vec<(ImageId, Block)> {
        let log = match self.store.image_log() {
            Ok(log) => log.entries,
            Err(error) => {
                tracing::warn!("what is recorded of images was not read: {error}");
                return Vec::new();
            }
        };
        let listed: BTreeSet<&ImageId> = images.iter().map(|image| &image.id).collect();
        blocks(&log, |image| listed.contains(image), self.now())
    }

    /// What the images that these were made from, and that are not among them, were made from themselves; and what could not be read.
    pub(super) async fn outside_ancestors(&self, images: &[Image]) -> (Vec<Ancestor>, Vec<String>) {
        let listed: BTreeSet<&ImageId> = images.iter().map(|image| &image.id).collect();
        let by_tag =
            images.iter().filter_map(|image| image.base.as_ref()).filter(|base| is_image_id(base.raw())).map(|base| ImageId::new(base.raw()));
        let by_cloud = images.iter().filter_map(|image| image.origin.source.clone());
        let outside: BTreeSet<ImageId> = by_cloud.chain(by_tag).filter(|id| !listed.contains(id)).collect();
        let outside: Vec<ImageId> = outside.into_iter().collect();
        let (mut all, mut gaps) = (Vec::new(), Vec::new());
        for some in outside.chunks(AT_ONCE) {
            let mut asked = tokio::task::JoinSet::new();
            for id in some {
                match self.ancestors.get(id) {
                    Some(chain) => all.extend(chain),
                    None => {
                        let (reader, id) = (self.cloud.image_reader(), id.clone());
                        asked.spawn(async move { (reader.ancestry(&id).await, id) });
                    }
                }
            }
            while let Some(Ok((answer, id))) = asked.join_next().await {
                match answer {
                    Ok(chain) => {
                        self.ancestors.keep(&id, &chain);
                        all.extend(chain);
                    }
                    // Nobody shows it to us: its name is all there is.
                    Err(error) if matches!(error.kind, CloudErrorKind::NotFound | CloudErrorKind::Denied) => {}
                    Err(error) => gaps.push(format!("what {id} was made from: {error}")),
                }
            }
        }
        (all, gaps)
    }

    /// Which tags mean what: a simulated world has ours.
    pub(super) fn tag_keys(&self) -> Result<TagKeys, DeskError> {
        match &self.cloud {
            Cloud::Sim(_) => Ok(TagKeys::default()),
            #[cfg(feature = "aws")]
            Cloud::Aws(_) => Ok(crate::config::load(&self.settings.fleets_file)?.tags),
        }
    }
}
