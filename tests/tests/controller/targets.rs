//! A release without any Prometheus: the controller reads the proxy's own page.

use anyhow::{Context as _, Result, ensure};
use serin_tests::artifacts;
use serin_tests::configuration::Configuration;
use serin_tests::controller::{Api, Controller, Options, Status, fill_template};
use serin_tests::envoy::Envoy;
use serin_tests::load::{Load, Profile};
use serin_tests::ports;
use serin_tests::scratch::Scratch;
use serin_tests::shop::RELEASE;
use serin_tests::site::{CANARY, SOURCE, STABLE};
use serin_tests::webapp::{Behaviour, WebApp};

use crate::LIMIT;

const USERS: u32 = 500;
const RATE: u32 = 100;
const CONNECTIONS: u32 = 8;

/// What README advises for a proxy whose whole page is large.
const PAGE: &str = "/stats/prometheus?filter=serin|upstream_rq|upstream_cx_none|membership";

/// Where the example has the canary's cluster, and the same with an eye on its endpoints.
const CLUSTER: &str = "  - name: shop-canary   # CHANGE: where the version on trial runs\n";
const CHECKED: &str = "  - name: shop-canary
    health_checks:
    - timeout: 1s
      interval: 0.25s
      no_traffic_interval: 0.25s
      unhealthy_threshold: 1
      healthy_threshold: 1
      http_health_check: {path: /}
";

#[tokio::test]
async fn a_release_goes_through_its_steps_and_back_without_prometheus() -> Result<()> {
    let scratch = Scratch::new()?;
    let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
    let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
    let port = ports::free()?;
    let configuration = Configuration::example("envoy.yaml")?
        .replace(CLUSTER, CHECKED)?
        .port(SOURCE, port)?
        .port(STABLE, stable.port())?
        .port(CANARY, canary.port())?;
    let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
    let page = format!("http://127.0.0.1:{}{PAGE}", envoy.admin().port());
    let template = artifacts::root()?.join("tests/shop/targets.yaml");
    let release = scratch.write("release.yaml", fill_template(&template, &[("page", &page)])?)?;
    let _load = Load::start(&Profile {
        port: envoy.port(),
        host: "shop.example.com".to_owned(),
        identity: "x-user-id".to_owned(),
        users: USERS,
        rate: RATE,
        connections: CONNECTIONS,
    });

    let options = Options { releases: vec![release], port, state: scratch.folder("state")? };
    let mut controller = Controller::start(&options, &scratch).await?;
    up(controller.api()).await?;
    // Its endpoint fails its checks from now on: Envoy counts none that is healthy.
    canary.behave(Behaviour { error_rate: 1.0, ..Behaviour::healthy("v2") });
    down(controller.api()).await?;
    let log = controller.process().log();
    ensure!(!log.contains("no metrics"), "{log}");
    Ok(())
}

async fn up(api: Api) -> Result<()> {
    let status = api.until(RELEASE, LIMIT, |s| s.weight == "60%").await.context("60 %")?;
    ensure!(status.canary_serves, "{status:?}");
    let near = |share: f64| (0.4..0.8).contains(&share);
    let shared = |s: &Status| s.observed_share.is_some_and(near);
    let status = api.until(RELEASE, LIMIT, shared).await.context("the share of the requests")?;
    ensure!(status.weight == "60%" && status.alerts.is_empty(), "{status:?}");
    let live = |s: &Status| s.weight == "100%" && s.step_clock.is_some();
    api.until(RELEASE, LIMIT, live).await.context("100 %")?;
    Ok(())
}

async fn down(api: Api) -> Result<()> {
    // That no request reaches the canary any more is seen on the page as well.
    let status = api.until(RELEASE, LIMIT, |s| s.is("RolledBack")).await?;
    ensure!(status.weight == "0%" && !status.canary_serves, "{status:?}");
    let reasons: Vec<&str> = status.decisions.iter().map(|d| d.reason.as_str()).collect();
    ensure!(reasons.contains(&"CanaryNotReady"), "{reasons:?}");
    Ok(())
}
