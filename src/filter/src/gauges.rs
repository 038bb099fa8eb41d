//! What the proxy as a whole has in force: the smallest of what its live VMs say.
//!
//! A gauge is one cell for all VMs, so one of them, the speaker, writes it for all.

use alloc::string::String;
use alloc::vec::Vec;

use serin_document::{Named, RolloutName, metrics};

use crate::host::Host;
use crate::metrics::Metrics;
use crate::shared::row::{Row, ScopeRow, smallest};
use crate::shared::table::Entry;

/// The gauges as this VM knows them.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Rows read before, with the number under which they were.
    rows: Vec<Read>,
    /// The values of all gauges this VM has ever had to do with. What is gone stays as zero, since
    /// a proxy can't forget a gauge.
    values: Named<Gauge>,
}

/// A row of a VM, with the number under which it was read.
#[derive(Debug)]
struct Read {
    vm: u64,
    number: u32,
    row: Row,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Gauge {
    name: String,
    value: u64,
}

impl Gauges {
    /// Remembers what a row of this VM has gauges for, so that one of them does not outlive its
    /// rollout should this VM become the speaker between the two.
    pub fn remember(&mut self, row: &Row) {
        for Gauge { name, .. } in values(&[row]) {
            self.values.place(name.clone().as_bytes(), || Gauge { name, value: 0 });
        }
    }

    /// Reads the rows of the live VMs, and those only that have changed.
    pub fn read(&mut self, host: &dyn Host, live: &[Entry]) {
        let is_known =
            |known: &Read, entry: &Entry| known.vm == entry.vm && known.number == entry.row;
        self.rows.retain(|known| live.iter().any(|entry| is_known(known, entry)));
        for entry in live {
            if !self.rows.iter().any(|known| is_known(known, entry)) {
                let row = Row::read(host, entry.vm);
                self.rows.push(Read { vm: entry.vm, number: entry.row, row });
            }
        }
        for gauge in self.values.values_mut() {
            gauge.value = 0;
        }
        for gauge in values(&self.rows.iter().map(|known| &known.row).collect::<Vec<_>>()) {
            self.values.set(gauge.name.clone().as_bytes(), gauge);
        }
    }

    /// Writes all gauges.
    pub fn record(&self, host: &dyn Host, metrics: &mut Metrics) {
        for Gauge { name, value } in self.values.values() {
            metrics.record(host, name, *value);
        }
    }
}

/// The gauges of rows.
fn values(rows: &[&Row]) -> Vec<Gauge> {
    // Few: one for each source, and for each plugin with a document of its own.
    let mut scopes: Vec<(&str, ScopeRow)> = Vec::new();
    for (scope, row) in rows.iter().flat_map(|row| &row.0) {
        match scopes.iter_mut().find(|(known, _)| known == scope) {
            Some((_, smallest)) => *smallest = smallest.both(row),
            None => scopes.push((scope, row.clone())),
        }
    }
    let mut values = Vec::new();
    let mut add = |metric, tags: &[(&str, &str)], value| {
        values.push(Gauge { name: metrics::tagged(metric, tags), value });
    };
    let mut rollouts = Vec::new();
    for (scope, row) in &scopes {
        let tags = [(metrics::SOURCE, *scope)];
        add(metrics::DOCUMENT_REVISION, &tags, row.revision.get());
        add(metrics::LEFT_OUT, &tags, row.left_out.into());
        if let Some(state) = row.state.gauge() {
            add(metrics::SOURCE_STATE, &tags, state);
        }
        rollouts = smallest(&rollouts, &row.rollouts);
    }
    for (name, live) in &rollouts {
        let id = RolloutName::new(name).map(|name| name.metric_id()).unwrap_or_default();
        let tags = [(metrics::ID, id.as_str()), (metrics::ROLLOUT, name)];
        add(metrics::REVISION, &tags, live.revision.get());
        add(metrics::WEIGHT, &tags, live.weight.into());
    }
    values
}

#[cfg(test)]
mod tests {
    use serin_document::Revision;

    use super::*;
    use crate::shared::row::{Live, SourceState};

    fn row(scope: &str, state: SourceState, rollouts: &[(&str, u64, u16)]) -> Row {
        let rollouts = rollouts.iter().map(|(name, revision, weight)| {
            let live = Live { revision: Revision::new(*revision), weight: *weight };
            ((*name).to_owned(), live)
        });
        let rollouts: Vec<_> = rollouts.collect();
        let revision = rollouts.iter().map(|(_, live)| live.revision).max().unwrap_or_default();
        let row = ScopeRow { state, revision, left_out: 0, rollouts };
        Row(vec![(scope.to_owned(), row)])
    }

    fn gauge(rows: &[Row], start: &str) -> Vec<u64> {
        let mut all = values(&rows.iter().collect::<Vec<_>>());
        all.sort();
        all.iter().filter(|one| one.name.starts_with(start)).map(|one| one.value).collect()
    }

    #[test]
    fn the_smallest_revision_counts_with_its_weight() {
        let fresh = SourceState::Fresh;
        let rows = [
            row("s", fresh, &[("a", 9, 100), ("b", 5, 700)]),
            row("s", fresh, &[("a", 8, 500), ("b", 5, 700)]),
            row("other", fresh, &[]),
        ];
        assert_eq!(gauge(&rows, metrics::REVISION), [8, 5]);
        assert_eq!(gauge(&rows, metrics::WEIGHT), [500, 700]);
        assert_eq!(gauge(&rows, metrics::DOCUMENT_REVISION), [0, 8]);
    }

    #[test]
    fn a_vm_without_the_rollout_holds_it_back() {
        let rows = [
            row("s", SourceState::Fresh, &[("a", 9, 100)]),
            row("s", SourceState::Unanswered, &[]),
        ];
        assert_eq!(gauge(&rows, metrics::REVISION), [0]);
        assert_eq!(gauge(&rows, metrics::SOURCE_STATE), [0]);
    }

    #[test]
    fn a_rollout_in_two_scopes_has_the_smaller_revision() {
        let rows = [
            row("s", SourceState::Fresh, &[("a", 9, 100)]),
            row("i", SourceState::Inline, &[("a", 3, 50)]),
        ];
        assert_eq!(gauge(&rows, metrics::REVISION), [3]);
        assert_eq!(gauge(&rows, metrics::SOURCE_STATE), [1]);
    }
}
