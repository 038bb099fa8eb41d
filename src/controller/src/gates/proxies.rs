//! How proxies name in their metrics what a release names as a cluster.

/// Envoy's label of a cluster: it writes `_` for `:` in a metric's name.
pub(crate) fn cluster_label(cluster: &str) -> String {
    cluster.replace("://", "_").replace(":/", "_").replace(':', "_")
}

/// Traefik's label of a service, which ends in the service's provider: that of a file where none is
/// named.
pub(crate) fn service_label(cluster: &str) -> String {
    if is_of_traefik(cluster) { cluster.to_owned() } else { format!("{cluster}@file") }
}

/// Whether a name has a provider, such as `@kubernetescrd`; no cluster of Istio's has one.
pub(crate) fn is_of_traefik(cluster: &str) -> bool {
    cluster.contains('@')
}
