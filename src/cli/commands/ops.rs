//! `qd ops` and `qd op ID`: operations and their events.

use super::super::exit::Exit;
use super::super::failure::{Failure, any_operation, sentence};
use super::super::operation_document::{DamagedDoc, OperationDoc, OperationsDoc};
use super::super::output::Output;
use super::super::table::Table;
use super::super::words::{age, latest};
use super::bake;
use crate::app::age::about;
use crate::app::lines::{event_line, verdict_words};
use crate::domain::ids::OperationId;
use crate::domain::text::escape;
use crate::domain::time::WorldTime;
use crate::operation::any::AnyView;
use crate::operation::bake::BakeView;
use crate::operation::damage::DamagedOperation;
use crate::operation::event::{OperationState, StepOutcome};
use crate::operation::plan::BUILD;
use crate::operation::progress::StepStatus;
use crate::operation::record::OperationView;
use crate::operation::work::Work;
use crate::ports::desk::{DeskError, Records};

/// How many finished operations `--all` shows.
const FINISHED: usize = 1_000;
/// How many of its last events `qd op` shows.
const LAST_EVENTS: usize = 12;

/// `qd ops`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct OpsArgs {
    /// Finished ones too
    #[arg(long)]
    pub all: bool,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// `qd op`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct OpArgs {
    /// The operation's id
    pub id: String,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Prints the operations.
pub(in super::super) fn list(desk: &dyn Records, args: &OpsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let finished = if args.all { FINISHED } else { 0 };
    let (views, damaged) = (desk.operations(finished)?, desk.damaged(finished)?);
    let bakes = desk.bakes(finished)?;
    if args.json {
        out.json(&OperationsDoc::new(&views, (&bakes, bake::at(desk, &bakes)), &damaged));
    } else if views.is_empty() && bakes.is_empty() && damaged.is_empty() {
        out.text("no operations");
        if !args.all {
            out.notice("`qd ops --all` shows finished ones too");
        }
    } else {
        out.text(&table(&views, &bakes, &damaged, latest(desk, &views)).render(out.width()));
    }
    for damaged in &damaged {
        sentence(out, &damaged.sentence(), &damaged.remedy());
    }
    Ok(Exit::Done)
}

/// Prints one operation.
pub(in super::super) fn show(desk: &dyn Records, args: &OpArgs, out: &mut Output) -> Result<Exit, Failure> {
    let view = match any_operation(desk, &args.id) {
        Ok(AnyView::Rollout(view)) => *view,
        Ok(AnyView::Bake(view)) => return Ok(show_bake(desk, &view, args.json, out)),
        Err(error) => return Err(left_of(desk, args, error, out).into()),
    };
    if args.json {
        out.json(&OperationDoc::new(&view));
    } else {
        out.text(&text(&view, latest(desk, std::slice::from_ref(&view)), out.width()));
    }
    Ok(Exit::Done)
}

fn show_bake(desk: &dyn Records, view: &BakeView, json: bool, out: &mut Output) -> Exit {
    let now = bake::at(desk, std::slice::from_ref(view));
    if json {
        bake::document(view, now, out);
    } else {
        out.text(&bake::text(view, now, out.width()));
    }
    Exit::Done
}

/// The error, after the bytes that are left of a damaged record where they are asked for.
fn left_of(desk: &dyn Records, args: &OpArgs, error: DeskError, out: &mut Output) -> DeskError {
    let id = OperationId::new(&args.id);
    let damaged = desk.damaged(FINISHED).ok().and_then(|all| all.into_iter().find(|damaged| damaged.id == id));
    if let (true, Some(damaged), Ok(raw)) = (args.json, damaged, desk.raw_operation(&id)) {
        out.json(&DamagedDoc::with_record(&damaged, &raw));
    }
    error
}

fn table(views: &[OperationView], bakes: &[BakeView], damaged: &[DamagedOperation], now: WorldTime) -> Table {
    let mut table = Table::new(&["ID", "FLEET", "WHAT", "STATE", "STEP", "BY", "AGE"]).cutting_first(&[4, 5]);
    for view in views {
        let (operation, brief) = (&view.operation, view.brief());
        let what = format!("{} {} -> {}", brief.word, brief.from, brief.to);
        let step = format!("{}/{} {}", brief.step, brief.steps, brief.step_title);
        table.row([
            brief.id.to_string(),
            operation.plan.fleet.to_string(),
            what,
            state(view),
            step.trim_end().to_owned(),
            operation.by.short(),
            age(now, operation.created_at),
        ]);
    }
    for view in bakes {
        let (plan, progress) = (&view.operation.plan, &view.progress);
        let title = plan.steps.get(progress.current).map_or("", |step| step.title.as_str());
        let word = progress.state.word().replace('_', " ");
        let state = if view.driver_alive || progress.state.is_final() { word } else { format!("{word}, no driver") };
        table.row([
            view.operation.id.to_string(),
            "-".to_owned(),
            format!("bake {}", plan.headline()),
            state,
            format!("{}/{} {title}", (progress.current + 1).min(plan.steps.len()), plan.steps.len()).trim_end().to_owned(),
            view.operation.by.short(),
            age(now, view.operation.created_at),
        ]);
    }
    for damaged in damaged {
        let (id, fleet, kind) = (damaged.id.to_string(), damaged.fleet.to_string(), damaged.kind.shown());
        table.row([id, fleet, kind, "damaged".to_owned(), "?".to_owned(), "?".to_owned(), "?".to_owned()]);
    }
    table
}

