//! Recipes with how far their images are behind the newest base, and bakes.
//!
//! ```text
//! ┌─ RECIPES ────────────────────────────── 2 of 5 behind their base ─┐
//! │> web-ansible   web     2.15.0   31d behind ami-0b12   ◐ 62%       │
//! └────────────────────────────────────────────────────────────────────┘
//! ┏━ BAKES newest first ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1/12 ━┓
//! ┃>◐ web-ansible 2.15.0   62%  eta 4m  4/9 provision   ada@bastion 4m ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::layout::Rect;

use super::bake::{far, sign};
use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use super::words;
use crate::app::age::{about, stepped};
use crate::app::baking::{self, BakesPane, Lane};
use crate::app::commands::CommandId;
use crate::app::model::Model;
use crate::domain::text::{Untrusted, escape};
use crate::operation::bake::{BakeView, Behind};
use crate::operation::work::Work;
use crate::ports::desk::KnownRecipe;

/// Draws both.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let stopped = u16::from(stopped(model).is_some());
    let recipes = u16::try_from(model.baking.recipes().len()).unwrap_or(u16::MAX).max(2).saturating_add(3 + stopped);
    let upper = paint::lines(area, 0, recipes.min(area.height / 2));
    let lower = paint::lines(area, upper.height, area.height);
    let inside = paint.boxed(upper, "RECIPES", &lane_note(model), model.baking.pane == BakesPane::Recipes);
    list_recipes(model, paint, inside);
    let note = model.baking.chosen().map_or_else(String::new, |chosen| {
        let at = model.baking.views.iter().position(|view| view.operation.id == chosen.operation.id).unwrap_or(0);
        format!("{}/{}", at + 1, model.baking.views.len())
    });
    let inside = paint.boxed(lower, "BAKES newest first", &note, model.baking.pane == BakesPane::Bakes);
    list_bakes(model, paint, inside);
}

/// The part with the focus in lines, for a sliver of a terminal.
pub fn list(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    match model.baking.pane {
        BakesPane::Recipes => list_recipes(model, paint, area),
        BakesPane::Bakes => list_bakes(model, paint, area),
    }
}

fn lane_note(model: &Model) -> String {
    let Some(lane) = &model.baking.lane else { return "not read yet".to_owned() };
    let age = stepped(lane.age(model.clock));
    let unknown = match lane.value.recipes.len().saturating_sub(lane.value.behind.len()) {
        0 => String::new(),
        some => format!(", {some} ?"),
    };
    match (&lane.value.problem, lane.value.due().len(), lane.value.recipes.len()) {
        (Some(_), ..) => format!("behind: ?  {age}"),
        (None, _, 0) => age,
        (None, due, of) => format!("{due} of {of} behind their base{unknown}  {age}"),
    }
}

fn list_recipes(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let Some(lane) = &model.baking.lane else { return paint.row(area, 0, &paint::toned(" not read yet", Tone::Unknown)) };
    let all = &lane.value.recipes;
    if all.is_empty() {
        let text = " no recipe yet: put recipe files into recipes/ beside fleets.toml (examples: assets/recipes), or `qd bake FILE`";
        let rows: Vec<Row> = text::wrap(text, usize::from(area.width)).into_iter().map(|line| paint::toned(line, Tone::Dim)).collect();
        return paint.rows(area, &rows);
    }
    let chosen = model.baking.chosen_recipe().map(|known| &known.file);
    let position = all.iter().position(|known| Some(&known.file) == chosen).unwrap_or(0);
    // Where there is room, the last line says what is wrong with the recipe under the cursor, or why nobody knows how old its base is.
    let below = u16::from(area.height > 3);
    let said = stopped(model).filter(|_| area.height > 4);
    let list = paint::lines(area, 0, area.height - below - u16::from(said.is_some()));
    if let Some(said) = said {
        paint.row(area, list.height, &paint::toned(format!(" {} the last waves: {}", paint.glyphs.waits, escape(said)), Tone::Waits));
    }
    let first = paint::first_shown(position, all.len(), usize::from(list.height));
    for (line, (at, known)) in (0..list.height).zip(all.iter().enumerate().skip(first)) {
        let row = recipe_row(model, &lane.value, known, at == position, paint, area.width);
        paint.row(list, line, &row);
        if at == position && model.baking.pane == BakesPane::Recipes {
            paint.cursor(list, line);
        }
    }
    if let Some(known) = all.get(position).filter(|_| below > 0) {
        paint.row(area, area.height - 1, &about_recipe(&lane.value, known));
    }
}

/// What went wrong with the waves that were begun last.
fn stopped(model: &Model) -> Option<&str> {
    model.baking.lane.as_ref()?.value.stopped.as_deref()
}

