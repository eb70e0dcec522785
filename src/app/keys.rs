//! What a key does.

use super::bake_log;
use super::commands::{self, CommandId};
use super::effect::Effect;
use super::field::{Edited, Field};
use super::filters::List;
use super::key::Key;
use super::model::Model;
use super::moving;
use super::opening;
use super::palette::{self, Target};
use super::places::Place;
use super::running;
use super::sheet_keys;
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
        Some(command) => running::run(model, command.id),
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
        Target::Command(id) => running::run_below(model, id),
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

/// The list on the screen, if it is filtered: escape widens it again before it leaves.
pub(super) fn filtered(model: &Model) -> Option<List> {
    model.list().filter(|list| !model.filters.of(*list).text().is_empty())
}

/// Shows every row of the list again.
pub(super) fn clear_filter(model: &mut Model, list: List) {
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
