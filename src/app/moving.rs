//! Moving the cursor, in whatever list has it.

use super::commands::{COMMANDS, CommandId};
use super::model::{Model, Pane, Screen};
use super::rows;

/// Moves by the command's distance. Distances beyond the ends stop there.
pub fn travel(model: &mut Model, id: CommandId) {
    let page = rows::page(model);
    let by = match id {
        CommandId::Down => 1,
        CommandId::Up => -1,
        CommandId::PageDown => page,
        CommandId::PageUp => -page,
        CommandId::Top => isize::MIN / 2,
        CommandId::End => isize::MAX / 2,
        _ => return,
    };
    move_by(model, by);
}

fn move_by(model: &mut Model, by: isize) {
    if model.sheet.is_some() {
        return scroll_sheet(model, by);
    }
    if model.picker.is_some() {
        return move_picker(model, by);
    }
    match model.screen() {
        Screen::Main => move_main(model, by),
        Screen::Alerts => move_alert(model, by),
        Screen::Activity => scroll(model, by, rows::activity(model).len()),
        Screen::Help => scroll(model, by, COMMANDS.len() + 8),
        Screen::Fleet(_) => {}
    }
}

fn scroll(model: &mut Model, by: isize, len: usize) {
    model.scroll = rows::offset(Some(model.scroll), by, len).unwrap_or(0);
}

/// The longest sheet is far shorter than this; the view stops at its last line.
const SHEET_LINES: usize = 60;

fn scroll_sheet(model: &mut Model, by: isize) {
    if let Some(sheet) = &mut model.sheet {
        sheet.scroll = rows::offset(Some(sheet.scroll), by, SHEET_LINES).unwrap_or(0);
    }
}

fn move_picker(model: &mut Model, by: isize) {
    let Some(picker) = &model.picker else { return };
    let image = rows::picked_at_offset(model, picker, by);
    if let Some(picker) = &mut model.picker {
        picker.image = image;
    }
}

fn move_main(model: &mut Model, by: isize) {
    match model.pane {
        Pane::Fleets => model.fleet = rows::fleet_at_offset(model, by),
        Pane::Images => model.image = rows::image_at_offset(&rows::images(model), model.image.as_ref(), by),
    }
}

fn move_alert(model: &mut Model, by: isize) {
    let all = model.inbox.all();
    let position = model.selected_alert().and_then(|selected| all.iter().position(|alert| alert.id == selected.id));
    let at = rows::offset(position, by, all.len());
    model.alert = at.and_then(|at| all.get(at)).map(|alert| alert.id);
}

/// Gives the focus to a pane; the images pane gets a cursor by it, so that `D` knows which image is meant.
pub fn focus(model: &mut Model, pane: Pane) {
    model.pane = pane;
    if pane == Pane::Images && rows::image_position(model).is_none() {
        model.image = rows::image_at_offset(&rows::images(model), None, 0);
    }
}

/// Keeps the cursor on a fleet that is there.
pub fn settle_selection(model: &mut Model) {
    if rows::fleet_position(model).is_none() {
        model.fleet = rows::fleet_at_offset(model, 0);
    }
}
