//! Keys on a plan sheet: `y` and nothing else executes, and only when nothing stands in its way.

use super::acting;
use super::bake_sheet::{self, BakeState};
use super::batch::{BATCH, Batch, BatchKind};
use super::commands::CommandId;
use super::effect::Effect;
use super::field::Edited;
use super::freezing::Freezing;
use super::image_sheet;
use super::key::Key;
use super::keymap::Keymap;
use super::model::{Model, Purpose};
use super::moving;
use super::places::Place;
use super::running;
use super::sheet::{Ask, DEAD_TIME, Entry, Errand, PlanState, RehearsalState, Sending, Sheet, Subject};
use crate::domain::fleet::Route;
use crate::domain::time::BootTime;
use crate::operation::command::CommandKind;
use crate::operation::event::OperationState;
use crate::operation::intent::Intent;
use crate::operation::plan::{Friction, Plan};
use crate::operation::record::OperationView;
use crate::operation::schema::no_way_out;
use crate::ports::desk::Seen;

/// Takes a key that was read at `at` while a sheet is open.
pub fn press(model: &mut Model, key: Key, at: BootTime) -> Vec<Effect> {
    let Some(sheet) = &mut model.sheet else { return Vec::new() };
    if at < sheet.deaf_until {
        return Vec::new();
    }
    if let Some(field) = sheet.field() {
        let edited = field.press(key);
        leave_field(sheet, edited);
        return Vec::new();
    }
    sheet.told = None;
    match model.keymap.find(Place::Sheet, key) {
        Some(command) => run(model, command.id),
        None => Vec::new(),
    }
}

/// After the reason comes the name, where it is asked for.
fn leave_field(sheet: &mut Sheet, edited: Edited) {
    let name_missing = sheet.needs_name() && !sheet.is_word_typed();
    match (edited, sheet.editing) {
        (Edited::Done, Some(Entry::Reason)) if name_missing => sheet.editing = Some(Entry::Name),
        (Edited::Done | Edited::Left, _) => sheet.editing = None,
        (Edited::Taken | Edited::Ignored, _) => {}
    }
}

/// Runs what was chosen by its name, in the help or the palette over the sheet. Confirming takes its own key on the sheet itself.
pub fn run_named(model: &mut Model, id: CommandId) -> Vec<Effect> {
    if id == CommandId::Confirm {
        let key = model.keymap.first(id);
        if let Some(sheet) = &mut model.sheet {
            sheet.told = Some(format!("press {key} here, with the plan before your eyes"));
        }
        return Vec::new();
    }
    run(model, id)
}

/// Leaves the sheet for another view, unless its answer is still to come.
pub fn leave(model: &mut Model) {
    if model.sheet.is_some() {
        close(model);
    }
}

fn run(model: &mut Model, id: CommandId) -> Vec<Effect> {
    match id {
        CommandId::Confirm => return confirm(model),
        CommandId::Help | CommandId::Palette => running::look_up(model, id),
        CommandId::Save => return vec![Effect::Save],
        CommandId::PlanAgain => return plan_again(model),
        CommandId::Rehearse => return rehearse(model),
        CommandId::Cancel => close(model),
        CommandId::Reason => edit(model, Entry::Reason),
        CommandId::Name => edit(model, Entry::Name),
        CommandId::OtherTarget => return other_target(model),
        CommandId::Scope => refreeze(model, |freezing| freezing.all = !freezing.all),
        CommandId::Copy => running::open_menu(model),
        other => moving::travel(model, other),
    }
    Vec::new()
}

/// Tries the rollback on the sheet out.
fn rehearse(model: &mut Model) -> Vec<Effect> {
    let Some(sheet) = model.sheet.as_mut().filter(|sheet| is_rollback(sheet)) else { return Vec::new() };
    let Subject::Plan { intent, .. } = &sheet.subject else { return Vec::new() };
    let intent = intent.clone();
    sheet.rehearsal = Some(RehearsalState::Running);
    vec![try_out(model, intent)]
}

