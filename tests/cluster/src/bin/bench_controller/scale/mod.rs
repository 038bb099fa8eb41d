//! Many releases in one controller: what it needs, what it asks, how soon it acts, and how each
//! grows.
//!
//! The API server, the Prometheus and the controller are real. No machine has a thousand Envoys, so
//! one scripted page of metrics stands for all proxies; nobody rolls out Deployments, whose status is
//! written as soon as their `spec` is; and the filters poll the controller, so that there is no
//! `WasmPlugin`.

mod exporter;
mod fleet;
mod measured;

use anyhow::Result;
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::operator;

use crate::goals::Goals;
use crate::say;
use measured::Measured;

/// Seconds between two scrapes: a third of the usual, so that more is asked for.
const SCRAPE: u32 = 5;
/// Where the goals hold.
const MOST: usize = 1_000;
/// Megabytes that the controller may hold then, at rest.
const MEMORY: f64 = 64.0;

/// Measures, prints and gives the figures.
pub(crate) async fn run(sizes: &[usize], goals: &mut Goals) -> Result<Value> {
    let mut all = Vec::new();
    for number in sizes {
        // A cluster for each: what the one before left would be asked for as well.
        let cluster = Cluster::start_still(&[operator::ACCOUNT]).await?;
        let measured = measured::measure(&cluster, *number).await?;
        say(&format!("{number} releases: {:.0} ms", measured.fault_to_written_ms.median));
        all.push(measured);
    }
    print(&all);
    for measured in &all {
        let number = measured.releases;
        let writes = u32::try_from(measured.writes_at_rest).map_or(f64::INFINITY, f64::from);
        goals.at_most(&format!("writes a minute at rest, {number} releases"), writes, 0.0);
        if number >= MOST {
            let memory = megabytes(measured.resident_at_rest_bytes);
            goals.at_most(&format!("resident at rest, {number} releases, MB"), memory, MEMORY);
        }
    }
    Ok(json!({
        "scrapeSeconds": SCRAPE,
        "requestsPerSecond": exporter::RATE,
        "errorRate": exporter::ERROR_RATE,
        "sizes": all,
    }))
}

fn print(all: &[Measured]) {
    println!(
        "\nOne scripted page of metrics stands for all proxies, scraped every {SCRAPE} s by the real\n\
         Prometheus; Deployments are ready as soon as they are written; filters poll the controller.\n"
    );
    let row = |name: &str, cell: &dyn Fn(&Measured) -> String| {
        let cells: Vec<String> = all.iter().map(|it| format!("{:>12}", cell(it))).collect();
        println!("{name:<46}{}", cells.concat());
    };
    row("releases", &|it| it.releases.to_string());
    row("start to ready, ms", &|it| format!("{:.0}", it.ready_ms));
    row("start to all running, ms", &|it| format!("{:.0}", it.running_ms));
    row("resident at rest, MB", &|it| format!("{:.1}", megabytes(it.resident_at_rest_bytes)));
    row("resident while bad versions run, MB", &|it| {
        format!("{:.1}", megabytes(it.resident_busy_bytes))
    });
    row("processor at rest, % of a core", &|it| format!("{:.1}", it.processor_at_rest * 100.0));
    row("API calls a minute at rest", &|it| it.calls_at_rest.values().sum::<usize>().to_string());
    row("of them writes but for the lease", &|it| it.writes_at_rest.to_string());
    row("questions to Prometheus a minute at rest", &|it| format!("{:.0}", it.queries_at_rest));
    row("bad versions at the same time", &|it| it.bad.to_string());
    row("fault to weight written, ms, median", &|it| {
        format!("{:.0}", it.fault_to_written_ms.median)
    });
    row("fault to weight written, ms, p99", &|it| format!("{:.0}", it.fault_to_written_ms.p99));
}

#[expect(clippy::cast_precision_loss, reason = "sizes of processes are far below 2^53")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
