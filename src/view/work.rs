//! What there is to do because an image is blocked: where it runs or would be launched, and what to put there.
//!
//! ```text
//! ┏━ WORK it is blocked, with 3 images made from it ━━━━━━━━━━━━━━━━━━━━ 1/2 ━┓
//! ┃  FLEET             RUNS  WOULD LAUNCH           PUT THERE                 ┃
//! ┃> web-prod            12  web-prod-a             2.13.1, was stable here   ┃
//! ┃                                                                           ┃
//! ┃ D deploys 2.13.1 to web-prod                                              ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::words;
use crate::app::commands::CommandId;
use crate::app::image;
use crate::app::life::{self, LifePane};
use crate::app::model::Model;
use crate::domain::ids::{GroupName, ImageId};
use crate::operation::work_list::{Work, WorkList};

/// Said where there is none.
pub const NOTHING: &str = "no fleet runs any of them, and no group would launch one";
/// Lines about the row under the cursor.
const BELOW: u16 = 2;

/// How many lines the whole takes with its frame.
pub fn height(list: &WorkList) -> u16 {
    let lines = list.fleets.len() + list.gaps.len() + 3 + usize::from(BELOW);
    u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(1)
}

/// Draws it.
pub fn draw(model: &Model, id: &ImageId, list: &WorkList, paint: &mut Paint<'_>, area: Rect) {
    let position = position(model, id, list);
    let note = if list.fleets.is_empty() { String::new() } else { format!("{}/{}", position + 1, list.fleets.len()) };
    let inside = paint.boxed(area, &format!("WORK it is blocked: {}", reach(list)), &note, model.life.pane == LifePane::Fleets);
    let columns = usize::from(inside.width);
    let gaps: Vec<Row> = list.gaps.iter().map(|gap| paint::toned(format!(" there may be more to do: {gap}"), Tone::Unknown)).collect();
    let above = u16::try_from(gaps.len()).unwrap_or(u16::MAX).min(inside.height / 3);
    paint.rows(paint::lines(inside, 0, above), &gaps);
    let rest = paint::lines(inside, above, inside.height);
    if list.fleets.is_empty() {
        return paint.row(rest, 0, &paint::toned(format!(" {NOTHING}"), Tone::Good));
    }
    paint.row(rest, 0, &head(columns));
    let below = if rest.height > BELOW + 2 { BELOW } else { 1.min(rest.height) };
    let wanted = u16::try_from(list.fleets.len()).unwrap_or(u16::MAX);
    let rows = paint::lines(rest, 1, rest.height.saturating_sub(1 + below).min(wanted));
    let first = paint::first_shown(position, list.fleets.len(), usize::from(rows.height));
    for (line, (at, work)) in (0..rows.height).zip(list.fleets.iter().enumerate().skip(first)) {
        let drawn = row(work, at == position, paint, columns);
        paint.row(rows, line, &drawn);
        if at == position && model.life.pane == LifePane::Fleets {
            paint.cursor(rows, line);
        }
    }
    if let Some(work) = list.fleets.get(position) {
        let lines: Vec<Row> = text::wrap(&doing(model, work), columns.saturating_sub(2))
            .into_iter()
            .map(|line| paint::toned(format!(" {line}"), Tone::Strong))
            .collect();
        // Right below the list, after an empty line where there is room for one.
        let spare = u16::from(rest.height > 1 + rows.height + below);
        paint.rows(paint::lines(rest, 1 + rows.height + spare, below), &lines);
    }
}

/// The row under the cursor for a sliver of a terminal, with what there is to do.
pub fn lines(model: &Model, id: &ImageId, list: &WorkList) -> Vec<Row> {
    let Some(work) = list.fleets.get(position(model, id, list)) else { return vec![paint::toned(format!(" {NOTHING}"), Tone::Good)] };
    let at = if list.fleets.len() > 1 { format!(" ({} fleets)", list.fleets.len()) } else { String::new() };
    let runs = format!(" {} runs {}{at}", work.fleet, words::number(work.servers).trim());
    vec![paint::toned(runs, Tone::Waits), paint::toned(format!(" {}", doing(model, work)), Tone::Strong)]
}

fn position(model: &Model, id: &ImageId, list: &WorkList) -> usize {
    let chosen = image::fleet(model, id);
    list.fleets.iter().position(|work| Some(&work.fleet) == chosen).unwrap_or(0)
}

/// How many images it is about.
pub fn reach(list: &WorkList) -> String {
    match list.images.len().saturating_sub(1) {
        0 => "nothing was made from it".to_owned(),
        1 => "it and 1 image made from it".to_owned(),
        heirs => format!("it and {heirs} images made from it"),
    }
}

/// Columns of the groups' names.
const fn launches(columns: usize) -> usize {
    if columns >= 120 { 44 } else { 13 }
}

/// The names of the columns.
pub fn head(columns: usize) -> Row {
    paint::toned(format!("  {:<16} {:>4}  {:<width$} PUT THERE", "FLEET", "RUNS", "WOULD LAUNCH", width = launches(columns)), Tone::Dim)
}

/// One fleet.
pub fn row(work: &Work, selected: bool, paint: &Paint<'_>, columns: usize) -> Row {
    let cut = paint.glyphs.cut;
    let groups =
        if work.launches.is_empty() { "-".to_owned() } else { work.launches.iter().map(GroupName::to_string).collect::<Vec<_>>().join(", ") };
    let servers = work.servers.map_or_else(|| "?".to_owned(), |servers| servers.to_string());
    let tone = match work.servers {
        None => Tone::Unknown,
        Some(0) => Tone::Plain,
        Some(_) => Tone::Waits,
    };
    let (put, put_tone) = match &work.good {
        Some(good) => (format!("{}, {}", good.label(), good.near.words()), Tone::Plain),
        None => ("none is good: bake one".to_owned(), Tone::Bad),
    };
    vec![
        piece(format!("{} {} ", if selected { ">" } else { " " }, text::left(&work.fleet.to_string(), 16, cut)), Tone::Strong),
        piece(format!("{}  ", text::right(&servers, 4, cut)), tone),
        piece(format!("{} ", text::left(&groups, launches(columns), cut)), Tone::Plain),
        piece(put, put_tone),
    ]
}

/// What to do in a fleet, and with which key.
fn doing(model: &Model, work: &Work) -> String {
    let [deploy, back_out, bake] = [CommandId::Deploy, CommandId::BackOut, CommandId::Bake].map(|id| model.keymap.first(id));
    let what = match (&work.operation, &work.good) {
        (Some(operation), _) => format!("{operation} goes to one of them: {back_out} backs it out"),
        (None, None) => format!("no image of its application is good: {bake} bakes one"),
        (None, Some(good)) if work.is_idle() => {
            format!("nothing runs it: the next deploy replaces it; {deploy} deploys {} now", good.label())
        }
        (None, Some(good)) => format!("{deploy} deploys {} to {}", good.label(), work.fleet),
    };
    let back = if work.way_back { "; its way back leads to one of them" } else { "" };
    format!("{what}{back}")
}

/// Said while what there is to do is not known.
pub fn unread(model: &Model, id: &ImageId) -> Row {
    match &model.life.problem {
        Some(problem) => paint::toned(format!(" what there is to do could not be read: {}", problem.text), Tone::Bad),
        None if life::story(model, id).is_none() => paint::toned(" reading what there is to do", Tone::Working),
        None => paint::toned(" the block was lifted", Tone::Dim),
    }
}
