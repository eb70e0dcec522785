//! What fits on a phone or in a sliver of a window: the same facts in plain lines, no boxes.
//!
//! ```text
//!  SIM x10 web-prod ‖ HOLDS 5/9
//!  judge FAIL p 0.000012  out in 3:12
//!  2.13.2 ●●●●  2.14.0 ●✗
//!  enter open  D deploy  R roll back  ? all keys
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::{
    activity, alerts, bake, bakes, chrome, copying, first, help, image, image_record, judge, pages, palette, picker, retention, sheet, sheet_text,
    sources, strip, words,
};
use crate::app::baking;
use crate::app::model::{Model, Screen};
use crate::app::needs;
use crate::app::rows;
use crate::app::sheet::Sheet;
use crate::domain::ids::FleetName;
use crate::operation::status::FleetStatus;

/// Below the smallest layout there is only a sentence.
pub fn too_small(paint: &mut Paint<'_>, area: Rect) {
    let text = "Too small: qd needs 44x4. Operations go on; ctrl-c leaves.";
    let lines: Vec<Row> = text::wrap(text, usize::from(area.width.max(1))).into_iter().map(paint::plain).collect();
    paint.rows(area, &lines);
}

/// Draws the visible view in lines.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    if let Some(open) = model.sheet_in_front().filter(|_| model.copying.is_none() && model.palette.is_none()) {
        return draw_sheet(model, open, paint, area);
    }
    let last = area.height.saturating_sub(1);
    let body = paint::lines(area, 1, last.saturating_sub(1));
    let head = head(model);
    paint.row(area, 0, &head);
    draw_body(model, paint, body);
    let answer = chrome::notice(model);
    let keys = if answer.is_empty() { chrome::footer(model, usize::from(area.width)) } else { answer };
    paint.row(area, last, &keys);
}

fn draw_sheet(model: &Model, open: &Sheet, paint: &mut Paint<'_>, area: Rect) {
    paint.row(area, 0, &paint::toned(format!(" {}", sheet_text::title(open)), Tone::Banner));
    sheet::contents(model, open, paint, paint::lines(area, 1, area.height));
}

fn draw_body(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    if let Some(menu) = &model.copying {
        return copying::list(menu, paint, area);
    }
    if let Some(open) = &model.palette {
        return palette::list(model, open, paint, area);
    }
    if let Some(open) = &model.picker {
        return picker::list(model, open, paint, area);
    }
    match model.screen() {
        Screen::Main if first::is_due(model) => {
            let rows = first::rows(model, paint, usize::from(area.width));
            paint.rows(area, &rows);
        }
        Screen::Main => main(model, paint, area),
        Screen::Sources => sources::list(model, paint, area),
        Screen::Fleet(name) => {
            let lines = fleet_lines(model, name, paint, usize::from(area.width));
            paint.rows(area, &lines);
        }
        Screen::Page(name, page) => pages::list(model, name, *page, paint, area),
        Screen::Image(id) => {
            image::draw_lines(model, id, paint, area);
        }
        Screen::ImageRecord(id) => image_record::list(model, id, paint, area),
        Screen::Retention => retention::list(model, paint, area),
        Screen::Bakes => bakes::list(model, paint, area),
        Screen::Bake(id) | Screen::BakeLog(id) => bake::draw_lines(model, id, paint, area),
        Screen::Activity => activity::list(model, paint, area),
        Screen::Alerts => alerts::in_lines(model, paint, area),
        Screen::Help => help::list(model, paint, area),
    }
}

