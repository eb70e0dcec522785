//! What every kind of work has in common, so that one store keeps it and one loop drives it: a plan, its progress as the fold of events, and
//! what a driver asks before it goes on.

use std::fmt::{Debug, Display};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::{Answer, Reading};
use super::claim::Claimant;
use super::command::{Command, CommandKind, Who};
use super::consequence::Consequence;
use super::decision::Decision;
use super::event::{Event, EventBody, OperationState};
use super::notice::NoticeKind;
use super::outcome::CallInFlight;
use super::plan::Plan;
use super::progress::StepStatus;
use super::record::Operation;
use crate::bake::signal::Part;
use crate::domain::call::CloudCall;
use crate::domain::ids::OperationId;
use crate::domain::observation::Credentials;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// A frozen plan of some kind of work.
pub trait Work: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The fold of its events.
    type Progress: Standing;

    /// What kind of operation it is, in the word the store keeps it under.
    fn kind_word(&self) -> &'static str;

    /// What it works on: only one operation of a kind at a time holds it.
    fn subject(&self) -> &str;

    /// Whether it keeps other operations from its subject until it is over.
    fn holds(&self) -> bool;

    /// The build that made it.
    fn build(&self) -> &str;

    /// Its id is that of its content.
    fn is_sealed(&self) -> bool;

    /// What a person can do where this build must not go on with it.
    fn again(&self, id: &OperationId) -> String;

    /// How many steps it has.
    fn step_count(&self) -> usize;

    /// How people call a step.
    fn step_title(&self, step: usize) -> Option<&str>;

    /// How people call a gate.
    fn gate_name(&self, gate: usize) -> Option<String>;

    /// How people call a part of the work that reports on itself, on the instance it is done on or on the one that gates look at.
    fn part_name(&self, _part: Part) -> Option<String> {
        None
    }

    /// What it leads to, for people: a version, or an image's id.
    fn target(&self) -> String;

    /// Everything it is about, in one line for people.
    fn headline(&self) -> String;

    /// Under which name durations of a step are kept, if they tell something of the next one: the subject and the kind.
    fn history_of(&self, step: usize) -> Option<(String, String)>;

    /// The first event of its operation.
    fn planned(&self, by: &Who, reason: Option<&Untrusted>) -> EventBody;

    /// The plan in the first event of an operation of this kind.
    fn confirmed(first: &EventBody) -> Option<&Self>;

    /// Progress before anything happened.
    fn start(&self, at: WorldTime) -> Self::Progress;

    /// What an event means beyond its operation, given everything before it.
    fn consequences(&self, _progress: &Self::Progress, _body: &EventBody) -> Vec<Consequence> {
        Vec::new()
    }

    /// The operation as one that changes a fleet; none if it is of another kind.
    fn rollout(_operation: &Operation<Self>) -> Option<&Operation<Plan>> {
        None
    }

    /// The fold of an operation's events.
    fn fold(&self, events: &[Event], created_at: WorldTime) -> Self::Progress {
        let mut progress = self.start(events.first().map_or(created_at, |event| event.at));
        events.iter().for_each(|event| progress.take_in(event));
        progress
    }
}

/// What is known of any operation from its events.
pub trait Standing: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Takes one more event into account.
    fn take_in(&mut self, event: &Event);

    /// What the operation is doing.
    fn state(&self) -> OperationState;

    /// Why.
    fn reason(&self) -> &str;

    /// Since when.
    fn since(&self) -> WorldTime;

    /// When it acts by itself, if it does.
    fn deadline(&self) -> Option<WorldTime>;

    /// Index of the step that is at work or comes next.
    fn current(&self) -> usize;

    /// Every step as it stands.
    fn steps(&self) -> &[StepStatus];

    /// The call whose outcome is not recorded yet.
    fn in_flight(&self) -> Option<&CallInFlight>;

    /// How many calls were intended.
    fn intended(&self) -> u64;

    /// The last command that was accepted, and who asked.
    fn obeyed(&self) -> Option<&(CommandKind, String)>;
}

/// The plan, what happened so far, and one look at the world: everything a decision is made from.
pub struct Scene<'a, P: Driven> {
    /// What was confirmed.
    pub plan: &'a P,
    /// The fold of the events.
    pub progress: &'a P::Progress,
    /// What was just seen.
    pub seen: &'a P::Seen,
    /// World time.
    pub now: WorldTime,
    /// Who we are to others.
    pub claimant: &'a Claimant,
}

/// Something that stands still, or cannot be given back, for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Since when.
    pub since: WorldTime,
    /// In words.
    pub text: String,
}

/// Work that a driver can go on with.
pub trait Driven: Work {
    /// What has to be looked at.
    type Look: Send + Sync;
    /// What was seen in one look.
    type Seen: Send + Sync;
    /// Why a decision would break an invariant.
    type Broken: Display + Send;

    /// How much has to be looked at before the next decision.
    fn look(&self, progress: &Self::Progress, claimant: &Claimant) -> Self::Look;

    /// When a look ended.
    fn seen_at(seen: &Self::Seen) -> WorldTime;

    /// What it was seen with.
    fn credentials(seen: &Self::Seen) -> &Credentials;

    /// Decides what to do now.
    ///
    /// # Errors
    /// An invariant would break.
    fn decide(scene: &Scene<'_, Self>) -> Result<Decision, Self::Broken>;

    /// Accepts or refuses a command.
    fn answer(&self, progress: &Self::Progress, command: &Command, reading: &Reading<'_>) -> Answer;

    /// What an event is worth telling people who are not looking, given what was known before it.
    fn notice(&self, before: &Self::Progress, body: &EventBody) -> Option<NoticeKind>;

    /// What is worth telling them because nothing happens.
    fn overdue(&self, _progress: &Self::Progress, _now: WorldTime) -> Option<Overdue> {
        None
    }

    /// The operation whose last call has to be given time to arrive before this one begins, and how long.
    fn waits_out(&self, _progress: &Self::Progress) -> Option<&OperationId> {
        None
    }

    /// How long a call of that operation that is in the air has to be given.
    fn outlasts(&self, _call: &CloudCall) -> Millis {
        Millis::ZERO
    }
}
