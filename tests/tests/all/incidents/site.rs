//! A proxy whose filter is delivered, before two applications.

use anyhow::Result;
use serde_json::json;
use serin_tests::configuration::Configuration;
use serin_tests::delivery::Delivery;
use serin_tests::documents::{Rollout, document};
use serin_tests::envoy::Envoy;
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, STABLE, see};
use serin_tests::webapp::{Behaviour, WebApp};

/// The rollout's host.
pub(crate) const HOST: &str = "shop.example.com";
const NAME: &str = "shop/checkout";
/// Where testers show tokens.
pub(crate) const TRY: &str = "x-try";

/// What runs.
pub(crate) struct Site {
    pub(crate) envoy: Envoy,
    pub(crate) delivery: Delivery,
    _apps: [WebApp; 2],
    pub(crate) scratch: Scratch,
}

impl Site {
    /// Starts a proxy with what `first` delivers.
    pub(crate) async fn start(
        scratch: Scratch,
        delivery: Delivery,
        first: impl FnOnce(&Delivery) -> Result<()>,
    ) -> Result<Self> {
        Self::start_changed(scratch, delivery, first, |example| example).await
    }

    async fn start_changed(
        scratch: Scratch,
        delivery: Delivery,
        first: impl FnOnce(&Delivery) -> Result<()>,
        change: impl FnOnce(Configuration) -> Configuration,
    ) -> Result<Self> {
        let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
        let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
        first(&delivery)?;
        let configuration = Configuration::example("inline.yaml")?
            .delivered(&delivery.file())?
            .port(STABLE, stable.port())?
            .port(CANARY, canary.port())?;
        let envoy = Envoy::start("envoy", &change(configuration), &scratch).await?;
        Ok(Self { envoy, delivery, _apps: [stable, canary], scratch })
    }

    /// The same with everybody on the canary.
    pub(crate) async fn with_canary(scratch: Scratch, delivery: Delivery) -> Result<Self> {
        Self::with_canary_changed(scratch, delivery, |example| example).await
    }

    /// The same with a changed example.
    pub(crate) async fn with_canary_changed(
        scratch: Scratch,
        delivery: Delivery,
        change: impl FnOnce(Configuration) -> Configuration,
    ) -> Result<Self> {
        let all = |first: &Delivery| deliver(first, 1, "100%");
        let site = Self::start_changed(scratch, delivery, all, change).await?;
        site.applied(1).await?;
        Ok(site)
    }

    /// Waits until every worker has this revision.
    pub(crate) async fn applied(&self, revision: u64) -> Result<()> {
        self.envoy.admin().applied(NAME, revision, APPLY_LIMIT).await
    }

    /// Who serves a user.
    pub(crate) async fn served_by(&self) -> Result<String> {
        Ok(see(self.envoy.port(), HOST, "/", &[("x-user-id", b"u")]).await?.name)
    }
}

/// Delivers a weight, and where testers show tokens.
pub(crate) fn deliver(delivery: &Delivery, revision: u64, weight: &str) -> Result<()> {
    let testers = json!([{"header": TRY, "signed": {"audience": "shop"}}]);
    let rollout = Rollout::new(NAME, HOST).weight(weight).with("testers", testers);
    delivery.write(&document(revision, &[rollout]))
}
