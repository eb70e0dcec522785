//! Errors and operations that stopped: they stay until they are read; enter jumps to the cause. Below the one under the cursor, what changed in
//! any fleet before it began.
//!
//! ```text
//! ┏━ ALERTS newest first ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 2 unread ━┓
//! ┃>!03:12:07 web-prod canary holding: the judge fails weight 25%…   ┃
//! ┃  03:09:55 reading fleets: throttled                              ┃
//! ┃                                                                  ┃
//! ┃ the one under the cursor in full, and what to do about it        ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ┌─ CHANGES in the 6h before it began, 03:12:07 ──────────────── 1/4 ┐
//! │  4m before  03:08:05 payments-prod  214 reached 50% of the traffic│
//! └───────────────────────────────────────────────────────────────────┘
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::age::about as about_span;
use crate::app::alert::Alert;
use crate::app::commands::CommandId;
use crate::app::model::{Model, is_at_work};
use crate::app::suspects::{self, REACH, Suspect};
use crate::domain::ids::FleetName;
use crate::operation::event::OperationState;
use crate::operation::plan::OperationKind;
use crate::operation::record::OperationView;

/// Lines about the alert under the cursor.
const BELOW: u16 = 6;
/// From so many lines on there is room for what changed before.
const ROOM_FOR_CHANGES: u16 = 18;

/// Draws them; below, what changed before the one under the cursor.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let lower = if area.height >= ROOM_FOR_CHANGES && !model.inbox.all().is_empty() { (area.height * 2 / 5).max(8) } else { 0 };
    let note = format!("{} unread of {}", model.inbox.unread(), model.inbox.all().len());
    let upper = paint::lines(area, 0, area.height - lower);
    let inside = paint.boxed(upper, "ALERTS newest first", &note, !model.suspects.has_focus);
    let below = if inside.height >= 9 { BELOW } else { 0 };
    let count = u16::try_from(model.inbox.all().len().max(1)).unwrap_or(u16::MAX);
    let shown = paint::lines(inside, 0, count.min(inside.height - below));
    list(model, paint, shown, 1);
    let about = model.selected_alert().map(|alert| about(alert, &model.keymap.first(CommandId::Open), usize::from(inside.width))).unwrap_or_default();
    paint.rows(paint::lines(inside, shown.height, below), &about);
    if lower > 0 {
        changes(model, paint, paint::lines(area, area.height - lower, lower));
    }
}

/// What changed in any fleet before the alert under the cursor began, and the keys that take it back.
fn changes(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let (all, focus) = (suspects::of_alert(model), model.suspects.has_focus);
    let Some(alert) = model.selected_alert() else { return };
    let position = suspects::position(model, &all);
    let note = if all.is_empty() { String::new() } else { format!("{}/{}", position + 1, all.len()) };
    let title = format!("CHANGES in the {} before it began, {}", about_span(REACH), alert.began.clock());
    let inside = paint.boxed(area, &title, &note, focus);
    if all.is_empty() {
        return paint.row(inside, 0, &paint::toned(" no fleet was changed from here", Tone::Dim));
    }
    change_rows(model, alert, &all, paint, inside);
}

/// The changes, and in the last line what takes the one under the cursor back.
fn change_rows(model: &Model, alert: &Alert, all: &[Suspect], paint: &mut Paint<'_>, area: Rect) {
    let (focus, position) = (model.suspects.has_focus, suspects::position(model, all));
    let rows = paint::lines(area, 0, area.height.saturating_sub(1));
    let first = paint::first_shown(position, all.len(), usize::from(rows.height));
    for (line, (at, suspect)) in (0..rows.height).zip(all.iter().enumerate().skip(first)) {
        let chosen = focus && at == position;
        let row = change(suspect, alert, chosen, paint, usize::from(area.width));
        paint.row(rows, line, &row);
        if chosen {
            paint.cursor(rows, line);
        }
    }
    paint.row(area, rows.height, &hint(model, alert, focus));
}

/// Where there is no room for both: the alerts, or in their place what changed before the one under the cursor while that has the focus.
pub fn in_lines(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    match model.selected_alert().filter(|_| model.suspects.has_focus) {
        Some(alert) => change_rows(model, alert, &suspects::of_alert(model), paint, area),
        None => list(model, paint, area, 2),
    }
}

/// How what an operation changed is taken back; where that happened already, what a rollback would do instead.
fn taken_back(model: &Model, view: &OperationView) -> String {
    let (id, rolls_back) = (&view.operation.id, rolls_back(model, &view.operation.plan.fleet));
    match (view.operation.plan.kind, view.state()) {
        (OperationKind::Rollback, _) => format!("{id} is a way back itself; {rolls_back}"),
        (_, OperationState::BackedOut | OperationState::RolledBack) => format!("{id} was taken back already; {rolls_back}, further back"),
        (OperationKind::Deploy, state) if is_at_work(state) => {
            format!("{} backs {id} out; {rolls_back}", model.keymap.first(CommandId::BackOut))
        }
        _ => rolls_back,
    }
}

