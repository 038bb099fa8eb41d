//! The gates of a release.

use serde_json::{Map, Value, json};

/// The gates so far, each with a name of its own.
#[derive(Default)]
pub(super) struct Gates(Vec<Map<String, Value>>);

impl Gates {
    /// Adds a gate of a kind under a name that somebody else has given, and gives the name that it
    /// has.
    pub(super) fn add(&mut self, name: &str, kind: &str, mut fields: Map<String, Value>) -> String {
        let base = label(name);
        let mut name = base.clone();
        let mut number = 2;
        while self.has(&name) {
            name = format!("{base}-{number}");
            number += 1;
        }
        fields.insert("name".to_owned(), name.clone().into());
        fields.insert("kind".to_owned(), kind.into());
        self.0.push(fields);
        name
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|gate| gate.get("name").and_then(Value::as_str) == Some(name))
    }

    /// Whether there is one of this kind.
    pub(super) fn has_kind(&self, kind: &str) -> bool {
        self.0.iter().any(|gate| gate.get("kind").and_then(Value::as_str) == Some(kind))
    }

    pub(super) fn json(self) -> Value {
        json!(self.0)
    }
}

/// A name as gates have it: lower case letters, digits and `-`, at most 63.
fn label(name: &str) -> String {
    let mut label: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(60)
        .collect();
    while label.contains("--") {
        label = label.replace("--", "-");
    }
    let label = label.trim_matches('-');
    if label.is_empty() { "metric".to_owned() } else { label.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels_and_stay_apart() {
        let mut gates = Gates::default();
        for name in ["Error Rate (5xx)", "error_rate__5xx", "---"] {
            gates.add(name, "threshold", Map::new());
        }
        let gates = gates.json();
        let names: Vec<_> = gates.as_array().unwrap().iter().map(|gate| &gate["name"]).collect();
        assert_eq!(names, ["error-rate-5xx", "error-rate-5xx-2", "metric"]);
    }
}
