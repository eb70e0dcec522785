//! What a key does.

use super::bake_log;
use super::bake_sheet;
use super::baking::{self, BakesPane};
use super::batch;
use super::commands::{self, CommandId, Place};
use super::copying;
use super::effect::Effect;
use super::events::Kind;
use super::field::{Edited, Field};
use super::freezing::Freezing;
use super::image;
use super::key::Key;
use super::listing::{FleetSort, ImageSort};
use super::model::{List, Model, Page, Pane, Picker, Purpose, Screen};
use super::moving;
use super::palette::{self, Palette, Target};
use super::polling;
use super::prospects::{ask_of, commanded, hindrance};
use super::rows;
use super::sheet::{DEAD_TIME, Sheet, Subject};
use super::sheet_keys;
use crate::domain::ids::{FleetName, ImageId, OperationId};
use crate::domain::time::BootTime;
use crate::operation::intent::Intent;

/// Takes a key that was read at `at`.
pub fn press(model: &mut Model, key: Key, at: BootTime) -> Vec<Effect> {
    match key {
        Key::Ctrl('c') => return vec![Effect::Quit],
        Key::Ctrl('z') => return vec![Effect::Suspend],
        // Nobody confirms what cannot be read.
        _ if model.is_too_small() => return Vec::new(),
        _ => {}
    }
    model.notice = None;
    if model.palette.is_some() {
        let target = palette::press(model, key);
        if model.palette.is_none() {
            read_sheet_again(model);
        }
        return target.map(|target| go(model, target)).unwrap_or_default();
    }
    if model.copying.is_some() {
        return press_menu(model, key);
    }
    if model.sheet_in_front().is_some() {
        return sheet_keys::press(model, key, at);
    }
    if let Some(list) = model.typing {
        edit_filter(model, list, key);
        return Vec::new();
    }
    let place = commands::place(model);
    match model.keymap.find(place, key) {
        Some(command) => run(model, command.id),
        None => {
            not_here(model, key);
            leave_with(model, key, place)
        }
    }
}

/// A key of another view says so: nothing happens without a word.
fn not_here(model: &mut Model, key: Key) {
    let of = |command: &&commands::Command| model.keymap.keys(command.id).contains(&key);
    if let Some(command) = commands::COMMANDS.iter().find(of).filter(|_| key != Key::Esc) {
        model.notice = Some(format!("Not here: {key} is {} in another view", command.label));
    }
}

/// Escape leaves a picker and, on the main view, clears the filter.
fn leave_with(model: &mut Model, key: Key, place: Place) -> Vec<Effect> {
    if key == Key::Esc {
        match place {
            Place::Picker => model.picker = None,
            _ => match filtered(model) {
                Some(list) => clear_filter(model, list),
                None => model.marked.clear(),
            },
        }
    }
    Vec::new()
}

/// Goes where the palette points.
fn go(model: &mut Model, target: Target) -> Vec<Effect> {
    match target {
        Target::Command(id) => run_below(model, id),
        Target::Fleet(fleet) => {
            sheet_keys::leave(model);
            open_fleet(model, fleet)
        }
        Target::Image(image) => {
            sheet_keys::leave(model);
            open_image(model, image)
        }
        Target::View(name) => {
            sheet_keys::leave(model);
            super::views::show(model, &name);
            Vec::new()
        }
    }
}

/// Runs a command where the help was opened, which is closed by it.
fn run_below(model: &mut Model, id: CommandId) -> Vec<Effect> {
    let elsewhere = |command: &&commands::Command| command.id == id && !command.places.contains(&commands::place_below(model));
    if let Some(command) = commands::COMMANDS.iter().find(elsewhere) {
        model.notice = Some(format!("Not here: {} is a key of another view", command.label));
        return Vec::new();
    }
    if model.screen() == &Screen::Help && id != CommandId::Help {
        model.screens.pop();
        read_sheet_again(model);
    }
    if model.sheet_in_front().is_some() {
        return sheet_keys::run_named(model, id);
    }
    run(model, id)
}

