//! The six integers as they stand.

use serin_assignment::Weight;

use crate::Shares;

/// The weights of the three entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// Of the entry for requests that are marked canary.
    pub canary: Shares,
    /// Of the entry for requests that are marked stable.
    pub stable: Shares,
    /// Of the entry for those without a mark.
    pub rest: Shares,
}

impl Found {
    /// The canary's share of the requests without a mark, in whole basis points, rounded down; none
    /// where the entry's weights are no share of anything.
    #[must_use]
    pub fn weight(&self) -> Option<Weight> {
        self.rest.canary_share()
    }

    /// Whether every entry sends the same shares as the other's.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.pairs(other).iter().all(|(_, one, other)| one.is_like(*other))
    }

    /// The entries of both with their names.
    pub(crate) const fn pairs(&self, other: &Self) -> [(&'static str, Shares, Shares); 3] {
        [
            ("marked canary", self.canary, other.canary),
            ("marked stable", self.stable, other.stable),
            ("not marked", self.rest, other.rest),
        ]
    }
}
