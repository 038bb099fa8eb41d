//! The weights of an `HTTPRoute`, taken over by the real Traefik.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde_json::{Value, json};
use serin_assignment::{Variant, Weight};
use serin_cluster::apart;
use serin_cluster::cluster::Cluster;
use serin_cluster::namespace::Namespace;
use serin_cluster::records::{by, none_failed};
use serin_cluster::shop::HOST;
use serin_cluster::traefik::Traefik;
use serin_routes::{Acknowledged, Destination, Entries, Kind, Marked, Reference, Shares, Wanted};

use crate::scene::{backends, gateway, side};

/// How many weights are written.
const CHANGES: u16 = 100;
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
        return apart::passes(&format!("weights::{name}")).await;
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
    let load = traefik.load(HOST, 100, 100);
    let start = Instant::now();
    for change in 1..=CHANGES {
        // Up and down, in parts of a percent, with rollbacks among them.
        let wanted = match change % 10 {
            0 => Wanted::Nobody,
            step => Wanted::Share(Weight::from_basis_points(step * 1_111).context("a weight")?),
        };
        write(&namespace, &reference, wanted).await?;
        live(&traefik, &namespace, wanted).await?;
    }
    println!(
        "{CHANGES} weights: live {:?} after their write on average",
        start.elapsed() / u32::from(CHANGES)
    );
    let object = namespace.get("httproute", "web").await?;
    let said = Kind::HttpRoute.router().acknowledged(&object);
    ensure!(said == Acknowledged::Taken, "{said:?}: {object:#}");
    // The last one was a rollback: from now on nobody gets to the canary.
    let before = load.records().len();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let records = load.stop().await;
    println!("{} requests", records.len());
    none_failed(&records)?;
    ensure!(by(&records, Variant::Canary) > 100 && by(&records, Variant::Stable) > 100);
    // Those under way may have been sent before.
    let late = records.get(before + 10..).context("no requests after the rollback")?;
    ensure!(by(late, Variant::Canary) == 0 && by(late, Variant::Stable) > 50, "{late:?}");
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

/// Writes weights as the controller does: read, change the integers, write with the version that was
/// read, and again where that was another one by then: Traefik writes the route's status.
async fn write(namespace: &Namespace, reference: &Reference, wanted: Wanted) -> Result<()> {
    let router = Kind::HttpRoute.router();
    let kind = router.api();
    let resource = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(kind.group, kind.version, kind.kind),
        kind.plural,
    );
    let client = namespace.client().await?;
    let api: Api<DynamicObject> = Api::namespaced_with(client, namespace.name(), &resource);
    loop {
        let mut object = serde_json::to_value(api.get("web").await?)?;
        router.write(&mut object, reference, &wanted)?;
        let object: DynamicObject = serde_json::from_value(object)?;
        match api.replace("web", &PostParams::default(), &object).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            written => return written.map(drop).map_err(Into::into),
        }
    }
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
