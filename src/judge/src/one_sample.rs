//! The e-test of one side's rate against a stated one: the floor of errors, and the error rate at
//! 100 %, where nothing is left to compare with.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::alternatives::UP;
use crate::bits::exact;
use crate::log_space::{as_count, as_real};
use crate::restarts::{Stakes, log_stake};
use crate::{Counts, Look, Share};

/// Evidence that the canary's own rate is above p, looked at as often as one likes.
///
/// ```text
/// F_r <- (F_r + pi_t) r^xc ((1 - r p)/(1 - p))^(nc - xc)      each r of the up grid with r p < 1
/// E_t = mean_r F_r + 1/(2 (t+1))
/// ```
///
/// Each factor is the ratio of the binomial likelihoods at `r p` and p, with restarts as in the ratio
/// test; under any rate up to p its mean is at most 1. Where no alternative is left (p of 1/1.2 or
/// more), it never speaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct OneSample {
    rate: Share,
    intervals: u64,
    stakes: Stakes,
}

/// The alternatives below 1. They rise, so these are the first of the grid.
fn alternatives(rate: Share) -> impl Iterator<Item = f64> {
    UP.into_iter().filter(move |r| r * rate.get() < 1.0)
}

impl OneSample {
    /// A test against this rate that has seen nothing.
    #[must_use]
    pub fn new(rate: Share) -> Self {
        Self { rate, intervals: 0, stakes: Stakes::new(alternatives(rate).count()) }
    }

    /// Takes in the canary's requests and events of an interval; stable's are not looked at.
    pub fn absorb(&mut self, counts: &Counts, look: Look) {
        let p = self.rate.get();
        let events = counts.canary_events();
        let others = counts.canary_requests() - events;
        let gains = alternatives(self.rate).map(|r| match look {
            Look::Judged => events * r.ln() + others * ((-r * p).ln_1p() - (-p).ln_1p()),
            Look::Skipped => 0.0,
        });
        self.stakes.absorb(log_stake(self.intervals), gains);
        self.intervals += 1;
    }

    /// `ln` of the evidence. Finite.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        self.stakes.log_e(self.intervals)
    }

    /// The state as numbers, always as many for the same rate.
    pub fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        [as_real(self.intervals)].into_iter().chain(self.stakes.numbers())
    }

    /// Takes a state from its numbers; none where they run out or cannot be one.
    pub fn fill(&mut self, numbers: &mut impl Iterator<Item = f64>) -> Option<()> {
        self.intervals = as_count(numbers.next()?)?;
        self.stakes.fill(numbers)
    }

    /// How many intervals it has taken in, skipped and empty ones included.
    #[must_use]
    pub const fn intervals(&self) -> u64 {
        self.intervals
    }

    /// The rate that it tests against.
    #[must_use]
    pub const fn rate(&self) -> Share {
        self.rate
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(with = "exact")]
    rate: Share,
    intervals: u64,
    stakes: Stakes,
}

/// A stored test whose parts don't belong together.
#[derive(Debug, Error)]
#[error(
    "stakes has {got} entries: expected {expected}, as many as alternatives to the rate {rate}"
)]
struct Mismatch {
    got: usize,
    expected: usize,
    rate: f64,
}

impl TryFrom<Stored> for OneSample {
    type Error = Mismatch;

    fn try_from(stored: Stored) -> Result<Self, Mismatch> {
        let Stored { rate, intervals, stakes } = stored;
        let (got, expected) = (stakes.alternatives(), alternatives(rate).count());
        if got == expected {
            Ok(Self { rate, intervals, stakes })
        } else {
            Err(Mismatch { got, expected, rate: rate.get() })
        }
    }
}

impl From<OneSample> for Stored {
    fn from(test: OneSample) -> Self {
        Self { rate: test.rate, intervals: test.intervals, stakes: test.stakes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_alternative_it_never_speaks() {
        let mut test = OneSample::new(Share::try_new(0.9).unwrap());
        test.absorb(&Counts::try_new(1e6, 1e6, 0.0, 0.0).unwrap(), Look::Judged);
        assert!(test.log_e() <= 0.0);
    }

    #[test]
    fn a_stored_test_must_fit_its_rate() {
        let test = OneSample::new(Share::try_new(0.2).unwrap());
        let json = serde_json::to_string(&test).unwrap();
        assert_eq!(serde_json::from_str::<OneSample>(&json).unwrap(), test);
        let other = json.replace("0.2", "0.001");
        let fault = serde_json::from_str::<OneSample>(&other).unwrap_err().to_string();
        assert!(fault.contains("stakes has 4 entries: expected 7"), "{fault}");
    }
}