/// Asks for a rehearsal.
pub fn try_out(model: &mut Model, intent: Intent) -> Effect {
    Effect::Rehearse { no: model.requests.begin(model.clock.boot, |requests| &mut requests.rehearsal), intent }
}

/// Opens the sheet of several fleets.
pub fn open_batch(model: &mut Model, batch: Batch) -> Vec<Effect> {
    let fleets: Vec<Intent> = batch.lines.iter().map(|line| Intent::Rollback { fleet: line.fleet.clone(), to: None }).collect();
    let plans = batch.is_planning();
    model.sheet = Some(Sheet::open(Subject::Batch(Box::new(batch)), model.clock.boot));
    let no = model.requests.begin(model.clock.boot, |requests| &mut requests.batch);
    if plans { vec![Effect::PlanMany { no, intents: fleets }] } else { Vec::new() }
}

/// The sheet of several fleets, if it is the one that waits for this answer.
pub fn batch_of(model: &mut Model, no: u64) -> Option<&mut Batch> {
    if !model.requests.batch.is_newest(no) {
        return None;
    }
    match model.sheet.as_mut().map(|sheet| &mut sheet.subject) {
        Some(Subject::Batch(batch)) => Some(batch),
        _ => None,
    }
}

/// A plan that is still being made is not waited for any more; a `y` that was pressed goes on and is answered by a notice.
fn close(model: &mut Model) {
    model.requests.plan.forget();
    model.sheet = None;
}

fn edit(model: &mut Model, entry: Entry) {
    if let Some(sheet) = &mut model.sheet
        && sheet.sending == Sending::Not
        && (entry == Entry::Reason || sheet.needs_name())
    {
        sheet.editing = Some(entry);
    }
}

/// Whether the sheet is a rollback's.
pub const fn is_rollback(sheet: &Sheet) -> bool {
    matches!(&sheet.subject, Subject::Plan { intent: Intent::Rollback { .. }, .. })
}

/// Changes what a freeze would be, while that is still open.
fn refreeze(model: &mut Model, change: impl Fn(&mut Freezing)) {
    if let Some(sheet) = model.sheet.as_mut().filter(|sheet| sheet.sending == Sending::Not)
        && let Subject::Freeze(freezing) = &mut sheet.subject
        && freezing.lifts.is_none()
    {
        change(freezing);
    }
}

fn other_target(model: &mut Model) -> Vec<Effect> {
    refreeze(model, Freezing::other_length);
    if let Some(fleet) = model.sheet.take_if(|sheet| is_rollback(sheet) && sheet.sending != Sending::Sent).and_then(|sheet| sheet.fleet().cloned()) {
        model.requests.plan.forget();
        acting::open_picker(model, fleet, Purpose::RollbackTarget);
    }
    bake_sheet::toggle_force(model)
}

/// Opens a sheet and asks for its plan.
pub fn open_plan(model: &mut Model, intent: Intent) -> Vec<Effect> {
    model.sheet = Some(Sheet::for_intent(intent.clone(), model.clock.boot));
    vec![make_plan(model, intent)]
}

fn make_plan(model: &mut Model, intent: Intent) -> Effect {
    Effect::MakePlan { no: model.requests.begin(model.clock.boot, |requests| &mut requests.plan), intent }
}

/// Makes the plan again; what was typed stays.
fn plan_again(model: &mut Model) -> Vec<Effect> {
    let Some(sheet) = &mut model.sheet else { return Vec::new() };
    if matches!(sheet.subject, Subject::Image(_)) {
        return image_sheet::plan_again(model);
    }
    let Subject::Plan { intent, state } = &mut sheet.subject else { return bake_sheet::plan_again(model) };
    if sheet.sending == Sending::Sent || *state == PlanState::Making {
        return Vec::new();
    }
    *state = PlanState::Making;
    sheet.sending = Sending::Not;
    let intent = intent.clone();
    vec![make_plan(model, intent)]
}

