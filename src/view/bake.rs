//! One bake: its steps with what goes on inside them, its log, how long it still takes, and what was baked before.
//!
//! ```text
//! ┌─ STEPS 4/9 ───────────────┐┏━ LOG ━━━━━━━━━━━━━━━━━━━━━━━━━━ 1 line warns ━┓
//! │✓ 1 resolve base      0:03 │┃==> provision: web: started                    ┃
//! │◐ 4 provision         1:40 │┃Unpacking web (2.15.0~rc1) ...                 ┃
//! │  ✓ packages          0:40 │┃                                               ┃
//! │█████████████░░░░░░░░ 62%  │┃-- following, 412 lines, f stays --            ┃
//! └───────────────────────────┘┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//!  base, state, what happens next, what was baked before
//! ```

use ratatui::layout::Rect;

use super::glyphs::Glyphs;
use super::main_view::split;
use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::{bake_log, bars};
use crate::app::age::{about, countdown, stepped};
use crate::app::baking;
use crate::app::commands::CommandId;
use crate::app::lines::event_line;
use crate::app::model::{Model, WIDE};
use crate::app::needs::{is_bake_abandoned, state_word};
use crate::bake::signal::{Outcome, Part};
use crate::domain::bake::MachineRole;
use crate::domain::ids::OperationId;
use crate::domain::text::escape;
use crate::domain::time::Millis;
use crate::operation::bake::{BakeStepKind, BakeView};
use crate::operation::bake_progress::PartStatus;
use crate::operation::event::{OperationState, StepOutcome};
use crate::operation::work::Work;

/// Columns of the steps at normal size.
const STEPS: u16 = 29;
/// The same where there is room.
const STEPS_WIDE: u16 = 52;
/// Lines of the newest events, where there is room.
const EVENTS: u16 = 11;

/// Draws it.
pub fn draw(model: &Model, id: &OperationId, paint: &mut Paint<'_>, area: Rect) {
    let Some(view) = model.baking.view(id) else {
        let inside = paint.boxed(area, &format!("BAKE {id}"), "", true);
        return paint.row(inside, 0, &paint::toned(unknown(model), Tone::Unknown));
    };
    let below = below_rows(model, view, paint, usize::from(area.width));
    let below_height = u16::try_from(below.len()).unwrap_or(0);
    let is_wide = area.width >= WIDE.0 && area.height >= WIDE.1 - 4;
    let events = if is_wide { EVENTS } else { 0 };
    let top = paint::lines(area, 0, area.height.saturating_sub(below_height + events));
    let (left, right) = split(top, if is_wide { STEPS_WIDE } else { STEPS }.min(area.width / 2));
    draw_steps(model, view, paint, left);
    bake_log::draw(model, view, paint, right);
    paint.rows(paint::lines(area, top.height, below_height), &below);
    if events > 0 {
        let inside = paint.boxed(paint::lines(area, top.height + below_height, events), "EVENTS newest first", "", false);
        paint.rows(inside, &event_rows(view, usize::from(inside.height)));
    }
}

/// The log over the whole screen.
pub fn draw_log(model: &Model, id: &OperationId, paint: &mut Paint<'_>, area: Rect) {
    match model.baking.view(id) {
        Some(view) => bake_log::draw(model, view, paint, area),
        None => draw(model, id, paint, area),
    }
}

/// The same in lines, for a sliver of a terminal: how far it is, and the end of its log.
pub fn draw_lines(model: &Model, id: &OperationId, paint: &mut Paint<'_>, area: Rect) {
    let Some(view) = model.baking.view(id) else { return paint.row(area, 0, &paint::toned(unknown(model), Tone::Unknown)) };
    let (sign, tone) = sign(view, paint.glyphs);
    let step = view.operation.plan.step_title(view.progress.current).unwrap_or_default();
    let done = if view.state().is_final() { escape(&view.progress.reason) } else { format!("{} {step}", far(model, view)) };
    paint.row(area, 0, &paint::toned(format!(" {sign} {done}"), tone));
    bake_log::lines(model, view, paint, paint::lines(area, 1, area.height));
}

fn unknown(model: &Model) -> &'static str {
    if model.baking.is_read { " no bake of this name is on record here" } else { " bakes are not read yet" }
}

/// `62%  eta 4m`; how it stands where it does not simply run.
pub fn far(model: &Model, view: &BakeView) -> String {
    let (plan, progress, now) = (&view.operation.plan, &view.progress, model.clock.world);
    if progress.state.is_final() || progress.state == OperationState::BackingOut {
        return state_word(progress.state);
    }
    if is_bake_abandoned(view, now) {
        return "no driver".to_owned();
    }
    let eta = plan.eta(progress, now).map_or_else(String::new, |left| format!("  eta {}", about(left)));
    format!("{}%{eta}", plan.percent(progress, now))
}

