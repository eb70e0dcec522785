//! S1: whatever gets traffic can carry it, or the deficit is no worse than in the twin world, where nobody operates.

use std::collections::VecDeque;

use quarterdeck::domain::fleet::{Route, Slot};
use quarterdeck::domain::group::{Instance, Lifecycle, PinnedVersion, ServerGroup, TemplatePin, count};
use quarterdeck::domain::ids::{GroupName, ImageId};
use quarterdeck::domain::refresh::DesiredTemplate;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::domain::traffic::RouteActions;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::OperationKind;
use quarterdeck::world::state::Vigour;
use quarterdeck::world::{Disturbance, World};

use super::{Checker, FOLLOWS, LAUNCHES_DIFFER, LOOK_TO_CALL, Moment, REPLACED, goes_back, leaves, refreshed_twice, slot_word, stays, threshold};
use crate::cloud::STALE;
use crate::sim::LAUNCH;
use crate::store::Record;
use crate::strike::FARTHEST_JUMP;

impl Checker {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is 0–1")]
    pub(super) fn wanted(&self, share: f64) -> u32 {
        (share * f64::from(self.need) - 1e-9).ceil().max(0.0) as u32
    }

    /// Servers that are missing for what each group's share of `actions` needs.
    pub(super) fn short(&self, world: &World, actions: &RouteActions) -> u32 {
        Slot::BOTH.into_iter().map(|slot| self.short_of(world, actions, slot)).sum()
    }

    fn short_of(&self, world: &World, actions: &RouteActions, slot: Slot) -> u32 {
        self.wanted(self.share(actions, slot)).saturating_sub(self.healthy(world, slot))
    }

    /// How many servers are missing now. Where no weights divide the traffic, it goes to whatever works, and there have to be enough of them.
    pub(super) fn missing(&self, world: &World) -> u32 {
        match self.ground.route() {
            Route::Weighted { place, .. } => self.short(world, world.actions(place.arn()).unwrap()),
            Route::Attached { .. } | Route::None => self.need.saturating_sub(self.ground.working_in_all(world)),
        }
    }

    /// How many servers are missing now, and how many are wanted.
    pub fn standing(&self, world: &World) -> (u32, u32) {
        (self.missing(world), self.ground.slots().iter().map(|slot| self.desired(world, *slot)).sum())
    }

    /// How many of them a slot accounts for.
    pub(super) fn missing_of(&self, world: &World, slot: Slot) -> u32 {
        match self.ground.route() {
            Route::Weighted { place, .. } => self.short_of(world, world.actions(place.arn()).unwrap(), slot),
            Route::Attached { .. } | Route::None => {
                self.missing(world).min(self.desired(world, slot).saturating_sub(self.ground.working(world, slot)))
            }
        }
    }

    /// Nothing but the stable group serves.
    pub(super) fn stable_serves_alone(&self, world: &World) -> bool {
        self.ground.share(world, self.stable) == 1.0
    }

    /// From here on the twin goes on without the operation.
    pub(super) fn twin_begins(&mut self, world: &World) {
        self.twin = world.clone();
        self.twin_short.clear();
    }

    /// A rollback's plan asks for as many servers as the candidate grew to. Where its target serves alone and policies shrank it before, that is
    /// more than the twin world has: the operation did not make this deficit, it only grows the group.
    pub(super) fn serves_alone(&mut self, world: &World, kind: OperationKind) {
        if kind == OperationKind::Rollback && self.stable_serves_alone(world) {
            self.need = self.need.min(self.desired(world, self.stable));
        }
    }

