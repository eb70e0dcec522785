//! What answers change. An error never clears rows: it lets them age.

use super::age::Aged;
use super::alarms;
use super::bake_replies;
use super::baking;
use super::batch::{self, LineState};
use super::commands::CommandId;
use super::effect::Effect;
use super::image_sheet;
use super::life;
use super::message::Reply;
use super::model::{Model, Problem, is_at_work};
use super::moving;
use super::needs::{is_abandoned, state_word};
use super::opening;
use super::polling;
use super::report::first_bad_sign;
use super::retention;
use super::sheet::{Ask, DEAD_TIME, PlanState, RehearsalState, Sending, Sheet, Subject};
use super::sheet_keys;
use crate::domain::alarms::AlarmSight;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::time::WorldTime;
use crate::operation::event::OperationState;
use crate::operation::plan::Plan;
use crate::operation::proof::Rehearsal;
use crate::operation::record::OperationView;
use crate::operation::status::Estate;
use crate::ports::desk::{DeskError, FleetDetail, Sources};

/// Takes an answer in.
pub fn take(model: &mut Model, no: u64, reply: Reply) -> Vec<Effect> {
    match reply {
        Reply::Estate(result) => estate(model, no, result),
        Reply::Alarms(result) => return alarms::take(model, no, result),
        Reply::Fleet(name, result) => return fleet(model, no, &name, result).into_iter().collect(),
        Reply::Operations(result) => return operations(model, no, result),
        Reply::Sources(result) => sources(model, no, result),
        Reply::Planned(result) => planned(model, no, result),
        Reply::Executed(result) => return executed(model, no, result),
        Reply::Commanded(result) => return commanded(model, no, result),
        Reply::PlannedOne(fleet, result) => planned_one(model, no, &fleet, result),
        Reply::ExecutedOne(fleet, result) => return answered_one(model, no, &fleet, result.map(LineState::Begun)),
        Reply::CommandedOne(fleet, result) => return answered_one(model, no, &fleet, result.map(LineState::Answered)),
        Reply::Rehearsed(fleet, result) => rehearsed(model, no, &fleet, result),
        Reply::Story(result) => life::take(model, no, result),
        Reply::Retention(result) => retention::take(model, no, result),
        Reply::ImagePlanned(result) => image_sheet::planned(model, no, result),
        about_bakes => return bake_replies::take(model, no, about_bakes),
    }
    Vec::new()
}

/// Shows what another process saw last, unless something newer is there.
pub fn last_known(model: &mut Model, estate: Estate) {
    if model.estate.is_none() {
        let as_of = estate.as_of;
        model.estate = Some(Aged::new(estate, as_of, model.clock));
        model.readings.estate += 1;
        model.estate_remembered = true;
        moving::settle_selection(model);
    }
}

fn estate(model: &mut Model, no: u64, result: Result<Box<Estate>, DeskError>) {
    if !model.requests.end(no, |requests| &mut requests.estate).believed {
        return;
    }
    match result {
        Ok(estate) => accept_estate(model, *estate),
        Err(error) => {
            model.estate_problem = Some(Problem::from(&error));
            note_failure(model, "reading fleets", &error, None);
        }
    }
}

fn accept_estate(model: &mut Model, estate: Estate) {
    let as_of = estate.as_of;
    model.estate = Some(Aged::new(estate, as_of, model.clock));
    model.readings.estate += 1;
    model.estate_remembered = false;
    model.estate_problem = None;
    model.credentials_gone = None;
    moving::settle_selection(model);
}

fn fleet(model: &mut Model, no: u64, name: &FleetName, result: Result<Box<FleetDetail>, DeskError>) -> Option<Effect> {
    if !model.requests.end(no, |requests| &mut requests.fleet).believed {
        return None;
    }
    match result {
        Ok(detail) => {
            let as_of = detail.status.as_of.unwrap_or(model.clock.world);
            let ring = alarms_rang(model, &detail, as_of);
            model.detail = Some(Aged::new(*detail, as_of, model.clock));
            model.detail_problem = None;
            return ring;
        }
        Err(error) => {
            model.detail_problem = Some(Problem::from(&error));
            note_failure(model, &format!("reading {name}"), &error, Some(name.clone()));
        }
    }
    None
}

