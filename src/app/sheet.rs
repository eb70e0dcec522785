//! The plan sheet: what is about to happen, and what a person has to do before `y` counts.

use super::bake_sheet::{BakeOrder, BakeState, Rebake};
use super::batch::Batch;
use super::commands::CommandId;
use super::field::Field;
use super::freezing::Freezing;
use super::image_sheet::{ImageOrder, ImagePlanState};
use super::keymap::Keymap;
use super::model::Problem;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::text::{Untrusted, counted, escape};
use crate::domain::time::{BootTime, Millis};
use crate::operation::bake::BakePlan;
use crate::operation::command::CommandKind;
use crate::operation::intent::Intent;
use crate::operation::plan::{Friction, Plan};
use crate::operation::proof::Rehearsal;
use crate::ports::desk::Seen;

/// No key counts for this long after there is something new to read on a sheet.
pub const DEAD_TIME: Millis = Millis(300);

/// How far a plan is.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanState {
    /// It is being made.
    Making,
    /// Here it is.
    Made(Box<Plan>),
    /// It could not be made, or a guard refused.
    Failed(Problem),
}

/// What can be asked of an operation that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Its driver is told something.
    Command(CommandKind),
    /// It gets a driver, because it has none.
    TakeOver,
    /// A bake is to end, and what it made to be removed.
    Abort,
}

impl Ask {
    /// What is asked, as people say it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Command(CommandKind::Pause) => "pause",
            Self::Command(CommandKind::Resume) => "resume",
            Self::Command(CommandKind::Promote) => "promote",
            Self::Command(CommandKind::BackOut) => "back out",
            Self::TakeOver => "take over",
            Self::Abort => "abort",
        }
    }

    /// The word of the command line.
    #[must_use]
    pub fn command(self, operation: &OperationId) -> String {
        match self {
            Self::Command(kind) => format!("qd {} {operation}", kind.word()),
            Self::TakeOver => format!("qd drive {operation} --take-over"),
            Self::Abort => format!("qd abort {operation}"),
        }
    }
}

/// A command on its way to a running operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// The operation.
    pub operation: OperationId,
    /// What people call it.
    pub word: String,
    /// Its fleet; none for bakes.
    pub fleet: Option<FleetName>,
    /// What it is about: its fleet, or what it bakes.
    pub about: String,
    /// What is asked.
    pub ask: Ask,
    /// What was on the screen when the sheet opened.
    pub seen: Seen,
    /// What a person has to do to confirm.
    pub friction: Friction,
    /// What it does, line by line.
    pub effects: Vec<String>,
}

/// What the sheet is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A new operation.
    Plan {
        /// What is wanted.
        intent: Intent,
        /// How far the plan is.
        state: PlanState,
    },
    /// A command to a running one.
    Command(Box<Errand>),
    /// The same for several fleets.
    Batch(Box<Batch>),
    /// A freeze that is put or lifted.
    Freeze(Box<Freezing>),
    /// A new bake.
    Bake(Box<BakeOrder>),
    /// Everything that is behind its base, baked anew.
    Rebake(Box<Rebake>),
    /// An image that is blocked, or whose block is lifted.
    Image(Box<ImageOrder>),
}

/// How far a rehearsal on a sheet is.
#[derive(Clone, Debug, PartialEq)]
pub enum RehearsalState {
    /// It is under way.
    Running,
    /// Here it is.
    Done(Box<Rehearsal>),
    /// It could not be made.
    Failed(Problem),
}

/// A field of the sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Why.
    Reason,
    /// The fleet's name.
    Name,
}

/// What became of the `y`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sending {
    /// Nobody pressed it yet.
    Not,
    /// It is on its way.
    Sent,
    /// It did not work; another `y` needs a fresh plan.
    Failed(Problem),
}

/// An open plan sheet.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// What it is about.
    pub subject: Subject,
    /// Keys pressed before this moment were not meant for what is on the sheet.
    pub deaf_until: BootTime,
    /// Why, as typed.
    pub reason: Field,
    /// The fleet's name, as typed.
    pub typed: Field,
    /// The field with the focus; none until a person asks for one.
    pub editing: Option<Entry>,
    /// What became of the `y`.
    pub sending: Sending,
    /// Why the last `y` did not count.
    pub told: Option<String>,
    /// The rehearsal asked for on this sheet.
    pub rehearsal: Option<RehearsalState>,
    /// First line shown.
    pub scroll: usize,
}

impl Sheet {
    /// A sheet that opens now.
    #[must_use]
    pub fn open(subject: Subject, now: BootTime) -> Self {
        Self {
            subject,
            deaf_until: now.plus(DEAD_TIME),
            reason: Field::default(),
            typed: Field::default(),
            editing: None,
            sending: Sending::Not,
            told: None,
            rehearsal: None,
            scroll: 0,
        }
    }

    /// A sheet for a plan that is being made.
    #[must_use]
    pub fn for_intent(intent: Intent, now: BootTime) -> Self {
        Self::open(Subject::Plan { intent, state: PlanState::Making }, now)
    }

    /// The fleet it is about; none for what is about bakes and images.
    #[must_use]
    pub const fn fleet(&self) -> Option<&FleetName> {
        match &self.subject {
            Subject::Plan { intent, .. } => Some(intent.fleet()),
            Subject::Command(errand) => errand.fleet.as_ref(),
            Subject::Batch(batch) => Some(&batch.lead),
            Subject::Freeze(freezing) => Some(&freezing.fleet),
            Subject::Bake(_) | Subject::Rebake(_) | Subject::Image(_) => None,
        }
    }

