//! A hundred weights of an `HTTPRoute` of a Gateway and of a Service, taken over by the real Envoys of both.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::hundred;
use serin_cluster::objects::{self, Parent};
use serin_cluster::released::at;
use serin_cluster::shop::{Door, HOST, LIMIT};
use serin_routes::{Acknowledged, Destination, Entries, Kind, Marked, Reference, Shares, Wanted};
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::http;
use serin_tests::load::{Load, Profile};

use super::stage::{front, sides};

/// A weight is live in a fifth of a second, later on a busy machine.
const LIVE: Duration = Duration::from_secs(20);
/// How often a proxy is asked.
const POLL: Duration = Duration::from_millis(20);
/// Two fifths of the users are marked canary all the time.
const MARKED: &str = "40%";

#[tokio::test]
async fn a_hundred_weights_of_an_http_route_go_live_at_a_gateway_and_a_sidecar_and_fail_no_request()
-> Result<()> {
    let cluster = Cluster::shared().await?;
    let namespace = cluster.namespace("http-route-weights").await?;
    let name = namespace.name();
    let pods = sides(&namespace).await?;
    for (app, version) in [("web-stable", "stable"), ("web-canary", "canary")] {
        let labels = [("app", app), ("version", version)];
        namespace.deployment(app, &labels, "shop:1.0", 1).await?;
    }
    for pods in &pods {
        pods.until(LIMIT, |running| running.len() == 1).await?;
    }
    let rollout = Rollout::new(name, HOST)
        .with("hosts", json!([HOST, objects::service_host("web", name)]))
        .with("anonymous", json!("route"))
        .weight(MARKED);
    let revision = revision_now();
    let document = document(revision, &[rollout]);
    let parents = [Parent::Gateway, Parent::Service];
    let route = objects::http_route(name, &parents, &[HOST]);
    namespace.apply(&route.to_string()).await?;
    let mut fronts = Vec::new();
    for parent in parents {
        fronts.push(front(cluster, &namespace, parent, &document).await?);
    }
    let doors = fronts.iter().map(|(proxy, host)| Door { proxy, host });
    let doors: Vec<Door<'_>> = doors.collect();
    for door in &doors {
        door.serves().await?;
        door.proxy.admin().applied(name, revision, LIMIT).await?;
        live(*door, Wanted::Nobody).await?;
    }
    let side = |service| Destination {
        host: objects::service_host(service, name),
        subset: None,
        port: Some(80),
    };
    let reference = Reference {
        entries: Entries::default(),
        mark: "x-serin-variant".to_owned(),
        stable: side("web-stable"),
        canary: side("web-canary"),
    };
    // Whom the filter marks, and whom the route's weights decide for.
    let loads = doors.iter().flat_map(|door| ["x-user-id", "x-nobody"].map(|id| load(*door, id)));
    hundred::weights(&namespace, loads.collect(), (Kind::HttpRoute, &reference), async |wanted| {
        for door in &doors {
            live(*door, wanted).await?;
        }
        Ok(())
    })
    .await?;
    let object = namespace.get("httproute", "web").await?;
    let said = Kind::HttpRoute.router().acknowledged(&object);
    ensure!(said == Acknowledged::Taken, "{said:?}: {object:#}");
    Ok(())
}

fn load(door: Door<'_>, identity: &str) -> Load {
    Load::start(&Profile {
        port: door.proxy.port(),
        host: door.host.to_owned(),
        identity: identity.to_owned(),
        users: 1_000,
        first_user: 0,
        broken: false,
        rate: 50,
        connections: 2,
    })
}

/// Waits until a proxy has these weights for requests that are marked canary, marked stable, and not
/// marked.
async fn live(door: Door<'_>, wanted: Wanted) -> Result<()> {
    let Marked { canary, stable } = wanted.marked();
    let wanted =
        [(Some("canary"), canary), (Some("stable"), stable), (None, wanted.integers().rest)];
    let start = Instant::now();
    loop {
        let path = "/config_dump?resource=dynamic_route_configs";
        let dump: Value = http::get(door.proxy.admin().port(), path).await?.json()?;
        let mut found = Vec::new();
        weights(&dump, door.host, &mut found);
        let has = |(mark, shares): &(Option<&str>, Shares)| {
            let mut of_mark = found.iter().filter(|(of, _)| of.as_deref() == *mark).peekable();
            of_mark.peek().is_some() && of_mark.all(|(_, it)| it.is_like(*shares))
        };
        if wanted.iter().all(has) {
            return Ok(());
        }
        ensure!(start.elapsed() < LIVE, "not {wanted:?} after {LIVE:?}: {found:?} of {dump:#}");
        tokio::time::sleep(POLL).await;
    }
}

/// The weights in the routes of a host, each with the mark that it asks for.
fn weights(dump: &Value, host: &str, found: &mut Vec<(Option<String>, Shares)>) {
    match dump {
        Value::Array(list) => list.iter().for_each(|one| weights(one, host, found)),
        Value::Object(fields) => {
            let domains = at(dump, "/domains").as_array();
            if domains.is_some_and(|domains| domains.iter().any(|domain| domain == host)) {
                let routes = at(dump, "/routes").as_array().into_iter().flatten();
                found.extend(routes.map(|route| (mark(route), shares(route))));
            } else {
                fields.values().for_each(|one| weights(one, host, found));
            }
        }
        _ => {}
    }
}

fn mark(route: &Value) -> Option<String> {
    let headers = at(route, "/match/headers").as_array().into_iter().flatten();
    let mut marks = headers.filter(|header| at(header, "/name") == "x-serin-variant");
    Some(at(marks.next()?, "/string_match/exact").as_str()?.to_owned())
}

/// Istiod leaves out a side without weight, and the weight of a side that is alone.
fn shares(route: &Value) -> Shares {
    let several = at(route, "/route/weighted_clusters/clusters").as_array();
    let one = json!([{"name": at(route, "/route/cluster"), "weight": 1}]);
    let clusters = several.or(one.as_array()).into_iter().flatten();
    let mut shares = Shares { stable: 0, canary: 0 };
    for cluster in clusters {
        let weight = at(cluster, "/weight").as_i64().unwrap_or_default();
        match at(cluster, "/name").as_str() {
            Some(name) if name.contains("|web-stable.") => shares.stable += weight,
            Some(name) if name.contains("|web-canary.") => shares.canary += weight,
            _ => {}
        }
    }
    shares
}
