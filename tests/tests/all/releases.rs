//! The module on the Envoy releases of the last year: each takes every example configuration, and
//! decides, counts and follows a new weight with it.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serin_assignment::{Salt, Weight, assign};
use serin_tests::artifacts;
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::site::Site;
use serin_tests::source::Answer;
use tokio::time::{Duration, sleep, timeout};

const HOST: &str = "shop.example.com";
const NAME: &str = "demo/shop";
const MARK: &str = "x-serin-variant";
const USERS: u32 = 40;

#[tokio::test]
async fn each_release_takes_every_example() -> Result<()> {
    for (version, envoy) in artifacts::releases()? {
        for name in artifacts::examples()? {
            let example = Configuration::example(&name)?.on(&envoy);
            example.validate().await.with_context(|| format!("{name} on Envoy {version}"))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn each_release_decides_counts_and_follows_a_new_weight() -> Result<()> {
    let releases = artifacts::releases()?;
    ensure!(releases.len() == 3, "{releases:?}");
    for (version, envoy) in releases {
        run(&envoy).await.with_context(|| format!("on Envoy {version}"))?;
    }
    Ok(())
}

async fn run(envoy: &Path) -> Result<()> {
    let nothing = Answer::document(&document(1, &[]));
    let site = Site::start_changed(1, nothing, |example| Ok(example.on(envoy))).await?;
    for weight in ["50%", "100%", "25%"] {
        site.publish(revision_now(), &[rollout().weight(weight)]).await?;
        for number in 0..USERS {
            placed(&site, &format!("user-{number}"), weight.parse()?).await?;
        }
    }
    let forged = site.see(HOST, "/", &[(MARK, b"canary")]).await?;
    ensure!(forged.name == "stable" && forged.values(MARK) == ["stable"], "{forged:?}");
    let tester = site.see(HOST, "/", &[("x-opt", b"canary"), ("x-user-id", b"\xff")]).await?;
    ensure!(tester.name == "canary" && tester.values(MARK) == ["canary"], "{tester:?}");
    counted(&site).await
}

fn rollout() -> Rollout {
    Rollout::new(NAME, HOST)
        .with("testers", serde_json::json!([{"header": "x-opt"}]))
        .with("clusters", serde_json::json!({"stable": ["shop-stable"], "canary": ["shop-canary"]}))
}

async fn placed(site: &Site, user: &str, weight: Weight) -> Result<()> {
    let expected = assign(&Salt::new(NAME)?, user.as_bytes()).variant(weight).as_str();
    let shown = site.see(HOST, "/", &[("x-user-id", user.as_bytes())]).await?;
    ensure!(shown.name == expected && shown.values(MARK) == [expected], "{user}: {shown:?}");
    Ok(())
}

/// The counters arrive within a second of the last request, with their labels.
async fn counted(site: &Site) -> Result<()> {
    let requests = f64::from(3 * USERS);
    let admin = site.envoy()?.admin();
    let reason = |reason: &'static str| [("rollout", NAME), ("reason", reason)];
    let wait = async {
        loop {
            let hashed = admin.sum("serin_assignments", &reason("hash")).await?;
            let asked = admin.sum("serin_assignments", &reason("opt-in")).await?;
            let ok = [("rollout", NAME), ("class", "ok")];
            let responses = admin.sum("serin_responses", &ok).await?;
            let served = admin.sum("serin_served", &[("served", "canary")]).await?;
            let whole = responses == Some(requests) && served.is_some_and(|served| served > 1.0);
            if hashed == Some(requests) && asked == Some(1.0) && whole {
                return Ok::<_, anyhow::Error>(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    match timeout(Duration::from_secs(10), wait).await {
        Ok(result) => result,
        Err(_) => anyhow::bail!("counts are missing: {:?}", admin.stats("serin_").await?),
    }
}
