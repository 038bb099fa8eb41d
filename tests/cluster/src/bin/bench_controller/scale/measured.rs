//! One number of releases.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::Value;
use serin_cluster::cluster::Cluster;
use serin_cluster::operator::{self, Operator};
use serin_tests::clock::now_us;
use serin_tests::http;
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;
use tokio::time::sleep;

use super::exporter::Exporter;
use super::fleet::{self, Fleet};
use crate::routes::Routes;
use crate::say;
use crate::spread::Spread;

/// So many of the releases at most have a bad version at the same time.
const BAD: usize = 100;
/// How long the controller rests while its calls are counted.
const REST: Duration = Duration::from_mins(1);
/// What is left of the start has gone by then: the last record, the first long pause.
const SETTLED: Duration = Duration::from_secs(45);
/// How long canaries are good before they fail.
const FINE: Duration = Duration::from_secs(30);
/// Longer than a thousand releases take on a busy machine.
const LIMIT: Duration = Duration::from_mins(15);
/// All objects are listed each time.
const LISTED: Duration = Duration::from_secs(3);
/// The controller tells of all its releases each time.
const TOLD: Duration = Duration::from_millis(500);

/// The figures.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Measured {
    pub(super) releases: usize,
    /// From the start of the process until it answers that it is ready.
    pub(super) ready_ms: f64,
    /// Until it leads and runs every release.
    pub(super) running_ms: f64,
    pub(super) resident_at_rest_bytes: u64,
    /// While [`BAD`] releases are rolled out at most.
    pub(super) resident_busy_bytes: u64,
    /// The share of one core.
    pub(super) processor_at_rest: f64,
    pub(super) calls_at_rest: BTreeMap<String, usize>,
    /// But for those of the lease.
    pub(super) writes_at_rest: usize,
    pub(super) queries_at_rest: f64,
    pub(super) bad: usize,
    pub(super) fault_to_written_ms: Spread,
}

/// Measures with so many releases, in a cluster in which nobody else acts.
pub(super) async fn measure(cluster: &Cluster, number: usize) -> Result<Measured> {
    say(&format!("{number} releases: making their objects"));
    let namespace = cluster.namespace(&format!("scale-{number}")).await?;
    let routes = Routes::watch(&namespace).await?;
    let exporter = Exporter::start().await?;
    let scratch = Scratch::named(&namespace.folder()?.join("scraped"))?;
    let targets = [Target::metrics("proxies", exporter.port())];
    let prometheus = Prometheus::start_every(super::SCRAPE, &targets, &scratch).await?;
    // Installs the kind, and says what is wrong before there are a thousand objects.
    let first = Operator::start(cluster, &namespace, "serin-0").await?;
    exporter.follow(first.port());
    let fleet = Fleet::make(&namespace, number, &prometheus.address()).await?;
    until("releases have succeeded", number, LISTED, || fleet.in_phase("Succeeded")).await?;
    until("canaries run no pod", number, LISTED, || fleet.empty()).await?;
    drop(first);

    say(&format!("{number} releases: starting the controller anew"));
    let start = Instant::now();
    let mut operator = Operator::start_again(&namespace, "serin-1").await?;
    let ready_ms = ms(start.elapsed());
    let port = operator.port();
    until("releases run", number, TOLD, || running(port)).await?;
    let running_ms = ms(start.elapsed());
    exporter.follow(port);
    sleep(SETTLED).await;

    say(&format!("{number} releases: a minute at rest"));
    let before = (cluster.calls()?.len(), queries(&prometheus).await?);
    let used = operator.process().cpu_time()?;
    sleep(REST).await;
    let used = operator.process().cpu_time()?.saturating_sub(used);
    let resident_at_rest_bytes = operator.process().resident()?;
    let calls = cluster.calls()?;
    let ours = calls.iter().skip(before.0).filter(|call| call.user == operator::ACCOUNT);
    let mut calls_at_rest = BTreeMap::new();
    let mut writes_at_rest = 0;
    for call in ours {
        *calls_at_rest.entry(format!("{} {}", call.verb, call.resource)).or_default() += 1;
        writes_at_rest += usize::from(call.is_write() && call.resource != "leases");
    }
    let queries_at_rest = queries(&prometheus).await? - before.1;

    let bad = number.min(BAD);
    say(&format!("{number} releases: {bad} bad versions at the same time"));
    let shipped_us = now_us();
    try_join_all((0..bad).map(|it| fleet.ship(it))).await?;
    let serves = |it| {
        let (routes, name) = (&routes, fleet::name(it));
        async move { routes.until(&name, shipped_us, true, LIMIT).await }
    };
    try_join_all((0..bad).map(serves)).await?;
    sleep(FINE).await;
    let resident_busy_bytes = operator.process().resident()?;
    // Evenly over the time between two scrapes.
    let spread = Duration::from_secs(super::SCRAPE.into()) / u32::try_from(bad)?;
    let faults = (0..bad).map(|it| {
        let (exporter, routes, fleet) = (&exporter, &routes, &fleet);
        async move {
            sleep(spread * u32::try_from(it)?).await;
            let fault = now_us();
            exporter.fail(&fleet.rollout(it));
            let written = routes.until(&fleet::name(it), fault, false, LIMIT).await?;
            anyhow::Ok(ms(Duration::from_micros(written - fault)))
        }
    });
    let times = try_join_all(faults).await?;
    until("releases are rolled back", bad, LISTED, || fleet.in_phase("RolledBack")).await?;
    Ok(Measured {
        releases: number,
        ready_ms,
        running_ms,
        resident_at_rest_bytes,
        resident_busy_bytes,
        processor_at_rest: used.as_secs_f64() / REST.as_secs_f64(),
        calls_at_rest,
        writes_at_rest,
        queries_at_rest,
        bad,
        fault_to_written_ms: Spread::of(times),
    })
}

/// Waits until so many are.
async fn until<F>(
    what: &str,
    wanted: usize,
    every: Duration,
    mut count: impl FnMut() -> F,
) -> Result<()>
where
    F: Future<Output = Result<usize>>,
{
    let (start, mut told) = (Instant::now(), Instant::now());
    loop {
        let found = count().await?;
        if found >= wanted {
            return Ok(());
        }
        ensure!(start.elapsed() < LIMIT, "{found} of {wanted} {what} after {LIMIT:?}");
        if told.elapsed() > Duration::from_secs(20) {
            say(&format!("{found} of {wanted} {what}"));
            told = Instant::now();
        }
        sleep(every).await;
    }
}

/// How many releases the controller runs.
async fn running(port: u16) -> Result<usize> {
    let answer = http::get(port, "/v1/releases").await?;
    let all: Vec<Value> = answer.json()?;
    // One that has only been read shows no phase yet.
    Ok(all.iter().filter(|it| it.get("phase").is_some_and(Value::is_string)).count())
}

/// How many questions Prometheus has been asked.
async fn queries(prometheus: &Prometheus) -> Result<f64> {
    let page = http::get(prometheus.port(), "/metrics").await?.text();
    let lines = page.lines().filter(|line| {
        line.starts_with("prometheus_http_requests_total{") && line.contains("\"/api/v1/query\"")
    });
    let mut all = 0.0;
    for line in lines {
        let value = line.rsplit(' ').next().context("no value")?;
        all += value.parse::<f64>().with_context(|| line.to_owned())?;
    }
    Ok(all)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
