//! The questions that every request of a rollout goes through, and the headers written after them.

use serde_json::Value;

use crate::document::{basis_points, list, text};
use crate::{Proxy, Request, murmur3};

const DEFAULT_MARK: &str = "x-serin-variant";

/// An answer.
pub(crate) struct Choice {
    pub(crate) side: Option<&'static str>,
    pub(crate) reason: &'static str,
    pub(crate) cohort: Option<u32>,
}

impl Choice {
    fn marked(side: &'static str, reason: &'static str) -> Self {
        Self { side: Some(side), reason, cohort: None }
    }

    pub(crate) fn unmarked(reason: &'static str) -> Self {
        Self { side: None, reason, cohort: None }
    }
}

/// The questions in their order; the first that applies decides.
pub(crate) fn choose(rollout: &Value, proxy: &Proxy, request: &Request) -> Choice {
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
            let side = by_weight(rollout, hash);
            Choice { side: Some(side), reason: "hash", cohort: Some(hash & 15) }
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
            Choice::marked(by_weight(rollout, hash(rollout, &id)), "random")
        }
        "route" => Choice::unmarked("route"),
        _ => Choice::marked("stable", "anonymous"),
    }
}

fn hash(rollout: &Value, id: &[u8]) -> u32 {
    murmur3::x86_32(&[text(rollout, "salt", "").as_bytes(), b":", id].concat())
}

fn by_weight(rollout: &Value, hash: u32) -> &'static str {
    let bucket = (u64::from(hash) * 10_000) >> 32;
    let weight = u64::from(basis_points(text(rollout, "weight", "0%")));
    if bucket < weight { "canary" } else { "stable" }
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

fn mark<'a>(rollout: &'a Value, proxy: &Proxy) -> &'a str {
    proxy.mark.unwrap_or_else(|| text(rollout, "mark", DEFAULT_MARK))
}

fn incoming<'a>(rollout: &'a Value, proxy: &Proxy) -> &'a str {
    proxy.incoming.unwrap_or_else(|| text(rollout, "incoming", "replace"))
}

/// The request's headers as they go upstream: the mark and the cohort say what was decided, and
/// nothing is left of what a client forged.
pub(crate) fn written(
    rollouts: &[&Value],
    found: Option<&Value>,
    proxy: &Proxy,
    choice: &Choice,
    request: &Request,
) -> Vec<(String, Vec<u8>)> {
    let own_mark = found.map_or(proxy.mark.unwrap_or(DEFAULT_MARK), |found| mark(found, proxy));
    let own_cohort = found.and_then(|found| found.get("cohortHeader")).and_then(Value::as_str);
    let mut set: Vec<(&str, Option<String>)> = Vec::new();
    match found {
        Some(_) => set.push((own_mark, choice.side.map(str::to_owned))),
        None if proxy.incoming.unwrap_or("replace") == "replace" => set.push((own_mark, None)),
        None => {}
    }
    if let Some(header) = own_cohort
        && choice.reason != "incoming"
    {
        set.push((header, choice.cohort.map(|cohort| cohort.to_string())));
    }
    // Marks and cohorts of other rollouts, unless they may come from a proxy before this one.
    let mut foreign: Vec<&str> = Vec::new();
    for rollout in rollouts.iter().filter(|rollout| incoming(rollout, proxy) == "replace") {
        foreign.push(mark(rollout, proxy));
        foreign.extend(rollout.get("cohortHeader").and_then(Value::as_str));
    }
    if proxy.incoming.unwrap_or("replace") == "replace" {
        foreign.push(proxy.mark.unwrap_or(DEFAULT_MARK));
    }
    for header in foreign {
        if header != own_mark && Some(header) != own_cohort {
            set.push((header, None));
        }
    }

    let mut headers = request.headers.clone();
    for (name, value) in set {
        headers.retain(|(known, _)| known != name);
        headers.extend(value.map(|value| (name.to_owned(), value.into_bytes())));
    }
    headers
}
