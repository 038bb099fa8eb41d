//! What is counted for the ratio gates, and told until the judge has it.
//!
//! The ledger gives every interval once, and an answer may be lost on its way: a pass that ends
//! early hears no more of it. So what was counted is kept here until the question's cuts say that it
//! was absorbed; absorbing it twice changes nothing.

use core::time::Duration;
use std::collections::BTreeMap;

use serin_judge::panel::Counted;
use tokio::sync::Mutex;

use crate::counts::{Ledger, Start, bounds_from_stable, read};
use crate::engine::Question;
use crate::engine::judged::Counts;
use crate::gates::{Gate, Ratio, Subject};
use crate::metrics::Source;

/// The counting of the present rollout; none before its start.
#[derive(Debug, Default)]
pub(super) struct Counting(Mutex<Option<Rollout>>);

/// One rollout's counts.
#[derive(Debug)]
struct Rollout {
    started_ms: u64,
    bounds: BTreeMap<String, Vec<Duration>>,
    ledger: Ledger,
    /// What the judge may not have yet, oldest first.
    told: Vec<Counted>,
}

/// What was counted, and whether proxies keep some of it to themselves.
pub(super) struct Answer {
    pub(super) counts: Counts,
    pub(super) evidence_capped: Option<bool>,
}

impl Counting {
    /// All that was counted and is not known to the judge, as of `now_ms`.
    pub(super) async fn ask(
        &self,
        source: &Source,
        (gates, subject): (&[Gate], &Subject),
        question: &Question,
        now_ms: u64,
    ) -> Answer {
        let mut counting = self.0.lock().await;
        let state = &question.state;
        let Some(started_ms) = state.exposed_since_ms.filter(|_| state.traffic.canary_serves)
        else {
            return Answer { counts: Counts::default(), evidence_capped: None };
        };
        let same = |rollout: &Rollout| {
            rollout.started_ms == started_ms && rollout.bounds == question.bounds
        };
        let mut rollout = counting.take().filter(same).unwrap_or_else(|| {
            let start = Start { started_ms, cuts: question.cuts.clone() };
            let scrape_interval = source.scrape_interval();
            let ledger = Ledger::new(gates, subject, &question.bounds, scrape_interval, &start);
            source.keep(ledger.selectors());
            Rollout { started_ms, bounds: question.bounds.clone(), ledger, told: Vec::new() }
        });
        rollout.told.retain(|counted| !question.knows(counted, started_ms));
        // Stays in its place while the answer is waited for, which may be in vain.
        let rollout = counting.insert(rollout);
        let reading = read(&mut rollout.ledger, source, now_ms).await;
        rollout.told.extend(reading.counted);
        Answer {
            counts: Counts { counted: rollout.told.clone(), unread: reading.unread },
            evidence_capped: reading.evidence_capped,
        }
    }
}

impl Question {
    /// Whether the judge has absorbed an interval.
    fn knows(&self, counted: &Counted, started_ms: u64) -> bool {
        let cut_ms = |gate: &String| self.cuts.get(gate).copied().unwrap_or(started_ms);
        counted.gates.keys().all(|gate| counted.to_ms <= cut_ms(gate))
    }
}

/// Bounds for the latency gates that have none yet; `None` where all have.
pub(super) async fn bounds(
    source: &Source,
    (gates, subject): (&[Gate], &Subject),
    known: &BTreeMap<String, Vec<Duration>>,
    at_ms: u64,
) -> Option<Result<BTreeMap<String, Vec<Duration>>, String>> {
    let missing: Vec<(&str, &Ratio)> =
        from_stable(gates).filter(|(name, _)| !known.contains_key(*name)).collect();
    if missing.is_empty() {
        return None;
    }
    let mut chosen = BTreeMap::new();
    for (name, ratio) in missing {
        match bounds_from_stable(source, ratio, subject, at_ms).await {
            Ok(bounds) if bounds.is_empty() => {
                return Some(Err(format!("{name}: no bucket divides stable's requests")));
            }
            Ok(bounds) => drop(chosen.insert(name.to_owned(), bounds)),
            Err(why) => return Some(Err(format!("{name}: {why}"))),
        }
    }
    Some(Ok(chosen))
}

/// The latency gates whose bounds are chosen from stable.
pub(super) fn from_stable(gates: &[Gate]) -> impl Iterator<Item = (&str, &Ratio)> {
    let ratios = gates.iter().filter_map(|gate| Some((gate.name.as_str(), gate.ratio()?)));
    ratios.filter(|(_, ratio)| ratio.is_chosen_from_stable())
}
