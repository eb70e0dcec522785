//! What operations did: every step, call and verdict, newest first.

use ratatui::layout::Rect;

use super::lines::event_text;
use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::model::Model;
use crate::app::rows;
use crate::operation::event::{CallOutcome, Event, EventBody, OperationState, StepOutcome, VerdictWord};
use crate::operation::record::OperationView;

/// Draws it.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let count = rows::activity(model).len();
    let note = if count == 0 { String::new() } else { format!("{}/{count}", (model.scroll + 1).min(count)) };
    let inside = paint.boxed(area, "EVENTS newest first", &note, true);
    list(model, paint, inside, model.scroll);
}

/// The events from position `first` on.
pub fn list(model: &Model, paint: &mut Paint<'_>, area: Rect, first: usize) {
    let all = rows::activity(model);
    if all.len() == 0 {
        let text = if model.operations_read { " no operation was ever started from this store" } else { " not read yet" };
        return paint.row(area, 0, &paint::toned(text, Tone::Dim));
    }
    let last_start = all.len().saturating_sub(usize::from(area.height));
    let shown: Vec<Row> =
        all.skip(first.min(last_start)).take(usize::from(area.height)).flatten().filter_map(|(view, event)| row(view, event, paint)).collect();
    paint.rows(area, &shown);
}

fn row(view: &OperationView, event: &Event, paint: &Paint<'_>) -> Option<Row> {
    let plan = &view.operation.plan;
    let fleet = text::left(&plan.fleet.to_string(), 13, paint.glyphs.cut);
    let operation = text::left(&view.operation.id.to_string(), 7, paint.glyphs.cut);
    Some(vec![
        piece(format!("{} ", event.at.clock()), Tone::Dim),
        piece(format!("{fleet} {operation} "), Tone::Plain),
        piece(event_text(plan, event)?, tone(&event.body)),
    ])
}

const fn tone(body: &EventBody) -> Tone {
    match body {
        EventBody::StepEnded { outcome: StepOutcome::Failed, .. }
        | EventBody::CallEnded { outcome: CallOutcome::Refused { .. }, .. }
        | EventBody::StateChanged { to: OperationState::Failed, .. } => Tone::Bad,
        EventBody::Judged { verdict, .. } if matches!(verdict.word, VerdictWord::Fail) => Tone::Bad,
        EventBody::StateChanged { to: OperationState::Holding | OperationState::Paused, .. }
        | EventBody::CallEnded { outcome: CallOutcome::Unknown { .. }, .. } => Tone::Waits,
        EventBody::TrafficOnTarget | EventBody::BecameStable => Tone::Good,
        _ => Tone::Plain,
    }
}
