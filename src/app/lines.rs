//! An operation's events as plain lines: `--follow`, `watch`, `--plain` and the screen's event list say the same words.

use super::bake_lines::bake_words;
use super::needs::state_word;
use crate::domain::ids::PlanId;
use crate::domain::judgement::JudgedBy;
use crate::domain::schema::LiveSchema;
use crate::domain::text::{Untrusted, counted, escape};
use crate::domain::time::WorldTime;
use crate::domain::traffic::Counts;
use crate::operation::any::AnyRef;
use crate::operation::command::Who;
use crate::operation::event::{CallOutcome, Event, EventBody, OperationState, StepOutcome, Verdict, VerdictWord};
use crate::operation::gate::GateOutcome;
use crate::operation::plan::Plan;
use crate::operation::record::OperationView;
use crate::operation::schema::{MigrationEnd, MigrationOutcome};
use crate::operation::work::Work;

/// An event as a line with its time of day: `HH:MM:SS  step 3/7 weight 25%: …`. None for events that say nothing to a person.
#[must_use]
pub fn event_line<P: Work>(plan: &P, event: &Event) -> Option<String> {
    Some(format!("{}  {}", event.at.clock(), event_text(plan, event)?))
}

/// An event of an operation of whichever kind in words, without its time.
#[must_use]
pub fn told_text(view: AnyRef<'_>, event: &Event) -> Option<String> {
    match view {
        AnyRef::Rollout(view) => event_text(&view.operation.plan, event),
        AnyRef::Bake(view) => event_text(&view.operation.plan, event),
    }
}

/// The same as a line with its time of day.
#[must_use]
pub fn told_line(view: AnyRef<'_>, event: &Event) -> Option<String> {
    Some(format!("{}  {}", event.at.clock(), told_text(view, event)?))
}

/// An event in words, without its time. None for events that only keep count.
#[must_use]
pub fn event_text<P: Work>(plan: &P, event: &Event) -> Option<String> {
    let text = match &event.body {
        EventBody::Observed { .. }
        | EventBody::SoakBegan { .. }
        | EventBody::SchemaPassedOver
        | EventBody::LowerEvidence { .. }
        | EventBody::Launched { .. } => return None,
        EventBody::Planned { plan, by, reason } => planned_words(plan.as_ref(), &plan.id, by, reason.as_ref()),
        EventBody::BakePlanned { plan, by, reason } => planned_words(plan.as_ref(), &plan.id, by, reason.as_ref()),
        EventBody::Bake { what } => return bake_words(plan, what),
        EventBody::DriverStarted { epoch, host, pid } => format!("driver started on {}, process {pid}, lease {epoch}", host.shown()),
        EventBody::StepStarted { step } => format!("{}: started", step_name(plan, *step)),
        EventBody::StepEnded { step, outcome, note, .. } => format!("{}: {}", step_name(plan, *step), ended_words(*outcome, note)),
        EventBody::CallIntended { call_no, call, why } => format!("call {call_no} {} {}: {why}", call.aws_name(), call.summary()),
        EventBody::CallEnded { call_no, outcome } => format!("call {call_no} {}", outcome_words(outcome)),
        EventBody::GateStarted { gate } => format!("gate {} looks at {}", gate_name(plan, *gate), plan.target()),
        EventBody::GateEnded { gate, outcome } => format!("gate {} {}", gate_name(plan, *gate), gate_words(outcome)),
        EventBody::SchemaRead { live: LiveSchema::Unknown(why) } => format!("the live schema is unknown: {}", why.shown()),
        EventBody::SchemaRead { live } => format!("schema {} is live", live.words()),
        EventBody::LeftOut { out: true } => "what is left gets no traffic any more, and does not run on the live schema".to_owned(),
        EventBody::LeftOut { out: false } => "what is left gets traffic again".to_owned(),
        EventBody::MigrationStarted => "the migration starts".to_owned(),
        EventBody::MigrationEnded { outcome } => migration_words(outcome),
        EventBody::Judged { step, verdict, .. } => format!("{}: {}", step_name(plan, *step), verdict_words(verdict)),
        EventBody::Missing { what: Some(what) } => what.clone(),
        EventBody::Missing { what: None } => "what was missing is there again".to_owned(),
        EventBody::Promoted { step } => format!("{}: promoted by a person", step_name(plan, *step)),
        EventBody::AlarmsRead { against } => against.clone().unwrap_or_else(|| "all alarms are green".to_owned()),
        EventBody::NeedRaised { need } => format!("need raised to {}", counted(*need, "healthy server")),
        EventBody::StateChanged { to, reason, deadline } => state_words(*to, reason, *deadline),
        EventBody::CommandAnswered { kind, by, reason, accepted, answer } => {
            let why = reason.as_ref().map(|reason| format!(" \"{}\"", reason.shown())).unwrap_or_default();
            let ruling = if *accepted { "accepted" } else { "refused" };
            format!("{} by {}{why} {ruling}: {answer}", kind.word(), by.short())
        }
        EventBody::RefreshSeen { refresh } => format!("AWS: {}", refresh.words()),
        EventBody::TrafficOnTarget => format!("all traffic is on {}", plan.target()),
        EventBody::BecameStable => format!("{} is stable and in the ledger", plan.target()),
        EventBody::SupersededBy { operation } => format!("superseded by {operation}"),
        EventBody::Noted { text } => text.clone(),
    };
    Some(escape(&text))
}

