//! Series and their samples.

use std::collections::BTreeMap;

/// A series' labels, `__name__` among them where the question keeps it.
pub type Labels = BTreeMap<String, String>;

/// A series' value at the time of the question.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Which series.
    pub labels: Labels,
    /// Its value.
    pub point: Point,
}

/// A series' values over a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Which series.
    pub labels: Labels,
    /// Its values, the oldest first.
    pub points: Vec<Point>,
}

/// A value at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The value; NaN and the infinities occur.
    pub value: f64,
}
