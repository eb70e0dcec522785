//! The screen as plain lines, for screen readers and very bad links: the fleets once, then every event as it happens.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::app::lines::event_line;
use crate::cli::commands::fleets::FleetsArgs;
use crate::cli::{self, Command, Exit, Output};
use crate::domain::ids::OperationId;
use crate::operation::record::OperationView;
use crate::ports::desk::{DeskError, Records};

/// How often the store is asked whether it has something new.
const POLL: Duration = Duration::from_millis(200);
/// Finished operations looked at for their last events.
const FINISHED: usize = 5;

/// Prints until somebody presses ctrl-c or nobody reads any more.
pub(super) async fn follow(desk: Arc<dyn Records>, out: &mut Output) -> Result<Exit, DeskError> {
    let shown = cli::run(desk.clone(), Command::Fleets(FleetsArgs { json: false }), out).await;
    if shown != Exit::Done {
        return Ok(shown);
    }
    let mut printed = Printed::default();
    printed.begin(&desk.operations(FINISHED)?, out);
    let (mut interrupt, mut version) = (pin!(tokio::signal::ctrl_c()), None);
    while !out.is_closed() {
        let now = Some(desk.store_version()?);
        if now != version {
            version = now;
            printed.news(&desk.operations(FINISHED)?, out);
        }
        tokio::select! {
            _ = &mut interrupt => break,
            () = tokio::time::sleep(POLL) => {}
        }
    }
    Ok(Exit::Done)
}

/// The next event of each operation that was not printed yet.
#[derive(Default)]
struct Printed(BTreeMap<OperationId, u64>);

impl Printed {
    /// What is at work already is said in one line; its past is not repeated.
    fn begin(&mut self, operations: &[OperationView], out: &mut Output) {
        for view in operations {
            self.0.insert(view.operation.id.clone(), view.last_event().map_or(0, |last| last + 1));
            if !view.state().is_final() {
                let brief = view.brief();
                out.text(&format!(
                    "{} {} {}: {}, step {}/{} {}",
                    view.operation.plan.fleet,
                    brief.id,
                    brief.word,
                    brief.state.word(),
                    brief.step,
                    brief.steps,
                    brief.step_title
                ));
            }
        }
    }

    fn news(&mut self, operations: &[OperationView], out: &mut Output) {
        for view in operations.iter().rev() {
            let plan = &view.operation.plan;
            let next = self.0.entry(view.operation.id.clone()).or_default();
            for event in view.events.iter().filter(|event| event.seq >= *next) {
                if let Some(line) = event_line(plan, event) {
                    out.text(&format!("{} {}  {line}", plan.fleet, view.operation.id));
                }
            }
            *next = view.last_event().map_or(*next, |last| last + 1);
        }
    }
}
