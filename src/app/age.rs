//! Ages in steps, so that a screen on which nothing happens does not change every second; countdowns to the second.

use crate::domain::time::{BootTime, Millis, WorldTime};

/// What time it is, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Since this host booted: dead times, polling, ages of what we received.
    pub boot: BootTime,
    /// World time: what people see.
    pub world: WorldTime,
}

/// A value with the moment it was true, as far as this process can tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Aged<T> {
    /// The value.
    pub value: T,
    /// How old it was on arrival, in world time.
    pub old_on_arrival: Millis,
    /// When it arrived.
    pub arrived: BootTime,
}

impl<T> Aged<T> {
    /// A value that was true at `as_of` and arrives now.
    pub fn new(value: T, as_of: WorldTime, clock: Clock) -> Self {
        Self { value, old_on_arrival: clock.world.since(as_of), arrived: clock.boot }
    }

    /// How old it is. It grows by real time: a simulated world that runs faster does not make our reading worse.
    pub const fn age(&self, clock: Clock) -> Millis {
        self.old_on_arrival.plus(clock.boot.since(self.arrived))
    }
}

/// An age in steps: `now` (a screen on which nothing happens reads every 15 s: what is shown as older than that is late), `20s`, `30s`, then
/// minutes, hours, days.
#[must_use]
pub fn stepped(age: Millis) -> String {
    let secs = age.as_secs();
    match secs {
        0..20 => "now".to_owned(),
        20..30 => "20s".to_owned(),
        30..60 => "30s".to_owned(),
        60..3_600 => format!("{}m", secs / 60),
        3_600..86_400 => format!("{}h", secs / 3_600),
        _ => format!("{}d", secs / 86_400),
    }
}

/// Time to a deadline: `3:12`, `1h04m`; `0:00` when it is past.
#[must_use]
pub fn countdown(left: Millis) -> String {
    let secs = left.as_secs();
    match secs {
        0..3_600 => format!("{}:{:02}", secs / 60, secs % 60),
        3_600..86_400 => format!("{}h{:02}m", secs / 3_600, secs % 3_600 / 60),
        _ => format!("{}d", secs / 86_400),
    }
}

/// About how long something takes, with one unit: `5s`, `4m`, `2h`.
#[must_use]
pub fn about(span: Millis) -> String {
    let secs = span.as_secs();
    match secs {
        0..90 => format!("{secs}s"),
        90..5_400 => format!("{}m", (secs + 30) / 60),
        5_400..129_600 => format!("{}h", (secs + 1_800) / 3_600),
        _ => format!("{}d", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_move_in_steps() {
        let shown: Vec<String> = [0, 9, 10, 19, 29, 31, 59, 60, 119, 3_600, 90_000].into_iter().map(|secs| stepped(Millis::secs(secs))).collect();
        assert_eq!(shown, ["now", "now", "now", "now", "20s", "30s", "30s", "1m", "1m", "1h", "1d"]);
    }

    #[test]
    fn an_age_grows_by_real_time() {
        let at = |boot, world| Clock { boot: BootTime(boot), world: WorldTime(world) };
        let aged = Aged::new((), WorldTime(5_000), at(100, 9_000));
        assert_eq!(aged.age(at(2_100, 900_000)), Millis(6_000));
    }
}
