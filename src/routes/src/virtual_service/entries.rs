//! The entries of `spec.http`, and the hosts that they are for.

use serde_json::Value;

use crate::Fault;

/// The hosts of the object, as it spells them.
#[must_use]
pub fn hosts(object: &Value) -> Vec<String> {
    let hosts = object.pointer("/spec/hosts").and_then(Value::as_array);
    hosts.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn list(object: &Value) -> Result<&[Value], Fault> {
    let http = object.pointer("/spec/http").and_then(Value::as_array);
    http.map(Vec::as_slice).ok_or(Fault::NoEntries)
}

/// Where the one entry of this name stands.
pub(super) fn place(http: &[Value], entry: &str) -> Result<usize, Fault> {
    let named = |(_, one): &(usize, &Value)| name(one) == Some(entry);
    let mut places = http.iter().enumerate().filter(named).map(|(place, _)| place);
    match (places.next(), places.count()) {
        (Some(place), 0) => Ok(place),
        (Some(_), others) => Err(Fault::EntryTwice { entry: entry.to_owned(), count: others + 1 }),
        (None, _) => {
            let there = http.iter().filter_map(name).map(str::to_owned).collect();
            Err(Fault::EntryMissing { entry: entry.to_owned(), there })
        }
    }
}

pub(super) fn name(entry: &Value) -> Option<&str> {
    entry.get("name").and_then(Value::as_str)
}

pub(super) fn entry_mut(object: &mut Value, place: usize) -> Option<&mut Value> {
    object.pointer_mut("/spec/http").and_then(|http| http.get_mut(place))
}
