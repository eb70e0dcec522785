//! What the witness says of steps and operations that end: none ends well that may not, by what was seen and counted here.

use quarterdeck::domain::fleet::Route;
use quarterdeck::domain::observation::{AlarmState, FleetObservation};
use quarterdeck::operation::event::{EventBody, OperationState, StepOutcome, VerdictWord};
use quarterdeck::operation::ledger::{LedgerEntry, known_releases};
use quarterdeck::operation::plan::{OperationKind, StepKind};

use super::{Scene, Witness};
use crate::sim::Broke;

impl Witness {
    /// Something is recorded; `progress` is that before it.
    pub fn records(&self, scene: Scene<'_>, body: &EventBody) -> Result<(), Broke> {
        match body {
            EventBody::StepEnded { step, outcome: StepOutcome::Success | StepOutcome::Warning, .. } => self.step_ended(scene, *step),
            EventBody::StepEnded { step, outcome: StepOutcome::Skipped, .. } if !scene.progress.promoted && !scene.migrates(*step) => {
                Err("S21: a soak is left out, and nobody said so".to_owned())
            }
            EventBody::BecameStable => self.became_stable(scene),
            EventBody::SoakBegan { .. } => self.soak_began(scene),
            _ => Ok(()),
        }
    }

    /// S21: no step of a deploy ends well past a gate that did not let it pass, a hold that nobody ended, or an alarm that is not green.
    fn guards_passed(&self, scene: Scene<'_>, step: usize, kind: Option<StepKind>) -> Result<(), Broke> {
        if kind == Some(StepKind::Gates) {
            let shut = (0..scene.plan.gates.len()).find(|number| self.gates.get(&(scene.id.clone(), *number)) != Some(&true));
            return shut.map_or(Ok(()), |number| Err(format!("S21: gate {number} did not let it pass")));
        }
        if kind == Some(StepKind::Approve) && !self.promoted.contains(&(scene.id.clone(), step)) {
            return Err("S21: it goes on and nobody said so".to_owned());
        }
        let gated = scene.is_forward() && scene.plan.refresh.is_none() && !scene.progress.promoted && !scene.plan.scope.alarms.is_empty();
        let green = |seen: &FleetObservation| seen.alarms.value().is_some_and(|all| all.iter().all(|alarm| alarm.state == AlarmState::Ok));
        match self.seen.as_ref().filter(|_| gated) {
            Some(seen) if !green(seen) => Err(format!("S21: step {step} ends well while an alarm is not green")),
            _ => Ok(()),
        }
    }

    fn step_ended(&self, scene: Scene<'_>, step: usize) -> Result<(), Broke> {
        let kind = scene.plan.steps.get(step).map(|step| step.kind);
        if kind == Some(StepKind::Window) && !scene.progress.promoted && self.watched.observed < scene.plan.window {
            return Err(format!("S4: the window of {} ended after {} of it were seen", scene.plan.window, self.watched.observed));
        }
        self.guards_passed(scene, step, kind)?;
        let Some(StepKind::Weight(weight)) = kind else { return Ok(()) };
        let verdict = scene.progress.steps.get(step).and_then(|status| status.verdict.as_ref()).map(|verdict| verdict.word);
        if verdict == Some(VerdictWord::Fail) {
            return Err("S22: a step with a failed verdict is passed".to_owned());
        }
        if scene.plan.judged && verdict != Some(VerdictWord::Pass) {
            return Err(format!("S21: a step is passed on {verdict:?}"));
        }
        if self.watched.observed < weight.soak {
            return Err(format!("S21: a soak of {} ended after {} of it were seen", weight.soak, self.watched.observed));
        }
        Ok(())
    }

    /// Where servers are the share, they are all there, and were seen healthy, before its soak begins.
    fn soak_began(&self, scene: Scene<'_>) -> Result<(), Broke> {
        let Some(StepKind::Weight(weight)) = scene.step().filter(|_| !matches!(self.ground.route(), Route::Weighted { .. })) else { return Ok(()) };
        let wanted = scene.plan.scope.route.servers_for(scene.plan.need, weight.weight_pct).max(1);
        match self.seen.as_ref().and_then(|seen| seen.healthy(scene.plan.to.slot)) {
            Some(healthy) if healthy >= wanted => Ok(()),
            healthy => Err(format!("S17: a soak at {}% begins with {healthy:?} healthy of {wanted}", weight.weight_pct)),
        }
    }

