//! The API server goes and comes back. This harms a cluster, so it has one of its own.

use std::time::Duration;

use anyhow::{Result, ensure};
use serin_cluster::cluster::Cluster;
use serin_cluster::pods::Running;
use serin_cluster::records::none_failed;
use serin_cluster::released::{Released, stays_at_half};
use serin_cluster::shop::{Door, LIMIT};

use crate::moves::{Moves, NOTHING, serving};

/// Longer than the controller's lease holds, so that nobody may write for a while.
const AWAY: Duration = Duration::from_secs(15);

#[tokio::test]
async fn users_stay_where_they_are_while_the_api_server_is_away_and_the_rollout_goes_on_after()
-> Result<()> {
    let mut cluster = Cluster::start().await?;
    let released = Released::start_with(&cluster, "outage", &stays_at_half()).await?;
    let moves = Moves::follow(released.namespace()).await?;
    let loads = released.shop.doors().map(Door::load);
    released.set_image("shop:1.1").await?;
    // At 50 %, where every proxy has it.
    released.until_reason("WaitingForApproval").await?;
    cluster.kill_api_server()?;
    ensure!(released.namespace().get("virtualservice", "web").await.is_err());
    tokio::time::sleep(AWAY).await;
    // Proxies that ask the controller still get what was stored last.
    let document = released.operator.document().await?.unwrap_or_default();
    ensure!(document.contains(r#""weight":"50%""#), "{document}");
    cluster.restart_api_server().await?;
    // Whoever watched it watches it again: the controllers, kwok, and what runs for the pods. The
    // command stands on the object, so that it is done though nobody waits for its answer any more.
    drop(released.kubectl_serin(&["approve", "shop"]).await);
    released.until_phase("Succeeded").await?;
    let new = |pod: &Running| pod.image == "shop:1.1";
    let both = |running: &[Running]| running.iter().filter(|pod| new(pod)).count() >= 2;
    released.shop.pods.until(LIMIT, both).await?;
    for load in loads {
        none_failed(&load.stop().await)?;
    }
    let expected = [NOTHING, serving(10), serving(50), serving(100), NOTHING];
    moves.are(&expected).await?;
    Ok(())
}
