//! What only a bake tells, as plain lines.

use crate::bake::signal::{Outcome, Part, Said, Signal};
use crate::domain::bake::{Leftover, MachineRole};
use crate::domain::text::{Untrusted, escape};
use crate::operation::bake::BakeEvent;
use crate::operation::work::Work;

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
            let said: Vec<String> = signals.iter().filter_map(|signal| said_words(plan, *role, signal)).collect();
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

fn percent_words(percent: Option<u8>) -> String {
    percent.map_or_else(|| "? %".to_owned(), |percent| format!("{percent} %"))
}

fn said_words<P: Work>(plan: &P, role: MachineRole, signal: &Signal) -> Option<String> {
    let name = |part: Part| plan.part_name(part).unwrap_or_else(|| "?".to_owned());
    let text = match &signal.said {
        Said::Began { part } => format!("{}: started", name(*part)),
        Said::Ended { part, outcome, exit, took } => {
            let took = took.map_or_else(String::new, |took| format!(" after {took}"));
            let exit = exit.filter(|exit| *exit != 0).map_or_else(String::new, |exit| format!(", exit status {exit}"));
            format!("{}: {}{took}{exit}", name(*part), outcome_word(*outcome))
        }
        Said::Reason { part, why } => format!("{}: {}", name(*part), why.shown()),
        Said::Booted => format!("{} has booted", role.word()),
        Said::Lost { lines } => format!("… {lines} lines lost …"),
        Said::Done { outcome, .. } => format!("{}: all {}", role.word(), outcome_word(*outcome)),
        Said::More { .. } | Said::Task { .. } | Said::Warning | Said::Error | Said::Instance { .. } | Said::Image { .. } => return None,
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
