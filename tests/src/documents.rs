//! Assignment documents for tests, written by hand as JSON and not by the shared crate, so that the
//! wire form itself is under test.

use serde_json::{Map, Value, json};

use crate::clock::now_us;

/// A rollout to be put into a document.
#[derive(Clone, Debug)]
pub struct Rollout(Map<String, Value>);

impl Rollout {
    /// A rollout on one host: by the header `x-user-id`, with its name for a salt and nobody on the
    /// canary.
    #[must_use]
    pub fn new(name: &str, host: &str) -> Self {
        let fields = Map::from_iter([
            ("name".to_owned(), json!(name)),
            ("hosts".to_owned(), json!([host])),
            ("salt".to_owned(), json!(name)),
            ("weight".to_owned(), json!("0%")),
            ("canaryServes".to_owned(), json!(true)),
            ("identity".to_owned(), json!([{"header": "x-user-id"}])),
        ]);
        Self(fields)
    }

    /// With this field, in place of what it was.
    #[must_use]
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.0.insert(field.to_owned(), value);
        self
    }

    /// At this weight (`5%`).
    #[must_use]
    pub fn weight(self, weight: &str) -> Self {
        self.with("weight", json!(weight))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.get("name").and_then(Value::as_str).unwrap_or_default()
    }
}

/// A document of this revision; rollouts without a revision of their own get the same.
#[must_use]
pub fn document(revision: u64, rollouts: &[Rollout]) -> Value {
    let rollouts: Vec<Value> = rollouts
        .iter()
        .map(|rollout| {
            let mut fields = rollout.0.clone();
            fields.entry("revision").or_insert(json!(revision));
            Value::Object(fields)
        })
        .collect();
    json!({"formatVersion": "1.0", "revision": revision, "rollouts": rollouts})
}

/// A revision as the controller takes it: milliseconds since 1970.
#[must_use]
pub fn revision_now() -> u64 {
    now_us() / 1_000
}
