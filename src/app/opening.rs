//! Which view is in front: views are opened over each other, left again, and come back.

use std::path::PathBuf;

use super::bake_log;
use super::baking::BakesPane;
use super::commands::CommandId;
use super::effect::Effect;
use super::field::Field;
use super::image;
use super::life::{self, LifePane};
use super::model::{Model, Page, Pane, Screen};
use super::polling;
use super::rows;
use super::running;
use super::sheet::DEAD_TIME;
use crate::domain::ids::{FleetName, ImageId, OperationId};
use crate::operation::any::AnyRef;

/// Shows one image; one that is still being baked by its bake.
pub(super) fn open_image(model: &mut Model, image: ImageId) -> Vec<Effect> {
    let bake = model.baking.of_image(&image).filter(|view| !view.state().is_final()).map(|view| view.operation.id.clone());
    if let Some(id) = bake {
        return open_bake(model, id);
    }
    model.fleet = image::fleet(model, &image).cloned().or_else(|| model.fleet.take());
    model.image = Some(image.clone());
    go_to(model, Screen::Image(image));
    life::look(model)
}

/// Opens a view; the same key once more closes it.
pub(super) fn show(model: &mut Model, screen: Screen) {
    if model.screen() == &screen {
        return back(model);
    }
    go_to(model, screen);
}

/// Opens a view over the others; one that is open already comes to the front.
pub(super) fn go_to(model: &mut Model, screen: Screen) {
    let before = model.screens.clone();
    model.screens.retain(|open| *open != screen);
    model.screens.push(screen);
    model.last_view = Some(before);
    model.scroll = 0;
}

/// Goes to the views as they were before the last change, and back again.
pub(super) fn last_view(model: &mut Model) {
    match model.last_view.take() {
        Some(before) => {
            model.last_view = Some(std::mem::replace(&mut model.screens, before));
            model.scroll = 0;
        }
        None => model.notice = Some("There was no other view yet".to_owned()),
    }
}

/// Shows a page about the fleet, or about the opened image; the same key once more closes it.
pub(super) fn show_page(model: &mut Model, page: Page) {
    if let Some(id) = life::shown(model).cloned() {
        return show(model, Screen::ImageRecord(id));
    }
    let Some(fleet) = model.acting_fleet().cloned() else { return };
    let wanted = Screen::Page(fleet, page);
    if model.screen() != &wanted {
        // From one page to the next: escape leaves them all.
        model.screens.retain(|open| !matches!(open, Screen::Page(..)));
    }
    show(model, wanted);
}

/// The activity, narrowed to the operation of the fleet.
pub(super) fn show_log(model: &mut Model) {
    let operation = model.acting_fleet().and_then(|fleet| model.operation_of(fleet)).map(|view| view.operation.id.clone());
    let Some(operation) = operation else { return };
    model.filters.activity = Field::default();
    model.filters.activity.paste(&format!("op:{operation}"));
    (model.shown, model.event) = Default::default();
    show(model, Screen::Activity);
}

pub(super) fn back(model: &mut Model) {
    if model.screen() == &Screen::Alerts {
        model.inbox.mark_read();
    }
    if model.screens.len() > 1 {
        model.last_view = Some(model.screens.clone());
        model.screens.pop();
        read_sheet_again(model);
    }
    model.scroll = 0;
}

pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    match model.screen() {
        Screen::Bakes => return open_listed(model),
        Screen::Bake(id) => {
            let log = Screen::BakeLog(id.clone());
            go_to(model, log);
            return Vec::new();
        }
        Screen::BakeLog(_) => {
            back(model);
            return Vec::new();
        }
        Screen::ImageRecord(_) => {
            back(model);
            return Vec::new();
        }
        Screen::Image(_) if model.life.pane == LifePane::Lineage => return open_kin(model),
        Screen::Retention => {
            let image = model.retention.chosen().map(|image| image.image.clone());
            return image.map(|image| open_image(model, image)).unwrap_or_default();
        }
        Screen::Help => return rows::selected_command(model).map(|command| running::run_below(model, command.id)).unwrap_or_default(),
        Screen::Activity => return open_event(model),
        Screen::Main if model.pane == Pane::Activity => return open_event(model),
        Screen::Main if model.pane == Pane::Images => {
            return model.image.clone().map(|image| open_image(model, image)).unwrap_or_default();
        }
        _ => {}
    }
    let alerts = model.screen() == &Screen::Alerts && !model.suspects.has_focus;
    let baked = model.selected_alert().filter(|_| alerts).and_then(|alert| alert.bake.clone());
    if let Some(id) = baked {
        model.inbox.mark_read();
        return open_bake(model, id);
    }
    let Some(fleet) = model.acting_fleet().cloned() else {
        // What is about no fleet is about a source.
        if model.screen() == &Screen::Alerts {
            show(model, Screen::Sources);
        }
        return polling::due(model);
    };
    if model.screen() == &Screen::Alerts {
        model.inbox.mark_read();
    }
    open_fleet(model, fleet)
}

/// Opens the fleet or the bake that the event under the cursor is about.
fn open_event(model: &mut Model) -> Vec<Effect> {
    match rows::selected_event(model).map(|(view, _)| view) {
        Some(AnyRef::Rollout(view)) => {
            let fleet = view.operation.plan.fleet.clone();
            open_fleet(model, fleet)
        }
        Some(AnyRef::Bake(view)) => {
            let id = view.operation.id.clone();
            open_bake(model, id)
        }
        None => Vec::new(),
    }
}

/// Opens the image under the cursor of the lineage.
fn open_kin(model: &mut Model) -> Vec<Effect> {
    match life::chosen_kin(model) {
        Some(kin) if kin.listed => open_image(model, kin.image),
        Some(kin) => {
            model.notice = Some(format!("{} is not among the listed images: its id is all that is known here", kin.image));
            Vec::new()
        }
        None => {
            model.notice = Some("This is the image that is open".to_owned());
            Vec::new()
        }
    }
}

/// Shows a bake and reads its log.
pub(super) fn open_bake(model: &mut Model, id: OperationId) -> Vec<Effect> {
    model.baking.selected = Some(id.clone());
    if model.screen() != &Screen::Bake(id.clone()) {
        go_to(model, Screen::Bake(id));
    }
    bake_log::settle(model);
    polling::due(model)
}

/// Shows a recipe among the others.
pub(super) fn open_recipe(model: &mut Model, file: PathBuf) -> Vec<Effect> {
    (model.baking.recipe, model.baking.pane) = (Some(file), BakesPane::Recipes);
    if model.screen() != &Screen::Bakes {
        go_to(model, Screen::Bakes);
    }
    polling::due(model)
}

/// Opens the bake under the cursor, or the newest one of the recipe under it.
fn open_listed(model: &mut Model) -> Vec<Effect> {
    let found = match model.baking.pane {
        BakesPane::Bakes => model.baking.chosen(),
        BakesPane::Recipes => {
            let recipe = model.baking.chosen_recipe().and_then(|known| known.recipe.as_ref().ok());
            recipe.and_then(|recipe| model.baking.of_recipe(&recipe.name))
        }
    };
    match found.map(|view| view.operation.id.clone()) {
        Some(id) => open_bake(model, id),
        None => {
            model.notice = Some(format!("Nothing was baked of it from here yet: {} bakes it", model.keymap.first(CommandId::Bake)));
            Vec::new()
        }
    }
}

/// Shows a fleet and reads it closely.
pub(super) fn open_fleet(model: &mut Model, fleet: FleetName) -> Vec<Effect> {
    model.fleet = Some(fleet.clone());
    let opened = Screen::Fleet(fleet);
    if model.screen() != &opened {
        go_to(model, opened);
    }
    model.scroll = 0;
    polling::read_opened_fleet(model).into_iter().collect()
}

/// A sheet that something lay over is read anew: keys pressed before a person could do so do not count.
pub(super) fn read_sheet_again(model: &mut Model) {
    let deaf_until = model.clock.boot.plus(DEAD_TIME);
    if let Some(sheet) = &mut model.sheet {
        sheet.deaf_until = deaf_until;
    }
}
