//! What is known of a bake: the fold of its events.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::bake::{BakeEvent, BakePlan};
use super::command::CommandKind;
use super::event::{CallOutcome, Event, EventBody, OperationState, StepOutcome};
use super::gate::GateOutcome;
use super::outcome::{CallInFlight, CallTally, RefusedCall, refused_again};
use super::packer::PackerMemory;
use super::progress::StepStatus;
use super::work::Standing;
use crate::bake::signal::{Outcome, Part, Said, Signal};
use crate::domain::bake::{Machine, MachineRole, MachineState};
use crate::domain::call::{BuildCall, CallReply, CloudCall, CloudErrorKind};
use crate::domain::ids::{ImageId, InstanceId};
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// So often something is asked to go that something else hangs on, or whose call had no answer.
const REMOVALS: u32 = 6;

/// What is known of an instance of a bake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineMemory {
    /// When it was last asked for.
    pub asked_at: Option<WorldTime>,
    /// Its id, once the cloud told it.
    pub id: Option<InstanceId>,
    /// As it was seen last.
    pub seen: Option<Machine>,
    /// When it was first seen like that.
    pub seen_at: Option<WorldTime>,
    /// It is not there any more.
    pub gone: bool,
    /// When its end was asked for.
    pub ended_at: Option<WorldTime>,
    /// When it was asked to stop.
    pub stopped_at: Option<WorldTime>,
}

impl MachineMemory {
    /// Something of it may be there: it was asked for, and nobody saw it gone.
    #[must_use]
    pub const fn may_be_there(&self) -> bool {
        self.asked_at.is_some() && !self.gone
    }

    /// Where it was last seen in its life.
    #[must_use]
    pub fn state(&self) -> Option<MachineState> {
        self.seen.as_ref().map(|seen| seen.state)
    }
}

/// A part of the work as its own output tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartStatus {
    /// It has begun.
    pub began_at: Option<WorldTime>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// How long it took by its own account.
    pub took: Option<Millis>,
    /// The exit status of its program.
    pub exit: Option<i32>,
    /// Why it could not be done.
    pub why: Option<Untrusted>,
    /// Its newest task.
    pub task: Option<Untrusted>,
    /// Where its first line stands in the bake's log, in bytes.
    pub offset: u64,
}

/// What an instance's console said so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Each part of its work.
    pub parts: BTreeMap<Part, PartStatus>,
    /// Everything is over, and how.
    pub done: Option<Outcome>,
    /// Cloud-init finished.
    pub booted: bool,
    /// Lines that warn.
    pub warnings: u64,
    /// Lines that never arrived.
    pub lost_lines: u64,
    /// When it last said anything.
    pub at: Option<WorldTime>,
    /// The end of the line that said it, in bytes of the log.
    pub until: u64,
    /// The number of the last marker that was heard.
    pub number: u64,
}

impl Told {
    /// The part that runs: the last that began, if it is not over. Parts before it are over, also where their end was lost.
    #[must_use]
    pub fn running(&self) -> Option<(Part, &PartStatus)> {
        let last = self.parts.iter().rev().find(|(_, status)| status.began_at.is_some());
        last.filter(|(_, status)| status.outcome.is_none()).map(|(part, status)| (*part, status))
    }

    /// The first part that failed.
    #[must_use]
    pub fn failed(&self) -> Option<(Part, &PartStatus)> {
        let failed = |status: &PartStatus| matches!(status.outcome, Some(Outcome::Failed | Outcome::TimedOut));
        self.parts.iter().find(|(_, status)| failed(status)).map(|(part, status)| (*part, status))
    }

    fn hear(&mut self, signal: &Signal, at: WorldTime) {
        match &signal.said {
            Said::Began { part } => {
                let status = self.parts.entry(*part).or_default();
                (status.began_at, status.offset) = (Some(signal.at.unwrap_or(at)), signal.offset);
            }
            Said::Ended { part, outcome, exit, took } => {
                let status = self.parts.entry(*part).or_default();
                (status.outcome, status.exit, status.took) = (Some(*outcome), *exit, *took);
            }
            Said::Task { name, .. } => {
                let running = self.running().map(|(part, _)| part);
                if let Some(status) = running.and_then(|part| self.parts.get_mut(&part)) {
                    status.task = Some(name.clone());
                }
            }
            Said::Reason { part, why } => self.parts.entry(*part).or_default().why = Some(why.clone()),
            Said::Warning => self.warnings += 1,
            Said::More { warnings, .. } => self.warnings += warnings,
            Said::Booted => self.booted = true,
            Said::Lost { lines } => self.lost_lines += lines,
            Said::Done { outcome, parts } => {
                self.done = Some(*outcome);
                for (part, outcome) in parts {
                    self.parts.entry(*part).or_default().outcome.get_or_insert(*outcome);
                }
            }
            Said::Error | Said::Instance { .. } | Said::Image { .. } | Said::Made { .. } => {}
        }
    }
}

