//! The module's file is not there: an Envoy that has it in its own configuration does not start,
//! and says why; a configuration that is delivered while requests go on changes nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use serin_tests::artifacts;
use serin_tests::configuration::Configuration;
use serin_tests::delivery::{Delivery, FailurePolicy};
use serin_tests::envoy::Envoy;
use serin_tests::scratch::Scratch;

use super::site::{Site, deliver};
use super::until;

/// More than Envoy takes to look at a file that has changed.
const WHILE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn envoy_does_not_start_and_names_the_file() -> Result<()> {
    let scratch = Scratch::new()?;
    let missing = scratch.path().join("missing.wasm");
    let configuration = Configuration::example("inline.yaml")?
        .replace(&artifacts::module()?.to_string_lossy(), &missing.to_string_lossy())?;
    let started = Envoy::start("envoy", &configuration, &scratch).await;
    let error = started.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(error.contains("missing.wasm"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_delivered_filter_without_its_module_leaves_the_one_in_force() -> Result<()> {
    let scratch = Scratch::new()?;
    let delivery = Delivery::new(&scratch)?;
    let site = Site::with_canary(scratch, delivery).await?;
    let missing = site.scratch.path().join("missing.wasm");
    deliver(&site.delivery.clone().with(&missing, FailurePolicy::Closed), 2, "0%")?;
    tokio::time::sleep(WHILE).await;
    ensure!(site.served_by().await? == "canary");
    deliver(&site.delivery, 2, "0%")?;
    until(async || Ok(site.served_by().await? == "stable")).await.map(drop)
}
