//! The two destinations of an entry, and their weights.

use serde_json::Value;

use crate::{Destination, Fault, Reference, Shares};

/// Where stable and canary stand in an entry's `route`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    stable: usize,
    canary: usize,
}

/// The destinations of an entry.
pub(super) fn list<'a>(entry: Option<&'a Value>, name: &str) -> Result<&'a [Value], Fault> {
    let route = entry.and_then(|entry| entry.get("route")).and_then(Value::as_array);
    route.map(Vec::as_slice).ok_or_else(|| Fault::NoRoute { entry: name.to_owned() })
}

pub(super) fn places(route: &[Value], entry: &str, reference: &Reference) -> Result<Places, Fault> {
    let places = Places {
        stable: place(route, entry, &reference.stable)?,
        canary: place(route, entry, &reference.canary)?,
    };
    let other =
        route.iter().enumerate().find(|(place, _)| ![places.stable, places.canary].contains(place));
    match other {
        Some((_, other)) => {
            Err(Fault::DestinationOther { entry: entry.to_owned(), other: told(other) })
        }
        None => Ok(places),
    }
}

fn place(route: &[Value], entry: &str, destination: &Destination) -> Result<usize, Fault> {
    let fits = |(_, one): &(usize, &Value)| is_at(one, destination);
    let mut places = route.iter().enumerate().filter(fits).map(|(place, _)| place);
    let (entry, destination) = (entry.to_owned(), destination.clone());
    match (places.next(), places.count()) {
        (Some(place), 0) => Ok(place),
        (Some(_), others) => Err(Fault::DestinationTwice { entry, destination, count: others + 1 }),
        (None, _) => {
            let there = route.iter().map(told).collect();
            Err(Fault::DestinationMissing { entry, destination, there })
        }
    }
}

/// Host and subset are as named; a port only has to fit where both name one.
fn is_at(one: &Value, destination: &Destination) -> bool {
    let Destination { host, subset, port } = destination;
    let text = |field: &str| one.pointer(&format!("/destination/{field}")).and_then(Value::as_str);
    let port_there = one.pointer("/destination/port/number").and_then(Value::as_u64);
    text("host") == Some(host)
        && text("subset").unwrap_or_default() == subset.as_deref().unwrap_or_default()
        && port_there.zip(*port).is_none_or(|(there, named)| there == u64::from(named))
}

/// The weights that stand there.
pub(super) fn shares(
    route: &[Value],
    places: Places,
    entry: &str,
    reference: &Reference,
) -> Result<Shares, Fault> {
    let weight = |place: usize, destination: &Destination| match weight_of(route.get(place)) {
        Some(weight) => Ok(weight),
        None => Err(Fault::NoNumber { entry: entry.to_owned(), destination: destination.clone() }),
    };
    Ok(Shares {
        stable: weight(places.stable, &reference.stable)?,
        canary: weight(places.canary, &reference.canary)?,
    })
}

fn weight_of(destination: Option<&Value>) -> Option<i64> {
    match destination?.get("weight") {
        None | Some(Value::Null) => Some(0),
        Some(weight) => weight.as_i64().or_else(|| whole(weight.as_f64()?)),
    }
}

/// `95.0` is a whole number to Kubernetes.
#[expect(clippy::cast_possible_truncation, reason = "it is a whole number of 32 bits")]
fn whole(number: f64) -> Option<i64> {
    let in_range = number.abs() <= f64::from(i32::MAX);
    #[expect(clippy::float_cmp, reason = "whole or not is exact")]
    let is_whole = number.trunc() == number;
    (in_range && is_whole).then_some(number as i64)
}

/// Writes the weights of an entry whose places are known.
pub(super) fn set(entry: &mut Value, places: Places, shares: Shares) {
    for (place, weight) in [(places.stable, shares.stable), (places.canary, shares.canary)] {
        let destination = entry.get_mut("route").and_then(|route| route.get_mut(place));
        // What says the same already stays as it is spelt.
        if weight_of(destination.as_deref()) != Some(weight)
            && let Some(fields) = destination.and_then(Value::as_object_mut)
        {
            fields.insert("weight".to_owned(), weight.into());
        }
    }
}

/// A destination for people.
fn told(one: &Value) -> String {
    let text = |field: &str| one.pointer(&format!("/destination/{field}")).and_then(Value::as_str);
    let destination = Destination {
        host: text("host").unwrap_or("without host").to_owned(),
        subset: text("subset").map(str::to_owned),
        port: one
            .pointer("/destination/port/number")
            .and_then(Value::as_u64)
            .and_then(|port| u16::try_from(port).ok()),
    };
    destination.to_string()
}
