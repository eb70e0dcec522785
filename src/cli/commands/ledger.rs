//! `qd ledger FLEET`: releases that were stable, and the way back.

use serde::Serialize;

use super::super::exit::Exit;
use super::super::failure::{Failure, of_fleet};
use super::super::json::moment;
use super::super::options::reason;
use super::super::output::Output;
use super::super::table::Table;
use crate::domain::ids::{FleetName, GroupName, ImageId, TemplateId};
use crate::domain::suggest::nearest;
use crate::domain::text::Untrusted;
use crate::operation::ledger::{How, KnownRelease, known_releases};
use crate::ports::desk::{DeskError, Records};

/// `qd ledger`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct LedgerArgs {
    /// The fleet
    pub fleet: String,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// What to say of a release
    #[command(subcommand)]
    pub action: Option<LedgerAction>,
}

/// What can be said of a release.
#[derive(clap::Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum LedgerAction {
    /// It is bad: no rollback goes to it
    Mark(MarkArgs),
    /// It is not bad after all
    Unmark(MarkArgs),
}

/// `qd ledger FLEET mark` and `unmark`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct MarkArgs {
    /// The release: its version or its image's id
    pub release: String,
    /// Why; recorded
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
}

#[derive(Serialize)]
struct LedgerDoc<'a> {
    fleet: &'a str,
    releases: Vec<ReleaseDoc<'a>>,
}

#[derive(Serialize)]
struct ReleaseDoc<'a> {
    version: Option<&'a Untrusted>,
    image: &'a ImageId,
    group: &'a GroupName,
    slot: &'static str,
    template: &'a TemplateId,
    template_version: u64,
    stable_at: String,
    how: How,
    marked: Option<MarkDoc<'a>>,
}

#[derive(Serialize)]
struct MarkDoc<'a> {
    by: &'a Untrusted,
    reason: Option<&'a Untrusted>,
    at: String,
}

/// Shows the ledger, or adds to it.
pub(in super::super) async fn run(desk: &dyn Records, args: &LedgerArgs, out: &mut Output) -> Result<Exit, Failure> {
    let name = FleetName::new(&args.fleet);
    match &args.action {
        Some(LedgerAction::Mark(mark)) => say(desk, &name, mark, true, out).await,
        Some(LedgerAction::Unmark(mark)) => say(desk, &name, mark, false, out).await,
        None => show(desk, &name, args.json, out).await,
    }
}

async fn say(desk: &dyn Records, fleet: &FleetName, args: &MarkArgs, bad: bool, out: &mut Output) -> Result<Exit, Failure> {
    let answer = match desk.mark(fleet, &args.release, bad, args.reason.as_str().into()).await {
        Ok(answer) => answer,
        Err(error) => return Err(unknown_release(desk, fleet, &args.release, error).await.into()),
    };
    out.text(&answer);
    Ok(Exit::Done)
}

/// The same error, unless the fleet's ledger has no such release: then the nearest one.
async fn unknown_release(desk: &dyn Records, fleet: &FleetName, release: &str, error: DeskError) -> DeskError {
    let known = known_releases(&desk.ledger(fleet).unwrap_or_default());
    if known.is_empty() || !matches!(error, DeskError::Other { .. }) {
        return of_fleet(desk, fleet, error).await;
    }
    let names: Vec<&str> =
        known.iter().flat_map(|known| [Some(known.release.image.as_str()), known.release.version.as_ref().map(Untrusted::raw)]).flatten().collect();
    if names.contains(&release) {
        return error;
    }
    let near = nearest(release, names.into_iter()).map_or_else(String::new, |near| format!(": did you mean {near}?"));
    DeskError::other(format!("'{release}' was never stable on {fleet}{near}"), format!("`qd ledger {fleet}` lists what was"))
}

async fn show(desk: &dyn Records, fleet: &FleetName, json: bool, out: &mut Output) -> Result<Exit, Failure> {
    let entries = desk.ledger(fleet)?;
    if entries.is_empty() {
        // An empty ledger and a mistyped name look the same in the store.
        if let Err(error) = desk.fleet(fleet).await {
            return Err(of_fleet(desk, fleet, error).await.into());
        }
    }
    let known = known_releases(&entries);
    if json {
        out.json(&LedgerDoc { fleet: fleet.as_str(), releases: known.iter().map(ReleaseDoc::new).collect() });
    } else if known.is_empty() {
        out.text(&format!("no release of {fleet} was ever stable"));
    } else {
        out.text(&table(&known).render(out.width()));
    }
    Ok(Exit::Done)
}

impl<'a> ReleaseDoc<'a> {
    fn new(known: &'a KnownRelease) -> Self {
        let release = &known.release;
        Self {
            version: release.version.as_ref(),
            image: &release.image,
            group: &release.group,
            slot: release.slot.letter(),
            template: &release.template,
            template_version: release.template_version,
            stable_at: moment(known.stable_at),
            how: known.how,
            marked: known.marked.as_ref().map(|mark| MarkDoc { by: &mark.by, reason: mark.reason.as_ref(), at: moment(mark.at) }),
        }
    }
}

fn table(known: &[KnownRelease]) -> Table {
    let mut table = Table::new(&["VERSION", "ID", "GROUP", "STABLE SINCE", "HOW", "MARK"]).cutting_first(&[2, 5]);
    for known in known {
        let release = &known.release;
        let mark = known.marked.as_ref().map_or_else(String::new, |mark| {
            let why = mark.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.shown()));
            format!("bad, {}{why}", mark.by.shown())
        });
        table.row([
            release.label(),
            release.image.to_string(),
            format!("{}:{}", release.group, release.template_version),
            known.stable_at.rfc3339(),
            known.how.word().to_owned(),
            mark,
        ]);
    }
    table
}
