//! All that the controller may do on Kubernetes: group, resource, verbs. The manifests say so, and
//! so must the API server.

/// What it may do with a resource.
pub type Right = (&'static str, &'static str, &'static [&'static str]);

/// In every namespace.
pub const EVERYWHERE: [Right; 13] = [
    ("serin.dev", "canaryreleases", &["get", "list", "watch", "patch"]),
    ("serin.dev", "canaryreleases/status", &["get", "update", "patch"]),
    ("serin.dev", "canaryreleases/finalizers", &["update"]),
    ("networking.istio.io", "virtualservices", &["get", "list", "watch", "update"]),
    ("gateway.networking.k8s.io", "httproutes", &["get", "list", "watch", "update"]),
    ("traefik.io", "traefikservices", &["get", "list", "watch", "update"]),
    ("networking.k8s.io", "ingresses", &["get", "list", "watch", "update"]),
    ("extensions.istio.io", "wasmplugins", &["get", "update"]),
    ("apps", "deployments", &["get", "list", "watch", "patch"]),
    ("apps", "deployments/scale", &["patch"]),
    ("autoscaling", "horizontalpodautoscalers", &["list"]),
    ("", "namespaces", &["get"]),
    ("events.k8s.io", "events", &["create"]),
];

/// In its own as well.
pub const AT_HOME: [Right; 1] = [("coordination.k8s.io", "leases", &["get", "create", "update"])];
