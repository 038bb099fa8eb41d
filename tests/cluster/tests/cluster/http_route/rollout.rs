//! Whole rollouts.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use serin_assignment::Variant;
use serin_cluster::objects::Parent;
use serin_cluster::records::{by, none_failed, sides};
use serin_cluster::released::at;
use serin_tests::load::{Outcome, Record};

use super::stage::Stage;

/// To the canary once, and with everybody back to stable once that runs the new version.
fn each_user_moved_once(records: &[Record]) -> Result<()> {
    let moved: Vec<_> = sides(records).into_iter().filter(|(_, sides)| sides.len() > 3).collect();
    ensure!(moved.is_empty(), "{moved:?}");
    ensure!(by(records, Variant::Canary) > 100, "{} by the canary", by(records, Variant::Canary));
    Ok(())
}

#[tokio::test]
async fn a_good_version_goes_to_the_end_by_an_http_route_and_users_stay_on_their_side() -> Result<()>
{
    let stage = Stage::start("http-route-good").await?;
    let load = stage.door().load();
    stage.set_image("shop:1.1").await?;
    stage.until_phase("Succeeded").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let records = load.stop().await;
    none_failed(&records)?;
    each_user_moved_once(&records)?;
    ensure!(stage.weights().await? == [0, 0, 0], "{:?}", stage.weights().await?);
    Ok(())
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_in_all_rules_of_an_http_route() -> Result<()> {
    let stage = Stage::start("http-route-bad").await?;
    let load = stage.door().load();
    stage.set_image("shop:1.2-fails50").await?;
    let end = stage.until_phase("RolledBack").await?;
    // But for what the version itself was told to fail.
    none_failed(&load.stop().await)?;
    ensure!(at(&end, "/status").to_string().contains("Harm"), "{end:#}");
    ensure!(stage.weights().await? == [0, 0, 0], "{:?}", stage.weights().await?);
    drop(stage.operator);
    Ok(())
}

/// The parent is a Service: the mesh's callers ask for it, and their own sidecars follow the route.
#[tokio::test]
async fn a_route_of_a_service_takes_a_good_version_to_the_end_in_a_sidecar_and_a_bad_one_back()
-> Result<()> {
    let step = |weight: &str| json!({"weight": weight, "bake": "2s"});
    let fields = json!({
        "steps": [step("50%"), step("100%")],
        "assignment": {
            "plugin": {"name": "serin-mesh"},
            "identity": [{"header": "x-user-id"}],
            "anonymous": "route",
        },
    });
    let stage = Stage::start_with("http-route-mesh", Parent::Service, fields).await?;
    let load = stage.door().load();
    stage.set_image("shop:1.1").await?;
    stage.until_phase("Succeeded").await?;
    each_user_moved_once(&load.records())?;
    ensure!(stage.weights().await? == [0, 0, 0], "{:?}", stage.weights().await?);
    stage.set_image("shop:1.2-fails50").await?;
    let end = stage.until_phase("RolledBack").await?;
    ensure!(at(&end, "/status").to_string().contains("Harm"), "{end:#}");
    ensure!(stage.weights().await? == [0, 0, 0], "{:?}", stage.weights().await?);
    let records = load.stop().await;
    none_failed(&records)?;
    let injected = Outcome::Injected(Variant::Canary);
    ensure!(records.iter().any(|record| record.outcome == injected), "nobody saw it fail");
    Ok(())
}
