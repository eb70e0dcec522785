//! The plan sheet: nothing is changed before `y`, and what `y` still needs is always in sight.
//!
//! ```text
//! ┏━ ROLL BACK web-prod ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ plan 7f3a ━┓
//! ┃ what it does (j k scroll)                                                     ┃
//! ┃                                                                               ┃
//! ┃ reason   -                                              i add (optional)      ┃
//! ┃ y  roll back now     n esc  cancel      (enter does nothing here)             ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::sheet_text;
use super::text;
use super::theme::Tone;
use crate::app::batch::Batch;
use crate::app::commands::CommandId;
use crate::app::keymap::Keymap;
use crate::app::model::Model;
use crate::app::sheet::{Entry, Sending, Sheet, Subject};
use crate::domain::text::escape;
use crate::operation::plan::Friction;

/// Draws the open sheet.
pub fn draw(model: &Model, sheet: &Sheet, paint: &mut Paint<'_>, area: Rect) {
    let id = sheet.plan().map(|plan| &plan.id).or_else(|| sheet.bake_plan().map(|plan| &plan.id));
    let note = id.map(|id| format!("plan {id}")).unwrap_or_default();
    let inside = paint.boxed(area, &sheet_text::title(sheet), &note, true);
    contents(model, sheet, paint, inside);
}

/// What the sheet says above, what `y` needs below. The lower part always has its room.
pub fn contents(model: &Model, sheet: &Sheet, paint: &mut Paint<'_>, area: Rect) {
    let lower = lower_rows(sheet, &model.keymap, usize::from(area.width));
    let lower_height = u16::try_from(lower.len()).unwrap_or(u16::MAX).min(area.height);
    let upper_height = area.height - lower_height;
    let upper = sheet_text::rows(sheet, model, paint, usize::from(area.width));
    let room = usize::from(upper_height);
    let first = sheet.scroll.min(upper.len().saturating_sub(room));
    let hidden = upper.len().saturating_sub(first + room);
    // The last line is drawn with the note at its end, and only once.
    let whole = room.saturating_sub(usize::from(hidden > 0));
    paint.rows(paint::lines(area, 0, upper_height), upper.get(first..upper.len().min(first + whole)).unwrap_or_default());
    if hidden > 0 && upper_height > 0 {
        let down = model.keymap.first(CommandId::Down);
        let note = paint::toned(if area.width < 60 { format!("+{hidden} {down}") } else { format!(" {hidden} more below: {down} ") }, Tone::Key);
        paint.ends(paint::lines(area, upper_height - 1, 1), 0, upper.get(first + room - 1).map_or(&[][..], Vec::as_slice), &note);
    }
    let bottom = lower.len().saturating_sub(usize::from(lower_height));
    paint.rows(paint::lines(area, upper_height, lower_height), lower.get(bottom..).unwrap_or_default());
}

/// Reason, name, what went wrong, and the keys.
fn lower_rows(sheet: &Sheet, keymap: &Keymap, columns: usize) -> Vec<Row> {
    if let (Subject::Batch(batch), Sending::Sent) = (&sheet.subject, &sheet.sending) {
        return sent_rows(batch, keymap);
    }
    let mut rows: Vec<Row> = Vec::new();
    let several = matches!(sheet.subject, Subject::Batch(_));
    if let Some(one_way) = sheet.plan().and_then(|plan| plan.schema.as_ref()?.one_way.as_ref()) {
        let lines = text::wrap(&crate::domain::text::escape(&format!("ONE WAY: {}", one_way.sentence())), columns.saturating_sub(2));
        rows.extend(lines.into_iter().map(|line| paint::toned(format!(" {line}"), Tone::Bad)));
    }
    if let Some(Friction::Typed { because }) = sheet.friction().filter(|_| !several) {
        rows.push(paint::toned(format!(" Dangerous: {because}"), Tone::Bad));
    }
    if sheet.friction().is_some() {
        rows.push(entry_row(sheet, keymap, Entry::Reason));
    }
    if sheet.needs_name() {
        rows.push(entry_row(sheet, keymap, Entry::Name));
    }
    rows.extend(outcome_rows(sheet, columns));
    rows.push(keys(sheet, keymap));
    rows
}

/// Several fleets were confirmed: what became of each stands above.
fn sent_rows(batch: &Batch, keymap: &Keymap) -> Vec<Row> {
    let waits = if batch.is_open() {
        paint::toned(" Sent: waiting for the answers", Tone::Working)
    } else {
        paint::plain(" Each goes on without this screen")
    };
    vec![waits, vec![piece(format!(" {}", keymap.shown(CommandId::Cancel)), Tone::Key), piece("  close", Tone::Plain)]]
}

fn entry_row(sheet: &Sheet, keymap: &Keymap, entry: Entry) -> Row {
    let (name, key, field) = match entry {
        Entry::Reason => ("reason", CommandId::Reason, &sheet.reason),
        Entry::Name if matches!(sheet.subject, Subject::Batch(_)) => ("number", CommandId::Name, &sheet.typed),
        Entry::Name => ("name", CommandId::Name, &sheet.typed),
    };
    if sheet.editing == Some(entry) {
        return vec![
            piece(format!(" {name:<9}"), Tone::Key),
            piece(format!("{}_", field.text()), Tone::Strong),
            piece("   enter done, esc leave", Tone::Dim),
        ];
    }
    let shown = if field.text().is_empty() { "-" } else { field.text() };
    vec![
        piece(format!(" {name:<9}"), Tone::Dim),
        piece(shown, Tone::Strong),
        piece(format!("   {}", keymap.first(key)), Tone::Key),
        piece(invitation(sheet, entry), Tone::Dim),
    ]
}

fn invitation(sheet: &Sheet, entry: Entry) -> String {
    match entry {
        Entry::Reason if sheet.needs_reason() => " type why (required)".to_owned(),
        Entry::Reason => " type why (optional)".to_owned(),
        Entry::Name => format!(" type {} (required)", sheet.word_wanted()),
    }
}

fn outcome_rows(sheet: &Sheet, columns: usize) -> Vec<Row> {
    let lines = |text: &str, tone: Tone| -> Vec<Row> {
        text::wrap(&escape(text), columns.saturating_sub(2)).into_iter().map(|line| paint::toned(format!(" {line}"), tone)).collect()
    };
    let mut rows = match &sheet.sending {
        Sending::Not => Vec::new(),
        Sending::Sent => lines("Sent: waiting for the answer", Tone::Working),
        Sending::Failed(problem) => [lines(&problem.text, Tone::Bad), lines(&problem.hint, Tone::Strong)].concat(),
    };
    if let Some(told) = &sheet.told {
        rows.extend(lines(&format!("Not yet: {told}"), Tone::Waits));
    }
    rows
}

fn keys(sheet: &Sheet, keymap: &Keymap) -> Row {
    let off = sheet.hurdle(keymap).is_some();
    let yes = sheet_text::yes(sheet);
    let confirm = keymap.first(CommandId::Confirm);
    let mut row = if off {
        vec![piece(format!(" ({confirm}  {yes})"), Tone::Dim)]
    } else {
        vec![piece(format!(" {confirm}"), Tone::Key), piece(format!("  {yes}"), Tone::Strong)]
    };
    row.extend([
        piece(format!("    {}", keymap.shown(CommandId::Cancel)), Tone::Key),
        piece("  cancel", Tone::Plain),
        piece("    (enter does nothing here)", Tone::Dim),
    ]);
    row
}
