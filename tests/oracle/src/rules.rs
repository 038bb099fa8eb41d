//! The questions that every request of a rollout goes through.

use serde_json::Value;

use crate::document::{basis_points, buckets, list, text};
use crate::written::{incoming, mark};
use crate::{Decision, Proxy, Request, murmur3};

/// An answer.
struct Choice {
    side: Option<&'static str>,
    reason: &'static str,
    cohort: Option<u32>,
}

impl Choice {
    fn marked(side: &'static str, reason: &'static str) -> Self {
        Self { side: Some(side), reason, cohort: None }
    }

    fn unmarked(reason: &'static str) -> Self {
        Self { side: None, reason, cohort: None }
    }
}

/// What a rollout decides about one of its requests.
pub(crate) fn decide(rollout: &Value, proxy: &Proxy, request: &Request) -> Decision {
    let Choice { side, reason, cohort } = choose(rollout, proxy, request);
    Decision {
        rollout: Some(text(rollout, "name", "").to_owned()),
        side,
        reason,
        cohort,
        evidence: matches!(reason, "hash" | "random"),
    }
}

/// The questions in their order; the first that applies decides.
fn choose(rollout: &Value, proxy: &Proxy, request: &Request) -> Choice {
    if !list(rollout, "requires").is_empty() {
        return Choice::marked("stable", "requires");
    }
    if rollout.get("canaryServes") == Some(&Value::Bool(false)) {
        return Choice::marked("stable", "not-serving");
    }
    if incoming(rollout, proxy) == "keep"
        && let Some(side) = request.header(mark(rollout, proxy)).and_then(|value| side(&value))
    {
        return Choice::marked(side, "incoming");
    }
    for tester in list(rollout, "testers") {
        match value(tester, request).and_then(|value| side(&value)) {
            Some("canary") => return Choice::marked("canary", "opt-in"),
            Some(_) => return Choice::marked("stable", "opt-out"),
            None => {}
        }
    }
    let mut ids = list(rollout, "identity").iter().filter_map(|source| value(source, request));
    match ids.find(|id| !id.is_empty()) {
        Some(id) if id.len() > 256 => Choice { reason: "oversized", ..anonymous(rollout, request) },
        Some(id) => {
            let hash = hash(rollout, &id);
            let placed = placed(rollout, hash, "hash");
            let cohort = (placed.reason == "hash").then_some(hash & 15);
            Choice { cohort, ..placed }
        }
        None => anonymous(rollout, request),
    }
}

fn anonymous(rollout: &Value, request: &Request) -> Choice {
    match text(rollout, "anonymous", "stable") {
        "random" => {
            // Envoy keeps the trace decision in the 15th character, which differs from hop to hop.
            let mut id = request.header("x-request-id").unwrap_or_default();
            if id.len() < 15 {
                return Choice::unmarked("no-request-id");
            }
            id.remove(14);
            placed(rollout, hash(rollout, &id), "random")
        }
        "route" => Choice::unmarked("route"),
        _ => Choice::marked("stable", "anonymous"),
    }
}

fn hash(rollout: &Value, id: &[u8]) -> u32 {
    murmur3::x86_32(&[text(rollout, "salt", "").as_bytes(), b":", id].concat())
}

/// Counted from the start of the rollout's own buckets; who is outside of them is on stable.
fn placed(rollout: &Value, hash: u32, reason: &'static str) -> Choice {
    let bucket = (u64::from(hash) * 10_000) >> 32;
    let (from, to) = buckets(rollout);
    let weight = u64::from(basis_points(text(rollout, "weight", "0%")));
    if bucket < from || bucket >= to {
        Choice::marked("stable", "other-range")
    } else if bucket < from + weight {
        Choice::marked("canary", reason)
    } else {
        Choice::marked("stable", reason)
    }
}

/// What stands at a source.
fn value(source: &Value, request: &Request) -> Option<Vec<u8>> {
    let named = |kind: &str| source.get(kind).and_then(Value::as_str);
    if let Some(name) = named("header") {
        request.header(&name.to_ascii_lowercase())
    } else if let Some(name) = named("cookie") {
        request.cookie(name)
    } else {
        request.parameter(named("query")?)
    }
}

fn side(value: &[u8]) -> Option<&'static str> {
    ["canary", "stable"].into_iter().find(|side| side.as_bytes() == value)
}
