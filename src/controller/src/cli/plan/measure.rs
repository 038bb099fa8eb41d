//! The traffic of a release as its gates counted it of late.

use core::time::Duration;
use std::collections::BTreeMap;

use anyhow::ensure;
use serin_judge::Share;
use serin_judge::panel::{Counted, Measure};

use super::question::Traffic;
use crate::cli::history::{self, History};
use crate::engine::Clock;
use crate::release::Release;

/// What one gate has counted, stream by stream.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sums {
    seconds: f64,
    /// Requests of both sides.
    requests: f64,
    /// Stable's requests and events, a stream each.
    stable: Vec<(f64, f64)>,
}

/// Measures how many requests the gates count a second, and which share of stable's is an event.
///
/// # Errors
/// Where the metrics cannot be read, or hold nothing of any gate.
pub(super) async fn measure(release: &Release, over: Duration) -> anyhow::Result<Traffic> {
    let now_ms = Clock::system().wall_ms();
    let over_ms = u64::try_from(over.as_millis()).unwrap_or(u64::MAX);
    let settings = history::settings(release, None)?;
    let start_ms = now_ms.saturating_sub(over_ms);
    let mut history = History::new(release, settings, start_ms, now_ms).await?;
    let counted = history.until(now_ms).await?;
    let traffic = traffic(release, &sums(&counted));
    let over = serin_document::duration::format(over);
    ensure!(traffic.requests_per_second > 0.0, "no gate has counted anything in {over}");
    Ok(traffic)
}

fn sums(counted: &[Counted]) -> BTreeMap<&str, Sums> {
    let mut all: BTreeMap<&str, Sums> = BTreeMap::new();
    for interval in counted {
        let span = Duration::from_millis(interval.to_ms.saturating_sub(interval.from_ms));
        for (gate, streams) in &interval.gates {
            let sums = all.entry(gate).or_default();
            sums.seconds += span.as_secs_f64();
            sums.stable.resize(sums.stable.len().max(streams.len()), (0.0, 0.0));
            let totals: Vec<_> = streams.iter().map(serin_judge::Interval::total).collect();
            // All streams of a gate count the same requests.
            let first = totals.first();
            sums.requests +=
                first.map_or(0.0, |counts| counts.canary_requests() + counts.stable_requests());
            for (sum, counts) in sums.stable.iter_mut().zip(&totals) {
                sum.0 += counts.stable_requests();
                sum.1 += counts.stable_events();
            }
        }
    }
    all
}

fn traffic(release: &Release, sums: &BTreeMap<&str, Sums>) -> Traffic {
    let mut traffic = Traffic::default();
    for gate in &release.rules().gates {
        let Some(sums) = sums.get(gate.name.as_str()) else { continue };
        if sums.seconds <= 0.0 || sums.requests <= 0.0 {
            continue;
        }
        let per_second = sums.requests / sums.seconds;
        // Conversions may have more or fewer opportunities than there are requests.
        if !matches!(gate.measure, Measure::Conversions { .. }) {
            traffic.requests_per_second = traffic.requests_per_second.max(per_second);
        }
        let shares = sums.stable.iter().filter_map(|(requests, events)| {
            // A share of none or of all is none that can be planned with.
            Share::try_new(events / requests).ok()
        });
        let shares: Vec<Share> = shares.collect();
        if !shares.is_empty() {
            traffic.gates.insert(gate.name.clone(), (shares, Some(per_second)));
        }
    }
    if traffic.requests_per_second <= 0.0 {
        let most = traffic.gates.values().filter_map(|(_, per_second)| *per_second);
        traffic.requests_per_second = most.fold(0.0, f64::max);
    }
    traffic
}

#[cfg(test)]
mod tests {
    use serin_judge::{Counts, Interval};

    use super::*;

    #[test]
    fn rates_are_stables_and_requests_those_of_both() {
        let interval = |from_ms, to_ms, counts: [f64; 4]| {
            let [nc, xc, ns, xs] = counts;
            let cohort = Counts::try_new(nc, xc, ns, xs).unwrap();
            let streams = vec![Interval { cohorts: vec![cohort], rest: cohort }];
            Counted { from_ms, to_ms, gates: [("errors".to_owned(), streams)].into() }
        };
        let counted = [
            interval(0, 10_000, [5.0, 5.0, 95.0, 1.0]),
            interval(10_000, 20_000, [5.0, 0.0, 95.0, 0.0]),
        ];
        let sums = sums(&counted);
        let errors = &sums["errors"];
        assert_eq!(errors, &Sums { seconds: 20.0, requests: 400.0, stable: vec![(380.0, 2.0)] });
    }
}
