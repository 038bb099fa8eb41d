//! A store of samples that arrive late, and a controller that asks it.

use std::collections::BTreeMap;

use serin_judge::panel::Counted;

use crate::counts::Ledger;
use crate::counts::group::Ask;
use crate::metrics::{Labels, Point, Sample, Selector, Series};

/// A sample, and when it can be seen.
#[derive(Clone, Copy, Debug)]
struct Stored {
    point: Point,
    visible_ms: u64,
}

/// What Prometheus would hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    series: BTreeMap<Labels, Vec<Stored>>,
}

impl Store {
    pub(super) fn add(&mut self, labels: Labels, point: Point, visible_ms: u64) {
        self.series.entry(labels).or_default().push(Stored { point, visible_ms });
    }

    fn samples(&self, selector: &Selector, from_ms: u64, to_ms: u64, now_ms: u64) -> Vec<Series> {
        let found = |stored: &&Stored| {
            stored.visible_ms <= now_ms
                && from_ms < stored.point.at_ms
                && stored.point.at_ms <= to_ms
        };
        self.series
            .iter()
            .filter(|(labels, _)| selector.matches(labels))
            .map(|(labels, all)| Series {
                labels: labels.clone(),
                points: all.iter().filter(found).map(|stored| stored.point).collect(),
            })
            .filter(|series| !series.points.is_empty())
            .collect()
    }

    fn last(&self, selector: &Selector, from_ms: u64, at_ms: u64, now_ms: u64) -> Vec<Sample> {
        self.samples(selector, from_ms, at_ms, now_ms)
            .into_iter()
            .map(|series| {
                let value = series.points.last().unwrap().value;
                // As Prometheus answers: with the time of the question.
                Sample { labels: series.labels, point: Point { at_ms, value } }
            })
            .collect()
    }
}

/// One look at the store, up to `now_ms`.
pub(super) fn look(ledger: &mut Ledger, store: &Store, now_ms: u64) -> Vec<Counted> {
    let mut counted = Vec::new();
    for group in &mut ledger.groups {
        let selectors = group.selectors();
        while let Some(ask) = group.ask(now_ms) {
            let samples = |from_ms, to_ms| -> Vec<Vec<Series>> {
                let one = |selector| store.samples(selector, from_ms, to_ms, now_ms);
                selectors.iter().map(one).collect()
            };
            match ask {
                Ask::Baseline { from_ms, cut_ms, look_back } => {
                    let since_ms =
                        cut_ms.saturating_sub(u64::try_from(look_back.as_millis()).unwrap());
                    let one = |selector| store.last(selector, since_ms, cut_ms, now_ms);
                    let last: Vec<_> = selectors.iter().map(one).collect();
                    group.baseline(&samples(from_ms, cut_ms).concat(), &last.concat());
                }
                Ask::Samples { from_ms, to_ms } => {
                    group.advance(&samples(from_ms, to_ms), to_ms).unwrap();
                }
            }
        }
        counted.extend(group.take());
    }
    counted
}
