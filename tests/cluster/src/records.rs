//! What users saw.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serin_assignment::Variant;
use serin_tests::load::{Outcome, Record};

/// The sides that each user saw, without repetitions.
#[must_use]
pub fn sides(records: &[Record]) -> BTreeMap<u32, Vec<Variant>> {
    let mut seen: BTreeMap<u32, Vec<Variant>> = BTreeMap::new();
    let mut records: Vec<&Record> = records.iter().collect();
    records.sort_by_key(|record| record.sent_us);
    for record in records {
        if let Outcome::Served(side) | Outcome::Injected(side) = record.outcome {
            let sides = seen.entry(record.user).or_default();
            if sides.last() != Some(&side) {
                sides.push(side);
            }
        }
    }
    seen
}

/// Those that failed though no version was told to fail them.
#[must_use]
pub fn failed(records: &[Record]) -> Vec<&Record> {
    records.iter().filter(|record| matches!(record.outcome, Outcome::Failed { .. })).collect()
}

/// How many a side has answered, or failed as its version was told to.
#[must_use]
pub fn by(records: &[Record], side: Variant) -> usize {
    records.iter().filter(|record| record.outcome.side() == Some(side)).count()
}

/// That no request failed.
///
/// # Errors
/// Where some did, with the first of them.
pub fn none_failed(records: &[Record]) -> Result<()> {
    let failed = failed(records);
    let some = failed.iter().take(5).collect::<Vec<_>>();
    ensure!(failed.is_empty(), "{} of {} failed: {some:?}", failed.len(), records.len());
    Ok(())
}
