//! Bakes as JSON: their plans, the operations, and what is behind its base.

use serde::Serialize;
use serde_json::{Number, Value};

use super::event_document::event_document;
use super::json::{moment, secs};
use super::step_document::{DriverDoc, StepDoc, StepStatusDoc};
use crate::bake::signal::Outcome;
use crate::domain::bake::{BaseImage, MachineRole};
use crate::domain::ids::{ImageId, OperationId, PlanId};
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::bake::{BakePlan, BakeStep, BakeView, Behind};
use crate::operation::event::OperationState;
use crate::operation::outcome::CallTally;
use crate::operation::plan::Check;
use crate::operation::work::Work;

/// `bake --plan --json`.
#[derive(Serialize)]
pub(super) struct BakePlanDoc<'a> {
    id: &'a PlanId,
    kind: &'static str,
    engine: &'static str,
    place: &'a str,
    recipe: &'a str,
    app: &'a str,
    version: &'a str,
    key: &'a str,
    image_name: &'a str,
    base: Option<&'a BaseImage>,
    because: &'a str,
    adopts: Option<&'a ImageId>,
    provisioners: &'a [String],
    gates: Vec<&'a str>,
    share_with: &'a [String],
    copy_to: &'a [String],
    steps: Vec<PlannedStep<'a>>,
    expected_secs: Number,
    limit_secs: Number,
    checks: &'a [Check],
    as_of: String,
}

#[derive(Serialize)]
struct PlannedStep<'a> {
    index: usize,
    name: &'a str,
    expected_secs: Number,
}

impl<'a> BakePlanDoc<'a> {
    pub(super) fn new(plan: &'a BakePlan) -> Self {
        let step = |(index, step): (usize, &'a BakeStep)| PlannedStep { index: index + 1, name: &step.title, expected_secs: secs(step.expected) };
        Self {
            id: &plan.id,
            kind: "bake",
            engine: engine(plan),
            place: &plan.place,
            recipe: &plan.recipe,
            app: &plan.app,
            version: &plan.version,
            key: &plan.key,
            image_name: &plan.image_name,
            base: plan.base.as_ref(),
            because: &plan.because,
            adopts: plan.adopted.as_ref(),
            provisioners: &plan.provisioners,
            gates: plan.gates.iter().map(|gate| gate.name.as_str()).collect(),
            share_with: &plan.share_with,
            copy_to: &plan.copy_to,
            steps: plan.steps.iter().enumerate().map(step).collect(),
            expected_secs: secs(Millis(plan.steps.iter().map(|step| step.expected.0).sum())),
            limit_secs: secs(plan.timing.limit),
            checks: &plan.checks,
            as_of: moment(plan.as_of),
        }
    }
}

/// A bake in `op --json`, `ops --json` and `bakes --json`.
#[derive(Serialize)]
pub(super) struct BakeDoc<'a> {
    id: &'a OperationId,
    kind: &'static str,
    fleet: Option<&'a str>,
    from: Option<&'a ImageId>,
    to: &'a str,
    strategy: &'static str,
    recipe: &'a str,
    app: &'a str,
    version: &'a str,
    key: &'a str,
    image: Option<&'a ImageId>,
    state: OperationState,
    state_reason: &'a str,
    since: String,
    step: StepDoc<'a>,
    percent: u8,
    eta_secs: Option<Number>,
    driver: Option<DriverDoc<'a>>,
    by: String,
    reason: Option<&'a Untrusted>,
    created_at: String,
    plan: &'a PlanId,
    steps: Vec<StepStatusDoc<'a>>,
    parts: Vec<PartDoc>,
    gates: Vec<GateDoc<'a>>,
    last_lines: &'a [Untrusted],
    calls: CallTally,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<Value>>,
}

/// A part of the builder's work, as its console told it.
#[derive(Serialize)]
struct PartDoc {
    name: String,
    outcome: Option<Outcome>,
    took_secs: Option<Number>,
    exit: Option<i32>,
    task: Option<Untrusted>,
    log_offset: u64,
}

