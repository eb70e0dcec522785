//! The desk over an office: what screen and command line ask, answered from one cloud and its store.

use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use async_trait::async_trait;

use super::bake_log::waves_said;
use super::cloud::{Cloud, Urgency};
use super::gather::{records, unknown_fleet};
use super::launch::{log_end, log_path, start_driver, start_rebake};
use super::office::Office;
use super::proofs::begin_now;
use crate::adapters::host;
use crate::adapters::store::{CommandAnswer, StoreError};
use crate::domain::alarms::FleetAlarms;
use crate::domain::fleet::{Scope, Slot};
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::recipe::Recipe;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::answer::asked_before;
use crate::operation::any::AnyView;
use crate::operation::bake::{BakeAnswer, BakePlan, BakeView, BakeWish, Behind};
use crate::operation::command::{Command, CommandKind, Ruling, rule};
use crate::operation::event::{EventBody, OperationState};
use crate::operation::freeze::Freeze;
use crate::operation::intent::Intent;
use crate::operation::plan::{BUILD, Friction, OperationKind, Plan, Refusal};
use crate::operation::proof::Rehearsal;
use crate::operation::record::OperationView;
use crate::operation::sighting::Sighting;
use crate::operation::status::{Estate, FleetStatus};
use crate::plan::estate::{closer, estate, looked_at};
use crate::plan::rollback::rolls_back_already;
use crate::ports::desk::{Desk, DeskError, FleetDetail, Header, KnownRecipe, Seen, Sources};

/// How long a driver may take to show up before its operation is given up.
const DRIVER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a command's sender waits for its answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// How often both look.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[async_trait]
impl Desk for Office {
    fn header(&self) -> Header {
        let identity = self.known_identity();
        Header {
            place: self.place(),
            account: identity.map(|identity| identity.account.as_str().into()),
            caller: identity.map(|identity| identity.caller.clone()),
            simulated: matches!(self.cloud, Cloud::Sim(_)),
            read_only: self.settings.read_only,
            credentials_end: self.cloud.credentials_until().or_else(|| self.told_credentials_end()),
            time_scale: self.settings.time_scale,
            store: if self.store.is_shared() { format!("shared on {}", host::host_name().shown()) } else { "mine only".to_owned() },
            user: host::who("".into()).short(),
        }
    }

    fn now(&self) -> WorldTime {
        Self::now(self)
    }

    fn last_known(&self) -> Result<Option<Estate>, DeskError> {
        self.last_round()?.map(|seen| self.estate_of(&seen)).transpose()
    }

    fn sources(&self) -> Result<Sources, DeskError> {
        self.settings.ground.sources(Some(&*self.store))
    }

    async fn estate(&self) -> Result<Estate, DeskError> {
        self.identity().await?;
        self.adopt_declared().await?;
        if self.may_reuse(self.store.snapshot_time()?)
            && let Some(seen) = self.last_round()?.filter(|seen| seen.gaps.is_empty())
        {
            return self.estate_of(&seen);
        }
        let seen = self.look_around().await?;
        self.ask_schemas(&seen.specs).await;
        let mut estate = self.estate_of(&seen)?;
        if self.prove_standbys(&seen, &estate).await {
            estate = self.estate_of(&seen)?;
        }
        self.note_drift(&estate);
        begin_now(&mut estate);
        Ok(estate)
    }

    async fn alarms(&self) -> Result<FleetAlarms, DeskError> {
        self.watch_alarms().await
    }

    async fn fleet(&self, name: &FleetName) -> Result<FleetDetail, DeskError> {
        let (spec, seen) = self.spec(name).await?;
        self.read_clock().await?;
        self.ask_schemas(std::slice::from_ref(&spec)).await;
        self.close_look(name, &seen, &spec.scope()).await
    }

    fn store_version(&self) -> Result<u64, DeskError> {
        Ok(self.store.version()?)
    }

    fn operations(&self, finished: usize) -> Result<Vec<OperationView>, DeskError> {
        Ok(self.store.operations(finished)?)
    }

    async fn plan(&self, intent: &Intent) -> Result<Plan, DeskError> {
        self.make_plan(intent).await
    }

    async fn execute(&self, intent: &Intent, plan: &Plan, reason: Option<Untrusted>, typed: Option<Untrusted>) -> Result<OperationId, DeskError> {
        self.may_write()?;
        confirmed(plan, reason.as_ref(), typed.as_ref())?;
        let plan = if self.still_stands(plan)? { plan.clone() } else { self.plan_again(intent, plan).await? };
        confirmed(&plan, reason.as_ref(), typed.as_ref())?;
        self.begin(plan, reason).await
    }

