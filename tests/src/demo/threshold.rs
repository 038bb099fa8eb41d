//! The rule that most canary tools go by, told beside Serin's decision and never followed: every
//! look compares the canary's success rate with a fixed limit, and so many looks below it roll back.

use crate::load::{Outcome, Record};
use serin_assignment::Variant;

/// The time between two looks, in microseconds: as short against the steps of the demo as the usual
/// minute is against real ones.
const LOOK_US: u64 = 2_000_000;
/// Below this a look counts against the canary.
const LEAST_SUCCESS: f64 = 0.99;
/// So many looks below the limit roll back; good ones in between take none of them away.
const LOOKS: usize = 5;

/// When the rule would have rolled back, in whole seconds after `start_us`; `None` where it would
/// not have. `loads` are the records of all who asked.
#[must_use]
pub fn rolls_back_after(loads: &[&[Record]], start_us: u64) -> Option<u64> {
    let mut looks: Vec<(u32, u32)> = Vec::new();
    for record in loads.iter().copied().flatten() {
        let failed = match record.outcome {
            Outcome::Served(Variant::Canary) => 0,
            Outcome::Injected(Variant::Canary) => 1,
            _ => continue,
        };
        let Some(after_us) = record.received_us.checked_sub(start_us) else { continue };
        let Ok(look) = usize::try_from(after_us / LOOK_US) else { continue };
        if looks.len() <= look {
            looks.resize(look + 1, (0, 0));
        }
        if let Some((requests, failures)) = looks.get_mut(look) {
            *requests += 1;
            *failures += failed;
        }
    }
    let bad = looks.iter().enumerate().filter(|(_, (requests, failures))| {
        *requests > 0 && 1.0 - f64::from(*failures) / f64::from(*requests) < LEAST_SUCCESS
    });
    let last = bad.map(|(look, _)| look).nth(LOOKS - 1)?;
    // A look is taken at the end of its stretch.
    Some((u64::try_from(last).ok()? + 1) * LOOK_US / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(number: u64, requests: usize, failed: usize) -> Vec<Record> {
        (0..requests)
            .map(|index| {
                let side = Variant::Canary;
                let outcome =
                    if index < failed { Outcome::Injected(side) } else { Outcome::Served(side) };
                let at = 7_000_000 + number * LOOK_US + 1_000;
                Record { user: 1, sent_us: at, received_us: at, outcome }
            })
            .collect()
    }

    #[test]
    fn five_looks_below_the_limit_roll_back_with_good_ones_between() {
        let looks = |bad: &[u64]| -> Vec<Record> {
            (0..12).flat_map(|n| look(n, 100, if bad.contains(&n) { 2 } else { 1 })).collect()
        };
        let after = |records: &[Record]| rolls_back_after(&[records], 7_000_000);
        assert_eq!(after(&looks(&[0, 2, 4, 6])), None);
        assert_eq!(after(&looks(&[0, 2, 4, 6, 8, 9])), Some(18));
        assert_eq!(rolls_back_after(&[&looks(&[0, 1, 2, 3, 4])], 60_000_000), None);
    }

    #[test]
    fn all_loads_count_together_and_stable_does_not() {
        let mut stable = look(0, 100, 100);
        for record in &mut stable {
            record.outcome = Outcome::Injected(Variant::Stable);
        }
        let fine: Vec<Record> = (0..5).flat_map(|n| look(n, 100, 0)).collect();
        let broken: Vec<Record> = (0..5).flat_map(|n| look(n, 2, 2)).collect();
        assert_eq!(rolls_back_after(&[&stable, &fine], 7_000_000), None);
        assert_eq!(rolls_back_after(&[&fine, &broken], 7_000_000), Some(10));
    }
}
