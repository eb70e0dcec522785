//! The images of the selected fleet's app, newest first.
//!
//! ```text
//! ┌─ IMAGES web ─────── 2/5 ─┐
//! │  VERSION     AGE STATE ON│
//! │◐ 2.17.0       4m bake 62%│
//! │> 2.14.0       2h ok     1│
//! └──────────────────────────┘
//! ```

use ratatui::layout::Rect;

use super::bake;
use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::words;
use crate::app::listing::ImageSort;
use crate::app::model::{Model, Pane};
use crate::app::rows;
use crate::domain::image::ImageState;
use crate::domain::text::{Untrusted, escape};
use crate::operation::bake::BakeView;
use crate::operation::status::ImageStatus;

/// Draws the pane.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let shown = rows::images(model);
    let app = rows::images_app(model).map_or_else(|| "of all apps".to_owned(), Untrusted::shown);
    let position = rows::image_position(model);
    let count = position.map_or_else(|| shown.len().to_string(), |at| format!("{}/{}", at + 1, shown.len()));
    let focus = model.pane == Pane::Images;
    let inside = paint.boxed(area, &title(model, &app), &count, focus);
    let fleet = rows::linked_fleet(model);
    let columns = Columns::of(usize::from(inside.width));
    paint.row(inside, 0, &columns.head());
    let baking = baking_rows(model, paint, usize::from(inside.width));
    let above = u16::try_from(baking.len()).unwrap_or(0).min(inside.height / 3);
    paint.rows(paint::lines(inside, 1, above), &baking);
    let list = paint::lines(inside, 1 + above, inside.height);
    if shown.is_empty() {
        return paint.row(list, 0, &empty(model));
    }
    // Where there is room to spare, what speaks about an image stands under it.
    let notes: Vec<Option<Row>> = if columns.id > 0 { shown.iter().map(|status| note(model, status)).collect() } else { Vec::new() };
    if shown.len() + notes.iter().flatten().count() <= usize::from(list.height) {
        return spacious(model, paint, list, &columns, &shown, &notes);
    }
    let first = paint::first_shown(position.unwrap_or(0), shown.len(), usize::from(list.height));
    for (line, (at, status)) in (0..list.height).zip(shown.iter().enumerate().skip(first)) {
        let linked = fleet.is_some_and(|fleet| rows::runs(fleet, &status.image.id));
        let row = columns.row(model, paint, status, (Some(at) == position, linked));
        paint.row(list, line, &row);
        if Some(at) == position && focus {
            paint.cursor(list, line);
        }
    }
}

/// Bakes of the app whose image is not listed yet.
fn baking_rows(model: &Model, paint: &Paint<'_>, width: usize) -> Vec<Row> {
    let row = |view: &BakeView| {
        let (sign, tone) = bake::sign(view, paint.glyphs);
        let age = words::made(Some(view.operation.created_at), model.clock.world);
        let far = bake::far(model, view);
        let room = width.saturating_sub(2 + 5 + text::width(&far) + 1);
        let version = text::left(&escape(&view.operation.plan.version), room, paint.glyphs.cut);
        vec![piece(format!("{sign} {version}{} {far}", text::right(&age, 4, paint.glyphs.cut)), tone)]
    };
    model.baking.imageless(model, rows::images_app(model)).map(row).collect()
}

/// Every image with the note that belongs to it.
fn spacious(model: &Model, paint: &mut Paint<'_>, list: Rect, columns: &Columns, shown: &[&ImageStatus], notes: &[Option<Row>]) {
    let (position, fleet) = (rows::image_position(model), rows::linked_fleet(model));
    let mut line = 0;
    for (at, status) in shown.iter().enumerate() {
        let linked = fleet.is_some_and(|fleet| rows::runs(fleet, &status.image.id));
        let row = columns.row(model, paint, status, (Some(at) == position, linked));
        paint.row(list, line, &row);
        if Some(at) == position && model.pane == Pane::Images {
            paint.cursor(list, line);
        }
        line += 1;
        if let Some(note) = notes.get(at).and_then(Option::as_ref) {
            paint.row(list, line, note);
            line += 1;
        }
    }
}

