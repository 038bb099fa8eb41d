//! Copies of requests that the canary gets and nobody waits for: the mirror fields of the entries
//! that serve everyone while the canary has no weight.
//!
//! They are whoever's until a release mirrors: then what stands there is kept by the caller, a mirror
//! to the canary takes its place, and later what was kept comes back value for value. Of these fields
//! a mirror to the canary is a release's; whatever else stands there is somebody else's.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_assignment::Weight;

use crate::destinations;
use crate::named::List;
use crate::{Entries, Fault, Reference};

/// What an entry mirrors, by its name, as text that only its own adapter understands.
pub type MirrorFields = BTreeMap<String, String>;

/// The mirrors in objects of one kind.
#[derive(Debug)]
pub struct Mirrors {
    pub(crate) list: &'static List,
    /// An entry's mirror fields.
    pub(crate) take: fn(entry: &Value) -> Value,
    /// Puts others in their place; null stands for none.
    pub(crate) put: fn(entry: &mut Value, fields: &Value),
    /// Where they lead, in the spelling of the entry's own destinations, and which share in percent.
    pub(crate) targets: fn(fields: &Value) -> Vec<(Value, f64)>,
    /// Those that mirror a share to one of the entry's own destinations.
    pub(crate) make: fn(destination: &Value, share: Weight) -> Value,
}

/// What one entry mirrors.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundMirror {
    /// The entry's name.
    pub entry: String,
    /// Its fields.
    pub fields: String,
    /// The share of its requests that the canary gets a copy of, in percent; none where it mirrors
    /// nothing, or anywhere else as well.
    pub to_canary: Option<f64>,
    /// Whether the canary gets copies at all.
    pub reaches_canary: bool,
    /// Whether anybody else does.
    pub reaches_others: bool,
}

/// How the mirrors stand, compared with the share that the canary is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorDrift {
    /// As they should.
    None,
    /// Some entry mirrors less to the canary than it should, or something else: a person's word.
    Taken,
    /// Some entry mirrors more to the canary than it should.
    More,
}

impl Mirrors {
    /// What the entries mirror that serve whoever is not marked canary.
    ///
    /// # Errors
    /// [`Fault`] where an entry or the canary in it is missing or not the only one of its name.
    pub fn read(&self, object: &Value, reference: &Reference) -> Result<Vec<FoundMirror>, Fault> {
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
        let spelling = &self.list.spelling;
        let found = |name: &String| {
            let entry = self.list.entry(object, name)?;
            destinations::canary(object, &entry, spelling, reference)?;
            let fields = object.pointer(&entry.at).map(self.take).unwrap_or_default();
            let targets = (self.targets)(&fields);
            let ours = |(one, _): &(Value, f64)| (spelling.is)(one, &reference.canary, namespace);
            let is_ours = !targets.is_empty() && targets.iter().all(ours);
            Ok(FoundMirror {
                entry: name.clone(),
                fields: fields.to_string(),
                to_canary: is_ours.then(|| targets.iter().map(|(_, share)| share).sum()),
                reaches_canary: targets.iter().any(ours),
                reaches_others: !targets.iter().all(ours),
            })
        };
        entries(reference).map(found).collect()
    }

    /// Has the entries mirror this share to the canary, or where there is none puts `kept` back
    /// wherever the canary gets copies, whoever else gets them too; says whether that changed the
    /// object. What is so already stays as it is spelt, and without a share what is mirrored elsewhere
    /// alone stays.
    ///
    /// # Errors
    /// As [`read`](Self::read). Nothing is changed then.
    pub fn write(
        &self,
        object: &mut Value,
        reference: &Reference,
        share: Option<Weight>,
        kept: &MirrorFields,
    ) -> Result<bool, Fault> {
        let mut wanted = Vec::new();
        for found in self.read(object, reference)? {
            let entry = self.list.entry(object, &found.entry)?;
            let fields = match share {
                Some(share) if is_share(found.to_canary, share) => continue,
                Some(share) => {
                    let spelling = &self.list.spelling;
                    let canary = destinations::canary(object, &entry, spelling, reference)?;
                    (self.make)(canary, share)
                }
                None if !found.reaches_canary => continue,
                None => {
                    let text = kept.get(&found.entry).map(String::as_str);
                    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
                }
            };
            wanted.push((entry.at, fields));
        }
        let mut changed = false;
        for (at, fields) in wanted {
            if let Some(entry) = object.pointer_mut(&at) {
                let before = (self.take)(entry);
                (self.put)(entry, &fields);
                changed |= (self.take)(entry) != before;
            }
        }
        Ok(changed)
    }
}

/// How `found` differs from `share`.
#[must_use]
pub fn mirror_drift(found: &[FoundMirror], share: Option<Weight>) -> MirrorDrift {
    let Some(share) = share else {
        let none = found.iter().all(|one| !one.reaches_canary);
        return if none { MirrorDrift::None } else { MirrorDrift::More };
    };
    let differ = || found.iter().filter(|one| !is_share(one.to_canary, share));
    if differ().any(|one| one.to_canary.is_none_or(|found| found < percent(share))) {
        MirrorDrift::Taken
    } else if differ().next().is_some() {
        MirrorDrift::More
    } else {
        MirrorDrift::None
    }
}

/// Whether what somebody has there is what was kept of it.
#[must_use]
pub fn is_as_kept(found: &[FoundMirror], kept: &MirrorFields) -> bool {
    found
        .iter()
        .filter(|one| one.to_canary.is_none())
        .all(|one| kept.get(&one.entry) == Some(&one.fields))
}

/// The entries that serve everyone while the canary has no weight.
fn entries(reference: &Reference) -> impl Iterator<Item = &String> {
    let (stable, rest) = match &reference.entries {
        Entries::ByMark { stable, rest, .. } => (Some(stable), Some(rest)),
        Entries::One(name) => (None, Some(name)),
        Entries::Whole => (None, None),
    };
    stable.into_iter().chain(rest)
}

pub(crate) fn percent(share: Weight) -> f64 {
    f64::from(share.basis_points()) / 100.0
}

fn is_share(found: Option<f64>, share: Weight) -> bool {
    // A hundredth of the smallest share that can be asked for.
    const SAME: f64 = 1e-4;
    found.is_some_and(|found| (found - percent(share)).abs() < SAME)
}
