//! What the sheets of bakes say: from which base, in which steps, with which checks; and what is behind its base.

use super::paint::{self, Paint, Row, piece};
use super::sheet_text::{refused, wrapped};
use super::text;
use super::theme::Tone;
use crate::app::age::about;
use crate::app::bake_sheet::{BakeOrder, BakeState, Rebake};
use crate::app::commands::CommandId;
use crate::app::model::Model;
use crate::domain::text::{Untrusted, counted, escape};
use crate::domain::time::Millis;
use crate::operation::bake::{BakePlan, BakeStepKind};
use crate::operation::plan::CheckLevel;
use crate::operation::work::Work;

/// A new bake.
pub fn rows(order: &BakeOrder, model: &Model, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    match &order.state {
        BakeState::Making => vec![paint::toned(format!(" Making the plan of {} from fresh facts", escape(&order.name)), Tone::Working)],
        BakeState::Failed(problem) => refused(problem, columns),
        BakeState::Reuse { image, why } => {
            let mut rows = wrapped("image", &format!("{image} is there already"), Tone::Good, columns);
            rows.extend(wrapped("why", why, Tone::Plain, columns));
            let again = format!("{} bakes it again all the same, under another name", model.keymap.first(CommandId::OtherTarget));
            rows.extend(wrapped("change", &again, Tone::Plain, columns));
            rows
        }
        BakeState::Made(plan) => plan_rows(order, plan, paint, columns),
    }
}

fn plan_rows(order: &BakeOrder, plan: &BakePlan, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut rows = vec![paint::toned(format!(" {}   {} {}", plan.headline(), paint.glyphs.to, escape(&plan.image_name)), Tone::Strong)];
    if let Some(base) = &plan.base {
        rows.extend(wrapped("base", &format!("{} {} of {}", base.id, base.name.shown(), base.owner.shown()), Tone::Plain, columns));
    }
    rows.extend(wrapped("why", &plan.because, Tone::Plain, columns));
    let took = about(Millis(plan.steps.iter().map(|step| step.expected.0).sum()));
    let text = format!("about {took} on one {}; no fleet is touched. Limit {}", plan.builder.instance_type, plan.timing.limit);
    rows.extend(wrapped("effect", &text, Tone::Plain, columns));
    for check in &plan.checks {
        let (sign, tone) = match check.level {
            CheckLevel::Ok => (paint.glyphs.ok, Tone::Plain),
            CheckLevel::Warning => ("!", Tone::Waits),
            CheckLevel::Unknown => (paint.glyphs.unknown, Tone::Unknown),
        };
        rows.extend(wrapped("check", &format!("{sign} {}", check.text), tone, columns));
    }
    for (at, step) in plan.steps.iter().enumerate() {
        rows.push(vec![piece(format!("   {} {:<18}", at + 1, step.title), Tone::Plain), piece(format!(" ~{}", about(step.expected)), Tone::Dim)]);
        let inner: Vec<String> = match step.kind {
            BakeStepKind::Provision => plan.provisioners.iter().map(|name| escape(name)).collect(),
            BakeStepKind::Gates => plan.gates.iter().map(|gate| format!("{} ({})", escape(&gate.name), gate.check.word())).collect(),
            _ => Vec::new(),
        };
        rows.extend(inner.into_iter().map(|name| paint::toned(format!("       {name}"), Tone::Dim)));
    }
    rows.extend(wrapped("command", &order.command(), Tone::Dim, columns));
    rows.extend(wrapped("plan", &format!("{} in {}, facts of {}", plan.id, plan.place, plan.as_of.clock()), Tone::Dim, columns));
    rows
}

/// Everything that is behind its base.
pub fn rebake_rows(rebake: &Rebake, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut rows = vec![paint::toned(format!(" {}, {} at a time", counted(rebake.due.len(), "image"), rebake.wave), Tone::Strong), Vec::new()];
    for (at, (_, behind)) in rebake.due.iter().enumerate() {
        let wave = at / usize::from(rebake.wave.max(1)) + 1;
        let version = behind.version.as_ref().map_or_else(|| "no image yet".to_owned(), Untrusted::shown);
        let days = behind.days.map_or_else(|| "?".to_owned(), |days| format!("{days}d behind"));
        let base = behind.base.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown);
        rows.push(vec![
            piece(format!(" wave {wave}  {} ", text::left(&escape(&behind.recipe), 18, paint.glyphs.cut)), Tone::Plain),
            piece(format!("{version}  {days}  "), Tone::Waits),
            piece(format!("base {base} {} {}", paint.glyphs.to, behind.newest), Tone::Dim),
        ]);
    }
    rows.push(Vec::new());
    rows.extend(wrapped("effect", "each is baked from the newest base and has to pass its gates; no fleet is touched", Tone::Plain, columns));
    rows.extend(wrapped(
        "waves",
        "a wave begins when the one before it ended well; one bake that fails or is aborted is the last wave's",
        Tone::Plain,
        columns,
    ));
    rows.extend(wrapped("command", &rebake.command(), Tone::Dim, columns));
    rows
}