    /// What the same disturbance is in the twin: where it has no such server, or that one is on its way out already, one that serves there.
    pub fn in_twin(&self, disturbance: &Disturbance) -> Disturbance {
        let (Disturbance::KillInstance { group, instance } | Disturbance::BreakInstance { group, instance }) = disturbance else {
            return disturbance.clone();
        };
        let is_same = |found: &Instance| found.id == *instance && found.lifecycle != Lifecycle::Terminating;
        let same = self.twin.group(group).is_some_and(|group| group.instances.iter().any(is_same));
        let busiest = self.ground.slots().iter().copied().max_by_key(|slot| self.healthy(&self.twin, *slot)).unwrap_or(Slot::A);
        let there = self.ground.group(busiest).clone();
        let server = self.twin.group(&there).and_then(|group| group.instances.iter().rfind(|found| found.serves()).map(|found| found.id.clone()));
        match (same, server, disturbance) {
            (false, Some(instance), Disturbance::KillInstance { .. }) => Disturbance::KillInstance { group: there, instance },
            (false, Some(instance), Disturbance::BreakInstance { .. }) => Disturbance::BreakInstance { group: there, instance },
            _ => disturbance.clone(),
        }
    }

    /// A fault struck the world, or what it did is undone, and more servers are missing than before: the twin may have lost others, or have others
    /// sooner. A group that wants fewer ends some that serve while others of it are not there yet; and of `ended` servers each is launched anew,
    /// also where it was missing before.
    /// Those come back `late`, or as soon as servers do.
    pub fn lost(&mut self, world: &World, before: (u32, u32), ended: u32, late: Millis) {
        let (missing, wanted) = self.standing(world);
        let more = missing.saturating_sub(before.0).max(before.1.saturating_sub(wanted)).max(ended);
        if more > 0 {
            self.losses.push((world.now().plus(LAUNCH).plus(Millis::secs(61)).plus(late), more));
        }
    }

    /// With the driver dead nobody grows what is served by a share of a raised need: a death may be longer than any growth takes.
    fn pass(&mut self, now: WorldTime, driven: bool) {
        if driven {
            self.grace = self.grace.minus(now.since(self.ticked_at));
        }
        self.ticked_at = now;
    }

    /// While the stable group serves alone and the deploy has not pinned it, policies may do with it what they like, down to what an
    /// earlier operation pinned: so they would in the twin world.
    fn follow_unpinned(&mut self, world: &World) {
        let unpinned = world.sizes(self.ground.group(self.stable)).is_some_and(|sizes| sizes.min <= self.left_pin.max(self.live_sizes.min));
        if unpinned && self.stable_serves_alone(world) {
            self.need = self.need.min(self.desired(world, self.stable));
        }
    }

    /// S1 at this tick, and how fast a back out takes the candidate out of the traffic.
    pub fn tick(&mut self, world: &World, moment: &Moment<'_>) -> Result<(), String> {
        let now = world.now();
        let passed = now.since(self.ticked_at);
        // What a person paused stands, whatever its servers do and wherever another hand moved traffic since: nobody takes it back before it goes on.
        let driven = moment.driven && moment.record.is_none_or(|record| record.progress.state != OperationState::Paused);
        self.pass(now, driven);
        if moment.record.is_some() {
            self.follow_unpinned(world);
        }
        self.remember(world);
        if self.is_replaced(moment.record) {
            self.ended_at_once(world)?;
        }
        let Some(record) = moment.record else { return Ok(()) };
        push_lately(&mut self.frail, now, frail(world, &stays(record).group), REPLACED);
        let other = self.ground.slots().contains(&self.stable.other()).then(|| self.ground.group(self.stable.other()));
        let rival = other.and_then(|name| world.group(name)).map_or(0, |group| group.total());
        push_lately(&mut self.rival, now, rival, LAUNCHES_DIFFER);
        let short = self.missing(world);
        let allowed = self.allowed(world, record);
        let missing = short > allowed && self.grace == Millis::ZERO;
        // What the candidate's illness accounts for is what is missing of the candidate, and no more.
        // Where no weights divide the traffic, what one side lacks the other one could have: it is counted once.
        let broken = self.short_where_broken(world, record);
        let of_candidate = self.missing_of(world, leaves(record)).min(short.saturating_sub(broken));
        let besides = short.saturating_sub(of_candidate).saturating_sub(broken);
        self.watch_illness(world, record);
        if !missing || moment.barred {
            self.ill = Millis::ZERO;
        } else if driven {
            self.ill = self.ill.plus(passed);
        }
        // A group that is retired has what it has: whoever gives it traffic again is told, and takes that back.
        let given_again = record.kind() == OperationKind::Retire && self.foreign.weights.is_some();
        let of_ill = if given_again || moment.barred || self.is_ill(world, record) { 0 } else { of_candidate };
        if missing && besides + of_ill > allowed {
            let of = |slot: &Slot| format!("{} {} healthy for {:.2}", slot_word(*slot), self.healthy(world, *slot), self.ground.share(world, *slot));
            let who = self.ground.slots().iter().map(of).collect::<Vec<_>>().join(", ");
            return Err(format!("S1: {short} servers short of {}, the twin and what was lost account for {allowed}: {who}", self.need));
        }
        self.out_in_time(world, moment, record)
    }

