//! The samples of all targets, and what is wrong with those that give none.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::{Fault, Labels, Point, QueryError, Sample, Selector, Series};
use super::series::Kept;

/// The most series that are kept: those of some 200 proxies with every cohort and class, in 150 MB.
const MOST_SERIES: usize = 50_000;

/// How long a series is kept that is on no page any more: its target counted for the rollout.
const GONE_AFTER: Duration = Duration::from_hours(1);

/// A clock that went back further than this was wrong before.
const CLOCK_BACK: Duration = Duration::from_mins(1);

/// Pages older than this many intervals say nothing of the present.
const FRESH_INTERVALS: u32 = 4;

/// What pages have said.
#[derive(Debug)]
pub(super) struct Store {
    /// For how long a page says something of the present.
    fresh: Duration,
    wanted: BTreeSet<Selector>,
    /// The same, for those who read pages.
    shared: Arc<[Selector]>,
    /// By the metric's name: a question is about one or a few of them.
    metrics: BTreeMap<String, BTreeMap<Labels, Kept>>,
    /// When the newest page was read, of all targets.
    read_ms: Option<u64>,
    /// By target: why the last try to read it failed.
    troubles: BTreeMap<String, QueryError>,
}

impl Store {
    pub(super) fn new(interval: Duration, timeout: Duration) -> Self {
        Self {
            fresh: interval * FRESH_INTERVALS + timeout,
            wanted: BTreeSet::new(),
            shared: Arc::new([]),
            metrics: BTreeMap::new(),
            read_ms: None,
            troubles: BTreeMap::new(),
        }
    }

    /// Keeps the series of these from the next page on.
    pub(super) fn keep(&mut self, selectors: impl IntoIterator<Item = Selector>) {
        let before = self.wanted.len();
        self.wanted.extend(selectors);
        if self.wanted.len() > before {
            self.shared = self.wanted.iter().cloned().collect();
        }
    }

    /// What is kept of a page.
    pub(super) fn wanted(&self) -> Arc<[Selector]> {
        Arc::clone(&self.shared)
    }

    /// Adds what a page said.
    ///
    /// # Errors
    /// [`Fault::TooManySeries`]; then nothing is added.
    pub(super) fn take(&mut self, at_ms: u64, page: BTreeMap<Labels, f64>) -> Result<(), Fault> {
        if self.read_ms.is_some_and(|read_ms| before(read_ms, CLOCK_BACK) > at_ms) {
            // What is kept is of a time to come, and would be in the way until then.
            self.metrics.clear();
            self.read_ms = None;
        }
        let known = |labels: &Labels| {
            self.metrics.get(name(labels)).is_some_and(|series| series.contains_key(labels))
        };
        let new = page.keys().filter(|labels| !known(labels)).count();
        if self.count() + new > MOST_SERIES {
            self.forget_gone(at_ms);
        }
        if self.count() + new > MOST_SERIES {
            return Err(Fault::TooManySeries { limit: MOST_SERIES });
        }
        for (labels, value) in page {
            let series = match self.metrics.get_mut(name(&labels)) {
                Some(series) => series,
                None => self.metrics.entry(name(&labels).to_owned()).or_default(),
            };
            series.entry(labels).or_default().add(Point { at_ms, value });
        }
        self.read_ms = self.read_ms.max(Some(at_ms));
        Ok(())
    }

    fn count(&self) -> usize {
        self.metrics.values().map(BTreeMap::len).sum()
    }

    fn forget_gone(&mut self, now_ms: u64) {
        let oldest_ms = before(now_ms, GONE_AFTER);
        for series in self.metrics.values_mut() {
            series.retain(|_, kept| kept.last_ms() >= oldest_ms);
        }
        self.metrics.retain(|_, series| !series.is_empty());
    }

    fn matching<'a>(
        &'a self,
        selector: &'a Selector,
    ) -> impl Iterator<Item = (&'a Labels, &'a Kept)> {
        let metrics = self.metrics.iter().filter(|(name, _)| selector.wants(name));
        metrics.flat_map(|(_, series)| series).filter(|(labels, _)| selector.matches(labels))
    }

    /// Notes how the last try to read a target went. `true` where that is news.
    pub(super) fn note(&mut self, target: &str, trouble: Option<QueryError>) -> bool {
        match trouble {
            None => self.troubles.remove(target).is_some(),
            Some(trouble) => {
                let known = self.troubles.insert(target.to_owned(), trouble.clone());
                known.as_ref() != Some(&trouble)
            }
        }
    }

    pub(super) fn samples(
        &mut self,
        selector: &Selector,
        from_ms: u64,
        to_ms: u64,
    ) -> Result<Vec<Series>, QueryError> {
        self.present(to_ms)?;
        self.keep([selector.clone()]);
        let series = self.matching(selector).map(|(labels, kept)| Series {
            labels: labels.clone(),
            points: kept.between(from_ms, to_ms).collect(),
        });
        Ok(series.filter(|series| !series.points.is_empty()).collect())
    }

    pub(super) fn last(
        &mut self,
        selector: &Selector,
        within: Duration,
        at_ms: u64,
    ) -> Result<Vec<Sample>, QueryError> {
        self.present(at_ms)?;
        self.keep([selector.clone()]);
        let last = self.matching(selector).filter_map(|(labels, kept)| {
            let newest = kept.between(before(at_ms, within), at_ms).next_back()?;
            let point = Point { at_ms, value: newest.value };
            Some(Sample { labels: labels.clone(), point })
        });
        Ok(last.collect())
    }

    /// An error where no target was read of late: that nothing is there would mean nothing.
    fn present(&self, at_ms: u64) -> Result<(), QueryError> {
        if self.read_ms.is_some_and(|read_ms| read_ms >= before(at_ms, self.fresh)) {
            return Ok(());
        }
        let Some(first) = self.troubles.values().next() else {
            return Err(QueryError { address: "targets".to_owned(), fault: Fault::NotYet });
        };
        let mut trouble = first.clone();
        if self.troubles.len() > 1 {
            trouble.address = format!("{} (one of {})", first.address, self.troubles.len());
        }
        Err(trouble)
    }
}

