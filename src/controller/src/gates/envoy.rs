//! How Envoy names what it counts.

/// A cluster's name as the label of its metrics: Envoy writes `_` for `:` in a metric's name.
pub(crate) fn cluster_label(cluster: &str) -> String {
    cluster.replace("://", "_").replace(":/", "_").replace(':', "_")
}
