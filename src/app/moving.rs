//! Moving the cursor, in whatever list has it.

use super::bake_log;
use super::baking;
use super::commands::CommandId;
use super::events;
use super::life;
use super::listing;
use super::model::{Model, Pane, Screen, WIDE};
use super::rows;
use super::suspects;

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
    if let Some(menu) = &mut model.copying {
        menu.at = rows::offset(Some(menu.at), by, menu.items.len()).unwrap_or(0);
        return;
    }
    if model.sheet_in_front().is_some() {
        return scroll_sheet(model, by);
    }
    if model.picker.is_some() {
        return move_picker(model, by);
    }
    match model.screen() {
        Screen::Main => move_main(model, by),
        Screen::Alerts if model.suspects.has_focus => suspects::move_by(model, by),
        Screen::Alerts => move_alert(model, by),
        Screen::Sources => scroll(model, by, PAGE_LINES),
        Screen::Page(..) | Screen::ImageRecord(_) => scroll(model, by, PAGE_LINES),
        Screen::Bakes => baking::move_by(model, by),
        Screen::Bake(_) | Screen::BakeLog(_) => bake_log::move_by(model, by),
        Screen::Activity => move_event(model, by),
        Screen::Help => move_command(model, by),
        Screen::Image(id) => {
            let id = id.clone();
            life::move_by(model, &id, by);
        }
        Screen::Retention => model.retention.move_by(by),
        Screen::Fleet(name) => {
            let events = model.operation_of(name).map_or(0, |view| view.events.len());
            let servers = model.fleet_status(name).map_or(0, |status| status.groups.iter().map(|group| group.instances.len() + 1).sum());
            scroll(model, by, if model.wide { servers } else { events });
        }
    }
}

fn scroll(model: &mut Model, by: isize, len: usize) {
    model.scroll = rows::offset(Some(model.scroll), by, len).unwrap_or(0);
}

/// The longest page is shorter than this; the view stops at its last line.
const PAGE_LINES: usize = 200;
/// The longest sheet is far shorter than this; the view stops at its last line.
const SHEET_LINES: usize = 200;

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
        Pane::Operations => move_operation(model, by),
        Pane::Activity => {
            move_event(model, by);
            model.fleet = rows::selected_event(model).and_then(|(view, _)| view.fleet().cloned()).or_else(|| model.fleet.take());
        }
    }
}

/// The cursor among operations is the fleet they are at work on.
fn move_operation(model: &mut Model, by: isize) {
    let all: Vec<_> = rows::unfinished(model).map(|view| view.operation.plan.fleet.clone()).collect();
    let position = all.iter().position(|fleet| Some(fleet) == model.fleet.as_ref());
    if let Some(fleet) = rows::offset(position, by, all.len()).and_then(|at| all.get(at)) {
        model.fleet = Some(fleet.clone());
    }
}

/// The pane after the one with the focus.
pub const fn next_pane(model: &Model) -> Pane {
    match model.pane {
        Pane::Images => Pane::Fleets,
        Pane::Fleets if model.has_four_panes() => Pane::Operations,
        Pane::Operations if model.has_four_panes() => Pane::Activity,
        Pane::Fleets | Pane::Operations | Pane::Activity => Pane::Images,
    }
}

/// Stays on the event that is the newest now, or follows the newest again.
pub fn follow(model: &mut Model) {
    if bake_log::shown(model).is_some() {
        return bake_log::follow(model);
    }
    let newest = rows::selected_event(model).map(|(view, event)| (view.id().clone(), event.seq));
    model.event = if model.event.is_some() { None } else { newest };
    model.notice = Some(if model.event.is_none() { "Following the newest event" } else { "Staying on this event" }.to_owned());
}

fn move_event(model: &mut Model, by: isize) {
    let at = rows::offset(Some(rows::event_position(model)), by, rows::activity_shown(model).len());
    select_event(model, at);
}

fn select_event(model: &mut Model, at: Option<usize>) {
    let row = at.and_then(|at| rows::activity_shown(model).nth(at).flatten());
    model.event = row.map(|(view, event)| (view.id().clone(), event.seq));
}

fn move_command(model: &mut Model, by: isize) {
    let all = rows::help(model);
    let position = rows::selected_command(model).and_then(|selected| all.iter().position(|command| command.id == selected.id));
    let at = rows::offset(position, by, all.len());
    model.command = at.and_then(|at| all.get(at)).map(|command| command.id);
}

