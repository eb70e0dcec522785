//! Marker lines: what a builder's script prints on the console at each boundary, so that its progress can be read out of anything around it.
//!
//! `@qd1 OPERATION NUMBER SECONDS WORDS #SUM`: numbered from 1, so that a lost one is missed; with the operation, so that no other line is taken for
//! one; and with a sum, as the kernel writes onto the same console and may break a line.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::signal::{Outcome, Part, Said};
use crate::domain::ids::OperationId;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// What every marker begins with.
const BEGINNING: &str = "@qd1 ";
/// No marker is longer; what is, is not searched for its sum.
const LONGEST: usize = 2_048;
/// So many hexadecimal digits of the sum are printed.
const SUM_DIGITS: usize = 8;

/// One marker line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The operation whose script printed it.
    pub operation: OperationId,
    /// Its number, from 1.
    pub number: u64,
    /// When, by the builder's clock, to the second.
    pub at: WorldTime,
    /// What it says.
    pub said: MarkerSays,
}

/// What a marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkerSays {
    /// The instance has booted and the script runs.
    Booted,
    /// A part has begun.
    Began(Part),
    /// A part is over.
    Ended {
        /// Which.
        part: Part,
        /// How.
        outcome: Outcome,
        /// The exit status, where there was a program.
        exit: Option<i32>,
        /// How long it took.
        took: Millis,
    },
    /// Why a part cannot be done.
    Reason {
        /// Which.
        part: Part,
        /// Why.
        why: Untrusted,
    },
    /// All is over.
    Done {
        /// Whether all succeeded.
        outcome: Outcome,
        /// Each part again.
        parts: Vec<(Part, Outcome)>,
    },
}

impl Marker {
    /// The line as the script prints it, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        let words = words(&self.said);
        let body = format!("qd1 {} {} {} {words}", self.operation.as_str(), self.number, self.at.0.div_euclid(1_000));
        format!("@{body} #{}", sum(&body))
    }

    /// The marker in a line of the console, if there is a whole one of this operation. What stands before or after it does not matter.
    #[must_use]
    pub fn find(line: &str, operation: &OperationId) -> Option<Self> {
        line.match_indices(BEGINNING).find_map(|(at, _)| Self::parse(line.get(at + 1..)?, operation))
    }

    /// Whether a line holds a marker, a part of a package list, or what is left of either: it is for programs.
    #[must_use]
    pub fn is_on(line: &str) -> bool {
        line.contains(BEGINNING) || super::packages::is_on(line)
    }

    fn parse(text: &str, operation: &OperationId) -> Option<Self> {
        let of_this = text.strip_prefix("qd1 ")?.strip_prefix(operation.as_str())?.starts_with(' ');
        of_this.then_some(())?;
        let summed = |(at, _): (usize, &str)| {
            let (body, rest) = (text.get(..at)?, text.get(at + 2..)?);
            let digits = rest.get(..SUM_DIGITS)?;
            (digits.bytes().all(|digit| digit.is_ascii_hexdigit()) && digits == sum(body)).then_some(body)
        };
        let body = text.match_indices(" #").take_while(|(at, _)| *at <= LONGEST).find_map(summed)?;
        let mut fields = body.splitn(5, ' ').skip(2);
        let (number, secs, said) = (fields.next()?, fields.next()?, fields.next()?);
        let at = WorldTime(secs.parse::<i64>().ok()?.checked_mul(1_000)?);
        Some(Self { operation: operation.clone(), number: number.parse().ok()?, at, said: read(said)? })
    }
}

impl From<MarkerSays> for Said {
    fn from(said: MarkerSays) -> Self {
        match said {
            MarkerSays::Booted => Self::Booted,
            MarkerSays::Began(part) => Self::Began { part },
            MarkerSays::Ended { part, outcome, exit, took } => Self::Ended { part, outcome, exit, took: Some(took) },
            MarkerSays::Reason { part, why } => Self::Reason { part, why },
            MarkerSays::Done { outcome, parts } => Self::Done { outcome, parts },
        }
    }
}

/// The word for a part on a marker line; parts that no script does have none.
#[must_use]
pub fn part_word(part: Part) -> Option<String> {
    match part {
        Part::Artifact => Some("artifact".to_owned()),
        Part::Seal => Some("seal".to_owned()),
        Part::Provisioner(number) => Some(format!("p{number}")),
        Part::Gate(number) => Some(format!("g{number}")),
        Part::ResolveBase | Part::Launch | Part::Provision | Part::Snapshot | Part::Register | Part::CleanUp => None,
    }
}

fn part(word: &str) -> Option<Part> {
    match word {
        "artifact" => Some(Part::Artifact),
        "seal" => Some(Part::Seal),
        _ => word
            .strip_prefix('p')
            .and_then(|number| number.parse().ok())
            .map(Part::Provisioner)
            .or_else(|| word.strip_prefix('g').and_then(|number| number.parse().ok()).map(Part::Gate)),
    }
}

const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "ok",
        Outcome::Failed => "failed",
        Outcome::TimedOut => "timed-out",
        Outcome::Skipped => "skipped",
    }
}

