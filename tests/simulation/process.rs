//! Processes that drive: each is the real driver over simulated hands. It may be killed or stand still before and after everything it asks for.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use quarterdeck::domain::call::CloudCall;
use quarterdeck::domain::ids::OperationId;
use quarterdeck::domain::observation::FleetObservation;
use quarterdeck::domain::time::{BootTime, Millis, WorldTime};
use quarterdeck::engine::drive::{Driver, Nap};
use quarterdeck::operation::claim::Claimant;
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::gate::GateOutcome;
use quarterdeck::operation::lease::Lease;
use quarterdeck::operation::schema::HookOutcome;

use crate::fault::{Fault, Phase};
use crate::guarded::tells_nothing;
use crate::hands::{Ask, Desk, SimHands, Told};
use crate::person::Act;
use crate::planted::Slip;
use crate::sim::{Broke, Sim};
use crate::store::Gone;

/// A driver that asks for so much in one moment never rests.
const SPINNING: u32 = 2_000;

type Ended = Result<(OperationState, Option<OperationId>), Gone>;

/// What a process does next.
pub enum Stage {
    Begin,
    Do(Ask),
    Tell(Told),
    /// It waits for the answer to a call.
    Waits,
}

pub struct Process {
    pub pid: u32,
    /// The operation it drives.
    pub at: usize,
    pub epoch: u64,
    pub stage: Stage,
    pub wake: WorldTime,
    /// It stands still until then.
    pub still_until: Option<WorldTime>,
    /// How far its world clock is off, in milliseconds.
    pub skew: i64,
    /// When the lease ends under which it made its last call.
    pub lease_end: BootTime,
    /// The last intent it recorded, and when.
    pub intent: Option<(u64, CloudCall, WorldTime)>,
    /// What a planted mistake did not record yet.
    pub withheld: Option<(Vec<EventBody>, WorldTime)>,
    /// The gate it lets run, when that will end, and how.
    pub gate: Option<(usize, WorldTime, GateOutcome)>,
    /// The program about the database it lets run: when that will end, and how.
    pub hook: Option<(WorldTime, HookOutcome)>,
    desk: Arc<Mutex<Desk>>,
    future: Pin<Box<dyn Future<Output = Ended> + Send>>,
}

/// Around an effect: where a driver may die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    BeforeIntent,
    AfterIntent,
    AfterSend,
    AfterReply,
    AfterOutcome,
}

impl Point {
    pub const ALL: [Self; 5] = [Self::BeforeIntent, Self::AfterIntent, Self::AfterSend, Self::AfterReply, Self::AfterOutcome];
}

/// What is in wait for the driver that is at work.
#[derive(Clone, Copy, Debug)]
pub enum Trap {
    /// It dies after so many half asks: before or after one.
    Kill(u32),
    /// It dies around the call with this number of its operation, or the next one.
    KillAt(Option<u64>, Point),
    /// It stands still.
    Still(u32, Millis),
    /// It stands still just before its call.
    StillAtCall(Millis),
}

impl Process {
    fn poll(&mut self, boot: BootTime, told: Option<Told>) -> Result<Ask, Ended> {
        {
            let mut desk = self.desk.lock().unwrap();
            desk.boot = boot;
            desk.told = told;
        }
        match self.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => Err(ended),
            Poll::Pending => Ok(self.desk.lock().unwrap().ask.take().expect("a driver that waits has asked for something")),
        }
    }
}

fn intent_in(ask: &Ask) -> Option<(u64, CloudCall)> {
    let Ask::Append(bodies, _) = ask else { return None };
    bodies.iter().find_map(|body| match body {
        EventBody::CallIntended { call_no, call, .. } => Some((*call_no, call.clone())),
        _ => None,
    })
}

fn outcome_in(ask: &Ask) -> Option<u64> {
    let Ask::Append(bodies, _) = ask else { return None };
    bodies.iter().find_map(|body| match body {
        EventBody::CallEnded { call_no, .. } => Some(*call_no),
        _ => None,
    })
}

