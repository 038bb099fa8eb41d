//! The canary at 100 %, without a stable side beside it.

use serde::{Deserialize, Serialize};

use crate::bits::{exact, exact_counts};
use crate::ratio::sets;
use crate::{Counts, Interval, Look, OneSample, SetAside, Share};

/// Its error rate against a stated one. A broken client is no more the version's fault here than
/// where there is something to compare with, so that cohorts are set aside alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Alone {
    /// The rate that it must not be above.
    #[serde(with = "exact")]
    pub(super) rate: Share,
    set_aside: SetAside,
    cohorts: usize,
    /// A test of all counts, then one without each set of cohorts.
    tests: Vec<OneSample>,
    #[serde(with = "exact_counts")]
    pub(super) counts: Counts,
}

impl Alone {
    pub(super) fn new(rate: Share, set_aside: SetAside, cohorts: usize) -> Self {
        let tests = vec![OneSample::new(rate); 1 + sets(set_aside, cohorts).count()];
        Self { rate, set_aside, cohorts, tests, counts: Counts::ZERO }
    }

    pub(super) fn absorb(&mut self, interval: &Interval) {
        let total = interval.total();
        let without =
            sets(self.set_aside, self.cohorts).map(|set| interval.without(set.as_slice()));
        for (test, counts) in self.tests.iter_mut().zip(core::iter::once(total).chain(without)) {
            test.absorb(&counts, Look::Judged);
        }
        self.counts = self.counts.plus(total);
    }

    /// The evidence that is left without the worst cohorts, as a natural logarithm.
    pub(super) fn log_e(&self) -> f64 {
        self.tests.iter().map(OneSample::log_e).fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes in which every cohort has a thousand requests with `errors` among them, and cohort 3
    /// `more`.
    fn after_ten(errors: f64, more: f64) -> f64 {
        let cohort = |number| {
            let events = if number == 3 { errors + more } else { errors };
            Counts::try_new(1000.0, events, 0.0, 0.0).unwrap()
        };
        let interval = Interval { cohorts: (0..16).map(cohort).collect(), rest: Counts::ZERO };
        let mut alone = Alone::new(Share::try_new(0.002).unwrap(), SetAside::One, 16);
        for _ in 0..10 {
            alone.absorb(&interval);
        }
        alone.log_e()
    }

    #[test]
    fn one_broken_client_is_not_the_version() {
        let enough = crate::Alpha::default().log_threshold();
        assert!(after_ten(1.0, 900.0) < 0.0, "{}", after_ten(1.0, 900.0));
        assert!(after_ten(10.0, 0.0) > enough, "{}", after_ten(10.0, 0.0));
    }
}
