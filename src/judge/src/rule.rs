//! What a ratio test is told about its metric.

use serde::{Deserialize, Serialize};

use crate::bits::{exact, exact_option};
use crate::{Margin, Share, Worse};

/// How one metric is tested.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Which direction is harm.
    pub worse: Worse,
    /// The ratio that is still accepted.
    #[serde(with = "exact")]
    pub margin: Margin,
    /// For errors: a rollback also needs evidence that the canary's own rate is above this.
    #[serde(with = "exact_option")]
    pub floor: Option<Share>,
    /// How many cohorts are set aside.
    pub set_aside: SetAside,
}

/// How many cohorts a rollback must be able to do without.
///
/// A sticky canary keeps the same users on its side, and one broken client among them looks like a
/// bad version. Evidence that stands without any one cohort does not come from one client.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum SetAside {
    /// All cohorts count: for metrics whose requests are independent.
    None,
    /// Any one cohort is set aside, whichever leaves the least evidence.
    #[default]
    One,
    /// Any two cohorts are set aside: against two broken clients, at a third of the speed.
    Two,
}

/// Whether an interval's counts are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Look {
    /// They are.
    Judged,
    /// They are not (the start of a rollout, the lag of conversions): the interval counts as empty.
    Skipped,
}
