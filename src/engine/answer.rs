//! Answers to commands: what the state allows, what the sender saw, and what that person has to show for it.

use crate::operation::command::{Command, CommandKind, Ruling, rule};
use crate::operation::event::{EventBody, OperationState};
use crate::operation::plan::{OperationKind, Plan};
use crate::operation::progress::Progress;
use crate::operation::refreshing::hindrance;
use crate::operation::schema::no_way_out;

pub use crate::operation::answer::{Answer, COMMAND_LIFE, Reading};
use crate::operation::answer::{asked_before, stale};

/// Accepts or refuses a command.
#[must_use]
pub fn answer(plan: &Plan, progress: &Progress, command: &Command, reading: &Reading<'_>) -> Answer {
    let ruling = stale(command, reading).map_or_else(|| judged(plan, progress, command), Err);
    let (accepted, text, effects) = match ruling {
        Ok(None) => (true, done_words(command.kind).to_owned(), effects(plan, progress, command)),
        Ok(Some(joined)) => (true, format!("{joined}{}", asked_before(progress.obeyed.as_ref(), command.kind)), Vec::new()),
        Err(why) => (false, format!("{why}{}", asked_before(progress.obeyed.as_ref(), command.kind)), Vec::new()),
    };
    Answer::new(command, accepted, text, effects)
}

/// `Ok(None)`: do it. `Ok(Some(words))`: it is so already. `Err`: why not.
fn judged(plan: &Plan, progress: &Progress, command: &Command) -> Result<Option<&'static str>, String> {
    match rule(progress.state, command.kind) {
        Ruling::Refuse(why) => return Err(why.to_owned()),
        Ruling::Joined(words) => return Ok(Some(words)),
        Ruling::Accept => {}
    }
    if let Some(why) = hindrance(plan, progress, command.kind) {
        return Err(why.to_owned());
    }
    match command.kind {
        CommandKind::Promote => {
            promotable(plan, progress, command)?;
            if progress.promoted && progress.state != OperationState::Holding {
                return Ok(Some("it is promoted already"));
            }
        }
        CommandKind::BackOut if !plan.kind.backs_out() => {
            return Err("only a deploy backs out: roll back to another release instead".to_owned());
        }
        CommandKind::BackOut if !is_typed(plan, command) && no_way_out(plan, progress).is_some() => {
            let why = no_way_out(plan, progress).unwrap_or_default();
            return Err(format!("{why}: this goes against advice: type the fleet's name, {}", plan.fleet));
        }
        CommandKind::BackOut | CommandKind::Pause | CommandKind::Resume => {}
    }
    Ok(None)
}

/// Who sent it typed the fleet's name.
fn is_typed(plan: &Plan, command: &Command) -> bool {
    command.typed.as_ref().is_some_and(|typed| typed.raw() == plan.fleet.as_str())
}

fn promotable(plan: &Plan, progress: &Progress, command: &Command) -> Result<(), String> {
    if command.step != progress.current {
        return Err(format!("you saw step {}, it is at step {} now: look again", command.step + 1, progress.current + 1));
    }
    if plan.kind == OperationKind::Rollback {
        return Err("a rollback skips everything that can be skipped already".to_owned());
    }
    let typed = is_typed(plan, command);
    let against = progress.failed_verdict().is_some() || progress.alarms_against.is_some();
    if (against || progress.state == OperationState::Waiting) && !typed {
        return Err(format!("this goes against advice: type the fleet's name, {}", plan.fleet));
    }
    if plan.production && command.reason.is_none() {
        return Err("promoting in production needs a reason".to_owned());
    }
    Ok(())
}

const fn done_words(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Pause => "paused",
        CommandKind::Resume => "goes on",
        CommandKind::Promote => "promoted",
        CommandKind::BackOut => "backs out",
    }
}

fn effects(plan: &Plan, progress: &Progress, command: &Command) -> Vec<EventBody> {
    let by = command.by.short();
    let state = |to: OperationState, reason: String| EventBody::StateChanged { to, reason, deadline: None };
    match command.kind {
        CommandKind::Pause => vec![state(OperationState::Paused, format!("paused by {by}"))],
        CommandKind::Resume => vec![state(OperationState::Running, format!("resumed by {by}"))],
        CommandKind::BackOut if progress.state == OperationState::Planned => {
            vec![state(OperationState::BackedOut, format!("withdrawn by {by} before it began"))]
        }
        CommandKind::BackOut => vec![state(OperationState::BackingOut, format!("backed out by {by}"))],
        CommandKind::Promote => {
            let promoted = EventBody::Promoted { step: progress.current };
            let held = progress.state == OperationState::Holding;
            let running = held.then(|| state(OperationState::Running, format!("promoted by {by}")));
            debug_assert!(plan.kind != OperationKind::Rollback);
            std::iter::once(promoted).chain(running).collect()
        }
    }
}
