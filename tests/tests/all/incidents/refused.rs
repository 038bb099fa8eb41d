//! A configuration that is none: what was in force goes on, and where nothing was, nobody is served.

use anyhow::{Result, ensure};
use serde_json::json;
use serin_tests::artifacts;
use serin_tests::delivery::{Delivery, FailurePolicy};
use serin_tests::raw;
use serin_tests::scratch::Scratch;

use super::site::{HOST, Site, deliver};
use super::until;

const NO_JSON: &str = "rollouts: []";

#[tokio::test]
async fn a_first_configuration_that_is_no_json_answers_500_under_fail_open_too() -> Result<()> {
    let scratch = Scratch::new()?;
    let delivery = Delivery::new(&scratch)?.with(&artifacts::module()?, FailurePolicy::Open);
    let site = Site::start(scratch, delivery, |first| first.write_text(NO_JSON)).await?;
    let answer = raw::get(site.envoy.port(), HOST, "/", &[("x-user-id", b"u")]).await?;
    ensure!(answer.status == 500, "{}", answer.status);
    deliver(&site.delivery, 1, "100%")?;
    site.applied(1).await?;
    ensure!(site.served_by().await? == "canary");
    Ok(())
}

#[tokio::test]
async fn a_later_configuration_that_is_none_leaves_the_one_in_force() -> Result<()> {
    let scratch = Scratch::new()?;
    let delivery = Delivery::new(&scratch)?;
    let site = Site::with_canary(scratch, delivery).await?;
    let admin = site.envoy.admin();

    // JSON, and no document: the module reports it and goes on by the last good one.
    site.delivery.write(&json!({"formatVersion": "2.0", "rollouts": []}))?;
    until(async || Ok(admin.sum("serin_config_refused", &[]).await?.is_some())).await?;
    ensure!(site.served_by().await? == "canary");
    // No JSON: Envoy itself keeps what it had.
    site.delivery.write_text(NO_JSON)?;
    let rejected = async || {
        let stats = admin.stats("update_rejected").await?;
        let ours = stats.iter().find(|sample| sample.name.ends_with("serin_update_rejected"));
        Ok(ours.is_some_and(|sample| sample.value > 0.0))
    };
    until(rejected).await?;
    ensure!(site.served_by().await? == "canary");
    Ok(())
}
