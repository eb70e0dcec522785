//! What only a bake tells, as plain lines.

use crate::bake::marker::Marker;
use crate::bake::signal::{Outcome, Part, Said, Signal, TaskOutcome};
use crate::domain::bake::Leftover;
use crate::domain::ids::OperationId;
use crate::domain::text::{Untrusted, counted, escape};
use crate::operation::bake::{BakeEvent, BakePlan};
use crate::operation::work::Work;

/// So many tasks of one look are named on a line.
const MOST_TASKS: usize = 4;

/// A bake's own event in words; none where it says nothing to a person.
#[must_use]
pub fn bake_words<P: Work>(plan: &P, event: &BakeEvent) -> Option<String> {
    let text = match event {
        BakeEvent::MachineSeen { machine } => {
            let address = machine.address.as_ref().map_or_else(String::new, |address| format!(" at {}", address.shown()));
            format!("{} {} is {}{address}", machine.role.word(), machine.id, machine.state.word())
        }
        BakeEvent::MachineGone { id, role } => format!("{} {id} is gone", role.word()),
        BakeEvent::Said { role, signals, .. } => {
            let mut said: Vec<String> = signals.iter().filter_map(|signal| said_words(plan, role.word(), &signal.said)).collect();
            said.extend(tasks_words(signals));
            said.extend(warnings_words(signals));
            return (!said.is_empty()).then(|| escape(&said.join("; ")));
        }
        BakeEvent::ImageSeen { image, available: true, .. } => format!("image {image} can be launched"),
        BakeEvent::ImageSeen { image, percent, .. } => format!("image {image}: snapshot {}", percent_words(*percent)),
        BakeEvent::Swept { found } if found.is_empty() => return None,
        BakeEvent::Swept { found } => {
            let found: Vec<String> = found.iter().map(Leftover::words).collect();
            format!("left past its time to live, and removed now: {}", found.join(", "))
        }
        BakeEvent::Failing { why, last_lines } => {
            let lines: Vec<String> = last_lines.iter().map(Untrusted::shown).collect();
            if lines.is_empty() { why.clone() } else { format!("{why}; its last lines: {}", lines.join(" / ")) }
        }
        BakeEvent::Kept { id, until } => format!("builder {id} is kept until {}", until.rfc3339()),
    };
    Some(escape(&text))
}

/// What a marker line of the log says, in words; none if it is not a whole one of this bake.
#[must_use]
pub fn marker_words(plan: &BakePlan, line: &str) -> Option<String> {
    let marker = Marker::find(line, &OperationId::new(&plan.mark))?;
    let said = Said::from(marker.said);
    let clock = marker.at.clock();
    said_words(plan, "the instance", &said).map(|words| escape(&format!("{clock} {words}")))
}

fn percent_words(percent: Option<u8>) -> String {
    percent.map_or_else(|| "? %".to_owned(), |percent| format!("{percent} %"))
}

/// The newest tasks that provisioners named, each with how it ended, and how many more there were.
fn tasks_words(signals: &[Signal]) -> Option<String> {
    let mut tasks: Vec<(&Untrusted, Option<TaskOutcome>)> = Vec::new();
    let mut more = 0;
    for signal in signals {
        match &signal.said {
            // A task is told when it begins and again when it has ended.
            Said::Task { name, outcome } => match tasks.last_mut().filter(|(last, _)| *last == name) {
                Some(last) => last.1 = *outcome,
                None => tasks.push((name, *outcome)),
            },
            Said::More { tasks, .. } => more += *tasks,
            _ => {}
        }
    }
    let hidden = tasks.len().saturating_sub(MOST_TASKS);
    let shown = tasks.iter().skip(hidden).map(|(name, outcome)| {
        let ended = outcome.map_or_else(String::new, |outcome| format!(": {}", task_word(outcome)));
        format!("{}{ended}", name.shown())
    });
    let shown: Vec<String> = shown.collect();
    let before = if hidden as u64 + more > 0 { format!("{} more, ", hidden as u64 + more) } else { String::new() };
    (!shown.is_empty()).then(|| format!("tasks: {before}{}", shown.join(", ")))
}

fn warnings_words(signals: &[Signal]) -> Option<String> {
    let warnings: u64 = signals
        .iter()
        .map(|signal| match signal.said {
            Said::Warning => 1,
            Said::More { warnings, .. } => warnings,
            _ => 0,
        })
        .sum();
    match warnings {
        0 => None,
        1 => Some("1 line warns".to_owned()),
        many => Some(format!("{many} lines warn")),
    }
}

const fn task_word(outcome: TaskOutcome) -> &'static str {
    match outcome {
        TaskOutcome::Ok => "ok",
        TaskOutcome::Changed => "changed",
        TaskOutcome::Skipped => "skipped",
        TaskOutcome::Failed => "FAILED",
        TaskOutcome::Ignored => "failed, ignored",
    }
}

fn said_words<P: Work>(plan: &P, who: &str, said: &Said) -> Option<String> {
    let name = |part: Part| plan.part_name(part).unwrap_or_else(|| "?".to_owned());
    let text = match said {
        Said::Began { part } => format!("{}: started", name(*part)),
        Said::Ended { part, outcome, exit, took } => {
            let took = took.map_or_else(String::new, |took| format!(" after {took}"));
            let exit = exit.filter(|exit| *exit != 0).map_or_else(String::new, |exit| format!(", exit status {exit}"));
            format!("{}: {}{took}{exit}", name(*part), outcome_word(*outcome))
        }
        Said::Reason { part, why } => format!("{}: {}", name(*part), why.shown()),
        Said::Booted => format!("{who} has booted"),
        Said::Lost { lines } => format!("… {} lost …", counted(*lines, "line")),
        Said::Done { outcome, .. } => format!("{who}: all {}", outcome_word(*outcome)),
        Said::More { .. } | Said::Task { .. } | Said::Warning | Said::Error | Said::Instance { .. } | Said::Image { .. } | Said::Made { .. } => {
            return None;
        }
    };
    Some(text)
}

/// How a part ended, in a word.
#[must_use]
pub const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "done",
        Outcome::Failed => "FAILED",
        Outcome::TimedOut => "TIMED OUT",
        Outcome::Skipped => "not run",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(said: Said) -> Signal {
        Signal { offset: 0, at: None, said }
    }

    fn task(name: &str, outcome: Option<TaskOutcome>) -> Signal {
        signal(Said::Task { name: name.into(), outcome })
    }

    #[test]
    fn the_newest_tasks_are_named_once_each_and_the_others_counted() {
        let mut signals = vec![task("a", None), task("a", Some(TaskOutcome::Changed)), signal(Said::Warning)];
        assert_eq!((tasks_words(&signals).unwrap(), warnings_words(&signals).unwrap()), ("tasks: a: changed".to_owned(), "1 line warns".to_owned()));
        signals.extend(["b", "c", "d", "e"].map(|name| task(name, None)));
        signals.push(signal(Said::More { tasks: 10, warnings: 2 }));
        assert_eq!(tasks_words(&signals).unwrap(), "tasks: 11 more, b, c, d, e");
        assert_eq!((warnings_words(&signals).unwrap(), tasks_words(&[]), warnings_words(&[])), ("3 lines warn".to_owned(), None, None));
    }
}
