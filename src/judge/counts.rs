//! The exact conditional test over counts: given all errors, are too many of them the candidate's?
//!
//! Under "no difference" each of the k errors falls on the candidate with probability candidate requests / all requests, so the
//! candidate's errors are binomial. A soak is looked at again and again; the level is therefore a fixed family-wise
//! rate of one percent shared evenly (Bonferroni) by the looks a rollout is expected to make.

use statrs::distribution::{Binomial, DiscreteCDF};

use crate::domain::traffic::Counts;

/// Family-wise rate of false alarms over a whole rollout.
const FAMILY_LEVEL: f64 = 0.01;
/// Looks the level is shared by: four soaks of some 25 looks.
const LOOKS: f64 = 100.0;
/// Under so many requests of the candidate nothing is said.
const MIN_REQUESTS: u64 = 100;

/// What the counts say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding {
    /// The candidate answers with more errors than chance explains.
    Worse {
        /// Exact one-sided probability.
        p: f64,
    },
    /// Chance explains what is seen.
    NoDifference {
        /// Exact one-sided probability.
        p: f64,
    },
    /// Not enough requests on one side to say anything.
    TooLittle,
}

/// Judges the candidate's counts against stable's in the same interval.
#[must_use]
pub fn judge(candidate: Counts, stable: Counts) -> Finding {
    if candidate.requests < MIN_REQUESTS || stable.requests == 0 {
        return Finding::TooLittle;
    }
    let p = tail_probability(candidate, stable);
    if p < FAMILY_LEVEL / LOOKS { Finding::Worse { p } } else { Finding::NoDifference { p } }
}

/// P(X ≥ candidate errors), X binomial over all errors with the candidate's share of the requests.
fn tail_probability(candidate: Counts, stable: Counts) -> f64 {
    let errors = candidate.errors.saturating_add(stable.errors);
    if candidate.errors == 0 {
        return 1.0;
    }
    let share = as_float(candidate.requests) / as_float(candidate.requests.saturating_add(stable.requests));
    // `sf(x)` is P(X > x). A share outside 0–1 cannot be: both counts are positive here.
    Binomial::new(share, errors).map_or(1.0, |chance| chance.sf(candidate.errors - 1))
}

/// Counts stay far below 2^52, where the conversion is exact.
#[expect(clippy::cast_precision_loss, reason = "request counts are far below 2^52")]
const fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(requests: u64, errors: u64) -> Counts {
        Counts { requests, errors, p99_ms: None }
    }

    #[test]
    fn sparse_errors_are_seen_where_a_mean_would_hide_them() {
        // Eighteen errors against none at equal traffic: 2^-18.
        let Finding::Worse { p } = judge(counts(6_000, 18), counts(6_000, 0)) else { panic!("not seen") };
        assert!((p - 0.5_f64.powi(18)).abs() < 1e-12);
    }

    #[test]
    fn equal_rates_are_no_difference_and_silence_is_no_verdict() {
        assert!(matches!(judge(counts(500, 1), counts(9_500, 19)), Finding::NoDifference { .. }));
        assert!(matches!(judge(counts(1_000, 0), counts(9_000, 0)), Finding::NoDifference { p } if p == 1.0));
        assert_eq!(judge(counts(99, 99), counts(9_000, 0)), Finding::TooLittle);
        assert_eq!(judge(counts(1_000, 5), counts(0, 0)), Finding::TooLittle);
    }

    #[test]
    fn four_percent_against_a_fifth_of_one_is_worse_within_two_minutes_of_a_small_canary() {
        assert!(matches!(judge(counts(3_600, 144), counts(68_400, 137)), Finding::Worse { .. }));
    }
}
