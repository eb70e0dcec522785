//! Faults as they strike: what each does to the world and its twin, to the network, to the driver or to the store.

use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::group::{PinnedVersion, count};
use quarterdeck::domain::ids::{GroupName, ImageId, InstanceId};
use quarterdeck::domain::refresh::{DesiredTemplate, RefreshPreferences, RefreshStrategy};
use quarterdeck::domain::time::Millis;
use quarterdeck::domain::traffic::{RouteAction, RouteActions};
use quarterdeck::operation::claim::CLAIM_KEY;
use quarterdeck::operation::command::CommandKind;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::OperationKind;
use quarterdeck::world::state::Vigour;
use quarterdeck::world::{Disturbance, World};

use crate::cloud::Spell;
use crate::fault::Fault;
use crate::person::Act;
use crate::process::{Point, Trap};
use crate::sim::{Broke, Sim};

/// How a lasting fault ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relief {
    Disk,
    Skew,
    World(Vec<Disturbance>),
    /// The hand that moved traffic puts it back where it belongs by then.
    Traffic,
    /// Another hand attaches again what it took off, or the other way round, unless that left nothing that serves.
    Attachment(Disturbance),
    /// The other tool takes its servers back.
    Strangers(Slot),
}

/// The version another tool launches.
const STRANGE: u64 = 1;
/// Servers of it are ended after so many seconds at the latest.
const STRANGERS_END: u64 = 2_000;
/// Operations after which nobody begins another one out of turn.
const ENOUGH: usize = 16;

/// A clock is set by so much at most.
pub const FARTHEST_JUMP: Millis = Millis::secs(4_000);

impl Sim {
    pub fn strike(&mut self, fault: Fault) -> Result<(), Broke> {
        match fault {
            Fault::Throttled
            | Fault::LostCall
            | Fault::LostAnswer
            | Fault::LateCall
            | Fault::TwiceCall
            | Fault::Unreadable
            | Fault::NotFound
            | Fault::UnknownWord
            | Fault::StaleRead
            | Fault::Credentials => self.spell(fault),
            Fault::Killed | Fault::Suspended | Fault::SuspendedAtCall => self.trap(fault),
            // Each of these begins an operation, which may draw more of them: at some point people have had enough.
            Fault::RolledBack | Fault::TwoPeople if self.store.records.len() >= ENOUGH => {}
            Fault::RolledBack => {
                self.struck(fault);
                return self.roll_back(false);
            }
            Fault::TwoPeople => {
                self.struck(fault);
                return if self.chance.one_in(2) { self.roll_back(true) } else { self.deploy(true) };
            }
            Fault::OldScreen | Fault::Paused | Fault::Promoted | Fault::BackedOut => self.person(fault),
            Fault::ClockJump => self.jump(),
            Fault::Frozen => self.freeze(),
            Fault::DiskFull => self.fill_disk(),
            _ => self.harm(fault),
        }
        Ok(())
    }

    fn spell(&mut self, fault: Fault) {
        let (secs, pct, times) = self.chance.pick(&[(600, 100, 1), (600, 100, 3), (60, 95, 1_000), (300, 50, 1_000), (120, 20, 1_000)]);
        let until = self.clock.plus(Millis::secs(secs));
        self.spells.push(Spell { fault, until, pct, times });
        self.trouble(until);
    }

    fn trap(&mut self, fault: Fault) {
        let half = u32::try_from(self.chance.between(0, 24)).unwrap();
        let half = if self.script.course.sharp { 0 } else { half };
        let span = Millis::secs(self.chance.pick(&[1, 7, 20, 40, 90, 200]));
        let point = self.chance.pick(&Point::ALL);
        let around_call = self.chance.one_in(2) && !self.script.course.sharp;
        self.traps.push(match fault {
            Fault::Killed if around_call => Trap::KillAt(None, point),
            Fault::Killed => Trap::Kill(half),
            Fault::Suspended => Trap::Still(half, span),
            _ => Trap::StillAtCall(span),
        });
    }

