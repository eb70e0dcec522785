//! What keeps a release from going forward besides the engine's own looks: gates of the fleet's owner, a hold before the switch, alarms and
//! freezes; and what must not be told while all that goes on.

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::fleet::FleetSpec;
use quarterdeck::domain::observation::AlarmState;
use quarterdeck::domain::time::{Millis, WorldTime};
use quarterdeck::operation::command::Who;
use quarterdeck::operation::event::EventBody;
use quarterdeck::operation::freeze::Freeze;
use quarterdeck::operation::gate::{GATE_LIMIT, GateOutcome};
use quarterdeck::operation::plan::{OperationKind, Plan};
use quarterdeck::world::{Disturbance, World};

use crate::chance::Chance;
use crate::fault::Fault;
use crate::planted::{Lapse, Slip};
use crate::process::Process;
use crate::shape::Ground;
use crate::sim::{Broke, Sim};

/// A tag's value that is nobody's business.
pub const SECRET: &str = "hunter2-planted";
/// The alarm every simulated world has.
const ALARM: &str = "web-5xx";

/// How a gate ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Passes,
    Vetoes,
    /// It says nothing until its time is over.
    Hangs,
}

/// What a fleet's owner put in the way of a release.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    pub gates: Vec<Fate>,
    pub hold: bool,
    pub alarm: bool,
}

impl Guards {
    pub fn draw(chance: &mut Chance) -> Self {
        let gates: &[Fate] =
            chance.pick(&[&[], &[Fate::Passes], &[Fate::Passes, Fate::Passes], &[Fate::Vetoes], &[Fate::Passes, Fate::Vetoes], &[Fate::Hangs]]);
        Self { gates: gates.to_vec(), hold: chance.one_in(2), alarm: !chance.one_in(3) }
    }

    pub fn put_on(&self, spec: &mut FleetSpec) {
        spec.gates = (0..self.gates.len()).map(|nth| vec![format!("/usr/local/bin/gate-{nth}")]).collect();
        spec.hold |= self.hold;
        if self.alarm {
            spec.alarms = vec![ALARM.into()];
        }
    }

    /// A gate does not let anything pass.
    pub fn stop(&self) -> bool {
        self.gates.iter().any(|fate| *fate != Fate::Passes)
    }
}

/// Puts a secret where everybody who looks at a group sees it.
pub fn plant_secret(world: &mut World, ground: &Ground) {
    for slot in ground.slots() {
        let (key, value) = ("db:password".to_owned(), Some(SECRET.to_owned()));
        world.disturb(Disturbance::Tag { group: ground.group(*slot).clone(), key, value });
    }
}

/// S19: what is written down, sent or told holds no secret.
pub fn tells_nothing(what: &str, told: &str) -> Result<(), Broke> {
    if told.contains(SECRET) { Err(format!("S19: {what} tells a secret")) } else { Ok(()) }
}

impl Sim {
    /// A gate is started: when it will end, and how.
    pub fn gate_starts(&mut self, number: usize) -> (usize, WorldTime, GateOutcome) {
        let fate = self.script.guards.gates.get(number).copied().unwrap_or(Fate::Vetoes);
        self.totals.one(&format!("gate {fate:?}"));
        let after = if fate == Fate::Hangs { GATE_LIMIT } else { Millis::secs(self.chance.between(1, 60)) };
        let said = if fate == Fate::Hangs { "it did not end in 5m" } else { "its last line" };
        (number, self.clock.plus(after), GateOutcome { passed: fate == Fate::Passes, said: said.into() })
    }

    /// How the gate of this driver ended, once it has.
    pub fn gate_said(&mut self, process: &mut Process) -> Option<GateOutcome> {
        let clock = self.clock;
        let (number, _, outcome) = process.gate.take_if(|(_, due, _)| *due <= clock)?;
        self.witness.gate_said(&self.store.records[process.at].operation.id, number, outcome.passed);
        Some(GateOutcome { passed: outcome.passed || self.slips(Slip::SilentGatePasses) && outcome.said.raw().contains("did not end"), ..outcome })
    }

    pub fn freeze(&mut self) {
        let span = Millis::mins(self.chance.pick(&[1, 20, 120]));
        self.frozen_until = self.frozen_until.max(self.clock.plus(span));
        self.struck(Fault::Frozen);
    }

    /// The freezes that hold, as a planner reads them.
    pub fn freezes(&self) -> Vec<Freeze> {
        let holds = self.frozen_until > self.clock && self.store.lapse != Some(Lapse::FreezeNotRead);
        let freeze = Freeze { fleet: None, since: self.clock, until: self.frozen_until, by: Who::default(), reason: None };
        if holds { vec![freeze] } else { Vec::new() }
    }

    /// Nothing goes forward that began in a freeze; a way back does.
    pub fn not_frozen(&self, plan: &Plan) -> Result<(), Broke> {
        let forward = matches!(plan.kind, OperationKind::Deploy | OperationKind::Recycle);
        if forward && self.frozen_until > self.clock { Err(format!("freeze: a {} begins", plan.kind.word())) } else { Ok(()) }
    }

    /// S6: what an incomplete listing does not show is not gone. Template versions are in no listing.
    pub fn reads_listing_right(&self, text: &str, plan: Option<&Plan>) -> Result<(), Broke> {
        let all = plan.into_iter().flat_map(|plan| &plan.checks).map(|check| check.text.as_str()).chain([text]);
        let gone = self.listing_cut && all.into_iter().any(|text| text.contains("is gone") && !text.contains("template"));
        let there = self.checker.images.iter().all(|image| self.world.image_record(image).is_some());
        if gone && there { Err("S6: an image that an incomplete listing does not show is called gone".to_owned()) } else { Ok(()) }
    }

    /// A planted mistake: what is parked is thought to be needed by nobody any more.
    pub fn deregister_slipping(&mut self, process: &Process, call: &CloudCall) {
        if self.slips(Slip::DeregistersWhatItParks) && matches!(call, CloudCall::Park { .. }) {
            let image = self.store.records[process.at].operation.plan.from.image.clone();
            self.world.disturb(Disturbance::RemoveImage { image });
        }
    }

    /// An alarm goes red, or has nothing to say for a while.
    pub fn alarm(&mut self, fault: Fault) -> Option<Vec<Disturbance>> {
        let alarm = self.spec.alarms.first()?.clone();
        if fault == Fault::AlarmSilent && self.chance.one_in(2) {
            let span = Millis::secs(self.chance.pick(&[20, 120, 900]));
            self.trouble(self.clock.plus(span));
            return Some(vec![Disturbance::UnreadableAlarms { span }]);
        }
        let state = if fault == Fault::AlarmRed { AlarmState::Alarm } else { AlarmState::NoData };
        self.later(30, 1_500, vec![Disturbance::SetAlarm { alarm: alarm.clone(), state: None }]);
        Some(vec![Disturbance::SetAlarm { alarm, state: Some(state) }])
    }

    /// S19 over what a driver writes down.
    pub fn records_no_secret(&self, bodies: &[EventBody]) -> Result<(), Broke> {
        bodies.iter().try_for_each(|body| tells_nothing("an event", &format!("{body:?}")))
    }
}
