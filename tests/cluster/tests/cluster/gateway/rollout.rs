//! A whole rollout: the controller moves the weights, Traefik draws each request.

use anyhow::Result;
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::apart;
use serin_cluster::cluster::Cluster;
use serin_cluster::drawn::{Drawn, Setting, Weighted};
use serin_cluster::shop::HOST;

use super::scene::{backends, gateway, side};

/// One rule: without the filter nobody marks requests.
fn route() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web"},
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "hostnames": [HOST],
            "rules": [{"name": "all", "backendRefs": backends()}],
        },
    })
}

#[tokio::test]
async fn a_good_version_goes_to_the_end_by_an_http_route_and_a_bad_one_is_rolled_back() -> Result<()>
{
    if !apart::is_apart() {
        let name = "a_good_version_goes_to_the_end_by_an_http_route_and_a_bad_one_is_rolled_back";
        return apart::passes("gateway", &format!("rollout::{name}")).await;
    }
    let cluster = Cluster::shared().await?;
    let namespace = cluster.namespace("gateway-rollout").await?;
    let (stable, _to_stable) = side(&namespace, Variant::Stable).await?;
    let (canary, _to_canary) = side(&namespace, Variant::Canary).await?;
    let traefik = gateway(&namespace).await?;
    namespace.apply(&route().to_string()).await?;
    let side = |side: Variant| {
        let counted = format!("{}-web-{side}-http-80@kubernetesgateway", namespace.name());
        json!({"host": format!("web-{side}"), "port": 80, "cluster": counted})
    };
    let traffic = json!({
        "httpRoute": "web",
        "entries": {"only": "all"},
        "stable": side(Variant::Stable),
        "canary": side(Variant::Canary),
    });
    let weighted = Weighted { kind: "httproute", backends: "/spec/rules/0/backendRefs" };
    let setting = Setting { namespace, traefik, stable, canary, weighted, traffic };
    let release = Drawn::start(cluster, setting).await?;
    release.succeeds("shop:1.1").await?;
    release.is_rolled_back("shop:1.2-fails50").await?;
    release.ends().await
}
