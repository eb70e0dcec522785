//! A choice among the images of a fleet's app; enter opens the plan sheet, nothing else.

use ratatui::layout::Rect;

use super::images::{self, Columns};
use super::paint::{self, Paint};
use super::releases;
use super::theme::Tone;
use crate::app::commands::CommandId;
use crate::app::model::{Model, Picker, Purpose};
use crate::app::rows;
use crate::domain::text::Untrusted;
use crate::operation::status::ImageStatus;

/// Draws the open picker.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let Some(picker) = &model.picker else { return };
    let note = format!("{} choose  {} cancel", model.keymap.first(CommandId::Choose), model.keymap.shown(CommandId::Cancel));
    let inside = paint.boxed(area, &title(picker), &note, true);
    list(model, picker, paint, inside);
}

/// What there is to choose, in a few words.
pub const fn asks(picker: &Picker) -> &'static str {
    match picker.purpose {
        Purpose::Deploy => "choose an image",
        Purpose::RollbackTarget => "choose a release that was stable",
    }
}

fn title(picker: &Picker) -> String {
    match picker.purpose {
        Purpose::Deploy => format!("DEPLOY WHICH IMAGE TO {}", picker.fleet),
        Purpose::RollbackTarget => format!("ROLL {} BACK TO WHICH RELEASE", picker.fleet),
    }
}

/// The list itself, and a word about the image under the cursor.
pub fn list(model: &Model, picker: &Picker, paint: &mut Paint<'_>, area: Rect) {
    if picker.purpose == Purpose::RollbackTarget {
        return releases::list(model, picker, paint, area);
    }
    let shown = rows::images_of(model, picker.app.as_ref());
    let selected = shown.iter().position(|status| Some(&status.image.id) == picker.image.as_ref());
    let fleet = model.fleet_status(&picker.fleet);
    let columns = Columns::of(usize::from(area.width.min(72)));
    // In a sliver the images themselves matter more than the head and the last line.
    let frame = u16::from(area.height > 3);
    let body = paint::lines(area, frame, area.height.saturating_sub(2 * frame));
    paint.rows(paint::lines(area, 0, frame), &[columns.head()]);
    let first = paint::first_shown(selected.unwrap_or(0), shown.len(), usize::from(body.height));
    for (line, (at, status)) in (0..body.height).zip(shown.iter().enumerate().skip(first)) {
        let linked = fleet.is_some_and(|fleet| rows::runs(fleet, &status.image.id));
        let row = columns.row(model, paint, status, (Some(at) == selected, linked));
        paint.row(body, line, &row);
        if Some(at) == selected {
            paint.cursor(body, line);
        }
    }
    if frame > 0 {
        let about = selected.and_then(|at| shown.get(at)).map(|status| about(status)).unwrap_or_default();
        paint.row(area, area.height.saturating_sub(1), &paint::toned(about, Tone::Dim));
    }
}

fn about(status: &ImageStatus) -> String {
    let image = &status.image;
    let (state, _) = images::state(status);
    let blocked = image.blocked.as_ref().map(|block| format!(": {}", block.words())).unwrap_or_default();
    let base = image.base.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown);
    format!(" {} {}{blocked}  base {base}", image.id, state)
}
