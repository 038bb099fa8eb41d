//! What a route leads from and to.

use anyhow::Result;
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::apart;
use serin_cluster::namespace::Namespace;
use serin_cluster::traefik::Traefik;
use serin_cluster::tunnel::Tunnel;
use serin_tests::webapp::{Behaviour, WebApp};

/// Traefik with a gateway that it has the listener of.
pub(crate) async fn gateway(namespace: &Namespace) -> Result<Traefik> {
    let traefik = Traefik::start_for_gateways(namespace).await?;
    for object in [class(), listener(traefik.port())] {
        namespace.apply(&object.to_string()).await?;
    }
    Ok(traefik)
}

/// An application, the way to it from an address that endpoints may have, and the Service with that one.
pub(crate) async fn side(namespace: &Namespace, side: Variant) -> Result<(WebApp, Tunnel)> {
    let app = WebApp::start(side.as_str(), 0, Behaviour::healthy("1.0")).await?;
    let tunnel = Tunnel::from(apart::ADDRESS, app.port()).await?;
    let name = format!("web-{side}");
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"name": "http", "port": 80}]},
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": tunnel.port()}],
        "endpoints": [{"addresses": [apart::ADDRESS.to_string()], "conditions": {"ready": true}}],
    });
    for object in [service, slice] {
        namespace.apply(&object.to_string()).await?;
    }
    Ok((app, tunnel))
}

/// Both sides as a rule lists them, at 100 to 0.
pub(crate) fn backends() -> Value {
    json!([
        {"name": "web-stable", "port": 80, "weight": 100},
        {"name": "web-canary", "port": 80, "weight": 0},
    ])
}

fn class() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "traefik"},
        "spec": {"controllerName": "traefik.io/gateway-controller"},
    })
}

/// A listener of Traefik's is one of its entry points, which it finds by the port.
fn listener(port: u16) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gateway"},
        "spec": {
            "gatewayClassName": "traefik",
            "listeners": [{"name": "http", "port": port, "protocol": "HTTP"}],
        },
    })
}
