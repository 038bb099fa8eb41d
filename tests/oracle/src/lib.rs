//! Who gets the canary, a second time.
//!
//! Written from README's "Who gets the canary?" and its tables alone, without a look at the code
//! that it is compared with, and with nothing of it: the document is plain JSON, every question is
//! asked of every rollout, and speed is no aim. Where the two differ, one of them is wrong, or
//! README is.

#[cfg(feature = "cases")]
pub mod cases;
mod document;
pub mod murmur3;
mod request;
mod rules;

use serde_json::Value;

pub use request::Request;

/// What a proxy's own configuration says, and where it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// The namespace.
    pub namespace: Option<String>,
    /// `incoming`, where the plugin's configuration has it.
    pub incoming: Option<&'static str>,
    /// `mark`, where the plugin's configuration has it.
    pub mark: Option<&'static str>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The rollout whose request it is.
    pub rollout: Option<String>,
    /// `canary` or `stable`; none where it is not marked.
    pub side: Option<&'static str>,
    /// The reason in the metrics.
    pub reason: &'static str,
    /// The user's sixteenth, where the hash of an id placed the request.
    pub cohort: Option<u32>,
    /// Whether it counts as evidence.
    pub evidence: bool,
    /// What is sent upstream.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Decides about a request by a document, whose rollouts break no rule but perhaps claim what an
/// earlier one has.
#[must_use]
pub fn decide(document: &Value, proxy: &Proxy, request: &Request) -> Answer {
    let namespace = proxy.namespace.as_deref();
    let rollouts = document::in_force(document, namespace);
    let found = document::find(&rollouts, namespace, request);
    let choice = match found {
        Some(rollout) => rules::choose(rollout, proxy, request),
        None => rules::Choice::unmarked("no-rollout"),
    };
    Answer {
        rollout: found.map(|rollout| document::text(rollout, "name", "").to_owned()),
        side: choice.side,
        reason: choice.reason,
        cohort: choice.cohort,
        evidence: matches!(choice.reason, "hash" | "random"),
        headers: rules::written(&rollouts, found, proxy, &choice, request),
    }
}
