//! The object whose weights a release moves, in place of what its former controller made.

use serde_json::{Value, json};
use serin_routes::Kind;

use super::Parts;
use crate::release::RouteRef;

/// Names the object; it is its owner's, and has to be taken over.
pub(super) struct Router {
    pub(super) kind: Kind,
    pub(super) name: String,
}

impl Router {
    /// What `spec.traffic` says of it.
    pub(super) fn traffic(&self, stable: &Value, canary: &Value) -> Value {
        let mut traffic = json!({"stable": stable, "canary": canary});
        if let Some(fields) = traffic.as_object_mut() {
            fields.insert(RouteRef::field(self.kind).to_owned(), self.name.clone().into());
            if !self.kind.has_hosts() {
                fields.insert("hosts".to_owned(), json!(["*"]));
            }
        }
        traffic
    }

    /// What it has to have.
    pub(super) fn needs(&self) -> String {
        let Self { kind, name } = self;
        match kind {
            Kind::VirtualService => format!(
                "VirtualService {name} needs three entries by name (istio/examples/shop/routes.yaml)"
            ),
            Kind::HttpRoute => format!(
                "HTTPRoute {name} needs three rules by name, or one where nobody marks requests \
                 (README, Other routers)"
            ),
            Kind::TraefikService => format!(
                "TraefikService {name} needs both services and no other; name the hosts of its \
                 IngressRoute in place of \"*\" where others share them"
            ),
            Kind::Ingress => format!(
                "Ingress {name} needs the canary as its only backend; `serin serve-assign` has to be \
                 asked (README, NGINX, HAProxy, Traefik), since nothing else proves a weight there"
            ),
        }
    }

    /// Has the gates that compare count by the router's own metrics, where there is a preset for it and
    /// the filter cannot run in it.
    pub(super) fn count(&self, parts: &mut Parts) {
        if self.kind != Kind::TraefikService {
            return;
        }
        let gates = parts.spec.get_mut("gates").and_then(Value::as_array_mut);
        for gate in gates.into_iter().flatten().filter_map(Value::as_object_mut) {
            let kind = gate.get("kind").and_then(Value::as_str);
            if matches!(kind, Some("errorRate" | "latency")) {
                gate.insert("counts".to_owned(), json!({"preset": "traefik"}));
            }
        }
    }
}
