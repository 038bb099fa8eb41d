//! A ratio test that learns how many cohorts its counts have.

use serde::{Deserialize, Serialize};

use crate::{Counts, Dispersion, Interval, Look, RatioTest, Rule};

/// A test and its number of cohorts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tested {
    pub(super) test: RatioTest,
    pub(super) cohorts: usize,
    /// Whether nothing was counted yet, so that the number of cohorts can still be learnt: counters
    /// are born with their first count, and the first intervals may name no cohort.
    empty: bool,
    /// Whether anything was ever counted by cohort.
    pub(super) by_cohort: bool,
}

impl Tested {
    pub(super) fn new(rule: &Rule, cohorts: usize) -> Self {
        Self { test: RatioTest::new(rule, cohorts), cohorts, empty: true, by_cohort: false }
    }

    pub(super) fn absorb(&mut self, rule: &Rule, phi: Dispersion, interval: &Interval, look: Look) {
        let cohorts = interval.cohorts.len();
        if self.empty && self.cohorts < cohorts {
            let empty = Interval::whole(Counts::ZERO);
            let mut anew = Self::new(rule, cohorts);
            for _ in 0..self.test.intervals() {
                anew.test.absorb(rule, &empty, phi, Look::Skipped);
            }
            *self = anew;
        }
        // What belongs to none of its cohorts counts in every sum, as a request without identity.
        let mut interval = interval.clone();
        interval.conform(self.cohorts);
        self.empty &= interval.total() == Counts::ZERO;
        self.by_cohort |= interval.cohorts.iter().any(|cohort| *cohort != Counts::ZERO);
        self.test.absorb(rule, &interval, phi, look);
    }
}
