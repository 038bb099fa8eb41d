//! A long load of hostile requests on the real Envoy, by rollouts with all that a document may say, and
//! many changes under it: everybody is served, no memory is lost, and neither a forged mark nor a
//! tester's token gets through.

mod http1;
mod http2;
mod memory;
mod met;
mod requests;
mod rollouts;
mod secrets;
mod tally;
mod upstream;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::task::JoinSet;

use crate::artifacts;
use crate::configuration::Configuration;
use crate::delivery::{Delivery, FailurePolicy};
use crate::documents::revision_now;
use crate::envoy::Envoy;
use crate::issuer::EXAMPLE_KEYS;
use crate::scratch::Scratch;
use crate::site::{APPLY_LIMIT, CANARY, SOURCE, STABLE};
use crate::source::{Answer, Source};
use memory::Memory;
use rollouts::{NAME, by_source, plugin};
use secrets::Secrets;
use tally::Tally;
use upstream::Upstream;

/// Kept connections; Envoy spreads them over its workers.
const HTTP1_CONNECTIONS: usize = 12;
/// Each with many requests at once.
const HTTP2_CONNECTIONS: usize = 2;
/// How often progress and memory are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Lines of progress.
const LINES: u64 = 20;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Requests whose memory is looked at.
    pub requests: u64,
    /// So many changes of the filter's configuration, and as many of the source's document.
    pub changes: u32,
}

impl Plan {
    /// A share of the whole, in percent: 5 million requests and 500 changes of each kind.
    #[must_use]
    pub fn percent(percent: u32) -> Self {
        Self { requests: 50_000 * u64::from(percent), changes: 5 * percent }
    }
}

/// Does it all, and says what comes of it line by line.
///
/// # Errors
/// The first thing that is not as it should be.
pub async fn run(plan: Plan, say: impl Fn(String)) -> Result<()> {
    let mut soak = Soak::start().await?;
    soak.load(plan, &say).await.context("hostile requests")?;
    soak.configurations(plan, &say).await.context("changes of the configuration")?;
    soak.documents(plan, &say).await.context("changes at the source")?;
    say(format!("answers: {}", soak.tally.kinds()));
    soak.sound()
}

struct Soak {
    envoy: Envoy,
    source: Source,
    delivery: Delivery,
    upstreams: [Upstream; 2],
    tally: Arc<Tally>,
    secrets: Arc<Secrets>,
    scratch: Scratch,
}

