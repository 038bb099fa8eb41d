//! Whole rollouts: a person sets an image, and all that follows is the controller's, on the real API
//! server, Deployment controller, istiod, Envoys and Prometheus.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_cluster::objects::Shares;
use serin_cluster::operator::Operator;
use serin_cluster::records::{none_failed, sides};
use serin_cluster::released::{KIND, ROLLOUT, Released, at};
use serin_cluster::shop::{Door, route};
use serin_tests::load::Outcome;
use serin_tests::patience::until;

#[tokio::test]
async fn a_good_version_goes_to_the_end_and_stable_takes_it_over_without_a_failed_request()
-> Result<()> {
    let released = Released::start("good").await?;
    let loads = released.shop.doors().map(Door::load);
    let end = released.release("shop:1.1", "Succeeded").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    for load in loads {
        let records = load.stop().await;
        none_failed(&records)?;
        // To the canary once, and with everybody back to stable once that runs the new version.
        let moved: Vec<_> =
            sides(&records).into_iter().filter(|(_, sides)| sides.len() > 3).collect();
        ensure!(moved.is_empty(), "{moved:?}");
        let canary =
            records.iter().filter(|it| it.outcome == Outcome::Served(Variant::Canary)).count();
        ensure!(canary > 100, "{canary} by the canary");
    }
    ensure!(at(&end, "/status/weight") == "0%", "{end:#}");
    ensure!(released.image("web-stable").await? == "shop:1.1", "stable was not brought up");
    ensure!(released.rest().await? == 0, "the route still sends somebody to the canary");
    let scaled = |canary: &Value| at(canary, "/spec/replicas") == 0;
    released.namespace().until("deployment", "web-canary", ROLLOUT, scaled).await?;
    Ok(())
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_and_the_next_one_starts_anew() -> Result<()> {
    let released = Released::start("bad").await?;
    let load = released.shop.gateway().load();
    let end = released.release("shop:1.2-fails50", "RolledBack").await?;
    ensure!(released.rest().await? == 0, "{end:#}");
    ensure!(released.image("web-stable").await? == "shop:1.0", "{end:#}");
    let status = at(&end, "/status").to_string();
    ensure!(status.contains("Harm"), "no reason: {status}");
    let events = released.namespace().kubectl().run(&["get", "events"]).await?;
    ensure!(events.contains("Harm") && events.contains("RolledBack"), "{events}");
    released.set_image("shop:1.3").await?;
    released.until_phase("Succeeded").await?;
    let records = load.stop().await;
    none_failed(&records)?;
    ensure!(released.image("web-stable").await? == "shop:1.3", "it was not promoted");
    Ok(())
}

#[tokio::test]
async fn a_weight_that_a_person_lowers_pauses_and_one_that_is_raised_is_put_back() -> Result<()> {
    let released = Released::start("hand").await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    released.until_weight(50).await?;
    let namespace = released.namespace();
    namespace.apply(&route(Shares::serving(20)).to_string()).await?;
    let paused = |object: &Value| at(object, "/status/weight") == "20%";
    let object = namespace.until(KIND, "shop", ROLLOUT, paused).await?;
    ensure!(at(&object, "/status").to_string().contains("LoweredByHand"), "{object:#}");
    // What is raised by hand is nobody's to raise.
    namespace.apply(&route(Shares::serving(90)).to_string()).await?;
    let put_back = |route: &Value| at(route, "/spec/http/2/route/1/weight") == 20;
    namespace.until("virtualservice", "web", ROLLOUT, put_back).await?;
    // The end of the release: stable first, then the object goes, and with it what filters go by,
    // whichever replica they ask.
    let follower = Operator::start(Cluster::shared().await?, namespace, "serin-1").await?;
    let name = format!("{}/shop", namespace.name());
    let has = async |replica: &Operator| -> Result<bool> {
        Ok(replica.document().await?.is_some_and(|document| document.contains(&name)))
    };
    until(ROLLOUT, async || has(&follower).await).await?;
    namespace.kubectl().run(&["delete", KIND, "shop", "--timeout=90s"]).await?;
    ensure!(released.rest().await? == 0, "deleted, but the canary has users");
    for replica in [&released.operator, &follower] {
        until(ROLLOUT, async || Ok(!has(replica).await?)).await?;
    }
    let records = load.stop().await;
    none_failed(&records)?;
    Ok(())
}

#[tokio::test]
async fn a_person_gives_commands_on_the_object_and_who_gave_them_stands_there() -> Result<()> {
    let released = Released::start("commands").await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    let namespace = &released.shop.namespace;
    let begun = |object: &Value| at(object, "/status/weight") != "0%";
    namespace.until(KIND, "shop", ROLLOUT, begun).await?;
    let said = released.kubectl_serin(&["abort", "shop"]).await?;
    ensure!(said.contains("a person asked for it"), "{said}");
    let end = released.until_phase("RolledBack").await?;
    let command = at(&end, "/status/commands/0");
    ensure!(at(command, "/outcome") == "Done" && at(command, "/by") == "admin", "{end:#}");
    let tree = released.kubectl_serin(&["get"]).await?;
    ensure!(tree.contains("RolledBack"), "{tree}");
    let why = released.kubectl_serin(&["explain", "shop"]).await?;
    ensure!(why.contains("Aborted") && why.contains("(abort asked for by admin"), "{why}");
    let all: Value = serde_json::from_str(
        &released.kubectl_serin(&["explain", "shop", "--output", "json"]).await?,
    )?;
    let newest = at(&all, "/decisions").as_array().and_then(|all| all.last());
    let newest = newest.with_context(|| format!("no decision: {all:#}"))?;
    ensure!(at(newest, "/inputs/state/phase") == "RollingBack", "{newest:#}");
    ensure!(at(&all, "/earlier") == 0, "{all:#}");
    load.stop().await;
    Ok(())
}
