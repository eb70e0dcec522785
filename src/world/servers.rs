//! The life of servers: launch, checks, replacement, drain and the end.

use super::World;
use super::clock::wants_change;
use super::draw;
use super::state::{Group, Phase, Server, Target, Tick, Vigour};
use crate::domain::group::{HealthCheck, PinnedVersion, count};
use crate::domain::ids::{GroupName, ImageId, InstanceId, TargetGroupArn};
use crate::domain::image::ImageState;

/// How long a target drains.
pub(super) const DRAIN: Tick = 120;
/// How long after its start a failing server is left alone.
const GRACE: Tick = 300;
/// How long a failing server of an old age is left alone.
const PATIENCE: Tick = 30;
/// How long until a failed launch is tried again.
const RETRY: Tick = 60;
/// Zones servers are spread over.
pub(super) const ZONES: [&str; 3] = ["sim-1a", "sim-1b", "sim-1c"];

/// What a server's next step depends on besides itself.
pub(super) struct Surroundings {
    seed: u64,
    pub(super) tick: Tick,
    health_check: HealthCheck,
    registers: bool,
    checked: bool,
    replaces: bool,
}

impl Surroundings {
    fn draw(&self, what: &str, server: &Server, low: i64, high: i64) -> Tick {
        self.tick + draw::between(self.seed, self.tick, what, server.id.as_str(), low, high)
    }
}

impl World {
    /// Whether any place forwards to the target group: if not, nobody checks its targets.
    pub(super) fn is_routed(&self, target_group: &TargetGroupArn) -> bool {
        self.places.values().any(|place| place.actions.weight(target_group).is_some())
    }

    pub(super) fn vigour(&self, image: &ImageId) -> Vigour {
        self.images.get(image).map_or(Vigour::Sound, |record| record.behaviour.vigour)
    }

    pub(super) fn surroundings(&self, group: &Group) -> Surroundings {
        Surroundings {
            seed: self.seed,
            tick: self.tick,
            health_check: group.health_check,
            registers: group.target_group.is_some(),
            checked: group.target_group.as_ref().is_some_and(|arn| self.is_routed(arn)),
            replaces: !group.is_suspended("ReplaceUnhealthy"),
        }
    }

    /// Lets every server whose time has come take its next step, and breaks those that are to break.
    pub(super) fn servers_go_on(&mut self) {
        let now = self.tick;
        let is_due =
            |group: &Group| group.breaks_at.is_some_and(|at| at <= now) || group.servers.iter().any(|server| server.due.is_some_and(|at| at <= now));
        let due: Vec<GroupName> = self.groups.iter().filter(|(_, group)| is_due(group)).map(|(name, _)| name.clone()).collect();
        for name in due {
            self.group_goes_on(&name);
        }
    }

    fn group_goes_on(&mut self, name: &GroupName) {
        let Some(mut group) = self.groups.remove(name) else { return };
        let around = self.surroundings(&group);
        if group.breaks_at.is_some_and(|at| at <= self.tick) {
            group.breaks_at = None;
            break_one(&mut group, name, &around);
        }
        let before = group.servers.len();
        group.servers.retain_mut(|server| {
            let due = server.due.is_some_and(|at| at <= around.tick);
            !due || go_on(server, self.vigour(&server.image), &around)
        });
        self.give_back(before.saturating_sub(group.servers.len()));
        self.groups.insert(name.clone(), group);
    }

    fn give_back(&mut self, ended: usize) {
        if let Some(spare) = &mut self.spare {
            *spare = spare.saturating_add(u32::try_from(ended).unwrap_or(u32::MAX));
        }
    }

    /// Launches and ends servers until every group has what it wants, as far as the cloud gives it.
    pub(super) fn balance_groups(&mut self) {
        let now = self.tick;
        let off: Vec<GroupName> =
            self.groups.iter().filter(|(_, group)| wants_change(group) && group.retry_at <= now).map(|(name, _)| name.clone()).collect();
        for name in off {
            let Some(mut group) = self.groups.remove(&name) else { continue };
            self.balance(&mut group);
            self.groups.insert(name, group);
        }
    }

    fn balance(&mut self, group: &mut Group) {
        let (active, desired) = (count(group.servers.iter().filter(|server| server.is_active())), group.wanted());
        for _ in active..desired {
            if !self.launch(group) {
                group.retry_at = self.tick + RETRY;
                return;
            }
        }
        let around = self.surroundings(group);
        let pinned = self.launches_now(group).map(|(number, _)| number);
        for _ in desired..active {
            scale_in_one(group, pinned, &around);
        }
    }

