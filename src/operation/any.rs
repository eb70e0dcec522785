//! An operation of whichever kind, for those who list, watch and steer all of them.

use super::bake::BakeView;
use super::command::{CommandKind, Who};
use super::event::{Event, OperationState};
use super::lease::Lease;
use super::outcome::CallTally;
use super::plan::Refusal;
use super::record::OperationView;
use super::work::{Standing, Work};
use crate::domain::ids::{FleetName, OperationId, PlanId};
use crate::domain::text::Untrusted;
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
    /// The same, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> AnyRef<'_> {
        match self {
            Self::Rollout(view) => AnyRef::Rollout(view),
            Self::Bake(view) => AnyRef::Bake(view),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &OperationId {
        self.borrowed().id()
    }

    /// Its events.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        self.borrowed().events()
    }

    /// The number of its last event; none if there is none.
    #[must_use]
    pub fn last_event(&self) -> Option<u64> {
        self.events().last().map(|event| event.seq)
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> OperationState {
        self.borrowed().state()
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
    pub fn created_at(&self) -> WorldTime {
        self.borrowed().created_at()
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
            Self::Bake(view) => format!("bake {} of {}", view.operation.id, view.operation.plan.headline()),
        }
    }
}

/// The same, where somebody else keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AnyRef<'a> {
    /// It changes a fleet.
    Rollout(&'a OperationView),
    /// It makes an image.
    Bake(&'a BakeView),
}

impl<'a> AnyRef<'a> {
    /// Its id.
    #[must_use]
    pub const fn id(self) -> &'a OperationId {
        match self {
            Self::Rollout(view) => &view.operation.id,
            Self::Bake(view) => &view.operation.id,
        }
    }

    /// Its events.
    #[must_use]
    pub fn events(self) -> &'a [Event] {
        match self {
            Self::Rollout(view) => &view.events,
            Self::Bake(view) => &view.events,
        }
    }

    /// The fleet it changes; none for a bake.
    #[must_use]
    pub const fn fleet(self) -> Option<&'a FleetName> {
        match self {
            Self::Rollout(view) => Some(&view.operation.plan.fleet),
            Self::Bake(_) => None,
        }
    }

    /// What it is about: the fleet, or what is baked.
    #[must_use]
    pub fn about(self) -> String {
        match self {
            Self::Rollout(view) => view.operation.plan.fleet.to_string(),
            Self::Bake(view) => view.operation.plan.headline(),
        }
    }

    /// `canary web-prod 2.13.2 -> 2.14.0`, or `bake web 2.18.0`.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Rollout(view) => format!("{} {}", view.operation.word(), view.operation.plan.headline()),
            Self::Bake(view) => format!("bake {}", view.operation.plan.headline()),
        }
    }

    /// What it is doing.
    #[must_use]
    pub fn state(self) -> OperationState {
        match self {
            Self::Rollout(view) => view.state(),
            Self::Bake(view) => view.state(),
        }
    }

    /// Who confirmed it.
    #[must_use]
    pub const fn by(self) -> &'a Who {
        match self {
            Self::Rollout(view) => &view.operation.by,
            Self::Bake(view) => &view.operation.by,
        }
    }

    /// Why it was confirmed.
    #[must_use]
    pub const fn why(self) -> Option<&'a Untrusted> {
        match self {
            Self::Rollout(view) => view.operation.reason.as_ref(),
            Self::Bake(view) => view.operation.reason.as_ref(),
        }
    }

    /// When it was confirmed.
    #[must_use]
    pub const fn created_at(self) -> WorldTime {
        match self {
            Self::Rollout(view) => view.operation.created_at,
            Self::Bake(view) => view.operation.created_at,
        }
    }

    /// The id of its plan.
    #[must_use]
    pub const fn plan_id(self) -> &'a PlanId {
        match self {
            Self::Rollout(view) => &view.operation.plan.id,
            Self::Bake(view) => &view.operation.plan.id,
        }
    }

    /// What its calls came to.
    #[must_use]
    pub const fn calls(self) -> CallTally {
        match self {
            Self::Rollout(view) => view.progress.calls,
            Self::Bake(view) => view.progress.calls,
        }
    }
}
