//! A whole site without a controller: two applications, Envoys on the example that users copy, and
//! a source that serves what the test says.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::configuration::Configuration;
use crate::documents::{Rollout, document};
use crate::envoy::Envoy;
use crate::raw;
use crate::scratch::Scratch;
use crate::source::{Answer, Source};
use crate::webapp::{Behaviour, Shown, WebApp};

/// The source's port in the examples.
pub const SOURCE: u16 = 7_316;
/// Stable's port in the examples.
pub const STABLE: u16 = 8_081;
/// The canary's port in the examples.
pub const CANARY: u16 = 8_082;

/// A change takes a fraction of a second; a busy machine makes it longer, never this long.
pub const APPLY_LIMIT: Duration = Duration::from_secs(15);

/// What runs.
#[derive(Debug)]
pub struct Site {
    /// The proxies, each with two workers.
    pub envoys: Vec<Envoy>,
    /// Where the proxies get their documents.
    pub source: Source,
    /// The application behind `shop-stable`.
    pub stable: WebApp,
    /// The application behind `shop-canary`.
    pub canary: WebApp,
    /// Logs and configurations.
    pub scratch: Scratch,
}

impl Site {
    /// Starts so many proxies on `envoy.yaml`, with a source that answers so.
    ///
    /// # Errors
    /// Where something does not start.
    pub async fn start(proxies: usize, first: Answer) -> Result<Self> {
        Self::start_changed(proxies, first, Ok).await
    }

    /// The same with a changed example.
    ///
    /// # Errors
    /// Where something does not start, or the change does not fit the example.
    pub async fn start_changed(
        proxies: usize,
        first: Answer,
        change: impl FnOnce(Configuration) -> Result<Configuration>,
    ) -> Result<Self> {
        let scratch = Scratch::new()?;
        let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
        let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
        let source = Source::start(first).await?;
        let configuration = Configuration::example("envoy.yaml")?
            .port(SOURCE, source.port())?
            .port(STABLE, stable.port())?
            .port(CANARY, canary.port())?;
        let configuration = change(configuration)?;
        let mut envoys = Vec::new();
        for number in 1..=proxies {
            envoys.push(Envoy::start(&format!("envoy-{number}"), &configuration, &scratch).await?);
        }
        Ok(Self { envoys, source, stable, canary, scratch })
    }

    /// The first proxy.
    ///
    /// # Errors
    /// Where the site was started without any.
    pub fn envoy(&self) -> Result<&Envoy> {
        self.envoys.first().context("a site without proxies")
    }

    /// Publishes rollouts under one revision and waits until every worker of every proxy has all.
    ///
    /// # Errors
    /// Where they do not arrive.
    pub async fn publish(&self, revision: u64, rollouts: &[Rollout]) -> Result<Value> {
        let document = document(revision, rollouts);
        self.source.publish(&document);
        for envoy in &self.envoys {
            for rollout in rollouts {
                envoy.admin().applied(rollout.name(), revision, APPLY_LIMIT).await?;
            }
        }
        Ok(document)
    }

    /// Sends a GET through the first proxy and tells what the application saw.
    ///
    /// # Errors
    /// Where no application answers.
    pub async fn see(&self, host: &str, path: &str, headers: &[(&str, &[u8])]) -> Result<Shown> {
        see(self.envoy()?.port(), host, path, headers).await
    }
}

/// Sends a GET and tells what the application behind saw.
///
/// # Errors
/// Where no application answers.
pub async fn see(port: u16, host: &str, path: &str, headers: &[(&str, &[u8])]) -> Result<Shown> {
    let answer = raw::get(port, host, path, headers).await?;
    serde_json::from_slice(&answer.body).with_context(|| {
        format!(
            "status {}, no application: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        )
    })
}
