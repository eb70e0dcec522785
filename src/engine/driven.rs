//! A plan that changes a fleet, as work that a driver goes on with.

use super::guards::Broken;
use super::situation::Situation;
use super::{Decision, answer, decide, depth};
use crate::domain::call::CloudCall;
use crate::domain::ids::OperationId;
use crate::domain::observation::{Credentials, Depth, FleetObservation};
use crate::domain::time::{Millis, WorldTime};
use crate::operation::answer::{Answer, Reading};
use crate::operation::claim::Claimant;
use crate::operation::command::Command;
use crate::operation::event::{EventBody, OperationState};
use crate::operation::lease::LEASE_LIFE;
use crate::operation::notice::{self, NoticeKind};
use crate::operation::plan::{OperationKind, Plan, StepKind};
use crate::operation::progress::Progress;
use crate::operation::work::{Driven, Overdue};

/// An operation that stands still for so long keeps what it borrowed too long.
const LONGEST_LOAN: Millis = Millis::mins(24 * 60);

impl Driven for Plan {
    type Look = Depth;
    type Seen = FleetObservation;
    type Broken = Broken;

    fn look(&self, progress: &Progress, _claimant: &Claimant) -> Depth {
        depth(self, progress)
    }

    fn seen_at(seen: &FleetObservation) -> WorldTime {
        seen.at
    }

    fn credentials(seen: &FleetObservation) -> &Credentials {
        &seen.credentials
    }

    fn decide(situation: &Situation<'_>) -> Result<Decision, Broken> {
        decide(situation)
    }

    fn answer(&self, progress: &Progress, command: &Command, reading: &Reading<'_>) -> Answer {
        answer::answer(self, progress, command, reading)
    }

    fn notice(&self, before: &Progress, body: &EventBody) -> Option<NoticeKind> {
        notice::of(self.kind, before, body)
    }

    /// An operation that stands still for a day with what it borrowed, or cannot give it back; and a way back that waits in one step for longer than
    /// servers may take to come.
    fn overdue(&self, progress: &Progress, now: WorldTime) -> Option<Overdue> {
        let gives_back = self.steps.get(progress.current).is_some_and(|step| step.kind == StepKind::GiveBack);
        let stands = matches!(progress.state, OperationState::Paused | OperationState::Holding) && progress.deadline.is_none();
        // What AWS's own engine replaces takes its time, and says itself when it gets nowhere.
        let goes_back = self.kind == OperationKind::Rollback && self.refresh.is_none() && progress.state == OperationState::Running;
        let borrowed = "minimum sizes, the claim and what was suspended are borrowed, and";
        let (since, limit, what) = match (gives_back, stands) {
            (true, _) => (progress.step_started_at?, self.timing.launch_limit, format!("{borrowed} it cannot be given back")),
            (_, true) => (progress.since, LONGEST_LOAN, format!("{borrowed} the operation stands still")),
            _ if goes_back => {
                let step = self.steps.get(progress.current)?;
                (progress.step_started_at?, self.timing.launch_limit, format!("the way back has come no further than '{}'", step.title))
            }
            _ => return None,
        };
        let lasting = now.since(since);
        (lasting >= limit).then(|| Overdue { since, text: format!("{what} for {lasting}: {}", progress.reason) })
    }

    fn waits_out(&self, progress: &Progress) -> Option<&OperationId> {
        self.supersedes.as_ref().filter(|_| progress.calls.intended == 0)
    }

    /// Fewer servers, or an instance refresh: until it arrives, servers that are about to end look healthy, and a way back would lead to them.
    fn outlasts(&self, call: &CloudCall) -> Millis {
        match call {
            CloudCall::Park { .. } | CloudCall::StartInstanceRefresh { .. } => LEASE_LIFE,
            _ => Millis::ZERO,
        }
    }
}
