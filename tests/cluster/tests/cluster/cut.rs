//! Proxies that hear nothing of what is decided: either way down works without the other, and the
//! canary keeps its pods for as long as somebody may be sent there.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_cluster::objects;
use serin_cluster::operator::Operator;
use serin_cluster::records::none_failed;
use serin_cluster::relay::{Fate, Write};
use serin_cluster::released::{KIND, ROLLOUT, Scene, at, short_steps, stays_at_half};
use serin_cluster::shop::{Door, Shop};
use serin_cluster::tunnel::Tunnel;
use serin_tests::clock::now_us;
use tokio::time::sleep;

/// The service of the controller in the mesh, by which proxies poll it.
const SERVICE: &str = "serin";

#[tokio::test]
async fn a_rollback_empties_the_canary_by_the_route_alone_where_proxies_do_not_reach_the_document()
-> Result<()> {
    let cluster = Cluster::shared().await?;
    let scene = Scene::of(Shop::before_a_rollout(cluster, "unheard").await?).await?;
    let operator = Operator::start(cluster, &scene.shop.namespace, "serin-0").await?;
    let tunnel = Tunnel::to(operator.port()).await?;
    poll(&scene.shop, &tunnel).await?;
    let mut fields = stays_at_half();
    fields["policy"] = json!({"rollbackAlertAfter": "3s"});
    // Without a plugin.
    fields["assignment"] = json!({"identity": [{"header": "x-user-id"}], "anonymous": "route"});
    let released = scene.begin(operator, &fields).await?;
    let loads = released.shop.doors().map(Door::load);
    released.set_image("shop:1.1").await?;
    let half = released.until_weight(50).await?;
    // Approval is asked for once every proxy has shown the weight for the step's time.
    released.until_reason("WaitingForApproval").await?;
    tunnel.cut(true);
    released.kubectl_serin(&["abort", "shop"]).await?;
    let alerted = |object: &Value| at(object, "/status/alerts/0/name") == "RollbackNotEffective";
    released.until(alerted).await?;
    let from = now_us();
    sleep(Duration::from_secs(4)).await;
    // Every proxy goes on marking users for the canary,
    for door in released.shop.doors() {
        let revision = door.proxy.admin().revision(&released.shop.rollout()).await?;
        ensure!(at(&half, "/status/revision") == revision, "a proxy has heard of {revision}");
    }
    // and none gets there.
    for load in &loads {
        let records = load.records();
        let since: Vec<_> = records.iter().filter(|record| record.sent_us > from).collect();
        let reached = since.iter().filter(|it| it.outcome.side() == Some(Variant::Canary)).count();
        ensure!(
            since.len() > 200 && reached == 0,
            "{reached} of {} reached the canary",
            since.len()
        );
    }
    let object = released.namespace().get(KIND, "shop").await?;
    ensure!(at(&object, "/status/phase") == "RollingBack", "{object:#}");

    tunnel.cut(false);
    released.until_phase("RolledBack").await?;
    for load in loads {
        none_failed(&load.stop().await)?;
    }
    Ok(())
}

/// Has both proxies ask the controller for the document, through the tunnel.
async fn poll(shop: &Shop, tunnel: &Tunnel) -> Result<()> {
    let host = format!("{SERVICE}.{}.svc.cluster.local", shop.namespace.name());
    let entry = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": SERVICE},
        "spec": {
            "hosts": [host],
            "location": "MESH_INTERNAL",
            "resolution": "STATIC",
            "ports": [{"number": 8080, "name": "http", "protocol": "HTTP"}],
            "endpoints": [{"address": "127.0.0.1", "ports": {"http": tunnel.port()}}],
        },
    });
    shop.namespace.apply(&entry.to_string()).await?;
    let source = json!({"cluster": format!("outbound|8080||{host}")});
    let plugin = objects::wasm_plugin(&json!({"formatVersion": "1.0", "source": source}))?;
    shop.namespace.apply(&plugin.to_string()).await
}

#[tokio::test]
async fn a_promotion_keeps_the_canarys_pods_while_one_proxy_still_sends_users_there() -> Result<()>
{
    let cluster = Cluster::shared().await?;
    let istiod = Tunnel::to(cluster.discovery()).await?;
    let shop = Shop::before_a_rollout_by(cluster, "behind", istiod.port()).await?;
    let scene = Scene::of(shop).await?;
    let relay = Operator::relay(cluster, &scene.shop.namespace, "relay-0").await?;
    let operator = Operator::through(&relay, &scene.shop.namespace, "serin-0").await?;
    let released = scene.begin(operator, &short_steps()).await?;
    let loads = released.shop.doors().map(Door::load);
    // Stops at the first write by which everybody goes back to stable, which runs the new version
    // by then.
    let mut was_full = false;
    relay.rule(move |write| {
        was_full |= is_at(write, 100);
        if was_full && is_at(write, 0) { Fate::LoseRequest } else { Fate::Pass }
    });
    released.set_image("shop:1.1").await?;
    relay.stopped().await?;
    // Stable's new pods have arrived everywhere by then; nothing else does in the sidecar.
    sleep(Duration::from_secs(1)).await;
    istiod.cut(true);
    relay.rule(|_| Fate::Pass);
    relay.go_on();
    let handed_over = |route: &Value| at(route, "/spec/http/2/route/1/weight") == 0;
    released.namespace().until("virtualservice", "web", ROLLOUT, handed_over).await?;
    // Longer than pods take to go, and three scrapes.
    sleep(Duration::from_secs(8)).await;
    let object = released.namespace().get(KIND, "shop").await?;
    ensure!(at(&object, "/status/phase") == "Promoting", "{object:#}");
    istiod.cut(false);
    released.until_phase("Succeeded").await?;
    let scaled = |canary: &Value| at(canary, "/spec/replicas") == 0;
    released.namespace().until("deployment", "web-canary", ROLLOUT, scaled).await?;
    sleep(Duration::from_secs(3)).await;
    for load in loads {
        none_failed(&load.stop().await)?;
    }
    Ok(())
}

/// Whether a write gives the canary this share, by the route or by the document.
fn is_at(write: &Write, percent: u32) -> bool {
    match write.what.as_str() {
        "virtualservices/web" => at(&write.body, "/spec/http/2/route/1/weight") == percent,
        "wasmplugins/serin" => {
            let weight = at(&write.body, "/spec/pluginConfig/rollouts/0/weight");
            *weight == format!("{percent}%")
        }
        _ => false,
    }
}
