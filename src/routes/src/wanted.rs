//! What the weights shall be.

use serin_assignment::Weight;

use crate::{Found, Marked, Shares};

/// The traffic that a rollout wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Nobody is sent to the canary by any of the entries: a rollback holds for marked requests too,
    /// also while some proxy goes on marking them.
    Nobody,
    /// Those with the canary's mark are sent there, and this share of those without a mark.
    Share(Weight),
    /// Everyone is sent to the canary, those with stable's mark too.
    Everyone,
}

impl Wanted {
    /// The six integers, the last two of which stand alone where there are no others.
    #[must_use]
    pub fn integers(self) -> Found {
        let rest = match self {
            Self::Nobody => Shares::STABLE,
            Self::Share(weight) => Shares::of(weight),
            Self::Everyone => Shares::CANARY,
        };
        Found { marked: Some(self.marked()), rest }
    }

    /// Those of marked requests.
    #[must_use]
    pub const fn marked(self) -> Marked {
        match self {
            Self::Nobody => Marked { canary: Shares::STABLE, stable: Shares::STABLE },
            Self::Share(_) => Marked { canary: Shares::CANARY, stable: Shares::STABLE },
            Self::Everyone => Marked { canary: Shares::CANARY, stable: Shares::CANARY },
        }
    }

    /// The canary's share of the requests without a mark.
    #[must_use]
    pub const fn weight(self) -> Weight {
        match self {
            Self::Nobody => Weight::ZERO,
            Self::Share(weight) => weight,
            Self::Everyone => Weight::FULL,
        }
    }
}
