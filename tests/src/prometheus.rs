//! The real Prometheus, scraping every second.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::artifacts::Setup;
use crate::http;
use crate::ports;
use crate::process::Process;
use crate::scratch::Scratch;

/// Opening an empty database takes well under a second, more on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// One thing to scrape.
#[derive(Clone, Debug)]
pub struct Target {
    /// The job's name.
    pub job: &'static str,
    /// The port on loopback.
    pub port: u16,
    /// The path of its metrics.
    pub path: &'static str,
}

impl Target {
    /// An Envoy, by the port of its admin interface.
    #[must_use]
    pub fn envoy(admin: u16) -> Self {
        Self { job: "envoy", port: admin, path: "/stats/prometheus" }
    }

    /// Anything that serves `/metrics`.
    #[must_use]
    pub fn metrics(job: &'static str, port: u16) -> Self {
        Self { job, port, path: "/metrics" }
    }
}

/// The name of a file of rules, in the folder that it is started in; there need be none.
pub const RULES: &str = "rules.yaml";

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    port: u16,
}

impl Prometheus {
    /// Starts it with an empty database and waits until it is ready.
    ///
    /// # Errors
    /// Where it does not come up; with the end of its log.
    pub async fn start(targets: &[Target], scratch: &Scratch) -> Result<Self> {
        Self::start_every(1, targets, scratch).await
    }

    /// The same, scraping every so many seconds.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_every(seconds: u32, targets: &[Target], scratch: &Scratch) -> Result<Self> {
        match Self::launch(ports::free()?, seconds, targets, scratch).await {
            // Somebody took the port between its choice and its use: once is chance.
            Err(error) if error.to_string().contains("address already in use") => {
                Self::launch(ports::free()?, seconds, targets, scratch).await
            }
            started => started,
        }
    }

    /// Starts it on a given port, for one that was stopped and comes back: its database stays in
    /// `scratch`.
    ///
    /// # Errors
    /// Where it does not come up; with the end of its log.
    pub async fn start_on(port: u16, targets: &[Target], scratch: &Scratch) -> Result<Self> {
        Self::launch(port, 1, targets, scratch).await
    }

    async fn launch(
        port: u16,
        seconds: u32,
        targets: &[Target],
        scratch: &Scratch,
    ) -> Result<Self> {
        let configuration = scratch.write("prometheus.yaml", configuration(targets, seconds))?;
        let data = scratch.folder("prometheus")?;
        let args = [
            format!("--config.file={}", configuration.display()),
            format!("--storage.tsdb.path={}", data.display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=warn".to_owned(),
        ];
        let program = Setup::load()?.prometheus;
        let mut process = Process::start("prometheus", &program, args, scratch.path())?;
        process
            .ready(START_LIMIT, || async move {
                http::get(port, "/-/ready").await.is_ok_and(|answer| answer.status == 200)
            })
            .await?;
        Ok(Self { process, port })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address for a release file.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process, for what a test does to it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Evaluates an expression now: one pair of labels and value a series.
    ///
    /// # Errors
    /// Where Prometheus refuses it or gives something else than a vector.
    pub async fn query(&self, expression: &str) -> Result<Vec<(BTreeMap<String, String>, f64)>> {
        let path = format!("/api/v1/query?query={}", escaped(expression));
        let answer = http::get(self.port, &path).await?;
        ensure!(answer.status == 200, "prometheus refuses {expression}: {}", answer.text());
        let Answered { data } = answer.json()?;
        data.result.into_iter().map(|series| Ok((series.metric, series.value.1.parse()?))).collect()
    }

    /// Waits until it has scraped something: until an expression has an answer.
    ///
    /// # Errors
    /// Where `limit` passes first.
    pub async fn answers(&self, expression: &str, limit: Duration) -> Result<()> {
        let start = std::time::Instant::now();
        while self.query(expression).await?.is_empty() {
            ensure!(start.elapsed() < limit, "prometheus has no {expression} after {limit:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Answered {
    data: Vector,
}

#[derive(Deserialize)]
struct Vector {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    /// The time in seconds, and the value as text.
    value: (f64, String),
}

fn configuration(targets: &[Target], seconds: u32) -> String {
    let every = format!("{seconds}s");
    let jobs: Vec<_> = targets
        .iter()
        .enumerate()
        .map(|(number, Target { job, port, path })| {
            json!({
                "job_name": format!("{job}-{number}"),
                "metrics_path": path,
                "static_configs": [{"targets": [format!("127.0.0.1:{port}")]}],
            })
        })
        .collect();
    // JSON is YAML as well.
    json!({
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "scrape_configs": jobs,
        "rule_files": [format!("{RULES}*")],
    })
    .to_string()
}

/// Percent-encodes all but letters and digits.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