    /// Launches one server; false when the cloud cannot.
    fn launch(&mut self, group: &mut Group) -> bool {
        let Some((version, image)) = self.launches_now(group) else { return false };
        if self.spare == Some(0) || self.image_state(&image) != ImageState::Available {
            return false;
        }
        self.spare = self.spare.map(|spare| spare - 1);
        let mut server = self.new_server(group, version, image, self.tick);
        server.due = Some(self.tick + draw::between(self.seed, self.tick, "boot", server.id.as_str(), 30, 60));
        group.servers.push(server);
        true
    }

    /// A pending server in the zone that has the fewest.
    pub(super) fn new_server(&mut self, group: &Group, version: u64, image: ImageId, launched: Tick) -> Server {
        self.launches += 1;
        let id = InstanceId::new(format!("i-0{:016x}", draw::bits(self.seed, 0, draw::mix(self.launches))));
        let (phase, target) = (Phase::Pending, Target::None);
        Server { id, zone: emptiest_zone(group, self.dark_zone()), launched, version, image, phase, target, healthy: true, broken: false, due: None }
    }

    /// The version and image the group would launch now.
    pub(super) fn launches_now(&self, group: &Group) -> Option<(u64, ImageId)> {
        if let Some((template, number)) = group.refresh_launches() {
            return self.templates.get(template)?.versions.get(&number).map(|version| (number, version.image.clone()));
        }
        let number = self.pinned_number(group)?;
        self.templates.get(&group.template)?.versions.get(&number).map(|version| (number, version.image.clone()))
    }

    /// The number of the version the group itself names.
    pub(super) fn pinned_number(&self, group: &Group) -> Option<u64> {
        let template = self.templates.get(&group.template)?;
        match group.version {
            PinnedVersion::Number(number) => Some(number),
            PinnedVersion::Latest => template.versions.keys().next_back().copied(),
            PinnedVersion::Default => Some(template.default),
        }
    }

    /// Begins the checks of a target group anew: it came into a rule, or went out of all of them.
    pub(super) fn recheck(&mut self, target_group: &TargetGroupArn) {
        let (seed, tick, checked) = (self.seed, self.tick, self.is_routed(target_group));
        let groups = self.groups.values_mut().filter(|group| group.target_group.as_ref() == Some(target_group));
        for server in groups.flat_map(|group| &mut group.servers) {
            if matches!(server.phase, Phase::InService(_)) && server.healthy {
                server.target = Target::Initial;
                server.due = checked.then(|| tick + draw::between(seed, tick, "warm", server.id.as_str(), 20, 40));
            }
        }
    }

    /// Servers in service come into the target group their group was attached to, and its checks begin.
    pub(super) fn register(&mut self, name: &GroupName) {
        let Some(mut group) = self.groups.remove(name) else { return };
        let around = self.surroundings(&group);
        for server in group.servers.iter_mut().filter(|server| matches!(server.phase, Phase::InService(_)) && server.healthy) {
            server.target = Target::Initial;
            server.due = around.checked.then(|| around.draw("warm", server, 20, 40));
        }
        self.groups.insert(name.clone(), group);
    }

    /// Servers in service leave the target group their group was taken off: they finish what they have and go on running.
    pub(super) fn deregister(&mut self, name: &GroupName) {
        let tick = self.tick;
        let Some(group) = self.groups.get_mut(name) else { return };
        for server in group.servers.iter_mut().filter(|server| matches!(server.phase, Phase::InService(_)) && server.healthy) {
            server.target = Target::Draining;
            server.due = Some(tick + DRAIN);
        }
    }

    /// Ends a server as if somebody had terminated it by hand; false when there is none by that id.
    pub(super) fn kill(&mut self, group: &GroupName, id: &InstanceId) -> bool {
        let Some(group) = self.groups.get(group) else { return false };
        let around = self.surroundings(group);
        let found = self.groups.values_mut().flat_map(|group| &mut group.servers).find(|server| server.id == *id && server.is_active());
        let Some(server) = found else { return false };
        terminate(server, &around);
        true
    }
}

fn emptiest_zone(group: &Group, dark: Option<u8>) -> u8 {
    let in_zone = |zone: u8| group.servers.iter().filter(|server| server.is_active() && server.zone == zone).count();
    (0..3_u8).filter(|zone| Some(*zone) != dark).min_by_key(|zone| (in_zone(*zone), *zone)).unwrap_or(0)
}

/// A server's next step; false when it was its last.
fn go_on(server: &mut Server, vigour: Vigour, around: &Surroundings) -> bool {
    match server.phase {
        Phase::Pending => enter_service(server, around),
        Phase::InService(_) if !server.healthy => terminate(server, around),
        Phase::InService(since) => check(server, vigour, since, around),
        Phase::Terminating => return false,
    }
    true
}

fn enter_service(server: &mut Server, around: &Surroundings) {
    server.phase = Phase::InService(around.tick);
    server.due = None;
    if around.registers {
        server.target = Target::Initial;
        server.due = around.checked.then(|| around.draw("warm", server, 20, 40));
    }
}

