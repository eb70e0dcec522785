//! `qd deploy`, `qd rollback` and `qd recycle`: plan, ask, execute, follow.

use super::super::ask::{consent, someone_must_answer};
use super::super::exit::Exit;
use super::super::failure::{Failure, of_fleet};
use super::super::follow::{Until, Watch, until_driven, watch};
use super::super::operation_document::OperationDoc;
use super::super::options::{ActOptions, strategy};
use super::super::output::Output;
use super::super::plan_document::PlanDoc;
use super::super::plan_text::plan_text;
use super::bake;
use super::rehearse::rehearse;
use super::several::{BATCH, several};
use crate::domain::fleet::Strategy;
use crate::domain::ids::{FleetName, OperationId};
use crate::operation::any::AnyView;
use crate::operation::event::OperationState;
use crate::operation::intent::Intent;
use crate::operation::plan::{OperationKind, Plan, Refusal};
use crate::operation::record::OperationView;
use crate::ports::desk::{DeskError, Records};

/// `qd deploy`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct DeployArgs {
    /// The fleet
    pub fleet: String,
    /// The image: its version or its id
    #[arg(long, value_name = "VERSION|AMI")]
    pub image: String,
    /// Another strategy than the fleet's own: canary, blue-green or rolling
    #[arg(long, value_parser = strategy)]
    pub strategy: Option<Strategy>,
    /// Also an image whose gates failed: says why, and takes the fleet's name
    #[arg(long, requires = "reason")]
    pub despite_gates: bool,
    /// How it is confirmed and followed
    #[command(flatten)]
    pub act: ActOptions,
}

/// `qd rollback`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct RollbackArgs {
    /// The fleet; several are rolled back side by side, the fast ones first
    #[arg(required = true)]
    pub fleets: Vec<String>,
    /// A release of its ledger; the last known good where none is named
    #[arg(long, value_name = "VERSION|AMI")]
    pub to: Option<String>,
    /// Try it out up to its first write: changes nothing
    #[arg(long, conflicts_with_all = ["plan", "yes", "follow", "detach", "reason"])]
    pub rehearse: bool,
    /// With several fleets: so many are started at once
    #[arg(long, value_name = "N", default_value_t = BATCH, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub batch: u16,
    /// How it is confirmed and followed
    #[command(flatten)]
    pub act: ActOptions,
}

/// `qd recycle`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct RecycleArgs {
    /// The fleet
    pub fleet: String,
    /// How it is confirmed and followed
    #[command(flatten)]
    pub act: ActOptions,
}

/// A new release.
pub(in super::super) async fn deploy(desk: &dyn Records, args: &DeployArgs, out: &mut Output) -> Result<Exit, Failure> {
    let intent =
        Intent::Deploy { fleet: FleetName::new(&args.fleet), image: args.image.clone(), strategy: args.strategy, despite_gates: args.despite_gates };
    act(desk, &intent, &args.act, out).await
}

/// Back to a release that was stable.
pub(in super::super) async fn rollback(desk: &dyn Records, args: &RollbackArgs, out: &mut Output) -> Result<Exit, Failure> {
    let [fleet] = args.fleets.as_slice() else { return several(desk, args, out).await };
    let intent = Intent::Rollback { fleet: FleetName::new(fleet), to: args.to.clone() };
    if args.rehearse {
        return rehearse(desk, &intent, args.act.json, out).await;
    }
    match act(desk, &intent, &args.act, out).await {
        Err(Failure::Desk(refused)) if !args.act.plan => join(desk, &intent, refused, &args.act, out).await,
        other => other,
    }
}

/// Two people want the same: the second watches what the first began.
async fn join(desk: &dyn Records, intent: &Intent, refused: DeskError, options: &ActOptions, out: &mut Output) -> Result<Exit, Failure> {
    let Intent::Rollback { fleet, to } = intent else { return Err(refused.into()) };
    let operations = desk.operations(0).unwrap_or_default();
    let Some(first) = operations.iter().find(|view| rolls_back(view, fleet, to.as_deref())) else { return Err(refused.into()) };
    let (id, operation) = (&first.operation.id, &first.operation);
    out.notice(&format!("joined: {} was first, rollback {id} of {fleet} to {} is at work", operation.by.short(), operation.plan.to.label()));
    started(desk, id, options, out).await
}

