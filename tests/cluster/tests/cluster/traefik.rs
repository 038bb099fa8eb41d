//! The weights of a `TraefikService`, taken over by the real Traefik.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_cluster::hundred;
use serin_cluster::namespace::Namespace;
use serin_cluster::shop::HOST;
use serin_cluster::traefik::{Traefik, side, weighted};
use serin_routes::{Destination, Entries, Kind, Reference};

/// A weight is live in a tenth of a second, later on a busy machine.
const LIVE: Duration = Duration::from_secs(20);
/// How often Traefik is asked.
const POLL: Duration = Duration::from_millis(10);

#[tokio::test]
async fn a_hundred_weights_of_a_traefik_service_are_taken_over_without_a_failed_request()
-> Result<()> {
    let namespace = Cluster::shared().await?.namespace("traefik-weights").await?;
    let stable = side(&namespace, Variant::Stable).await?;
    let canary = side(&namespace, Variant::Canary).await?;
    let reference = Reference {
        entries: Entries::Whole,
        mark: "x-serin-variant".to_owned(),
        stable: destination("stable", stable.port()),
        canary: destination("canary", canary.port()),
    };
    for object in weighted(HOST, [stable.port(), canary.port()]) {
        namespace.apply(&object.to_string()).await?;
    }
    let traefik = Traefik::start(&namespace).await?;
    live(&traefik, &namespace, [100, 0]).await?;
    let loads = vec![traefik.load(HOST, 100, 100)];
    hundred::weights(&namespace, loads, (Kind::TraefikService, &reference), async |wanted| {
        let rest = wanted.integers().rest;
        live(&traefik, &namespace, [rest.stable, rest.canary]).await
    })
    .await
}

fn destination(side: &str, port: u16) -> Destination {
    Destination { host: format!("web-{side}"), subset: None, port: Some(port) }
}

/// Waits until Traefik has these weights of stable and the canary.
async fn live(traefik: &Traefik, namespace: &Namespace, wanted: [i64; 2]) -> Result<()> {
    let start = Instant::now();
    loop {
        let service = traefik.service(namespace, "web").await?;
        let weight = |place: usize| {
            service.pointer(&format!("/weighted/services/{place}/weight")).and_then(Value::as_i64)
        };
        if [weight(0), weight(1)] == wanted.map(Some) {
            return Ok(());
        }
        ensure!(start.elapsed() < LIVE, "not {wanted:?} after {LIVE:?}: {service:#}");
        tokio::time::sleep(POLL).await;
    }
}
