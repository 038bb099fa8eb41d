//! The objects of a release, as a user of Serin on Istio has them: a `VirtualService` with three
//! entries, the subsets that it names, and the filter's `WasmPlugin`.

use anyhow::Result;
use serde_json::{Map, Value, json};
use serin_tests::artifacts;

/// The mark that the filter writes.
const MARK: &str = "x-serin-variant";

/// A Deployment whose pods carry `labels` and run `image` (see [`crate::image`]), with the strategy that
/// Kubernetes takes by itself; without `replicas` it does not say how many.
#[must_use]
pub fn deployment(
    name: &str,
    labels: &[(&str, &str)],
    image: &str,
    replicas: Option<u32>,
) -> Value {
    let labels: Map<String, Value> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let mut deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        },
    });
    let spec = deployment.get_mut("spec").and_then(Value::as_object_mut);
    if let (Some(replicas), Some(spec)) = (replicas, spec) {
        spec.insert("replicas".to_owned(), json!(replicas));
    }
    deployment
}

/// The subsets `stable` and `canary` of a service, by the label `version` of its pods.
#[must_use]
pub fn destination_rule(service: &str) -> Value {
    let subset = |name: &str| json!({"name": name, "labels": {"version": name}});
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": service},
        "spec": {"host": service, "subsets": [subset("stable"), subset("canary")]},
    })
}

/// What a `VirtualService`'s three entries give the canary, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Of what is marked canary.
    pub marked_canary: u32,
    /// Of what is marked stable.
    pub marked_stable: u32,
    /// Of what is not marked.
    pub rest: u32,
}

impl Shares {
    /// While the canary may serve: the marks decide, and this share of the rest.
    #[must_use]
    pub fn serving(rest: u32) -> Self {
        Self { marked_canary: 100, marked_stable: 0, rest }
    }

    /// The canary gets nothing, whatever is marked.
    pub const NOTHING: Self = Self { marked_canary: 0, marked_stable: 0, rest: 0 };
}

/// The `VirtualService` `service`, for the gateway of the name `gateway` and for sidecars.
#[must_use]
pub fn virtual_service(service: &str, hosts: &[&str], shares: Shares) -> Value {
    let route = |canary: u32| {
        let to = |subset: &str, weight: u32| json!({"destination": {"host": service, "subset": subset}, "weight": weight});
        json!([to("stable", 100_u32.saturating_sub(canary)), to("canary", canary)])
    };
    let marked = |variant: &str| json!([{"headers": {MARK: {"exact": variant}}}]);
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": service},
        "spec": {
            "hosts": hosts,
            "gateways": ["gateway", "mesh"],
            "http": [
                {"name": "serin-canary", "match": marked("canary"), "route": route(shares.marked_canary)},
                {"name": "serin-stable", "match": marked("stable"), "route": route(shares.marked_stable)},
                {"name": "serin-rest", "route": route(shares.rest)},
            ],
        },
    })
}

/// What an `HTTPRoute` is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// Gateway API's Gateway `gateway`.
    Gateway,
    /// The mesh's requests to the Service `web`.
    Service,
}

impl Parent {
    fn reference(self) -> Value {
        match self {
            Self::Gateway => json!({"name": "gateway"}),
            Self::Service => json!({"group": "", "kind": "Service", "name": "web"}),
        }
    }
}

/// The Service `web`, for the mesh's callers to ask for: no pod is behind it, since its route's backends
/// are other ones.
#[must_use]
pub fn service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"ports": [{"name": "http", "port": 80}]},
    })
}

/// The `HTTPRoute` `web` of these parents, which sends nobody to the canary yet; its backends are the
/// mesh's hosts `web-stable` and `web-canary`. Of a Gateway's requests it takes those for `hosts`.
#[must_use]
pub fn http_route(namespace: &str, parents: &[Parent], hosts: &[&str]) -> Value {
    let backend = |side: &str, weight: u32| {
        json!({
            "group": "networking.istio.io",
            "kind": "Hostname",
            "name": service_host(&format!("web-{side}"), namespace),
            "port": 80,
            "weight": weight,
        })
    };
    let backends = || json!([backend("stable", 100), backend("canary", 0)]);
    let marked = |name: &str, mark: &str| {
        json!({
            "name": name,
            "matches": [{"headers": [{"name": MARK, "value": mark}]}],
            "backendRefs": backends(),
        })
    };
    let parents: Vec<Value> = parents.iter().map(|parent| parent.reference()).collect();
    let mut route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web"},
        "spec": {
            "parentRefs": parents,
            "rules": [
                marked("serin-canary", "canary"),
                marked("serin-stable", "stable"),
                {"name": "serin-rest", "backendRefs": backends()},
            ],
        },
    });
    if let (Some(spec), false) =
        (route.get_mut("spec").and_then(Value::as_object_mut), hosts.is_empty())
    {
        spec.insert("hostnames".to_owned(), json!(hosts));
    }
    route
}

/// The name of a service in the mesh.
#[must_use]
pub fn service_host(service: &str, namespace: &str) -> String {
    format!("{service}.{namespace}.svc.cluster.local")
}

/// The `WasmPlugin` `serin` with the module that `make wasm` built and this document, for gateways and
/// for the callers' sidecars.
///
/// # Errors
/// Where the module was not built.
pub fn wasm_plugin(document: &Value) -> Result<Value> {
    let url = format!("file://{}", artifacts::module()?.display());
    Ok(json!({
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "WasmPlugin",
        "metadata": {"name": "serin"},
        "spec": {
            "url": url,
            "failStrategy": "FAIL_RELOAD",
            "match": [{"mode": "CLIENT"}],
            "pluginConfig": document,
        },
    }))
}