    async fn command(
        &self,
        operation: &OperationId,
        kind: CommandKind,
        seen: Seen,
        reason: Option<Untrusted>,
        typed: Option<Untrusted>,
    ) -> Result<String, DeskError> {
        self.may_write()?;
        let view = self.store.any_operation(operation)?;
        if let Ruling::Refuse(why) = rule(view.state(), kind) {
            let before = asked_before(view.obeyed(), kind);
            return Err(Refusal::new(format!("{operation} cannot {}: {why}{before}", kind.word()), format!("look at it: `qd op {operation}`")).into());
        }
        let command = Command {
            id: 0,
            kind,
            step: seen.step,
            last_event: seen.last_event,
            by: self.who().await,
            reason,
            typed,
            sent_at: host::boot_now(),
            boot_id: host::boot_id(),
        };
        if !view.driver_alive() {
            drivable(&view)?;
        }
        let number = self.store.send_command(operation, &command)?;
        if !view.driver_alive() {
            self.start_for_command(operation, kind, number)?;
        }
        self.await_answer(operation, number).await
    }

    async fn rehearse(&self, intent: &Intent) -> Result<Rehearsal, DeskError> {
        self.try_out(intent).await
    }

    async fn take_over(&self, id: &OperationId) -> Result<(), DeskError> {
        self.may_write()?;
        let view = self.store.any_operation(id)?;
        if view.state().is_final() {
            return Err(Refusal::new(format!("{id} is finished: {}", view.state().word()), format!("look at it: `qd op {id}`")).into());
        }
        if view.driver_alive() {
            return Err(Refusal::new(format!("{id} has a driver"), format!("watch it: `qd watch {id}`")).into());
        }
        drivable(&view)?;
        let mut child = start_driver(self, id)?;
        let before = view.lease().map_or(0, |lease| lease.epoch);
        let asked = std::time::Instant::now();
        while asked.elapsed().as_secs() < 10 && !matches!(child.try_wait(), Ok(Some(_))) {
            if self.store.lease(id)?.is_some_and(|lease| lease.epoch > before && lease.holder.is_some()) {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let log = super::launch::log_end(&super::launch::log_path(self.store.dir(), id));
        Err(DeskError::other(format!("no driver took {id} over: {log}"), "its lease may still run: try again in half a minute"))
    }

    async fn freeze(&self, fleet: Option<&FleetName>, length: Millis, reason: Untrusted) -> Result<Freeze, DeskError> {
        self.put_freeze(fleet, length, reason).await
    }

    async fn unfreeze(&self, fleet: Option<&FleetName>, reason: Option<Untrusted>) -> Result<Option<Freeze>, DeskError> {
        self.lift_freeze(fleet, reason).await
    }

    fn bakes(&self, finished: usize) -> Result<Vec<BakeView>, DeskError> {
        Ok(self.store.bakes(finished)?)
    }

    async fn plan_bake(&self, wish: &BakeWish) -> Result<BakeAnswer, DeskError> {
        self.plan_a_bake(wish).await
    }

    async fn begin_bake(&self, plan: &BakePlan, reason: Option<Untrusted>) -> Result<OperationId, DeskError> {
        self.begin_a_bake(plan, reason).await
    }

    async fn behind(&self, recipes: &[Recipe]) -> Result<Vec<Behind>, DeskError> {
        self.images_behind(recipes).await
    }

    fn bake_log(&self, id: &OperationId, from: u64) -> Result<Vec<u8>, DeskError> {
        self.read_bake_log(id, from)
    }

    fn recipes(&self) -> Result<Vec<KnownRecipe>, DeskError> {
        self.settings.ground.recipes()
    }

    fn waves_said(&self) -> Result<Option<String>, DeskError> {
        waves_said(&self.store)
    }

    fn rebake(&self, recipes: &[PathBuf], wave: u16, reason: Option<&Untrusted>) -> Result<(), DeskError> {
        self.may_write()?;
        start_rebake(self, recipes, wave, reason)
    }
}

impl Office {
    fn place(&self) -> String {
        match &self.cloud {
            Cloud::Sim(_) => self.speed().map_or_else(|| "SIM".to_owned(), |speed| format!("SIM x{speed}")),
            #[cfg(feature = "aws")]
            Cloud::Aws(cloud) => crate::domain::text::escape(cloud.region()),
        }
    }

    /// What another process saw a moment ago is as good as what we would see now, and costs the account nothing.
    fn may_reuse(&self, made: Option<WorldTime>) -> bool {
        let now = host::wall_now();
        !matches!(self.cloud, Cloud::Sim(_)) && made.is_some_and(|made| made <= now && now.since(made).as_secs() < 5)
    }

    fn estate_of(&self, seen: &Sighting) -> Result<Estate, DeskError> {
        Ok(estate(seen, &records(&self.store, &seen.specs, seen.as_of)?))
    }

    async fn close_look(&self, name: &FleetName, round: &Sighting, scope: &Scope) -> Result<FleetDetail, DeskError> {
        let mut seen = self.cloud.reader(Urgency::Opened).observe(scope, self.depth_for(name, &scope.groups)?).await;
        if let Some(spec) = round.specs.iter().find(|spec| spec.name == *name) {
            self.age_seen(spec, &mut seen).await;
        }
        let healths = Slot::BOTH.into_iter().filter_map(|slot| seen.health.get(slot).value());
        let target_states = healths.flat_map(|health| health.targets.iter().map(|(id, state)| (id.clone(), *state))).collect();
        let round = looked_at(round, &seen);
        let mut status = self.status_in(&round, name)?;
        if self.proved_by(&status, &seen) {
            status = self.status_in(&round, name)?;
        }
        let alarms = seen.alarms.value().cloned().unwrap_or_default();
        let unread = seen.alarms.why().map(|why| format!("alarms: {}", why.shown()));
        let unknowns = seen.unknowns().into_iter().chain(unread).collect();
        let refresh = seen.refreshes().and_then(|refreshes| refreshes.first().cloned());
        Ok(FleetDetail { status: closer(&status, &seen), target_states, counts: seen.counts.clone(), alarms, refresh, unknowns })
    }

    fn status_in(&self, round: &Sighting, name: &FleetName) -> Result<FleetStatus, DeskError> {
        let found = self.estate_of(round)?.fleets.into_iter().find(|fleet| fleet.spec.name == *name);
        found.ok_or_else(|| unknown_fleet(name, &round.specs))
    }

    pub(super) fn may_write(&self) -> Result<(), DeskError> {
        if self.settings.read_only {
            return Err(Refusal::new("nothing can be changed in read-only mode", "leave --read-only away").into());
        }
        Ok(())
    }

    /// Somebody else confirmed the same rollback in the same moment: there is one of them, and this says whose.
    pub(super) fn was_faster(&self, error: StoreError, plan: &Plan) -> DeskError {
        let StoreError::Held(holder) = &error else { return error.into() };
        let same = |first: &OperationView| first.operation.plan.kind == plan.kind && first.operation.plan.to.image == plan.to.image;
        match self.store.operation(holder) {
            Ok(first) if plan.kind == OperationKind::Rollback && same(&first) => rolls_back_already(&first, &plan.to.label()).into(),
            _ => error.into(),
        }
    }

    /// The world may have moved since the sheet was opened: a deploy that would do something else is refused, a rollback with the same ends goes on.
    async fn plan_again(&self, intent: &Intent, shown: &Plan) -> Result<Plan, DeskError> {
        let now = self.make_plan(intent).await?;
        let same = now.id == shown.id || shown.kind == OperationKind::Rollback && same_ends(&now, shown);
        if same {
            return Ok(now);
        }
        Err(Refusal::new(format!("the fleet changed since this plan was made: {}", difference(shown, &now)), "look at the new plan and confirm that")
            .into())
    }

    /// Waits for the lease; without one the operation is given up and nothing was changed.
    pub(super) async fn await_driver(&self, id: &OperationId, child: Result<Child, DeskError>) -> Result<(), DeskError> {
        let mut child = match child {
            Ok(child) => child,
            Err(error) => return Err(self.give_up(id, &error.to_string())),
        };
        let asked = std::time::Instant::now();
        loop {
            if self.store.lease(id)?.is_some_and(|lease| lease.holder.is_some()) {
                return Ok(());
            }
            let view = self.store.any_operation(id)?;
            if view.state().is_final() {
                return Ok(());
            }
            let ended = matches!(child.try_wait(), Ok(Some(_)));
            if ended || asked.elapsed() >= DRIVER_PATIENCE {
                let log = log_end(&log_path(self.store.dir(), id));
                return Err(self.give_up(id, &format!("its driver did not come up: {log}")));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) fn give_up(&self, id: &OperationId, why: &str) -> DeskError {
        let ended = (|| {
            let view = self.store.any_operation(id)?;
            let lease = self.store.take_lease(id)?;
            let failed = EventBody::StateChanged { to: OperationState::Failed, reason: format!("nothing was changed: {why}"), deadline: None };
            match &view {
                AnyView::Rollout(view) => self.store.append(&view.operation, lease.epoch, &[failed], Self::now(self))?,
                AnyView::Bake(view) => self.store.append(&view.operation, lease.epoch, &[failed], Self::now(self))?,
            };
            self.store.release_lease(id, lease.epoch)
        })();
        if let Err(error) = ended {
            tracing::warn!("{id} could not be ended: {error}");
        }
        DeskError::other(format!("{id} was not started, nothing was changed: {why}"), "put that right and try again")
    }

    /// With no driver alive, back out and resume start one; the rest is refused.
    fn start_for_command(&self, id: &OperationId, kind: CommandKind, number: u64) -> Result<(), DeskError> {
        if matches!(kind, CommandKind::BackOut | CommandKind::Resume) {
            return start_driver(self, id).map(|_| ());
        }
        self.store.withdraw_command(number)?;
        Err(Refusal::new(format!("{id} has no driver that could {}", kind.word()), format!("have one take over first: `qd drive {id} --take-over`"))
            .into())
    }

    async fn await_answer(&self, id: &OperationId, number: u64) -> Result<String, DeskError> {
        let asked = std::time::Instant::now();
        while asked.elapsed() < ANSWER_PATIENCE {
            if let Some(answer) = self.store.command_answer(number)? {
                return told(id, answer);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        if !self.store.withdraw_command(number)? {
            // The driver was faster by a moment.
            if let Some(answer) = self.store.command_answer(number)? {
                return told(id, answer);
            }
        }
        Err(DeskError::other(
            format!("the driver of {id} did not answer in {}s; the command was withdrawn", ANSWER_PATIENCE.as_secs()),
            format!("look at it: `qd op {id}`"),
        ))
    }
}

/// A driver that would only refuse is not started.
pub(super) fn drivable(view: &AnyView) -> Result<(), DeskError> {
    view.undrivable(BUILD).map_or(Ok(()), |refusal| Err(refusal.into()))
}

fn told(id: &OperationId, answer: CommandAnswer) -> Result<String, DeskError> {
    if answer.accepted { Ok(answer.text) } else { Err(Refusal::new(answer.text, format!("look at it: `qd op {id}`")).into()) }
}

fn confirmed(plan: &Plan, reason: Option<&Untrusted>, typed: Option<&Untrusted>) -> Result<(), DeskError> {
    match &plan.friction {
        Friction::Confirm => Ok(()),
        Friction::Reason if reason.is_some_and(|reason| !reason.raw().trim().is_empty()) => Ok(()),
        Friction::Reason => Err(Refusal::new("a deploy in production needs a reason", "give one: `--reason TEXT`, or `i` on the sheet").into()),
        Friction::Typed { .. } if typed.is_some_and(|typed| typed.raw() == plan.fleet.as_str()) => Ok(()),
        Friction::Typed { because } => {
            Err(Refusal::new(format!("this goes against advice: {because}"), format!("type the fleet's name, {}", plan.fleet)).into())
        }
    }
}

fn same_ends(now: &Plan, shown: &Plan) -> bool {
    now.from.slot == shown.from.slot
        && now.to.image == shown.to.image
        && now.to.template_version == shown.to.template_version
        && now.level == shown.level
}

fn difference(shown: &Plan, now: &Plan) -> String {
    let ends = |plan: &Plan| format!("{} to {}", plan.from.label(), plan.to.label());
    let weights = |plan: &Plan| plan.actions.forwards().map(|(arn, weight)| format!("{} {weight}", arn.short())).collect::<Vec<_>>().join(", ");
    if ends(shown) != ends(now) {
        return format!("it was {}, it is {}", ends(shown), ends(now));
    }
    if weights(shown) != weights(now) {
        return format!("weights were {}, they are {}", weights(shown), weights(now));
    }
    if shown.supersedes != now.supersedes {
        return "another operation began or ended".to_owned();
    }
    "what its groups launch is another template version".to_owned()
}