fn press_menu(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(menu) = &mut model.copying else { return Vec::new() };
    let chosen = match (key, model.keymap.find(Place::Menu, key).map(|command| command.id)) {
        (Key::Char(digit @ '1'..='9'), _) => digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).map(|digit| digit - 1),
        (_, Some(CommandId::Choose)) => Some(menu.at),
        (_, Some(other)) => {
            moving::travel(model, other);
            return Vec::new();
        }
        (_, None) => {
            close_menu(model);
            return Vec::new();
        }
    };
    let Some(item) = chosen.and_then(|at| menu.items.get(at)).cloned() else { return Vec::new() };
    close_menu(model);
    model.notice = Some(format!("Copied: {}", item.what));
    vec![Effect::Copy(item.text)]
}

fn close_menu(model: &mut Model) {
    model.copying = None;
    read_sheet_again(model);
}

/// A sheet that something lay over is read anew: keys pressed before a person could do so do not count.
fn read_sheet_again(model: &mut Model) {
    let deaf_until = model.clock.boot.plus(DEAD_TIME);
    if let Some(sheet) = &mut model.sheet {
        sheet.deaf_until = deaf_until;
    }
}

/// Opens the copy menu.
pub fn open_menu(model: &mut Model) {
    match copying::menu(model) {
        Some(menu) => model.copying = Some(menu),
        None => model.notice = Some("There is nothing to copy here".to_owned()),
    }
}

/// Shows one image; one that is still being baked by its bake.
fn open_image(model: &mut Model, image: ImageId) -> Vec<Effect> {
    let bake = model.baking.of_image(&image).filter(|view| !view.state().is_final()).map(|view| view.operation.id.clone());
    if let Some(id) = bake {
        return open_bake(model, id);
    }
    model.fleet = image::fleet(model, &image).cloned().or_else(|| model.fleet.take());
    model.image = Some(image.clone());
    go_to(model, Screen::Image(image));
    Vec::new()
}

/// The list on the screen, if it is filtered: escape widens it again before it leaves.
fn filtered(model: &Model) -> Option<List> {
    model.list().filter(|list| !model.filters.of(*list).text().is_empty())
}

fn clear_filter(model: &mut Model, list: List) {
    *model.filters.of_mut(list) = Field::default();
    moving::settle_selection(model);
}

fn edit_filter(model: &mut Model, list: List, key: Key) {
    match model.filters.of_mut(list).press(key) {
        Edited::Done => {
            model.typing = None;
            if list == List::Log && !model.filters.log.text().is_empty() {
                // Who follows the end wants the newest match.
                bake_log::jump(model, model.baking.log.at.is_none());
            }
        }
        Edited::Left => {
            model.typing = None;
            clear_filter(model, list);
        }
        Edited::Taken | Edited::Ignored => {}
    }
    moving::settle_selection(model);
}

