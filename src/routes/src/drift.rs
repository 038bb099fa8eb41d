//! How what stands differs from what was written.

use serin_assignment::Weight;

use crate::{Found, Wanted};

/// What somebody else made of the weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Nothing.
    None,
    /// The canary gets less than was written, and nobody gets more of it: a person holds it back.
    /// With the share that it has now.
    Lowered(Weight),
    /// Anything else, told in one line.
    Other(String),
}

/// How `found` differs from `wanted`.
///
/// Whoever takes the canary from those marked for it wants less of it as well as whoever lowers the
/// last entry, so that it is the smallest share that any entry was brought to which counts: an entry
/// for marked requests with half of what was written halves the weight.
#[must_use]
pub fn drift(found: &Found, wanted: &Wanted) -> Drift {
    let written = wanted.integers();
    if found.is_like(&written) {
        return Drift::None;
    }
    let lowered = found
        .pairs(&written)
        .all(|(_, found, written)| found.is_like(written) || found.is_below(written));
    if lowered && let Some(weight) = smallest(found, *wanted) {
        return Drift::Lowered(weight);
    }
    let told = found
        .pairs(&written)
        .filter(|(_, found, written)| !found.is_like(*written))
        .map(|(entry, found, written)| format!("{entry}: {found} where {written} was written"));
    Drift::Other(told.collect::<Vec<_>>().join(", "))
}

fn smallest(found: &Found, wanted: Wanted) -> Option<Weight> {
    let rest = found.weight()?;
    match found.marked {
        None => Some(rest),
        Some(marked) => Some(rest.min(scaled(wanted.weight(), marked.canary.canary_share()?))),
    }
}

/// A share of a weight, rounded down.
fn scaled(weight: Weight, share: Weight) -> Weight {
    let parts = u32::from(weight.basis_points()) * u32::from(share.basis_points())
        / u32::from(Weight::FULL.basis_points());
    u16::try_from(parts).ok().and_then(Weight::from_basis_points).unwrap_or(Weight::ZERO)
}
