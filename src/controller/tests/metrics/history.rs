//! A history of scrapes, as text in the `OpenMetrics` format.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time between two scrapes, in seconds.
pub(crate) const SCRAPE: u64 = 5;

/// Samples by series, at every scrape from a start on.
pub(crate) struct History {
    /// Of the first scrape, in seconds since 1970.
    start: u64,
    metrics: BTreeMap<String, Vec<String>>,
}

impl History {
    /// A history that began two hours ago: long over, and within what Prometheus keeps.
    pub(crate) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        Self { start: now - 2 * 60 * 60, metrics: BTreeMap::new() }
    }

    /// The time of a scrape, in milliseconds since 1970.
    pub(crate) fn scrape_ms(&self, scrape: u64) -> u64 {
        (self.start + scrape * SCRAPE) * 1000
    }

    /// Adds a series with a value for each of these scrapes; `None` leaves one out.
    pub(crate) fn add(
        &mut self,
        metric: &str,
        labels: &str,
        scrapes: u64,
        value: impl Fn(u64) -> Option<f64>,
    ) {
        let lines = self.metrics.entry(metric.to_owned()).or_default();
        for scrape in 0..scrapes {
            if let Some(value) = value(scrape) {
                let at = self.start + scrape * SCRAPE;
                let mut line = String::new();
                write!(line, "{metric}{{{labels}}} {value} {at}").expect("a text");
                lines.push(line);
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for line in self.metrics.values().flatten() {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("# EOF\n");
        text
    }
}
