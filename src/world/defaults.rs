//! The fleets of the default scenario, which documentation and tests rely on.

use std::collections::BTreeMap;

use super::catalog::{image_id, stock};
use super::scenario::Scenario;
use super::state::{Group, Phase, Place, Target, Template, TemplateVersion, Tick};
use super::{ACCOUNT, Alarm, REGION, World, draw};
use crate::domain::analysis::{Analysis, Bounds, Measure, Metric, MetricName};
use crate::domain::fleet::{BySlot, FleetSource, FleetSpec, Groups, Route, RoutePlace, Slot, Strategy};
use crate::domain::group::{HealthCheck, PinnedVersion};
use crate::domain::ids::{AlarmName, FleetName, GroupName, ImageId, PlaceArn, TargetGroupArn, TemplateId};
use crate::domain::series::Finite;
use crate::domain::sizes::Sizes;
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;
use crate::domain::traffic::{RouteAction, RouteActions};

/// A day, in ticks.
const DAY: Tick = 86_400;

/// How traffic reaches a fleet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A rule with an authenticate action before the forward.
    Rule { authenticates: bool },
    /// A listener's default action.
    Listener,
    /// Both groups in one target group.
    Shared,
    /// No load balancer.
    NoRoute,
    /// One group with its target group.
    Single,
}

/// One line of the table of fleets.
struct Line {
    app: &'static str,
    shape: Shape,
    strategy: Strategy,
    /// Version of the live group, and of the one before.
    versions: (&'static str, &'static str),
    sizes: Sizes,
    floor: u32,
    /// How many servers of the live group still run the version before.
    left_behind: usize,
    /// Requests a second in all, and what one server can answer.
    rps: (u32, u32),
}

const fn line(app: &'static str, shape: Shape, strategy: Strategy, versions: (&'static str, &'static str), sizes: (u32, u32, u32)) -> Line {
    let (min, max, desired) = sizes;
    Line { app, shape, strategy, versions, sizes: Sizes { min, max, desired }, floor: desired * 2 / 3, left_behind: 0, rps: (desired * 50, 110) }
}

const FLEETS: [Line; 6] = [
    line("web", Shape::Rule { authenticates: true }, Strategy::Canary, ("2.13.2", "2.13.1"), (10, 24, 12)),
    line("api", Shape::Listener, Strategy::BlueGreen, ("5.1.0", "5.0.3"), (16, 40, 20)),
    line("search", Shape::Shared, Strategy::Canary, ("1.9.0", "1.8.4"), (24, 60, 30)),
    line("worker", Shape::NoRoute, Strategy::Canary, ("3.3.0", "3.2.1"), (6, 16, 8)),
    line("legacy", Shape::Single, Strategy::Rolling, ("0.9.8", "0.9.8"), (4, 12, 6)),
    Line { left_behind: 2, ..line("admin", Shape::Rule { authenticates: false }, Strategy::Canary, ("4.2.0", "4.1.7"), (4, 12, 6)) },
];

/// How many fleets the big world has, and how many servers each.
const MANY: (usize, u32) = (1_000, 50);
/// What a zone's outage begins with: which, and for how long.
const OUTAGE: (u8, Millis) = (2, Millis::mins(60));

/// Fills a fresh world.
pub(super) fn furnish(world: &mut World) {
    stock(world);
    if world.scenario == Scenario::Big {
        crowd(world);
        return;
    }
    for line in &FLEETS {
        fleet(world, line, format!("{}-prod", line.app));
    }
    if world.scenario == Scenario::ZoneOutage {
        world.lose_zone(OUTAGE.0, OUTAGE.1);
    }
}

/// The sound fleets of the default world over and over, under a name of its own each.
fn crowd(world: &mut World) {
    let (fleets, servers) = MANY;
    for (number, line) in FLEETS.iter().filter(|line| line.left_behind == 0).cycle().take(fleets).enumerate() {
        let sizes = Sizes { min: servers * 4 / 5, max: servers * 2, desired: servers };
        let big = Line { sizes, floor: servers * 2 / 3, rps: (servers * 50, 110), ..*line };
        fleet(world, &big, format!("{}-{number:04}", line.app));
    }
}

