//! What a plan sheet says: from, to, how, in which steps, with which calls, what was checked, what else it stops.

use super::bake_sheet;
use super::image_sheet;
use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::age::about;
use crate::app::batch::BatchKind;
use crate::app::commands::CommandId;
use crate::app::freezing::Freezing;
use crate::app::model::{Model, Problem};
use crate::app::sheet::{Ask, Errand, PlanState, RehearsalState, Sheet, Subject};
use crate::domain::text::{counted, escape};
use crate::domain::time::Millis;
use crate::operation::calls::{PlannedCall, planned_calls};
use crate::operation::changes::{PackageDifference, package_words};
use crate::operation::command::CommandKind;
use crate::operation::intent::Intent;
use crate::operation::plan::{CheckLevel, OperationKind, Plan, Side};

/// Width of the column of names.
const NAMES: usize = 9;

/// Everything above the keys.
pub fn rows(sheet: &Sheet, model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    match &sheet.subject {
        Subject::Plan { intent, state: PlanState::Making } => {
            vec![paint::toned(format!(" Making the plan for {} from fresh facts", intent.fleet()), Tone::Working)]
        }
        Subject::Plan { state: PlanState::Failed(problem), .. } => refused(problem, columns),
        Subject::Plan { intent, state: PlanState::Made(plan) } => {
            let mut rows = sheet.rehearsal.as_ref().map(|rehearsal| rehearsal_rows(rehearsal, paint, columns)).unwrap_or_default();
            rows.extend(plan_rows(intent, plan, paint, columns));
            rows
        }
        Subject::Command(errand) => errand_rows(errand, columns),
        Subject::Freeze(freezing) => freeze_rows(freezing, model, columns),
        Subject::Bake(order) => bake_sheet::rows(order, model, paint, columns),
        Subject::Rebake(rebake) => bake_sheet::rebake_rows(rebake, paint, columns),
        Subject::Image(order) => image_sheet::rows(order, paint, columns),
        Subject::Batch(batch) => super::batch::rows(batch, &sheet.sending, paint, columns),
    }
}

/// Why there is no plan, and what to do about it.
pub(super) fn refused(problem: &Problem, columns: usize) -> Vec<Row> {
    let mut rows = wrapped("refused", &problem.text, Tone::Bad, columns);
    rows.extend(wrapped("remedy", &problem.hint, Tone::Strong, columns));
    rows.push(paint::plain(" Nothing was changed."));
    rows
}

/// The sheet's title.
pub fn title(sheet: &Sheet) -> String {
    let fleet = sheet.about();
    match &sheet.subject {
        Subject::Plan { intent: Intent::Deploy { .. }, .. } => format!("DEPLOY TO {fleet}"),
        Subject::Plan { intent: Intent::Recycle { .. }, .. } => format!("RECYCLE {fleet}"),
        Subject::Plan { intent: Intent::Rollback { .. }, .. } => format!("ROLL BACK {fleet}"),
        Subject::Command(errand) => format!("{} {fleet}", errand.ask.word().to_uppercase()),
        Subject::Bake(_) => format!("BAKE {fleet}"),
        Subject::Rebake(_) => format!("BAKE {fleet} ANEW"),
        Subject::Image(order) => format!("{} {fleet}", order.word().to_uppercase()),
        Subject::Freeze(freezing) => {
            let scope = freezing.scope().map_or_else(|| "ALL FLEETS".to_owned(), ToString::to_string);
            format!("{} {scope}", if freezing.lifts.is_some() { "UNFREEZE" } else { "FREEZE" })
        }
        Subject::Batch(batch) => {
            let what = if batch.kind == BatchKind::RollBack { "ROLL BACK" } else { "BACK OUT" };
            format!("{what} {} FLEETS", batch.lines.len())
        }
    }
}

