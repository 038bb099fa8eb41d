//! The bounds beyond which an answer counts as slow.

use alloc::vec::Vec;
use core::time::Duration;

use serde::{Serialize, Serializer};

use crate::fault::listed;
use crate::reading::Reading;
use crate::{Invalid, duration};

/// Up to three durations, each longer than the one before: what callers wait for is told apart by
/// them. Equal ones compare equal, however they were written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LatencyBounds(Vec<Duration>);

impl LatencyBounds {
    /// The most bounds: each is a class of its own for every variant and cohort.
    pub const MAX: usize = 3;
    /// The longest bound: beyond an hour nobody waits.
    const LONGEST: Duration = Duration::from_hours(1);

    const RULE: &str = "latency bounds are 1 to 3 durations from 1ms to 1h in whole milliseconds, each longer than the one before, such as [\"250ms\", \"1s\"]";

    /// Checks bounds.
    ///
    /// # Errors
    /// [`Invalid`] where there are none or more than three, one is no whole number of milliseconds
    /// from 1 ms to 1 h, or they don't rise.
    pub fn new(bounds: &[Duration]) -> Result<Self, Invalid> {
        let is_whole = |bound: &Duration| {
            bound.subsec_nanos().is_multiple_of(1_000_000)
                && !bound.is_zero()
                && *bound <= Self::LONGEST
        };
        let rises = bounds.is_sorted_by(|one, next| one < next);
        if (1..=Self::MAX).contains(&bounds.len()) && bounds.iter().all(is_whole) && rises {
            Ok(Self(bounds.to_vec()))
        } else {
            let found = listed(&mut bounds.iter().copied().map(duration::format), ",");
            Err(Invalid::new(&found, Self::RULE))
        }
    }

    /// The bounds, shortest first.
    #[must_use]
    pub fn as_slice(&self) -> &[Duration] {
        &self.0
    }

    /// The place of the longest bound that an answer was slower than; none where it was fast.
    #[must_use]
    pub fn exceeded(&self, took: Duration) -> Option<usize> {
        self.0.iter().rposition(|bound| took > *bound)
    }
}

impl Serialize for LatencyBounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().copied().map(duration::format))
    }
}

pub(crate) fn read(reading: &mut Reading<'_>) -> Option<LatencyBounds> {
    let bounds =
        reading.list(LatencyBounds::MAX, "each multiplies what is counted", Reading::duration);
    match LatencyBounds::new(&bounds) {
        Ok(bounds) => Some(bounds),
        Err(invalid) => {
            reading.wrong_at(&[], &invalid.value, &invalid.rule);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_exceeds_the_longest_bound_that_it_was_slower_than() {
        let ms = Duration::from_millis;
        let bounds = LatencyBounds::new(&[ms(250), ms(1000)]).unwrap();
        for (took, exceeded) in [
            (ms(0), None),
            (ms(250), None),
            (ms(250) + Duration::from_nanos(1), Some(0)),
            (ms(1000), Some(0)),
            (ms(1001), Some(1)),
            (Duration::MAX, Some(1)),
        ] {
            assert_eq!(bounds.exceeded(took), exceeded, "{took:?}");
        }
    }

    #[test]
    fn bounds_are_few_whole_and_rising() {
        let ms = Duration::from_millis;
        let hour = Duration::from_hours(1);
        for good in [&[ms(1)][..], &[ms(1), ms(2), hour]] {
            assert_eq!(LatencyBounds::new(good).unwrap().as_slice(), good);
        }
        let bad: [&[Duration]; 7] = [
            &[],
            &[ms(0)],
            &[Duration::from_micros(1500)],
            &[hour + ms(1)],
            &[ms(2), ms(2)],
            &[ms(2), ms(1)],
            &[ms(1), ms(2), ms(3), ms(4)],
        ];
        for bad in bad {
            assert!(LatencyBounds::new(bad).is_err(), "{bad:?}");
        }
    }
}
