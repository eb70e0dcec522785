//! S14: two people press something at the same moment, at every phase: one effect each as the table says, the second is told who was first, and
//! what goes on still comes to a good end.

use std::collections::BTreeSet;
use std::time::Instant;

use quarterdeck::domain::fleet::{Slot, Strategy};
use quarterdeck::domain::time::Millis;
use quarterdeck::operation::command::{Command, CommandKind, Who};
use quarterdeck::operation::event::{EventBody, OperationState};
use quarterdeck::operation::plan::{OperationKind, Plan, Refusal};

use crate::key::Key;
use crate::reach::beginnings;
use crate::search::Search;
use crate::stage::{Fate, Stage};
use crate::table::{FINISHED, Press, Says, TABLE};
use crate::ways::{nothing_to_leave, unclaimed};

/// Moments in which pairs are pressed; it may rise, and never falls.
const LEAST_MOMENTS: usize = 64;
/// Waits, holds, windows and a person who resumes late: everything is over by then.
const END: Millis = Millis::mins(60 * 6);

fn who(user: &str) -> Who {
    Who { user: user.into(), host: "desk".into(), ..Who::default() }
}

const fn command_of(press: Press) -> Option<CommandKind> {
    match press {
        Press::Pause => Some(CommandKind::Pause),
        Press::Resume => Some(CommandKind::Resume),
        Press::Promote => Some(CommandKind::Promote),
        Press::BackOut => Some(CommandKind::BackOut),
        Press::Rollback | Press::Deploy => None,
    }
}

/// What a person is told.
struct Told {
    done: bool,
    text: String,
}

/// What the table says to this press now. A step that was promoted is promoted already.
fn expected(stage: &Stage, press: Press) -> Says {
    let column = Press::ALL.iter().position(|known| *known == press).unwrap();
    let Some(at) = stage.book.active() else { return FINISHED[column] };
    let record = &stage.book.records[at];
    let state = record.progress.state;
    let row = TABLE.iter().find(|row| (row.kind, row.state) == (record.kind(), state));
    let says = row.unwrap_or_else(|| panic!("the table has no row for a {} that is {}", record.kind().word(), state.word())).says[column];
    if says == Says::Promoted && record.progress.promoted && state != OperationState::Holding { Says::Joined } else { says }
}

/// Presses it, with a plan made or a command written when the screen was as in `screen`.
fn press(stage: &mut Stage, screen: &Stage, press: Press, by: &Who) -> Result<Told, String> {
    let at = screen.book.active().unwrap_or(screen.book.records.len() - 1);
    match command_of(press) {
        Some(kind) => obey(stage, at, &screen.command(at, kind, by)),
        None => confirm(stage, press, by),
    }
}

fn obey(stage: &mut Stage, at: usize, command: &Command) -> Result<Told, String> {
    if stage.book.records[at].is_final() {
        // The desk refuses what the table refuses before anything is written.
        let ruling = quarterdeck::operation::command::rule(stage.book.records[at].progress.state, command.kind);
        return Ok(Told { done: false, text: format!("{ruling:?}") });
    }
    let answered = stage.ask(at, command)?;
    let effects = answered.events.iter().filter(|body| !matches!(body, EventBody::CommandAnswered { .. })).count();
    if !answered.accepted && effects > 0 {
        return Err(format!("refused, and {effects} effects"));
    }
    Ok(Told { done: effects > 0, text: answered.text })
}

fn wanted_plan(stage: &Stage, press: Press) -> Result<Plan, Refusal> {
    match press {
        Press::Rollback => stage.rollback(None),
        _ if stage.share_pct(Slot::A) >= stage.share_pct(Slot::B) => stage.deploy("2.14.0", Strategy::Canary),
        _ => stage.deploy("2.13.1", Strategy::Canary),
    }
}

fn confirm(stage: &mut Stage, press: Press, by: &Who) -> Result<Told, String> {
    match wanted_plan(stage, press) {
        Ok(plan) => {
            stage.confirm(plan, by)?;
            Ok(Told { done: true, text: String::new() })
        }
        Err(refusal) => Ok(Told { done: false, text: refusal.reason }),
    }
}

