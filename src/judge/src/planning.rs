//! How long until a ratio is seen, and which ratio a stretch of time could have shown.
//!
//! The log of the e-value of a ratio rho beyond the margin drifts by J a unit of time with variance
//! V; it is seen when it has passed H:
//!
//! ```text
//! theta  = w rho/(w rho + 1 - w)       theta0 the same with rho0
//! A      = ln(theta/theta0)            B  = ln((1 - theta)/(1 - theta0))
//! lambda = R p (w rho + 1 - w)/phi     events a unit of time
//! J = lambda (theta A + (1 - theta) B)       V = lambda (theta A^2 + (1 - theta) B^2)
//! H = ln(1/alpha) + 1                        + 1.3 ln(2 (t0 + 1)) for harm that begins at t0
//! t = ((z sqrt V + sqrt(z^2 V + 4 J H))/(2 J))^2
//! ```
//!
//! The 1 in H stands for the mixture and the restarts, the 1.3 for those before t0; both are fitted
//! to simulations. Floor, skipped time and cohorts are the caller's: add what is skipped, and take
//! 15/16 of the requests for one of sixteen cohorts set aside.

use crate::alternatives::grid;
use crate::deviance::divergence;
use crate::{Alpha, Dispersion, Margin, Worse};

/// The smallest and largest ratio that is asked about, as everywhere in this crate.
pub(crate) const RATIOS: (f64, f64) = (1e-3, 1e3);

/// What both sides get.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Requests of both sides a unit of time.
    pub requests_per_unit: f64,
    /// The canary's share of them, w; between 0 and 1.
    pub canary_share: f64,
    /// The share of stable's requests that are events, p.
    pub stable_rate: f64,
    /// By how much more than independent requests' the counts vary.
    pub phi: Dispersion,
}

/// With which chance a ratio is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chance {
    /// 50 %.
    Half,
    /// 90 %.
    Ninety,
}

impl Chance {
    /// The normal quantile z.
    const fn quantile(self) -> f64 {
        match self {
            Self::Half => 0.0,
            Self::Ninety => 1.281_551_565_5,
        }
    }
}

/// The time until `ratio` is seen, in units of the traffic's; `None` where it never is: at the margin
/// itself, or without requests or events on a side. A ratio below the margin is sought where lower
/// is worse, one above it where higher is: which of them is harm is the caller's to say.
///
/// `intervals_before`: how many intervals of the rollout lie before the harm begins; `None` where
/// the ratio holds from the start.
#[must_use]
pub fn time_to_detect(
    traffic: &Traffic,
    ratio: f64,
    margin: Margin,
    alpha: Alpha,
    chance: Chance,
    intervals_before: Option<f64>,
) -> Option<f64> {
    time(traffic, (ratio, ratio), margin, alpha, chance, intervals_before)
}

/// The same by the alternatives that the ratio test has. The formula supposes one at the ratio
/// itself; the nearest one lies at 1.2 times the margin, or at 0.95 of it, and decides about all
/// ratios between. Evidence of those grows more slowly, and none of those before [`seen_from`].
///
/// `None` also where the ratio is on the good side of the margin.
#[must_use]
pub fn time_to_see(
    traffic: &Traffic,
    ratio: f64,
    (margin, worse): (Margin, Worse),
    alpha: Alpha,
    chance: Chance,
    intervals_before: Option<f64>,
) -> Option<f64> {
    let nearest = margin.get() * nearest(worse);
    let (beyond, alternative) = match worse {
        Worse::Higher => (ratio > margin.get(), ratio.max(nearest)),
        Worse::Lower => (ratio < margin.get(), ratio.min(nearest)),
    };
    let time = || time(traffic, (ratio, alternative), margin, alpha, chance, intervals_before);
    beyond.then(time).flatten()
}

/// The ratio from which on evidence grows, where the canary's share is small: there the nearest
/// alternative g times the margin rho0 begins to gain, at rho0 (g - 1)/ln g.
#[must_use]
pub fn seen_from(margin: Margin, worse: Worse) -> f64 {
    let nearest = nearest(worse);
    margin.get() * (nearest - 1.0) / nearest.ln()
}

/// The alternative next to the margin, relative to it.
const fn nearest(worse: Worse) -> f64 {
    let [nearest, ..] = grid(worse);
    *nearest
}

