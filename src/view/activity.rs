//! What operations did: every step, call and verdict, newest first, and all about the event under the cursor.
//!
//! ```text
//! ┏━ EVENTS newest first  / fleet:web-prod ━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 9/61 ━┓
//! ┃TIME     WHO    WHAT   TARGET        DETAIL                                ┃
//! ┃03:12:07 auto   judge  web-prod      step 5/9 weight 25%: judge FAIL, …    ┃
//! ┃                                                                           ┃
//! ┃03:12:07 step 5/9 weight 25%: judge FAIL, the whole of it                  ┃
//! ┃ op-3 canary web-prod 2.13.2 -> 2.14.0, by ada@bastion-1 "cart badge fix"  ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::commands::CommandId;
use crate::app::events::{self, Kind};
use crate::app::lines::{told_line, told_text};
use crate::app::model::Model;
use crate::app::needs::state_word;
use crate::app::rows;
use crate::operation::any::AnyRef;
use crate::operation::event::{CallOutcome, Event, EventBody, OperationState};

/// Lines about the event under the cursor.
const BELOW: u16 = 7;
/// Columns before the text of an event that is shown in full.
const LEAD: usize = 10;
/// Below so many columns there is room for when, where and what only.
const NARROW: u16 = 60;

/// Draws it.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let (count, at) = (rows::activity_shown(model).len(), rows::event_position(model));
    let note = if count == 0 { String::new() } else { format!("{}/{count}", (at + 1).min(count)) };
    let inside = paint.boxed(area, &format!("EVENTS newest first{}", asked(model)), &note, true);
    let below = if inside.height >= 14 && count > 0 { BELOW } else { 0 };
    paint.row(inside, 0, &head(model));
    list(model, paint, paint::lines(inside, 1, inside.height.saturating_sub(1 + below)));
    let about = about(model, usize::from(inside.width));
    paint.rows(paint::lines(inside, inside.height.saturating_sub(below), below), &about);
}

/// What is asked for, if not everything is.
fn asked(model: &Model) -> String {
    let filter = model.filters.activity.text();
    let mut asked = if filter.is_empty() { String::new() } else { format!("  / {filter}") };
    if let Some(kind) = model.shown.kind {
        asked.push_str(&format!("  only {}", kind.word()));
    }
    if model.shown.mine {
        asked.push_str("  only mine");
    }
    if !model.marked_events.is_empty() {
        asked.push_str(&format!("  {} marked", model.marked_events.len()));
    }
    asked
}

fn head(model: &Model) -> Row {
    paint::toned(if model.wide { " TIME     TARGET, DETAIL" } else { "TIME     WHO    WHAT   TARGET        DETAIL" }, Tone::Dim)
}

/// The events around the one under the cursor.
pub fn list(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let all = rows::activity_shown(model);
    let count = all.len();
    if count == 0 {
        return paint.row(area, 0, &paint::toned(nothing(model), Tone::Dim));
    }
    let position = rows::event_position(model);
    if model.wide {
        return whole(model, paint, area, position);
    }
    let first = paint::first_shown(position, count, usize::from(area.height));
    for (line, (at, event)) in (0..area.height).zip(all.enumerate().skip(first)) {
        let row = event.and_then(|(view, event)| row(model, view, event, paint, area.width)).unwrap_or_default();
        paint.row(area, line, &row);
        if at == position {
            paint.cursor(area, line);
        }
    }
}

/// The events in full, each over as many lines as it takes; the one under the cursor is always among them.
fn whole(model: &Model, paint: &mut Paint<'_>, area: Rect, position: usize) {
    let columns = usize::from(area.width).saturating_sub(LEAD);
    let lines_of = |at: usize| -> Vec<Row> {
        let Some((view, event)) = rows::activity_shown(model).nth(at).flatten() else { return Vec::new() };
        let mark = if rows::is_marked(model, view, event) { "*" } else { " " };
        let text = format!("{} {}", view.about(), told_text(view, event).unwrap_or_default());
        let lead = |line: usize| if line == 0 { format!("{mark}{} ", event.at.clock()) } else { " ".repeat(LEAD) };
        let lines = text::wrap(&text, columns).into_iter().enumerate();
        lines.map(|(line, text)| vec![piece(lead(line), Tone::Dim), piece(text, tone(&event.body))]).collect()
    };
    let (mut first, mut above) = (position, 0);
    while let Some(before) = first.checked_sub(1) {
        above += lines_of(before).len();
        if above > usize::from(area.height / 2) {
            break;
        }
        first = before;
    }
    let mut line = 0;
    for at in first..rows::activity_shown(model).len() {
        if line >= area.height {
            return;
        }
        let begun = line;
        for row in lines_of(at) {
            paint.row(area, line, &row);
            line = line.saturating_add(1);
        }
        if at == position {
            paint.cursor(area, begun);
        }
    }
}

