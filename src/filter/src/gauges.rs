//! What the proxy as a whole has in force: the smallest of what its live VMs say.
//!
//! A gauge is one cell for all VMs, so one of them, the speaker, writes it for all.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serin_document::{RolloutName, metrics};

use crate::host::Host;
use crate::metrics::Metrics;
use crate::shared::row::{Live, Row, ScopeRow};
use crate::shared::table::Entry;

/// The gauges as this VM knows them.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Rows read before, with the number under which they were.
    rows: HashMap<u64, (u32, Row)>,
    /// The values of all gauges this VM has ever had to do with, by name. What is gone stays as
    /// zero, since a proxy can't forget a gauge.
    values: BTreeMap<String, u64>,
}

impl Gauges {
    /// Remembers what a row of this VM has gauges for, so that one of them does not outlive its
    /// rollout should this VM become the speaker between the two.
    pub fn remember(&mut self, row: &Row) {
        for name in values(core::iter::once(row)).into_keys() {
            self.values.entry(name).or_default();
        }
    }

    /// Reads the rows of the live VMs, and those only that have changed.
    pub fn read(&mut self, host: &impl Host, live: &[Entry]) {
        self.rows.retain(|vm, _| live.iter().any(|entry| entry.vm == *vm));
        for entry in live {
            let known = self.rows.get(&entry.vm);
            if known.is_none_or(|(number, _)| *number != entry.row) {
                self.rows.insert(entry.vm, (entry.row, Row::read(host, entry.vm)));
            }
        }
        let present = values(self.rows.values().map(|(_, row)| row));
        for value in self.values.values_mut() {
            *value = 0;
        }
        self.values.extend(present);
    }

    /// Writes all gauges.
    pub fn record(&self, host: &impl Host, metrics: &mut Metrics) {
        for (name, value) in &self.values {
            metrics.record(host, name, *value);
        }
    }
}

/// The gauges' values, by name.
fn values<'a>(rows: impl Iterator<Item = &'a Row>) -> BTreeMap<String, u64> {
    let mut scopes: BTreeMap<&str, ScopeRow> = BTreeMap::new();
    for (scope, row) in rows.flat_map(|row| &row.0) {
        scopes
            .entry(scope)
            .and_modify(|smallest| *smallest = smallest.both(row))
            .or_insert_with(|| row.clone());
    }
    let mut values = BTreeMap::new();
    let mut rollouts: BTreeMap<&str, Live> = BTreeMap::new();
    for (scope, row) in &scopes {
        let tags = [(metrics::SOURCE, *scope)];
        values.insert(metrics::tagged(metrics::DOCUMENT_REVISION, &tags), row.revision.get());
        values.insert(metrics::tagged(metrics::LEFT_OUT, &tags), row.left_out.into());
        if let Some(state) = row.state.gauge() {
            values.insert(metrics::tagged(metrics::SOURCE_STATE, &tags), state);
        }
        for (name, live) in &row.rollouts {
            rollouts.entry(name).and_modify(|least| *least = *live.min(least)).or_insert(*live);
        }
    }
    for (name, live) in rollouts {
        let id = RolloutName::new(name).map(|name| name.metric_id()).unwrap_or_default();
        let tags = [(metrics::ID, id.as_str()), (metrics::ROLLOUT, name)];
        values.insert(metrics::tagged(metrics::REVISION, &tags), live.revision.get());
        values.insert(metrics::tagged(metrics::WEIGHT, &tags), live.weight.into());
    }
    values
}

#[cfg(test)]
mod tests {
    use serin_document::Revision;

    use super::*;
    use crate::shared::row::SourceState;

    fn row(scope: &str, state: SourceState, rollouts: &[(&str, u64, u16)]) -> Row {
        let rollouts = rollouts.iter().map(|(name, revision, weight)| {
            let live = Live { revision: Revision::new(*revision), weight: *weight };
            ((*name).to_owned(), live)
        });
        let rollouts: BTreeMap<_, _> = rollouts.collect();
        let revision = rollouts.values().map(|live| live.revision).max().unwrap_or_default();
        let row = ScopeRow { state, revision, left_out: 0, rollouts };
        Row([(scope.to_owned(), row)].into())
    }

    fn gauge(rows: &[Row], start: &str) -> Vec<u64> {
        let all = values(rows.iter());
        all.iter().filter(|(name, _)| name.starts_with(start)).map(|(_, value)| *value).collect()
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