/// What `y` does.
pub const fn yes(sheet: &Sheet) -> &'static str {
    match &sheet.subject {
        Subject::Plan { intent: Intent::Deploy { .. }, .. } => "deploy now",
        Subject::Plan { intent: Intent::Recycle { .. }, .. } => "recycle now",
        Subject::Plan { intent: Intent::Rollback { .. }, .. } => "roll back now",
        Subject::Command(errand) => match errand.ask {
            Ask::Command(CommandKind::Pause) => "pause now",
            Ask::Command(CommandKind::Resume) => "resume now",
            Ask::Command(CommandKind::Promote) => "promote now",
            Ask::Command(CommandKind::BackOut) => "back out now",
            Ask::TakeOver => "take over now",
            Ask::Abort => "abort now",
        },
        Subject::Freeze(freezing) if freezing.lifts.is_some() => "lift it now",
        Subject::Freeze(_) => "freeze now",
        Subject::Bake(_) => "bake now",
        Subject::Rebake(_) => "bake them now",
        Subject::Image(order) if order.lifts => "lift the block now",
        Subject::Image(_) => "block it now",
        Subject::Batch(batch) => match batch.kind {
            BatchKind::RollBack => "roll them back now",
            BatchKind::BackOut => "back them out now",
        },
    }
}

/// What a rehearsal found, with what stands in the way first.
fn rehearsal_rows(state: &RehearsalState, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let rehearsal = match state {
        RehearsalState::Running => return vec![paint::toned(" Trying it out; nothing is changed", Tone::Working)],
        RehearsalState::Failed(problem) => return wrapped("tried", &problem.text, Tone::Bad, columns),
        RehearsalState::Done(rehearsal) => rehearsal,
    };
    let mut rows = Vec::new();
    if rehearsal.is_proved() {
        let text = format!("{} proved, ready for the first write in {}", paint.glyphs.ok, rehearsal.took_words());
        rows.extend(wrapped("tried", &text, Tone::Good, columns));
    }
    for obstacle in &rehearsal.obstacles {
        let name = if rows.is_empty() { "tried" } else { "" };
        rows.extend(wrapped(name, &format!("{} {obstacle}", paint.glyphs.bad), Tone::Bad, columns));
    }
    rows.extend(rehearsal.untried().flat_map(|text| wrapped("", &format!("{} {text}", paint.glyphs.unknown), Tone::Unknown, columns)));
    rows
}

fn named(name: &str, text: impl Into<String>, tone: Tone) -> Row {
    vec![piece(format!(" {}", text::left(name, NAMES, "")), Tone::Dim), piece(text, tone)]
}

/// A named text over as many lines as it takes: what a person has to read is never cut.
pub(super) fn wrapped(name: &str, text: &str, tone: Tone, columns: usize) -> Vec<Row> {
    let room = columns.saturating_sub(NAMES + 2);
    let lines = text::wrap(&escape(text), room);
    lines.into_iter().enumerate().map(|(at, line)| named(if at == 0 { name } else { "" }, line, tone)).collect()
}

fn plan_rows(intent: &Intent, plan: &Plan, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let arrow = paint.glyphs.to;
    let head = format!(" {}   {} {arrow} {}", plan.fleet, mix_words(plan), plan.to.label());
    let mut rows = vec![paint::toned(head, Tone::Strong)];
    rows.extend(wrapped("from", &side_words(&plan.from), Tone::Plain, columns));
    rows.extend(wrapped("to", &side_words(&plan.to), Tone::Plain, columns));
    rows.extend(wrapped("how", &how_words(plan), Tone::Plain, columns));
    rows.extend(wrapped("effect", &effect_words(plan), Tone::Plain, columns));
    rows.extend(check_rows(plan, paint, columns));
    if let Some(operation) = &plan.supersedes {
        rows.extend(wrapped("also", &format!("takes the wheel from {operation}, which ends superseded"), Tone::Waits, columns));
    }
    for difference in &plan.differences {
        rows.extend(wrapped("differs", difference, Tone::Waits, columns));
    }
    rows.extend(change_rows(plan, columns));
    let calls = planned_calls(plan);
    rows.extend(step_rows(plan, &calls));
    rows.extend(wrapped("command", &intent.command(&plan.to.label()), Tone::Dim, columns));
    rows.extend(wrapped("plan", &format!("{} in {}, facts of {}", plan.id, plan.place, plan.as_of.clock()), Tone::Dim, columns));
    rows.extend(call_rows(plan, &calls, columns));
    let by_hand = calls.iter().enumerate();
    rows.extend(by_hand.flat_map(|(at, call)| wrapped(if at == 0 { "by hand" } else { "" }, &call.by_hand, Tone::Dim, columns)));
    rows
}

