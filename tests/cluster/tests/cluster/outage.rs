//! The API server goes and comes back. This harms a cluster, so it has one of its own.

use std::time::Duration;

use anyhow::{Result, ensure};
use serin_cluster::cluster::Cluster;
use serin_cluster::pods::Running;
use serin_tests::load::{Outcome, Record};

use serin_cluster::shop::{LIMIT, Shop};

#[tokio::test]
async fn traffic_goes_on_without_the_api_server_and_what_it_stored_comes_back() -> Result<()> {
    let mut cluster = Cluster::start().await?;
    let shop = Shop::start(&cluster, "outage", 50).await?;
    let load = shop.gateway().load();
    cluster.kill_api_server()?;
    ensure!(shop.namespace.get("virtualservice", "web").await.is_err());
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.restart_api_server().await?;
    shop.namespace.get("virtualservice", "web").await?;
    let records = load.stop().await;
    let failed: Vec<&Record> =
        records.iter().filter(|record| matches!(record.outcome, Outcome::Failed { .. })).collect();
    ensure!(records.len() > 200 && failed.is_empty(), "of {}: {failed:?}", records.len());
    // Whoever watched it watches it again: the controllers, kwok, and what runs for the pods.
    shop.namespace.set_image("web-stable", "shop:2.0").await?;
    let new = |pod: &Running| pod.image == "shop:2.0";
    shop.pods.until(LIMIT, |running| running.iter().filter(|pod| new(pod)).count() == 2).await?;
    Ok(())
}
