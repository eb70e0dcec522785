//! A plan as JSON.

use serde::Serialize;
use serde_json::Number;

use super::json::{moment, secs};
use super::operation_document::raw_label;
use crate::domain::ids::{FleetName, GroupName, ImageId, OperationId, PlaceArn, PlanId};
use crate::domain::schema::{LiveSchema, SchemaRange};
use crate::domain::text::Untrusted;
use crate::operation::calls::{PlannedCall, planned_calls};
use crate::operation::changes::Changes;
use crate::operation::plan::{Check, Friction, OperationKind, Plan, Side};
use crate::operation::schema::{OneWay, SchemaPlan};

/// `deploy --plan --json` and `rollback --plan --json`.
#[derive(Serialize)]
pub(super) struct PlanDoc<'a> {
    id: &'a PlanId,
    kind: OperationKind,
    fleet: &'a FleetName,
    place: &'a str,
    production: bool,
    route: Option<&'a PlaceArn>,
    from: SideDoc<'a>,
    to: SideDoc<'a>,
    strategy: &'static str,
    level: Option<&'static str>,
    need: u32,
    floor: u32,
    window_secs: Number,
    judged: bool,
    steps: Vec<StepDoc<'a>>,
    calls: Vec<PlannedCall>,
    checks: &'a [Check],
    differences: &'a [String],
    changes: Option<&'a Changes>,
    schema: Option<SchemaDoc<'a>>,
    one_way: Option<&'a OneWay>,
    friction: &'a Friction,
    supersedes: Option<&'a OperationId>,
    as_of: String,
}

#[derive(Serialize)]
struct SideDoc<'a> {
    version: &'a str,
    image: &'a ImageId,
    slot: &'static str,
    group: &'a GroupName,
    template_version: Option<u64>,
}

/// The schema of the fleet's database, where anything is said of one.
#[derive(Serialize)]
struct SchemaDoc<'a> {
    live: Option<u64>,
    why_unknown: Option<&'a Untrusted>,
    from: RangeDoc<'a>,
    to: RangeDoc<'a>,
    migration: Option<&'a [String]>,
}

#[derive(Serialize)]
struct RangeDoc<'a> {
    min: Option<u64>,
    max: Option<u64>,
    unclear: Option<&'a Untrusted>,
}

impl<'a> SchemaDoc<'a> {
    fn new(schema: &'a SchemaPlan) -> Self {
        let why_unknown = if let LiveSchema::Unknown(why) = &schema.live { Some(why) } else { None };
        let (from, to) = (RangeDoc::new(&schema.from), RangeDoc::new(&schema.to));
        Self { live: schema.live.known(), why_unknown, from, to, migration: schema.migration.as_ref().map(|migration| migration.run.as_slice()) }
    }
}

impl<'a> RangeDoc<'a> {
    const fn new(range: &'a SchemaRange) -> Self {
        Self { min: range.min, max: range.max, unclear: range.unclear.as_ref() }
    }
}

#[derive(Serialize)]
struct StepDoc<'a> {
    index: usize,
    name: &'a str,
    expected_secs: Option<Number>,
}

impl<'a> PlanDoc<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self {
            id: &plan.id,
            kind: plan.kind,
            fleet: &plan.fleet,
            place: &plan.place,
            production: plan.production,
            route: plan.scope.route.place().map(crate::domain::fleet::RoutePlace::arn),
            from: SideDoc::new(&plan.from),
            to: SideDoc::new(&plan.to),
            strategy: plan.strategy.word(),
            level: plan.level.map(crate::operation::status::WayBackLevel::word),
            need: plan.need,
            floor: plan.floor,
            window_secs: secs(plan.window),
            judged: plan.judged,
            steps: steps(plan),
            calls: planned_calls(plan),
            checks: &plan.checks,
            differences: &plan.differences,
            changes: plan.changes.as_ref(),
            schema: plan.schema.as_ref().map(SchemaDoc::new),
            one_way: plan.schema.as_ref().and_then(|schema| schema.one_way.as_ref()),
            friction: &plan.friction,
            supersedes: plan.supersedes.as_ref(),
            as_of: moment(plan.as_of),
        }
    }
}

impl<'a> SideDoc<'a> {
    fn new(side: &'a Side) -> Self {
        let slot = side.slot.letter();
        Self { version: raw_label(side), image: &side.image, slot, group: &side.group, template_version: side.template_version }
    }
}

fn steps(plan: &Plan) -> Vec<StepDoc<'_>> {
    let steps = plan.steps.iter().enumerate();
    steps.map(|(index, step)| StepDoc { index: index + 1, name: &step.title, expected_secs: step.expected.map(secs) }).collect()
}
