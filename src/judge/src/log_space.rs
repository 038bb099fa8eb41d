//! Sums of numbers that are known by their logarithms.

/// `ln (e^a + e^b)` without leaving the floats.
pub(crate) fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// `ln sum e^term`; negative infinity for no terms.
pub(crate) fn log_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let highest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if highest == f64::NEG_INFINITY {
        return highest;
    }
    highest + terms.map(|term| (term - highest).exp()).sum::<f64>().ln()
}

/// `ln` of the mean of `e^term`; negative infinity for no terms.
pub(crate) fn log_mean(terms: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let count = as_real(terms.len() as u64);
    log_sum(terms) - count.max(1.0).ln()
}

/// A count of intervals as a real.
pub(crate) fn as_real(count: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact below 2^53, which no count of intervals reaches"
    )]
    let real = count as f64;
    real
}

/// A real as the count of intervals that it came from; none where it is none.
pub(crate) fn as_count(real: f64) -> Option<u64> {
    const BEYOND_EXACT: f64 = 9_007_199_254_740_992.0;
    let fits = (0.0..BEYOND_EXACT).contains(&real) && real.fract() == 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 2^53"
    )]
    fits.then_some(real as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_far_outside_the_floats_are_right() {
        assert!((log_add(1e17, 1e17) - 1e17).abs() < 1.0);
        assert!((log_add(-1000.0, -1000.0) - (2_f64.ln() - 1000.0)).abs() < 1e-12);
        assert!((log_sum([800.0, 800.0, -800.0].into_iter()) - (2_f64.ln() + 800.0)).abs() < 1e-12);
        assert!((log_mean([5.0, 5.0].into_iter()) - 5.0).abs() < 1e-15);
    }

    #[test]
    fn nothing_adds_nothing() {
        let nothing = f64::NEG_INFINITY;
        assert_eq!(log_add(nothing, nothing).to_bits(), nothing.to_bits());
        assert_eq!(log_add(nothing, 3.0).to_bits(), 3_f64.to_bits());
        assert_eq!(log_sum([nothing, nothing].into_iter()).to_bits(), nothing.to_bits());
        assert_eq!(log_mean(std::iter::empty()).to_bits(), nothing.to_bits());
    }
}
