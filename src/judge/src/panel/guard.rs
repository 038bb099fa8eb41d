//! The guard against gross harm while nothing else is judged: the same ratio test, with bounds that
//! no cold start reaches.

use serde::{Deserialize, Serialize};

use super::tested::Tested;
use crate::{Alpha, Dispersion, Interval, Look, SetAside, gross};

/// A guard under way; empty before the first interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Guard(Option<Tested>);

impl Guard {
    pub(super) fn absorb(&mut self, set_aside: SetAside, phi: Dispersion, interval: &Interval) {
        let rule = gross::rule(set_aside);
        self.0.get_or_insert_with(|| Tested::new(&rule, interval.cohorts.len())).absorb(
            &rule,
            phi,
            interval,
            Look::Judged,
        );
    }

    /// The evidence without the worst cohorts, as a natural logarithm.
    pub(super) fn log_e(&self) -> f64 {
        self.0.as_ref().map_or(0.0, |tested| tested.test.log_e_worst().log_e)
    }

    /// Whether it is enough, on a rate that is enough.
    pub(super) fn reached(&self, alpha: Alpha) -> bool {
        let alpha = gross::alpha(alpha);
        let floor_met = self.0.as_ref().is_some_and(|tested| tested.test.floor_met(alpha));
        self.log_e() >= alpha.log_threshold() && floor_met
    }
}