    /// What it is about, in a word or two.
    #[must_use]
    pub fn about(&self) -> String {
        match &self.subject {
            Subject::Command(errand) => errand.about.clone(),
            Subject::Bake(order) => escape(&order.name),
            Subject::Image(order) => escape(&order.label),
            Subject::Rebake(rebake) => counted(rebake.due.len(), "image"),
            Subject::Plan { .. } | Subject::Batch(_) | Subject::Freeze(_) => self.fleet().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// What has to be typed where the risk asks for it: the fleet's name, or how many there are.
    #[must_use]
    pub fn word_wanted(&self) -> String {
        if let Subject::Batch(batch) = &self.subject { batch.wanted() } else { self.about() }
    }

    /// It was typed.
    #[must_use]
    pub fn is_word_typed(&self) -> bool {
        let typed = self.typed.text().trim();
        if let Subject::Batch(batch) = &self.subject { batch.is_typed(typed) } else { typed == self.about() }
    }

    /// The plan, once it is made.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match &self.subject {
            Subject::Plan { state: PlanState::Made(plan), .. } => Some(plan),
            _ => None,
        }
    }

    /// The plan of a bake, once it is made.
    #[must_use]
    pub fn bake_plan(&self) -> Option<&BakePlan> {
        match &self.subject {
            Subject::Bake(order) => {
                if let BakeState::Made(plan) = &order.state {
                    Some(plan)
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// What a person has to do to confirm; none while there is no plan.
    #[must_use]
    pub fn friction(&self) -> Option<&Friction> {
        match &self.subject {
            Subject::Plan { .. } => self.plan().map(|plan| &plan.friction),
            Subject::Command(errand) => Some(&errand.friction),
            Subject::Batch(batch) => Some(&batch.friction),
            Subject::Freeze(freezing) => Some(&freezing.friction),
            Subject::Bake(order) => Some(&order.friction).filter(|_| matches!(order.state, BakeState::Made(_))),
            Subject::Rebake(rebake) => Some(&rebake.friction),
            Subject::Image(order) => Some(&order.friction).filter(|_| matches!(order.state, ImagePlanState::Made(_))),
        }
    }

    /// Whether a reason has to be given.
    #[must_use]
    pub fn needs_reason(&self) -> bool {
        matches!(self.friction(), Some(Friction::Reason | Friction::Typed { .. })) && !matches!(self.subject, Subject::Batch(_))
    }

    /// Whether the fleet's name has to be typed.
    #[must_use]
    pub fn needs_name(&self) -> bool {
        matches!(self.friction(), Some(Friction::Typed { .. }))
    }

    /// Why confirming does not count yet, with the keys of this map; none when it does.
    #[must_use]
    pub fn hurdle(&self, keymap: &Keymap) -> Option<String> {
        self.state_hurdle(keymap).or_else(|| self.entry_hurdle(keymap))
    }

    fn state_hurdle(&self, keymap: &Keymap) -> Option<String> {
        let key = |id| keymap.first(id);
        let text = match (&self.sending, &self.subject) {
            (Sending::Sent, Subject::Batch(batch)) if !batch.is_open() => {
                return Some(format!("it is done: {} closes the sheet", key(CommandId::Cancel)));
            }
            (Sending::Not, Subject::Batch(batch)) if batch.is_planning() => "plans are still being made",
            (Sending::Not, Subject::Batch(batch)) if batch.ready() == 0 => "there is nothing to confirm",
            (Sending::Sent, _) => "it is on its way: waiting for the answer",
            (Sending::Not, Subject::Bake(order)) => return order.hurdle(keymap),
            (Sending::Not, Subject::Image(order)) => return order.hurdle(),
            (Sending::Failed(_), Subject::Plan { .. } | Subject::Bake(_) | Subject::Image(_)) => {
                return Some(format!("press {} to plan again, then {}", key(CommandId::PlanAgain), key(CommandId::Confirm)));
            }
            (Sending::Failed(_), _) => "close this sheet and look again before you repeat it",
            (Sending::Not, Subject::Plan { state: PlanState::Making, .. }) => "the plan is still being made",
            (Sending::Not, Subject::Plan { state: PlanState::Failed(_), .. }) => "there is no plan to confirm",
            (Sending::Not, _) => return None,
        };
        Some(text.to_owned())
    }

    fn entry_hurdle(&self, keymap: &Keymap) -> Option<String> {
        if self.needs_reason() && self.reason.value().is_none() {
            return Some(format!("a reason is needed first: press {}, type it, enter", keymap.first(CommandId::Reason)));
        }
        if self.needs_name() && !self.is_word_typed() {
            let what = if matches!(self.subject, Subject::Batch(_)) { "their number" } else { "the fleet's name" };
            return Some(format!("type {what} first: press {}, type {}, enter", keymap.first(CommandId::Name), self.word_wanted()));
        }
        None
    }

    /// The reason, if one was given.
    #[must_use]
    pub fn reason_given(&self) -> Option<Untrusted> {
        self.reason.value()
    }

    /// The typed name, where the sheet asks for it.
    #[must_use]
    pub fn name_given(&self) -> Option<Untrusted> {
        if self.needs_name() { self.typed.value() } else { None }
    }

    /// The field with the focus.
    pub const fn field(&mut self) -> Option<&mut Field> {
        match self.editing {
            Some(Entry::Reason) => Some(&mut self.reason),
            Some(Entry::Name) => Some(&mut self.typed),
            None => None,
        }
    }
}
