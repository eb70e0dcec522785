//! `qd freeze` and `qd unfreeze`: for a while nothing new goes forward; going back is never frozen.

use serde::Serialize;

use super::super::documents::FreezeDoc;
use super::super::exit::Exit;
use super::super::failure::{Failure, of_fleet};
use super::super::options::{freeze_length, reason};
use super::super::output::Output;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::time::Millis;
use crate::operation::freeze::Freeze;
use crate::operation::plan::OperationKind;
use crate::ports::desk::{DeskError, Records};

/// Which fleets are meant.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The fleet
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub fleet: Option<String>,
    /// All fleets of this store, also those that are found later
    #[arg(long)]
    pub all: bool,
}

/// `qd freeze`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct FreezeArgs {
    /// Which fleets
    #[command(flatten)]
    pub scope: Scope,
    /// How long, such as 4h; it ends by itself
    #[arg(long = "for", value_name = "DURATION", value_parser = freeze_length)]
    pub length: Millis,
    /// Why; recorded, and told to whoever is refused
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// `qd unfreeze`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct UnfreezeArgs {
    /// Which fleets
    #[command(flatten)]
    pub scope: Scope,
    /// Why; recorded
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct FrozenDoc<'a> {
    freeze: FreezeDoc<'a>,
    going_on: Vec<&'a OperationId>,
}

#[derive(Serialize)]
struct LiftedDoc<'a> {
    lifted: Option<FreezeDoc<'a>>,
    still: Vec<FreezeDoc<'a>>,
}

impl Scope {
    fn fleet(&self) -> Option<FleetName> {
        self.fleet.as_ref().map(FleetName::new)
    }

    fn shown(&self) -> String {
        self.fleet().map_or_else(|| "all fleets".to_owned(), |fleet| fleet.to_string())
    }
}

/// Puts a freeze, and says what goes on under it.
pub(in super::super) async fn freeze(desk: &dyn Records, args: &FreezeArgs, out: &mut Output) -> Result<Exit, Failure> {
    let fleet = args.scope.fleet();
    let freeze = match desk.freeze(fleet.as_ref(), args.length, args.reason.as_str().into()).await {
        Ok(freeze) => freeze,
        Err(error) => return Err(of_scope(desk, fleet.as_ref(), error).await.into()),
    };
    let under_way = desk.operations(0)?;
    let going_on: Vec<&OperationId> = under_way
        .iter()
        .filter(|view| freeze.covers(&view.operation.plan.fleet) && view.operation.plan.kind == OperationKind::Deploy)
        .map(|view| &view.operation.id)
        .collect();
    if args.json {
        out.json(&FrozenDoc { freeze: FreezeDoc::new(&freeze), going_on });
        return Ok(Exit::Done);
    }
    out.text(&format!("{}: frozen until {}; `{}` lifts it", args.scope.shown(), freeze.until.rfc3339(), freeze.lifted_by()));
    for id in going_on {
        out.text(&format!("{id} is under way and goes on: `qd pause {id}` or `qd back-out {id}` stops it"));
    }
    Ok(Exit::Done)
}

/// Lifts a freeze, and says what still holds.
pub(in super::super) async fn unfreeze(desk: &dyn Records, args: &UnfreezeArgs, out: &mut Output) -> Result<Exit, Failure> {
    let fleet = args.scope.fleet();
    let lifted = match desk.unfreeze(fleet.as_ref(), args.reason.as_deref().map(Into::into)).await {
        Ok(lifted) => lifted,
        Err(error) => return Err(of_scope(desk, fleet.as_ref(), error).await.into()),
    };
    let held = desk.freezes()?;
    let still: Vec<&Freeze> = held.iter().filter(|freeze| fleet.as_ref().is_none_or(|fleet| freeze.covers(fleet))).collect();
    if args.json {
        let still = still.into_iter().map(FreezeDoc::new).collect();
        out.json(&LiftedDoc { lifted: lifted.as_ref().map(FreezeDoc::new), still });
        return Ok(Exit::Done);
    }
    match lifted {
        Some(freeze) => out.text(&format!("{}: not frozen any more (was {})", args.scope.shown(), freeze.described())),
        None => out.text(&format!("{}: nothing to lift", args.scope.shown())),
    }
    for freeze in still {
        let whose = freeze.fleet.as_ref().map_or_else(String::new, |fleet| format!("{fleet} is "));
        out.text(&format!("still: {whose}{}; `{}` lifts it", freeze.described(), freeze.lifted_by()));
    }
    Ok(Exit::Done)
}

async fn of_scope(desk: &dyn Records, fleet: Option<&FleetName>, error: DeskError) -> DeskError {
    match fleet {
        Some(fleet) => of_fleet(desk, fleet, error).await,
        None => error,
    }
}
