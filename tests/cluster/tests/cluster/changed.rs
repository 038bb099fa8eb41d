//! What people change of a release while its rollout is under way.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::operator::Operator;
use serin_cluster::records::failed;
use serin_cluster::released::{KIND, ROLLOUT, Released, at};
use serin_cluster::shop::Door;

/// A release that stays at its first step.
async fn at_the_first_step(name: &str) -> Result<Released> {
    let fields = json!({"steps": [
        {"weight": "50%", "bake": "10m"},
        {"weight": "100%", "bake": "1s"},
    ]});
    let released = Released::start_with(Cluster::shared().await?, name, &fields).await?;
    released.set_image("shop:1.1").await?;
    released.until_weight(50).await?;
    Ok(released)
}

/// Puts these fields into the release's `spec`.
async fn patch(released: &Released, spec: &Value) -> Result<()> {
    let patch = json!({ "spec": spec }).to_string();
    let args = ["patch", KIND, "shop", "--type", "merge", "--patch", &patch];
    released.shop.namespace.kubectl().run(&args).await.map(drop)
}

#[tokio::test]
async fn other_steps_send_everyone_to_stable_and_start_the_rollout_again() -> Result<()> {
    let released = at_the_first_step("replanned").await?;
    let loads = released.shop.doors().map(Door::load);
    let steps = json!([{"weight": "20%", "bake": "2s"}, {"weight": "100%", "bake": "2s"}]);
    patch(&released, &json!({ "steps": steps })).await?;
    let end = released.until_phase("Succeeded").await?;
    for load in loads {
        let records = load.stop().await;
        ensure!(failed(&records).is_empty(), "{:?}", failed(&records));
    }
    let decisions = at(&end, "/status/decisions").as_array().cloned().unwrap_or_default();
    let reasons: Vec<&str> =
        decisions.iter().filter_map(|decision| at(decision, "/reason").as_str()).collect();
    let replanned = reasons.iter().position(|reason| *reason == "NewPlan");
    let again = reasons.iter().rposition(|reason| *reason == "NewVersion");
    ensure!(replanned.is_some() && replanned < again, "{reasons:?}");
    ensure!(released.image("web-stable").await? == "shop:1.1", "{end:#}");
    Ok(())
}

#[tokio::test]
async fn a_release_that_cannot_be_read_any_more_is_deleted_with_its_route_on_stable() -> Result<()>
{
    let mut released = at_the_first_step("unread").await?;
    // While the controller ran, it would go on with what it read before.
    released.operator.process().kill()?;
    patch(&released, &json!({"gates": [{"name": "errors", "kind": "threshold"}]})).await?;
    let namespace = &released.shop.namespace;
    let _next = Operator::start(Cluster::shared().await?, namespace, "serin-1").await?;
    let refused = |object: &Value| at(object, "/status/conditions").to_string().contains("Invalid");
    namespace.until(KIND, "shop", ROLLOUT, refused).await?;
    ensure!(released.rest().await? == 50, "nothing moves by itself");
    namespace.kubectl().run(&["delete", KIND, "shop", "--timeout=60s"]).await?;
    ensure!(released.rest().await? == 0, "deleted, but the canary has users");
    let events = namespace.kubectl().run(&["get", "events"]).await?;
    ensure!(events.contains("StableWithoutProof"), "{events}");
    Ok(())
}
