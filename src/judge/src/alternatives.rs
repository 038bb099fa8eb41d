//! The alternatives that the tests bet on, and what an interval says for each.

use crate::{Counts, Margin, Worse};

/// How many alternatives a ratio test mixes.
pub(crate) const ALTERNATIVES: usize = 7;

/// How much more often than accepted, in errors and slow requests. Log-spaced, so that some bet is
/// near any harm.
pub(crate) const UP: [f64; ALTERNATIVES] = [1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];

/// How much more rarely than accepted, in conversions. Finer at the top, where business harm is.
const DOWN: [f64; ALTERNATIVES] = [0.95, 0.9, 0.8, 0.65, 0.5, 0.25, 0.05];

pub(crate) const fn grid(worse: Worse) -> &'static [f64; ALTERNATIVES] {
    match worse {
        Worse::Higher => &UP,
        Worse::Lower => &DOWN,
    }
}

/// `d_g` of each alternative: the logarithm of the likelihood ratio of `rho0 g` against `rho0`.
///
/// Given the interval's x events, each fell on the canary with probability
/// `theta(rho) = w rho / (w rho + 1 - w)`, whatever the common rate was. The ratio of the binomial
/// likelihoods at `theta(rho0 g)` and `theta(rho0)` is
/// `g^xc ((w rho0 + 1 - w) / (w rho0 g + 1 - w))^x` (Lindon & Malek, arXiv 2011.03567). Under every
/// ratio on the accepted side its mean is at most 1.
pub(crate) fn gains(worse: Worse, margin: Margin, counts: &Counts) -> [f64; ALTERNATIVES] {
    if counts.canary_share().is_none() {
        return [0.0; ALTERNATIVES];
    }
    // The sides' shares of the events at the margin, each by itself: 1 less the other one would
    // lose what is left of a share that is tiny.
    let (canary, stable) = (counts.canary_requests() * margin.get(), counts.stable_requests());
    let (theta, rest) = (canary / (canary + stable), stable / (canary + stable));
    grid(worse).map(|g| {
        // ln [(w rho0 g + 1 - w) / (w rho0 + 1 - w)] is ln (1 + theta (g - 1)), which is
        // ln g + ln (1 + (1 - theta) (1/g - 1)): the one is exact where theta is tiny, the other
        // where it is all but 1.
        if theta <= 0.5 {
            counts.canary_events() * g.ln() - counts.events() * (theta * (g - 1.0)).ln_1p()
        } else {
            -counts.stable_events() * g.ln() - counts.events() * (rest * (g.recip() - 1.0)).ln_1p()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_without_one_of_the_sides_says_nothing() {
        for counts in [(0.0, 0.0, 9.0, 3.0), (9.0, 3.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)] {
            let counts = Counts::try_new(counts.0, counts.1, counts.2, counts.3).unwrap();
            let gains = gains(Worse::Higher, Margin::default_for(Worse::Higher), &counts);
            assert!(gains.iter().all(|gain| gain.to_bits() == 0), "{gains:?}");
        }
    }

    #[test]
    fn loses_no_digit_at_extreme_shares() {
        let margin = Margin::default_for(Worse::Higher);
        // All requests are events. Worked with 60 digits: n of a side's against 3 of the other's.
        let n = 4_116_063_136_819_613.0;
        for (counts, expected) in [
            ((n, n, 3.0, 3.0), [-0.092_419_216, -2.646_495_555]),
            ((3.0, 3.0, n, n), [-0.113_035_330, -8.371_686_263]),
        ] {
            let counts = Counts::try_new(counts.0, counts.1, counts.2, counts.3).unwrap();
            let gains = gains(Worse::Higher, margin, &counts);
            for (found, expected) in [gains[0], gains[4]].into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
            }
        }
    }

    #[test]
    fn stays_finite_at_extreme_shares() {
        let most = 1e30;
        for (nc, ns) in [(most, 1e-30), (1e-30, most), (most, most)] {
            for counts in [(nc, nc, ns, ns), (nc, 0.0, ns, ns), (nc, nc, ns, 0.0)] {
                let counts = Counts::try_new(counts.0, counts.1, counts.2, counts.3).unwrap();
                for worse in [Worse::Higher, Worse::Lower] {
                    let gains = gains(worse, Margin::default_for(worse), &counts);
                    assert!(gains.iter().all(|gain| gain.is_finite()), "{counts:?} {gains:?}");
                }
            }
        }
    }
}
