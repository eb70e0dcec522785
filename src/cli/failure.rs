//! What a command ends with when it does not work: a sentence, a hint and an exit code.

use super::exit::Exit;
use super::output::Output;
use crate::config::ConfigError;
use crate::domain::ids::{FleetName, OperationId};
use crate::domain::suggest::nearest;
use crate::operation::any::AnyView;
use crate::operation::plan::Refusal;
use crate::operation::record::OperationView;
use crate::ports::desk::{Desk, DeskError, Records};

/// Why a command ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something behind the command line said no.
    Desk(DeskError),
    /// It was asked in a way that makes no sense here.
    Usage(String),
}

impl From<DeskError> for Failure {
    fn from(error: DeskError) -> Self {
        Self::Desk(error)
    }
}

impl From<ConfigError> for DeskError {
    fn from(error: ConfigError) -> Self {
        Self::other(error.message, error.hint)
    }
}

/// Says what went wrong on standard error, and which exit code that is.
pub fn report(out: &mut Output, error: &DeskError) -> Exit {
    sentence(out, &error.to_string(), error.hint());
    if matches!(error, DeskError::Refused(_)) { Exit::Refused } else { Exit::Failed }
}

/// Says something on standard error in the form of every failure.
pub(super) fn sentence(out: &mut Output, message: &str, hint: &str) {
    for line in message.lines() {
        out.notice(&format!("qd: {line}"));
    }
    if !hint.is_empty() {
        out.notice(&format!("hint: {hint}"));
    }
}

pub(super) fn report_failure(out: &mut Output, failure: &Failure) -> Exit {
    match failure {
        Failure::Desk(error) => report(out, error),
        Failure::Usage(message) => {
            sentence(out, message, "`qd --help` and `qd COMMAND --help` list what there is");
            Exit::Usage
        }
    }
}

/// The rollout of that id, or the nearest operation there is.
pub(super) fn operation(desk: &dyn Records, id: &str) -> Result<OperationView, DeskError> {
    match any_operation(desk, id)? {
        AnyView::Rollout(view) => Ok(*view),
        AnyView::Bake(_) => Err(Refusal::new(
            format!("{} is a bake, which is not steered like a rollout", OperationId::new(id)),
            format!("`qd abort {}` ends it", OperationId::new(id)),
        )
        .into()),
    }
}

/// The operation of that id, or the nearest one there is.
pub(super) fn any_operation(desk: &dyn Records, id: &str) -> Result<AnyView, DeskError> {
    let id = OperationId::new(id);
    desk.any_operation(&id).map_err(|error| {
        let (Ok(known), Ok(damaged)) = (desk.operations(500), desk.damaged(500)) else { return error };
        let is_there = known.iter().any(|view| view.operation.id == id) || damaged.iter().any(|damaged| damaged.id == id);
        if is_there || !matches!(error, DeskError::Other { .. }) {
            return error;
        }
        let near = nearest(id.as_str(), known.iter().map(|view| view.operation.id.as_str()));
        DeskError::other(format!("there is no operation '{id}'{}", did_you_mean(near)), "`qd ops --all` lists the operations of this store")
    })
}

/// The same error, unless what is wrong is that no fleet has that name: then the nearest one.
pub(super) async fn of_fleet(desk: &dyn Desk, name: &FleetName, error: DeskError) -> DeskError {
    if !matches!(error, DeskError::Other { .. }) {
        return error;
    }
    let Ok(estate) = desk.estate().await else { return error };
    let mut names = estate.fleets.iter().map(|fleet| fleet.spec.name.as_str());
    if !estate.gaps.is_empty() || names.clone().any(|known| known == name.as_str()) {
        return error;
    }
    let near = nearest(name.as_str(), &mut names);
    DeskError::other(format!("there is no fleet '{name}'{}", did_you_mean(near)), "`qd fleets` lists them")
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!(": did you mean {near}?"))
}
