//! Real Deployments, played pods, real processes: who takes a serving pod away fails requests, and
//! a rolling update does not.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_tests::load::{Outcome, Record};
use tokio::time::sleep;

use serin_cluster::shop::{Door, LIMIT, Shop};

fn failed(records: &[Record]) -> Vec<&Outcome> {
    let outcomes = records.iter().map(|record| &record.outcome);
    outcomes.filter(|outcome| matches!(outcome, Outcome::Failed { .. })).collect()
}

#[tokio::test]
async fn a_new_image_is_rolled_out_under_load_without_a_failed_request() -> Result<()> {
    let shop = Shop::start(Cluster::shared().await?, "image", 50).await?;
    let loads = shop.doors().map(Door::load);
    sleep(Duration::from_secs(1)).await;
    for (deployment, image) in [("web-stable", "shop:2.0"), ("web-canary", "shop:2.1")] {
        shop.namespace.set_image(deployment, image).await?;
    }
    let running = shop
        .pods
        .until(LIMIT, |running| {
            running.len() == 3 && running.iter().all(|pod| pod.image.starts_with("shop:2"))
        })
        .await?;
    // Until the processes of the old pods have ended, and after.
    sleep(Duration::from_secs(4)).await;
    for load in loads {
        let records = load.stop().await;
        ensure!(records.len() > 300, "{} requests", records.len());
        ensure!(failed(&records).is_empty(), "{:?}", failed(&records));
    }
    let images: BTreeSet<&str> = running.iter().map(|pod| pod.image.as_str()).collect();
    ensure!(images == BTreeSet::from(["shop:2.0", "shop:2.1"]), "{running:?}");
    Ok(())
}

#[tokio::test]
async fn the_image_says_how_a_version_fails() -> Result<()> {
    let shop = Shop::start(Cluster::shared().await?, "fails", 50).await?;
    shop.namespace.set_image("web-canary", "shop:1.2-fails20").await?;
    let bad = |pod: &serin_cluster::pods::Running| pod.image == "shop:1.2-fails20";
    shop.pods.until(LIMIT, |running| running.len() == 3 && running.iter().any(bad)).await?;
    // The old version's process serves until its connections have gone over.
    sleep(Duration::from_secs(3)).await;
    let load = shop.gateway().load();
    sleep(Duration::from_secs(4)).await;
    let records = load.stop().await;
    let of = |outcome: Outcome| records.iter().filter(|record| record.outcome == outcome).count();
    let (fine, injected) =
        (of(Outcome::Served(Variant::Canary)), of(Outcome::Injected(Variant::Canary)));
    ensure!(injected > 20 && injected * 6 > fine && injected * 3 < fine, "{injected} and {fine}");
    ensure!(of(Outcome::Injected(Variant::Stable)) == 0, "stable is not to fail");
    ensure!(failed(&records).is_empty(), "{:?}", failed(&records));
    Ok(())
}

#[tokio::test]
async fn taking_away_pods_that_are_sent_requests_fails_them() -> Result<()> {
    let shop = Shop::start(Cluster::shared().await?, "cut", 50).await?;
    let load = shop.gateway().load();
    sleep(Duration::from_secs(1)).await;
    shop.namespace.kubectl().run(&["scale", "deployment/web-canary", "--replicas", "0"]).await?;
    shop.pods.until(LIMIT, |running| running.len() == 2).await?;
    sleep(Duration::from_secs(3)).await;
    let records = load.stop().await;
    ensure!(failed(&records).len() > 50, "{} failed", failed(&records).len());
    Ok(())
}

#[tokio::test]
async fn a_stuck_version_never_gets_ready() -> Result<()> {
    let namespace = Cluster::shared().await?.namespace("stuck").await?;
    namespace.deployment("web-canary", &serin_cluster::shop::CANARY, "shop:1.1-stuck", 1).await?;
    namespace.deployment("web-stable", &serin_cluster::shop::STABLE, "shop:1.0", 1).await?;
    namespace.rolled_out("web-stable").await?;
    sleep(Duration::from_secs(1)).await;
    let canary = namespace.get("deployment", "web-canary").await?;
    ensure!(canary.pointer("/status/readyReplicas").is_none(), "{canary:#}");
    Ok(())
}

#[tokio::test]
async fn a_crashing_pod_loses_its_process_and_is_not_sent_requests() -> Result<()> {
    let shop = Shop::start(Cluster::shared().await?, "crash", 50).await?;
    let load = shop.gateway().load();
    let running = shop.pods.running()?;
    let pod = running.iter().find(|pod| pod.image == "shop:1.0").context("no stable pod")?;
    shop.namespace.crash(&pod.pod).await?;
    shop.pods.until(LIMIT, |running| running.len() == 2).await?;
    let ready = |object: &Value| object.pointer("/status/readyReplicas") == Some(&json!(1));
    shop.namespace.until("deployment", "web-stable", LIMIT, ready).await?;
    // Longer than its process goes on.
    sleep(Duration::from_secs(3)).await;
    ensure!(!Path::new(&format!("/proc/{}", pod.process)).exists(), "{pod:?} still runs");
    let records = load.stop().await;
    ensure!(failed(&records).is_empty(), "{:?}", failed(&records));
    Ok(())
}