/// Where we are, how old it is, and how many alerts there are.
fn head(model: &Model) -> Row {
    let mut row = vec![piece(format!(" {}", model.header.place), Tone::Banner)];
    let tone = if model.estate_remembered || model.estate_problem.is_some() { Tone::Waits } else { Tone::Plain };
    row.push(piece(format!(" data {}", words::estate_age(model)), tone));
    if model.inbox.unread() > 0 {
        row.push(piece(format!(" !{}", model.inbox.unread()), Tone::Bad));
    }
    if model.credentials_gone.is_some() {
        row.push(piece(" creds GONE", Tone::Bad));
    }
    let crumb = match (&model.picker, model.screen()) {
        (Some(picker), _) => format!("  image for {}", picker.fleet),
        (None, Screen::Fleet(name)) => {
            model.operation_of(name).map(|view| format!("  {} {}", view.operation.word(), view.operation.id)).unwrap_or_default()
        }
        (None, Screen::Main) => model.filters.fleets.value().map(|text| format!("  filter {}", text.shown())).unwrap_or_default(),
        (None, Screen::Retention) => "  old images".to_owned(),
        (None, Screen::Image(id) | Screen::ImageRecord(id)) => {
            format!("  image {}", crate::app::image::status(model, id).map_or_else(|| id.to_string(), |status| status.image.label()))
        }
        (None, Screen::Page(name, page)) => format!("  {name} {}", page.word()),
        (None, Screen::Bakes) => "  bakes".to_owned(),
        (None, Screen::Bake(id) | Screen::BakeLog(id)) => {
            model.baking.view(id).map_or_else(|| format!("  bake {id}"), |view| format!("  bake {}", baking::name(view)))
        }
        (None, Screen::Activity) => "  activity".to_owned(),
        (None, Screen::Alerts) if model.suspects.has_focus => "  changes before it".to_owned(),
        (None, Screen::Alerts) => "  alerts".to_owned(),
        (None, Screen::Sources) => "  sources".to_owned(),
        (None, Screen::Help) => "  help".to_owned(),
    };
    row.push(piece(crumb, Tone::Plain));
    row
}

/// What needs a person, then the selected fleet closely if that is all there is room for, else the list.
fn main(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let need = needs::most_urgent(model);
    if let Some(need) = &need {
        // The head says already that they are gone: what brings them back matters more.
        let text = if model.credentials_gone.is_some() { first::sign_in(model) } else { need.text.clone() };
        let line = paint::toned(format!(" {} {text}", paint.glyphs.waits), Tone::Waits);
        paint.row(area, 0, &line);
    }
    main_list(model, paint, paint::lines(area, u16::from(need.is_some()), area.height));
}

fn main_list(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let shown = rows::fleets(model);
    let Some(position) = rows::fleet_position(model) else {
        let text = if model.estate.is_none() { " waiting for the first reading" } else { " no fleet" };
        return paint.row(area, 0, &paint::toned(text, Tone::Unknown));
    };
    let list = paint::lines(area, 0, if area.height > 3 { area.height } else { 1 });
    let first = paint::first_shown(position, shown.len(), usize::from(list.height));
    for (line, (at, status)) in (0..list.height).zip(shown.iter().enumerate().skip(first)) {
        let row = fleet_line(model, status, at == position, paint);
        paint.row(list, line, &row);
    }
    let below = paint::lines(area, list.height, area.height);
    if let Some(name) = &model.fleet {
        let lines = closely(model, name, paint, usize::from(area.width));
        paint.rows(below, &lines);
    }
}

fn fleet_line(model: &Model, fleet: &FleetStatus, selected: bool, paint: &Paint<'_>) -> Row {
    let ((sign, tone), state) = words::fleet_state(model, fleet, paint.glyphs);
    let (back, back_tone) = words::way_back(&fleet.way_back, paint.glyphs);
    let lead = super::fleets::lead(model, fleet, selected, paint.glyphs.link);
    let frozen = words::frozen(model, fleet).is_some();
    vec![
        piece(format!("{lead}{} {} ", text::left(&fleet.spec.name.to_string(), 12, paint.glyphs.cut), words::healthy(fleet)), Tone::Plain),
        piece(format!("{sign} {state} "), tone),
        piece(if frozen { format!("{} ", paint.glyphs.frozen) } else { " ".to_owned() }, Tone::Waits),
        piece(back, back_tone),
    ]
}

fn fleet_lines(model: &Model, name: &FleetName, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut lines: Vec<Row> = model.fleet_status(name).map(|status| fleet_line(model, status, false, paint)).into_iter().collect();
    lines.extend(closely(model, name, paint, columns));
    lines
}

/// Why and next, then the groups, then the judge.
fn closely(model: &Model, name: &FleetName, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut lines = Vec::new();
    let operation = model.operation_of(name);
    if let Some(view) = operation {
        let outlook = needs::outlook(view, model.clock.world, &model.keymap);
        lines.extend([paint::toned(format!(" {}", outlook.why), Tone::Strong), paint::plain(format!(" {}", outlook.next))]);
    }
    if let Some(status) = model.fleet_status(name) {
        let targets = std::collections::BTreeMap::new();
        lines.extend(status.groups.iter().map(|group| strip::group_row(group, &status.spec.route, &targets, paint, columns)));
    }
    lines.extend(operation.map(judge::summary).unwrap_or_default());
    lines
}