fn nothing(model: &Model) -> String {
    match (model.operations_read, model.listing.is_all_quiet()) {
        (false, _) => " not read yet".to_owned(),
        (true, true) => " no operation was ever started from this store".to_owned(),
        (true, false) => format!(" nothing passes the filter: {} clears it", model.keymap.first(CommandId::Back)),
    }
}

/// The newest events, for a box of another view.
pub fn newest(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    if rows::activity(model).len() == 0 {
        let text = if model.operations_read { " no operation was ever started from this store" } else { " not read yet" };
        return paint.row(area, 0, &paint::toned(text, Tone::Dim));
    }
    let shown: Vec<Row> =
        rows::news(model).take(usize::from(area.height)).filter_map(|(view, event)| row(model, view, event, paint, area.width)).collect();
    paint.rows(area, &shown);
}

fn row(model: &Model, view: AnyRef<'_>, event: &Event, paint: &Paint<'_>, columns: u16) -> Option<Row> {
    let mark = if rows::is_marked(model, view, event) { "*" } else { " " };
    if columns < NARROW {
        let fleet = text::left(&view.about(), 9, paint.glyphs.cut);
        return Some(vec![piece(format!("{}{mark}{fleet} ", event.at.clock()), Tone::Dim), piece(told_text(view, event)?, tone(&event.body))]);
    }
    let (who, about) = (events::who(model, &event.body), view.about());
    Some(vec![
        piece(event.at.clock(), Tone::Dim),
        piece(mark, Tone::Key),
        piece(format!("{} ", text::left(&who, 6, paint.glyphs.cut)), if who == "auto" { Tone::Dim } else { Tone::Strong }),
        piece(format!("{:<6} ", Kind::of(&event.body).word()), Tone::Dim),
        piece(format!("{} ", text::left(&about, 13, paint.glyphs.cut)), Tone::Plain),
        piece(told_text(view, event)?, tone(&event.body)),
    ])
}

/// The event under the cursor and its operation, in full.
fn about(model: &Model, columns: usize) -> Vec<Row> {
    let Some((view, event)) = rows::selected_event(model) else { return Vec::new() };
    let (by, calls) = (view.by(), view.calls());
    let whole = told_line(view, event).unwrap_or_default();
    let mut rows = vec![Vec::new()];
    rows.extend(text::wrap(&whole, columns).into_iter().take(2).map(|line| paint::toned(line, tone(&event.body))));
    let why = view.why().map_or_else(|| "-".to_owned(), |reason| format!("\"{}\"", reason.shown()));
    let from = by.from.as_ref().map(|from| format!(" from {}", from.shown())).unwrap_or_default();
    let lasted = view.events().last().map_or(0, |last| last.at.since(view.created_at()).as_secs());
    let named = |name: &str, text: String| vec![piece(format!(" {name:<6}"), Tone::Dim), piece(text, Tone::Plain)];
    rows.extend([
        named("op", format!("{} {}, {} after {}", view.id(), view.words(), state_word(view.state()), span(lasted))),
        named("why", format!("{why}   plan {}", view.plan_id())),
        named("who", format!("{}{from} as {}", by.short(), by.caller.shown())),
        named("calls", format!("{} ok, {} refused, {} unknown", calls.accepted, calls.refused, calls.unknown)),
    ]);
    rows
}

fn span(secs: u64) -> String {
    format!("{}:{:02}", secs / 60, secs % 60)
}

const fn tone(body: &EventBody) -> Tone {
    match body {
        EventBody::StateChanged { to: OperationState::Holding | OperationState::Paused | OperationState::BackingOut, .. }
        | EventBody::CallEnded { outcome: CallOutcome::Unknown { .. }, .. } => Tone::Waits,
        EventBody::TrafficOnTarget | EventBody::BecameStable => Tone::Good,
        body if events::is_remarkable(body) => Tone::Bad,
        _ => Tone::Plain,
    }
}
