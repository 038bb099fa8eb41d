//! The modules on the Envoy releases of the last year: each does with every example configuration what
//! the present one does.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serin_assignment::{Salt, Weight, assign};
use serin_tests::artifacts;
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::site::Site;
use serin_tests::source::Answer;
use tokio::time::{Duration, sleep, timeout};

use crate::incidents::crash;
use crate::{chain, identity, logs, requests, tripwire};

const HOST: &str = "shop.example.com";
const NAME: &str = "demo/shop";
const MARK: &str = "x-serin-variant";
const USERS: u32 = 40;

/// One after the other: they share the machine with other tests, which wait for moments too.
async fn on_each(check: impl AsyncFn(&Path) -> Result<()>) -> Result<()> {
    let releases = artifacts::releases()?;
    ensure!(releases.len() == 3, "{releases:?}");
    for (version, envoy) in releases {
        check(&envoy).await.with_context(|| format!("on Envoy {version}"))?;
    }
    Ok(())
}

/// So that a new example is not forgotten here, and for the one that others only begin with.
#[tokio::test]
async fn each_release_takes_the_plainest_example() -> Result<()> {
    let names = artifacts::examples()?;
    let run =
        ["envoy.yaml", "identity.yaml", "inline.yaml", "inner.yaml", "logs.yaml", "tripwire.yaml"];
    ensure!(names == run, "{names:?}");
    on_each(async |envoy| Configuration::example("inline.yaml")?.on(envoy).validate().await).await
}

/// `envoy.yaml`.
#[tokio::test]
async fn each_release_decides_counts_and_follows_a_new_weight() -> Result<()> {
    on_each(follows).await
}

/// `envoy.yaml` with all kinds of rules.
#[tokio::test]
async fn each_release_decides_by_the_stated_rules() -> Result<()> {
    on_each(async |envoy| requests::decided_by_the_stated_rules(|it| it.on(envoy)).await).await
}

/// `envoy.yaml` with keys: the time of day, cookies on responses, and headers and paths that are cut.
#[tokio::test]
async fn each_release_opens_tokens() -> Result<()> {
    on_each(async |envoy| requests::tokens::let_testers_in(|it| it.on(envoy)).await).await
}

/// `identity.yaml`: verified claims, addresses, and random bytes for new ids.
#[tokio::test]
async fn each_release_tells_who_a_request_is_from() -> Result<()> {
    on_each(async |envoy| identity::read_as_the_example_says(|it| it.on(envoy)).await).await
}

/// `inner.yaml` behind `envoy.yaml`.
#[tokio::test]
async fn each_release_keeps_a_mark() -> Result<()> {
    on_each(async |envoy| chain::follows_the_outer_one(|it| it.on(envoy)).await).await
}

/// `logs.yaml`: filter state.
#[tokio::test]
async fn each_release_tells_logs_and_traces() -> Result<()> {
    on_each(async |envoy| logs::decisions_are_told(|it| it.on(envoy)).await).await
}

/// `tripwire.yaml`: the other module, whose workers share what they count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_release_trips() -> Result<()> {
    on_each(async |envoy| tripwire::sends_everyone_back(|it| it.on(envoy)).await).await
}

/// `inline.yaml`, by the policy that all examples have for crashes.
#[tokio::test]
async fn each_release_recovers_from_a_crash() -> Result<()> {
    on_each(async |envoy| crash::recovers_by_itself(|it| it.on(envoy)).await).await
}

async fn follows(envoy: &Path) -> Result<()> {
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
