//! Requests that are mirrored before anybody is on the canary, by the real istiod and Envoys: what a
//! person's route mirrored is kept and comes back, and what the canary fails reaches nobody.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_cluster::counted::{self, Page};
use serin_cluster::operator::Operator;
use serin_cluster::pods::Pods;
use serin_cluster::records::none_failed;
use serin_cluster::released::{KIND, ROLLOUT, Released, Scene, at};
use serin_cluster::shop::{Door, Shop};
use serin_tests::load::{Outcome, Record};
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;

use crate::check::{check, outcomes};

/// What runs, with a Prometheus that knows what the pods themselves have counted.
struct Stage {
    released: Released,
    pods: Arc<Pods>,
    _prometheus: Prometheus,
    _page: Page,
}

impl Stage {
    async fn start(name: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let shop = Shop::before_a_rollout(cluster, name).await?;
        mirrors_somewhere(&shop).await?;
        let pods = Arc::clone(&shop.pods);
        let page = Page::serve(Arc::clone(&pods)).await?;
        let doors = shop.doors().map(|door| Target::envoy(door.proxy.admin().port()));
        let targets = [&doors[..], &[Target::metrics("pods", page.port())]].concat();
        let scratch = Scratch::named(&shop.namespace.folder()?.join("counted"))?;
        let prometheus = Prometheus::start(&targets, &scratch).await?;
        let scene = Scene::of(shop).await?;
        let operator = Operator::start(cluster, &scene.shop.namespace, "serin-0").await?;
        let released = scene.begin(operator, &fields(&prometheus.address())).await?;
        Ok(Self { released, pods, _prometheus: prometheus, _page: page })
    }

    async fn entries(&self) -> Result<[Value; 3]> {
        let service = self.released.namespace().get("virtualservice", "web").await?;
        Ok([0, 1, 2].map(|place| at(&service, &format!("/spec/http/{place}")).clone()))
    }

    /// Checks that each entry mirrors what it did before.
    async fn mirrors_as_before(&self) -> Result<()> {
        let entries = self.entries().await?;
        let found = entries.each_ref().map(mirror);
        ensure!(found == [json!({}), json!({}), somebodys()], "{entries:#?}");
        Ok(())
    }
}

/// What the owner of the route had mirrored before: a part of what is not marked, to stable once more. Who
/// does not read doubles exactly takes this one for its neighbour.
pub(crate) fn somebodys() -> Value {
    json!({
        "mirror": {"host": "web", "subset": "stable", "port": {"number": 80}},
        "mirrorPercentage": {"value": 12.627_786_364_397_455},
    })
}

pub(crate) async fn mirrors_somewhere(shop: &Shop) -> Result<()> {
    let fields = somebodys();
    let patch = json!([
        {"op": "add", "path": "/spec/http/2/mirror", "value": at(&fields, "/mirror")},
        {"op": "add", "path": "/spec/http/2/mirrorPercentage", "value": at(&fields, "/mirrorPercentage")},
    ]);
    let patch = patch.to_string();
    let args = ["patch", "virtualservice", "web", "--type=json", "--patch", &patch];
    shop.namespace.kubectl().run(&args).await.map(drop)
}

/// Half of the requests for 8 s, judged by what the pods have counted.
fn fields(prometheus: &str) -> Value {
    let count = |code: &str| {
        format!("sum(rate(shop_requests_total{{side=\"{{{{variant}}}}\"{code}}}[{{{{window}}}}]))")
    };
    let samples = "sum(increase(shop_requests_total{side=\"{{variant}}\"}[{{window}}]))";
    json!({
        "metrics": {"prometheus": {
            "address": prometheus, "scrapeInterval": "1s", "timeout": "2s",
        }},
        "mirror": {"share": "50%", "for": "8s", "gates": ["pod-errors"]},
        "steps": [{"weight": "50%", "bake": "3s"}, {"weight": "100%", "bake": "3s"}],
        "gates": [
            {"name": "errors", "kind": "errorRate"},
            {"name": "pod-errors", "kind": "threshold", "max": 0.05, "window": "10s",
             "query": format!("{} / {}", count(",code=\"500\""), count("")),
             "samples": samples, "minSamples": 50},
        ],
    })
}

fn by_canary(records: &[Record]) -> usize {
    let canary = |it: &&Record| {
        matches!(it.outcome, Outcome::Served(Variant::Canary) | Outcome::Injected(Variant::Canary))
    };
    records.iter().filter(canary).count()
}

