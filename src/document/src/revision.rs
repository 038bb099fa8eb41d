//! Revisions: which of two documents, or of two states of a rollout, is the newer one.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Rises with every change of a document or of a rollout. A number in JSON.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(u64);

impl Revision {
    /// The highest that a document may carry, 2^53 - 1: what every reader of JSON and every
    /// metrics system holds exactly.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// A revision by its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The revision after `last`: at least the milliseconds since 1970, so that it rises even
    /// where the last one was lost.
    #[must_use]
    pub fn next(last: Option<Self>, now_ms: u64) -> Self {
        last.map_or(Self(now_ms), |last| Self(last.0.saturating_add(1).max(now_ms)))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_revision_rises_and_follows_the_clock() {
        let next = |last: Option<u64>, now| Revision::next(last.map(Revision::new), now).get();
        assert_eq!(next(None, 1000), 1000);
        assert_eq!(next(Some(7), 1000), 1000);
        assert_eq!(next(Some(1000), 1000), 1001, "twice in one millisecond");
        assert_eq!(next(Some(2000), 1000), 2001, "the clock was set back");
        assert_eq!(next(Some(u64::MAX), 1000), u64::MAX);
    }
}
