//! The life of the opened image: what it was made from and what from it, and what there is to do where it is blocked.

use super::age::Aged;
use super::effect::Effect;
use super::image;
use super::model::{Model, Problem, Screen};
use super::polling;
use super::replies::note_failure;
use super::rows;
use crate::domain::ids::{FleetName, ImageId};
use crate::domain::lineage::{Relative, Told};
use crate::operation::image_plan::ImageStory;
use crate::operation::status::FleetStatus;
use crate::operation::work_list::{Work, WorkList};
use crate::ports::desk::DeskError;

/// A part of the view of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LifePane {
    /// The fleets it is for, or those with work because it is blocked.
    #[default]
    Fleets,
    /// What it was made from, and what from it.
    Lineage,
}

/// What is known of the image that was opened last.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Everything that is known of it.
    pub story: Option<Aged<ImageStory>>,
    /// Why the last reading failed, if it did.
    pub problem: Option<Problem>,
    /// The part with the focus.
    pub pane: LifePane,
    /// The image under the cursor of the lineage; the opened one where none was chosen.
    pub relative: Option<ImageId>,
}

/// One image of a lineage as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin {
    /// It.
    pub image: ImageId,
    /// What people call it; nothing where it is only an id.
    pub label: String,
    /// How far it stands from the oldest one.
    pub depth: usize,
    /// Where its link is known from; none for the opened image.
    pub told: Option<Told>,
    /// It is among the images that were listed.
    pub listed: bool,
    /// It is blocked, itself or by what it was made from.
    pub blocked: bool,
}

/// The image that is on the screen.
#[must_use]
pub fn shown(model: &Model) -> Option<&ImageId> {
    match model.screen() {
        Screen::Image(id) | Screen::ImageRecord(id) => Some(id),
        _ => None,
    }
}

/// What is known of an image, if it is the one that was read.
#[must_use]
pub fn story<'a>(model: &'a Model, id: &ImageId) -> Option<&'a Aged<ImageStory>> {
    model.life.story.as_ref().filter(|story| story.value.image.id == *id)
}

/// What there is to do because an image is blocked; none if it is not, or if that was not read yet.
#[must_use]
pub fn work<'a>(model: &'a Model, id: &ImageId) -> Option<&'a WorkList> {
    story(model, id)?.value.work.as_ref()
}

/// What there is to do in a fleet.
#[must_use]
pub fn work_in<'a>(model: &'a Model, id: &ImageId, fleet: &FleetName) -> Option<&'a Work> {
    work(model, id)?.fleets.iter().find(|work| work.fleet == *fleet)
}

/// How many servers of a fleet run something that was made from an image, as far as that was read.
#[must_use]
pub fn heirs_run(model: &Model, id: &ImageId, fleet: &FleetStatus) -> u32 {
    let Some(story) = story(model, id) else { return 0 };
    let is_heir = |image: &ImageId| story.value.descendants.iter().any(|heir| heir.image == *image);
    fleet.mix.iter().filter(|part| part.image.as_ref().is_some_and(is_heir)).map(|part| part.servers).sum()
}

/// The images above it, the farthest first, itself, and those below it, each right below the one it was made from.
#[must_use]
pub fn kin(model: &Model, id: &ImageId) -> Vec<Kin> {
    let Some(story) = story(model, id).map(|story| &story.value) else { return Vec::new() };
    let deepest = story.ancestors.iter().map(|relative| relative.distance).max().unwrap_or(0);
    let of = |relative: &Relative, depth: usize| {
        let (label, blocked) = story.labels.get(&relative.image).cloned().unwrap_or_default();
        Kin { image: relative.image.clone(), label, depth, told: Some(relative.told), listed: relative.listed, blocked }
    };
    let image = &story.image;
    let label = image.called();
    let itself = Kin { image: id.clone(), label, depth: deepest, told: None, listed: true, blocked: image.blocked.is_some() };
    let above = story.ancestors.iter().rev().map(|relative| of(relative, deepest - relative.distance));
    let below = story.tree().into_iter().map(|relative| of(relative, deepest + relative.distance));
    above.chain(std::iter::once(itself)).chain(below).collect()
}

/// Where the cursor stands in the lineage: on the chosen image, else on the opened one.
#[must_use]
pub fn kin_position(model: &Model, id: &ImageId, all: &[Kin]) -> usize {
    let at = |wanted: &ImageId| all.iter().position(|kin| kin.image == *wanted);
    model.life.relative.as_ref().and_then(at).or_else(|| at(id)).unwrap_or(0)
}

/// Moves the cursor of the part with the focus.
pub fn move_by(model: &mut Model, id: &ImageId, by: isize) {
    match model.life.pane {
        LifePane::Fleets => model.fleet = image::fleet_at_offset(model, id, by),
        LifePane::Lineage => {
            let all = kin(model, id);
            let at = rows::offset(Some(kin_position(model, id, &all)), by, all.len());
            model.life.relative = at.and_then(|at| all.get(at)).map(|kin| kin.image.clone());
        }
    }
}

/// The image under the cursor of the lineage, if that has the focus and it is another one than the opened.
#[must_use]
pub fn chosen_kin(model: &Model) -> Option<Kin> {
    let id = shown(model).filter(|_| model.life.pane == LifePane::Lineage)?;
    let all = kin(model, id);
    all.get(kin_position(model, id, &all)).filter(|kin| kin.image != *id).cloned()
}

/// Gives the other part the focus.
pub fn next_pane(model: &mut Model) {
    model.life.pane = if model.life.pane == LifePane::Fleets { LifePane::Lineage } else { LifePane::Fleets };
}

/// Forgets where the cursor stood and asks what is known of the image on the screen.
pub fn look(model: &mut Model) -> Vec<Effect> {
    (model.life.pane, model.life.relative, model.life.problem) = Default::default();
    polling::read_story(model).into_iter().collect()
}

/// Takes an answer in.
pub fn take(model: &mut Model, no: u64, result: Result<Box<ImageStory>, DeskError>) {
    if !model.requests.end(no, |requests| &mut requests.story).believed {
        return;
    }
    match result {
        Ok(story) => {
            let as_of = story.as_of;
            model.life.story = Some(Aged::new(*story, as_of, model.clock));
            model.life.problem = None;
        }
        Err(error) => {
            model.life.problem = Some(Problem::from(&error));
            note_failure(model, "reading what is known of an image", &error, None);
        }
    }
}