/// Rings if an alarm of the opened fleet is red and was not when it was heard of last.
fn alarms_rang(model: &mut Model, detail: &FleetDetail, as_of: WorldTime) -> Option<Effect> {
    let mut rang = false;
    for alarm in &detail.alarms {
        let sight = AlarmSight { state: alarm.state, since: alarm.since, as_of };
        rang |= alarms::rings(model, &detail.status.spec.name, &alarm.name, &sight);
    }
    rang.then_some(Effect::Bell)
}

fn sources(model: &mut Model, no: u64, result: Result<Box<Sources>, DeskError>) {
    if !model.requests.end(no, |requests| &mut requests.sources).believed {
        return;
    }
    match result {
        Ok(sources) => model.sources = Some(Aged::new(*sources, model.clock.world, model.clock)),
        Err(error) => note_failure(model, "reading sources", &error, None),
    }
}

/// Missing credentials switch actions off; everything else is only noted.
pub(super) fn note_failure(model: &mut Model, what: &str, error: &DeskError, fleet: Option<FleetName>) {
    if error.is_credentials() && model.credentials_gone.is_none() {
        model.credentials_gone = Some(model.clock.world);
    }
    model.inbox.add_error(model.clock.world, what, error, fleet);
}

fn operations(model: &mut Model, no: u64, result: Result<Vec<OperationView>, DeskError>) -> Vec<Effect> {
    let ended = model.requests.end(no, |requests| &mut requests.operations);
    if !ended.believed {
        return Vec::new();
    }
    let mut effects = Vec::new();
    match result {
        Ok(operations) => effects.extend(accept_operations(model, operations)),
        Err(error) => note_failure(model, "reading operations", &error, None),
    }
    if ended.again {
        effects.extend(polling::read_operations(model));
    }
    effects
}

/// Rings when something stopped, failed or finished since the last reading; at the first one only what stands still is news.
fn accept_operations(model: &mut Model, operations: Vec<OperationView>) -> Option<Effect> {
    let first = !model.operations_read;
    let lost = operations.iter().filter(|view| lost_its_driver(model, view, first)).map(|view| without_driver(model, view));
    let news: Vec<_> = operations.iter().filter(|view| is_news(model, view, first)).map(|view| announcement(model, view)).chain(lost).collect();
    let ring = !first && !news.is_empty();
    let moved = operations.iter().any(|view| model.operation(&view.operation.id).is_none_or(|known| known.events.len() != view.events.len()));
    let turned = operations.iter().any(|view| model.operation(&view.operation.id).is_none_or(|known| known.state() != view.state()));
    for (began, text, hint, fleet) in news {
        model.inbox.add_since(model.clock.world, began, text, hint, Some(fleet));
    }
    model.operations = operations;
    model.readings.operations += 1;
    model.operations_read = true;
    if moved && !first {
        // What the operation did is soon to be seen in the fleet.
        model.requests.fleet.hurry();
    }
    if turned && !first {
        // Rows of a fleet must not say for another while that it is at work.
        model.requests.estate.hurry();
    }
    ring.then_some(Effect::Bell)
}

fn is_news(model: &Model, view: &OperationView, first: bool) -> bool {
    let state = view.state();
    let stands = matches!(state, OperationState::Holding | OperationState::Paused);
    let stopped = stands || (state.is_final() && state != OperationState::Superseded);
    match model.operation(&view.operation.id) {
        Some(known) => stopped && known.state() != state,
        None => first && stands,
    }
}

/// It has no driver any more: since the last reading, or before the first one. A window that nobody ends costs money, not safety: its row says so.
fn lost_its_driver(model: &Model, view: &OperationView, first: bool) -> bool {
    let gone = |view: &OperationView| is_abandoned(view, model.clock.world) && view.state() != OperationState::Waiting;
    gone(view) && model.operation(&view.operation.id).map_or(first, |known| !gone(known))
}