/// The events from the selected one on, and round the end: the next that went wrong or waits, or the next match of the filter.
fn next_event(model: &mut Model, backwards: bool) {
    let (count, from) = (rows::activity_shown(model).len(), rows::event_position(model));
    let filtered = !model.filters.activity.text().is_empty();
    let fits = |at: &usize| filtered || rows::activity_shown(model).nth(*at).flatten().is_some_and(|(_, event)| events::is_remarkable(&event.body));
    let found = round(count, from, backwards).find(fits);
    if found.is_none() {
        model.notice = Some("Nothing in this list went wrong".to_owned());
        return;
    }
    select_event(model, found);
}

/// Every other position of a list from `from` on, round its end, `from` itself last.
fn round(count: usize, from: usize, backwards: bool) -> impl Iterator<Item = usize> {
    (1..=count).map(move |by| if backwards { from + count - by } else { from + by } % count.max(1))
}

fn move_alert(model: &mut Model, by: isize) {
    let all = model.inbox.all();
    let position = model.selected_alert().and_then(|selected| all.iter().position(|alert| alert.id == selected.id));
    let at = rows::offset(position, by, all.len());
    model.alert = at.and_then(|at| all.get(at)).map(|alert| alert.id);
    model.suspects.chosen = None;
}

/// Gives the focus to a pane; the images pane gets a cursor by it, so that `D` knows which image is meant.
pub fn focus(model: &mut Model, pane: Pane) {
    if matches!(pane, Pane::Operations | Pane::Activity) && !model.has_four_panes() {
        let key = model.keymap.first(CommandId::NextMatch);
        model.notice = Some(format!("No room for that pane below {}x{}: {key} goes to what needs somebody", WIDE.0, WIDE.1));
        return;
    }
    model.pane = pane;
    if pane == Pane::Operations {
        move_operation(model, 0);
    }
    if pane == Pane::Images && rows::image_position(model).is_none() {
        model.image = rows::image_at_offset(&rows::images(model), None, 0);
    }
}

/// Goes to the next fleet or image that passes the filter, round the end; without a filter, to the next fleet that is not as it should be.
pub fn next_match(model: &mut Model, backwards: bool) {
    match model.screen() {
        Screen::Bake(_) | Screen::BakeLog(_) => bake_log::jump(model, backwards),
        Screen::Main => next_row(model, backwards),
        Screen::Activity => next_event(model, backwards),
        _ => move_by(model, if backwards { -1 } else { 1 }),
    }
}

fn next_row(model: &mut Model, backwards: bool) {
    let (count, from) = match model.pane {
        Pane::Fleets => (rows::fleets(model).len(), rows::fleet_position(model)),
        Pane::Images => (rows::images(model).len(), rows::image_position(model)),
        Pane::Operations | Pane::Activity => return next_event_or_row(model, backwards),
    };
    let found = round(count, from.unwrap_or(0), backwards).find(|at| is_match(model, *at));
    match (found, model.pane) {
        (None, _) => model.notice = Some("Nothing here needs anybody".to_owned()),
        (Some(at), Pane::Fleets | Pane::Operations | Pane::Activity) => {
            model.fleet = rows::fleets(model).get(at).map(|status| status.spec.name.clone())
        }
        (Some(at), Pane::Images) => model.image = rows::images(model).get(at).map(|status| status.image.id.clone()),
    }
}

fn next_event_or_row(model: &mut Model, backwards: bool) {
    if model.pane == Pane::Activity { next_event(model, backwards) } else { move_operation(model, if backwards { -1 } else { 1 }) }
}

fn is_match(model: &Model, at: usize) -> bool {
    let filtered = model.list().is_some_and(|list| !model.filters.of(list).text().is_empty());
    filtered
        || match model.pane {
            Pane::Fleets | Pane::Operations | Pane::Activity => rows::fleets(model).get(at).is_some_and(|status| status.badness() > 0),
            Pane::Images => rows::images(model).get(at).is_some_and(|status| !rows::is_deployable(status)),
        }
}

/// A smaller terminal has no pane for operations and events: the focus goes back to the fleets.
pub const fn settle_pane(model: &mut Model) {
    if matches!(model.pane, Pane::Operations | Pane::Activity) && !model.has_four_panes() {
        model.pane = Pane::Fleets;
    }
}

/// Keeps the cursor on a fleet that is there.
pub fn settle_selection(model: &mut Model) {
    listing::settle(model);
    if rows::fleet_position(model).is_none() {
        model.fleet = rows::fleet_at_offset(model, 0);
    }
}
