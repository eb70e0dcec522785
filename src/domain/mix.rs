//! Which images a fleet runs, and how much of each.

use std::collections::BTreeMap;

use super::group::{Lifecycle, ServerGroup};
use super::ids::ImageId;

/// One image's part of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MixPart {
    /// The image; none where nobody could tell what the servers run.
    pub image: Option<ImageId>,
    /// Servers that run it.
    pub servers: u32,
}

/// The images of the servers of these groups, the largest part first.
#[must_use]
pub fn mix<'a>(groups: impl Iterator<Item = &'a ServerGroup>) -> Vec<MixPart> {
    let mut parts: BTreeMap<Option<ImageId>, u32> = BTreeMap::new();
    for instance in groups.flat_map(|group| &group.instances) {
        if instance.lifecycle != Lifecycle::Terminating {
            *parts.entry(instance.image.clone()).or_default() += 1;
        }
    }
    let mut parts: Vec<MixPart> = parts.into_iter().map(|(image, servers)| MixPart { image, servers }).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.servers));
    parts
}
