//! Whole rollouts by a `TraefikService` in the real Traefik, where nobody marks requests: each is drawn
//! by the weights, and what Traefik counts is the proof that a weight is live, that a version fails, and
//! that a rollback has ended.
//!
//! The pods are played, and one application stands for those of each side: what comes and goes with
//! pods is not to be seen here.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_cluster::image;
use serin_cluster::namespace::Namespace;
use serin_cluster::operator::Operator;
use serin_cluster::released::at;
use serin_cluster::shop::HOST;
use serin_cluster::traefik::{Traefik, side, weighted};
use serin_tests::load::{Load, Outcome, Record};
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;
use serin_tests::webapp::WebApp;

use crate::records::none_failed;
use crate::unmarked::{self, rolled_back, set_image, until_phase};

/// What runs; the controller ends before what it looks after.
struct Stage {
    _operator: Operator,
    _prometheus: Prometheus,
    load: Load,
    _traefik: Traefik,
    canary: WebApp,
    _stable: WebApp,
    namespace: Namespace,
}

impl Stage {
    async fn start(name: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let namespace = cluster.namespace(name).await?;
        let stable = side(&namespace, Variant::Stable).await?;
        let canary = side(&namespace, Variant::Canary).await?;
        for app in ["web-stable", "web-canary"] {
            namespace.deployment(app, &[("app", app)], "shop:1.0", 1).await?;
        }
        for object in weighted(HOST, [stable.port(), canary.port()]) {
            namespace.apply(&object.to_string()).await?;
        }
        let traefik = Traefik::start(&namespace).await?;
        traefik.serves(HOST).await?;
        let scratch = Scratch::named(&namespace.folder()?.join("scraped"))?;
        let targets = [Target::metrics("traefik", traefik.admin())];
        let prometheus = Prometheus::start(&targets, &scratch).await?;
        // Without requests there is no proof that nobody is on the canary.
        let load = traefik.load(HOST, 1_000, 200);
        let operator = Operator::start(cluster, &namespace, "serin-0").await?;
        let ports = [stable.port(), canary.port()];
        namespace.apply(&release(&prometheus.address(), ports).to_string()).await?;
        let stage = Self {
            _operator: operator,
            _prometheus: prometheus,
            load,
            _traefik: traefik,
            canary,
            _stable: stable,
            namespace,
        };
        until_phase(&stage.namespace, "Succeeded").await?;
        Ok(stage)
    }

    /// Gives the canary an image, and what stands for its pods the image's behaviour.
    async fn set_image(&self, image: &str) -> Result<()> {
        self.canary.behave(image::behaviour(image)?);
        set_image(&self.namespace, image).await
    }

    async fn weights(&self) -> Result<[Value; 2]> {
        let object = self.namespace.get("traefikservice", "web").await?;
        let weight =
            |place: usize| at(&object, &format!("/spec/weighted/services/{place}/weight")).clone();
        Ok([weight(0), weight(1)])
    }

    /// What was sent in the last second and is not under way any more.
    async fn last_second(&self) -> Vec<Record> {
        let from = self.load.records().len();
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Those under way may have been sent before.
        self.load.since(from + 10, <[Record]>::to_vec)
    }
}

fn release(prometheus: &str, [stable, canary]: [u16; 2]) -> Value {
    let traffic = json!({
        "hosts": [HOST],
        "traefikService": "web",
        "stable": {"host": "web-stable", "port": stable},
        "canary": {"host": "web-canary", "port": canary},
    });
    let gate = json!({"name": "errors", "kind": "errorRate", "counts": {"preset": "traefik"}});
    unmarked::release(prometheus, &traffic, &gate)
}

fn by(records: &[Record], side: Variant) -> usize {
    let by = |record: &&Record| record.outcome.side() == Some(side);
    records.iter().filter(by).count()
}

/// Whether the step's clock waited for a share of requests that no other weight has.
fn waited_for_the_share(object: &Value) -> bool {
    at(object, "/status/decisions").to_string().contains("too few to tell 50% from 10%")
}

#[tokio::test]
async fn a_good_version_goes_to_the_end_by_a_traefik_service_and_what_traefik_counts() -> Result<()>
{
    let stage = Stage::start("traefik-good").await?;
    stage.set_image("shop:1.1").await?;
    let end = until_phase(&stage.namespace, "Succeeded").await?;
    ensure!(waited_for_the_share(&end), "{:#}", at(&end, "/status/decisions"));
    ensure!(stage.weights().await? == [json!(100), json!(0)], "{:?}", stage.weights().await?);
    let late = stage.last_second().await;
    ensure!(by(&late, Variant::Canary) == 0 && by(&late, Variant::Stable) > 50, "{late:?}");
    let image = stage.namespace.get("deployment", "web-stable").await?;
    let image = at(&image, "/spec/template/spec/containers/0/image");
    ensure!(image == "shop:1.1", "stable was not brought to the new version: {image}");
    let records = stage.load.stop().await;
    none_failed(&records)?;
    ensure!(by(&records, Variant::Canary) > 500, "{} by the canary", by(&records, Variant::Canary));
    Ok(())
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_in_a_traefik_service_and_ends_when_its_counter_stands_still()
-> Result<()> {
    let stage = Stage::start("traefik-bad").await?;
    stage.set_image("shop:1.2-fails50").await?;
    rolled_back(&stage.namespace).await?;
    ensure!(stage.weights().await? == [json!(100), json!(0)], "{:?}", stage.weights().await?);
    let late = stage.last_second().await;
    ensure!(by(&late, Variant::Canary) == 0 && by(&late, Variant::Stable) > 50, "{late:?}");
    let records = stage.load.stop().await;
    none_failed(&records)?;
    let injected = Outcome::Injected(Variant::Canary);
    ensure!(records.iter().any(|record| record.outcome == injected), "nobody saw it fail");
    Ok(())
}
