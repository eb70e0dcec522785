//! What a key does.

use super::acting;
use super::bake_log;
use super::bake_sheet;
use super::baking::{self, BakesPane};
use super::batch;
use super::commands::{self, CommandId};
use super::copying;
use super::effect::Effect;
use super::events::Kind;
use super::field::{Edited, Field};
use super::filters::List;
use super::image_sheet;
use super::key::Key;
use super::life;
use super::listing::{FleetSort, ImageSort};
use super::model::{Model, Page, Pane, Screen};
use super::moving;
use super::opening::{self, back, show};
use super::palette::{self, Palette, Target};
use super::places::Place;
use super::polling;
use super::prospects::hindrance;
use super::rows;
use super::sheet_keys;
use super::suspects::{self, Suspects};
use crate::domain::time::BootTime;

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
            opening::read_sheet_again(model);
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
            opening::open_fleet(model, fleet)
        }
        Target::Image(image) => {
            sheet_keys::leave(model);
            opening::open_image(model, image)
        }
        Target::Bake(id) => {
            sheet_keys::leave(model);
            opening::open_bake(model, id)
        }
        Target::Recipe(file) => {
            sheet_keys::leave(model);
            opening::open_recipe(model, file)
        }
        Target::View(name) => {
            sheet_keys::leave(model);
            super::views::show(model, &name);
            Vec::new()
        }
    }
}

/// Runs a command where the help was opened, which is closed by it.
pub(super) fn run_below(model: &mut Model, id: CommandId) -> Vec<Effect> {
    let elsewhere = |command: &&commands::Command| command.id == id && !command.places.has(commands::place_below(model));
    if let Some(command) = commands::COMMANDS.iter().find(elsewhere) {
        model.notice = Some(format!("Not here: {} is a key of another view", command.label));
        return Vec::new();
    }
    if model.screen() == &Screen::Help && id != CommandId::Help {
        model.screens.pop();
        opening::read_sheet_again(model);
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
    opening::read_sheet_again(model);
}

/// Opens the copy menu.
pub fn open_menu(model: &mut Model) {
    match copying::menu(model) {
        Some(menu) => model.copying = Some(menu),
        None => model.notice = Some("There is nothing to copy here".to_owned()),
    }
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
        CommandId::Deploy => return acting::deploy(model),
        CommandId::Rollback => return acting::rollback(model),
        CommandId::Mark => mark(model),
        CommandId::Rehearse => return acting::rehearse(model),
        CommandId::BackOut | CommandId::TakeOver if baking::is_open(model) => bake_sheet::open_errand(model, id),
        CommandId::Bake => return acting::bake(model),
        CommandId::Rebake => bake_sheet::open_rebake(model),
        CommandId::Bakes => {
            if model.baking.views.is_empty() {
                model.baking.pane = BakesPane::Recipes;
            }
            show(model, Screen::Bakes);
            return polling::due(model);
        }
        CommandId::BackOut if acting::several(model) => {
            if let Some(batch) = batch::back_outs(model) {
                return sheet_keys::open_batch(model, batch);
            }
        }
        CommandId::Recycle => return acting::recycle(model),
        CommandId::Freeze => acting::freeze(model),
        CommandId::BackOut | CommandId::Promote | CommandId::Pause | CommandId::TakeOver => acting::open_errand(model, id),
        CommandId::Open => return opening::open(model),
        CommandId::Choose => return acting::choose(model),
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
        CommandId::LastView => opening::last_view(model),
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
        CommandId::NextPane if model.screen() == &Screen::Alerts => suspects::next_pane(model),
        CommandId::NextPane if life::shown(model).is_some() => life::next_pane(model),
        CommandId::NextPane => moving::focus(model, moving::next_pane(model)),
        CommandId::ImagesPane => moving::focus(model, Pane::Images),
        CommandId::FleetsPane => moving::focus(model, Pane::Fleets),
        CommandId::OperationsPane => moving::focus(model, Pane::Operations),
        CommandId::ActivityPane if model.has_four_panes() => moving::focus(model, Pane::Activity),
        CommandId::ActivityPane => show(model, Screen::Activity),
        CommandId::Wide => (model.wide, model.scroll) = (!model.wide, 0),
        CommandId::Describe => opening::show_page(model, Page::Describe),
        CommandId::Metrics => opening::show_page(model, Page::Metrics),
        CommandId::Log => opening::show_log(model),
        CommandId::Follow => moving::follow(model),
        CommandId::Alerts => {
            model.suspects = Suspects::default();
            show(model, Screen::Alerts);
        }
        CommandId::Activity => show(model, Screen::Activity),
        CommandId::Retention => {
            show(model, Screen::Retention);
            return polling::due(model);
        }
        CommandId::BlockImage => return image_sheet::open(model),
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

fn refresh(model: &mut Model) -> Vec<Effect> {
    let soon = model.requests.estate.idle(model.clock.boot).is_some_and(|idle| idle < polling::SOONEST);
    if soon {
        model.notice = Some("Just read: again in 2s".to_owned());
        return Vec::new();
    }
    model.notice = Some("Reading again".to_owned());
    let mut effects = vec![polling::read_estate(model)];
    effects.extend(polling::read_opened_fleet(model));
    effects.extend(polling::read_story(model));
    effects.extend(polling::read_retention(model));
    effects
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
    let Some(event) = rows::selected_event(model).map(|(view, event)| (view.id().clone(), event.seq)) else { return };
    if !model.marked_events.remove(&event) {
        model.marked_events.insert(event);
    }
    moving::travel(model, CommandId::Down);
}
