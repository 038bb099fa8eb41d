//! The questions that every request of a rollout goes through.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::condition::holds;
use crate::document::{basis_points, buckets, list, text};
use crate::identity::{hexadecimal, new_id, value};
use crate::testers::{Refused, side};
use crate::written::{incoming, mark};
use crate::{Decision, Proxy, Request, SetCookie, murmur3, testers};

/// An answer.
struct Choice {
    side: Option<&'static str>,
    reason: &'static str,
    cohort: Option<u32>,
    refused: Refused,
}

impl Choice {
    fn marked(side: &'static str, reason: &'static str) -> Self {
        Self { side: Some(side), reason, cohort: None, refused: Refused::new() }
    }

    fn unmarked(reason: &'static str) -> Self {
        Self { side: None, reason, cohort: None, refused: Refused::new() }
    }
}

/// What a rollout decides about one of its requests; what the response is to set comes to the rest.
pub(crate) fn decide(
    rollout: &Value,
    proxy: &Proxy,
    request: &Request,
    set_cookies: &mut BTreeSet<SetCookie>,
) -> Decision {
    let Choice { side, reason, cohort, refused } = choose(rollout, proxy, request, set_cookies);
    Decision {
        rollout: Some(text(rollout, "name", "").to_owned()),
        side,
        reason,
        cohort,
        evidence: matches!(reason, "hash" | "new-id" | "random"),
        refused,
    }
}

/// The questions in their order; the first that applies decides.
fn choose(
    rollout: &Value,
    proxy: &Proxy,
    request: &Request,
    set_cookies: &mut BTreeSet<SetCookie>,
) -> Choice {
    let known = ["buckets", "eligible", "exclude", "segments", "users"];
    if list(rollout, "requires").iter().any(|what| !known.iter().any(|known| what == known)) {
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
    if list(rollout, "exclude").iter().any(|condition| holds(condition, request)) {
        return Choice::marked("stable", "excluded");
    }
    if rollout.get("eligible").is_some_and(|condition| !holds(condition, request)) {
        return Choice::marked("stable", "ineligible");
    }
    let said = testers::asked(rollout, &proxy.keys, request);
    set_cookies.extend(said.set_cookies);
    let choice = match said.side {
        Some("canary") => Choice::marked("canary", "opt-in"),
        Some(_) => Choice::marked("stable", "opt-out"),
        None => by_user(rollout, request, set_cookies),
    };
    Choice { refused: said.refused, ..choice }
}

fn by_user(rollout: &Value, request: &Request, set_cookies: &mut BTreeSet<SetCookie>) -> Choice {
    let sources = list(rollout, "identity");
    let mut ids = sources.iter().filter_map(|source| value(source, request));
    let id = ids.find(|id| !id.is_empty());
    if let Some(id) = id.as_deref().filter(|id| id.len() <= 256)
        && let Some(side) = listed(rollout, id)
    {
        return Choice::marked(side, "listed");
    }
    for segment in list(rollout, "segments") {
        if segment.get("when").is_some_and(|condition| holds(condition, request)) {
            let canary = text(segment, "variant", "") == "canary";
            return Choice::marked(if canary { "canary" } else { "stable" }, "segment");
        }
    }
    match id {
        Some(id) if id.len() > 256 => Choice { reason: "oversized", ..anonymous(rollout, request) },
        Some(id) => by_hash(rollout, &id, "hash"),
        None => match sources.last().and_then(|source| source.get("generated")) {
            Some(generated) => {
                let id = new_id(request);
                set_cookies.insert(SetCookie::with_id(generated, &id));
                by_hash(rollout, id.as_bytes(), "new-id")
            }
            None => anonymous(rollout, request),
        },
    }
}

fn by_hash(rollout: &Value, id: &[u8], reason: &'static str) -> Choice {
    let hash = hash(rollout, id);
    let placed = placed(rollout, hash, reason);
    let cohort = (placed.reason == reason).then_some(hash & 15);
    Choice { cohort, ..placed }
}

/// The side on whose list a user is.
fn listed(rollout: &Value, id: &[u8]) -> Option<&'static str> {
    let users = rollout.get("users")?;
    let mut hasher = Sha256::new();
    hasher.update([text(users, "salt", "").as_bytes(), b":", id].concat());
    let digits = hexadecimal(hasher.finalize().get(..16)?);
    ["canary", "stable"]
        .into_iter()
        .find(|side| list(users, side).iter().any(|listed| *listed == digits.as_str()))
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
