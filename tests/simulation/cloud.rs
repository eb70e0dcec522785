//! What lies between a driver and the world: looks that show too little or too old a picture, calls that are refused, late, lost or doubled.

use quarterdeck::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use quarterdeck::domain::fleet::BySlot;
use quarterdeck::domain::group::{Health, Lifecycle};
use quarterdeck::domain::observation::{Credentials, Depth, FleetObservation};
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::time::{BootTime, Millis, WorldTime};
use quarterdeck::domain::traffic::TargetState;
use quarterdeck::operation::event::{CallOutcome, EventBody, OperationState};
use quarterdeck::operation::lease::{CALL_TIMEOUT, Lease};

use crate::checks::Arrival;
use crate::fault::Fault;
use crate::hands::Told;
use crate::person::Act;
use crate::planted::Slip;
use crate::process::{Process, Stage};
use crate::sim::{Broke, Sim};
use crate::witness::Scene;

/// A fault that lasts: so many percent of what it can hit.
#[derive(Clone, Copy, Debug)]
pub struct Spell {
    pub fault: Fault,
    pub until: WorldTime,
    pub pct: u64,
    /// Only so many times.
    pub times: u32,
}

/// A call on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    pub call: CloudCall,
    pub at: usize,
    pub epoch: u64,
    pub call_no: u64,
    /// The process that hears the answer.
    pub to: Option<u32>,
    /// The answer is lost.
    pub mute: bool,
    /// When its intent was recorded.
    pub intended: WorldTime,
    /// When it was sent.
    pub sent: WorldTime,
    /// When the lease ends under which it was sent.
    pub lease_end: BootTime,
}

/// The longest a read lags behind.
pub const STALE: Millis = Millis::secs(120);

impl Sim {
    pub fn is_spelled(&self, fault: Fault) -> bool {
        self.spells.iter().any(|spell| spell.fault == fault && spell.until > self.clock)
    }

    /// Whether a spell hits this time.
    fn hits(&mut self, fault: Fault) -> bool {
        let clock = self.clock;
        let Some(nth) = self.spells.iter().position(|spell| spell.fault == fault && spell.until > clock) else { return false };
        if self.chance.between(1, 100) > self.spells[nth].pct {
            return false;
        }
        self.spells[nth].times -= 1;
        if self.spells[nth].times == 0 {
            self.spells.remove(nth);
        }
        self.struck(fault);
        true
    }

    /// One look, as far as it succeeds.
    pub fn look(&mut self, at: usize, epoch: u64, depth: Depth) -> Result<FleetObservation, Broke> {
        let at_work = self.store.has_news(at, epoch).is_ok();
        let seen = self.as_it_is_shown(depth);
        if at_work {
            self.checker.looked(&self.world, &self.store.records[at], &seen);
        }
        let scene = Scene::new(&self.world, &self.store.records[at], self.clock);
        self.witness.looked(scene, epoch, at_work, &seen)?;
        Ok(seen)
    }

    fn as_it_is_shown(&mut self, depth: Depth) -> FleetObservation {
        let mut seen = self.world.observe(&self.spec.scope(), depth);
        if !self.script.judged {
            seen.counts = BySlot::default();
        }
        if let Some(source) = self.script.course.series.filter(|_| depth.is_full()) {
            seen.metrics = Some(Box::new(source.tells(&self.world, &self.spec, crate::sim::START)));
        }
        if depth.is_full() {
            self.remember(&seen);
        }
        if self.is_spelled(Fault::Credentials) {
            self.struck(Fault::Credentials);
            let mut blind = FleetObservation::blind(&self.spec.scope(), self.clock, "credentials are not accepted");
            blind.credentials = Credentials::Gone { why: "the token is expired".into() };
            return blind;
        }
        if self.hits(Fault::StaleRead) {
            self.mix_in_old(&mut seen, depth);
        }
        if self.hits(Fault::Unreadable) {
            self.hide_part(&mut seen, "throttled");
        }
        if self.hits(Fault::NotFound) {
            self.hide_part(&mut seen, "not found");
        }
        if self.hits(Fault::UnknownWord) {
            self.unknown_words(&mut seen);
        }
        seen
    }

    fn remember(&mut self, seen: &FleetObservation) {
        if !self.is_spelled(Fault::StaleRead) && !self.script.swarm.kinds.contains(&Fault::StaleRead) {
            return;
        }
        let oldest = self.clock.minus(STALE);
        self.past.retain(|old| old.at >= oldest);
        self.past.push(seen.clone());
    }

