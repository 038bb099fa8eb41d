//! The tripwire on the real Envoy with two workers: it trips, keeps everyone on stable and says so,
//! and ends as stated.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_tests::clock::now_us;
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::envoy::Envoy;
use serin_tests::load::{Load, Outcome, Profile, Record};
use serin_tests::scratch::Scratch;
use serin_tests::site::{CANARY, STABLE, Site};
use serin_tests::source::Answer;
use serin_tests::webapp::{Behaviour, WebApp};

const HOST: &str = "shop.example.com";
const NAME: &str = "shop";
/// A trip takes a second; a busy machine makes it longer, never this long.
const LIMIT: Duration = Duration::from_secs(30);
/// All workers know of a change by then: two ticks, on a busy machine.
const ALL_KNOW: Duration = Duration::from_secs(2);

fn wired(weight: &str, salt: &str, lasts: &str) -> Rollout {
    Rollout::new(NAME, HOST)
        .weight(weight)
        .with("salt", json!(salt))
        .with("testers", json!([{"header": "x-tester"}]))
        .with("tripwire", json!({"lasts": lasts}))
}

/// 200 requests a second.
fn load(port: u16) -> Load {
    Load::start(&Profile {
        port,
        host: HOST.to_owned(),
        identity: "x-user-id".to_owned(),
        users: 2_000,
        first_user: 0,
        broken: false,
        rate: 200,
        connections: 8,
    })
}

struct Shop {
    site: Site,
    load: Load,
}

impl Shop {
    async fn start(change: impl FnOnce(Configuration) -> Result<Configuration>) -> Result<Self> {
        let first = document(revision_now(), &[]);
        let site = Site::start_changed(1, Answer::document(&first), change).await?;
        let load = load(site.envoy()?.port());
        Ok(Self { site, load })
    }

    async fn publish(&self, rollout: Rollout) -> Result<()> {
        self.site.publish(revision_now(), &[rollout]).await.map(drop)
    }

    fn fail_canary(&self, error_rate: f64) {
        self.site.canary.behave(Behaviour { error_rate, ..Behaviour::healthy("v2") });
    }

    /// The gauge; none where there is none.
    async fn tripped(&self) -> Result<Option<f64>> {
        let samples = self.site.envoy()?.admin().stats("serin_tripped").await?;
        ensure!(samples.len() < 2, "{samples:?}");
        let of_it = samples.first().filter(|sample| sample.label("rollout") == NAME);
        Ok(of_it.map(|sample| sample.value))
    }