    fn person(&mut self, fault: Fault) {
        if self.store.active().is_none() {
            return;
        }
        self.struck(fault);
        let old = fault == Fault::OldScreen;
        let kind = match fault {
            Fault::Paused => CommandKind::Pause,
            Fault::Promoted => CommandKind::Promote,
            Fault::BackedOut => CommandKind::BackOut,
            _ => self.chance.pick(&[CommandKind::Pause, CommandKind::Resume, CommandKind::Promote, CommandKind::BackOut]),
        };
        self.command(kind, old);
    }

    fn jump(&mut self) {
        let secs = self.chance.pick(&[5_i64, 60, 600, FARTHEST_JUMP.0.cast_signed() / 1_000]);
        self.skew = if self.chance.one_in(2) { secs * 1_000 } else { -secs * 1_000 };
        self.struck(Fault::ClockJump);
        self.traps.push(Trap::Kill(0));
        let end = self.chance.between(30, 600);
        self.plan_act(Act::Relieve(Relief::Skew), end, end);
        // A driver whose clock was ahead leaves events behind that its successor has to live up to.
        let until = self.clock.plus(Millis::secs(end + secs.unsigned_abs()));
        self.trouble(until);
    }

    fn fill_disk(&mut self) {
        self.struck(Fault::DiskFull);
        self.store.disk.full = true;
        let end = self.chance.pick(&[60, 600, 3_000]);
        self.plan_act(Act::Relieve(Relief::Disk), end, end);
    }

    pub fn relieve(&mut self, relief: &Relief) {
        self.diary.push((self.clock, format!("over: {relief:?}")));
        match relief {
            Relief::Disk => self.store.free_disk(),
            Relief::Skew => {
                // The host's clock is set right for everybody who reads it.
                self.skew = 0;
                self.witness.clock_set();
                self.checker.clock_set();
                self.processes.iter_mut().for_each(|process| process.skew = 0);
            }
            Relief::Strangers(_) | Relief::World(_) | Relief::Traffic | Relief::Attachment(_) => {
                let before = self.checker.standing(&self.world);
                let ended = self.undo(relief);
                self.checker.lost(&self.world, before, ended, Millis::ZERO);
            }
        }
    }

    /// How many servers end with it.
    fn undo(&mut self, relief: &Relief) -> u32 {
        match relief {
            Relief::Disk | Relief::Skew => {}
            Relief::Strangers(slot) => {
                let group = self.ground.group(*slot).clone();
                self.launch_right(&group);
                let replacing = self.ground.is_one_group();
                let ended = take_back(&mut self.world, &group, replacing);
                take_back(&mut self.checker.twin, &group, replacing);
                self.checker.harmed(Fault::OldVersion, &self.world, None);
                return ended;
            }
            Relief::Attachment(back) => self.put_attachment_back(back),
            Relief::Traffic if self.checker.is_foreign() => self.in_both(&self.put_right()),
            Relief::Traffic => {}
            Relief::World(disturbances) => {
                if disturbances.contains(&Disturbance::LimitCapacity { servers: None }) {
                    self.checker.plenty(self.clock);
                }
                let ended = disturbances.iter().map(|disturbance| self.let_go(disturbance)).sum();
                self.in_both(disturbances);
                return ended;
            }
        }
        0
    }

    /// How many servers of a group that was parked worked on, because nothing could end them, and end with this.
    fn let_go(&self, disturbance: &Disturbance) -> u32 {
        match disturbance {
            Disturbance::Resume { group, process } if process == "Terminate" => {
                self.world.group(group).map_or(0, |group| group.total().saturating_sub(group.sizes.desired))
            }
            _ => 0,
        }
    }

    /// Whoever is called because a slot cannot be emptied has it launch what the way back leads to, so that what replaces the others is that.
    fn launch_right(&mut self, group: &GroupName) {
        let called = self.active().filter(|record| record.progress.reason.contains("it cannot be emptied"));
        let version = called.and_then(|record| record.progress.candidate_version.or(record.operation.plan.to.template_version));
        if let Some(version) = version.map(PinnedVersion::Number) {
            self.in_both(&[Disturbance::ChangeTemplate { group: group.clone(), version }]);
        }
    }

    fn in_both(&mut self, disturbances: &[Disturbance]) {
        for disturbance in disturbances {
            self.world.disturb(disturbance.clone());
            self.checker.twin.disturb(disturbance.clone());
        }
    }

