//! The part of the users that a rollout may send to its canary.

use alloc::format;
use alloc::string::ToString as _;
use core::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serin_assignment::{Bucket, Variant, Weight};

use crate::Invalid;
use crate::fault::listed;
use crate::reading::{Key, Reading};

/// The buckets `[from, to)` within which a rollout's weight counts from `from` up. The weight stays
/// a share of all users, so it is at most the range's width.
///
/// Rollouts with the same salt and disjoint ranges share no user: each may grow within its own
/// range without moving a user of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "[Weight; 2]")]
pub struct Buckets {
    from: Weight,
    to: Weight,
}

impl Buckets {
    /// All users, which is the default.
    pub const ALL: Self = Self { from: Weight::ZERO, to: Weight::FULL };

    /// What a range is, for errors.
    pub const RULE: &'static str =
        "a range of buckets is two percentages that rise, such as [\"0%\", \"30%\"]";

    /// A range; none where it holds nobody.
    #[must_use]
    pub fn new(from: Weight, to: Weight) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// Where it begins.
    #[must_use]
    pub const fn from(self) -> Weight {
        self.from
    }

    /// Where it ends; the bucket there is the next range's.
    #[must_use]
    pub const fn to(self) -> Weight {
        self.to
    }

    /// The largest weight in it.
    #[must_use]
    pub fn width(self) -> Weight {
        let width = self.to.basis_points().saturating_sub(self.from.basis_points());
        Weight::from_basis_points(width).unwrap_or(Weight::FULL)
    }

    /// Whether it is everybody.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::ALL
    }

    /// Whether another range begins where this one does and ends no sooner, so that it moves none of
    /// this one's users at any weight.
    #[must_use]
    pub fn widens_to(self, other: Self) -> bool {
        self.from == other.from && self.to <= other.to
    }

    /// Whether no bucket is in both.
    #[must_use]
    pub fn is_disjoint(self, other: Self) -> bool {
        self.to <= other.from || other.to <= self.from
    }

    /// The side of a user in that bucket at `weight`; none for one outside the range.
    #[must_use]
    pub const fn place(self, bucket: Bucket, weight: Weight) -> Option<Variant> {
        let (from, to) = (self.from.basis_points(), self.to.basis_points());
        let bucket = bucket.get();
        if bucket < from || bucket >= to {
            return None;
        }
        // The difference can't overflow where the sum could.
        Some(if bucket - from < weight.basis_points() { Variant::Canary } else { Variant::Stable })
    }
}

impl Default for Buckets {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

impl TryFrom<[Weight; 2]> for Buckets {
    type Error = Invalid;

    fn try_from([from, to]: [Weight; 2]) -> Result<Self, Invalid> {
        Self::new(from, to).ok_or_else(|| Invalid::new(&format!("{from}, {to}"), Self::RULE))
    }
}

impl Serialize for Buckets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.from, self.to].serialize(serializer)
    }
}

/// Reads a rollout's range.
pub(crate) fn read(reading: &mut Reading<'_>) -> Option<Buckets> {
    let ends = reading.list(2, Buckets::RULE, Reading::weight);
    let range = match *ends.as_slice() {
        [from, to] => Buckets::new(from, to),
        _ => None,
    };
    if range.is_none() {
        let found = listed(&mut ends.iter().map(Weight::to_string), ", ");
        reading.wrong_at(&[], &found, &Buckets::RULE);
    }
    range
}

/// A weight counts all users, so none goes beyond the range.
pub(crate) fn check_weight(reading: &mut Reading<'_>, weight: Weight, buckets: Buckets) {
    let width = buckets.width();
    if weight > width {
        reading.wrong_at(
            &[Key::Field("weight")],
            &format_args!("\"{weight}\""),
            &format_args!(
                "a share of all users, and the rollout's buckets, {buckets}, hold {width}"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use serin_assignment::{Salt, assign};

    use super::*;

    fn range(from: u16, to: u16) -> Option<Buckets> {
        Buckets::new(Weight::from_basis_points(from)?, Weight::from_basis_points(to)?)
    }

    #[test]
    fn a_range_holds_somebody() {
        assert_eq!(range(0, 10_000), Some(Buckets::ALL));
        assert!(range(0, 1).is_some());
        assert_eq!((range(5, 5), range(6, 5)), (None, None));
    }

    #[test]
    fn ranges_that_only_touch_are_disjoint() {
        let (low, high) = (range(0, 3_000).unwrap(), range(3_000, 6_000).unwrap());
        assert!(low.is_disjoint(high) && high.is_disjoint(low));
        for overlapping in [range(2_999, 3_001), range(0, 10_000), range(1_000, 2_000)] {
            let other = overlapping.unwrap();
            assert!(!low.is_disjoint(other) && !other.is_disjoint(low), "{other}");
        }
    }

    #[test]
    fn only_a_later_end_moves_nobody() {
        let range = |from, to| range(from, to).unwrap();
        let present = range(1_000, 3_000);
        for (other, widens) in [
            (range(1_000, 3_000), true),
            (range(1_000, 10_000), true),
            (range(1_000, 2_999), false),
            (range(999, 3_000), false),
            (range(1_001, 4_000), false),
        ] {
            assert_eq!(present.widens_to(other), widens, "{other}");
        }
    }

    #[test]
    fn a_weight_counts_from_where_the_range_begins() {
        let salt = Salt::new("s").unwrap();
        let (range, weight) =
            (range(3_000, 6_000).unwrap(), Weight::from_basis_points(1_500).unwrap());
        let mut seen = [0; 3];
        for user in 0..2_000 {
            let bucket = assign(&salt, format!("user-{user}").as_bytes()).bucket;
            let (expected, kind) = match bucket.get() {
                3_000..4_500 => (Some(Variant::Canary), 0),
                4_500..6_000 => (Some(Variant::Stable), 1),
                _ => (None, 2),
            };
            assert_eq!(range.place(bucket, weight), expected, "{bucket}");
            seen[kind] += 1;
        }
        assert!(seen.iter().all(|count| *count > 200), "{seen:?}");
    }
}
