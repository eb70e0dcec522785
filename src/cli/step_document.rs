//! Where an operation stands, in the JSON documents of every kind of operation.

use serde::Serialize;
use serde_json::Number;

use super::json::{moment, secs};
use crate::domain::text::Untrusted;
use crate::domain::time::Millis;
use crate::operation::event::StepOutcome;
use crate::operation::record::OperationView;
use crate::operation::work::{Standing, Work};

/// The step that is at work.
#[derive(Serialize)]
pub(super) struct StepDoc<'a> {
    index: usize,
    of: usize,
    name: Option<&'a str>,
    waiting_for: Option<&'a str>,
    until: Option<String>,
}

impl<'a> StepDoc<'a> {
    pub(super) fn new<P: Work>(view: &'a OperationView<P>) -> Self {
        let (plan, progress) = (&view.operation.plan, &view.progress);
        let (current, of, reason) = (progress.current(), plan.step_count(), progress.reason());
        let waits = !progress.state().is_final() && !reason.is_empty();
        Self {
            index: (current + 1).min(of),
            of,
            name: plan.step_title(current).or_else(|| plan.step_title(of.checked_sub(1)?)),
            waiting_for: waits.then_some(reason),
            until: progress.deadline().map(moment),
        }
    }
}

/// The process that drives it.
#[derive(Serialize)]
pub(super) struct DriverDoc<'a> {
    host: Option<&'a Untrusted>,
    pid: Option<u32>,
    alive: bool,
}

impl<'a> DriverDoc<'a> {
    /// None if no driver ever took it.
    pub(super) fn of<P: Work>(view: &'a OperationView<P>) -> Option<Self> {
        let holder = view.lease.as_ref()?.holder.as_ref();
        Some(Self { host: holder.map(|holder| &holder.host), pid: holder.map(|holder| holder.pid), alive: view.driver_alive })
    }
}

/// One step.
#[derive(Serialize)]
pub(super) struct StepStatusDoc<'a> {
    index: usize,
    name: &'a str,
    outcome: Option<StepOutcome>,
    note: &'a str,
    started_at: Option<String>,
    ended_at: Option<String>,
    expected_secs: Option<Number>,
}

impl<'a> StepStatusDoc<'a> {
    /// All steps, each with how long it was expected to take.
    pub(super) fn all<P: Work>(view: &'a OperationView<P>, expected: impl IntoIterator<Item = Option<Millis>>) -> Vec<Self> {
        let known = view.progress.steps().iter().zip(expected).enumerate();
        known
            .map(|(index, (status, expected))| Self {
                index: index + 1,
                name: view.operation.plan.step_title(index).unwrap_or_default(),
                outcome: status.outcome,
                note: &status.note,
                started_at: status.started_at.map(moment),
                ended_at: status.ended_at.map(moment),
                expected_secs: expected.map(secs),
            })
            .collect()
    }
}
