//! Several metrics, one alpha: their e-values averaged.
//!
//! The weighted mean of e-values is an e-value whatever ties them together, and up to trivial
//! improvements the only way of merging dependent ones (Vovk & Wang; arXiv 2409.19888). A product is
//! not one: the metrics of a rollout see the same requests.

use crate::log_space::log_sum;

/// `ln` of the weighted mean of e-values that are given with their weights and logarithms.
///
/// The weights are divided by their sum. They must be fixed before the counts are seen, so every
/// metric belongs in, also one that has no data yet (its `log e` is then 0). A weight that is not above 0
/// counts for nothing, and so does an e-value that is NaN. Without any, 0: no evidence.
///
/// The order does not matter, not even to the last bit.
#[must_use]
pub fn log_mean(weighted: &[(f64, f64)]) -> f64 {
    let valid = |weight: f64| weight > 0.0 && weight.is_finite();
    let mut weights: Vec<f64> = weighted.iter().map(|(weight, _)| *weight).collect();
    weights.retain(|weight| valid(*weight));
    weights.sort_by(f64::total_cmp);
    let log_weight = weights.iter().sum::<f64>().ln();
    if weights.is_empty() {
        return 0.0;
    }
    let usable = weighted.iter().filter(|(weight, log_e)| valid(*weight) && !log_e.is_nan());
    let mut terms: Vec<f64> =
        usable.map(|(weight, log_e)| weight.ln() - log_weight + log_e.min(f64::MAX)).collect();
    terms.sort_by(f64::total_cmp);
    log_sum(terms.into_iter())
}

/// `ln min(E, 1)` where the metric's floor is not met, else `ln E`: a canary whose own rate is low
/// may be worse than stable by any ratio without weighing for a rollback.
#[must_use]
pub fn capped_by_floor(log_e: f64, floor_met: bool) -> f64 {
    if floor_met { log_e } else { log_e.min(0.0) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metrics() -> impl Strategy<Value = Vec<(f64, f64)>> {
        proptest::collection::vec((1e-6..1.0, -1e18..1e18), 1..9)
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter(
            (given, shuffled) in metrics().prop_flat_map(|m| (Just(m.clone()), Just(m).prop_shuffle()))
        ) {
            prop_assert_eq!(log_mean(&given).to_bits(), log_mean(&shuffled).to_bits());
        }

        #[test]
        fn it_lies_between_the_lowest_and_the_highest(given in metrics()) {
            let mean = log_mean(&given);
            let lowest = given.iter().map(|(_, e)| *e).fold(f64::INFINITY, f64::min);
            let highest = given.iter().map(|(_, e)| *e).fold(f64::NEG_INFINITY, f64::max);
            let slack = 1e-12 * (1.0 + mean.abs());
            prop_assert!(mean >= lowest - slack && mean <= highest + slack, "{}", mean);
        }
    }

    #[test]
    fn what_is_no_evidence_counts_for_nothing() {
        assert!(log_mean(&[]).abs() < 1e-15);
        assert!(log_mean(&[(0.0, 9.0), (-1.0, 9.0), (f64::NAN, 9.0)]).abs() < 1e-15);
        let half = log_mean(&[(1.0, 0.0), (1.0, f64::NAN)]);
        assert!((half - 0.5_f64.ln()).abs() < 1e-15);
        assert!(log_mean(&[(1.0, f64::INFINITY)]).is_finite());
    }

    #[test]
    fn an_unmet_floor_caps_at_one() {
        assert!((capped_by_floor(7.0, true) - 7.0).abs() < 1e-15);
        assert!(capped_by_floor(7.0, false).abs() < 1e-15);
        assert!((capped_by_floor(-2.0, false) + 2.0).abs() < 1e-15);
    }
}
