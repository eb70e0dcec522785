//! The life of images in a simulated world: their tags, what holds them, the snapshots they stand on, and their end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::apply::{Refusal, not_found, refuse};
use super::{ACCOUNT, World, draw};
use crate::domain::call::{CallReply, CloudErrorKind, ImageCall};
use crate::domain::ids::ImageId;
use crate::domain::image::{Image, ImageOrigin, ImageSnapshot, ImageState, SchemaRange};
use crate::domain::image_use::{CloudUse, Snapshot, UsedBy, mentioned};
use crate::domain::lineage::Ancestor;
use crate::domain::reading::Listing;
use crate::domain::tags::TagKeys;
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;

/// The volume every simulated image is taken of.
const VOLUME_GIB: u32 = 8;
/// What its snapshot holds.
const SNAPSHOT_BYTES: u64 = 3 << 30;

/// What there is of images besides the images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Room {
    /// Snapshots that nobody deleted, by id, also of images that are gone; with the accounts that may use them.
    snapshots: BTreeMap<String, Vec<Untrusted>>,
    /// The accounts an image is shared with.
    pub(super) shared: BTreeMap<ImageId, Vec<Untrusted>>,
    /// Of every listing about images the last page is lost.
    pages_lost: bool,
}

/// What the cloud knows of an image of this account that was made from another.
pub(super) fn origin(id: &ImageId, source: Option<&ImageId>) -> ImageOrigin {
    ImageOrigin {
        owner: Some(ACCOUNT.into()),
        source: source.cloned(),
        snapshots: vec![ImageSnapshot { id: snapshot_of(id), gib: Some(VOLUME_GIB) }],
        ..ImageOrigin::default()
    }
}

fn snapshot_of(id: &ImageId) -> String {
    format!("snap-0{:016x}", draw::mix(draw::fnv(id.as_str().as_bytes())))
}

/// An image that may be launched, named by its tags.
pub(super) fn image_of(id: &ImageId, name: impl Into<Untrusted>, base: &ImageId, at: WorldTime, tags: BTreeMap<String, Untrusted>) -> Image {
    let mut image = Image {
        id: id.clone(),
        name: name.into(),
        app: None,
        version: None,
        stage: None,
        created_at: Some(at),
        base: None,
        arch: Some("arm64".into()),
        state: ImageState::Available,
        schema: SchemaRange::default(),
        blocked: None,
        bake: None,
        tags,
        origin: origin(id, Some(base)),
    };
    retag(&mut image);
    image
}

/// Reads an image's tags again after they changed.
pub(super) fn retag(image: &mut Image) {
    image.read_tags(&TagKeys::default());
    image.base = image.base.take().or_else(|| image.origin.source.as_ref().map(|source| source.as_str().into()));
}

impl World {
    /// Every image of this account.
    #[must_use]
    pub fn own_images(&self) -> Listing<Image> {
        let is_own = |image: &Image| image.origin.owner.as_ref().is_some_and(|owner| owner.raw() == ACCOUNT);
        self.life_listing(self.images().into_iter().filter(is_own).collect())
    }

    /// What an image was made from, by the cloud's own record, itself first.
    #[must_use]
    pub fn ancestry(&self, image: &ImageId) -> Vec<Ancestor> {
        let mut chain: Vec<Ancestor> = Vec::new();
        let mut next = Some(image.clone());
        while let Some(record) = next.take().and_then(|id| self.images.get(&id)) {
            if chain.iter().any(|known| known.image == record.image.id) {
                break;
            }
            let source = record.image.origin.source.clone();
            chain.push(Ancestor { image: record.image.id.clone(), source: source.clone(), owner: record.image.origin.owner.clone() });
            next = source;
        }
        chain
    }

    /// Everything that names an image.
    #[must_use]
    pub fn image_uses(&self) -> Listing<CloudUse> {
        let servers = self.groups.values().flat_map(|group| &group.servers);
        let by_server = servers.map(|server| CloudUse { image: server.image.clone(), by: UsedBy::Instance(server.id.clone()) });
        let templates = self.groups.values().map(|group| &group.template).collect::<std::collections::BTreeSet<_>>();
        let versions = templates.into_iter().filter_map(|id| Some((id, self.templates.get(id)?)));
        let by_template = versions.flat_map(|(id, template)| {
            template
                .versions
                .iter()
                .map(|(version, data)| CloudUse { image: data.image.clone(), by: UsedBy::Template { template: id.clone(), version: *version } })
        });
        let tags = self.groups.iter().flat_map(|(name, group)| group.tags.values().map(move |value| (name, value)));
        let by_tag = tags
            .flat_map(|(name, value)| mentioned(value.raw()).map(|image| CloudUse { image, by: UsedBy::GroupTag(name.clone()) }).collect::<Vec<_>>());
        self.life_listing(by_server.chain(self.builders()).chain(by_template).chain(by_tag).collect())
    }

