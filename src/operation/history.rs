//! How long things took before, for what is expected next.

use super::plan::{OperationKind, Plan, StepKind};
use super::status::WayBackLevel;
use crate::domain::fleet::Route;
use crate::domain::time::Millis;

/// Expected time of one weight change where this installation has no history yet.
const SHIFT_GUESS: Millis = Millis::secs(5);
/// Expected time until servers that are attached to a target group pass its checks.
const ATTACH_GUESS: Millis = Millis::secs(60);
/// Expected time until workers are ended: two readings, then their end.
const END_GUESS: Millis = Millis::secs(60);
/// Expected time of growing a group where this installation has no history yet.
const GROW_GUESS: Millis = Millis::mins(4);
/// Expected time of an instance refresh where this installation has no history yet.
const REFRESH_GUESS: Millis = Millis::mins(15);
/// Expected time of one that turns round half way.
const TURN_GUESS: Millis = Millis::mins(8);
/// Expected time of making a template version and pinning a group to it where this installation has no history yet.
const TEMPLATE_GUESS: Millis = Millis::secs(15);
/// Expected time of emptying a slot where this installation has no history yet.
const EMPTY_GUESS: Millis = Millis::mins(5);
/// Nothing is promised to take less than this.
const SHORTEST: Millis = Millis::secs(1);

/// Medians of one fleet; none where there is no history yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetHistory {
    /// A weight change until it was read back.
    pub shift: Option<Millis>,
    /// From the first launch until a group was healthy.
    pub grow: Option<Millis>,
    /// An instance refresh from its start until every server was replaced.
    pub refresh: Option<Millis>,
    /// The same refresh turned round, until every server was as before.
    pub turn: Option<Millis>,
    /// Making a template version and pinning a group to it.
    pub template: Option<Millis>,
    /// Emptying a slot: draining its servers and ending them.
    pub empty: Option<Millis>,
}

impl FleetHistory {
    /// What is told of each kind.
    ///
    /// # Errors
    /// The first that was told.
    pub fn of<E>(told: impl Fn(&str) -> Result<Option<Millis>, E>) -> Result<Self, E> {
        let (shift, grow, refresh) = (told("shift")?, told("grow")?, told("refresh")?);
        Ok(Self { shift, grow, refresh, turn: told("turn")?, template: told("template")?, empty: told("empty")? })
    }

    /// What another tells where this one has no history yet.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            shift: self.shift.or(other.shift),
            grow: self.grow.or(other.grow),
            refresh: self.refresh.or(other.refresh),
            turn: self.turn.or(other.turn),
            template: self.template.or(other.template),
            empty: self.empty.or(other.empty),
        }
    }

    /// How long it will take until all traffic is on servers that are there: a weight change, or what stands for it.
    #[must_use]
    pub fn expected_shift(self, route: &Route) -> Millis {
        let guess = match route {
            Route::Weighted { .. } => SHIFT_GUESS,
            Route::Attached { .. } => ATTACH_GUESS,
            Route::None => END_GUESS,
        };
        self.shift.unwrap_or(guess).max(SHORTEST)
    }

    /// How long AWS's engine will take to replace every server of a group.
    #[must_use]
    pub fn expected_refresh(self) -> Millis {
        self.refresh.unwrap_or(REFRESH_GUESS).max(SHORTEST)
    }

    /// How long it will take to turn round.
    #[must_use]
    pub fn expected_turn(self) -> Millis {
        self.turn.or(self.refresh).unwrap_or(TURN_GUESS).max(SHORTEST)
    }

    /// How long it will take until a group has grown.
    #[must_use]
    pub fn expected_grow(self) -> Millis {
        self.grow.unwrap_or(GROW_GUESS).max(SHORTEST)
    }

    /// How long a group will take to launch something else.
    #[must_use]
    pub fn expected_template(self) -> Millis {
        self.template.unwrap_or(TEMPLATE_GUESS).max(SHORTEST)
    }

    /// How long it will take until a slot is empty.
    #[must_use]
    pub fn expected_empty(self) -> Millis {
        self.empty.unwrap_or(EMPTY_GUESS).max(SHORTEST)
    }
}

/// Under which kind the duration of a step tells something of the next one.
#[must_use]
pub fn kind_of_step(plan: &Plan, step: StepKind) -> Option<&'static str> {
    // Groups that share a target group shift while they grow: what is left of the shift then says nothing of one from a warm group.
    let grew = !plan.scope.is_weighted() && plan.steps.iter().any(|step| step.kind == StepKind::GrowTarget);
    match (plan.kind, step) {
        (OperationKind::Rollback, StepKind::Shift) if !grew => Some("shift"),
        (OperationKind::Rollback, StepKind::Refresh) if matches!(plan.level, Some(WayBackLevel::R0)) => Some("turn"),
        (_, StepKind::Refresh) => Some("refresh"),
        (_, StepKind::GrowTarget | StepKind::FullSize) => Some("grow"),
        (_, StepKind::Template) => Some("template"),
        (_, StepKind::EmptySlot) => Some("empty"),
        _ => None,
    }
}
