//! Queries for raw samples, bounded in size.
//!
//! `increase()` extrapolates and loses a series' first value, which is the usual case of a canary:
//! its first error is the birth of a series. So samples are fetched and the differences taken here
//! (`metrics::growth`).

use core::time::Duration;

use super::Window;
use crate::prometheus::promql;

/// The most points of a series that are asked for. Four a second would be too many over an hour,
/// and 240 keep a window's ends exact to half a per cent of its length.
const MOST_POINTS: u64 = 240;

/// How far before a window's start samples are asked for, in scrapes: what was there already is
/// told from what was born within.
const SCRAPES_BEFORE: u32 = 2;

/// The query for a selector's samples over a window and a little before. It is to be evaluated at
/// the window's end. Short windows give every scrape; long ones the newest sample at every n-th
/// scrape, so that the ends of the window are exact to that much.
pub(crate) fn samples(selector: &str, window: &Window, scrape_interval: Duration) -> String {
    // Half an interval more, since scrapes do not fall on the window's start.
    let before = scrape_interval * SCRAPES_BEFORE + scrape_interval / 2;
    let range = window.length + before;
    let scrape_ms = scrape_interval.as_millis().max(1);
    let points = range.as_millis() / scrape_ms;
    let every = points.div_ceil(u128::from(MOST_POINTS));
    if every <= 1 {
        return format!("{selector}[{}]", promql::duration(range));
    }
    let every = u32::try_from(every).unwrap_or(u32::MAX);
    let step = scrape_interval.saturating_mul(every);
    format!("{selector}[{}:{}]", promql::duration(range + step), promql::duration(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_windows_ask_for_every_scrape_and_long_ones_for_fewer() {
        let minute = Window { end_ms: 0, length: Duration::from_mins(1) };
        let scrape = Duration::from_secs(15);
        assert_eq!(samples("x", &minute, scrape), "x[97500ms]");
        let day = Window { end_ms: 0, length: Duration::from_hours(24) };
        assert_eq!(samples("x", &day, scrape), "x[86812500ms:375s]");
    }
}
