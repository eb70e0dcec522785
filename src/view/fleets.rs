//! The fleets: image mix, healthy of desired, state and, at all times, the way back.
//!
//! ```text
//! ┏━ FLEETS ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1/6 ━┓
//! ┃  FLEET        MIX    OK/ALL  STATE        BACK    ┃
//! ┃> web-prod     ██░░░░ 12/12   ‖ HOLDS 5/8  R0 5s   ┃
//! ┃  admin-prod   █████░   4/4   ~ MIXED      ✗none   ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::bars;
use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::words;
use crate::app::age::stepped;
use crate::app::commands::CommandId;
use crate::app::listing::FleetSort;
use crate::app::model::{Model, Pane};
use crate::app::rows;
use crate::operation::status::FleetStatus;

/// Draws the pane.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let shown = rows::fleets(model);
    let position = rows::fleet_position(model);
    let focus = model.pane == Pane::Fleets;
    let inside = paint.boxed(area, &title(model, paint.glyphs.link), &count(position, shown.len()), focus);
    let columns = Columns::of(usize::from(inside.width));
    paint.row(inside, 0, &columns.head());
    let list = paint::lines(inside, 1, inside.height);
    if shown.is_empty() {
        return paint.row(list, 0, &empty(model));
    }
    let first = paint::first_shown(position.unwrap_or(0), shown.len(), usize::from(list.height));
    for (line, (at, status)) in (0..list.height).zip(shown.iter().enumerate().skip(first)) {
        let row = columns.row(model, paint, status, Some(at) == position);
        paint.row(list, line, &row);
        if Some(at) == position && focus {
            paint.cursor(list, line);
        }
    }
}

fn title(model: &Model, link: &str) -> String {
    let mut title = "FLEETS".to_owned();
    if model.estate_remembered || model.estate_problem.is_some() {
        title.push_str(&format!("  last known, {}", words::cached_age(model)));
    }
    if model.fleet_sort != FleetSort::Listed {
        title.push_str(&format!("  by {}", model.fleet_sort.word()));
    }
    if !model.filters.fleets.text().is_empty() {
        title.push_str(&format!("  filter: {}", model.filters.fleets.text()));
    }
    if let Some(image) = rows::linked_image(model) {
        let count = model.fleets().iter().filter(|fleet| rows::runs(fleet, image)).count();
        let label = model.images().iter().find(|status| &status.image.id == image).map_or_else(|| image.to_string(), |status| status.image.label());
        title.push_str(&format!("  {link} {count} run {label}"));
    }
    if !model.marked.is_empty() {
        title.push_str(&format!("  {} marked", model.marked.len()));
    }
    title
}

fn count(position: Option<usize>, len: usize) -> String {
    position.map_or_else(|| len.to_string(), |at| format!("{}/{len}", at + 1))
}

fn empty(model: &Model) -> Row {
    let text = match &model.estate {
        None => " not read yet: waiting for the cloud's first answer".to_owned(),
        Some(estate) if estate.value.fleets.is_empty() => " no fleets found: see `qd doctor`".to_owned(),
        Some(_) => format!(" no fleet passes the filter: {} clears it", model.keymap.first(CommandId::Back)),
    };
    paint::toned(text, Tone::Unknown)
}

/// Widths of the columns.
pub struct Columns {
    name: usize,
    mix: usize,
    versions: usize,
    new: usize,
    state: usize,
    back: usize,
    age: usize,
}

impl Columns {
    /// What fits into `width`: names, bar and states grow with it, versions, the share of the newest and ages join from 78 columns on.
    pub fn of(width: usize) -> Self {
        if width >= 98 {
            let spare = width - 98;
            return Self { name: 16 + (spare / 4).min(16), mix: 12, versions: 21, new: 5, state: 16 + (spare / 4).min(12), back: 9, age: 5 };
        }
        if width >= 78 {
            return Self { name: 14, mix: 6, versions: 15, new: 5, state: 13, back: 7, age: 4 };
        }
        let spare = width.saturating_sub(50);
        let (name, mix, state) = (12 + (spare / 2).min(16), 6 + (spare / 8).min(4), 12 + (spare / 4).min(8));
        Self { name, mix, versions: 0, new: 0, state, back: 7, age: 0 }
    }