    /// Workers of the release before go on beside it until their window is over; everywhere else it has all of the traffic by then.
    fn became_stable(&self, scene: Scene<'_>) -> Result<(), Broke> {
        if let Some(seen) = self.seen.as_ref().filter(|_| self.ground.is_one_group()) {
            let strangers = seen.strangers(scene.plan.to.slot, scene.progress.candidate_version.unwrap_or_default()).map(|servers| servers.len());
            if strangers != Some(0) {
                return Err(format!("S2: called stable while {strangers:?} servers run another release"));
            }
        }
        let least = scene.plan.timing.stable_gap.times(2);
        let (slot, seen) = (scene.plan.to.slot, self.seen.as_ref());
        let share = match self.ground.route() {
            Route::None => seen.and_then(|seen| seen.healthy(slot)).filter(|healthy| *healthy >= scene.plan.need).map(|_| 1.0),
            _ => seen.and_then(|seen| seen.share(slot)),
        };
        if share != Some(1.0) || self.watched.observed < least {
            return Err(format!("S4: called stable with a share of {share:?}, seen for {}", self.watched.observed));
        }
        Ok(())
    }

    /// An operation is over.
    pub fn ended(&self, scene: Scene<'_>, ledger: &[LedgerEntry]) -> Result<(), Broke> {
        let share = self.seen.as_ref().and_then(|seen| seen.share(scene.plan.to.slot)).unwrap_or(0.0);
        if self.ground.is_one_group() {
            return self.only_group_ended(scene).and_then(|()| self.marked(scene, ledger));
        }
        match (scene.plan.kind, scene.progress.state) {
            (OperationKind::Deploy, OperationState::BackedOut) if share > 0.0 && scene.progress.calls.intended > 0 => {
                return Err(format!("S12: it backed out and the candidate has share {share}"));
            }
            (OperationKind::Rollback, OperationState::Succeeded) if scene.progress.traffic_on_target_at.is_none() => {
                return Err(format!("S5: the way back is over and its target never had the traffic, its share is {share}"));
            }
            _ => {}
        }
        self.marked(scene, ledger)
    }

    /// What a way back leaves in a fleet of one group: not a server of what it goes away from.
    fn only_group_ended(&self, scene: Scene<'_>) -> Result<(), Broke> {
        let good = match (scene.plan.kind, scene.progress.state) {
            (OperationKind::Deploy, OperationState::BackedOut | OperationState::RolledBack) => scene.plan.from.template_version,
            (OperationKind::Rollback, OperationState::Succeeded) => scene.progress.candidate_version.or(scene.plan.to.template_version),
            _ => return Ok(()),
        };
        let strangers = self.seen.as_ref().zip(good).and_then(|(seen, good)| Some(seen.strangers(scene.plan.to.slot, good)?.len()));
        match strangers {
            // What could not be seen at the very end was seen well before.
            Some(0) | None => Ok(()),
            _ if scene.progress.calls.intended == 0 => Ok(()),
            _ => Err(format!("S12: it ended {} and {strangers:?} servers run something else", scene.progress.state.word())),
        }
    }

    /// S5: a bad release is marked.
    fn marked(&self, scene: Scene<'_>, ledger: &[LedgerEntry]) -> Result<(), Broke> {
        if scene.plan.kind != OperationKind::Rollback || scene.progress.state != OperationState::Succeeded || !scene.plan.leaves_bad {
            return Ok(());
        }
        let left = scene.plan.from.template_version.map(|version| scene.plan.from.release(version));
        let known = known_releases(ledger).into_iter().find(|known| left.as_ref().is_some_and(|left| known.release.is_same(left)));
        match known {
            Some(known) if known.marked.is_none() => Err(format!("S5: {} was rolled back from and is not marked", known.release.label())),
            _ => Ok(()),
        }
    }
}
