//! Gates of a deploy: programs of the fleet's owner that look at the candidate before it gets traffic, and can only pass or veto.

use serde::{Deserialize, Serialize};

use super::plan::{Plan, Side};
use crate::domain::group::{Health, Lifecycle};
use crate::domain::ids::{FleetName, GroupName, ImageId, InstanceId, OperationId, TargetGroupArn};
use crate::domain::observation::FleetObservation;
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;

/// A program to be run: its path and its arguments. No shell sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate(pub Vec<String>);

/// How long a gate may take; one that has not said anything by then has not passed.
pub const GATE_LIMIT: Millis = Millis::mins(5);

impl Gate {
    /// The name of its program without the directories, for people.
    #[must_use]
    pub fn name(&self) -> String {
        let program = self.0.first().map_or("?", String::as_str);
        crate::domain::text::escape(program.rsplit('/').next().unwrap_or(program))
    }
}

/// How a gate ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateOutcome {
    /// It let the release pass.
    pub passed: bool,
    /// How it ended and what it printed.
    pub said: Untrusted,
}

/// A gate that is to be run now, with what it gets on its standard input.
#[derive(Clone, Debug, PartialEq)]
pub struct GateRun {
    /// Its number in the plan, from 0.
    pub number: usize,
    /// What to run.
    pub gate: Gate,
    /// One JSON document.
    pub document: String,
    /// How long it may take.
    pub limit: Millis,
}

/// The document a gate gets: what is about to get traffic, and which servers it may look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct GateDocument<'a> {
    version: u32,
    operation: &'a OperationId,
    fleet: &'a FleetName,
    place: &'a str,
    strategy: &'a str,
    from: ReleaseDocument<'a>,
    to: ReleaseDocument<'a>,
    servers: Vec<ServerDocument<'a>>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ReleaseDocument<'a> {
    version: Option<&'a Untrusted>,
    image: &'a ImageId,
    group: &'a GroupName,
    target_group: Option<&'a TargetGroupArn>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ServerDocument<'a> {
    id: &'a InstanceId,
    lifecycle: Lifecycle,
    health: Health,
    zone: Option<&'a Untrusted>,
}

/// The run of gate `number` of the plan; none if it has no such gate.
#[must_use]
pub fn gate_run(number: usize, operation: &OperationId, plan: &Plan, seen: &FleetObservation) -> Option<GateRun> {
    let instances = seen.group(plan.to.slot).map_or(&[][..], |group| &group.instances);
    let servers = instances.iter().map(|server| ServerDocument {
        id: &server.id,
        lifecycle: server.lifecycle,
        health: server.health,
        zone: server.zone.as_ref(),
    });
    let document = GateDocument {
        version: 1,
        operation,
        fleet: &plan.fleet,
        place: &plan.place,
        strategy: plan.strategy.word(),
        from: release(&plan.from),
        to: release(&plan.to),
        servers: servers.collect(),
    };
    Some(GateRun { number, gate: plan.gates.get(number)?.clone(), document: serde_json::to_string(&document).ok()?, limit: GATE_LIMIT })
}

fn release(side: &Side) -> ReleaseDocument<'_> {
    ReleaseDocument { version: side.version.as_ref(), image: &side.image, group: &side.group, target_group: side.target_group.as_ref() }
}
