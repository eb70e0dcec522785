//! The exact conditional test over counts: given all errors, are too many of them the candidate's?
//!
//! Under "no difference" each of the k errors falls on the candidate with probability candidate requests / all requests, so the candidate's
//! errors are binomial. Errors of earlier steps are added with the shares they had: then they are a sum of binomials.

use statrs::distribution::{Beta, Binomial, ContinuousCDF, Discrete, DiscreteCDF};

use super::float;
use super::power;
use crate::domain::analysis::Metric;
use crate::domain::judgement::{CountPair, Evidence, Finding, Grade, JudgedBy};
use crate::domain::series::Finite;
use crate::domain::traffic::Counts;

/// Under so many requests of the candidate nothing is said.
pub const LEAST_REQUESTS: u64 = 100;
/// Standard deviations around the mean within which a distribution is added up: what is beyond is less than 1e-30.
const REACH: f64 = 12.0;
/// The ratio that is asked about where a metric lets every difference count.
const DOUBLED: f64 = 2.0;

/// Judges the counts of the evidence; none where nobody counts and nobody asked for it.
#[must_use]
pub fn judge(metric: &Metric, evidence: &Evidence) -> Option<Finding> {
    if evidence.counts.is_none() && !evidence.analysis.names_errors() {
        return None;
    }
    let pair = evidence.counts.unwrap_or_default();
    let rate = |counts: Counts| (counts.requests > 0).then(|| Finite::new(float(counts.errors) / float(counts.requests))).flatten();
    let blank = Finding {
        n_candidate: pair.candidate.requests,
        n_stable: pair.stable.requests,
        candidate: rate(pair.candidate),
        stable: rate(pair.stable),
        bound: Some(metric.allowed.increase),
        ..Finding::blank(metric, JudgedBy::Counts)
    };
    let level = evidence.count_level.get();
    if evidence.counts.is_none() {
        return Some(Finding { grade: Grade::Unread, note: Some("requests and errors cannot be read".to_owned()), ..blank });
    }
    if pair.candidate.requests < LEAST_REQUESTS || pair.stable.requests == 0 {
        let note = if pair.stable.requests == 0 {
            "stable serves nothing".to_owned()
        } else {
            format!("{} requests, {LEAST_REQUESTS} are needed", pair.candidate.requests)
        };
        let more = LEAST_REQUESTS.checked_sub(pair.candidate.requests).filter(|more| *more > 0);
        let grade = if pair.candidate.requests == 0 { Grade::NoData } else { Grade::TooFew };
        return Some(Finding { grade, more, note: Some(note), ..blank });
    }
    Some(compared(metric, pair, &evidence.earlier, level, blank))
}

fn compared(metric: &Metric, pair: CountPair, earlier: &[CountPair], level: f64, blank: Finding) -> Finding {
    let own = tail(pair);
    let pooled = (!earlier.is_empty()).then(|| pooled_tail(earlier.iter().copied().chain([pair])));
    // Two tests share the level; the step's own needs no other.
    let tests = if pooled.is_some() { 2.0 } else { 1.0 };
    let p = pooled.unwrap_or(1.0).min(own) * tests;
    let ratio = ratio(pair);
    let past = |bound: Finite| ratio.is_none_or(|ratio| ratio >= bound.get());
    let worse = p < level && past(metric.allowed.increase);
    let note = (worse && own * tests >= level).then(|| "together with the steps before".to_owned());
    let asked = metric.allowed.increase.get();
    Finding {
        grade: if worse { Grade::High } else { Grade::Pass },
        failing: worse,
        critical: worse && metric.critical && past(metric.critical_bounds.increase),
        effect: ratio.and_then(Finite::new),
        estimate: ratio.and_then(Finite::new),
        low: Finite::new(least_ratio(pair, level)),
        p: Finite::new(p.min(1.0)),
        sees: power::smallest_ratio(pair, level).map(|ratio| ratio - 1.0).and_then(Finite::new),
        more: power::more_requests(pair, level, if asked > 1.0 { asked } else { DOUBLED }),
        note,
        ..blank
    }
}

/// The candidate's error rate over stable's; none where stable has no error.
#[must_use]
pub fn ratio(pair: CountPair) -> Option<f64> {
    let rate = |counts: Counts| float(counts.errors) / float(counts.requests);
    (pair.stable.errors > 0 && pair.candidate.requests > 0).then(|| rate(pair.candidate) / rate(pair.stable))
}

/// The candidate's part of all requests.
fn share(pair: CountPair) -> f64 {
    float(pair.candidate.requests) / float(pair.candidate.requests.saturating_add(pair.stable.requests).max(1))
}

const fn errors(pair: CountPair) -> u64 {
    pair.candidate.errors.saturating_add(pair.stable.errors)
}

/// P(X ≥ candidate errors), X binomial over all errors with the candidate's share of the requests.
#[must_use]
pub fn tail(pair: CountPair) -> f64 {
    if pair.candidate.errors == 0 {
        return 1.0;
    }
    // `sf(x)` is P(X > x). A share outside 0–1 cannot be.
    Binomial::new(share(pair), errors(pair)).map_or(1.0, |chance| chance.sf(pair.candidate.errors - 1))
}

