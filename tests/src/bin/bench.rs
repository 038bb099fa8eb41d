//! `make bench`: what the filter costs Envoy per request, and how long a change takes to the last
//! worker. Both Envoys run side by side on the same example, and rounds alternate, so that whatever
//! else the machine does falls on both.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hyper::Method;
use serde_json::json;
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::envoy::Envoy;
use serin_tests::http::{self, Connection};
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, SOURCE, STABLE};
use serin_tests::source::{Answer, Source};
use serin_tests::webapp::{Behaviour, WebApp};

const HOST: &str = "shop.example.com";
const ROLLOUT: &str = "shop/checkout";
/// Odd, so that the median is a value that was measured.
const ROUNDS: usize = 7;
/// About a second of Envoy's time a round: the kernel counts it in steps of 10 ms.
const REQUESTS: usize = 15_000;
const CONNECTIONS: usize = 8;
const CHANGES: usize = 20;
/// The filter's least interval between two questions, with its jitter: a change that comes sooner
/// would measure the interval.
const PAUSE: Duration = Duration::from_millis(1_300);
/// A clock tick of /proc/PID/stat in microseconds.
const TICK_US: f64 = 10_000.0;

#[tokio::main]
async fn main() -> Result<()> {
    let scratch = Scratch::new()?;
    let app = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
    let revision = revision_now();
    // With all that a request is counted by, as the controller publishes it.
    let rollout = |weight: &str| {
        Rollout::new(ROLLOUT, HOST)
            .weight(weight)
            .with("clusters", json!({"stable": ["shop-stable"], "canary": ["shop-canary"]}))
            .with("latencyBounds", json!(["250ms", "1s"]))
    };
    let source = Source::start(Answer::document(&document(revision, &[rollout("50%")]))).await?;
    let example = Configuration::example("envoy.yaml")?
        .port(SOURCE, source.port())?
        .port(STABLE, app.port())?
        .port(CANARY, app.port())?;
    let mut with = Envoy::start("with", &example, &scratch).await?;
    let mut without = Envoy::start("without", &example.without_filter()?, &scratch).await?;
    with.admin().applied(ROLLOUT, revision, APPLY_LIMIT).await?;

    println!(
        "Envoy's processor time per request, {REQUESTS} requests a round over {CONNECTIONS} connections\n"
    );
    println!("{:>5}  {:>14}  {:>14}", "round", "without filter", "with filter");
    let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    // One round of each to warm up, not counted.
    round(&mut without).await?;
    round(&mut with).await?;
    for number in 1..=ROUNDS {
        let us = [round(&mut without).await?, round(&mut with).await?];
        println!("{number:>5}  {:>11.1} us  {:>11.1} us", us[0], us[1]);
        for (all, one) in times.iter_mut().zip(us) {
            all.push(one);
        }
    }
    let [without_us, with_us] = times.map(median);
    println!("{:>5}  {without_us:>11.1} us  {with_us:>11.1} us", "median");
    println!(
        "the filter adds {:.1} us ({:.2} times)\n",
        with_us - without_us,
        with_us / without_us
    );

    let mut latencies = Vec::new();
    for number in 0..CHANGES {
        tokio::time::sleep(PAUSE).await;
        let revision = revision_now();
        let weight = if number % 2 == 0 { "25%" } else { "50%" };
        let start = Instant::now();
        source.publish(&document(revision, &[rollout(weight)]));
        with.admin().applied(ROLLOUT, revision, APPLY_LIMIT).await?;
        latencies.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let longest = latencies.iter().copied().fold(0.0, f64::max);
    let middle = median(latencies);
    println!(
        "from publication to the last of two workers, {CHANGES} changes: median {middle:.0} ms, longest {longest:.0} ms"
    );
    Ok(())
}

/// Sends one round and gives Envoy's processor time per request in microseconds.
async fn round(envoy: &mut Envoy) -> Result<f64> {
    let port = envoy.port();
    let before = envoy.process().cpu_ticks()?;
    let lanes: Vec<_> = (0..CONNECTIONS).map(|number| tokio::spawn(lane(port, number))).collect();
    for lane in lanes {
        lane.await.context("a connection broke")??;
    }
    let ticks = envoy.process().cpu_ticks()? - before;
    Ok(f64::from(u32::try_from(ticks)?) * TICK_US / f64::from(u32::try_from(REQUESTS)?))
}

async fn lane(port: u16, number: usize) -> Result<()> {
    let mut connection = Connection::to(port).await?;
    for request in 0..REQUESTS / CONNECTIONS {
        let user = format!("user-{}", request * CONNECTIONS + number);
        let headers = [("host", HOST), ("x-user-id", user.as_str())];
        let request = http::request(Method::GET, "/", &headers, "")?;
        connection.send(request, Duration::from_secs(5)).await?;
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
