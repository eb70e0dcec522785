//! Canary analysis, pure: is the candidate worse than stable in the same interval?
//!
//! Two tests share the work. Series such as latency are compared by [`mann_whitney`]; errors are counted, and compared by an exact
//! conditional test in [`counts`], because ranks are blind to errors that are rare. [`score`] makes one verdict of them, [`sequence`] shares
//! the level by the looks that are taken, [`power`] says what could have been seen.

pub mod counts;
mod few;
pub mod mann_whitney;
pub mod power;
mod root;
pub mod samples;
pub mod score;
pub mod sequence;
pub mod series;

use sha2::{Digest, Sha256};

use crate::domain::analysis::Metric;
use crate::domain::judgement::{Evidence, Judgement};

/// A side with fewer points than this gets no verdict.
pub const LEAST_POINTS: usize = 5;

/// Judges the evidence. The same evidence always leads to the same judgement.
#[must_use]
pub fn judge(evidence: &Evidence) -> Judgement {
    let errors = evidence.analysis.errors();
    let counted = counts::judge(&errors, evidence).map(|finding| (errors, finding));
    let compared = |metric: &Metric| {
        let pair = evidence.series.iter().find(|pair| pair.metric == metric.name)?;
        Some((metric.clone(), series::judge(metric, pair, evidence)))
    };
    let found: Vec<_> = counted.into_iter().chain(evidence.analysis.series().filter_map(compared)).collect();
    score::total(&evidence.analysis, &found)
}

/// Digest of the evidence, in hexadecimal: who has the same evidence has the same digest.
#[must_use]
pub fn digest(evidence: &Evidence) -> String {
    let canonical = serde_json::to_vec(evidence).unwrap_or_default();
    Sha256::digest(&canonical).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts and lengths stay far below 2^52, where the conversion is exact.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::analysis::{Analysis, MetricName};
    use crate::domain::judgement::SeriesPair;
    use crate::domain::reading::Reading;
    use crate::domain::series::{Finite, Point, Series};
    use crate::domain::time::WorldTime;

    #[test]
    fn evidence_that_was_written_and_read_has_the_same_digest() {
        // Numbers with all their digits: one that comes back a last digit off would be other evidence.
        let point = |at: i32| Point { at: WorldTime(i64::from(at)), value: Finite::new(f64::from(at).sqrt().exp() / 3.0) };
        let series = Reading::known(Series((1..400).map(point).collect()), WorldTime(9));
        let evidence = Evidence {
            analysis: Analysis::default(),
            since: WorldTime(0),
            until: WorldTime(400),
            look: 1,
            looks: 1,
            confidence: sequence::confidence(3),
            count_level: Finite::new(1.0 / 3.0e4).unwrap(),
            counts: None,
            earlier: Vec::new(),
            series: vec![SeriesPair { metric: MetricName::new("p99").unwrap(), candidate: series.clone(), stable: series }],
        };
        let read: Evidence = serde_json::from_str(&serde_json::to_string(&evidence).unwrap()).unwrap();
        assert_eq!(digest(&read), digest(&evidence));
    }
}