/// Puts an answer on the sheet. There is something new to read: keys pressed before it do not count.
pub fn planned(model: &mut Model, state: PlanState) {
    let deaf_until = model.clock.boot.plus(DEAD_TIME);
    if let Some(sheet) = &mut model.sheet
        && let Subject::Plan { state: known, .. } = &mut sheet.subject
    {
        *known = state;
        sheet.deaf_until = deaf_until;
        sheet.scroll = 0;
    }
}

fn confirm(model: &mut Model) -> Vec<Effect> {
    let Some(sheet) = &mut model.sheet else { return Vec::new() };
    if let Some(hurdle) = sheet.hurdle(&model.keymap) {
        sheet.told = Some(hurdle);
        return Vec::new();
    }
    sheet.sending = Sending::Sent;
    if matches!(sheet.subject, Subject::Batch(_)) {
        return confirm_batch(model);
    }
    let no = model.requests.begin(model.clock.boot, |requests| &mut requests.send);
    model.sheet.as_ref().and_then(|sheet| order(sheet, no)).into_iter().collect()
}

fn confirm_batch(model: &mut Model) -> Vec<Effect> {
    let no = model.requests.begin(model.clock.boot, |requests| &mut requests.batch);
    model.marked.clear();
    let Some(sheet) = &mut model.sheet else { return Vec::new() };
    let reason = sheet.reason_given();
    let Subject::Batch(batch) = &mut sheet.subject else { return Vec::new() };
    let effect = match batch.kind {
        BatchKind::RollBack => Effect::ExecuteMany { no, orders: batch.orders(), size: BATCH, reason },
        BatchKind::BackOut => Effect::CommandMany { no, errands: batch.errands(), reason },
    };
    batch.send();
    vec![effect]
}

fn order(sheet: &Sheet, no: u64) -> Option<Effect> {
    let (reason, typed) = (sheet.reason_given(), sheet.name_given());
    match &sheet.subject {
        Subject::Plan { intent, state: PlanState::Made(plan) } => {
            Some(Effect::Execute { no, intent: intent.clone(), plan: plan.clone(), reason, typed })
        }
        Subject::Bake(order) => match &order.state {
            BakeState::Made(plan) => Some(Effect::BeginBake { no, plan: plan.clone(), reason }),
            _ => None,
        },
        Subject::Rebake(rebake) => {
            let recipes = rebake.due.iter().map(|(file, _)| file.clone()).collect();
            Some(Effect::Rebake { no, recipes, wave: rebake.wave, reason })
        }
        Subject::Image(order) => Some(Effect::ChangeImage { no, wish: order.wish(reason) }),
        Subject::Plan { .. } | Subject::Batch(_) => None,
        Subject::Freeze(freezing) => {
            let fleet = freezing.scope().cloned();
            Some(match reason {
                _ if freezing.lifts.is_some() => Effect::Unfreeze { no, fleet, reason },
                Some(reason) => Effect::Freeze { no, fleet, length: freezing.length, reason },
                None => return None,
            })
        }
        Subject::Command(errand) => {
            let operation = errand.operation.clone();
            Some(match errand.ask {
                Ask::Command(kind) => Effect::Command { no, operation, kind, seen: errand.seen, reason, typed },
                Ask::Abort => Effect::Command { no, operation, kind: CommandKind::BackOut, seen: errand.seen, reason, typed },
                Ask::TakeOver => Effect::TakeOver { no, operation },
            })
        }
    }
}

/// What a command to an operation would do, and what it takes to confirm it; none before its first event.
pub fn errand(view: &OperationView, ask: Ask, keymap: &Keymap) -> Option<Errand> {
    let operation = &view.operation;
    Some(Errand {
        operation: operation.id.clone(),
        word: operation.word().to_owned(),
        fleet: Some(operation.plan.fleet.clone()),
        about: operation.plan.fleet.to_string(),
        ask,
        seen: Seen { step: view.progress.current, last_event: view.last_event()? },
        friction: friction(view, ask),
        effects: effects(view, ask, keymap),
    })
}

