//! The sequential test of `GrowthBook`'s Safe Rollouts: an asymptotic confidence sequence on the
//! relative difference of the sides' pooled error rates. One-sided form of the boundary of
//! Waudby-Smith et al., arXiv 2103.06476; harm is shown when the lower end is above none.

use serin_judge::Interval;

use super::{ALPHA, Pooled, Rule, is_skipped};
use crate::schedule::Stretch;

/// The number of requests for which the boundary is tightest: the product's default.
const TUNING: f64 = 5000.0;

#[derive(Debug, Default)]
pub(crate) struct SafeRollouts {
    pooled: Pooled,
}

impl Rule for SafeRollouts {
    fn look(&mut self, stretch: &Stretch, interval: &Interval) -> bool {
        if is_skipped(stretch) {
            return false;
        }
        self.pooled.add(interval);
        let Pooled { canary, stable } = self.pooled;
        if canary.variance() <= 0.0 || stable.variance() <= 0.0 {
            // A side without errors has no variance to judge by.
            return false;
        }
        let difference = canary.rate() / stable.rate() - 1.0;
        // The delta method's variance of a ratio of two means.
        let variance = canary.variance() / stable.rate().powi(2)
            + stable.variance() * canary.rate().powi(2) / stable.rate().powi(4);
        difference > half_width(variance, canary.requests + stable.requests)
    }
}

/// How far below its estimate the sequence still holds a difference for possible, after so many
/// requests: the mixture's boundary for a standard error whose square is `variance`.
fn half_width(variance: f64, requests: f64) -> f64 {
    let two_sided = -2.0 * (2.0 * ALPHA).ln();
    let rho_squared = (two_sided + (two_sided + 1.0).ln()) / TUNING;
    let time = requests * rho_squared + 1.0;
    let boundary = (1.0 + time.sqrt() / (2.0 * ALPHA)).ln();
    (variance * 2.0 * time / (time - 1.0) * boundary).sqrt()
}
