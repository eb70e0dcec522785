//! The driver loop as the real one will be: take over, look, decide, record, act or wait; and everything that can go wrong in between.

use quarterdeck::domain::call::{CallReply, CloudCall, CloudError, CloudErrorKind};
use quarterdeck::domain::fleet::Slot;
use quarterdeck::domain::observation::{Depth, FleetObservation};
use quarterdeck::domain::reading::Reading;
use quarterdeck::domain::time::Millis;
use quarterdeck::engine::answer::{Reading as CommandReading, answer};
use quarterdeck::engine::{Situation, WantedCall, decide, depth};
use quarterdeck::operation::claim::Claimant;
use quarterdeck::operation::command::CommandKind;
use quarterdeck::operation::event::{CallOutcome, EventBody, OperationState};
use quarterdeck::operation::lease::CALL_TIMEOUT;

use crate::person::Act;
use crate::sim::{Broke, Sim};

impl Sim {
    /// One turn of the driver of an operation.
    pub fn turn(&mut self, at: usize) -> Result<(), Broke> {
        if self.store.records[at].driver.is_none() {
            if self.now() < self.dead_until {
                return self.advance(self.dead_until);
            }
            return self.take_over(at);
        }
        self.totals.one("turns");
        if self.answer_commands(at)? || self.dies(at, "before it looks") {
            return Ok(());
        }
        let look = depth(&self.store.records[at].operation.plan, &self.store.records[at].progress);
        let seen = self.observe(look);
        let record = &self.store.records[at];
        if seen.is_complete() && !matches!(record.progress.state, OperationState::Paused | OperationState::BackingOut) {
            self.checker.looked(&self.world, record);
        }
        let claimant = Claimant { operation: record.operation.id.clone(), who: "ann@bastion".to_owned(), store: self.setting.store.clone() };
        let (plan, progress) = (&record.operation.plan, &record.progress);
        let situation = Situation { plan, progress, seen: &seen, now: self.world.now(), claimant: &claimant };
        let decision = decide(&situation).map_err(|broken| format!("{broken}"))?;
        for body in decision.events {
            self.record(at, body)?;
        }
        if self.dies(at, "after it recorded") {
            return Ok(());
        }
        match decision.call {
            Some(wanted) => self.call(at, wanted),
            None if self.store.records[at].is_final() => Ok(()),
            None => {
                let wait = decision.wait.0.max(1_000);
                self.advance(self.now().plus(Millis(wait)))
            }
        }
    }

    /// An event, and what the checker has to know of what it brings about.
    fn record(&mut self, at: usize, body: EventBody) -> Result<(), Broke> {
        let before = self.store.records.len();
        self.store.append(at, body, self.world.now())?;
        for new in before..self.store.records.len() {
            self.checker.begins(&self.world, &self.store.records[new])?;
            self.store.records[new].disturbed = self.store.records[at].disturbed;
        }
        Ok(())
    }

    fn take_over(&mut self, at: usize) -> Result<(), Broke> {
        let boot = self.boot();
        let record = &mut self.store.records[at];
        record.epoch += 1;
        record.driver = Some(boot);
        let (epoch, in_flight) = (record.epoch, record.progress.in_flight.clone());
        self.record(at, EventBody::DriverStarted { epoch, host: "bastion".into(), pid: 1 })?;
        if let Some(call) = in_flight {
            let arrived = self.now().plus(CALL_TIMEOUT);
            while self.now() < arrived {
                self.advance(arrived)?;
                self.due_acts()?;
            }
            if self.store.active() != Some(at) {
                return Ok(());
            }
            let outcome = CallOutcome::Unknown { message: "its driver died".into() };
            self.record(at, EventBody::CallEnded { call_no: call.call_no, outcome })?;
        }
        Ok(())
    }

    /// True when the driver has died.
    fn dies(&mut self, at: usize, when: &str) -> bool {
        if self.is_quiet() || !self.chance.one_in(self.script.faults.death) {
            return false;
        }
        self.totals.one(&format!("driver died {when}"));
        let record = &mut self.store.records[at];
        record.driver = None;
        record.disturbed = true;
        let gap = self.chance.pick(&[1, 10, 30, 200, 1_500]);
        self.dead_until = self.now().plus(Millis::secs(self.chance.between(0, gap)));
        true
    }

