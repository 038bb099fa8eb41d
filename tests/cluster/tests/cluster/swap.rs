//! `onSuccess: keep`: the two Deployments swap their roles at the end of each rollout, on the real API
//! server, Deployment controller, istiod, Envoys and Prometheus.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_cluster::operator::Operator;
use serin_cluster::records::{failed, sides};
use serin_cluster::released::{KIND, ROLLOUT, Released, at};
use serin_cluster::shop::Door;
use serin_tests::load::{Load, Outcome, Record};

/// A release of short steps; its proxies get three seconds to take over the route, some thirty times
/// what they need here.
async fn start(name: &str) -> Result<Released> {
    let fields = json!({
        "onSuccess": "keep",
        "policy": {"routeLiveAfter": "3s"},
        "steps": [
            {"weight": "10%", "bake": "3s"},
            {"weight": "50%", "bake": "3s"},
            {"weight": "100%", "bake": "3s"},
        ],
    });
    Released::start_with(Cluster::shared().await?, name, &fields).await
}

/// Gives a Deployment an image, and waits until a rollout has begun.
async fn set_image(released: &Released, deployment: &str, image: &str) -> Result<()> {
    let namespace = &released.shop.namespace;
    let (of, to) = (format!("deployment/{deployment}"), format!("app={image}"));
    namespace.kubectl().run(&["set", "image", &of, &to]).await?;
    let begun = |object: &Value| at(object, "/status/phase") != "Succeeded";
    namespace.until(KIND, "shop", ROLLOUT, begun).await.map(drop)
}

/// Waits until a rollout has ended with this Deployment serving and the other one without pods.
async fn serves(released: &Released, serving: &str, other: &str) -> Result<Value> {
    let end = released.until_phase("Succeeded").await?;
    ensure!(at(&end, "/status/servingDeployment") == serving, "{end:#}");
    ensure!(at(&end, "/status/weight") == "0%", "{end:#}");
    let scaled = |deployment: &Value| at(deployment, "/spec/replicas") == 0;
    released.shop.namespace.until("deployment", other, ROLLOUT, scaled).await?;
    Ok(end)
}

/// The second destination's share in each of the three entries.
async fn shares(released: &Released) -> Result<[u64; 3]> {
    let service = released.shop.namespace.get("virtualservice", "web").await?;
    let share = |entry: usize| {
        at(&service, &format!("/spec/http/{entry}/route/1/weight")).as_u64().unwrap_or_default()
    };
    Ok([0, 1, 2].map(share))
}

/// What requests saw until a moment after what was waited for.
async fn seen(load: Load) -> Vec<Record> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    load.stop().await
}

/// That nobody failed, and that users came to this side once and stayed.
fn all_moved_once(records: &[Record], side: Variant) -> Result<()> {
    ensure!(failed(records).is_empty(), "{:?}", failed(records));
    for (user, sides) in sides(records) {
        let stayed = sides.len() == 1 || sides.last() == Some(&side);
        ensure!(sides.len() <= 2 && stayed, "user {user}: {sides:?}");
    }
    all_at_last(records, side)
}

/// How many of the last requests tell where everyone is in the end: some of each door's.
const LAST: usize = 20;

/// That this side has answered all of the last requests.
fn all_at_last(records: &[Record], side: Variant) -> Result<()> {
    let mut records: Vec<&Record> = records.iter().collect();
    records.sort_by_key(|record| record.sent_us);
    ensure!(records.len() > LAST, "{} requests", records.len());
    let elsewhere = records.iter().rev().take(LAST).find(|it| it.outcome != Outcome::Served(side));
    ensure!(elsewhere.is_none(), "{elsewhere:?}");
    Ok(())
}

#[tokio::test]
async fn the_deployments_take_turns_and_no_user_goes_back_or_fails() -> Result<()> {
    let released = start("turns").await?;
    let turns = [
        ("web-canary", "web-stable", "shop:1.1", Variant::Canary, [100; 3]),
        ("web-stable", "web-canary", "shop:1.2", Variant::Stable, [0; 3]),
        ("web-canary", "web-stable", "shop:1.3", Variant::Canary, [100; 3]),
    ];
    for (next, before, image, side, expected) in turns {
        let before_image = released.image(before).await?;
        let loads = released.shop.doors().map(Door::load);
        set_image(&released, next, image).await?;
        serves(&released, next, before).await?;
        for load in loads {
            let records = seen(load).await;
            ensure!(records.len() > 500, "{} requests", records.len());
            all_moved_once(&records, side)?;
        }
        ensure!(shares(&released).await? == expected, "{:?}", shares(&released).await?);
        ensure!(released.image(before).await? == before_image, "what gave way was changed");
    }
    Ok(())
}

#[tokio::test]
async fn a_bad_version_after_a_swap_goes_back_to_the_deployment_that_serves_since() -> Result<()> {
    let released = start("turned-bad").await?;
    let load = released.shop.gateway().load();
    set_image(&released, "web-canary", "shop:1.1").await?;
    serves(&released, "web-canary", "web-stable").await?;
    all_moved_once(&seen(load).await, Variant::Canary)?;
    let load = released.shop.gateway().load();
    set_image(&released, "web-stable", "shop:1.2-fails50").await?;
    let end = released.until_phase("RolledBack").await?;
    ensure!(at(&end, "/status").to_string().contains("Harm"), "{end:#}");
    ensure!(at(&end, "/status/servingDeployment") == "web-canary", "{end:#}");
    ensure!(shares(&released).await? == [100; 3], "{:?}", shares(&released).await?);
    let records = seen(load).await;
    ensure!(failed(&records).is_empty(), "{:?}", failed(&records));
    all_at_last(&records, Variant::Canary)?;
    // To the bad version and back, at most.
    let astray = sides(&records).into_values().find(|sides| sides.len() > 3);
    ensure!(astray.is_none(), "{astray:?}");
    Ok(())
}

#[tokio::test]
async fn a_controller_killed_while_roles_are_swapped_is_followed_by_one_that_goes_on() -> Result<()>
{
    let mut released = start("turned-over").await?;
    let namespace = &released.shop.namespace;
    let _other = Operator::start(Cluster::shared().await?, namespace, "serin-1").await?;
    let load = released.shop.gateway().load();
    set_image(&released, "web-canary", "shop:1.1").await?;
    let swapping = |object: &Value| at(object, "/status/phase") == "Promoting";
    namespace.until(KIND, "shop", ROLLOUT, swapping).await?;
    released.operator.process().kill()?;
    serves(&released, "web-canary", "web-stable").await?;
    all_moved_once(&seen(load).await, Variant::Canary)
}

#[tokio::test]
async fn a_person_skips_the_rest_of_a_step() -> Result<()> {
    let fields = json!({"steps": [
        {"weight": "10%", "bake": "10m"},
        {"weight": "100%", "bake": "1s"},
    ]});
    let released = Released::start_with(Cluster::shared().await?, "skipped", &fields).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    let baking = |object: &Value| at(object, "/status/reason") == "Baking";
    released.shop.namespace.until(KIND, "shop", ROLLOUT, baking).await?;
    let said = released.kubectl_serin(&["promote", "shop", "--skip-step"]).await?;
    ensure!(said.contains("a person took the step for over"), "{said}");
    let end = released.until_phase("Succeeded").await?;
    ensure!(at(&end, "/status/commands/0/command") == "skipStep", "{end:#}");
    let records = load.stop().await;
    ensure!(failed(&records).is_empty(), "{:?}", failed(&records));
    Ok(())
}
