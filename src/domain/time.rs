//! Moments and durations, kept apart by type: world time is what people see, boot time is what leases run on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A duration in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A duration of whole seconds.
    #[must_use]
    pub const fn secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// A duration of whole minutes.
    #[must_use]
    pub const fn mins(mins: u64) -> Self {
        Self::secs(mins.saturating_mul(60))
    }

    /// Whole seconds, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000
    }

    /// The duration as the standard library's type.
    #[must_use]
    pub const fn std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    /// The sum, capped at the largest duration.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, zero when `other` is longer.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `times` as long.
    #[must_use]
    pub const fn times(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }

    /// Divided by a time scale of at least one, and never shortened to nothing.
    #[must_use]
    pub fn scaled(self, scale: u32) -> Self {
        if self.0 == 0 { self } else { Self((self.0 / u64::from(scale.max(1))).max(1)) }
    }

    /// Reads `90s`, `5m`, `2h`, `1d` or a bare number of seconds.
    ///
    /// # Errors
    /// A sentence that says what was read and what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let digits = trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit_secs = match trimmed.get(digits.len()..).unwrap_or_default() {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(format!("'{}' is not a duration: expected a number with s, m, h or d, such as 5m", super::text::escape(text))),
        };
        let number: u64 = digits
            .parse()
            .map_err(|_| format!("'{}' is not a duration: expected a number with s, m, h or d, such as 5m", super::text::escape(text)))?;
        Ok(Self::secs(number.saturating_mul(unit_secs)))
    }
}

impl fmt::Display for Millis {
    /// Short and exact to the second: `45s`, `3m`, `3m12s`, `2h05m`, `4d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.as_secs();
        match secs {
            0..60 => write!(f, "{secs}s"),
            60..3_600 if secs.is_multiple_of(60) => write!(f, "{}m", secs / 60),
            60..3_600 => write!(f, "{}m{:02}s", secs / 60, secs % 60),
            3_600..86_400 if secs % 3_600 < 60 => write!(f, "{}h", secs / 3_600),
            3_600..86_400 => write!(f, "{}h{:02}m", secs / 3_600, secs % 3_600 / 60),
            _ => write!(f, "{}d", secs / 86_400),
        }
    }
}

/// A moment of world time, in milliseconds since the Unix epoch: the simulator's clock, or the wall clock corrected by the cloud's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorldTime(pub i64);

impl WorldTime {
    /// The moment `span` later.
    #[must_use]
    pub fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }

    /// The moment `span` earlier.
    #[must_use]
    pub fn minus(self, span: Millis) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Millis {
        Millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339; none for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_millisecond()))
    }

    /// RFC 3339 with the zone, to the second.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    /// The time of day in UTC, `HH:MM:SS`.
    #[must_use]
    pub fn clock(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(|_| "?".to_owned(), |at| at.strftime("%H:%M:%S").to_string())
    }
}

/// A moment on this host's boot-time clock, in milliseconds since boot: what leases, call timeouts and dead times run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootTime(pub u64);

impl BootTime {
    /// The moment `span` later.
    #[must_use]
    pub const fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_in_the_field_s_short_form() {
        for (text, secs, shown) in [("45s", 45, "45s"), ("5m", 300, "5m"), ("90", 90, "1m30s"), ("2h", 7_200, "2h"), ("4d", 345_600, "4d")] {
            let span = Millis::parse(text).unwrap();
            assert_eq!((span.as_secs(), span.to_string().as_str()), (secs, shown));
        }
        assert!(Millis::parse("5 parsecs").unwrap_err().contains("such as 5m"));
        assert!(Millis::parse("-1s").is_err());
    }

    #[test]
    fn time_that_runs_backwards_is_no_time() {
        assert_eq!(WorldTime(5).since(WorldTime(9)), Millis::ZERO);
        assert_eq!(BootTime(5).since(BootTime(9)), Millis::ZERO);
    }

    #[test]
    fn a_scaled_wait_never_becomes_nothing() {
        assert_eq!(Millis(50).scaled(100), Millis(1));
        assert_eq!(Millis::ZERO.scaled(100), Millis::ZERO);
    }
}
