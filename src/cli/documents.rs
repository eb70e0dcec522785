//! The JSON documents of images and fleets: stable fields, unknown is null and never 0.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;

use super::json::{moment, secs};
use crate::domain::fleet::FleetSource;
use crate::domain::group::{Health, Instance, Lifecycle};
use crate::domain::ids::{FleetName, GroupName, ImageId, InstanceId, OperationId};
use crate::domain::image::{BakeProgress, Block, Image, ImageState};
use crate::domain::observation::AlarmReading;
use crate::domain::sizes::Role;
use crate::domain::text::{Untrusted, there_are};
use crate::domain::time::WorldTime;
use crate::domain::traffic::{Counts, TargetState};
use crate::operation::drift::{Drift, DriftKind};
use crate::operation::event::OperationState;
use crate::operation::freeze::Freeze;
use crate::operation::plan::OperationKind;
use crate::operation::proof::Rehearsal;
use crate::operation::status::{Estate, FleetState, FleetStatus, GroupStatus, ImageStatus, OperationBrief, WayBack};
use crate::ports::desk::FleetDetail;

/// `images --json`.
#[derive(Serialize)]
pub(super) struct ImagesDoc<'a> {
    as_of: String,
    images: Vec<ImageDoc<'a>>,
    gaps: &'a [String],
}

#[derive(Serialize)]
pub(super) struct ImageDoc<'a> {
    id: &'a ImageId,
    name: &'a Untrusted,
    app: Option<&'a Untrusted>,
    version: Option<&'a Untrusted>,
    stage: Option<&'a Untrusted>,
    state: ImageState,
    created_at: Option<String>,
    base: Option<&'a Untrusted>,
    base_days_behind: Option<u64>,
    arch: Option<&'a Untrusted>,
    fleets: &'a [FleetName],
    servers: u32,
    live: bool,
    schema: SchemaDoc<'a>,
    blocked: Option<BlockDoc<'a>>,
    bake: Option<BakeDoc<'a>>,
}

#[derive(Serialize)]
struct SchemaDoc<'a> {
    min: Option<u64>,
    max: Option<u64>,
    /// Why it cannot be read, where its tags are no range.
    #[serde(skip_serializing_if = "Option::is_none")]
    unclear: Option<&'a Untrusted>,
}

#[derive(Serialize)]
struct BlockDoc<'a> {
    reason: &'a Untrusted,
    by: Option<&'a Untrusted>,
    at: Option<String>,
    inherited_from: Option<&'a ImageId>,
}

#[derive(Serialize)]
struct BakeDoc<'a> {
    percent: u8,
    step: &'a Untrusted,
    eta_secs: Option<Number>,
}

impl<'a> ImagesDoc<'a> {
    pub(super) fn new(estate: &'a Estate, images: &[&'a ImageStatus], lags: &BTreeMap<ImageId, u64>) -> Self {
        let document = |status: &'a ImageStatus| ImageDoc::new(status, lags.get(&status.image.id).copied());
        Self { as_of: moment(estate.as_of), images: images.iter().copied().map(document).collect(), gaps: &estate.gaps }
    }
}

impl<'a> ImageDoc<'a> {
    fn new(status: &'a ImageStatus, base_days_behind: Option<u64>) -> Self {
        Self { base_days_behind, ..Self::of(&status.image, &status.fleets, status.servers, status.live) }
    }

    /// Without how far its base is behind: that takes a look at other images.
    pub(super) fn of(image: &'a Image, fleets: &'a [FleetName], servers: u32, live: bool) -> Self {
        Self {
            id: &image.id,
            name: &image.name,
            app: image.app.as_ref(),
            version: image.version.as_ref(),
            stage: image.stage.as_ref(),
            state: image.state,
            created_at: image.created_at.map(moment),
            base: image.base.as_ref(),
            base_days_behind: None,
            arch: image.arch.as_ref(),
            fleets,
            servers,
            live,
            schema: SchemaDoc { min: image.schema.min, max: image.schema.max, unclear: image.schema.unclear.as_ref() },
            blocked: image.blocked.as_ref().map(BlockDoc::new),
            bake: image.bake.as_ref().map(BakeDoc::new),
        }
    }
}

impl<'a> BlockDoc<'a> {
    fn new(block: &'a Block) -> Self {
        Self { reason: &block.reason, by: block.by.as_ref(), at: block.at.map(moment), inherited_from: block.inherited_from.as_ref() }
    }
}

impl<'a> BakeDoc<'a> {
    fn new(bake: &'a BakeProgress) -> Self {
        Self { percent: bake.percent, step: &bake.step, eta_secs: bake.eta.map(secs) }
    }
}

/// `fleets --json`.
#[derive(Serialize)]
pub(super) struct FleetsDoc<'a> {
    as_of: String,
    fleets: Vec<FleetDoc<'a>>,
    gaps: &'a [String],
}

impl<'a> FleetsDoc<'a> {
    pub(super) fn new(estate: &'a Estate, now: WorldTime) -> Self {
        let fleets = estate.fleets.iter().map(|fleet| FleetDoc::new(fleet, now)).collect();
        Self { as_of: moment(estate.as_of), fleets, gaps: &estate.gaps }
    }
}

