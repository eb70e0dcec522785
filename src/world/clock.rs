//! How a world goes on: from one tick at which something happens to the next.

use super::World;
use super::draw;
use super::state::{Group, Tick};
use crate::domain::group::count;
use crate::domain::time::WorldTime;

/// An hour, in ticks: how often it is drawn whether a server is going to break.
pub(super) const HOUR: Tick = 3_600;
/// Nothing breaks by itself in the first hours of a world.
const QUIET_HOURS: Tick = 2;
/// One of so many hours of a group sees a server break.
const HOURS_PER_FAILURE: i64 = 8;

impl World {
    /// Goes on to `to`, rounded down to a whole tick; a moment in the past changes nothing.
    ///
    /// The work is in the events (launches, checks, drains, weight changes, hourly draws), not in the seconds between them.
    pub fn advance(&mut self, to: WorldTime) {
        let end = Tick::try_from(to.since(self.start).as_secs()).unwrap_or(Tick::MAX);
        while self.tick < end {
            let next = self.next_event().clamp(self.tick + 1, end);
            self.count_traffic(self.tick, next);
            self.tick = next;
            self.happen();
        }
    }

    /// When anything but counting may happen next, for those who want to look at every moment that differs.
    #[must_use]
    pub fn next_change(&self) -> WorldTime {
        self.moment(self.next_event().max(self.tick + 1))
    }

    /// The next tick at which anything but counting may happen.
    fn next_event(&self) -> Tick {
        let hourly = (self.tick / HOUR + 1) * HOUR;
        let settling = self.places.values().any(|place| place.settling.is_some()).then_some(self.tick + 1);
        let groups = self.groups.values().filter_map(|group| self.next_of_group(group)).min();
        [settling, groups].into_iter().flatten().fold(hourly, Tick::min)
    }

    fn next_of_group(&self, group: &Group) -> Option<Tick> {
        let servers = group.servers.iter().filter_map(|server| server.due).min();
        let balance = wants_change(group).then(|| group.retry_at.max(self.tick + 1));
        [servers, balance, group.breaks_at, group.refresh_due().map(|at| at.max(self.tick + 1))].into_iter().flatten().min()
    }

    /// Everything that happens at the present tick, in a fixed order.
    fn happen(&mut self) {
        self.settle_weights();
        self.draw_failures();
        self.servers_go_on();
        self.refreshes_go_on();
        self.balance_groups();
    }

    /// On the hour: whether a server of each group is going to break within it.
    fn draw_failures(&mut self) {
        if !self.accidents || self.tick % HOUR != 0 || self.tick / HOUR < QUIET_HOURS {
            return;
        }
        let (seed, tick) = (self.seed, self.tick);
        for (name, group) in &mut self.groups {
            let unlucky = draw::between(seed, tick, "break", name.as_str(), 1, HOURS_PER_FAILURE) == 1;
            let at = tick + draw::between(seed, tick, "break-at", name.as_str(), 1, HOUR - 1);
            group.breaks_at = unlucky.then_some(at);
        }
    }
}

/// Whether the group has more or fewer servers than it wants and may do something about it.
pub(super) fn wants_change(group: &Group) -> bool {
    let (active, desired) = (count(group.servers.iter().filter(|server| server.is_active())), group.wanted());
    (active < desired && !group.is_suspended("Launch")) || (active > desired && !group.is_suspended("Terminate"))
}
