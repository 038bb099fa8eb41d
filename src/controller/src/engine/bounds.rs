//! The bounds of latency gates: given, or chosen once from stable before the rollout.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::gates::{self, Kind, Measure};
use crate::release::Release;
use crate::store::Bounds;

/// An answer to the question for bounds.
type Chosen = Result<BTreeMap<String, Vec<Duration>>, String>;

/// The bounds in force after this pass. What was chosen once stays: the counts are about it.
pub(super) fn in_force(release: &Release, stored: &Bounds, chosen: Option<&Chosen>) -> Bounds {
    let bounds = of_latency_gates(release).filter_map(|(name, bounds)| {
        let bounds = match bounds {
            gates::Bounds::Given(bounds) => Some(bounds),
            gates::Bounds::FromStable => stored.0.get(name).or_else(|| match chosen {
                Some(Ok(chosen)) => chosen.get(name),
                Some(Err(_)) | None => None,
            }),
        };
        Some((name.to_owned(), bounds?.clone()))
    });
    Bounds(bounds.collect())
}

/// The gates whose counts mean something else than before.
pub(super) fn changed<'a>(before: &'a Bounds, after: &'a Bounds) -> impl Iterator<Item = &'a str> {
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
    let without: Vec<&str> = of_latency_gates(release)
        .filter(|(name, bounds)| {
            **bounds == gates::Bounds::FromStable && !stored.0.contains_key(*name)
        })
        .map(|(name, _)| name)
        .collect();
    if without.is_empty() {
        return None;
    }
    let why = match chosen {
        None => "it has not been asked yet".to_owned(),
        Some(Ok(_)) => "they are being published".to_owned(),
        Some(Err(why)) => why.clone(),
    };
    Some(format!("the bounds of {} are chosen from stable's requests: {why}", without.join(", ")))
}

fn of_latency_gates(release: &Release) -> impl Iterator<Item = (&str, &gates::Bounds)> {
    release.gates.iter().filter_map(|gate| match &gate.kind {
        Kind::Ratio(ratio) => match &ratio.measure {
            Measure::Latency { bounds } => Some((gate.name.as_str(), bounds)),
            Measure::ErrorRate { .. } | Measure::Conversion { .. } => None,
        },
        _ => None,
    })
}