/// Every event of an operation as lines, in order.
#[must_use]
pub fn operation_lines(view: &OperationView) -> Vec<String> {
    view.events.iter().filter_map(|event| event_line(&view.operation.plan, event)).collect()
}

/// `web-prod 2.13.2 -> 2.14.0`.
#[must_use]
pub fn route_words(plan: &Plan) -> String {
    plan.headline()
}

/// `step 3/7 weight 25%`.
#[must_use]
pub fn step_name<P: Work>(plan: &P, step: usize) -> String {
    let title = plan.step_title(step).unwrap_or("?");
    format!("step {}/{} {title}", step.saturating_add(1), plan.step_count())
}

/// A verdict with the numbers it was made from: `judge pass, p 0.412: canary 3/1200 errors, base 9/3600`.
#[must_use]
pub fn verdict_words(verdict: &Verdict) -> String {
    if let Some(judgement) = verdict.judgement.as_ref().filter(|judgement| judgement.findings.iter().any(|found| found.by == JudgedBy::MannWhitney)) {
        return format!("judge {}: {}", verdict_word(verdict.word), judgement.why);
    }
    let (canary, base) = (counts_words(verdict.candidate), counts_words(verdict.stable));
    format!("judge {}, p {}: canary {canary}, base {base}", verdict_word(verdict.word), verdict.p_words())
}

/// `pass`, `FAIL` or `inconclusive`: failing is told apart by more than its colour.
#[must_use]
pub const fn verdict_word(word: VerdictWord) -> &'static str {
    match word {
        VerdictWord::Pass => "pass",
        VerdictWord::Fail => "FAIL",
        VerdictWord::Inconclusive => "inconclusive",
    }
}

fn counts_words(counts: Counts) -> String {
    format!("{}/{} errors", counts.errors, counts.requests)
}

fn ended_words(outcome: StepOutcome, note: &str) -> String {
    let word = match outcome {
        StepOutcome::Success => "done",
        StepOutcome::Warning => "done, with a warning",
        StepOutcome::Skipped => "skipped",
        StepOutcome::Failed => "FAILED",
    };
    if note.is_empty() { word.to_owned() } else { format!("{word}: {note}") }
}

fn outcome_words(outcome: &CallOutcome) -> String {
    match outcome {
        CallOutcome::Accepted(reply) => match &reply.request_id {
            Some(id) => format!("ok, request {}", id.shown()),
            None => "ok".to_owned(),
        },
        CallOutcome::Refused { kind, message } => format!("refused ({}): {}", kind.word(), message.shown()),
        CallOutcome::Unknown { message } => format!("got no answer, so we look: {}", message.shown()),
    }
}

fn gate_name<P: Work>(plan: &P, gate: usize) -> String {
    plan.gate_name(gate).unwrap_or_else(|| "?".to_owned())
}

fn planned_words<P: Work>(plan: &P, id: &PlanId, by: &Who, reason: Option<&Untrusted>) -> String {
    let why = reason.map(|reason| format!(" \"{}\"", reason.shown())).unwrap_or_default();
    format!("{} planned by {}: {}, plan {id}{why}", plan.kind_word(), by.short(), plan.headline())
}

/// How a migration ended, with the last line it printed.
fn migration_words(outcome: &MigrationOutcome) -> String {
    let end = match outcome.end {
        MigrationEnd::Succeeded => "the migration is done",
        MigrationEnd::Failed => "the migration failed",
        MigrationEnd::NotStarted => "the migration was not started",
    };
    let last = outcome.said.raw().lines().rev().find(|line| !line.trim().is_empty());
    last.map_or_else(|| end.to_owned(), |last| format!("{end}: {}", escape(last)))
}

fn gate_words(outcome: &GateOutcome) -> String {
    let said = outcome.said.shown();
    let said = if said.trim().is_empty() { String::new() } else { format!(": {said}") };
    format!("{}{said}", if outcome.passed { "lets it pass" } else { "does not let it pass" })
}

fn state_words(to: OperationState, reason: &str, deadline: Option<WorldTime>) -> String {
    let mut text = state_word(to).to_uppercase();
    if !reason.is_empty() {
        text.push_str(&format!(": {reason}"));
    }
    if let Some(deadline) = deadline {
        text.push_str(&format!(", until {}", deadline.clock()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixture;

    #[test]
    fn an_operation_reads_like_a_log() {
        let lines = operation_lines(&fixture::holding());
        let expected = [
            "03:09:07  deploy planned by ada@bastion-1: web-prod 2.13.2 -> 2.14.0, plan 7f3a9c12 \"cart badge fix\"",
            "03:10:57  step 4/9 weight 5%: done: soaked 5m",
            "03:11:17  call 9 ModifyRule rule weights web-prod-a 75, web-prod-b 25: shift to 25%",
            "03:11:27  call 9 ok, request 4c1e",
            "03:11:57  step 5/9 weight 25%: judge FAIL, p 0.000012: canary 40/1201 errors, base 9/3604 errors",
            "03:12:07  HOLDING: the judge fails weight 25%: 40 errors of 1201 against 9 of 3604, until 03:15:19",
        ];
        for line in expected {
            assert!(lines.iter().any(|known| known == line), "{line:?} is not among {lines:#?}");
        }
    }
}