/// The fold of a bake's events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BakeProgress {
    /// What it is doing.
    pub state: OperationState,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: WorldTime,
    /// When it began: the time limit counts from here.
    pub began_at: WorldTime,
    /// Every step of the plan.
    pub steps: Vec<StepStatus>,
    /// Index of the step that is at work or comes next.
    pub current: usize,
    /// When the step began.
    pub step_started_at: Option<WorldTime>,
    /// The instances it made.
    pub machines: BTreeMap<MachineRole, MachineMemory>,
    /// What they said.
    pub told: BTreeMap<MachineRole, Told>,
    /// When the image was last asked for.
    pub image_asked_at: Option<WorldTime>,
    /// The image, once the cloud told its id.
    pub image: Option<ImageId>,
    /// Packer's run, where it does the work.
    #[serde(default)]
    pub packer: PackerMemory,
    /// How much of its snapshot is there.
    pub image_percent: Option<u8>,
    /// It can be launched.
    pub image_available: bool,
    /// When it was last asked to be shared.
    #[serde(default)]
    pub shared_at: Option<WorldTime>,
    /// When a copy was last asked for, by region.
    #[serde(default)]
    pub copied_at: BTreeMap<String, WorldTime>,
    /// What was last written on the image, by key.
    pub tagged: BTreeMap<String, String>,
    /// What other bakes left past its time to live.
    pub swept: Vec<String>,
    /// What was asked to go besides instances of this bake, by id.
    pub removed: BTreeSet<String>,
    /// Gates that ended, by their number.
    pub gates: BTreeMap<usize, GateOutcome>,
    /// Why it failed, once it has.
    pub failure: Option<String>,
    /// The last lines of the builder, where it failed there.
    pub last_lines: Vec<Untrusted>,
    /// Who asked for its end.
    pub aborted_by: Option<String>,
    /// The builder is left running until then.
    pub kept: Option<(InstanceId, WorldTime)>,
    /// The call whose outcome is not known yet.
    pub in_flight: Option<CallInFlight>,
    /// What its calls came to.
    pub calls: CallTally,
    /// Each kind of call that was refused since the last one that was accepted; the last one refused comes last.
    #[serde(default)]
    pub refused: Vec<RefusedCall>,
    /// The last command that was accepted, and who asked.
    pub obeyed: Option<(CommandKind, String)>,
}

impl BakeProgress {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(plan: &BakePlan, at: WorldTime) -> Self {
        Self {
            state: OperationState::Planned,
            reason: "waits for its driver".to_owned(),
            since: at,
            began_at: at,
            steps: vec![StepStatus::default(); plan.steps.len()],
            current: 0,
            step_started_at: None,
            machines: BTreeMap::new(),
            told: BTreeMap::new(),
            image_asked_at: plan.adopted.as_ref().map(|_| at),
            image: plan.adopted.clone(),
            packer: PackerMemory::default(),
            image_percent: None,
            image_available: false,
            shared_at: None,
            copied_at: BTreeMap::new(),
            tagged: BTreeMap::new(),
            swept: Vec::new(),
            removed: BTreeSet::new(),
            gates: BTreeMap::new(),
            failure: None,
            last_lines: Vec::new(),
            aborted_by: None,
            kept: None,
            in_flight: None,
            calls: CallTally::default(),
            refused: Vec::new(),
            obeyed: None,
        }
    }

