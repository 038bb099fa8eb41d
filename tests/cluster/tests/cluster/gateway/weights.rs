//! The weights of an `HTTPRoute`, taken over by the real Traefik.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::apart;
use serin_cluster::cluster::Cluster;
use serin_cluster::hundred;
use serin_cluster::namespace::Namespace;
use serin_cluster::shop::HOST;
use serin_cluster::traefik::Traefik;
use serin_routes::{Acknowledged, Destination, Entries, Kind, Marked, Reference, Shares, Wanted};

use super::scene::{backends, gateway, side};

/// A weight is live in a tenth of a second, later on a busy machine.
const LIVE: Duration = Duration::from_secs(20);
/// How often Traefik is asked.
const POLL: Duration = Duration::from_millis(10);
/// The rules, in their order, and the mark that each takes.
const RULES: [(&str, Option<&str>); 3] =
    [(Entries::CANARY, Some("canary")), (Entries::STABLE, Some("stable")), (Entries::REST, None)];

#[tokio::test]
async fn a_hundred_weights_of_an_http_route_are_taken_over_without_a_failed_request() -> Result<()>
{
    if !apart::is_apart() {
        let name = "a_hundred_weights_of_an_http_route_are_taken_over_without_a_failed_request";
        return apart::passes("gateway", &format!("weights::{name}")).await;
    }
    let namespace = Cluster::shared().await?.namespace("gateway-weights").await?;
    let _stable = side(&namespace, Variant::Stable).await?;
    let _canary = side(&namespace, Variant::Canary).await?;
    let traefik = gateway(&namespace).await?;
    namespace.apply(&route().to_string()).await?;
    let reference = Reference {
        entries: Entries::default(),
        mark: "x-serin-variant".to_owned(),
        stable: destination(Variant::Stable),
        canary: destination(Variant::Canary),
    };
    live(&traefik, &namespace, Wanted::Nobody).await?;
    traefik.serves(HOST).await?;
    let loads = vec![traefik.load(HOST, 100, 100)];
    hundred::weights(&namespace, loads, (Kind::HttpRoute, &reference), async |wanted| {
        live(&traefik, &namespace, wanted).await
    })
    .await?;
    let object = namespace.get("httproute", "web").await?;
    let said = Kind::HttpRoute.router().acknowledged(&object);
    ensure!(said == Acknowledged::Taken, "{said:?}: {object:#}");
    Ok(())
}

fn destination(side: Variant) -> Destination {
    Destination { host: format!("web-{side}"), subset: None, port: Some(80) }
}

fn route() -> Value {
    let rule = |(name, mark): (&str, Option<&str>)| {
        let headers = mark.map(|mark| json!([{"name": "x-serin-variant", "value": mark}]));
        json!({
            "name": name,
            "matches": [{
                "path": {"type": "PathPrefix", "value": "/"},
                "headers": headers.unwrap_or_else(|| json!([])),
            }],
            "backendRefs": backends(),
        })
    };
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web"},
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "hostnames": [HOST],
            "rules": RULES.map(rule),
        },
    })
}

/// Waits until Traefik has these weights in all three rules.
async fn live(traefik: &Traefik, namespace: &Namespace, wanted: Wanted) -> Result<()> {
    let Marked { canary, stable } = wanted.marked();
    let wanted = [canary, stable, wanted.integers().rest];
    let start = Instant::now();
    loop {
        let services = traefik.services().await?;
        let found = weights(&services, namespace.name());
        let mut rules = wanted.iter().enumerate();
        if rules.all(|(rule, shares)| found.get(&rule).is_some_and(|it| it.is_like(*shares))) {
            return Ok(());
        }
        ensure!(start.elapsed() < LIVE, "not {wanted:?} after {LIVE:?}: {found:?} of {services:#}");
        tokio::time::sleep(POLL).await;
    }
}

/// The weights by rule.
fn weights(services: &Value, namespace: &str) -> BTreeMap<usize, Shares> {
    let of_route = format!("httproute-{namespace}-web-gw-{namespace}-gateway-ep-web-");
    let all = services.as_array().into_iter().flatten();
    let of = |service: &Value| {
        let name = service.get("name")?.as_str()?.strip_prefix(&of_route)?;
        let rule = name.split('-').next()?.parse().ok()?;
        let weight =
            |place: usize| service.pointer(&format!("/weighted/services/{place}/weight"))?.as_i64();
        Some((rule, Shares { stable: weight(0)?, canary: weight(1)? }))
    };
    all.filter_map(of).collect()
}
