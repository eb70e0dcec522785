//! Answers to commands: a bake can be aborted at every step, and nothing else.

use crate::operation::answer::{Answer, Reading, asked_before, stale};
use crate::operation::bake::BakeProgress;
use crate::operation::command::{Command, CommandKind, Ruling, rule};
use crate::operation::event::{EventBody, OperationState};

pub(super) fn answer(progress: &BakeProgress, command: &Command, reading: &Reading<'_>) -> Answer {
    let ruling = stale(command, reading).map_or_else(|| judged(progress, command.kind), Err);
    match ruling {
        Ok(None) => Answer::new(command, true, "is aborted".to_owned(), effects(progress, command)),
        Ok(Some(joined)) => Answer::new(command, true, joined.to_owned(), Vec::new()),
        Err(why) => Answer::new(command, false, format!("{why}{}", asked_before(progress.obeyed.as_ref(), command.kind)), Vec::new()),
    }
}

fn judged(progress: &BakeProgress, kind: CommandKind) -> Result<Option<&'static str>, String> {
    match rule(progress.state, kind) {
        Ruling::Refuse(why) => Err(why.to_owned()),
        _ if kind != CommandKind::BackOut => Err("a bake cannot be paused or promoted: let it go on, or abort it".to_owned()),
        Ruling::Joined(_) => Ok(Some("what it made is being removed already")),
        Ruling::Accept => Ok(None),
    }
}

fn effects(progress: &BakeProgress, command: &Command) -> Vec<EventBody> {
    let by = command.by.short();
    if progress.state == OperationState::Planned {
        return vec![super::state(OperationState::BackedOut, format!("withdrawn by {by} before it began"))];
    }
    vec![super::state(OperationState::BackingOut, format!("aborted by {by}; what it made is removed"))]
}
