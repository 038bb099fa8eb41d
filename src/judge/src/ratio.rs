//! The ratio test: is the canary's rate of an event further from stable's than the margin allows?

mod left_out;
mod numbers;
mod stored;

pub use left_out::SetAsideEvidence;
pub(crate) use left_out::sets;

use serde::{Deserialize, Serialize};

use crate::alternatives::{ALTERNATIVES, gains};
use crate::bits::Bits;
use crate::log_space::log_mean;
use crate::restarts::{Stakes, log_stake};
use crate::{Alpha, Dispersion, Interval, Look, OneSample, Rule, SetAside};

/// The state of one metric's ratio test. It may be looked at after every interval.
///
/// H0 is that the ratio of the event's probability, canary over stable, is at most `rho0` (at least,
/// where lower is worse). Its evidence E is an e-process: under H0 the probability that it ever
/// reaches 1/alpha is at most alpha (Ville), for events that are independent.
///
/// ```text
/// d_g = xc ln g - x ln[(w rho0 g + 1 - w) / (w rho0 + 1 - w)]      per interval and alternative g
/// S_g <- (S_g + pi_t) exp(d_g / phi)
/// E_t = mean_g S_g + 1/(2 (t+1))
/// ```
///
/// The terms of the intervals are summed, never their counts: pooled over several weights, the
/// counts of two equal versions can differ (Simpson's paradox).
///
/// As JSON every float is a string that comes back bit for bit, so that a test which was stored
/// goes on exactly as one which was not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "stored::Stored", into = "stored::Stored")]
pub struct RatioTest {
    intervals: u64,
    /// `sum d_g / phi`: every bet placed in the first interval.
    plain: [Bits; ALTERNATIVES],
    all: Stakes,
    cohorts: usize,
    set_aside: SetAside,
    /// One for each set of cohorts in [`left_out::sets`], in that order.
    without: Vec<Stakes>,
    floor: Option<OneSample>,
}

impl RatioTest {
    /// A test that has seen nothing. `cohorts` is how many of them each interval brings; 0 where the
    /// metric has none.
    #[must_use]
    pub fn new(rule: &Rule, cohorts: usize) -> Self {
        let without = left_out::sets(rule.set_aside, cohorts);
        Self {
            intervals: 0,
            plain: [Bits::ZERO; ALTERNATIVES],
            all: Stakes::new(ALTERNATIVES),
            cohorts,
            set_aside: rule.set_aside,
            without: without.map(|_| Stakes::new(ALTERNATIVES)).collect(),
            floor: rule.floor.map(OneSample::new),
        }
    }

    /// Takes an interval's counts in. An interval that is skipped, or in which a side had no
    /// request, only moves the time on.
    ///
    /// `rule` is the one that the test was made with; how many cohorts are set aside and the
    /// floor are in the state already. `phi` must be known before the interval.
    pub fn absorb(&mut self, rule: &Rule, interval: &Interval, phi: Dispersion, look: Look) {
        let stake = log_stake(self.intervals);
        let gains_without = |left_out: &[usize]| match look {
            Look::Judged => {
                let counts = interval.without(left_out);
                gains(rule.worse, rule.margin, &counts).map(|gain| gain / phi.get())
            }
            Look::Skipped => [0.0; ALTERNATIVES],
        };
        let gains = gains_without(&[]);
        for (sum, gain) in self.plain.iter_mut().zip(gains) {
            *sum = Bits::new(sum.get() + gain);
        }
        self.all.absorb(stake, gains.into_iter());
        for (left_out, stakes) in
            left_out::sets(self.set_aside, self.cohorts).zip(&mut self.without)
        {
            stakes.absorb(stake, gains_without(left_out.as_slice()).into_iter());
        }
        if let Some(floor) = &mut self.floor {
            floor.absorb(&interval.total(), look);
        }
        self.intervals += 1;
    }

    /// How many intervals it has taken in, skipped and empty ones included.
    #[must_use]
    pub const fn intervals(&self) -> u64 {
        self.intervals
    }

    /// `ln E` of all cohorts together, with restarts. Finite.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        self.all.log_e(self.intervals)
    }

    /// `ln mean_g exp(sum d_g / phi)`: without restarts. Finite.
    #[must_use]
    pub fn log_e_plain(&self) -> f64 {
        log_mean(self.plain.iter().map(|sum| sum.get()))
    }

    /// `ln` of the evidence that the canary's own rate is above the floor; none without a floor.
    #[must_use]
    pub fn log_floor(&self) -> Option<f64> {
        self.floor.as_ref().map(OneSample::log_e)
    }

    /// Whether that is enough, or there is no floor.
    #[must_use]
    pub fn floor_met(&self, alpha: Alpha) -> bool {
        self.log_floor().is_none_or(|log_floor| log_floor >= alpha.log_threshold())
    }
}