/// One fleet.
#[derive(Serialize)]
pub(super) struct FleetDoc<'a> {
    name: &'a FleetName,
    app: Option<&'a Untrusted>,
    env: Option<&'a Untrusted>,
    route: &'static str,
    strategy: &'static str,
    server_groups: Vec<GroupDoc<'a>>,
    healthy: Option<u32>,
    desired: Option<u32>,
    state: &'static str,
    why: Option<String>,
    drift: Vec<DriftDoc<'a>>,
    max_age_secs: Option<Number>,
    past_max_age: Option<u32>,
    age_unknown: Option<u32>,
    operation: Option<BriefDoc<'a>>,
    way_back: WayBackDoc<'a>,
    freezes: Vec<FreezeDoc<'a>>,
    age_secs: Option<Number>,
    source: FleetSource,
    problems: &'a [String],
}

#[derive(Serialize)]
struct GroupDoc<'a> {
    slot: Option<&'static str>,
    name: &'a GroupName,
    role: Option<Role>,
    image: Option<&'a ImageId>,
    version: Option<&'a Untrusted>,
    desired: u32,
    min: u32,
    max: u32,
    healthy: Option<u32>,
    total: usize,
    weight: Option<u32>,
    share_pct: Option<u32>,
    asked_pct: Option<u32>,
}

/// An operation in few words, as a fleet shows it.
#[derive(Serialize)]
struct BriefDoc<'a> {
    id: &'a OperationId,
    kind: OperationKind,
    state: OperationState,
    reason: &'a str,
    step: usize,
    steps: usize,
    step_name: &'a str,
    until: Option<String>,
    from: &'a str,
    to: &'a str,
    driver_alive: bool,
}

#[derive(Serialize)]
struct WayBackDoc<'a> {
    level: Option<&'static str>,
    version: Option<&'a Untrusted>,
    image: Option<&'a ImageId>,
    seconds: Option<Number>,
    blockers: &'a [String],
    passed_over: &'a [String],
    proved: bool,
    proved_at: Option<String>,
    stale: bool,
    rehearsed: Option<RehearsedDoc<'a>>,
}

/// The last rehearsal of a way back.
#[derive(Serialize)]
struct RehearsedDoc<'a> {
    at: String,
    took_secs: Number,
    proved: bool,
    obstacles: &'a [String],
}

/// What another hand changed.
#[derive(Serialize)]
struct DriftDoc<'a> {
    kind: DriftKind,
    subject: &'a str,
    expected: &'a str,
    found: &'a str,
    since: Option<String>,
    remedy: &'a str,
}

impl<'a> FleetDoc<'a> {
    pub(super) fn new(fleet: &'a FleetStatus, now: WorldTime) -> Self {
        Self {
            name: &fleet.spec.name,
            app: fleet.spec.app.as_ref(),
            env: fleet.spec.env.as_ref(),
            route: fleet.spec.route.word(),
            strategy: fleet.spec.strategy.word(),
            server_groups: fleet.groups.iter().map(GroupDoc::new).collect(),
            healthy: fleet.healthy,
            desired: fleet.desired,
            state: state_word(&fleet.state),
            why: why(&fleet.state),
            drift: fleet.drift.iter().map(DriftDoc::new).collect(),
            max_age_secs: fleet.spec.max_age.map(secs),
            past_max_age: fleet.past_age.map(|age| age.past),
            age_unknown: fleet.past_age.map(|age| age.unknown),
            operation: fleet.operation.as_ref().map(BriefDoc::new),
            way_back: WayBackDoc::new(&fleet.way_back),
            freezes: fleet.freezes.iter().filter(|freeze| freeze.until > now).map(FreezeDoc::new).collect(),
            age_secs: fleet.as_of.map(|at| secs(now.since(at))),
            source: fleet.spec.source,
            problems: &fleet.spec.problems,
        }
    }
}

/// A fleet's state in one word.
const fn state_word(state: &FleetState) -> &'static str {
    match state {
        FleetState::Unknown { .. } => "unknown",
        FleetState::Busy => "busy",
        FleetState::Mixed => "mixed",
        FleetState::Drifted => "drifted",
        FleetState::Degraded { .. } => "degraded",
        FleetState::Steady => "steady",
    }
}

fn why(state: &FleetState) -> Option<String> {
    match state {
        FleetState::Unknown { why } => Some(why.clone()),
        FleetState::Degraded { bad } => Some(format!("{} missing or bad", there_are(*bad, "server"))),
        FleetState::Busy | FleetState::Mixed | FleetState::Drifted | FleetState::Steady => None,
    }
}

impl<'a> GroupDoc<'a> {
    fn new(group: &'a GroupStatus) -> Self {
        Self {
            slot: group.slot.map(crate::domain::fleet::Slot::letter),
            name: &group.name,
            role: group.role,
            image: group.image.as_ref(),
            version: group.version.as_ref(),
            desired: group.sizes.desired,
            min: group.sizes.min,
            max: group.sizes.max,
            healthy: group.healthy,
            total: group.instances.len(),
            weight: group.weight,
            share_pct: group.share_pct,
            asked_pct: group.asked_pct,
        }
    }
}

