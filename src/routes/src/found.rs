//! The weights as they stand.

use serin_assignment::Weight;

use crate::Shares;

/// The weights of a rollout's entries: six integers, or two where the router sees no marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// Of the entries for marked requests; none where one entry takes all of them.
    pub marked: Option<Marked>,
    /// Of the entry for those without a mark, or for all.
    pub rest: Shares,
}

/// The weights of the entries for marked requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Marked {
    /// Of the entry for requests that are marked canary.
    pub canary: Shares,
    /// Of the entry for requests that are marked stable.
    pub stable: Shares,
}

impl Found {
    /// The canary's share of the requests without a mark, in whole basis points, rounded down; none
    /// where the entry's weights are no share of anything.
    #[must_use]
    pub fn weight(&self) -> Option<Weight> {
        self.rest.canary_share()
    }

    /// Whether the canary gets requests from an entry from which it may: those without a mark, or
    /// those that are marked for it.
    #[must_use]
    pub fn reaches_canary(&self) -> bool {
        let reaches = |shares: Shares| shares.canary_share().is_some_and(|it| !it.is_zero());
        reaches(self.rest) || self.marked.is_some_and(|marked| reaches(marked.canary))
    }

    /// Whether every entry that both have sends the same shares.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.pairs(other).all(|(_, one, other)| one.is_like(other))
    }

    /// The entries that both have, with their names.
    pub(crate) fn pairs(
        &self,
        other: &Self,
    ) -> impl Iterator<Item = (&'static str, Shares, Shares)> {
        let marked = self.marked.zip(other.marked).map(|(one, other)| {
            [
                ("marked canary", one.canary, other.canary),
                ("marked stable", one.stable, other.stable),
            ]
        });
        let rest = if marked.is_some() { "not marked" } else { "all" };
        marked.into_iter().flatten().chain([(rest, self.rest, other.rest)])
    }
}