impl Sim {
    /// Starts a driver, if the lease is free.
    pub fn start_driver(&mut self, at: usize, pid: u32) -> Result<(), Gone> {
        let boot = self.boot();
        let alive: Vec<u32> = self.processes.iter().map(|process| process.pid).collect();
        let lease = self.store.take_lease(at, pid, boot, |other| other != pid && alive.contains(&other))?;
        self.checker.took_lease(at, lease.epoch);
        self.witness.took_lease(&self.store.records[at].operation.id, lease.epoch, self.clock);
        let skew = self.skew;
        self.spawn(at, pid, lease, skew);
        Ok(())
    }

    fn spawn(&mut self, at: usize, pid: u32, lease: Lease, skew: i64) {
        let record = &self.store.records[at];
        let desk = Arc::new(Mutex::new(Desk { boot: self.boot(), ..Desk::default() }));
        let hands = SimHands { desk: desk.clone(), pid, planted: self.planted, operation: record.operation.clone(), deadline: lease.deadline };
        let claimant = Claimant { operation: record.operation.id.clone(), who: "ann@bastion".to_owned(), store: self.setting.store.clone() };
        let epoch = lease.epoch;
        let driver = Driver::new(hands, record.operation.clone(), &record.events, claimant, lease);
        let (stage, wake) = (Stage::Begin, self.clock);
        self.processes.push(Process {
            pid,
            at,
            epoch,
            stage,
            wake,
            still_until: None,
            skew,
            lease_end: BootTime(0),
            intent: None,
            withheld: None,
            gate: None,
            hook: None,
            desk,
            future: Box::pin(driver.run()),
        });
    }

    /// Whether somebody drives this operation and does not stand still.
    pub fn is_driven(&self, at: usize) -> bool {
        self.processes.iter().any(|process| process.at == at && process.still_until.is_none())
    }

    /// Every process whose time has come goes on until it waits.
    pub fn due_processes(&mut self) -> Result<(), Broke> {
        while let Some(nth) = self.processes.iter().position(|process| process.wake <= self.clock && !matches!(process.stage, Stage::Waits)) {
            let mut process = self.processes.remove(nth);
            process.still_until = None;
            if self.go_on(&mut process)? {
                self.processes.insert(nth.min(self.processes.len()), process);
            }
            self.phase_entered();
            if self.is_interrupted() {
                break;
            }
        }
        Ok(())
    }

    /// False when the process is gone.
    fn go_on(&mut self, process: &mut Process) -> Result<bool, Broke> {
        for _ in 0..SPINNING {
            if let Some(broken) = process.desk.lock().unwrap().broken.take() {
                return Err(broken);
            }
            for notice in std::mem::take(&mut process.desk.lock().unwrap().notices) {
                self.totals.one("notices");
                tells_nothing("a notice", &notice)?;
            }
            match std::mem::replace(&mut process.stage, Stage::Waits) {
                Stage::Waits => return Ok(true),
                Stage::Begin => match process.poll(self.boot(), None) {
                    Ok(ask) => process.stage = Stage::Do(ask),
                    Err(ended) => return self.left(process, ended),
                },
                Stage::Tell(told) => match process.poll(self.boot(), Some(told)) {
                    Ok(ask) => {
                        if !self.survives(process, &ask, false) {
                            return Ok(false);
                        }
                        process.stage = Stage::Do(ask);
                    }
                    Err(ended) => return self.left(process, ended),
                },
                Stage::Do(ask) => {
                    if let Some((call_no, call)) = intent_in(&ask) {
                        process.intent = Some((call_no, call, self.clock));
                    }
                    let trapped = ask.clone();
                    self.perform(process, ask)?;
                    if !self.survives(process, &trapped, true) {
                        return Ok(false);
                    }
                }
            }
            if process.wake > self.clock || matches!(process.stage, Stage::Waits) || self.is_interrupted() {
                return Ok(true);
            }
        }
        Err(format!("liveness: the driver of {} spins", self.store.records[process.at].operation.id))
    }

