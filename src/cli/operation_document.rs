//! The JSON document of an operation.

use serde::Serialize;
use serde_json::Value;

use super::bake_document::BakeDoc;
use super::event_document::event_document;
use super::json::moment;
use super::step_document::{DriverDoc, StepDoc, StepStatusDoc};
use crate::domain::ids::{FleetName, ImageId, OperationId, PlanId};
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;
use crate::operation::bake::BakeView;
use crate::operation::damage::{DamagedOperation, RawEvent, RawOperation};
use crate::operation::event::OperationState;
use crate::operation::outcome::CallTally;
use crate::operation::plan::OperationKind;
use crate::operation::plan::Side;
use crate::operation::record::OperationView;

/// `op --json`.
#[derive(Serialize)]
pub(super) struct OperationDoc<'a> {
    id: &'a OperationId,
    kind: OperationKind,
    fleet: &'a FleetName,
    from: &'a str,
    to: &'a str,
    from_image: &'a ImageId,
    to_image: &'a ImageId,
    strategy: &'static str,
    state: OperationState,
    state_reason: &'a str,
    since: String,
    step: StepDoc<'a>,
    driver: Option<DriverDoc<'a>>,
    by: String,
    reason: Option<&'a Untrusted>,
    created_at: String,
    plan: &'a PlanId,
    steps: Vec<StepStatusDoc<'a>>,
    calls: CallTally,
    traffic_on_target_at: Option<String>,
    superseded_by: Option<&'a OperationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<Value>>,
}

impl<'a> OperationDoc<'a> {
    /// The operation with all its events.
    pub(super) fn new(view: &'a OperationView) -> Self {
        let (id, plan) = (&view.operation.id, &view.operation.plan);
        let events = view.events.iter().map(|event| event_document(id, plan, event)).collect();
        Self { events: Some(events), ..Self::without_events(view) }
    }

    /// The operation alone: where its events were printed before it, line by line.
    pub(super) fn without_events(view: &'a OperationView) -> Self {
        let (plan, progress) = (&view.operation.plan, &view.progress);
        Self {
            id: &view.operation.id,
            kind: plan.kind,
            fleet: &plan.fleet,
            from: raw_label(&plan.from),
            to: raw_label(&plan.to),
            from_image: &plan.from.image,
            to_image: &plan.to.image,
            strategy: plan.strategy.word(),
            state: progress.state,
            state_reason: &progress.reason,
            since: moment(progress.since),
            step: StepDoc::new(view),
            driver: DriverDoc::of(view),
            by: format!("{}@{}", view.operation.by.user.raw(), view.operation.by.host.raw()),
            reason: view.operation.reason.as_ref(),
            created_at: moment(view.operation.created_at),
            plan: &plan.id,
            steps: StepStatusDoc::all(view, plan.steps.iter().map(|step| step.expected)),
            calls: progress.calls,
            traffic_on_target_at: progress.traffic_on_target_at.map(moment),
            superseded_by: progress.superseded_by.as_ref(),
            events: None,
        }
    }
}

/// `ops --json`.
#[derive(Serialize)]
pub(super) struct OperationsDoc<'a> {
    operations: Vec<AnyDoc<'a>>,
    damaged: Vec<DamagedDoc<'a>>,
}

impl<'a> OperationsDoc<'a> {
    /// Newest first, of whichever kind.
    pub(super) fn new(views: &'a [OperationView], (bakes, now): (&'a [BakeView], WorldTime), damaged: &'a [DamagedOperation]) -> Self {
        let rollouts = views.iter().map(|view| (number(&view.operation.id), AnyDoc::Rollout(Box::new(OperationDoc::new(view)))));
        let bakes = bakes.iter().map(|view| (number(&view.operation.id), AnyDoc::Bake(Box::new(BakeDoc::new(view, now)))));
        let mut all: Vec<_> = rollouts.chain(bakes).collect();
        all.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        Self { operations: all.into_iter().map(|(_, document)| document).collect(), damaged: damaged.iter().map(DamagedDoc::new).collect() }
    }
}

/// An operation of whichever kind.
#[derive(Serialize)]
#[serde(untagged)]
enum AnyDoc<'a> {
    Rollout(Box<OperationDoc<'a>>),
    Bake(Box<BakeDoc<'a>>),
}

/// The number in `op-7`: ids are given in their order.
fn number(id: &OperationId) -> u64 {
    id.as_str().rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// An operation whose record is damaged, in `ops --json`; with the bytes that are left in `op --json`.
#[derive(Serialize)]
pub(super) struct DamagedDoc<'a> {
    id: &'a OperationId,
    kind: &'a Untrusted,
    fleet: &'a FleetName,
    finished: bool,
    damage: &'a str,
    remedy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a Untrusted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<&'a [RawEvent]>,
}

impl<'a> DamagedDoc<'a> {
    fn new(damaged: &'a DamagedOperation) -> Self {
        let DamagedOperation { id, kind, fleet, unfinished, what, .. } = damaged;
        Self { id, kind, fleet, finished: !unfinished, damage: what, remedy: damaged.remedy(), record: None, events: None }
    }

    /// With what the store has of it.
    pub(super) fn with_record(damaged: &'a DamagedOperation, raw: &'a RawOperation) -> Self {
        Self { record: Some(&raw.record), events: Some(&raw.events), ..Self::new(damaged) }
    }
}

/// The version as it came, or the image's id.
pub(super) fn raw_label(side: &Side) -> &str {
    side.version.as_ref().map_or_else(|| side.image.as_str(), Untrusted::raw)
}
