//! A little estate for tests, like the simulated cloud's default scenario.

use std::collections::BTreeMap;

use crate::app::age::Clock;
use crate::app::image_fixture::image;
pub use crate::app::image_fixture::images;
use crate::app::model::{Colours, Look, Model};
use crate::domain::alarms::{AlarmRound, FleetAlarms};
use crate::domain::call::{CallReply, CloudCall};
use crate::domain::fleet::{BySlot, FleetSource, FleetSpec, Groups, Route, RoutePlace, Slot, Strategy, WeightStep};
use crate::domain::group::{Health, Instance, Lifecycle};
use crate::domain::ids::{AlarmName, FleetName, GroupName, InstanceId, OperationId, PlaceArn, TargetGroupArn};
use crate::domain::observation::{AlarmReading, AlarmState};
use crate::domain::reading::Listing;
use crate::domain::release::Release;
use crate::domain::sizes::{Role, Sizes};
use crate::domain::time::{BootTime, Millis, WorldTime};
use crate::domain::traffic::{Counts, RouteAction, RouteActions, TargetState};
use crate::operation::command::Who;
use crate::operation::event::{CallOutcome, Event, EventBody, OperationState, StepOutcome, Verdict, VerdictWord};
use crate::operation::freeze::Freeze;
use crate::operation::lease::{Holder, Lease};
use crate::operation::plan::{Check, CheckLevel, Friction, OperationKind, Plan, PlanStep, Side, StepKind, Timing};
use crate::operation::progress::Progress;
use crate::operation::record::{Operation, OperationView};
use crate::operation::status::{Estate, FleetState, FleetStatus, GroupStatus, MixLabel, WayBack, WayBackLevel};
use crate::ports::desk::{FleetDetail, Header};

/// 03:12:07 UTC.
pub const NOW: WorldTime = WorldTime(1_735_701_127_000);
/// The boot clock at that moment.
pub const BOOT: BootTime = BootTime(1_000_000);

pub fn clock() -> Clock {
    Clock { boot: BOOT, world: NOW }
}

pub fn header() -> Header {
    Header {
        place: "SIM x10".into(),
        account: Some("123456789012".into()),
        caller: Some("arn:aws:sts::123456789012:assumed-role/release-op/op-1".into()),
        simulated: false,
        read_only: false,
        credentials_end: Some(NOW.plus(Millis::mins(42))),
        time_scale: 1,
        store: "mine only".into(),
        user: "ada@bastion-1".into(),
    }
}

/// A model that knows nothing yet.
pub fn blank(width: u16, height: u16) -> Model {
    Model::new(Look { ascii: false, colours: Colours::Sixteen, ..Look::default() }, header(), clock(), (width, height))
}

pub fn instances(group: &str, number: u32) -> Vec<Instance> {
    let instance = |at: u32| Instance {
        id: format!("i-{group}{at:02}").as_str().into(),
        lifecycle: Lifecycle::InService,
        health: Health::Healthy,
        template_version: Some(4),
        image: Some("ami-0132".into()),
        zone: Some("us-east-1a".into()),
        launched_at: Some(NOW.minus(Millis::mins(90))),
    };
    (0..number).map(instance).collect()
}

fn group(fleet: &str, slot: Slot, version: &str, number: u32, role: Role, share: u32) -> GroupStatus {
    GroupStatus {
        slot: Some(slot),
        name: format!("{fleet}-{}", slot.letter()).as_str().into(),
        role: Some(role),
        image: part(version, 0).image,
        version: Some(version.into()),
        sizes: Sizes { min: number, max: number * 2, desired: number },
        healthy: Some(number),
        instances: instances(slot.letter(), number),
        weight: Some(share),
        share_pct: Some(share),
        asked_pct: None,
    }
}

fn pair(fleet: &str) -> (BySlot<GroupName>, BySlot<TargetGroupArn>, RoutePlace) {
    let groups = BySlot::from_fn(|slot| GroupName::new(format!("{fleet}-{}", slot.letter())));
    let targets = BySlot::from_fn(|slot| TargetGroupArn::new(format!("arn:aws:elb:us-east-1:1:targetgroup/{fleet}-{}/1", slot.letter())));
    (groups, targets, RoutePlace::Rule(PlaceArn::new(format!("arn:aws:elb:us-east-1:1:listener-rule/{fleet}"))))
}