fn state(view: &OperationView) -> String {
    let word = view.state().word().replace('_', " ");
    if view.driver_alive || view.state().is_final() { word } else { format!("{word}, no driver") }
}

fn text(view: &OperationView, now: WorldTime, width: Option<usize>) -> String {
    let operation = &view.operation;
    let plan = &operation.plan;
    let mut text = format!("{} {}: {} {} -> {}\n", operation.word(), operation.id, plan.fleet, plan.from.label(), plan.to.label());
    text.push_str(&format!("state   {}\n", state_words(view, now)));
    let reason = operation.reason.as_ref().map_or_else(String::new, |reason| format!(", \"{}\"", reason.shown()));
    text.push_str(&format!("by      {} at {}{reason}\n", operation.by.short(), operation.created_at.rfc3339()));
    text.push_str(&format!("driver  {}\n", driver(view)));
    let calls = view.progress.calls;
    text.push_str(&format!("calls   {} accepted, {} refused, {} without an answer\n", calls.accepted, calls.refused, calls.unknown));
    if let Some(refused) = view.progress.refused.last() {
        text.push_str(&format!("        {} refused ({}): {}\n", refused.api, refused.kind.word(), refused.message.shown()));
    }
    text.push_str(&format!("\nSTEPS\n{}", steps(view, now).render(width)));
    text.push_str(&migration(view));
    text.push_str("\nLAST EVENTS\n");
    let lines: Vec<String> = view.events.iter().filter_map(|event| event_line(plan, event)).collect();
    for line in lines.iter().skip(lines.len().saturating_sub(LAST_EVENTS)) {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

/// The end of the migration's log, line by line.
fn migration(view: &OperationView) -> String {
    let Some(outcome) = view.progress.migration.as_ref().and_then(|migration| migration.outcome.as_ref()) else { return String::new() };
    let lines: String = outcome.said.raw().lines().map(|line| format!("  {}\n", escape(line))).collect();
    format!("\nMIGRATION, the end of its log\n{lines}")
}

fn state_words(view: &OperationView, now: WorldTime) -> String {
    let progress = &view.progress;
    let since = age(now, progress.since);
    let reason = if progress.reason.is_empty() { String::new() } else { format!(": {}", progress.reason) };
    let then = match (progress.state, progress.deadline) {
        (OperationState::Holding, Some(at)) => format!("; {} at {} (in {})", view.operation.plan.kind.at_deadline(), at.clock(), at.since(now)),
        (_, Some(at)) => format!("; until {} (in {})", at.clock(), at.since(now)),
        (OperationState::Holding | OperationState::Paused, None) => "; until a person says how to go on".to_owned(),
        _ => String::new(),
    };
    format!("{} for {since}{reason}{then}", progress.state.word().replace('_', " "))
}

fn driver(view: &OperationView) -> String {
    let refusal = view.undrivable(BUILD);
    let holder = view.lease.as_ref().and_then(|lease| lease.holder.as_ref());
    let who = holder.map(|holder| format!("process {} on {}", holder.pid, holder.host.shown()));
    match who {
        Some(who) if view.driver_alive => format!("{who}, alive"),
        _ if view.state().is_final() => "none needed any more".to_owned(),
        _ if refusal.is_some() => refusal.map_or_else(String::new, |refusal| format!("none, and none may: {}; {}", refusal.reason, refusal.remedy)),
        Some(who) => format!("{who} is gone: `qd drive {} --take-over` starts another", view.operation.id),
        None => format!("none: `qd drive {} --take-over` starts one", view.operation.id),
    }
}

fn steps(view: &OperationView, now: WorldTime) -> Table {
    let mut table = Table::indented();
    for (index, (step, status)) in view.operation.plan.steps.iter().zip(&view.progress.steps).enumerate() {
        let time = time(status, now, step.expected.map(about));
        let note = status.verdict.as_ref().filter(|_| status.note.is_empty()).map_or_else(|| status.note.clone(), verdict_words);
        table.row([(index + 1).to_string(), word(view, index, status).to_owned(), step.title.clone(), time, note]);
    }
    table
}

/// How a step stands. What will not be run follows from the operation's end; nobody sent it.
fn word(view: &OperationView, index: usize, status: &StepStatus) -> &'static str {
    match (status.outcome, status.started_at) {
        (Some(StepOutcome::Success), _) => "ok",
        (Some(StepOutcome::Warning), _) => "ok, warning",
        (Some(StepOutcome::Skipped), _) => "skipped",
        (Some(StepOutcome::Failed), _) => "FAILED",
        (None, _) if view.state().is_final() => "not run",
        (None, Some(_)) if index == view.progress.current => "now",
        (None, _) => "",
    }
}

fn time(status: &StepStatus, now: WorldTime, expected: Option<String>) -> String {
    match (status.started_at, status.ended_at) {
        (Some(began), Some(ended)) => ended.since(began).to_string(),
        (Some(began), None) => format!("for {}", now.since(began)),
        (None, _) => expected.map_or_else(String::new, |expected| format!("~{expected}")),
    }
}
