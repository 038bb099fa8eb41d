//! `make bench-detect`: how long it takes from a bad version's first failing answer to the decision
//! to go back, on the real Envoy, Prometheus and controller.
//!
//! 200 requests a second, the canary at 5 %, one in five of its requests fails; Prometheus scrapes
//! every second. Exit code 1 where the median is above what is promised.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serin_assignment::Variant;
use serin_tests::clock::now_us;
use serin_tests::controller::{Api, Status};
use serin_tests::load::Outcome;
use serin_tests::shop::{Crowd, RELEASE, Shop};

/// Odd, so that the median is a value that was measured.
const RUNS: usize = 5;
const CROWD: Crowd = Crowd { users: 2_000, rate: 200 };
/// One long step: whoever waits for its end waits for the decision.
const STEPS: &str = "[{weight: 5%, bake: 10m}]";
/// The share of the canary's requests that fail.
const ERROR_RATE: f64 = 0.2;
/// How long each version is fine before: the judge has a start that it leaves out, and a fault does
/// not wait for it.
const FINE: Duration = Duration::from_secs(8);
/// The median that is promised.
const PROMISED_MS: u64 = 5_000;
/// Longer than a rollback or a start takes on any machine.
const LIMIT: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> ExitCode {
    match bench().await {
        Ok(median) if median <= PROMISED_MS => ExitCode::SUCCESS,
        Ok(median) => {
            println!("MISSED: {median} ms is above {PROMISED_MS} ms");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench-detect: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs it and gives the median in milliseconds.
async fn bench() -> Result<u64> {
    println!(
        "{} requests/s by {} users, canary at 5 %, {:.0} % of its requests fail, scrapes every 1 s\n",
        CROWD.rate,
        CROWD.users,
        ERROR_RATE * 100.0
    );
    let shop = Shop::start_with(STEPS, CROWD).await?;
    let controller = shop.control().await?;
    let api = controller.api();
    println!("run  fault to decision  why");
    let mut times = Vec::new();
    for run in 1..=RUNS {
        api.until(RELEASE, LIMIT, |s| s.weight == "5%" && s.step_clock.is_some()).await?;
        tokio::time::sleep(FINE).await;
        let (ms, why) = fault_to_decision(&shop, api).await?;
        println!("{run:>3}  {ms:>14} ms  {why}");
        times.push(ms);
        shop.fail_canary(0.0);
        api.until(RELEASE, LIMIT, |s| s.is("RolledBack")).await?;
        let answer = api.command(RELEASE, "retry").await?;
        ensure!(answer.status == 200, "retry: {} {}", answer.status, answer.text());
    }
    times.sort_unstable();
    let median = *times.get(RUNS / 2).context("no run")?;
    println!("median {median} ms, longest {} ms", times.last().unwrap_or(&median));
    Ok(median)
}

/// Lets the canary fail and gives the time from its first failing answer to the decision.
async fn fault_to_decision(shop: &Shop, api: Api) -> Result<(u64, String)> {
    let start_us = now_us();
    shop.fail_canary(ERROR_RATE);
    let gone = |s: &Status| s.is("RollingBack") || s.is("RolledBack");
    let status = api.until(RELEASE, LIMIT, gone).await?;
    // The decision's revision is the millisecond at which it was taken.
    let decided_ms = status.revision;
    let records = shop.load.records();
    let failed = |outcome: &Outcome| *outcome == Outcome::Injected(Variant::Canary);
    let first = records.iter().filter(|r| r.received_us >= start_us && failed(&r.outcome));
    let first_ms = first.map(|r| r.received_us / 1_000).min().context("nothing failed")?;
    let harm = status.decisions.iter().rfind(|decision| decision.reason == "Harm");
    let why = harm.context("it went back for another reason")?.message.clone();
    Ok((decided_ms.saturating_sub(first_ms), why))
}
