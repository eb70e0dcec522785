//! One image: what it is, what it was made from and what from it, which fleets run it, and what it changes against what runs now. Where it is
//! blocked, what there is to do stands in place of the fleets.
//!
//! ```text
//! ┌─ web 2.14.0 ───────────────────────┐┌─ LINEAGE ── 1 above, 0 below ┐
//! │ id      ami-0214                   ││    ubuntu-noble-24.04    AWS │
//! │ line    2.13.2 › 2.14.0 › 2.15.0   ││      2.14.0         this one │
//! └────────────────────────────────────┘└──────────────────────────────┘
//! ┏━ FLEETS it is for ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1/2 ━┓
//! ┃> web-prod    3 of 15 servers  25% of traffic  canary 5/9           ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ┌─ CHANGES against 2.13.2, which web-prod runs ───────────────────────┐
//! │ version     2.13.2 → 2.14.0                                         │
//! └─────────────────────────────────────────────────────────────────────┘
//! ```

use ratatui::layout::Rect;

use super::main_view::split;
use super::paint::{self, Paint, Row, piece};
use super::releases;
use super::text;
use super::theme::Tone;
use super::{images, lineage, strip, words, work};
use crate::app::image;
use crate::app::life::{self, LifePane};
use crate::app::model::Model;
use crate::app::rows;
use crate::domain::ids::ImageId;
use crate::domain::text::{Untrusted, escape};
use crate::operation::image_plan::LifeStage;
use crate::operation::status::{FleetStatus, ImageStatus};

/// Width of the column of names.
pub const NAMES: usize = 8;
/// From so many columns on tags have a box of their own.
const TAGS: u16 = 140;

/// Draws it.
pub fn draw(model: &Model, id: &ImageId, paint: &mut Paint<'_>, area: Rect) {
    let Some(status) = image::status(model, id) else {
        let inside = paint.boxed(area, &format!("IMAGE {id}"), "", true);
        return paint.row(inside, 0, &gone(model));
    };
    let wide = area.width >= TAGS;
    let column = area.width / if wide { 3 } else { 2 };
    let facts = fact_rows(model, status, paint, usize::from(column));
    let lower = lower_height(model, status, area.height);
    let wanted = (facts.len() + 2).max(lineage::height(model, id)).max(if wide { status.image.tags.len() + 2 } else { 0 });
    let top = u16::try_from(wanted).unwrap_or(u16::MAX).clamp(3, area.height.saturating_sub(lower).max(3));
    let (left, rest) = split(paint::lines(area, 0, top), column);
    let inside = paint.boxed(left, &status.image.called(), &words::estate_age(model), false);
    paint.rows(inside, &facts);
    let (middle, right) = split(rest, if wide { column } else { rest.width });
    lineage::draw(model, id, paint, middle);
    if wide {
        let inside = paint.boxed(right, "TAGS", &status.image.tags.len().to_string(), false);
        let tags = tag_rows(status, paint);
        paint.rows(inside, &tags);
    }
    draw_lower(model, status, paint, paint::lines(area, top, area.height));
}

/// The room that fleets, or what there is to do, need at least.
fn lower_height(model: &Model, status: &ImageStatus, height: u16) -> u16 {
    match life::work(model, &status.image.id) {
        Some(list) => work::height(list).min(height / 2),
        None if status.image.blocked.is_some() => 3,
        None => fleets_height(image::fleets(model, &status.image.id).len(), height) + 4,
    }
}

fn fleets_height(fleets: usize, height: u16) -> u16 {
    u16::try_from(fleets).unwrap_or(u16::MAX).saturating_add(2).clamp(3, (height / 3).max(3))
}

/// The fleets it is for and what it changes there; of a blocked one what there is to do.
fn draw_lower(model: &Model, status: &ImageStatus, paint: &mut Paint<'_>, area: Rect) {
    let id = &status.image.id;
    if let Some(list) = life::work(model, id) {
        return work::draw(model, id, list, paint, area);
    }
    if status.image.blocked.is_some() {
        let inside = paint.boxed(area, "WORK it is blocked", "", true);
        return paint.row(inside, 0, &work::unread(model, id));
    }
    let fleets = image::fleets(model, id);
    let height = fleets_height(fleets.len(), area.height + 4);
    fleet_list(model, id, &fleets, paint, paint::lines(area, 0, height));
    let inside = paint.boxed(paint::lines(area, height, area.height), &change_title(model, status), "", false);
    let changes = change_rows(model, status, paint);
    paint.rows(inside, &changes);
}

/// The same for a sliver of a terminal: the part with the focus.
pub fn draw_lines(model: &Model, id: &ImageId, paint: &mut Paint<'_>, area: Rect) {
    if model.life.pane == LifePane::Lineage {
        return lineage::list(model, id, paint, area);
    }
    let rows = lines(model, id, paint);
    paint.rows(area, &rows);
}

