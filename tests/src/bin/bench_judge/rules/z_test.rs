//! The textbook's test of two proportions at level .01, one-sided, repeated at each look over all
//! that was counted so far.

use serin_judge::Interval;

use super::{Pooled, Rule};
use crate::schedule::Stretch;

/// The normal quantile of 1 - .01.
const CRITICAL: f64 = 2.326_347_874;

#[derive(Debug, Default)]
pub(crate) struct ZTest {
    pooled: Pooled,
}

impl Rule for ZTest {
    fn look(&mut self, _: &Stretch, interval: &Interval) -> bool {
        self.pooled.add(interval);
        let Pooled { canary, stable } = self.pooled;
        let rate = (canary.errors + stable.errors) / (canary.requests + stable.requests);
        let variance = rate * (1.0 - rate) * (1.0 / canary.requests + 1.0 / stable.requests);
        // Without requests or errors nothing is significant: NaN is above no limit.
        (canary.rate() - stable.rate()) / variance.sqrt() > CRITICAL
    }
}
