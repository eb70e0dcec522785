//! From an image that must not be used to the fleets somebody has to do something about.

use std::collections::BTreeSet;

use crate::domain::ids::ImageId;
use crate::domain::image::{Image, ImageState};
use crate::domain::lineage::Lineage;
use crate::operation::event::OperationState;
use crate::operation::status::{Estate, FleetStatus};
use crate::operation::work_list::{Good, Near, Work, WorkList};

/// The work an image and everything made from it leaves, whether or not it is blocked yet.
#[must_use]
pub fn work_list(image: &ImageId, estate: &Estate, lineage: &Lineage) -> WorkList {
    let heirs = lineage.descendants(image).into_iter().map(|heir| heir.image);
    let images: Vec<ImageId> = std::iter::once(image.clone()).chain(heirs).collect();
    let affected: BTreeSet<&ImageId> = images.iter().collect();
    let good: Vec<&Image> = estate.images.iter().map(|status| &status.image).filter(|image| is_good(image, &affected)).collect();
    let mut fleets: Vec<Work> = estate.fleets.iter().filter_map(|fleet| work(fleet, &affected, estate, &good)).collect();
    fleets.sort_by(|left, right| right.servers.cmp(&left.servers).then_with(|| left.fleet.cmp(&right.fleet)));
    WorkList { images, fleets, gaps: estate.gaps.clone() }
}

fn is_good(image: &Image, affected: &BTreeSet<&ImageId>) -> bool {
    let verified = image.stage.as_ref().is_some_and(|stage| matches!(stage.raw(), "verified" | "released"));
    image.state == ImageState::Available && image.blocked.is_none() && verified && !affected.contains(&image.id)
}

fn work(fleet: &FleetStatus, affected: &BTreeSet<&ImageId>, estate: &Estate, good: &[&Image]) -> Option<Work> {
    let runs = fleet.mix.iter().filter(|part| part.image.as_ref().is_some_and(|image| affected.contains(image)));
    let launching = fleet.groups.iter().filter(|group| group.image.as_ref().is_some_and(|image| affected.contains(image)));
    let mut images: Vec<ImageId> = Vec::new();
    for image in runs.clone().filter_map(|part| part.image.clone()).chain(launching.clone().filter_map(|group| group.image.clone())) {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    let way_back = fleet.way_back.target.as_ref().is_some_and(|target| affected.contains(&target.image));
    if images.is_empty() && !way_back {
        return None;
    }
    let unknown = fleet.mix.iter().any(|part| part.image.is_none());
    let operation = fleet.operation.as_ref().filter(|brief| {
        let forward = brief.kind.backs_out() && !brief.state.is_final() && brief.state != OperationState::BackingOut;
        // An operation names where it goes as people do: by version, or by id where there is none.
        let goes_there = estate.images.iter().any(|status| status.image.label() == brief.to && affected.contains(&status.image.id));
        forward && goes_there
    });
    let now = images.first().or_else(|| fleet.way_back.target.as_ref().map(|target| &target.image));
    Some(Work {
        fleet: fleet.spec.name.clone(),
        servers: (!unknown).then(|| runs.map(|part| part.servers).sum()),
        launches: launching.map(|group| group.name.clone()).collect(),
        way_back,
        operation: operation.map(|brief| brief.id.clone()),
        good: now.and_then(|now| nearest_good(fleet, now, estate, good)),
        images,
    })
}

/// What was stable here before; else the next newer image of the application, else the next older one.
fn nearest_good(fleet: &FleetStatus, now: &ImageId, estate: &Estate, good: &[&Image]) -> Option<Good> {
    let running = estate.images.iter().map(|status| &status.image).find(|image| image.id == *now);
    let arch = running.and_then(|image| image.arch.as_ref());
    let fits = |image: &&&Image| {
        let app = fleet.spec.app.is_some() && image.app == fleet.spec.app;
        app && (arch.is_none() || image.arch.is_none() || image.arch.as_ref() == arch)
    };
    let found = |image: &Image, near| Good { image: image.id.clone(), version: image.version.clone(), near };
    let stable = fleet.releases.iter().filter(|known| known.marked.is_none());
    let here = stable.filter_map(|known| good.iter().filter(fits).find(|image| image.id == known.release.image)).next();
    if let Some(image) = here {
        return Some(found(image, Near::StableHere));
    }
    let made = running.and_then(|image| image.created_at)?;
    let marked = |image: &&&Image| fleet.releases.iter().any(|known| known.release.image == image.id && known.marked.is_some());
    let all: Vec<&&Image> = good.iter().filter(fits).filter(|image| !marked(image)).collect();
    let newer = all.iter().filter(|image| image.created_at.is_some_and(|at| at > made)).min_by_key(|image| image.created_at);
    let older = all.iter().filter(|image| image.created_at.is_some_and(|at| at <= made)).max_by_key(|image| image.created_at);
    newer.map(|image| found(image, Near::Newer)).or_else(|| older.map(|image| found(image, Near::Older)))
}
