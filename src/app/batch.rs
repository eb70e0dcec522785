//! Several fleets at once, from marks: one line a fleet, one confirmation, one operation each.

use super::model::{Model, Problem};
use super::prospects::commanded;
use super::sheet::{Ask, Errand};
use super::sheet_keys;
use crate::domain::ids::{FleetName, OperationId};
use crate::operation::command::{CommandKind, Ruling, rule};
use crate::operation::intent::Intent;
use crate::operation::plan::{Friction, OperationKind, Plan};
use crate::operation::status::FleetStatus;

/// So many are started at once.
pub const BATCH: usize = 5;

/// What is done to all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// A rollback each.
    RollBack,
    /// Their unfinished deploys back out.
    BackOut,
}

/// How far one fleet is.
#[derive(Clone, Debug, PartialEq)]
pub enum LineState {
    /// Its plan is being made.
    Planning,
    /// It would be rolled back like this.
    Planned(Box<Plan>),
    /// Its operation would be told to back out.
    Ready(Box<Errand>),
    /// It is left out, and why.
    LeftOut(Problem),
    /// It is on its way.
    Sent,
    /// Its operation began.
    Begun(OperationId),
    /// What its operation answered.
    Answered(String),
    /// It was refused.
    Refused(Problem),
}

/// One fleet of several.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The fleet.
    pub fleet: FleetName,
    /// How far it is.
    pub state: LineState,
}

/// Several fleets and what is done to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// What is done.
    pub kind: BatchKind,
    /// The fleets, the one in the worst state first; never empty.
    pub lines: Vec<Line>,
    /// The first of them.
    pub lead: FleetName,
    /// The application they all run, which may be typed in place of their number.
    pub app: Option<String>,
    /// Their number has to be typed.
    pub friction: Friction,
}

impl Batch {
    /// Fleets it would be done to.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line.state, LineState::Planned(_) | LineState::Ready(_))).count()
    }

    /// A plan is still being made.
    #[must_use]
    pub fn is_planning(&self) -> bool {
        self.lines.iter().any(|line| line.state == LineState::Planning)
    }

    /// Somebody still waits for an answer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.lines.iter().any(|line| line.state == LineState::Sent)
    }

    /// What has to be typed.
    #[must_use]
    pub fn wanted(&self) -> String {
        let count = self.ready().to_string();
        self.app.as_ref().map_or_else(|| count.clone(), |app| format!("{count} or {app}"))
    }

    /// Whether this is their number, or the application they share.
    #[must_use]
    pub fn is_typed(&self, text: &str) -> bool {
        text == self.ready().to_string() || self.app.as_deref() == Some(text) && !text.is_empty()
    }

    /// What would be confirmed.
    #[must_use]
    pub fn orders(&self) -> Vec<(Intent, Box<Plan>)> {
        let order = |line: &Line| match &line.state {
            LineState::Planned(plan) => Some((Intent::Rollback { fleet: line.fleet.clone(), to: None }, plan.clone())),
            _ => None,
        };
        self.lines.iter().filter_map(order).collect()
    }

    /// The commands that would be sent.
    #[must_use]
    pub fn errands(&self) -> Vec<Errand> {
        let errand = |line: &Line| if let LineState::Ready(errand) = &line.state { Some((**errand).clone()) } else { None };
        self.lines.iter().filter_map(errand).collect()
    }

    /// What is confirmed is on its way.
    pub fn send(&mut self) {
        for line in &mut self.lines {
            if matches!(line.state, LineState::Planned(_) | LineState::Ready(_)) {
                line.state = LineState::Sent;
            }
        }
    }

    /// Takes in how far a fleet is.
    pub fn set(&mut self, fleet: &FleetName, state: LineState) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.fleet == *fleet) {
            line.state = state;
        }
    }

    /// Begun or answered, refused, and left out.
    #[must_use]
    pub fn tally(&self) -> (usize, usize) {
        let count = |is: fn(&LineState) -> bool| self.lines.iter().filter(|line| is(&line.state)).count();
        (count(|state| matches!(state, LineState::Begun(_) | LineState::Answered(_))), count(|state| matches!(state, LineState::Refused(_))))
    }
}

/// The line of a plan: what goes against advice is confirmed on a sheet of its own.
#[must_use]
pub fn planned(plan: Box<Plan>) -> LineState {
    match &plan.friction {
        Friction::Typed { because } => {
            LineState::LeftOut(Problem { text: because.clone(), hint: "open it alone: that sheet asks for its name".to_owned() })
        }
        Friction::Confirm | Friction::Reason => LineState::Planned(plan),
    }
}

/// The marked fleets that are known, the one in the worst state first.
#[must_use]
pub fn marked(model: &Model) -> Vec<&FleetStatus> {
    let mut marked: Vec<&FleetStatus> = model.fleets().iter().filter(|status| model.marked.contains(&status.spec.name)).collect();
    marked.sort_by_key(|status| std::cmp::Reverse(status.badness()));
    marked
}

/// Rollbacks of all marked fleets, still to be planned.
#[must_use]
pub fn rollbacks(model: &Model) -> Option<Batch> {
    batch(model, BatchKind::RollBack, |_| LineState::Planning)
}

/// The unfinished deploys of all marked fleets.
#[must_use]
pub fn back_outs(model: &Model) -> Option<Batch> {
    batch(model, BatchKind::BackOut, |status| {
        back_out(model, &status.spec.name)
            .map_or_else(|why| LineState::LeftOut(Problem { text: why, hint: String::new() }), |errand| LineState::Ready(Box::new(errand)))
    })
}

fn back_out(model: &Model, fleet: &FleetName) -> Result<Errand, String> {
    let view = commanded(model, fleet).filter(|view| view.operation.plan.kind == OperationKind::Deploy);
    let view = view.ok_or_else(|| "no deploy is at work".to_owned())?;
    match rule(view.state(), CommandKind::BackOut) {
        Ruling::Refuse(why) | Ruling::Joined(why) => Err(why.to_owned()),
        Ruling::Accept => {
            sheet_keys::errand(view, Ask::Command(CommandKind::BackOut), &model.keymap).ok_or_else(|| "its events were not read yet".to_owned())
        }
    }
}

fn batch(model: &Model, kind: BatchKind, state: impl Fn(&FleetStatus) -> LineState) -> Option<Batch> {
    let marked = marked(model);
    let lead = marked.first()?.spec.name.clone();
    let apps: std::collections::BTreeSet<_> = marked.iter().map(|status| status.spec.app.as_ref().map(|app| app.raw().to_owned())).collect();
    let app = if apps.len() == 1 { apps.into_iter().next().flatten() } else { None };
    let lines = marked.into_iter().map(|status| Line { fleet: status.spec.name.clone(), state: state(status) }).collect();
    let friction = Friction::Typed { because: "several fleets at once".to_owned() };
    Some(Batch { kind, lines, lead, app, friction })
}
