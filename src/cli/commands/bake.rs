//! `qd bake`, `qd bakes` and `qd abort`: from a recipe to an image.

use std::path::{Path, PathBuf};

use super::super::ask::someone_must_answer;
use super::super::bake_document::{BakeDoc, BakePlanDoc, BakesDoc, BehindDoc, ReusedDoc};
use super::super::exit::Exit;
use super::super::failure::{Failure, sentence};
use super::super::follow::until_driven;
use super::super::options::{ActOptions, duration};
use super::super::output::Output;
use super::super::table::Table;
use super::super::words::{age, latest};
use super::act::{may_change, started};
use crate::app::age::about;
use crate::config::recipe::load;
use crate::domain::ids::OperationId;
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::{Millis, WorldTime};
use crate::operation::any::AnyView;
use crate::operation::bake::{BakeAnswer, BakePlan, BakeStepKind, BakeView, BakeWish, Behind};
use crate::operation::command::CommandKind;
use crate::operation::event::{OperationState, StepOutcome};
use crate::operation::plan::{CheckLevel, Refusal};
use crate::operation::work::Work;
use crate::ports::desk::{DeskError, Records, Seen};

/// How many finished bakes `qd bakes` shows.
const FINISHED: usize = 20;
/// So many bakes of a wave run at once.
const WAVE: u16 = 3;

/// `qd bake`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct BakeArgs {
    /// The recipe; several with --behind
    #[arg(required = true, value_name = "RECIPE.toml")]
    pub recipes: Vec<PathBuf>,
    /// Another version than the recipe's own
    #[arg(long, value_name = "V", conflicts_with = "behind")]
    pub version: Option<String>,
    /// Bake again although there is an image of the same inputs
    #[arg(long)]
    pub force: bool,
    /// Leave the builder running for so long if something fails on it
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "1h", value_parser = duration)]
    pub keep_on_failure: Option<Millis>,
    /// Bake those of the recipes anew whose newest image is behind its base
    #[arg(long)]
    pub behind: bool,
    /// With --behind: so many at once, and the next ones only if all of them ended well
    #[arg(long, value_name = "N", default_value_t = WAVE, value_parser = clap::value_parser!(u16).range(1..=50), requires = "behind")]
    pub wave: u16,
    /// How it is confirmed and followed
    #[command(flatten)]
    pub act: ActOptions,
}

/// `qd bakes`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct BakesArgs {
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// `qd abort`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct AbortArgs {
    /// The bake's id
    pub id: String,
    /// Why; recorded
    #[arg(long, value_name = "TEXT", value_parser = super::super::options::reason)]
    pub reason: Option<String>,
}

/// From a recipe to a verified image.
pub(in super::super) async fn bake(desk: &dyn Records, args: &BakeArgs, out: &mut Output) -> Result<Exit, Failure> {
    if args.behind {
        return behind(desk, args, out).await;
    }
    let [recipe] = args.recipes.as_slice() else {
        return Err(Failure::Usage("one recipe a bake; several only with --behind".to_owned()));
    };
    someone_must_answer(&args.act, out)?;
    let plan = match desk.plan_bake(&wish(recipe, args)?).await? {
        BakeAnswer::Reuse { image, why } => {
            if args.act.json {
                out.json(&ReusedDoc { reused: &image.id, version: image.version.as_ref(), why: &why });
            } else {
                out.text(&format!("nothing to bake: {why}; --force bakes again"));
            }
            return Ok(Exit::Done);
        }
        BakeAnswer::Bake(plan) => plan,
    };
    show(&plan, &args.act, out);
    if args.act.plan {
        return Ok(Exit::Done);
    }
    may_change(desk)?;
    if !args.act.yes && !confirmed(out) {
        out.notice("qd: not confirmed: nothing was changed");
        return Ok(Exit::Failed);
    }
    let id = begin(desk, &plan, &args.act).await?;
    started(desk, &id, &args.act, out).await
}

async fn begin(desk: &dyn Records, plan: &BakePlan, act: &ActOptions) -> Result<OperationId, DeskError> {
    desk.begin_bake(plan, act.reason.as_deref().map(Untrusted::from)).await
}

