//! What lists are filtered by.

use super::field::Field;

/// A list that can be filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Images of the selected fleet's app.
    Images,
    /// Fleets.
    Fleets,
    /// Events of all operations.
    Activity,
    /// Commands, in the help.
    Help,
    /// Images with what becomes of them.
    Retention,
    /// Lines of a bake's log: none is hidden, they are jumped to.
    Log,
}

/// What each list is filtered by.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// Images.
    pub images: Field,
    /// Fleets.
    pub fleets: Field,
    /// Events.
    pub activity: Field,
    /// Commands.
    pub help: Field,
    /// Images with what becomes of them.
    pub retention: Field,
    /// What is searched in the log of a bake.
    pub log: Field,
}

impl Filters {
    /// A list's.
    #[must_use]
    pub const fn of(&self, list: List) -> &Field {
        match list {
            List::Images => &self.images,
            List::Fleets => &self.fleets,
            List::Activity => &self.activity,
            List::Help => &self.help,
            List::Retention => &self.retention,
            List::Log => &self.log,
        }
    }

    /// A list's, to change it.
    pub const fn of_mut(&mut self, list: List) -> &mut Field {
        match list {
            List::Images => &mut self.images,
            List::Fleets => &mut self.fleets,
            List::Activity => &mut self.activity,
            List::Help => &mut self.help,
            List::Retention => &mut self.retention,
            List::Log => &mut self.log,
        }
    }
}
