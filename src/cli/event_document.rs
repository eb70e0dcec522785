//! An event as JSON: its number, when, what, and the words a person would read.

use serde_json::{Map, Value, json};

use super::json::{moment, secs};
use crate::app::lines::event_text;
use crate::domain::ids::OperationId;
use crate::domain::judgement::Evidence;
use crate::domain::refresh::InstanceRefresh;
use crate::domain::schema::LiveSchema;
use crate::domain::text::Untrusted;
use crate::domain::traffic::Counts;
use crate::operation::event::{CallOutcome, Event, EventBody, Verdict};
use crate::operation::work::Work;

/// The document. Steps count from 1.
pub(super) fn event_document<P: Work>(operation: &OperationId, plan: &P, event: &Event) -> Value {
    let (name, detail) = body(&event.body);
    let mut document = Map::new();
    document.insert("operation".to_owned(), json!(operation));
    document.insert("seq".to_owned(), json!(event.seq));
    document.insert("at".to_owned(), json!(moment(event.at)));
    document.insert("event".to_owned(), json!(name));
    document.insert("text".to_owned(), json!(event_text(plan, event)));
    if let Value::Object(detail) = detail {
        document.extend(detail);
    }
    Value::Object(document)
}

fn body(body: &EventBody) -> (&'static str, Value) {
    match body {
        EventBody::Planned { plan, by, reason } => ("planned", json!({"plan": plan.id, "by": by.raw_short(), "reason": reason})),
        EventBody::BakePlanned { plan, by, reason } => ("planned", json!({"plan": plan.id, "by": by.raw_short(), "reason": reason})),
        EventBody::Bake { what } => ("bake", json!({"bake": what})),
        EventBody::DriverStarted { epoch, host, pid } => ("driver_started", json!({"epoch": epoch, "host": host, "pid": pid})),
        EventBody::StepStarted { step } => ("step_started", json!({"step": step + 1})),
        EventBody::StepEnded { step, outcome, note, next } => {
            ("step_ended", json!({"step": step + 1, "outcome": outcome, "note": note, "next": next.map(|next| next + 1)}))
        }
        EventBody::CallIntended { call_no, call, why } => {
            ("call_intended", json!({"call_no": call_no, "api": call.aws_name(), "summary": call.summary(), "why": why}))
        }
        EventBody::CallEnded { call_no, outcome } => call_ended(*call_no, outcome),
        EventBody::Observed { added, streak } => ("observed", json!({"added_secs": secs(*added), "streak": streak})),
        EventBody::SoakBegan { counts } => ("soak_began", json!({"a": counts.a.map(counted), "b": counts.b.map(counted)})),
        EventBody::Judged { step, verdict, evidence } => ("judged", judged(*step, verdict, evidence.as_deref())),
        EventBody::GateStarted { gate } => ("gate_started", json!({"gate": gate + 1})),
        EventBody::GateEnded { gate, outcome } => ("gate_ended", json!({"gate": gate + 1, "passed": outcome.passed, "said": outcome.said})),
        EventBody::SchemaRead { live } => ("schema_read", json!({"schema": live.known(), "why_unknown": why_unknown(live)})),
        EventBody::SchemaPassedOver => ("schema_passed_over", json!({})),
        EventBody::LeftOut { out } => ("left_out", json!({"out": out})),
        EventBody::MigrationStarted => ("migration_started", json!({})),
        EventBody::MigrationEnded { outcome } => ("migration_ended", json!({"end": outcome.end, "said": outcome.said})),
        EventBody::Launched { instances } => ("launched", json!({"instances": instances})),
        EventBody::Missing { what } => ("missing", json!({"what": what})),
        EventBody::LowerEvidence { found } => ("lower_evidence", json!({"found": found})),
        EventBody::Promoted { step } => ("promoted", json!({"step": step + 1})),
        EventBody::AlarmsRead { against } => ("alarms_read", json!({"against": against})),
        EventBody::NeedRaised { need } => ("need_raised", json!({"need": need})),
        EventBody::StateChanged { to, reason, deadline } => ("state_changed", json!({"state": to, "reason": reason, "until": deadline.map(moment)})),
        EventBody::CommandAnswered { kind, by, reason, accepted, answer } => {
            ("command_answered", json!({"command": kind.word(), "by": by.raw_short(), "reason": reason, "accepted": accepted, "answer": answer}))
        }
        EventBody::RefreshSeen { refresh } => ("refresh_seen", refresh_document(refresh)),
        EventBody::TrafficOnTarget => ("traffic_on_target", json!({})),
        EventBody::BecameStable => ("became_stable", json!({})),
        EventBody::SupersededBy { operation } => ("superseded_by", json!({"by_operation": operation})),
        EventBody::Noted { text } => ("noted", json!({"note": text})),
    }
}

/// Why the live schema is not known, where somebody asked.
fn why_unknown(live: &LiveSchema) -> Option<&Untrusted> {
    if let LiveSchema::Unknown(why) = live { Some(why) } else { None }
}

fn call_ended(call_no: u64, outcome: &CallOutcome) -> (&'static str, Value) {
    let detail = match outcome {
        CallOutcome::Accepted(reply) => json!({"call_no": call_no, "outcome": "accepted", "request_id": reply.request_id}),
        CallOutcome::Refused { kind, message } => json!({"call_no": call_no, "outcome": "refused", "kind": kind, "message": message}),
        CallOutcome::Unknown { message } => json!({"call_no": call_no, "outcome": "unknown", "message": message}),
    };
    ("call_ended", detail)
}

/// An instance refresh, for JSON; what AWS does not tell is `null`.
pub(super) fn refresh_document(refresh: &InstanceRefresh) -> Value {
    json!({
        "id": refresh.id,
        "status": refresh.status.words(),
        "reason": refresh.reason,
        "percent": refresh.percent,
        "to_update": refresh.to_update,
        "started_at": refresh.started_at.map(moment),
        "ended_at": refresh.ended_at.map(moment),
        "rollback_reason": refresh.rollback_reason,
    })
}

/// A verdict; where it was acted on, with the look's number, its evidence and that one's digest, from which `qd judge` makes it again.
fn judged(step: usize, verdict: &Verdict, evidence: Option<&Evidence>) -> Value {
    let (candidate, stable) = (counted(verdict.candidate), counted(verdict.stable));
    let (judgement, look, digest) = (&verdict.judgement, verdict.look, &verdict.digest);
    json!({
        "step": step + 1,
        "verdict": verdict.word,
        "p": verdict.p,
        "candidate": candidate,
        "stable": stable,
        "judgement": judgement,
        "look": look,
        "digest": digest,
        "evidence": evidence,
    })
}

fn counted(counts: Counts) -> Value {
    json!({"requests": counts.requests, "errors": counts.errors, "p99_ms": counts.p99_ms})
}

/// `user@host` as it came, for JSON.
trait RawShort {
    fn raw_short(&self) -> String;
}

impl RawShort for crate::operation::command::Who {
    fn raw_short(&self) -> String {
        format!("{}@{}", self.user.raw(), self.host.raw())
    }
}
