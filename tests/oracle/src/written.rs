//! The headers that are sent upstream.

use serde_json::Value;

use crate::document::text;
use crate::{Decision, Proxy, Request};

const DEFAULT_MARK: &str = "x-serin-variant";

/// The header of a rollout's mark.
pub(crate) fn mark<'a>(rollout: &'a Value, proxy: &Proxy) -> &'a str {
    proxy.mark.unwrap_or_else(|| text(rollout, "mark", DEFAULT_MARK))
}

/// The header of a rollout's cohort.
pub(crate) fn cohort(rollout: &Value) -> Option<&str> {
    rollout.get("cohortHeader").and_then(Value::as_str)
}

/// What a rollout does with a mark that came along.
pub(crate) fn incoming<'a>(rollout: &'a Value, proxy: &Proxy) -> &'a str {
    proxy.incoming.unwrap_or_else(|| text(rollout, "incoming", "replace"))
}

/// Marks and cohorts say what was decided, and nothing is left of what a client forged.
///
/// A header that is written several times over would be a fault of the document, so the order
/// doesn't matter.
pub(crate) fn headers(
    rollouts: &[&Value],
    found: &[&Value],
    proxy: &Proxy,
    decisions: &[Decision],
    request: &Request,
) -> Vec<(String, Vec<u8>)> {
    let mut set: Vec<(&str, Option<String>)> = Vec::new();
    let mut own: Vec<&str> = Vec::new();
    for (rollout, decision) in found.iter().zip(decisions) {
        own.push(mark(rollout, proxy));
        set.push((mark(rollout, proxy), decision.side.map(str::to_owned)));
        if let Some(header) = cohort(rollout) {
            own.push(header);
            // Who decided before knows the cohort, too.
            if decision.reason != "incoming" {
                set.push((header, decision.cohort.map(|cohort| cohort.to_string())));
            }
        }
    }
    // Marks and cohorts of other rollouts, unless they may come from a proxy before this one.
    let mut foreign: Vec<&str> = Vec::new();
    for rollout in rollouts.iter().filter(|rollout| incoming(rollout, proxy) == "replace") {
        foreign.push(mark(rollout, proxy));
        foreign.extend(cohort(rollout));
    }
    if proxy.incoming.unwrap_or("replace") == "replace" {
        foreign.push(proxy.mark.unwrap_or(DEFAULT_MARK));
    }
    set.extend(foreign.into_iter().filter(|header| !own.contains(header)).map(|it| (it, None)));

    let mut headers = request.headers.clone();
    for (name, value) in set {
        headers.retain(|(known, _)| known != name);
        headers.extend(value.map(|value| (name.to_owned(), value.into_bytes())));
    }
    headers
}