/// What changes besides the version: what deserves a second look first, each with its mark.
fn change_rows(plan: &Plan, columns: usize) -> Vec<Row> {
    let Some(changes) = &plan.changes else { return Vec::new() };
    let toned = |risky: bool, words: String| if risky { (format!("! {words}"), Tone::Waits) } else { (words, Tone::Plain) };
    let mut lines: Vec<(String, Tone)> = changes.fields.iter().map(|change| toned(change.risky, change.words())).collect();
    lines.push(match &changes.packages {
        unknown @ PackageDifference::Unknown { .. } => (unknown.words(), Tone::Unknown),
        known => (known.words(), Tone::Plain),
    });
    if let PackageDifference::Known { changed, left_out } = &changes.packages {
        lines.extend(changed.iter().map(|change| toned(change.risky, package_words(change))));
        if *left_out > 0 {
            lines.push((format!("and {left_out} more"), Tone::Dim));
        }
    }
    lines.iter().enumerate().flat_map(|(at, (text, tone))| wrapped(if at == 0 { "changes" } else { "" }, text, *tone, columns)).collect()
}

/// What serves now, with its shares.
fn mix_words(plan: &Plan) -> String {
    if plan.refresh.is_some() {
        return plan.from.label();
    }
    if !plan.scope.is_weighted() {
        let both = plan.from.served && plan.to.served;
        return if both { format!("{} + {}", plan.from.label(), plan.to.label()) } else { plan.from.label() };
    }
    let share = |side: &Side| side.target_group.as_ref().and_then(|arn| plan.actions.share(arn)).map(|share| format!(" {:.0}%", share * 100.0));
    let from = format!("{}{}", plan.from.label(), share(&plan.from).unwrap_or_else(|| " ?%".to_owned()));
    match share(&plan.to) {
        Some(to) if to != " 0%" => format!("{from} + {}{to}", plan.to.label()),
        _ => from,
    }
}

fn side_words(side: &Side) -> String {
    let version = side.template_version.map_or_else(|| "a new version".to_owned(), |number| format!("version {number}"));
    let known = if side.version.is_some() { format!("{} {}", side.label(), side.image) } else { side.label() };
    format!("{known} in {}, {version} of {}", side.group, side.template)
}

fn how_words(plan: &Plan) -> String {
    match plan.kind {
        OperationKind::Recycle => "AWS's engine replaces every server by a fresh one of the same image".to_owned(),
        OperationKind::Rollback | OperationKind::Retire => plan.way_words().unwrap_or_else(|| format!("{} in the steps below", plan.kind.word())),
        OperationKind::Deploy if plan.refresh.is_some() => "rolling, by AWS's own engine: it goes on without us".to_owned(),
        OperationKind::Deploy if plan.judged => format!("{}, judged by request and error counts", plan.strategy.word()),
        OperationKind::Deploy => format!("{}, soaks are only timed: nobody counts requests", plan.strategy.word()),
    }
}

fn step_rows(plan: &Plan, calls: &[PlannedCall]) -> Vec<Row> {
    let steps = plan.steps.iter().enumerate();
    steps
        .map(|(index, step)| {
            let time = step.expected.map_or_else(String::new, |span| format!("~{}", about(span)));
            let lead = if index == 0 { "steps" } else { "" };
            let name = format!("{} {}", text::right(&(index + 1).to_string(), 2, ""), text::left(&step.title, 22, "~"));
            vec![
                piece(format!(" {}", text::left(lead, NAMES - 1, "")), Tone::Dim),
                piece(format!("{name} {}", text::right(&time, 5, "")), Tone::Plain),
                piece(format!("  {}", names_of(calls, index + 1)), Tone::Dim),
            ]
        })
        .collect()
}

/// What AWS calls the calls of a step, each once.
fn names_of(calls: &[PlannedCall], step: usize) -> String {
    let mut names: Vec<&str> = Vec::new();
    for call in calls.iter().filter(|call| call.step == step) {
        if !names.contains(&call.api) {
            names.push(call.api);
        }
    }
    if names.is_empty() { "reads only".to_owned() } else { names.join(" ") }
}