/// The same over several steps, each with its own share: the distributions of their errors are folded into one.
#[must_use]
pub fn pooled_tail(pairs: impl Iterator<Item = CountPair> + Clone) -> f64 {
    let seen: u64 = pairs.clone().map(|pair| pair.candidate.errors).sum();
    let (first, sum) = pairs.map(distribution).fold((0, vec![1.0]), |(first, sum), (next, own)| (first + next, folded(&sum, &own)));
    let skip = usize::try_from(seen.saturating_sub(first)).unwrap_or(usize::MAX);
    sum.iter().skip(skip).sum::<f64>().min(1.0)
}

/// The probabilities of the candidate's errors, from the first that is worth adding up.
fn distribution(pair: CountPair) -> (u64, Vec<f64>) {
    let (all, share) = (errors(pair), share(pair));
    let Ok(chance) = Binomial::new(share, all) else { return (0, vec![1.0]) };
    let (mean, reach) = (float(all) * share, REACH * (float(all) * share * (1.0 - share)).sqrt() + REACH);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; the cast saturates")]
    let (first, last) = ((mean - reach).max(0.0) as u64, ((mean + reach).ceil() as u64).min(all));
    (first, (first..=last).map(|errors| chance.pmf(errors)).collect())
}

fn folded(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; (a.len() + b.len()).saturating_sub(1)];
    for (at, left) in a.iter().enumerate() {
        for (slot, right) in sum.iter_mut().skip(at).zip(b) {
            *slot += left * right;
        }
    }
    sum
}

/// The lower bound of the ratio of the two rates, at one minus this one-sided level (Clopper and Pearson).
#[must_use]
pub fn least_ratio(pair: CountPair, level: f64) -> f64 {
    let (own, other) = (float(pair.candidate.errors), float(pair.stable.errors));
    if pair.candidate.errors == 0 {
        return 0.0;
    }
    let Ok(beta) = Beta::new(own, other + 1.0) else { return 0.0 };
    let least = beta.inverse_cdf(level);
    least / (1.0 - least) * float(pair.stable.requests) / float(pair.candidate.requests.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::analysis::Analysis;
    use crate::domain::time::WorldTime;

    fn pair(candidate: (u64, u64), stable: (u64, u64)) -> CountPair {
        let counts = |(requests, errors)| Counts { requests, errors, p99_ms: None };
        CountPair { candidate: counts(candidate), stable: counts(stable) }
    }

    fn judged(now: CountPair, earlier: Vec<CountPair>) -> Finding {
        let analysis = Analysis::default();
        let evidence = Evidence {
            since: WorldTime(0),
            until: WorldTime(300_000),
            look: 1,
            looks: 1,
            confidence: Finite::new(0.98).unwrap(),
            count_level: Finite::new(1e-4).unwrap(),
            counts: Some(now),
            earlier,
            series: Vec::new(),
            analysis,
        };
        judge(&evidence.analysis.errors(), &evidence).unwrap()
    }

    #[test]
    fn sparse_errors_are_seen_where_ranks_are_blind() {
        // Eighteen errors against none at equal traffic: 2^-18.
        let found = judged(pair((6_000, 18), (6_000, 0)), Vec::new());
        assert_eq!((found.grade, found.critical), (Grade::High, true));
        assert!((found.p.unwrap().get() - 0.5_f64.powi(18)).abs() < 1e-12);
    }

    #[test]
    fn equal_rates_are_no_difference_and_silence_is_no_verdict() {
        assert_eq!(judged(pair((500, 1), (9_500, 19)), Vec::new()).grade, Grade::Pass);
        assert_eq!(judged(pair((1_000, 0), (9_000, 0)), Vec::new()).p, Some(Finite::ONE));
        assert_eq!(judged(pair((99, 99), (9_000, 0)), Vec::new()).grade, Grade::TooFew);
        assert_eq!(judged(pair((0, 0), (9_000, 0)), Vec::new()).grade, Grade::NoData);
        assert_eq!(judged(pair((1_000, 5), (0, 0)), Vec::new()).grade, Grade::TooFew);
    }

    #[test]
    fn four_percent_against_a_fifth_of_one_is_worse_within_two_minutes_of_a_small_canary() {
        let found = judged(pair((3_600, 144), (68_400, 137)), Vec::new());
        assert_eq!(found.grade, Grade::High);
        assert!(found.low.unwrap().get() > 10.0 && found.effect.unwrap().get() > 19.0);
    }

    #[test]
    fn a_few_errors_in_each_step_come_to_a_verdict_together() {
        let small = pair((5_000, 6), (95_000, 20));
        let before = pair((5_000, 7), (95_000, 21));
        assert_eq!(judged(small, Vec::new()).grade, Grade::Pass);
        let found = judged(small, vec![before]);
        assert_eq!((found.grade, found.note.as_deref()), (Grade::High, Some("together with the steps before")));
    }

    #[test]
    fn steps_with_one_share_fold_into_the_binomial_of_their_sum() {
        let (a, b) = (pair((1_000, 9), (9_000, 50)), pair((2_000, 20), (18_000, 91)));
        let whole = pair((3_000, 29), (27_000, 141));
        assert!((pooled_tail([a, b].into_iter()) - tail(whole)).abs() < 1e-12);
    }
}
