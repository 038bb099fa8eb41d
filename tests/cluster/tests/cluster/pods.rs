//! Whose pods they are: an autoscaler's, one that counts only after a while, or none to be had.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_cluster::namespace::Namespace;
use serin_cluster::records::none_failed;
use serin_cluster::released::{ROLLOUT, Released, at, stays_at_half};
use tokio::time::sleep;

use crate::moves::{Moves, serving};

const DISRUPTIONS: &str = "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web-stable}
spec: {minAvailable: 1, selector: {matchLabels: {app: web, version: stable}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web-canary}
spec: {minAvailable: 1, selector: {matchLabels: {app: web, version: canary}}}
";

fn autoscaler(deployment: &str, fewest: u32) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": deployment},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
            "minReplicas": fewest,
            "maxReplicas": 6,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
        },
    })
}

#[tokio::test]
async fn a_canary_that_an_autoscaler_owns_is_woken_from_zero_and_else_left_to_it() -> Result<()> {
    let (released, relay) = Released::relayed("autoscaled", &stays_at_half()).await?;
    let namespace = released.namespace();
    namespace.apply(DISRUPTIONS).await?;
    let load = released.shop.gateway().load();
    // Whom the canary serves no more it has no pods for.
    released.release("shop:1.1-fails50", "RolledBack").await?;
    let has = |pods: u32| move |canary: &Value| at(canary, "/spec/replicas") == pods;
    namespace.until("deployment", "web-canary", ROLLOUT, has(0)).await?;
    namespace.apply(&autoscaler("web-canary", 2).to_string()).await?;
    let before = relay.made().len();
    released.new_image("shop:1.2").await?;
    released.until_weight(10).await?;
    // Its owner wants more, and nobody takes them away again.
    namespace.apply(&autoscaler("web-canary", 3).to_string()).await?;
    namespace.until("deployment", "web-canary", ROLLOUT, has(3)).await?;
    released.until_reason("WaitingForApproval").await?;
    released.kubectl_serin(&["approve", "shop"]).await?;
    released.until_phase("Succeeded").await?;
    namespace.until("deployment", "web-canary", ROLLOUT, has(0)).await?;
    let scaled: Vec<Value> = relay
        .made()
        .split_off(before)
        .iter()
        .filter(|write| write.what == "deployments/web-canary/scale")
        .map(|write| at(&write.body, "/spec/replicas").clone())
        .collect();
    ensure!(scaled == [json!(2), json!(0)], "{scaled:?}");
    none_failed(&load.stop().await)?;
    Ok(())
}

#[tokio::test]
async fn a_pod_counts_once_it_has_been_ready_for_as_long_as_its_deployment_asks() -> Result<()> {
    const SECONDS: i64 = 5;
    let released = Released::start("patient").await?;
    let namespace = released.namespace();
    for deployment in ["web-stable", "web-canary"] {
        let patch = json!({"spec": {"minReadySeconds": SECONDS}});
        namespace.kubectl().patch(&["deployment", deployment], &patch).await?;
    }
    let moves = Moves::follow(namespace).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    // The second of these rises takes another pod.
    for weight in [10, 100] {
        while !moves.seen().contains(&serving(weight)) {
            sleep(Duration::from_millis(50)).await;
        }
        let youngest = youngest_canary(&released).await?;
        ensure!(youngest >= SECONDS, "{weight} % with a pod that was ready for {youngest} s only");
    }
    released.until_phase("Succeeded").await?;
    none_failed(&load.stop().await)?;
    Ok(())
}

/// For how many seconds the canary's youngest pod has been ready.
async fn youngest_canary(released: &Released) -> Result<i64> {
    let list = ["pods", "--selector", "version=canary", "--field-selector", "status.phase=Running"];
    let pods = released.namespace().kubectl().get(&list).await?;
    let mut youngest = None;
    for pod in at(&pods, "/items").as_array().into_iter().flatten() {
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            continue;
        }
        let conditions = at(pod, "/status/conditions").as_array().context("no conditions")?;
        let ready = conditions.iter().find(|it| at(it, "/type") == "Ready").context("not ready")?;
        let since = at(ready, "/lastTransitionTime").as_str().context("no time")?;
        let since: k8s_openapi::jiff::Timestamp = since.parse()?;
        youngest = youngest.max(Some(since));
    }
    let since = youngest.context("the canary has no pod")?;
    Ok(k8s_openapi::jiff::Timestamp::now().duration_since(since).as_secs())
}

/// Leaves no room for a fourth pod.
async fn fill(namespace: &Namespace) -> Result<()> {
    let quota = "
apiVersion: v1
kind: ResourceQuota
metadata: {name: full}
spec: {hard: {pods: '3'}}
";
    namespace.apply(quota).await?;
    // Nobody counts here what was there before.
    let counted = json!({"status": {"hard": {"pods": "3"}, "used": {"pods": "3"}}});
    namespace.kubectl().patch(&["resourcequota", "full", "--subresource", "status"], &counted).await
}

#[tokio::test]
async fn a_rise_waits_for_pods_that_cannot_be_had_and_goes_on_once_they_can() -> Result<()> {
    let released = Released::start("short").await?;
    let moves = Moves::follow(released.namespace()).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    released.until_weight(10).await?;
    fill(released.namespace()).await?;
    let object = released.until_reason("Capacity").await?;
    ensure!(at(&object, "/status/weight") == "50%", "{object:#}");
    let message = at(&object, "/status/message").as_str().unwrap_or_default();
    ensure!(message.contains("1 of the 2 pods"), "{message}");
    sleep(Duration::from_secs(4)).await;
    ensure!(!moves.seen().contains(&serving(100)), "{:?}", moves.seen());
    released.namespace().kubectl().run(&["delete", "resourcequota", "full"]).await?;
    released.until_phase("Succeeded").await?;
    ensure!(moves.seen().contains(&serving(100)), "{:?}", moves.seen());
    none_failed(&load.stop().await)?;
    Ok(())
}
