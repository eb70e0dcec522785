//! An operation's events as plain lines. The screen's `view::lines` says the same words; once both are in one tree, this is that.

use crate::domain::text::escape;
use crate::domain::traffic::Counts;
use crate::operation::event::{CallOutcome, Event, EventBody, StepOutcome, Verdict, VerdictWord};
use crate::operation::plan::Plan;

/// An event as a line with its time of day. None for events that say nothing to a person.
pub(super) fn event_line(plan: &Plan, event: &Event) -> Option<String> {
    Some(format!("{}  {}", event.at.clock(), event_text(plan, event)?))
}

/// An event in words, without its time. None for events that only keep count.
pub(super) fn event_text(plan: &Plan, event: &Event) -> Option<String> {
    let text = match &event.body {
        EventBody::Observed { .. } | EventBody::SoakBegan { .. } | EventBody::LowerEvidence { .. } | EventBody::Launched { .. } => return None,
        EventBody::Planned { plan, by, reason } => {
            let (from, to) = (plan.from.label(), plan.to.label());
            format!("{} {} {from} -> {to} planned by {}, plan {}{}", plan.kind.word(), plan.fleet, by.short(), plan.id, quoted(reason.as_ref()))
        }
        EventBody::DriverStarted { epoch, host, pid } => format!("driver started on {}, process {pid}, lease {epoch}", host.shown()),
        EventBody::StepStarted { step } => format!("{}: started", step_name(plan, *step)),
        EventBody::StepEnded { step, outcome, note, .. } => format!("{}: {}", step_name(plan, *step), ended(*outcome, note)),
        EventBody::CallIntended { call_no, call, why } => format!("call {call_no} {} {}: {why}", call.aws_name(), call.summary()),
        EventBody::CallEnded { call_no, outcome } => format!("call {call_no} {}", call_ended(outcome)),
        EventBody::Judged { step, verdict } => format!("{}: {}", step_name(plan, *step), verdict_words(verdict)),
        EventBody::Promoted { step } => format!("{}: promoted by a person", step_name(plan, *step)),
        EventBody::NeedRaised { need } => format!("need raised to {need} healthy servers"),
        EventBody::StateChanged { to, reason, deadline } => {
            let until = deadline.map_or_else(String::new, |at| format!(", until {}", at.clock()));
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!("{}{why}{until}", to.word().replace('_', " ").to_uppercase())
        }
        EventBody::CommandAnswered { kind, by, reason, accepted, answer } => {
            let ruling = if *accepted { "accepted" } else { "refused" };
            format!("{} by {}{} {ruling}: {answer}", kind.word(), by.short(), quoted(reason.as_ref()))
        }
        EventBody::TrafficOnTarget => format!("all traffic is on {}", plan.to.label()),
        EventBody::BecameStable => format!("{} is stable and in the ledger", plan.to.label()),
        EventBody::SupersededBy { operation } => format!("superseded by {operation}"),
        EventBody::Noted { text } => text.clone(),
    };
    Some(escape(&text))
}

fn quoted(reason: Option<&crate::domain::text::Untrusted>) -> String {
    reason.map_or_else(String::new, |reason| format!(" \"{}\"", reason.shown()))
}

fn step_name(plan: &Plan, step: usize) -> String {
    let title = plan.steps.get(step).map_or("?", |found| found.title.as_str());
    format!("step {}/{} {title}", step.saturating_add(1), plan.steps.len())
}

fn ended(outcome: StepOutcome, note: &str) -> String {
    let word = match outcome {
        StepOutcome::Success => "done",
        StepOutcome::Warning => "done, with a warning",
        StepOutcome::Skipped => "skipped",
        StepOutcome::Failed => "FAILED",
    };
    if note.is_empty() { word.to_owned() } else { format!("{word}: {note}") }
}

fn call_ended(outcome: &CallOutcome) -> String {
    match outcome {
        CallOutcome::Accepted(reply) => reply.request_id.as_ref().map_or_else(|| "ok".to_owned(), |id| format!("ok, request {}", id.shown())),
        CallOutcome::Refused { kind, message } => format!("refused ({}): {}", kind.word(), message.shown()),
        CallOutcome::Unknown { message } => format!("got no answer, so we look: {}", message.shown()),
    }
}

/// A verdict with the numbers it was made from.
pub(super) fn verdict_words(verdict: &Verdict) -> String {
    let word = match verdict.word {
        VerdictWord::Pass => "pass",
        VerdictWord::Fail => "FAIL",
        VerdictWord::Inconclusive => "inconclusive",
    };
    let p = verdict.p.map_or_else(|| "?".to_owned(), |p| format!("{p:.1e}"));
    format!("judge {word}, p {p}: canary {}, stable {}", counted(verdict.candidate), counted(verdict.stable))
}

fn counted(counts: Counts) -> String {
    format!("{} errors in {}", counts.errors, counts.requests)
}