fn lines(model: &Model, id: &ImageId, paint: &Paint<'_>) -> Vec<Row> {
    let Some(status) = image::status(model, id) else { return vec![gone(model)] };
    let mut all: Vec<Row> = match life::work(model, id) {
        Some(list) => work::lines(model, id, list),
        None if status.image.blocked.is_some() => vec![work::unread(model, id)],
        None => {
            let fleet = image::fleet(model, id).and_then(|name| model.fleet_status(name));
            let mut rows: Vec<Row> = fleet.map(|fleet| fleet_row(model, id, fleet, paint)).into_iter().collect();
            rows.extend(change_rows(model, status, paint));
            rows
        }
    };
    all.extend(fact_rows(model, status, paint, 60));
    all
}

/// Said where it is not listed.
pub fn gone(model: &Model) -> Row {
    let text = if model.estate.is_none() { " not read yet" } else { " it is not among the images that were listed last" };
    paint::toned(text, Tone::Unknown)
}

fn named(name: &str, text: impl Into<String>, tone: Tone) -> Row {
    vec![piece(format!(" {name:<NAMES$}"), Tone::Dim), piece(text, tone)]
}

/// What it is, a line each.
pub fn fact_rows(model: &Model, status: &ImageStatus, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let image = &status.image;
    let (state, tone) = images::state(status);
    let or_unknown = |value: &Option<Untrusted>| value.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown);
    let ago = |at| format!("{} ago", words::made(at, model.clock.world));
    let made = image.created_at.map_or_else(|| "?".to_owned(), |at| format!("{}, {}", ago(Some(at)), at.rfc3339()));
    let mut rows = vec![
        named("id", image.id.to_string(), Tone::Plain),
        named("name", image.name.shown(), Tone::Plain),
        named("state", format!("{state}{}", life_words(model, status)), tone),
        named("made", made, Tone::Plain),
        named("for", format!("{}, schema {}", or_unknown(&image.arch), image.schema.words()), Tone::Plain),
    ];
    if let Some(block) = &image.blocked {
        let by = block.by.as_ref().map(|by| format!(" by {}", by.shown())).unwrap_or_default();
        let at = block.at.map(|at| format!(" {}", ago(Some(at)))).unwrap_or_default();
        let text = escape(&format!("{}{by}{at}", block.words()));
        let lines = text::wrap(&text, columns.saturating_sub(12));
        rows.extend(lines.into_iter().enumerate().map(|(at, line)| named(if at == 0 { "blocked" } else { "" }, line, Tone::Bad)));
    }
    rows.push(named("base", base_words(model, status), Tone::Plain));
    rows.push(named("line", line_words(model, status, paint), Tone::Plain));
    rows
}

/// Where it is in its life, which channels point to it, and whether it is pinned or marked for removal.
fn life_words(model: &Model, status: &ImageStatus) -> String {
    let Some(story) = life::story(model, &status.image.id).map(|story| &story.value) else { return String::new() };
    let told = story.stage != LifeStage::Unknown && status.image.blocked.is_none();
    let stage = Some(story.stage.word()).filter(|word| told && *word != images::state(status).0);
    let channels = story.channels.iter().map(|pointer| format!(", on {}", pointer.channel.word()));
    let kept = [(story.pin.is_some(), ", pinned"), (story.marked.is_some(), ", marked for removal")];
    let kept = kept.into_iter().filter(|(is, _)| *is).map(|(_, word)| word.to_owned());
    stage.map(|word| format!(", {word}")).into_iter().chain(channels).chain(kept).collect()
}

fn base_words(model: &Model, status: &ImageStatus) -> String {
    let Some(base) = &status.image.base else { return "? (nothing says what it was baked from)".to_owned() };
    match image::base(model, &status.image) {
        Some(found) => format!("{}, {} old", found.image.name.shown(), words::made(found.image.created_at, model.clock.world)),
        None => base.shown(),
    }
}

/// The versions before and after it.
fn line_words(model: &Model, status: &ImageStatus, paint: &Paint<'_>) -> String {
    let (before, after) = image::neighbours(model, &status.image);
    let label = |found: Option<&ImageStatus>| found.map(|found| found.image.label());
    let all = [label(before), Some(format!("[{}]", status.image.label())), label(after)];
    all.into_iter().flatten().collect::<Vec<_>>().join(&format!(" {} ", paint.glyphs.crumb))
}

fn tag_rows(status: &ImageStatus, paint: &Paint<'_>) -> Vec<Row> {
    if status.image.tags.is_empty() {
        return vec![paint::toned(" it carries no tags", Tone::Dim)];
    }
    let row = |(key, value): (&String, &Untrusted)| {
        vec![piece(format!(" {} ", text::left(&escape(key), 14, paint.glyphs.cut)), Tone::Dim), piece(value.shown(), Tone::Plain)]
    };
    status.image.tags.iter().map(row).collect()
}