impl Soak {
    async fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let upstreams = [Upstream::start("stable").await?, Upstream::start("canary").await?];
        let source =
            Source::start(Answer::document(&rollouts::all(revision_now(), "50%")?)).await?;
        let secrets = Arc::new(Secrets::new()?);
        // All that the plain one has is in the one with tripwires.
        let module = artifacts::module_with_tripwires()?;
        let delivery = Delivery::new(&scratch)?.with(&module, FailurePolicy::Closed);
        delivery.write(&plugin(&secrets, by_source()))?;
        let configuration = configuration(&secrets)?
            .delivered(&delivery.file())?
            .port(SOURCE, source.port())?
            .port(STABLE, upstreams[0].port())?
            .port(CANARY, upstreams[1].port())?;
        let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
        envoy.admin().applied(NAME, 1, APPLY_LIMIT).await?;
        let tally = Arc::new(Tally::default());
        Ok(Self { envoy, source, delivery, upstreams, tally, secrets, scratch })
    }

    /// Sends requests until so many are answered, or for ever.
    fn lanes(&self, requests: u64) -> JoinSet<Result<()>> {
        self.tally.begin(requests);
        let port = self.envoy.port();
        let mut lanes = JoinSet::new();
        for _ in 0..HTTP1_CONNECTIONS {
            lanes.spawn(http1::lane(port, Arc::clone(&self.tally), Arc::clone(&self.secrets)));
        }
        for _ in 0..HTTP2_CONNECTIONS {
            lanes.spawn(http2::lane(port, Arc::clone(&self.tally), Arc::clone(&self.secrets)));
        }
        lanes.spawn(http1::rude_lane(port, Arc::clone(&self.tally)));
        lanes
    }

    async fn load(&mut self, plan: Plan, say: &impl Fn(String)) -> Result<()> {
        let mut lanes = self.lanes(plan.requests);
        let start = Instant::now();
        let mut memory = Memory::of(self.envoy.process().id());
        let mut line = 1;
        while !lanes.is_empty() {
            tokio::select! {
                Some(ended) = lanes.join_next() => ended??,
                () = tokio::time::sleep(LOOK) => {}
            }
            let done = self.tally.answered();
            let now = memory.look(done * 5 >= plan.requests)?;
            while done >= plan.requests * line / LINES && line <= LINES {
                line += 1;
                say(format!(
                    "{done} of {} requests after {:.0} s, {now:.1} MiB",
                    plan.requests,
                    start.elapsed().as_secs_f64()
                ));
            }
        }
        self.sound()?;
        say(format!("memory: {}", memory.flat()?));
        met::everything(self.envoy.admin()).await
    }

    /// Each arrives in every worker, while requests go on. The first brings another module as well,
    /// as an upgrade does: the one without tripwires.
    async fn configurations(&mut self, plan: Plan, say: &impl Fn(String)) -> Result<()> {
        let lanes = self.lanes(u64::MAX);
        let start = Instant::now();
        let mut memory = Memory::of(self.envoy.process().id());
        self.delivery = Delivery::new(&self.scratch)?;
        for number in 1..=plan.changes {
            let revision = revision_now();
            // One in ten is no document of ours: what was in force goes on.
            if number.is_multiple_of(10) {
                self.delivery.write(&json!({"formatVersion": "9.0"}))?;
            }
            let document = rollouts::all(revision, weight(number))?;
            self.delivery.write(&plugin(&self.secrets, document))?;
            self.envoy.admin().applied(NAME, revision, APPLY_LIMIT).await?;
            self.sound()?;
            memory.look(number * 5 >= plan.changes)?;
            progress(say, "configurations", number, plan.changes, start);
        }
        say(format!("memory: {}", memory.flat()?));
        self.source.publish(&rollouts::all(revision_now(), "50%")?);
        self.delivery.write(&plugin(&self.secrets, by_source()))?;
        self.stop(lanes).await
    }

    /// The same with the document that the source has.
    async fn documents(&mut self, plan: Plan, say: &impl Fn(String)) -> Result<()> {
        let lanes = self.lanes(u64::MAX);
        let start = Instant::now();
        let mut memory = Memory::of(self.envoy.process().id());
        for number in 1..=plan.changes {
            let revision = revision_now();
            self.source.publish(&rollouts::all(revision, weight(number))?);
            self.envoy.admin().applied(NAME, revision, APPLY_LIMIT).await?;
            self.sound()?;
            memory.look(number * 5 >= plan.changes)?;
            progress(say, "documents", number, plan.changes, start);
        }
        say(format!("memory: {}", memory.flat()?));
        self.stop(lanes).await
    }

    async fn stop(&self, mut lanes: JoinSet<Result<()>>) -> Result<()> {
        self.tally.stop();
        while let Some(ended) = lanes.join_next().await {
            ended??;
        }
        self.sound()
    }

    /// No answer failed, and every mark that arrived was the filter's.
    fn sound(&self) -> Result<()> {
        self.tally.sound()?;
        self.upstreams.iter().try_for_each(Upstream::sound)
    }
}

/// The example with Envoy's own filter for tokens, asked by the source, and open to whatever comes: the
/// filter gets requests whose token does not hold, too, and marks that clients send.
fn configuration(secrets: &Secrets) -> Result<Configuration> {
    let cluster = json!({
        "name": "serin", "type": "STATIC", "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "serin", "endpoints": [{"lb_endpoints": [{"endpoint": {
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": SOURCE}}}}]}]},
    });
    let hops = "use_remote_address: true";
    Configuration::example("identity.yaml")?
        .replace(EXAMPLE_KEYS, &secrets.issuer_keys())?
        .replace("{allow_missing: {}}", "{allow_missing_or_failed: {}}")?
        .replace(hops, &format!("{hops}\n          xff_num_trusted_hops: 1"))?
        .replace("{remove: x-serin-variant}", "{remove: x-something-else}")?
        .replace("  clusters:\n", &format!("  clusters:\n  - {cluster}\n"))
}

fn progress(say: &impl Fn(String), what: &str, number: u32, all: u32, start: Instant) {
    if number.is_multiple_of(all.div_ceil(5).max(1)) || number == all {
        say(format!("{number} of {all} {what} after {:.0} s", start.elapsed().as_secs_f64()));
    }
}

const fn weight(number: u32) -> &'static str {
    match number % 4 {
        0 => "0%",
        1 => "100%",
        2 => "12.34%",
        _ => "50%",
    }
}
