//! An e-process with restarts: a mean over alternatives of sums that start anew at every interval.
//!
//! ```text
//! S_g <- (S_g + pi_t) exp(d_g)        S_g = 0 before t = 0;  pi_0 = 1/2, pi_t = 1/(2 t (t+1))
//! E_t = mean_g S_g + 1/(2 (t+1))
//! ```
//!
//! The weights `pi_t` of the restarts sum to 1 with the unspent rest 1/(2 (t+1)), so E stays an
//! e-process (Ville's inequality holds for it), and a regression that begins late is seen as well.
//! Everything is kept as natural logarithms: a sum may exceed what a float holds.

use serde::{Deserialize, Serialize};

use crate::bits::Bits;

/// ln S for each alternative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Restarts {
    log_sums: Vec<Bits>,
}

impl Restarts {
    pub(crate) fn new(alternatives: usize) -> Self {
        Self { log_sums: vec![Bits(f64::NEG_INFINITY); alternatives] }
    }

    /// Takes interval `t` (from 0); `log_factor` gives d of each alternative by its index.
    pub(crate) fn absorb(&mut self, t: u64, log_factor: impl Fn(usize) -> f64) {
        let log_start = log_restart(t);
        for (index, sum) in self.log_sums.iter_mut().enumerate() {
            // A product of probabilities that underflows is as good as none: never below what a
            // float holds, so that no infinities meet.
            sum.0 = (log_add(sum.0, log_start) + log_factor(index)).max(f64::MIN / 2.0);
        }
    }

    /// ln E after interval `t`, counted from 0; before the first one 0.
    pub(crate) fn log_e(&self, intervals: u64) -> f64 {
        let Some(last) = intervals.checked_sub(1) else { return 0.0 };
        log_add(log_mean(self.log_sums.iter().map(|sum| sum.0)), log_unspent(last))
    }
}

/// ln of `pi_t`.
fn log_restart(t: u64) -> f64 {
    if t == 0 {
        return -core::f64::consts::LN_2;
    }
    let t = to_f64(t);
    -(2.0 * t * (t + 1.0)).ln()
}

/// ln 1/(2 (t+1)).
fn log_unspent(t: u64) -> f64 {
    -(2.0 * (to_f64(t) + 1.0)).ln()
}

#[expect(clippy::cast_precision_loss, reason = "intervals are far below 2^53")]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}

/// ln(e^a + e^b).
pub(crate) fn log_add(a: f64, b: f64) -> f64 {
    let (large, small) = if a >= b { (a, b) } else { (b, a) };
    if small == f64::NEG_INFINITY { large } else { large + (small - large).exp().ln_1p() }
}

/// ln of the sum of e^value.
pub(crate) fn log_sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + values.map(|value| (value - largest).exp()).sum::<f64>().ln()
}

/// ln of the mean of e^value; -inf of none.
pub(crate) fn log_mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count();
    if count == 0 {
        return f64::NEG_INFINITY;
    }
    log_sum(values) - to_f64(u64::try_from(count).unwrap_or(u64::MAX)).ln()
}