fn run(model: &mut Model, id: CommandId) -> Vec<Effect> {
    if let Some(reason) = hindrance(model, id) {
        model.notice = Some(format!("Not now: {reason}"));
        return Vec::new();
    }
    match id {
        CommandId::Deploy => return deploy(model),
        CommandId::Rollback => return rollback(model),
        CommandId::Mark => mark(model),
        CommandId::Rehearse => return rehearse(model),
        CommandId::BackOut | CommandId::TakeOver if baking::is_open(model) => bake_sheet::open_errand(model, id),
        CommandId::Bake => return bake(model),
        CommandId::Rebake => bake_sheet::open_rebake(model),
        CommandId::Bakes => {
            if model.baking.views.is_empty() {
                model.baking.pane = BakesPane::Recipes;
            }
            show(model, Screen::Bakes);
            return polling::due(model);
        }
        CommandId::BackOut if several(model) => {
            if let Some(batch) = batch::back_outs(model) {
                return sheet_keys::open_batch(model, batch);
            }
        }
        CommandId::Recycle => return recycle(model),
        CommandId::Freeze => freeze(model),
        CommandId::BackOut | CommandId::Promote | CommandId::Pause | CommandId::TakeOver => open_errand(model, id),
        CommandId::Open => return open(model),
        CommandId::Choose => return choose(model),
        CommandId::Cancel => model.picker = None,
        CommandId::Refresh => return refresh(model),
        CommandId::Save => return vec![Effect::Save],
        CommandId::Quit => return vec![Effect::Quit],
        CommandId::Suspend => return vec![Effect::Suspend],
        CommandId::Back => match filtered(model) {
            Some(list) => clear_filter(model, list),
            None if model.screen() == &Screen::Activity && !model.marked_events.is_empty() => model.marked_events.clear(),
            None => back(model),
        },
        CommandId::LastView => last_view(model),
        CommandId::Filter => model.typing = model.list(),
        CommandId::NextMatch => moving::next_match(model, false),
        CommandId::PreviousMatch => moving::next_match(model, true),
        CommandId::Sort => sort(model),
        CommandId::Kinds => {
            model.shown.kind = Kind::next(model.shown.kind);
            model.notice = Some(model.shown.kind.map_or_else(|| "Every kind".to_owned(), |kind| format!("Only {}", kind.word())));
        }
        CommandId::OnlyMine => model.shown.mine = !model.shown.mine,
        CommandId::Copy => open_menu(model),
        CommandId::NextPane if model.screen() == &Screen::Bakes => {
            let other = if model.baking.pane == BakesPane::Bakes { BakesPane::Recipes } else { BakesPane::Bakes };
            model.baking.pane = other;
        }
        CommandId::NextPane => moving::focus(model, moving::next_pane(model)),
        CommandId::ImagesPane => moving::focus(model, Pane::Images),
        CommandId::FleetsPane => moving::focus(model, Pane::Fleets),
        CommandId::OperationsPane => moving::focus(model, Pane::Operations),
        CommandId::ActivityPane if model.has_four_panes() => moving::focus(model, Pane::Activity),
        CommandId::ActivityPane => show(model, Screen::Activity),
        CommandId::Wide => (model.wide, model.scroll) = (!model.wide, 0),
        CommandId::Describe => show_page(model, Page::Describe),
        CommandId::Metrics => show_page(model, Page::Metrics),
        CommandId::Log => show_log(model),
        CommandId::Follow => moving::follow(model),
        CommandId::Alerts => show(model, Screen::Alerts),
        CommandId::Activity => show(model, Screen::Activity),
        CommandId::Sources => {
            show(model, Screen::Sources);
            return polling::due(model);
        }
        CommandId::Palette | CommandId::Help => look_up(model, id),
        other => moving::travel(model, other),
    }
    Vec::new()
}

/// Opens the palette, or the help, over whatever is there.
pub fn look_up(model: &mut Model, id: CommandId) {
    if id == CommandId::Palette {
        model.palette = Some(Palette::open(model));
        return;
    }
    (model.filters.help, model.command) = Default::default();
    show(model, Screen::Help);
}

/// Opens a view; the same key once more closes it.
fn show(model: &mut Model, screen: Screen) {
    if model.screen() == &screen {
        return back(model);
    }
    go_to(model, screen);
}

/// Opens a view over the others; one that is open already comes to the front.
fn go_to(model: &mut Model, screen: Screen) {
    let before = model.screens.clone();
    model.screens.retain(|open| *open != screen);
    model.screens.push(screen);
    model.last_view = Some(before);
    model.scroll = 0;
}

/// Goes to the views as they were before the last change, and back again.
fn last_view(model: &mut Model) {
    match model.last_view.take() {
        Some(before) => {
            model.last_view = Some(std::mem::replace(&mut model.screens, before));
            model.scroll = 0;
        }
        None => model.notice = Some("There was no other view yet".to_owned()),
    }
}