/// The sign of a bake and its tone.
pub fn sign(view: &BakeView, glyphs: &Glyphs) -> (&'static str, Tone) {
    match view.state() {
        OperationState::Succeeded => (glyphs.ok, Tone::Good),
        OperationState::Failed => (glyphs.bad, Tone::Bad),
        OperationState::BackingOut => (glyphs.back, Tone::Waits),
        state if state.is_final() => (glyphs.back, Tone::Dim),
        _ if !view.driver_alive => (glyphs.waits, Tone::Waits),
        _ => (glyphs.working, Tone::Working),
    }
}

fn draw_steps(model: &Model, view: &BakeView, paint: &mut Paint<'_>, area: Rect) {
    let (plan, progress) = (&view.operation.plan, &view.progress);
    let title = format!("STEPS {}/{}", (progress.current + 1).min(plan.steps.len()), plan.steps.len());
    let inside = paint.boxed(area, &title, "", false);
    let times = time_rows(model, view, paint, usize::from(inside.width));
    let room = inside.height.saturating_sub(u16::try_from(times.len()).unwrap_or(0));
    let rows = fitting_rows(model, view, paint, usize::from(inside.width), usize::from(room));
    let first = paint::first_shown(progress.current, rows.len(), usize::from(room));
    paint.rows(paint::lines(inside, 0, room), rows.get(first..).unwrap_or_default());
    paint.rows(paint::lines(inside, room, inside.height), &times);
}

/// All steps with everything inside them where there is room for it; else what is inside the one that matters.
fn fitting_rows(model: &Model, view: &BakeView, paint: &Paint<'_>, columns: usize, room: usize) -> Vec<Row> {
    let all = step_rows(model, view, paint, columns, |_| true);
    if all.len() <= room {
        return all;
    }
    let current = step_rows(model, view, paint, columns, |step| step == view.progress.current);
    let spare = current.len().saturating_sub(room);
    // What is over, or has not begun, gives way to what runs.
    let mut closed = 0;
    let keep = |row: &Row| {
        let is_inner = row.first().is_some_and(|first| first.text.starts_with("  ") && first.tone != Tone::Working && first.tone != Tone::Bad);
        let drop = is_inner && closed < spare;
        closed += usize::from(drop);
        !drop
    };
    let mut rows = current;
    rows.retain(keep);
    rows
}

fn step_rows(model: &Model, view: &BakeView, paint: &Paint<'_>, columns: usize, is_open: impl Fn(usize) -> bool) -> Vec<Row> {
    let (plan, progress) = (&view.operation.plan, &view.progress);
    let mut rows = Vec::new();
    for (at, (step, status)) in plan.steps.iter().zip(&progress.steps).enumerate() {
        let took = match (status.started_at, status.ended_at) {
            (Some(began), Some(ended)) => countdown(ended.since(began)),
            (Some(began), None) if !progress.state.is_final() => countdown(model.clock.world.since(began)),
            (None, _) if !progress.state.is_final() => format!("~{}", countdown(step.expected)),
            _ => String::new(),
        };
        let (sign, tone) = step_sign(view, at, paint.glyphs);
        rows.push(line(sign, &format!("{} {}", at + 1, step.title), &took, tone, columns, paint));
        if is_open(at) && (status.started_at.is_some() || !progress.state.is_final()) {
            rows.extend(inner_rows(view, step.kind, columns, paint));
        }
    }
    rows
}

fn line(sign: &str, name: &str, time: &str, tone: Tone, columns: usize, paint: &Paint<'_>) -> Row {
    let time_width = text::width(time);
    let room = columns.saturating_sub(text::width(sign) + 1 + time_width + 1);
    vec![piece(format!("{sign} {}", text::left(name, room, paint.glyphs.cut)), tone), piece(format!(" {time}"), Tone::Dim)]
}

fn step_sign(view: &BakeView, at: usize, glyphs: &Glyphs) -> (&'static str, Tone) {
    let progress = &view.progress;
    match progress.steps.get(at).and_then(|status| status.outcome) {
        Some(StepOutcome::Success | StepOutcome::Warning) => (glyphs.ok, Tone::Plain),
        Some(StepOutcome::Skipped) => (glyphs.later, Tone::Dim),
        Some(StepOutcome::Failed) => (glyphs.bad, Tone::Bad),
        None if at != progress.current => (glyphs.later, Tone::Dim),
        None if progress.failure.is_some() || progress.state == OperationState::Failed => (glyphs.bad, Tone::Bad),
        None if progress.state.is_final() || progress.state == OperationState::BackingOut => (glyphs.back, Tone::Waits),
        None if progress.state == OperationState::Planned => (glyphs.later, Tone::Dim),
        None => (glyphs.working, Tone::Working),
    }
}