    /// True when the operation is over after them.
    fn answer_commands(&mut self, at: usize) -> Result<bool, Broke> {
        let now = self.boot();
        if self.store.records[at].progress.state == OperationState::Paused && self.is_quiet() {
            self.command(CommandKind::Resume)?;
        }
        for command in std::mem::take(&mut self.store.records[at].commands) {
            let record = &mut self.store.records[at];
            let reading = CommandReading { now, boot_id: "boot", lease_since: record.driver.unwrap() };
            let answered = answer(&record.operation.plan, &record.progress, &command, &reading);
            self.totals.one(&format!("answer: {} {}", command.kind.word(), if answered.accepted { "accepted" } else { "refused" }));
            record.promoted |= answered.accepted && command.kind == CommandKind::Promote;
            for body in answered.events {
                self.record(at, body)?;
            }
            if self.store.records[at].is_final() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn observe(&mut self, depth: Depth) -> FleetObservation {
        let mut seen = self.world.observe(&self.spec.scope(), depth);
        if !self.script.judged {
            seen.counts = quarterdeck::domain::fleet::BySlot::default();
        }
        if let Some((until, old)) = &self.stale {
            if self.now() < *until {
                seen.route = Reading::known(old.clone(), self.now());
            } else {
                self.stale = None;
            }
        }
        if !self.is_quiet() && self.chance.one_in(self.script.faults.unreadable) {
            self.totals.one("unreadable observation");
            self.disturbed();
            let slot = self.chance.pick(&Slot::BOTH);
            match self.chance.between(0, 2) {
                0 => seen.route = Reading::unknown("throttled"),
                1 => *seen.groups.get_mut(slot) = Reading::unknown("throttled"),
                _ => *seen.health.get_mut(slot) = Reading::unknown("throttled"),
            }
        }
        seen
    }

    /// The intent, the call, its outcome.
    fn call(&mut self, at: usize, wanted: WantedCall) -> Result<(), Broke> {
        let call_no = self.store.records[at].progress.calls.intended + 1;
        let WantedCall { call, why } = wanted;
        self.record(at, EventBody::CallIntended { call_no, call: call.clone(), why })?;
        let faults = self.script.faults;
        if self.dies(at, "after an intent") {
            if self.chance.one_in(2) {
                self.unsent += 1;
            } else {
                let delay = self.chance.between(1, CALL_TIMEOUT.as_secs() - 1);
                self.agenda.push((self.now().plus(Millis::secs(delay)), Act::Late(call)));
            }
            return Ok(());
        }
        let noisy = !self.is_quiet();
        if noisy && self.chance.one_in(faults.refused) {
            return self.refuse(at, call_no, &call);
        }
        let lost = noisy && self.chance.one_in(faults.lost);
        if lost && self.chance.one_in(2) {
            self.unsent += 1;
            return self.lose(at, call_no, "never arrived");
        }
        let reply = self.send(at, &call)?;
        if self.dies(at, "before the answer") {
            return Ok(());
        }
        if lost {
            return self.lose(at, call_no, "did happen");
        }
        let outcome = match reply {
            Ok(reply) => CallOutcome::Accepted(reply),
            Err(error) => CallOutcome::Refused { kind: error.kind, message: error.message },
        };
        self.record(at, EventBody::CallEnded { call_no, outcome })?;
        self.dies(at, "after the answer");
        Ok(())
    }

    /// S3: whoever is at work by now has to live with it. What it says was right when it was sent.
    pub fn arrives_late(&mut self, call: &CloudCall) -> Result<(), Broke> {
        self.totals.one("call arrived late");
        self.seen_calls += 1;
        drop(self.world.apply(call, self.world.now()));
        self.world.take_calls();
        self.checker.tick(&self.world, &self.store)
    }

    fn refuse(&mut self, at: usize, call_no: u64, call: &CloudCall) -> Result<(), Broke> {
        self.totals.one("call refused");
        self.unsent += 1;
        self.store.records[at].disturbed = true;
        self.claim_may_remain |= matches!(call, CloudCall::Untag { .. });
        let outcome = CallOutcome::Refused { kind: CloudErrorKind::Throttled, message: "Rate exceeded".into() };
        self.record(at, EventBody::CallEnded { call_no, outcome })
    }

    fn lose(&mut self, at: usize, call_no: u64, what: &str) -> Result<(), Broke> {
        self.totals.one(&format!("answer lost: it {what}"));
        self.store.records[at].disturbed = true;
        let until = self.now().plus(CALL_TIMEOUT);
        while self.now() < until {
            self.advance(until)?;
            self.due_acts()?;
        }
        if self.store.records[at].is_final() {
            return Ok(());
        }
        self.record(at, EventBody::CallEnded { call_no, outcome: CallOutcome::Unknown { message: "no answer".into() } })
    }

    fn send(&mut self, at: usize, call: &CloudCall) -> Result<Result<CallReply, CloudError>, Broke> {
        let reply = self.world.apply(call, self.world.now());
        self.seen_calls += 1;
        self.totals.one(&format!("call {}", call.aws_name()));
        for logged in self.world.take_calls() {
            if logged.call != *call {
                return Err("S18: the cloud saw another call than the one that was intended".to_owned());
            }
            self.checker.call(&self.world, &logged, &self.store.records[at])?;
            if let (Some(before), true) = (logged.before, !self.is_quiet() && self.chance.one_in(self.script.faults.stale)) {
                self.totals.one("stale reads of the route");
                self.disturbed();
                let secs = self.chance.between(3, 50);
                self.stale = Some((self.now().plus(Millis::secs(secs)), before));
            }
        }
        self.checker.tick(&self.world, &self.store)?;
        Ok(reply)
    }
}
