//! The palette over whatever is below it: what was typed, and what fits.
//!
//! ```text
//! ┏━ GO TO ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 3 ━┓
//! ┃ : rollb_                                                  ┃
//! ┃> command  roll back   R   roll the fleet back to its last…┃
//! ┃  fleet    rollup-prod     ✓ steady                        ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::{bake, images, words};
use crate::app::commands::COMMANDS;
use crate::app::model::Model;
use crate::app::palette::{Hit, Palette, Target};
use crate::app::prospects::hindrance;
use crate::domain::ids::FleetName;
use crate::domain::text::escape;

/// Draws the open palette.
pub fn draw(model: &Model, palette: &Palette, paint: &mut Paint<'_>, area: Rect) {
    let inside = paint.boxed(area, "GO TO a command, a fleet, an image", &palette.hits.len().to_string(), true);
    list(model, palette, paint, inside);
}

/// The line that is typed, and what fits below it.
pub fn list(model: &Model, palette: &Palette, paint: &mut Paint<'_>, area: Rect) {
    let typed = vec![piece(" : ", Tone::Key), piece(format!("{}_", palette.field.text()), Tone::Strong)];
    let hint = if area.width < 60 { Vec::new() } else { paint::toned("enter goes there  esc closes ", Tone::Dim) };
    paint.ends(area, 0, &typed, &hint);
    let list = paint::lines(area, 1, area.height);
    if palette.hits.is_empty() {
        return paint.row(list, 0, &paint::toned(" nothing is called like this", Tone::Unknown));
    }
    let first = paint::first_shown(palette.at, palette.hits.len(), usize::from(list.height));
    for (line, (at, hit)) in (0..list.height).zip(palette.hits.iter().enumerate().skip(first)) {
        let row = row(model, hit, at == palette.at, paint);
        paint.row(list, line, &row);
        if at == palette.at {
            paint.cursor(list, line);
        }
    }
}

fn row(model: &Model, hit: &Hit, chosen: bool, paint: &Paint<'_>) -> Row {
    let (kind, note, tone) = match &hit.target {
        Target::Command(id) => {
            let about = COMMANDS.iter().find(|command| command.id == *id).map_or("", |command| command.about);
            let off = hindrance(model, *id).map(|reason| format!("off: {reason}"));
            let tone = if off.is_some() { Tone::Waits } else { Tone::Dim };
            ("command", format!("{:<7} {}", model.keymap.first(*id), off.unwrap_or_else(|| about.to_owned())), tone)
        }
        Target::Bake(id) => {
            let note = model.baking.view(id).map(|view| format!("{} {}", bake::sign(view, paint.glyphs).0, bake::far(model, view)));
            ("bake", note.unwrap_or_default(), Tone::Plain)
        }
        Target::Recipe(file) => ("recipe", escape(&file.display().to_string()), Tone::Dim),
        Target::View(_) => ("view", "a filter and an order from views.toml".to_owned(), Tone::Dim),
        Target::Fleet(name) => ("fleet", fleet_note(model, name, paint), Tone::Plain),
        Target::Image(id) => {
            let status = crate::app::image::status(model, id);
            ("image", status.map(|status| format!("{} {id}", images::state(status).0)).unwrap_or_default(), Tone::Plain)
        }
    };
    let lead = if chosen { ">" } else { " " };
    vec![
        piece(format!("{lead} {kind:<8} "), Tone::Dim),
        piece(format!("{} ", text::left(&hit.label, 22, paint.glyphs.cut)), Tone::Strong),
        piece(note, tone),
    ]
}

fn fleet_note(model: &Model, name: &FleetName, paint: &Paint<'_>) -> String {
    model.fleet_status(name).map_or_else(String::new, |status| {
        let ((sign, _), state) = words::fleet_state(model, status, paint.glyphs);
        format!("{sign} {state}, way back {}", words::way_back(&status.way_back, paint.glyphs).0)
    })
}
