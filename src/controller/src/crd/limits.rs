//! What the types of fields leave open: how long they are, and which words they take.
//!
//! Lengths are there for the rules as well: the server counts what a rule may cost at most, and
//! refuses a definition whose rules go over texts without end.

use serde_json::{Value, json};

use super::{Misplaced, at};
use crate::release::{MOST_PATHS, MOST_STEPS};

/// A name of a Deployment, of a router's object or of a plugin.
const OBJECT_NAME: u64 = 253;

/// The words that a field takes.
const WORDS: [(&str, &[&str]); 10] = [
    ("spec.target.capacity", &["scale", "ignore"]),
    ("spec.assignment.anonymous", &["stable", "random", "route"]),
    ("spec.assignment.incoming", &["replace", "keep"]),
    ("spec.assignment.identity[].generated.sameSite", &["lax", "strict", "none"]),
    ("spec.steps[].approval", &["automatic", "manual"]),
    ("spec.gates[].kind", &["errorRate", "latency", "conversion", "threshold", "manual"]),
    ("spec.gates[].counts.preset", &["filter", "envoy", "istio", "linkerd", "traefik"]),
    ("spec.policy.onNoData", &["hold", "rollBack"]),
    ("status.conditions[].status", &["True", "False", "Unknown"]),
    ("spec.onSuccess", &["keep", "promote"]),
];

/// The longest text of a field.
const TEXTS: [(&str, u64); 25] = [
    ("spec.version", 256),
    ("spec.target.stable", OBJECT_NAME),
    ("spec.target.canary", OBJECT_NAME),
    ("spec.traffic.virtualService", OBJECT_NAME),
    ("spec.traffic.httpRoute", OBJECT_NAME),
    ("spec.traffic.traefikService", OBJECT_NAME),
    ("spec.traffic.ingress", OBJECT_NAME),
    ("spec.traffic.entries.only", OBJECT_NAME),
    ("spec.traffic.entries.canary", OBJECT_NAME),
    ("spec.traffic.entries.stable", OBJECT_NAME),
    ("spec.traffic.entries.rest", OBJECT_NAME),
    ("spec.traffic.stable.host", OBJECT_NAME),
    ("spec.traffic.stable.subset", OBJECT_NAME),
    ("spec.traffic.stable.cluster", 512),
    ("spec.traffic.canary.host", OBJECT_NAME),
    ("spec.traffic.canary.subset", OBJECT_NAME),
    ("spec.traffic.canary.cluster", 512),
    ("spec.traffic.file.template", 1_024),
    ("spec.traffic.file.path", 1_024),
    ("spec.traffic.file.timeout", 16),
    ("spec.mirror.share", 16),
    ("spec.mirror.for", 16),
    ("spec.mirror.gates[]", 63),
    ("spec.gates[].name", 63),
    ("spec.steps[].weight", 16),
];

/// The most elements of a list.
const LISTS: [(&str, usize); 4] = [
    ("spec.traffic.file.reload", MOST_PATHS),
    ("spec.traffic.hosts", MOST_PATHS),
    ("spec.traffic.paths", MOST_PATHS),
    ("spec.steps", MOST_STEPS),
];

/// Lists whose elements go by a field of theirs, which no two share.
const KEYED: [(&str, &str); 4] = [
    ("spec.gates", "name"),
    ("status.gates", "name"),
    ("status.conditions", "type"),
    ("status.alerts", "name"),
];

pub(super) fn add(schema: &mut Value) -> Result<(), Misplaced> {
    let mut set = |path: &str, name: &str, value: Value| -> Result<(), Misplaced> {
        let fields = at(schema, path)?.as_object_mut();
        fields.ok_or_else(|| Misplaced(format!("{path} is no object")))?.insert(name.into(), value);
        Ok(())
    };
    for (path, words) in WORDS {
        set(path, "enum", json!(words))?;
    }
    for (path, longest) in TEXTS {
        set(path, "maxLength", json!(longest))?;
    }
    for (path, most) in LISTS {
        set(path, "maxItems", json!(most))?;
    }
    for (path, key) in KEYED {
        set(path, "x-kubernetes-list-type", json!("map"))?;
        set(path, "x-kubernetes-list-map-keys", json!([key]))?;
    }
    set("spec.steps", "minItems", json!(1))?;
    for side in ["stable", "canary"] {
        set(&format!("spec.traffic.{side}.port"), "minimum", json!(1))?;
    }
    for path in ["spec.traffic.hosts", "spec.traffic.paths", "spec.traffic.file.reload"] {
        let items = at(schema, path)?.get_mut("items").and_then(Value::as_object_mut);
        let items = items.ok_or_else(|| Misplaced(format!("{path} is no list")))?;
        items.insert("maxLength".to_owned(), json!(1_024));
    }
    Ok(())
}
