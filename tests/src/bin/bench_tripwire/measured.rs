//! From a fault to the last request that the hash sends to the canary, on the real Envoy with two
//! workers.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use serin_assignment::Variant;
use serin_tests::clock::now_us;
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::load::{Load, Outcome, Profile};
use serin_tests::site::Site;
use serin_tests::source::Answer;
use serin_tests::webapp::Behaviour;

/// Odd, so that the median is a value that was measured.
const RUNS: usize = 5;
const RATE: u32 = 200;
const USERS: u32 = 2_000;
const WEIGHT: &str = "25%";
/// How long the canary is fine before.
const FINE: Duration = Duration::from_secs(20);
/// Longer than a trip may take.
const WATCHED: Duration = Duration::from_secs(8);

/// A fault and what is promised.
struct Row {
    failing: f64,
    promised_ms: u64,
}

const ROWS: [Row; 2] =
    [Row { failing: 0.5, promised_ms: 1_500 }, Row { failing: 0.2, promised_ms: 3_000 }];

pub(crate) async fn table() -> Result<Vec<String>> {
    println!(
        "From the fault to the last request to the canary: {RATE} requests/s by {USERS} users, \
         canary at {WEIGHT}, two workers, {RUNS} runs\n"
    );
    let first = document(revision_now(), &[]);
    let site =
        Site::start_changed(1, Answer::document(&first), Configuration::with_tripwires).await?;
    let load = Load::start(&Profile {
        port: site.envoy()?.port(),
        host: "shop.example.com".to_owned(),
        identity: "x-user-id".to_owned(),
        users: USERS,
        first_user: 0,
        broken: false,
        rate: RATE,
        connections: 8,
    });
    println!("fails  runs (ms)                            median  promised  verdict");
    let mut missed = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        let mut times = Vec::new();
        for run in 0..RUNS {
            let salt = format!("release-{number}-{run}");
            times.push(once(&site, &load, &salt, row.failing).await?);
        }
        let shown = times.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        times.sort_unstable();
        let median = *times.get(RUNS / 2).context("no run")?;
        let reached = median <= row.promised_ms;
        let verdict = if reached { "reached" } else { "MISSED" };
        let percent = row.failing * 100.0;
        println!("{percent:>4} %  {shown:35}  {median:>6}  {:>8}  {verdict}", row.promised_ms);
        if !reached {
            missed.push(format!("{percent} % fail: {median} ms, not {} ms", row.promised_ms));
        }
    }
    let stray = load.stop().await;
    let failed = stray.iter().find(|it| matches!(it.outcome, Outcome::Failed { .. }));
    ensure!(failed.is_none(), "a request failed by itself: {failed:?}");
    println!();
    Ok(missed)
}

/// One release from its start to the trip: milliseconds from the fault to the last request to the
/// canary, by when it was sent.
async fn once(site: &Site, load: &Load, salt: &str, failing: f64) -> Result<u64> {
    behave(site, 0.0);
    let rollout = Rollout::new("shop", "shop.example.com")
        .with("salt", json!(salt))
        .with("tripwire", json!({}))
        .weight(WEIGHT);
    site.publish(revision_now(), &[rollout]).await?;
    tokio::time::sleep(FINE).await;
    let from = load.records().len();
    let fault_us = now_us();
    behave(site, failing);
    tokio::time::sleep(WATCHED).await;
    let last_us = load.since(from, |records| {
        let canary = records.iter().filter(|it| it.outcome.side() == Some(Variant::Canary));
        canary.map(|it| it.sent_us).max()
    });
    let last_us = last_us.context("nobody came to the canary")?;
    let us = last_us.saturating_sub(fault_us);
    ensure!(u128::from(us) + 1_000_000 < WATCHED.as_micros(), "{salt}: it never tripped");
    Ok(us / 1_000)
}

fn behave(site: &Site, failing: f64) {
    site.canary.behave(Behaviour { error_rate: failing, ..Behaviour::healthy("v2") });
}