/// When what is announced began, what it is, what to do about it, and the fleet.
type News = (WorldTime, String, String, FleetName);

fn without_driver(model: &Model, view: &OperationView) -> News {
    let (plan, id) = (&view.operation.plan, &view.operation.id);
    let text = format!("{} {} has no driver any more, nothing goes on", plan.fleet, view.operation.word());
    let take_over = model.keymap.first(CommandId::TakeOver);
    (model.clock.world, text, format!("{take_over} takes it over, or `qd drive {id} --take-over`"), plan.fleet.clone())
}

fn announcement(model: &Model, view: &OperationView) -> News {
    let plan = &view.operation.plan;
    let text = format!("{} {} {}: {}", plan.fleet, view.operation.word(), state_word(view.state()), view.progress.reason);
    let began = first_bad_sign(view).map_or(view.progress.since, |sign| sign.at);
    (began, text, hint_for(model, view.state()), plan.fleet.clone())
}

fn hint_for(model: &Model, state: OperationState) -> String {
    use CommandId::{BackOut, Deploy, Open, Pause, Promote, Rollback};
    let [open, promote, back_out, pause, roll_back, deploy] = [Open, Promote, BackOut, Pause, Rollback, Deploy].map(|id| model.keymap.first(id));
    match state {
        OperationState::Holding => format!("{open} opens it: {promote} promotes, {back_out} backs out, {pause} pauses"),
        OperationState::Paused => format!("{open} opens it: {pause} resumes, {back_out} backs out"),
        OperationState::Failed => format!("{open} opens it: look what stopped it, then {roll_back} or {deploy}"),
        _ => "nothing to do".to_owned(),
    }
}

fn planned(model: &mut Model, no: u64, result: Result<Box<Plan>, DeskError>) {
    if !model.requests.end(no, |requests| &mut requests.plan).believed {
        return;
    }
    let state = match result {
        Ok(plan) => PlanState::Made(plan),
        Err(error) => {
            if error.is_credentials() {
                note_failure(model, "planning", &error, None);
            }
            PlanState::Failed(Problem::from(&error))
        }
    };
    sheet_keys::planned(model, state);
}

fn planned_one(model: &mut Model, no: u64, fleet: &FleetName, result: Result<Box<Plan>, DeskError>) {
    let Some(open) = sheet_keys::batch_of(model, no) else { return };
    open.set(fleet, result.map_or_else(|error| LineState::LeftOut(Problem::from(&error)), batch::planned));
    let is_complete = !open.is_planning();
    let deaf_until = model.clock.boot.plus(DEAD_TIME);
    if let Some(sheet) = model.sheet.as_mut().filter(|sheet| is_complete && sheet.editing.is_none()) {
        sheet.deaf_until = deaf_until;
    }
}

/// What became of one of several. The answer is told also when nobody looks at the sheet any more.
fn answered_one(model: &mut Model, no: u64, fleet: &FleetName, result: Result<LineState, DeskError>) -> Vec<Effect> {
    let refused = result.as_ref().err().cloned();
    let tally = sheet_keys::batch_of(model, no).map(|open| {
        open.set(fleet, result.unwrap_or_else(|error| LineState::Refused(Problem::from(&error))));
        (open.is_open(), open.tally())
    });
    if let Some(error) = refused {
        note_failure(model, &format!("{fleet} was not rolled back"), &error, Some(fleet.clone()));
    }
    model.notice = match tally {
        Some((false, (begun, refused))) => Some(format!("{begun} under way, {refused} refused. They go on without this screen")),
        Some((true, _)) => None,
        None => Some(format!("{fleet} was answered")),
    };
    polling::read_operations(model).into_iter().collect()
}

