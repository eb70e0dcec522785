//! Picking up, unattended, what nobody drives: each operation gets a driver again, and what one left that cannot go on is given back.

use std::collections::BTreeSet;

use super::launch::start_driver;
use super::office::Office;
use crate::adapters::store::NewOperation;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;
use crate::operation::any::AnyView;
use crate::operation::bake::BakeView;
use crate::operation::damage::DamagedOperation;
use crate::operation::event::OperationState;
use crate::operation::intent::Intent;
use crate::operation::plan::{BUILD, OperationKind, Plan};
use crate::operation::record::OperationView;
use crate::operation::schema::given_up_for;
use crate::ports::desk::{Desk, DeskError, Recovered, Recovery};

/// So many finished operations are looked at for what they left.
const FINISHED: usize = 200;
/// Whoever confirmed an operation starts its driver within this, or ends it.
const STARTING: Millis = Millis::mins(2);

impl Office {
    /// Gives every operation without a driver one, closes what cannot go on, and has given back what is left of it. One that fails does not
    /// keep the others from theirs.
    pub(super) async fn recover_all(&self) -> Result<Vec<Recovered>, DeskError> {
        self.may_write()?;
        self.read_clock().await?;
        let listed = self.store.listed(FINISHED)?;
        let mut done = Vec::new();
        for view in listed.whole.iter().filter(|view| !view.state().is_final() && !view.driver_alive) {
            done.extend(self.recover_one(view).await);
        }
        for bake in self.store.bakes(0)?.iter().filter(|bake| !bake.driver_alive) {
            done.extend(self.recover_bake(bake).await);
        }
        match self.sweep_bakes().await {
            Ok(Some(id)) => done.push(bake_report(&id, Ok((Recovery::GivesBack, "removes what bakes left past its time to live".to_owned())))),
            Ok(None) => {}
            // A cloud that cannot be listed keeps nobody's driver from its operation.
            Err(error) => tracing::warn!("what bakes left was not looked for: {error}"),
        }
        for damaged in listed.damaged.iter().filter(|damaged| damaged.unfinished) {
            done.push(self.recover_damaged(damaged).await);
        }
        let mut seen = BTreeSet::new();
        for view in &listed.whole {
            let newest = seen.insert(view.operation.plan.fleet.clone());
            if newest && view.state() == OperationState::Failed {
                done.extend(self.recover_failed(view).await);
            }
        }
        Ok(done)
    }

    async fn recover_one(&self, view: &OperationView) -> Option<Recovered> {
        let (id, plan) = (&view.operation.id, &view.operation.plan);
        let waits_for_its_first = view.state() == OperationState::Planned && view.lease.is_none() && plan.kind != OperationKind::Retire;
        if waits_for_its_first && self.now().since(view.operation.created_at) < STARTING {
            return None;
        }
        let report = |outcome| report(id, &plan.fleet, outcome);
        if waits_for_its_first && plan.kind == OperationKind::Deploy {
            let ended = self.give_up(id, "no driver ever took it, and whoever confirmed it does not wait any more");
            return Some(report(Ok((Recovery::Ended, ended.to_string()))));
        }
        Some(match (view.undrivable(BUILD), plan.kind) {
            (None, _) => report(self.take_over(id).await.map(|()| (Recovery::Started, "has a driver again".to_owned()))),
            (Some(why), OperationKind::Retire) => report(self.give_back(&plan.fleet, id, &why.reason).await.map(|given| told(given, id))),
            (Some(why), OperationKind::Rollback) => report(self.go_back_again(plan, &why.reason).await),
            (Some(why), _) => report(Err(why.into())),
        })
    }

    /// A bake goes on with a new driver; one that another build planned has what it made removed by the sweep, once its time to live is over.
    async fn recover_bake(&self, view: &BakeView) -> Option<Recovered> {
        let id = &view.operation.id;
        let waits_for_its_first = view.state() == OperationState::Planned && view.lease.is_none();
        if waits_for_its_first && self.now().since(view.operation.created_at) < STARTING {
            return None;
        }
        if waits_for_its_first {
            let ended = self.give_up(id, "no driver ever took it, and whoever confirmed it does not wait any more");
            return Some(bake_report(id, Ok((Recovery::Ended, ended.to_string()))));
        }
        Some(bake_report(id, self.take_over(id).await.map(|()| (Recovery::Started, "has a driver again".to_owned()))))
    }

