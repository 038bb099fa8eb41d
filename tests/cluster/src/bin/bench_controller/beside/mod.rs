//! The controller beside Flagger 1.44.0: how soon each takes a bad version away, how often each takes
//! away a good one, and what each costs.
//!
//! One API server, istiod and Prometheus; a namespace and an Envoy as gateway for each of the two, and
//! a service of its own for each rollout. Flagger judges by the success rate that its documentation
//! has for Istio, from Envoy's own counters, since the Envoy here has not Istio's metrics; Serin by
//! what its filter counts there. Both scraped every second; Serin once more with all its defaults, and
//! so by a Prometheus that scrapes every 15 seconds.

mod floor;
mod healthy;
mod lane;
mod live;
mod one_rollout;
mod rollback;
mod shown;
mod stand;

use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use serde_json::Value;
use serin_cluster::cluster::Cluster;
use serin_cluster::flagger;
use serin_cluster::operator;

use crate::goals::Goals;
use crate::say;
use crate::spread::Spread;
use healthy::Ended;
use lane::{Analysis, Lane, Setup};
use one_rollout::Writes;
use rollback::{Rollback, Times};
use stand::Stand;

/// Odd, so that a median is a value that was measured.
const RUNS: usize = 5;
/// How many healthy rollouts each has, side by side.
const ROLLOUTS: usize = 20;
/// So many services are made at once: each takes several kubectls.
const AT_ONCE: usize = 5;
/// As its documentation has it.
const DOCUMENTED: Analysis = Analysis { interval: "1m", window: "1m", threshold: 5 };
/// Its shortest interval, with the documented threshold and the lowest one.
const SHORT: Analysis = Analysis { interval: "10s", window: "30s", threshold: 5 };
const QUICKEST: Analysis = Analysis { interval: "10s", window: "30s", threshold: 1 };
/// How many times sooner than at [`SHORT`].
const SOONER: f64 = 10.0;
/// How much longer than istiod's own floor a written weight may take to be live.
const OVER_FLOOR_MS: f64 = 50.0;

/// All figures.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    floor_ms: Spread,
    serin: Times,
    serin_default: Times,
    flagger_documented: Times,
    flagger_short: Times,
    flagger_quickest: Times,
    healthy_serin: Ended,
    healthy_flagger_short: Ended,
    healthy_flagger_quickest: Ended,
    writes_serin: Writes,
    writes_flagger: Writes,
    resident_serin_bytes: u64,
    resident_flagger_bytes: u64,
}

/// Measures, prints and gives the figures.
pub(crate) async fn run(goals: &mut Goals) -> Result<Value> {
    say("beside Flagger: starting Kubernetes, istiod, Prometheus, two Envoys and both controllers");
    let cluster = Cluster::start_with(&[operator::ACCOUNT, flagger::ACCOUNT]).await?;
    let mut stand = Stand::start(&cluster).await?;
    let report = measure(&stand, &cluster).await?;
    let report = Report {
        resident_serin_bytes: stand.operator.process().resident()?,
        resident_flagger_bytes: stand.flagger.process().resident()?,
        ..report
    };
    shown::print(&report);
    judge(&report, goals);
    Ok(serde_json::to_value(&report)?)
}

async fn measure(stand: &Stand, cluster: &Cluster) -> Result<Report> {
    say("one rollout of each, for what it writes");
    let timed =
        Lane::serin(&stand.serin, "timed", &stand.prometheus.address(), Setup::Quick).await?;
    let one = Lane::flagger(&stand.beside, "one", SHORT).await?;
    let (writes_serin, writes_flagger) = one_rollout::writes(cluster, &timed, &one).await?;

    say("Serin: bad versions, and istiod's floor in between");
    let (mut serin, mut floors) = (Vec::new(), Vec::new());
    let floor = floor::Floor::prepare(&stand.serin).await?;
    let load = timed.load(rollback::RATE);
    for run in 0..RUNS {
        floors.extend(floor.measure().await?);
        let version = format!("shop:2.{run}");
        let measured = rollback::measure(&timed, &load, &version, rollback::FINE).await?;
        say(&format!("Serin, run {}: {measured}", run + 1));
        serin.push(measured);
    }
    load.stop().await;

    say("Flagger as documented (1 m, threshold 5), once: some 10 minutes; the rest meanwhile");
    let (documented, default, rest) =
        tokio::try_join!(documented(stand), default(stand), shorter(stand))?;
    Ok(Report {
        floor_ms: Spread::of(floors),
        serin: Times::of(&serin),
        serin_default: Times::of(&[default]),
        flagger_documented: Times::of(&[documented]),
        writes_serin,
        writes_flagger,
        resident_serin_bytes: 0,
        resident_flagger_bytes: 0,
        flagger_short: rest.short,
        flagger_quickest: rest.quickest,
        healthy_serin: rest.healthy_serin,
        healthy_flagger_short: rest.healthy_short,
        healthy_flagger_quickest: rest.healthy_quickest,
    })
}

