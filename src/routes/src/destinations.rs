//! The two destinations of an entry, and their weights.

use serde_json::Value;

use crate::{Destination, Fault, Reference, Shares};

/// How a kind of object spells the destinations of an entry.
#[derive(Debug)]
pub(crate) struct Spelling {
    /// The field of an entry that lists them.
    pub(crate) field: &'static str,
    /// What a weight that is absent stands for.
    pub(crate) absent: i64,
    /// Whether one of the list is this destination; `namespace` is the object's.
    pub(crate) is: fn(one: &Value, destination: &Destination, namespace: Option<&str>) -> bool,
    /// One of the list as a release names it, for people.
    pub(crate) told: fn(one: &Value) -> Destination,
}

/// One entry of an object.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What it is called, for people.
    pub(crate) told: String,
    /// Where it stands, as a JSON pointer.
    pub(crate) at: String,
}

/// Where stable and canary stand in an entry's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Places {
    stable: usize,
    canary: usize,
}

/// The weights of an entry as they stand.
pub(crate) fn read(
    object: &Value,
    entry: &Entry,
    spelling: &Spelling,
    reference: &Reference,
) -> Result<Shares, Fault> {
    let list = list(object, entry, spelling)?;
    let places = places(object, list, entry, spelling, reference)?;
    shares(list, places, entry, spelling, reference)
}

/// Writes the weights of these entries, and says whether that changed the object. All places are
/// found first, so that a fault in the last entry leaves the first as it was.
pub(crate) fn write(
    object: &mut Value,
    entries: &[(Entry, Shares)],
    spelling: &Spelling,
    reference: &Reference,
) -> Result<bool, Fault> {
    let mut changes = Vec::new();
    for (entry, wanted) in entries {
        let list = list(object, entry, spelling)?;
        let places = places(object, list, entry, spelling, reference)?;
        let stands = shares(list, places, entry, spelling, reference);
        if !stands.is_ok_and(|stands| stands.is_like(*wanted)) {
            changes.push((entry, places, *wanted));
        }
    }
    for (entry, places, wanted) in &changes {
        if let Some(entry) = object.pointer_mut(&entry.at) {
            set(entry, *places, *wanted, spelling);
        }
    }
    Ok(!changes.is_empty())
}

/// The canary among an entry's destinations, as the entry spells it.
pub(crate) fn canary<'a>(
    object: &'a Value,
    entry: &Entry,
    spelling: &Spelling,
    reference: &Reference,
) -> Result<&'a Value, Fault> {
    let list = list(object, entry, spelling)?;
    let places = places(object, list, entry, spelling, reference)?;
    list.get(places.canary)
        .ok_or_else(|| Fault::NoRoute { entry: entry.told.clone(), field: spelling.field })
}

fn list<'a>(object: &'a Value, entry: &Entry, spelling: &Spelling) -> Result<&'a [Value], Fault> {
    let field = spelling.field;
    let list = object.pointer(&entry.at).and_then(|entry| entry.get(field)?.as_array());
    list.map(Vec::as_slice).ok_or_else(|| Fault::NoRoute { entry: entry.told.clone(), field })
}

fn places(
    object: &Value,
    list: &[Value],
    entry: &Entry,
    spelling: &Spelling,
    reference: &Reference,
) -> Result<Places, Fault> {
    let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
    let place = |destination| place(list, entry, spelling, destination, namespace);
    let places = Places { stable: place(&reference.stable)?, canary: place(&reference.canary)? };
    let other =
        list.iter().enumerate().find(|(place, _)| ![places.stable, places.canary].contains(place));
    match other {
        Some((_, other)) => {
            let other = (spelling.told)(other).to_string();
            Err(Fault::DestinationOther { entry: entry.told.clone(), other })
        }
        None => Ok(places),
    }
}

fn place(
    list: &[Value],
    entry: &Entry,
    spelling: &Spelling,
    destination: &Destination,
    namespace: Option<&str>,
) -> Result<usize, Fault> {
    let fits = |(_, one): &(usize, &Value)| (spelling.is)(one, destination, namespace);
    let mut places = list.iter().enumerate().filter(fits).map(|(place, _)| place);
    let (entry, destination) = (entry.told.clone(), destination.clone());
    match (places.next(), places.count()) {
        (Some(place), 0) => Ok(place),
        (Some(_), others) => Err(Fault::DestinationTwice { entry, destination, count: others + 1 }),
        (None, _) => {
            let there = list.iter().map(|one| (spelling.told)(one).to_string()).collect();
            Err(Fault::DestinationMissing { entry, destination, there })
        }
    }
}

/// The weights that stand there.
fn shares(
    list: &[Value],
    places: Places,
    entry: &Entry,
    spelling: &Spelling,
    reference: &Reference,
) -> Result<Shares, Fault> {
    let weight = |place: usize, destination: &Destination| {
        weight_of(list.get(place), spelling).ok_or_else(|| Fault::NoNumber {
            entry: entry.told.clone(),
            destination: destination.clone(),
        })
    };
    Ok(Shares {
        stable: weight(places.stable, &reference.stable)?,
        canary: weight(places.canary, &reference.canary)?,
    })
}

fn weight_of(destination: Option<&Value>, spelling: &Spelling) -> Option<i64> {
    match destination?.get("weight") {
        None | Some(Value::Null) => Some(spelling.absent),
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
fn set(entry: &mut Value, places: Places, shares: Shares, spelling: &Spelling) {
    for (place, weight) in [(places.stable, shares.stable), (places.canary, shares.canary)] {
        let destination = entry.get_mut(spelling.field).and_then(|list| list.get_mut(place));
        // What says the same already stays as it is spelt.
        if weight_of(destination.as_deref(), spelling) != Some(weight)
            && let Some(fields) = destination.and_then(Value::as_object_mut)
        {
            fields.insert("weight".to_owned(), weight.into());
        }
    }
}
