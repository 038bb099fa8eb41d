//! Whole rollouts by an `HTTPRoute`: the real istiod turns it into the routes of a real Envoy, in which
//! the filter marks requests.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_cluster::counted::Page;
use serin_cluster::namespace::Namespace;
use serin_cluster::objects;
use serin_cluster::operator::Operator;
use serin_cluster::pods::{Pods, Service};
use serin_cluster::proxy::Proxy;
use serin_cluster::records::{none_failed, sides};
use serin_cluster::released::{KIND, ROLLOUT, at, release, short_steps};
use serin_cluster::shop::{Door, HOST};
use serin_tests::load::Outcome;
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;

/// What runs; the controller ends before what it looks after.
struct Stage {
    operator: Operator,
    _prometheus: Prometheus,
    gateway: Proxy,
    _pods: [Arc<Pods>; 2],
    _page: Page,
    namespace: Namespace,
}

impl Stage {
    async fn start(name: &str) -> Result<Self> {
        Self::start_with(name, short_steps()).await
    }

    /// With these fields in the release's `spec`.
    async fn start_with(name: &str, fields: Value) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let namespace = cluster.namespace(name).await?;
        let side = |side: &'static str| Service { name: side, app: side, says: None };
        let pods = [
            Arc::new(Pods::behind(&namespace, side("web-stable")).await?),
            Arc::new(Pods::behind(&namespace, side("web-canary")).await?),
        ];
        let [_, canary_pods] = &pods;
        let page = Page::serve(Arc::clone(canary_pods)).await?;
        for (app, version) in [("web-stable", "stable"), ("web-canary", "canary")] {
            let labels = [("app", app), ("version", version)];
            namespace.deployment(app, &labels, "shop:1.0", 1).await?;
        }
        let mut plugin = objects::wasm_plugin(&json!({"formatVersion": "1.0"}))?;
        let parent =
            json!([{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway"}]);
        put(&mut plugin, "targetRefs", parent)?;
        namespace.apply(&plugin.to_string()).await?;
        namespace.apply(&objects::http_route(name, &[HOST]).to_string()).await?;
        let gateway = Proxy::parent(&namespace).await?;
        let door = Door { proxy: &gateway, host: HOST };
        door.serves().await?;
        let scratch = Scratch::named(&namespace.folder()?.join("scraped"))?;
        let targets = [Target::envoy(gateway.admin().port()), Target::metrics("pods", page.port())];
        let prometheus = Prometheus::start(&targets, &scratch).await?;
        let operator = Operator::start(cluster, &namespace, "serin-0").await?;
        let mut release = release("shop", "web", name, &prometheus.address());
        let host = |service| json!({"host": objects::service_host(service, name), "port": 80});
        let (stable, canary) = (host("web-stable"), host("web-canary"));
        let traffic = json!({"httpRoute": "web", "stable": stable, "canary": canary});
        put(&mut release, "traffic", traffic)?;
        for (field, value) in fields.as_object().cloned().unwrap_or_default() {
            put(&mut release, &field, value)?;
        }
        namespace.apply(&release.to_string()).await?;
        let stage = Self {
            operator,
            _prometheus: prometheus,
            gateway,
            _pods: pods,
            _page: page,
            namespace,
        };
        stage.until_phase("Succeeded").await?;
        Ok(stage)
    }

    fn door(&self) -> Door<'_> {
        Door { proxy: &self.gateway, host: HOST }
    }

    async fn until_phase(&self, phase: &str) -> Result<Value> {
        let wanted = |object: &Value| at(object, "/status/phase") == phase;
        self.namespace.until(KIND, "shop", ROLLOUT, wanted).await
    }

    async fn set_image(&self, image: &str) -> Result<()> {
        let set = ["set", "image", "deployment/web-canary", &format!("app={image}")];
        self.namespace.kubectl().run(&set).await?;
        let begun = |object: &Value| at(object, "/status/phase") != "Succeeded";
        self.namespace.until(KIND, "shop", ROLLOUT, begun).await.map(drop)
    }

    /// The canary's weights in the three rules.
    async fn weights(&self) -> Result<Vec<u64>> {
        let route = self.namespace.get("httproute", "web").await?;
        let weight =
            |rule: usize| at(&route, &format!("/spec/rules/{rule}/backendRefs/1/weight")).as_u64();
        Ok([0, 1, 2].into_iter().filter_map(weight).collect())
    }
}

/// Sets a field of an object's spec.
fn put(object: &mut Value, field: &str, value: Value) -> Result<()> {
    let spec = object.get_mut("spec").and_then(Value::as_object_mut).context("no spec")?;
    spec.insert(field.to_owned(), value);
    Ok(())
}

#[tokio::test]
async fn a_good_version_goes_to_the_end_by_an_http_route_and_users_stay_on_their_side() -> Result<()>
{
    let stage = Stage::start("http-route-good").await?;
    let load = stage.door().load();
    stage.set_image("shop:1.1").await?;
    stage.until_phase("Succeeded").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let records = load.stop().await;
    none_failed(&records)?;
    // To the canary once, and with everybody back to stable once that runs the new version.
    let moved: Vec<_> = sides(&records).into_iter().filter(|(_, sides)| sides.len() > 3).collect();
    ensure!(moved.is_empty(), "{moved:?}");
    let canary = |it: &&serin_tests::load::Record| it.outcome == Outcome::Served(Variant::Canary);
    let canary = records.iter().filter(canary).count();
    ensure!(canary > 100, "{canary} by the canary");
    ensure!(stage.weights().await? == [0, 0, 0], "{:?}", stage.weights().await?);
    Ok(())
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_in_all_rules_of_an_http_route() -> Result<()> {
    let stage = Stage::start("http-route-bad").await?;
    let load = stage.door().load();
    stage.set_image("shop:1.2-fails50").await?;
    let end = stage.until_phase("RolledBack").await?;
    load.stop().await;
    ensure!(at(&end, "/status").to_string().contains("Harm"), "{end:#}");
    ensure!(stage.weights().await? == [0, 0, 0], "{:?}", stage.weights().await?);
    drop(stage.operator);
    Ok(())
}

/// A quarter of the requests, judged by what the canary's pods have counted.
fn mirroring() -> Value {
    let all = "sum(rate(shop_requests_total[{{window}}]))";
    let errors = "sum(rate(shop_requests_total{code=\"500\"}[{{window}}]))";
    json!({
        "mirror": {"share": "25%", "for": "10s", "gates": ["pod-errors"]},
        "steps": at(&short_steps(), "/steps"),
        "gates": [
            {"name": "errors", "kind": "errorRate"},
            {"name": "pod-errors", "kind": "threshold", "max": 0.05, "window": "10s",
             "query": format!("{errors} / {all}"),
             "samples": "sum(increase(shop_requests_total[{{window}}]))", "minSamples": 20},
        ],
    })
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_by_its_answers_to_copies_that_an_http_route_makes()
-> Result<()> {
    let stage = Stage::start_with("http-route-mirror", mirroring()).await?;
    let before = stage.namespace.get("httproute", "web").await?;
    let load = stage.door().load();
    stage.set_image("shop:1.2-fails50").await?;
    let copied = |route: &Value| {
        let filter = |rule: usize| at(route, &format!("/spec/rules/{rule}/filters/0")).clone();
        let share = |rule: usize| at(&filter(rule), "/requestMirror/percent").as_u64();
        [0, 1, 2].map(share) == [None, Some(25), Some(25)]
    };
    stage.namespace.until("httproute", "web", ROLLOUT, copied).await?;
    let end = stage.until_phase("RolledBack").await?;
    let records = load.stop().await;
    none_failed(&records)?;
    ensure!(at(&end, "/status").to_string().contains("pod-errors fails"), "{end:#}");
    let stable = |it: &serin_tests::load::Record| it.outcome == Outcome::Served(Variant::Stable);
    ensure!(records.iter().all(stable), "somebody was exposed");
    let after = stage.namespace.get("httproute", "web").await?;
    ensure!(at(&after, "/spec") == at(&before, "/spec"), "{after:#}");
    Ok(())
}
