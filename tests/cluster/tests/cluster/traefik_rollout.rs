//! Whole rollouts by a `TraefikService` in the real Traefik.

use anyhow::Result;
use serde_json::json;
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_cluster::drawn::{Drawn, Setting, Weighted};
use serin_cluster::shop::HOST;
use serin_cluster::traefik::{Traefik, side, weighted};

async fn start(name: &str) -> Result<Drawn> {
    let cluster = Cluster::shared().await?;
    let namespace = cluster.namespace(name).await?;
    let stable = side(&namespace, Variant::Stable).await?;
    let canary = side(&namespace, Variant::Canary).await?;
    for object in weighted(HOST, [stable.port(), canary.port()]) {
        namespace.apply(&object.to_string()).await?;
    }
    let traefik = Traefik::start(&namespace).await?;
    let traffic = json!({
        "hosts": [HOST],
        "traefikService": "web",
        "stable": {"host": "web-stable", "port": stable.port()},
        "canary": {"host": "web-canary", "port": canary.port()},
    });
    let weighted = Weighted { kind: "traefikservice", backends: "/spec/weighted/services" };
    let setting = Setting { namespace, traefik, stable, canary, weighted, traffic };
    Drawn::start(cluster, setting).await
}

#[tokio::test]
async fn a_good_version_goes_to_the_end_by_a_traefik_service_and_what_traefik_counts() -> Result<()>
{
    let release = start("traefik-good").await?;
    release.succeeds("shop:1.1").await?;
    release.ends().await
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_in_a_traefik_service_and_ends_when_its_counter_stands_still()
-> Result<()> {
    let release = start("traefik-bad").await?;
    release.is_rolled_back("shop:1.2-fails50").await?;
    release.ends().await
}
