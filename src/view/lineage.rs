//! What an image was made from and what from it, each below the one it was made from, and which of them are blocked.
//!
//! ```text
//! ┌─ LINEAGE ───────────── 1 above, 2 below  now ─┐
//! │   ubuntu-noble-24.04-arm64                AWS │
//! │ ✗   web-base 3                            AWS │
//! │>✗     2.14.0                         this one │
//! └───────────────────────────────────────────────┘
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::age::stepped;
use crate::app::life::{self, Kin, LifePane};
use crate::app::model::Model;
use crate::domain::ids::ImageId;
use crate::domain::lineage::Told;

/// From so many columns on there is room for ids.
const IDS: usize = 60;
/// Deeper than this nothing is indented further.
const DEEPEST: usize = 6;

/// How many lines it takes with its frame.
pub fn height(model: &Model, id: &ImageId) -> usize {
    let problems = life::story(model, id).map_or(0, |story| story.value.problems.len());
    life::kin(model, id).len() + problems + 2
}

/// Draws it.
pub fn draw(model: &Model, id: &ImageId, paint: &mut Paint<'_>, area: Rect) {
    let focus = model.life.pane == LifePane::Lineage;
    let inside = paint.boxed(area, "LINEAGE", &note(model, id), focus);
    list(model, id, paint, inside);
}

fn note(model: &Model, id: &ImageId) -> String {
    let Some(story) = life::story(model, id) else { return "not read yet".to_owned() };
    let age = stepped(story.age(model.clock));
    format!("{} above, {} below  {age}", story.value.ancestors.len(), story.value.descendants.len())
}

/// The images around the one under the cursor, and what is wrong with what is known.
pub fn list(model: &Model, id: &ImageId, paint: &mut Paint<'_>, area: Rect) {
    let Some(story) = life::story(model, id) else {
        let row = match &model.life.problem {
            Some(problem) => paint::toned(format!(" {}", problem.text), Tone::Bad),
            None => paint::toned(" being read", Tone::Working),
        };
        return paint.row(area, 0, &row);
    };
    let (all, columns) = (life::kin(model, id), usize::from(area.width));
    let mut notes: Vec<Row> = story.value.problems.iter().flat_map(|problem| wrapped(problem, columns)).collect();
    if story.value.ancestors.is_empty() && notes.is_empty() {
        notes.push(paint::toned(" nothing tells what it was made from", Tone::Unknown));
    }
    let below = u16::try_from(notes.len()).unwrap_or(u16::MAX).min(area.height / 2);
    let rows = paint::lines(area, 0, area.height - below);
    let position = life::kin_position(model, id, &all);
    let first = paint::first_shown(position, all.len(), usize::from(rows.height));
    for (line, (at, kin)) in (0..rows.height).zip(all.iter().enumerate().skip(first)) {
        let chosen = at == position && model.life.pane == LifePane::Lineage;
        let (left, right) = row(kin, chosen, columns, paint);
        paint.ends(rows, line, &left, &right);
        if chosen {
            paint.cursor(rows, line);
        }
    }
    paint.rows(paint::lines(area, area.height - below, below), &notes);
}

fn wrapped(text: &str, columns: usize) -> Vec<Row> {
    text::wrap(text, columns.saturating_sub(2)).into_iter().map(|line| paint::toned(format!(" {line}"), Tone::Waits)).collect()
}

fn row(kin: &Kin, chosen: bool, columns: usize, paint: &Paint<'_>) -> (Row, Row) {
    let itself = kin.told.is_none();
    let sign = if kin.blocked { paint.glyphs.bad } else { " " };
    let tone = if kin.blocked { Tone::Bad } else { Tone::Plain };
    let indent = "  ".repeat(kin.depth.min(DEEPEST));
    let name = if kin.label.is_empty() { kin.image.to_string() } else { kin.label.clone() };
    let mut left =
        vec![piece(format!("{}{sign} {indent}", if chosen { ">" } else { " " }), tone), piece(name, if itself { Tone::Strong } else { tone })];
    if columns >= IDS && !kin.label.is_empty() {
        left.push(piece(format!("  {}", kin.image), Tone::Dim));
    }
    let told = match kin.told {
        None => "this one",
        Some(_) if !kin.listed => "not listed",
        Some(Told::Cloud) => "AWS",
        Some(Told::Tag) => "by tag",
    };
    let blocked = if kin.blocked { "BLOCKED " } else { "" };
    (left, vec![piece(blocked, Tone::Bad), piece(format!("{told} "), Tone::Dim)])
}
