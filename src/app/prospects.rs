//! Whether a command can be pressed now, or the reason why not. Disabled is shown with its reason, never hidden.

use super::age::{about, stepped};
use super::bake_sheet;
use super::baking::{self, BakesPane};
use super::commands::CommandId;
use super::image_sheet;
use super::life::{self, LifePane};
use super::model::{Model, Pane, Screen};
use super::rows;
use super::sheet::Ask;
use crate::domain::ids::FleetName;
use crate::domain::time::Millis;
use crate::operation::command::{CommandKind, Ruling, rule};
use crate::operation::event::OperationState;
use crate::operation::plan::OperationKind;
use crate::operation::record::OperationView;
use crate::operation::refreshing;

/// Facts older than this are no ground for going forward. Going back stays open: its plan reads afresh.
pub const TOO_OLD: Millis = Millis::mins(2);

/// Why a command cannot be pressed now; none when it can.
#[must_use]
pub fn hindrance(model: &Model, id: CommandId) -> Option<String> {
    match id {
        CommandId::BackOut | CommandId::TakeOver if baking::is_open(model) => may_act(model).or_else(|| bake_sheet::hindrance(model, id)),
        CommandId::Bake => may_act(model).or_else(|| bake_sheet::no_recipe(model)),
        CommandId::BlockImage => may_act(model).or_else(|| image_sheet::hindrance(model)),
        CommandId::Rebake => may_act(model).or_else(|| bake_sheet::nothing_behind(model)),
        CommandId::Deploy | CommandId::Recycle | CommandId::Promote | CommandId::Pause | CommandId::TakeOver | CommandId::Freeze
            if has_marks(model) =>
        {
            Some(format!("{} fleets are marked and this is for one: {} takes the marks off", model.marked.len(), key(model, CommandId::Back)))
        }
        CommandId::Rollback | CommandId::BackOut if has_marks(model) => may_act(model),
        CommandId::Rehearse => may_look(model),
        CommandId::Mark if model.screen() == &Screen::Main && model.fleet.is_none() => Some("no fleet is selected".to_owned()),
        CommandId::Deploy | CommandId::Recycle => general(model).or_else(|| facts_too_old(model)).or_else(|| busy(model)).or_else(|| frozen(model)),
        CommandId::Rollback | CommandId::Freeze => general(model),
        CommandId::BackOut | CommandId::Promote | CommandId::Pause => general(model).or_else(|| command_hindrance(model, id)),
        CommandId::TakeOver => general(model).or_else(|| not_abandoned(model)),
        CommandId::Confirm => model.sheet.as_ref().and_then(|sheet| sheet.hurdle(&model.keymap)),
        CommandId::Open => nothing_to_open(model),
        CommandId::Describe => (model.acting_fleet().is_none() && life::shown(model).is_none()).then(|| no_fleet(model)),
        CommandId::Log | CommandId::Metrics => never_operated(model),
        _ => None,
    }
}

fn nothing_to_open(model: &Model) -> Option<String> {
    match model.screen() {
        Screen::Help | Screen::Alerts | Screen::Bake(_) | Screen::BakeLog(_) => None,
        Screen::Bakes if model.baking.pane == BakesPane::Bakes => model.baking.chosen().is_none().then(|| "no bake is listed".to_owned()),
        Screen::Bakes | Screen::ImageRecord(_) => None,
        Screen::Image(_) if model.life.pane == LifePane::Lineage => None,
        Screen::Retention => model.retention.chosen().is_none().then(|| "no image is listed".to_owned()),
        Screen::Activity => rows::selected_event(model).is_none().then(|| "no event is listed".to_owned()),
        Screen::Main if model.pane == Pane::Activity => rows::selected_event(model).is_none().then(|| "no event is listed".to_owned()),
        Screen::Main if model.pane == Pane::Images => model.image.is_none().then(|| "no image is selected".to_owned()),
        _ => model.acting_fleet().is_none().then(|| no_fleet(model)),
    }
}

fn never_operated(model: &Model) -> Option<String> {
    let Some(fleet) = model.acting_fleet() else { return Some(no_fleet(model)) };
    model.operation_of(fleet).is_none().then(|| format!("no operation of {fleet} is on record here"))
}

fn general(model: &Model) -> Option<String> {
    may_act(model).or_else(|| model.acting_fleet().is_none().then(|| no_fleet(model)))
}

fn may_act(model: &Model) -> Option<String> {
    if model.header.read_only {
        return Some("this screen is read-only".to_owned());
    }
    model.credentials_gone.map(|_| "credentials are gone: sign in again in another window, we look every 5s".to_owned())
}

/// What changes nothing is open to a read-only screen too.
fn may_look(model: &Model) -> Option<String> {
    let gone = model.credentials_gone.map(|_| "credentials are gone: nothing can be tried out".to_owned());
    gone.or_else(|| model.acting_fleet().is_none().then(|| no_fleet(model)))
}

fn key(model: &Model, id: CommandId) -> String {
    model.keymap.first(id)
}

fn has_marks(model: &Model) -> bool {
    model.screen() == &Screen::Main && !model.marked.is_empty()
}

