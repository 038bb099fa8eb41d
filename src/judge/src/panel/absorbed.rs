//! What a panel took in, for whoever wants to compute its evidence again.

use serde::{Deserialize, Serialize};

use crate::{Counts, Interval};

/// An interval of a gate as its test absorbed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Absorbed {
    /// The gate.
    pub gate: String,
    /// How many intervals its test had absorbed before: 0 where a test begins.
    pub number: u64,
    /// The end of the interval, in milliseconds since 1970.
    pub to_ms: u64,
    /// Whether the test took it for an empty one: at the start, after a rise, at 100 %.
    pub skipped: bool,
    /// The counts; of a latency gate one interval a bound.
    pub streams: Vec<Interval>,
}

/// One stream's intervals with as many cohorts each as its test has: it learns their number up to
/// the first interval that has counts, and what belongs to no cohort of these counts as a request
/// without identity does.
#[must_use]
pub fn conformed(mut intervals: Vec<Interval>) -> Vec<Interval> {
    let learnt = intervals.iter().scan(true, |empty, interval| {
        let learns = *empty;
        *empty &= interval.total() == Counts::ZERO;
        learns.then_some(interval.cohorts.len())
    });
    let cohorts = learnt.max().unwrap_or_default();
    for interval in &mut intervals {
        interval.conform(cohorts);
    }
    intervals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(nc: f64) -> Counts {
        Counts::try_new(nc, 0.0, nc, 0.0).unwrap()
    }

    fn interval(cohorts: &[f64], rest: f64) -> Interval {
        Interval { cohorts: cohorts.iter().map(|nc| counts(*nc)).collect(), rest: counts(rest) }
    }

    #[test]
    fn all_have_the_cohorts_that_the_test_learnt() {
        let given = vec![
            interval(&[], 0.0),
            interval(&[3.0, 4.0], 0.0),
            interval(&[], 5.0),
            interval(&[1.0, 1.0, 7.0], 2.0),
        ];
        let expected = [
            interval(&[0.0, 0.0], 0.0),
            interval(&[3.0, 4.0], 0.0),
            interval(&[0.0, 0.0], 5.0),
            interval(&[1.0, 1.0], 9.0),
        ];
        assert_eq!(conformed(given), expected);
        assert_eq!(conformed(Vec::new()), []);
    }
}
