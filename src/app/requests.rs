//! Which answers are still waited for. The newest request of a kind wins; older answers are not believed.

use crate::domain::time::{BootTime, Millis};

/// After this long without an answer another request may be made.
const PATIENCE: Millis = Millis::secs(60);

/// One kind of request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// The newest request; zero before the first.
    newest: u64,
    /// When it was made.
    asked: Option<BootTime>,
    /// Its answer is still to come.
    open: bool,
    /// Something changed since it was made: ask again when it is answered.
    again: bool,
}

impl Lane {
    /// An answer is waited for, and not for too long yet.
    #[must_use]
    pub fn is_open(&self, now: BootTime) -> bool {
        self.open && self.asked.is_some_and(|asked| now.since(asked) < PATIENCE)
    }

    /// Nothing is under way and the last request is at least `period` ago.
    #[must_use]
    pub fn is_due(&self, now: BootTime, period: Millis) -> bool {
        !self.is_open(now) && self.asked.is_none_or(|asked| now.since(asked) >= period)
    }

    /// How long ago the last request was; none before the first.
    #[must_use]
    pub fn idle(&self, now: BootTime) -> Option<Millis> {
        self.asked.map(|asked| now.since(asked))
    }

    /// Remembers to ask again once the open request is answered.
    pub const fn ask_again(&mut self) {
        self.again = true;
    }

    /// Makes the next request due at once.
    pub const fn hurry(&mut self) {
        if !self.open {
            self.asked = None;
        }
    }

    /// This is the newest request, whether or not it was answered yet.
    #[must_use]
    pub const fn is_newest(&self, no: u64) -> bool {
        self.newest == no
    }

    /// Stops waiting: the answer will not be believed.
    pub const fn forget(&mut self) {
        self.newest = 0;
        self.open = false;
    }
}

/// Every kind of request, with one count over all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    count: u64,
    /// Fleets and images.
    pub estate: Lane,
    /// The alarms of all fleets.
    pub alarms: Lane,
    /// The opened fleet.
    pub fleet: Lane,
    /// Operations.
    pub operations: Lane,
    /// Bakes.
    pub bakes: Lane,
    /// The log of the opened bake.
    pub bake_log: Lane,
    /// Recipes, and which images are behind their base.
    pub recipes: Lane,
    /// What is known of the opened image.
    pub story: Lane,
    /// Images nobody needs.
    pub retention: Lane,
    /// What the screen stands on.
    pub sources: Lane,
    /// Plans.
    pub plan: Lane,
    /// Confirmed plans and commands.
    pub send: Lane,
    /// Plans and confirmations of several fleets: one request, an answer for each.
    pub batch: Lane,
    /// Rehearsals.
    pub rehearsal: Lane,
}

impl Requests {
    /// Numbers a new request of the kind that `lane` picks.
    pub fn begin(&mut self, now: BootTime, lane: impl Fn(&mut Self) -> &mut Lane) -> u64 {
        self.count += 1;
        let no = self.count;
        *lane(self) = Lane { newest: no, asked: Some(now), open: true, again: false };
        no
    }

    /// Takes an answer in: whether it is the newest one's, and whether to ask again.
    pub fn end(&mut self, no: u64, lane: impl Fn(&mut Self) -> &mut Lane) -> Ended {
        let lane = lane(self);
        if lane.newest != no {
            return Ended { believed: false, again: false };
        }
        lane.open = false;
        Ended { believed: true, again: std::mem::take(&mut lane.again) }
    }
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// It answers the newest request.
    pub believed: bool,
    /// Something changed meanwhile.
    pub again: bool,
}
