//! What is worth telling people who are not looking: which event, as what, and the document they get.

use serde::Serialize;

use super::bake::{BakePlan, BakeProgress};
use super::event::{EventBody, OperationState};
use super::plan::OperationKind;
use super::progress::{MEANWHILE, Progress};
use super::record::Operation;
use super::work::{Standing, Work};
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::text::Untrusted;
use crate::domain::time::WorldTime;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// It stopped and waits for a person; there may be a deadline after which it acts by itself.
    NeedsHuman,
    /// Nothing more is attempted, and a person is needed.
    Failed,
    /// An unfinished deploy goes back to stable.
    BackingOut,
    /// It is over, and nothing is left to do.
    Finished,
    /// The credentials it runs on end soon, and no newer ones came.
    CredentialsEnd,
    /// Something borrowed (a pin, a suspension, a claim) was not given back in time, or a way back waits for longer than servers take to come.
    Overdue,
}

/// What this event is worth telling, given what was known before it.
#[must_use]
pub fn of(kind: OperationKind, before: &Progress, event: &EventBody) -> Option<NoticeKind> {
    let EventBody::StateChanged { to, reason, .. } = event else { return None };
    match to {
        // The reason of a hold may change while it lasts: that pages nobody again.
        OperationState::Holding if before.state != OperationState::Holding => Some(NoticeKind::NeedsHuman),
        // Something came up in a pause; that it is over pages nobody.
        OperationState::Paused if before.state == OperationState::Paused && reason.contains(MEANWHILE) => Some(NoticeKind::NeedsHuman),
        OperationState::Failed => Some(NoticeKind::Failed),
        OperationState::BackingOut => Some(NoticeKind::BackingOut),
        // The end of a window is what everybody expects.
        OperationState::Succeeded if kind == OperationKind::Retire => None,
        OperationState::Succeeded | OperationState::BackedOut | OperationState::RolledBack => Some(NoticeKind::Finished),
        _ => None,
    }
}

/// What this event of a bake is worth telling: how it ended. A sweep that ends well is of no interest to anybody.
#[must_use]
pub const fn of_bake(plan: &BakePlan, event: &EventBody) -> Option<NoticeKind> {
    match event {
        EventBody::StateChanged { to: OperationState::Failed, .. } => Some(NoticeKind::Failed),
        EventBody::StateChanged { to: OperationState::Succeeded | OperationState::BackedOut, .. } if !plan.is_sweep() => Some(NoticeKind::Finished),
        _ => None,
    }
}

/// The document a hook gets on its standard input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// Rises when a field changes its meaning.
    pub version: u32,
    /// What is told.
    pub event: NoticeKind,
    /// When, RFC 3339.
    pub at: String,
    /// One line for a pager.
    pub text: String,
    /// The fleet; null for a bake.
    pub fleet: Option<FleetName>,
    /// The account and region.
    pub place: String,
    /// The operation.
    pub operation: OperationId,
    /// `deploy`, `rollback`, `retire`, `recycle` or `bake`.
    pub kind: &'static str,
    /// Version or id it moves away from; null for a bake.
    pub from: Option<String>,
    /// Version or id it moves to.
    pub to: String,
    /// What it is doing now.
    pub state: OperationState,
    /// Why.
    pub reason: String,
    /// The step it is at, from 1.
    pub step: usize,
    /// Of how many.
    pub steps: usize,
    /// When the engine acts by itself, RFC 3339; null where it does not.
    pub until: Option<String>,
    /// Who confirmed it.
    pub by: String,
    /// Why it was started.
    pub why: Option<Untrusted>,
    /// The command that shows it.
    pub look: String,
}

impl Notice {
    /// What is told of an operation as it stands at `at`; `text` where the state's own reason is not what it is about.
    #[must_use]
    pub fn new(event: NoticeKind, operation: &Operation, progress: &Progress, at: WorldTime, text: Option<&str>) -> Self {
        let plan = &operation.plan;
        let about = format!("{} {}", plan.fleet, operation.word());
        let (fleet, from) = (Some(plan.fleet.clone()), Some(plan.from.label()));
        Self { fleet, from, place: plan.place.clone(), ..Self::of_any(event, operation, progress, at, text, &about) }
    }

    /// What is told of a bake as it stands at `at`.
    #[must_use]
    pub fn of_bake(event: NoticeKind, operation: &Operation<BakePlan>, progress: &BakeProgress, at: WorldTime, text: Option<&str>) -> Self {
        let plan = &operation.plan;
        let about = format!("bake of {}", plan.headline());
        Self { place: plan.place.clone(), ..Self::of_any(event, operation, progress, at, text, &about) }
    }

    fn of_any<P: Work>(event: NoticeKind, operation: &Operation<P>, progress: &P::Progress, at: WorldTime, text: Option<&str>, about: &str) -> Self {
        let (plan, reason) = (&operation.plan, text.unwrap_or_else(|| progress.reason()));
        Self {
            version: 1,
            event,
            at: at.rfc3339(),
            text: format!("{about} {}: {}: {reason}", operation.id, event.words()),
            fleet: None,
            place: String::new(),
            operation: operation.id.clone(),
            kind: plan.kind_word(),
            from: None,
            to: plan.target(),
            state: progress.state(),
            reason: reason.to_owned(),
            step: (progress.current() + 1).min(plan.step_count()),
            steps: plan.step_count(),
            until: progress.deadline().map(WorldTime::rfc3339),
            by: operation.by.short(),
            why: operation.reason.clone(),
            look: format!("qd op {}", operation.id),
        }
    }
}

impl NoticeKind {
    /// In a few words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NeedsHuman => "needs a person",
            Self::Failed => "failed",
            Self::BackingOut => "backs out",
            Self::Finished => "finished",
            Self::CredentialsEnd => "credentials end soon",
            Self::Overdue => "takes too long",
        }
    }
}