fn confirmed(out: &mut Output) -> bool {
    out.ask("Bake it? [y/N]").is_some_and(|answer| matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn wish(path: &Path, args: &BakeArgs) -> Result<BakeWish, DeskError> {
    let loaded = load(path).map_err(DeskError::from)?;
    let (version, force) = (args.version.clone(), args.force);
    Ok(BakeWish { recipe: loaded.recipe, files: loaded.files, version, force, keep_on_failure: args.keep_on_failure })
}

fn show(plan: &BakePlan, act: &ActOptions, out: &mut Output) {
    match (act.plan, act.json) {
        (true, true) => out.json(&BakePlanDoc::new(plan)),
        (false, _) if act.yes => {}
        (false, true) => out.notice(&plan_text(plan)),
        (_, false) => out.text(&plan_text(plan)),
    }
}

fn plan_text(plan: &BakePlan) -> String {
    let mut text = format!("BAKE {}   plan {}\n\n", plan.headline(), plan.id);
    text.push_str(&format!("  image   {}\n", escape(&plan.image_name)));
    if let Some(base) = &plan.base {
        text.push_str(&format!("  base    {} {}\n", base.id, base.name.shown()));
    }
    match &plan.packer {
        Some(packer) => text.push_str(&format!("  packer  {}\n", escape(&packer.template))),
        None => text.push_str(&format!("  builder {}\n", escape(&plan.builder.instance_type))),
    }
    text.push_str(&format!("  why     {}\n", escape(&plan.because)));
    text.push_str(&format!("  limit   {}\n\n", plan.timing.limit));
    for (index, step) in plan.steps.iter().enumerate() {
        text.push_str(&format!("  {} {:<18} ~{}\n", index + 1, step.title, about(step.expected)));
        let under: Vec<String> = match step.kind {
            BakeStepKind::Provision => plan.provisioners.iter().map(|name| escape(name)).collect(),
            BakeStepKind::Gates => plan.gates.iter().map(|gate| format!("{} ({})", escape(&gate.name), gate.check.word())).collect(),
            BakeStepKind::Share => plan.share_with.iter().map(|account| escape(account)).collect(),
            BakeStepKind::Copy => plan.copy_to.iter().map(|region| escape(region)).collect(),
            _ => Vec::new(),
        };
        for name in under {
            text.push_str(&format!("      {name}\n"));
        }
    }
    text.push_str("\n  checks\n");
    for check in &plan.checks {
        let sign = match check.level {
            CheckLevel::Ok => "ok",
            CheckLevel::Warning => "! ",
            CheckLevel::Unknown => "? ",
        };
        text.push_str(&format!("  {sign} {}\n", check.text));
    }
    text
}

/// Bakes, newest first.
pub(in super::super) fn list(desk: &dyn Records, args: &BakesArgs, out: &mut Output) -> Result<Exit, Failure> {
    let views = desk.bakes(FINISHED)?;
    let now = at(desk, &views);
    if args.json {
        out.json(&BakesDoc::new(&views, now));
        return Ok(Exit::Done);
    }
    if views.is_empty() {
        out.text("no bakes");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["ID", "IMAGE", "STATE", "STEP", "DONE", "ETA", "BY", "AGE"]).cutting_first(&[1, 3, 6]);
    for view in &views {
        let (plan, progress) = (&view.operation.plan, &view.progress);
        let over = progress.state.is_final();
        let state = progress.state.word().replace('_', " ");
        let title = plan.steps.get(progress.current).map_or_else(String::new, |step| step.title.clone());
        table.row([
            view.operation.id.to_string(),
            if plan.is_sweep() { plan.headline() } else { escape(&plan.image_name) },
            if over || view.driver_alive { state } else { format!("{state}, no driver") },
            if over { String::new() } else { format!("{}/{} {title}", progress.current + 1, plan.steps.len()) },
            if over { String::new() } else { format!("~{}%", plan.percent(progress, now)) },
            plan.eta(progress, now).map_or_else(String::new, |left| format!("~{}", about(left))),
            view.operation.by.short(),
            age(now, view.operation.created_at),
        ]);
    }
    out.text(&table.render(out.width()));
    Ok(Exit::Done)
}

/// World time as late as any of these bakes proves it to be.
pub(in super::super) fn at(desk: &dyn Records, views: &[BakeView]) -> WorldTime {
    views.iter().filter_map(|view| view.events.last()).map(|event| event.at).fold(latest(desk, &[]), WorldTime::max)
}

/// Ends a bake and removes what it made.
pub(in super::super) async fn abort(desk: &dyn Records, args: &AbortArgs, out: &mut Output) -> Result<Exit, Failure> {
    let id = OperationId::new(&args.id);
    let view = match desk.any_operation(&id)? {
        AnyView::Bake(view) => view,
        AnyView::Rollout(view) => {
            let why = format!("{id} is no bake but a {}: only bakes are aborted", view.operation.word());
            return Err(DeskError::from(Refusal::new(why, format!("bring it back to stable: `qd back-out {id}`"))).into());
        }
    };
    let seen = Seen { step: view.progress.current, last_event: view.last_event().unwrap_or(0) };
    let answer = desk.command(&id, CommandKind::BackOut, seen, args.reason.as_deref().map(Untrusted::from), None).await?;
    out.text(&format!("abort {id}: {answer}; `qd watch {id}` shows how what it made is removed"));
    Ok(Exit::Done)
}

/// Every recipe whose newest image is behind its base is baked anew, in waves; a wave that does not end well is the last.
async fn behind(desk: &dyn Records, args: &BakeArgs, out: &mut Output) -> Result<Exit, Failure> {
    let wishes: Vec<BakeWish> = args.recipes.iter().map(|path| wish(path, args)).collect::<Result<_, _>>()?;
    let recipes: Vec<_> = wishes.iter().map(|wish| wish.recipe.clone()).collect();
    let found = desk.behind(&recipes).await?;
    if args.act.json && args.act.plan {
        out.json(&BehindDoc { behind: &found });
    } else {
        out.text(&behind_table(&found).render(out.width()));
    }
    let due = |wish: &&BakeWish| found.iter().any(|of| of.recipe == wish.recipe.name && of.days != Some(0));
    let due: Vec<&BakeWish> = wishes.iter().filter(due).collect();
    if args.act.plan {
        return Ok(Exit::Done);
    }
    if due.is_empty() {
        out.text("no image is behind its base");
        return Ok(Exit::Done);
    }
    may_change(desk)?;
    someone_must_answer(&args.act, out)?;
    if !args.act.yes && !confirmed(out) {
        out.notice("qd: not confirmed: nothing was changed");
        return Ok(Exit::Failed);
    }
    for wave in due.chunks(usize::from(args.wave)) {
        let ended = run_wave(desk, wave, &args.act, out).await?;
        if ended != Exit::Done {
            out.notice("qd: this wave did not end well: the next ones are not begun");
            return Ok(ended);
        }
    }
    Ok(Exit::Done)
}

async fn run_wave(desk: &dyn Records, wave: &[&BakeWish], act: &ActOptions, out: &mut Output) -> Result<Exit, Failure> {
    let (mut begun, mut worst) = (Vec::new(), Exit::Done);
    for wish in wave {
        let answer = match desk.plan_bake(wish).await {
            Ok(answer) => answer,
            Err(error) => {
                // The others of the wave are baked all the same.
                sentence(out, &format!("{}: {error}", escape(&wish.recipe.name)), error.hint());
                worst = Exit::Failed;
                continue;
            }
        };
        match answer {
            BakeAnswer::Reuse { why, .. } => out.text(&format!("{}: nothing to bake: {why}", escape(&wish.recipe.name))),
            BakeAnswer::Bake(plan) => {
                let id = begin(desk, &plan, act).await?;
                out.text(&format!("{}: {id} bakes {}", escape(&wish.recipe.name), escape(&plan.image_name)));
                begun.push(id);
            }
        }
    }
    for id in begun {
        until_driven(desk, &id).await?;
        let act = ActOptions { detach: false, ..act.clone() };
        let ended = started(desk, &id, &act, out).await?;
        if ended != Exit::Done {
            worst = ended;
        }
    }
    Ok(worst)
}

fn behind_table(found: &[Behind]) -> Table {
    let mut table = Table::new(&["RECIPE", "IMAGE", "BASE", "NEWEST BASE", "BEHIND"]).cutting_first(&[1, 2, 3]);
    for one in found {
        let version = one.version.as_ref().map_or_else(|| "-".to_owned(), Untrusted::shown);
        table.row([
            escape(&one.recipe),
            version,
            one.base.as_ref().map_or_else(|| "?".to_owned(), Untrusted::shown),
            one.newest.to_string(),
            match (one.days, &one.image) {
                (Some(0), _) => "newest".to_owned(),
                (Some(days), _) => format!("{days}d"),
                (None, Some(_)) => "?".to_owned(),
                (None, None) => "no image".to_owned(),
            },
        ]);
    }
    table
}

/// One bake as text.
pub(in super::super) fn text(view: &BakeView, now: WorldTime, width: Option<usize>) -> String {
    let (operation, progress) = (&view.operation, &view.progress);
    let plan = &operation.plan;
    let mut text = format!("bake {}: {}, {}\n", operation.id, plan.headline(), escape(&plan.image_name));
    let since = age(now, progress.since);
    text.push_str(&format!("state   {} for {since}: {}\n", progress.state.word().replace('_', " "), progress.reason));
    if !progress.state.is_final() {
        let eta = plan.eta(progress, now).map_or_else(String::new, |left| format!(", about {} to go", about(left)));
        text.push_str(&format!("done    ~{}%{eta}\n", plan.percent(progress, now)));
    }
    if let Some(image) = &progress.image {
        text.push_str(&format!("image   {image}\n"));
    }
    let reason = operation.reason.as_ref().map_or_else(String::new, |reason| format!(", \"{}\"", reason.shown()));
    text.push_str(&format!("by      {} at {}{reason}\n", operation.by.short(), operation.created_at.rfc3339()));
    text.push_str(&format!("driver  {}\n", driver(view)));
    let calls = progress.calls;
    text.push_str(&format!("calls   {} accepted, {} refused, {} without an answer\n", calls.accepted, calls.refused, calls.unknown));
    text.push_str(&format!("\nSTEPS\n{}", steps(view, now).render(width)));
    if !progress.last_lines.is_empty() {
        text.push_str("\nLAST LINES OF THE BUILDER\n");
        progress.last_lines.iter().for_each(|line| text.push_str(&format!("  {}\n", line.shown())));
    }
    text
}

fn driver(view: &BakeView) -> String {
    let id = &view.operation.id;
    let holder = view.lease.as_ref().and_then(|lease| lease.holder.as_ref());
    match holder.map(|holder| format!("process {} on {}", holder.pid, holder.host.shown())) {
        Some(who) if view.driver_alive => format!("{who}, alive"),
        _ if view.state().is_final() => "none needed any more".to_owned(),
        Some(who) => format!("{who} is gone: `qd drive {id} --take-over` starts another"),
        None => format!("none: `qd drive {id} --take-over` starts one"),
    }
}

fn steps(view: &BakeView, now: WorldTime) -> Table {
    let (plan, progress) = (&view.operation.plan, &view.progress);
    let mut table = Table::indented();
    for (index, (step, status)) in plan.steps.iter().zip(&progress.steps).enumerate() {
        let time = match (status.started_at, status.ended_at) {
            (Some(began), Some(ended)) => ended.since(began).to_string(),
            (Some(began), None) => format!("for {}", now.since(began)),
            (None, _) if progress.state.is_final() => String::new(),
            (None, _) => format!("~{}", about(step.expected)),
        };
        let sign = match (status.outcome, status.started_at) {
            (Some(outcome), _) => match outcome {
                StepOutcome::Success => "done",
                StepOutcome::Warning => "warning",
                StepOutcome::Skipped => "skipped",
                StepOutcome::Failed => "FAILED",
            },
            (None, Some(_)) if !progress.state.is_final() => "now",
            (None, _) if progress.state.is_final() => "will not be run",
            (None, _) => "",
        };
        table.row([format!("{}", index + 1), step.title.clone(), sign.to_owned(), time, escape(&status.note)]);
    }
    table
}

/// The bake's document, for `op --json`.
pub(in super::super) fn document(view: &BakeView, now: WorldTime, out: &mut Output) {
    out.json(&BakeDoc::new(view, now));
}

/// The state a bake ended in, as an exit code.
pub(in super::super) const fn outcome(state: OperationState) -> Option<Exit> {
    match state {
        OperationState::Succeeded => Some(Exit::Done),
        OperationState::BackedOut | OperationState::RolledBack => Some(Exit::EndedBadly),
        OperationState::Failed => Some(Exit::Failed),
        OperationState::Superseded => Some(Exit::Superseded),
        _ => None,
    }
}
