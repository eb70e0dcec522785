//! The keys that ask for something: each opens a plan sheet, or the list to choose from that leads to one.

use super::bake_sheet;
use super::baking::BakesPane;
use super::batch;
use super::commands::CommandId;
use super::effect::Effect;
use super::freezing::Freezing;
use super::model::{Model, Picker, Purpose, Screen};
use super::opening;
use super::polling;
use super::prospects::{ask_of, commanded};
use super::rows;
use super::sheet::{Sheet, Subject};
use super::sheet_keys;
use crate::domain::ids::FleetName;
use crate::operation::intent::Intent;

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
    let app = model.fleet_status(&fleet).and_then(|status| status.spec.app.clone());
    let chosen = if matches!(model.screen(), Screen::Main | Screen::Image(_)) { model.chosen_image(app.as_ref()) } else { None };
    match chosen.map(|status| status.image.id.as_str().to_owned()) {
        Some(image) => sheet_keys::open_plan(model, Intent::Deploy { fleet, image, strategy: None, despite_gates: false }),
        None => {
            open_picker(model, fleet, Purpose::Deploy);
            Vec::new()
        }
    }
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
