//! Watching an operation from its events in the store, until it is over or needs a person.

use std::pin::pin;
use std::time::{Duration, Instant};

use super::bake_document::BakeDoc;
use super::commands::bake::{at, outcome as bake_outcome};
use super::event_document::event_document;
use super::exit::Exit;
use super::operation_document::OperationDoc;
use super::output::Output;
use crate::app::lines::event_line;
use crate::bake::log::Log;
use crate::bake::marker::Marker;
use crate::domain::ids::OperationId;
use crate::operation::any::AnyView;
use crate::operation::event::{Event, EventBody, OperationState, VerdictWord};
use crate::operation::plan::OperationKind;
use crate::operation::record::OperationView;
use crate::operation::work::Work;
use crate::ports::desk::{DeskError, Records};

/// How often the store is asked whether it has something new.
const POLL: Duration = Duration::from_millis(100);
/// How often the operation is read even if the store has nothing new: a driver that is gone writes nothing.
const LOOK: Duration = Duration::from_secs(1);
/// How long an operation may be without a driver before nobody waits for one any more.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a new operation may be without its first driver.
const FIRST_DRIVER: Duration = Duration::from_secs(10);

/// When watching ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// When what the operation is for is reached: a rollback's traffic is on its target.
    Goal,
    /// When nothing will happen any more.
    Final,
}

/// How an operation is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    pub until: Until,
    /// Each event is printed; otherwise only how it ended.
    pub events: bool,
    pub json: bool,
    /// Give up after this.
    pub limit: Option<Duration>,
}

/// What a look at an operation says about waiting on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    GoOn,
    Over(Exit),
}

/// The exit code an operation in this state gives; none while it goes on.
pub(super) fn outcome(view: &OperationView, until: Until) -> Option<Exit> {
    let progress = &view.progress;
    let reached = view.operation.plan.kind == OperationKind::Rollback && progress.traffic_on_target_at.is_some();
    match progress.state {
        OperationState::Planned | OperationState::Running | OperationState::BackingOut | OperationState::Waiting => {
            (reached && until == Until::Goal).then_some(Exit::Done)
        }
        OperationState::Paused | OperationState::Holding if progress.deadline.is_some() => None,
        OperationState::Paused | OperationState::Holding => Some(if reached { Exit::Done } else { Exit::NeedsHuman }),
        OperationState::Succeeded => Some(Exit::Done),
        _ if reached => Some(Exit::Done),
        OperationState::BackedOut | OperationState::RolledBack => Some(Exit::EndedBadly),
        OperationState::Failed => Some(Exit::Failed),
        OperationState::Superseded => Some(Exit::Superseded),
    }
}

/// Watches until the operation is over, somebody presses ctrl-c, nobody reads any more or the limit is reached.
pub(super) async fn watch(desk: &dyn Records, id: &OperationId, how: Watch, out: &mut Output) -> Result<Exit, DeskError> {
    let mut watcher =
        Watcher { how, next: 0, log: Log::default(), log_lines: 0, version: None, looked: None, driverless: None, warned: false, judged: None };
    let began = Instant::now();
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    loop {
        if let Verdict::Over(exit) = watcher.look(desk, id, out)? {
            return Ok(exit);
        }
        if out.is_closed() {
            return Ok(Exit::Done);
        }
        let left = how.limit.map(|limit| limit.saturating_sub(began.elapsed()));
        if left == Some(Duration::ZERO) {
            return timed_out(desk, id, how, out);
        }
        tokio::select! {
            () = tokio::time::sleep(left.map_or(POLL, |left| left.min(POLL))) => {}
            pressed = &mut interrupt => {
                if pressed.is_ok() {
                    out.notice(&format!("{id} goes on without us: `qd watch {id}` shows it, `qd op {id}` says where it is"));
                    return Ok(Exit::Interrupted);
                }
            }
        }
    }
}

fn timed_out(desk: &dyn Records, id: &OperationId, how: Watch, out: &mut Output) -> Result<Exit, DeskError> {
    let view = desk.any_operation(id)?;
    if how.json {
        document(desk, &view, out);
    }
    let limit = how.limit.map_or_else(String::new, |limit| format!(" after {}s", limit.as_secs()));
    out.notice(&format!("qd: {id} is still {}{limit}", view.state().word()));
    Ok(Exit::TimedOut)
}

struct Watcher {
    how: Watch,
    /// The first event that is not printed yet.
    next: u64,
    /// The log of a bake as far as it was read, and how many of its lines are printed.
    log: Log,
    log_lines: usize,
    version: Option<u64>,
    looked: Option<Instant>,
    /// Since when nobody drives it.
    driverless: Option<Instant>,
    warned: bool,
    /// The verdict printed last: while a soak only adds numbers to it, nothing new is said.
    judged: Option<(usize, VerdictWord)>,
}

impl Watcher {
    fn look(&mut self, desk: &dyn Records, id: &OperationId, out: &mut Output) -> Result<Verdict, DeskError> {
        let version = desk.store_version()?;
        let fresh = self.looked.is_some_and(|at| at.elapsed() < LOOK);
        if self.version == Some(version) && fresh {
            return Ok(Verdict::GoOn);
        }
        let view = desk.any_operation(id)?;
        (self.version, self.looked) = (Some(version), Some(Instant::now()));
        match &view {
            AnyView::Rollout(view) => self.print_new(id, &view.operation.plan, &view.events, out),
            AnyView::Bake(view) => {
                self.print_log(desk, id, out)?;
                self.print_new(id, &view.operation.plan, &view.events, out);
            }
        }
        let exit = match &view {
            AnyView::Rollout(view) => outcome(view, self.how.until),
            AnyView::Bake(view) => bake_outcome(view.state()),
        };
        if let Some(exit) = exit {
            self.finish(desk, &view, exit, out);
            return Ok(Verdict::Over(exit));
        }
        Ok(self.without_driver(&view, out))
    }

