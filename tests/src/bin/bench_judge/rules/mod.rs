//! The rules that are compared. Each sees every interval's counts and says when it rolls back.

mod safe_rollouts;
mod serin;
mod threshold;
mod z_test;

use serin_judge::Interval;

use crate::schedule::Stretch;

pub(crate) use safe_rollouts::SafeRollouts;
pub(crate) use serin::{DispersionAt, Serin, Setup};
pub(crate) use threshold::Threshold;
pub(crate) use z_test::ZTest;

/// Evidence that a rule asks for, and the length of the start that Serin and Safe Rollouts skip.
const ALPHA: f64 = 0.01;
const SKIPPED_MINUTES: u32 = 2;

/// A rule in the middle of a rollout.
pub(crate) trait Rule {
    /// Takes in what was counted since the last look; true where the rule rolls back now.
    fn look(&mut self, stretch: &Stretch, interval: &Interval) -> bool;
}

/// Whether a stretch begins in the part of the rollout that is skipped.
const fn is_skipped(stretch: &Stretch) -> bool {
    stretch.start < SKIPPED_MINUTES
}

/// Counts of both sides since the start, over all weights.
#[derive(Clone, Copy, Debug, Default)]
struct Pooled {
    canary: Side,
    stable: Side,
}

/// One side's requests and those that failed.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    requests: f64,
    errors: f64,
}

impl Pooled {
    fn add(&mut self, interval: &Interval) {
        let counts = interval.total();
        self.canary.requests += counts.canary_requests();
        self.canary.errors += counts.canary_events();
        self.stable.requests += counts.stable_requests();
        self.stable.errors += counts.stable_events();
    }
}

impl Side {
    fn rate(self) -> f64 {
        self.errors / self.requests
    }

    /// Of the rate's estimate.
    fn variance(self) -> f64 {
        self.rate() * (1.0 - self.rate()) / self.requests
    }
}

#[cfg(test)]
mod tests;
