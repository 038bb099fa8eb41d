//! Requests that a route's filters copy to the canary before anybody is sent there.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::counted;
use serin_cluster::objects::{self, Parent};
use serin_cluster::records::{by, none_failed};
use serin_cluster::released::{ROLLOUT, at};
use serin_tests::load::{Outcome, Record};

use super::stage::{Stage, canary_weights};

/// A share of the requests, judged by what the canary's pods have counted.
fn mirroring(share: &str, time: &str) -> Value {
    let all = "sum(rate(shop_requests_total[{{window}}]))";
    let errors = "sum(rate(shop_requests_total{code=\"500\"}[{{window}}]))";
    let step = |weight: &str| json!({"weight": weight, "bake": "2s"});
    json!({
        "mirror": {"share": share, "for": time, "gates": ["pod-errors"]},
        "steps": [step("50%"), step("100%")],
        "gates": [
            {"name": "errors", "kind": "errorRate"},
            {"name": "pod-errors", "kind": "threshold", "max": 0.05, "window": time,
             "query": format!("{errors} / {all}"),
             "samples": "sum(increase(shop_requests_total[{{window}}]))", "minSamples": 20},
        ],
    })
}

/// Which share of the requests each rule copies to the canary, in percent.
fn copied(route: &Value) -> [Option<u64>; 3] {
    [0, 1, 2].map(|rule| {
        let filters = at(route, &format!("/spec/rules/{rule}/filters")).as_array();
        let canary = |filter: &&Value| {
            let backend = at(filter, "/requestMirror/backendRef/name").as_str();
            backend.is_some_and(|name| name.starts_with("web-canary."))
        };
        at(filters?.iter().find(canary)?, "/requestMirror/percent").as_u64()
    })
}

/// What the route's owner has the last rule do besides: a header, and copies of some requests, to stable
/// once more.
fn somebodys(namespace: &str) -> Value {
    json!([
        {"type": "ResponseHeaderModifier",
            "responseHeaderModifier": {"set": [{"name": "x-shop", "value": "1"}]}},
        {"type": "RequestMirror", "requestMirror": {
            "backendRef": {
                "group": "networking.istio.io",
                "kind": "Hostname",
                "name": objects::service_host("web-stable", namespace),
                "port": 80,
            },
            "fraction": {"numerator": 7, "denominator": 1_000},
        }},
    ])
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_by_its_answers_to_copies_that_an_http_route_makes()
-> Result<()> {
    let fields = mirroring("25%", "10s");
    let stage = Stage::start_with("http-route-mirror", Parent::Gateway, fields).await?;
    let before = stage.route().await?;
    let load = stage.door().load();
    stage.set_image("shop:1.2-fails50").await?;
    let quarter = |route: &Value| copied(route) == [None, Some(25), Some(25)];
    stage.namespace.until("httproute", "web", ROLLOUT, quarter).await?;
    let end = stage.until_phase("RolledBack").await?;
    let records = load.stop().await;
    none_failed(&records)?;
    ensure!(at(&end, "/status").to_string().contains("pod-errors fails"), "{end:#}");
    let stable = |it: &Record| it.outcome == Outcome::Served(Variant::Stable);
    ensure!(records.iter().all(stable), "somebody was exposed");
    let after = stage.route().await?;
    ensure!(at(&after, "/spec") == at(&before, "/spec"), "{after:#}");
    Ok(())
}

#[tokio::test]
async fn a_good_version_gets_copies_by_an_http_route_and_earlier_ones_are_back_before_the_first_user()
-> Result<()> {
    let fields = mirroring("50%", "6s");
    let stage = Stage::start_with("http-route-copies", Parent::Gateway, fields).await?;
    let filters = somebodys(stage.namespace.name());
    let patch = json!([{"op": "add", "path": "/spec/rules/2/filters", "value": filters}]);
    let patch = ["patch", "httproute", "web", "--type=json", "--patch", &patch.to_string()];
    stage.namespace.kubectl().run(&patch).await?;
    let before = stage.route().await?;
    let [_, canary] = &stage.pods;
    // Every version of the route, up to the first that sends somebody to the canary.
    let versions = Mutex::new(Vec::new());
    let exposes = |route: &Value| {
        versions.lock().unwrap_or_else(PoisonError::into_inner).push(route.clone());
        canary_weights(route).iter().any(|weight| *weight > 0)
    };
    let load = stage.door().load();
    let (first, ()) = tokio::try_join!(
        stage.namespace.until("httproute", "web", ROLLOUT, exposes),
        stage.set_image("shop:1.1"),
    )?;
    let copies = counted::answered(canary).await?;
    let filters =
        |route: &Value| [0, 1, 2].map(|it| at(route, &format!("/spec/rules/{it}/filters")).clone());
    ensure!(filters(&first) == filters(&before), "not back yet: {first:#}");
    let versions = versions.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mirrored = versions.iter().find(|route| copied(route) == [None, Some(50), Some(50)]);
    let mirrored = mirrored.context("never mirrored")?;
    // Its other filter stays.
    ensure!(
        at(mirrored, "/spec/rules/2/filters/0/type") == "ResponseHeaderModifier",
        "{mirrored:#}"
    );
    // Half of what is asked for in 6 s at 100 a second.
    ensure!(copies.get("canary").is_some_and(|canary| *canary > 150), "{copies:?}");
    stage.until_phase("Succeeded").await?;
    let records = load.stop().await;
    none_failed(&records)?;
    ensure!(by(&records, Variant::Canary) > 100, "{} by the canary", by(&records, Variant::Canary));
    let after = stage.route().await?;
    ensure!(at(&after, "/spec") == at(&before, "/spec"), "{after:#}");
    Ok(())
}
