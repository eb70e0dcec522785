//! A plan as text: what `--plan` prints and what a person reads before being asked.

use super::table::Table;
use crate::domain::text::counted;
use crate::domain::time::Millis;
use crate::operation::calls::planned_calls;
use crate::operation::changes::{PackageDifference, package_words};
use crate::operation::plan::{CheckLevel, Friction, OperationKind, Plan, Side};

/// The whole plan.
pub(super) fn plan_text(plan: &Plan, width: Option<usize>) -> String {
    let mut text = head(plan);
    text.push_str(&steps(plan, width));
    text.push_str(&checks(plan));
    text.push_str(&differences(plan));
    text.push_str(&changes(plan));
    text.push_str(&calls(plan));
    text.push_str(&one_way(plan));
    text.push_str(&friction(plan));
    text
}

fn head(plan: &Plan) -> String {
    let mut text = format!("{} {}: {} -> {}, {}\n", plan.kind.word(), plan.fleet, plan.from.label(), plan.to.label(), how(plan));
    let production = if plan.production { ", production" } else { "" };
    text.push_str(&format!("plan {} in {}{production}, facts of {}\n", plan.id, plan.place, plan.as_of.rfc3339()));
    text.push_str(&format!("  from  {}\n  to    {}\n", side(&plan.from), side(&plan.to)));
    text.push_str(&format!("  at least {} all the time (floor {})", counted(plan.need, "healthy server"), plan.floor));
    match plan.kind {
        OperationKind::Deploy if plan.refresh.is_none() => text.push_str(&format!("; {} stays {} as the way back\n", plan.from.group, plan.window)),
        _ => text.push('\n'),
    }
    if let Some(superseded) = &plan.supersedes {
        text.push_str(&format!("  takes the wheel from {superseded}\n"));
    }
    text
}

fn how(plan: &Plan) -> String {
    match plan.kind {
        OperationKind::Recycle => "every server replaced by a fresh one".to_owned(),
        OperationKind::Rollback | OperationKind::Retire => plan.way_words().unwrap_or_else(|| "in the steps below".to_owned()),
        OperationKind::Deploy => plan.strategy.word().to_owned(),
    }
}

fn side(side: &Side) -> String {
    let version = side.template_version.map_or_else(|| "a new version".to_owned(), |number| format!("version {number}"));
    format!("{} {}, {version} of {}", side.group, side.image, side.template)
}

fn steps(plan: &Plan, width: Option<usize>) -> String {
    let mut table = Table::indented();
    for (index, step) in plan.steps.iter().enumerate() {
        let time = step.expected.map_or_else(|| "?".to_owned(), |span| format!("~{span}"));
        table.row([(index + 1).to_string(), step.title.clone(), time]);
    }
    let known = plan.steps.iter().filter_map(|step| step.expected).fold(Millis::ZERO, Millis::plus);
    let unknown = plan.steps.iter().any(|step| step.expected.is_none());
    let total = if unknown { format!("at least {known}") } else { format!("~{known}") };
    format!("\nSTEPS, {total}\n{}", table.render(width))
}

fn checks(plan: &Plan) -> String {
    if plan.checks.is_empty() {
        return String::new();
    }
    let mut table = Table::indented();
    for check in &plan.checks {
        table.row([level_word(check.level).to_owned(), check.text.clone()]);
    }
    // A check is never cut: what stands at its end may be what matters.
    format!("\nCHECKS\n{}", table.render(None))
}

/// The word in front of something that was looked at.
pub(super) const fn level_word(level: CheckLevel) -> &'static str {
    match level {
        CheckLevel::Ok => "ok",
        CheckLevel::Warning => "!",
        CheckLevel::Unknown => "?",
    }
}

fn differences(plan: &Plan) -> String {
    if plan.differences.is_empty() {
        return String::new();
    }
    let lines: String = plan.differences.iter().map(|line| format!("  {line}\n")).collect();
    format!("\nDIFFERENCES in the template of {}, besides the image\n{lines}", plan.to.group)
}

/// What is risky stands first, with a mark of its own.
fn changes(plan: &Plan) -> String {
    let Some(changes) = &plan.changes else { return String::new() };
    let sign = |risky: bool| if risky { "!" } else { " " };
    let mut text = format!("\nWHAT CHANGES from {} to {}\n", plan.from.label(), plan.to.label());
    for change in &changes.fields {
        text.push_str(&format!("  {} {}\n", sign(change.risky), change.words()));
    }
    text.push_str(&format!("    {}\n", changes.packages.words()));
    if let PackageDifference::Known { changed, left_out } = &changes.packages {
        for change in changed {
            text.push_str(&format!("  {}   {}\n", sign(change.risky), package_words(change)));
        }
        if *left_out > 0 {
            text.push_str(&format!("      and {left_out} more\n"));
        }
    }
    text
}

fn calls(plan: &Plan) -> String {
    let mut table = Table::indented();
    for call in planned_calls(plan) {
        table.row([call.step.to_string(), call.api.to_owned(), call.summary]);
    }
    let place = plan.scope.route.place().map(|place| format!("  weights are those of {}\n", place.arn())).unwrap_or_default();
    format!("\nCALLS, by step\n{}{place}", table.render(None))
}

/// Said last, where nobody scrolls past it.
fn one_way(plan: &Plan) -> String {
    let one_way = plan.schema.as_ref().and_then(|schema| schema.one_way.as_ref());
    one_way.map_or_else(String::new, |one_way| format!("\nONE WAY: {}.\n", one_way.sentence()))
}

fn friction(plan: &Plan) -> String {
    match &plan.friction {
        Friction::Confirm => String::new(),
        Friction::Reason => "\nThis is production: a reason is asked for.\n".to_owned(),
        Friction::Typed { because } => format!("\nCareful: {because}. The fleet's name has to be typed.\n"),
    }
}