async fn documented(stand: &Stand) -> Result<Rollback> {
    let lane = Lane::flagger(&stand.beside, "documented", DOCUMENTED).await?;
    let load = lane.load(rollback::RATE);
    let measured = rollback::measure(&lane, &load, "shop:2.0", rollback::FINE).await?;
    say(&format!("Flagger, 1 m / 5: {measured}"));
    load.stop().await;
    Ok(measured)
}

/// Serin with nothing set that has a default.
async fn default(stand: &Stand) -> Result<Rollback> {
    let prometheus = stand.slow_prometheus.address();
    let lane = Lane::serin(&stand.serin, "default", &prometheus, Setup::Default).await?;
    let load = lane.load(rollback::RATE);
    let measured = rollback::measure(&lane, &load, "shop:2.0", rollback::FINE).await?;
    say(&format!("Serin, all by default: {measured}"));
    load.stop().await;
    Ok(measured)
}

/// What was measured at intervals of ten seconds.
struct Shorter {
    short: Times,
    quickest: Times,
    healthy_serin: Ended,
    healthy_short: Ended,
    healthy_quickest: Ended,
}

async fn shorter(stand: &Stand) -> Result<Shorter> {
    let numbers = 0..ROLLOUTS;
    let names: Vec<String> = numbers.map(|number| format!("lane-{number}")).collect();
    let lanes =
        try_join_all(names.iter().map(|it| Lane::flagger(&stand.beside, it, SHORT))).await?;
    let bad = lanes.get(..RUNS).unwrap_or_default();
    let short = rollbacks(bad, "shop:2.0", "Flagger, 10 s / 5").await?;
    set(bad, QUICKEST).await?;
    let quickest = rollbacks(bad, "shop:2.1", "Flagger, 10 s / 1").await?;
    set(bad, SHORT).await?;

    say("healthy rollouts with 1 % of errors on both sides: Flagger at 10 s / 5, and Serin");
    let prometheus = stand.prometheus.address();
    let ours = names.iter().map(|it| Lane::serin(&stand.serin, it, &prometheus, Setup::Quick));
    let ours: Vec<Lane<'_>> = stream::iter(ours).buffered(AT_ONCE).try_collect().await?;
    let (healthy_short, healthy_serin) = tokio::try_join!(
        healthy::run(&lanes, "3.0", "Flagger, 10 s / 5"),
        healthy::run(&ours, "3.0", "Serin")
    )?;
    say("the same, Flagger at 10 s / 1");
    set(&lanes, QUICKEST).await?;
    let healthy_quickest = healthy::run(&lanes, "3.1", "Flagger, 10 s / 1").await?;
    Ok(Shorter { short, quickest, healthy_serin, healthy_short, healthy_quickest })
}

/// A bad version in each lane at the same time. The faults come at other moments of the interval in
/// each.
async fn rollbacks(lanes: &[Lane<'_>], image: &str, name: &str) -> Result<Times> {
    let measured = lanes.iter().zip(0_u32..).map(|(lane, number)| async move {
        let load = lane.load(rollback::RATE);
        let fine = Duration::from_secs(1) + Duration::from_secs(2) * number;
        let measured = rollback::measure(lane, &load, image, fine).await?;
        say(&format!("{name}, run {}: {measured}", number + 1));
        load.stop().await;
        anyhow::Ok(measured)
    });
    Ok(Times::of(&try_join_all(measured).await?))
}

async fn set(lanes: &[Lane<'_>], analysis: Analysis) -> Result<()> {
    for lane in lanes {
        lane.set_analysis(analysis).await?;
    }
    Ok(())
}

fn judge(report: &Report, goals: &mut Goals) {
    for (what, of) in [
        ("fault to weight written", Times::to_written as fn(&Times) -> f64),
        ("fault to the canary's last request", Times::to_last),
    ] {
        let serin = of(&report.serin);
        goals.at_least(
            &format!("{what}, Flagger at 10 s / 5 over Serin"),
            of(&report.flagger_short) / serin,
            SOONER,
        );
        goals.at_least(
            &format!("{what}, Flagger at 10 s / 1 over Serin"),
            of(&report.flagger_quickest) / serin,
            1.0,
        );
    }
    goals.at_least(
        "false rollbacks of Flagger at 10 s / 1 more than of Serin",
        number(report.healthy_flagger_quickest.rolled_back)
            - number(report.healthy_serin.rolled_back),
        1.0,
    );
    goals.at_most(
        "written to live over istiod's floor, ms",
        report.serin.written_to_live.median - report.floor_ms.median,
        OVER_FLOOR_MS,
    );
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