/// Holds one press against the table.
fn held(before: &Stage, after: &Stage, press: Press, told: &Told) -> Result<(), String> {
    let says = expected(before, press);
    let wrong = |what: &str| Err(format!("{press:?} while {}: {what}, the table says {says:?}; told '{}'", before.phase(), told.text));
    let (old, new) = (before.book.records.len(), after.book.records.len());
    let at = before.book.active();
    let unchanged = old == new && at.is_none_or(|at| after.book.records[at].progress.state == before.book.records[at].progress.state);
    match says {
        Says::No | Says::Joined | Says::Busy if told.done || !unchanged => wrong("something was done"),
        Says::Busy if !told.text.contains("is busy") => wrong("it is not said that the fleet is held"),
        Says::No | Says::Joined | Says::Busy => Ok(()),
        Says::Now(state) => {
            let is = after.book.records[at.unwrap()].progress.state;
            if told.done && is == state { Ok(()) } else { wrong(is.word()) }
        }
        Says::Promoted if told.done && after.book.records[at.unwrap()].progress.promoted => Ok(()),
        Says::TakesOver => {
            let superseded = after.book.records[at.unwrap()].progress.state == OperationState::Superseded;
            if told.done && superseded && new == old + 1 { Ok(()) } else { wrong("it did not take the wheel") }
        }
        Says::Begins if told.done && new == old + 1 => Ok(()),
        Says::BeginsOrStable if told.done && new == old + 1 => Ok(()),
        Says::BeginsOrStable if !told.done => nothing_to_leave(before),
        Says::Promoted | Says::Begins | Says::BeginsOrStable => wrong("it was not done"),
    }
}

/// The same pressed twice: the second did nothing, and hears the name of the first.
fn told_who_was_first(first: &Told, second: &Told, doubled: Press) -> Result<(), String> {
    if !first.done || !second.done && second.text.contains("ann@desk") {
        return Ok(());
    }
    Err(format!("{doubled:?} twice: the second is not told who was first: '{}'", second.text))
}

/// Two presses in one moment.
fn pair(screen: &Stage, first: Press, second: Press) -> Result<Stage, String> {
    let mut stage = screen.clone();
    let told_first = press(&mut stage, screen, first, &who("ann"))?;
    held(screen, &stage, first, &told_first)?;
    let between = stage.clone();
    let sees = if between.book.active() == screen.book.active() { screen } else { &between };
    let told_second = press(&mut stage, sees, second, &who("bob"))?;
    held(&between, &stage, second, &told_second)?;
    if first == second && between.book.active().is_some() {
        told_who_was_first(&told_first, &told_second, first)?;
    }
    Ok(stage)
}

/// The same pressed twice with a turn of the driver in between, the second by somebody who still sees what the first one saw.
fn a_turn_apart(screen: &Stage, doubled: Press) -> Result<(), String> {
    let mut stage = screen.clone();
    let first = press(&mut stage, screen, doubled, &who("ann"))?;
    let Some(at) = stage.book.active() else { return Ok(()) };
    stage.turn(at, Fate::Well)?;
    if stage.book.active() != Some(at) {
        return Ok(());
    }
    let now = stage.clone();
    let second = press(&mut stage, if screen.book.active() == Some(at) { screen } else { &now }, doubled, &who("bob"))?;
    told_who_was_first(&first, &second, doubled).map_err(|why| format!("a turn later: {why}"))
}

/// Everything that goes on comes to rest, with a good release serving; what is paused is resumed by somebody.
fn ends_well(mut stage: Stage) -> Result<(), String> {
    let began = stage.now();
    while let Some(at) = stage.book.active() {
        if stage.book.records[at].progress.state == OperationState::Paused {
            stage.advance(Millis::mins(5));
            let resume = stage.command(at, CommandKind::Resume, &who("cy"));
            stage.ask(at, &resume)?;
        }
        stage.turn(at, Fate::Well)?;
        if stage.now().since(began) > END {
            return Err(format!("it does not come to an end: {}", stage.phase()));
        }
    }
    let last = stage.book.records.last().unwrap();
    if last.kind() != OperationKind::Deploy && last.progress.state != OperationState::Succeeded {
        return Err(format!("{} ended {}: {}", last.operation.word(), last.progress.state.word(), last.progress.reason));
    }
    nothing_to_leave(&stage)?;
    unclaimed(&stage)
}

#[test]
fn two_people_at_once_are_answered_as_the_table_says_at_every_phase() {
    let began = Instant::now();
    let mut search = Search::default();
    beginnings(2, &[10, 50, 100]).into_iter().for_each(|beginning| search.explore(beginning, 1));
    let moments = search.moments;
    let (mut ended, mut pairs): (BTreeSet<Key>, usize) = (BTreeSet::new(), 0);
    for (phase, screen) in &moments {
        for first in Press::ALL {
            a_turn_apart(screen, first).unwrap_or_else(|why| panic!("{phase}: {why}"));
            for second in Press::ALL {
                let stage = pair(screen, first, second).unwrap_or_else(|why| panic!("{phase}, {first:?} and {second:?}: {why}"));
                pairs += 1;
                if ended.insert(stage.key()) {
                    ends_well(stage).unwrap_or_else(|why| panic!("{phase}, {first:?} and {second:?}: {why}"));
                }
            }
        }
    }
    println!("{pairs} pairs at {} phases, followed to {} different ends, in {:?}", moments.len(), ended.len(), began.elapsed());
    assert!(moments.len() >= LEAST_MOMENTS, "only {} phases", moments.len());
}
