//! One series: where it was counted last, and how much it grew since.

use super::meaning::{Meaning, Part};
use serin_assignment::Variant;

use crate::metrics::Point;

/// A series.
#[derive(Debug)]
pub(super) struct Line {
    /// Its target's place.
    pub(super) target: usize,
    /// The place of what starts anew together with it; `None` for a witness.
    pub(super) unit: Option<usize>,
    /// Where it was counted last.
    pub(super) cursor: Option<Point>,
    pub(super) side: Variant,
    pub(super) cohort: Option<usize>,
    pub(super) parts: Box<[Part]>,
    /// The last pass in which it was answered: two questions may have the same answer.
    pub(super) pass: u64,
}

impl Line {
    pub(super) fn new(target: usize, unit: Option<usize>, meaning: Option<Meaning>) -> Self {
        let (side, cohort, parts) = meaning
            .map_or((Variant::Stable, None, Vec::new()), |meaning| {
                (meaning.side, meaning.cohort, meaning.parts)
            });
        Self { target, unit, cursor: None, side, cohort, parts: parts.into(), pass: 0 }
    }

    /// Whether it counts as the same thing as another.
    pub(super) fn means(&self, other: &Self) -> bool {
        self.unit.is_some() == other.unit.is_some()
            && self.side == other.side
            && self.cohort == other.cohort
            && self.parts == other.parts
    }

    /// The samples after the cursor and up to `until_ms`.
    pub(super) fn fresh<'a>(&self, points: &'a [Point], until_ms: u64) -> &'a [Point] {
        let counted = |point: &Point| self.cursor.is_some_and(|at| point.at_ms <= at.at_ms);
        let first = points.partition_point(counted);
        let end = points.partition_point(|point| point.at_ms <= until_ms);
        points.get(first..end).unwrap_or_default()
    }
}

/// When a process started anew: after the first time and by the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Restart {
    pub(super) by_ms: u64,
    pub(super) after_ms: u64,
}

/// Series that can only start anew together.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// By time, none twice.
    restarts: Vec<Restart>,
}

impl Together {
    pub(super) fn restarted(&mut self, restart: Restart) {
        if let Err(place) = self.restarts.binary_search(&restart) {
            self.restarts.insert(place, restart);
        }
    }

    /// How much a series grew from one of its samples to the next.
    pub(super) fn growth(&self, before: Point, after: Point) -> f64 {
        let between =
            |restart: &Restart| before.at_ms <= restart.after_ms && restart.by_ms <= after.at_ms;
        if after.value < before.value || self.restarts.iter().rev().any(between) {
            after.value
        } else {
            after.value - before.value
        }
    }
}

/// Whether a sample can be a counter's: it may also be missing as NaN.
pub(super) fn usable(point: &Point) -> bool {
    point.value.is_finite() && point.value >= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_ms: u64, value: f64) -> Point {
        Point { at_ms, value }
    }

    #[test]
    fn a_drop_counts_the_new_value() {
        let alone = Together::default();
        assert!((alone.growth(point(1, 10.0), point(2, 14.0)) - 4.0).abs() < f64::EPSILON);
        assert!((alone.growth(point(1, 10.0), point(2, 3.0)) - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_series_that_passed_its_old_value_started_anew_with_the_others() {
        let mut together = Together::default();
        together.restarted(Restart { after_ms: 10, by_ms: 20 });
        together.restarted(Restart { after_ms: 10, by_ms: 20 });
        let growth = |from, to| together.growth(point(from, 5.0), point(to, 7.0));
        assert!((growth(10, 20) - 7.0).abs() < f64::EPSILON);
        assert!((growth(1, 30) - 7.0).abs() < f64::EPSILON, "absent while it started");
        assert!((growth(1, 10) - 2.0).abs() < f64::EPSILON);
        assert!((growth(20, 30) - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn only_what_is_new_is_fresh() {
        let mut line = Line::new(0, None, None);
        let points = [point(1, 0.0), point(2, 0.0), point(3, 0.0), point(4, 0.0)];
        assert_eq!(line.fresh(&points, 3).len(), 3);
        line.cursor = Some(point(2, 0.0));
        assert_eq!(line.fresh(&points, 3), [point(3, 0.0)]);
        assert_eq!(line.fresh(&points, 1), []);
    }
}