/// Why nobody may deploy it; or which fleet still runs what is live nowhere.
fn note(model: &Model, status: &ImageStatus) -> Option<Row> {
    if let Some(block) = &status.image.blocked {
        let by = block.by.as_ref().map(|by| format!(", by {}", by.shown())).unwrap_or_default();
        let at = block.at.map(|at| format!(" {} ago", words::made(Some(at), model.clock.world))).unwrap_or_default();
        return Some(paint::toned(format!("    {}{by}{at}", block.words()), Tone::Bad));
    }
    if status.live || status.servers == 0 {
        return None;
    }
    let on: Vec<String> =
        model.fleets().iter().filter(|fleet| rows::runs(fleet, &status.image.id)).map(|fleet| fleet.spec.name.to_string()).collect();
    (!on.is_empty()).then(|| paint::toned(format!("    on {}", on.join(", ")), Tone::Dim))
}

fn title(model: &Model, app: &str) -> String {
    let sort = if model.image_sort == ImageSort::Servers { " by ON" } else { "" };
    let filter = model.filters.images.value().map(|text| format!(" / {}", text.shown())).unwrap_or_default();
    format!("IMAGES {app}{sort}{filter}")
}

fn empty(model: &Model) -> Row {
    let text = match &model.estate {
        None => " not read yet",
        Some(_) if model.filters.images.value().is_some() => " none passes the filter",
        Some(_) => " no image of this app is known",
    };
    paint::toned(text, Tone::Unknown)
}

/// Widths of the columns.
pub struct Columns {
    version: usize,
    id: usize,
    state: usize,
}

impl Columns {
    /// What fits into `width`.
    pub fn of(width: usize) -> Self {
        let id = if width >= 44 { 13 } else { 0 };
        let rest = width.saturating_sub(2 + id + 4 + 1 + 3);
        let version = rest.saturating_sub(8).clamp(4, 16);
        Self { version, id, state: rest.saturating_sub(version) }
    }

    /// The head of the columns.
    pub fn head(&self) -> Row {
        paint::toned(self.line("  ", ["VERSION", "AMI", "AGE", "STATE", "ON"], ""), Tone::Dim)
    }

    fn line(&self, lead: &str, [version, id, age, state, on]: [&str; 5], mark: &str) -> String {
        let id = if self.id == 0 { String::new() } else { text::left(id, self.id, mark) };
        let (version, state) = (text::left(version, self.version, mark), text::left(state, self.state, mark));
        format!("{lead}{version}{id}{} {state}{}", text::right(age, 4, mark), text::right(on, 3, mark))
    }

    /// One image: under the cursor or not, run by what is under the cursor elsewhere or not.
    pub fn row(&self, model: &Model, paint: &Paint<'_>, status: &ImageStatus, (selected, linked): (bool, bool)) -> Row {
        let (state, tone) = state(status);
        let sign = match (selected, tone) {
            (true, _) => ">",
            (false, Tone::Working) => paint.glyphs.working,
            (false, Tone::Bad) => paint.glyphs.bad,
            (false, _) => " ",
        };
        let lead = format!("{sign}{}", if linked { paint.glyphs.link } else { " " });
        let age = words::made(status.image.created_at, model.clock.world);
        let (label, id) = (status.image.label(), status.image.id.to_string());
        let line = self.line(&lead, [&label, &id, &age, &state, &status.servers.to_string()], paint.glyphs.cut);
        vec![piece(line, tone)]
    }
}

/// What can be done with an image, in a word.
pub fn state(status: &ImageStatus) -> (String, Tone) {
    let image = &status.image;
    if image.blocked.is_some() {
        return ("BLOCKED".to_owned(), Tone::Bad);
    }
    if let Some(bake) = &image.bake {
        return (format!("bake {}%", bake.percent), Tone::Working);
    }
    match image.state {
        ImageState::Pending => ("pending".to_owned(), Tone::Working),
        ImageState::Failed => ("FAILED".to_owned(), Tone::Bad),
        ImageState::Gone => ("GONE".to_owned(), Tone::Bad),
        ImageState::Unknown => ("?".to_owned(), Tone::Unknown),
        ImageState::Available if status.live => ("LIVE".to_owned(), Tone::Strong),
        ImageState::Available if status.servers > 0 => ("runs".to_owned(), Tone::Plain),
        ImageState::Available => (image.stage.as_ref().map_or_else(|| "ready".to_owned(), Untrusted::shown), Tone::Plain),
    }
}
