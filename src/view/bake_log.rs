//! The log of a bake: its end as it comes, or the lines around the one under the cursor.
//!
//! ```text
//! ┏━ LOG  / unpack 3/12 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1 warns ━┓
//! ┃==> provision: started                                             ┃
//! ┃Unpacking web (2.15.0~rc1) ...                                     ┃
//! ┃-- following, 412 lines, f stays --                                ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use std::ops::Range;

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row};
use super::text;
use super::theme::Tone;
use crate::app::bake_lines::marker_words;
use crate::app::bake_log::BakeLog;
use crate::app::commands::CommandId;
use crate::app::model::Model;
use crate::bake::marker::Marker;
use crate::bake::packages;
use crate::domain::text::{counted, escape};
use crate::operation::bake::BakeView;

/// So much of one line is shown; what is longer stands in the file.
const LONGEST: usize = 2_000;

/// Draws it in a box.
pub fn draw(model: &Model, view: &BakeView, paint: &mut Paint<'_>, area: Rect) {
    let log = &model.baking.log;
    let inside = paint.boxed(area, &title(model, log), &note(log), true);
    let body = paint::lines(inside, 0, inside.height.saturating_sub(1));
    lines(model, view, paint, body);
    let last = paint::lines(inside, body.height, 1);
    paint.row(last, 0, &paint::toned(standing(model, log), Tone::Dim));
}

fn title(model: &Model, log: &BakeLog) -> String {
    let Some((text, search)) = &log.search else { return if model.wide { "LOG wrapped".to_owned() } else { "LOG".to_owned() } };
    let hits = search.hits();
    let at = hits.binary_search(&log.line()).map_or_else(|_| String::new(), |at| format!("{}/", at + 1));
    let more = if search.is_over(&log.log) { "" } else { "+" };
    format!("LOG  / {}  {at}{}{more}", escape(text), hits.len())
}

fn note(log: &BakeLog) -> String {
    let more = if log.remarks.is_over(&log.log) { "" } else { "+" };
    match log.remarks.hits().len() {
        0 => String::new(),
        1 => format!("1{more} line warns"),
        many => format!("{many}{more} lines warn"),
    }
}

fn standing(model: &Model, log: &BakeLog) -> String {
    let (key, lines) = (model.keymap.first(CommandId::Follow), log.log.lines());
    let early = match log.log.first_line() {
        0 => String::new(),
        before => format!(", the first {before} only in its file"),
    };
    match log.at {
        _ if lines == 0 => String::new(),
        None => format!("-- following, {}{early}, {key} stays --", counted(lines, "line")),
        Some(at) => format!("-- line {} of {lines}{early}, {key} follows --", at + 1),
    }
}

/// The lines themselves, as many as there is room for; the one under the cursor is among them.
pub fn lines(model: &Model, view: &BakeView, paint: &mut Paint<'_>, area: Rect) {
    let log = &model.baking.log;
    let count = log.log.lines();
    if count == 0 {
        let text = if view.state().is_final() { " nothing was kept of its log" } else { " nothing was said yet" };
        return paint.row(area, 0, &paint::toned(text, Tone::Dim));
    }
    let room = usize::from(area.height);
    let rows_of = |line: usize| rows_of(model, view, line, usize::from(area.width));
    let kept = log.log.first_line()..count;
    let first = match log.at {
        None => first_of_end(&kept, room, |line| if model.wide { rows_of(line).len() } else { 1 }),
        Some(at) => first_around(at, &kept, room, |line| if model.wide { rows_of(line).len() } else { 1 }),
    };
    let mut below = 0;
    // The end of what is followed stays at the lower edge, also where its last line takes several rows.
    let mut shown: Vec<(usize, Row)> = Vec::new();
    for line in first..count {
        if shown.len() >= room && log.at.is_some() || line > first + room {
            break;
        }
        shown.extend(rows_of(line).into_iter().map(|row| (line, row)));
    }
    let skip = if log.at.is_none() { shown.len().saturating_sub(room) } else { 0 };
    let mut marked = false;
    for (line, row) in shown.into_iter().skip(skip).take(room) {
        paint.row(area, below, &row);
        if log.at == Some(line) && !marked {
            paint.cursor(area, below);
            marked = true;
        }
        below += 1;
    }
}

/// The first line of those at the end that fill so many rows.
fn first_of_end(kept: &Range<usize>, room: usize, rows: impl Fn(usize) -> usize) -> usize {
    let (mut first, mut filled) = (kept.end, 0);
    while first > kept.start && filled < room {
        first -= 1;
        filled += rows(first).max(1);
    }
    first
}

/// The first line shown where this one is to stand in the middle, if it can.
fn first_around(at: usize, kept: &Range<usize>, room: usize, rows: impl Fn(usize) -> usize) -> usize {
    let (mut first, mut above) = (at, 0);
    while first > kept.start {
        above += rows(first - 1).max(1);
        if above > room / 2 {
            break;
        }
        first -= 1;
    }
    first.min(first_of_end(kept, room, rows))
}

fn rows_of(model: &Model, view: &BakeView, line: usize, columns: usize) -> Vec<Row> {
    let (text, tone) = line_words(&model.baking.log, view, line);
    if model.wide {
        return text::wrap(&text, columns).into_iter().map(|part| paint::toned(part, tone)).collect();
    }
    vec![paint::toned(text, tone)]
}

/// A line as people read it: what only programs read is put into words.
fn line_words(log: &BakeLog, view: &BakeView, line: usize) -> (String, Tone) {
    let whole = log.log.line(line);
    let raw = whole.as_ref().map_or("", |text| text.raw());
    let told = if Marker::is_on(raw) { marker_words(&view.operation.plan, raw) } else { None };
    if let Some(words) = told {
        return (format!("==> {words}"), Tone::Strong);
    }
    if let Some((number, of)) = packages::place(raw) {
        return (format!("==> package list, line {number} of {of}"), Tone::Dim);
    }
    let tone = match &log.search {
        Some((_, search)) if search.hits().binary_search(&line).is_ok() => Tone::Strong,
        _ if log.remarks.hits().binary_search(&line).is_ok() => Tone::Waits,
        _ if raw.starts_with('…') => Tone::Dim,
        _ => Tone::Plain,
    };
    let shown: String = raw.chars().map(|c| if c == '\t' { ' ' } else { c }).take(LONGEST).collect();
    (escape(&shown), tone)
}
