//! Canary analysis, pure: is the candidate worse than stable in the same interval?
//!
//! Two tests share the work. Series such as latency are compared by [`mann_whitney`]; errors are counted, and compared by an exact
//! conditional test in [`counts`], because ranks are blind to errors that are rare. [`score`] makes one verdict of them, [`sequence`] shares
//! the level by the looks that are taken, [`power`] says what could have been seen.

pub mod counts;
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
