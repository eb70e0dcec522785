//! Freezes: for a while nothing new goes forward in a fleet, or in any. Going back is never frozen.

use serde::{Deserialize, Serialize};

use super::command::Who;
use crate::domain::ids::FleetName;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// The shortest freeze that means anything.
pub const SHORTEST_FREEZE: Millis = Millis::mins(1);
/// The longest: one that should last longer is put again by somebody who still knows why.
pub const LONGEST_FREEZE: Millis = Millis::mins(30 * 24 * 60);

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreezeBody {
    /// Nothing goes forward before this moment.
    Frozen {
        /// When it ends by itself.
        until: WorldTime,
    },
    /// It is lifted.
    Lifted,
}

/// One entry of the record of freezes. Entries are only ever added; the last one about a fleet, and the last about all, count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeEntry {
    /// The fleet; none for all of them.
    pub fleet: Option<FleetName>,
    /// When, in world time.
    pub at: WorldTime,
    /// What is said.
    pub body: FreezeBody,
    /// Who says so.
    pub by: Who,
    /// Why.
    pub reason: Option<Untrusted>,
}

/// A freeze in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// The fleet; none for all of them.
    pub fleet: Option<FleetName>,
    /// Since when.
    pub since: WorldTime,
    /// When it ends by itself.
    pub until: WorldTime,
    /// Who put it.
    pub by: Who,
    /// Why.
    pub reason: Option<Untrusted>,
}

impl Freeze {
    /// Whether it holds for this fleet.
    #[must_use]
    pub fn covers(&self, fleet: &FleetName) -> bool {
        self.fleet.as_ref().is_none_or(|frozen| frozen == fleet)
    }

    /// Whose it is, until when and why.
    #[must_use]
    pub fn described(&self) -> String {
        let what = if self.fleet.is_some() { "frozen" } else { "all fleets are frozen" };
        let why = self.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.shown()));
        format!("{what} by {} until {}{why}", self.by.short(), self.until.rfc3339())
    }

    /// The command that lifts it.
    #[must_use]
    pub fn lifted_by(&self) -> String {
        self.fleet.as_ref().map_or_else(|| "qd unfreeze --all".to_owned(), |fleet| format!("qd unfreeze {fleet}"))
    }

    /// What a person who wants to go forward can do.
    #[must_use]
    pub fn remedy(&self) -> String {
        format!("wait until it ends, or lift it with `{}`; a rollback is not frozen", self.lifted_by())
    }
}

/// The freezes in force at `now`, out of all entries in the order in which they were made; the one that ends last first.
#[must_use]
pub fn in_force(entries: &[FreezeEntry], now: WorldTime) -> Vec<Freeze> {
    let is_last = |at: usize, entry: &FreezeEntry| !entries.iter().skip(at + 1).any(|later| later.fleet == entry.fleet);
    let mut freezes: Vec<Freeze> =
        entries.iter().enumerate().filter(|(at, entry)| is_last(*at, entry)).filter_map(|(_, entry)| holds(entry, now)).collect();
    freezes.sort_by_key(|freeze| std::cmp::Reverse(freeze.until));
    freezes
}

fn holds(entry: &FreezeEntry, now: WorldTime) -> Option<Freeze> {
    match entry.body {
        FreezeBody::Frozen { until } if until > now => {
            Some(Freeze { fleet: entry.fleet.clone(), since: entry.at, until, by: entry.by.clone(), reason: entry.reason.clone() })
        }
        FreezeBody::Frozen { .. } | FreezeBody::Lifted => None,
    }
}

/// Those of them that hold for `fleet`.
#[must_use]
pub fn of_fleet(freezes: &[Freeze], fleet: &FleetName) -> Vec<Freeze> {
    freezes.iter().filter(|freeze| freeze.covers(fleet)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fleet: Option<&str>, at: i64, body: FreezeBody) -> FreezeEntry {
        let by = Who { user: "ann".into(), host: "bastion".into(), ..Who::default() };
        FreezeEntry { fleet: fleet.map(FleetName::from), at: WorldTime(at), body, by, reason: Some("release week".into()) }
    }

    fn until(until: i64) -> FreezeBody {
        FreezeBody::Frozen { until: WorldTime(until) }
    }

    #[test]
    fn a_freeze_ends_at_its_time_and_not_before() {
        let entries = [entry(Some("web"), 0, until(100))];
        assert_eq!(in_force(&entries, WorldTime(99)).len(), 1);
        assert!(in_force(&entries, WorldTime(100)).is_empty());
    }

    #[test]
    fn the_last_word_about_a_fleet_counts_and_says_nothing_about_the_others() {
        let entries = [entry(Some("web"), 0, until(100)), entry(None, 1, until(50)), entry(Some("web"), 2, FreezeBody::Lifted)];
        let freezes = in_force(&entries, WorldTime(10));
        assert_eq!(freezes.len(), 1, "the freeze of all fleets is not lifted by lifting one");
        assert!(freezes[0].covers(&"web".into()) && freezes[0].covers(&"api".into()));
        assert_eq!(freezes[0].lifted_by(), "qd unfreeze --all");
    }

    #[test]
    fn a_second_freeze_replaces_the_first_also_with_an_earlier_end() {
        let entries = [entry(Some("web"), 0, until(100)), entry(Some("web"), 1, until(20))];
        assert!(in_force(&entries, WorldTime(30)).is_empty());
    }

    #[test]
    fn the_freeze_that_lasts_longest_is_named_first() {
        let entries = [entry(None, 0, until(50)), entry(Some("web"), 1, until(100)), entry(Some("api"), 2, until(90))];
        let web = of_fleet(&in_force(&entries, WorldTime(10)), &"web".into());
        assert_eq!(web.iter().map(|freeze| freeze.until.0).collect::<Vec<_>>(), [100, 50]);
        assert!(web[0].described().contains("ann@bastion until 1970-01-01T00:00:00Z: release week"), "{}", web[0].described());
    }
}
