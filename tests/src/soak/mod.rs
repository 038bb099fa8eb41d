//! A long load of hostile requests on the real Envoy, and many changes under it: nothing fails, no
//! memory is lost, and no forged mark gets through.

mod http1;
mod http2;
mod requests;
mod tally;
mod upstream;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::configuration::Configuration;
use crate::delivery::{Delivery, FailurePolicy};
use crate::documents::{Rollout, document, revision_now};
use crate::envoy::Envoy;
use crate::scratch::Scratch;
use crate::site::{APPLY_LIMIT, CANARY, SOURCE, STABLE};
use crate::source::{Answer, Source};
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
/// The rollout whose revision shows that a change has arrived.
const NAME: &str = "shop/checkout";

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Requests whose memory is looked at.
    pub requests: u64,
    /// So many changes of the filter's configuration, and as many of the source's document.
    pub changes: u32,
    /// How much more memory Envoy may hold than after the first fifth of the requests.
    pub growth: f64,
}

impl Plan {
    /// A share of the whole, in percent: 5 million requests and 500 changes of each kind.
    #[must_use]
    pub fn percent(percent: u32) -> Self {
        // What a short run allocates once weighs more in it.
        let growth = if percent >= 100 { 0.05 } else { 0.1 };
        Self { requests: 50_000 * u64::from(percent), changes: 5 * percent, growth }
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
    say(format!("answers: {}", soak.tally.statuses()));
    soak.sound()
}

struct Soak {
    envoy: Envoy,
    source: Source,
    delivery: Delivery,
    upstreams: [Upstream; 2],
    tally: Arc<Tally>,
    _scratch: Scratch,
}

impl Soak {
    async fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let upstreams = [Upstream::start("stable").await?, Upstream::start("canary").await?];
        let source = Source::start(Answer::document(&rollouts(revision_now(), "50%"))).await?;
        let module = crate::artifacts::module()?;
        let delivery = Delivery::new(&scratch)?.with(&module, FailurePolicy::Closed);
        delivery.write(&by_source())?;
        let configuration = Configuration::example("envoy.yaml")?
            // The example's second lock on the mark is opened: the filter itself must hold.
            .replace("{remove: x-serin-variant}", "{remove: x-something-else}")?
            .delivered(&delivery.file())?
            .port(SOURCE, source.port())?
            .port(STABLE, upstreams[0].port())?
            .port(CANARY, upstreams[1].port())?;
        let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
        envoy.admin().applied(NAME, 1, APPLY_LIMIT).await?;
        let tally = Arc::new(Tally::default());
        Ok(Self { envoy, source, delivery, upstreams, tally, _scratch: scratch })
    }

    /// Sends requests until so many are answered, or for ever.
    fn lanes(&self, requests: u64) -> JoinSet<Result<()>> {
        self.tally.begin(requests);
        let port = self.envoy.port();
        let mut lanes = JoinSet::new();
        for _ in 0..HTTP1_CONNECTIONS {
            lanes.spawn(http1::lane(port, Arc::clone(&self.tally)));
        }
        for _ in 0..HTTP2_CONNECTIONS {
            lanes.spawn(http2::lane(port, Arc::clone(&self.tally)));
        }
        lanes.spawn(http1::rude_lane(port, Arc::clone(&self.tally)));
        lanes
    }

    async fn load(&mut self, plan: Plan, say: &impl Fn(String)) -> Result<()> {
        let mut lanes = self.lanes(plan.requests);
        let start = Instant::now();
        let (mut base, mut highest, mut line) = (None, 0.0_f64, 1);
        while !lanes.is_empty() {
            tokio::select! {
                Some(ended) = lanes.join_next() => ended??,
                () = tokio::time::sleep(LOOK) => {}
            }
            let (done, memory) = (self.tally.answered(), self.memory()?);
            if done * 5 >= plan.requests {
                base.get_or_insert(memory);
                highest = highest.max(memory);
            }
            while done >= plan.requests * line / LINES && line <= LINES {
                line += 1;
                say(format!(
                    "{done} of {} requests after {:.0} s, {memory:.1} MiB",
                    plan.requests,
                    start.elapsed().as_secs_f64()
                ));
            }
        }
        self.sound()?;
        let base = base.context("no look at the memory")?;
        let growth = highest / base - 1.0;
        say(format!(
            "memory: {base:.1} MiB after a fifth, then at most {highest:.1} MiB ({:+.1} %)",
            growth * 100.0
        ));
        ensure!(growth <= plan.growth, "memory grew by {:.1} %", growth * 100.0);
        Ok(())
    }

