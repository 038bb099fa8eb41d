//! A document with every option, and a configuration with a source.

/// A configuration with a source.
pub(crate) const SOURCE: &str = r#"{"formatVersion": "1.0", "source": {"cluster": "serin"}}"#;

/// A document that every other one is newer than.
pub(crate) const FIRST: &str = r#"{"formatVersion": "1.0", "revision": 1, "rollouts": []}"#;

/// Rollouts for the request targets, which reach every rule; none is left out.
pub(crate) const FULL: &str = r#"{"formatVersion": "1.0", "revision": 7, "rollouts": [
{"name": "r/keep", "revision": 7, "hosts": ["keep.test"], "salt": "keep", "weight": "50%", "canaryServes": true,
 "identity": [{"header": "x-user-id"}], "incoming": "keep", "cohortHeader": "x-cohort", "anonymous": "random"},
{"name": "r/path", "revision": 7, "hosts": ["*"], "paths": ["/a", "/a/b"], "salt": "path", "weight": "12.5%", "canaryServes": true,
 "identity": [{"query": "user"}, {"query": "u s"}, {"cookie": "uid"}], "anonymous": "route",
 "testers": [{"query": "opt"}, {"cookie": "opt"}]},
{"name": "r/below", "revision": 7, "hosts": ["*.shop.test", "*.a.shop.test"], "salt": "below", "weight": "99.99%", "canaryServes": true,
 "identity": [{"header": "x-user-id"}], "testers": [{"header": "x-opt"}], "mark": "x-side"},
{"name": "r/low", "revision": 7, "hosts": ["shop.test"], "salt": "shop", "weight": "20%", "canaryServes": true,
 "identity": [{"cookie": "uid"}, {"query": "user"}, {"header": "x-user-id"}], "buckets": ["0%", "50%"]},
{"name": "r/high", "revision": 7, "hosts": ["shop.test"], "salt": "shop", "weight": "50%", "canaryServes": true,
 "identity": [{"cookie": "uid"}, {"query": "user"}, {"header": "x-user-id"}], "buckets": ["50%", "100%"], "mark": "x-high"},
{"name": "r/claims", "revision": 7, "hosts": ["claims.test"], "salt": "claims", "weight": "50%", "canaryServes": true, "cohortHeader": "x-cohort",
 "identity": [{"jwt": {"claim": "sub", "header": "x-jwt"}}, {"jwt": {"claim": ["user", "id"], "header": "x-jwt"}}, {"generated": {"cookie": "serin-id"}}]},
{"name": "r/verified", "revision": 7, "hosts": ["verified.test"], "salt": "verified", "weight": "50%", "canaryServes": true, "cohortHeader": "x-cohort",
 "identity": [{"jwt": {"claim": "sub", "metadata": "payload"}}, {"jwt": {"claim": ["user", "id"], "metadata": "payload"}}], "anonymous": "route",
 "segments": [{"name": "staff", "when": {"jwt": {"claim": "role", "metadata": "payload"}, "is": "staff"}, "variant": "canary"}]},
{"name": "r/address", "revision": 7, "hosts": ["address.test"], "salt": "address", "weight": "50%", "canaryServes": true, "cohortHeader": "x-cohort",
 "identity": [{"address": {"ipv4": 24, "ipv6": 48}}], "anonymous": "route", "exclude": [{"address": {"ipv4": 8}, "is": "10.0.0.0/8"}]},
{"name": "r/baggage", "revision": 7, "hosts": ["baggage.test"], "salt": "baggage", "weight": "50%", "canaryServes": true,
 "identity": [{"baggage": "userId"}], "segments": [{"name": "s", "when": {"baggage": "group", "prefix": "a"}, "variant": "canary"}]},
{"name": "r/rules", "revision": 7, "hosts": ["rules.test"], "salt": "rules", "weight": "50%", "canaryServes": true,
 "identity": [{"header": "x-user-id"}], "exclude": [{"path": {"oneOf": ["/healthz", "/readyz"]}}, {"header": "user-agent", "prefix": "kube"}],
 "eligible": {"any": [{"header": "x-region", "suffix": "eu"}, {"not": {"cookie": "employee", "present": false}}]},
 "users": {"salt": "shop-team", "canary": ["8ef0a83dd7f131c3056c4757d873b7b9"], "stable": ["4c5febd81cc0ede04df1ff49af7dbd70"]},
 "segments": [{"name": "s", "when": {"all": [{"query": "plan", "is": "a"}, {"cookie": "c", "present": true}]}, "variant": "stable"}]},
{"name": "r/all", "revision": 7, "hosts": ["*"], "salt": "all", "weight": "50%", "canaryServes": true,
 "identity": [{"cookie": "uid"}, {"query": "user"}], "anonymous": "random", "testers": [{"cookie": "opt"}, {"query": "opt"}]}
]}"#;

/// Rollouts whose testers show signed tokens, in each place that may hold one, or plain words, and of
/// which all is remembered.
pub(crate) const SIGNED: &str = r#"{"formatVersion": "1.0", "revision": 7, "rollouts": [
{"name": "shop/checkout", "revision": 7, "hosts": ["*"], "salt": "s", "weight": "0%", "canaryServes": true, "identity": [{"header": "x-user-id"}],
 "testers": [{"header": "x-token", "signed": {"audience": "shop"}, "remember": "opted"}, {"cookie": "token", "signed": {"audience": "shop"}},
  {"query": "token", "signed": {"audience": "shop"}, "remember": "opted-too"}, {"query": "word", "remember": "worded"}]},
{"name": "shop/other", "revision": 7, "hosts": ["other.test"], "salt": "s", "weight": "50%", "canaryServes": true, "identity": [{"header": "x-user-id"}],
 "testers": [{"header": "x-token"}, {"header": "x-other", "signed": {"audience": "site"}, "remember": "other"}]}
]}"#;

/// The keys of its tokens.
pub(crate) const KEYS: &str =
    r#"[{"id": "2026-11", "key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}]"#;
/// The id of the one key.
pub(crate) const KEY_ID: &str = "2026-11";
/// Its bytes.
pub(crate) const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