/// What an entry mirrors.
pub(crate) fn mirror(entry: &Value) -> Value {
    let mut fields = entry.clone();
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|name, _| name.starts_with("mirror"));
    }
    fields
}

#[tokio::test]
async fn a_good_version_gets_copies_first_and_what_was_mirrored_is_back_before_the_first_user()
-> Result<()> {
    let stage = Stage::start("mirror-good").await?;
    let released = &stage.released;
    let loads = released.shop.doors().map(Door::load);
    released.set_image("shop:1.1").await?;
    let mirrored = |object: &Value| at(object, "/status/mirror") == "50%";
    released.until(mirrored).await?;
    let mut seen = Vec::new();
    let copies = loop {
        let [_, stable, rest] = stage.entries().await?;
        let weight = at(&rest, "/route/1/weight").as_u64().unwrap_or_default();
        seen.push((weight, at(&rest, "/mirror/subset") == "canary"));
        if weight > 0 {
            ensure!(mirror(&rest) == somebodys(), "not back yet: {rest:#}");
            ensure!(mirror(&stable) == json!({}), "{stable:#}");
            break counted::answered(&stage.pods).await?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    ensure!(seen.iter().any(|(_, ours)| *ours), "never mirrored: {seen:?}");
    // Half of what 1,000 users ask for in 8 s at 200 a second, and nobody has been answered by it.
    ensure!(copies.get("canary").is_some_and(|canary| *canary > 400), "{copies:?}");
    released.until_phase("Succeeded").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    for load in loads {
        let records = load.stop().await;
        none_failed(&records)?;
        ensure!(by_canary(&records) > 100, "{} by the canary", by_canary(&records));
    }
    stage.mirrors_as_before().await?;
    let log = released.until(|_| true).await?;
    let log = at(&log, "/status/decisions").to_string();
    ensure!(log.contains("Mirroring") && log.contains("Mirrored"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_by_what_it_answers_to_copies_and_nobody_is_exposed()
-> Result<()> {
    let stage = Stage::start("mirror-bad").await?;
    let released = &stage.released;
    let loads = released.shop.doors().map(Door::load);
    let end = released.release("shop:1.2-fails50", "RolledBack").await?;
    ensure!(at(&end, "/status").to_string().contains("pod-errors fails"), "{end:#}");
    stage.mirrors_as_before().await?;
    for load in loads {
        let records = load.stop().await;
        none_failed(&records)?;
        ensure!(by_canary(&records) == 0, "{} were exposed", by_canary(&records));
    }
    // Whoever deletes all at once may take the route first.
    let kubectl = released.namespace().kubectl();
    kubectl.run(&["delete", "virtualservice", "web"]).await?;
    kubectl.run(&["delete", KIND, "shop", "--timeout=60s"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_mirror_that_a_person_takes_off_pauses_and_a_deletion_puts_back_what_was_there()
-> Result<()> {
    let stage = Stage::start("mirror-hand").await?;
    let released = &stage.released;
    let namespace = released.namespace();
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    let mirrored = |object: &Value| at(object, "/status/mirror") == "50%";
    released.until(mirrored).await?;
    let ours = |route: &Value| at(route, "/spec/http/2/mirror/subset") == "canary";
    namespace.until("virtualservice", "web", ROLLOUT, ours).await?;
    let remove = |field: &str| json!({"op": "remove", "path": format!("/spec/http/1/{field}")});
    let patch = json!(["mirror", "mirrorPercentage"].map(remove)).to_string();
    let args = ["patch", "virtualservice", "web", "--type=json", "--patch", &patch];
    namespace.kubectl().run(&args).await?;
    let paused = |object: &Value| at(object, "/status/paused") == "loweredByHand";
    let object = released.until(paused).await?;
    ensure!(at(&object, "/status/weight") == "0%", "{object:#}");
    let back = |route: &Value| mirror(at(route, "/spec/http/2")) == somebodys();
    namespace.until("virtualservice", "web", ROLLOUT, back).await?;
    let (_, found) = check(namespace, &[]).await?;
    ensure!(outcomes(&found, "mirror") == ["good"], "{found:#}");
    released.kubectl_serin(&["resume", "shop"]).await?;
    namespace.until("virtualservice", "web", ROLLOUT, ours).await?;
    namespace.kubectl().run(&["delete", KIND, "shop", "--timeout=90s"]).await?;
    stage.mirrors_as_before().await?;
    let records = load.stop().await;
    none_failed(&records)?;
    ensure!(by_canary(&records) == 0, "{} were exposed", by_canary(&records));
    Ok(())
}
