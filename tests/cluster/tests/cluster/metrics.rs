//! What Prometheus sees of proxies that istiod configures.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use serin_cluster::cluster::Cluster;
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;

use serin_cluster::shop::{Door, LIMIT, Shop};

#[tokio::test]
async fn the_filters_metrics_have_their_labels() -> Result<()> {
    let shop = Shop::start(Cluster::shared().await?, "metrics", 50).await?;
    let targets = shop.doors().map(|door| Target::envoy(door.proxy.admin().port()));
    let scratch = Scratch::named(&shop.namespace.folder()?.join("scraped"))?;
    let prometheus = Prometheus::start(&targets, &scratch).await?;
    let loads = shop.doors().map(Door::load);
    tokio::time::sleep(Duration::from_secs(3)).await;
    for load in loads {
        load.stop().await;
    }
    let name = shop.rollout();
    for side in ["stable", "canary"] {
        let series = format!(r#"serin_responses{{rollout="{name}",variant="{side}",class="ok"}}"#);
        // Of each proxy, from when its last scrape has them.
        let both = format!("count(sum by (instance) ({series}) > 50) == 2");
        prometheus.answers(&both, LIMIT).await?;
    }
    let revisions =
        prometheus.query(&format!(r#"serin_rollout_revision{{rollout="{name}"}}"#)).await?;
    let jobs: BTreeMap<&str, f64> =
        revisions.iter().map(|(labels, value)| (labels["job"].as_str(), *value)).collect();
    ensure!(jobs.len() == 2 && jobs.values().all(|revision| *revision > 0.0), "{revisions:?}");
    Ok(())
}