    fn remember(&mut self, world: &World) {
        let now = world.now();
        let twin_short = self.missing(&self.twin);
        push_lately(&mut self.twin_short, now, twin_short, LAUNCHES_DIFFER);
        for slot in self.ground.slots().iter().copied() {
            let healthy = self.fit(world, slot);
            push_lately(self.lately.get_mut(slot), now, healthy, STALE.plus(LOOK_TO_CALL));
        }
        // While the cloud has no servers to give, nothing comes back that is lost.
        let scarce = self.scarce_until.is_some_and(|until| now < until);
        self.losses.retain(|(until, _)| scarce || *until > now);
    }

    /// How many servers may be missing now.
    fn allowed(&self, world: &World, record: &Record) -> u32 {
        let twin = self.twin_short.iter().map(|(_, short)| *short).max().unwrap_or(0);
        let lost: u32 = self.losses.iter().map(|(_, servers)| servers).sum();
        let back = if goes_back(record) { self.need - threshold(self.need) } else { 0 };
        // What the other group launched of a capacity that is all given away the twin may have launched where it serves.
        let rival = self.rival.iter().map(|(_, servers)| *servers).max().unwrap_or(0);
        let taken = if self.scarce_until.is_some_and(|until| world.now() < until) { rival } else { 0 };
        let frail = self.frail.iter().map(|(_, servers)| *servers).max().unwrap_or(0);
        // Traffic goes back to a few servers short; what is lost right after that nobody could know.
        twin.max(back) + lost + taken + frail
    }

    /// The cloud gives servers again.
    pub fn plenty(&mut self, now: WorldTime) {
        self.scarce_until = Some(now.plus(LAUNCH).plus(Millis::secs(61)));
    }

    /// The candidate's servers fail by themselves, or its group cannot launch or replace any: its twin cannot show that. Somebody who drives has it
    /// out of the traffic within the time a launch may take, two periods, and the launch of what stable has to have. Nobody promises that of an
    /// operation without a driver: what strikes its candidate then strikes whom it gives traffic to.
    fn is_ill(&self, world: &World, record: &Record) -> bool {
        let (plan, timing) = (&record.operation.plan, &record.operation.plan.timing);
        let bound = match &plan.refresh {
            None => timing.launch_limit.plus(timing.period_soak.times(2)).plus(FOLLOWS),
            // The cloud's engine waits longest for servers that do not get well, and then replaces all of them once more.
            Some(refresh) => refreshed_twice(plan).plus(Millis::secs(u64::from(refresh.bake_secs))),
        };
        // A driver whose clock is set back counts from the time it had until that comes again.
        let bound = bound.plus(FARTHEST_JUMP.times(self.clock_sets));
        // Who promotes a step has the next one wait for the candidate as long again.
        let promoted = || record.events.iter().filter(|event| matches!(event.body, EventBody::Promoted { .. })).count() as u64;
        self.ill_at.is_some_and(|at| world.now().since(at) < REPLACED) && (self.ill < bound || self.ill < bound.times(1 + promoted()))
    }

