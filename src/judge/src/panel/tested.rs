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
        let interval = self.conform(interval);
        self.empty &= interval.total() == Counts::ZERO;
        self.by_cohort |= interval.cohorts.iter().any(|cohort| *cohort != Counts::ZERO);
        self.test.absorb(rule, &interval, phi, look);
    }

    /// The interval with as many cohorts as the test has: what belongs to none of them counts in
    /// every sum, as a request without identity does.
    fn conform(&self, interval: &Interval) -> Interval {
        let mut conformed = interval.clone();
        let kept = self.cohorts.min(interval.cohorts.len());
        for extra in conformed.cohorts.drain(kept..) {
            conformed.rest = conformed.rest.plus(extra);
        }
        conformed.cohorts.resize(self.cohorts, Counts::ZERO);
        conformed
    }
}