/// Shows a page about the fleet; the same key once more closes it.
fn show_page(model: &mut Model, page: Page) {
    let Some(fleet) = model.acting_fleet().cloned() else { return };
    let wanted = Screen::Page(fleet, page);
    if model.screen() != &wanted {
        // From one page to the next: escape leaves them all.
        model.screens.retain(|open| !matches!(open, Screen::Page(..)));
    }
    show(model, wanted);
}

/// The activity, narrowed to the operation of the fleet.
fn show_log(model: &mut Model) {
    let operation = model.acting_fleet().and_then(|fleet| model.operation_of(fleet)).map(|view| view.operation.id.clone());
    let Some(operation) = operation else { return };
    model.filters.activity = Field::default();
    model.filters.activity.paste(&format!("op:{operation}"));
    (model.shown, model.event) = Default::default();
    show(model, Screen::Activity);
}

fn sort(model: &mut Model) {
    let by = match model.pane {
        Pane::Fleets | Pane::Operations | Pane::Activity => {
            model.fleet_sort = model.fleet_sort.next();
            match model.fleet_sort {
                FleetSort::Listed => "Fleets as they were listed".to_owned(),
                sorted => format!("Fleets by {}", sorted.word()),
            }
        }
        Pane::Images => {
            model.image_sort = if model.image_sort == ImageSort::Newest { ImageSort::Servers } else { ImageSort::Newest };
            let word = if model.image_sort == ImageSort::Newest { "age, the newest first" } else { "servers that run them" };
            format!("Images by {word}")
        }
    };
    model.notice = Some(by);
}