    fn put_attachment_back(&mut self, back: &Disturbance) {
        if let Disturbance::Detach { group, .. } = back
            && self.ground.slot_of(group).is_none_or(|slot| self.ground.working(&self.world, slot.other()) == 0)
        {
            return;
        }
        self.world.disturb(back.clone());
        self.checker.twin.disturb(back.clone());
        self.checker.harmed(Fault::ForeignWeights, &self.world, None);
    }

    /// What happens to the world happens to its twin.
    fn harm(&mut self, fault: Fault) {
        let Some(disturbances) = self.disturbances(fault) else { return };
        let before = self.checker.standing(&self.world);
        let mut any = false;
        // A stranger that never becomes healthy is missing until somebody ends it.
        let late = if disturbances.iter().any(|disturbance| self.launches_unfit(disturbance)) { Millis::secs(STRANGERS_END) } else { Millis::ZERO };
        for disturbance in disturbances {
            let twin = self.checker.in_twin(&disturbance);
            self.diary.push((self.clock, format!("{disturbance:?}, in the twin {twin:?}")));
            if self.world.disturb(disturbance) {
                any = true;
                self.checker.twin.disturb(twin);
            }
        }
        if any {
            self.struck(fault);
            let record = self.store.active().map(|at| &self.store.records[at]);
            self.checker.harmed(fault, &self.world, record);
            if fault != Fault::ForeignWeights {
                self.checker.lost(&self.world, before, 0, late);
            }
            self.claim_may_remain |= fault == Fault::ForeignClaim;
        }
    }

    pub fn later(&mut self, low: u64, high: u64, ends: Vec<Disturbance>) {
        self.plan_act(Act::Relieve(Relief::World(ends)), low, high);
    }

    fn disturbances(&mut self, fault: Fault) -> Option<Vec<Disturbance>> {
        let slot = self.chance.pick(self.ground.slots());
        let group = self.ground.group(slot).clone();
        Some(match fault {
            Fault::HiddenHealth => {
                let span = Millis::secs(self.chance.pick(&[5, 40, 300, 900]));
                let until = self.clock.plus(span);
                self.trouble(until);
                vec![Disturbance::UnreadableHealth { target_group: self.ground.target_group(slot)?.clone(), span }]
            }
            Fault::ServerLost => vec![Disturbance::KillInstance { instance: self.any_server(slot)?, group }],
            Fault::ServerSick => {
                let until = self.clock.plus(Millis::mins(6));
                self.trouble(until);
                vec![Disturbance::BreakInstance { instance: self.any_server(slot)?, group }]
            }
            Fault::AlarmRed | Fault::AlarmSilent => self.alarm(fault)?,
            Fault::NoCapacity => {
                // None at all: what an operation launches must not take away what its twin would have had.
                self.later(60, 2_000, vec![Disturbance::LimitCapacity { servers: None }]);
                vec![Disturbance::LimitCapacity { servers: Some(0) }]
            }
            Fault::Flapping | Fault::LateCrash => {
                let image = self.candidate_image().filter(|image| self.is_sound(image))?;
                let vigour = if fault == Fault::Flapping { Vigour::Flapping } else { Vigour::NeverHealthy };
                self.later(300, 3_000, vec![Disturbance::ChangeVigour { image: image.clone(), vigour: Vigour::Sound }]);
                vec![Disturbance::ChangeVigour { image, vigour }]
            }
            Fault::Scaled => {
                let desired = u32::try_from(self.chance.between(8, 30)).unwrap();
                vec![Disturbance::SetDesired { group: self.ground.group(self.checker.stable).clone(), desired }]
            }
            Fault::ZoneOutage => {
                let zone = u8::try_from(self.chance.between(0, 2)).unwrap();
                let span = Millis::secs(self.chance.pick(&[60, 600, 2_000]));
                let until = self.clock.plus(span);
                self.trouble(until);
                vec![Disturbance::ZoneOutage { zone, span }]
            }
            Fault::OldVersion => {
                self.plan_act(Act::Relieve(Relief::Strangers(slot)), 60, STRANGERS_END);
                vec![Disturbance::LaunchStranger { group, version: STRANGE }]
            }
            Fault::StuckDraining => {
                let span = Millis::secs(self.chance.pick(&[60, 600, 1_800]));
                let until = self.clock.plus(span);
                self.trouble(until);
                let server = self.any_server(slot)?;
                vec![Disturbance::KillInstance { instance: server, group: group.clone() }, Disturbance::StuckDraining { group, span }]
            }
            Fault::ImageGone => {
                let image = self.world.group(&group)?.template?.image?;
                // How servers behave whose image is gone nobody could say.
                let record = Box::new(self.world.image_record(&image).filter(|record| self.is_sound(&record.image.id))?.clone());
                self.later(60, 3_000, vec![Disturbance::RestoreImage { record }]);
                vec![Disturbance::RemoveImage { image }]
            }
            Fault::TemplateGone => {
                let pin = self.world.group(&group)?.template?;
                let (template, version) = (pin.id.clone(), pin.number()?);
                let data = Box::new(self.world.template_version(&template, version)?.clone());
                self.later(60, 3_000, vec![Disturbance::RestoreTemplateVersion { template: template.clone(), version, data }]);
                vec![Disturbance::RemoveTemplateVersion { version, template }]
            }
            other => return self.foreign(other, slot),
        })
    }

