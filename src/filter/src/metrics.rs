//! The metrics that this VM has made known to the proxy.

use hashbrown::HashMap;

use crate::host::{Host, Kind, Level, MetricId};

/// The most metrics that one VM makes known. A proxy never forgets a name, at some hundred bytes
/// each, so names of rollouts that come and go would add up. Every side with every reason in use,
/// this is more than 250 rollouts. What would come after is not exported, and a line says so.
const MAX_METRICS: usize = 10_000;

/// Metrics by name, made known at their first use.
#[derive(Debug, Default)]
pub struct Metrics {
    known: HashMap<(Kind, String), MetricId>,
    full: bool,
}

impl Metrics {
    /// Sets a gauge.
    pub fn record(&mut self, host: &impl Host, name: &str, value: u64) {
        if let Some(metric) = self.metric(host, Kind::Gauge, name) {
            host.record(metric, value);
        }
    }

    /// Adds to a counter.
    pub fn increment(&mut self, host: &impl Host, name: &str, by: u64) {
        if let Some(metric) = self.metric(host, Kind::Counter, name) {
            host.increment(metric, by);
        }
    }

    fn metric(&mut self, host: &impl Host, kind: Kind, name: &str) -> Option<MetricId> {
        let key = (kind, name.to_owned());
        if let Some(metric) = self.known.get(&key) {
            return Some(*metric);
        }
        if self.known.len() >= MAX_METRICS {
            if !self.full {
                self.full = true;
                let line = format!(
                    "{MAX_METRICS} metrics are in use, and the proxy keeps each until it ends: \
                     {name} and further ones are not exported"
                );
                host.log(Level::Warn, &line);
            }
            return None;
        }
        let metric = host.define(kind, name);
        self.known.insert(key, metric);
        Some(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Proxy;

    #[test]
    fn a_name_is_defined_once_and_the_cap_holds() {
        let proxy = Proxy::new();
        let host = proxy.vm();
        let mut metrics = Metrics::default();
        for _ in 0..2 {
            for number in 0..MAX_METRICS + 5 {
                metrics.increment(&host, &format!("m{number}"), 2);
            }
        }
        assert_eq!(proxy.metric("m0"), Some(4));
        assert_eq!(proxy.metric(&format!("m{}", MAX_METRICS - 1)), Some(4));
        assert_eq!(proxy.metric(&format!("m{MAX_METRICS}")), None);
        assert_eq!(proxy.log().len(), 1);
    }
}