    /// Springs the traps; false when the process dies. `after` is whether the ask was carried out.
    fn survives(&mut self, process: &mut Process, ask: &Ask, after: bool) -> bool {
        if self.traps.is_empty() {
            return true;
        }
        let mut still = None;
        let mut dead = false;
        let mut traps = std::mem::take(&mut self.traps);
        traps.retain_mut(|trap| match trap {
            Trap::Kill(0) => {
                dead = true;
                false
            }
            Trap::Still(0, span) => {
                still = Some(*span);
                false
            }
            Trap::Kill(half) | Trap::Still(half, _) => {
                *half -= 1;
                true
            }
            Trap::KillAt(call_no, point) => {
                let hit = is_at(process, ask, after, *call_no, *point);
                dead |= hit;
                !hit
            }
            Trap::StillAtCall(span) => {
                let hit = !after && matches!(ask, Ask::Send(..));
                if hit {
                    still = Some(*span);
                }
                !hit
            }
        });
        self.traps = traps;
        if dead {
            self.struck(Fault::Killed);
            self.died_migrating(process);
            self.totals.one(&format!("driver died {} {}", if after { "after" } else { "before" }, ask_word(ask)));
            self.unwatched(process.at);
            return false;
        }
        if let Some(span) = still {
            self.stand_still(process, ask, span);
        }
        true
    }

    fn stand_still(&mut self, process: &mut Process, ask: &Ask, span: Millis) {
        self.struck(if matches!(ask, Ask::Send(..)) { Fault::SuspendedAtCall } else { Fault::Suspended });
        let until = self.clock.plus(span);
        process.wake = process.wake.max(until);
        process.still_until = Some(process.wake);
        self.trouble(until);
        if span > Millis::secs(30) {
            let later = self.chance.between(31, 120);
            self.plan_act(Act::Recover(process.at), later, later);
        }
        self.unwatched(process.at);
    }

    /// Nothing is promised about how an operation ends whose driver was interrupted.
    fn unwatched(&mut self, at: usize) {
        self.store.records[at].disturbed = true;
    }

    fn left(&mut self, process: &mut Process, ended: Ended) -> Result<bool, Broke> {
        self.totals.one(&format!("driver left: {}", ended.as_ref().map_or_else(|gone| format!("{gone:?}"), |(state, _)| state.word().to_owned())));
        if ended.is_err() {
            self.unwatched(process.at);
        }
        if let Ok((_, Some(retire))) = ended {
            let at = self.store.find(&retire).ok_or("a retire began that is not there")?;
            let _ = self.start_driver(at, process.pid);
        }
        Ok(false)
    }

    /// Carries out what a driver asks for.
    fn perform(&mut self, process: &mut Process, ask: Ask) -> Result<(), Broke> {
        let (at, epoch) = (process.at, process.epoch);
        let told = match ask {
            Ask::Now => Told::Now(self.told_time(process)),
            Ask::Look(depth) => {
                let seen = self.look(at, epoch, depth)?;
                Told::Seen(Box::new(FleetObservation { at: self.told_time(process).unwrap_or(self.clock), ..seen }))
            }
            Ask::Send(call, lease) => return self.send_under(process, call, &lease),
            Ask::Append(bodies, now) => Told::Appended(self.append_slipping(process, &bodies, now)?),
            Ask::Answer(command, answer, now) => Told::Answered(self.answered(at, epoch, &command, &answer, now)?),
            Ask::Commands => Told::Commands(Ok(self.commands_as_read(at))),
            Ask::InFlight(id) => {
                let other = self.store.find(&id).ok_or("an operation asks for one that is not there")?;
                Told::InFlight(Ok(self.store.records[other].progress.in_flight.as_ref().map(|in_flight| in_flight.call.clone())))
            }
            Ask::Renew => Told::Renewed(self.store.renew_lease(at, epoch, self.boot())),
            Ask::Release => Told::Released(self.store.release_lease(at, epoch)),
            Ask::Sleep(span) => {
                process.wake = if self.slips(Slip::NoWaitForACallInFlight) { self.clock } else { self.clock.plus(span) };
                Told::Slept
            }
            Ask::StartGate(number, document) => {
                tells_nothing("a gate's document", &document)?;
                process.gate = Some(self.gate_starts(number));
                Told::GateStarted
            }
            Ask::GateEnded => Told::Gate(self.gate_said(process)),
            Ask::StartHook(run, lease) => {
                tells_nothing("a document about the database", &run.document)?;
                let covered = lease.covers_a_call(self.boot());
                if covered {
                    self.hook_starts(process, &run)?;
                }
                Told::HookStarted(covered)
            }
            Ask::HookEnded => Told::Hook(self.hook_said(process)),
            Ask::Nap(until, renew_at) => return self.nap(process, until, renew_at),
        };
        process.stage = Stage::Tell(told);
        Ok(())
    }