fn no_fleet(model: &Model) -> String {
    match model.screen() {
        Screen::Alerts => "this alert is about no fleet".to_owned(),
        _ if model.estate.is_none() => "no fleet is known yet".to_owned(),
        _ => "no fleet is selected".to_owned(),
    }
}

fn facts_too_old(model: &Model) -> Option<String> {
    let Some(estate) = &model.estate else { return Some("no fleet is known yet".to_owned()) };
    let age = estate.age(model.clock);
    let waiting = if model.estate_remembered { "nothing was read in this session yet" } else { "facts are too old" };
    let [roll_back, back_out, pause] = [CommandId::Rollback, CommandId::BackOut, CommandId::Pause].map(|id| key(model, id));
    (model.estate_remembered || age > TOO_OLD).then(|| format!("{waiting} ({}): {roll_back}, {back_out} and {pause} still work", stepped(age)))
}

fn busy(model: &Model) -> Option<String> {
    let view = model.working_on(model.acting_fleet()?)?;
    let (back_out, roll_back) = (key(model, CommandId::BackOut), key(model, CommandId::Rollback));
    Some(format!("{} {} is at work here: {back_out} backs it out, {roll_back} rolls the fleet back", view.operation.word(), view.operation.id))
}

fn frozen(model: &Model) -> Option<String> {
    let freezes = &model.fleet_status(model.acting_fleet()?)?.freezes;
    let freeze = freezes.iter().find(|freeze| freeze.until > model.clock.world)?;
    let (lift, roll_back) = (key(model, CommandId::Freeze), key(model, CommandId::Rollback));
    Some(format!("frozen for {}: {lift} lifts that, {roll_back} passes it", about(freeze.until.since(model.clock.world))))
}

fn command_hindrance(model: &Model, id: CommandId) -> Option<String> {
    let fleet = model.acting_fleet()?;
    let Some(view) = commanded(model, fleet) else { return Some(no_operation(model, fleet)) };
    let kind = kind_of(id, view)?;
    if let Some(reason) = of_another_kind(model, view, kind) {
        return Some(reason);
    }
    if !has_event(view) {
        return Some("its events were not read yet".to_owned());
    }
    if let Some(reason) = refreshing::hindrance(&view.operation.plan, &view.progress, kind) {
        return Some(reason.to_owned());
    }
    match rule(view.state(), kind) {
        Ruling::Refuse(reason) => Some(reason.to_owned()),
        Ruling::Joined(already) => Some(already.to_owned()),
        Ruling::Accept => needs_driver(model, view, kind),
    }
}

/// What only makes sense for a deploy.
fn of_another_kind(model: &Model, view: &OperationView, kind: CommandKind) -> Option<String> {
    match (view.operation.plan.kind, kind) {
        (OperationKind::Rollback, CommandKind::BackOut) => {
            Some(format!("a rollback is not backed out: {} plans another way back", key(model, CommandId::Rollback)))
        }
        (OperationKind::Rollback, CommandKind::Promote) => Some("a rollback has no soak to skip".to_owned()),
        _ => None,
    }
}

/// The rest starts one; promoting and pausing need one that is there.
fn needs_driver(model: &Model, view: &OperationView, kind: CommandKind) -> Option<String> {
    let gone = !view.driver_alive && matches!(kind, CommandKind::Promote | CommandKind::Pause);
    let (take_over, back_out) = (key(model, CommandId::TakeOver), key(model, CommandId::BackOut));
    gone.then(|| format!("nobody drives it: {take_over} takes it over, or {back_out} backs it out"))
}

/// Taking over needs an operation that nobody drives.
fn not_abandoned(model: &Model) -> Option<String> {
    let fleet = model.acting_fleet()?;
    let Some(view) = commanded(model, fleet) else { return Some(no_operation(model, fleet)) };
    view.driver_alive.then(|| format!("{} has a driver", view.operation.id))
}

const fn has_event(view: &OperationView) -> bool {
    !view.events.is_empty()
}

fn no_operation(model: &Model, fleet: &FleetName) -> String {
    if model.operations_read { format!("no operation is at work on {fleet}") } else { "operations were not read yet".to_owned() }
}

/// The operation a command goes to: the one at work, else the one that waits.
#[must_use]
pub fn commanded<'a>(model: &'a Model, fleet: &FleetName) -> Option<&'a OperationView> {
    model.operation_of(fleet).filter(|view| !view.state().is_final())
}

/// What a key asks of an operation in its state.
#[must_use]
pub fn ask_of(id: CommandId, view: &OperationView) -> Option<Ask> {
    if id == CommandId::TakeOver { Some(Ask::TakeOver) } else { kind_of(id, view).map(Ask::Command) }
}

/// The key that pauses resumes what is paused.
fn kind_of(id: CommandId, view: &OperationView) -> Option<CommandKind> {
    match id {
        CommandId::BackOut => Some(CommandKind::BackOut),
        CommandId::Promote => Some(CommandKind::Promote),
        CommandId::Pause if matches!(view.state(), OperationState::Paused) => Some(CommandKind::Resume),
        CommandId::Pause => Some(CommandKind::Pause),
        _ => None,
    }
}