fn name(labels: &Labels) -> &str {
    labels.get("__name__").map_or("", String::as_str)
}

fn before(at_ms: u64, length: Duration) -> u64 {
    at_ms.saturating_sub(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Matcher;

    const SECOND: Duration = Duration::from_secs(1);

    fn labels(instance: &str) -> Labels {
        [("__name__", "up"), ("instance", instance)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn page(instance: &str, value: f64) -> BTreeMap<Labels, f64> {
        BTreeMap::from([(labels(instance), value)])
    }

    fn up() -> Selector {
        Selector::of("up", [])
    }

    fn trouble(address: &str) -> QueryError {
        QueryError { address: address.to_owned(), fault: Fault::Unreachable("refused".to_owned()) }
    }

    #[test]
    fn samples_and_the_last_of_them_are_found() {
        let mut store = Store::new(SECOND, SECOND);
        for second in 1..=5_u32 {
            let at_ms = u64::from(second) * 1000;
            store.take(at_ms, page("a", f64::from(second))).unwrap();
            if second < 3 {
                store.take(at_ms, page("b", f64::from(second))).unwrap();
            }
        }
        let found = store.samples(&up(), 3000, 5000).unwrap();
        let point = |at_ms, value| Point { at_ms, value };
        let points = vec![point(4000, 4.0), point(5000, 5.0)];
        assert_eq!(found, [Series { labels: labels("a"), points }]);
        let sample =
            |instance, value| Sample { labels: labels(instance), point: point(4500, value) };
        assert_eq!(store.last(&up(), SECOND, 4500), Ok(vec![sample("a", 4.0)]));
        let both = vec![sample("a", 4.0), sample("b", 2.0)];
        assert_eq!(store.last(&up(), SECOND * 3, 4500), Ok(both));
        let other = Selector::of("up", [Matcher::equal("instance", "c")]);
        assert_eq!(store.samples(&other, 0, 5000), Ok(Vec::new()));
    }

    #[test]
    fn what_is_asked_for_is_kept_from_then_on() {
        let mut store = Store::new(SECOND, SECOND);
        store.take(1000, BTreeMap::new()).unwrap();
        assert!(store.wanted().is_empty());
        store.samples(&up(), 0, 1000).unwrap();
        assert_eq!(*store.wanted(), [up()]);
    }

    #[test]
    fn silence_is_an_error_and_no_answer() {
        let mut store = Store::new(SECOND, SECOND);
        let early = store.samples(&up(), 0, 1000).expect_err("nothing read");
        assert_eq!(early.to_string(), "targets: no page has been read yet");
        store.take(1000, page("a", 1.0)).unwrap();
        assert!(store.note("a", Some(trouble("http://a/"))));
        assert!(!store.note("a", Some(trouble("http://a/"))), "no news");
        assert!(store.note("b", Some(trouble("http://b/"))));
        assert_eq!(store.last(&up(), SECOND * 9, 6000).map(|found| found.len()), Ok(1));
        let late = store.last(&up(), SECOND * 9, 6001).expect_err("five seconds of silence");
        assert_eq!(late.to_string(), "http://a/ (one of 2): cannot be reached: refused");
        assert!(store.note("b", None));
        assert_eq!(store.last(&up(), SECOND * 9, 6001), Err(trouble("http://a/")));
    }

    #[test]
    fn series_are_bounded_and_those_long_gone_make_room() {
        let mut store = Store::new(SECOND, SECOND);
        let many = |from: usize, to: usize| {
            (from..to).map(|n| (labels(&n.to_string()), 1.0)).collect::<BTreeMap<_, _>>()
        };
        store.take(1000, many(0, MOST_SERIES)).unwrap();
        let full = Err(Fault::TooManySeries { limit: MOST_SERIES });
        assert_eq!(store.take(2000, page("new", 1.0)), full);
        store.take(2000, many(0, 10)).unwrap();
        assert_eq!(store.take(3_601_001, page("new", 1.0)), Ok(()));
        assert_eq!(store.count(), 11);
    }

    #[test]
    fn a_clock_that_was_set_back_begins_anew() {
        let mut store = Store::new(SECOND, SECOND);
        store.take(3_600_000, page("a", 1.0)).unwrap();
        store.take(3_599_000, page("a", 2.0)).unwrap();
        let values = |store: &mut Store, at_ms| {
            let found = store.last(&up(), SECOND * 9, at_ms).unwrap();
            found.iter().map(|sample| sample.point.value).collect::<Vec<_>>()
        };
        assert_eq!(values(&mut store, 3_600_000), [1.0], "a second is within what clocks do");
        store.take(1000, page("a", 3.0)).unwrap();
        assert_eq!(values(&mut store, 1000), [3.0]);
    }
}
