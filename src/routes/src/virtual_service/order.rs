//! Whether every request gets to the entry that is meant for it.

use serde_json::Value;
use serin_assignment::Variant;

use super::entries;
use crate::{Fault, Reference};

/// The marked entries ask for their marks, stand before the last one, and behind none that takes all.
pub(super) fn check(http: &[Value], reference: &Reference) -> Result<(), Fault> {
    let names = &reference.entries;
    let rest = entries::place(http, &names.rest)?;
    for (name, variant) in [(&names.canary, Variant::Canary), (&names.stable, Variant::Stable)] {
        let place = entries::place(http, name)?;
        if !http.get(place).is_some_and(|entry| asks_for(entry, &reference.mark, variant)) {
            return Err(Fault::NotByMark {
                entry: name.clone(),
                mark: reference.mark.clone(),
                value: variant.as_str(),
            });
        }
        if place > rest {
            return Err(Fault::Shadowed { entry: name.clone(), before: names.rest.clone() });
        }
    }
    // What stands before the last entry, stands before or between the marked ones.
    let before = http.iter().enumerate().take(rest).find(|(_, entry)| takes_all(entry));
    match before {
        None => Ok(()),
        Some((place, entry)) => Err(Fault::Shadowed {
            entry: names.rest.clone(),
            before: entries::name(entry).map_or_else(|| format!("http[{place}]"), str::to_owned),
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