/// When the evidence for `alternative` suffices, where `ratio` is the truth.
fn time(
    traffic: &Traffic,
    (ratio, alternative): (f64, f64),
    margin: Margin,
    alpha: Alpha,
    chance: Chance,
    intervals_before: Option<f64>,
) -> Option<f64> {
    let (w, margin) = (traffic.canary_share, margin.get());
    let possible = traffic.requests_per_unit > 0.0
        && traffic.stable_rate > 0.0
        && w > 0.0
        && w < 1.0
        && ratio > 0.0;
    if !possible {
        return None;
    }
    let theta = canary_part(w, ratio);
    let (supposed, theta0) = (canary_part(w, alternative), canary_part(w, margin));
    let a = (supposed / theta0).ln();
    let b = ((1.0 - supposed) / (1.0 - theta0)).ln();
    let events = traffic.requests_per_unit * traffic.stable_rate * (w * ratio + 1.0 - w);
    let lambda = events / traffic.phi.get();
    // theta A + (1 - theta) B, as what the truth is farther from the margin than from the alternative.
    let drift = lambda * (divergence(theta, theta0) - divergence(theta, supposed));
    if drift <= 0.0 {
        return None;
    }
    let variance = lambda * (theta * a * a + (1.0 - theta) * b * b);
    let late = intervals_before.map_or(0.0, |before| 1.3 * (2.0 * (before + 1.0)).ln());
    let height = alpha.log_threshold() + 1.0 + late;
    let z = chance.quantile();
    let root =
        (z * variance.sqrt() + (z * z * variance + 4.0 * drift * height).sqrt()) / (2.0 * drift);
    Some(root * root).filter(|time| time.is_finite())
}

/// The ratio nearest to the margin that is seen within `time`; `None` where not even a thousandfold
/// one is. The inverse of [`time_to_detect`].
#[must_use]
pub fn detectable_ratio(
    traffic: &Traffic,
    (margin, worse): (Margin, Worse),
    alpha: Alpha,
    chance: Chance,
    time: f64,
    intervals_before: Option<f64>,
) -> Option<f64> {
    let seen = |log_ratio: f64| {
        time_to_detect(traffic, log_ratio.exp(), margin, alpha, chance, intervals_before)
            .is_some_and(|needed| needed <= time)
    };
    let mut hidden = margin.get().ln();
    let mut shown = match worse {
        Worse::Higher => RATIOS.1.ln(),
        Worse::Lower => RATIOS.0.ln(),
    };
    if !seen(shown) {
        return None;
    }
    // The time falls the farther the ratio lies from the margin. Sixty halvings are exact to the
    // last bits of what a float holds.
    for _ in 0..60 {
        let middle = f64::midpoint(hidden, shown);
        if seen(middle) {
            shown = middle;
        } else {
            hidden = middle;
        }
    }
    Some(shown.exp())
}

/// The canary's part of the events, theta.
fn canary_part(w: f64, ratio: f64) -> f64 {
    w * ratio / (w * ratio + 1.0 - w)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(ratio: f64, margin: f64, worse: Worse) -> (Option<f64>, Option<f64>) {
        let traffic = Traffic {
            requests_per_unit: 400.0,
            canary_share: 0.01,
            stable_rate: 0.1,
            phi: Dispersion::try_new(1.0).unwrap(),
        };
        let (margin, alpha) = (Margin::try_new(margin).unwrap(), Alpha::default());
        let chance = Chance::Ninety;
        (
            time_to_see(&traffic, ratio, (margin, worse), alpha, chance, None),
            time_to_detect(&traffic, ratio, margin, alpha, chance, None),
        )
    }

    #[test]
    fn beyond_the_nearest_alternative_the_formula_stands() {
        for (ratio, margin, worse) in
            [(1.33, 1.1, Worse::Higher), (5.0, 1.1, Worse::Higher), (0.9, 0.95, Worse::Lower)]
        {
            let (seen, formula) = times(ratio, margin, worse);
            assert!(seen.is_some() && seen == formula, "{ratio}");
        }
    }

    #[test]
    fn next_to_the_margin_it_takes_longer_or_for_ever() {
        let (seen, formula) = times(0.97, 1.0, Worse::Lower);
        assert!(seen.unwrap() > 2.0 * formula.unwrap());
        for (ratio, margin, worse) in [
            (0.97, 0.99, Worse::Lower),
            (1.19, 1.1, Worse::Higher),
            // The good side.
            (1.0, 1.1, Worse::Higher),
            (0.97, 0.95, Worse::Lower),
        ] {
            assert_eq!(times(ratio, margin, worse).0, None, "{ratio}");
        }
    }

    #[test]
    fn evidence_grows_from_where_the_nearest_alternative_gains() {
        for (margin, worse, outwards) in [(1.1, Worse::Higher, 1.005), (1.0, Worse::Lower, 0.995)] {
            let from = seen_from(Margin::try_new(margin).unwrap(), worse);
            assert!(times(from * outwards, margin, worse).0.is_some());
            assert_eq!(times(from / outwards, margin, worse).0, None);
        }
    }
}