    /// Each part may be newer or older than the others, and than what was read before.
    fn mix_in_old(&mut self, seen: &mut FleetObservation, depth: Depth) {
        if self.past.is_empty() {
            return;
        }
        let old = |chance: &mut crate::chance::Chance| chance.one_in(2).then(|| chance.between(0, self.past.len() as u64 - 1) as usize);
        if let Some(nth) = old(&mut self.chance) {
            seen.route = self.past[nth].route.clone();
        }
        for slot in self.ground.slots().iter().copied() {
            if let Some(nth) = old(&mut self.chance).filter(|_| seen.health.get(slot).value().is_some()) {
                *seen.health.get_mut(slot) = self.past[nth].health.get(slot).clone();
            }
            if let Some(nth) = old(&mut self.chance).filter(|_| depth.is_full()) {
                *seen.groups.get_mut(slot) = self.past[nth].groups.get(slot).clone();
            }
        }
        if let (true, Some(nth)) = (seen.refreshes.is_some(), old(&mut self.chance).filter(|_| self.ground.is_one_group())) {
            seen.refreshes = self.past[nth].refreshes.clone();
        }
        self.checker.reads_lag(self.clock);
    }

    fn hide_part(&mut self, seen: &mut FleetObservation, why: &str) {
        let slot = self.chance.pick(self.ground.slots());
        match self.chance.between(0, 3) {
            0 => seen.route = Reading::unknown(why),
            1 => *seen.groups.get_mut(slot) = Reading::unknown(why),
            2 => *seen.health.get_mut(slot) = Reading::unknown(why),
            _ if seen.refreshes.is_some() => seen.refreshes = Some(Reading::unknown(why)),
            _ => *seen = FleetObservation::blind(&seen.scope, seen.at, why),
        }
    }

    fn unknown_words(&mut self, seen: &mut FleetObservation) {
        let slot = self.chance.pick(self.ground.slots());
        let of_target = self.chance.one_in(2);
        if let (Reading::Known { value, .. }, true) = (seen.health.get_mut(slot), of_target)
            && let Some(state) = value.targets.values_mut().next()
        {
            *state = TargetState::Unknown;
        }
        if let (Reading::Known { value, .. }, false) = (seen.groups.get_mut(slot), of_target)
            && let Some(instance) = value.instances.first_mut()
        {
            (instance.lifecycle, instance.health, instance.template_version) = (Lifecycle::Unknown, Health::Unknown, None);
        }
    }

    /// The last look at the lease is that with which the bytes leave: the process may have stood still since its driver looked.
    pub fn send_under(&mut self, process: &mut Process, call: CloudCall, lease: &Lease) -> Result<(), Broke> {
        process.lease_end = lease.deadline;
        if lease.covers_a_call(self.boot()) || self.slips(Slip::LeaseNotLookedAtLast) {
            return self.send_slipping(process, call);
        }
        process.wake = self.clock;
        self.totals.one("not sent: the lease ran short");
        self.refused_unsent(process, &call, CloudErrorKind::Network);
        Ok(())
    }

    /// Sends a call whose intent is durable.
    pub fn send(&mut self, process: &mut Process, call: CloudCall) -> Result<(), Broke> {
        let (call_no, intended, intended_at) = process.intent.clone().ok_or("S7: a call is sent without an intent")?;
        if intended != call {
            return Err("S7: another call is sent than the one that was intended".to_owned());
        }
        let sends = self.sends.entry((process.at, call_no)).or_default();
        *sends += 1;
        if *sends > 1 {
            return Err(format!("S18: call {call_no} of {} is sent {sends} times", self.store.records[process.at].operation.id));
        }
        process.wake = self.clock;
        if self.is_spelled(Fault::Credentials) {
            self.not_sent(process, &call, CloudErrorKind::Auth);
            return Ok(());
        }
        if self.hits(Fault::Throttled) {
            let kind = self.chance.pick(&[CloudErrorKind::Throttled, CloudErrorKind::Network, CloudErrorKind::Denied, CloudErrorKind::Conflict]);
            self.not_sent(process, &call, kind);
            return Ok(());
        }
        let mut flight = Flight {
            call,
            at: process.at,
            epoch: process.epoch,
            call_no,
            to: Some(process.pid),
            mute: false,
            intended: intended_at,
            sent: self.clock,
            lease_end: process.lease_end,
        };
        if self.hits(Fault::LostCall) {
            self.no_answer(process, &flight.call);
            return Ok(());
        }
        if self.hits(Fault::TwiceCall) {
            let again = Flight { to: None, ..flight.clone() };
            let secs = self.chance.between(1, CALL_TIMEOUT.as_secs());
            self.plan_act(Act::Arrive(Box::new(again)), secs, secs);
        }
        if self.hits(Fault::LostAnswer) {
            flight.mute = true;
        }
        if self.hits(Fault::LateCall) {
            let secs = self.chance.between(1, CALL_TIMEOUT.as_secs());
            self.plan_act(Act::Arrive(Box::new(flight.clone())), secs, secs);
            process.stage = Stage::Waits;
            if flight.mute || secs >= CALL_TIMEOUT.as_secs() {
                flight.mute = true;
                self.no_answer(process, &flight.call);
            }
            return Ok(());
        }
        let mute = flight.mute;
        let call = flight.call.clone();
        let reply = self.arrive(&flight)?;
        if mute {
            self.no_answer(process, &call);
        } else {
            process.stage = Stage::Tell(Told::Replied(reply));
        }
        Ok(())
    }

