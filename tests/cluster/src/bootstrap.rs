//! What an Envoy is started with to be configured by istiod.

use serde_json::{Value, json};

/// No endpoint of any service has it: istiod would take that endpoint's labels for the proxy's.
const ADDRESS: &str = "127.0.0.9";
/// Istio's version, by which istiod chooses what it sends.
const VERSION: &str = "1.31.0";

/// What a proxy is in the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    /// At the edge.
    Gateway,
    /// The same as this pod of the Gateway API's Gateway `gateway`, at the pod's address.
    Parent {
        /// The pod's name.
        pod: &'a str,
        /// Its address, at which nothing listens.
        address: &'a str,
    },
    /// Beside a client, which sends its requests to this port as to a proxy.
    Sidecar(u16),
}

/// The whole bootstrap. `discovery` is istiod's port, `stats` what becomes of metrics.
pub(crate) fn bootstrap(
    role: Role<'_>,
    namespace: &str,
    (discovery, admin): (u16, u16),
    stats: &Value,
) -> Value {
    let (kind, name, labels, own) = match role {
        Role::Gateway => ("router", "gateway", json!({"istio": "ingressgateway"}), ADDRESS),
        Role::Parent { pod, address } => {
            ("router", pod, json!({"gateway.networking.k8s.io/gateway-name": "gateway"}), address)
        }
        Role::Sidecar(_) => ("sidecar", "client", json!({"app": "client"}), ADDRESS),
    };
    let mut metadata = json!({
        "NAMESPACE": namespace,
        "CLUSTER_ID": "Kubernetes",
        "ISTIO_VERSION": VERSION,
        "LABELS": labels,
    });
    if let (Role::Sidecar(port), Some(fields)) = (role, metadata.as_object_mut()) {
        fields.insert("HTTP_PROXY_PORT".to_owned(), json!(port.to_string()));
    }
    let address =
        |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    json!({
        "node": {
            "id": format!("{kind}~{own}~{name}.{namespace}~{namespace}.svc.cluster.local"),
            "cluster": format!("{name}.{namespace}"),
            "metadata": metadata,
        },
        "admin": {"address": address(admin)},
        "stats_config": stats,
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "istiod"}}],
            },
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {"clusters": [{
            "name": "istiod",
            "type": "STATIC",
            "connect_timeout": "1s",
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}},
                },
            },
            "load_assignment": {
                "cluster_name": "istiod",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(discovery)}}]}],
            },
        }]},
    })
}