    /// Another hand, which does not know that an operation is going on.
    fn foreign(&mut self, fault: Fault, slot: Slot) -> Option<Vec<Disturbance>> {
        let group = self.ground.group(slot).clone();
        Some(match fault {
            Fault::ForeignWeights if self.ground.pair().is_none() => self.foreign_attachment(slot)?,
            Fault::ForeignWeights => {
                let pair = self.ground.pair()?;
                let healthy = |slot| self.world.healthy_targets(pair.target_groups.get(slot)) > 0;
                let pct: u32 =
                    if Slot::BOTH.into_iter().all(healthy) { self.chance.pick(&[100, 90, 60, 50, 0]) } else { self.chance.pick(&[100, 0]) };
                let serving = if pct == 0 { Slot::B } else { Slot::A };
                if !healthy(serving) {
                    return None;
                }
                let weights = vec![(pair.target_groups.a.clone(), pct), (pair.target_groups.b.clone(), 100 - pct)];
                vec![Disturbance::SetWeights { place: pair.place.arn().clone(), weights }]
            }
            Fault::ForeignActions => {
                let place = self.ground.pair()?.place.arn().clone();
                let now = self.world.actions(&place)?.clone();
                let changed = with_stickiness(&now, u32::try_from(self.chance.between(1, 600)).unwrap());
                vec![Disturbance::ReplaceActions { place, actions: changed }]
            }
            Fault::ForeignSizes => {
                let sizes = self.world.sizes(&group)?;
                let min = u32::try_from(self.chance.between(0, u64::from(sizes.min))).unwrap();
                vec![Disturbance::SetBounds { group, min, max: sizes.max + 2 }]
            }
            Fault::ForeignTemplate => {
                let now = self.world.group(&group)?.template?.version;
                self.later(30, 3_000, vec![Disturbance::ChangeTemplate { group: group.clone(), version: now }]);
                let other = self.chance.pick(&[PinnedVersion::Number(1), PinnedVersion::Latest, PinnedVersion::Default]);
                vec![Disturbance::ChangeTemplate { group, version: other }]
            }
            Fault::ForeignRefresh => self.foreign_refresh(group)?,
            Fault::ForeignClaim => {
                let until = self.clock.plus(Millis::secs(self.chance.pick(&[30, 600])));
                self.trouble(until);
                let value = Some(format!("op=op-9;who=eve@elsewhere;store=other;until={}", until.rfc3339()));
                let tag = |group| Disturbance::Tag { group, key: CLAIM_KEY.to_owned(), value: value.clone() };
                self.ground.slots().iter().map(|slot| tag(self.ground.group(*slot).clone())).collect()
            }
            Fault::ForeignSuspend => {
                let process = self.chance.pick(&["Launch", "Terminate", "ReplaceUnhealthy"]).to_owned();
                self.later(60, 2_000, vec![Disturbance::Resume { group: group.clone(), process: process.clone() }]);
                vec![Disturbance::Suspend { group, process }]
            }
            _ => return None,
        })
    }