fn fleet_list(model: &Model, id: &ImageId, fleets: &[&FleetStatus], paint: &mut Paint<'_>, area: Rect) {
    let chosen = image::fleet(model, id);
    let position = fleets.iter().position(|fleet| Some(&fleet.spec.name) == chosen);
    let note = position.map_or_else(|| fleets.len().to_string(), |at| format!("{}/{}", at + 1, fleets.len()));
    let focus = model.life.pane == LifePane::Fleets;
    let inside = paint.boxed(area, "FLEETS it is for", &note, focus);
    if fleets.is_empty() {
        return paint.row(inside, 0, &paint::toned(" no fleet of its app is known", Tone::Dim));
    }
    let first = paint::first_shown(position.unwrap_or(0), fleets.len(), usize::from(inside.height));
    for (line, (at, fleet)) in (0..inside.height).zip(fleets.iter().enumerate().skip(first)) {
        let mut row = paint::plain(if Some(at) == position { ">" } else { " " });
        row.extend(fleet_row(model, id, fleet, paint));
        paint.row(inside, line, &row);
        if Some(at) == position && focus {
            paint.cursor(inside, line);
        }
    }
}

fn fleet_row(model: &Model, id: &ImageId, fleet: &FleetStatus, paint: &Paint<'_>) -> Row {
    let ((sign, tone), state) = words::fleet_state(model, fleet, paint.glyphs);
    let here: u32 = fleet.mix.iter().filter(|part| part.image.as_ref() == Some(id)).map(|part| part.servers).sum();
    let all: u32 = fleet.mix.iter().map(|part| part.servers).sum();
    let servers = match (fleet.mix.is_empty(), here, life::heirs_run(model, id, fleet)) {
        (true, ..) => "? servers".to_owned(),
        (false, 0, 0) => format!("runs on none of {all}"),
        (false, 0, heirs) => format!("{heirs} of {all} run what was made from it"),
        (false, here, _) => format!("runs on {here} of {all}"),
    };
    let groups = fleet.groups.iter().filter(|group| group.image.as_ref() == Some(id));
    let share: String = groups.map(|group| format!("  {} {}", strip::role(group), strip::share(group, &fleet.spec.route).trim())).collect();
    vec![
        piece(format!(" {} ", text::left(&fleet.spec.name.to_string(), 16, paint.glyphs.cut)), Tone::Strong),
        piece(format!("{servers:<18}"), if here > 0 { Tone::Plain } else { Tone::Dim }),
        piece(format!(" {sign} {state}"), tone),
        piece(share, Tone::Plain),
    ]
}

/// The fleet that is compared with, and the image most of its servers run.
fn compared<'a>(model: &'a Model, status: &ImageStatus) -> Option<(&'a FleetStatus, &'a ImageStatus)> {
    let name = image::fleet(model, &status.image.id)?;
    let fleet = model.fleets().iter().find(|fleet| &fleet.spec.name == name)?;
    Some((fleet, image::live(model, fleet)?))
}

fn change_title(model: &Model, status: &ImageStatus) -> String {
    compared(model, status)
        .map_or_else(|| "CHANGES".to_owned(), |(fleet, live)| format!("CHANGES against {}, which {} runs", live.image.label(), fleet.spec.name))
}

fn change_rows(model: &Model, status: &ImageStatus, paint: &Paint<'_>) -> Vec<Row> {
    let Some((fleet, live)) = compared(model, status) else {
        return vec![paint::toned(" no fleet to compare with, or nobody knows what it runs", Tone::Unknown)];
    };
    let mut rows = ledger_rows(fleet, status);
    if live.image.id == status.image.id {
        rows.push(paint::toned(" most of its servers run this very image", Tone::Good));
        return rows;
    }
    if status.image.app != live.image.app {
        rows.push(paint::toned(format!(" {} is another application's: the two are not compared", live.image.called()), Tone::Dim));
        return rows;
    }
    let differences = image::differences(&live.image, &status.image);
    if differences.is_empty() {
        rows.push(paint::toned(" the listing names no difference", Tone::Dim));
    }
    for difference in differences {
        let side = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        rows.push(vec![
            piece(format!(" {} ", text::left(&difference.what, 16, paint.glyphs.cut)), Tone::Dim),
            piece(format!("{} {} {}", side(difference.old), paint.glyphs.to, side(difference.new)), Tone::Plain),
        ]);
    }
    rows
}

/// What the fleet's ledger says of the image: that counts for more than any difference.
fn ledger_rows(fleet: &FleetStatus, status: &ImageStatus) -> Vec<Row> {
    let known = rows::known_release(fleet, &status.image.id);
    known.map(releases::words).into_iter().map(|(text, tone)| paint::toned(format!(" {}: {text}", fleet.spec.name), tone)).collect()
}
