//! Killed without warning at every write of the part of a rollout in which requests are mirrored, the
//! controller mirrors once, and what was mirrored before is back before anybody is exposed.

use anyhow::{Context as _, Result, ensure};
use kube::api::DynamicObject;
use serde_json::{Value, json};
use serin_cluster::records::none_failed;
use serin_cluster::relay::Write;
use serin_cluster::released::{Released, at};

use crate::kills::{kill_until, record, step};
use crate::mirror::{mirror, mirrors_somewhere, somebodys};
use crate::moves::{Moves, NOTHING, Shares, serving, shares};

/// Half of the requests, judged by what always passes: how a gate judges is not to be seen here.
fn mirroring() -> Value {
    json!({
        "mirror": {"share": "50%", "for": "3s", "gates": ["passes"]},
        "steps": [{"weight": "100%", "bake": "1s"}],
        "gates": [
            {"name": "errors", "kind": "errorRate"},
            {"name": "passes", "kind": "threshold", "max": 1, "query": "vector(0)",
             "samples": "vector(1000)", "minSamples": 1},
        ],
    })
}

/// The weights, and what each entry mirrors.
type Seen = (Shares, [Value; 3]);

fn seen(service: &DynamicObject) -> Option<Seen> {
    let entry = |place: usize| service.data.pointer(&format!("/spec/http/{place}")).map(mirror);
    Some((shares(service)?, [entry(0)?, entry(1)?, entry(2)?]))
}

/// Whether somebody may be on the canary by this write.
fn exposes(write: &Write) -> bool {
    let weight = at(&write.body, "/spec/http/0/route/1/weight").as_u64();
    let serves = at(&write.body, "/spec/pluginConfig/rollouts/0/canaryServes").as_bool();
    let stored = record(write).map(|stored| stored.state.traffic.canary_serves);
    weight.is_some_and(|weight| weight > 0) || serves.or(stored).unwrap_or_default()
}

#[tokio::test]
async fn killed_at_every_write_before_the_first_user_it_mirrors_once_and_puts_back_what_was_there()
-> Result<()> {
    let (mut released, relay) = Released::relayed("killed-mirror", &mirroring()).await?;
    mirrors_somewhere(&released.shop).await?;
    let moves = Moves::of(released.namespace(), seen).await?;
    let load = released.shop.gateway().load();
    // What comes after is a rollout like any other.
    let mut exposed = false;
    let early = move |write: &Write| {
        exposed |= exposes(write);
        step(write).filter(|_| !exposed)
    };
    let killed = kill_until(&mut released, &relay, ("shop:1.1", "Succeeded"), early).await?;
    killed.both_moments_of(&[
        "PUT virtualservices/web",
        "PUT canaryreleases/shop/status",
        "PATCH deployments/web-canary/scale",
    ])?;
    // Before and after the write that mirrors, and before and after the one that puts back.
    ensure!(
        killed.times("PUT virtualservices/web") == 4,
        "{}",
        killed.times("PUT virtualservices/web")
    );
    none_failed(&load.stop().await)?;
    let before = [json!({}), json!({}), somebodys()];
    let found = moves.seen();
    let (_, ours) = found.get(1).context("nothing was mirrored")?;
    let [marked, stable, rest] = ours;
    ensure!(at(rest, "/mirror/subset") == "canary" && stable == rest, "{ours:#?}");
    ensure!(at(rest, "/mirrorPercentage/value") == 50 && *marked == json!({}), "{ours:#?}");
    let expected = [
        (NOTHING, before.clone()),
        (NOTHING, ours.clone()),
        (NOTHING, before.clone()),
        (serving(100), before.clone()),
        (NOTHING, before),
    ];
    ensure!(found == expected, "{found:#?}");
    Ok(())
}