fn spec(name: &str, app: &str, strategy: Strategy) -> FleetSpec {
    let (groups, target_groups, place) = pair(name);
    let mut spec = FleetSpec::bare(name.into(), Groups::Two(groups), Route::Weighted { place, target_groups }, FleetSource::Adopted);
    (spec.app, spec.env, spec.strategy, spec.floor) = (Some(app.into()), Some("prod".into()), strategy, 8);
    spec
}

pub fn release(version: &str, fleet: &str) -> Release {
    Release {
        image: "ami-0132".into(),
        version: Some(version.into()),
        template: "lt-0a".into(),
        template_version: 4,
        digest: None,
        group: GroupName::new(format!("{fleet}-a")),
        slot: Slot::A,
    }
}

/// A rehearsal that proved everything.
pub fn rehearsal(plan: &Plan) -> crate::operation::proof::Rehearsal {
    crate::operation::proof::Rehearsal {
        at: NOW,
        by: "ann@bastion".into(),
        took: Millis(400),
        target: plan.to.release(4),
        level: WayBackLevel::R0,
        expected: Millis::secs(5),
        findings: plan.checks.clone(),
        obstacles: Vec::new(),
    }
}

fn way_back(level: WayBackLevel, version: &str, fleet: &str) -> WayBack {
    WayBack {
        level: Some(level),
        unknown: false,
        proved: true,
        target: Some(release(version, fleet)),
        expected: Some(if level == WayBackLevel::R0 { Millis::secs(5) } else { Millis::mins(4) }),
        proved_at: Some(NOW),
        ..WayBack::default()
    }
}

/// A part of a mix, with the image of that version where there is one.
fn part(version: &str, servers: u32) -> MixLabel {
    let image = images().into_iter().find(|status| status.image.label() == version).map(|status| status.image.id);
    MixLabel { image, label: version.into(), servers }
}

fn steady(name: &str, app: &str, version: &str, number: u32) -> FleetStatus {
    FleetStatus {
        drift: Vec::new(),
        past_age: None,
        releases: Vec::new(),
        spec: spec(name, app, Strategy::Canary),
        as_of: Some(NOW),
        groups: vec![group(name, Slot::A, version, number, Role::Live, 100), group(name, Slot::B, version, 0, Role::Idle, 0)],
        mix: vec![part(version, number)],
        healthy: Some(number),
        desired: Some(number),
        state: FleetState::Steady,
        operation: None,
        way_back: way_back(WayBackLevel::R1, "2.13.1", name),
        freezes: Vec::new(),
    }
}

/// A freeze by ada that ends after so long.
pub fn freeze(fleet: Option<&str>, length: Millis) -> Freeze {
    let reason = Some("release week".into());
    Freeze { fleet: fleet.map(FleetName::from), since: NOW.minus(Millis::mins(60)), until: NOW.plus(length), by: who(), reason }
}

fn mixed() -> FleetStatus {
    let mut fleet = steady("admin-prod", "web", "2.13.2", 4);
    fleet.state = FleetState::Mixed;
    fleet.mix = vec![part("2.13.2", 3), part("2.12.7", 1)];
    fleet.way_back = WayBack { blockers: vec!["image ami-0127 is gone".into()], ..WayBack::default() };
    fleet
}

fn unread() -> FleetStatus {
    let mut fleet = steady("worker-prod", "worker", "3.3.0", 8);
    fleet.as_of = Some(NOW.minus(Millis::mins(4)));
    fleet.state = FleetState::Unknown { why: "DescribeAutoScalingGroups: throttled".into() };
    (fleet.healthy, fleet.mix, fleet.spec.route) = (None, Vec::new(), Route::None);
    for group in &mut fleet.groups {
        (group.healthy, group.share_pct, group.weight) = (None, None, None);
        group.instances.clear();
    }
    fleet
}

pub fn estate() -> Estate {
    let mut legacy = steady("legacy-prod", "legacy", "0.9.8", 6);
    (legacy.healthy, legacy.state) = (Some(5), FleetState::Degraded { bad: 1 });
    let fleets = vec![
        mixed(),
        steady("api-prod", "api", "5.1.0", 20),
        legacy,
        steady("search-prod", "search", "1.9.0", 30),
        steady("web-prod", "web", "2.13.2", 12),
        unread(),
    ];
    Estate { as_of: NOW, fleets, images: images(), gaps: Vec::new() }
}

