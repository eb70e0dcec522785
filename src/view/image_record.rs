//! All that is on record of an image: what it is, who said what of it, which ledgers and channels name it, its tags.
//!
//! ```text
//! ┏━ web 2.14.0 record ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! ┃ channel   prod since 2d ago, by ada@bastion-1: release 41                 ┃
//! ┃ ledger    web-prod: became stable 2d ago                                  ┃
//! ┃ said      2d ago ada@bastion-1 verified: looked at it                     ┃
//! ┃ tag       qd:commit  a3f9c1e                                              ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::image;
use super::paint::{self, Paint, Row, piece};
use super::releases;
use super::text;
use super::theme::Tone;
use super::words;
use crate::app::image as images;
use crate::app::life;
use crate::app::model::Model;
use crate::domain::ids::ImageId;
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::WorldTime;
use crate::operation::image_log::asked;
use crate::operation::image_plan::ImageStory;
use crate::operation::status::ImageStatus;

/// Draws it.
pub fn draw(model: &Model, id: &ImageId, paint: &mut Paint<'_>, area: Rect) {
    let title = images::status(model, id).map_or_else(|| id.to_string(), |status| status.image.called());
    let inside = paint.boxed(area, &format!("{title} record"), "", true);
    list(model, id, paint, inside);
}

/// The lines from the scroll position on.
pub fn list(model: &Model, id: &ImageId, paint: &mut Paint<'_>, area: Rect) {
    let columns = usize::from(area.width);
    let mut rows = images::status(model, id).map_or_else(|| vec![image::gone(model)], |status| image::fact_rows(model, status, paint, columns));
    match (life::story(model, id), &model.life.problem) {
        (Some(story), _) => rows.extend(story_rows(model, &story.value, columns)),
        (None, Some(problem)) => rows.push(paint::toned(format!(" {}", problem.text), Tone::Bad)),
        (None, None) => rows.push(paint::toned(" what is on record of it is being read", Tone::Working)),
    }
    rows.push(Vec::new());
    rows.extend(images::status(model, id).map(|status| tag_rows(status, columns)).unwrap_or_default());
    let first = model.scroll.min(rows.len().saturating_sub(usize::from(area.height)));
    paint.rows(area, rows.get(first..).unwrap_or_default());
}

/// A name and its text, over as many lines as it takes, in the columns of the facts above.
fn named(name: &str, value: &str, tone: Tone, columns: usize) -> Vec<Row> {
    let lines = text::wrap(&escape(value), columns.saturating_sub(image::NAMES + 1).max(10));
    let lead = |at: usize| piece(format!(" {:<width$}", if at == 0 { name } else { "" }, width = image::NAMES), Tone::Dim);
    lines.into_iter().enumerate().map(|(at, line)| vec![lead(at), piece(line, tone)]).collect()
}

fn story_rows(model: &Model, story: &ImageStory, columns: usize) -> Vec<Row> {
    let ago = |at: WorldTime| format!("{} ago", words::made(Some(at), model.clock.world));
    let why = |reason: &Option<Untrusted>| reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.shown()));
    let mut rows = named("owner", &story.image.origin.owner.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown), Tone::Plain, columns);
    for pointer in &story.channels {
        let text = format!("{} since {}, by {}{}", pointer.channel.word(), ago(pointer.at), pointer.by.short(), why(&pointer.reason));
        rows.extend(named("channel", &text, Tone::Plain, columns));
    }
    if let Some(pin) = &story.pin {
        let text = format!("{}, by {}{}: qd gc never removes it", ago(pin.at), pin.by.short(), why(&pin.reason));
        rows.extend(named("pinned", &text, Tone::Plain, columns));
    }
    if let Some(at) = story.marked {
        rows.extend(named("marked", &format!("{}: nobody needs it, says qd gc", ago(at)), Tone::Waits, columns));
    }
    for (fleet, known) in &story.ledgers {
        let (note, tone) = releases::words(known);
        rows.extend(named("ledger", &format!("{fleet}: {note}"), tone, columns));
    }
    for said in asked(&story.history) {
        let text = format!("{} {} {}{}", ago(said.entry.at), said.entry.by.short(), said.words(), why(&said.entry.reason));
        rows.extend(named("said", &text, Tone::Plain, columns));
    }
    rows.extend(story.problems.iter().flat_map(|problem| named("lineage", problem, Tone::Waits, columns)));
    rows.extend(story.gaps.iter().flat_map(|gap| named("unread", gap, Tone::Unknown, columns)));
    rows
}

fn tag_rows(status: &ImageStatus, columns: usize) -> Vec<Row> {
    if status.image.tags.is_empty() {
        return named("tags", "it carries none", Tone::Dim, columns);
    }
    let row = |(key, value): (&String, &Untrusted)| named("tag", &format!("{}  {}", escape(key), value.shown()), Tone::Plain, columns);
    status.image.tags.iter().flat_map(row).collect()
}
