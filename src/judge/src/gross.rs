//! The guard against gross harm, for the start of a rollout.
//!
//! The first minutes of a version (cold caches, first connections) say little about it and are not
//! judged. A version that fails most of its requests is seen all the same: by the ratio test of
//! errors with a margin and a floor that no cold start reaches, at a tenth of alpha.

use crate::{Alpha, Margin, Rule, SetAside, Share, Worse};

/// Ten times as many errors as stable, and more than one request in ten.
#[must_use]
pub const fn rule(set_aside: SetAside) -> Rule {
    Rule { worse: Worse::Higher, margin: Margin::GROSS, floor: Some(Share::GROSS_FLOOR), set_aside }
}

/// A tenth of the rollout's alpha, for the evidence and the floor.
#[must_use]
pub fn alpha(alpha: Alpha) -> Alpha {
    alpha.tenth()
}
