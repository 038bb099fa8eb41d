//! The test of one side against a stated rate: the floor of errors, and what is left to judge by at
//! 100 %.
//!
//! ```text
//! F_r <- (F_r + pi_t) r^x ((1 - r p)/(1 - p))^(n - x)        r over the grid with r p < 1
//! E    = mean_r F_r + 1/(2 (t+1))
//! ```

use serde::{Deserialize, Serialize};

use crate::bits::exact;
use crate::ratio::GRID_UP;
use crate::restarts::Restarts;
use crate::{Look, Share};

/// Evidence that a rate is above a stated one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OneSample {
    #[serde(with = "exact")]
    rate: Share,
    intervals: u64,
    sums: Restarts,
}

impl OneSample {
    /// Before the first interval.
    #[must_use]
    pub fn new(rate: Share) -> Self {
        let alternatives = alternatives(rate).count();
        Self { rate, intervals: 0, sums: Restarts::new(alternatives) }
    }

    /// Takes the next interval: requests and those of them that were events.
    pub fn absorb(&mut self, requests: f64, events: f64, look: Look) {
        let p = self.rate.get();
        let factors: Vec<f64> = alternatives(self.rate)
            .map(|r| match look {
                // ln((1 - r p)/(1 - p)) = ln(1 - (r - 1) p / (1 - p))
                Look::Judged => {
                    events * r.ln() + (requests - events) * (-(r - 1.0) * p / (1.0 - p)).ln_1p()
                }
                Look::Skipped => 0.0,
            })
            .collect();
        self.sums.absorb(self.intervals, |index| factors.get(index).copied().unwrap_or(0.0));
        self.intervals += 1;
    }

    /// ln E, with restarts.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        self.sums.log_e(self.intervals)
    }

    /// The rate that is tested.
    #[must_use]
    pub const fn rate(&self) -> Share {
        self.rate
    }
}

fn alternatives(rate: Share) -> impl Iterator<Item = f64> {
    GRID_UP.into_iter().filter(move |r| r * rate.get() < 1.0)
}
