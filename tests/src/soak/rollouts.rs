//! Rollouts with everything that a document may say, each on hosts that requests are for.

use anyhow::Result;
use serde_json::{Value, json};
use serin_assignment::Salt;
use serin_document::UserHash;

use super::requests::{BROKEN, HOST};
use super::secrets::{AUDIENCE, Secrets};
use crate::documents::{Rollout, document};

/// The rollout whose revision shows that a change has arrived.
pub(super) const NAME: &str = "shop/checkout";
/// Users on each list.
const LISTED: u32 = 500;

/// Every way to find an id that a client could send itself.
fn identity() -> Value {
    json!([
        {"header": "x-user-id"}, {"cookie": "uid"}, {"query": "user"},
        {"jwt": {"claim": "sub", "metadata": "payload"}},
        {"jwt": {"claim": ["user", "id"], "header": "x-claims"}},
        {"baggage": "userId"},
    ])
}

/// All rollouts at a weight.
pub(super) fn all(revision: u64, weight: &str) -> Result<Value> {
    let at = |name: &str, host: &str| Rollout::new(name, host).weight(weight);
    let generated =
        json!([{"cookie": "uid"}, {"generated": {"cookie": "serin-id", "secure": false}}]);
    let claims = json!([
        {"jwt": {"claim": "sub", "metadata": "payload"}},
        {"jwt": {"claim": ["user", "id"], "metadata": "payload"}},
        {"jwt": {"claim": "sub", "header": "x-claims"}},
        {"baggage": "userId"},
    ]);
    // A part of the users is half of them here.
    let part = |name: &str| {
        let weight = if weight == "100%" { "50%" } else { weight };
        Rollout::new(name, "two.example.com").weight(weight).with("salt", json!("two"))
    };
    let all = [
        checkout(weight)?,
        at("shop/wild", "*.example.com")
            .with("anonymous", json!("random"))
            .with("paths", json!(["/checkout", "/a/b"]))
            .with("identity", identity()),
        at("shop/new", "new.example.com").with("identity", generated),
        at("shop/claims", "claims.example.com")
            .with("anonymous", json!("random"))
            .with("identity", claims),
        at("shop/address", "address.example.com")
            .with("identity", json!([{"address": {"ipv4": 24, "ipv6": 48}}])),
        part("shop/low").with("buckets", json!(["0%", "50%"])),
        part("shop/high")
            .with("buckets", json!(["50%", "100%"]))
            .with("mark", json!("x-search-variant")),
        at("shop/inner", "inner.example.com").with("incoming", json!("keep")),
        at("shop/closed", "closed.example.com").with("canaryServes", json!(false)),
        at("shop/needs", "needs.example.com").with("requires", json!(["telepathy"])),
        at("shop/broken", BROKEN).with("tripwire", json!({"slow": "10s", "lasts": "2s"})),
        at("shop/rest", "*").with("anonymous", json!("route")),
    ];
    Ok(document(revision, &all))
}

fn checkout(weight: &str) -> Result<Rollout> {
    let signed = json!({"audience": AUDIENCE});
    let salt: Salt = "shop-team".parse()?;
    let listed = |from: u32| -> Value {
        let ids = (from..from + LISTED).map(|number| format!("user-{number}"));
        ids.map(|id| json!(UserHash::of(&salt, id.as_bytes()).to_string())).collect()
    };
    Ok(Rollout::new(NAME, HOST)
        .weight(weight)
        .with("identity", identity())
        .with(
            "testers",
            json!([
                {"header": "x-try", "signed": signed, "remember": "kept"},
                {"cookie": "try", "signed": signed, "remember": "kept"},
                {"query": "try", "signed": signed, "remember": "kept"},
                {"header": "x-opt"}, {"cookie": "opt"}, {"query": "opt", "remember": "opted"},
            ]),
        )
        .with(
            "exclude",
            json!([{"path": {"oneOf": ["/healthz"]}}, {"header": "user-agent", "prefix": "kube-"}]),
        )
        .with(
            "eligible",
            json!({"any": [
                {"not": {"header": "x-region", "suffix": "where"}},
                {"cookie": "employee", "present": true},
            ]}),
        )
        .with(
            "users",
            json!({"salt": salt.as_str(), "canary": listed(0), "stable": listed(LISTED)}),
        )
        .with(
            "segments",
            json!([
                {"name": "staff", "variant": "canary",
                 "when": {"jwt": {"claim": "role", "metadata": "payload"}, "is": "staff"}},
                {"name": "contracts", "variant": "stable",
                 "when": {"all": [{"header": "x-plan", "oneOf": ["enterprise", "\u{fc}"]},
                                  {"not": {"query": "user", "present": true}}]}},
                {"name": "network", "variant": "stable",
                 "when": {"address": {"ipv4": 8}, "is": "10.0.0.0/8"}},
            ]),
        )
        .with("cohortHeader", json!("x-cohort"))
        .with("clusters", json!({"stable": ["shop-stable"], "canary": ["shop-canary"]}))
        .with("latencyBounds", json!(["250ms", "1s"]))
        .with("tripwire", json!({})))
}

/// A filter's own configuration, with a document or with what says where it is.
pub(super) fn plugin(secrets: &Secrets, of: Value) -> Value {
    let mut plugin = of;
    if let Some(fields) = plugin.as_object_mut() {
        fields.insert("testerKeys".to_owned(), secrets.tester_keys());
        fields.insert("filterState".to_owned(), json!(true));
    }
    plugin
}

/// Where the document is.
pub(super) fn by_source() -> Value {
    json!({"formatVersion": "1.0", "source": {"cluster": "serin", "minInterval": "100ms"}})
}
