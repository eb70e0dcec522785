//! `qd rollback FLEET --rehearse`: the way back tried out up to its first write.

use serde::Serialize;
use serde_json::Number;

use super::super::exit::Exit;
use super::super::failure::{Failure, of_fleet};
use super::super::json::{moment, secs};
use super::super::output::Output;
use super::super::plan_text::level_word;
use super::super::table::Table;
use crate::domain::ids::{FleetName, ImageId};
use crate::domain::text::Untrusted;
use crate::operation::intent::Intent;
use crate::operation::plan::Check;
use crate::operation::proof::Rehearsal;
use crate::ports::desk::Records;

/// `rollback --rehearse --json`.
#[derive(Serialize)]
struct RehearsalDoc<'a> {
    fleet: &'a FleetName,
    proved: bool,
    level: &'static str,
    version: Option<&'a Untrusted>,
    image: &'a ImageId,
    seconds: Number,
    at: String,
    took_secs: Number,
    obstacles: &'a [String],
    findings: &'a [Check],
}

impl<'a> RehearsalDoc<'a> {
    fn new(fleet: &'a FleetName, rehearsal: &'a Rehearsal) -> Self {
        Self {
            fleet,
            proved: rehearsal.is_proved(),
            level: rehearsal.level.word(),
            version: rehearsal.target.version.as_ref(),
            image: &rehearsal.target.image,
            seconds: secs(rehearsal.expected),
            at: moment(rehearsal.at),
            took_secs: secs(rehearsal.took),
            obstacles: &rehearsal.obstacles,
            findings: &rehearsal.findings,
        }
    }
}

/// Tries it out and says what was found. Nothing is changed.
pub(super) async fn rehearse(desk: &dyn Records, intent: &Intent, json: bool, out: &mut Output) -> Result<Exit, Failure> {
    let rehearsal = match desk.rehearse(intent).await {
        Ok(rehearsal) => rehearsal,
        Err(error) => return Err(of_fleet(desk, intent.fleet(), error).await.into()),
    };
    if json {
        out.json(&RehearsalDoc::new(intent.fleet(), &rehearsal));
    } else {
        out.text(&text(intent.fleet(), &rehearsal));
    }
    Ok(if rehearsal.is_proved() { Exit::Done } else { Exit::Refused })
}

fn text(fleet: &FleetName, rehearsal: &Rehearsal) -> String {
    let mut table = Table::indented();
    for finding in &rehearsal.findings {
        table.row([level_word(finding.level).to_owned(), finding.text.clone()]);
    }
    let (level, target, expected) = (rehearsal.level.word(), rehearsal.target.label(), rehearsal.expected);
    let head = format!("rehearsal of {fleet}: {level} to {target} in ~{expected}; ready for the first write after {}\n", rehearsal.took_words());
    let end = if rehearsal.is_proved() {
        "\nproved: nothing stands in the way, nothing was changed\n".to_owned()
    } else {
        format!("\nnot proved, nothing was changed: {}\n", rehearsal.obstacles.join("; "))
    };
    head + &table.render(None) + &end
}
