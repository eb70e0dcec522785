//! Looking again and again finds something sooner or later: how the level is shared by the looks of a rollout.
//!
//! - **Counts** are looked at in every period. A rollout may raise a false alarm with a probability of one percent. Its steps share that
//!   equally; of a step's part half is spent over all the looks it may take, soak, extension and hold together, and half at the look that
//!   ends its soak. The sum over all looks bounds the rate whatever the looks have in common (Bonferroni).
//! - **Series** are judged at a fixed number of looks, one for every ten points a soak has time for, at least one and at most four; each
//!   look gets an equal part of the two percent of a single one.

use crate::domain::series::Finite;
use crate::domain::time::Millis;

/// Probability of a false alarm by counts over a whole rollout.
pub const COUNT_FAMILY: f64 = 0.01;
/// Two-sided probability of a false alarm in one series over a soak.
pub const SERIES_FAMILY: f64 = 0.02;
/// New points that make another look worth it.
const POINTS_A_LOOK: u64 = 10;
/// More looks than this cost more power than they save time.
const MOST_LOOKS: u64 = 4;

/// How many looks at series a soak has.
#[must_use]
pub fn looks(soak: Millis, interval: Millis) -> u32 {
    let points = soak.0 / interval.0.max(1);
    u32::try_from((points / POINTS_A_LOOK).clamp(1, MOST_LOOKS)).unwrap_or(1)
}

/// When a look is due: after so much of the soak.
#[must_use]
pub fn due(soak: Millis, look: u32, looks: u32) -> Millis {
    Millis(soak.0.saturating_mul(u64::from(look)) / u64::from(looks.max(1)))
}

/// The two-sided confidence of each of so many looks.
#[must_use]
pub fn confidence(looks: u32) -> Finite {
    Finite::new(1.0 - SERIES_FAMILY / f64::from(looks.max(1))).unwrap_or_default()
}

/// What a step's looks at the counts share a level by.
#[derive(Clone, Copy, Debug)]
pub struct Spending {
    /// Steps of the rollout that are judged.
    pub steps: usize,
    /// The step's soak.
    pub soak: Millis,
    /// How long it may hold.
    pub hold: Millis,
    /// From one look to the next.
    pub period: Millis,
}

impl Spending {
    /// The one-sided level of a look: of the one that ends the soak, or of any other.
    #[must_use]
    pub fn level(self, ends: bool) -> Finite {
        let step = COUNT_FAMILY / super::float(self.steps.max(1) as u64) / 2.0;
        let longest = self.soak.times(2).plus(self.hold);
        let level = if ends { step } else { step / super::float((longest.0 / self.period.0.max(1)).max(1)) };
        Finite::new(level).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soak_is_looked_at_as_often_as_it_has_points_for() {
        let looks_of = |soak, interval| looks(Millis::mins(soak), Millis::secs(interval));
        assert_eq!([looks_of(5, 60), looks_of(15, 60), looks_of(20, 60), looks_of(5, 15), looks_of(15, 15)], [1, 1, 2, 2, 4]);
        assert_eq!((due(Millis::mins(20), 1, 2), due(Millis::mins(20), 2, 2)), (Millis::mins(10), Millis::mins(20)));
    }

    #[test]
    fn the_levels_of_all_looks_add_up_to_what_a_rollout_may_spend() {
        let spending = Spending { steps: 4, soak: Millis::mins(5), hold: Millis::mins(30), period: Millis::secs(15) };
        let all = 4.0 * (spending.level(true).get() + 160.0 * spending.level(false).get());
        assert!((all - COUNT_FAMILY).abs() < 1e-12);
        assert_eq!(confidence(1), Finite::new(0.98).unwrap());
        assert!((confidence(4).get() - 0.995).abs() < 1e-12);
    }
}
