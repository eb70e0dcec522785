//! What happened, as a list people read: what kind of thing it is, who did it, and what a filter may ask.

use super::lines::told_text;
use super::model::Model;
use super::query::{Searchable, has};
use crate::domain::call::CloudCall;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::any::AnyRef;
use crate::operation::bake::BakeEvent;
use crate::operation::command::Who;
use crate::operation::event::{CallOutcome, Event, EventBody, OperationState, StepOutcome, VerdictWord};
use crate::operation::schema::MigrationEnd;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call to the cloud, or its outcome.
    Call,
    /// The operation went on, or stopped.
    Step,
    /// Servers, alarms, what another engine does.
    Health,
    /// A verdict over counts, or a gate's.
    Judge,
    /// A person decided something.
    Human,
}

impl Kind {
    /// All of them, in the order in which they are chosen.
    pub const ALL: [Self; 5] = [Self::Call, Self::Step, Self::Health, Self::Judge, Self::Human];

    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Step => "step",
            Self::Health => "health",
            Self::Judge => "judge",
            Self::Human => "human",
        }
    }

    /// An event's.
    #[must_use]
    pub const fn of(body: &EventBody) -> Self {
        match body {
            EventBody::CallIntended { .. } | EventBody::CallEnded { .. } => Self::Call,
            EventBody::Judged { .. } | EventBody::GateStarted { .. } | EventBody::GateEnded { .. } => Self::Judge,
            EventBody::Planned { .. } | EventBody::BakePlanned { .. } | EventBody::Promoted { .. } | EventBody::CommandAnswered { .. } => Self::Human,
            EventBody::Missing { .. }
            | EventBody::AlarmsRead { .. }
            | EventBody::NeedRaised { .. }
            | EventBody::RefreshSeen { .. }
            | EventBody::SchemaRead { .. }
            | EventBody::LeftOut { .. } => Self::Health,
            _ => Self::Step,
        }
    }

    /// After all kinds comes the first, after the last one all again.
    #[must_use]
    pub fn next(only: Option<Self>) -> Option<Self> {
        match only {
            None => Self::ALL.first().copied(),
            Some(kind) => Self::ALL.iter().skip_while(|known| **known != kind).nth(1).copied(),
        }
    }
}

/// Whether something went wrong, or waits for a person.
#[must_use]
pub const fn is_remarkable(body: &EventBody) -> bool {
    match body {
        EventBody::StepEnded { outcome: StepOutcome::Failed, .. }
        | EventBody::CallEnded { outcome: CallOutcome::Refused { .. } | CallOutcome::Unknown { .. }, .. }
        | EventBody::Missing { what: Some(_) }
        | EventBody::Bake { what: BakeEvent::Failing { .. } }
        | EventBody::StateChanged {
            to: OperationState::Failed | OperationState::Holding | OperationState::Paused | OperationState::BackingOut,
            ..
        } => true,
        EventBody::Judged { verdict, .. } => matches!(verdict.word, VerdictWord::Fail),
        EventBody::GateEnded { outcome, .. } => !outcome.passed,
        EventBody::AlarmsRead { against } => against.is_some(),
        EventBody::SchemaRead { live } => live.known().is_none(),
        EventBody::LeftOut { out } => *out,
        EventBody::MigrationEnded { outcome } => !matches!(outcome.end, MigrationEnd::Succeeded),
        _ => false,
    }
}

/// A call that went as it should, the renewal of a claim, what goes on inside a step of a bake: on the record, but no news.
#[must_use]
pub const fn is_routine(body: &EventBody) -> bool {
    matches!(
        body,
        EventBody::CallEnded { outcome: CallOutcome::Accepted(_), .. }
            | EventBody::Bake { what: BakeEvent::Said { .. } | BakeEvent::MachineSeen { .. } | BakeEvent::ImageSeen { available: false, .. } }
            | EventBody::CallIntended { call: CloudCall::Tag { .. } | CloudCall::Untag { .. }, .. }
    )
}

/// The person behind an event, where there is one.
#[must_use]
pub const fn person(body: &EventBody) -> Option<&Who> {
    match body {
        EventBody::Planned { by, .. } | EventBody::BakePlanned { by, .. } | EventBody::CommandAnswered { by, .. } => Some(by),
        _ => None,
    }
}

/// Who did it, in a word: a person, AWS's own engine, or the driver.
#[must_use]
pub fn who(model: &Model, body: &EventBody) -> String {
    match (person(body), body) {
        (Some(by), _) if is_me(model, by) => "you".to_owned(),
        (Some(by), _) => by.user.shown(),
        (None, EventBody::RefreshSeen { .. }) => "aws".to_owned(),
        (None, _) => "auto".to_owned(),
    }
}

/// Whether it is the person at this screen.
#[must_use]
pub fn is_me(model: &Model, who: &Who) -> bool {
    who.short() == model.header.user && model.header.caller.as_ref().is_none_or(|caller| *caller == who.caller)
}

/// What of the activity is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// One kind only.
    pub kind: Option<Kind>,
    /// Only operations the person at this screen began, and what they asked of others.
    pub mine: bool,
}

impl Shown {
    /// Whether an event is.
    #[must_use]
    pub fn lets_pass(self, model: &Model, view: AnyRef<'_>, event: &Event) -> bool {
        let of_kind = self.kind.is_none_or(|kind| kind == Kind::of(&event.body));
        let mine = || is_me(model, view.by()) || person(&event.body).is_some_and(|by| is_me(model, by));
        of_kind && (!self.mine || mine())
    }
}

/// An event for a filter.
pub struct Row<'a> {
    /// Its operation.
    pub view: AnyRef<'a>,
    /// The event.
    pub event: &'a Event,
    /// What time it is.
    pub now: WorldTime,
}

impl Searchable for Row<'_> {
    const FIELDS: &'static [&'static str] = &["fleet", "bake", "op", "kind", "who", "since"];

    fn holds(&self, field: Option<&str>, text: &str) -> bool {
        match field {
            Some("fleet") => self.view.fleet().is_some_and(|fleet| has(fleet.as_str(), text)),
            Some("bake") => self.view.fleet().is_none() && has(&self.view.about(), text),
            Some("op") => self.view.id().as_str() == text,
            Some("kind") => Kind::of(&self.event.body).word().starts_with(text),
            Some("who") => person(&self.event.body).unwrap_or(self.view.by()).user.raw().to_lowercase().contains(text),
            Some("since") => Millis::parse(text).is_ok_and(|span| self.event.at >= self.now.minus(span)),
            _ => has(&self.view.about(), text) || told_text(self.view, self.event).is_some_and(|shown| has(&shown, text)),
        }
    }
}
