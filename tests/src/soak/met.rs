//! That a load has met what it is to meet: every reason, and every way to refuse a token.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serin_document::token::Refusal;

use super::rollouts::NAME;
use crate::envoy::Admin;
use crate::stats::Sample;

/// Counts go to Envoy once a second.
const LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// Each rollout with the reasons for which it is there. Envoy gives each request an id, so that there
/// is no `no-request-id`.
const REASONS: [(&str, &[&str]); 12] = [
    (
        NAME,
        &[
            "hash",
            "opt-in",
            "opt-out",
            "listed",
            "segment",
            "excluded",
            "ineligible",
            "anonymous",
            "oversized",
        ],
    ),
    ("shop/wild", &["hash", "random"]),
    ("shop/new", &["hash", "new-id"]),
    ("shop/claims", &["hash", "random"]),
    ("shop/address", &["hash"]),
    ("shop/low", &["hash", "other-range"]),
    ("shop/high", &["hash", "other-range"]),
    ("shop/inner", &["hash", "incoming"]),
    ("shop/closed", &["not-serving"]),
    ("shop/needs", &["requires"]),
    ("shop/broken", &["hash", "tripped"]),
    ("shop/rest", &["hash", "route"]),
];

/// Waits until each has been counted.
pub(super) async fn everything(admin: Admin) -> Result<()> {
    let start = Instant::now();
    loop {
        let samples = admin.stats("serin_").await?;
        let missing = missing(&samples);
        if missing.is_empty() {
            // What is the same on both sides trips nothing.
            ensure!(!has(&samples, "serin_assignments", NAME, "tripped"), "{NAME} has tripped");
            return Ok(());
        }
        ensure!(start.elapsed() < LIMIT, "the load has not met {missing:?}");
        tokio::time::sleep(POLL).await;
    }
}

fn missing(samples: &[Sample]) -> Vec<String> {
    let reasons = REASONS.iter().flat_map(|(rollout, reasons)| {
        reasons.iter().map(move |reason| ("serin_assignments", *rollout, *reason))
    });
    let refused = Refusal::ALL.iter().map(|reason| ("serin_tokens_refused", NAME, reason.as_str()));
    let all = reasons.chain(refused);
    all.filter(|(metric, rollout, reason)| !has(samples, metric, rollout, reason))
        .map(|(metric, rollout, reason)| format!("{metric} {rollout} {reason}"))
        .collect()
}

fn has(samples: &[Sample], metric: &str, rollout: &str, reason: &str) -> bool {
    samples.iter().any(|sample| {
        sample.name == metric
            && sample.label("rollout") == rollout
            && sample.label("reason") == reason
            && sample.value > 0.0
    })
}
