//! `qd report ID`: the post-mortem of an operation as Markdown.

use super::super::exit::Exit;
use super::super::failure::{Failure, any_operation};
use super::super::output::Output;
use crate::app::report::markdown;
use crate::operation::any::AnyView;
use crate::ports::desk::{DeskError, Records};

/// `qd report`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct ReportArgs {
    /// The operation's id
    pub id: String,
}

/// Prints it.
pub(in super::super) fn run(desk: &dyn Records, args: &ReportArgs, out: &mut Output) -> Result<Exit, Failure> {
    match any_operation(desk, &args.id)? {
        AnyView::Rollout(view) => {
            out.document(&markdown(&view));
            Ok(Exit::Done)
        }
        AnyView::Bake(_) => {
            Err(DeskError::other(format!("{} is a bake: a report is of what changes a fleet", args.id), "`qd op` shows a bake").into())
        }
    }
}