    /// Each arrives in every worker, while requests go on.
    async fn configurations(&mut self, plan: Plan, say: &impl Fn(String)) -> Result<()> {
        let lanes = self.lanes(u64::MAX);
        let start = Instant::now();
        for number in 1..=plan.changes {
            let revision = revision_now();
            // One in ten is no document of ours: what was in force goes on.
            if number.is_multiple_of(10) {
                self.delivery.write(&json!({"formatVersion": "9.0"}))?;
            }
            self.delivery.write(&rollouts(revision, weight(number)))?;
            self.envoy.admin().applied(NAME, revision, APPLY_LIMIT).await?;
            self.sound()?;
            progress(say, "configurations", number, plan.changes, start);
        }
        self.source.publish(&rollouts(revision_now(), "50%"));
        self.delivery.write(&by_source())?;
        self.stop(lanes).await
    }

    /// The same with the document that the source has.
    async fn documents(&mut self, plan: Plan, say: &impl Fn(String)) -> Result<()> {
        let lanes = self.lanes(u64::MAX);
        let start = Instant::now();
        for number in 1..=plan.changes {
            let revision = revision_now();
            self.source.publish(&rollouts(revision, weight(number)));
            self.envoy.admin().applied(NAME, revision, APPLY_LIMIT).await?;
            self.sound()?;
            progress(say, "documents", number, plan.changes, start);
        }
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
        for upstream in &self.upstreams {
            let wrong = upstream.wrong().load(Ordering::Relaxed);
            ensure!(wrong == 0, "{wrong} requests came to {} with another mark", upstream.side());
        }
        Ok(())
    }

    /// Envoy's resident memory in MiB.
    fn memory(&mut self) -> Result<f64> {
        let file = format!("/proc/{}/status", self.envoy.process().id());
        let status = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: u32 = kib.context("no VmRSS")?.parse()?;
        Ok(f64::from(kib) / 1024.0)
    }
}

fn progress(say: &impl Fn(String), what: &str, number: u32, all: u32, start: Instant) {
    if number.is_multiple_of(all.div_ceil(5).max(1)) || number == all {
        say(format!("{number} of {all} {what} after {:.0} s", start.elapsed().as_secs_f64()));
    }
}

fn by_source() -> Value {
    json!({"formatVersion": "1.0", "source": {"cluster": "serin", "minInterval": "100ms"}})
}

const fn weight(number: u32) -> &'static str {
    match number % 4 {
        0 => "0%",
        1 => "100%",
        2 => "12.34%",
        _ => "50%",
    }
}

/// Rollouts with every way to find an id, on the hosts that requests are for.
fn rollouts(revision: u64, weight: &str) -> Value {
    let every = json!([{"header": "x-user-id"}, {"cookie": "uid"}, {"query": "user"}]);
    let testers = json!([{"header": "x-opt"}, {"cookie": "opt"}, {"query": "opt"}]);
    let shop = Rollout::new(NAME, requests::HOST)
        .weight(weight)
        .with("identity", every.clone())
        .with("testers", testers)
        .with("cohortHeader", json!("x-cohort"))
        .with("clusters", json!({"stable": ["shop-stable"], "canary": ["shop-canary"]}))
        .with("latencyBounds", json!(["250ms", "1s"]));
    let wild = Rollout::new("shop/wild", "*.example.com")
        .weight(weight)
        .with("anonymous", json!("random"))
        .with("paths", json!(["/checkout", "/a/b"]))
        .with("identity", every);
    let rest = Rollout::new("shop/rest", "*").weight(weight).with("anonymous", json!("route"));
    document(revision, &[shop, wild, rest])
}