/// So many steady fleets, each with an app of its own and so many servers.
pub fn big_estate(fleets: usize, servers: u32) -> Estate {
    let fleet = |at: usize| steady(&format!("fleet-{at:04}"), &format!("app-{at:04}"), "2.13.2", servers);
    let images = (0..fleets).flat_map(|at| {
        let app = format!("app-{at:04}");
        ["1.0.0", "1.1.0", "1.2.0"].map(|version| image(&app, version, &format!("ami-{at:04}-{version}"), Millis::mins(60)))
    });
    Estate { as_of: NOW, fleets: (0..fleets).map(fleet).collect(), images: images.collect(), gaps: Vec::new() }
}

/// The estate with web-prod in the hands of `view`.
pub fn estate_with(view: &OperationView) -> Estate {
    let mut estate = estate();
    for fleet in estate.fleets.iter_mut().filter(|fleet| fleet.spec.name == view.operation.plan.fleet) {
        *fleet = busy(view);
    }
    estate
}

/// web-prod in the middle of its canary at 25 %, one candidate bad.
pub fn busy(view: &OperationView) -> FleetStatus {
    let mut fleet = steady("web-prod", "web", "2.13.2", 12);
    let mut candidate = group("web-prod", Slot::B, "2.14.0", 3, Role::Candidate, 25);
    candidate.instances[1].health = Health::Unhealthy;
    candidate.healthy = Some(2);
    fleet.groups[0].share_pct = Some(75);
    fleet.groups[1] = candidate;
    fleet.mix = vec![part("2.13.2", 12), part("2.14.0", 3)];
    (fleet.healthy, fleet.desired) = (Some(14), Some(15));
    (fleet.state, fleet.operation) = (FleetState::Busy, Some(view.brief()));
    fleet.way_back = way_back(WayBackLevel::R0, "2.13.2", "web-prod");
    fleet
}

/// A green alarm of web-prod and one of api-prod, read just now.
pub fn alarms() -> FleetAlarms {
    let fleets: BTreeMap<FleetName, Vec<AlarmName>> =
        [("web-prod", "web-5xx"), ("api-prod", "api-5xx")].map(|(fleet, alarm)| (fleet.into(), vec![alarm.into()])).into_iter().collect();
    let named = FleetAlarms { fleets, round: AlarmRound::default() };
    let green = named.names().into_iter().map(|name| AlarmReading { name, state: AlarmState::Ok, since: None }).collect();
    let round = named.round.next(&named.names(), &Listing::Complete { items: green, as_of: NOW });
    FleetAlarms { round, ..named }
}

pub fn detail(view: &OperationView) -> FleetDetail {
    let status = busy(view);
    let target_states = status
        .groups
        .iter()
        .flat_map(|group| &group.instances)
        .map(|instance| (instance.id.clone(), TargetState::Healthy))
        .collect::<Vec<(InstanceId, _)>>();
    FleetDetail {
        status,
        target_states: target_states.into_iter().collect(),
        counts: BySlot::from_fn(|_| Some(Counts { requests: 12_000, errors: 20, p99_ms: Some(398) })),
        alarms: vec![AlarmReading { name: "web-5xx".into(), state: AlarmState::Ok, since: None }],
        refresh: None,
        unknowns: Vec::new(),
    }
}

fn side(slot: Slot, version: &str, template_version: Option<u64>) -> Side {
    let (groups, targets, _) = pair("web-prod");
    Side {
        slot,
        group: groups.get(slot).clone(),
        target_group: Some(targets.get(slot).clone()),
        template: format!("lt-0{}", slot.letter()).as_str().into(),
        template_version,
        image: if slot == Slot::A { "ami-0132".into() } else { "ami-0214".into() },
        version: Some(version.into()),
        digest: None,
        attached: true,
        served: slot == Slot::A,
    }
}

fn actions(a: u32, b: u32) -> RouteActions {
    let (_, targets, _) = pair("web-prod");
    let weights = vec![(targets.a.clone(), a), (targets.b.clone(), b)];
    RouteActions(vec![RouteAction::Forward { weights, stickiness_secs: None, fingerprint: "f".into() }])
}

fn steps(kinds: &[(StepKind, &str, u64)]) -> Vec<PlanStep> {
    kinds.iter().map(|(kind, title, secs)| PlanStep { kind: *kind, title: (*title).into(), expected: Some(Millis::secs(*secs)) }).collect()
}

