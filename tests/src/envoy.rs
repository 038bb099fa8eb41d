//! The real Envoy on one of our example configurations, and its admin interface.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use hyper::Method;

use crate::configuration::Configuration;
use crate::http;
use crate::ports;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::stats::{self, Sample};

/// Compiling the module takes Envoy a second or two, more on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(1);
/// Two, so that an answer of one worker can be told from an answer of all.
const WORKERS: u32 = 2;
/// How often a gauge is read while one waits for it.
const POLL: Duration = Duration::from_millis(10);

/// A running Envoy with two workers.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    listener: u16,
    admin: u16,
}

impl Envoy {
    /// Starts Envoy and waits until its listener takes connections. Its own two ports are chosen
    /// here; the log is `<name>.log` in `scratch`.
    ///
    /// # Errors
    /// Where it refuses the configuration or does not come up; with the end of its log.
    pub async fn start(
        name: &str,
        configuration: &Configuration,
        scratch: &Scratch,
    ) -> Result<Self> {
        Self::start_with(name, configuration, scratch, WORKERS).await
    }

    /// The same with so many workers.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(
        name: &str,
        configuration: &Configuration,
        scratch: &Scratch,
        workers: u32,
    ) -> Result<Self> {
        match Self::try_start(name, configuration, scratch, workers).await {
            // Somebody took a port between its choice and its use: once is chance.
            Err(error) if error.to_string().contains("Address already in use") => {
                Self::try_start(name, configuration, scratch, workers).await
            }
            started => started,
        }
    }

    async fn try_start(
        name: &str,
        configuration: &Configuration,
        scratch: &Scratch,
        workers: u32,
    ) -> Result<Self> {
        let (listener, admin) = (ports::free()?, ports::free()?);
        let of_example = configuration.ports()?;
        let configuration = configuration
            .clone()
            .port(of_example.listener, listener)?
            .port(of_example.admin, admin)?;
        let file = scratch.write(&format!("{name}.yaml"), &configuration.text)?;
        let args = [
            "--config-path",
            &file.to_string_lossy(),
            "--use-dynamic-base-id",
            "--concurrency",
            &workers.to_string(),
            // Connections of keep-alive clients would hold up the end of a test.
            "--drain-time-s",
            "1",
        ]
        .map(str::to_owned);
        let process = Process::start(name, &configuration.envoy()?, args, scratch.path())?;
        let mut envoy = Self { process, listener, admin };
        envoy
            .process
            .ready(START_LIMIT, || async move {
                http::get(admin, "/ready").await.is_ok_and(|answer| answer.status == 200)
            })
            .await?;
        Ok(envoy)
    }

    /// Where it takes requests.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listener
    }

    /// Where its admin interface is.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin { port: self.admin }
    }

    /// Its process, for what a test does to it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// An Envoy's admin interface.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    port: u16,
}

impl Admin {
    /// The one at this port.
    #[must_use]
    pub fn at(port: u16) -> Self {
        Self { port }
    }

    /// Its port.
    #[must_use]
    pub fn port(self) -> u16 {
        self.port
    }

    /// The metrics whose name matches a regular expression, as Prometheus would scrape them.
    ///
    /// # Errors
    /// Where Envoy does not answer.
    pub async fn stats(self, filter: &str) -> Result<Vec<Sample>> {
        let answer = http::get(self.port, &format!("/stats/prometheus?filter={filter}")).await?;
        ensure!(answer.status == 200, "envoy's stats answer {}: {}", answer.status, answer.text());
        Ok(stats::parse(&answer.text()))
    }

    /// The sum of a metric over all series with these labels; `None` where there is no such series.
    ///
    /// # Errors
    /// Where Envoy does not answer.
    pub async fn sum(self, name: &str, labels: &[(&str, &str)]) -> Result<Option<f64>> {
        let values: Vec<f64> = self
            .stats(name)
            .await?
            .iter()
            .filter(|sample| sample.name == name)
            .filter(|sample| labels.iter().all(|(label, value)| sample.label(label) == *value))
            .map(|sample| sample.value)
            .collect();
        Ok(if values.is_empty() { None } else { Some(values.iter().sum()) })
    }

    /// The smallest revision of a rollout among the workers; 0 where they have none.
    ///
    /// # Errors
    /// Where Envoy does not answer.
    pub async fn revision(self, rollout: &str) -> Result<u64> {
        let value = self.sum("serin_rollout_revision", &[("rollout", rollout)]).await?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "revisions are whole, positive and below 2^53"
        )]
        Ok(value.unwrap_or_default() as u64)
    }

    /// Waits until every worker has this revision of a rollout, or a later one.
    ///
    /// # Errors
    /// Where `limit` passes first.
    pub async fn applied(self, rollout: &str, revision: u64, limit: Duration) -> Result<()> {
        let wait = async {
            while self.revision(rollout).await? < revision {
                tokio::time::sleep(POLL).await;
            }
            Ok(())
        };
        match tokio::time::timeout(limit, wait).await {
            Ok(result) => result,
            Err(_) => bail!(
                "{rollout} shows revision {} after {limit:?}, not {revision}; {:?}",
                self.revision(rollout).await?,
                self.stats("serin_").await?
            ),
        }
    }

    /// Lets the listeners refuse new connections and close kept ones, as before a restart.
    ///
    /// # Errors
    /// Where Envoy does not answer.
    pub async fn drain(self) -> Result<()> {
        let request = http::request(Method::POST, "/drain_listeners?graceful", &[], "")?;
        let answer = http::send(self.port, request).await?;
        ensure!(answer.status == 200, "envoy answers {} to a drain", answer.status);
        Ok(())
    }
}