/// A rollback of the fleet that is at work or about to be, to this release if one is named.
fn rolls_back(view: &OperationView, fleet: &FleetName, to: Option<&str>) -> bool {
    let plan = &view.operation.plan;
    let is_meant = |wanted: &str| plan.to.image.as_str() == wanted || plan.to.version.as_ref().is_some_and(|version| version.raw() == wanted);
    let at_work = match view.state() {
        OperationState::Planned => true,
        OperationState::Paused => false,
        state => !state.is_final() && view.driver_alive,
    };
    plan.kind == OperationKind::Rollback && plan.fleet == *fleet && at_work && to.is_none_or(is_meant)
}

/// Fresh servers of the same image.
pub(in super::super) async fn recycle(desk: &dyn Records, args: &RecycleArgs, out: &mut Output) -> Result<Exit, Failure> {
    act(desk, &Intent::Recycle { fleet: FleetName::new(&args.fleet) }, &args.act, out).await
}

async fn act(desk: &dyn Records, intent: &Intent, options: &ActOptions, out: &mut Output) -> Result<Exit, Failure> {
    someone_must_answer(options, out)?;
    let plan = match desk.plan(intent).await {
        Ok(plan) => plan,
        Err(error) => return Err(of_fleet(desk, intent.fleet(), error).await.into()),
    };
    show(&plan, options, out);
    if options.plan {
        return Ok(Exit::Done);
    }
    may_change(desk)?;
    let Some(consent) = consent(&plan, options, out)? else {
        out.notice("qd: not confirmed: nothing was changed");
        return Ok(Exit::Failed);
    };
    let id = desk.execute(intent, &plan, consent.reason, consent.typed).await?;
    started(desk, &id, options, out).await
}

/// The plan, unless `--yes` says that nobody reads it. JSON leaves standard output to the documents that follow.
fn show(plan: &Plan, options: &ActOptions, out: &mut Output) {
    match (options.plan, options.json) {
        (true, true) => out.json(&PlanDoc::new(plan)),
        (true, false) => out.text(&plan_text(plan, out.width())),
        (false, _) if options.yes => {}
        (false, true) => out.notice(&plan_text(plan, out.width())),
        (false, false) => out.text(&plan_text(plan, out.width())),
    }
}

pub(super) fn may_change(desk: &dyn Records) -> Result<(), DeskError> {
    if desk.header().read_only {
        return Err(Refusal::new("nothing can be changed with --read-only", "run it without --read-only, or with --plan").into());
    }
    Ok(())
}

pub(super) async fn started(desk: &dyn Records, id: &OperationId, options: &ActOptions, out: &mut Output) -> Result<Exit, Failure> {
    if options.detach {
        return detached(desk, id, options.json, out).await;
    }
    let how = Watch { until: Until::Goal, events: true, json: options.json, limit: None };
    Ok(watch(desk, id, how, out).await?)
}

async fn detached(desk: &dyn Records, id: &OperationId, json: bool, out: &mut Output) -> Result<Exit, Failure> {
    let view = until_driven(desk, id).await?;
    match &view {
        AnyView::Rollout(view) if json => out.json(&OperationDoc::new(view)),
        AnyView::Bake(view) if json => bake::document(view, bake::at(desk, std::slice::from_ref(view)), out),
        _ => out.text(&format!("{} is {}; `qd watch {id}` shows it", view.named(), view.state().word())),
    }
    match view.state() {
        OperationState::Failed => Err(DeskError::other(format!("{id} failed: {}", view.reason()), format!("`qd op {id}` shows its events")).into()),
        _ => Ok(Exit::Done),
    }
}
