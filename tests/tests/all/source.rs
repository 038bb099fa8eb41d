//! A source that is late, lies, talks garbage, dies, comes back and loses its state: the proxy goes
//! on with the last good document, and takes the next good one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::patience::until;
use serin_tests::site::Site;
use serin_tests::source::Answer;

const SHOP: &str = "shop.example.com";
const OTHER: &str = "other.example.com";
const USER: [(&str, &[u8]); 1] = [("x-user-id", b"u")];
const FORGED: [(&str, &[u8]); 2] = [("x-user-id", b"u"), ("x-serin-variant", b"canary")];
/// Several of the filter's intervals (one second, up to 20 % more) and of its pauses after a failure.
const LIMIT: Duration = Duration::from_secs(15);
/// From a change at the source to every worker. Measured: a fraction of a second.
const PROMPT: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_source_that_is_silent_for_too_long_means_what_is_configured() -> Result<()> {
    let (mut unmarked, _keeping) =
        tokio::try_join!(stale("unmarked", "stable"), stale("keep", "canary"))?;
    let revision = revision_now();
    unmarked.source.revive(Answer::document(&document(revision, &[shop("100%")]))).await?;
    unmarked.envoy()?.admin().applied("shop/checkout", revision, LIMIT).await?;
    served_by(&unmarked, SHOP, "canary").await.context("a source that is back")
}

