//! What changed before something went wrong: the changes of the last hours over all fleets, against the moment it began.

use super::model::Model;
use super::polling::FINISHED_READ;
use super::rows;
use crate::domain::call::CloudCall;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::time::{Millis, WorldTime};
use crate::operation::event::{CallOutcome, EventBody, OperationState};
use crate::operation::plan::OperationKind;
use crate::operation::record::OperationView;

/// How long before the beginning of a trouble a change may lie.
pub const REACH: Millis = Millis::mins(6 * 60);

/// The changes below an alert, and the one under the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspects {
    /// They have the focus: keys are about the fleet of the one under the cursor.
    pub has_focus: bool,
    /// The one under the cursor, by its operation and event; the newest where none was chosen.
    pub chosen: Option<(OperationId, u64)>,
}

/// One change, with how far it is from the beginning of the trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// When it happened.
    pub at: WorldTime,
    /// The fleet.
    pub fleet: FleetName,
    /// The operation that did it.
    pub operation: OperationId,
    /// The number of its event there.
    pub seq: u64,
    /// What changed, such as `2.14.0 reached 50% of the traffic`.
    pub what: String,
    /// It could be taken back by a rollback or by backing out.
    pub forward: bool,
}

impl Suspect {
    /// `4m before`, or `2m after`: a change after the beginning is no cause of it.
    #[must_use]
    pub fn offset(&self, began: WorldTime) -> String {
        if self.at <= began { format!("{} before", began.since(self.at)) } else { format!("{} after", self.at.since(began)) }
    }
}

/// The changes within `reach` before `until`, the newest first.
#[must_use]
pub fn suspects(views: &[OperationView], until: WorldTime, reach: Millis) -> Vec<Suspect> {
    let oldest = until.minus(reach);
    let mut found: Vec<Suspect> = views.iter().flat_map(changes).filter(|suspect| suspect.at >= oldest && suspect.at <= until).collect();
    found.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.fleet.cmp(&b.fleet)));
    found
}

/// The changes before the selected alert began, the newest first.
#[must_use]
pub fn of_alert(model: &Model) -> Vec<Suspect> {
    model.selected_alert().map(|alert| suspects(&model.operations, alert.began, REACH)).unwrap_or_default()
}

/// Whether older changes within reach may be missing: of finished operations only the newest are read.
#[must_use]
pub fn may_miss_some(model: &Model) -> bool {
    let finished = || model.operations.iter().filter(|view| view.state().is_final());
    let reach = model.selected_alert().map(|alert| alert.began.minus(REACH));
    let oldest = finished().map(|view| view.operation.created_at).min();
    finished().count() >= FINISHED_READ && oldest.zip(reach).is_some_and(|(oldest, reach)| oldest > reach)
}

/// Where the cursor stands among them.
#[must_use]
pub fn position(model: &Model, all: &[Suspect]) -> usize {
    let is_it = |suspect: &Suspect| model.suspects.chosen.as_ref().is_some_and(|(id, seq)| *id == suspect.operation && *seq == suspect.seq);
    all.iter().position(is_it).unwrap_or(0)
}

/// The operation of the change under the cursor, while the changes have the focus.
#[must_use]
pub fn operation(model: &Model) -> Option<&OperationView> {
    let all = of_alert(model);
    let chosen = all.get(position(model, &all)).filter(|_| model.suspects.has_focus)?;
    model.operation(&chosen.operation)
}

/// Moves the cursor among them.
pub fn move_by(model: &mut Model, by: isize) {
    let all = of_alert(model);
    let at = rows::offset(Some(position(model, &all)), by, all.len());
    model.suspects.chosen = at.and_then(|at| all.get(at)).map(|suspect| (suspect.operation.clone(), suspect.seq));
}

/// Gives the changes the focus, or the alerts again.
pub fn next_pane(model: &mut Model) {
    if !model.suspects.has_focus && of_alert(model).is_empty() {
        model.notice = Some("Nothing on record changed before it".to_owned());
        return;
    }
    model.suspects.has_focus = !model.suspects.has_focus;
}

/// What an operation changed for people who are served: weights, a group attached or taken off, a release that became stable, an end.
fn changes(view: &OperationView) -> Vec<Suspect> {
    let plan = &view.operation.plan;
    let forward = matches!(plan.kind, OperationKind::Deploy | OperationKind::Recycle);
    let to = plan.to.label();
    let mut sent: Option<(u64, String)> = None;
    let mut found = Vec::new();
    for event in &view.events {
        let what = match &event.body {
            EventBody::CallIntended { call_no, call, .. } => {
                sent = words(view, call).map(|words| (*call_no, words));
                None
            }
            EventBody::CallEnded { call_no, outcome: CallOutcome::Accepted(_) | CallOutcome::Unknown { .. } } => {
                sent.take().filter(|(sent, _)| sent == call_no).map(|(_, words)| words)
            }
            EventBody::TrafficOnTarget => Some(format!("all traffic is on {to} again")),
            EventBody::BecameStable => Some(format!("{to} became stable")),
            EventBody::StateChanged { to: state @ (OperationState::BackedOut | OperationState::RolledBack | OperationState::Failed), .. } => {
                Some(format!("{} of {to} {}", plan.kind.word(), super::needs::state_word(*state)))
            }
            _ => None,
        };
        let (fleet, operation) = (plan.fleet.clone(), view.operation.id.clone());
        found.extend(what.map(|what| Suspect { at: event.at, fleet, operation, seq: event.seq, what, forward }));
    }
    found
}

/// What a call changes for people who are served; none for any other call.
fn words(view: &OperationView, call: &CloudCall) -> Option<String> {
    let plan = &view.operation.plan;
    let to = plan.to.label();
    match call {
        CloudCall::SetWeights { actions, .. } => {
            let share = actions.share(plan.to.target_group.as_ref()?)?;
            Some(format!("{to} reached {:.0}% of the traffic", share * 100.0))
        }
        CloudCall::AttachTargetGroup { group, .. } => Some(format!("{group} was attached ({to})")),
        CloudCall::DetachTargetGroup { group, .. } => Some(format!("{group} was taken off")),
        CloudCall::StartInstanceRefresh { group, .. } => Some(format!("every server of {group} began to be replaced ({to})")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixture;

    #[test]
    fn what_reached_traffic_before_the_trouble_is_named_with_how_long_before() {
        let view = fixture::canary();
        let shifted = view.events.iter().find(|event| matches!(event.body, EventBody::CallEnded { .. })).unwrap().at;
        let began = shifted.plus(Millis::mins(4));
        let found = suspects(&[view], began, Millis::mins(180));
        let first = found.first().unwrap();
        assert_eq!((first.what.as_str(), first.offset(began).as_str()), ("2.14.0 reached 25% of the traffic", "4m before"));
        assert!(first.forward && first.fleet.as_str() == "web-prod");
        assert_eq!(first.offset(shifted.minus(Millis::mins(1))), "1m after");
    }

    #[test]
    fn what_is_older_than_the_reach_is_left_out() {
        let view = fixture::canary();
        let last = view.events.last().unwrap().at;
        assert!(suspects(&[view], last.plus(Millis::mins(600)), Millis::mins(60)).is_empty());
    }
}
