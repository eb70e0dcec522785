//! Whoever comes when an operation has no driver, waits for a word, or holds for what a person has to put right.

use quarterdeck::domain::fleet::Route;
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::command::CommandKind;
use quarterdeck::operation::event::OperationState;
use quarterdeck::operation::plan::OperationKind;
use quarterdeck::world::Disturbance;

use super::Sim;
use crate::person::Act;
use crate::store::Record;
use crate::strike::Relief;

/// A person who is called has done what helps after so many seconds at the latest.
const HELP_SECS: u64 = 600;

impl Sim {
    /// An operation without a driver finds one sooner or later.
    pub(super) fn somebody_drives(&mut self) {
        let Some(at) = self.store.active() else { return };
        let held = self.processes.iter().any(|process| process.at == at);
        if !held && !self.is_planned(|act| matches!(act, Act::Recover(_))) {
            let gap = self.chance.pick(&[1, 10, 30, 200, 1_500]);
            self.plan_act(Act::Recover(at), 0, gap);
        }
        let paused = self.store.records[at].progress.state == OperationState::Paused;
        let record = &self.store.records[at];
        let holds = record.progress.state == OperationState::Holding && record.kind() != OperationKind::Deploy;
        let strangers = Relief::Strangers(record.operation.plan.to.slot);
        let takes_back = holds && !self.is_helped(&[Relief::Traffic, strangers.clone()]);
        if takes_back && record.progress.reason.contains("run another release") {
            self.plan_act(Act::Relieve(strangers), 10, HELP_SECS);
        } else if takes_back && self.checker.is_foreign() {
            self.plan_act(Act::Relieve(Relief::Traffic), 10, HELP_SECS);
        }
        self.somebody_promotes(at);
        self.somebody_decides(at);
        if paused && !self.is_planned(|act| matches!(act, Act::Command(_) | Act::Recover(_))) {
            self.plan_act(Act::Command(CommandKind::Resume), 1, 60);
        }
    }

    /// One of these is on its way, no later than a person who is called would come.
    fn is_helped(&self, by: &[Relief]) -> bool {
        let soon = self.clock.plus(Millis::secs(HELP_SECS));
        self.agenda.iter().any(|(at, _, act)| *at <= soon && matches!(act, Act::Relieve(relief) if by.contains(relief)))
    }

    /// A canary that nobody judges waits for a person before it gets everything; some are told so in time.
    fn somebody_promotes(&mut self, at: usize) {
        let progress = &self.store.records[at].progress;
        let waits = progress.state == OperationState::Holding && progress.reason.contains("promote to");
        if self.script.promotes && waits && !self.is_planned(|act| matches!(act, Act::Consent)) {
            self.plan_act(Act::Consent, 10, 900);
        }
    }

    /// What the hand that moved traffic would put back: all of it on the stable group, or where it was while that group is launched anew.
    pub fn put_right(&self) -> Vec<Disturbance> {
        let stable = self.active().and_then(Record::empties_for).unwrap_or(self.checker.stable);
        let group = |slot| self.ground.group(slot).clone();
        match self.ground.route() {
            Route::Weighted { place, .. } => {
                vec![Disturbance::SetWeights { place: place.arn().clone(), weights: self.checker.all_on(stable) }]
            }
            _ if self.ground.is_one_group() => Vec::new(),
            Route::Attached { target_group } => vec![
                Disturbance::Attach { group: group(stable), target_group: target_group.clone() },
                Disturbance::Detach { group: group(stable.other()), target_group: target_group.clone() },
            ],
            Route::None => Vec::new(),
        }
    }
}
