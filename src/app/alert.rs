//! What a person has to have seen: errors and operations that stopped. They stay until they are read.

use crate::domain::ids::{FleetName, OperationId};
use crate::domain::text::escape;
use crate::domain::time::WorldTime;
use crate::ports::desk::DeskError;

/// Most that are kept; the oldest go first.
const LIMIT: usize = 200;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its number in this session: selections name it, not its row.
    pub id: u64,
    /// When it last happened.
    pub at: WorldTime,
    /// When what it is about began, as far as that is known: changes before this moment may be why.
    pub began: WorldTime,
    /// What happened, a sentence.
    pub text: String,
    /// What to do about it.
    pub hint: String,
    /// The fleet it is about.
    pub fleet: Option<FleetName>,
    /// The bake it is about.
    pub bake: Option<OperationId>,
    /// How often it happened.
    pub times: u32,
    /// Somebody looked.
    pub read: bool,
}

/// All of them, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbox {
    alerts: Vec<Alert>,
    count: u64,
}

impl Inbox {
    /// Newest first.
    #[must_use]
    pub fn all(&self) -> &[Alert] {
        &self.alerts
    }

    /// How many nobody looked at.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.alerts.iter().filter(|alert| !alert.read).count()
    }

    /// Adds one. The same again is counted, not listed twice, and only the first time makes it unread.
    pub fn add(&mut self, at: WorldTime, text: impl Into<String>, hint: impl Into<String>, fleet: Option<FleetName>) {
        self.add_since(at, at, text, hint, fleet);
    }

    /// Adds one about something that began before it was noticed.
    pub fn add_since(&mut self, at: WorldTime, began: WorldTime, text: impl Into<String>, hint: impl Into<String>, fleet: Option<FleetName>) {
        let (text, hint) = (escape(&text.into()), escape(&hint.into()));
        self.insert(Alert { id: 0, at, began, text, hint, fleet, bake: None, times: 1, read: false });
    }

    /// Adds one about a bake.
    pub fn add_bake(&mut self, at: WorldTime, text: impl Into<String>, hint: impl Into<String>, bake: OperationId) {
        let (text, hint) = (escape(&text.into()), escape(&hint.into()));
        self.insert(Alert { id: 0, at, began: at, text, hint, fleet: None, bake: Some(bake), times: 1, read: false });
    }

    fn insert(&mut self, mut alert: Alert) {
        self.count += 1;
        alert.id = self.count;
        if let Some(position) = self.alerts.iter().position(|known| known.text == alert.text && known.fleet == alert.fleet) {
            let known = self.alerts.remove(position);
            alert.id = known.id;
            alert.began = alert.began.min(known.began);
            alert.times = known.times.saturating_add(1);
            alert.read = known.read;
        }
        self.alerts.insert(0, alert);
        self.alerts.truncate(LIMIT);
    }

    /// Adds a failure.
    pub fn add_error(&mut self, at: WorldTime, what: &str, error: &DeskError, fleet: Option<FleetName>) {
        self.add(at, format!("{what}: {error}"), error.hint(), fleet);
    }

    /// Somebody looked at all of them.
    pub fn mark_read(&mut self) {
        self.alerts.iter_mut().for_each(|alert| alert.read = true);
    }
}
