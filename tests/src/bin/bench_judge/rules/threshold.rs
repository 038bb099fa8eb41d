//! A fixed limit, as Flagger judges: five looks in which fewer than 99 % of the canary's requests
//! succeed end the rollout. The failed looks of a rollout add up; they need not be in a row.

use serin_judge::Interval;

use super::Rule;
use crate::schedule::Stretch;

const LEAST_SUCCESS: f64 = 0.99;
const FAILED_LOOKS: u32 = 5;

#[derive(Debug, Default)]
pub(crate) struct Threshold {
    failed: u32,
}

impl Rule for Threshold {
    fn look(&mut self, _: &Stretch, interval: &Interval) -> bool {
        let counts = interval.total();
        let (requests, errors) = (counts.canary_requests(), counts.canary_events());
        if requests - errors < LEAST_SUCCESS * requests {
            self.failed += 1;
        }
        self.failed >= FAILED_LOOKS
    }
}
