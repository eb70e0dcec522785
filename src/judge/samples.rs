//! From a series to the numbers that are compared: gaps, outliers, percentiles.

use crate::domain::analysis::{Metric, Missing, Outliers};
use crate::domain::series::{Finite, Series};

/// How far outside the quartiles an outlier is, in interquartile ranges.
const OUTLIER_FACTOR: f64 = 3.0;

/// The numbers of a series, gaps and outliers treated as the metric asks, in ascending order.
#[must_use]
pub fn sorted(metric: &Metric, series: &Series) -> Vec<f64> {
    let mut values: Vec<f64> = match metric.missing {
        Missing::Remove => series.values().collect(),
        Missing::Zero => series.0.iter().map(|point| point.value.map_or(0.0, Finite::get)).collect(),
    };
    values.sort_unstable_by(f64::total_cmp);
    if metric.outliers == Outliers::Remove {
        without_outliers(&mut values);
    }
    values
}

/// Leaves out what is beyond the fences of ascending numbers.
fn without_outliers(values: &mut Vec<f64>) {
    let at = |share| percentile(values, share);
    let (Some(first), Some(low), Some(high), Some(last)) = (at(0.01), at(0.25), at(0.75), at(0.99)) else { return };
    let reach = OUTLIER_FACTOR * (high - low);
    let (floor, ceiling) = (first.min(low - reach), last.max(high + reach));
    values.retain(|value| (floor..=ceiling).contains(value));
}

/// A percentile of ascending numbers by linear interpolation (Hyndman and Fan's seventh definition); none of nothing.
#[must_use]
pub fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = super::float(last as u64) * share.clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let below = place.floor() as usize;
    let (low, high) = (sorted.get(below)?, sorted.get((below + 1).min(last))?);
    Some((high - low).mul_add(place - place.floor(), *low))
}

/// The mean; none of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / super::float(values.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::analysis::{Measure, MetricName};
    use crate::domain::series::Point;
    use crate::domain::time::WorldTime;

    fn metric(missing: Missing, outliers: Outliers) -> Metric {
        Metric { missing, outliers, ..Metric::new(MetricName::new("m").unwrap(), Measure::LatencyP99) }
    }

    fn series(values: &[f64]) -> Series {
        Series(values.iter().map(|value| Point { at: WorldTime(0), value: Finite::new(*value) }).collect())
    }

    #[test]
    fn percentiles_are_interpolated() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|share| percentile(&values, share).unwrap()), [1.0, 1.75, 2.5, 4.0]);
        assert_eq!((percentile(&[], 0.5), percentile(&[7.0], 0.99)), (None, Some(7.0)));
    }

    #[test]
    fn gaps_are_left_out_or_stand_for_zero() {
        let gappy = series(&[3.0, f64::NAN, 1.0]);
        assert_eq!(sorted(&metric(Missing::Remove, Outliers::Keep), &gappy), [1.0, 3.0]);
        assert_eq!(sorted(&metric(Missing::Zero, Outliers::Keep), &gappy), [0.0, 1.0, 3.0]);
    }

    #[test]
    fn outliers_go_only_where_they_are_beyond_both_fences() {
        let mut values: Vec<f64> = (0..200).map(|at| 100.0 + f64::from(at % 5)).collect();
        values.push(9_000.0);
        assert_eq!(sorted(&metric(Missing::Remove, Outliers::Remove), &series(&values)).last(), Some(&104.0));
        assert_eq!(sorted(&metric(Missing::Remove, Outliers::Keep), &series(&values)).last(), Some(&9_000.0));
        // Of a few points the 99th percentile lies near the largest, and a spread that is all there is keeps its ends.
        assert_eq!(sorted(&metric(Missing::Remove, Outliers::Remove), &series(&[1.0, 50.0, 100.0])).len(), 3);
    }
}
