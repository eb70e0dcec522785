//! The image of each application that would be deployed next: what its base is compared by.

use std::collections::BTreeMap;

use crate::domain::image::{Image, ImageState};
use crate::domain::text::Untrusted;

/// The newest image of each application that can be launched and is not blocked.
#[must_use]
pub fn newest_of_each(images: &[Image]) -> BTreeMap<&Untrusted, &Image> {
    let mut newest: BTreeMap<&Untrusted, &Image> = BTreeMap::new();
    for image in images.iter().filter(|image| image.state == ImageState::Available && image.blocked.is_none()) {
        let Some(app) = &image.app else { continue };
        let known = newest.entry(app).or_insert(image);
        if image.created_at >= known.created_at {
            *known = image;
        }
    }
    newest
}