fn outcome(word: &str) -> Option<Outcome> {
    [Outcome::Succeeded, Outcome::Failed, Outcome::TimedOut, Outcome::Skipped].into_iter().find(|outcome| outcome_word(*outcome) == word)
}

fn words(said: &MarkerSays) -> String {
    let named = |part: &Part| part_word(*part).unwrap_or_else(|| "?".to_owned());
    match said {
        MarkerSays::Booted => "boot".to_owned(),
        MarkerSays::Began(part) => format!("begin {}", named(part)),
        MarkerSays::Ended { part, outcome, exit, took } => {
            let exit = exit.map_or_else(|| "-".to_owned(), |exit| exit.to_string());
            format!("end {} {} {exit} {}", named(part), outcome_word(*outcome), took.0)
        }
        MarkerSays::Reason { part, why } => format!("why {} {}", named(part), why.raw()),
        MarkerSays::Done { outcome, parts } => parts.iter().fold(format!("done {}", outcome_word(*outcome)), |mut line, (part, outcome)| {
            let _infallible = write!(line, " {}={}", named(part), outcome_word(*outcome));
            line
        }),
    }
}

fn read(said: &str) -> Option<MarkerSays> {
    let (verb, rest) = said.split_once(' ').unwrap_or((said, ""));
    match verb {
        "boot" => Some(MarkerSays::Booted),
        "begin" => part(rest).map(MarkerSays::Began),
        "end" => {
            let mut fields = rest.split(' ');
            let (part, outcome) = (part(fields.next()?)?, outcome(fields.next()?)?);
            let exit = match fields.next()? {
                "-" => None,
                exit => Some(exit.parse().ok()?),
            };
            Some(MarkerSays::Ended { part, outcome, exit, took: Millis(fields.next()?.parse().ok()?) })
        }
        "why" => {
            let (named, why) = rest.split_once(' ')?;
            Some(MarkerSays::Reason { part: part(named)?, why: why.into() })
        }
        "done" => {
            let mut fields = rest.split(' ');
            let whole = outcome(fields.next()?)?;
            let told = |field: &str| field.split_once('=').and_then(|(named, ended)| Some((part(named)?, outcome(ended)?)));
            Some(MarkerSays::Done { outcome: whole, parts: fields.map(told).collect::<Option<_>>()? })
        }
        _ => None,
    }
}

/// The first digits of the text's SHA-256, which a builder's `sha256sum` makes too.
pub(super) fn sum(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(SUM_DIGITS / 2).fold(String::new(), |mut digits, byte| {
        let _infallible = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marker(said: MarkerSays) -> Marker {
        Marker { operation: "op-1".into(), number: 7, at: WorldTime(1_700_000_000_000), said }
    }

    fn all() -> Vec<MarkerSays> {
        let part = Part::Provisioner(3);
        vec![
            MarkerSays::Booted,
            MarkerSays::Began(Part::Artifact),
            MarkerSays::Ended { part, outcome: Outcome::Succeeded, exit: Some(0), took: Millis(1_230) },
            MarkerSays::Ended { part: Part::Seal, outcome: Outcome::Skipped, exit: None, took: Millis::ZERO },
            MarkerSays::Reason { part, why: "puppet is not on the builder #1".into() },
            MarkerSays::Done { outcome: Outcome::Failed, parts: vec![(part, Outcome::Failed), (Part::Gate(2), Outcome::Skipped)] },
        ]
    }

    #[test]
    fn a_marker_is_found_as_it_was_printed_among_whatever_else_is_on_its_line() {
        for said in all() {
            let marker = marker(said);
            for line in [marker.line(), format!("[   12.3] cloud-init[71]: {}\r", marker.line()), format!("54% @qd1 {} [ 3.1] kernel", marker.line())]
            {
                assert_eq!(Marker::find(&line, &"op-1".into()), Some(marker.clone()), "{line}");
            }
        }
    }

    #[test]
    fn another_operation_s_marker_and_a_broken_one_are_none() {
        let line = marker(MarkerSays::Began(Part::Seal)).line();
        assert_eq!(line, "@qd1 op-1 7 1700000000 begin seal #ce86b048");
        assert_eq!(Marker::find(&line, &"op-2".into()), None);
        assert_eq!(Marker::find(&line.replace("seal", "p0"), &"op-1".into()), None);
        assert_eq!(Marker::find(&line[..line.len() - 1], &"op-1".into()), None);
        assert_eq!(Marker::find("@qd1 op-1 7 1700000000 begin seal", &"op-1".into()), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_search_for_a_marker(before in any::<String>(), after in any::<String>(), cut in 0_usize..60) {
            let line = marker(MarkerSays::Began(Part::Provisioner(1))).line();
            let found = Marker::find(&format!("{before}{line}{after}"), &"op-1".into());
            prop_assert_eq!(found.map(|found| found.said), Some(MarkerSays::Began(Part::Provisioner(1))));
            let broken: String = line.chars().take(cut.min(line.len() - 1)).collect();
            prop_assert_eq!(Marker::find(&format!("{before}{broken}"), &"op-1".into()), None);
        }
    }
}
