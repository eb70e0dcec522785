//! The post-mortem of an operation as Markdown: what, who, when, what was judged and with what, what was called, and how long bad traffic
//! lasted after its first sign.

use super::judging::{table, verdict_summary};
use super::lines::{event_text, route_words};
use super::needs::state_word;
use super::timeline::plain;
use crate::domain::call::CloudCall;
use crate::domain::time::WorldTime;
use crate::operation::event::{CallOutcome, Event, EventBody, OperationState, VerdictWord};
use crate::operation::record::OperationView;

/// The report.
#[must_use]
pub fn markdown(view: &OperationView) -> String {
    [head(view), impact(view), verdicts(view), calls(view), timeline(view)].join("\n")
}

fn head(view: &OperationView) -> String {
    let (operation, plan) = (&view.operation, &view.operation.plan);
    let why = operation.reason.as_ref().map(|reason| format!("- why: {}\n", plain(&reason.shown()))).unwrap_or_default();
    let ended = view.events.last().map_or(operation.created_at, |event| event.at);
    let steps = plan.steps.iter().zip(&view.progress.steps).enumerate().map(|(number, (step, status))| {
        let outcome = status.outcome.map_or_else(|| "not run".to_owned(), |outcome| format!("{outcome:?}").to_lowercase());
        let took = status.started_at.zip(status.ended_at).map(|(from, to)| format!(", {}", to.since(from))).unwrap_or_default();
        let note = if status.note.is_empty() { String::new() } else { format!(": {}", plain(&status.note)) };
        format!("{}. {} ({outcome}{took}){note}\n", number + 1, plain(&step.title))
    });
    format!(
        "# {} {}: {}\n\n- state: **{}**: {}\n- who: {}\n{why}- when: {} to {}, {}\n- plan: {} by {}, from {} to {}\n\n## Steps\n\n{}",
        plain(operation.word()),
        operation.id,
        plain(&route_words(plan)),
        state_word(view.progress.state),
        plain(&view.progress.reason),
        plain(&operation.by.short()),
        operation.created_at.rfc3339(),
        ended.rfc3339(),
        ended.since(operation.created_at),
        plan.id,
        plan.strategy.word(),
        plain(&plan.from.label()),
        plain(&plan.to.label()),
        steps.collect::<String>(),
    )
}

/// The first sign of an operation that something is wrong.
#[must_use]
pub fn first_bad_sign(view: &OperationView) -> Option<&Event> {
    view.events.iter().find(|event| is_bad_sign(&event.body))
}

/// The first sign that something is wrong, and when what is bad got no traffic any more.
fn impact(view: &OperationView) -> String {
    let Some(sign) = first_bad_sign(view) else { return "## Impact\n\nNo bad sign was recorded.\n".to_owned() };
    let words = event_text(&view.operation.plan, sign).unwrap_or_else(|| "?".to_owned());
    let first = format!("- first bad sign: {} {}\n", sign.at.rfc3339(), plain(&words));
    let stopped = stopped_at(view, sign.at);
    let end = stopped.map_or_else(
        || "- bad traffic: nothing on record took it away\n".to_owned(),
        |at| format!("- bad traffic stopped: {}, **{} after the first sign**\n", at.rfc3339(), at.since(sign.at)),
    );
    format!("## Impact\n\n{first}{end}")
}

const fn is_bad_sign(body: &EventBody) -> bool {
    match body {
        EventBody::Judged { verdict, .. } => matches!(verdict.word, VerdictWord::Fail),
        EventBody::AlarmsRead { against } => against.is_some(),
        EventBody::StateChanged { to, .. } => matches!(to, OperationState::Holding | OperationState::BackingOut | OperationState::Failed),
        _ => false,
    }
}

/// When the candidate got no traffic any more: by the call that set its weight to nothing, or by a rollback's own word.
fn stopped_at(view: &OperationView, since: WorldTime) -> Option<WorldTime> {
    let target_group = view.operation.plan.to.target_group.as_ref();
    let mut takes_away = None;
    view.events.iter().filter(|event| event.at >= since).find_map(|event| match &event.body {
        EventBody::TrafficOnTarget => Some(event.at),
        EventBody::CallIntended { call_no, call: CloudCall::SetWeights { actions, .. }, .. } => {
            takes_away = target_group.and_then(|arn| actions.weight(arn)).filter(|weight| *weight == 0).map(|_| *call_no);
            None
        }
        EventBody::CallEnded { call_no, outcome: CallOutcome::Accepted(_) } if takes_away == Some(*call_no) => Some(event.at),
        _ => None,
    })
}

fn verdicts(view: &OperationView) -> String {
    let mut text = "## Verdicts\n\n".to_owned();
    let acted: Vec<&Event> =
        view.events.iter().filter(|event| matches!(&event.body, EventBody::Judged { verdict, .. } if verdict.look.is_some())).collect();
    if acted.is_empty() {
        text.push_str("Nothing was judged.\n");
    }
    for event in acted {
        let EventBody::Judged { step, verdict, evidence } = &event.body else { continue };
        let digest = verdict.digest.as_deref().unwrap_or("?");
        text.push_str(&format!("### {} step {}: {}\n\n", event.at.rfc3339(), step + 1, plain(&verdict_summary(verdict))));
        if let Some(judgement) = &verdict.judgement {
            text.push_str(&format!("```text\n{}\n```\n\n", table(judgement, evidence.as_deref(), false).join("\n")));
        }
        text.push_str(&format!("evidence sha256 `{digest}`\n\n"));
    }
    text
}

fn calls(view: &OperationView) -> String {
    let mut text = "## Calls\n\n| at | call | what | why | outcome |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for event in &view.events {
        let EventBody::CallIntended { call_no, call, why } = &event.body else { continue };
        let ended = view.events.iter().find_map(|event| match &event.body {
            EventBody::CallEnded { call_no: ended, outcome } if ended == call_no => Some(outcome),
            _ => None,
        });
        let outcome = match ended {
            None => "not recorded".to_owned(),
            Some(CallOutcome::Accepted(_)) => "ok".to_owned(),
            Some(CallOutcome::Refused { kind, .. }) => format!("refused ({})", kind.word()),
            Some(CallOutcome::Unknown { .. }) => "no answer".to_owned(),
        };
        let cells = [event.at.clock(), call.aws_name().to_owned(), call.summary(), why.clone(), outcome];
        text.push_str(&format!("| {} |\n", cells.map(|cell| plain(&cell)).join(" | ")));
    }
    let tally = view.progress.calls;
    text.push_str(&format!(
        "\n{} calls: {} accepted, {} refused, {} without an answer\n",
        tally.intended, tally.accepted, tally.refused, tally.unknown
    ));
    text
}

fn timeline(view: &OperationView) -> String {
    let line = |event: &Event| Some(format!("- `{}` {}\n", event.at.clock(), plain(&event_text(&view.operation.plan, event)?)));
    format!("## Timeline\n\n{}", view.events.iter().filter_map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixture_slow;

    #[test]
    fn a_post_mortem_says_who_what_when_and_how_long() {
        let text = markdown(&fixture_slow::slow());
        for expected in [
            "# canary op-3: web-prod 2.13.2 -\\> 2.14.0",
            "- who: ada@bastion-1",
            "- why: cart badge fix",
            "first bad sign",
            "**10s after the first sign**",
            "p99",
            "| ModifyRule |",
            "evidence sha256 `",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
    }
}