fn rehearsed(model: &mut Model, no: u64, fleet: &FleetName, result: Result<Box<Rehearsal>, DeskError>) {
    if !model.requests.end(no, |requests| &mut requests.rehearsal).believed {
        return;
    }
    model.requests.fleet.hurry();
    model.requests.estate.hurry();
    let waits = model.sheet.as_mut().filter(|sheet| sheet.rehearsal == Some(RehearsalState::Running));
    let notice = match &result {
        Ok(rehearsal) if rehearsal.is_proved() => {
            let (level, target, took) = (rehearsal.level.word(), rehearsal.target.label(), rehearsal.took_words());
            format!("{fleet}: proved, {level} to {target}, ready for the first write in {took}. Nothing was changed")
        }
        Ok(rehearsal) => format!("{fleet}: not proved: {}", rehearsal.obstacles.join("; ")),
        Err(error) => format!("{fleet}: {error}"),
    };
    match waits {
        Some(sheet) => {
            sheet.rehearsal = Some(result.map_or_else(|error| RehearsalState::Failed(Problem::from(&error)), RehearsalState::Done));
        }
        None => model.notice = Some(notice),
    }
}

fn executed(model: &mut Model, no: u64, result: Result<OperationId, DeskError>) -> Vec<Effect> {
    let waited_for = is_waited_for(model, no);
    match result {
        Ok(id) => started(model, waited_for, &id),
        Err(error) => {
            refused(model, waited_for, "not started", &error);
            Vec::new()
        }
    }
}

/// The sheet on the screen is the one whose `y` this answers.
pub(super) fn is_waited_for(model: &mut Model, no: u64) -> bool {
    let believed = model.requests.end(no, |requests| &mut requests.send).believed;
    believed && model.sheet.as_ref().is_some_and(|sheet| sheet.sending == Sending::Sent)
}

fn started(model: &mut Model, waited_for: bool, id: &OperationId) -> Vec<Effect> {
    model.notice = Some(format!("{id} started. It goes on without this screen"));
    let mut effects: Vec<Effect> = polling::read_operations(model).into_iter().collect();
    if let Some(fleet) = model.sheet.take_if(|_| waited_for).and_then(|sheet| sheet.fleet().cloned()) {
        effects.extend(opening::open_fleet(model, fleet));
    }
    effects
}

pub(super) fn refused(model: &mut Model, waited_for: bool, what: &str, error: &DeskError) {
    match &mut model.sheet {
        Some(sheet) if waited_for => sheet.sending = Sending::Failed(Problem::from(error)),
        _ => model.notice = Some(format!("{what}: {error}")),
    }
    note_failure(model, what, error, None);
}

fn commanded(model: &mut Model, no: u64, result: Result<String, DeskError>) -> Vec<Effect> {
    let waited_for = is_waited_for(model, no);
    let mut effects = Vec::new();
    match result {
        Ok(answer) => {
            let several = |sheet: &Sheet| matches!(sheet.subject, Subject::Plan { .. } | Subject::Batch(_) | Subject::Bake(_));
            let closed = model.sheet.take_if(|sheet| waited_for && !several(sheet));
            model.requests.estate.hurry();
            model.notice = Some(match closed.map(|sheet| sheet.subject) {
                Some(Subject::Command(errand)) if errand.ask != Ask::TakeOver => format!("{} {}: {answer}", errand.ask.word(), errand.operation),
                Some(Subject::Image(order)) => {
                    // What there is to do now stands there.
                    effects.extend(opening::open_image(model, order.image));
                    answer
                }
                _ => answer,
            });
        }
        Err(error) => refused(model, waited_for, "not done", &error),
    }
    effects.extend(polling::read_operations(model));
    effects.extend(polling::read_bakes(model));
    effects
}

/// Operations that go on when the screen is left, for the last line.
#[must_use]
pub fn going_on(model: &Model) -> Vec<String> {
    let at_work = model.operations.iter().filter(|view| is_at_work(view.state()));
    let rollouts = at_work.map(|view| format!("{} {} ({})", view.operation.plan.fleet, view.operation.word(), view.operation.id));
    let bakes = model.baking.unfinished().map(|view| format!("bake {} ({})", baking::name(view), view.operation.id));
    rollouts.chain(bakes).collect()
}
