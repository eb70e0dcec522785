//! How old servers are, and which are past what their fleet allows.

use serde::{Deserialize, Serialize};

use super::group::{Instance, Lifecycle, count};
use super::time::{Millis, WorldTime};

/// Servers in service by their age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastAge {
    /// Older than allowed.
    pub past: u32,
    /// Of an age nobody told: neither young nor old.
    pub unknown: u32,
}

/// Servers in service that are older than `max_age`.
#[must_use]
pub fn past(instances: &[Instance], max_age: Millis, now: WorldTime) -> PastAge {
    let serving = || instances.iter().filter(|instance| instance.lifecycle == Lifecycle::InService);
    PastAge {
        past: count(serving().filter(|instance| is_past(instance, max_age, now) == Some(true))),
        unknown: count(serving().filter(|instance| instance.launched_at.is_none())),
    }
}

/// Whether a server is older than `max_age`; none if nobody told when it was launched.
#[must_use]
pub fn is_past(instance: &Instance, max_age: Millis, now: WorldTime) -> Option<bool> {
    instance.launched_at.map(|launched| now.since(launched) > max_age)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::group::Health;

    fn server(launched_at: Option<WorldTime>, lifecycle: Lifecycle) -> Instance {
        Instance { id: "i-1".into(), lifecycle, health: Health::Healthy, template_version: None, image: None, zone: None, launched_at }
    }

    #[test]
    fn an_age_nobody_told_is_neither_young_nor_old() {
        let now = WorldTime(10 * 86_400_000);
        let day = Millis::mins(24 * 60);
        let servers = [
            server(Some(WorldTime(0)), Lifecycle::InService),
            server(Some(now.minus(day)), Lifecycle::InService),
            server(Some(WorldTime(0)), Lifecycle::Terminating),
            server(None, Lifecycle::InService),
        ];
        assert_eq!(past(&servers, day, now), PastAge { past: 1, unknown: 1 });
    }
}
