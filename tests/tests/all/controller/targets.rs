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

use super::LIMIT;

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
      unhealthy_threshold: 3
      healthy_threshold: 1
      http_health_check: {path: /}
";

#[tokio::test]
async fn a_release_goes_through_its_steps_and_back_without_prometheus() -> Result<()> {
    let steps = "[{weight: 20%, bake: 1s, minRequests: 20}, {weight: 60%, bake: 5s}, \
                 {weight: 100%, bake: 1h}]";
    let mut site = Site::start(&[("steps", steps), ("gates", "[]")]).await?;
    let api = site.controller.api();
    let status = api.until(RELEASE, LIMIT, |s| s.weight == "60%").await.context("60 %")?;
    ensure!(status.canary_serves, "{status:?}");
    let near = |share: f64| (0.4..0.8).contains(&share);
    let shared = |s: &Status| s.observed_share.is_some_and(near);
    let status = api.until(RELEASE, LIMIT, shared).await.context("the share of the requests")?;
    ensure!(status.weight == "60%" && status.alerts.is_empty(), "{status:?}");
    let live = |s: &Status| s.weight == "100%" && s.step_clock.is_some();
    api.until(RELEASE, LIMIT, live).await.context("100 %")?;

    // Its endpoint fails its checks from now on: Envoy counts none that is healthy.
    site.fail_canary(1.0);
    rolled_back(api, "CanaryNotReady").await?;
    site.read_all_along()
}

#[tokio::test]
async fn evidence_from_pages_sends_a_canary_back() -> Result<()> {
    harm_is_seen("[{name: errors, kind: errorRate}]").await
}

#[tokio::test]
async fn counts_of_envoys_own_clusters_send_a_canary_back() -> Result<()> {
    harm_is_seen(
        "[{name: errors, kind: errorRate, counts: {preset: envoy}}, \
         {name: latency, kind: latency, bounds: [250ms], counts: {preset: envoy}}]",
    )
    .await
}

/// No gate looks at the canary: nothing but the trip keeps the weight from rising.
#[tokio::test]
async fn the_controller_holds_while_a_proxy_has_tripped() -> Result<()> {
    let steps = "[{weight: 25%, bake: 30s}, {weight: 100%, bake: 1h}]\n  tripwire: {lasts: 15s}";
    let values = [("steps", steps), ("gates", "[]")];
    let site = Site::start_changed(&values, Configuration::with_tripwires).await?;
    let api = site.controller.api();
    let live = |s: &Status| s.weight == "25%" && s.step_clock.is_some();
    api.until(RELEASE, LIMIT, live).await.context("25 %")?;
    // Its endpoint fails some of its checks, too few in a row for that to count.
    site.fail_canary(0.4);
    let held = |s: &Status| s.reason.as_deref() == Some("Tripped") && !s.alerts.is_empty();
    let status = api.until(RELEASE, LIMIT, held).await.context("a trip")?;
    ensure!(status.message.contains("1 of 1 proxies have tripped"), "{}", status.message);
    ensure!(status.weight == "25%", "{status:?}");
    site.fail_canary(0.0);
    let over = |s: &Status| s.reason.as_deref() != Some("Tripped") && s.alerts.is_empty();
    let status = api.until(RELEASE, LIMIT, over).await.context("its end")?;
    // The step begins anew.
    ensure!(status.weight == "25%" && status.reason.as_deref() == Some("Baking"), "{status:?}");
    api.until(RELEASE, LIMIT, |s| s.weight == "100%").await.context("the rise")?;
    Ok(())
}

/// A canary that is fine passes every gate, by requests of both sides; failing, it goes back.
async fn harm_is_seen(gates: &str) -> Result<()> {
    let steps = "[{weight: 20%, bake: 1h}, {weight: 100%, bake: 1h}]";
    let mut site = Site::start(&[("steps", steps), ("gates", gates)]).await?;
    let api = site.controller.api();
    let passes = |s: &Status| {
        let counted =
            |detail: &str| detail.contains("canary 0 % of") && detail.contains("stable 0 %");
        s.gates.iter().all(|gate| gate.verdict == "pass" && counted(&gate.detail))
    };
    api.until(RELEASE, LIMIT, |s| s.step_clock.is_some() && passes(s)).await.context("a pass")?;
    // Too few of its checks in a row fail for that to be the reason.
    site.fail_canary(0.3);
    rolled_back(api, "Harm").await?;
    site.read_all_along()
}

/// What runs. The processes end with it.
struct Site {
    controller: Controller,
    canary: WebApp,
    _stable: WebApp,
    _envoy: Envoy,
    _load: Load,
    _scratch: Scratch,
}

impl Site {
    async fn start(values: &[(&str, &str)]) -> Result<Self> {
        Self::start_changed(values, Ok).await
    }

    async fn start_changed(
        values: &[(&str, &str)],
        change: impl FnOnce(Configuration) -> Result<Configuration>,
    ) -> Result<Self> {
        let scratch = Scratch::new()?;
        let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
        let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
        let port = ports::free()?;
        let configuration = Configuration::example("envoy.yaml")?
            .replace(CLUSTER, CHECKED)?
            .port(SOURCE, port)?
            .port(STABLE, stable.port())?
            .port(CANARY, canary.port())?;
        let configuration = change(configuration)?;
        let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
        let page = format!("http://127.0.0.1:{}{PAGE}", envoy.admin().port());
        let template = artifacts::root()?.join("tests/shop/targets.yaml");
        let values: Vec<_> = values.iter().copied().chain([("page", page.as_str())]).collect();
        let release = scratch.write("release.yaml", fill_template(&template, &values)?)?;
        let load = Load::start(&Profile {
            port: envoy.port(),
            host: "shop.example.com".to_owned(),
            identity: "x-user-id".to_owned(),
            users: USERS,
            rate: RATE,
            connections: CONNECTIONS,
            first_user: 0,
            broken: false,
        });
        let options = Options {
            releases: vec![release],
            port,
            state: scratch.folder("state")?,
            receivers: None,
        };
        let controller = Controller::start(&options, &scratch).await?;
        Ok(Self {
            controller,
            canary,
            _stable: stable,
            _envoy: envoy,
            _load: load,
            _scratch: scratch,
        })
    }

    fn fail_canary(&self, error_rate: f64) {
        self.canary.behave(Behaviour { error_rate, ..Behaviour::healthy("v2") });
    }

    fn read_all_along(&mut self) -> Result<()> {
        let log = self.controller.process().log();
        ensure!(!log.contains("no metrics"), "{log}");
        Ok(())
    }
}

/// That no request reaches the canary any more is seen on the page as well.
async fn rolled_back(api: Api, reason: &str) -> Result<()> {
    let status = api.until(RELEASE, LIMIT, |s| s.is("RolledBack")).await?;
    ensure!(status.weight == "0%" && !status.canary_serves, "{status:?}");
    ensure!(status.decisions.iter().any(|d| d.reason == reason), "{:?}", status.decisions);
    Ok(())
}
