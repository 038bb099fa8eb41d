//! What is compared.

use anyhow::Result;
use serde_json::{Value, json};
use serin_tests::answering;
use serin_tests::artifacts;
use serin_tests::documents::{Rollout, document};

/// Rollouts that are loaded in the fullest configuration.
const ROLLOUTS: usize = 100;
const HOST: &str = "shop.example.com";
const WEIGHT: &str = "50%";

/// An Envoy's filter.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    /// By which the report and the goals know it.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) filter: Option<Value>,
    /// Which answers it has to give: a filter that does nothing is cheap.
    pub(crate) marks: Marks,
}

/// Whom a filter marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marks {
    /// Envoy's own filter writes a mark as well, but has no route looked for again.
    Nobody,
    /// Everybody the same.
    Stable,
    /// Half of the users, by the salt `shop`.
    Half,
}

pub(crate) const NONE: &str = "none";
pub(crate) const PLAIN: &str = "serin_plain";
pub(crate) const PLAIN_COUNTED: &str = "serin_plain_counted";
pub(crate) const FULL: &str = "serin_full";
pub(crate) const FULL_COUNTED: &str = "serin_full_counted";
pub(crate) const RULES: &str = "serin_rules";
pub(crate) const EVERY: &str = "serin_every";
pub(crate) const LUA_FULL: &str = "lua_full";
pub(crate) const RAW: &str = "raw";
pub(crate) const CALLS: &str = "calls";

pub(crate) fn all() -> Result<Vec<Variant>> {
    let ours =
        |document: &Value| anyhow::Ok(Some(answering::wasm(&artifacts::module()?, document)));
    let module = |name| {
        let module = artifacts::compared(name)?;
        anyhow::Ok(Some(answering::wasm(&module, &Value::Null)))
    };
    let full = full(false);
    let variant = |key, title, marks, filter| Variant { key, title, filter, marks };
    Ok(vec![
        variant(NONE, "no filter", Marks::Nobody, None),
        variant(
            "native",
            "Envoy's header_mutation, not routed by",
            Marks::Nobody,
            Some(answering::header_mutation()),
        ),
        variant("empty", "Wasm: an empty module", Marks::Nobody, module("empty")?),
        variant(RAW, "Wasm: by hand on the raw ABI, one header", Marks::Half, module("raw")?),
        variant(
            PLAIN,
            "Serin, plainest: one rollout, one header",
            Marks::Half,
            ours(&plain(false))?,
        ),
        variant(PLAIN_COUNTED, "Serin, plainest, with evidence", Marks::Half, ours(&plain(true))?),
        variant("sdk", "Wasm: the SDK used naively, one header", Marks::Half, module("sdk")?),
        variant("lua_hash", "Lua: one header", Marks::Half, Some(answering::lua_hash()?)),
        variant(
            LUA_FULL,
            "Lua, the job in full, 100 rollouts",
            Marks::Half,
            Some(answering::lua_full(&full)?),
        ),
        variant(FULL, "Serin, the job in full, 100 rollouts", Marks::Half, ours(&full)?),
        variant(
            CALLS,
            "Wasm: every feature's calls, nothing else",
            Marks::Stable,
            module("calls")?,
        ),
        variant(RULES, "Serin, with rules, lists and cohorts too", Marks::Half, ours(&rules())?),
        variant(EVERY, "Serin, every feature configured", Marks::Half, ours(&every())?),
        variant(
            FULL_COUNTED,
            "Serin, in full, with evidence",
            Marks::Half,
            ours(&self::full(true))?,
        ),
    ])
}

/// One rollout with the fewest fields.
pub(crate) fn plain(count: bool) -> Value {
    let rollout = Rollout::new("shop", HOST).weight(WEIGHT).with("count", json!(count));
    document(1, &[rollout])
}

/// A hundred rollouts, each with all that says whose a request is and on which side: hosts, paths,
/// testers, a cookie before the query. Where counted, with all that is counted: classes, latency
/// bounds, and who served.
pub(crate) fn full(count: bool) -> Value {
    let rollouts: Vec<Rollout> = (0..ROLLOUTS)
        .map(|number| {
            // Ours stands in the middle.
            let host = if number == ROLLOUTS / 2 {
                HOST.to_owned()
            } else {
                format!("shop-{number}.example.com")
            };
            let rollout = Rollout::new(&format!("shop/rollout-{number}"), &host)
                .weight(WEIGHT)
                .with("hosts", json!([host, format!("*.shop-{number}.example.net")]))
                .with("paths", json!(["/checkout", "/basket", "/checkout/express"]))
                .with("salt", json!("shop"))
                .with("identity", json!([{"cookie": "uid"}, {"query": "user"}]))
                .with("testers", json!([{"header": "x-serin-opt-in"}]))
                .with("count", json!(count));
            if !count {
                return rollout;
            }
            let clusters = json!({"stable": ["shop-stable"], "canary": ["shop-canary"]});
            rollout.with("clusters", clusters).with("latencyBounds", json!(["250ms", "1s"]))
        })
        .collect();
    document(1, &rollouts)
}

/// The job in full, and what Lua has no part of: every request is asked whether it is excluded, who
/// may be in at all, whether its user is listed or belongs to a segment, none of which is so, and the
/// application is told the cohort.
fn rules() -> Value {
    let more = json!({
        "exclude": [{"header": "user-agent", "prefix": "kube-probe/"}],
        "eligible": {"not": {"header": "x-internal", "present": true}},
        "users": {"salt": "shop-team", "canary": ["0123456789abcdef0123456789abcdef"]},
        "segments": [{"name": "staff", "when": {"cookie": "staff", "is": "yes"}, "variant": "canary"}],
        "cohortHeader": "x-serin-cohort",
    });
    with(full(false), &more)
}

/// All that can be configured but what counts: before the cookie the proxy is asked for a verified
/// claim, and `baggage` for a member; testers need signed tokens, which are searched for wherever one
/// may stand; and access logs and traces are told.
fn every() -> Value {
    let claim = json!({"jwt": {"claim": "sub", "metadata": "payload"}});
    let own = json!({"generated": {"cookie": "serin-id", "maxAge": "365d"}});
    let tester = |place: &str| json!({place: "serin-opt-in", "signed": {"audience": "shop"}});
    let mut remembered = tester("query");
    if let Some(fields) = remembered.as_object_mut() {
        fields.insert("remember".to_owned(), json!("serin-kept"));
    }
    let more = json!({
        "identity": [claim, {"baggage": "userId"}, {"cookie": "uid"}, {"query": "user"}, own],
        "testers": [tester("header"), tester("cookie"), remembered],
    });
    let mut document = with(rules(), &more);
    if let Some(fields) = document.as_object_mut() {
        // 32 zeros.
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        fields.insert("testerKeys".to_owned(), json!([{"id": "k1", "key": key}]));
        fields.insert("filterState".to_owned(), json!(true));
    }
    document
}

/// A document with more fields in each of its rollouts.
fn with(mut document: Value, more: &Value) -> Value {
    let more = more.as_object().cloned().unwrap_or_default();
    let rollouts = document.get_mut("rollouts").and_then(Value::as_array_mut);
    for rollout in rollouts.into_iter().flatten().filter_map(Value::as_object_mut) {
        rollout.extend(more.clone());
    }
    document
}
