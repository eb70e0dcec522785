//! Both clocks, read together.

use rustix::time::{ClockId, clock_gettime};

use crate::app::age::Clock;
use crate::domain::time::BootTime;
use crate::ports::desk::Desk;

/// Milliseconds since this host booted, also through suspend.
pub fn boot_time() -> BootTime {
    let now = clock_gettime(ClockId::Boottime);
    let millis = now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000);
    BootTime(u64::try_from(millis).unwrap_or(0))
}

/// What time it is here and in the desk's world.
pub fn read(desk: &dyn Desk) -> Clock {
    Clock { boot: boot_time(), world: desk.now() }
}
