//! `qd gc`: images nobody needs, marked first, and removed once they were marked for long enough.

use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::gc_text::{GcDoc, GcDoneDoc, done_text, plan_text};
use super::super::options::duration;
use super::super::output::Output;
use super::act::may_change;
use crate::domain::time::Millis;
use crate::operation::gc::{GcPolicy, Verdict};
use crate::operation::plan::Refusal;
use crate::ports::desk::Records;

/// The shortest time between mark and removal: long enough for a listing to show what was just launched.
const SHORTEST_WAIT: Millis = Millis::mins(5);

/// `qd gc`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct GcArgs {
    /// Mark what nobody needs, and remove what was marked for long enough; without it nothing is changed
    #[arg(long)]
    pub apply: bool,
    /// So many of the newest verified images of each application always stay
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: u16,
    /// Images younger than this stay
    #[arg(long, value_name = "DURATION", default_value = "14d", value_parser = duration)]
    pub min_age: Millis,
    /// From the mark to the removal
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = wait)]
    pub wait: Millis,
    /// Say of every image why it stays
    #[arg(long)]
    pub all: bool,
    /// Do not ask
    #[arg(long, short = 'y', requires = "apply")]
    pub yes: bool,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

fn wait(text: &str) -> Result<Millis, String> {
    let wait = Millis::parse(text)?;
    if wait >= SHORTEST_WAIT { Ok(wait) } else { Err(format!("expected {SHORTEST_WAIT} or more, such as 7d")) }
}

/// Shows what nobody needs; with `--apply` marks and removes it.
pub(in super::super) async fn run(desk: &dyn Records, args: &GcArgs, out: &mut Output) -> Result<Exit, Failure> {
    if args.apply && !args.yes && !out.can_ask() {
        return Err(Failure::Usage("there is no terminal to ask on: `--yes` answers, without --apply it only shows".to_owned()));
    }
    let policy = GcPolicy { keep: usize::from(args.keep), min_age: args.min_age, wait: args.wait };
    let plan = desk.plan_gc(&policy).await?;
    match (args.json, args.apply) {
        (true, false) => out.json(&GcDoc::new(&plan, &policy)),
        (true, true) => out.notice(&plan_text(&plan, &policy, args.all, out.width())),
        (false, _) => out.text(&plan_text(&plan, &policy, args.all, out.width())),
    }
    if !args.apply {
        return Ok(Exit::Done);
    }
    may_change(desk)?;
    if !plan.obstacles.is_empty() {
        let why = format!("nothing is removed: {}", plan.obstacles.join("; "));
        return Err(crate::ports::desk::DeskError::from(Refusal::new(why, "run it again once that is over")).into());
    }
    let removed = plan.with(|verdict| *verdict == Verdict::Remove).count();
    let question = if removed == 0 { "Mark them? [y/N]".to_owned() } else { format!("Remove {removed} for good? [y/N]") };
    let yes = |answer: String| matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes");
    if !args.yes && !out.ask(&question).is_some_and(yes) {
        out.notice("qd: not confirmed: nothing was changed");
        return Ok(Exit::Failed);
    }
    let done = desk.collect(&policy).await?;
    if args.json {
        out.json(&GcDoneDoc::new(&done));
    } else {
        out.text(&done_text(&done));
    }
    for trouble in &done.troubles {
        out.notice(&format!("qd: {trouble}"));
    }
    Ok(if done.troubles.is_empty() { Exit::Done } else { Exit::Failed })
}