    /// What is missing of the group that serves without this deploy, or after this rollback, if another hand keeps it from launching any: the twin
    /// may have lost other servers, and nobody could do better by now.
    fn short_where_broken(&self, world: &World, record: &Record) -> u32 {
        let broken = self.broken_at.is_some_and(|at| world.now().since(at) < REPLACED);
        if broken { self.missing_of(world, stays(record).slot) } else { 0 }
    }

    fn watch_illness(&mut self, world: &World, record: &Record) {
        let plan = &record.operation.plan;
        let side = if plan.kind == OperationKind::Deploy { &plan.to } else { &plan.from };
        let sound = world.image_record(&side.image).is_some_and(|found| found.behaviour.vigour == Vigour::Sound);
        if self.sickened || !sound || !world.group(&side.group).is_some_and(|group| launches(world, &group)) {
            self.ill_at = Some(world.now());
        }
        if !world.group(&stays(record).group).is_some_and(|group| launches(world, &group)) {
            self.broken_at = Some(world.now());
        }
    }

    /// Healthy servers as they may have been read for a call that arrives now.
    pub(super) fn healthy_as_read(&self, world: &World, slot: Slot) -> u32 {
        let now = world.now();
        let lags = self.lagged_at.is_some_and(|at| now.since(at) <= STALE);
        let span = if lags { STALE.plus(LOOK_TO_CALL) } else { LOOK_TO_CALL };
        let lately = self.lately.get(slot);
        // Each was so until the next one.
        let ends = lately.iter().skip(1).map(|(at, _)| *at).chain([now]);
        let read = lately.iter().zip(ends).filter(|(_, end)| now.since(*end) <= span).map(|((_, healthy), _)| *healthy);
        read.max().unwrap_or(0).max(self.fit(world, slot))
    }
}

pub(super) fn push_lately(lately: &mut VecDeque<(WorldTime, u32)>, now: WorldTime, value: u32, span: Millis) {
    if lately.back().is_none_or(|(_, last)| *last != value) {
        lately.push_back((now, value));
    }
    // The value before the oldest moment that counts was still there at that moment.
    while lately.len() > 1 && now.since(lately[1].0) > span {
        lately.pop_front();
    }
}

/// Servers of a group whose image is not sound.
fn frail(world: &World, group: &GroupName) -> u32 {
    let is_sound = |image: &ImageId| world.image_record(image).is_none_or(|record| record.behaviour.vigour == Vigour::Sound);
    let servers = world.group(group).into_iter().flat_map(|group| group.instances);
    count(servers.filter(|server| server.image.as_ref().is_some_and(|image| !is_sound(image))))
}

/// Whether the group can launch servers and replace those that fail.
fn launches(world: &World, group: &ServerGroup) -> bool {
    let is_there = |pin: &TemplatePin| {
        let version = pin.number().map(|number| world.template_version(&pin.id, number));
        let image = version.map_or(pin.image.as_ref(), |version| version.map(|version| &version.image));
        image.is_some_and(|image| world.image_record(image).is_some())
    };
    // A refresh launches its own version, whatever the group itself names.
    let refreshing = world.refreshes(&group.name).into_iter().flatten().find(|refresh| refresh.status.goes_forward());
    let is_launched = |desired: DesiredTemplate| match desired.version {
        PinnedVersion::Number(number) => {
            world.template_version(&desired.id, number).is_some_and(|version| world.image_record(&version.image).is_some())
        }
        PinnedVersion::Latest | PinnedVersion::Default => true,
    };
    let asked = refreshing.and_then(|refresh| refresh.desired).is_none_or(is_launched);
    group.suspended.is_empty() && group.template.as_ref().is_some_and(is_there) && asked
}
