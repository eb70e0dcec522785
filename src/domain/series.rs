//! Series of measurements over time, as a source told them: finite numbers, and gaps that stay gaps.

use serde::{Deserialize, Serialize};

use super::reading::Reading;
use super::time::WorldTime;

/// A finite number: what a source calls infinite or not a number is a gap, never a measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Finite(f64);

// A finite number equals itself.
impl Eq for Finite {}

impl Finite {
    /// Zero.
    pub const ZERO: Self = Self(0.0);
    /// One.
    pub const ONE: Self = Self(1.0);

    /// The number, if it is finite.
    #[must_use]
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Finite {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        Self::new(number).ok_or("expected a finite number")
    }
}

impl From<Finite> for f64 {
    fn from(number: Finite) -> Self {
        number.0
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The end of the interval it stands for, by the source's clock.
    pub at: WorldTime,
    /// What was measured; none where the source has a gap.
    pub value: Option<Finite>,
}

/// Measurements of one thing, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Series(pub Vec<Point>);

impl Series {
    /// The points after `since` and not after `until`.
    #[must_use]
    pub fn between(&self, since: WorldTime, until: WorldTime) -> Self {
        Self(self.0.iter().filter(|point| point.at > since && point.at <= until).copied().collect())
    }

    /// When the newest measurement ended; none without one.
    #[must_use]
    pub fn newest(&self) -> Option<WorldTime> {
        self.0.iter().filter(|point| point.value.is_some()).map(|point| point.at).max()
    }

    /// What was measured, without the gaps.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.0.iter().filter_map(|point| point.value).map(Finite::get)
    }

    /// Points with a measurement.
    #[must_use]
    pub fn measured(&self) -> usize {
        self.0.iter().filter(|point| point.value.is_some()).count()
    }
}

/// A series, or why there is none.
pub type SeriesReading = Reading<Series>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_numbers_are_measurements() {
        assert_eq!([f64::NAN, f64::INFINITY, 1.5].map(|number| Finite::new(number).is_some()), [false, false, true]);
        assert!(serde_json::from_str::<Finite>("null").is_err());
        assert_eq!(serde_json::from_str::<Finite>("0.1").unwrap(), Finite::new(0.1).unwrap());
    }

    #[test]
    fn a_gap_is_no_measurement() {
        let at = |secs: i64, value| Point { at: WorldTime(secs * 1_000), value: Finite::new(value) };
        let series = Series(vec![at(60, 1.0), at(120, 2.0), at(180, f64::NAN)]);
        assert_eq!((series.measured(), series.newest()), (2, Some(WorldTime(120_000))));
        assert_eq!(series.between(WorldTime(60_000), WorldTime(180_000)).values().collect::<Vec<_>>(), [2.0]);
    }
}
