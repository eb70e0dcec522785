//! The sheet of several fleets: one line a fleet, the one in the worst state first, and what became of each.
//!
//! ```text
//!  2 of 3 fleets can be rolled back; 5 at a time, one weight change first
//!    web-prod      R0  2.14.0 → 2.13.2   ~5s
//!    api-prod      R1  5.2.0 → 5.1.0     ~4m   stops blue-green op-4
//!  ✗ admin-prod    left out: it has no way back: image of 4.1.9 is gone
//! ```

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::age::about;
use crate::app::batch::{BATCH, Batch, BatchKind, Line, LineState};
use crate::app::sheet::Sending;
use crate::domain::text::escape;
use crate::operation::plan::Plan;
use crate::operation::status::WayBackLevel;

/// Width of the column of fleets.
const NAMES: usize = 14;

/// Everything above the keys.
pub fn rows(batch: &Batch, sending: &Sending, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut rows = vec![paint::toned(head(batch, sending), Tone::Strong)];
    for line in &batch.lines {
        rows.extend(line_rows(line, paint, columns));
    }
    if batch.kind == BatchKind::RollBack && *sending == Sending::Not {
        rows.push(paint::toned(" each is an operation of its own; one that is refused stops no other", Tone::Dim));
    }
    rows
}

fn head(batch: &Batch, sending: &Sending) -> String {
    let (all, ready) = (batch.lines.len(), batch.ready());
    match (sending, batch.kind) {
        (Sending::Not, BatchKind::RollBack) if batch.is_planning() => format!(" Making {all} plans from fresh facts"),
        (Sending::Not, BatchKind::RollBack) => format!(" {ready} of {all} fleets can be rolled back; {BATCH} at a time, one weight change first"),
        (Sending::Not, BatchKind::BackOut) => format!(" {ready} of {all} fleets have a deploy that can back out: traffic to stable now"),
        _ => {
            let (begun, refused) = batch.tally();
            let waits = if batch.is_open() { ", waiting for the others" } else { "" };
            format!(" {begun} under way, {refused} refused{waits}")
        }
    }
}

fn line_rows(line: &Line, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let glyphs = paint.glyphs;
    let (sign, tone, words) = match &line.state {
        LineState::Planning => (glyphs.working, Tone::Dim, "planning".to_owned()),
        LineState::Planned(plan) => (" ", Tone::Plain, plan_words(plan, glyphs.to)),
        LineState::Ready(errand) => {
            (" ", Tone::Plain, format!("{} {}: {}", errand.word, errand.operation, errand.effects.first().cloned().unwrap_or_default()))
        }
        LineState::LeftOut(problem) => (glyphs.bad, Tone::Waits, format!("left out: {}", problem.text)),
        LineState::Sent => (glyphs.working, Tone::Working, "on its way".to_owned()),
        LineState::Begun(id) => (glyphs.ok, Tone::Good, format!("{id} goes on without this screen")),
        LineState::Answered(answer) => (glyphs.ok, Tone::Good, answer.clone()),
        LineState::Refused(problem) => (glyphs.bad, Tone::Bad, format!("refused: {}", problem.text)),
    };
    let name = text::left(&line.fleet.to_string(), NAMES, glyphs.cut);
    let room = columns.saturating_sub(NAMES + 5).max(12);
    let wrapped = text::wrap(&escape(&words), room);
    let lead = |at: usize| if at == 0 { format!(" {sign} {name} ") } else { " ".repeat(NAMES + 4) };
    wrapped.into_iter().enumerate().map(|(at, part)| vec![piece(lead(at), tone), piece(part, tone)]).collect()
}

fn plan_words(plan: &Plan, arrow: &str) -> String {
    let level = plan.level.map_or("?", WayBackLevel::word);
    let also = plan.supersedes.as_ref().map_or_else(String::new, |operation| format!("  stops {operation}"));
    let ends = text::left(&format!("{} {arrow} {}", plan.from.label(), plan.to.label()), 20, "…");
    format!("{level}  {ends} ~{}{also}", text::left(&about(plan.until_on_target()), 4, ""))
}