    async fn recover_damaged(&self, damaged: &DamagedOperation) -> Recovered {
        let outcome = if damaged.holds {
            Err(crate::operation::plan::Refusal::new(damaged.sentence(), damaged.remedy()).into())
        } else {
            self.give_back(&damaged.fleet, &damaged.id, &damaged.sentence()).await.map(|given| told(given, &damaged.id))
        };
        report(&damaged.id, &damaged.fleet, outcome)
    }

    /// An operation that failed may have left something; most leave nothing, and nothing is said of them.
    async fn recover_failed(&self, view: &OperationView) -> Option<Recovered> {
        let (id, fleet) = (&view.operation.id, &view.operation.plan.fleet);
        let given = self.give_back(fleet, id, &format!("{id} failed")).await.transpose()?;
        Some(report(id, fleet, given.map(|given| told(Some(given), id))))
    }

    /// The operation that gives back what `left` left, with a driver of its own; none if there is nothing.
    async fn give_back(&self, fleet: &FleetName, left: &OperationId, why: &str) -> Result<Option<OperationId>, DeskError> {
        match self.plan_to_give_back(fleet).await? {
            Some(plan) => self.begin(plan, Some(given_back_for(left, why))).await.map(Some),
            None => Ok(None),
        }
    }

    async fn plan_to_give_back(&self, fleet: &FleetName) -> Result<Option<Plan>, DeskError> {
        let (spec, _) = self.spec(fleet).await?;
        let gathered = self.gather(&spec).await?;
        let setting = self.setting();
        Ok(crate::plan::give_back::plan(&gathered.facts(&setting, &spec))?)
    }

    /// The operation that gives back what a rollback grew for a target that no schema lets in any more, for the driver that gave it up to go on with;
    /// none if there is nothing. What a person has to decide stays as it is, and `qd doctor` lists it.
    pub(super) async fn after_giving_up(&self, id: &OperationId) -> Result<Option<OperationId>, DeskError> {
        let AnyView::Rollout(view) = self.store.any_operation(id)? else { return Ok(None) };
        let Some(why) = given_up_for(&view.operation.plan, &view.progress) else { return Ok(None) };
        let Some(plan) = self.plan_to_give_back(&view.operation.plan.fleet).await? else { return Ok(None) };
        let new = NewOperation { plan, by: view.operation.by.clone(), reason: Some(given_back_for(id, &why)), at: self.now() };
        Ok(Some(self.store.create(&new).map_err(|error| self.was_faster(error, &new.plan))?))
    }

    /// A rollback that another build planned goes to the same release by a plan of this one.
    async fn go_back_again(&self, plan: &Plan, why: &str) -> Result<(Recovery, String), DeskError> {
        let to = plan.to.version.as_ref().map_or_else(|| plan.to.image.to_string(), |version| version.raw().to_owned());
        let again = self.make_plan(&Intent::Rollback { fleet: plan.fleet.clone(), to: Some(to) }).await?;
        let id = self.begin(again, Some(format!("planned again: {why}").into())).await?;
        Ok((Recovery::PlannedAgain, format!("{id} goes back to {} in its place", plan.to.label())))
    }

    /// Writes a plan down and starts its driver.
    pub(super) async fn begin(&self, plan: Plan, reason: Option<Untrusted>) -> Result<OperationId, DeskError> {
        let new = NewOperation { plan, by: self.who().await, reason, at: self.now() };
        let id = self.store.create(&new).map_err(|error| self.was_faster(error, &new.plan))?;
        let child = start_driver(self, &id);
        self.await_driver(&id, child).await?;
        Ok(id)
    }
}

fn given_back_for(left: &OperationId, why: &str) -> Untrusted {
    format!("gives back what {left} left: {why}").into()
}

fn told(given: Option<OperationId>, left: &OperationId) -> (Recovery, String) {
    match given {
        Some(id) => (Recovery::GivesBack, format!("{id} gives back what {left} left")),
        None => (Recovery::NothingLeft, format!("{left} left nothing to give back")),
    }
}

fn report(operation: &OperationId, fleet: &FleetName, outcome: Result<(Recovery, String), DeskError>) -> Recovered {
    Recovered { fleet: Some(fleet.clone()), ..bake_report(operation, outcome) }
}

fn bake_report(operation: &OperationId, outcome: Result<(Recovery, String), DeskError>) -> Recovered {
    let (operation, fleet) = (operation.clone(), None);
    match outcome {
        Ok((outcome, text)) => Recovered { operation, fleet, outcome, text, hint: None },
        Err(error) => {
            let outcome = if matches!(error, DeskError::Refused(_)) { Recovery::NeedsPerson } else { Recovery::Failed };
            Recovered { operation, fleet, outcome, text: error.to_string(), hint: Some(error.hint().to_owned()) }
        }
    }
}
