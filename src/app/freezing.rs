//! The sheet that freezes a fleet or all of them, or lifts a freeze: it changes no server, and a rollback passes it.

use super::model::Model;
use crate::domain::ids::FleetName;
use crate::domain::time::{Millis, WorldTime};
use crate::operation::freeze::Freeze;
use crate::operation::plan::Friction;

/// The lengths that are offered, one after the other.
const LENGTHS: [Millis; 5] = [Millis::mins(60), Millis::mins(4 * 60), Millis::mins(8 * 60), Millis::mins(24 * 60), Millis::mins(7 * 24 * 60)];

/// What is put or lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freezing {
    /// The fleet the sheet was opened for.
    pub fleet: FleetName,
    /// Every fleet is meant, not only that one.
    pub all: bool,
    /// How long it would last.
    pub length: Millis,
    /// The freeze that would be lifted; none to put one.
    pub lifts: Option<Freeze>,
    /// A reason has to be given to put one: it is told to whoever is refused.
    pub friction: Friction,
}

impl Freezing {
    /// What it would do for a fleet: lift the freeze that holds it longest, or put one.
    #[must_use]
    pub fn of(model: &Model, fleet: &FleetName) -> Self {
        let held = model.fleet_status(fleet).map_or(&[][..], |status| &status.freezes);
        let lifts = held.iter().find(|freeze| freeze.until > model.clock.world).cloned();
        let all = lifts.as_ref().is_some_and(|freeze| freeze.fleet.is_none());
        let friction = if lifts.is_some() { Friction::Confirm } else { Friction::Reason };
        Self { fleet: fleet.clone(), all, length: Millis::mins(4 * 60), lifts, friction }
    }

    /// The fleet that is meant; none for all of them.
    #[must_use]
    pub const fn scope(&self) -> Option<&FleetName> {
        if self.all { None } else { Some(&self.fleet) }
    }

    /// The next length, or the first again.
    pub fn other_length(&mut self) {
        let next = LENGTHS.iter().find(|length| **length > self.length).or_else(|| LENGTHS.first());
        self.length = next.copied().unwrap_or(self.length);
    }

    /// What is meant, in words.
    #[must_use]
    pub fn scope_words(&self) -> String {
        self.scope().map_or_else(|| "all fleets of this store".to_owned(), ToString::to_string)
    }

    /// What it does, line by line.
    #[must_use]
    pub fn effects(&self, now: WorldTime) -> Vec<String> {
        match &self.lifts {
            Some(freeze) => vec![format!("lifts: {}", freeze.described()), "new deploys are possible again at once".to_owned()],
            None => vec![
                format!("no new deploy of {} for {}, until {}", self.scope_words(), self.length, now.plus(self.length).rfc3339()),
                "what is under way goes on; rollback, back-out and pause pass it".to_owned(),
                "it ends by itself".to_owned(),
            ],
        }
    }

    /// The same on the command line.
    #[must_use]
    pub fn command(&self) -> String {
        let scope = self.scope().map_or_else(|| "--all".to_owned(), ToString::to_string);
        if self.lifts.is_some() { format!("qd unfreeze {scope}") } else { format!("qd freeze {scope} --for {} --reason TEXT", self.length) }
    }
}