/// A proxy whose source has died after a document with everybody on the canary, and who serves when
/// that has become stale, a second later.
async fn stale(when_stale: &str, server: &str) -> Result<Site> {
    let source = format!(
        r#""source": {{"cluster": "serin", "wait": "0s", "minInterval": "100ms", "staleAfter": "1s", "whenStale": "{when_stale}"}}"#
    );
    let change =
        |example: Configuration| example.replace(r#""source": {"cluster": "serin"}"#, &source);
    let mut site = Site::start_changed(1, Answer::document(&document(1, &[])), change).await?;
    site.publish(revision_now(), &[shop("100%")]).await?;
    served_by(&site, SHOP, "canary").await?;

    site.source.die().await;
    let admin = site.envoy()?.admin();
    let is_stale = async || Ok(admin.sum("serin_source_state", &[]).await? == Some(2.0));
    until(LIMIT, is_stale).await.context("it is not stale")?;
    // One worker may say so before the other one.
    let follows = async || Ok(served_by(&site, SHOP, server).await.is_ok());
    until(LIMIT, follows).await.with_context(|| format!("{when_stale}: not {server}"))?;
    let shown = site.see(SHOP, "/", &FORGED).await?;
    let marks = shown.values("x-serin-variant");
    ensure!(marks.is_empty() == (server == "stable"), "{when_stale}: {marks:?}");
    Ok(site)
}

#[tokio::test]
async fn the_proxy_outlives_its_source() -> Result<()> {
    let mut site = Site::start(1, Answer::Hang).await?;
    before_the_first_answer(&site).await.context("before the first answer")?;
    let first = revision_now();
    site.publish(first, &[shop("100%")]).await?;
    served_by(&site, SHOP, "canary").await.context("the first document")?;

    lies(&site).await.context("answers that are none")?;
    older(&site, first).await.context("an older document")?;
    one_bad_rollout(&site).await.context("one bad rollout")?;
    dies_and_comes_back(&mut site).await.context("a source that dies")?;
    loses_its_state(&mut site).await.context("a source that loses its state")?;
    prompt(&site).await.context("from a change to every worker")
}

fn shop(weight: &str) -> Rollout {
    Rollout::new("shop/checkout", SHOP).weight(weight)
}

/// Nothing is marked, and forged marks are removed all the same. Where testers' tokens stand, nobody
/// knows yet.
async fn before_the_first_answer(site: &Site) -> Result<()> {
    let token = "serin1~k1~shop/checkout~canary~1796050483~shop~SgPlBaGekyNeMiyh6DNNxBlOwRZ9pj";
    let tester = [FORGED[0], FORGED[1], ("x-try", token.as_bytes())];
    let shown = site.see(SHOP, "/", &tester).await?;
    ensure!(shown.name == "stable" && shown.values("x-serin-variant").is_empty(), "{shown:?}");
    ensure!(shown.values("x-try") == [token], "{shown:?}");
    Ok(())
}

/// Everybody goes where the last good document says, whatever the source answers.
async fn lies(site: &Site) -> Result<()> {
    let newer = revision_now();
    let cases = [
        ("unreadable", Answer::always(200, "<html>not found</html>")),
        ("unreadable", Answer::always(200, "")),
        ("unreadable", Answer::always(200, "{\"formatVersion\": \"1.0\", \"revision\": 17")),
        (
            "refused",
            Answer::document(&json!({"formatVersion": "2.0", "revision": newer, "rollouts": []})),
        ),
        ("refused", Answer::document(&json!({"revision": newer, "rollouts": []}))),
        ("refused", Answer::document(&json!([1, 2, 3]))),
        ("failed", Answer::always(500, "oops")),
        ("failed", Answer::always(503, "state not read yet")),
        ("failed", Answer::always(404, "{}")),
    ];
    for (result, answer) in cases {
        counted(site, result, answer.clone()).await.with_context(|| format!("{answer:?}"))?;
        served_by(site, SHOP, "canary").await.with_context(|| format!("{answer:?}"))?;
    }
    Ok(())
}

async fn older(site: &Site, first: u64) -> Result<()> {
    counted(site, "older", Answer::document(&document(first - 1, &[shop("0%")]))).await?;
    served_by(site, SHOP, "canary").await
}

/// A rollout that breaks a rule is left out, and told; the other one works.
async fn one_bad_rollout(site: &Site) -> Result<()> {
    let bad = Rollout::new("shop/bad", OTHER).with("weight", json!("120%"));
    let revision = revision_now();
    site.source.publish(&document(revision, &[bad, shop("0%")]));
    let admin = site.envoy()?.admin();
    admin.applied("shop/checkout", revision, LIMIT).await?;
    served_by(site, SHOP, "stable").await?;
    let shown = site.see(OTHER, "/", &FORGED).await?;
    ensure!(shown.values("x-serin-variant").is_empty(), "{shown:?}");
    until(LIMIT, async || {
        Ok(admin.sum("serin_left_out", &[]).await?.is_some_and(|count| count >= 1.0))
    })
    .await
    .map(drop)
    .context("serin_left_out")
}

/// Nothing changes while it is away; what it says when it is back is taken.
async fn dies_and_comes_back(site: &mut Site) -> Result<()> {
    site.publish(revision_now(), &[shop("100%")]).await?;
    site.source.die().await;
    let failed = answers(site, "failed").await?;
    until(LIMIT, async || Ok(answers(site, "failed").await? > failed))
        .await
        .context("no failure counted")?;
    served_by(site, SHOP, "canary").await?;

    let revision = revision_now();
    let back = Answer::document(&document(revision, &[shop("0%")]));
    site.source.revive(back).await?;
    site.envoy()?.admin().applied("shop/checkout", revision, LIMIT).await?;
    served_by(site, SHOP, "stable").await
}

/// A new source knows no `ETag` and no earlier revision; the clock's makes its document newer. One
/// whose clock is behind changes nothing.
async fn loses_its_state(site: &mut Site) -> Result<()> {
    site.source.die().await;
    let revision = revision_now();
    let anew = Answer::document(&document(revision, &[shop("100%")]));
    site.source.revive(anew).await?;
    site.envoy()?.admin().applied("shop/checkout", revision, LIMIT).await?;
    served_by(site, SHOP, "canary").await?;

    counted(site, "older", Answer::document(&document(revision - 60_000, &[shop("0%")]))).await?;
    served_by(site, SHOP, "canary").await
}

/// A change reaches the last worker within the promised time.
async fn prompt(site: &Site) -> Result<()> {
    for weight in ["0%", "100%", "0%"] {
        // The filter's least interval between two questions has passed.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let start = Instant::now();
        site.publish(revision_now(), &[shop(weight)]).await?;
        let took = start.elapsed();
        ensure!(took < PROMPT, "{weight} took {took:?}");
    }
    Ok(())
}

/// Sends a few requests over connections of their own, so that both workers get some.
async fn served_by(site: &Site, host: &str, expected: &str) -> Result<()> {
    for _ in 0..10 {
        let shown = site.see(host, "/", &USER).await?;
        ensure!(shown.name == expected, "served by {}, not {expected}", shown.name);
    }
    Ok(())
}

/// Lets the source answer so until the filter has counted such a result.
async fn counted(site: &Site, result: &str, answer: Answer) -> Result<()> {
    let before = answers(site, result).await?;
    site.source.answer(answer);
    until(LIMIT, async || Ok(answers(site, result).await? > before))
        .await
        .map(drop)
        .with_context(|| format!("no answer counted as {result}"))
}

async fn answers(site: &Site, result: &str) -> Result<f64> {
    let labels = [("result", result)];
    Ok(site.envoy()?.admin().sum("serin_source_answers", &labels).await?.unwrap_or_default())
}
