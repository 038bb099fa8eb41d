//! Keys of testers' tokens change: the new one beside the old one first, then alone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::configuration::Configuration;
use serin_tests::delivery::Delivery;
use serin_tests::documents::{Rollout, document};
use serin_tests::envoy::Envoy;
use serin_tests::patience::until;
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, STABLE, see};
use serin_tests::webapp::{Behaviour, Shown, WebApp};

use super::marked;
use super::tokens::Keys;

const HOST: &str = "shop.example.com";
const NAME: &str = "shop/checkout";
/// Counts go to Envoy once a second; a busy machine makes it longer, never this long.
const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_key_goes_without_a_tester_who_has_the_new_one_noticing() -> Result<()> {
    let old = Keys::make()?;
    let both = old.after_a_new_one()?;
    let token = |keys: &Keys| keys.token(NAME, "canary", "shop", "1h");
    let (by_old, by_new) = (token(&old)?, token(&both)?);
    ensure!(by_old.contains("~k1~") && by_new.contains("~k2~"), "{by_old} {by_new}");
    let mut keys: Value = serde_json::from_str(&both.text)?;
    let scratch = Scratch::new()?;
    let delivery = Delivery::new(&scratch)?;
    delivery.write(&configuration(1, &keys))?;
    let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
    let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
    let example = Configuration::example("inline.yaml")?
        .delivered(&delivery.file())?
        .port(STABLE, stable.port())?
        .port(CANARY, canary.port())?;
    let envoy = Envoy::start("envoy", &example, &scratch).await?;
    let shown = async |token: &str| {
        let shown = see(envoy.port(), HOST, "/", &[("x-try", token.as_bytes())]).await?;
        ensure!(shown.values("x-try").is_empty(), "a token went upstream: {shown:?}");
        Ok::<Shown, anyhow::Error>(shown)
    };

    envoy.admin().applied(NAME, 1, APPLY_LIMIT).await?;
    marked(&shown(&by_old).await?, "canary").context("by the old key beside the new one")?;
    marked(&shown(&by_new).await?, "canary").context("by the new key beside the old one")?;

    let removed = keys.as_array_mut().and_then(Vec::pop).context("no keys")?;
    ensure!(removed["id"] == "k1", "the new key stands in front");
    delivery.write(&configuration(2, &keys))?;
    envoy.admin().applied(NAME, 2, APPLY_LIMIT).await?;
    marked(&shown(&by_old).await?, "stable").context("by a key that is gone")?;
    marked(&shown(&by_new).await?, "canary").context("by the new key alone")?;
    let refused = async || {
        let labels = [("rollout", NAME), ("reason", "unknown-key")];
        Ok(envoy.admin().sum("serin_tokens_refused", &labels).await? == Some(1.0))
    };
    until(LIMIT, refused).await.context("the refused one is not counted").map(drop)
}

fn configuration(revision: u64, keys: &Value) -> Value {
    let testers = json!([{"header": "x-try", "signed": {"audience": "shop"}}]);
    let rollout = Rollout::new(NAME, HOST).with("testers", testers);
    let mut configuration = document(revision, &[rollout]);
    if let Some(fields) = configuration.as_object_mut() {
        fields.insert("testerKeys".to_owned(), keys.clone());
    }
    configuration
}
