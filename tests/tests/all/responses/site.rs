//! One proxy in front of servers that behave badly.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::envoy::{Admin, Envoy};
use serin_tests::raw;
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, SOURCE, STABLE};
use serin_tests::source::{Answer, Source};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::upstream::Upstream;

/// How many milliseconds an answer takes that is slower than the first bound, and than both.
pub(crate) const SLOW: [&str; 2] = ["/slow/2500", "/slow/5500"];
/// The bounds. An answer at once is faster than the first however busy the machine is.
pub(crate) const BOUNDS: [&str; 2] = ["2s", "5s"];

pub(crate) struct Site {
    pub(crate) upstream: Upstream,
    source: Source,
    envoy: Envoy,
    _scratch: Scratch,
}

impl Site {
    /// The example with two things that many have: a limit on the time of an answer, and a second
    /// try where the connection was reset.
    pub(crate) async fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let upstream = Upstream::start().await?;
        let source = Source::start(Answer::document(&document(1, &[]))).await?;
        let policy = "timeout: 8s, retry_policy: {retry_on: reset, num_retries: 1}}";
        let configuration = Configuration::example("envoy.yaml")?
            .replace("{cluster: shop-canary}", &format!("{{cluster: shop-canary, {policy}"))?
            .replace("{cluster: shop-stable}", &format!("{{cluster: shop-stable, {policy}"))?
            .port(SOURCE, source.port())?
            .port(STABLE, upstream.port())?
            .port(CANARY, upstream.port())?;
        let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
        Ok(Self { upstream, source, envoy, _scratch: scratch })
    }

    pub(crate) fn admin(&self) -> Admin {
        self.envoy.admin()
    }

    pub(crate) async fn publish(&self, rollouts: &[Rollout]) -> Result<()> {
        let revision = revision_now();
        self.source.publish(&document(revision, rollouts));
        for rollout in rollouts {
            self.admin().applied(rollout.name(), revision, APPLY_LIMIT).await?;
        }
        Ok(())
    }

    /// Sends a request over a connection of its own and reads the answer as far as it comes.
    pub(crate) async fn get(
        &self,
        host: &str,
        path: &str,
        headers: &[(&str, &[u8])],
    ) -> Result<u16> {
        Ok(raw::get(self.envoy.port(), host, path, headers).await?.status)
    }

    pub(crate) async fn user(&self, host: &str, path: &str, user: &str) -> Result<u16> {
        self.get(host, path, &[("x-user-id", user.as_bytes())]).await
    }

    /// Sends requests of these users and gives the connections: whoever drops one has left.
    pub(crate) async fn begin(
        &self,
        host: &str,
        path: &str,
        users: impl Iterator<Item = String>,
    ) -> Result<Vec<TcpStream>> {
        let before = self.upstream.arrived();
        let mut streams = Vec::new();
        for user in users {
            let mut stream = TcpStream::connect(("127.0.0.1", self.envoy.port())).await?;
            let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nx-user-id: {user}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            streams.push(stream);
        }
        self.upstream.reaches(before + streams.len()).await?;
        Ok(streams)
    }

    /// Without this a test would prove nothing of the second worker.
    pub(crate) async fn both_workers_took_part(&self) -> Result<()> {
        let samples = self.admin().stats("worker_[0-9]%2B.downstream_cx_total").await?;
        let busy = samples.iter().filter(|one| one.value > 0.0).count();
        ensure!(busy == 2, "connections by worker: {samples:?}");
        Ok(())
    }
}

/// A rollout with all that is counted by.
pub(crate) fn rollout(name: &str, host: &str, weight: &str) -> Rollout {
    Rollout::new(name, host)
        .weight(weight)
        .with("clusters", clusters())
        .with("latencyBounds", json!(BOUNDS))
}

fn clusters() -> Value {
    json!({"stable": ["shop-stable"], "canary": ["shop-canary"]})
}

/// Reads until the part of the answer that comes.
pub(crate) async fn read_part(stream: &mut TcpStream) -> Result<()> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"part") {
        answer.push(stream.read_u8().await.context("no answer to leave in the middle of")?);
    }
    Ok(())
}