/// What goes on inside a step: provisioners with the newest task of the one that runs, or gates.
fn inner_rows(view: &BakeView, kind: BakeStepKind, columns: usize, paint: &Paint<'_>) -> Vec<Row> {
    let plan = &view.operation.plan;
    let numbers = |count: usize| (0..count).filter_map(|at| u16::try_from(at).ok());
    let (role, parts): (MachineRole, Vec<Part>) = match kind {
        BakeStepKind::Provision => (MachineRole::Builder, numbers(plan.provisioners.len()).map(Part::Provisioner).collect()),
        BakeStepKind::Gates => (MachineRole::Gate, numbers(plan.gates.len()).map(Part::Gate).collect()),
        _ => return Vec::new(),
    };
    let told = view.progress.told_by(role);
    let known = |part: &Part| told.and_then(|told| told.parts.get(part));
    let artifact = known(&Part::Artifact).filter(|_| role == MachineRole::Builder).map(|_| Part::Artifact);
    artifact.into_iter().chain(parts).flat_map(|part| part_rows(view, part, known(&part), columns, paint)).collect()
}

fn part_rows(view: &BakeView, part: Part, status: Option<&PartStatus>, columns: usize, paint: &Paint<'_>) -> Vec<Row> {
    let glyphs = paint.glyphs;
    let gate = if let Part::Gate(number) = part { view.progress.gates.get(&usize::from(number)) } else { None };
    let (sign, tone) = match (gate.map(|gate| gate.passed), status.and_then(|status| status.outcome), status.and_then(|status| status.began_at)) {
        (Some(true), ..) | (None, Some(Outcome::Succeeded), _) => (glyphs.ok, Tone::Plain),
        (Some(false), ..) | (None, Some(Outcome::Failed | Outcome::TimedOut), _) => (glyphs.bad, Tone::Bad),
        (None, Some(Outcome::Skipped), _) | (None, None, None) => (glyphs.later, Tone::Dim),
        (None, None, Some(_)) => (glyphs.working, Tone::Working),
    };
    let took = status.and_then(|status| status.took).map_or_else(String::new, countdown);
    let name = view.operation.plan.part_name(part).unwrap_or_else(|| "?".to_owned());
    let name = name.strip_prefix("gate ").unwrap_or(&name).to_owned();
    let mut rows = vec![line(&format!("  {sign}"), &name, &took, tone, columns, paint)];
    let task = status.filter(|status| status.outcome.is_none()).and_then(|status| status.task.as_ref());
    rows.extend(task.map(|task| paint::toned(format!("      {}", task.shown()), Tone::Dim)));
    rows
}

/// How far it is, how long it takes and how long still.
fn time_rows(model: &Model, view: &BakeView, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let (plan, progress, now) = (&view.operation.plan, &view.progress, model.clock.world);
    if progress.state.is_final() {
        let took = countdown(progress.since.since(progress.began_at));
        return vec![paint::toned(format!("took {took}"), Tone::Dim)];
    }
    let percent = plan.percent(progress, now);
    let bar = bars::progress(u32::from(percent), columns.saturating_sub(5), paint.glyphs);
    let eta = plan.eta(progress, now).map_or_else(|| "?".to_owned(), countdown);
    vec![
        paint::toned(format!("{bar} {percent}%"), Tone::Working),
        paint::plain(format!("elapsed {}  eta {eta}", countdown(now.since(progress.began_at)))),
    ]
}

fn below_rows(model: &Model, view: &BakeView, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let (plan, progress, now) = (&view.operation.plan, &view.progress, model.clock.world);
    let mut rows = Vec::new();
    if let Some(base) = &plan.base {
        let age = base.created_at.map_or_else(|| "?".to_owned(), |at| stepped(now.since(at)));
        let text = format!(" base {} {} ({age})  {}", base.id, base.name.shown(), escape(&plan.builder.instance_type));
        rows.push(paint::toned(text, Tone::Dim));
    }
    if let Some(image) = &progress.image {
        let (passed, _) = progress.gates_passed();
        let gates = if plan.gates.is_empty() { "no gates".to_owned() } else { format!("gates {passed}/{}", plan.gates.len()) };
        rows.push(paint::plain(format!(" image {image} {}  {gates}", escape(&plan.image_name))));
    }
    let tone = sign(view, paint.glyphs).1;
    let wrapped =
        |text: String, tone: Tone| text::wrap(&text, columns.saturating_sub(2)).into_iter().map(move |line| paint::toned(format!(" {line}"), tone));
    rows.extend(wrapped(why(model, view), tone).take(3));
    rows.extend(wrapped(next(model, view), Tone::Plain).take(2));
    rows.push(earlier(model, view, paint));
    rows
}

