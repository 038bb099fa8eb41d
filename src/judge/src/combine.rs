//! Several e-values as one: their weighted mean, which is the only admissible merge of e-values that
//! depend on each other (arXiv 2409.19888). They are never multiplied.

use crate::restarts::log_sum;

/// ln of the weighted mean of e-values given as logarithms. Weights are positive and need not sum
/// to 1; -inf of nothing.
#[must_use]
pub fn log_mean(weighted: &[(f64, f64)]) -> f64 {
    let weights: f64 = weighted.iter().map(|(weight, _)| weight).sum();
    if weights <= 0.0 {
        return f64::NEG_INFINITY;
    }
    log_sum(weighted.iter().map(|(weight, log_e)| weight.ln() + log_e)) - weights.ln()
}

/// What a metric's evidence may add to a mean: where its floor is not met at most 1.
#[must_use]
pub fn capped_by_floor(log_e: f64, floor_met: bool) -> f64 {
    if floor_met { log_e } else { log_e.min(0.0) }
}