    /// Takes one more event into account.
    pub fn apply(&mut self, event: &Event) {
        let at = event.at;
        match &event.body {
            EventBody::StepStarted { step } => self.start_step(*step, at),
            EventBody::StepEnded { step, outcome, note, next } => self.end_step(*step, *outcome, note, *next, at),
            EventBody::CallIntended { call_no, call, .. } => {
                self.calls.intended += 1;
                self.in_flight = Some(CallInFlight { call_no: *call_no, call: call.clone(), since: at });
            }
            EventBody::CallEnded { outcome, .. } => self.end_call(outcome, at),
            EventBody::GateEnded { gate, outcome } => drop(self.gates.insert(*gate, outcome.clone())),
            EventBody::StateChanged { to, reason, .. } => {
                (self.state, self.since) = (*to, at);
                reason.clone_into(&mut self.reason);
            }
            EventBody::CommandAnswered { kind, by, accepted: true, .. } => {
                self.obeyed = Some((*kind, by.short()));
                if *kind == CommandKind::BackOut {
                    self.aborted_by = Some(by.short());
                }
            }
            EventBody::Bake { what } => self.apply_own(what, at),
            _ => {}
        }
    }

    fn apply_own(&mut self, event: &BakeEvent, at: WorldTime) {
        match event {
            BakeEvent::MachineSeen { machine } => {
                let memory = self.machines.entry(machine.role).or_default();
                memory.asked_at.get_or_insert(at);
                memory.id = Some(machine.id.clone());
                memory.gone = false;
                (memory.seen, memory.seen_at) = (Some(machine.clone()), Some(at));
            }
            BakeEvent::MachineGone { role, .. } => self.machines.entry(*role).or_default().gone = true,
            BakeEvent::Said { role, signals, until, number } => {
                let told = self.told.entry(*role).or_default();
                signals.iter().for_each(|signal| told.hear(signal, at));
                (told.at, told.until, told.number) = (Some(at), *until, *number);
                signals.iter().for_each(|signal| self.hear_packer(&signal.said, at));
            }
            BakeEvent::ImageSeen { image, percent, available } => {
                self.image = Some(image.clone());
                (self.image_percent, self.image_available) = (*percent, *available);
                self.image_asked_at.get_or_insert(at);
            }
            BakeEvent::Swept { found } => self.swept.extend(found.iter().map(|left| left.id.clone())),
            BakeEvent::Failing { why, last_lines } => {
                self.failure.get_or_insert_with(|| why.clone());
                self.last_lines.clone_from(last_lines);
            }
            BakeEvent::Kept { id, until } => self.kept = Some((id.clone(), *until)),
        }
    }

    /// What only Packer says.
    fn hear_packer(&mut self, said: &Said, at: WorldTime) {
        match said {
            Said::Made { kind, name } => drop(self.packer.made.insert(name.clone(), *kind)),
            Said::Image { id, .. } => drop(self.packer.images.insert(id.clone())),
            Said::Began { part: Part::Snapshot } => drop(self.image_asked_at.get_or_insert(at)),
            _ => {}
        }
    }

    /// What the console of an instance said so far.
    #[must_use]
    pub fn told_by(&self, role: MachineRole) -> Option<&Told> {
        self.told.get(&role)
    }

    /// What is known of an instance.
    #[must_use]
    pub fn machine(&self, role: MachineRole) -> Option<&MachineMemory> {
        self.machines.get(&role)
    }

    /// How many gates passed, and how many ended.
    #[must_use]
    pub fn gates_passed(&self) -> (usize, usize) {
        (self.gates.values().filter(|gate| gate.passed).count(), self.gates.len())
    }

    fn start_step(&mut self, step: usize, at: WorldTime) {
        self.current = step;
        self.step_started_at = Some(at);
        if let Some(status) = self.steps.get_mut(step) {
            *status = StepStatus { started_at: Some(at), ..StepStatus::default() };
        }
    }

    fn end_step(&mut self, step: usize, outcome: StepOutcome, note: &str, next: Option<usize>, at: WorldTime) {
        if let Some(status) = self.steps.get_mut(step) {
            (status.ended_at, status.outcome) = (Some(at), Some(outcome));
            note.clone_into(&mut status.note);
        }
        self.current = next.unwrap_or(self.steps.len());
        self.step_started_at = None;
    }