    fn told_time(&self, process: &Process) -> Option<WorldTime> {
        let off = Millis(process.skew.unsigned_abs());
        let now = if process.skew < 0 { self.clock.minus(off) } else { self.clock.plus(off) };
        (!self.is_spelled(Fault::Credentials)).then_some(now)
    }

    /// A nap ends when the time has come, when there is news, or when the lease is to be renewed; the simulation goes there at once.
    fn nap(&mut self, process: &mut Process, until: WorldTime, renew_at: BootTime) -> Result<(), Broke> {
        let now = self.told_time(process).unwrap_or(self.clock);
        let news = self.store.has_news(process.at, process.epoch);
        process.stage = match news {
            Err(gone) => Stage::Tell(Told::Napped(Err(gone))),
            Ok(_) if now >= until => Stage::Tell(Told::Napped(Ok(Nap::Over))),
            Ok(true) => Stage::Tell(Told::Napped(Ok(Nap::News))),
            Ok(false) => {
                let left = until.since(now).min(renew_at.since(self.boot())).0.max(1).div_ceil(1_000);
                process.wake = self.clock.plus(Millis::secs(left));
                Stage::Tell(Told::Napped(Ok(Nap::Part)))
            }
        };
        Ok(())
    }

    /// Somebody wrote what a napping driver would notice.
    pub fn wake_nappers(&mut self, at: usize) {
        let clock = self.clock;
        for process in self.processes.iter_mut().filter(|process| process.at == at && process.still_until.is_none()) {
            if matches!(process.stage, Stage::Tell(Told::Napped(_))) {
                process.wake = clock;
            }
        }
    }

    /// The phase its operation is in now may be one that a fault was meant for.
    pub fn phase_entered(&mut self) {
        let Some(at) = self.store.active() else { return };
        let Some(phase) = Phase::of(&self.store.records[at]) else { return };
        if self.phase == Some((at, phase)) {
            return;
        }
        self.phase = Some((at, phase));
        self.totals.one(&format!("phase {phase}"));
        let mut aims = std::mem::take(&mut self.script.swarm.aims);
        aims.retain(|aim| {
            let meant = aim.phase == phase;
            if meant {
                self.plan_act(Act::Strike(aim.fault), aim.after.as_secs(), aim.after.as_secs());
            }
            !meant
        });
        self.script.swarm.aims = aims;
    }
}

fn is_at(process: &Process, ask: &Ask, after: bool, call_no: Option<u64>, point: Point) -> bool {
    let meant = |no: u64| call_no.is_none_or(|call_no| call_no == no);
    match point {
        Point::BeforeIntent => !after && intent_in(ask).is_some_and(|(no, _)| meant(no)),
        Point::AfterIntent => after && intent_in(ask).is_some_and(|(no, _)| meant(no)),
        Point::AfterSend => after && matches!(ask, Ask::Send(..)) && process.intent.as_ref().is_some_and(|(no, ..)| meant(*no)),
        Point::AfterReply => !after && outcome_in(ask).is_some_and(meant),
        Point::AfterOutcome => after && outcome_in(ask).is_some_and(meant),
    }
}

const fn ask_word(ask: &Ask) -> &'static str {
    match ask {
        Ask::Now => "asking the time",
        Ask::Look(_) => "a look",
        Ask::Send(..) => "a call",
        Ask::Append(..) => "an append",
        Ask::Answer(..) => "an answer",
        Ask::Commands => "reading commands",
        Ask::InFlight(_) => "reading another operation",
        Ask::Renew => "renewing the lease",
        Ask::Release => "giving the lease back",
        Ask::Sleep(_) => "a sleep",
        Ask::Nap(..) => "a nap",
        Ask::StartGate(..) => "starting a gate",
        Ask::GateEnded => "a look at a gate",
        Ask::StartHook(..) => "starting a program about the database",
        Ask::HookEnded => "a look at a program about the database",
    }
}