/// A back-out passes a freeze and says so.
pub fn past_freezes(model: &Model, mut errand: Errand) -> Errand {
    if errand.ask == Ask::Command(CommandKind::BackOut) {
        let freezes = errand.fleet.as_ref().and_then(|fleet| model.fleet_status(fleet)).map_or(&[][..], |status| &status.freezes);
        let held = freezes.iter().filter(|freeze| freeze.until > model.clock.world);
        errand.effects.extend(held.map(|freeze| format!("skips the freeze: {}", freeze.described())));
    }
    errand
}

fn friction(view: &OperationView, ask: Ask) -> Friction {
    let Ask::Command(kind) = ask else { return Friction::Confirm };
    let typed = |because: &str| Friction::Typed { because: because.to_owned() };
    match kind {
        CommandKind::BackOut if let Some(why) = no_way_out(&view.operation.plan, &view.progress) => typed(&why),
        CommandKind::Pause | CommandKind::Resume | CommandKind::BackOut => Friction::Confirm,
        CommandKind::Promote if view.state() == OperationState::Waiting => typed("the fast way back ends with the window"),
        CommandKind::Promote if view.progress.failed_verdict().is_some() => typed("the judge fails this step"),
        CommandKind::Promote if let Some(against) = &view.progress.alarms_against => typed(against),
        CommandKind::Promote if view.operation.plan.production => Friction::Reason,
        CommandKind::Promote => Friction::Confirm,
    }
}

fn effects(view: &OperationView, ask: Ask, keymap: &Keymap) -> Vec<String> {
    let plan = &view.operation.plan;
    let Ask::Command(kind) = ask else { return take_over_effects(view) };
    match kind {
        CommandKind::Pause => vec![
            "stops after the call in the air; traffic and servers stay exactly as they are".to_owned(),
            format!(
                "nothing happens by itself until {} resumes it or {} backs it out",
                keymap.first(CommandId::Pause),
                keymap.first(CommandId::BackOut)
            ),
        ],
        CommandKind::Resume => vec![format!("goes on with {}", step_title(view)), "everything is looked at again first".to_owned()],
        CommandKind::BackOut => back_out_effects(plan),
        CommandKind::Promote if view.state() == OperationState::Waiting => {
            vec![format!("{} becomes idle now instead of after its window", plan.from.group), "a rollback then has to grow it first".to_owned()]
        }
        CommandKind::Promote => promote_effects(view),
    }
}

fn take_over_effects(view: &OperationView) -> Vec<String> {
    vec![
        format!("a new driver looks at everything and goes on with {}", step_title(view)),
        "a call whose answer was lost is given time to arrive before anything else is sent".to_owned(),
    ]
}

fn step_title(view: &OperationView) -> String {
    view.operation.plan.steps.get(view.progress.current).map_or_else(|| "its end".to_owned(), |step| step.title.clone())
}

fn back_out_effects(plan: &Plan) -> Vec<String> {
    vec![
        match plan.scope.route {
            Route::Weighted { .. } => format!("1 weights: {} 100%, {} 0%, at once", plan.from.label(), plan.to.label()),
            Route::Attached { .. } => format!("1 {} is taken off the target group once {} carries everything", plan.to.group, plan.from.group),
            Route::None => format!("1 {} keeps its workers, those of {} end", plan.from.group, plan.to.group),
        },
        format!("2 {} drains and becomes idle", plan.to.group),
        format!("{} in {} is not touched", plan.from.label(), plan.from.group),
    ]
}

fn promote_effects(view: &OperationView) -> Vec<String> {
    let next = view.operation.plan.steps.get(view.progress.current + 1).map_or_else(|| "the end".to_owned(), |step| step.title.clone());
    let mut effects = vec![format!("ends the wait of {} and goes on with {next}", step_title(view))];
    if let Some(verdict) = view.progress.failed_verdict() {
        // Counts may be fine where a series is not: what fails stands first.
        effects.extend(verdict.why().map(|why| format!("against {why}")));
        let rate = |errors: u64, requests: u64| format!("{errors} errors of {requests} requests");
        effects.push(format!("canary {}", rate(verdict.candidate.errors, verdict.candidate.requests)));
        effects.push(format!("base   {}", rate(verdict.stable.errors, verdict.stable.requests)));
    }
    effects
}
