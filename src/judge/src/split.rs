//! The split check: is the data plane drawing requests by the weight that was decided?
//!
//! It holds where each request is drawn by itself. Identified users are not: their share of the
//! requests is not their share of the users, and this test would condemn healthy releases.

use core::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::bits::exact_counts;
use crate::deviance::deviance;
use crate::{Counts, Share};

/// How closely the alternatives gather around the weight: as if so many requests had been seen to
/// follow it. Sharp enough to notice a wrong weight, wide enough to notice any.
const PRIOR: f64 = 1000.0;

/// The requests of both sides since the weight last changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Split(#[serde(with = "exact_counts")] Counts);

impl Split {
    /// Takes the requests of an interval in; its events are not looked at.
    pub fn absorb(&mut self, counts: &Counts) {
        self.0 = self.0.plus(*counts);
    }

    /// `ln` of the evidence that the requests are not drawn by this weight:
    ///
    /// ```text
    /// ln B(a + nc, b + ns) - ln B(a, b) - nc ln w - ns ln(1 - w)        a = 1000 w, b = 1000 (1 - w)
    /// ```
    ///
    /// The likelihood of a share that is drawn from a beta distribution around w, against that of w
    /// itself: an e-process, which may be looked at at any time.
    #[must_use]
    pub fn log_e(&self, weight: Share) -> f64 {
        let (canary, stable) = (weight.get(), 1.0 - weight.get());
        let before = Beta { canary: PRIOR * canary, stable: PRIOR * stable };
        let after = Beta {
            canary: before.canary + self.0.canary_requests(),
            stable: before.stable + self.0.stable_requests(),
        };
        after.log_without(canary, stable) - before.log_without(canary, stable)
    }

    /// Whether that is enough to hold: a thousandfold.
    #[must_use]
    pub fn is_mismatch(&self, weight: Share) -> bool {
        self.log_e(weight) >= 1000_f64.ln()
    }
}

/// The two arguments of Euler's beta function.
struct Beta {
    canary: f64,
    stable: f64,
}

impl Beta {
    /// `ln B(A, B) - A ln w - B ln(1 - w)`.
    ///
    /// By Stirling's formula, with its leading terms gathered into deviances: `ln B` and the two
    /// other terms are as large as the counts and nearly cancel, which would leave rounding errors
    /// alone at many requests.
    fn log_without(&self, canary_share: f64, stable_share: f64) -> f64 {
        let (a, b) = (self.canary, self.stable);
        let all = a + b;
        deviance(a, all * canary_share)
            + deviance(b, all * stable_share)
            + 0.5 * (TAU.ln() + all.ln() - a.ln() - b.ln())
            + stirling_rest(a)
            + stirling_rest(b)
            - stirling_rest(all)
    }
}

/// What Stirling's formula leaves out: `ln Gamma(z) - [(z - 1/2) ln z - z + ln(2 pi)/2]`.
fn stirling_rest(z: f64) -> f64 {
    let (mut z, mut below) = (z, 0.0);
    // From here on four terms of the series are exact to 1e-14; below, by Gamma(z + 1) = z Gamma(z).
    while z < 16.0 {
        below += (z + 0.5) * (z.ln_1p() - z.ln()) - 1.0;
        z += 1.0;
    }
    let squared = 1.0 / (z * z);
    let series = 1.0 / 12.0 - squared * (1.0 / 360.0 - squared * (1.0 / 1260.0 - squared / 1680.0));
    below + series / z
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(nc: f64, ns: f64) -> Split {
        let mut split = Split::default();
        split.absorb(&Counts::try_new(nc, 0.0, ns, 0.0).unwrap());
        split
    }

    fn share(w: f64) -> Share {
        Share::try_new(w).unwrap()
    }

    #[test]
    fn the_gamma_function_is_right() {
        let log_gamma = |z: f64| (z - 0.5) * z.ln() - z + 0.5 * TAU.ln() + stirling_rest(z);
        assert!((log_gamma(0.5) - core::f64::consts::PI.sqrt().ln()).abs() < 1e-13);
        let mut log_factorial = 0.0;
        for n in 1..40 {
            let n = f64::from(n);
            assert!((log_gamma(n) - log_factorial).abs() < 1e-13 * (1.0 + log_factorial), "{n}");
            log_factorial += n.ln();
        }
    }

    #[test]
    fn without_requests_there_is_no_evidence() {
        for w in [1e-300, 1e-4, 0.05, 0.5, 0.9999] {
            assert!(split(0.0, 0.0).log_e(share(w)).abs() < 1e-12, "{w}");
        }
    }

    #[test]
    fn a_wrong_weight_is_noticed_and_a_right_one_is_not() {
        assert!(split(1000.0, 9000.0).is_mismatch(share(0.05)));
        assert!(!split(500.0, 9500.0).is_mismatch(share(0.05)));
        assert!(!split(5e8, 9.5e9).is_mismatch(share(0.05)));
        // Ten standard deviations off, at so many requests that terms of 1e11 cancel.
        assert!(split(5e8 + 2e5, 9.5e9 - 2e5).is_mismatch(share(0.05)));
    }

    proptest! {
        #[test]
        fn it_is_finite_for_any_counts(nc in 0.0..9e15, ns in 0.0..9e15, w in 1e-12..1.0) {
            prop_assert!(split(nc, ns).log_e(share(w)).is_finite());
        }
    }
}
