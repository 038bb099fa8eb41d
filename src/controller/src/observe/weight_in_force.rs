//! The weight that proxies go by, for a controller that lost its state.

use core::time::Duration;

use serin_assignment::{Variant, Weight};
use serin_document::metrics;

use super::{endpoints, names};
use crate::gates::{Subject, whole};
use crate::metrics::{QueryError, Sample, Selector, Source};

/// How far back is looked: as far as Prometheus itself takes a value for a present one.
const LOOK_BACK: Duration = Duration::from_mins(5);

/// Why nobody can say which weight proxies go by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeightUnknown {
    /// The metrics did not say.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// They show no proxy that could have a weight.
    #[error(
        "in the last five minutes the metrics have shown no proxy with the cluster {cluster}: are \
         they those of Envoy's /stats/prometheus?"
    )]
    NoProxy {
        /// Stable's cluster.
        cluster: String,
    },
}

pub(super) fn selector(subject: &Subject) -> Selector {
    names::of_rollout(&[metrics::WEIGHT], &subject.metric_id)
}

pub(super) async fn ask(
    source: &Source,
    subject: &Subject,
    at_ms: u64,
) -> Result<Option<Weight>, WeightUnknown> {
    if let Some(weight) = read(&source.last(&selector(subject), LOOK_BACK, at_ms).await?) {
        return Ok(Some(weight));
    }
    // Nothing shown means "none" only where something would be: the metrics may have begun a moment
    // ago, or have lost the proxies.
    let proxies = endpoints::selector(subject, Variant::Stable);
    if source.last(&proxies, LOOK_BACK, at_ms).await?.is_empty() {
        return Err(WeightUnknown::NoProxy { cluster: subject.stable_cluster.clone() });
    }
    Ok(None)
}

/// The highest of all proxies. A value above any weight can only mean that the canary has all there
/// is.
fn read(samples: &[Sample]) -> Option<Weight> {
    let points = samples.iter().map(|sample| whole(sample.point.value)).max()?;
    let points = u16::try_from(points).ok().and_then(Weight::from_basis_points);
    Some(points.unwrap_or(Weight::FULL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Labels, Point};

    #[test]
    fn basis_points_are_read_as_a_weight() {
        let sample = |value| Sample { labels: Labels::new(), point: Point { at_ms: 0, value } };
        let one = |value| read(&[sample(value)]);
        assert_eq!(one(500.0), Some("5%".parse().unwrap()));
        assert_eq!(one(0.0), Some(Weight::ZERO));
        assert_eq!(one(1.0e9), Some(Weight::FULL));
        assert_eq!(read(&[sample(100.0), sample(500.0), sample(0.0)]), one(500.0));
        assert_eq!(read(&[]), None);
    }
}
