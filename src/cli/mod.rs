//! The command line: what was asked, read into plain data; and every command that asks the desk.
//!
//! `parse` reads arguments into an [`Invocation`] without touching anything. Its [`Work`] says who does it: the screen, a driver and the
//! simulated cloud itself are started by whoever wires the program; everything else is [`run`] with a desk.

mod ask;
mod bake_document;
pub mod commands;
mod documents;
mod event_document;
mod exit;
mod failure;
mod follow;
mod gc_text;
mod image_document;
mod image_text;
mod json;
mod login;
mod manual;
mod operation_document;
mod options;
mod output;
mod parse;
mod plan_document;
mod plan_text;
mod screen_document;
mod step_document;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

pub use exit::Exit;
pub use failure::report;
pub use json::to_string as json_line;
pub use options::{ActOptions, GlobalOptions};
pub use output::Output;
pub use parse::{Command, Early, Invocation, Work, parse, parse_from};
pub use screen_document::{screen_document, word as screen_word};

use crate::operation::command::CommandKind;
use crate::ports::desk::Records;
use commands::{act, alarms, bake, doctor, fleet, fleets, freeze, gc, image, images, ledger, ops, report, steer, suspects, watch};
use failure::{Failure, report_failure, sentence};

/// Runs a command that asks the desk, and says how it ended. What went wrong is on standard error by then.
pub async fn run(desk: Arc<dyn Records>, command: Command, out: &mut Output) -> Exit {
    let exit = match dispatch(desk.as_ref(), &command, out).await {
        Ok(exit) => exit,
        Err(failure) => report_failure(out, &failure),
    };
    match out.take_broken() {
        Some(error) => {
            sentence(out, &format!("the answer could not be written: {error}"), "check where standard output goes");
            Exit::Failed
        }
        None => exit,
    }
}

async fn dispatch(desk: &dyn Records, command: &Command, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Alarms(args) => alarms::run(desk, args, out).await,
        Command::Gc(args) => gc::run(desk, args, out).await,
        Command::Image(command) => image::run(desk, command, out).await,
        Command::Images(args) => images::run(desk, args, out).await,
        Command::Fleets(args) => fleets::run(desk, args, out).await,
        Command::Fleet(args) => fleet::run(desk, args, out).await,
        Command::Deploy(args) => act::deploy(desk, args, out).await,
        Command::Rollback(args) => act::rollback(desk, args, out).await,
        Command::Recycle(args) => act::recycle(desk, args, out).await,
        Command::Bake(args) => bake::bake(desk, args, out).await,
        Command::Bakes(args) => bake::list(desk, args, out),
        Command::Abort(args) => bake::abort(desk, args, out).await,
        Command::Ops(args) => ops::list(desk, args, out),
        Command::Op(args) => ops::show(desk, args, out),
        Command::Suspects(args) => suspects::run(desk, args, out),
        Command::Report(args) => report::run(desk, args, out),
        Command::Watch(args) => watch::events(desk, args, out).await,
        Command::Wait(args) => watch::end(desk, args, out).await,
        Command::Pause(args) => steer::run(desk, CommandKind::Pause, args, out).await,
        Command::Resume(args) => steer::run(desk, CommandKind::Resume, args, out).await,
        Command::Promote(args) => steer::run(desk, CommandKind::Promote, args, out).await,
        Command::BackOut(args) => steer::run(desk, CommandKind::BackOut, args, out).await,
        Command::Ledger(args) => ledger::run(desk, args, out).await,
        Command::Freeze(args) => freeze::freeze(desk, args, out).await,
        Command::Unfreeze(args) => freeze::unfreeze(desk, args, out).await,
        Command::Doctor(args) => doctor::run(desk, args, out).await,
        Command::Drive(args) => match &args.operation {
            Some(id) if args.take_over => watch::take_over(desk, id, out).await,
            Some(_) => Err(Failure::Usage("a driver is started by the program itself, not from here".to_owned())),
            None => watch::recover(desk, args.json, out).await,
        },
        Command::Judge(_) | Command::Keys(_) | Command::Recipe(_) | Command::Sim(_) | Command::Completions(_) | Command::Man(_) => {
            Err(Failure::Usage("this needs no desk".to_owned()))
        }
    }
}
