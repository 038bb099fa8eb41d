//! What stands for the proxies of many releases: one page of metrics, as a proxy's filter would have
//! them, scraped by the real Prometheus.
//!
//! At each scrape the document is fetched from the controller and counts as taken up. Requests come
//! evenly to all cohorts, as many to the canary as the document's weight says, and none fails but
//! those of a canary that is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Result;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde::Deserialize;
use serin_assignment::Weight;
use serin_document::{RolloutName, metrics};
use serin_tests::http;
use serin_tests::serve::Server;

/// Requests a second of each release.
pub(super) const RATE: f64 = 100.0;
/// The share of a failing canary's requests that fail.
pub(super) const ERROR_RATE: f64 = 0.2;
/// As many as the filter has.
const COHORTS: u32 = 16;

/// The page and what it is made of.
pub(super) struct Exporter {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The controller's port; none while none runs.
    controller: Option<u16>,
    rollouts: BTreeMap<String, Counted>,
    failing: BTreeSet<String>,
    scraped: Option<Instant>,
}

/// What the filter would have counted of a rollout.
struct Counted {
    id: String,
    revision: u64,
    stable: f64,
    canary: f64,
    failed: f64,
}

/// A document, as far as it is needed.
#[derive(Deserialize)]
struct Document {
    rollouts: Vec<Published>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    name: String,
    revision: u64,
    weight: Weight,
    canary_serves: bool,
}

impl Exporter {
    pub(super) async fn start() -> Result<Self> {
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let server = Server::start(0, move |_| {
            let state = Arc::clone(&shared);
            async move { Response::new(Full::new(Bytes::from(page(&state).await))) }
        });
        Ok(Self { server: server.await?, state })
    }

    pub(super) fn port(&self) -> u16 {
        self.server.port()
    }

    /// Takes the document from there from now on.
    pub(super) fn follow(&self, controller: u16) {
        lock(&self.state).controller = Some(controller);
    }

    /// Lets a share of a canary's requests fail from the next scrape on.
    pub(super) fn fail(&self, rollout: &str) {
        lock(&self.state).failing.insert(rollout.to_owned());
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn page(state: &Mutex<State>) -> String {
    let controller = lock(state).controller;
    let answer = match controller {
        Some(port) => http::get(port, "/v1/assignment").await.ok(),
        None => None,
    };
    let document = answer.and_then(|answer| answer.json::<Document>().ok());
    let mut state = lock(state);
    if let Some(document) = document {
        state.count(document);
    }
    state.page()
}

impl State {
    /// Counts what has come since the last scrape.
    fn count(&mut self, document: Document) {
        let now = Instant::now();
        let since = self.scraped.replace(now).map_or(0.0, |last| (now - last).as_secs_f64());
        for Published { name, revision, weight, canary_serves } in document.rollouts {
            let failing = self.failing.contains(&name);
            let counted = self.rollouts.entry(name.clone()).or_insert_with(|| Counted {
                id: RolloutName::new(&name).map(|name| name.metric_id()).unwrap_or_default(),
                revision: 0,
                stable: 0.0,
                canary: 0.0,
                failed: 0.0,
            });
            let share = if canary_serves { weight.share() } else { 0.0 };
            counted.revision = revision;
            counted.stable += since * RATE * (1.0 - share);
            let failed = if failing { ERROR_RATE } else { 0.0 };
            counted.canary += since * RATE * share * (1.0 - failed);
            counted.failed += since * RATE * share * failed;
        }
    }

    fn page(&self) -> String {
        let mut page = String::new();
        for (name, counted) in &self.rollouts {
            let tags =
                format!("{}=\"{}\",{}=\"{name}\"", metrics::ID, counted.id, metrics::ROLLOUT);
            line(&mut page, metrics::REVISION, &tags, counted.revision);
            for (variant, class, count) in [
                ("stable", metrics::OK, counted.stable),
                ("canary", metrics::OK, counted.canary),
                ("canary", metrics::ERROR, counted.failed),
            ] {
                if count == 0.0 {
                    continue;
                }
                for cohort in 0..COHORTS {
                    let tags = format!(
                        "{tags},{}=\"{variant}\",{}=\"{cohort}\",{}=\"{class}\"",
                        metrics::VARIANT,
                        metrics::COHORT,
                        metrics::CLASS
                    );
                    // Cohorts take turns, so that their sum is the whole.
                    let part = (whole(count) + u64::from(cohort)) / u64::from(COHORTS);
                    line(&mut page, metrics::RESPONSES, &tags, part);
                }
            }
            for (variant, count) in
                [("stable", counted.stable), ("canary", counted.canary + counted.failed)]
            {
                let tags = format!(
                    "{tags},{}=\"{variant}\",{}=\"{variant}\"",
                    metrics::VARIANT,
                    metrics::SERVED_BY
                );
                line(&mut page, metrics::SERVED, &tags, whole(count));
            }
        }
        page
    }
}

fn line(page: &mut String, name: &str, tags: &str, value: u64) {
    // Writing into a text never fails.
    let _ = writeln!(page, "{name}{{{tags}}} {value}");
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are positive and far below 2^53"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cohorts_have_is_the_whole_and_only_failing_canaries_fail() {
        let mut state = State::default();
        let document = |weight: &str| Document {
            rollouts: vec![Published {
                name: "a/b".to_owned(),
                revision: 7,
                weight: weight.parse().unwrap(),
                canary_serves: true,
            }],
        };
        state.count(document("50%"));
        state.failing.insert("a/b".to_owned());
        state.scraped = Instant::now().checked_sub(std::time::Duration::from_secs(1_000));
        state.count(document("50%"));
        let page = state.page();
        let sum = |needle: &str| -> u64 {
            let lines = page.lines().filter(|line| line.contains(needle));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
        };
        let failed = sum("class=\"error\"");
        assert!((9_990..=10_010).contains(&failed), "{failed}");
        let stable = sum("variant=\"stable\",cohort");
        assert!((49_990..=50_010).contains(&stable), "{stable}");
        assert!(page.contains("serin_rollout_revision{id=\"") && page.ends_with('\n'), "{page}");
    }
}
