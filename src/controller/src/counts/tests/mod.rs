//! The rules of counting, one by one, and all of them together on random histories.

#![expect(clippy::float_cmp, reason = "counts are whole numbers far below 2^53, and so exact")]

mod histories;
mod presets;
mod rules;
mod store;
mod world;

use core::time::Duration;
use std::collections::BTreeMap;

use serin_judge::panel::Counted;
use serin_judge::{Dispersion, Margin};

use super::{Ledger, Start};
use crate::gates::{Bounds, Counts, Gate, Kind, Measure, Ratio, Selected, Sides, Subject};
use crate::metrics::{Labels, Point, Series};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn series(labels: Labels, points: &[(u64, f64)]) -> Series {
    let points = points.iter().map(|(at_ms, value)| Point { at_ms: *at_ms, value: *value });
    Series { labels, points: points.collect() }
}

fn subject() -> Subject {
    Subject {
        metric_id: "0a1b2c3d".to_owned(),
        stable_cluster: "outbound|80||web".to_owned(),
        canary_cluster: "ns::canary".to_owned(),
    }
}

fn gate(name: &str, measure: Measure, counts: Counts) -> Gate {
    let ratio = Ratio {
        margin: Margin::default_for(measure.worse()),
        measure,
        counts,
        weight: 1.0,
        dispersion: Dispersion::try_new(1.0).unwrap(),
    };
    Gate { name: name.to_owned(), kind: Kind::Ratio(ratio) }
}

fn errors(counts: Counts) -> Gate {
    gate("errors", Measure::ErrorRate { floor: None, slo: None }, counts)
}

fn latency(counts: Counts) -> Gate {
    gate("latency", Measure::Latency { bounds: Bounds::FromStable }, counts)
}

/// The bounds of [`latency`]: 250 ms and 1 s.
fn bounds() -> BTreeMap<String, Vec<Duration>> {
    [("latency".to_owned(), vec![Duration::from_millis(250), Duration::from_secs(1)])].into()
}

/// Orders over sessions, as an application counts them.
fn shop() -> Gate {
    let selected = |metric: &str, labels| Selected { metric: metric.to_owned(), labels };
    let paid = [("status".to_owned(), "paid".to_owned())].into();
    let counts = Counts::Custom {
        events: Some(selected("orders", paid)),
        opportunities: Some(selected("sessions", BTreeMap::new())),
        histogram: None,
        sides: Sides::default(),
        cohort: "cohort".to_owned(),
    };
    gate("shop", Measure::Conversion { lag: Duration::ZERO }, counts)
}

/// A ledger that scrapes every 10 ms, for a rollout that started at 1000 ms.
fn ledger(gates: &[Gate], cut_ms: u64) -> Ledger {
    let cuts = gates.iter().map(|gate| (gate.name.clone(), cut_ms)).collect();
    let start = Start { started_ms: 1000, cuts };
    Ledger::new(gates, &subject(), &bounds(), Duration::from_millis(10), &start)
}

/// `[nc, xc, ns, xs]` of each interval's whole, for a gate's first stream.
fn totals(counted: &[Counted], gate: &str) -> Vec<(u64, [f64; 4])> {
    counted
        .iter()
        .filter_map(|counted| {
            Some((counted.to_ms, counted.gates.get(gate)?.first()?.total().into()))
        })
        .collect()
}