    fn print_new<P: Work>(&mut self, id: &OperationId, plan: &P, events: &[Event], out: &mut Output) {
        let next = self.next;
        for event in events.iter().filter(|event| event.seq >= next) {
            if self.how.events && self.how.json {
                out.json(&event_document(id, plan, event));
            } else if self.how.events
                && self.is_news(event)
                && let Some(line) = event_line(plan, event)
            {
                out.text(&line);
            }
        }
        self.next = events.last().map_or(self.next, |last| last.seq + 1);
    }

    /// What the bake's consoles printed, line by line, without the markers that the events tell.
    fn print_log(&mut self, desk: &dyn Records, id: &OperationId, out: &mut Output) -> Result<(), DeskError> {
        if !self.how.events || self.how.json {
            return Ok(());
        }
        loop {
            let new = desk.bake_log(id, self.log.end())?;
            if new.is_empty() {
                return Ok(());
            }
            self.log.append(&new);
            for line in self.log_lines..self.log.whole_lines() {
                if let Some(text) = self.log.line(line).filter(|text| !Marker::is_on(text.raw())) {
                    out.text(&format!("    | {}", text.shown()));
                }
            }
            self.log_lines = self.log.whole_lines();
        }
    }

    fn is_news(&mut self, event: &Event) -> bool {
        let EventBody::Judged { step, verdict, .. } = &event.body else { return true };
        self.judged.replace((*step, verdict.word)) != Some((*step, verdict.word))
    }

    fn finish(&self, desk: &dyn Records, view: &AnyView, exit: Exit, out: &mut Output) {
        match view {
            _ if self.how.json => document(desk, view, out),
            AnyView::Rollout(view) => out.text(&ending(view, exit)),
            AnyView::Bake(_) => out.text(&format!("{} {}: {}", view.named(), view.state().word().replace('_', " "), view.reason())),
        }
        if exit == Exit::NeedsHuman {
            let id = view.id();
            let on = if view.state() == OperationState::Paused { "resume" } else { "promote" };
            out.notice(&format!("hint: it waits for a person: `qd {on} {id}` or `qd back-out {id}`"));
        }
    }

    /// Nobody drives it: said once, and after a while not waited for any longer.
    fn without_driver(&mut self, view: &AnyView, out: &mut Output) -> Verdict {
        if view.driver_alive() {
            (self.driverless, self.warned) = (None, false);
            return Verdict::GoOn;
        }
        let (id, since) = (view.id(), self.driverless.get_or_insert_with(Instant::now).elapsed());
        if view.state() == OperationState::Planned && since >= FIRST_DRIVER {
            out.notice(&format!("qd: no driver took {id} within {}s: nothing was changed", FIRST_DRIVER.as_secs()));
            out.notice(&format!("hint: `qd drive {id} --take-over` starts one, `qd doctor` says what is wrong"));
            return Verdict::Over(Exit::Failed);
        }
        if view.state() == OperationState::Planned || since < LOOK {
            return Verdict::GoOn;
        }
        if !std::mem::replace(&mut self.warned, true) {
            out.notice(&format!("nobody drives {id}: `qd drive {id} --take-over` picks it up"));
        }
        if since >= PATIENCE { Verdict::Over(Exit::NeedsHuman) } else { Verdict::GoOn }
    }
}

/// The operation alone, as its document.
fn document(desk: &dyn Records, view: &AnyView, out: &mut Output) {
    match view {
        AnyView::Rollout(view) => out.json(&OperationDoc::without_events(view)),
        AnyView::Bake(view) => out.json(&BakeDoc::without_events(view, at(desk, std::slice::from_ref(view)))),
    }
}

/// The last line: what came of it.
fn ending(view: &OperationView, exit: Exit) -> String {
    let (operation, progress) = (&view.operation, &view.progress);
    let word = progress.state.word().replace('_', " ");
    let reason = if progress.reason.is_empty() { String::new() } else { format!(": {}", progress.reason) };
    let id = &operation.id;
    if exit == Exit::Done && !progress.state.is_final() {
        let (word, plan) = (operation.word(), &operation.plan);
        let meanwhile = match plan.refresh {
            Some(_) => "it is looked at once more meanwhile".to_owned(),
            None => format!("{} is parked meanwhile", plan.from.group),
        };
        return format!("{word} {id}: traffic is on {}; {meanwhile}", plan.to.label());
    }
    format!("{} {id} of {} {word}{reason}", operation.word(), operation.plan.fleet)
}

/// Waits until a driver has taken a new operation, or it ended before that.
pub(super) async fn until_driven(desk: &dyn Records, id: &OperationId) -> Result<AnyView, DeskError> {
    let began = Instant::now();
    loop {
        let view = desk.any_operation(id)?;
        let late = began.elapsed() >= FIRST_DRIVER;
        // A driver that has only just taken it refuses commands: whoever scripts them next should not have to guess when to send them.
        if view.state() != OperationState::Planned || view.driver_alive() && late {
            return Ok(view);
        }
        if late {
            let message = format!("no driver took {id} within {}s: nothing was changed", FIRST_DRIVER.as_secs());
            return Err(DeskError::other(message, format!("`qd drive {id} --take-over` starts one, `qd doctor` says what is wrong")));
        }
        tokio::time::sleep(POLL).await;
    }
}