#[derive(Serialize)]
struct GateDoc<'a> {
    name: &'a str,
    check: &'static str,
    passed: Option<bool>,
    said: Option<&'a Untrusted>,
}

impl<'a> BakeDoc<'a> {
    /// The bake with all its events.
    pub(super) fn new(view: &'a BakeView, now: WorldTime) -> Self {
        let (id, plan) = (&view.operation.id, &view.operation.plan);
        let events = view.events.iter().map(|event| event_document(id, plan, event)).collect();
        Self { events: Some(events), ..Self::without_events(view, now) }
    }

    /// The bake alone.
    pub(super) fn without_events(view: &'a BakeView, now: WorldTime) -> Self {
        let (plan, progress) = (&view.operation.plan, &view.progress);
        Self {
            id: &view.operation.id,
            kind: "bake",
            fleet: None,
            from: plan.base.as_ref().map(|base| &base.id),
            to: &plan.image_name,
            strategy: engine(plan),
            recipe: &plan.recipe,
            app: &plan.app,
            version: &plan.version,
            key: &plan.key,
            image: progress.image.as_ref(),
            state: progress.state,
            state_reason: &progress.reason,
            since: moment(progress.since),
            step: StepDoc::new(view),
            percent: plan.percent(progress, now),
            eta_secs: plan.eta(progress, now).map(secs),
            driver: DriverDoc::of(view),
            by: format!("{}@{}", view.operation.by.user.raw(), view.operation.by.host.raw()),
            reason: view.operation.reason.as_ref(),
            created_at: moment(view.operation.created_at),
            plan: &plan.id,
            steps: StepStatusDoc::all(view, plan.steps.iter().map(|step| Some(step.expected))),
            parts: parts(view),
            gates: gates(view),
            last_lines: &progress.last_lines,
            calls: progress.calls,
            events: None,
        }
    }
}

/// Who does the work.
const fn engine(plan: &BakePlan) -> &'static str {
    if plan.packer.is_some() { "packer" } else { "builder" }
}

fn parts(view: &BakeView) -> Vec<PartDoc> {
    let told = view.progress.told_by(MachineRole::Builder);
    let parts = told.into_iter().flat_map(|told| &told.parts);
    parts
        .map(|(part, status)| PartDoc {
            name: view.operation.plan.part_name(*part).unwrap_or_default(),
            outcome: status.outcome,
            took_secs: status.took.map(secs),
            exit: status.exit,
            task: status.task.clone(),
            log_offset: status.offset,
        })
        .collect()
}

fn gates(view: &BakeView) -> Vec<GateDoc<'_>> {
    let planned = view.operation.plan.gates.iter().enumerate();
    planned
        .map(|(number, gate)| {
            let ended = view.progress.gates.get(&number);
            GateDoc { name: &gate.name, check: gate.check.word(), passed: ended.map(|gate| gate.passed), said: ended.map(|gate| &gate.said) }
        })
        .collect()
}

/// `bakes --json`.
#[derive(Serialize)]
pub(super) struct BakesDoc<'a> {
    bakes: Vec<BakeDoc<'a>>,
}

impl<'a> BakesDoc<'a> {
    pub(super) fn new(views: &'a [BakeView], now: WorldTime) -> Self {
        Self { bakes: views.iter().map(|view| BakeDoc::without_events(view, now)).collect() }
    }
}

/// An image that is there already, as the answer to a wish.
#[derive(Serialize)]
pub(super) struct ReusedDoc<'a> {
    pub(super) reused: &'a ImageId,
    pub(super) version: Option<&'a Untrusted>,
    pub(super) why: &'a str,
}

/// `bake --behind --json`.
#[derive(Serialize)]
pub(super) struct BehindDoc<'a> {
    pub(super) behind: &'a [Behind],
}