fn recipe_row(model: &Model, lane: &Lane, known: &KnownRecipe, selected: bool, paint: &Paint<'_>, width: u16) -> Row {
    let lead = if selected { ">" } else { " " };
    let cut = paint.glyphs.cut;
    let recipe = match &known.recipe {
        Ok(recipe) => recipe,
        Err(why) => {
            let dir = known.file.parent().map(|dir| format!("{}/", dir.display())).unwrap_or_default();
            let first = why.lines().next().unwrap_or_default();
            return paint::toned(format!("{lead}{} {}", paint.glyphs.bad, escape(&first.replacen(&dir, "", 1))), Tone::Bad);
        }
    };
    let name_width = if width >= 100 { 24 } else { 16 };
    let mut row = vec![
        piece(format!("{lead}  {} ", text::left(&escape(&recipe.name), name_width, cut)), Tone::Plain),
        piece(format!("{} ", text::left(&escape(&recipe.app.name), if width >= 100 { 16 } else { 8 }, cut)), Tone::Dim),
    ];
    let behind = lane.behind(known);
    let version = behind.and_then(|behind| behind.version.as_ref()).map_or_else(|| "-".to_owned(), Untrusted::shown);
    row.push(piece(format!("{} ", text::left(&version, 9, cut)), Tone::Plain));
    let (words, tone) = behind_words(behind);
    row.push(piece(format!("{} ", text::left(&words, 14, cut)), tone));
    if let Some(view) = model.baking.of_recipe(&recipe.name) {
        let (sign, tone) = sign(view, paint.glyphs);
        let ago = if view.state().is_final() { format!(" {} ago", words::made(Some(view.progress.since), model.clock.world)) } else { String::new() };
        row.push(piece(format!("{sign} {}{ago}", far(model, view)), tone));
    }
    row
}

fn behind_words(behind: Option<&Behind>) -> (String, Tone) {
    match behind.map(|behind| (behind.days, &behind.image)) {
        None => ("base ?".to_owned(), Tone::Unknown),
        Some((Some(0), _)) => ("newest base".to_owned(), Tone::Good),
        Some((Some(days), _)) => (format!("{days}d behind"), Tone::Waits),
        Some((None, Some(_))) => ("behind ?".to_owned(), Tone::Unknown),
        Some((None, None)) => ("no image yet".to_owned(), Tone::Waits),
    }
}

fn about_recipe(lane: &Lane, known: &KnownRecipe) -> Row {
    if let Err(why) = &known.recipe {
        return paint::toned(format!(" {}", escape(&why.lines().collect::<Vec<_>>().join("; "))), Tone::Bad);
    }
    match (lane.behind(known), &lane.problem) {
        (Some(behind), _) => {
            let base = behind.base.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown);
            paint::toned(format!(" base {base}, newest {}  {}", behind.newest, escape(&known.file.display().to_string())), Tone::Dim)
        }
        (None, Some(problem)) => paint::toned(format!(" {}: {}", escape(&problem.text), escape(&problem.hint)), Tone::Unknown),
        (None, None) => paint::toned(" no base image is found for it", Tone::Unknown),
    }
}

fn list_bakes(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let all = &model.baking.views;
    let Some(chosen) = model.baking.chosen() else {
        let text = if model.baking.is_read {
            format!(" nothing was baked yet: {} bakes a recipe", model.keymap.first(CommandId::Bake))
        } else {
            " not read yet".to_owned()
        };
        return paint.row(area, 0, &paint::toned(text, Tone::Dim));
    };
    let position = all.iter().position(|view| view.operation.id == chosen.operation.id).unwrap_or(0);
    let first = paint::first_shown(position, all.len(), usize::from(area.height));
    for (line, (at, view)) in (0..area.height).zip(all.iter().enumerate().skip(first)) {
        let row = bake_row(model, view, at == position, paint, area.width);
        paint.row(area, line, &row);
        if at == position && model.baking.pane == BakesPane::Bakes {
            paint.cursor(area, line);
        }
    }
}

/// One bake in a line.
pub fn bake_row(model: &Model, view: &BakeView, selected: bool, paint: &Paint<'_>, width: u16) -> Row {
    let ((sign, tone), operation, progress) = (sign(view, paint.glyphs), &view.operation, &view.progress);
    let plan = &operation.plan;
    let over = progress.state.is_final();
    let name_width = if width >= 100 { 36 } else { 22 };
    let what = if over {
        let image = progress.image.as_ref().map_or_else(|| escape(&progress.reason), ToString::to_string);
        format!("{image}  {}", about(progress.since.since(progress.began_at)))
    } else {
        format!("{}/{} {}", progress.current + 1, plan.steps.len(), plan.step_title(progress.current).unwrap_or_default())
    };
    let age = words::made(Some(operation.created_at), model.clock.world);
    vec![
        piece(format!("{}{sign} {} ", if selected { ">" } else { " " }, text::left(&baking::name(view), name_width, paint.glyphs.cut)), tone),
        piece(format!("{} ", text::left(&far(model, view), 14, paint.glyphs.cut)), tone),
        piece(format!("{} ", text::right(&age, 4, paint.glyphs.cut)), Tone::Dim),
        piece(format!("{}  ", operation.id), Tone::Dim),
        piece(what, Tone::Plain),
        piece(format!("  {}", operation.by.short()), Tone::Dim),
    ]
}
