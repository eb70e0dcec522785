//! `qd pause`, `resume`, `promote` and `back-out`: asking something of a running operation.

use serde::Serialize;

use super::super::ask::typed;
use super::super::exit::Exit;
use super::super::failure::{Failure, operation};
use super::super::options::reason;
use super::super::output::Output;
use crate::domain::ids::OperationId;
use crate::domain::text::Untrusted;
use crate::operation::command::CommandKind;
use crate::operation::event::OperationState;
use crate::operation::record::OperationView;
use crate::operation::schema::no_way_out;
use crate::ports::desk::{Records, Seen};

/// Asking something of an operation.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct SteerArgs {
    /// The operation's id
    pub id: String,
    /// Why; recorded, and required to promote past a hold or in production
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
    /// Answer the question for the fleet's name, where the risk asks for it
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct AnswerDoc<'a> {
    operation: &'a OperationId,
    command: &'static str,
    answer: &'a str,
}

/// Sends the command with what `qd op` shows now, and prints the answer.
pub(in super::super) async fn run(desk: &dyn Records, kind: CommandKind, args: &SteerArgs, out: &mut Output) -> Result<Exit, Failure> {
    let view = operation(desk, &args.id)?;
    let reason = why(&view, kind, args, out)?;
    let typed = name(&view, kind, args, out)?;
    let seen = Seen { step: view.progress.current, last_event: view.last_event().unwrap_or(0) };
    let answer = desk.command(&view.operation.id, kind, seen, reason, typed).await?;
    if kind == CommandKind::BackOut {
        for freeze in desk.freezes()?.iter().filter(|freeze| freeze.covers(&view.operation.plan.fleet)) {
            out.notice(&format!("qd: skips the freeze: {}", freeze.described()));
        }
    }
    if args.json {
        out.json(&AnswerDoc { operation: &view.operation.id, command: kind.word(), answer: &answer });
    } else {
        out.text(&format!("{} {}: {answer}", kind.word(), view.operation.id));
    }
    Ok(Exit::Done)
}

fn needs_reason(view: &OperationView, kind: CommandKind) -> bool {
    let running = view.state() == OperationState::Running && view.operation.plan.production;
    kind == CommandKind::Promote && (running || view.state() == OperationState::Holding)
}

/// What makes it dangerous, if anything does.
fn danger(view: &OperationView, kind: CommandKind) -> Option<String> {
    let plan = &view.operation.plan;
    match (kind, view.state()) {
        (CommandKind::Promote, OperationState::Waiting) => Some(format!("it ends the fast way back to {}", plan.from.label())),
        (CommandKind::Promote, _) if let Some(verdict) = view.progress.failed_verdict() => {
            let why = verdict.why().map_or_else(String::new, |why| format!(" ({why})"));
            Some(format!("{} was judged worse than stable{why}", plan.to.label()))
        }
        (CommandKind::BackOut, _) => no_way_out(plan, &view.progress),
        (CommandKind::Promote, _) => view.progress.alarms_against.clone(),
        _ => None,
    }
}

fn why(view: &OperationView, kind: CommandKind, args: &SteerArgs, out: &mut Output) -> Result<Option<Untrusted>, Failure> {
    if let Some(reason) = &args.reason {
        return Ok(Some(reason.as_str().into()));
    }
    if !needs_reason(view, kind) {
        return Ok(None);
    }
    let asked = if args.yes { None } else { out.ask("Reason:") };
    match asked.filter(|reason| !reason.is_empty()) {
        Some(reason) => Ok(Some(reason.into())),
        None => Err(Failure::Usage(format!("`{} {}` needs --reason TEXT now: it is recorded with the operation", kind.word(), view.operation.id))),
    }
}

fn name(view: &OperationView, kind: CommandKind, args: &SteerArgs, out: &mut Output) -> Result<Option<Untrusted>, Failure> {
    let name = view.operation.plan.fleet.as_str();
    let given = Some(Untrusted::from(name));
    match danger(view, kind) {
        _ if args.yes => Ok(given),
        None => Ok(None),
        Some(because) if out.can_ask() => {
            if typed(out, name, &because) {
                Ok(given)
            } else {
                Err(Failure::Usage("the name was not typed: nothing was asked of the operation".to_owned()))
            }
        }
        Some(because) => Err(Failure::Usage(format!("{because}: the fleet's name has to be typed, and there is no terminal; `--yes` answers"))),
    }
}
