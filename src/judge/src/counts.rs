//! What was counted in an interval.

use serde::{Deserialize, Serialize};

/// Requests and events of both sides; not negative, at most 10^30, and no more events than requests.
///
/// What an event is depends on the metric: an error, a slow request, a conversion. Counts are
/// reals, since a difference of counters may be a part of a longer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 4]", into = "[f64; 4]")]
pub struct Counts {
    nc: f64,
    xc: f64,
    ns: f64,
    xs: f64,
}

/// Why numbers are no counts.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum InvalidCounts {
    /// Negative, huge or no number.
    #[error("{name} is {value}: a count is a number from 0 to 1e30")]
    NoCount {
        /// Which one: `nc`, `xc`, `ns` or `xs`.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// More events than requests.
    #[error("{events} is {x} and {requests} is {n}: there are no more events than requests")]
    TooManyEvents {
        /// `xc` or `xs`.
        events: &'static str,
        /// Its value.
        x: f64,
        /// `nc` or `ns`.
        requests: &'static str,
        /// Its value.
        n: f64,
    },
}

/// Far above what anybody can count, and so far below the end of the floats that no sum or product
/// of counts gets there.
const MOST: f64 = 1e30;

impl Counts {
    /// Nothing.
    pub const ZERO: Self = Self { nc: 0.0, xc: 0.0, ns: 0.0, xs: 0.0 };

    /// Canary's requests and events, then stable's.
    ///
    /// # Errors
    /// [`InvalidCounts`] with the field and the rule.
    pub fn try_new(nc: f64, xc: f64, ns: f64, xs: f64) -> Result<Self, InvalidCounts> {
        for (name, value) in [("nc", nc), ("xc", xc), ("ns", ns), ("xs", xs)] {
            if !(0.0..=MOST).contains(&value) {
                return Err(InvalidCounts::NoCount { name, value });
            }
        }
        for (events, x, requests, n) in [("xc", xc, "nc", nc), ("xs", xs, "ns", ns)] {
            if x > n {
                return Err(InvalidCounts::TooManyEvents { events, x, requests, n });
            }
        }
        Ok(Self { nc, xc, ns, xs })
    }

    /// The canary's requests.
    #[must_use]
    pub const fn canary_requests(&self) -> f64 {
        self.nc
    }

    /// The canary's events.
    #[must_use]
    pub const fn canary_events(&self) -> f64 {
        self.xc
    }

    /// Stable's requests.
    #[must_use]
    pub const fn stable_requests(&self) -> f64 {
        self.ns
    }

    /// Stable's events.
    #[must_use]
    pub const fn stable_events(&self) -> f64 {
        self.xs
    }

    /// Events of both sides.
    #[must_use]
    pub fn events(&self) -> f64 {
        self.xc + self.xs
    }

    /// The canary's realised share of the requests; `None` where a side has none, so that nothing
    /// is compared.
    #[must_use]
    pub fn canary_share(&self) -> Option<f64> {
        (self.nc > 0.0 && self.ns > 0.0).then(|| self.nc / (self.nc + self.ns))
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            nc: self.nc + other.nc,
            xc: self.xc + other.xc,
            ns: self.ns + other.ns,
            xs: self.xs + other.xs,
        }
    }
}

impl TryFrom<[f64; 4]> for Counts {
    type Error = InvalidCounts;

    fn try_from([nc, xc, ns, xs]: [f64; 4]) -> Result<Self, InvalidCounts> {
        Self::try_new(nc, xc, ns, xs)
    }
}

impl From<Counts> for [f64; 4] {
    fn from(counts: Counts) -> Self {
        [counts.nc, counts.xc, counts.ns, counts.xs]
    }
}

/// One interval's counts: by cohort, and of the requests without an identity, which belong to no
/// cohort and count in every sum.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// By cohort, the index being its number; empty where the metric has no cohorts.
    pub cohorts: Vec<Counts>,
    /// Requests without an identity; all requests where there are no cohorts.
    pub rest: Counts,
}

impl Interval {
    /// An interval of a metric without cohorts.
    #[must_use]
    pub const fn whole(counts: Counts) -> Self {
        Self { cohorts: Vec::new(), rest: counts }
    }

    /// Gives it as many cohorts: those that are too many count as requests without identity, those
    /// that it lacks are empty.
    pub(crate) fn conform(&mut self, cohorts: usize) {
        for extra in self.cohorts.drain(cohorts.min(self.cohorts.len())..) {
            self.rest = self.rest.plus(extra);
        }
        self.cohorts.resize(cohorts, Counts::ZERO);
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.without(&[])
    }

    /// All but these cohorts. Summed anew rather than taken off: a difference of sums of reals
    /// could come out below zero.
    #[must_use]
    pub fn without(&self, left_out: &[usize]) -> Counts {
        let kept = self.cohorts.iter().enumerate().filter(|(index, _)| !left_out.contains(index));
        kept.fold(self.rest, |sum, (_, cohort)| sum.plus(*cohort))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_be() {
        for bad in [f64::NAN, f64::INFINITY, -1.0, -1e-300, 1e31] {
            assert!(Counts::try_new(bad, 0.0, 1.0, 0.0).is_err(), "{bad}");
            assert!(Counts::try_new(1.0, 0.0, bad, 0.0).is_err(), "{bad}");
            assert!(Counts::try_new(1.0, bad, 1.0, 0.0).is_err(), "{bad}");
        }
        let fault = Counts::try_new(3.0, 1.0, 2.0, 2.5).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "xs is 2.5 and ns is 2: there are no more events than requests"
        );
        let fault = Counts::try_new(3.0, -1.0, 2.0, 0.0).unwrap_err();
        assert_eq!(fault.to_string(), "xc is -1: a count is a number from 0 to 1e30");
    }

    #[test]
    fn stored_counts_are_checked_again() {
        let counts = Counts::try_new(10.0, 0.1, 20.0, 3.0).unwrap();
        let json = serde_json::to_string(&counts).unwrap();
        assert_eq!(json, "[10.0,0.1,20.0,3.0]");
        assert_eq!(serde_json::from_str::<Counts>(&json).unwrap(), counts);
        assert!(serde_json::from_str::<Counts>("[1, 2, 20, 3]").is_err());
    }

    #[test]
    fn the_rest_is_in_every_sum() {
        let counts = |n: f64| Counts::try_new(n, 0.0, n, 0.0).unwrap();
        let interval = Interval { cohorts: vec![counts(1.0), counts(2.0)], rest: counts(4.0) };
        assert_eq!(interval.total(), counts(7.0));
        assert_eq!(interval.without(&[0]), counts(6.0));
        assert_eq!(interval.without(&[0, 1]), counts(4.0));
    }
}
