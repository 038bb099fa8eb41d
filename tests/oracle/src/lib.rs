//! Who gets the canary, a second time.
//!
//! Written from README alone ("Who gets the canary?", "Rules, parts of the users, testers" and the
//! tables of fields), without a look at the code that it is compared with, and with nothing of it:
//! the document is plain JSON, every question is asked of every rollout, and speed is no aim. Where
//! the two differ, one of them is wrong, or README is.

#[cfg(feature = "cases")]
pub mod cases;
mod condition;
mod document;
mod identity;
pub mod murmur3;
mod payload;
mod request;
mod rules;
mod set_cookie;
mod taken_off;
mod testers;
mod tokens;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use request::Request;
pub use set_cookie::SetCookie;
pub use tokens::token;

/// What a proxy's own configuration says, and where it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// The namespace.
    pub namespace: Option<String>,
    /// `incoming`, where the plugin's configuration has it.
    pub incoming: Option<&'static str>,
    /// `mark`, where the plugin's configuration has it.
    pub mark: Option<&'static str>,
    /// The keys of testers' tokens.
    pub keys: Vec<Key>,
}

/// A key of testers' tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// By which tokens name it.
    pub id: String,
    /// Its bytes.
    pub secret: Vec<u8>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What each of its rollouts decides, in the document's order; one without a rollout where
    /// there is none.
    pub decisions: Vec<Decision>,
    /// What is sent upstream.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The cookies that the response sets, each once, whichever rollouts want it.
    pub set_cookies: BTreeSet<SetCookie>,
}

/// What one rollout decides about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rollout whose request it is.
    pub rollout: Option<String>,
    /// `canary` or `stable`; none where it is not marked.
    pub side: Option<&'static str>,
    /// The reason in the metrics.
    pub reason: &'static str,
    /// The user's sixteenth, where the hash of an id placed the request, a new one too.
    pub cohort: Option<u32>,
    /// Whether it counts as evidence.
    pub evidence: bool,
    /// How many testers' tokens were refused, by reason.
    pub refused: BTreeMap<&'static str, usize>,
}

/// Decides about a request by a document, whose rollouts break no rule but perhaps claim what an
/// earlier one has.
#[must_use]
pub fn decide(document: &Value, proxy: &Proxy, request: &Request) -> Answer {
    let rollouts = document::in_force(document, proxy);
    let found = document::find(&rollouts, proxy.namespace.as_deref(), request);
    let mut set_cookies = BTreeSet::new();
    let mut decisions: Vec<Decision> = found
        .iter()
        .map(|rollout| rules::decide(rollout, proxy, request, &mut set_cookies))
        .collect();
    let left = taken_off::taken_off(&rollouts, &found, request);
    let headers = written::headers(&rollouts, &found, proxy, &decisions, &left);
    if found.is_empty() {
        decisions.push(Decision {
            rollout: None,
            side: None,
            reason: "no-rollout",
            cohort: None,
            evidence: false,
            refused: BTreeMap::new(),
        });
    }
    Answer { decisions, headers, set_cookies }
}
