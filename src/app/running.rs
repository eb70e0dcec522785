//! What a command does, whichever key, palette or help asked for it.

use super::acting;
use super::bake_sheet;
use super::baking::{self, BakesPane};
use super::batch;
use super::commands::{self, CommandId};
use super::copying;
use super::effect::Effect;
use super::events::Kind;
use super::filters::List;
use super::image_sheet;
use super::keys::{clear_filter, filtered};
use super::life;
use super::listing::{FleetSort, ImageSort};
use super::model::{Model, Page, Pane, Screen};
use super::moving;
use super::opening::{self, back, show};
use super::palette::Palette;
use super::polling;
use super::prospects::hindrance;
use super::rows;
use super::sheet_keys;
use super::suspects::{self, Suspects};

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

/// Runs a command, or says why not: first those that ask somebody for something, each with what it asks.
pub(super) fn run(model: &mut Model, id: CommandId) -> Vec<Effect> {
    if let Some(reason) = hindrance(model, id) {
        model.notice = Some(format!("Not now: {reason}"));
        return Vec::new();
    }
    match id {
        CommandId::Deploy => acting::deploy(model),
        CommandId::Rollback => acting::rollback(model),
        CommandId::BackOut | CommandId::Promote | CommandId::Pause | CommandId::TakeOver => tell_driver(model, id),
        CommandId::Recycle => acting::recycle(model),
        CommandId::Bake => acting::bake(model),
        CommandId::BlockImage => image_sheet::open(model),
        CommandId::Rehearse => acting::rehearse(model),
        CommandId::Open => opening::open(model),
        CommandId::Choose => acting::choose(model),
        CommandId::Bakes | CommandId::Retention | CommandId::Sources => visit(model, id),
        CommandId::Refresh => refresh(model),
        CommandId::Save => vec![Effect::Save],
        CommandId::Quit => vec![Effect::Quit],
        CommandId::Suspend => vec![Effect::Suspend],
        silent => {
            arrange(model, silent);
            Vec::new()
        }
    }
}

/// The commands that only change what is on the screen.
fn arrange(model: &mut Model, id: CommandId) {
    match id {
        CommandId::Rebake => bake_sheet::open_rebake(model),
        CommandId::Freeze => acting::freeze(model),
        CommandId::Mark => mark(model),
        CommandId::Cancel => model.picker = None,
        CommandId::Back => leave(model),
        CommandId::LastView => opening::last_view(model),
        CommandId::Filter => model.typing = model.list(),
        CommandId::NextMatch => moving::next_match(model, false),
        CommandId::PreviousMatch => moving::next_match(model, true),
        CommandId::Sort => sort(model),
        CommandId::Kinds => show_next_kind(model),
        CommandId::OnlyMine => model.shown.mine = !model.shown.mine,
        CommandId::Copy => open_menu(model),
        CommandId::NextPane => next_pane(model),
        CommandId::ImagesPane => moving::focus(model, Pane::Images),
        CommandId::FleetsPane => moving::focus(model, Pane::Fleets),
        CommandId::OperationsPane => moving::focus(model, Pane::Operations),
        CommandId::ActivityPane if model.has_four_panes() => moving::focus(model, Pane::Activity),
        CommandId::ActivityPane | CommandId::Activity => show(model, Screen::Activity),
        CommandId::Wide => (model.wide, model.scroll) = (!model.wide, 0),
        CommandId::Describe => opening::show_page(model, Page::Describe),
        CommandId::Metrics => opening::show_page(model, Page::Metrics),
        CommandId::Log => opening::show_log(model),
        CommandId::Follow => moving::follow(model),
        CommandId::Alerts => show_alerts(model),
        CommandId::Palette | CommandId::Help => look_up(model, id),
        motion => moving::travel(model, motion),
    }
}

/// What is asked of a driver: that of the opened bake, those of the marked fleets, or that of the fleet in front.
fn tell_driver(model: &mut Model, id: CommandId) -> Vec<Effect> {
    match id {
        CommandId::BackOut | CommandId::TakeOver if baking::is_open(model) => bake_sheet::open_errand(model, id),
        CommandId::BackOut if acting::several(model) => {
            return batch::back_outs(model).map(|batch| sheet_keys::open_batch(model, batch)).unwrap_or_default();
        }
        _ => acting::open_errand(model, id),
    }
    Vec::new()
}

/// Goes to a view of things that are read only while it is open.
fn visit(model: &mut Model, id: CommandId) -> Vec<Effect> {
    match id {
        CommandId::Retention => show(model, Screen::Retention),
        CommandId::Sources => show(model, Screen::Sources),
        _ => {
            if model.baking.views.is_empty() {
                model.baking.pane = BakesPane::Recipes;
            }
            show(model, Screen::Bakes);
        }
    }
    polling::due(model)
}

fn show_alerts(model: &mut Model) {
    model.suspects = Suspects::default();
    show(model, Screen::Alerts);
}

/// Widens what a filter or marks narrowed, before it leaves the view.
fn leave(model: &mut Model) {
    match filtered(model) {
        Some(list) => clear_filter(model, list),
        None if model.screen() == &Screen::Activity && !model.marked_events.is_empty() => model.marked_events.clear(),
        None => back(model),
    }
}

fn show_next_kind(model: &mut Model) {
    model.shown.kind = Kind::next(model.shown.kind);
    model.notice = Some(model.shown.kind.map_or_else(|| "Every kind".to_owned(), |kind| format!("Only {}", kind.word())));
}

fn next_pane(model: &mut Model) {
    match model.screen() {
        Screen::Bakes => {
            let other = if model.baking.pane == BakesPane::Bakes { BakesPane::Recipes } else { BakesPane::Bakes };
            model.baking.pane = other;
        }
        Screen::Alerts => suspects::next_pane(model),
        _ if life::shown(model).is_some() => life::next_pane(model),
        _ => moving::focus(model, moving::next_pane(model)),
    }
}

/// Opens the copy menu.
pub fn open_menu(model: &mut Model) {
    match copying::menu(model) {
        Some(menu) => model.copying = Some(menu),
        None => model.notice = Some("There is nothing to copy here".to_owned()),
    }
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
