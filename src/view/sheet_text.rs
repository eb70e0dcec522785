//! What a plan sheet says: from, to, how, in which steps, with which calls, what was checked, what else it stops.

use super::paint::{self, Paint, Row, piece};
use super::text;
use super::theme::Tone;
use crate::app::age::about;
use crate::app::sheet::{Errand, PlanState, Sheet, Subject};
use crate::domain::fleet::RoutePlace;
use crate::domain::time::Millis;
use crate::operation::command::CommandKind;
use crate::operation::intent::Intent;
use crate::operation::plan::{CheckLevel, OperationKind, Plan, Side, StepKind};
use crate::operation::status::WayBackLevel;

/// Width of the column of names.
const NAMES: usize = 9;

/// Everything above the keys.
pub fn rows(sheet: &Sheet, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    match &sheet.subject {
        Subject::Plan { intent, state: PlanState::Making } => {
            vec![paint::toned(format!(" Making the plan for {} from fresh facts", intent.fleet()), Tone::Working)]
        }
        Subject::Plan { state: PlanState::Failed(problem), .. } => {
            let mut rows = wrapped("refused", &problem.text, Tone::Bad, columns);
            rows.extend(wrapped("remedy", &problem.hint, Tone::Strong, columns));
            rows.push(paint::toned(" Nothing was changed.", Tone::Plain));
            rows
        }
        Subject::Plan { intent, state: PlanState::Made(plan) } => plan_rows(intent, plan, paint, columns),
        Subject::Command(errand) => errand_rows(errand, columns),
    }
}

/// The sheet's title.
pub fn title(sheet: &Sheet) -> String {
    let fleet = sheet.fleet();
    match &sheet.subject {
        Subject::Plan { intent: Intent::Deploy { .. }, .. } => format!("DEPLOY TO {fleet}"),
        Subject::Plan { intent: Intent::Rollback { .. }, .. } => format!("ROLL BACK {fleet}"),
        Subject::Command(errand) => format!("{} {fleet}", verb(errand.kind).to_uppercase()),
    }
}

/// What `y` does.
pub const fn yes(sheet: &Sheet) -> &'static str {
    match &sheet.subject {
        Subject::Plan { intent: Intent::Deploy { .. }, .. } => "deploy now",
        Subject::Plan { intent: Intent::Rollback { .. }, .. } => "roll back now",
        Subject::Command(errand) => match errand.kind {
            CommandKind::Pause => "pause now",
            CommandKind::Resume => "resume now",
            CommandKind::Promote => "promote now",
            CommandKind::BackOut => "back out now",
        },
    }
}

const fn verb(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Pause => "pause",
        CommandKind::Resume => "resume",
        CommandKind::Promote => "promote",
        CommandKind::BackOut => "back out",
    }
}

fn named(name: &str, text: impl Into<String>, tone: Tone) -> Row {
    vec![piece(format!(" {}", text::left(name, NAMES, "")), Tone::Dim), piece(text, tone)]
}

/// A named text over as many lines as it takes: what a person has to read is never cut.
fn wrapped(name: &str, text: &str, tone: Tone, columns: usize) -> Vec<Row> {
    let room = columns.saturating_sub(NAMES + 2);
    let lines = text::wrap(&crate::domain::text::escape(text), room);
    lines.into_iter().enumerate().map(|(at, line)| named(if at == 0 { name } else { "" }, line, tone)).collect()
}

fn plan_rows(intent: &Intent, plan: &Plan, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let arrow = paint.glyphs.to;
    let head = format!(" {}   {} {arrow} {}", plan.fleet, mix_words(plan), plan.to.label());
    let mut rows = vec![paint::toned(head, Tone::Strong)];
    rows.extend(wrapped("from", &side_words(&plan.from), Tone::Plain, columns));
    rows.extend(wrapped("to", &side_words(&plan.to), Tone::Plain, columns));
    rows.extend(wrapped("how", &how_words(plan), Tone::Plain, columns));
    rows.extend(wrapped("effect", &effect_words(plan), Tone::Plain, columns));
    rows.extend(check_rows(plan, paint, columns));
    if let Some(operation) = &plan.supersedes {
        rows.extend(wrapped("also", &format!("takes the wheel from {operation}, which ends superseded"), Tone::Waits, columns));
    }
    for difference in &plan.differences {
        rows.extend(wrapped("differs", difference, Tone::Waits, columns));
    }
    rows.extend(step_rows(plan));
    rows.extend(wrapped("command", &command_words(intent, plan), Tone::Dim, columns));
    rows.extend(wrapped("plan", &format!("{} in {}, facts of {}", plan.id, plan.place, plan.as_of.clock()), Tone::Dim, columns));
    rows
}

/// What serves now, with its shares.
fn mix_words(plan: &Plan) -> String {
    let share = |side: &Side| plan.actions.share(&side.target_group).map(|share| format!(" {:.0}%", share * 100.0));
    let from = format!("{}{}", plan.from.label(), share(&plan.from).unwrap_or_else(|| " ?%".to_owned()));
    match share(&plan.to) {
        Some(to) if to != " 0%" => format!("{from} + {}{to}", plan.to.label()),
        _ => from,
    }
}

fn side_words(side: &Side) -> String {
    let version = side.template_version.map_or_else(|| "a new version".to_owned(), |number| format!("version {number}"));
    let known = if side.version.is_some() { format!("{} {}", side.label(), side.image) } else { side.label() };
    format!("{known} in {}, {version} of {}", side.group, side.template)
}