fn fleet(world: &mut World, line: &Line, name: String) {
    let (groups, slots): (Groups, &[Slot]) = if line.shape == Shape::Single {
        (Groups::One(GroupName::new(&name)), &[Slot::A])
    } else {
        (Groups::Two(BySlot::from_fn(|slot| GroupName::new(format!("{name}-{}", slot.letter())))), &Slot::BOTH)
    };
    for (slot, (_, group)) in slots.iter().zip(groups.all()) {
        server_group(world, line, &name, *slot, group);
    }
    let route = route(world, line, &name);
    let mut spec = FleetSpec::bare(FleetName::new(&name), groups, route, FleetSource::Adopted);
    spec.app = Some(line.app.into());
    spec.env = Some("prod".into());
    spec.account = Some(ACCOUNT.to_owned());
    spec.region = Some(REGION.to_owned());
    spec.floor = line.floor;
    spec.strategy = line.strategy;
    if world.scenario == Scenario::Latency && line.app == "web" {
        spec.analysis = by_latency();
    }
    if let Some(place) = watched(world, line, &spec) {
        let name = AlarmName::new(format!("{}-5xx", name.trim_end_matches("-prod")));
        world.alarms.insert(name.clone(), Alarm { place, forced: None });
        spec.alarms = vec![name];
    }
    world.fleets.push(spec);
}

/// Errors and latency: half as slow again fails at once.
fn by_latency() -> Analysis {
    let bound = |increase: f64| Bounds { increase: Finite::new(increase).unwrap_or(Finite::ONE), decrease: Finite::ONE };
    let metric = |name: &str, measure| MetricName::new(name).map(|name| Metric::new(name, measure));
    let slow = |metric: Metric| Metric { allowed: bound(1.2), critical_bounds: bound(1.5), ..metric };
    let p99 = metric("p99", Measure::LatencyP99).map(|metric| Metric { critical: true, ..slow(metric) });
    let mean = metric("mean", Measure::LatencyMean).map(slow);
    let unhealthy = metric("unhealthy", Measure::Unhealthy);
    Analysis { metrics: [p99, mean, unhealthy].into_iter().flatten().collect(), ..Analysis::default() }
}

/// The place an alarm of the fleet watches. Every fleet behind a load balancer could have one; web-prod has.
fn watched(world: &World, line: &Line, spec: &FleetSpec) -> Option<PlaceArn> {
    let place = spec.route.place().map(|place| place.arn().clone()).filter(|arn| world.places.contains_key(arn));
    place.filter(|_| line.app == "web")
}

fn server_group(world: &mut World, line: &Line, fleet: &str, slot: Slot, name: &GroupName) {
    let template = TemplateId::new(format!("lt-{name}"));
    world.templates.insert(template.clone(), template_of(line, slot));
    let target_group = target_group_of(line.shape, fleet, slot);
    if let Some(arn) = &target_group {
        world.target_groups.entry(arn.clone()).or_default();
    }
    let tag = |key: &str, value: &str| (key.to_owned(), Untrusted::from(value));
    let mut group = Group {
        template,
        version: PinnedVersion::Number(if slot == Slot::A { 2 } else { 1 }),
        sizes: if slot == Slot::A { line.sizes } else { Sizes::all(0) },
        servers: Vec::new(),
        health_check: if target_group.is_some() { HealthCheck::Elb } else { HealthCheck::Ec2 },
        target_group,
        drains_from: None,
        suspended: Vec::new(),
        tags: BTreeMap::from([tag("qd:fleet", fleet), tag("qd:slot", slot.letter()), tag("qd:app", line.app), tag("qd:env", "prod")]),
        policies: policies(line.shape),
        scheduled: Vec::new(),
        retry_at: 0,
        breaks_at: None,
        refreshes: Vec::new(),
    };
    if slot == Slot::A {
        populate(world, &mut group, line);
    }
    world.groups.insert(name.clone(), group);
}

/// Slot A runs its second version, made from the first; slot B stands at the version before.
fn template_of(line: &Line, slot: Slot) -> Template {
    let version = |image: ImageId, description: &str| TemplateVersion { image, description: description.to_owned(), fields: fields(line.app) };
    let previous = version(image_id(line.app, line.versions.1), "");
    let mut versions = BTreeMap::from([(1, previous)]);
    if slot == Slot::A {
        versions.insert(2, version(image_id(line.app, line.versions.0), ""));
    }
    Template { versions, default: 1, spent: 0 }
}

