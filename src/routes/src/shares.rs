//! The two weights of one entry.

use core::fmt;

use serin_assignment::Weight;

/// The weights of an entry's two destinations as they stand. What counts is their ratio: `1` and `3`
/// send a quarter to the first as `25` and `75` do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shares {
    /// Stable's weight. Below 0 only where nobody checked what was written.
    pub stable: i64,
    /// The canary's weight.
    pub canary: i64,
}

impl Shares {
    /// All to stable.
    pub(crate) const STABLE: Self = Self { stable: 100, canary: 0 };
    /// All to the canary.
    pub(crate) const CANARY: Self = Self { stable: 0, canary: 100 };

    /// So much to the canary: in percent, which people read most easily, and in hundredths of a
    /// percent where percent won't do.
    pub(crate) fn of(weight: Weight) -> Self {
        let (all, canary) = match weight.basis_points() {
            whole if whole % 100 == 0 => (100, whole / 100),
            parts => (Weight::FULL.basis_points(), parts),
        };
        Self { stable: i64::from(all - canary), canary: i64::from(canary) }
    }

    /// The canary's share in whole basis points, rounded down; none where the two weights are no
    /// share of anything (one is negative, or both are 0).
    #[must_use]
    pub fn canary_share(self) -> Option<Weight> {
        let (canary, all) = self.ratio()?;
        let parts = canary * i128::from(Weight::FULL.basis_points()) / all;
        u16::try_from(parts).ok().and_then(Weight::from_basis_points)
    }

    /// Whether both send the same share to the canary.
    #[must_use]
    pub fn is_like(self, other: Self) -> bool {
        let (Some((a, of_a)), Some((b, of_b))) = (self.ratio(), other.ratio()) else {
            return false;
        };
        a * of_b == b * of_a
    }

    /// Whether this sends less to the canary than the other.
    pub(crate) fn is_below(self, other: Self) -> bool {
        let (Some((a, of_a)), Some((b, of_b))) = (self.ratio(), other.ratio()) else {
            return false;
        };
        a * of_b < b * of_a
    }

    /// The canary's weight, and the sum. Wide enough that two can be multiplied.
    fn ratio(self) -> Option<(i128, i128)> {
        let (stable, canary) = (i128::from(self.stable), i128::from(self.canary));
        let all = stable + canary;
        (stable >= 0 && canary >= 0 && all > 0).then_some((canary, all))
    }
}

/// `95/5`: stable's weight first.
impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stable, self.canary)
    }
}