/// The load balancer's verdict, and then Auto Scaling's.
fn check(server: &mut Server, vigour: Vigour, since: Tick, around: &Surroundings) {
    let sick = server.broken || vigour == Vigour::NeverHealthy;
    match server.target {
        Target::Initial if sick => fail(server, since, around),
        Target::Unhealthy if sick => condemn(server, around),
        Target::Initial | Target::Unhealthy => {
            server.target = Target::Healthy;
            server.due = (vigour == Vigour::Flapping).then(|| around.draw("flap-down", server, 30, 90));
        }
        Target::Healthy if sick => fail(server, since, around),
        Target::Healthy if vigour == Vigour::Flapping => {
            server.target = Target::Unhealthy;
            server.due = Some(around.draw("flap-up", server, 10, 25));
        }
        Target::Healthy | Target::None => server.due = None,
        Target::Draining => {
            server.target = Target::None;
            server.due = None;
        }
    }
}

fn fail(server: &mut Server, since: Tick, around: &Surroundings) {
    server.target = Target::Unhealthy;
    let replaces = around.replaces && around.health_check == HealthCheck::Elb;
    let not_before = (since + GRACE).max(around.tick + PATIENCE);
    server.due = replaces.then(|| not_before + around.draw("replace", server, 0, 30) - around.tick);
}

/// Servers that failed their checks while nothing replaced them are looked at again, once that is not suspended any more.
pub(super) fn replace_overdue(group: &mut Group, now: Tick) {
    if group.is_suspended("ReplaceUnhealthy") || group.health_check != HealthCheck::Elb {
        return;
    }
    let left = |server: &&mut Server| matches!(server.phase, Phase::InService(_)) && server.target == Target::Unhealthy && server.due.is_none();
    group.servers.iter_mut().filter(left).for_each(|server| server.due = Some(now + 1));
}

fn condemn(server: &mut Server, around: &Surroundings) {
    server.healthy = false;
    server.due = Some(around.draw("condemned", server, 10, 20));
}

/// One server in service breaks by itself.
fn break_one(group: &mut Group, name: &GroupName, around: &Surroundings) {
    let victims = count(group.servers.iter().filter(|server| may_break(server)));
    if victims == 0 {
        return;
    }
    let drawn = draw::between(around.seed, around.tick, "victim", name.as_str(), 0, i64::from(victims) - 1);
    let nth = usize::try_from(drawn).unwrap_or(0);
    if let Some(server) = group.servers.iter_mut().filter(|server| may_break(server)).nth(nth) {
        break_server(server, around);
    }
}

pub(super) fn may_break(server: &Server) -> bool {
    matches!(server.phase, Phase::InService(_)) && server.healthy && !server.broken
}

pub(super) fn break_server(server: &mut Server, around: &Surroundings) {
    server.broken = true;
    if !around.registers {
        return condemn(server, around);
    }
    if let Phase::InService(since) = server.phase
        && around.checked
    {
        fail(server, since, around);
    }
}

/// Ends the server that a scale-in would choose: never another template version's before a stranger's, then the fullest zone, then the oldest. While a
/// refresh replaces servers, one that does not serve yet goes before all others: how many stay healthy is promised.
fn scale_in_one(group: &mut Group, pinned: Option<u64>, around: &Surroundings) {
    let replacing = group.is_replacing();
    let mut per_zone = [0_usize; 3];
    for server in group.servers.iter().filter(|server| server.is_active()) {
        if let Some(zone) = per_zone.get_mut(usize::from(server.zone)) {
            *zone += 1;
        }
    }
    let rank = |server: &Server| {
        let crowd = per_zone.get(usize::from(server.zone)).copied().unwrap_or(0);
        let stranger = pinned.is_some_and(|number| number != server.version);
        let promised = replacing && matches!(server.phase, Phase::InService(_)) && matches!(server.target, Target::Healthy | Target::None);
        (promised, std::cmp::Reverse(stranger), server.healthy, std::cmp::Reverse(crowd), server.launched, server.id.clone())
    };
    if let Some(server) = group.servers.iter_mut().filter(|server| server.is_active()).min_by_key(|server| rank(server)) {
        terminate(server, around);
    }
}

/// Takes a server out: it drains if it is registered, and then it is gone.
pub(super) fn terminate(server: &mut Server, around: &Surroundings) {
    let drains = matches!(server.target, Target::Initial | Target::Healthy | Target::Unhealthy);
    server.phase = Phase::Terminating;
    server.target = if drains { Target::Draining } else { Target::None };
    server.due = Some(around.tick + if drains { DRAIN } else { draw::between(around.seed, around.tick, "end", server.id.as_str(), 10, 30) });
}