    fn not_sent(&mut self, process: &mut Process, call: &CloudCall, kind: CloudErrorKind) {
        self.struck(if kind == CloudErrorKind::Auth { Fault::Credentials } else { Fault::Throttled });
        self.refused_unsent(process, call, kind);
    }

    fn refused_unsent(&mut self, process: &mut Process, call: &CloudCall, kind: CloudErrorKind) {
        process.stage = Stage::Tell(Told::Replied(Err(CloudError::new(kind, call.aws_name(), "no"))));
    }

    /// Reset at once, or nothing until the time is over.
    fn no_answer(&mut self, process: &mut Process, call: &CloudCall) {
        let secs = self.chance.pick(&[0, CALL_TIMEOUT.as_secs()]);
        process.wake = self.clock.plus(Millis::secs(secs));
        process.stage = Stage::Tell(Told::Replied(Err(CloudError::new(CloudErrorKind::OutcomeUnknown, call.aws_name(), "no answer"))));
    }

    /// A late call arrives, whoever is at work by now.
    pub fn arrive_late(&mut self, flight: &Flight) -> Result<(), Broke> {
        let reply = self.arrive(flight)?;
        let (clock, mute) = (self.clock, flight.mute);
        let waiting = self.processes.iter_mut().find(|process| Some(process.pid) == flight.to && matches!(process.stage, Stage::Waits));
        if let Some(process) = waiting.filter(|_| !mute) {
            process.stage = Stage::Tell(Told::Replied(reply));
            process.wake = clock;
        }
        Ok(())
    }

    /// A call reaches the cloud.
    pub fn arrive(&mut self, flight: &Flight) -> Result<Result<CallReply, CloudError>, Broke> {
        let record = &self.store.records[flight.at];
        let intended = record
            .events
            .iter()
            .any(|event| matches!(&event.body, EventBody::CallIntended { call_no, call, .. } if *call_no == flight.call_no && *call == flight.call));
        if !intended {
            return Err(format!("S7: the cloud sees {} without a durable intent", flight.call.summary()));
        }
        if self.boot() > flight.lease_end {
            return Err(format!("S3: a call of epoch {} arrives {} after the end of its lease", flight.epoch, self.boot().since(flight.lease_end)));
        }
        *self.arrivals.entry((flight.at, flight.call_no)).or_default() += 1;
        self.totals.one(&format!("call {}", flight.call.aws_name()));
        let before = self.world.clone();
        let reply = self.world.apply(&flight.call, self.clock);
        let stale =
            record.is_final() || record.epoch() != flight.epoch || record.progress.in_flight.as_ref().is_none_or(|now| now.call_no != flight.call_no);
        // Its driver stood still before the call: no store can stop that, and the claim ends by itself.
        let stood_still = stale && self.clock.since(flight.intended) > CALL_TIMEOUT.times(2);
        // One that comes a second time, after its answer, finds the claim given back already: nobody waits for that either.
        let doubled = stale && flight.to.is_none();
        self.claim_may_remain |= (stood_still || doubled) && matches!(flight.call, CloudCall::Tag { .. });
        for logged in self.world.take_calls() {
            if logged.call != flight.call {
                return Err("S18: the cloud saw another call than the one that was intended".to_owned());
            }
            let arrival = Arrival {
                logged: &logged,
                before: &before,
                record: &self.store.records[flight.at],
                stale,
                at: flight.at,
                epoch: flight.epoch,
                intended: flight.intended,
            };
            if stale {
                self.totals.one("call of a driver that is not at work any more");
            }
            self.checker.call(&self.world, &arrival)?;
            self.runs_on_what_is_live(&before, &self.store.records[flight.at], &flight.call, flight.intended)?;
            let record = &self.store.records[flight.at];
            let scene = Scene::new(&before, record, self.clock);
            if stale {
                self.witness.arrives_late(scene, flight)?;
            } else {
                self.witness.calls(scene, &flight.call)?;
            }
            self.witness.arrives(scene, flight);
        }
        self.tick()?;
        Ok(reply)
    }

    /// S18 over the whole run: what the cloud saw is what was intended, and once where an answer says so.
    pub fn check_arrivals(&self) -> Result<(), Broke> {
        for (at, record) in self.store.records.iter().enumerate() {
            for event in &record.events {
                let EventBody::CallEnded { call_no, outcome } = &event.body else { continue };
                let seen = self.arrivals.get(&(at, *call_no)).copied().unwrap_or(0);
                let right = match outcome {
                    CallOutcome::Accepted(_) => seen >= 1,
                    CallOutcome::Refused { kind, .. } => seen == 0 || *kind != CloudErrorKind::Network,
                    CallOutcome::Unknown { .. } => true,
                };
                if !right {
                    return Err(format!("S18: call {call_no} of {} was seen {seen} times and ended {outcome:?}", record.operation.id));
                }
            }
            let state = record.progress.state;
            if record.progress.in_flight.is_some() && state != OperationState::Superseded && state.is_final() {
                return Err(format!("S7: {} ended with a call whose outcome nobody recorded", record.operation.id));
            }
        }
        Ok(())
    }
}
