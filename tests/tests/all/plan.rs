//! `serin plan --from-prometheus` on a real Prometheus: it measures what was counted there.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::artifacts;
use serin_tests::backfill::backfill;
use serin_tests::prometheus::Prometheus;
use serin_tests::scratch::Scratch;

/// Between two scrapes, in seconds.
const SCRAPE: u64 = 15;
/// Of history: an hour, and what the start of it is told by.
const SCRAPES: u64 = 280;
/// Requests and errors a scrape, on stable and on the canary.
const COUNTERS: [(&str, &str, u64); 4] = [
    ("shop_requests", "stable", 1_425),
    ("shop_requests", "canary", 75),
    ("shop_errors", "stable", 15),
    // What the canary does is no part of stable's rate.
    ("shop_errors", "canary", 30),
];

#[tokio::test]
async fn a_plan_measures_what_its_gates_count() -> Result<()> {
    let scratch = Scratch::new()?;
    backfill(&scratch.write("history.om", history()?)?, &scratch.folder("prometheus")?)?;
    let prometheus = Prometheus::start(&[], &scratch).await?;
    let said = plan(&release(&prometheus, "shop", &scratch)?)?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let plan: Value = serde_json::from_slice(&said.stdout)?;
    let number = |at: &str| plan.pointer(at).and_then(Value::as_f64).with_context(|| at.to_owned());
    let near = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-3;
    let (requests, rate) = (number("/requestsPerSecond")?, number("/gates/0/rates/0")?);
    ensure!(near(requests, 100.0), "{requests} requests a second");
    ensure!(near(rate, 15.0 / 1_425.0), "a rate of {rate}");
    ensure!(near(number("/gates/0/perSecond")?, 100.0));
    Ok(())
}

#[tokio::test]
async fn a_plan_without_counts_says_so() -> Result<()> {
    let scratch = Scratch::new()?;
    let prometheus = Prometheus::start(&[], &scratch).await?;
    let said = plan(&release(&prometheus, "nobody", &scratch)?)?;
    let complaint = String::from_utf8_lossy(&said.stderr);
    ensure!(said.status.code() == Some(1), "{}", said.status);
    ensure!(complaint.contains("no gate has counted anything in 1h"), "{complaint}");
    Ok(())
}

fn plan(file: &Path) -> Result<Output> {
    let mut command = Command::new(artifacts::serin()?);
    command.arg("plan").arg(file).args(["--from-prometheus", "--output", "json"]);
    command.output().context("running serin")
}

/// Counters that grow evenly until now.
fn history() -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let first = Duration::from_secs(now.as_secs() - SCRAPE * SCRAPES);
    let mut text = String::new();
    let mut metric = "";
    for (name, variant, each) in COUNTERS {
        if name != metric {
            writeln!(text, "# TYPE {name} counter")?;
            metric = name;
        }
        for scrape in 0..=SCRAPES {
            let (count, at) = (scrape * each, first.as_secs() + scrape * SCRAPE);
            writeln!(text, "{name}_total{{variant=\"{variant}\",cohort=\"3\"}} {count} {at}")?;
        }
    }
    text.push_str("# EOF\n");
    Ok(text)
}

fn release(prometheus: &Prometheus, metric: &str, scratch: &Scratch) -> Result<std::path::PathBuf> {
    let release = json!({
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "CanaryRelease",
        "metadata": {"name": "shop"},
        "spec": {
            "version": "v2",
            "traffic": {"hosts": ["a.example.com"], "stable": {"cluster": "a"}, "canary": {"cluster": "b"}},
            "assignment": {"identity": [{"header": "x-user-id"}]},
            "metrics": {"prometheus": {"address": prometheus.address(), "scrapeInterval": "15s"}},
            "steps": [{"weight": "5%", "bake": "10m"}],
            "gates": [{"name": "errors", "kind": "errorRate", "counts": {
                "opportunities": {"metric": format!("{metric}_requests_total")},
                "events": {"metric": format!("{metric}_errors_total")},
            }}],
        },
    });
    scratch.write("release.json", release.to_string())
}
