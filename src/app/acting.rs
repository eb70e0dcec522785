//! The keys that ask for something: each opens a plan sheet, or the list to choose from that leads to one.

use super::bake_sheet;
use super::baking::BakesPane;
use super::batch;
use super::commands::CommandId;
use super::effect::Effect;
use super::freezing::Freezing;
use super::image;
use super::life;
use super::model::{Model, Picker, Purpose, Screen};
use super::opening;
use super::polling;
use super::prospects::{ask_of, commanded};
use super::rows;
use super::sheet::{Sheet, Subject};
use super::sheet_keys;
use crate::domain::ids::{FleetName, ImageId};
use crate::operation::intent::Intent;
use crate::operation::work_list::Work;

/// Opens the sheet of a new bake; where no recipe is in front, the recipes.
pub(super) fn bake(model: &mut Model) -> Vec<Effect> {
    if let Some(effects) = bake_sheet::open(model) {
        return effects;
    }
    if model.screen() != &Screen::Bakes {
        opening::go_to(model, Screen::Bakes);
    }
    model.baking.pane = BakesPane::Recipes;
    model.notice = Some(format!("Choose a recipe: {} bakes it", model.keymap.first(CommandId::Bake)));
    polling::due(model)
}

pub(super) fn deploy(model: &mut Model) -> Vec<Effect> {
    let Some(fleet) = model.acting_fleet().cloned() else { return Vec::new() };
    let image = match meant(model, &fleet) {
        Ok(image) => image,
        Err(reason) => {
            model.notice = Some(format!("Not now: {reason}"));
            return Vec::new();
        }
    };
    match image {
        Some(image) => sheet_keys::open_plan(model, Intent::Deploy { fleet, image: image.as_str().to_owned(), strategy: None, despite_gates: false }),
        None => {
            open_picker(model, fleet, Purpose::Deploy);
            Vec::new()
        }
    }
}

/// The image a deploy is about: the chosen one; in place of a blocked one the nearest good one of the fleet. None where one has to be picked,
/// the reason where none is good or nobody knows yet which.
fn meant(model: &Model, fleet: &FleetName) -> Result<Option<ImageId>, String> {
    if let Some(id) = life::shown(model) {
        let blocked = image::status(model, id).is_some_and(|status| status.image.blocked.is_some());
        match (life::work_in(model, id, fleet), life::work(model, id).is_some()) {
            (Some(Work { good: Some(good), .. }), _) => return Ok(Some(good.image.clone())),
            (Some(_), _) => return Err(format!("no image of the application of {fleet} is good: {} bakes one", model.keymap.first(CommandId::Bake))),
            (None, false) if blocked => return Err("it is blocked, and the nearest good image is still being read".to_owned()),
            (None, true) => return Ok(None),
            (None, false) => {}
        }
    }
    let app = model.fleet_status(fleet).and_then(|status| status.spec.app.as_ref());
    let chooses = matches!(model.screen(), Screen::Main | Screen::Image(_) | Screen::ImageRecord(_));
    Ok(model.chosen_image(app).filter(|_| chooses).map(|status| status.image.id.clone()))
}

/// What opens a sheet on the main view is about the marked fleets, where there are any.
pub(super) fn several(model: &Model) -> bool {
    model.screen() == &Screen::Main && !model.marked.is_empty()
}

pub(super) fn rehearse(model: &mut Model) -> Vec<Effect> {
    let Some(fleet) = model.acting_fleet().cloned() else { return Vec::new() };
    model.notice = Some(format!("Trying the way back of {fleet} out; nothing is changed"));
    vec![sheet_keys::try_out(model, Intent::Rollback { fleet, to: None })]
}

pub(super) fn rollback(model: &mut Model) -> Vec<Effect> {
    if several(model)
        && let Some(batch) = batch::rollbacks(model)
    {
        return sheet_keys::open_batch(model, batch);
    }
    let Some(fleet) = model.acting_fleet().cloned() else { return Vec::new() };
    sheet_keys::open_plan(model, Intent::Rollback { fleet, to: None })
}

pub(super) fn freeze(model: &mut Model) {
    let freezing = model.acting_fleet().map(|fleet| Freezing::of(model, fleet));
    model.sheet = freezing.map(|freezing| Sheet::open(Subject::Freeze(Box::new(freezing)), model.clock.boot));
}

pub(super) fn recycle(model: &mut Model) -> Vec<Effect> {
    let Some(fleet) = model.acting_fleet().cloned() else { return Vec::new() };
    sheet_keys::open_plan(model, Intent::Recycle { fleet })
}

/// Opens the list of the images of a fleet's app.
pub(super) fn open_picker(model: &mut Model, fleet: FleetName, purpose: Purpose) {
    let app = model.fleet_status(&fleet).and_then(|status| status.spec.app.clone());
    let mut picker = Picker { fleet, app, purpose, image: None };
    picker.image = rows::picked_at_offset(model, &picker, 0);
    if picker.image.is_none() {
        let missing = if purpose == Purpose::Deploy { "image of its app is known" } else { "other release of it was ever stable" };
        model.notice = Some(format!("Not now, {}: no {missing}", picker.fleet));
        return;
    }
    model.picker = Some(picker);
}

pub(super) fn choose(model: &mut Model) -> Vec<Effect> {
    let Some(Picker { fleet, purpose, image: Some(image), .. }) = model.picker.take() else { return Vec::new() };
    let image = image.as_str().to_owned();
    let intent = match purpose {
        Purpose::Deploy => Intent::Deploy { fleet, image, strategy: None, despite_gates: false },
        Purpose::RollbackTarget => Intent::Rollback { fleet, to: Some(image) },
    };
    sheet_keys::open_plan(model, intent)
}

pub(super) fn open_errand(model: &mut Model, id: CommandId) {
    let errand = model.acting_fleet().and_then(|fleet| commanded(model, fleet)).and_then(|view| {
        let errand = sheet_keys::errand(view, ask_of(id, view)?, &model.keymap)?;
        Some(sheet_keys::past_freezes(model, errand))
    });
    model.sheet = errand.map(|errand| Sheet::open(Subject::Command(Box::new(errand)), model.clock.boot));
}
