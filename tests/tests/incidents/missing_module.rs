//! The module's file is not there: an Envoy that has it in its own configuration does not start,
//! and says why; a configuration that is delivered while requests go on changes nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use serin_tests::configuration::Configuration;
use serin_tests::delivery::{Delivery, FailurePolicy};
use serin_tests::documents::{Rollout, document};
use serin_tests::envoy::Envoy;
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, STABLE, see};
use serin_tests::webapp::{Behaviour, WebApp};

use crate::until;

const HOST: &str = "shop.example.com";
const NAME: &str = "shop/checkout";
const USER: [(&str, &[u8]); 1] = [("x-user-id", b"u")];
/// More than Envoy takes to look at a file that has changed.
const WHILE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn envoy_does_not_start_and_names_the_file() -> Result<()> {
    let scratch = Scratch::new()?;
    let missing = scratch.path().join("missing.wasm");
    let module = serin_tests::artifacts::module()?;
    let configuration = Configuration::example("inline.yaml")?
        .replace(&module.to_string_lossy(), &missing.to_string_lossy())?;
    let started = Envoy::start("envoy", &configuration, &scratch).await;
    let error = started.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(error.contains("missing.wasm"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_delivered_filter_without_its_module_leaves_the_one_in_force() -> Result<()> {
    let scratch = Scratch::new()?;
    let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
    let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
    let delivery = Delivery::new(&scratch)?;
    let everybody = document(1, &[Rollout::new(NAME, HOST).weight("100%")]);
    delivery.write(&everybody)?;
    let configuration = Configuration::example("inline.yaml")?
        .delivered(&delivery.file())?
        .port(STABLE, stable.port())?
        .port(CANARY, canary.port())?;
    let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
    envoy.admin().applied(NAME, 1, APPLY_LIMIT).await?;

    let missing = scratch.path().join("missing.wasm");
    let nobody = document(2, &[Rollout::new(NAME, HOST).weight("0%")]);
    delivery.clone().with(&missing, FailurePolicy::Closed).write(&nobody)?;
    tokio::time::sleep(WHILE).await;
    let shown = see(envoy.port(), HOST, "/", &USER).await?;
    ensure!(shown.name == "canary", "{shown:?}");
    delivery.write(&nobody)?;
    until(async || Ok(see(envoy.port(), HOST, "/", &USER).await?.name == "stable")).await.map(drop)
}