fn back(model: &mut Model) {
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

fn open(model: &mut Model) -> Vec<Effect> {
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
        Screen::Help => return rows::selected_command(model).map(|command| run_below(model, command.id)).unwrap_or_default(),
        Screen::Activity => {
            let fleet = rows::selected_event(model).map(|(view, _)| view.operation.plan.fleet.clone());
            return fleet.map(|fleet| open_fleet(model, fleet)).unwrap_or_default();
        }
        Screen::Main if model.pane == Pane::Activity => {
            let fleet = rows::selected_event(model).map(|(view, _)| view.operation.plan.fleet.clone());
            return fleet.map(|fleet| open_fleet(model, fleet)).unwrap_or_default();
        }
        Screen::Main if model.pane == Pane::Images => {
            return model.image.clone().map(|image| open_image(model, image)).unwrap_or_default();
        }
        _ => {}
    }
    let baked = model.selected_alert().filter(|_| model.screen() == &Screen::Alerts).and_then(|alert| alert.bake.clone());
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

/// Shows a bake and reads its log.
pub fn open_bake(model: &mut Model, id: OperationId) -> Vec<Effect> {
    model.baking.selected = Some(id.clone());
    if model.screen() != &Screen::Bake(id.clone()) {
        go_to(model, Screen::Bake(id));
    }
    bake_log::settle(model);
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

/// Opens the sheet of a new bake; where no recipe is in front, the recipes.
fn bake(model: &mut Model) -> Vec<Effect> {
    if let Some(effects) = bake_sheet::open(model) {
        return effects;
    }
    if model.screen() != &Screen::Bakes {
        go_to(model, Screen::Bakes);
    }
    model.baking.pane = BakesPane::Recipes;
    model.notice = Some(format!("Choose a recipe: {} bakes it", model.keymap.first(CommandId::Bake)));
    polling::due(model)
}

/// Shows a fleet and reads it closely.
pub fn open_fleet(model: &mut Model, fleet: FleetName) -> Vec<Effect> {
    model.fleet = Some(fleet.clone());
    let opened = Screen::Fleet(fleet);
    if model.screen() != &opened {
        go_to(model, opened);
    }
    model.scroll = 0;
    polling::read_opened_fleet(model).into_iter().collect()
}

fn refresh(model: &mut Model) -> Vec<Effect> {
    let soon = model.requests.estate.idle(model.clock.boot).is_some_and(|idle| idle < polling::SOONEST);
    if soon {
        model.notice = Some("Just read: again in 2s".to_owned());
        return Vec::new();
    }
    model.notice = Some("Reading again".to_owned());
    let mut effects = vec![polling::read_estate(model)];
    effects.extend(polling::read_opened_fleet(model));
    effects
}

fn deploy(model: &mut Model) -> Vec<Effect> {
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

/// Marks the fleet under the cursor, or takes its mark off, and goes on to the next.
fn mark(model: &mut Model) {
    if model.list() == Some(List::Activity) {
        return mark_event(model);
    }
    let Some(fleet) = model.fleet.clone() else { return };
    if !model.marked.remove(&fleet) {
        model.marked.insert(fleet);
    }
    moving::travel(model, CommandId::Down);
}

/// The same for the event under the cursor.
fn mark_event(model: &mut Model) {
    let Some(event) = rows::selected_event(model).map(|(view, event)| (view.operation.id.clone(), event.seq)) else { return };
    if !model.marked_events.remove(&event) {
        model.marked_events.insert(event);
    }
    moving::travel(model, CommandId::Down);
}

/// What opens a sheet on the main view is about the marked fleets, where there are any.
fn several(model: &Model) -> bool {
    model.screen() == &Screen::Main && !model.marked.is_empty()
}

fn rehearse(model: &mut Model) -> Vec<Effect> {
    let Some(fleet) = model.acting_fleet().cloned() else { return Vec::new() };
    model.notice = Some(format!("Trying the way back of {fleet} out; nothing is changed"));
    vec![sheet_keys::try_out(model, Intent::Rollback { fleet, to: None })]
}

fn rollback(model: &mut Model) -> Vec<Effect> {
    if several(model)
        && let Some(batch) = batch::rollbacks(model)
    {
        return sheet_keys::open_batch(model, batch);
    }
    let Some(fleet) = model.acting_fleet().cloned() else { return Vec::new() };
    sheet_keys::open_plan(model, Intent::Rollback { fleet, to: None })
}

fn freeze(model: &mut Model) {
    let freezing = model.acting_fleet().map(|fleet| Freezing::of(model, fleet));
    model.sheet = freezing.map(|freezing| Sheet::open(Subject::Freeze(Box::new(freezing)), model.clock.boot));
}

fn recycle(model: &mut Model) -> Vec<Effect> {
    let Some(fleet) = model.acting_fleet().cloned() else { return Vec::new() };
    sheet_keys::open_plan(model, Intent::Recycle { fleet })
}

/// Opens the list of the images of a fleet's app.
pub fn open_picker(model: &mut Model, fleet: FleetName, purpose: Purpose) {
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

fn choose(model: &mut Model) -> Vec<Effect> {
    let Some(Picker { fleet, purpose, image: Some(image), .. }) = model.picker.take() else { return Vec::new() };
    let image = image.as_str().to_owned();
    let intent = match purpose {
        Purpose::Deploy => Intent::Deploy { fleet, image, strategy: None, despite_gates: false },
        Purpose::RollbackTarget => Intent::Rollback { fleet, to: Some(image) },
    };
    sheet_keys::open_plan(model, intent)
}

fn open_errand(model: &mut Model, id: CommandId) {
    let errand = model.acting_fleet().and_then(|fleet| commanded(model, fleet)).and_then(|view| {
        let errand = sheet_keys::errand(view, ask_of(id, view)?, &model.keymap)?;
        Some(sheet_keys::past_freezes(model, errand))
    });
    model.sheet = errand.map(|errand| Sheet::open(Subject::Command(Box::new(errand)), model.clock.boot));
}
