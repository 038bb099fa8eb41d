//! Watches what is published and when the last worker has it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use hyper::Method;
use hyper::header::{ETAG, IF_NONE_MATCH};
use serde::Deserialize;
use serin_assignment::{Salt, Weight};
use tokio::task::JoinHandle;

use crate::clock::now_us;
use crate::envoy::Admin;
use crate::http::{self, Answer, Connection};
use crate::rules::{History, Revision};

/// How often the proxies are asked what they have applied.
const POLL: Duration = Duration::from_millis(50);
/// How soon a source that does not answer is asked again.
const RETRY: Duration = Duration::from_millis(50);
/// Longer than the source holds a question (25 s).
const HELD_LIMIT: Duration = Duration::from_secs(35);

/// A document, as far as the rule needs it. Read here by hand and not by the shared parser, so that
/// the check does not rest on what it checks.
#[derive(Debug, Deserialize)]
struct Document {
    rollouts: Vec<Published>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    name: String,
    revision: u64,
    salt: Salt,
    weight: Weight,
    #[serde(default = "yes")]
    canary_serves: bool,
}

fn yes() -> bool {
    true
}

/// Watches one rollout from its source to the workers of some proxies.
#[derive(Debug)]
pub struct Watch {
    history: Arc<Mutex<Vec<Revision>>>,
    tasks: [JoinHandle<()>; 2],
}

impl Watch {
    /// Starts to watch `rollout` at the source on this port and at these proxies.
    ///
    /// A revision counts as published at the millisecond that its number names: the controller
    /// takes it from the clock when it decides, before any proxy can hear of it.
    #[must_use]
    pub fn start(source: u16, proxies: Vec<Admin>, rollout: &str) -> Self {
        let history = Arc::new(Mutex::new(Vec::new()));
        let published = published(source, rollout.to_owned(), Arc::clone(&history));
        let applied = applied(proxies, rollout.to_owned(), Arc::clone(&history));
        Self { history, tasks: [tokio::spawn(published), tokio::spawn(applied)] }
    }

    /// What was seen so far, after the state in which nobody knew the rollout.
    #[must_use]
    pub fn history(&self) -> History {
        let mut revisions = self.history.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(first) = revisions.first() {
            revisions.push(Revision::before_all(first.salt.clone()));
        }
        History::new(revisions)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

type Seen = Arc<Mutex<Vec<Revision>>>;

/// Asks the source as a filter does and notes every new revision.
async fn published(source: u16, rollout: String, seen: Seen) {
    let mut etag: Option<String> = None;
    loop {
        let Ok(answer) = ask(source, etag.as_deref()).await else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        if answer.status == 304 {
            continue;
        }
        let Ok(document) = answer.json::<Document>() else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        etag = answer.header(ETAG.as_str()).map(str::to_owned);
        for published in document.rollouts.into_iter().filter(|one| one.name == rollout) {
            note(&mut seen.lock().unwrap_or_else(PoisonError::into_inner), published);
        }
    }
}

fn note(seen: &mut Vec<Revision>, published: Published) {
    if seen.iter().all(|revision| revision.number != published.revision) {
        seen.push(Revision {
            number: published.revision,
            salt: published.salt,
            weight: published.weight,
            canary_serves: published.canary_serves,
            published_us: published.revision.saturating_mul(1_000).min(now_us()),
            applied_us: None,
        });
    }
}

async fn ask(source: u16, etag: Option<&str>) -> Result<Answer> {
    let headers: Vec<(&str, &str)> =
        etag.into_iter().map(|etag| (IF_NONE_MATCH.as_str(), etag)).collect();
    let request = http::request(Method::GET, "/v1/assignment?wait=25s", &headers, "")?;
    Connection::to(source).await?.send(request, HELD_LIMIT).await
}

/// Reads the gauges of all proxies and notes what the last of them has.
async fn applied(proxies: Vec<Admin>, rollout: String, seen: Seen) {
    let mut ticks = tokio::time::interval(POLL);
    loop {
        ticks.tick().await;
        let mut smallest = u64::MAX;
        for proxy in &proxies {
            // A proxy that does not answer proves nothing.
            smallest = smallest.min(proxy.revision(&rollout).await.unwrap_or(0));
        }
        let now = now_us();
        let mut revisions = seen.lock().unwrap_or_else(PoisonError::into_inner);
        for revision in revisions.iter_mut() {
            if revision.applied_us.is_none() && revision.number <= smallest {
                revision.applied_us = Some(now);
            }
        }
    }
}
