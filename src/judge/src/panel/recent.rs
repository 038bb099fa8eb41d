//! Counts of late, without a window that would have to be kept: each count fades.

use serde::{Deserialize, Serialize};

use crate::Counts;
use crate::bits::exact_counts;

/// After so long a count weighs half: a burst that is over stops speaking within a few minutes.
const HALF_LIFE_MS: f64 = 60_000.0;

/// Counts that fade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Recent {
    at_ms: u64,
    #[serde(with = "exact_counts")]
    counts: Counts,
}

impl Recent {
    pub(super) const fn new(at_ms: u64) -> Self {
        Self { at_ms, counts: Counts::ZERO }
    }

    pub(super) fn absorb(&mut self, to_ms: u64, counts: Counts) {
        #[expect(clippy::cast_precision_loss, reason = "a rollout is far shorter than 2^53 ms")]
        let passed = to_ms.saturating_sub(self.at_ms) as f64;
        self.counts = faded(self.counts, (-passed / HALF_LIFE_MS).exp2()).plus(counts);
        self.at_ms = to_ms;
    }

    /// The share of events on each side, canary first, where both are above `limit` on enough
    /// requests to expect an event at it.
    pub(super) fn both_above(&self, limit: f64) -> Option<(f64, f64)> {
        let above = |requests: f64, events: f64| {
            let share = events / requests;
            (requests * limit >= 1.0 && share > limit).then_some(share)
        };
        let counts = &self.counts;
        let canary = above(counts.canary_requests(), counts.canary_events())?;
        let stable = above(counts.stable_requests(), counts.stable_events())?;
        Some((canary, stable))
    }
}

fn faded(counts: Counts, factor: f64) -> Counts {
    Counts::try_new(
        counts.canary_requests() * factor,
        counts.canary_events() * factor,
        counts.stable_requests() * factor,
        counts.stable_events() * factor,
    )
    .unwrap_or(Counts::ZERO)
}
