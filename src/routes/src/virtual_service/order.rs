//! Whether every request gets to the entry that is meant for it.

use serde_json::Value;
use serin_assignment::Variant;

use super::HTTP;
use crate::{Entries, Fault, Reference, named};

/// The marked entries ask for their marks, stand before the last one, and behind none that takes all.
pub(super) fn check(http: &[Value], reference: &Reference) -> Result<(), Fault> {
    let (marked, rest) = match &reference.entries {
        Entries::ByMark { canary, stable, rest } => {
            (vec![(canary, Variant::Canary), (stable, Variant::Stable)], rest)
        }
        Entries::One(name) => (Vec::new(), name),
        Entries::Whole => return Ok(()),
    };
    let rest_place = HTTP.place(http, rest)?;
    for (name, variant) in marked {
        let place = HTTP.place(http, name)?;
        if !http.get(place).is_some_and(|entry| asks_for(entry, &reference.mark, variant)) {
            let (mark, value) = (&reference.mark, variant.as_str());
            let example = format!("{{headers: {{{mark}: {{exact: {value}}}}}}}");
            return Err(Fault::NotByMark { entry: HTTP.told(name), example });
        }
        if place > rest_place {
            return Err(Fault::Shadowed { entry: HTTP.told(name), before: rest.clone() });
        }
    }
    // What stands before the last entry, stands before or between the marked ones.
    let before = http.iter().enumerate().take(rest_place).find(|(_, entry)| takes_all(entry));
    match before {
        None => Ok(()),
        Some((place, entry)) => Err(Fault::Shadowed {
            entry: HTTP.told(rest),
            before: named::name_or_place(entry, "http", place),
        }),
    }
}

/// Each of an entry's matches is one way in; all of them must ask for the mark.
fn asks_for(entry: &Value, mark: &str, variant: Variant) -> bool {
    let asks = |one: &Value| {
        let headers = one.get("headers").and_then(Value::as_object);
        // Envoy compares names of headers without regard to case.
        let header = headers
            .into_iter()
            .flatten()
            .find(|(name, _)| name.eq_ignore_ascii_case(mark))
            .and_then(|(_, test)| test.get("exact"));
        header.and_then(Value::as_str) == Some(variant.as_str())
    };
    matches(entry).is_some_and(|matches| !matches.is_empty() && matches.iter().all(asks))
}

/// Without any condition an entry takes whatever comes.
fn takes_all(entry: &Value) -> bool {
    let is_open = |one: &Value| {
        one.as_object().is_none_or(|fields| fields.keys().all(|field| field == "name"))
    };
    matches(entry).is_none_or(|matches| matches.is_empty() || matches.iter().any(is_open))
}

fn matches(entry: &Value) -> Option<&[Value]> {
    entry.get("match").and_then(Value::as_array).map(Vec::as_slice)
}
