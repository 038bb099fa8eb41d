//! The samples of one series, bounded in number however long it lives.

use std::collections::VecDeque;

use super::super::Point;

/// How many of the newest samples are kept, one after the other: more than ten times what any
/// question about the present looks at, and 16 s at the shortest usual interval of 250 ms.
const NEWEST: usize = 64;

/// The most that are kept of those before, at growing distances: a range over hours is cut to less
/// than a per cent of its length.
const OLDER: usize = 128;

/// The samples of one series, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    newest: VecDeque<Point>,
    older: Vec<Point>,
    /// The least distance in time of those in `older`.
    step_ms: u64,
}

impl Kept {
    /// Adds a sample; one that is not later than the last is left out, since the clock went back.
    pub(super) fn add(&mut self, point: Point) {
        if self.newest.back().is_some_and(|last| point.at_ms <= last.at_ms) {
            return;
        }
        if self.newest.len() == NEWEST
            && let Some(aged) = self.newest.pop_front()
        {
            self.age(aged);
        }
        self.newest.push_back(point);
    }

    fn age(&mut self, point: Point) {
        let due = self.older.last().is_none_or(|last| point.at_ms - last.at_ms >= self.step_ms);
        if !due {
            return;
        }
        if self.older.len() == OLDER {
            let span_ms = self.older.first().map_or(0, |first| point.at_ms - first.at_ms);
            // Half of them at twice the distance.
            self.step_ms = span_ms / (OLDER as u64 / 2);
            let mut next_ms = 0;
            self.older.retain(|point| {
                let kept = point.at_ms >= next_ms;
                if kept {
                    next_ms = point.at_ms + self.step_ms;
                }
                kept
            });
        }
        self.older.push(point);
    }

    /// The time of the newest.
    pub(super) fn last_ms(&self) -> u64 {
        self.newest.back().map_or(0, |last| last.at_ms)
    }

    /// Those after `from_ms`, up to and with `to_ms`.
    pub(super) fn between(
        &self,
        from_ms: u64,
        to_ms: u64,
    ) -> impl DoubleEndedIterator<Item = Point> {
        let within = move |point: &&Point| point.at_ms > from_ms && point.at_ms <= to_ms;
        self.older.iter().chain(&self.newest).filter(within).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(kept: &Kept) -> Vec<u64> {
        kept.between(0, u64::MAX).map(|point| point.at_ms).collect()
    }

    #[test]
    fn the_newest_are_all_there_and_the_older_at_a_distance() {
        let mut kept = Kept::default();
        for at in 1..=10_000_u64 {
            kept.add(Point { at_ms: at * 250, value: 0.0 });
        }
        let times = times(&kept);
        assert!(times.len() <= NEWEST + OLDER, "{}", times.len());
        assert!(times.len() > NEWEST + OLDER / 3, "{}", times.len());
        let newest: Vec<u64> = (10_000 - 63..=10_000).map(|at| at * 250).collect();
        assert!(times.ends_with(&newest));
        assert_eq!(times[0], 250, "the first stays: growth is counted from it");
        let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(gap <= 10_000 * 250 / 50, "{gap}");
    }

    #[test]
    fn a_range_has_its_end_and_not_its_start() {
        let mut kept = Kept::default();
        for at_ms in [10, 20, 30, 25, 30] {
            kept.add(Point { at_ms, value: 0.0 });
        }
        assert_eq!(times(&kept), [10, 20, 30], "a clock that went back adds nothing");
        let range: Vec<u64> = kept.between(10, 20).map(|point| point.at_ms).collect();
        assert_eq!(range, [20]);
        assert_eq!(kept.last_ms(), 30);
    }
}