const fn weight(weight_pct: u32, mins: u64) -> StepKind {
    StepKind::Weight(WeightStep { weight_pct, soak: Millis::mins(mins) })
}

/// A canary deploy of web 2.14.0 to web-prod.
pub fn deploy_plan() -> Plan {
    let (groups, target_groups, place) = pair("web-prod");
    Plan {
        id: "7f3a9c12".into(),
        build: "0.1.0".into(),
        kind: OperationKind::Deploy,
        fleet: "web-prod".into(),
        production: true,
        scope: crate::domain::fleet::Scope { groups: Groups::Two(groups), route: Route::Weighted { place, target_groups }, alarms: Vec::new() },
        from: side(Slot::A, "2.13.2", Some(4)),
        to: side(Slot::B, "2.14.0", None),
        strategy: Strategy::Canary,
        actions: actions(100, 0),
        live_sizes: Sizes { min: 8, max: 24, desired: 12 },
        idle_size: 0,
        need: 12,
        floor: 8,
        steps: steps(&[
            (StepKind::Claim, "claim", 3),
            (StepKind::Template, "template version", 2),
            (StepKind::OneBox, "one box", 130),
            (weight(5, 5), "weight 5%", 400),
            (weight(25, 10), "weight 25%", 700),
            (weight(50, 15), "weight 50%", 1_000),
            (weight(100, 5), "weight 100%", 500),
            (StepKind::Stable, "stable", 180),
            (StepKind::GiveBack, "give back", 5),
        ]),
        timing: Timing::default(),
        window: Millis::mins(60),
        judged: true,
        analysis: crate::domain::analysis::Analysis::default(),
        baseline: None,
        refresh: None,
        friction: Friction::Reason,
        checks: vec![Check::new(CheckLevel::Ok, "image exists and is not blocked"), Check::new(CheckLevel::Warning, "credentials end in 42m")],
        supersedes: None,
        level: None,
        leaves_bad: false,
        suspends: Vec::new(),
        source: None,
        gates: Vec::new(),
        schema: None,
        changes: None,
        differences: Vec::new(),
        as_of: NOW,
        place: "123456789012 us-east-1".into(),
    }
}

/// A rollback of web-prod from 2.14.0 to 2.13.2.
pub fn rollback_plan() -> Plan {
    Plan {
        id: "0b11aa22".into(),
        kind: OperationKind::Rollback,
        from: side(Slot::B, "2.14.0", Some(7)),
        to: side(Slot::A, "2.13.2", Some(4)),
        actions: actions(75, 25),
        steps: steps(&[
            (StepKind::Shift, "weights 2.13.2 100%", 5),
            (StepKind::Settle, "read back, settle", 60),
            (StepKind::Park, "park web-prod-b", 120),
            (StepKind::GiveBack, "give back", 5),
        ]),
        friction: Friction::Confirm,
        supersedes: Some("op-3".into()),
        level: Some(WayBackLevel::R0),
        ..deploy_plan()
    }
}

pub fn who() -> Who {
    Who { caller: "arn:aws:sts::123456789012:assumed-role/release-op/op-1".into(), user: "ada".into(), host: "bastion-1".into(), from: None }
}

/// An operation with these events, one every ten seconds, the last one now.
pub fn operation(id: &str, plan: Plan, bodies: Vec<EventBody>) -> OperationView {
    let first = EventBody::Planned { plan: Box::new(plan.clone()), by: who(), reason: Some("cart badge fix".into()) };
    let begin = NOW.minus(Millis::secs(10).times(bodies.len() as u64));
    let events: Vec<Event> = std::iter::once(first)
        .chain(bodies)
        .enumerate()
        .map(|(seq, body)| Event { seq: seq as u64, at: begin.plus(Millis::secs(10 * seq as u64)), body })
        .collect();
    let mut progress = Progress::new(&plan, begin);
    events.iter().for_each(|event| progress.apply(event));
    let operation = Operation { id: OperationId::from(id), plan, by: who(), reason: Some("cart badge fix".into()), created_at: begin };
    let holder = Holder { host: "bastion-1".into(), boot_id: "one".into(), pid: 4_711, started_ticks: 1 };
    let lease = Lease { epoch: 1, holder: Some(holder), deadline: BOOT.plus(Millis::secs(30)) };
    OperationView { operation, progress, events, lease: Some(lease), driver_alive: true }
}