/// Why it is in its state and since when.
fn why(model: &Model, view: &BakeView) -> String {
    let (plan, progress, now) = (&view.operation.plan, &view.progress, model.clock.world);
    let reason = escape(&progress.reason);
    let state = state_word(progress.state).to_uppercase();
    match progress.state {
        OperationState::Running => {
            let title = plan.step_title(progress.current).unwrap_or("its end");
            let since = progress.step_started_at.map_or_else(|| "not started".to_owned(), |at| format!("for {}", countdown(now.since(at))));
            format!("{state}: {title}, {since}")
        }
        state_now if state_now.is_final() => format!("{state} {} ago: {reason}", about(now.since(progress.since))),
        _ => format!("{state} for {}: {reason}", stepped(now.since(progress.since))),
    }
}

/// What happens next, and which key changes that.
fn next(model: &Model, view: &BakeView) -> String {
    let (plan, progress) = (&view.operation.plan, &view.progress);
    let [abort, take_over, bake] = [CommandId::BackOut, CommandId::TakeOver, CommandId::Bake].map(|id| model.keymap.first(id));
    if is_bake_abandoned(view, model.clock.world) {
        let id = &view.operation.id;
        return format!("Nobody drives it, nothing goes on: {take_over} takes it over (or `qd drive {id} --take-over`)");
    }
    if let Some((id, until)) = &progress.kept {
        return format!("Builder {id} is kept until {} to be looked at, then the next sweep removes it", until.clock());
    }
    match progress.state {
        OperationState::Succeeded => "Nothing of the bake is left but its image and this log".to_owned(),
        OperationState::BackingOut => "Next: builder, volumes and the instance of the gates are removed".to_owned(),
        state if state.is_final() => format!("Nothing of it is left; {bake} bakes the recipe again"),
        _ => {
            let after = plan.step_title(progress.current + 1).unwrap_or("done");
            format!("Next: {after}. {abort} aborts. It goes on without this screen; limit {}", plan.timing.limit)
        }
    }
}

/// How long it is expected to take, and earlier bakes of the recipe: how long each took and how it ended.
fn earlier(model: &Model, view: &BakeView, paint: &Paint<'_>) -> Row {
    let before = model.baking.earlier(view);
    let told = |(other, took): &(&BakeView, Millis)| match other.state() {
        OperationState::Succeeded => piece(format!(" {} {} ", countdown(*took), paint.glyphs.ok), Tone::Plain),
        OperationState::Failed => {
            let step = other.operation.plan.step_title(other.progress.current).unwrap_or("its end");
            piece(format!(" {} {} {step} ", countdown(*took), paint.glyphs.bad), Tone::Bad)
        }
        state => piece(format!(" {} {} ", countdown(*took), state_word(state)), Tone::Dim),
    };
    let usual = countdown(Millis(view.operation.plan.steps.iter().map(|step| step.expected.0).sum()));
    let was = if view.state().is_final() { "was expected" } else { "expected" };
    let last = if before.is_empty() { "" } else { "; others of the recipe:" };
    let head = piece(format!(" {was} to take {usual}{last}"), Tone::Dim);
    std::iter::once(head).chain(before.iter().map(told)).collect()
}

fn event_rows(view: &BakeView, room: usize) -> Vec<Row> {
    let lines = view.events.iter().rev().filter_map(|event| event_line(&view.operation.plan, event));
    lines.take(room).map(|line| paint::plain(format!(" {line}"))).collect()
}

/// Where in the program we are: what is baked, by whom, why.
pub fn crumbs(model: &Model, id: &OperationId, paint: &Paint<'_>) -> Row {
    let crumb = paint.glyphs.crumb;
    let Some(view) = model.baking.view(id) else { return paint::plain(format!(" bakes {crumb} {id}")) };
    let operation = &view.operation;
    let reason = operation.reason.as_ref().map_or_else(String::new, |reason| format!(" \"{}\"", reason.shown()));
    let (sign, tone) = sign(view, paint.glyphs);
    vec![
        piece(format!(" bakes {crumb} {} {crumb} {id} by {}{reason}", baking::name(view), operation.by.short()), Tone::Plain),
        piece(format!("   {sign} {}", far(model, view)), tone),
    ]
}
