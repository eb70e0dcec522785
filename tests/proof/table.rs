//! What the rollout rules answer (§6), written down as data: the state of an operation against what somebody presses.

use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::plan::OperationKind;

/// What people press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    Pause,
    Resume,
    Promote,
    BackOut,
    Rollback,
    Deploy,
}

impl Press {
    pub const ALL: [Self; 6] = [Self::Pause, Self::Resume, Self::Promote, Self::BackOut, Self::Rollback, Self::Deploy];
}

/// What is said, and what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Refused with the reason; nothing changes.
    No,
    /// It is so already, and who did it; nothing changes.
    Joined,
    /// Done: the operation is in this state.
    Now(OperationState),
    /// Done: the rest of the step, or the window, is skipped.
    Promoted,
    /// Refused: the fleet is held, by which operation and by whom.
    Busy,
    /// A new operation takes the wheel from this one.
    TakesOver,
    /// A new operation begins.
    Begins,
    /// The same, where the ledger holds another good release; refused where it does not.
    BeginsOrStable,
}

pub struct Row {
    pub kind: OperationKind,
    pub state: OperationState,
    /// In the order of [`Press::ALL`].
    pub says: [Says; 6],
}

const fn row(kind: OperationKind, state: OperationState, says: [Says; 6]) -> Row {
    Row { kind, state, says }
}

use OperationKind::{Deploy, Retire, Rollback};
use OperationState as S;
use Says::{Begins, BeginsOrStable, Busy, Joined, No, Now, Promoted, TakesOver};

/// A rollback skips what can be skipped, and only deploys back out; a retire holds no fleet.
pub const TABLE: &[Row] = &[
    row(Deploy, S::Planned, [No, No, No, Now(S::BackedOut), TakesOver, Busy]),
    row(Deploy, S::Running, [Now(S::Paused), No, Promoted, Now(S::BackingOut), TakesOver, Busy]),
    row(Deploy, S::Holding, [Now(S::Paused), Now(S::Running), Promoted, Now(S::BackingOut), TakesOver, Busy]),
    row(Deploy, S::Paused, [Joined, Now(S::Running), No, Now(S::BackingOut), TakesOver, Busy]),
    row(Deploy, S::BackingOut, [No, No, No, Joined, Joined, Busy]),
    row(Rollback, S::Planned, [No, No, No, No, Joined, Busy]),
    row(Rollback, S::Running, [Now(S::Paused), No, No, No, Joined, Busy]),
    row(Rollback, S::Paused, [Joined, Now(S::Running), No, No, TakesOver, Busy]),
    row(Retire, S::Planned, [No, No, No, No, TakesOver, TakesOver]),
    row(Retire, S::Running, [Now(S::Paused), No, Promoted, No, TakesOver, TakesOver]),
    row(Retire, S::Paused, [Joined, Now(S::Running), No, No, TakesOver, TakesOver]),
    row(Retire, S::Waiting, [No, No, Promoted, No, TakesOver, TakesOver]),
];

/// A finished operation answers nothing, and what is new is new.
pub const FINISHED: [Says; 6] = [No, No, No, No, BeginsOrStable, Begins];