    fn end_call(&mut self, outcome: &CallOutcome, at: WorldTime) {
        let Some(ended) = self.in_flight.take() else { return };
        match outcome {
            CallOutcome::Accepted(reply) => {
                self.calls.accepted += 1;
                self.refused.clear();
                self.remember(&ended.call, Some(reply), at);
            }
            CallOutcome::Unknown { .. } => {
                self.calls.unknown += 1;
                self.remember(&ended.call, None, at);
            }
            CallOutcome::Refused { kind, message } => {
                self.calls.refused += 1;
                self.refused = refused_again(&self.refused, ended.call.aws_name(), *kind, message, at);
            }
        }
        let again = match outcome {
            CallOutcome::Accepted(_) => false,
            // What something else still hangs on, an instance that is on its way out, is asked to go again.
            CallOutcome::Refused { kind, .. } => {
                *kind == CloudErrorKind::Conflict && self.refused.last().is_some_and(|refused| refused.tries < REMOVALS)
            }
            // What is still listed after that may never have heard of it.
            CallOutcome::Unknown { .. } => self.calls.unknown <= u64::from(REMOVALS),
        };
        if !again {
            self.note_removal(&ended.call);
        }
    }

    /// What a call may have done. Without an answer nobody knows whether it did.
    fn remember(&mut self, call: &CloudCall, reply: Option<&CallReply>, at: WorldTime) {
        let CloudCall::Build { what } = call else { return };
        match what.as_ref() {
            BuildCall::RunInstance(run) => {
                let memory = self.machines.entry(run.role).or_default();
                memory.asked_at = Some(at);
                if let Some(id) = reply.and_then(|reply| reply.instance.clone()) {
                    memory.id = Some(id);
                }
            }
            BuildCall::StopInstance { instance } => {
                if let Some(memory) = self.memory_of(instance) {
                    memory.stopped_at = Some(at);
                }
            }
            BuildCall::TerminateInstance { instance } => {
                if let Some(memory) = self.memory_of(instance) {
                    memory.ended_at = Some(at);
                }
            }
            BuildCall::CreateImage { .. } => {
                self.image_asked_at = Some(at);
                if let Some(image) = reply.and_then(|reply| reply.image.clone()) {
                    self.image = Some(image);
                }
            }
            BuildCall::TagResource { id, tags } => {
                let own = self.image.as_ref().is_some_and(|image| image.as_str() == id) || self.memory_of(&InstanceId::new(id)).is_some();
                match (reply, own) {
                    (Some(_), true) => self.tagged.extend(tags.iter().cloned()),
                    (Some(_), false) => drop(self.packer.tagged.insert(id.clone())),
                    (None, _) => {}
                }
            }
            BuildCall::ShareImage { .. } => self.shared_at = Some(at),
            BuildCall::CopyImage(copy) => drop(self.copied_at.insert(copy.to.clone(), at)),
            BuildCall::RunPacker { .. } => self.packer.asked_at = Some(at),
            BuildCall::EndPacker { at_once: false } => self.packer.stopped_at = Some(at),
            BuildCall::EndPacker { at_once: true } => self.packer.killed_at = Some(at),
            BuildCall::DeleteVolume { .. } | BuildCall::DeleteKeyPair { .. } | BuildCall::DeleteSecurityGroup { .. } => {}
        }
    }

    /// What was asked to go is not asked again in this operation: the next bake finds what is still there.
    fn note_removal(&mut self, call: &CloudCall) {
        let CloudCall::Build { what } = call else { return };
        match what.as_ref() {
            BuildCall::TerminateInstance { instance: id } if self.memory_of(id).is_none() => {
                self.removed.insert(id.as_str().to_owned());
            }
            BuildCall::DeleteVolume { volume: id } | BuildCall::DeleteKeyPair { key_pair: id } | BuildCall::DeleteSecurityGroup { group: id } => {
                self.removed.insert(id.clone());
            }
            _ => {}
        }
    }

    fn memory_of(&mut self, instance: &InstanceId) -> Option<&mut MachineMemory> {
        self.machines.values_mut().find(|memory| memory.id.as_ref() == Some(instance))
    }
}

impl Standing for BakeProgress {
    fn take_in(&mut self, event: &Event) {
        self.apply(event);
    }

    fn state(&self) -> OperationState {
        self.state
    }

    fn reason(&self) -> &str {
        &self.reason
    }

    fn since(&self) -> WorldTime {
        self.since
    }

    fn deadline(&self) -> Option<WorldTime> {
        None
    }

    fn current(&self) -> usize {
        self.current
    }

    fn steps(&self) -> &[StepStatus] {
        &self.steps
    }

    fn in_flight(&self) -> Option<&CallInFlight> {
        self.in_flight.as_ref()
    }

    fn intended(&self) -> u64 {
        self.calls.intended
    }

    fn obeyed(&self) -> Option<&(CommandKind, String)> {
        self.obeyed.as_ref()
    }
}