    /// The head of the columns.
    pub fn head(&self) -> Row {
        let versions = if self.versions == 0 { String::new() } else { format!("{} ", text::left("VERSIONS", self.versions, "")) };
        let right = |name: &str, width: usize| if width == 0 { String::new() } else { text::right(name, width, "") };
        let (new, age) = (right("NEW", self.new), right("AGE", self.age));
        let line = format!(
            "  {} {} {versions}{new}{} {} {}{age}",
            text::left("FLEET", self.name, ""),
            text::left("MIX", self.mix, ""),
            text::left(" OK/ALL", 7, ""),
            text::left("STATE", self.state, ""),
            text::left("BACK", self.back, ""),
        );
        paint::toned(line, Tone::Dim)
    }

    /// One fleet.
    pub fn row(&self, model: &Model, paint: &Paint<'_>, fleet: &FleetStatus, selected: bool) -> Row {
        let mark = paint.glyphs.cut;
        let ((sign, tone), state) = words::fleet_state(model, fleet, paint.glyphs);
        let (back, back_tone) = words::way_back(&fleet.way_back, paint.glyphs);
        let lead = lead(model, fleet, selected, paint.glyphs.link);
        let frozen = words::frozen_mark(model, fleet, paint.glyphs);
        let lacking = words::lacks_servers(fleet);
        let mut row = vec![
            piece(lead, if matches!(lead, " " | ">") { Tone::Plain } else { Tone::Key }),
            piece(frozen, Tone::Waits),
            piece(format!("{} ", text::left(&fleet.spec.name.to_string(), self.name, mark)), Tone::Plain),
            piece(format!("{} ", bars::mix(fleet, self.mix, paint.glyphs)), mix_tone(fleet)),
            piece(self.versions(fleet, paint), Tone::Plain),
            piece(if self.new == 0 { String::new() } else { text::right(&words::new_share(fleet), self.new, mark) }, Tone::Plain),
            piece(text::right(&words::healthy(fleet), 6, mark), healthy_tone(fleet)),
            piece(if lacking { "! " } else { "  " }, Tone::Bad),
            piece(format!("{} ", text::left(&format!("{sign} {state}"), self.state, mark)), tone),
            piece(text::left(&back, self.back, mark), back_tone),
        ];
        if self.age > 0 {
            row.push(piece(text::right(&age(model, fleet), self.age, mark), Tone::Dim));
        }
        row
    }

    fn versions(&self, fleet: &FleetStatus, paint: &Paint<'_>) -> String {
        if self.versions == 0 {
            return String::new();
        }
        let labels: Vec<String> = bars::ordered(fleet).iter().map(|part| format!("{} {}", part.label, part.servers)).collect();
        let shown = if labels.is_empty() { "?".to_owned() } else { labels.join(" + ") };
        format!("{} ", text::left(&shown, self.versions, paint.glyphs.cut))
    }
}

/// The mark of a fleet that was marked, that of one which runs the image under the cursor, or the cursor: its row is drawn as the cursor's besides.
pub fn lead(model: &Model, fleet: &FleetStatus, selected: bool, link: &'static str) -> &'static str {
    let linked = || rows::linked_image(model).is_some_and(|image| rows::runs(fleet, image));
    match (model.marked.contains(&fleet.spec.name), selected) {
        (true, _) => "*",
        (false, _) if linked() => link,
        (false, true) => ">",
        (false, false) => " ",
    }
}

fn age(model: &Model, fleet: &FleetStatus) -> String {
    fleet.as_of.map_or_else(|| "?".to_owned(), |as_of| stepped(words::fact_age(model, as_of)))
}

const fn mix_tone(fleet: &FleetStatus) -> Tone {
    if fleet.mix.is_empty() { Tone::Unknown } else { Tone::Plain }
}

const fn healthy_tone(fleet: &FleetStatus) -> Tone {
    match (fleet.healthy, words::lacks_servers(fleet)) {
        (None, _) => Tone::Unknown,
        (Some(_), true) => Tone::Bad,
        (Some(_), false) => Tone::Plain,
    }
}
