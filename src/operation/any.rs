//! An operation of whichever kind, for those who list, watch and steer all of them.

use super::bake::BakeView;
use super::command::CommandKind;
use super::event::{Event, OperationState};
use super::lease::Lease;
use super::plan::Refusal;
use super::record::OperationView;
use super::work::Standing;
use crate::domain::ids::OperationId;
use crate::domain::time::WorldTime;

/// An operation with everything that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyView {
    /// It changes a fleet.
    Rollout(Box<OperationView>),
    /// It makes an image.
    Bake(Box<BakeView>),
}

impl AnyView {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &OperationId {
        match self {
            Self::Rollout(view) => &view.operation.id,
            Self::Bake(view) => &view.operation.id,
        }
    }

    /// Its events.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        match self {
            Self::Rollout(view) => &view.events,
            Self::Bake(view) => &view.events,
        }
    }

    /// The number of its last event; none if there is none.
    #[must_use]
    pub fn last_event(&self) -> Option<u64> {
        self.events().last().map(|event| event.seq)
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> OperationState {
        match self {
            Self::Rollout(view) => view.state(),
            Self::Bake(view) => view.state(),
        }
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Rollout(view) => view.progress.reason(),
            Self::Bake(view) => view.progress.reason(),
        }
    }

    /// When it was confirmed.
    #[must_use]
    pub const fn created_at(&self) -> WorldTime {
        match self {
            Self::Rollout(view) => view.operation.created_at,
            Self::Bake(view) => view.operation.created_at,
        }
    }

    /// A process drives it now.
    #[must_use]
    pub const fn driver_alive(&self) -> bool {
        match self {
            Self::Rollout(view) => view.driver_alive,
            Self::Bake(view) => view.driver_alive,
        }
    }

    /// Its lease, if a driver ever took it.
    #[must_use]
    pub const fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Rollout(view) => view.lease.as_ref(),
            Self::Bake(view) => view.lease.as_ref(),
        }
    }

    /// Why no driver of this build may go on with it; none if one may.
    #[must_use]
    pub fn undrivable(&self, build: &str) -> Option<Refusal> {
        match self {
            Self::Rollout(view) => view.undrivable(build),
            Self::Bake(view) => view.undrivable(build),
        }
    }

    /// The last command that was accepted, and who asked.
    #[must_use]
    pub fn obeyed(&self) -> Option<&(CommandKind, String)> {
        match self {
            Self::Rollout(view) => view.progress.obeyed(),
            Self::Bake(view) => view.progress.obeyed(),
        }
    }

    /// `canary op-3 of web-prod`, or `bake op-4 of web 2.18.0`.
    #[must_use]
    pub fn named(&self) -> String {
        match self {
            Self::Rollout(view) => format!("{} {} of {}", view.operation.word(), view.operation.id, view.operation.plan.fleet),
            Self::Bake(view) => format!("bake {} of {}", view.operation.id, super::work::Work::headline(&view.operation.plan)),
        }
    }
}
