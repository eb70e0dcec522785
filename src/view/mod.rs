//! The model as a frame: the only place that draws. It takes `&Model`, decides nothing and remembers nothing.
//!
//! Three layouts: wide (from 140 columns), normal (from 80x24), tiny (down to 44x4). Below that a sentence.

mod activity;
mod alerts;
mod bake;
mod bake_log;
mod bake_sheet;
mod bakes;
mod bars;
mod batch;
mod chrome;
mod copying;
mod detail;
mod dots;
mod first;
mod fleets;
mod glyphs;
mod help;
mod image;
mod image_record;
mod image_sheet;
mod images;
mod judge;
mod judge_panel;
mod lineage;
mod main_view;
mod pages;
mod paint;
mod palette;
mod picker;
mod releases;
mod retention;
mod sheet;
mod sheet_text;
mod sources;
mod strip;
#[cfg(test)]
mod tests;
mod text;
mod theme;
mod tiny;
mod wide;
mod words;
mod work;

use ratatui::Frame;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

use crate::app::commands;
use crate::app::model::{Model, Pane, SMALLEST, Screen, WIDE};
use crate::app::places::Place;
use paint::Paint;

/// Smallest normal layout.
const NORMAL: (u16, u16) = (80, 24);
/// Smallest tiny layout.
const TINY: (u16, u16) = SMALLEST;

/// Draws everything.
pub fn view(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let mut paint = Paint::new(frame.buffer_mut(), model.look);
    draw(model, &mut paint, area);
}

/// The pane of the main view that has the cursor, where nothing lies over it: a key that moves the cursor can be answered by it alone, and
/// what follows the cursor elsewhere be drawn a little later.
#[must_use]
pub fn cursor_pane(model: &Model) -> Option<Rect> {
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    let is_covered = model.typing.is_some() || model.palette.is_some() || commands::place(model) != Place::Main;
    if is_covered || area.width < NORMAL.0 || area.height < NORMAL.1 {
        return None;
    }
    let body = chrome::body(area);
    let (images, fleets) = main_view::halves(model, if is_wide(area) { wide::panes(model, body) } else { main_view::panes(body) });
    match model.pane {
        Pane::Images => Some(images),
        Pane::Fleets => Some(fleets),
        Pane::Operations | Pane::Activity => None,
    }
}

/// What is on the screen, as lines.
#[must_use]
pub fn as_text(model: &Model) -> String {
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    let mut buffer = Buffer::empty(area);
    draw(model, &mut Paint::new(&mut buffer, model.look), area);
    let line = |cells: &[Cell]| {
        let mut text = String::new();
        let mut covered = 0;
        for cell in cells {
            if covered == 0 {
                text.push_str(cell.symbol());
                covered = text::width(cell.symbol()).max(1);
            }
            covered -= 1;
        }
        format!("{}\n", text.trim_end())
    };
    buffer.content().chunks(usize::from(area.width).max(1)).map(line).collect()
}

fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    if area.width < TINY.0 || area.height < TINY.1 {
        return tiny::too_small(paint, area);
    }
    if area.width < NORMAL.0 || area.height < NORMAL.1 {
        return tiny::draw(model, paint, area);
    }
    let body = chrome::draw(model, paint, area);
    if let Some(menu) = &model.copying {
        return copying::draw(menu, &model.keymap, paint, body);
    }
    if let Some(open) = &model.palette {
        return palette::draw(model, open, paint, body);
    }
    if let Some(open) = model.sheet_in_front() {
        return sheet::draw(model, open, paint, body);
    }
    if model.picker.is_some() {
        return picker::draw(model, paint, body);
    }
    match model.screen() {
        Screen::Main if first::is_due(model) => first::draw(model, paint, body),
        Screen::Main if is_wide(area) => wide::draw(model, paint, body),
        Screen::Main => main_view::draw(model, paint, body),
        Screen::Fleet(name) => detail::draw(model, name, paint, body),
        Screen::Page(name, page) => pages::draw(model, name, *page, paint, body),
        Screen::Image(id) => image::draw(model, id, paint, body),
        Screen::ImageRecord(id) => image_record::draw(model, id, paint, body),
        Screen::Retention => retention::draw(model, paint, body),
        Screen::Bakes => bakes::draw(model, paint, body),
        Screen::Bake(id) => bake::draw(model, id, paint, body),
        Screen::BakeLog(id) => bake::draw_log(model, id, paint, body),
        Screen::Activity => activity::draw(model, paint, body),
        Screen::Sources => sources::draw(model, paint, body),
        Screen::Alerts => alerts::draw(model, paint, body),
        Screen::Help => help::draw(model, paint, body),
    }
}

const fn is_wide(area: Rect) -> bool {
    area.width >= WIDE.0 && area.height >= WIDE.1
}
