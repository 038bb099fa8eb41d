//! `make bench`: how long a change takes from its publication to the last worker.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::envoy::Envoy;
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, SOURCE, STABLE};
use serin_tests::source::{Answer, Source};
use serin_tests::webapp::{Behaviour, WebApp};

const HOST: &str = "shop.example.com";
const ROLLOUT: &str = "shop/checkout";
const CHANGES: usize = 20;
/// The filter's least interval between two questions, with its jitter: a change that comes sooner
/// would measure the interval.
const PAUSE: Duration = Duration::from_millis(1_300);
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
    let envoy = Envoy::start("envoy", &example, &scratch).await?;
    envoy.admin().applied(ROLLOUT, revision, APPLY_LIMIT).await?;

    let mut latencies = Vec::new();
    for number in 0..CHANGES {
        tokio::time::sleep(PAUSE).await;
        let revision = revision_now();
        let weight = if number % 2 == 0 { "25%" } else { "50%" };
        let start = Instant::now();
        source.publish(&document(revision, &[rollout(weight)]));
        envoy.admin().applied(ROLLOUT, revision, APPLY_LIMIT).await?;
        latencies.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let longest = latencies.iter().copied().fold(0.0, f64::max);
    let middle = median(latencies);
    println!(
        "from publication to the last of two workers, {CHANGES} changes: median {middle:.0} ms, longest {longest:.0} ms"
    );
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