    /// Another tool stops the refresh that runs, or starts one of what the group launches or once launched.
    fn foreign_refresh(&mut self, group: GroupName) -> Option<Vec<Disturbance>> {
        let runs = self.world.refreshes(&group)?.first().is_some_and(|refresh| refresh.status.is_running());
        if runs {
            return Some(vec![Disturbance::CancelRefresh { group }]);
        }
        let pin = self.world.group(&group)?.template?;
        let version = if self.chance.one_in(2) { pin.version } else { PinnedVersion::Number(STRANGE) };
        let template = DesiredTemplate { id: pin.id, version };
        let preferences = RefreshPreferences { max_healthy_pct: 117, skip_matching: false, ..RefreshPreferences::careful() };
        self.trouble(self.clock.plus(Millis::mins(60)));
        Some(vec![Disturbance::StartRefresh { group, template, preferences: Box::new(preferences), strategy: RefreshStrategy::Rolling }])
    }

    /// A group is taken off the target group while the other one serves, or put back; and later the other way round.
    fn foreign_attachment(&mut self, slot: Slot) -> Option<Vec<Disturbance>> {
        let (group, target_group) = (self.ground.group(slot).clone(), self.ground.target_group(slot)?.clone());
        let attach = Disturbance::Attach { group: group.clone(), target_group: target_group.clone() };
        let detach = Disturbance::Detach { group, target_group };
        let on = self.ground.is_attached(&self.world, slot);
        if on && self.ground.working(&self.world, slot.other()) == 0 {
            return None;
        }
        let (now, then) = if on { (detach, attach) } else { (attach, detach) };
        self.plan_act(Act::Relieve(Relief::Attachment(then)), 30, 3_000);
        Some(vec![now])
    }

    fn any_server(&mut self, slot: Slot) -> Option<InstanceId> {
        let group = self.world.group(self.ground.group(slot))?;
        let last = (group.instances.len() as u64).checked_sub(1)?;
        Some(group.instances[self.chance.between(0, last) as usize].id.clone())
    }

    fn launches_unfit(&self, disturbance: &Disturbance) -> bool {
        let Disturbance::LaunchStranger { group, version } = disturbance else { return false };
        let pin = self.world.group(group).and_then(|group| group.template);
        let launched = pin.and_then(|pin| self.world.template_version(&pin.id, *version).map(|version| version.image.clone()));
        launched.is_none_or(|image| !self.is_sound(&image))
    }

    pub fn is_sound(&self, image: &ImageId) -> bool {
        self.world.image_record(image).is_some_and(|record| record.behaviour.vigour == Vigour::Sound && record.behaviour.error_ppm <= 2_000)
    }

    /// What the active deploy brings, once its servers are launched.
    fn candidate_image(&self) -> Option<ImageId> {
        let record = self.active().filter(|record| record.kind() == OperationKind::Deploy)?;
        let launched = |body: &EventBody| matches!(body, EventBody::Launched { .. });
        let going = record.progress.state != OperationState::BackingOut;
        (going && record.events.iter().any(|event| launched(&event.body))).then(|| record.operation.plan.to.image.clone())
    }
}

/// Servers that do not run what their group launches; where a refresh replaces them by newer ones, only the oldest version's.
fn take_back(world: &mut World, group: &GroupName, replacing: bool) -> u32 {
    let Some(found) = world.group(group) else { return 0 };
    let pinned = found.template.as_ref().and_then(|pin| pin.number());
    let strange = |version: Option<u64>| version != pinned && (!replacing || version == Some(STRANGE));
    let strangers = found.instances.into_iter().filter(|instance| strange(instance.template_version));
    count(strangers.filter(|stranger| world.disturb(Disturbance::KillInstance { group: group.clone(), instance: stranger.id.clone() })))
}

fn with_stickiness(actions: &RouteActions, secs: u32) -> RouteActions {
    let changed = actions.0.iter().map(|action| match action {
        RouteAction::Forward { weights, fingerprint, .. } => {
            RouteAction::Forward { weights: weights.clone(), stickiness_secs: Some(secs), fingerprint: format!("{fingerprint}-{secs}") }
        }
        other => other.clone(),
    });
    RouteActions(changed.collect())
}
