//! The bounds of latency gates: given, or chosen once from stable before the rollout.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::gates::Ratio;
use crate::release::Release;
use crate::store::Bounds;

/// An answer to the question for bounds.
pub(super) type Chosen = Result<BTreeMap<String, Vec<Duration>>, String>;

/// The bounds in force after this pass. What was chosen once stays: the counts are about it.
pub(super) fn in_force(release: &Release, stored: &Bounds, chosen: Option<&Chosen>) -> Bounds {
    let mut all = match chosen {
        Some(Ok(chosen)) => chosen.clone(),
        Some(Err(_)) | None => BTreeMap::new(),
    };
    all.extend(stored.0.clone());
    Bounds(release.latency_bounds(&all))
}

/// The gates whose counts mean something else than before.
pub(super) fn changed<'a>(before: &'a Bounds, after: &Bounds) -> impl Iterator<Item = &'a str> {
    let other = |(gate, bounds): &(&String, &Vec<Duration>)| {
        after.0.get(*gate).is_some_and(|now| now != *bounds)
    };
    before.0.iter().filter(other).map(|(gate, _)| gate.as_str())
}

/// Why the rollout should not start yet: a latency gate has no bounds in the document so far.
pub(super) fn missing(
    release: &Release,
    stored: &Bounds,
    chosen: Option<&Chosen>,
) -> Option<String> {
    let without: Vec<&str> = release
        .gates
        .iter()
        .filter(|gate| gate.ratio().is_some_and(Ratio::is_chosen_from_stable))
        .map(|gate| gate.name.as_str())
        .filter(|name| !stored.0.contains_key(*name))
        .collect();
    if without.is_empty() {
        return None;
    }
    let why = match chosen {
        None => "nobody has answered yet",
        Some(Ok(_)) => "they are being published",
        Some(Err(why)) => why,
    };
    Some(format!("bounds for {} are chosen from stable's requests: {why}", without.join(", ")))
}
