//! What the controllers of a route's parents say of it.

use serde_json::Value;

use super::is_service;
use crate::Acknowledged;

/// Each parent that the route names has accepted it as it stands, and its backends were found.
///
/// Several controllers may speak for one parent (in a mesh); one that has taken the route is enough,
/// and one that refuses it is told. A condition that does not say which version it is about is
/// unknown, not out of date.
pub(super) fn acknowledged(object: &Value) -> Acknowledged {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    let list = |pointer| object.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let mut late = None;
    for parent in list("/spec/parentRefs") {
        let about = list("/status/parents")
            .filter(|status| status.get("parentRef").is_some_and(|of| is_same(of, parent)));
        let mut taken = false;
        for status in about {
            match one(status, generation) {
                Acknowledged::Refused(why) => {
                    return Acknowledged::Refused(format!("{}: {why}", told(parent)));
                }
                Acknowledged::Taken | Acknowledged::Never => taken = true,
                Acknowledged::NotYet(_) => {}
            }
        }
        if !taken {
            late.get_or_insert_with(|| told(parent));
        }
    }
    match late {
        None => Acknowledged::Taken,
        Some(parent) => {
            Acknowledged::NotYet(format!("{parent}: nobody has taken the route as it stands"))
        }
    }
}

/// What one controller says.
fn one(status: &Value, generation: Option<i64>) -> Acknowledged {
    let conditions = || status.get("conditions").and_then(Value::as_array).into_iter().flatten();
    for kind in ["Accepted", "ResolvedRefs"] {
        let text = |it: &Value, field: &str| {
            it.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let Some(condition) = conditions().find(|it| text(it, "type") == kind) else {
            return Acknowledged::NotYet(kind.to_owned());
        };
        let seen = condition.get("observedGeneration").and_then(Value::as_i64);
        // An empty one is written as 0 by some.
        let seen = seen.filter(|seen| *seen > 0);
        if seen.zip(generation).is_some_and(|(seen, generation)| seen < generation) {
            return Acknowledged::NotYet(kind.to_owned());
        }
        if text(condition, "status") != "True" {
            let (reason, message) = (text(condition, "reason"), text(condition, "message"));
            return Acknowledged::Refused(format!("{kind} is not true: {reason}: {message}"));
        }
    }
    Acknowledged::Taken
}

/// Whether a status is about this parent: what the route leaves out, its defaults say.
fn is_same(one: &Value, other: &Value) -> bool {
    let text = |it: &Value, field: &str| it.get(field).and_then(Value::as_str).map(str::to_owned);
    let both = |field: &str| {
        let (one, other) = (text(one, field), text(other, field));
        one.is_none() || other.is_none() || one == other
    };
    let port = |it: &Value| it.get("port").and_then(Value::as_u64);
    text(one, "name") == text(other, "name")
        && is_service(one) == is_service(other)
        && both("namespace")
        && text(one, "sectionName") == text(other, "sectionName")
        && port(one) == port(other)
}

fn told(parent: &Value) -> String {
    let kind = if is_service(parent) { "Service" } else { "Gateway" };
    format!("{kind} {}", parent.get("name").and_then(Value::as_str).unwrap_or("without name"))
}
