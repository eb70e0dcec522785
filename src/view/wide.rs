//! The main view from 140 columns on: more columns, and boxes for what is one line at normal size.
//!
//! ```text
//! ┌─ IMAGES ─────────┐┏━ FLEETS ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! └──────────────────┘┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ┌─ web-prod canary op-3 ─────────────────────────────── enter open ──┐
//! └────────────────────────────────────────────────────────────────────┘
//! ┌─ ACTIVITY ────────────────────────────────────────────── ; all ────┐
//! └────────────────────────────────────────────────────────────────────┘
//! ┌─ OPERATIONS ───────────────────────────────────────────────────────┐
//! └────────────────────────────────────────────────────────────────────┘
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{self, Paint, Row, piece};
use super::theme::Tone;
use super::{activity, bake, bars, judge, main_view, strip, words};
use crate::app::age::about;
use crate::app::baking;
use crate::app::commands::CommandId;
use crate::app::model::{Model, Pane, is_at_work};
use crate::app::{needs, rows};
use crate::operation::bake::BakeView;
use crate::operation::record::OperationView;
use crate::operation::work::Work;

/// Draws it.
pub fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let operations = operation_rows(model, paint);
    let about = selected(model, paint, usize::from(area.width.saturating_sub(2)));
    let Heights { panes, strip: strip_height, activity: activity_height, operations: bottom } = heights(operations.len(), about.len(), area);
    let rest = area.height.saturating_sub(bottom);
    let panes = paint::lines(area, 0, panes);
    main_view::side_by_side(model, paint, panes);
    let inside = paint.boxed(
        paint::lines(area, panes.height, strip_height),
        &selected_title(model),
        &format!("{} open", model.keymap.first(CommandId::Open)),
        false,
    );
    paint.rows(inside, &about);
    draw_activity(model, paint, paint::lines(area, panes.height + strip_height, activity_height));
    let focus = model.pane == Pane::Operations;
    let inside = paint.boxed(paint::lines(area, rest, bottom), "OPERATIONS", "", focus);
    paint.rows(inside, &operations);
    if let Some(line) = operation_line(model).filter(|_| focus) {
        paint.cursor(inside, line);
    }
}

fn draw_activity(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let focus = model.pane == Pane::Activity;
    let inside = paint.boxed(area, "ACTIVITY", &format!("{} all", model.keymap.first(CommandId::Activity)), focus);
    if focus { activity::list(model, paint, inside) } else { activity::newest(model, paint, inside) }
}

/// The line of the operation under the cursor: that of the selected fleet.
fn operation_line(model: &Model) -> Option<u16> {
    let at = rows::unfinished(model).position(|view| Some(&view.operation.plan.fleet) == model.fleet.as_ref())?;
    u16::try_from(at).ok()
}

/// Lines of each part, from above.
struct Heights {
    panes: u16,
    strip: u16,
    activity: u16,
    operations: u16,
}

/// What so many operations and so many lines about the selected fleet leave to the panes.
fn heights(operations: usize, about: usize, area: Rect) -> Heights {
    let operations = u16::try_from(operations).unwrap_or(6).clamp(1, 6) + 2;
    let rest = area.height.saturating_sub(operations);
    let strip = u16::try_from(about).unwrap_or(9).saturating_add(2).clamp(6, 13).min(rest / 3 + 1);
    let activity = 11.min(rest / 3);
    Heights { panes: rest - strip - activity, strip, activity, operations }
}

/// Where images and fleets are.
pub fn panes(model: &Model, area: Rect) -> Rect {
    let mut nowhere = Buffer::empty(Rect::ZERO);
    let paint = Paint::new(&mut nowhere, model.look);
    let about = selected(model, &paint, usize::from(area.width.saturating_sub(2)));
    paint::lines(area, 0, heights(operation_rows(model, &paint).len(), about.len(), area).panes)
}

fn selected_title(model: &Model) -> String {
    let operation = model.fleet.as_ref().and_then(|fleet| model.operation_of(fleet));
    match (&model.fleet, operation) {
        (Some(fleet), Some(view)) => format!("{fleet}  {} {}", view.operation.word(), view.operation.id),
        (Some(fleet), None) => fleet.to_string(),
        (None, _) => "FLEET".to_owned(),
    }
}

/// The fleet under the cursor with its operation, or how credentials come back.
fn selected(model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    if model.credentials_gone.is_some() {
        return main_view::credentials(model, paint, columns);
    }
    let mut rows = strip::fleet(model, paint, columns);
    if let Some(view) = model.fleet.as_ref().and_then(|fleet| model.operation_of(fleet)) {
        rows.extend(judge::summary(view));
        let outlook = needs::outlook(view, model.clock.world, &model.keymap);
        rows.push(paint::plain(format!(" {}", outlook.why)));
        rows.push(paint::plain(format!(" {}", outlook.next)));
    }
    rows
}

fn operation_rows(model: &Model, paint: &Paint<'_>) -> Vec<Row> {
    let mut rows: Vec<Row> = rows::unfinished(model).map(|view| operation_row(model, view, paint)).collect();
    rows.extend(model.baking.unfinished().map(|view| bake_row(model, view, paint)));
    for status in model.images() {
        if let Some(bake) = &status.image.bake {
            let eta = bake.eta.map(|eta| format!("eta {}", about(eta))).unwrap_or_default();
            let bar = bars::progress(u32::from(bake.percent), 35, paint.glyphs);
            let text = format!("{} bake {:<20} {bar} {:>3}%  {}  {eta}", paint.glyphs.working, status.image.label(), bake.percent, bake.step.shown());
            rows.push(paint::toned(format!(" {text}"), Tone::Working));
        }
    }
    if rows.is_empty() {
        rows.push(paint::toned(if model.operations_read { " nothing is at work" } else { " not read yet" }, Tone::Dim));
    }
    rows
}

fn bake_row(model: &Model, view: &BakeView, paint: &Paint<'_>) -> Row {
    let (plan, progress) = (&view.operation.plan, &view.progress);
    let (sign, tone) = bake::sign(view, paint.glyphs);
    let bar = bars::progress(u32::from(plan.percent(progress, model.clock.world)), 35, paint.glyphs);
    let name = format!("bake {}", baking::name(view));
    let step = plan.step_title(progress.current).unwrap_or_default();
    vec![
        piece(format!(" {sign} {name:<25} {bar} {}/{}  ", progress.current + 1, plan.steps.len()), tone),
        piece(format!("{step}  {}", bake::far(model, view)), Tone::Plain),
    ]
}

fn operation_row(model: &Model, view: &OperationView, paint: &Paint<'_>) -> Row {
    let brief = view.brief();
    let (sign, tone) = words::operation_sign(brief.kind, brief.state, paint.glyphs);
    let done = view.progress.steps.iter().filter(|step| step.outcome.is_some()).count();
    let percent = u32::try_from(done * 100 / view.progress.steps.len().max(1)).unwrap_or(0);
    let name = format!("{} {}", view.operation.plan.fleet, brief.word);
    let left = words::left(brief.deadline, model.clock.world).map(|left| format!("  in {left}")).unwrap_or_default();
    let bar = if is_at_work(brief.state) { bars::progress(percent, 35, paint.glyphs) } else { " ".repeat(35) };
    vec![
        piece(format!(" {sign} {name:<25} {bar} {}/{}  ", brief.step, brief.steps), tone),
        piece(format!("{} {}{left}", needs::state_word(brief.state), brief.step_title), Tone::Plain),
    ]
}