/// Which key leads to the rollback of a fleet, and where that goes as far as it is known.
fn rolls_back(model: &Model, fleet: &FleetName) -> String {
    let target = model.fleet_status(fleet).and_then(|status| status.way_back.target.as_ref());
    let to = target.map_or_else(String::new, |release| format!(" to {}", release.label()));
    format!("{} rolls {fleet} back{to}", model.keymap.first(CommandId::Rollback))
}

fn change(suspect: &Suspect, alert: &Alert, chosen: bool, paint: &Paint<'_>, columns: usize) -> Row {
    let cut = paint.glyphs.cut;
    let lead = piece(if chosen { ">" } else { " " }, Tone::Plain);
    if columns < 60 {
        let tail = format!("{} {}", suspect.fleet, suspect.what);
        return vec![lead, piece(format!("{}  ", suspect.offset(alert.began)), Tone::Waits), piece(tail, Tone::Plain)];
    }
    let wide = columns >= 100;
    let fleet = if wide { 24 } else { 14 };
    let operation = if wide { text::left(&suspect.operation.to_string(), 8, cut) } else { String::new() };
    // What happened to the fleet of the alert is the first thing to look at.
    let tone = if Some(&suspect.fleet) == alert.fleet.as_ref() { Tone::Strong } else { Tone::Plain };
    vec![
        lead,
        piece(format!("{} ", text::right(&suspect.offset(alert.began), 15, cut)), Tone::Waits),
        piece(format!(" {} {} ", suspect.at.clock(), text::left(&suspect.fleet.to_string(), fleet, cut)), tone),
        piece(operation, Tone::Dim),
        piece(suspect.what.clone(), tone),
    ]
}

/// Which keys lead from here to the sheet that takes it back.
fn hint(model: &Model, alert: &Alert, focus: bool) -> Row {
    let [roll_back, pane] = [CommandId::Rollback, CommandId::NextPane].map(|id| model.keymap.first(id));
    let mut text = match (suspects::operation(model), &alert.fleet) {
        (Some(view), _) => format!(" {}", taken_back(model, view)),
        (None, Some(fleet)) if !focus => format!(" {}; {pane} goes to the changes, to take back another", rolls_back(model, fleet)),
        (None, _) => format!(" {pane} goes to the changes: {roll_back} there takes one back"),
    };
    if suspects::may_miss_some(model) {
        text.push_str("; older ones: qd suspects");
    }
    paint::toned(text, Tone::Dim)
}

/// The list, one line each, or two with what to do about it.
pub fn list(model: &Model, paint: &mut Paint<'_>, area: Rect, each: u16) {
    let all = model.inbox.all();
    if all.is_empty() {
        return paint.row(area, 0, &paint::toned(" nothing went wrong in this session", Tone::Dim));
    }
    let selected = model.selected_alert().map(|alert| alert.id);
    let position = all.iter().position(|alert| Some(alert.id) == selected).unwrap_or(0);
    let room = usize::from(area.height / each).max(1);
    let first = paint::first_shown(position, all.len(), room);
    for (slot, alert) in (0..=area.height / each).zip(all.iter().skip(first)) {
        let chosen = Some(alert.id) == selected;
        paint.row(area, slot * each, &head(alert, chosen));
        if each > 1 {
            paint.row(area, slot * each + 1, &paint::toned(format!("           {}", alert.hint), Tone::Dim));
        }
        if chosen {
            paint.cursor(area, slot * each);
        }
    }
}

fn head(alert: &Alert, chosen: bool) -> Row {
    let lead = if chosen { ">" } else { " " };
    let unread = if alert.read { " " } else { "!" };
    let times = if alert.times > 1 { format!("  ({} times)", alert.times) } else { String::new() };
    vec![
        piece(format!("{lead}{unread}{} ", alert.at.clock()), Tone::Plain),
        piece(alert.text.clone(), if alert.read { Tone::Plain } else { Tone::Bad }),
        piece(times, Tone::Dim),
    ]
}

/// An alert in full, and where opening it leads.
fn about(alert: &Alert, open: &str, columns: usize) -> Vec<Row> {
    let lines = |text: &str, tone: Tone| -> Vec<Row> {
        text::wrap(text, columns.saturating_sub(2)).into_iter().map(|line| paint::toned(format!(" {line}"), tone)).collect()
    };
    let mut rows = vec![Vec::new()];
    rows.extend(lines(&alert.text, Tone::Strong).into_iter().take(3));
    rows.extend(lines(&alert.hint, Tone::Plain).into_iter().take(1));
    let leads = match (&alert.fleet, &alert.bake) {
        (Some(fleet), _) => format!("{open} opens {fleet}"),
        (None, Some(_)) => format!("{open} opens its steps and its log"),
        (None, None) => format!("it is about no single fleet: {open} opens the sources"),
    };
    rows.push(paint::toned(format!(" {leads}"), Tone::Dim));
    rows
}
