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
{"name": "r/all", "revision": 7, "hosts": ["*"], "salt": "all", "weight": "50%", "canaryServes": true,
 "identity": [{"cookie": "uid"}, {"query": "user"}], "anonymous": "random", "testers": [{"cookie": "opt"}, {"query": "opt"}]}
]}"#;
