//! What the cloud says is not there. It says so of what is there as well, for a while: it is believed after as long as a hold may last, and
//! then nobody waits for it any more.

use super::Move;
use super::situation::Situation;
use crate::domain::fleet::Slot;
use crate::operation::event::{EventBody, OperationState};
use crate::operation::plan::OperationKind;

impl Situation<'_> {
    /// What has been missing for so long that it is gone.
    fn gone(&self) -> Option<String> {
        let since = self.progress.missing_since?;
        let missing = self.seen.missing();
        let long = self.now.since(since) >= self.plan.timing.hold_deadline;
        (long && !missing.is_empty()).then(|| missing.join("; "))
    }

    /// A slot's group is gone, and everything else can be seen.
    pub(super) fn only_gone(&self, slot: Slot) -> bool {
        let other = slot.other();
        let rest = self.seen.route.value().is_some() && self.group(other).is_some() && self.seen.health.get(other).value().is_some();
        rest && self.seen.groups.get(slot).said_missing().is_some() && self.gone().is_some()
    }
}

/// The event that begins or ends the time for which something is missing.
pub(super) fn noted(situation: &Situation<'_>) -> Option<EventBody> {
    let missing = situation.seen.missing();
    match (situation.progress.missing_since, missing.is_empty()) {
        (None, false) => Some(EventBody::Missing { what: Some(missing.join("; ")) }),
        (Some(_), true) if situation.seen.is_complete() => Some(EventBody::Missing { what: None }),
        _ => None,
    }
}

/// Nobody waits for what is gone. A deploy on its way forward holds for it and backs out first.
pub(super) fn given_up(situation: &Situation<'_>, then: Move) -> Move {
    let forward = situation.plan.kind == OperationKind::Deploy && situation.progress.state != OperationState::BackingOut;
    match (then, situation.gone()) {
        (Move::Wait { why, .. }, Some(gone)) if !forward && situation.progress.state != OperationState::Paused => {
            Move::Fail { why: format!("{gone}, and has not for {}: {why}. What is left is left as it is", situation.plan.timing.hold_deadline) }
        }
        (then, _) => then,
    }
}
