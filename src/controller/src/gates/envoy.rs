//! How Envoy names what it counts.

use crate::prometheus::promql;

/// A cluster's name as the label of its metrics: Envoy writes `_` for `:` in a metric's name.
pub(crate) fn cluster_label(cluster: &str) -> String {
    cluster.replace("://", "_").replace(":/", "_").replace(':', "_")
}

/// The matcher for one cluster's series.
pub(crate) fn cluster_matcher(cluster: &str) -> String {
    format!("envoy_cluster_name={}", promql::quoted(&cluster_label(cluster)))
}