/// Every call with what it does, for whoever scrolls to it.
fn call_rows(plan: &Plan, calls: &[PlannedCall], columns: usize) -> Vec<Row> {
    let lines = calls.iter().enumerate();
    let mut rows: Vec<Row> = lines
        .flat_map(|(at, call)| {
            wrapped(if at == 0 { "calls" } else { "" }, &format!("{} {} {}", call.step, call.api, call.summary), Tone::Dim, columns)
        })
        .collect();
    if let Some(place) = plan.scope.route.place() {
        rows.extend(wrapped("", &format!("weights are those of {}", place.arn()), Tone::Dim, columns));
    }
    rows
}

fn effect_words(plan: &Plan) -> String {
    let known = plan.steps.iter().filter_map(|step| step.expected).fold(Millis::ZERO, Millis::plus);
    let sure = plan.steps.iter().all(|step| step.expected.is_some());
    let total = format!("{}{}", if sure { "~" } else { "at least " }, about(known));
    let capacity = format!("never fewer than {} (floor {})", counted(plan.need, "healthy server"), plan.floor);
    match plan.kind {
        OperationKind::Rollback => {
            format!("all traffic on {} in ~{}, all of it {total}; {capacity}", plan.to.label(), about(plan.until_on_target()))
        }
        OperationKind::Recycle => format!("all of it {total}; {capacity}"),
        OperationKind::Deploy if plan.refresh.is_some() => format!("all of it {total}; {capacity}"),
        OperationKind::Deploy => format!("all of it {total}; {capacity}; the old group stays {} as the way back", plan.window),
        OperationKind::Retire => capacity,
    }
}

fn check_rows(plan: &Plan, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut checks: Vec<_> = plan.checks.iter().collect();
    // What needs thought comes first: it must not be the part that has to be scrolled to.
    checks.sort_by_key(|check| matches!(check.level, CheckLevel::Ok));
    for check in checks {
        let (sign, tone) = match check.level {
            CheckLevel::Ok => (paint.glyphs.ok, Tone::Good),
            CheckLevel::Warning => ("!", Tone::Waits),
            CheckLevel::Unknown => (paint.glyphs.unknown, Tone::Unknown),
        };
        let name = if rows.is_empty() { "checks" } else { "" };
        rows.extend(wrapped(name, &format!("{sign} {}", check.text), tone, columns));
    }
    rows
}

fn freeze_rows(freezing: &Freezing, model: &Model, columns: usize) -> Vec<Row> {
    let (verb, scope) = (if freezing.lifts.is_some() { "unfreeze" } else { "freeze" }, freezing.scope_words());
    let mut rows = vec![paint::toned(format!(" {verb} {scope}"), Tone::Strong), Vec::new()];
    for (at, effect) in freezing.effects(model.clock.world).iter().enumerate() {
        rows.extend(wrapped(if at == 0 { "effect" } else { "" }, effect, Tone::Plain, columns));
    }
    if freezing.lifts.is_none() {
        rows.extend(wrapped(
            "change",
            &format!("{} another length, {} this fleet or all", model.keymap.first(CommandId::OtherTarget), model.keymap.first(CommandId::Scope)),
            Tone::Plain,
            columns,
        ));
    }
    rows.extend(wrapped("command", &freezing.command(), Tone::Dim, columns));
    rows
}

fn errand_rows(errand: &Errand, columns: usize) -> Vec<Row> {
    let head = format!(" {} {} {} of {}", errand.ask.word(), errand.word, errand.operation, errand.about);
    let mut rows = vec![paint::toned(head, Tone::Strong), Vec::new()];
    for (at, effect) in errand.effects.iter().enumerate() {
        rows.extend(wrapped(if at == 0 { "effect" } else { "" }, effect, Tone::Plain, columns));
    }
    rows.extend(wrapped(
        "seen",
        &format!("step {}, event {}: if it moved on, it says so", errand.seen.step + 1, errand.seen.last_event),
        Tone::Dim,
        columns,
    ));
    rows.extend(wrapped("command", &errand.ask.command(&errand.operation), Tone::Dim, columns));
    rows
}