fn step(step: usize) -> [EventBody; 2] {
    let ended = EventBody::StepEnded { step, outcome: StepOutcome::Success, note: "as planned".into(), next: Some(step + 1) };
    [EventBody::StepStarted { step }, ended]
}

fn to_state(to: OperationState, reason: &str, deadline: Option<Millis>) -> EventBody {
    EventBody::StateChanged { to, reason: reason.into(), deadline: deadline.map(|span| NOW.plus(span)) }
}

fn judged(step: usize, word: VerdictWord, p: f64, errors: u64) -> EventBody {
    let counts = |requests, errors| Counts { requests, errors, p99_ms: Some(412) };
    EventBody::Judged { step, verdict: Verdict::of_counts(word, Some(p), counts(1_201, errors), counts(3_604, 9)), evidence: None }
}

fn canary_events() -> Vec<EventBody> {
    let mut events = vec![EventBody::DriverStarted { epoch: 1, host: "bastion-1".into(), pid: 4_711 }, to_state(OperationState::Running, "", None)];
    (0..3).for_each(|at| events.extend(step(at)));
    events.push(EventBody::StepStarted { step: 3 });
    events.push(judged(3, VerdictWord::Pass, 0.412, 3));
    events.push(EventBody::StepEnded { step: 3, outcome: StepOutcome::Success, note: "soaked 5m".into(), next: Some(4) });
    events.push(EventBody::StepStarted { step: 4 });
    let (_, _, place) = pair("web-prod");
    events.push(EventBody::CallIntended { call_no: 9, call: CloudCall::SetWeights { place, actions: actions(75, 25) }, why: "shift to 25%".into() });
    let reply = CallReply { request_id: Some("4c1e".into()), ..CallReply::default() };
    events.push(EventBody::CallEnded { call_no: 9, outcome: CallOutcome::Accepted(reply) });
    events.push(EventBody::SoakBegan { counts: BySlot::from_fn(|_| Some(Counts::default())) });
    events.push(EventBody::Observed { added: Millis::secs(130), streak: 8 });
    events
}

/// The canary, soaking at 25 %.
pub fn canary() -> OperationView {
    operation("op-3", deploy_plan(), canary_events())
}

/// The same, held by its judge; backs out in 3:12.
pub fn holding() -> OperationView {
    let mut events = canary_events();
    events.push(judged(4, VerdictWord::Fail, 0.000_012, 40));
    events.push(to_state(OperationState::Holding, "the judge fails weight 25%: 40 errors of 1201 against 9 of 3604", Some(Millis::secs(192))));
    operation("op-3", deploy_plan(), events)
}

/// The same, paused by a person.
pub fn paused() -> OperationView {
    let mut events = canary_events();
    events.push(to_state(OperationState::Paused, "paused by ada@bastion-1", None));
    operation("op-3", deploy_plan(), events)
}

/// A rollback: traffic is on the target, the bad group drains.
pub fn rollback() -> OperationView {
    let mut events = vec![EventBody::DriverStarted { epoch: 2, host: "bastion-1".into(), pid: 4_712 }, to_state(OperationState::Running, "", None)];
    events.extend(step(0));
    events.extend([EventBody::TrafficOnTarget, EventBody::StepStarted { step: 1 }]);
    operation("op-4", rollback_plan(), events)
}

/// A model with the estate and this operation on web-prod, read just now.
pub fn model_with(view: Option<OperationView>, width: u16, height: u16) -> Model {
    use crate::app::message::{Message, Reply};
    let mut model = blank(width, height);
    let effects = crate::app::start(&mut model);
    let estate = view.as_ref().map_or_else(estate, estate_with);
    for effect in effects {
        let (no, reply) = match effect {
            crate::app::Effect::ReadEstate { no } => (no, Reply::Estate(Ok(Box::new(estate.clone())))),
            crate::app::Effect::ReadOperations { no } => (no, Reply::Operations(Ok(view.clone().into_iter().collect()))),
            crate::app::Effect::ReadBakes { no } => (no, Reply::Bakes(Ok(Vec::new()))),
            crate::app::Effect::ReadAlarms { no } => (no, Reply::Alarms(Ok(Box::new(alarms())))),
            other => panic!("{other:?}"),
        };
        let _ = crate::app::update(&mut model, Message::Reply { no, reply });
    }
    model.fleet = Some(FleetName::from("web-prod"));
    model
}
