//! Whole rollouts by a `VirtualService` of one entry, without any filter: the real Envoy draws each
//! request, and what it counts of its clusters is the proof.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_cluster::namespace::Namespace;
use serin_cluster::objects;
use serin_cluster::operator::Operator;
use serin_cluster::pods::Pods;
use serin_cluster::proxy::Proxy;
use serin_cluster::records::none_failed;
use serin_cluster::released::at;
use serin_cluster::shop::{CANARY, Door, HOST, STABLE};
use serin_cluster::unmarked::{self, rolled_back, set_image, until_phase};
use serin_tests::load::{Load, Outcome};
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;

/// What runs; the controller ends before what it looks after.
struct Stage {
    _operator: Operator,
    _prometheus: Prometheus,
    load: Load,
    _gateway: Proxy,
    _pods: Pods,
    namespace: Namespace,
}

impl Stage {
    async fn start(name: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let namespace = cluster.namespace(name).await?;
        let pods = Pods::run(&namespace, "web").await?;
        namespace.deployment("web-stable", &STABLE, "shop:1.0", 1).await?;
        namespace.deployment("web-canary", &CANARY, "shop:1.0", 1).await?;
        namespace.apply(&objects::destination_rule("web").to_string()).await?;
        namespace.apply(&route().to_string()).await?;
        let gateway = Proxy::gateway_that_counts(&namespace, &[HOST]).await?;
        let door = Door { proxy: &gateway, host: HOST };
        door.serves().await?;
        let scratch = Scratch::named(&namespace.folder()?.join("scraped"))?;
        let targets = [Target::envoy(gateway.admin().port())];
        let prometheus = Prometheus::start(&targets, &scratch).await?;
        // Without requests there is no proof that nobody is on the canary.
        let load = door.load();
        let operator = Operator::start(cluster, &namespace, "serin-0").await?;
        namespace.apply(&release(name, &prometheus.address()).to_string()).await?;
        let stage = Self {
            _operator: operator,
            _prometheus: prometheus,
            load,
            _gateway: gateway,
            _pods: pods,
            namespace,
        };
        until_phase(&stage.namespace, "Succeeded").await?;
        Ok(stage)
    }

    /// The entry's routes as they stand.
    async fn weights(&self) -> Result<[Value; 2]> {
        let object = self.namespace.get("virtualservice", "web").await?;
        let weight =
            |place: usize| at(&object, &format!("/spec/http/0/route/{place}/weight")).clone();
        Ok([weight(0), weight(1)])
    }
}

fn route() -> Value {
    let to = |subset: &str, weight: u32| json!({"destination": {"host": "web", "subset": subset}, "weight": weight});
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web"},
        "spec": {
            "hosts": [HOST],
            "gateways": ["gateway"],
            "http": [{"name": "all", "route": [to("stable", 100), to("canary", 0)]}],
        },
    })
}

fn release(namespace: &str, prometheus: &str) -> Value {
    let side = |subset: &str| json!({"host": "web", "subset": subset, "port": 80});
    let cluster = |subset: &str| format!("outbound|80|{subset}|web.{namespace}.svc.cluster.local");
    let traffic = json!({
        "virtualService": "web",
        "entries": {"only": "all"},
        "stable": side("stable"),
        "canary": side("canary"),
    });
    // Istio's own metrics come from a filter that only its own build of Envoy has.
    let gate = json!({"name": "errors", "kind": "errorRate", "counts": {
        "opportunities": {"metric": "envoy_cluster_upstream_rq_total"},
        "events": {
            "metric": "envoy_cluster_upstream_rq",
            "labels": {"response_code_class": "5xx"},
        },
        "side": {
            "label": "cluster_name",
            "canary": cluster("canary"),
            "stable": cluster("stable"),
        },
    }});
    unmarked::release(prometheus, &traffic, &gate)
}

#[tokio::test]
async fn a_good_version_goes_to_the_end_by_one_entry_and_what_envoy_counts() -> Result<()> {
    let stage = Stage::start("only-good").await?;
    set_image(&stage.namespace, "shop:1.1").await?;
    let end = until_phase(&stage.namespace, "Succeeded").await?;
    let decisions = at(&end, "/status/decisions").to_string();
    ensure!(decisions.contains("too few to tell 50% from 10%"), "{decisions}");
    ensure!(stage.weights().await? == [json!(100), json!(0)], "{:?}", stage.weights().await?);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let records = stage.load.stop().await;
    none_failed(&records)?;
    let canary = Outcome::Served(Variant::Canary);
    let canary = records.iter().filter(|record| record.outcome == canary).count();
    ensure!(canary > 300, "{canary} by the canary");
    Ok(())
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_in_one_entry_and_ends_when_envoys_counter_stands_still()
-> Result<()> {
    let stage = Stage::start("only-bad").await?;
    set_image(&stage.namespace, "shop:1.2-fails50").await?;
    rolled_back(&stage.namespace).await?;
    ensure!(stage.weights().await? == [json!(100), json!(0)], "{:?}", stage.weights().await?);
    let records = stage.load.stop().await;
    none_failed(&records)?;
    let injected = Outcome::Injected(Variant::Canary);
    ensure!(records.iter().any(|record| record.outcome == injected), "nobody saw it fail");
    Ok(())
}
