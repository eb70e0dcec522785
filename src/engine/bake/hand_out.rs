//! After an image is verified: other accounts may launch it, and other regions get a copy.

use super::{Bake, Move, tags};
use crate::domain::bake::{COPIED_KEY, SHARED_KEY};
use crate::domain::build_call::{BuildCall, CopyImage};
use crate::domain::ids::ImageId;
use crate::domain::image::ImageState;
use crate::domain::reading::Reading;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::bake::handed_out;

/// At most so many regions are asked in one look of the usual period: with more of them it is longer.
const REGIONS_A_LOOK: u64 = 2;

pub(super) fn share(scene: &Bake<'_>) -> Move {
    let Some(image) = scene.progress.image.clone() else { return Move::fail("there is no image") };
    let with = match scene.seen.shares.as_ref() {
        Some(Reading::Known { value, .. }) => value,
        other => return unread(scene, "who may launch the image", other.and_then(Reading::why)),
    };
    let missing: Vec<String> = scene.plan.share_with.iter().filter(|account| !with.contains(*account)).cloned().collect();
    if missing.is_empty() {
        return told(scene, &image, SHARED_KEY, &scene.plan.share_with, "may be launched by");
    }
    if just(scene, scene.progress.shared_at) {
        return scene.wait_short("the image is shared: it does not show yet");
    }
    Move::call(BuildCall::ShareImage { image, accounts: missing }, "the recipe shares it")
}

pub(super) fn copy(scene: &Bake<'_>) -> Move {
    let Some(image) = scene.progress.image.clone() else { return Move::fail("there is no image") };
    let copies = match scene.seen.copies.as_ref() {
        Some(Reading::Known { value, .. }) => value,
        other => return unread(scene, "copies of the image", other.and_then(Reading::why)),
    };
    let mut coming = Vec::new();
    for region in &scene.plan.copy_to {
        match copies.get(region) {
            None if just(scene, scene.progress.copied_at.get(region).copied()) => coming.push(region.as_str()),
            None => return Move::call(ask(scene, image, region), "the recipe copies it there"),
            Some(found) => match found.state {
                ImageState::Available => {}
                ImageState::Failed | ImageState::Gone => {
                    let why = found.why.as_ref().map_or_else(String::new, |why| format!(": {}", why.shown()));
                    return Move::fail(format!(
                        "{region} could not make its copy {}{why}; deregister that, and bake again: only what is missing is done",
                        found.id
                    ));
                }
                ImageState::Pending | ImageState::Unknown => coming.push(region.as_str()),
            },
        }
    }
    if coming.is_empty() {
        return told(scene, &image, COPIED_KEY, &scene.plan.copy_to, "is there in");
    }
    if scene.waited() >= scene.plan.timing.limit {
        return Move::fail(format!(
            "no copy after {} in {}; bake again, and only what is missing is done",
            scene.plan.timing.limit,
            coming.join(", ")
        ));
    }
    let looks = (scene.plan.copy_to.len() as u64).div_ceil(REGIONS_A_LOOK);
    Move::Wait { why: format!("copies are made in {}", coming.join(", ")), period: Millis(scene.plan.timing.period.0 * looks.max(1)) }
}

fn ask(scene: &Bake<'_>, image: ImageId, region: &str) -> BuildCall {
    let copy = CopyImage {
        image,
        name: scene.plan.image_name.clone(),
        from: scene.plan.region().to_owned(),
        to: region.to_owned(),
        token: format!("qd-{}-{}-{region}", scene.claimant.store, scene.claimant.operation.as_str()),
        tags: tags::of_copy(scene),
    };
    BuildCall::CopyImage(copy)
}

/// The image says whom it was handed to, so that the next bake of the same inputs knows that nothing is missing.
fn told(scene: &Bake<'_>, image: &ImageId, key: &str, to: &[String], words: &str) -> Move {
    let missing = tags::missing(scene, &[(key.to_owned(), handed_out(to))]);
    if missing.is_empty() {
        return Move::done(format!("{image} {words} {}", to.join(", ")));
    }
    Move::call(BuildCall::TagResource { id: image.as_str().to_owned(), tags: missing }, "the image says so")
}

/// It was asked for so little ago that it need not show.
fn just(scene: &Bake<'_>, at: Option<WorldTime>) -> bool {
    at.is_some_and(|at| scene.now.since(at) < scene.plan.timing.unseen)
}

fn unread(scene: &Bake<'_>, what: &str, why: Option<&Untrusted>) -> Move {
    scene.wait_short(format!("{what} cannot be read: {}", why.map_or_else(String::new, Untrusted::shown)))
}