fn fields(app: &str) -> BTreeMap<String, Untrusted> {
    let user_data = format!("sha256:{:016x}", draw::fnv(format!("user data of {app}").as_bytes()));
    [
        ("iam_instance_profile", format!("{app}-prod")),
        ("instance_type", "m7g.large".to_owned()),
        ("metadata_options", "http_tokens=required".to_owned()),
        ("security_groups", format!("sg-{app}-prod")),
        ("user_data", user_data),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), Untrusted::new(value)))
    .collect()
}

fn policies(shape: Shape) -> Vec<Untrusted> {
    match shape {
        Shape::NoRoute => vec!["target tracking: queue depth per server 100".into()],
        _ => vec!["target tracking: ASGAverageCPUUtilization 50".into(), "target tracking: ALBRequestCountPerTarget 3000".into()],
    }
}

fn target_group_of(shape: Shape, fleet: &str, slot: Slot) -> Option<TargetGroupArn> {
    match shape {
        Shape::NoRoute => None,
        Shape::Shared | Shape::Single => Some(target_group_arn(fleet)),
        Shape::Rule { .. } | Shape::Listener => Some(target_group_arn(&format!("{fleet}-{}", slot.letter()))),
    }
}

fn target_group_arn(name: &str) -> TargetGroupArn {
    TargetGroupArn::new(format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{name}/{:016x}", draw::mix(draw::fnv(name.as_bytes()))))
}

/// The servers a group has at the start: in service for days, the ones left behind for longer.
fn populate(world: &mut World, group: &mut Group, line: &Line) {
    for nth in 0..usize::try_from(line.sizes.desired).unwrap_or(0) {
        let old = nth < line.left_behind;
        let (version, label) = if old { (1, line.versions.1) } else { (2, line.versions.0) };
        let launched = -(if old { 12 } else { 2 }) * DAY + Tick::try_from(nth).unwrap_or(0) * 7;
        let mut server = world.new_server(group, version, image_id(line.app, label), launched);
        server.phase = Phase::InService(launched + 45);
        server.target = if group.target_group.is_some() { Target::Healthy } else { Target::None };
        group.servers.push(server);
    }
}

fn route(world: &mut World, line: &Line, fleet: &str) -> Route {
    let slots = BySlot::from_fn(|slot| target_group_of(line.shape, fleet, slot).unwrap_or_default());
    match line.shape {
        Shape::NoRoute => Route::None,
        Shape::Shared | Shape::Single => {
            place(world, line, fleet, vec![(slots.a.clone(), 1)]);
            Route::Attached { target_group: slots.a }
        }
        Shape::Rule { .. } | Shape::Listener => {
            let place = place(world, line, fleet, vec![(slots.a.clone(), 100), (slots.b.clone(), 0)]);
            Route::Weighted { place, target_groups: slots }
        }
    }
}

fn place(world: &mut World, line: &Line, fleet: &str, weights: Vec<(TargetGroupArn, u32)>) -> RoutePlace {
    let is_rule = line.shape != Shape::Listener;
    let mut actions = Vec::new();
    if line.shape == (Shape::Rule { authenticates: true }) {
        actions.push(RouteAction::Other { kind: "authenticate-oidc".to_owned(), fingerprint: fingerprint("authenticate-oidc", fleet) });
    }
    actions.push(RouteAction::Forward { weights, stickiness_secs: None, fingerprint: fingerprint("forward", fleet) });
    let mut place = Place {
        is_rule,
        actions: RouteActions(actions),
        load_balancer: "edge-prod".into(),
        effective: BTreeMap::new(),
        settling: None,
        rps: line.rps.0,
        server_rps: line.rps.1,
    };
    place.effective = place.wanted();
    let arn = place_arn(is_rule, fleet);
    world.places.insert(arn.clone(), place);
    if is_rule { RoutePlace::Rule(arn) } else { RoutePlace::Listener(arn) }
}

fn place_arn(is_rule: bool, fleet: &str) -> PlaceArn {
    let (kind, tail) = if is_rule {
        ("listener-rule", format!("/{:016x}", draw::mix(draw::fnv(format!("rule of {fleet}").as_bytes()))))
    } else {
        ("listener", String::new())
    };
    let listener = draw::mix(draw::fnv(if is_rule { b"edge-prod" } else { fleet.as_bytes() }));
    PlaceArn::new(format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:{kind}/app/edge-prod/50dc6c495c0c9188/{listener:016x}{tail}"))
}

fn fingerprint(kind: &str, fleet: &str) -> String {
    format!("{:016x}", draw::mix(draw::fnv(format!("{kind} of {fleet}").as_bytes())))
}
