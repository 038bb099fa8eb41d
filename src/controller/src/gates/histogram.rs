//! Quantiles of a classic histogram.

use crate::prometheus::Sample;

/// Counts by upper bound, as `sum by (le) (increase(…_bucket[…]))` gives them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Histogram {
    /// Upper bound and count up to it, by rising bound; the last bound is infinite.
    buckets: Vec<(f64, f64)>,
}

impl Histogram {
    /// Reads the buckets; `None` where there are none, or not all that make a histogram.
    pub(super) fn read(samples: &[Sample]) -> Option<Self> {
        let mut buckets = Vec::with_capacity(samples.len());
        for sample in samples {
            let bound: f64 = sample.labels.get("le")?.parse().ok()?;
            if bound.is_nan() || !sample.point.value.is_finite() {
                return None;
            }
            buckets.push((bound, sample.point.value));
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Buckets are extrapolated one by one, so one may come out a trifle below its lower one.
        let mut highest = 0.0_f64;
        for (_, count) in &mut buckets {
            highest = highest.max(*count);
            *count = highest;
        }
        buckets.last().filter(|(bound, _)| bound.is_infinite())?;
        Some(Self { buckets })
    }

    /// How many values there are.
    pub(super) fn count(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, count)| *count)
    }

    /// The value below which the share `quantile` lies, as Prometheus' `histogram_quantile` has it:
    /// values are taken to lie evenly within a bucket. `None` where there are no values.
    pub(super) fn quantile(&self, quantile: f64) -> Option<Quantile> {
        let rank = quantile * self.count();
        if self.count() <= 0.0 {
            return None;
        }
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in &self.buckets {
            if *count >= rank {
                if bound.is_infinite() {
                    return Some(Quantile::Above(lower));
                }
                let inside = count - below;
                let part = if inside > 0.0 { (rank - below) / inside } else { 1.0 };
                return Some(Quantile::At(lower + (bound - lower) * part));
            }
            (lower, below) = (*bound, *count);
        }
        None
    }
}

/// Where a quantile lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Quantile {
    /// About here.
    At(f64),
    /// Above the highest bound.
    Above(f64),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::Point;

    fn histogram(buckets: &[(&str, f64)]) -> Option<Histogram> {
        let samples: Vec<Sample> = buckets
            .iter()
            .map(|(le, value)| Sample {
                labels: [("le".to_owned(), (*le).to_owned())].into(),
                point: Point { at_ms: 0, value: *value },
            })
            .collect();
        Histogram::read(&samples)
    }

    #[test]
    fn a_quantile_is_interpolated_within_its_bucket() {
        let read = histogram(&[("+Inf", 100.0), ("100", 50.0), ("200", 100.0)]).unwrap();
        assert_eq!(read.quantile(0.75), Some(Quantile::At(150.0)));
        assert_eq!(read.quantile(0.25), Some(Quantile::At(50.0)));
        assert_eq!(read.quantile(1.0), Some(Quantile::At(200.0)));
    }

    #[test]
    fn beyond_the_highest_bound_only_that_is_known() {
        let read = histogram(&[("100", 50.0), ("+Inf", 100.0)]).unwrap();
        assert_eq!(read.quantile(0.99), Some(Quantile::Above(100.0)));
    }

    #[test]
    fn no_values_have_no_quantile() {
        assert_eq!(histogram(&[("100", 0.0), ("+Inf", 0.0)]).unwrap().quantile(0.5), None);
    }

    #[test]
    fn what_is_no_histogram_is_none() {
        assert_eq!(histogram(&[]), None);
        assert_eq!(histogram(&[("100", 1.0)]), None);
        assert_eq!(histogram(&[("many", 1.0), ("+Inf", 1.0)]), None);
        assert_eq!(histogram(&[("100", f64::NAN), ("+Inf", 1.0)]), None);
    }

    #[test]
    fn a_bucket_below_its_lower_one_is_raised_to_it() {
        let read = histogram(&[("1", 10.0), ("2", 9.99), ("+Inf", 10.0)]).unwrap();
        assert_eq!(read.quantile(1.0), Some(Quantile::At(1.0)));
    }
}
