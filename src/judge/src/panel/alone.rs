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

/// How many events there can have been to expect where so many were counted: what was counted of stable
/// in one step is chance as well, and a canary like it must not be held by that. The upper bound of a
/// Poisson mean at one side with 99 %, by Byar's approximation (Breslow and Day, Statistical Methods in
/// Cancer Research II, 1987, equation 2.10): within 1 % from no event on.
pub(super) fn most_events(counted: f64) -> f64 {
    /// The normal quantile of 99 %.
    const Z: f64 = 2.326_347_874;
    let next = counted + 1.0;
    next * (1.0 - 1.0 / (9.0 * next) + Z / (3.0 * next.sqrt())).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probability of so many events or fewer.
    fn at_most(events: u32, mean: f64) -> f64 {
        let mut term = (-mean).exp();
        let mut sum = term;
        for number in 1..=events {
            term *= mean / f64::from(number);
            sum += term;
        }
        sum
    }

    #[test]
    fn as_few_as_were_counted_are_a_chance_of_one_in_a_hundred_at_the_bound() {
        for events in [0, 1, 6, 12, 50, 200] {
            let chance = at_most(events, most_events(f64::from(events)));
            assert!((0.009..0.011).contains(&chance), "{events}: {chance}");
        }
    }

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
