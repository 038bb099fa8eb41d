//! A configuration that is none: what was in force goes on, and where nothing was, nobody is served.

use anyhow::{Result, ensure};
use serde_json::json;
use serin_tests::artifacts;
use serin_tests::configuration::Configuration;
use serin_tests::delivery::{Delivery, FailurePolicy};
use serin_tests::documents::{Rollout, document};
use serin_tests::envoy::Envoy;
use serin_tests::raw;
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, STABLE, see};
use serin_tests::webapp::{Behaviour, WebApp};

use crate::until;

const HOST: &str = "shop.example.com";
const NAME: &str = "shop/checkout";
const USER: [(&str, &[u8]); 1] = [("x-user-id", b"u")];

/// An Envoy on what is delivered first.
async fn start(scratch: &Scratch, delivery: &Delivery, apps: &[WebApp; 2]) -> Result<Envoy> {
    let [stable, canary] = apps;
    let configuration = Configuration::example("inline.yaml")?
        .delivered(&delivery.file())?
        .port(STABLE, stable.port())?
        .port(CANARY, canary.port())?;
    Envoy::start("envoy", &configuration, scratch).await
}

async fn apps() -> Result<[WebApp; 2]> {
    let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
    let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
    Ok([stable, canary])
}

#[tokio::test]
async fn a_first_configuration_that_is_no_json_answers_500_under_fail_open_too() -> Result<()> {
    let (scratch, apps) = (Scratch::new()?, apps().await?);
    let delivery = Delivery::new(&scratch)?.with(&artifacts::module()?, FailurePolicy::Open);
    delivery.write_text("rollouts: []")?;
    let envoy = start(&scratch, &delivery, &apps).await?;
    let answer = raw::get(envoy.port(), HOST, "/", &USER).await?;
    ensure!(answer.status == 500, "{}", answer.status);
    delivery.write(&document(1, &[Rollout::new(NAME, HOST).weight("100%")]))?;
    envoy.admin().applied(NAME, 1, APPLY_LIMIT).await?;
    ensure!(see(envoy.port(), HOST, "/", &USER).await?.name == "canary");
    Ok(())
}

#[tokio::test]
async fn a_later_configuration_that_is_none_leaves_the_one_in_force() -> Result<()> {
    let (scratch, apps) = (Scratch::new()?, apps().await?);
    let delivery = Delivery::new(&scratch)?;
    delivery.write(&document(1, &[Rollout::new(NAME, HOST).weight("100%")]))?;
    let envoy = start(&scratch, &delivery, &apps).await?;
    envoy.admin().applied(NAME, 1, APPLY_LIMIT).await?;

    // JSON, and no document: the module reports it and goes on by the last good one.
    delivery.write(&json!({"formatVersion": "2.0", "rollouts": []}))?;
    until(async || Ok(envoy.admin().sum("serin_config_refused", &[]).await?.is_some())).await?;
    ensure!(see(envoy.port(), HOST, "/", &USER).await?.name == "canary");
    // No JSON: Envoy itself keeps what it had.
    delivery.write_text("rollouts: []")?;
    let rejected = async || {
        let stats = envoy.admin().stats("update_rejected").await?;
        let ours = stats.iter().find(|sample| sample.name.ends_with("serin_update_rejected"));
        Ok(ours.is_some_and(|sample| sample.value > 0.0))
    };
    until(rejected).await?;
    ensure!(see(envoy.port(), HOST, "/", &USER).await?.name == "canary");
    Ok(())
}