impl<'a> BriefDoc<'a> {
    fn new(brief: &'a OperationBrief) -> Self {
        Self {
            id: &brief.id,
            kind: brief.kind,
            state: brief.state,
            reason: &brief.reason,
            step: brief.step,
            steps: brief.steps,
            step_name: &brief.step_title,
            until: brief.deadline.map(moment),
            from: &brief.from,
            to: &brief.to,
            driver_alive: brief.driver_alive,
        }
    }
}

/// A freeze.
#[derive(Serialize)]
pub(super) struct FreezeDoc<'a> {
    /// Null where it holds for all fleets.
    fleet: Option<&'a FleetName>,
    since: String,
    until: String,
    by: String,
    reason: Option<&'a Untrusted>,
    lifted_by: String,
}

impl<'a> FreezeDoc<'a> {
    pub(super) fn new(freeze: &'a Freeze) -> Self {
        Self {
            fleet: freeze.fleet.as_ref(),
            since: moment(freeze.since),
            until: moment(freeze.until),
            by: freeze.by.short(),
            reason: freeze.reason.as_ref(),
            lifted_by: freeze.lifted_by(),
        }
    }
}

impl<'a> WayBackDoc<'a> {
    fn new(way: &'a WayBack) -> Self {
        let target = way.target.as_ref();
        Self {
            level: way.level.map(crate::operation::status::WayBackLevel::word),
            version: target.and_then(|target| target.version.as_ref()),
            image: target.map(|target| &target.image),
            seconds: way.expected.map(secs),
            blockers: &way.blockers,
            passed_over: &way.passed_over,
            proved: way.proved,
            proved_at: way.proved_at.map(moment),
            stale: way.stale,
            rehearsed: way.rehearsal.as_ref().map(RehearsedDoc::new),
        }
    }
}

impl<'a> RehearsedDoc<'a> {
    fn new(rehearsal: &'a Rehearsal) -> Self {
        let (at, took_secs) = (moment(rehearsal.at), secs(rehearsal.took));
        Self { at, took_secs, proved: rehearsal.is_proved(), obstacles: &rehearsal.obstacles }
    }
}

impl<'a> DriftDoc<'a> {
    fn new(drift: &'a Drift) -> Self {
        let Drift { kind, subject, expected, found, since, remedy } = drift;
        Self { kind: *kind, subject, expected, found, since: since.map(moment), remedy }
    }
}

/// `fleet NAME --json`: the fleet with what only a close look tells.
#[derive(Serialize)]
pub(super) struct DetailDoc<'a> {
    #[serde(flatten)]
    fleet: FleetDoc<'a>,
    instances: Vec<InstanceDoc<'a>>,
    requests: Vec<CountsDoc>,
    /// Empty where it names none, or they could not be read: `unknowns` says which.
    alarms: &'a [AlarmReading],
    refresh: Option<serde_json::Value>,
    unknowns: &'a [String],
}

#[derive(Serialize)]
struct InstanceDoc<'a> {
    id: &'a InstanceId,
    group: &'a GroupName,
    lifecycle: Lifecycle,
    health: Health,
    target: Option<TargetState>,
    template_version: Option<u64>,
    image: Option<&'a ImageId>,
    zone: Option<&'a Untrusted>,
    launched_at: Option<String>,
}

#[derive(Serialize)]
struct CountsDoc {
    slot: &'static str,
    requests: Option<u64>,
    errors: Option<u64>,
    p99_ms: Option<u32>,
}

impl<'a> DetailDoc<'a> {
    pub(super) fn new(detail: &'a FleetDetail, now: WorldTime) -> Self {
        let groups = detail.status.groups.iter();
        let instances = groups.flat_map(|group| group.instances.iter().map(|instance| InstanceDoc::new(detail, group, instance))).collect();
        let requests = crate::domain::fleet::Slot::BOTH.into_iter().map(|slot| CountsDoc::new(slot.letter(), *detail.counts.get(slot))).collect();
        let refresh = detail.refresh.as_ref().map(super::event_document::refresh_document);
        Self { fleet: FleetDoc::new(&detail.status, now), instances, requests, alarms: &detail.alarms, refresh, unknowns: &detail.unknowns }
    }
}

impl<'a> InstanceDoc<'a> {
    fn new(detail: &FleetDetail, group: &'a GroupStatus, instance: &'a Instance) -> Self {
        Self {
            id: &instance.id,
            group: &group.name,
            lifecycle: instance.lifecycle,
            health: instance.health,
            target: detail.target_states.get(&instance.id).copied(),
            template_version: instance.template_version,
            image: instance.image.as_ref(),
            zone: instance.zone.as_ref(),
            launched_at: instance.launched_at.map(moment),
        }
    }
}

impl CountsDoc {
    fn new(slot: &'static str, counts: Option<Counts>) -> Self {
        Self {
            slot,
            requests: counts.map(|counts| counts.requests),
            errors: counts.map(|counts| counts.errors),
            p99_ms: counts.and_then(|counts| counts.p99_ms),
        }
    }
}