    async fn until_tripped(&self, value: f64) -> Result<()> {
        let wait = async {
            while self.tripped().await? != Some(value) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        tokio::time::timeout(LIMIT, wait).await.context("the gauge does not come")?
    }

    /// How many requests went to the canary in the next second.
    async fn to_canary(&self) -> usize {
        let since_us = now_us();
        let from = self.load.since(0, <[_]>::len);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.load.since(from, |records| {
            let sent = records.iter().filter(|record| record.sent_us >= since_us);
            sent.filter(|record| record.outcome.side() == Some(Variant::Canary)).count()
        })
    }

    async fn tester(&self) -> Result<String> {
        let headers: [(&str, &[u8]); 2] = [("x-user-id", b"tester"), ("x-tester", b"canary")];
        Ok(self.site.see(HOST, "/", &headers).await?.name)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_trips_holds_everyone_on_stable_and_ends_as_stated() -> Result<()> {
    let shop = Shop::start(Configuration::with_tripwires).await?;
    shop.publish(wired("25%", "first", "15m")).await?;
    shop.until_tripped(0.0).await?;
    tokio::time::sleep(ALL_KNOW).await;
    ensure!(shop.tripped().await? == Some(0.0), "watched and fine");
    ensure!(shop.to_canary().await > 20 && shop.tester().await? == "canary");

    shop.fail_canary(0.5);
    shop.until_tripped(1.0).await?;
    tokio::time::sleep(ALL_KNOW).await;
    shop.fail_canary(0.0);
    ensure!(shop.to_canary().await == 0, "everyone is on stable");
    ensure!(shop.tester().await? == "stable", "testers too");
    let reasons = shop.site.envoy()?.admin().stats("serin_assignments").await?;
    ensure!(reasons.iter().any(|it| it.label("reason") == "tripped" && it.value > 100.0));

    // A rise ends nothing, a lower weight does.
    shop.publish(wired("50%", "first", "15m")).await?;
    tokio::time::sleep(ALL_KNOW).await;
    ensure!(shop.to_canary().await == 0 && shop.tripped().await? == Some(1.0));
    shop.publish(wired("40%", "first", "15m")).await?;
    shop.until_tripped(0.0).await?;
    tokio::time::sleep(ALL_KNOW).await;
    ensure!(shop.to_canary().await > 30 && shop.tester().await? == "canary");

    // So does a new release, and so does time.
    shop.fail_canary(0.5);
    shop.until_tripped(1.0).await?;
    shop.fail_canary(0.0);
    shop.publish(wired("40%", "second", "4s")).await?;
    shop.until_tripped(0.0).await?;
    shop.fail_canary(0.5);
    shop.until_tripped(1.0).await?;
    shop.fail_canary(0.0);
    shop.until_tripped(0.0).await?;
    ensure!(shop.to_canary().await > 30);
    let failed = |it: &&_| matches!(it, Outcome::Failed { .. });
    let outcomes: Vec<_> = shop.load.stop().await.into_iter().map(|it| it.outcome).collect();
    ensure!(!outcomes.iter().any(|it| failed(&it)), "the proxy failed nobody");
    Ok(())
}

/// The module without tripwires takes the same document, and shows that it watches nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plain_module_never_trips_and_shows_no_gauge() -> Result<()> {
    let shop = Shop::start(Ok).await?;
    shop.publish(wired("25%", "first", "15m")).await?;
    shop.fail_canary(1.0);
    tokio::time::sleep(Duration::from_secs(4)).await;
    ensure!(shop.tripped().await?.is_none());
    ensure!(shop.to_canary().await > 20);
    Ok(())
}

/// Every field that README names is one to the module.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_is_taken() -> Result<()> {
    let all: Value = json!({"alpha": "0.001", "floor": "5%", "slow": "2s", "lasts": "10m"});
    let shop = Shop::start(Configuration::with_tripwires).await?;
    let rollout = wired("25%", "first", "15m").with("tripwire", all);
    shop.publish(rollout).await?;
    shop.until_tripped(0.0).await
}

/// As it stands in the repository, without a controller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_sends_everyone_back_by_itself() -> Result<()> {
    sends_everyone_back(|example| example).await
}

/// The same with a changed example.
pub(crate) async fn sends_everyone_back(
    change: impl FnOnce(Configuration) -> Configuration,
) -> Result<()> {
    let scratch = Scratch::new()?;
    let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
    let broken = Behaviour { error_rate: 1.0, ..Behaviour::healthy("v2") };
    let canary = WebApp::start("canary", 0, broken).await?;
    let configuration = Configuration::example("tripwire.yaml")?
        .port(STABLE, stable.port())?
        .port(CANARY, canary.port())?;
    let envoy = Envoy::start("envoy", &change(configuration), &scratch).await?;
    let load = load(envoy.port());
    let tripped = async {
        loop {
            let samples = envoy.admin().stats("serin_tripped").await?;
            if samples.iter().any(|it| it.label("rollout") == "demo/shop" && it.value >= 1.0) {
                return Ok::<_, anyhow::Error>(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, tripped).await.context("it does not trip")??;
    tokio::time::sleep(ALL_KNOW).await;
    let from = load.since(0, <[_]>::len);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sides = |records: &[Record]| records.iter().map(|it| it.outcome.side()).collect::<Vec<_>>();
    let since: Vec<_> = load.since(from, sides);
    ensure!(
        since.len() > 50 && since.iter().all(|side| *side != Some(Variant::Canary)),
        "{since:?}"
    );
    load.stop().await;
    Ok(())
}
