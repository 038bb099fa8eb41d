//! A version that changes while it is on its way, and pods that are not there.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;
use serin_cluster::cluster::Cluster;
use serin_cluster::records::none_failed;
use serin_cluster::released::{ROLLOUT, Released, at, stays_at_half};

use crate::moves::{Moves, NOTHING, serving};

#[tokio::test]
async fn another_image_mid_rollout_sends_everyone_to_stable_before_it_starts() -> Result<()> {
    let released =
        Released::start_with(Cluster::shared().await?, "changed", &stays_at_half()).await?;
    let moves = Moves::follow(released.namespace()).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    let first = released.until_weight(50).await?;
    released.new_image("shop:1.2").await?;
    let second = released
        .until(|object| {
            at(object, "/status/weight") == "50%"
                && at(object, "/status/version") != at(&first, "/status/version")
        })
        .await?;
    // Other users try it first, as a rollout that has begun anew.
    ensure!(at(&second, "/status/salt") != at(&first, "/status/salt"), "{second:#}");
    let half = [serving(10), serving(50)];
    let expected = [&[NOTHING][..], &half, &[NOTHING], &half].concat();
    moves.are(&expected).await?;
    none_failed(&load.stop().await)?;
    Ok(())
}

#[tokio::test]
async fn a_canary_whose_pods_crash_loses_its_users_without_waiting_for_the_pods() -> Result<()> {
    let released =
        Released::start_with(Cluster::shared().await?, "crashed", &stays_at_half()).await?;
    let moves = Moves::follow(released.namespace()).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    released.until_weight(50).await?;
    // Without requests nothing but the pods themselves says that it cannot serve.
    none_failed(&load.stop().await)?;
    let start = Instant::now();
    for pod in released.shop.pods.running()? {
        if pod.labels.get("version").is_some_and(|side| side == "canary") {
            released.namespace().crash(&pod.pod).await?;
        }
    }
    released.until_weight(0).await?;
    // Ten seconds are for pods that come back.
    ensure!(start.elapsed() > Duration::from_secs(8), "after {:?}", start.elapsed());
    let end = released.until_phase("RolledBack").await?;
    let decisions = at(&end, "/status/decisions").to_string();
    ensure!(decisions.contains("without a ready endpoint for"), "no reason: {decisions}");
    moves.are(&[NOTHING, serving(10), serving(50), NOTHING]).await?;
    let scaled = |canary: &Value| at(canary, "/spec/replicas") == 0;
    released.namespace().until("deployment", "web-canary", ROLLOUT, scaled).await?;
    Ok(())
}
