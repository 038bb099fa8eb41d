//! Entries that stand in a list and go by name.

use serde_json::Value;

use crate::destinations::{self, Entry, Spelling};
use crate::{Entries, Fault, Found, Marked, Reference, Wanted};

/// How a kind of object lists its entries.
#[derive(Debug)]
pub(crate) struct List {
    /// Where the list stands, such as `spec.http`.
    pub(crate) at: &'static str,
    /// The same as a JSON pointer.
    pub(crate) pointer: &'static str,
    /// What an entry is called.
    pub(crate) word: &'static str,
    /// How an entry spells its destinations.
    pub(crate) spelling: Spelling,
}

impl List {
    /// The entries of the object.
    pub(crate) fn of<'a>(&self, object: &'a Value) -> Result<&'a [Value], Fault> {
        let list = object.pointer(self.pointer).and_then(Value::as_array);
        list.map(Vec::as_slice).ok_or(Fault::NoEntries { at: self.at })
    }

    /// The entry of this name for people.
    pub(crate) fn told(&self, name: &str) -> String {
        format!("{} {name}", self.word)
    }

    /// Where the one entry of this name stands.
    pub(crate) fn place(&self, list: &[Value], entry: &str) -> Result<usize, Fault> {
        let named = |(_, one): &(usize, &Value)| name(one) == Some(entry);
        let mut places = list.iter().enumerate().filter(named).map(|(place, _)| place);
        match (places.next(), places.count()) {
            (Some(place), 0) => Ok(place),
            (Some(_), others) => {
                Err(Fault::EntryTwice { entry: self.told(entry), count: others + 1 })
            }
            (None, _) => {
                let there = list.iter().filter_map(name).map(str::to_owned).collect();
                Err(Fault::EntryMissing { entry: self.told(entry), there })
            }
        }
    }

    pub(crate) fn entry(&self, object: &Value, name: &str) -> Result<Entry, Fault> {
        let place = self.place(self.of(object)?, name)?;
        Ok(Entry { told: self.told(name), at: format!("{}/{place}", self.pointer) })
    }

    pub(crate) fn read(&self, object: &Value, reference: &Reference) -> Result<Found, Fault> {
        let shares = |name: &str| {
            let entry = self.entry(object, name)?;
            destinations::read(object, &entry, &self.spelling, reference)
        };
        match &reference.entries {
            Entries::ByMark { canary, stable, rest } => Ok(Found {
                marked: Some(Marked { canary: shares(canary)?, stable: shares(stable)? }),
                rest: shares(rest)?,
            }),
            Entries::One(name) => Ok(Found { marked: None, rest: shares(name)? }),
            Entries::Whole => {
                Err(Fault::EntryMissing { entry: self.told(Entries::REST), there: Vec::new() })
            }
        }
    }

    pub(crate) fn write(
        &self,
        object: &mut Value,
        reference: &Reference,
        wanted: Wanted,
    ) -> Result<bool, Fault> {
        let written = wanted.integers();
        let named = match &reference.entries {
            Entries::ByMark { canary, stable, rest } => written
                .marked
                .into_iter()
                .flat_map(|marked| [(canary, marked.canary), (stable, marked.stable)])
                .chain([(rest, written.rest)])
                .collect(),
            Entries::One(name) => vec![(name, written.rest)],
            Entries::Whole => return Err(Fault::EntriesOfOther),
        };
        let entries = named
            .into_iter()
            .map(|(name, shares)| Ok((self.entry(object, name)?, shares)))
            .collect::<Result<Vec<_>, Fault>>()?;
        destinations::write(object, &entries, &self.spelling, reference)
    }
}

/// An entry's name.
pub(crate) fn name(entry: &Value) -> Option<&str> {
    entry.get("name").and_then(Value::as_str)
}

/// An entry's name, or its place where it has none.
pub(crate) fn name_or_place(entry: &Value, list: &str, place: usize) -> String {
    name(entry).map_or_else(|| format!("{list}[{place}]"), str::to_owned)
}
