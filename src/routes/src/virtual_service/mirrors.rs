//! The mirror fields of an entry, in both of Istio's spellings and the two older ones of the share.

use serde_json::{Map, Value, json};
use serin_assignment::Weight;

use super::HTTP;
use crate::mirror::{Mirrors, percent};

/// What an entry may have of them: all that is ours while a release mirrors.
const FIELDS: [&str; 5] =
    ["mirror", "mirrorPercentage", "mirrorPercent", "mirror_percent", "mirrors"];

pub(super) const MIRRORS: Mirrors = Mirrors { list: &HTTP, take, put, targets, make };

fn take(entry: &Value) -> Value {
    let fields: Map<String, Value> = FIELDS
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), entry.get(field)?.clone())))
        .collect();
    if fields.is_empty() { Value::Null } else { Value::Object(fields) }
}

fn put(entry: &mut Value, fields: &Value) {
    let Some(entry) = entry.as_object_mut() else { return };
    for field in FIELDS {
        match fields.get(field) {
            Some(value) => {
                entry.insert(field.to_owned(), value.clone());
            }
            None => {
                entry.remove(field);
            }
        }
    }
}

fn targets(fields: &Value) -> Vec<(Value, f64)> {
    let target = |destination: &Value, share: Option<f64>| {
        // All requests are mirrored where nothing else is said.
        (json!({"destination": destination}), share.unwrap_or(100.0))
    };
    let older = || ["mirrorPercent", "mirror_percent"].iter().find_map(|name| fields.get(name));
    let share = fields.pointer("/mirrorPercentage/value").or_else(older).and_then(Value::as_f64);
    let one = fields.get("mirror").map(|destination| target(destination, share));
    let several = fields.get("mirrors").and_then(Value::as_array).into_iter().flatten();
    let several = several.filter_map(|one| {
        let share = one.pointer("/percentage/value").and_then(Value::as_f64);
        Some(target(one.get("destination")?, share))
    });
    one.into_iter().chain(several).collect()
}

fn make(destination: &Value, share: Weight) -> Value {
    let parts = share.basis_points();
    let value =
        if parts.is_multiple_of(100) { Value::from(parts / 100) } else { percent(share).into() };
    json!({"mirror": destination.get("destination"), "mirrorPercentage": {"value": value}})
}