fn how_words(plan: &Plan) -> String {
    match (plan.kind, plan.level) {
        (OperationKind::Rollback, Some(WayBackLevel::R0)) => "R0: the old group is warm, one weight change".to_owned(),
        (OperationKind::Rollback, Some(WayBackLevel::R1)) => "R1: the old group grows first, then the weights".to_owned(),
        (OperationKind::Rollback, Some(WayBackLevel::R2)) => "R2: the image is launched anew in the other slot, then the weights".to_owned(),
        (OperationKind::Rollback | OperationKind::Retire, _) => format!("{} in the steps below", plan.kind.word()),
        (OperationKind::Deploy, _) if plan.judged => format!("{}, judged by request and error counts", plan.strategy.word()),
        (OperationKind::Deploy, _) => format!("{}, soaks are only timed: nobody counts requests", plan.strategy.word()),
    }
}

fn step_rows(plan: &Plan) -> Vec<Row> {
    let steps = plan.steps.iter().enumerate();
    steps
        .map(|(index, step)| {
            let time = step.expected.map_or_else(String::new, |span| format!("~{}", about(span)));
            let lead = if index == 0 { "steps" } else { "" };
            let name = format!("{} {}", text::right(&(index + 1).to_string(), 2, ""), text::left(&step.title, 22, "~"));
            vec![
                piece(format!(" {}", text::left(lead, NAMES - 1, "")), Tone::Dim),
                piece(format!("{name} {}", text::right(&time, 5, "")), Tone::Plain),
                piece(format!("  {}", calls(step.kind, plan)), Tone::Dim),
            ]
        })
        .collect()
}

/// The AWS calls that a step may make.
const fn calls(kind: StepKind, plan: &Plan) -> &'static str {
    let rule = matches!(plan.pair.place, RoutePlace::Rule(_));
    match (kind, rule) {
        (StepKind::Claim, _) => "CreateOrUpdateTags",
        (StepKind::Template, _) => "CreateLaunchTemplateVersion",
        (StepKind::EmptySlot | StepKind::OneBox | StepKind::FullSize | StepKind::GrowTarget | StepKind::Park, _) => "UpdateAutoScalingGroup",
        (StepKind::Weight(_), true) => "UpdateAutoScalingGroup ModifyRule",
        (StepKind::Weight(_), false) => "UpdateAutoScalingGroup ModifyListener",
        (StepKind::Shift, true) => "ModifyRule",
        (StepKind::Shift, false) => "ModifyListener",
        (StepKind::GiveBack, _) => "UpdateAutoScalingGroup DeleteTags",
        (StepKind::Stable | StepKind::Settle | StepKind::Window, _) => "reads only",
    }
}

fn effect_words(plan: &Plan) -> String {
    let total = plan.steps.iter().filter_map(|step| step.expected).fold(Millis::ZERO, Millis::plus);
    let capacity = format!("never fewer than {} healthy servers (floor {})", plan.need, plan.floor);
    match plan.kind {
        OperationKind::Rollback => {
            format!("all traffic on {} in ~{}, all of it ~{}; {capacity}", plan.to.label(), about(until_shifted(plan)), about(total))
        }
        OperationKind::Deploy => format!("all of it ~{}; {capacity}; the old group stays {} as the way back", about(total), plan.window),
        OperationKind::Retire => capacity,
    }
}

/// How long until the last shift is made.
fn until_shifted(plan: &Plan) -> Millis {
    let last = plan.steps.iter().rposition(|step| matches!(step.kind, StepKind::Shift)).map_or(plan.steps.len(), |at| at + 1);
    plan.steps.iter().take(last).filter_map(|step| step.expected).fold(Millis::ZERO, Millis::plus)
}

fn check_rows(plan: &Plan, paint: &Paint<'_>, columns: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut checks: Vec<_> = plan.checks.iter().collect();
    // What needs thought comes first: it must not be the part that has to be scrolled to.
    checks.sort_by_key(|check| matches!(check.level, CheckLevel::Ok));
    for check in checks {
        let (sign, tone) = match check.level {
            CheckLevel::Ok => (paint.glyphs.ok, Tone::Good),
            CheckLevel::Warning => ("!", Tone::Waits),
            CheckLevel::Unknown => (paint.glyphs.unknown, Tone::Unknown),
        };
        let name = if rows.is_empty() { "checks" } else { "" };
        rows.extend(wrapped(name, &format!("{sign} {}", check.text), tone, columns));
    }
    rows
}

fn command_words(intent: &Intent, plan: &Plan) -> String {
    match intent {
        Intent::Deploy { fleet, .. } => format!("qd deploy {fleet} --image {}", plan.to.label()),
        Intent::Rollback { fleet, to: None } => format!("qd rollback {fleet}"),
        Intent::Rollback { fleet, to: Some(_) } => format!("qd rollback {fleet} --to {}", plan.to.label()),
    }
}

fn errand_rows(errand: &Errand, columns: usize) -> Vec<Row> {
    let head = format!(" {} {} {} of {}", verb(errand.kind), errand.word, errand.operation, errand.fleet);
    let mut rows = vec![paint::toned(head, Tone::Strong), Vec::new()];
    for (at, effect) in errand.effects.iter().enumerate() {
        rows.extend(wrapped(if at == 0 { "effect" } else { "" }, effect, Tone::Plain, columns));
    }
    rows.extend(wrapped(
        "seen",
        &format!("step {}, event {}: if it moved on, it says so", errand.seen.step + 1, errand.seen.last_event),
        Tone::Dim,
        columns,
    ));
    rows.extend(wrapped("command", &format!("qd {} {}", errand.kind.word(), errand.operation), Tone::Dim, columns));
    rows
}
