//! What may happen to servers besides their own life: broken, lost with a zone, stuck on their way out, replaced by another tool.

use super::World;
use super::draw;
use super::servers::{break_server, may_break, terminate};
use super::state::{Phase, Target, Tick, Vigour};
use crate::domain::ids::{GroupName, ImageId, InstanceId};
use crate::domain::time::Millis;

impl World {
    /// Breaks one server that serves; false when there is none by that id.
    pub(super) fn break_by_hand(&mut self, group: &GroupName, id: &InstanceId) -> bool {
        let Some(mut found) = self.groups.remove(group) else { return false };
        let around = self.surroundings(&found);
        let server = found.servers.iter_mut().find(|server| server.id == *id && may_break(server));
        let broke = server.map(|server| break_server(server, &around)).is_some();
        self.groups.insert(group.clone(), found);
        broke
    }

    /// Servers of the image that pass their checks are checked again at once.
    pub(super) fn change_vigour(&mut self, image: &ImageId, vigour: Vigour) -> bool {
        let Some(record) = self.images.get_mut(image) else { return false };
        record.behaviour.vigour = vigour;
        let next = self.tick + 1;
        let servers = self.groups.values_mut().flat_map(|group| &mut group.servers);
        for server in servers.filter(|server| server.image == *image && server.target == Target::Healthy) {
            server.due = Some(next);
        }
        true
    }

    /// Every server of the zone ends at once, without draining.
    pub(super) fn lose_zone(&mut self, zone: u8, span: Millis) -> bool {
        self.outage = Some((zone, self.tick.saturating_add_unsigned(span.as_secs())));
        let tick = self.tick;
        for server in self.groups.values_mut().flat_map(|group| &mut group.servers).filter(|server| server.zone == zone) {
            server.phase = Phase::Terminating;
            server.target = Target::None;
            server.due = Some(tick + 1);
        }
        true
    }

    /// The zone in which nothing can be launched now.
    pub(super) fn dark_zone(&self) -> Option<u8> {
        self.outage.filter(|(_, until)| self.tick < *until).map(|(zone, _)| zone)
    }

    pub(super) fn slow_down(&mut self, group: &GroupName, span: Millis) -> bool {
        let more = Tick::try_from(span.as_secs()).unwrap_or(0);
        let Some(group) = self.groups.get_mut(group) else { return false };
        let mut leaving = group.servers.iter_mut().filter(|server| server.phase == Phase::Terminating).peekable();
        let any = leaving.peek().is_some();
        let least = self.tick + more;
        leaving.for_each(|server| server.due = server.due.map(|due| due.max(least)));
        any
    }

    /// The oldest server goes, one of the other version comes.
    pub(super) fn launch_stranger(&mut self, name: &GroupName, version: u64) -> bool {
        let Some(mut group) = self.groups.remove(name) else { return false };
        let image = self.templates.get(&group.template).and_then(|template| Some(template.versions.get(&version)?.image.clone()));
        let around = self.surroundings(&group);
        let oldest = group.servers.iter_mut().filter(|server| server.is_active()).min_by_key(|server| server.launched);
        let replaced = match (image, oldest) {
            (Some(image), Some(oldest)) => {
                terminate(oldest, &around);
                let mut server = self.new_server(&group, version, image, self.tick);
                server.due = Some(self.tick + draw::between(self.seed, self.tick, "boot", server.id.as_str(), 30, 60));
                group.servers.push(server);
                true
            }
            _ => false,
        };
        self.groups.insert(name.clone(), group);
        replaced
    }
}
