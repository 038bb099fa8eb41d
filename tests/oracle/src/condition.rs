//! Conditions on a request.

use serde_json::Value;

use crate::Request;
use crate::document::list;
use crate::identity::value;

/// Whether a condition holds.
pub(crate) fn holds(condition: &Value, request: &Request) -> bool {
    if condition.get("all").is_some() {
        return list(condition, "all").iter().all(|part| holds(part, request));
    }
    if condition.get("any").is_some() {
        return list(condition, "any").iter().any(|part| holds(part, request));
    }
    if let Some(part) = condition.get("not") {
        return !holds(part, request);
    }
    match condition.get("path") {
        Some(test) => passes(test, Some(&request.path())),
        None => passes(condition, value(condition, request).as_deref()),
    }
}

/// Whether a value passes a test; one that is not there passes none but `present: false`.
fn passes(test: &Value, value: Option<&[u8]>) -> bool {
    if let Some(present) = test.get("present") {
        return *present == Value::Bool(value.is_some());
    }
    let Some(value) = value else { return false };
    let of = |kind: &str| test.get(kind).and_then(Value::as_str).map(str::as_bytes);
    if let Some(expected) = of("is") {
        value == expected
    } else if let Some(prefix) = of("prefix") {
        value.starts_with(prefix)
    } else if let Some(suffix) = of("suffix") {
        value.ends_with(suffix)
    } else {
        list(test, "oneOf").iter().any(|one| one.as_str().map(str::as_bytes) == Some(value))
    }
}
