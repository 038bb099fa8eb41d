//! Istio's `VirtualService`.
//!
//! A rollout has three entries of `spec.http`, in this order: requests marked canary, marked stable,
//! not marked. Each has both destinations, so that six integers say all of it. A proxy takes the
//! first entry that fits; a destination's share is its weight by the sum of the entry's weights; a
//! weight that is absent is 0.

mod entries;
mod order;
mod route;

use serde_json::Value;

pub use entries::hosts;

use crate::{Fault, Found, Reference, Shares, Wanted};

/// The six integers as they stand.
///
/// # Errors
/// [`Fault`] where the object does not have the entries and destinations of `reference` as the
/// module says; the first one that is found.
pub fn read(object: &Value, reference: &Reference) -> Result<Found, Fault> {
    let http = entries::list(object)?;
    let names = &reference.entries;
    let shares = |name: &str| -> Result<Shares, Fault> {
        let place = entries::place(http, name)?;
        let route = route::list(http.get(place), name)?;
        let places = route::places(route, name, reference)?;
        route::shares(route, places, name, reference)
    };
    let found = Found {
        canary: shares(&names.canary)?,
        stable: shares(&names.stable)?,
        rest: shares(&names.rest)?,
    };
    order::check(http, reference)?;
    Ok(found)
}

/// Puts the six integers that `wanted` means into the object, and says whether that changed it. An
/// entry that sends the wanted share already stays as it is spelt.
///
/// It takes more than [`read`] does: the weights may be anything, for they are written over; so may
/// the order of the entries, for sending all to stable is better done in the wrong order than not.
///
/// # Errors
/// [`Fault`] where an entry or a destination is missing or not the only one of its name. Nothing is
/// changed then.
pub fn write(object: &mut Value, reference: &Reference, wanted: &Wanted) -> Result<bool, Fault> {
    let written = wanted.integers();
    let names = &reference.entries;
    let entries = [
        (&names.canary, written.canary),
        (&names.stable, written.stable),
        (&names.rest, written.rest),
    ];
    // All places first, so that a fault in the last entry leaves the first as it was.
    let http = entries::list(object)?;
    let mut changes = Vec::new();
    for (name, shares) in entries {
        let place = entries::place(http, name)?;
        let route = route::list(http.get(place), name)?;
        let places = route::places(route, name, reference)?;
        let stands = route::shares(route, places, name, reference);
        if !stands.is_ok_and(|stands| stands.is_like(shares)) {
            changes.push((place, places, shares));
        }
    }
    for (place, places, shares) in &changes {
        if let Some(entry) = entries::entry_mut(object, *place) {
            route::set(entry, *places, *shares);
        }
    }
    Ok(!changes.is_empty())
}
