//! What the weights shall be.

use serin_assignment::Weight;

use crate::{Found, Shares};

/// The traffic that a rollout wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The canary's share of the requests without a mark.
    pub weight: Weight,
    /// Whether anybody may be sent to the canary, those with its mark included.
    pub canary_serves: bool,
}

impl Wanted {
    /// The six integers. While the canary may not serve, nobody is sent there by any of the entries:
    /// a rollback holds for marked requests too, also while some proxy goes on marking them.
    #[must_use]
    pub fn integers(self) -> Found {
        let Self { weight, canary_serves } = self;
        if canary_serves {
            Found { canary: Shares::CANARY, stable: Shares::STABLE, rest: Shares::of(weight) }
        } else {
            Found { canary: Shares::STABLE, stable: Shares::STABLE, rest: Shares::STABLE }
        }
    }
}
