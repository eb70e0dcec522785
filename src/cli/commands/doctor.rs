//! `qd doctor`: what works, what does not, and why.

use serde::Serialize;

use super::super::exit::Exit;
use super::super::failure::{Failure, of_fleet};
use super::super::output::Output;
use super::super::plan_text::level_word;
use super::super::table::Table;
use crate::domain::ids::FleetName;
use crate::operation::plan::CheckLevel;
use crate::ports::desk::{Finding, Records};

/// `qd doctor`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct DoctorArgs {
    /// A fleet to look at besides
    pub fleet: Option<String>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct FindingsDoc<'a> {
    findings: Vec<FindingDoc<'a>>,
}

#[derive(Serialize)]
struct FindingDoc<'a> {
    level: CheckLevel,
    subject: &'a str,
    text: &'a str,
}

/// Prints the findings. Finding something wrong is what it is for: that is no failure of the command.
pub(in super::super) async fn run(desk: &dyn Records, args: &DoctorArgs, out: &mut Output) -> Result<Exit, Failure> {
    let fleet = args.fleet.as_ref().map(FleetName::new);
    let findings = match (desk.doctor(fleet.as_ref()).await, &fleet) {
        (Ok(findings), _) => findings,
        (Err(error), Some(fleet)) => return Err(of_fleet(desk, fleet, error).await.into()),
        (Err(error), None) => return Err(error.into()),
    };
    if args.json {
        out.json(&FindingsDoc { findings: findings.iter().map(FindingDoc::new).collect() });
    } else {
        out.text(&text(&findings));
    }
    Ok(Exit::Done)
}

impl<'a> FindingDoc<'a> {
    fn new(finding: &'a Finding) -> Self {
        Self { level: finding.level, subject: &finding.subject, text: &finding.text }
    }
}

fn text(findings: &[Finding]) -> String {
    let mut table = Table::new(&["", "WHAT", "FOUND"]);
    for finding in findings {
        let mut lines = finding.text.lines();
        table.row([level_word(finding.level).to_owned(), finding.subject.clone(), lines.next().unwrap_or_default().to_owned()]);
        for line in lines {
            table.row([String::new(), String::new(), line.to_owned()]);
        }
    }
    table.render(None)
}
