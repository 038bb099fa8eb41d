//! The weight that proxies go by, for a controller that lost its state.

use core::time::Duration;

use serin_assignment::Weight;
use serin_document::metrics;

use super::names;
use crate::gates::{Subject, cluster_matcher, whole};
use crate::prometheus::{Client, QueryError, Sample, promql};

/// How far back is looked: as far as Prometheus itself takes a value for a present one.
const LOOK_BACK: Duration = Duration::from_mins(5);

/// Why nobody can say which weight proxies go by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeightUnknown {
    /// Prometheus did not say.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It sees no proxy that could have a weight.
    #[error(
        "in the last five minutes Prometheus has seen no proxy with the cluster {cluster}: does it \
         scrape Envoy's /stats/prometheus?"
    )]
    NoProxy {
        /// Stable's cluster.
        cluster: String,
    },
}

pub(super) async fn ask(
    client: &Client,
    subject: &Subject,
    at_ms: u64,
) -> Result<Option<Weight>, WeightUnknown> {
    let query = format!(
        "max(last_over_time({}[{}]))",
        names::gauge(metrics::WEIGHT, &subject.metric_id),
        promql::duration(LOOK_BACK)
    );
    if let Some(weight) = read(&client.vector(&query, at_ms).await?) {
        return Ok(Some(weight));
    }
    // Nothing shown means "none" only where something would be: Prometheus itself may have begun
    // a moment ago, or have lost the proxies.
    let cluster = &subject.stable_cluster;
    let query = format!(
        "count(last_over_time(envoy_cluster_membership_healthy{{{}}}[{}]))",
        cluster_matcher(cluster),
        promql::duration(LOOK_BACK)
    );
    if client.vector(&query, at_ms).await?.is_empty() {
        return Err(WeightUnknown::NoProxy { cluster: cluster.clone() });
    }
    Ok(None)
}

fn read(samples: &[Sample]) -> Option<Weight> {
    let points = whole(samples.first()?.point.value);
    // A value above any weight can only mean that the canary has all there is.
    let points = u16::try_from(points).ok().and_then(Weight::from_basis_points);
    Some(points.unwrap_or(Weight::FULL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::{Labels, Point};

    #[test]
    fn basis_points_are_read_as_a_weight() {
        let one =
            |value| read(&[Sample { labels: Labels::new(), point: Point { at_ms: 0, value } }]);
        assert_eq!(one(500.0), Some("5%".parse().unwrap()));
        assert_eq!(one(0.0), Some(Weight::ZERO));
        assert_eq!(one(1.0e9), Some(Weight::FULL));
        assert_eq!(read(&[]), None);
    }
}
