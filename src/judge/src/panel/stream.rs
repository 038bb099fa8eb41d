//! One stream of counts: its test, and what is shown of it.

use serde::{Deserialize, Serialize};

use super::StreamFinding;
use super::tested::Tested;
use crate::bits::exact_counts;
use crate::{Alpha, Counts, Dispersion, Interval, Likelihood, Look, Rule};

/// What is kept of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Stream {
    tested: Tested,
    likelihood: Likelihood,
    /// What was judged.
    #[serde(with = "exact_counts")]
    pub(super) judged: Counts,
    /// What was counted at the present traffic.
    #[serde(with = "exact_counts")]
    pub(super) step: Counts,
    /// What was judged of it.
    #[serde(with = "exact_counts")]
    pub(super) judged_in_step: Counts,
    /// What was counted at the last traffic at which both sides served.
    #[serde(with = "exact_counts")]
    pub(super) compared: Counts,
}

impl Stream {
    pub(super) fn new(rule: &Rule, cohorts: usize) -> Self {
        Self {
            tested: Tested::new(rule, cohorts),
            likelihood: Likelihood::default(),
            judged: Counts::ZERO,
            step: Counts::ZERO,
            judged_in_step: Counts::ZERO,
            compared: Counts::ZERO,
        }
    }

    pub(super) fn absorb(
        &mut self,
        rule: &Rule,
        phi: Dispersion,
        interval: &Interval,
        (look, present): (Look, bool),
    ) {
        let total = interval.total();
        self.tested.absorb(rule, phi, interval, look);
        if look == Look::Judged {
            self.likelihood.absorb(&total);
            self.judged = self.judged.plus(total);
        }
        if present {
            self.step = self.step.plus(total);
        }
        if present && look == Look::Judged {
            self.judged_in_step = self.judged_in_step.plus(total);
        }
    }

    /// The traffic is another one.
    pub(super) fn begin_step(&mut self, compared_before: bool) {
        if compared_before && self.step.stable_requests() > 0.0 {
            self.compared = self.step;
        }
        self.step = Counts::ZERO;
        self.judged_in_step = Counts::ZERO;
    }

    pub(super) const fn intervals(&self) -> u64 {
        self.tested.test.intervals()
    }

    /// How many cohorts its counts come by; 0 where they come by none.
    pub(super) const fn cohorts(&self) -> usize {
        if self.tested.by_cohort { self.tested.cohorts } else { 0 }
    }

    /// Whether any of it was counted by cohort.
    pub(super) const fn by_cohort(&self) -> bool {
        self.tested.by_cohort
    }

    pub(super) fn log_e(&self) -> f64 {
        self.tested.test.log_e()
    }

    pub(super) fn log_e_worst(&self) -> f64 {
        self.tested.test.log_e_worst().log_e
    }

    pub(super) fn log_floor(&self) -> Option<f64> {
        self.tested.test.log_floor()
    }

    pub(super) fn finding(&self, alpha: Alpha) -> StreamFinding {
        let worst = self.tested.test.log_e_worst();
        let (ratio_low, ratio_high) = self.likelihood.confidence(alpha);
        StreamFinding {
            log_e: self.log_e(),
            log_e_worst: worst.log_e,
            set_aside: if self.by_cohort() { worst.cohorts } else { Vec::new() },
            counts: self.judged,
            step_counts: self.step,
            ratio: self.likelihood.ratio(),
            ratio_low,
            ratio_high,
        }
    }
}
