//! How far a count or a share lies from another, without cancellation where they are close.

/// `x ln(x/m) + m - x`, without cancellation where x is close to m (Loader, "Fast and accurate
/// computation of binomial probabilities", 2000).
pub(crate) fn deviance(x: f64, m: f64) -> f64 {
    let off = (x - m) / (x + m);
    // Where the series converges within a dozen terms.
    if off.abs() >= 0.1 {
        return x * (x / m).ln() + m - x;
    }
    // With x = m (1 + off)/(1 - off): ln(x/m) = 2 (off + off^3/3 + off^5/5 + ...).
    let (mut power, mut sum) = (2.0 * x * off, (x - m) * off);
    let mut odd = 3.0;
    loop {
        power *= off * off;
        let next = sum + power / odd;
        if next.to_bits() == sum.to_bits() {
            return sum;
        }
        sum = next;
        odd += 2.0;
    }
}

/// The divergence of an event's probability from another, `p ln(p/q) + (1 - p) ln((1 - p)/(1 - q))`
/// (Kullback & Leibler).
pub(crate) fn divergence(p: f64, q: f64) -> f64 {
    deviance(p, q) + deviance(1.0 - p, 1.0 - q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_and_the_formula_agree_where_they_meet() {
        for off in [0.09, 0.0999, 0.1001, 0.11, -0.0999, -0.1001] {
            let (x, m): (f64, f64) = (7.0 * (1.0 + off), 7.0 * (1.0 - off));
            let formula = x * (x / m).ln() + m - x;
            assert!((deviance(x, m) / formula - 1.0).abs() < 1e-12, "{off}");
        }
    }

    #[test]
    fn close_shares_keep_their_digits() {
        // For small d: d^2 / (2 p (1 - p)), of which the plain formula would keep nothing.
        let (p, d): (f64, f64) = (0.25, 1e-9);
        let expected = d * d / (2.0 * p * (1.0 - p));
        assert!((divergence(p + d, p) / expected - 1.0).abs() < 1e-6);
        assert!(divergence(p, p).abs() < 1e-300);
    }
}