    /// Every snapshot of this account.
    #[must_use]
    pub fn own_snapshots(&self) -> Listing<Snapshot> {
        self.life_listing(self.room.snapshots.keys().map(|id| Snapshot { id: id.clone(), bytes: Some(SNAPSHOT_BYTES) }).collect())
    }

    /// The accounts an image is shared with.
    #[must_use]
    pub fn shared_with(&self, image: &ImageId) -> Vec<Untrusted> {
        self.room.shared.get(image).cloned().unwrap_or_default()
    }

    /// The accounts a snapshot is shared with; none if there is no such snapshot.
    #[must_use]
    pub fn snapshot_shared_with(&self, snapshot: &str) -> Option<Vec<Untrusted>> {
        self.room.snapshots.get(snapshot).cloned()
    }

    fn life_listing<T>(&self, mut items: Vec<T>) -> Listing<T> {
        let as_of = self.now();
        if self.room.pages_lost {
            items.truncate(items.len() / 2);
            return Listing::Incomplete { items, as_of, why: "page 2: it was lost".into() };
        }
        Listing::Complete { items, as_of }
    }

    /// A call of an image's life.
    pub(super) fn live(&mut self, call: &ImageCall) -> Result<CallReply, Refusal> {
        match call {
            ImageCall::Tag { image, tags } => {
                let found = &mut self.images.get_mut(image).ok_or_else(|| not_found("image", image))?.image;
                found.tags.extend(tags.iter().map(|(key, value)| (key.clone(), Untrusted::from(value.as_str()))));
                retag(found);
            }
            ImageCall::Untag { image, keys } => {
                let found = &mut self.images.get_mut(image).ok_or_else(|| not_found("image", image))?.image;
                found.tags.retain(|key, _| !keys.contains(key));
                retag(found);
            }
            ImageCall::Protect { image } => {
                self.own_image(image)?.origin.protected = true;
            }
            ImageCall::Deregister { image } => {
                if self.own_image(image)?.origin.protected {
                    return refuse(CloudErrorKind::Invalid, format!("OperationNotPermitted: {image} is protected against deregistration"));
                }
                self.images.remove(image);
            }
            ImageCall::DeleteSnapshot { snapshot } => {
                let stands = self.images.values().find(|record| record.image.origin.snapshots.iter().any(|own| own.id == *snapshot));
                if let Some(record) = stands {
                    let why = format!("InvalidSnapshot.InUse: the snapshot {snapshot} is in use by {}", record.image.id);
                    return refuse(CloudErrorKind::Conflict, why);
                }
                self.room.snapshots.remove(snapshot).ok_or_else(|| not_found("snapshot", snapshot))?;
            }
        }
        Ok(CallReply::default())
    }

    fn own_image(&mut self, id: &ImageId) -> Result<&mut Image, Refusal> {
        let image = &mut self.images.get_mut(id).ok_or_else(|| not_found("image", id))?.image;
        if image.origin.owner.as_ref().is_none_or(|owner| owner.raw() != ACCOUNT) {
            return refuse(CloudErrorKind::Denied, format!("AuthFailure: not authorized for image {id}"));
        }
        Ok(image)
    }

    /// The snapshots of an image that was just made are there as well.
    pub(super) fn keep_snapshots(&mut self, image: &Image) {
        if image.origin.owner.as_ref().is_some_and(|owner| owner.raw() == ACCOUNT) {
            self.room.snapshots.extend(image.origin.snapshots.iter().map(|snapshot| (snapshot.id.clone(), Vec::new())));
        }
    }

    /// Somebody shares an image with another account.
    pub(super) fn share(&mut self, image: &ImageId, account: &str) -> bool {
        let is_there = self.images.contains_key(image);
        if is_there {
            self.room.shared.entry(image.clone()).or_default().push(account.into());
        }
        is_there
    }

    /// Somebody shares a snapshot with another account.
    pub(super) fn share_snapshot(&mut self, snapshot: &str, account: &str) -> bool {
        self.room.snapshots.get_mut(snapshot).map(|accounts| accounts.push(account.into())).is_some()
    }

    /// Somebody registers another image on the snapshots of one.
    pub(super) fn register_twin(&mut self, of: &ImageId, twin: &ImageId) -> bool {
        let Some(record) = self.images.get(of).cloned() else { return false };
        let mut made = record;
        made.image.id = twin.clone();
        made.image.tags.clear();
        retag(&mut made.image);
        self.images.insert(twin.clone(), made).is_none()
    }

    /// Somebody writes or takes away a tag of an image by hand.
    pub(super) fn tag_image_by_hand(&mut self, image: &ImageId, key: &str, value: Option<&str>) -> bool {
        let what = match value {
            Some(value) => ImageCall::Tag { image: image.clone(), tags: vec![(key.to_owned(), value.to_owned())] },
            None => ImageCall::Untag { image: image.clone(), keys: vec![key.to_owned()] },
        };
        self.live(&what).is_ok()
    }

    /// From now on the last page of every listing about images is lost, or not any more.
    pub(super) const fn lose_pages(&mut self, lost: bool) {
        self.room.pages_lost = lost;
    }
}
