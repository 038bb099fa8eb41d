//! The filters of a rule that mirror its requests, among its other filters.

use serde_json::{Value, json};
use serin_assignment::Weight;

use super::RULES;
use crate::mirror::Mirrors;

const TYPE: &str = "RequestMirror";

pub(super) const MIRRORS: Mirrors = Mirrors { list: &RULES, take, put, targets, make };

/// Each with its place among all filters; null where the rule has no list of them.
fn take(rule: &Value) -> Value {
    let Some(filters) = rule.get("filters").and_then(Value::as_array) else { return Value::Null };
    let mirrors = filters.iter().enumerate().filter(|(_, filter)| is_mirror(filter));
    mirrors.map(|(place, filter)| json!({"place": place, "filter": filter})).collect()
}

fn put(rule: &mut Value, fields: &Value) {
    let Some(rule) = rule.as_object_mut() else { return };
    let mut filters = rule.get("filters").and_then(Value::as_array).cloned().unwrap_or_default();
    filters.retain(|filter| !is_mirror(filter));
    for one in fields.as_array().into_iter().flatten() {
        let Some(filter) = one.get("filter") else { continue };
        let place = one.get("place").and_then(Value::as_u64);
        let place = place.and_then(|place| usize::try_from(place).ok()).unwrap_or(usize::MAX);
        // Somebody may have taken other filters away meanwhile.
        filters.insert(place.min(filters.len()), filter.clone());
    }
    if filters.is_empty() && fields.is_null() {
        rule.remove("filters");
    } else {
        rule.insert("filters".to_owned(), filters.into());
    }
}

fn is_mirror(filter: &Value) -> bool {
    filter.get("type").and_then(Value::as_str) == Some(TYPE)
}

fn targets(fields: &Value) -> Vec<(Value, f64)> {
    let target = |one: &Value| {
        let mirror = one.pointer("/filter/requestMirror")?;
        let number = |at: &str| mirror.pointer(at).and_then(Value::as_f64);
        let fraction = || {
            let of = number("/fraction/denominator").unwrap_or(100.0);
            number("/fraction/numerator").map(|part| 100.0 * part / of)
        };
        // All requests are mirrored where nothing else is said.
        let share = number("/percent").or_else(fraction).unwrap_or(100.0);
        Some((mirror.get("backendRef")?.clone(), share))
    };
    fields.as_array().into_iter().flatten().filter_map(target).collect()
}

fn make(backend: &Value, share: Weight) -> Value {
    let mut backend = backend.clone();
    if let Some(fields) = backend.as_object_mut() {
        // Of a backend among several; a mirror is alone.
        fields.remove("weight");
        fields.remove("filters");
    }
    let parts = share.basis_points();
    let mirror = if parts.is_multiple_of(100) {
        json!({"backendRef": backend, "percent": parts / 100})
    } else {
        let all = Weight::FULL.basis_points();
        json!({"backendRef": backend, "fraction": {"numerator": parts, "denominator": all}})
    };
    json!([{"filter": {"type": TYPE, "requestMirror": mirror}}])
}
