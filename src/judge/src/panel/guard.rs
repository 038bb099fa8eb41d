//! The guard against gross harm while nothing else is judged: the same ratio test, with bounds that
//! no cold start reaches.

use serde::{Deserialize, Serialize};

use super::tested::Tested;
use crate::{Alpha, Dispersion, Interval, Look, Margin, Rule, SetAside, Share, Worse};

/// Ten times as many errors as stable is more than cold caches give.
const MARGIN: f64 = 10.0;
/// And so is a tenth of all requests.
const FLOOR: f64 = 0.1;
/// It may be wrong a tenth as often as the rest.
const STRICTER: f64 = 10.0;

/// A guard under way; empty before the first interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Guard(Option<Tested>);

impl Guard {
    pub(super) fn absorb(&mut self, set_aside: SetAside, phi: Dispersion, interval: &Interval) {
        let (Ok(margin), Ok(floor)) = (Margin::try_new(MARGIN), Share::try_new(FLOOR)) else {
            return;
        };
        let rule = Rule { worse: Worse::Higher, margin, floor: Some(floor), set_aside };
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
        let threshold = alpha.log_threshold() + STRICTER.ln();
        let floor = self.0.as_ref().and_then(|tested| tested.test.log_floor());
        self.log_e() >= threshold && floor.is_some_and(|floor| floor >= threshold)
    }
}
