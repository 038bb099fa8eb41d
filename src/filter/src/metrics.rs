//! The metrics that this VM has made known to the proxy.

use alloc::format;

use serin_document::Named;

use crate::host::{Host, Kind, Level, MetricId};

/// What a metric is for. A proxy never forgets a name, so names of rollouts that come and go add
/// up, and there is a most that one VM makes known. Each purpose leaves room for those after it:
/// without counts the judge waits, without the state nobody knows which weight is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// How requests ended.
    Evidence,
    /// What else is counted.
    Count,
    /// Gauges.
    State,
}

impl Purpose {
    /// How many metrics there may be, of all purposes, for one more of this one.
    ///
    /// A rollout has at most 111 names of evidence (two variants with 17 cohorts and three classes,
    /// and nine for who served), 213 with three latency bounds: this is room for more than 200
    /// rollouts, or 100 with bounds, in the life of a proxy. The other counts of a rollout are at
    /// most 63 and its gauges four. Measured with one worker, a name takes 0.4 kB of memory and
    /// 0.1 kB of each scrape: all evidence together 10 MB and 2.5 MB.
    const fn limit(self) -> usize {
        match self {
            Self::Evidence => 25_000,
            Self::Count => 30_000,
            Self::State => 35_000,
        }
    }
}

/// Metrics by name, made known at their first use.
#[derive(Debug, Default)]
pub struct Metrics {
    known: Named<MetricId>,
    /// The purposes for which there is no room, up to this one.
    full: Option<Purpose>,
}

impl Metrics {
    /// Sets a gauge.
    pub fn record(&mut self, host: &dyn Host, name: &str, value: u64) {
        if let Some(metric) = self.metric(host, Kind::Gauge, Purpose::State, name) {
            host.record(metric, value);
        }
    }

    /// Adds to a counter; whether there was room for it.
    pub fn increment(&mut self, host: &dyn Host, purpose: Purpose, name: &str, by: u64) -> bool {
        let metric = self.metric(host, Kind::Counter, purpose, name);
        if let Some(metric) = metric {
            host.increment(metric, by);
        }
        metric.is_some()
    }

    fn metric(
        &mut self,
        host: &dyn Host,
        kind: Kind,
        purpose: Purpose,
        name: &str,
    ) -> Option<MetricId> {
        if let Some(metric) = self.known.find(name.as_bytes()) {
            return Some(*metric);
        }
        let limit = purpose.limit();
        if self.known.values().len() >= limit {
            if self.full < Some(purpose) {
                self.full = Some(purpose);
                let line = format!(
                    "{limit} metrics are in use, and the proxy keeps each until it ends: \
                     {name} and further ones of its kind are not exported"
                );
                host.log(Level::Warn, &line);
            }
            return None;
        }
        let metric = host.define(kind, name);
        self.known.set(name.as_bytes(), metric);
        Some(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Proxy;

    #[test]
    fn a_name_is_defined_once_and_each_purpose_leaves_room_for_the_next() {
        let proxy = Proxy::new();
        let host = proxy.vm();
        let mut metrics = Metrics::default();
        let (evidence, count) = (Purpose::Evidence, Purpose::Count);
        for _ in 0..2 {
            for number in 0..evidence.limit() + 5 {
                let fits = metrics.increment(&host, evidence, &format!("e{number}"), 2);
                assert_eq!(fits, number < evidence.limit());
            }
        }
        assert_eq!(proxy.metric("e0"), Some(4));
        assert_eq!(proxy.metric(&format!("e{}", evidence.limit() - 1)), Some(4));
        assert_eq!(proxy.metric(&format!("e{}", evidence.limit())), None);
        assert_eq!(proxy.log().len(), 1);

        let room = count.limit() - evidence.limit();
        for number in 0..room + 5 {
            let fits = metrics.increment(&host, count, &format!("c{number}"), 1);
            assert_eq!(fits, number < room);
        }
        assert!(!metrics.increment(&host, evidence, "e", 1));
        assert_eq!(proxy.log().len(), 2);
        metrics.record(&host, "state", 7);
        assert_eq!(proxy.metric("state"), Some(7));
    }
}
