//! The figures, from the records of the load and the history of revisions.

use std::collections::BTreeSet;

use super::script::USERS;
use crate::load::{self, Outcome, Record};
use crate::rules::{self, History, Revision, Violation};
use serin_assignment::Variant;

/// All that is told at the end.
#[derive(Clone, Debug)]
pub struct Figures {
    /// All that were sent.
    pub requests: usize,
    /// Who sent them.
    pub users: usize,
    /// Over the whole load.
    pub requests_per_second: f64,
    /// Users who were answered by a side against the rule.
    pub changed_sides: usize,
    /// Their answers.
    pub violations: Vec<Violation>,
    /// Users who saw both sides while a change was on its way to the last worker.
    pub users_seen_to_differ: usize,
    /// Requests that failed by anything but the application's own order.
    pub failed_by_weights: usize,
    /// What the first of them saw.
    pub first_failure: Option<String>,
    /// From the bad version's first failing answer to its last answer.
    pub fault_to_zero_ms: Option<u64>,
    /// Users who got a failing answer of the bad version.
    pub users_hurt: usize,
    /// The canary's share at each weight.
    pub steps: Vec<StepShare>,
    /// What was published.
    pub revisions: Vec<Applied>,
}

/// What the load saw of a weight, from the last worker's taking it to the next one's publication.
#[derive(Clone, Debug)]
pub struct StepShare {
    /// The weight, as text.
    pub weight: String,
    /// The canary's share of the answers, 0.0 to 1.0.
    pub share: f64,
    /// Answers of either side.
    pub requests: usize,
}

/// How long a revision took to the last worker.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Its number.
    pub revision: u64,
    /// The weight in force by it, as text.
    pub weight: String,
    /// `None` where it was not seen at all workers.
    pub after_ms: Option<u64>,
}

impl Figures {
    /// What a load has seen, judged; `bad_us` is when the bad version had its act.
    #[must_use]
    pub fn of(records: &[Record], history: &History, bad_us: (u64, u64)) -> Self {
        let bad = || records.iter().filter(|r| r.sent_us >= bad_us.0 && r.received_us <= bad_us.1);
        let ids = load::user_ids(USERS);
        let found = rules::check(history, &load::answers(records, &ids));
        let failures = records.iter().filter_map(|record| match &record.outcome {
            Outcome::Failed { why, .. } => Some(why),
            Outcome::Served(_) | Outcome::Injected(_) => None,
        });
        Self {
            requests: records.len(),
            users: distinct_users(records.iter()),
            requests_per_second: rate(records),
            changed_sides: found.changed_sides,
            violations: found.violations,
            users_seen_to_differ: found.users_seen_to_differ,
            failed_by_weights: failures.clone().count(),
            first_failure: failures.clone().next().cloned(),
            fault_to_zero_ms: fault_to_zero_ms(bad()),
            users_hurt: distinct_users(bad().filter(|record| is_injected(record))),
            steps: step_shares(records, history),
            revisions: history.revisions().iter().filter(|r| r.number > 0).map(applied).collect(),
        }
    }
}

fn is_injected(record: &Record) -> bool {
    matches!(record.outcome, Outcome::Injected(_))
}

fn distinct_users<'a>(records: impl Iterator<Item = &'a Record>) -> usize {
    records.map(|record| record.user).collect::<BTreeSet<u32>>().len()
}

/// Requests a second over the whole load.
fn rate(records: &[Record]) -> f64 {
    let first = records.iter().map(|record| record.sent_us).min().unwrap_or(0);
    let last = records.iter().map(|record| record.received_us).max().unwrap_or(0);
    let us = u32::try_from((last - first) / 1_000).map_or(f64::INFINITY, |ms| f64::from(ms) * 1e3);
    count(records.len()) * 1e6 / us.max(1.0)
}

fn fault_to_zero_ms<'a>(records: impl Iterator<Item = &'a Record> + Clone) -> Option<u64> {
    let fault = records.clone().filter(|r| is_injected(r)).map(|r| r.received_us).min()?;
    let on_canary = |record: &&Record| record.outcome.side() == Some(Variant::Canary);
    let last = records.filter(on_canary).map(|record| record.received_us).max()?;
    Some(last.saturating_sub(fault) / 1_000)
}

fn step_shares(records: &[Record], history: &History) -> Vec<StepShare> {
    let next = history.revisions().iter().skip(1).map(|revision| revision.published_us);
    let ends = next.chain(std::iter::once(u64::MAX));
    let steps = history.revisions().iter().zip(ends);
    steps
        .filter(|(revision, _)| !revision.weight_in_force().is_zero())
        .filter_map(|(revision, end)| {
            let start = revision.applied_us?;
            let sides: Vec<Variant> = records
                .iter()
                .filter(|record| record.sent_us >= start && record.received_us <= end)
                .filter_map(|record| record.outcome.side())
                .collect();
            let canary = sides.iter().filter(|side| **side == Variant::Canary).count();
            Some(StepShare {
                weight: revision.weight.to_string(),
                share: count(canary) / count(sides.len()).max(1.0),
                requests: sides.len(),
            })
        })
        .collect()
}

fn applied(revision: &Revision) -> Applied {
    Applied {
        revision: revision.number,
        weight: revision.weight_in_force().to_string(),
        after_ms: revision
            .applied_us
            .map(|applied| applied.saturating_sub(revision.published_us) / 1_000),
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::{Figures, History};
    use crate::load::{Outcome, Record};
    use crate::rules::Revision;
    use serin_assignment::{Salt, Variant, Weight};

    fn record(user: u32, ms: u64, outcome: Outcome) -> Record {
        Record { user, sent_us: ms * 1_000, received_us: ms * 1_000 + 500, outcome }
    }

    #[test]
    fn counts_what_a_bad_version_did() {
        let history = History::new(vec![Revision {
            number: 1,
            salt: Salt::new("demo/shop/1").unwrap(),
            weight: Weight::FULL,
            canary_serves: true,
            published_us: 0,
            applied_us: Some(0),
        }]);
        let records = [
            record(1, 10, Outcome::Served(Variant::Canary)),
            record(2, 20, Outcome::Injected(Variant::Canary)),
            record(2, 30, Outcome::Injected(Variant::Canary)),
            record(3, 40, Outcome::Failed { why: "status 503".into(), side: None }),
            record(4, 50, Outcome::Served(Variant::Canary)),
            record(5, 60, Outcome::Served(Variant::Stable)),
            // Before the bad version's time.
            record(1, 5, Outcome::Injected(Variant::Canary)),
        ];
        let figures = Figures::of(&records, &history, (15_000, u64::MAX));
        assert_eq!((figures.users, figures.users_hurt, figures.failed_by_weights), (5, 1, 1));
        assert_eq!(figures.fault_to_zero_ms, Some(30));
        assert_eq!(figures.changed_sides, 1, "one user on stable at 100 %");
        assert_eq!(figures.steps[0].requests, 6);
        assert!((figures.steps[0].share - 5.0 / 6.0).abs() < 1e-9);
    }
}
